// What a member can do in the name of another one that this user knows: it gets nothing that is meant for that one, and
// its files are not accepted as if that one had sent them.

import { assertEquals, assertThrows } from "@std/assert";
import { Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import type { Self } from "../../client.ts";
import { ChatError } from "../../errors.ts";
import { encodeFrame, Type } from "../../protocol.ts";
import { encodeEnvelope } from "../../protocol/envelope.ts";
import { encodeFileMessages } from "../../protocol/file_messages.ts";
import type { Person } from "../../room.ts";
import { request } from "../support/json_request.ts";
import { type Guest, Raw } from "../support/loopback.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { enterRaw, joinSealed, PlayServer, someone } from "../support/sealed_play.ts";

/** A user whose file of known names has these people. */
function knowing(people: Readonly<Record<string, Self>>): Self {
  const names = new KnownNames();
  for (const [name, { identity }] of Object.entries(people)) {
    names.meet(name, identity.publicKey, "2026-01-01");
  }
  return { identity: Identity.generate(), knownNames: new KnownNames(names.toString()) };
}

Deno.test("a name with (!) gets no direct message and no file, until it is trusted or named with its mark", async () => {
  await using room = new PlayServer();
  const [ada, eve] = [someone(), someone()];
  const disk = new MemoryDisk();
  disk.files.set("plan", new Uint8Array(10));
  await using ben = await joinSealed(room, "ben", { self: knowing({ ada }), files: { disk } });
  await using foe = await joinSealed(room, "ada", { self: eve, files: { disk: new MemoryDisk() } });
  const { who: { name, id } } = await ben.next("joined");
  assertEquals(name, "ada(!)");
  await foe.next("members");
  const { client } = ben;
  const message = "Cannot send to ada: this is not the key that you know under that name";
  assertThrows(() => client.tell("ada", "secret"), ChatError, message);
  assertThrows(() => client.offer("plan", "ada"), ChatError, message);
  const hint = 'To do it all the same, name the member by its id, or as "ada(!)"';
  const time = "1970-01-01T00:00:00.000Z";
  const refused = { type: "error", time, line: 1, code: "keychanged", message, hint };
  assertEquals(await request(ben.client, { type: "tell", to: "ada", text: "secret" }), refused);
  assertEquals(await request(ben.client, { type: "give", to: "ada", path: "plan" }), refused);
  assertEquals(client.pending, []);
  // On purpose.
  client.tell("ada(!)", "who are you?");
  assertEquals((await foe.next("direct")).text, "who are you?");
  assertEquals((await request(ben.client, { type: "tell", to: id, text: "you!" }))["type"], "sent");
  assertEquals((await foe.next("direct")).text, "you!");
  client.offer("plan", "ada(!)");
  await foe.next("offer");
  // The true one joins: she is meant by her name and id, and the other one by nothing less than before.
  await using friend = await joinSealed(room, "ada", { self: ada });
  const { who } = await ben.next("joined");
  assertEquals(client.members.map((one) => one.name), ["ben", `ada#${id}(!)`, `ada#${who.id}`]);
  assertThrows(() => client.tell("ada", "secret"), ChatError, "several members have that name");
  assertThrows(() => client.tell(`ada#${id}`, "secret"), ChatError, `Cannot send to ada#${id}`);
  client.tell(`ada#${who.id}`, "secret");
  assertEquals((await friend.next("direct")).text, "secret");
  client.trust(`ada#${id}`);
  client.tell(`ada#${id}`, "a new phone?");
  assertEquals((await foe.next("direct")).text, "a new phone?");
});

Deno.test("--json: members have their key, and what this user knows about it, in every line about them", async () => {
  await using room = new PlayServer();
  const ada = someone();
  await using ben = await joinSealed(room, "ben", { self: knowing({ ada }) });
  await using _ada = await joinSealed(room, "ada", { self: ada });
  await using _cyd = await joinSealed(room, "cyd", { self: someone() });
  await using _eve = await joinSealed(room, "ada", { self: someone() });
  for (const _ of [1, 2, 3]) await ben.next("joined");
  const { members } = await request(ben.client, { type: "who" }) as { members: Person[] };
  const trust = () => ben.client.members.map((one) => one.trust);
  assertEquals(members.map(({ trust }) => trust), [undefined, "known", "new", "changed"]);
  assertEquals(members.map(({ key }) => key?.length), [43, 43, 43, 43]);
  ben.client.verify("cyd");
  ben.client.trust(members[3]!.id);
  assertEquals(trust(), [undefined, "known", "verified", "trusted"]);
});

Deno.test("--accept known: accepts files of keys that were known under this name before, and of nobody else", async () => {
  await using room = new PlayServer({ budget: undefined });
  const [ada, zoe, eve] = [someone(), someone(), someone()];
  const disk = new MemoryDisk();
  const ours = new MemoryDisk();
  await using ben = await joinSealed(room, "ben", {
    self: knowing({ ada, zoe }),
    files: { disk, accept: "known" },
  });
  await ben.next("members");
  const offer = async (guest: Guest, file: string, isFirst = true) => {
    ours.files.set(file, new Uint8Array(10));
    if (isFirst) await guest.next("members");
    guest.client.offer(file);
    await ben.next("offer", ({ files }) => files[0]!.name === file);
  };
  const enter = (name: string, self: Self) =>
    joinSealed(room, name, { self, files: { disk: ours } });
  // Profiles without a name, of a stranger and with a known key.
  for (const self of [eve, zoe]) {
    await using raw = await Raw.connect(room);
    const { cipher } = await enterRaw(raw, new TextEncoder().encode("{}"), { self });
    const about = {
      id: new Uint8Array(16),
      name: "update.sh",
      size: 3,
      sha256: new Uint8Array(32),
    };
    const messages = [{ kind: "offer", ...about } as const];
    const body = encodeFileMessages({ refused: 0, messages });
    const sealed = cipher.seal(encodeEnvelope({ kind: "file", body }), "room");
    await raw.write(encodeFrame(Type.MESSAGE, 0, sealed));
    await ben.next("offer");
  }
  {
    await using foe = await enter("eve", eve);
    await offer(foe, "of a stranger");
    for (const name of ["ada", "\u0430da", "zoe", "eve"]) {
      foe.client.rename(name);
      await offer(foe, `of a stranger called ${name}`, false);
    }
  }
  {
    // She has been here already.
    await using foe = await enter("eve", eve);
    await offer(foe, "of a stranger who is back");
  }
  await using guest = await enter("zoe-at-work", zoe);
  await offer(guest, "of a known key under a new name");
  guest.client.rename("ada");
  await offer(guest, "of a known key under the name of another one", false);
  guest.client.rename("zoe");
  await offer(guest, "of a known member", false);
  await ben.next("transfer", ({ transfer: { state } }) => state === "done");
  assertEquals([...disk.received.keys()], ["of a known member"]);
  // Nothing was even begun.
  const states = ben.client.transfers.map(({ state }) => state);
  assertEquals(states.slice(0, -1).filter((state) => state !== "offered"), []);
  assertEquals(
    ben.events.filter((e) => e.type === "transfer" && e.transfer.name === "update.sh"),
    [],
  );
});
