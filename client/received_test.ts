import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Report } from "../cipher.ts";
import { encodeFrame, Type } from "../protocol.ts";
import { encodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import { encodeFileMessages } from "../protocol/file_messages.ts";
import { type MessageId, ORIGIN_SIZE } from "../protocol/message_ids.ts";
import { EventLog, OpenCipher, openSession, textBody } from "../tests/support/offline_client.ts";
import { Chain } from "./chain.ts";
import { MEANWHILE_MS, MessageReader, type ReadMessage } from "./received.ts";
import { Roster } from "./roster.ts";

const NOON = Date.UTC(2026, 0, 31, 12);
/** Where the frames of these tests are in the room's log. */
const AT = 1_000;

const origin = new Uint8Array(ORIGIN_SIZE).fill(9);
const number = (seq: number, replay = false): MessageId => ({ origin, seq, replay });

function open(isAfterRestart = false, chain?: Chain) {
  const cipher = new OpenCipher();
  const roster = new Roster(7);
  roster.setName(7, "guest");
  roster.setName(1, "ada");
  const log = new EventLog();
  const { session } = openSession({}, cipher, isAfterRestart, chain);
  const clock = { time: 0 };
  const now = () => new Date(NOON + clock.time);
  const reader = new MessageReader("", session, { roster }, log.add, now);
  return { reader, log, cipher, session, clock, roster };
}

function readText(reader: MessageReader, text: string, id?: MessageId): ReadMessage {
  const read = reader.read(1, textBody(text, id), AT);
  assert(read.type === "message");
  return read;
}

Deno.test("MessageReader.read: gives sender, text and kind", () => {
  const { reader, cipher } = open();
  cipher.missing = 3;
  const { message, fileMessages } = readText(reader, "hello");
  assertEquals(message, {
    from: { id: 1, name: "ada", self: false, away: false },
    ...{ text: "hello", action: false, sent: undefined, missing: 3 },
  });
  assertStrictEquals(fileMessages, undefined);
  const act = reader.read(1, encodeEnvelope({ kind: "action", text: "waves" }), AT);
  assert(act.type === "message" && act.message.action);
});

Deno.test("MessageReader.read: a body that cannot be opened or decoded is unreadable, and counted for its sender", () => {
  const { reader } = open();
  const damaged = Uint8Array.of(0xff);
  const later = Uint8Array.of(0x01, 0x02);
  const files = encodeEnvelope({ kind: "file", body: Uint8Array.of(1, 2, 3) });
  const results = [damaged, later, files].map((body) => reader.read(1, body, undefined));
  assertEquals(results.map(({ type }) => type), ["unreadable", "unreadable", "unreadable"]);
  assertEquals(results.map((read) => read.type === "unreadable" && read.count), [1, 2, 3]);
  const [first, second] = results;
  assert(first?.type === "unreadable" && first.message === "damaged");
  assert(second?.type === "unreadable" && second.message.includes("this version does not know"));
});

Deno.test("MessageReader.read: file messages are decoded, and their text is empty", () => {
  const { reader } = open();
  const withdraw = { kind: "withdraw", id: new Uint8Array(16), reason: "cancelled" } as const;
  const encoded = encodeFileMessages({ refused: 0, messages: [withdraw] });
  const body = encodeEnvelope({ kind: "file", body: encoded });
  const read = reader.read(1, body, undefined);
  assert(read.type === "message" && read.fileMessages?.messages.length === 1);
  assertEquals([read.message.text, read.content], ["", { kind: "file", body: encoded }]);
});

Deno.test("MessageReader.takeNew: takes each number once, and reports the numbers that are missing between", () => {
  const { reader } = open();
  const take = (seq: number) => reader.takeNew(readText(reader, `${seq}`, number(seq)), "room");
  assertEquals([take(1)?.missing, take(1), take(4)?.missing, take(3)], [
    0,
    undefined,
    2,
    undefined,
  ]);
});

Deno.test("MessageReader: messages that the room has refused are not missing, by the counter or the number", () => {
  const after = (seq: number, refused: number) =>
    encodeEnvelope({ kind: "text", text: `${seq}`, number: number(seq), refused });
  for (const [refused, missing] of [[1, 2], [2, 1], [3, 0], [9, 0]] as const) {
    const { reader, cipher } = open();
    const take = (body: Uint8Array) => {
      const read = reader.read(1, body, AT);
      assert(read.type === "message");
      return reader.takeNew(read, "room")?.missing;
    };
    assertEquals(take(textBody("1", number(1))), 0);
    // The server has withheld the others.
    assertEquals(take(after(5, refused)), missing);
    assertEquals(take(after(5, refused)), undefined);
    // Nothing is taken from a later gap.
    assertEquals(take(textBody("8", number(8))), 2);
    cipher.missing = 3;
    assertEquals(take(after(9, refused)), missing);
  }
});

Deno.test("MessageReader.takeNew: gaps between a member's direct messages mean nothing", () => {
  const { reader } = open();
  const take = (seq: number) => reader.takeNew(readText(reader, `${seq}`, number(seq)), "direct");
  assertEquals([take(1)?.missing, take(9)?.missing], [0, 0]);
});

Deno.test("MessageReader.takeNew: a replay of an unknown sender is new only to a client that was here before a restart", () => {
  for (const isAfterRestart of [false, true]) {
    const { reader } = open(isAfterRestart);
    const message = reader.takeNew(readText(reader, "one", number(1, true)), "room");
    assertEquals(message?.text, isAfterRestart ? "one" : undefined);
  }
});

Deno.test("MessageReader.markOwn: an earlier message of this client is not reported as new", () => {
  const { reader } = open();
  reader.markOwn(number(2));
  assertStrictEquals(reader.takeNew(readText(reader, "one", number(1)), "room"), undefined);
});

Deno.test("MessageReader.renew: a gap that was reported in one sum is not reported for each sender", () => {
  for (const isGapReported of [false, true]) {
    const { reader, session } = open();
    reader.takeNew(readText(reader, "1", number(1)), "room");
    reader.renew(session, isGapReported);
    const message = reader.takeNew(readText(reader, "5", number(5)), "room");
    assertEquals(message?.missing, isGapReported ? 0 : 3);
  }
});

Deno.test("MessageReader.readProfile: returns the name; an empty profile has none, and an invalid one is reported", () => {
  const { reader, log } = open();
  assertEquals(reader.readProfile(1, encodeProfile({ name: "ada" }))?.name, "ada");
  assertStrictEquals(reader.readProfile(1, new Uint8Array(0)), undefined);
  assertEquals(log.events, []);
  assertStrictEquals(reader.readProfile(1, Uint8Array.of(0xff)), undefined);
  assertEquals(log.types, ["unreadable"]);
});

// ---- counted ----

Deno.test("MessageReader: what cannot be read is counted for its member, profiles with the messages", () => {
  const { reader, log } = open();
  const damaged = Uint8Array.of(0xff);
  const room = () => {
    const read = reader.read(1, damaged, AT);
    assert(read.type === "unreadable");
    return [read.count, read.fresh];
  };
  assertEquals([room(), room()], [[1, 1], [2, 1]]);
  assertStrictEquals(reader.readProfile(1, damaged), undefined);
  assertEquals(log.events, [{
    type: "unreadable",
    from: { id: 1, name: "ada", self: false, away: false },
    ...{ message: "damaged", count: 3, fresh: 1 },
  }]);
  assertEquals(room(), [4, 1]);
});

// ---- forks ----

const firstLink = new Uint8Array(32).fill(1);

/** A client in a sealed room that has seen `JOINED` and two messages; Ada says something with a report. */
function openChained() {
  const chain = new Chain(100, firstLink);
  const reports: Report[] = [chain.report];
  for (const type of [Type.JOINED, Type.MESSAGE, Type.MESSAGE]) {
    chain.add(encodeFrame(type, 1));
    reports.push(chain.report);
  }
  const client = open(false, chain);
  const { cipher, reader } = client;
  const end = chain.report.position;
  const say = (report: Report | undefined, at: number | undefined = end) => {
    cipher.report = report;
    assert(reader.read(1, textBody("hi"), at).type === "message");
  };
  return { ...client, reports: reports as [Report, Report, Report, Report], end, say };
}

const forged = ({ position }: Report): Report => ({ position, chain: new Uint8Array(16) });
const ADA = { id: 1, name: "ada", self: false, away: false };

Deno.test("MessageReader: a fork is reported once, and withdrawn by a later report that matches", () => {
  const { log, reports, say, reader, clock } = openChained();
  say(reports[1]);
  assertEquals(log.events, []);
  clock.time += 120_000;
  say(forged(reports[2]));
  say(forged(reports[3]));
  assertEquals(log.events, [{ type: "forked", who: ADA, since: new Date(NOON) }]);
  assertStrictEquals(reader.forked.length, 1);
  say(reports[2]);
  say(reports[3]);
  assertEquals(log.events.slice(1), [{ type: "agreed", who: ADA }]);
  assertStrictEquals(reader.forked.length, 0);
});

Deno.test("MessageReader: without an earlier agreement, a fork has no time", () => {
  const { log, reports, say } = openChained();
  say(forged(reports[2]));
  assertEquals(log.events, [{ type: "forked", who: ADA, since: undefined }]);
});

Deno.test("MessageReader: a report that is ahead of its frame is a fork, although it is true", () => {
  const { log, reports, say, end } = openChained();
  say(reports[3], reports[2].position);
  assertEquals(log.types, ["forked"]);
  say(reports[3], end);
  assertEquals(log.types, ["forked", "agreed"]);
});

Deno.test("MessageReader: old reports and direct messages are not compared", () => {
  const { log, reports, say, reader, cipher } = openChained();
  say({ position: 99, chain: new Uint8Array(16) });
  say(undefined);
  cipher.report = forged(reports[2]);
  assert(reader.read(1, textBody("psst"), undefined).type === "message");
  const { same, unknown } = reader.conversation([ADA])!;
  assertEquals([log.events, same, unknown], [[], [], [ADA]]);
});

Deno.test("MessageReader: a profile reports a fork only where the room's log has it, and after its name is known", () => {
  const { log, reports, cipher, reader, end } = openChained();
  const profile = (at: number | undefined) => {
    cipher.report = forged(reports[2]);
    const read = reader.readProfile(1, encodeProfile({ name: "ada" }));
    reader.compare(1, read?.report, at);
  };
  // In the list of members, whose profiles are from any time.
  profile(undefined);
  assertEquals(log.events, []);
  profile(end);
  assertEquals(log.types, ["forked"]);
});

Deno.test("MessageReader: this client's own reports are not compared", () => {
  const { log, reports, reader, cipher, end } = openChained();
  cipher.report = forged(reports[2]);
  assert(reader.read(7, textBody("mine"), end).type === "message");
  assertEquals([log.events, reader.forked.length], [[], 0]);
});

Deno.test("MessageReader: marks messages and profiles for a minute after a return: they may be earlier ones", () => {
  const { reader, clock } = open();
  const marks = () => {
    const { message } = readText(reader, "hi");
    const profile = reader.readProfile(1, encodeProfile({ name: "ada" }));
    return [message.meanwhile, profile?.meanwhile];
  };
  assertEquals(marks(), [undefined, undefined]);
  reader.resumed();
  assertEquals(marks(), [true, true]);
  clock.time += MEANWHILE_MS - 1;
  assertEquals(marks(), [true, true]);
  clock.time++;
  assertEquals(marks(), [undefined, undefined]);
});

Deno.test("MessageReader.forget: the mark goes with the member, and with the session", () => {
  const { log, reports, say, reader, session } = openChained();
  say(forged(reports[2]));
  reader.forget(1);
  assertStrictEquals(reader.forked.length, 0);
  say(forged(reports[2]));
  assertEquals(log.types, ["forked", "forked"]);
  reader.renew({ cipher: session.cipher, isAfterRestart: false, chain: undefined }, false);
  assertStrictEquals(reader.conversation([]), undefined);
});
