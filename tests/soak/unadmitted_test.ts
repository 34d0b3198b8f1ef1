import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { MAX_FRAME, MAX_FRAME_BEFORE_ADMISSION } from "../../protocol.ts";
import { DEFAULT_BUDGET, DEFAULT_LIMITS } from "../../server/limits.ts";
import { MEMORY } from "../support/memory_bound.ts";
import { type Holding, SoakServer } from "../support/soak_server.ts";
import { describe, HostileConnections, type Hostility, Talkers } from "../support/unadmitted.ts";

/** A few hundred connections show most. CI takes 2,000, and a longer deadline. */
const isLong = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3") >= 20;
/** The number of connections of each kind. */
const COUNT = isLong ? 500 : 100;
const MEMBERS = 10;
/** No test waits this long: 1 hour, in ms. */
const NEVER_MS = 3_600_000;

/** How long a refused connection may stay, in ms: a busy machine needs time to deliver the last frame. */
const FINISH_MS = 5_000;
/** Bytes that a connection may cost besides its frame: its objects, also those inside Deno. */
const OBJECTS = 24 * 1024;
/** Bytes of garbage that a busy process may have taken from the system. */
const GARBAGE = 96 * 1024 * 1024;

type Crowd<K extends Hostility> = Record<K, HostileConnections> & AsyncDisposable & {
  /** Lets all of them connect at the same time. */
  connect: () => Promise<unknown>;
};

/** Hostile connections of these kinds, each kind in a worker of its own. */
async function prepare<K extends Hostility>(port: number, kinds: readonly K[]): Promise<Crowd<K>> {
  const all = await Promise.all(
    kinds.map(async (kind) => [kind, await HostileConnections.prepare()] as const),
  );
  const order = { port, count: COUNT, again: false };
  return {
    ...Object.fromEntries(all) as Record<K, HostileConnections>,
    connect: () =>
      Promise.all(all.map(([kind, connections]) => connections.connect({ ...order, kind }))),
    async [Symbol.asyncDispose]() {
      for (const [, connections] of all) await connections[Symbol.asyncDispose]();
    },
  };
}

/** What the server holds once the members have talked: its modules are loaded, its tables have their size. */
async function warmUp(server: SoakServer, talkers: Talkers): Promise<Holding> {
  for (let i = 0; i < 50; i++) await talkers.round();
  return await server.collect();
}

function growth(before: Holding, after: Holding): number {
  return after.heap + after.external - before.heap - before.external;
}

/**
 * Asserts that connections have got these codes. More of one address end at once than may wait for their peers
 * (`ENDINGS_PER_NETWORK`), so the server closes the oldest of them, perhaps before it could say why.
 */
function assertEndings(
  { ended = 0, ...coded }: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
): void {
  assertEquals(Object.keys(coded).sort(), Object.keys(expected).sort());
  for (const [code, count] of Object.entries(coded)) assertLessOrEqual(count, expected[code]!);
  const sum = (counts: object) => Object.values(counts).reduce((all, count) => all + count, 0);
  assertEquals(sum(coded) + ended, sum(expected));
}

const UNADMITTED = ["silent", "trickle", "garbage", "lengths"] as const;
/** The bytes that all of them together may cost. */
const UNADMITTED_BOUND = UNADMITTED.length * COUNT * (MAX_FRAME_BEFORE_ADMISSION + OBJECTS);

Deno.test("Server: unadmitted connections that are silent, trickle, flood or lie cost little memory and disturb no member", async () => {
  await using server = await SoakServer.start({
    handshakeMs: NEVER_MS,
    finishMs: FINISH_MS,
    maxAdmissions: 4 * COUNT,
  });
  await using talkers = await Talkers.begin(server.port, MEMBERS);
  const before = await warmUp(server, talkers);

  await using crowd = await prepare(server.port, UNADMITTED);
  const connecting = await talkers.talk(server, crowd.connect());
  const crowded = await server.collect();
  // Garbage and half of the lengths are refused at once. All others stay, since the deadline never comes.
  const staying = MEMBERS + 2.5 * COUNT;
  const refused = server.until(
    "no refused connections",
    ({ connections }) => connections === staying,
  );
  const refusing = await talkers.talk(server, refused);
  const during = await refused;
  talkers.check();
  for (const holding of [crowded, during]) {
    assertLess(growth(before, holding), UNADMITTED_BOUND, describe(holding));
  }
  for (const { peak } of [connecting, refusing]) {
    assertLess(peak.rss - before.rss, UNADMITTED_BOUND + GARBAGE, describe(peak));
  }

  await Promise.all(UNADMITTED.map((kind) => crowd[kind].stop()));
  await server.until("members only", ({ connections }) => connections === MEMBERS);
});

