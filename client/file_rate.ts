// Paces the file data of one direction, all files together: no more than a rate, and a little at once. Pure: the clock
// is passed in. Knows no frame and no member.

import { MAX_FRAME } from "../protocol.ts";
import { dataCost } from "../protocol/data.ts";
import { TokenBucket } from "../protocol/rate_limit.ts";
import type { TransferClock } from "../files/post.ts";

/** The lowest rate, in bytes per second: at less, receivers would count data as lost that is only slow. */
export const MIN_FILE_RATE: number = 16 * 1024;
/** The smallest piece, in bytes: senders cut none that are smaller, unless the file ends. */
const MIN_PIECE = 24 * 1024;
/** How long one piece takes, in seconds: receivers count data as lost that does not come for some seconds. */
const PIECE_SECONDS = 0.5;
/** How late a timer may be, in seconds, without a loss of speed. */
const LATE_SECONDS = 0.1;

export class FileRate {
  /** How many bytes one frame may have, as `dataCost` counts them; Infinity without a limit. */
  readonly piece: number;
  readonly #burst: number;
  readonly #bucket: TokenBucket | undefined;
  readonly #clock: TransferClock;
  readonly #ready: () => void;
  #endWait: (() => void) | undefined;
  #isClosed = false;

  /**
   * @param rate bytes per second; 0 or undefined: no limit
   * @param ready called when something that had to wait may go
   */
  constructor(rate: number | undefined, clock: TransferClock, ready: () => void) {
    this.piece = rate ? pieceOf(rate) : Infinity;
    this.#burst = rate ? burstOf(rate) : Infinity;
    this.#bucket = rate ? new TokenBucket(rate, this.#burst, clock.now()) : undefined;
    this.#clock = clock;
    this.#ready = ready;
  }

  /** Whether that many bytes, or one piece of them, may go now. If not, `ready` is called when they may. */
  may(bytes: number = this.piece): boolean {
    if (!this.#bucket) return true;
    const part = Math.min(bytes, this.piece) / this.#burst;
    const wait = this.#bucket.until(part, this.#clock.now());
    if (wait === 0) return true;
    if (!this.#isClosed) this.#endWait ??= this.#clock.every(wait, () => this.#wake());
    return false;
  }

  /** Bytes go: at most a piece, after `may`. */
  take(bytes: number): void {
    this.#bucket?.take(bytes, this.#clock.now());
  }

  /**
   * Takes as many of these bytes as may be let in now, which can be 0. `ready` is called when it can be more; until
   * then nobody gets any, so that those who waited come first.
   */
  release(bytes: number): number {
    if (!this.#bucket) return bytes;
    if (this.#endWait) return 0;
    const level = Math.floor(this.#bucket.level(this.#clock.now()));
    const released = this.may(bytes) ? Math.min(bytes, level) : 0;
    this.take(released);
    if (released < bytes) this.may(bytes - released);
    return released;
  }

  #wake(): void {
    this.#endWait?.();
    this.#endWait = undefined;
    this.#ready();
  }

  /** Ends the timer. */
  close(): void {
    this.#isClosed = true;
    this.#endWait?.();
    this.#endWait = undefined;
  }
}

/** Bytes of the largest piece at this rate. */
export function pieceOf(rate: number): number {
  return Math.min(dataCost(MAX_FRAME), Math.max(MIN_PIECE, Math.floor(PIECE_SECONDS * rate)));
}

/** Bytes that may go at once after a pause. */
export function burstOf(rate: number): number {
  return pieceOf(rate) + Math.ceil(LATE_SECONDS * rate);
}
