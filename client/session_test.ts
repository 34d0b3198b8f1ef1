import { assert, assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../errors.ts";
import { encodeFrame, parseHave, Type } from "../protocol.ts";
import type { Welcome } from "../protocol/json_frames.ts";
import { NO_RULES } from "../protocol/moderation.ts";
import { FakeCarrier, openSession, OWN_ID, received } from "../tests/support/offline_client.ts";
import { HAVE_SIZE } from "./session.ts";

const JOINED = received(Type.JOINED, OWN_ID);
const welcome = (accepted: number): Welcome => ({
  rules: NO_RULES,
  servers: [],
  ...{ room: 0, own: 0, members: 0, said: 0, chain: undefined, grace: 0 },
  ...{ accepted, token: "next", left: undefined },
});

Deno.test("ClientSession.advance: gives the position of each frame, counted from the one in WELCOME", () => {
  const { session } = openSession({ room: 1000 });
  assertEquals([session.advance(JOINED), session.room], [1000, 1000 + JOINED.bytes.length]);
  session.complete = true;
  const message = received(Type.MESSAGE, 1, new Uint8Array(10));
  assertEquals(session.advance(message), 1000 + JOINED.bytes.length);
});

Deno.test("ClientSession.advance: the room's log must begin with this client's own JOINED", () => {
  for (const frame of [received(Type.MESSAGE, OWN_ID), received(Type.JOINED, 8)]) {
    const { session } = openSession();
    assertThrows(() => session.advance(frame), ProtocolError, "before our JOINED");
  }
});

Deno.test("ClientSession.countMember: takes as many as WELCOME announces, before the list is complete", () => {
  const { session } = openSession({ members: 2 });
  session.countMember();
  session.countMember();
  assertThrows(() => session.countMember(), ProtocolError);
  const late = openSession({ members: 1 }).session;
  late.complete = true;
  assertThrows(() => late.countMember(), ProtocolError);
});

Deno.test("ClientSession.advanceOwn: reports its position when HAVE_SIZE bytes have come; refuses a frame before the list is complete", () => {
  const { session, carrier } = openSession({ own: 500 });
  const frame = received(Type.DIRECT, 1, new Uint8Array(HAVE_SIZE));
  assertThrows(() => session.advanceOwn(frame), ProtocolError, "before our JOINED");
  assertEquals([session.own, carrier.sent], [500, []]);
  session.complete = true;
  const small = received(Type.DIRECT, 1, new Uint8Array(HAVE_SIZE / 2));
  session.advanceOwn(frame);
  assertEquals(carrier.sent.map(({ type, body }) => [type, parseHave(body)]), [
    [Type.HAVE, session.own],
  ]);
  session.advanceOwn(small);
  assertEquals(carrier.sent.length, 1);
  session.advanceOwn(small);
  assertEquals(carrier.sent.length, 2);
});

Deno.test("ClientSession.resume: sends HAVE first, then each frame that the server has not taken", () => {
  const { session, carrier } = openSession({ token: "first" });
  const bodies = [1, 2, 3].map((byte) => Uint8Array.of(byte));
  for (const body of bodies) session.outbox.put(encodeFrame(Type.MESSAGE, 0, body));
  assertEquals(carrier.take().length, 3);
  session.detach();
  const next = new FakeCarrier();
  session.resume(welcome(2), next);
  assertEquals(next.sent.map(({ type }) => type), [Type.HAVE]);
  assertEquals(session.token, "next");
  session.attach(next, () => undefined);
  assertEquals(next.take().map(({ body }) => body), [bodies[2]!]);
});

Deno.test("ClientSession.resume: refuses a WELCOME that counts more than was sent", () => {
  const { session, carrier } = openSession({ token: "first" });
  session.outbox.put(encodeFrame(Type.MESSAGE, 0));
  assertThrows(() => session.resume(welcome(1), carrier), ProtocolError, "more than was sent");
  assertEquals([session.token, carrier.sent], ["first", []]);
});

Deno.test("ClientSession.resume: counts what others have said meanwhile, until all of it has been read", () => {
  const { session, carrier } = openSession({ token: "first", said: 10 });
  session.messages += 2;
  // One of the four is this client's own.
  assertEquals([session.resume({ ...welcome(0), said: 16 }, carrier, 1), session.messages], [
    3,
    12,
  ]);
  const read = (count: number) =>
    Array.from({ length: count }, () => {
      session.messages++;
      return session.takeCaughtUp();
    });
  assertEquals(read(3), [undefined, undefined, undefined]);
  // Lost again before the end: what was not read counts again.
  assertEquals(session.resume({ ...welcome(0), said: 17 }, carrier, 0), 2);
  assertEquals(read(4), [undefined, 2, undefined, undefined]);
});

Deno.test("ClientSession.resume: a false number of messages is at most a false number", () => {
  for (const [said, expected] of [[0, 0], [11, 0], [12, 0], [13, 1], [2 ** 53 - 1, 2 ** 53 - 13]]) {
    const { session, carrier } = openSession({ token: "first", said: 12 });
    assertEquals(session.resume({ ...welcome(0), said: said! }, carrier), expected);
    assertEquals(session.takeCaughtUp(), undefined);
    session.messages++;
    assertEquals(session.takeCaughtUp(), expected === 1 ? 1 : undefined);
  }
  const { session, carrier } = openSession({ token: "first", said: 12 });
  assertEquals(session.resume({ ...welcome(0), said: 13 }, carrier, 2), 0);
});

Deno.test("ClientSession: without a connection small frames are dropped, and other frames wait", () => {
  const { session, carrier } = openSession();
  session.detach();
  session.have();
  session.answer(encodeFrame(Type.PONG, 0));
  session.outbox.put(encodeFrame(Type.MESSAGE, 0));
  assertEquals([carrier.sent, carrier.woken], [[], 0]);
  assert(session.outbox.bytes > 0);
});

Deno.test("ClientSession.answer: sends nothing while an earlier small frame waits", () => {
  const { session, carrier } = openSession();
  carrier.urgent = 1;
  session.answer(encodeFrame(Type.PONG, 0));
  assertEquals(carrier.sent.length, 0);
  carrier.urgent = 0;
  session.answer(encodeFrame(Type.PONG, 0));
  assertEquals(carrier.sent.length, 1);
});
