import { assert, assertEquals, assertLess } from "@std/assert";
import { Notes, Visit } from "./bench/soak_crowd.ts";
import type { Holding } from "./bench/soak_server.ts";
import { LineSplitter } from "./lines.ts";
import { within } from "./loopback.ts";

/** The crowd comes and goes for so long; a few seconds show most, CI takes more. */
const SECONDS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3");
/**
 * How many threads the crowd has, and how many members are in each. Deno has a flaw: where more than 128 sockets
 * of a thread are always ready, it serves 128 of them and lets the others wait. The crowd's are; the server's not.
 */
const THREADS = 4;
const MEMBERS = 50;
const SEED = 2428;
/** What the server may hold more of objects in the end, in bytes: code that was compiled meanwhile. */
const HEAP_MARGIN = 512 * 1024;
/** And of buffers: the room's log has a segment of 512 KiB more or less. */
const EXTERNAL_MARGIN = 1024 * 1024;

/** One thread's part of the crowd. */
async function part(options: { port: number; seed: number; seconds: number }): Promise<Notes> {
  const worker = new Worker(new URL("./bench/soak_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<Notes>();
  const ready = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => data === "ready" ? ready.resolve() : resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  try {
    await within("a thread of the crowd", Promise.race([ready.promise, promise]));
    worker.postMessage({ ...options, members: MEMBERS });
    return await promise;
  } finally {
    worker.terminate();
  }
}

/** All the crowd, and one who sees all of it. */
async function crowd(port: number, seed: number, seconds: number): Promise<Notes> {
  const notes = new Notes();
  const watcher = await Visit.begin(port, notes);
  const parts = await Promise.all(
    Array.from({ length: THREADS }, (_, i) => part({ port, seed: seed + i * MEMBERS, seconds })),
  );
  watcher.say("the end");
  await watcher.confirmed();
  await watcher.end();
  for (const { places, visits, said, deliveries } of parts) {
    for (const [at, what] of places) notes.witness(at, what);
    notes.visits.push(...visits);
    notes.said += said;
    notes.deliveries += deliveries - places.size;
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

/** The server's process, and what it says. */
class SoakServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--v8-flags=--expose-gc", "--allow-net", "bench/soak_server.ts"],
      cwd: import.meta.dirname!,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout);
  }

  async line(): Promise<string> {
    const { value, done } = await within("a line of the server", this.#lines.next());
    if (done) throw new Error("The server has ended");
    return value;
  }

  /** What it holds when all connections have ended. */
  async empty(): Promise<Holding> {
    let holding: Holding | undefined;
    // Their ends are on their way. Each question takes the server some milliseconds.
    for (let asked = 0; asked < 1000; asked++) {
      await this.#stdin.write(Uint8Array.of(0));
      holding = JSON.parse(await this.line()) as Holding;
      if (holding.connections === 0) return holding;
    }
    throw new Error(`The server keeps ${holding?.connections} connections`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close();
    assertEquals(await this.#lines.next(), { value: undefined, done: true });
    await this.#child.status;
  }
}

async function* lines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const splitter = new LineSplitter(1000);
  for await (const piece of bytes) {
    for (const line of splitter.push(piece)) yield "text" in line ? line.text : "";
  }
}

Deno.test("Server: 200 come, talk and go at random: all were told all, its memory is as before", async () => {
  await using server = new SoakServer();
  const port = Number(await server.line());
  // First what happens only once: the code is compiled, the room's log fills.
  const first = await Visit.begin(port, new Notes());
  for (let i = 0; i < 60; i++) {
    first.say("x".repeat(200_000));
    await first.confirmed();
  }
  await first.end();
  check(await crowd(port, SEED + THREADS * MEMBERS, 0));
  const before = await server.empty();

  const start = performance.now();
  const notes = await crowd(port, SEED, SECONDS);
  const seconds = (performance.now() - start) / 1000;
  check(notes);
  const after = await server.empty();

  const MB = (bytes: number) => (bytes / 1e6).toFixed(2);
  console.log(
    `seed ${SEED}, ${
      seconds.toFixed(1)
    } s: ${notes.visits.length} visits, ${notes.said} messages, ` +
      `${notes.deliveries} deliveries; the server in MB, before and after: ` +
      `heap ${MB(before.heap)} ${MB(after.heap)}, external ${MB(before.external)} ` +
      `${MB(after.external)}, RSS ${MB(before.rss)} ${MB(after.rss)}`,
  );
  assert(notes.visits.length > THREADS * MEMBERS);
  assertEquals([before.members, after.members], [0, 0]);
  assertLess(after.heap - before.heap, HEAP_MARGIN, "the server holds more objects than before");
  assertLess(
    after.external - before.external,
    EXTERNAL_MARGIN,
    "it holds more buffers than before",
  );
});
