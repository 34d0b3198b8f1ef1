// Clients that get in while strangers hold the places for connections that are not admitted yet.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { startLogin } from "../../cipher/opaque.ts";
import { ChatError, WrongCode } from "../../errors.ts";
import { encodeFrame, encodeHave, PREFACE, Type, VERSION } from "../../protocol.ts";
import {
  encodeHello,
  encodeLogin,
  encodeResume,
  parseError,
  parseWelcome,
  type Resume,
} from "../../protocol/json_frames.ts";
import type { ServerOptions } from "../../server.ts";
import { RETURN_PLACES } from "../../server/admission_places.ts";
import { ENDINGS_PER_NETWORK } from "../../server/endings.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { TRIES_PER_ADDRESS } from "../../server/login_tries.ts";
import { QUICK_ADMISSION, QUICK_CODE, quickLogin } from "../support/quick_login.ts";
import { drawToken } from "../../protocol/resume.ts";
import { entry, Guest, Raw, TestRoom } from "../support/loopback.ts";

const NOTHING = new Uint8Array(0);
/** No test waits this long, in ms. */
const NEVER_MS = 3_600_000;

/** A room with the limits that `chat serve` has by default. */
function openRoom(options: Partial<ServerOptions> = {}): TestRoom {
  const { maxPerAddress, maxPending } = DEFAULT_LIMITS;
  const timeless = { handshakeMs: NEVER_MS, graceMs: NEVER_MS, awayMs: NEVER_MS };
  return new TestRoom({ maxPerAddress, maxPending, ...timeless, ...options });
}

/** A member that has lost its connection; returns how it resumes. */
async function lostMember(room: TestRoom): Promise<Resume> {
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, entry(NOTHING));
  const welcome = parseWelcome((await raw.frameOf(Type.WELCOME)).body);
  const { bytes } = await raw.frameOf(Type.JOINED);
  await raw.write(encodeHave(welcome.own), encodeFrame(Type.PING, 0));
  await raw.frameOf(Type.PONG);
  await raw.end();
  await raw.rest();
  return { token: welcome.token!, room: welcome.room + bytes.length, own: welcome.own };
}

/** Resumes, and stays. */
async function resume(room: TestRoom, claim: Resume): Promise<Raw> {
  const raw = await Raw.connect(room);
  await raw.write(PREFACE, encodeResume(claim));
  await raw.frameOf(Type.GREETING);
  assertEquals((await raw.frame())?.type, Type.WELCOME);
  return raw;
}

async function endsWith(raw: Raw): Promise<string | undefined> {
  const last = (await raw.frames()).at(-1);
  return last?.type === Type.ERROR ? parseError(last.body).code : undefined;
}

Deno.test("Server: idle connections of one address, however many, keep out neither its newcomers nor its members that return", async () => {
  await using room = openRoom();
  const lost = await lostMember(room);
  await using strangers = new AsyncDisposableStack();
  // More than all that one address may have, members included.
  for (let i = 0; i < DEFAULT_LIMITS.maxPerAddress + 10; i++) {
    strangers.use(await Raw.connect(room));
  }
  await using _back = await resume(room, lost);
  await using guest = await Guest.join(room, "guest");
  assertEquals(guest.client.members.length, 2);
});

Deno.test("Server: ends the connection that has waited longest, before its preface or its first frame", async () => {
  await using room = openRoom({ maxPending: 2 });
  await using first = await Raw.connect(room);
  await using second = await Raw.connect(room);
  await second.write(PREFACE);
  await second.frameOf(Type.GREETING);
  await using third = await Raw.connect(room);
  assertEquals(await endsWith(first), "full");
  await using fourth = await Raw.connect(room);
  assertEquals(await endsWith(second), "full");
  for (const raw of [third, fourth]) await raw.hello();
  assertEquals(room.hub.size, 2);
});

