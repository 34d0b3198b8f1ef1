// One room at several addresses: which of them are tried, in which order, and what each of them gets to see.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { recordName, register } from "../../cipher/opaque.ts";
import { join, type JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import { Scope } from "../../client/scope.ts";
import { ChatError, OtherRecord, RoomNotFound, WrongCode } from "../../errors.ts";
import { MAX_FRAME, Type, VERSION } from "../../protocol.ts";
import { encodeError, encodeGreeting } from "../../protocol/json_frames.ts";
import { drawToken } from "../../protocol/resume.ts";
import type { ServerOptions } from "../../server.ts";
import { RING_FILES } from "../../server/journal.ts";
import { admitTo, Guest, Impostor, KEY, type Raw, TestRoom } from "../support/loopback.ts";
import { openJournal } from "../support/kept_journal.ts";
import { memoryRing, type MemoryStateFile } from "../support/memory_state_file.ts";
import { reservedPort } from "../support/ports.ts";
import { QUICK_ADMISSION, QUICK_CODE, quickLogin } from "../support/quick_login.ts";
import { Relay } from "../support/relay.ts";

const at = ({ port }: { port: number }) => ({ hostname: "127.0.0.1", port });
const textAt = ({ port }: { port: number }) => `127.0.0.1:${port}`;

const SEALED: Partial<ServerOptions> = {
  admission: QUICK_ADMISSION,
  graceMs: 600_000,
  awayMs: 0,
};

function options(others: readonly { port: number }[] = []): Partial<JoinOptions> {
  return {
    code: QUICK_CODE,
    login: quickLogin,
    retryMs: Infinity,
    backoff: new Backoff(Math.random, { baseMs: 10, capMs: 20 }),
    others: others.map(at),
  };
}

async function openKept(
  files: readonly MemoryStateFile[],
  more: Partial<ServerOptions> = {},
): Promise<TestRoom> {
  const journal = await openJournal(files);
  return new TestRoom({ ...SEALED, journal, ...more });
}

/** The name of a record, as GREETING has it. */
function recordOf({ greeting }: TestRoom): string {
  assert(greeting.cipher === "sealed");
  return greeting.record!;
}

/** A server that announces a record, and then does what `more` does; it notes the frames that it gets. */
function impostor(record: string, got: number[], more: (raw: Raw) => Promise<void>): Impostor {
  return new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(encodeGreeting({
      version: VERSION,
      maxFrame: MAX_FRAME,
      cipher: "sealed",
      nonce: drawToken(),
      record,
    }));
    for (let frame = await raw.frame(); frame; frame = await raw.frame()) {
      got.push(frame.type);
      await more(raw);
    }
  });
}

for (const how of ["that the user has given", "that the server has named"]) {
  Deno.test(`Client: sessions resume at a further address ${how}, and everything arrives once`, async () => {
    const port = reservedPort();
    const isGiven = how.includes("user");
    const files = memoryRing(RING_FILES);
    const first = await openKept(files, isGiven ? {} : { advertise: [textAt({ port })] });
    await using anna = await Guest.join(first, "anna", options(isGiven ? [{ port }] : []));
    await using ben = await Guest.join(first, "ben", options(isGiven ? [{ port }] : []));
    await anna.say("early");
    await ben.next("message");
    await first.stop();
    await anna.next("disconnected");
    anna.client.say("meanwhile");
    // The server has moved, with all that it keeps.
    await using second = await openKept(files.map((file) => file.after()), { port });
    for (const guest of [anna, ben]) {
      const { resumed, address } = await guest.next("connected");
      assertEquals([resumed, address], [true, textAt(second)]);
      assertEquals(guest.client.info.address, textAt(second));
    }
    await ben.next("message", ({ text }) => text === "meanwhile");
    await ben.say("late");
    await anna.next("message", ({ text }) => text === "late");
    for (const { received } of [anna, ben]) {
      assertEquals(received, ["anna: early", "anna: meanwhile", "ben: late"]);
    }
  });
}

Deno.test("Client: if the room goes on without its log at a further address, members join again there", async () => {
  const port = reservedPort();
  const first = new TestRoom({ ...SEALED, advertise: [textAt({ port })] });
  await using anna = await Guest.join(first, "anna", options());
  await anna.say("early");
  await first.stop();
  await anna.next("disconnected");
  anna.client.say("meanwhile");
  await using second = new TestRoom({ ...SEALED, port });
  const { resumed, missed, address } = await anna.next("connected");
  assertEquals([resumed, missed, address], [false, undefined, textAt(second)]);
  await anna.next("message", ({ text }) => text === "meanwhile");
  assertEquals(anna.client.pending, []);
  // This server names no address.
  assertEquals(anna.client.addresses.named, [textAt(second)]);
});

Deno.test("Client: after a move, the present address is tried first", async () => {
  await using room = new TestRoom(SEALED);
  await using relay = new Relay(room);
  await using anna = await Guest.join({ port: reservedPort() }, "anna", options([relay, room]));
  assertEquals(anna.client.info.address, textAt(relay));
  await relay.saw("up", Type.HAVE);
  await relay.cut();
  const { resumed, address } = await anna.next("connected");
  assertEquals([resumed, address], [true, undefined]);
  assertEquals(anna.client.info.address, textAt(relay));
});

