// What an ignored member of a sealed room can still make a screen show: nothing.

import { assertEquals } from "@std/assert";
import { MemoryDisk } from "../support/memory_disk.ts";
import type { Guest } from "../support/loopback.ts";
import { joinSealed, PlayServer, someone } from "../support/sealed_play.ts";
import type { Context } from "../../ui/context.ts";
import { follow } from "../../ui/follow.ts";
import { Ignored } from "../../ui/ignored.ts";
import { Preferences } from "../../ui/preferences.ts";
import { SavedTranscript } from "../../ui/saved_transcript.ts";
import { submit } from "../../ui/submit.ts";
import { plainLines } from "../../ui/plain_lines.ts";

/** A screen in plain lines: the lines that it shows, and its commands. */
function watch(guest: Guest, ignored: Ignored) {
  const lines: string[] = [];
  const now = () => new Date();
  const context: Context = {
    room: guest.client,
    preferences: new Preferences({}, ignored),
    saved: new SavedTranscript(),
    now,
    leave: () => guest.client.leave(),
    print: (line) => void lines.push(line),
    rest: () => Promise.resolve(),
    refuse: ({ message }) => void lines.push(message),
  };
  guest.on = (event) => {
    if (follow(event, context)) lines.push(...plainLines(event, now()).map(({ text }) => text));
  };
  return { lines, run: (line: string) => submit(line, context) };
}

Deno.test("/ignore keep: a member stays hidden under any name, in a new session, and in the next run", async () => {
  await using room = new PlayServer();
  let file = "";
  const change = (change: (text: string) => string) => void (file = change(file));
  const [ada, ben, eve] = [someone(), someone(), someone()];
  const ignores = { has: new Ignored() };
  const files = () => ({
    disk: new MemoryDisk(),
    accept: "all" as const,
    ignores: (who: Parameters<Ignored["has"]>[0]) => ignores.has.has(who),
  });
  /** Everything that eve can do, under some names; ben's last message ends it. */
  const rage = async (friend: Guest, names: readonly string[]) => {
    const disk = new MemoryDisk();
    disk.files.set("gift", new Uint8Array(10));
    await using foe = await joinSealed(room, names[0]!, { self: eve, files: { disk } });
    await foe.next("members");
    for (const name of names) {
      foe.client.rename(name);
      await foe.next("renamed");
      await foe.say("look at me");
      foe.client.act("screams");
      foe.client.tell("ada", "psst");
      foe.client.offer("gift");
      foe.client.offer("gift", "ada");
      await foe.next("offer");
      await foe.next("offer");
      foe.client.cancel("all");
    }
    foe.client.tell("ada", "the last one");
    await foe.next("delivered", ({ text }) => text === "the last one");
    foe.client.leave();
    await foe.ended;
    await friend.next("left");
  };
  await using friend = await joinSealed(room, "ben", { self: ben });
  await friend.next("members");
  const names = ["eve", "mallory", "ben", "alice-bob", "evé"];
  {
    await using guest = await joinSealed(room, "ada", { self: ada, files: files() });
    ignores.has = new Ignored(file, change);
    const { lines, run } = watch(guest, ignores.has);
    await guest.next("members");
    {
      await using foe = await joinSealed(room, "eve", { self: eve });
      await guest.next("joined");
      run("/ignore eve keep");
      lines.length = 0;
      await foe.next("members");
    }
    await guest.next("left");
    await rage(friend, names);
    await friend.say("hello");
    await guest.next("message", ({ text }) => text === "hello");
    assertEquals(lines, ["ben: hello"]);
  }
  // The next run: the file alone knows it.
  await friend.next("left", ({ who }) => who.name === "ada");
  await using guest = await joinSealed(room, "ada", { self: ada, files: files() });
  ignores.has = new Ignored(file, change);
  const { lines, run } = watch(guest, ignores.has);
  await guest.next("members");
  lines.length = 0;
  await rage(friend, [...names].reverse());
  await friend.say("again");
  await guest.next("message", ({ text }) => text === "again");
  assertEquals(lines, ["ben: again"]);
  run("/unignore eve");
  lines.length = 0;
  await rage(friend, ["eve"]);
  await friend.say("last");
  await guest.next("message", ({ text }) => text === "last");
  assertEquals(lines.filter((line) => line === "eve: look at me").length, 1);
  assertEquals(file.split("\n").length, 2);
});
