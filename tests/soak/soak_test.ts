import { assert, assertEquals, assertLess } from "@std/assert";
import { encodeHave, PREFACE, Type } from "../../protocol.ts";
import { encodeHello, encodeResume, parseWelcome } from "../../protocol/json_frames.ts";
import { within } from "../support/async.ts";
import { Guest, Raw, TestRoom, wording } from "../support/loopback.ts";
import { type CrowdOptions, Notes, Visit } from "../support/soak_crowd.ts";
import { type Holding, MB, SoakServer } from "../support/soak_server.ts";

/** How long the crowd comes and goes. */
const SECONDS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "20");
/**
 * How many threads the crowd has, and how many members are in each. Deno has a flaw: where more than 128 sockets
 * of a thread are always ready, it serves 128 of them and lets the others wait. The crowd's are; the server's not.
 */
const THREADS = 4;
const SEED = 2428;
/** How long the server waits for who has vanished, in ms; who means to come back is back before. */
const GRACE_MS = SECONDS >= 20 ? 15_000 : 6_000;
/** Short, so that others see them go away and come back. */
const AWAY_MS = 100;
/** What the server may hold more of objects in the end, in bytes: code that was compiled meanwhile. */
const HEAP_MARGIN = 512 * 1024;
/** And of buffers: the room's log has a segment of 512 KiB more or less. */
const EXTERNAL_MARGIN = 1024 * 1024;

/** One thread's part of the crowd. */
async function part(options: CrowdOptions): Promise<Notes> {
  const worker = new Worker(new URL("../support/soak_worker.ts", import.meta.url), {
    type: "module",
  });
  const { promise, resolve, reject } = Promise.withResolvers<Notes>();
  const ready = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => data === "ready" ? ready.resolve() : resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  try {
    await within("a thread of the crowd", Promise.race([ready.promise, promise]));
    worker.postMessage(options);
    return await promise;
  } finally {
    worker.terminate();
  }
}

/** All the crowd, and one who sees all of it. */
async function crowd(options: CrowdOptions): Promise<Notes> {
  const notes = new Notes();
  const watcher = await Visit.begin(options.port, notes);
  const parts = await Promise.all(
    Array.from(
      { length: THREADS },
      (_, i) => part({ ...options, seed: options.seed + i * options.members }),
    ),
  );
  watcher.say("the end");
  await watcher.confirmed();
  await watcher.end();
  for (const one of parts) {
    for (const [at, what] of one.places) notes.witness(at, what);
    notes.visits.push(...one.visits);
    notes.said += one.said;
    notes.deliveries += one.deliveries - one.places.size;
    notes.resumed += one.resumed;
    notes.renewed += one.renewed;
    notes.vanished += one.vanished;
    notes.longestAway = Math.max(notes.longestAway, one.longestAway);
  }
  return notes;
}

/** Everybody was told everything from its coming to its going, once, in one order. */
function check({ places, visits, said }: Notes): void {
  const order = [...places.keys()].sort((a, b) => a - b);
  const rank = new Map(order.map((at, i) => [at, i]));
  const all = order.map((at) => places.get(at)!);
  const messages = all.filter((what) => what.startsWith("message "));
  assertEquals(messages.length, said);
  assertEquals(new Set(messages).size, said);
  const came = new Map(all.map((what, i) => [what, i]));
  for (const { id, first, last, count } of visits) {
    // Nobody was there to see the first one come.
    const before = came.get(`joined ${id}`) ?? -1;
    assertEquals(rank.get(first), before + 1, `the first that ${id} was told of`);
    assertEquals(rank.get(last)! - rank.get(first)! + 1, count, `how much ${id} was told of`);
  }
}

/** What the server holds when all have gone, and nobody is waited for any more. */
function empty(server: SoakServer): Promise<Holding> {
  return server.until("nothing", ({ connections, sessions }) => connections + sessions === 0);
}

/** A crowd comes and goes; `members` in each thread. */
async function soak(options: Pick<CrowdOptions, "members" | "atOnce">): Promise<void> {
  await using server = await SoakServer.start({ graceMs: GRACE_MS, awayMs: AWAY_MS });
  const { port } = server;
  // First what happens only once: the code is compiled, the room's log fills.
  const first = await Visit.begin(port, new Notes());
  for (let i = 0; i < 60; i++) {
    first.say("x".repeat(200_000));
    await first.confirmed();
  }
  await first.end();
  const people = THREADS * options.members;
  check(await crowd({ ...options, port, seed: SEED + people, seconds: 0, faulty: false }));
  const before = await empty(server);

  const start = performance.now();
  const notes = await crowd({ ...options, port, seed: SEED, seconds: SECONDS, faulty: true });
  const seconds = (performance.now() - start) / 1000;
  check(notes);
  const after = await empty(server);

  console.log(
    `seed ${SEED}, ${seconds.toFixed(1)} s: ${notes.visits.length} visits, ${notes.resumed} ` +
      `resumptions (after ${
        notes.longestAway.toFixed(0)
      } ms at most), ${notes.vanished} vanished, ` +
      `${notes.said} messages, ${notes.deliveries} deliveries; the server in MB, before and after: ` +
      `heap ${MB(before.heap)} ${MB(after.heap)}, external ${MB(before.external)} ` +
      `${MB(after.external)}, RSS ${MB(before.rss)} ${MB(after.rss)}`,
  );
  assert(notes.visits.length > people);
  assert(notes.resumed > 0 && notes.vanished > 0);
  assertEquals([before.members, after.members], [0, 0]);
  assertLess(after.heap - before.heap, HEAP_MARGIN, "the server holds more objects than before");
  assertLess(
    after.external - before.external,
    EXTERNAL_MARGIN,
    "it holds more buffers than before",
  );
  // And no timer: its process ends by itself, when it is disposed of.
}

Deno.test("Server: 200 come, talk, break off and go at random: all were told all, its memory is as before", () =>
  soak({ members: 50, atOnce: 1 }));

Deno.test("Server: 16 who say a hundred things each come, break off and go: all were told all, likewise", () =>
  soak({ members: 4, atOnce: 40 }));

Deno.test("Server: a connection that is lost while it is written to takes nothing from the next one", async () => {
  await using room = new TestRoom({ graceMs: 3_600_000, awayMs: 0, backlog: Infinity });
  await using talker = await Guest.join(room, "talker");
  await using first = await Raw.connect(room);
  await first.write(PREFACE, encodeHello({ version: 1, profile: new Uint8Array(0) }));
  const { token, room: start } = parseWelcome((await first.frameOf(Type.WELCOME)).body);
  const own = (await first.frameOf(Type.MEMBER)).bytes.length;
  const joined = await first.frameOf(Type.JOINED);
  await first.write(encodeHave(own));
  // More than the sockets' buffers hold, less than the log.
  const said = Array.from({ length: 35 }, (_, i) => `${i}${"x".repeat(200_000)}`);
  for (const words of said) await talker.say(words);
  await first.end();
  await talker.next("away");
  await using second = await Raw.connect(room);
  const position = start + joined.bytes.length;
  await second.write(PREFACE, encodeResume({ token: token!, room: position, own }));
  await second.frameOf(Type.WELCOME);
  // The first one goes on to read: what waited for that is written, and nothing more.
  await first.rest();
  for (const words of said) {
    assertEquals(wording((await second.frameOf(Type.MESSAGE)).body), `T${words}`);
  }
});
