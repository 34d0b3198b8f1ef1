import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { encodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import { encodeFileMessages } from "../protocol/file_messages.ts";
import { type MessageId, ORIGIN_SIZE } from "../protocol/message_ids.ts";
import { EventLog, OpenCipher, openSession, textBody } from "../tests/support/offline_client.ts";
import { MessageReader, type ReadMessage } from "./received.ts";
import { Roster } from "./roster.ts";

const origin = new Uint8Array(ORIGIN_SIZE).fill(9);
const number = (seq: number, replay = false): MessageId => ({ origin, seq, replay });

function open(isAfterRestart = false) {
  const cipher = new OpenCipher();
  const roster = new Roster(7);
  roster.setName(7, "guest");
  roster.setName(1, "ada");
  const log = new EventLog();
  const { session } = openSession({}, cipher, isAfterRestart);
  const reader = new MessageReader("", session, { roster }, log.add);
  return { reader, log, cipher, session };
}

function readText(reader: MessageReader, text: string, id?: MessageId): ReadMessage {
  const read = reader.read(1, textBody(text, id), "room");
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
  const act = reader.read(1, encodeEnvelope({ kind: "action", text: "waves" }), "room");
  assert(act.type === "message" && act.message.action);
});

Deno.test("MessageReader.read: a body that cannot be opened or decoded is unreadable, and counted for its sender", () => {
  const { reader } = open();
  const damaged = Uint8Array.of(0xff);
  const later = Uint8Array.of(0x01, 0x02);
  const files = encodeEnvelope({ kind: "file", body: Uint8Array.of(1, 2, 3) });
  const results = [damaged, later, files].map((body) => reader.read(1, body, "direct"));
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
  const read = reader.read(1, body, "direct");
  assert(read.type === "message" && read.fileMessages?.messages.length === 1);
  assertEquals([read.message.text, read.body], ["", encoded]);
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