Deno.test("Server: strangers that hold all places after their first frame keep out newcomers, and no member that returns", async () => {
  for (const limits of [{ maxPending: 2 }, { maxAdmissions: 2 }]) {
    await using room = openRoom(limits);
    const lost = await lostMember(room);
    await using strangers = new AsyncDisposableStack();
    const connect = async () => strangers.use(await Raw.connect(room));
    const held = [await connect(), await connect()];
    for (const raw of held) {
      await raw.write(PREFACE, encodeHello({ version: VERSION }));
      await raw.frameOf(Type.SEAT);
    }
    await using newcomer = await Raw.connect(room);
    await newcomer.write(PREFACE, encodeHello({ version: VERSION }));
    assertEquals(await endsWith(newcomer), "full");
    // They also try to hold the places of those that return.
    for (let i = 0; i < RETURN_PLACES + 3; i++) await connect();
    await using _back = await resume(room, lost);
    assertEquals([room.sessions, room.hub.size], [1, 1]);
    // One of them goes: a newcomer that is already connected takes its place.
    await using patient = await Raw.connect(room);
    await patient.write(PREFACE);
    await patient.frameOf(Type.GREETING);
    await held[0]!.end();
    await held[0]!.rest();
    await patient.write(encodeHello({ version: VERSION }));
    assertEquals((await patient.frame())?.type, Type.SEAT);
  }
});

Deno.test("Server: connections that it has ended and that stay open all the same take few places", async () => {
  await using room = openRoom({ maxPending: 2 });
  await using strangers = new AsyncDisposableStack();
  for (let i = 0; i < 3 * ENDINGS_PER_NETWORK; i++) strangers.use(await Raw.connect(room));
  await using guest = await Guest.join(room, "guest");
  assertEquals(guest.client.members.length, 1);
  await room.until(
    "few connections",
    () => room.connections <= 2 + ENDINGS_PER_NETWORK + 1,
  );
  assert(room.lines.some((line) => line.endsWith("too many pending connections: try again")));
});

/** In the room of `QUICK_CODE`: joins with this code and ticket. */
function joinWith(room: TestRoom, code: string, ticket?: string): Promise<Guest> {
  return Guest.join(room, "guest", { code, login: quickLogin, ticket: () => ticket });
}

Deno.test("Server: tries with its ticket are counted apart: neither side can lock the other out", async () => {
  const wrong = "zone zoo zero zebra";
  await using room = openRoom({ admission: QUICK_ADMISSION, now: () => 0 });
  const { ticket } = room;
  const tryAll = async (ticket?: string) => {
    for (let left = TRIES_PER_ADDRESS - 1; left >= 0; left--) {
      const { hint } = await assertRejects(() => joinWith(room, wrong, ticket), WrongCode);
      assert(hint?.startsWith(left === 0 ? "No try left" : `${left} tr`), hint);
    }
  };
  const assertLockedOut = async (ticket?: string) => {
    const { message } = await assertRejects(() => joinWith(room, QUICK_CODE, ticket), ChatError);
    assert(message.endsWith("too many failed tries to join: wait 60 seconds"), message);
  };
  await tryAll();
  // Another ticket is none, whatever its size.
  for (const other of [undefined, drawToken(), ticket.slice(1), `${ticket}AA`, "A"]) {
    await assertLockedOut(other);
  }
  {
    await using _ = await joinWith(room, QUICK_CODE, ticket);
  }
  // The ticket is worth nothing without the code.
  await tryAll(ticket);
  await assertLockedOut(ticket);
  await using next = openRoom({ admission: QUICK_ADMISSION, now: () => 0 });
  await assertRejects(() => joinWith(next, wrong, next.ticket), WrongCode);
  const { hint } = await assertRejects(() => joinWith(next, wrong), WrongCode);
  assert(hint?.startsWith(`${TRIES_PER_ADDRESS - 1} tries`), hint);
});

Deno.test("Server: strangers that hold all places with a login keep out no client that has the ticket", async () => {
  await using room = openRoom({ admission: QUICK_ADMISSION, maxPending: 1 });
  await using stranger = await Raw.connect(room);
  await stranger.write(PREFACE, encodeLogin({ message: startLogin(QUICK_CODE).request }));
  await stranger.frameOf(Type.LOGIN);
  const { message } = await assertRejects(() => joinWith(room, QUICK_CODE), ChatError);
  assert(message.endsWith("too many pending connections: try again"), message);
  await using guest = await joinWith(room, QUICK_CODE, room.ticket);
  assertEquals(guest.client.members.length, 1);
});
