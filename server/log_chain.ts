// The chain of a room's log as the server computes it (protocol/chain.ts): at each restart, and at any other position
// when somebody asks. So each byte is hashed once, and a position that a client names costs the bytes since the
// restart before it. Pure.

import { CHAIN_RUN, firstLink, linkOf, restartsBefore, startLink } from "../protocol/chain.ts";
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

/** The value at a restart. */
interface Link {
  readonly position: number;
  readonly value: Uint8Array;
}

/** The state of a `LogChain`: the restarts, the oldest first. */
export type SavedChain = readonly (readonly [position: number, value: Uint8Array])[];

/** The chain of one log. */
export class LogChain {
  readonly #log: Log;
  /** The restarts that the log still has, the oldest first; never empty. */
  #links: Link[];

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
    this.#links = [{ position: 0, value: firstLink(name) }];
  }

  /** To be called before a frame is appended. */
  beforeAppend(frame: Uint8Array): void {
    const last = this.#links.at(-1)!;
    const position = this.#log.end;
    if (position === last.position || !restartsBefore(frame, position - last.position)) return;
    this.#links.push({ position, value: this.#valueAfter(last, position) });
    const first = this.#links.findIndex(({ position }) => position >= this.#log.start);
    if (first > 0) this.#links.splice(0, first);
  }

  /** The value at a position of the log; undefined if the log no longer has the restart before it. */
  at(position: number): Uint8Array | undefined {
    const link = this.#links.findLast((link) => link.position <= position);
    if (!link || link.position < this.#log.start || position > this.#log.end) return undefined;
    return this.#valueAfter(link, position);
  }

  #valueAfter({ position: start, value }: Link, position: number): Uint8Array {
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
    return this.#links.at(-1)!.position;
  }

  /** The chain from a restart on. */
  save(from: number = this.#links[0]!.position): SavedChain {
    return this.#links.filter(({ position }) => position >= from)
      .map(({ position, value }) => [position, value] as const);
  }

  restore(saved: SavedChain): void {
    // A copy: what was saved may be a part of something large.
    this.#links = saved.map(([position, value]) => ({ position, value: value.slice() }));
  }
}
