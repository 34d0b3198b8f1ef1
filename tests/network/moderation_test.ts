// Moderators and what they do, over the network: with real logins, since signatures of moderators are bound to them.

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { fingerprint, Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import type { JoinOptions, Self } from "../../client.ts";
import { ChatError } from "../../errors.ts";
import { Type } from "../../protocol.ts";
import type { Moderation, RoomEvent } from "../../room.ts";
import type { ServerOptions } from "../../server.ts";
import { parseRange } from "../../server/addresses.ts";
import { RING_FILES } from "../../server/journal.ts";
import { within } from "../support/async.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { openJournal } from "../support/kept_journal.ts";
import { memoryRing } from "../support/memory_state_file.ts";
import { proxied } from "../support/proxied.ts";
import { QUICK_ADMISSION, quickClient } from "../support/quick_login.ts";
import { honest, Relay } from "../support/relay.ts";
import { someone } from "../support/sealed_play.ts";

const IDENTITY = Identity.generate();
const KEY = fingerprint(IDENTITY.publicKey);

/** A sealed room with one moderator. */
function openRoom(options: Partial<ServerOptions> = {}): TestRoom {
  return new TestRoom({
    admission: QUICK_ADMISSION,
    moderators: [KEY],
    graceMs: 60_000,
    ...options,
  });
}

function enter(
  room: { port: number },
  name: string,
  options: Partial<JoinOptions> = {},
  self: Self = someone(),
): Promise<Guest> {
  return Guest.join(room, name, { ...quickClient(), self: () => self, ...options });
}

const host = (room: { port: number }, options: Partial<JoinOptions> = {}) =>
  enter(room, "host", options, { identity: IDENTITY, knownNames: new KnownNames() });

/** Ends a member's connection, as if it were too slow: it may come back. */
async function cut({ hub }: TestRoom, guest: Guest): Promise<void> {
  const member = Array.from(hub.members()).find(({ id }) => id === guest.client.self.id);
  member!.outlet!.cut("slow", "you read too slowly");
  await guest.next("disconnected");
}

/** The event as text, with names only. */
function textOf(event: RoomEvent): string {
  switch (event.type) {
    case "notice": {
      const { action, by, who, reason, text } = event;
      return [action, by?.name ?? "operator", who?.name, reason, text].filter(Boolean).join(" ");
    }
    case "refused":
      return [event.what, event.reason, event.text].filter(Boolean).join(" ");
    case "left":
      return `${event.who.name} ${event.reason}`;
    case "message":
      return `${event.from.name}: ${event.text}`;
    default:
      return event.type;
  }
}

/** Waits for a notice with this text. */
async function noticed(guests: readonly Guest[], text: string): Promise<void> {
  for (const guest of guests) await guest.next("notice", (event) => textOf(event) === text);
}

Deno.test("A moderator removes a member: all others see it and why, and the member does not come back", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await using eve = await enter(room, "eve");
  await ada.next("joined", ({ who }) => who.name === "eve");
  assertEquals(eve.client.members.map(({ name, moderator }) => [name, moderator]), [
    ["host", true],
    ["bob", undefined],
    ["eve", undefined],
  ]);
  ada.client.moderate({ action: "kick", member: "eve", reason: "spam" });
  await noticed([ada, bob, eve], "kick host eve spam");
  for (const one of [ada, bob]) {
    assertEquals((await one.next("left")).reason, "removed");
  }
  await eve.ended;
  assertEquals(eve.client.ending, {
    reason: "refused",
    code: "removed",
    message: "a moderator has removed you from this room: spam",
  });
  await ada.say("they are gone");
  assertEquals(room.hub.size, 2);
});

Deno.test("A removed member that was away learns why when it comes back, and stays away", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using eve = await enter(room, "eve");
  await ada.next("joined");
  await eve.say("hello");
  await cut(room, eve);
  ada.client.moderate({ action: "kick", member: "eve" });
  await ada.next("left");
  eve.client.reconnect();
  await eve.ended;
  const { ending } = eve.client;
  assert(ending?.reason === "refused" && ending.code === "removed");
});

