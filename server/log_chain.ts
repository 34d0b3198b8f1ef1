// The chain of a room's log as the server computes it (protocol/chain.ts): at each restart, and at any other position
// when somebody asks. So each byte is hashed once, and a position that a client names costs the bytes since the
// restart before it. Pure.

import {
  CHAIN_RUN,
  CHAIN_SIZE,
  firstLink,
  linkOf,
  restartsBefore,
  startLink,
} from "../protocol/chain.ts";
import { LENGTH_SIZE, MAX_FRAME } from "../protocol.ts";
import type { Log } from "./room_log.ts";

/** Bytes of the largest frame. */
const LARGEST = LENGTH_SIZE + MAX_FRAME;
/**
 * Bytes that a log must hold at least, so that it always has those since the last restart: at most `CHAIN_RUN` and the
 * largest frame. It drops complete segments, of a quarter of the log or of one frame: at most one more than it has to,
 * and the new one counts in full.
 */
export const MIN_CHAINED_LOG: number = CHAIN_RUN + 3 * LARGEST;

/** The state of a `LogChain`: the restarts, the oldest first. */
export type SavedChain = readonly (readonly [position: number, value: Uint8Array])[];

/** The chain of one log. */
export class LogChain {
  readonly #log: Log;
  /** The positions of the restarts that the log still has, the oldest first, and perhaps of older ones; never empty. */
  readonly #positions = [0];
  /**
   * Their values, one after the other. A log of small JOINED frames has a restart for each: a million objects would take
   * more memory than the log.
   */
  #values = new Uint8Array(16 * CHAIN_SIZE);

  /**
   * @param name of the log
   * @throws {RangeError} if the log holds less than `MIN_CHAINED_LOG` bytes
   */
  constructor(log: Log, name: Uint8Array) {
    if (log.capacity < MIN_CHAINED_LOG) {
      throw new RangeError(
        `Cannot chain a log of ${log.capacity} bytes: it needs ${MIN_CHAINED_LOG}`,
      );
    }
    this.#log = log;
    this.#values.set(firstLink(name));
  }

  /** To be called before a frame is appended. */
  beforeAppend(frame: Uint8Array): void {
    const position = this.#log.end;
    const { last } = this;
    if (position === last || !restartsBefore(frame, position - last)) return;
    this.#add(position, this.#valueAfter(this.#positions.length - 1, position));
    this.#drop();
  }

  #add(position: number, value: Uint8Array): void {
    const at = this.#positions.push(position) * CHAIN_SIZE - CHAIN_SIZE;
    if (at === this.#values.length) {
      const values = new Uint8Array(at + CHAIN_SIZE * (this.#positions.length >> 2));
      values.set(this.#values);
      this.#values = values;
    }
    this.#values.set(value, at);
  }

  /** Drops what the log has dropped, when that is an eighth of all. */
  #drop(): void {
    const { length } = this.#positions;
    const count = this.#first;
    if (8 * count < length) return;
    this.#positions.splice(0, count);
    this.#values.copyWithin(0, count * CHAIN_SIZE, length * CHAIN_SIZE);
  }

  /** Bytes of memory that it takes. */
  get held(): number {
    return this.#values.length + 8 * this.#positions.length;
  }

  /** The value at a position of the log; undefined if the log no longer has the restart before it. */
  at(position: number): Uint8Array | undefined {
    const index = this.#after(position) - 1;
    if (index < this.#first || position > this.#log.end) return undefined;
    return this.#valueAfter(index, position);
  }

  /** The index of the first restart that the log still has: there always is one. */
  get #first(): number {
    return this.#after(this.#log.start - 1);
  }

  /** The index of the first restart after `position`. */
  #after(position: number): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#positions[middle]! > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The value of a restart, as a copy. */
  #value(index: number): Uint8Array {
    return this.#values.slice(index * CHAIN_SIZE, (index + 1) * CHAIN_SIZE);
  }

  #valueAfter(index: number, position: number): Uint8Array {
    const start = this.#positions[index]!;
    const value = this.#value(index);
    if (position === start) return value;
    const hash = startLink(value);
    for (let at = start; at < position;) {
      const bytes = this.#log.read(at, position);
      hash.update(bytes);
      at += bytes.length;
    }
    return linkOf(hash);
  }

  /** The position of the last restart: the chain goes on from there. */
  get last(): number {
    return this.#positions.at(-1)!;
  }

  /** The chain from a restart on. */
  save(from: number = this.#log.start): SavedChain {
    const saved: [number, Uint8Array][] = [];
    for (let index = this.#after(from - 1); index < this.#positions.length; index++) {
      saved.push([this.#positions[index]!, this.#value(index)]);
    }
    return saved;
  }

  restore(saved: SavedChain): void {
    this.#positions.length = 0;
    for (const [position, value] of saved) this.#add(position, value);
  }
}
