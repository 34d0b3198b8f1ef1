// The chain of a sealed room's log as a client computes it (protocol/chain.ts), and the comparison with what other
// members report. Pure.

import type { Hash } from "node:crypto";
import { equals } from "@std/bytes/equals";
import type { Report } from "../cipher.ts";
import { linkOf, restartsBefore, startLink } from "../protocol/chain.ts";

/** How many positions are kept: a report of a member that is further behind is not compared. */
export const KEPT_POSITIONS = 16_384;
/** Bytes of a value that are kept, as many as a report has. */
const KEPT_SIZE = 16;

/** What a report shows: the same conversation, another one, or nothing, because it is about too long ago. */
export type Comparison = "same" | "other" | "unknown";

/** The chain from one position on. */
export class Chain {
  #position: number;
  #value: Uint8Array;
  /** The last restart, and the hash since then. */
  #restart: number;
  #hash: Hash;
  /** The last positions, and the first bytes of their values: rings. */
  readonly #positions = new Float64Array(KEPT_POSITIONS);
  readonly #values = new Uint8Array(KEPT_POSITIONS * KEPT_SIZE);
  #count = 0;

  /**
   * @param position a restart: this client's own JOINED
   * @param value there
   */
  constructor(position: number, value: Uint8Array) {
    this.#position = this.#restart = position;
    this.#value = value;
    this.#hash = startLink(value);
    this.#keep();
  }

  /** What this client has seen so far. */
  get report(): Report {
    return { position: this.#position, chain: this.#value };
  }

  /** The next frame of the room's log. */
  add(frame: Uint8Array): void {
    if (restartsBefore(frame, this.#position - this.#restart)) {
      this.#restart = this.#position;
      this.#hash = startLink(this.#value);
    }
    this.#hash.update(frame);
    this.#value = linkOf(this.#hash);
    this.#position += frame.length;
    this.#keep();
  }

  /**
   * Compares a report with this chain.
   *
   * @param at the position of the frame with the report: its sender cannot have seen more
   */
  compare({ position, chain }: Report, at: number): Comparison {
    if (position > at) return "other";
    const oldest = Math.max(0, this.#count - KEPT_POSITIONS);
    if (position < this.#positionOf(oldest)) return "unknown";
    let low = oldest;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#positionOf(middle) < position) low = middle + 1;
      else high = middle;
    }
    // No frame starts there.
    if (low === this.#count || this.#positionOf(low) !== position) return "other";
    const start = (low % KEPT_POSITIONS) * KEPT_SIZE;
    const value = this.#values.subarray(start, start + KEPT_SIZE);
    return equals(value, chain.subarray(0, KEPT_SIZE)) ? "same" : "other";
  }

  #positionOf(index: number): number {
    return this.#positions[index % KEPT_POSITIONS]!;
  }

  #keep(): void {
    const index = this.#count++ % KEPT_POSITIONS;
    this.#positions[index] = this.#position;
    this.#values.set(this.#value.subarray(0, KEPT_SIZE), index * KEPT_SIZE);
  }
}