Deno.test("join: passes over addresses that are not the room, and says why", async () => {
  await using xor = new TestRoom();
  await using other = new TestRoom({ admission: register("zoo zoo zoo zoo") });
  await using room = new TestRoom(SEALED);
  const nothing = { port: reservedPort() };
  const passed: string[] = [];
  await using anna = await Guest.join(nothing, "anna", {
    ...options([xor, other, room]),
    record: recordOf(room),
    onPassed: (message) => passed.push(message),
  });
  assertEquals(anna.client.info.address, textAt(room));
  assertEquals(passed, [
    `Cannot join ${textAt(nothing)}: nothing listens there`,
    `Cannot join ${textAt(xor)}: the room there is not sealed, as it should be`,
    `Cannot join ${textAt(other)}: the room has a new code`,
  ]);
});

Deno.test("join: the room's answers end the search", async () => {
  await using next = new Impostor(() => Promise.reject(new Error("it was tried")));
  await using room = new TestRoom({ admission: register("zoo zoo zoo zoo") });
  await using full = new TestRoom({ ...SEALED, maxMembers: 1 });
  await using _anna = await Guest.join(full, "anna", options());
  const enter = (server: { port: number }, more: Partial<JoinOptions> = {}) =>
    join({ ...at(server), name: "ben", ...options([next]), ...more });
  await assertRejects(() => enter(room, { code: "zoo zoo zoo zone" }), WrongCode, "is wrong");
  await assertRejects(() => enter(full), ChatError, "full");
  await using locked = new TestRoom(SEALED);
  locked.government.govern({ action: "lock" });
  await assertRejects(() => enter(locked), ChatError, "locked");
});

Deno.test("join: if no address is the room, a new code is the answer", async () => {
  await using room = new TestRoom(SEALED);
  const entering = join({
    ...at(room),
    name: "anna",
    ...options([{ port: reservedPort() }]),
    record: drawToken(),
  });
  await assertRejects(() => entering, OtherRecord, "the room has a new code");
});

Deno.test("Client: an address that only the server has named gets nothing unless it announces the room's record", async () => {
  const got: number[] = [];
  await using other = impostor(drawToken(), got, () => Promise.resolve());
  await using room = new TestRoom({ ...SEALED, advertise: [textAt(other)] });
  await using relay = new Relay(room);
  await using anna = await Guest.join(relay, "anna", options());
  assertEquals(anna.client.addresses, { given: [textAt(relay)], named: [textAt(other)] });
  await relay.saw("up", Type.HAVE);
  relay.redirect({ port: reservedPort() });
  await relay.cut();
  await other.served(1);
  relay.redirect(room);
  assertEquals((await anna.next("connected")).resumed, true);
  assertEquals(got, []);
});

for (const answer of ["removed", "gone"] as const) {
  Deno.test(`Client: no session ends because an address that only the server has named answers ${answer}`, async () => {
    const got: number[] = [];
    const ERROR = encodeError(answer, "it is what the impostor says");
    await using other = impostor(recordName(QUICK_ADMISSION), got, (raw) => raw.write(ERROR));
    await using room = new TestRoom({ ...SEALED, advertise: [textAt(other)] });
    await using relay = new Relay(room);
    await using anna = await Guest.join(relay, "anna", options());
    relay.redirect({ port: reservedPort() });
    await relay.saw("up", Type.HAVE);
    await relay.cut();
    await anna.next("waiting");
    relay.redirect(room);
    assertEquals((await anna.next("connected")).resumed, true);
    assert(got.includes(Type.HELLO));
    assertEquals(anna.client.info.address, textAt(relay));
  });
}

Deno.test("Client: the servers that an open room names are not used", async () => {
  const served = Promise.withResolvers<void>();
  await using server = new Impostor(async (raw) => {
    const greeting = encodeGreeting({
      version: VERSION,
      maxFrame: MAX_FRAME,
      cipher: "xor",
      key: `${KEY}`,
    });
    await admitTo(raw, greeting, 1, { room: 0, own: 0, members: 0, servers: ["192.0.2.7:2428"] });
    await served.promise;
  });
  const client = await join({ ...at(server), name: "anna" });
  assertEquals(client.addresses.named, []);
  served.resolve();
  await client.run(() => {});
});

Deno.test("join: a name that a server has named must not lead to a nearer network", async () => {
  await using near = new Impostor(async (raw) => assertEquals(await raw.rest(), new Uint8Array(0)));
  const { connect } = await import("../../client/handshake.ts");
  const entering = connect({
    ...at(near),
    hostname: "localhost",
    name: "anna",
    floor: Scope.PUBLIC,
  });
  const error = await assertRejects(() => entering, RoomNotFound);
  assertStringIncludes(error.message, "in your own network");
  await near.served(1);
});
