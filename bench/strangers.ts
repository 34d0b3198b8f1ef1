// Connections that mean no good, and members that talk meanwhile: what that costs the server in memory, and the
// members in time. Most of it is for tests/network/strangers_test.ts.
//
//   deno run --allow-all bench/strangers.ts [KINDS] [COUNT] [SECONDS]
//
// KINDS are some of `Kind`, with commas between; COUNT is how many of each. Who is thrown out comes again.

import { assertEquals } from "@std/assert";
import { HANDSHAKE_MS } from "../protocol.ts";
import { DEFAULT_BUDGET } from "../server/limits.ts";
import { Guest, within } from "../tests/support/loopback.ts";
import { type Holding, MB, SoakServer } from "../tests/support/soak_server.ts";

/** What they do: the first four never get in. */
export type Kind =
  /** Nothing. */
  | "silent"
  /** A byte a second. */
  | "trickle"
  /** Random bytes, as fast as they go. */
  | "garbage"
  /** They announce too much, or much of which nothing comes. */
  | "lengths"
  /** Members that announce the largest frame, and send a byte of it a second. */
  | "unfinished"
  /** Members that ask and ask, and read no answer. */
  | "pings"
  /** Members that have what was never sent. */
  | "haves"
  /** Members that go without a word as soon as they are in, or before. */
  | "vanishing";

export interface Order {
  readonly port: number;
  readonly kind: Kind;
  readonly count: number;
  /** Who is thrown out comes again. */
  readonly again: boolean;
}

export interface Report {
  readonly state: "ready" | "begun" | "ended" | "stopped";
  /** How many were told what in the end. */
  readonly told: Readonly<Record<string, number>>;
}