Deno.test("What a silenced member sends to the room is refused, until it may speak again; nothing is missing then", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await ada.next("joined");
  await bob.say("one");
  await ada.next("message");
  ada.client.moderate({ action: "silence", member: "bob", reason: "too loud" });
  // The server has done it, and the notice has not come yet.
  await room.until("the silence", () => room.hub.fold.governance.isSilenced(bob.client.self));
  const refs = ["two", "three"].map((text) => bob.client.say(text));
  bob.client.rename("rob");
  bob.client.setStatus("lunch");
  await noticed([ada, bob], "silence host bob too loud");
  assertEquals(bob.client.self.silenced, true);
  const refused = [];
  for (let i = 0; i < 4; i++) refused.push(await bob.next("refused"));
  assertEquals(refused.map(textOf), [
    "message silenced two",
    "message silenced three",
    "profile silenced",
    "profile silenced",
  ]);
  assertEquals(refused.slice(0, 2).map(({ ref }) => ref), refs);
  assertEquals(bob.client.pending, []);
  assertThrows(() => bob.client.say("four"), ChatError, "you are silenced");
  assertThrows(() => bob.client.rename("rob"), ChatError, "you are silenced");
  bob.client.tell("host", "why?");
  await ada.next("direct", ({ text }) => text === "why?");
  ada.client.moderate({ action: "unsilence", member: "bob" });
  await noticed([bob], "unsilence host bob");
  await bob.say("five");
  const five = await ada.next("message");
  assertEquals([five.text, five.missing], ["five", 0]);
  assertEquals(ada.client.members.map(({ name }) => name), ["host", "bob"]);
  bob.client.rename("rob");
  assertEquals((await ada.next("renamed")).who.name, "rob");
});

Deno.test("In a read-only room moderators speak to the room, and others to single members", async () => {
  await using room = openRoom({ readOnly: true });
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await ada.next("joined");
  await ada.say("welcome");
  await bob.next("message");
  assertThrows(() => bob.client.say("hello"), ChatError, "only moderators speak");
  assertThrows(() => bob.client.setTopic("mine"), ChatError, "only moderators speak");
  bob.client.tell("host", "hello");
  await ada.next("direct");
  ada.client.setTopic("notes");
  await bob.next("topic");
  ada.client.moderate({ action: "op", member: "bob" });
  await noticed([ada, bob], "op host bob");
  assertEquals(bob.client.self.moderator, true);
  await bob.say("now I can");
  ada.client.moderate({ action: "deop", member: "bob" });
  await noticed([ada, bob], "deop host bob");
  assertThrows(() => bob.client.say("and now"), ChatError, "only moderators speak");
});

Deno.test("A locked room takes no newcomers, but members that were away come back, and the owner of the server may enter", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await ada.next("joined");
  ada.client.moderate({ action: "lock", reason: "we are complete" });
  await noticed([ada, bob], "lock host we are complete");
  assert(bob.client.governance.locked);
  await assertRejects(() => enter(room, "eve"), ChatError, "the room is locked");
  await using owner = await enter(room, "owner", { ticket: () => room.ticket });
  assert(owner.client.governance.locked);
  await bob.say("see you");
  await cut(room, bob);
  bob.client.reconnect();
  await bob.next("connected");
  await bob.say("back again");
  ada.client.moderate({ action: "unlock" });
  await noticed([bob], "unlock host");
  await using eve = await enter(room, "eve");
  assert(!eve.client.governance.locked);
});

Deno.test("Announcements, appointed moderators, and what they cannot do to others", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await using eve = await enter(room, "eve");
  await ada.next("joined", ({ who }) => who.name === "eve");
  const acts: readonly Moderation[] = [
    { action: "kick", member: "eve" },
    { action: "bans" },
    { action: "announce", text: "hi" },
  ];
  for (const act of acts) {
    assertThrows(() => bob.client.moderate(act), ChatError, "only moderators can");
  }
  ada.client.moderate({ action: "announce", text: "lunch at noon" });
  await noticed([ada, bob, eve], "announce host lunch at noon");
  ada.client.moderate({ action: "op", member: "bob" });
  await noticed([ada, bob, eve], "op host bob");
  bob.client.moderate({ action: "announce", text: "I can, too" });
  await noticed([ada, bob, eve], "announce bob I can, too");
  assertThrows(
    () => bob.client.moderate({ action: "kick", member: "host" }),
    ChatError,
    "a moderator",
  );
  // The operator has given this key.
  bob.client.moderate({ action: "deop", member: "host" });
  assertEquals(textOf(await bob.next("refused")), "deop moderator");
});

/** What the members of a network connect through. */
const via = (room: TestRoom, address: string) => new Relay(room, honest, proxied(address));

