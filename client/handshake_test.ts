// `resume`, and cancelling. `client_test.ts` tests the rest through `join`.

import { assertEquals, assertRejects } from "@std/assert";
import type { Report } from "../cipher.ts";
import { answerLogin, register } from "../cipher/opaque.ts";
import { ChatError, ProtocolError, RoomNotFound, WrongCode } from "../errors.ts";
import { encodeFrame, MAX_FRAME, Type } from "../protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeLogin,
  encodeSeat,
  encodeWelcome,
  parseHello,
  parseLogin,
} from "../protocol/json_frames.ts";
import { drawToken } from "../protocol/resume.ts";
import { within } from "../tests/support/async.ts";
import { Impostor, LOG, type Raw, TestRoom } from "../tests/support/loopback.ts";
import { connect, resume } from "./handshake.ts";

/** Longer than any test. */
const NEVER_MS = 3_600_000;
const OPEN = { version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME } as const;
const XOR = encodeGreeting(OPEN);
const SEALED = encodeGreeting({
  ...{ version: 1, cipher: "sealed", maxFrame: MAX_FRAME, nonce: drawToken() },
});
const token = drawToken();
const ticket = { token, id: 7, room: 100, own: 20, sessionKey: undefined, chain: undefined };
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

Deno.test("connect: a room that takes no new members is left alone", async () => {
  for (const state of ["full", "locked"] as const) {
    let sent: number | undefined;
    await using impostor = new Impostor(async (raw) => {
      await raw.preface();
      await raw.write(encodeGreeting({ ...OPEN, state }));
      sent = (await raw.rest().catch(() => new Uint8Array(0))).length;
    });
    const { port } = impostor;
    const error = await assertRejects(
      () => connect({ ...place, port, name: "guest" }),
      ChatError,
      `the room is ${state}`,
    );
    assertEquals(error.cause instanceof ProtocolError && error.cause.code, state);
    await impostor.served(1);
    assertEquals(sent, 0);
  }
});

Deno.test("connect: a code that was right for another record is not tried", async () => {
  let sent: number | undefined;
  await using impostor = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(
      encodeGreeting({ version: 1, cipher: "sealed", maxFrame: MAX_FRAME, record: "AAAA" }),
    );
    sent = (await raw.rest().catch(() => new Uint8Array(0))).length;
  });
  const { port } = impostor;
  const code = "abandon ability able about";
  await assertRejects(
    () => connect({ ...place, port, name: "guest", code, record: "BBBB" }),
    WrongCode,
    "the room has a new code",
  );
  await impostor.served(1);
  assertEquals(sent, 0);
});

Deno.test("connect: sends its profile only to the seat that it got", async () => {
  const types: number[] = [];
  await using impostor = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(XOR);
    types.push((await raw.frame())!.type);
    await raw.write(encodeSeat(7, { log: LOG, room: 100 }));
    types.push((await raw.frame())!.type);
    await raw.write(encodeWelcome(7, { room: 150, own: 20, members: 0, token }));
    await raw.rest();
  });
  const { port } = impostor;
  const admitted = await connect({ ...place, port, name: "guest" });
  assertEquals(types, [Type.HELLO, Type.PROFILE]);
  assertEquals([admitted.id, admitted.log, admitted.chain], [7, LOG, undefined]);
  assertEquals([admitted.welcome.room, admitted.welcome.own], [150, 20]);
  admitted.connection.close();
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
      const begun: Promise<unknown> = begin(
        { ...place, port, signal: early, name: "guest" },
        ticket,
      );
      await assertRejects(() => within("the end", begun), ChatError);
    }
    const controller = new AbortController();
    const { port } = impostor;
    const begun: Promise<unknown> = begin({
      ...place,
      port,
      signal: controller.signal,
      name: "guest",
    }, ticket);
    await come.promise;
    controller.abort();
    await assertRejects(() => within("the end", begun), ChatError);
  }
  assertEquals(room.hub.size, 0);
});

// ---- the seat of a sealed room ----

const CODE = "abandon ability able about";
const ADMISSION = register(CODE);
const CHAIN = new Uint8Array(32).fill(3);
const toText = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });

interface SealedPlace {
  /** What SEAT and WELCOME say of the room's log. */
  readonly seat?: { room?: number; chain?: string };
  readonly welcome?: { room?: number; chain?: string };
  readonly seen?: { log: string; report: Report };
}

/** Joins a sealed room of an impostor that knows the code; returns the handshake and the first profile. */
async function joinSealed({ seat, welcome, seen }: SealedPlace) {
  let profile = new Uint8Array(0);
  await using impostor = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(encodeGreeting({ version: 1, cipher: "sealed", maxFrame: MAX_FRAME }));
    const { message } = parseLogin((await raw.frameOf(Type.LOGIN)).body);
    await raw.write(encodeLogin({ message: answerLogin(ADMISSION, message)!.response }));
    await raw.frameOf(Type.HELLO);
    const chain = toText(CHAIN);
    await raw.write(encodeSeat(7, { log: LOG, room: 100, chain, ...seat }));
    const frame = await raw.frame();
    if (frame?.type !== Type.PROFILE) return;
    profile = frame.body.slice();
    const fields = { room: 100, own: 20, members: 0, token, chain, ...welcome };
    await raw.write(encodeWelcome(7, fields));
    await raw.rest().catch(() => {});
  });
  const { port } = impostor;
  const handshake = await connect({ ...place, port, name: "guest", code: CODE, seen });
  handshake.connection.close();
  await impostor.served(1);
  return { handshake, profile };
}

Deno.test("connect: its profile reports SEAT's chain, or the last one that this client has seen in this log", async () => {
  const report = { position: 50, chain: new Uint8Array(32).fill(5) };
  const elsewhere = "A".repeat(22);
  for (
    const [seen, position, byte] of [
      [undefined, 100, 3],
      [{ log: elsewhere, report }, 100, 3],
      [{ log: LOG, report }, 50, 5],
    ] as const
  ) {
    const { handshake, profile } = await joinSealed({ ...(seen && { seen }) });
    const opened = handshake.cipher.open(profile, "profile", 7);
    assertEquals(opened.report, { position, chain: new Uint8Array(16).fill(byte) });
    assertEquals(handshake.chain?.report, { position: 100, chain: CHAIN });
  }
});

Deno.test("connect: in a sealed room, SEAT and WELCOME must have chains that fit", async () => {
  const other = toText(new Uint8Array(32).fill(4));
  const short = toText(new Uint8Array(31));
  const cases: [SealedPlace, string][] = [
    [{ welcome: { chain: other } }, "WELCOME does not fit SEAT"],
    [{ welcome: { chain: short } }, "WELCOME has a name or chain of the wrong size"],
    [{ seat: { chain: short } }, "SEAT has a name or chain of the wrong size"],
  ];
  for (const [fields, message] of cases) {
    const error = await assertRejects(() => joinSealed(fields), ChatError, message);
    assertEquals(error.cause instanceof ProtocolError && error.cause.code, "malformed");
  }
  // Where something came between the two, the values differ.
  const { handshake } = await joinSealed({ welcome: { room: 150, chain: other } });
  assertEquals(handshake.chain?.report.position, 150);
});