/** Some connections of one kind, in a thread of their own. */
export class Strangers implements AsyncDisposable {
  readonly #worker = new Worker(new URL("../tests/support/strangers_worker.ts", import.meta.url), {
    type: "module",
  });
  readonly #states = {
    ready: Promise.withResolvers<Report>(),
    begun: Promise.withResolvers<Report>(),
    ended: Promise.withResolvers<Report>(),
    stopped: Promise.withResolvers<Report>(),
  };

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Report>) =>
      this.#states[data.state].resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { promise, reject } of Object.values(this.#states)) {
        promise.catch(() => {});
        reject(new Error(event.message));
      }
    };
  }

  /** A thread that waits for its order. */
  static async prepare(): Promise<Strangers> {
    const strangers = new Strangers();
    await within("a thread of strangers", strangers.#states.ready.promise);
    return strangers;
  }

  /** Resolves when all have come, and have said their first words. To be called once. */
  async come(order: Order): Promise<void> {
    this.#worker.postMessage(order);
    await within(`those of ${order.kind}`, this.#states.begun.promise);
  }

  /** What they were told in the end, once the server has ended all of them. */
  async told(): Promise<Report["told"]> {
    return (await within("the end of all strangers", this.#states.ended.promise)).told;
  }

  /** Closes what the server has not closed. */
  async stop(): Promise<void> {
    this.#worker.postMessage("stop");
    await within("the end of strangers", this.#states.stopped.promise);
    // A write that waits keeps its socket open, until its thread is gone.
    this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}

/** How long messages took, in ms. */
export class Latencies {
  readonly #values: number[] = [];

  static of(parts: readonly Latencies[]): Latencies {
    const all = new Latencies();
    for (const part of parts) for (const value of part.#values) all.add(value);
    return all;
  }

  add(ms: number): void {
    this.#values.push(ms);
  }

  get count(): number {
    return this.#values.length;
  }

  /** @param part from 0, the least, to 1, the greatest */
  at(part: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
  }

  toString(): string {
    const [median, p99, most] = [this.at(0.5), this.at(0.99), this.at(1)].map((n) => n.toFixed(2));
    return `${this.count} messages, in ms: median ${median}, p99 ${p99}, greatest ${most}`;
  }
}

/** How long members think before they say something, in ms. */
const THINK_MS = 5;

export interface Talk {
  readonly latencies: Latencies;
  readonly peak: Readonly<Holding>;
}

/** Members that talk with each other, and keep book of what they hear. */
export class Talkers implements AsyncDisposable {
  readonly #guests: Guest[];
  #said: string[] = [];
  /** When it was said. */
  readonly #at = new Map<string, number>();
  #latencies = new Latencies();

  private constructor(guests: Guest[]) {
    this.#guests = guests;
  }

  static async begin(port: number, count: number): Promise<Talkers> {
    const guests: Guest[] = [];
    for (let i = 0; i < count; i++) guests.push(await Guest.join({ port }, `member${i}`));
    return new Talkers(guests);
  }

  /**
   * They talk until that is done; returns how long it took from saying something to hearing it, for each of
   * them, and the most that the server had.
   */
  async talk(server: SoakServer, done: Promise<unknown>): Promise<Talk> {
    const latencies = this.#latencies = new Latencies();
    let isDone = false;
    const end = done.finally(() => isDone = true);
    const peak = await server.look();
    do {
      await this.round();
      const now = await server.look();
      for (const key of Object.keys(peak) as (keyof Holding)[]) {
        peak[key] = Math.max(peak[key], now[key]);
      }
    } while (!isDone);
    await end;
    return { latencies, peak };
  }

  /** Two say something at once, and all hear it before the next say something. */
  async round(): Promise<void> {
    const first = this.#said.length;
    for (const i of [first, first + 1]) {
      const text = `${i}`;
      this.#said.push(text);
      this.#at.set(text, performance.now());
      this.#guests[i % this.#guests.length]!.client.say(text);
    }
    await Promise.all(this.#guests.map(async (guest) => {
      for (let i = 0; i < 2; i++) {
        const { text } = await guest.next("message", ({ text }) => this.#at.has(text));
        this.#latencies.add(performance.now() - this.#at.get(text)!);
      }
    }));
    await new Promise((resolve) => setTimeout(resolve, THINK_MS));
  }

  /** Each has heard all that they said, once, and in one order. */
  check(): void {
    const heard = this.#guests.map(({ events }) =>
      events.flatMap((e) => e.type === "message" && this.#at.has(e.text) ? [e.text] : [])
    );
    assertEquals(heard[0]!.toSorted(), this.#said.toSorted());
    for (const other of heard) assertEquals(other, heard[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) await guest[Symbol.asyncDispose]();
  }
}

/** For a promise that a timer keeps. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What there is of the server's memory, for people to read. */
export function describe({ connections, heap, external, rss }: Holding): string {
  return `${connections} connections: heap ${MB(heap)}, external ${MB(external)}, RSS ${
    MB(rss)
  } MB`;
}

if (import.meta.main) {
  const [kinds = "garbage", count = "1000", seconds = "5"] = Deno.args;
  await using server = await SoakServer.start({
    handshakeMs: HANDSHAKE_MS,
    maxAdmissions: 4000,
    budget: DEFAULT_BUDGET,
  });
  await using talkers = await Talkers.begin(server.port, 10);
  await talkers.talk(server, pass(1000));
  const alone = await talkers.talk(server, pass(3000));
  console.log(`alone:     ${alone.latencies}`);
  console.log(`           ${describe(alone.peak)}`);
  const { port } = server;
  const all = await Promise.all(
    kinds.split(",").map(async (kind) => ({
      kind: kind as Kind,
      strangers: await Strangers.prepare(),
    })),
  );
  const coming = all.map(({ kind, strangers }) =>
    strangers.come({ port, kind, count: Number(count), again: true })
  );
  const begun = await talkers.talk(server, Promise.all(coming));
  console.log(`they come: ${begun.latencies}`);
  const there = await talkers.talk(server, pass(Number(seconds) * 1000));
  console.log(`there:     ${there.latencies}`);
  console.log(`           ${describe(there.peak)}`);
  for (const { strangers } of all) await strangers.stop();
  talkers.check();
  const after = await server.until("members only", ({ connections }) => connections === 10);
  console.log(`they went: ${describe(after)}`);
}