Deno.test("A ban refuses newcomers of the member's network before they try a code, outlasts a restart, and can be ended", async () => {
  const files = memoryRing(RING_FILES);
  const proxies = [parseRange("127.0.0.1")!];
  const open = async (readOnly: boolean) =>
    openRoom({ proxies, readOnly, journal: await openJournal(files) });
  let room = await open(true);
  assertEquals(room.government.govern({ action: "writable" }), "done");
  {
    await using lan = via(room, "192.0.2.7");
    await using far = via(room, "198.51.100.9");
    await using ada = await host(lan);
    await using eve = await enter(far, "eve");
    await ada.next("joined");
    ada.client.moderate({ action: "ban", member: "eve", seconds: 3600, reason: "spam" });
    const { ban, until, reason } = await ada.next("notice");
    assertEquals([ban, reason], [1, "spam"]);
    assert(until !== undefined && Math.abs(until.getTime() - Date.now() - 3_600_000) < 60_000);
    await eve.ended;
    ada.client.moderate({ action: "bans" });
    const { bans } = await ada.next("bans");
    assertEquals(
      bans.map(({ number, who, by, until: end }) => [number, who?.name, by?.name, end]),
      [
        [1, "eve", "host", until],
      ],
    );
    const error = await assertRejects(() => enter(far, "mallory"), ChatError);
    assertMatch(
      error.message,
      /the server says: your network is banned from this room until .* UTC: spam$/,
    );
    assertEquals(far.count("up", Type.LOGIN), 2);
    await using bob = await enter(lan, "bob");
    await bob.say("hello");
  }
  assertEquals(room.government.govern({ action: "readonly" }), "done");
  await room[Symbol.asyncDispose]();
  room = await open(false);
  assertEquals(room.government.rules.readOnly, true);
  assertEquals(room.government.govern({ action: "writable" }), "done");
  await using again = room;
  await using lan = via(again, "192.0.2.7");
  await using far = via(again, "198.51.100.9");
  await assertRejects(
    () => enter(far, "mallory"),
    ChatError,
    "your network is banned from this room",
  );
  await using ada = await host(lan);
  assert(ada.client.self.moderator);
  ada.client.moderate({ action: "unban", ban: 2 });
  assertEquals(textOf(await ada.next("refused")), "unban gone");
  ada.client.moderate({ action: "unban", ban: 1 });
  await noticed([ada], "unban host");
  await using eve = await enter(far, "eve");
  await eve.say("I am sorry");
});

Deno.test("A ban of a member on this machine removes it, and bans nobody else", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using eve = await enter(room, "eve");
  await ada.next("joined");
  ada.client.moderate({ action: "ban", member: "eve" });
  assertEquals((await ada.next("notice")).ban, undefined);
  await eve.ended;
  await using bob = await enter(room, "bob");
  await bob.say("hello");
});

Deno.test("The operator governs without a key: notices come from nobody, and the topic is given to newcomers", async () => {
  await using room = openRoom();
  await using ada = await host(room);
  await using bob = await enter(room, "bob");
  await ada.next("joined");
  const { government } = room;
  assertEquals(government.govern({ action: "topic", text: "release on Friday" }), "done");
  await noticed([ada, bob], "topic operator release on Friday");
  await using carol = await enter(room, "carol");
  const { who, text, at, sent } = await carol.next("topic");
  assertEquals([who, text, at, carol.client.topic?.set], [
    undefined,
    "release on Friday",
    undefined,
    sent,
  ]);
  ada.client.setTopic("release on Monday");
  await carol.next("topic", ({ text }) => text === "release on Monday");
  assertEquals(government.govern({ action: "kick", member: ada.client.self.id }), "done");
  await noticed([bob, carol], "kick operator host");
  await ada.ended;
  assertEquals(government.govern({ action: "kick", member: 99 }), "gone");
  assertEquals(government.roster().map(({ id, isModerator, peer }) => [id, isModerator, !!peer]), [
    [2, false, true],
    [3, false, true],
  ]);
});

Deno.test("A drained room takes no newcomers, and ends when the last member has left", async () => {
  await using room = openRoom();
  const bob = await enter(room, "bob");
  room.government.govern({ action: "drain" });
  await noticed([bob], "drain operator");
  await assertRejects(() => enter(room, "eve"), ChatError, "the room is locked");
  // Somebody has changed their mind.
  room.government.govern({ action: "unlock" });
  const eve = await enter(room, "eve");
  await eve[Symbol.asyncDispose]();
  room.government.govern({ action: "drain" });
  await bob[Symbol.asyncDispose]();
  assertEquals(await within("the end of the room", room.government.ended), "drained");
});

Deno.test("A closed room ends for all members, which cannot come back; the reason is shown", async () => {
  const files = memoryRing(RING_FILES);
  const room = openRoom({ journal: await openJournal(files) });
  const bob = await enter(room, "bob");
  await bob.say("hello");
  room.government.govern({ action: "close", reason: "we move" });
  assertEquals(await room.government.ended, "closed");
  const stopped = room.stop({ closed: "the room is closed: we move" });
  await bob.ended;
  assertEquals(bob.events.filter(({ type }) => type === "notice").map(textOf), [
    "close operator we move",
  ]);
  assertEquals(bob.client.ending, {
    reason: "refused",
    code: "closed",
    message: "the room is closed: we move",
  });
  await stopped;
  await using again = openRoom({ journal: await openJournal(files) });
  assertEquals(again.hub.size, 0);
});
