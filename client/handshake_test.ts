// `resume`, and cancelling. `client_test.ts` tests the rest through `join`.

import { assertEquals, assertRejects } from "@std/assert";
import { ChatError, ProtocolError, RoomNotFound } from "../errors.ts";
import { encodeFrame, MAX_FRAME, Type } from "../protocol.ts";
import { encodeError, encodeGreeting, encodeWelcome, parseHello } from "../protocol/json_frames.ts";
import { drawToken } from "../protocol/resume.ts";
import { within } from "../tests/support/async.ts";
import { Impostor, type Raw, TestRoom } from "../tests/support/loopback.ts";
import { connect, resume } from "./handshake.ts";

/** Longer than any test. */
const NEVER_MS = 3_600_000;
const XOR = encodeGreeting({ version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME });
const SEALED = encodeGreeting({
  ...{ version: 1, cipher: "sealed", maxFrame: MAX_FRAME, nonce: drawToken() },
});
const token = drawToken();
const ticket = { token, id: 7, room: 100, own: 20, sessionKey: undefined };
const place = { hostname: "127.0.0.1", handshakeMs: NEVER_MS };

/** A server that answers a resumption with these frames. */
function answer(greeting: Uint8Array, ...frames: Uint8Array[]): Impostor {
  return new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(greeting, ...frames);
    await raw.rest().catch(() => {});
  });
}

Deno.test("resume: sends token and positions, and accepts a WELCOME with the same positions", async () => {
  let hello: unknown;
  await using impostor = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(XOR);
    hello = parseHello((await raw.frameOf(Type.HELLO)).body).resume;
    await raw.write(encodeWelcome(7, { room: 100, own: 20, members: 0, accepted: 3, token }));
    await raw.rest();
  });
  const { port } = impostor;
  const back = await resume({ ...place, port }, ticket);
  assertEquals(hello, { token, room: 100, own: 20 });
  assertEquals([back?.welcome.accepted, back?.welcome.token], [3, token]);
  back?.connection.close();
});

Deno.test("resume: gives undefined for a session that is over", async () => {
  await using impostor = answer(XOR, encodeError("gone", "join again"));
  const { port } = impostor;
  assertEquals(await resume({ ...place, port }, ticket), undefined);
  await impostor.served(1);
});

Deno.test("resume: refuses a server with another cipher, where the session cannot be", async () => {
  const cases = [
    { greeting: SEALED, sessionKey: undefined, how: "sealed, not xor" },
    { greeting: XOR, sessionKey: new Uint8Array(64), how: "not sealed, as it should be" },
  ];
  for (const { greeting, sessionKey, how } of cases) {
    await using impostor = answer(greeting);
    const { port } = impostor;
    await assertRejects(
      () => resume({ ...place, port }, { ...ticket, sessionKey }),
      RoomNotFound,
      `the room there is ${how}`,
    );
    await impostor.served(1);
  }
});

Deno.test("resume: throws with the code if the server answers anything else", async () => {
  const cases: [Uint8Array, string][] = [
    [encodeError("full", "later"), "full"],
    [encodeFrame(Type.BYE, 0), "bye"],
    [encodeFrame(Type.MESSAGE, 1), "unexpected"],
    [encodeWelcome(8, { room: 100, own: 20, members: 0 }), "malformed"],
    [encodeWelcome(7, { room: 101, own: 20, members: 0 }), "malformed"],
    [encodeWelcome(7, { room: 100, own: 0, members: 0 }), "malformed"],
  ];
  for (const [frame, code] of cases) {
    await using impostor = answer(XOR, frame);
    const { port } = impostor;
    const error = await assertRejects(() => resume({ ...place, port }, ticket), ChatError);
    assertEquals(error.cause instanceof ProtocolError && error.cause.code, code);
  }
});

Deno.test("connect, resume: can be cancelled at any time, even before they begin", async () => {
  const come = Promise.withResolvers<void>();
  const silent = async (raw: Raw) => {
    await raw.preface();
    come.resolve();
    await raw.rest().catch(() => {});
  };
  await using impostor = new Impostor(silent);
  await using room = new TestRoom();
  for (const begin of [connect, resume] as const) {
    for (const { port } of [impostor, room]) {
      const early = AbortSignal.abort();
      const begun = begin({ ...place, port, signal: early, name: "guest" }, ticket);
      await assertRejects(() => within("the end", begun), ChatError);
    }
    const controller = new AbortController();
    const { port } = impostor;
    const begun = begin({ ...place, port, signal: controller.signal, name: "guest" }, ticket);
    await come.promise;
    controller.abort();
    await assertRejects(() => within("the end", begun), ChatError);
  }
  assertEquals(room.hub.size, 0);
});
