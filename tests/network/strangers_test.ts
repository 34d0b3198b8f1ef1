import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, type Kind, pass, Strangers, Talkers } from "../../bench/strangers.ts";
import { MAX_FRAME, MAX_FRAME_BEFORE_ADMISSION, Type } from "../../protocol.ts";
import { parseError } from "../../protocol/json_frames.ts";
import { DEFAULT_BUDGET, DEFAULT_LIMITS } from "../../server/limits.ts";
import { Raw, TestRoom } from "../support/loopback.ts";
import { SoakServer } from "../support/soak_server.ts";

/** A few hundred show most; CI, which has more time, takes 2,000 and a deadline as people have it. */
const isLong = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3") >= 20;
/** How many of each kind. */
const COUNT = isLong ? 500 : 100;
const MEMBERS = 10;

/** What a connection may cost beside its frame, in bytes: its objects, and what Deno has of it. */
const OBJECTS = 24 * 1024;
/** What a process that has much to do may take of the system for garbage, in bytes. */
const GARBAGE = 96 * 1024 * 1024;

/** Strangers of these kinds, each in a thread of its own; `come` lets all of them come at once. */
async function prepare<K extends Kind>(
  port: number,
  kinds: readonly K[],
): Promise<Record<K, Strangers> & AsyncDisposable & { come: () => Promise<unknown> }> {
  const all = await Promise.all(
    kinds.map(async (kind) => ({ kind, strangers: await Strangers.prepare() })),
  );
  const order = { port, count: COUNT, again: false };
  return {
    ...Object.fromEntries(all.map(({ kind, strangers }) => [kind, strangers])) as Record<
      K,
      Strangers
    >,
    come: () => Promise.all(all.map(({ kind, strangers }) => strangers.come({ ...order, kind }))),
    async [Symbol.asyncDispose]() {
      for (const { strangers } of all) await strangers[Symbol.asyncDispose]();
    },
  };
}

Deno.test("Server: strangers that say nothing, drip, babble or lie cost little, harm nobody, and are gone in time", async () => {
  // As long as all of them need to come, so that they are there together.
  const handshakeMs = isLong ? 4000 : 1500;
  const finishMs = isLong ? 3000 : 500;
  await using server = await SoakServer.start({ handshakeMs, finishMs, maxAdmissions: 4 * COUNT });
  const { port } = server;
  await using talkers = await Talkers.begin(port, MEMBERS);
  const alone = await talkers.talk(server, pass(500));
  const before = await server.collect();

  await using strangers = await prepare(port, ["silent", "trickle", "garbage", "lengths"]);
  const { silent, trickle, garbage, lengths } = strangers;
  const coming = await talkers.talk(server, strangers.come());
  const there = await server.collect();
  // None of them goes by itself.
  const ending = server.until("members only", ({ connections }) => connections === MEMBERS);
  const staying = await talkers.talk(server, ending);
  const after = await ending;

  talkers.check();
  assertEquals(await silent.told(), { timeout: COUNT });
  assertEquals(await trickle.told(), { timeout: COUNT });
  assertEquals(await lengths.told(), { "too-large": COUNT / 2, timeout: COUNT / 2 });
  // Who goes on sending when it has been cut may lose what it was told to a reset.
  const { ["not-chat"]: told = 0, reset = 0, ...others } = await garbage.told();
  assertEquals([told + reset, others], [COUNT, {}]);
  assertEquals([after.connections, after.sessions, after.members], [MEMBERS, MEMBERS, MEMBERS]);

  const most = Math.max(coming.peak.connections, staying.peak.connections);
  const growth = there.heap + there.external - before.heap - before.external;
  const rss = Math.max(coming.peak.rss, staying.peak.rss);
  console.log(
    `${4 * COUNT} strangers, ${most} connections at most; ` +
      `${(growth / 1024 / (there.connections - MEMBERS)).toFixed(1)} KiB for each\n` +
      `alone:   ${alone.latencies}\ncoming:  ${coming.latencies}\nstaying: ${staying.latencies}\n` +
      `before: ${describe(before)}\nthere:  ${describe(there)}\nafter:  ${describe(after)}\n` +
      `greatest RSS ${(rss / 1e6).toFixed(2)} MB`,
  );
  assert(most > COUNT, "they were not there at once");
  const bound = 4 * COUNT * (MAX_FRAME_BEFORE_ADMISSION + OBJECTS);
  assertLess(growth, bound, "strangers cost too much");
  assertLess(rss - before.rss, bound + GARBAGE, "the process has taken too much");
});

Deno.test("Server: members that misuse the room cost little, and harm nobody", async () => {
  // They come faster than they are admitted.
  const maxAdmissions = 20 * COUNT;
  // And a busy machine takes its time for a last word.
  const finishMs = 30_000;
  await using server = await SoakServer.start({ budget: DEFAULT_BUDGET, maxAdmissions, finishMs });
  const { port } = server;
  await using talkers = await Talkers.begin(port, MEMBERS);
  const alone = await talkers.talk(server, pass(500));
  const before = await server.collect();

  await using strangers = await prepare(port, ["unfinished", "pings", "haves", "vanishing"]);
  const { unfinished, pings, haves, vanishing } = strangers;
  const coming = await talkers.talk(server, strangers.come());
  const ended = Promise.all([haves.told(), vanishing.told()]);
  const staying = await talkers.talk(server, ended);
  assertEquals((await ended)[0], { malformed: COUNT });
  // The others are members, and stay: they keep to what a member may do.
  const there = await server.until(
    "the end of those who can't stay",
    ({ members }) => members === MEMBERS + 2 * COUNT,
  );
  await Promise.all([unfinished.stop(), pings.stop()]);
  // They have never said that they are in: none of them is waited for.
  const after = await server.until("members only", ({ sessions }) => sessions === MEMBERS);
  talkers.check();

  const growth = there.heap + there.external - before.heap - before.external;
  console.log(
    `${4 * COUNT} such members; ${(growth / 1024 / 2 / COUNT).toFixed(1)} KiB for each that ` +
      `stays\n` +
      `alone:   ${alone.latencies}\ncoming:  ${coming.latencies}\nstaying: ${staying.latencies}\n` +
      `before: ${describe(before)}\nthere:  ${describe(there)}\nafter:  ${describe(after)}`,
  );
  // Half of them have announced the largest frame; and meanwhile the room's log has grown.
  const bound = COUNT * MAX_FRAME + 2 * COUNT * OBJECTS + DEFAULT_LIMITS.logSize;
  assertLess(growth, bound, "such members cost too much");
});

Deno.test("Server: more connections from one address than are granted are refused, until one has gone", async () => {
  const { maxPerAddress } = DEFAULT_LIMITS;
  await using room = new TestRoom({ maxPerAddress });
  await using all = new AsyncDisposableStack();
  const connect = async () => all.use(await Raw.connect(room));
  const silent: Raw[] = [];
  for (let i = 0; i < maxPerAddress; i++) silent.push(await connect());
  for (let i = 0; i < 10; i++) {
    await using late = await Raw.connect(room);
    const frame = await late.frameOf(Type.ERROR);
    assertEquals(parseError(frame.body).code, "full");
    await late.end();
    assertEquals(await late.frame(), null);
  }
  const gone = silent.pop()!;
  await gone.end();
  await gone.rest();
  await room.told(11);
  await (await connect()).hello();
});