Deno.test("Server: unadmitted connections get their error code and are closed after the deadline, while members talk", async () => {
  await using server = await SoakServer.start({
    handshakeMs: isLong ? 4000 : 1500,
    finishMs: FINISH_MS,
    maxAdmissions: 4 * COUNT,
  });
  await using talkers = await Talkers.begin(server.port, MEMBERS);
  const before = await warmUp(server, talkers);

  await using crowd = await prepare(server.port, UNADMITTED);
  const { silent, trickle, garbage, lengths } = crowd;
  const connecting = await talkers.talk(server, crowd.connect());
  // None of them ends by itself.
  const closing = server.until("members only", ({ connections }) => connections === MEMBERS);
  const staying = await talkers.talk(server, closing);
  const after = await closing;

  talkers.check();
  assertEndings(await silent.endings(), { timeout: COUNT });
  assertEndings(await trickle.endings(), { timeout: COUNT });
  assertEndings(await lengths.endings(), { "too-large": COUNT / 2, timeout: COUNT / 2 });
  // A client that keeps sending after the server has closed may lose the ERROR frame to a reset.
  const { reset = 0, ["not-chat"]: coded = 0, ...others } = await garbage.endings();
  assertEndings({ "not-chat": coded + reset, ...others }, { "not-chat": COUNT });
  assertEquals([after.connections, after.sessions, after.members], [MEMBERS, MEMBERS, MEMBERS]);
  for (const { peak } of [connecting, staying]) {
    assertLess(peak.rss - before.rss, UNADMITTED_BOUND + GARBAGE, describe(peak));
  }
});

Deno.test("Server: members that misuse the room cost little memory and disturb no other member", async () => {
  await using server = await SoakServer.start({
    budget: DEFAULT_BUDGET,
    // They connect faster than the server admits them.
    maxAdmissions: 20 * COUNT,
    finishMs: NEVER_MS,
  });
  await using talkers = await Talkers.begin(server.port, MEMBERS);
  const before = await warmUp(server, talkers);

  await using crowd = await prepare(server.port, ["unfinished", "pings", "haves", "vanishing"]);
  const { unfinished, pings, haves, vanishing } = crowd;
  await talkers.talk(server, crowd.connect());
  const ended = Promise.all([haves.endings(), vanishing.endings()]);
  await talkers.talk(server, ended);
  // Their peers do not end, so the server closes the oldest of those that it has ended, perhaps before it could say why.
  const { malformed = 0, ended: closed = 0, reset = 0 } = (await ended)[0];
  assertEquals(malformed + closed + reset, COUNT);
  assert(malformed > 0);
  // The other two kinds stay: they do nothing that a member may not do.
  const during = await server.until(
    "the end of the members that may not stay",
    ({ members }) => members === MEMBERS + 2 * COUNT,
  );
  await Promise.all([unfinished.stop(), pings.stop()]);
  // They never confirmed their WELCOME, so no session outlives its connection.
  await server.until("members only", ({ sessions }) => sessions === MEMBERS);
  talkers.check();

  // Half of those that stay have announced the largest frame, some of them hold the buffers for large frames; and the
  // room's log has grown meanwhile.
  const bound = COUNT * MAX_FRAME + MEMORY.buffers + 2 * COUNT * OBJECTS + DEFAULT_LIMITS.logSize;
  assertLess(growth(before, during), bound, describe(during));
});
