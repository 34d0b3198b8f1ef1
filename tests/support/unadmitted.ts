// Test helper: hostile connections, each kind in a worker of its own, and members that talk meanwhile. Tests check
// the memory of the server; bench/unadmitted.ts measures the cost. No part of the program.

import { statesOf } from "./worker_states.ts";
import { assertEquals } from "@std/assert";
import { within } from "./async.ts";
import { Guest } from "./loopback.ts";
import { type Holding, MB, type SoakServer } from "./soak_server.ts";

/** How a hostile connection behaves. Connections of the first four kinds are never admitted. */
export type Hostility =
  /** Sends nothing. */
  | "silent"
  /** Sends a byte a second. */
  | "trickle"
  /** Sends random bytes, as fast as it can. */
  | "garbage"
  /** Announces a frame that is too long, or a frame of the maximal length that never comes. */
  | "lengths"
  /** A member that announces the largest frame, and sends a byte of it a second. */
  | "unfinished"
  /** A member that sends PING all the time and reads no answer. */
  | "pings"
  /** A member that confirms bytes that the server has never sent. */
  | "haves"
  /** A member that disconnects without BYE, as soon as it is admitted or before. */
  | "vanishing";

export interface Order {
  readonly port: number;
  readonly kind: Hostility;
  readonly count: number;
  /** Whether to connect again after the server has ended the connection. */
  readonly again: boolean;
}

export interface Report {
  readonly state: "ready" | "begun" | "ended" | "stopped";
  /** The number of connections for each way to end: the code of an ERROR frame, `ended` or `reset`. */
  readonly endings: Readonly<Record<string, number>>;
}

/** Connections of one kind, in a worker of their own. */
export class HostileConnections implements AsyncDisposable {
  readonly #worker = new Worker(new URL("./unadmitted_worker.ts", import.meta.url), {
    type: "module",
  });
  readonly #states = statesOf<Report>(this.#worker, ["ready", "begun", "ended", "stopped"]);

  /** Starts the worker, which waits for its order. */
  static async prepare(): Promise<HostileConnections> {
    const connections = new HostileConnections();
    await within("a ready worker", connections.#states.ready);
    return connections;
  }

  /** Resolves when all are connected and have sent their first bytes. To be called once. */
  async connect(order: Order): Promise<void> {
    this.#worker.postMessage(order);
    await within(`all ${order.kind} connections`, this.#states.begun);
  }

  /** Waits until the server has ended all connections; returns how they ended. */
  async endings(): Promise<Report["endings"]> {
    return (await within("the end of all connections", this.#states.ended)).endings;
  }

  /** Closes the connections that the server has not closed. */
  async stop(): Promise<void> {
    this.#worker.postMessage("stop");
    await within("a stopped worker", this.#states.stopped);
    // A pending write keeps its socket open until the worker is gone.
    this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}

/** The times from sending to receiving a message, in ms. */
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

  /** @param part from 0 (the minimum) to 1 (the maximum) */
  at(part: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
  }

  toString(): string {
    const [median, p99, max] = [this.at(0.5), this.at(0.99), this.at(1)].map((n) => n.toFixed(2));
    return `${this.count} messages, in ms: median ${median}, p99 ${p99}, maximum ${max}`;
  }
}

/** How long members wait between two rounds, in ms. */
const THINK_MS = 5;

export interface Talk {
  readonly latencies: Latencies;
  /** The maximum of each value of the server meanwhile. */
  readonly peak: Readonly<Holding>;
}

/** Members that talk to each other, and record what they receive. */
export class Talkers implements AsyncDisposable {
  readonly #guests: Guest[];
  readonly #sent: string[] = [];
  /** When each message was sent. */
  readonly #sentAt = new Map<string, number>();
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
   * The members talk until `done`, at least one round. Returns the time that each message took to each member, and the
   * maximal values of the server.
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

  /** Two members send a message at the same time; resolves when all members have received both. */
  async round(): Promise<void> {
    const first = this.#sent.length;
    for (const i of [first, first + 1]) {
      const text = `${i}`;
      this.#sent.push(text);
      this.#sentAt.set(text, performance.now());
      this.#guests[i % this.#guests.length]!.client.say(text);
    }
    await Promise.all(this.#guests.map(async (guest) => {
      for (let i = 0; i < 2; i++) {
        const { text } = await guest.next("message", ({ text }) => this.#sentAt.has(text));
        this.#latencies.add(performance.now() - this.#sentAt.get(text)!);
      }
    }));
    await new Promise((resolve) => setTimeout(resolve, THINK_MS));
  }

  /** Checks that each member has received every message once, all in the same order. */
  check(): void {
    const received = this.#guests.map(({ events }) =>
      events.flatMap((e) => e.type === "message" && this.#sentAt.has(e.text) ? [e.text] : [])
    );
    assertEquals(received[0]!.toSorted(), this.#sent.toSorted());
    for (const other of received) assertEquals(other, received[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) await guest[Symbol.asyncDispose]();
  }
}

/** Formats the server's memory for people. */
export function describe({ connections, heap, external, rss }: Holding): string {
  return `${connections} connections: heap ${MB(heap)}, external ${MB(external)}, RSS ${
    MB(rss)
  } MB`;
}
