import { assert, assertEquals, assertLess } from "@std/assert";
import { encodeHave, PREFACE, Type } from "../../protocol.ts";
import { encodeResume, parseWelcome } from "../../protocol/json_frames.ts";
import { ROOM_LOG_SIZE } from "../../server/fold.ts";
import { within } from "../support/async.ts";
import { contentOf, entry, Guest, Raw, TestRoom } from "../support/loopback.ts";
import { type CrowdOptions, Notes, Visit } from "../support/soak_crowd.ts";
import { type Holding, MB, SoakServer } from "../support/soak_server.ts";

/** How long the crowd joins and leaves. */
const SECONDS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "20");
/**
 * The number of threads of the crowd. Deno has a flaw: if more than 128 sockets of a thread are always ready, it serves
 * 128 of them and lets the others wait. The crowd's sockets are always ready; the server's are not.
 */
const THREADS = 4;
const SEED = 2428;
/** How long the server keeps the session of a lost member, in ms. Members that reconnect need less. */
const GRACE_MS = SECONDS >= 20 ? 15_000 : 6_000;
/** Short, so that others receive `away` and `back`. */
const AWAY_MS = 100;
/** By how many bytes the heap may grow: code is compiled meanwhile, and V8 keeps more or less of it. */
const HEAP_MARGIN = 1024 * 1024;
/** By how many bytes the buffers may grow: the room's log may have one more segment of 512 KiB. */
const EXTERNAL_MARGIN = 1024 * 1024;
/** A message that fills the log. */
const FILLING = "x".repeat(200_000);

/** Runs one thread's part of the crowd. */
async function runPart(options: CrowdOptions): Promise<Notes> {
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

/** Runs the complete crowd, and a watcher that receives everything. */
async function runCrowd(options: CrowdOptions): Promise<Notes> {
  const notes = new Notes();
  const watcher = await Visit.begin(options.port, notes);
  const parts = await Promise.all(
    Array.from(
      { length: THREADS },
      (_, i) => runPart({ ...options, seed: options.seed + i * options.members }),
    ),
  );
  watcher.say("the end");
  await watcher.confirmed();
  await watcher.end();
  for (const one of parts) {
    for (const [at, what] of one.log) notes.witness(at, what);
    notes.visits.push(...one.visits);
    notes.said += one.said;
    notes.deliveries += one.deliveries - one.log.size;
    notes.resumed += one.resumed;
    notes.renewed += one.renewed;
    notes.vanished += one.vanished;
    notes.longestAway = Math.max(notes.longestAway, one.longestAway);
  }
  return notes;
}

/** Checks that each member received every event between joining and leaving, once, all in the same order. */
function check({ log, visits, said }: Notes): void {
  const order = [...log.keys()].sort((a, b) => a - b);
  const rank = new Map(order.map((at, i) => [at, i]));
  const all = order.map((at) => log.get(at)!);
  const messages = all.filter((what) => what.startsWith("message "));
  assertEquals(messages.length, said);
  assertEquals(new Set(messages).size, said);
  const came = new Map(all.map((what, i) => [what, i]));
  for (const { id, first, last, count } of visits) {
    // No member received the event of the first one joining.
    const before = came.get(`joined ${id}`) ?? -1;
    assertEquals(rank.get(first), before + 1, `the first event of ${id}`);
    assertEquals(rank.get(last)! - rank.get(first)! + 1, count, `the number of events of ${id}`);
  }
}

/** The server's holding when no connection and no session is left. */
function empty(server: SoakServer): Promise<Holding> {
  return server.until("no sessions", ({ connections, sessions }) => connections + sessions === 0);
}

/** A crowd joins and leaves, with `members` in each thread. */
async function soak(options: Pick<CrowdOptions, "members" | "atOnce">): Promise<void> {
  await using server = await SoakServer.start({ graceMs: GRACE_MS, awayMs: AWAY_MS });
  const { port } = server;
  // Warm-up: code is compiled, and the room's log fills.
  const first = await Visit.begin(port, new Notes());
  for (let bytes = 0; bytes < ROOM_LOG_SIZE + EXTERNAL_MARGIN; bytes += FILLING.length) {
    first.say(FILLING);
    await first.confirmed();
  }
  await first.end();
  const people = THREADS * options.members;
  check(await runCrowd({ ...options, port, seed: SEED + people, seconds: 0, faulty: false }));
  const before = await empty(server);

  const start = performance.now();
  const notes = await runCrowd({ ...options, port, seed: SEED, seconds: SECONDS, faulty: true });
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
    "the server holds more buffers than before",
  );
  // No timer is left either: otherwise the process would not end when it is disposed of.
}

Deno.test("Server: 200 members join, talk, lose connections and leave at random: each receives all events, and no memory leaks", () =>
  soak({ members: 50, atOnce: 1 }));

Deno.test("Server: 16 members with a hundred messages each: each receives all events, and no memory leaks", () =>
  soak({ members: 4, atOnce: 40 }));

Deno.test("Server: a connection that is lost during a write takes no bytes from the next one", async () => {
  await using room = new TestRoom({ graceMs: 3_600_000, awayMs: 0, backlog: Infinity });
  await using talker = await Guest.join(room, "talker");
  await using first = await Raw.connect(room);
  await first.write(PREFACE, entry(new Uint8Array(0)));
  const { token, room: start, own } = parseWelcome((await first.frameOf(Type.WELCOME)).body);
  const joined = await first.frameOf(Type.JOINED);
  await first.write(encodeHave(own));
  // More than the sockets' buffers hold, less than the log.
  const texts = Array.from({ length: 35 }, (_, i) => `${i}${"x".repeat(200_000)}`);
  for (const text of texts) await talker.say(text);
  await first.end();
  await talker.next("away");
  await using second = await Raw.connect(room);
  const position = start + joined.bytes.length;
  await second.write(PREFACE, encodeResume({ token: token!, room: position, own }));
  await second.frameOf(Type.WELCOME);
  // The first connection reads on: it gets the bytes that waited in its buffers, and no others.
  await first.rest();
  for (const text of texts) {
    assertEquals(contentOf((await second.frameOf(Type.MESSAGE)).body), `T${text}`);
  }
});
