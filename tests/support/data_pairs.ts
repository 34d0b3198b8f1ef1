// Test helper: many pairs of members that move files at the same time, by hand. No part of the program.

import { assert } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { encodeFrame, Type } from "../../protocol.ts";
import { DATA_OVERHEAD, dataCost, parseData, parseGrant } from "../../protocol/data.ts";
import { data, DataMember, grant } from "./data_member.ts";
import { mulberry32, noise } from "./random.ts";

/** As a client does: see docs/protocol.md. In ms. */
const REPEAT_MS = 2_000;
const SILENT_MS = 5_000;
const CHECK_MS = 500;
/** How many members join at the same time. */
const JOINING = 8;

export interface PairsOrder {
  readonly port: number;
  readonly pairs: number;
  /** The addresses that members come from, in turn. */
  readonly networks: readonly string[];
  /** Bytes of each file. */
  readonly size: number;
  readonly seed: number;
}

export interface PairsReport {
  readonly state: "ready" | "joined" | "done" | "stopped";
  /** DATA frames that were sent. */
  readonly frames: number;
  /** How often a receiver began another generation, because nothing came for some seconds. */
  readonly restarts: number;
  /** When each file was complete, in ms from the start, in this order. */
  readonly completed: readonly number[];
}

/** One file on its way from one member to another. */
export class DataPair {
  /** Bytes that have come. */
  offset = 0;
  frames = 0;
  restarts = 0;
  readonly done: Promise<void>;
  readonly #sender: DataMember;
  readonly #receiver: DataMember;
  readonly #file: Uint8Array;
  readonly #chunk: number;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  // The receiver's side.
  #generation = 0;
  #arrived = 0;
  #cameAt = 0;
  #grantedAt = 0;
  // The sender's side.
  #granted = { generation: 0, total: 0 };
  #sent = 0;
  #at = 0;
  #sending = false;

  /** @param chunk bytes of each frame, at most */
  constructor(sender: DataMember, receiver: DataMember, file: Uint8Array, chunk: number) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#file = file;
    this.#chunk = chunk;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    sender.on = ({ type, id, body }) => {
      if (type !== Type.GRANT || id !== receiver.id) return;
      const next = parseGrant(body);
      if (next.generation < this.#granted.generation) return;
      if (next.generation > this.#granted.generation) {
        this.#sent = 0;
        // What the receiver asks for.
        this.#at = this.offset;
      }
      this.#granted = next;
      void this.#send();
    };
    receiver.on = ({ type, id, body }) => {
      if (type !== Type.DATA || id !== sender.id) return;
      const { generation, chunk } = parseData(body);
      // On its way when the next one began.
      if (generation !== this.#generation) return;
      this.#take(chunk);
    };
  }

  /** The receiver grants all that has not come. */
  begin(): void {
    this.#generation++;
    this.#arrived = 0;
    this.#cameAt = performance.now();
    this.#grant();
  }

  /** To be called every now and then. */
  check(): void {
    if (this.offset === this.#file.length) return;
    const now = performance.now();
    if (now - this.#cameAt >= SILENT_MS) {
      this.restarts++;
      this.begin();
    } else if (now - this.#grantedAt >= REPEAT_MS) this.#grant();
  }

  #grant(): void {
    this.#grantedAt = performance.now();
    const left = this.#file.length - this.offset;
    const last = left % this.#chunk;
    const cost = Math.floor(left / this.#chunk) * dataCost(DATA_OVERHEAD + this.#chunk) +
      (last > 0 ? dataCost(DATA_OVERHEAD + last) : 0);
    void this.#receiver.write(grant(this.#sender.id, this.#generation, this.#arrived + cost));
  }

  #take(chunk: Uint8Array): void {
    try {
      const end = this.offset + chunk.length;
      assert(chunk.length > 0 && end <= this.#file.length, "more came than was asked for");
      assert(
        equals(chunk, this.#file.subarray(this.offset, end)),
        `other bytes came at ${this.offset}`,
      );
      this.offset = end;
      this.#arrived += dataCost(DATA_OVERHEAD + chunk.length);
      this.#cameAt = performance.now();
      if (end === this.#file.length) this.#resolve();
    } catch (error) {
      this.#reject(error);
    }
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#at < this.#file.length) {
      const chunk = this.#file.subarray(this.#at, this.#at + this.#chunk);
      const cost = dataCost(DATA_OVERHEAD + chunk.length);
      if (this.#sent + cost > this.#granted.total) break;
      this.#sent += cost;
      this.#at += chunk.length;
      this.frames++;
      await this.#sender.write(data(this.#receiver.id, this.#granted.generation, chunk));
    }
    this.#sending = false;
  }
}

/**
 * All members join, and after `begin` all receivers grant their file at the same time.
 *
 * @param report is called when all have joined
 */
export async function movePairs(
  { port, pairs, networks, size, seed }: PairsOrder,
  { joined, begin, stop }: { joined: () => void; begin: Promise<void>; stop: Promise<void> },
  done: (report: Omit<PairsReport, "state">) => void,
): Promise<void> {
  const random = mulberry32(seed);
  const bytes = noise(size + pairs, seed);
  await using stack = new AsyncDisposableStack();
  const members: DataMember[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: JOINING }, async () => {
    while (next < 2 * pairs) {
      const network = networks[Math.floor(next++ / 2) % networks.length]!;
      members.push(stack.use((await DataMember.join(port, network)).read()));
    }
  }));
  const all = Array.from({ length: pairs }, (_, n) => (
    // Each file is another one.
    new DataPair(
      members[2 * n]!,
      members[2 * n + 1]!,
      bytes.subarray(n, n + size),
      1024 + random(31 * 1024),
    )
  ));
  joined();
  await begin;
  const from = performance.now();
  for (const pair of all) pair.begin();
  const timer = setInterval(() => all.forEach((pair) => pair.check()), CHECK_MS);
  stack.defer(() => clearInterval(timer));
  const completed: number[] = [];
  await Promise.all(all.map(async (pair) => {
    await pair.done;
    completed.push(performance.now() - from);
  }));
  const sum = (of: (pair: DataPair) => number) => all.reduce((total, pair) => total + of(pair), 0);
  done({
    frames: sum(({ frames }) => frames),
    restarts: sum(({ restarts }) => restarts),
    completed,
  });
  await stop;
  await Promise.all(members.map((member) => member.write(encodeFrame(Type.BYE, 0))));
}
