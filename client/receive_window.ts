// How many bytes one sender may have on their way to this client. Pure; the clock is passed in.
//
// More bytes on their way than the path holds wait in a queue somewhere, and delay the chat of the same socket.
// So the window grows while the round trip stays near its minimum, and is halved when it does not (the idea of LEDBAT,
// RFC 6817).

const KIB = 1024;
/** The largest window, in bytes: what a server passes on at once to one receiver, less what is around the bytes. */
export const MAX_WINDOW: number = 3 * 1024 * KIB;
export const MIN_WINDOW: number = 32 * KIB;
const FIRST_WINDOW = 128 * KIB;
/** What a window grows by in one round trip, after it was halved once. */
const STEP = 128 * KIB;
/** A round trip that is this much longer than the shortest one has waited in a queue, in ms. */
const QUEUED_MS = 50;
/** The shortest round trip is that of the last one or two periods of this length, in ms: a path may change. */
const PERIOD_MS = 10_000;

export class ReceiveWindow {
  #size = FIRST_WINDOW;
  /** It doubles until the first queue. */
  #isFirst = true;
  /** The shortest round trips of this period and of the one before, in ms. */
  #shortest = Infinity;
  #shortestBefore = Infinity;
  #periodAt = -Infinity;

  /** Bytes, an integer. */
  get size(): number {
    return this.#size;
  }

  /**
   * A round trip is over.
   *
   * @param ms from a grant to the first byte that only this grant allowed
   */
  measured(ms: number, now: number): void {
    if (now - this.#periodAt >= PERIOD_MS) {
      this.#periodAt = now;
      this.#shortestBefore = this.#shortest;
      this.#shortest = Infinity;
    }
    this.#shortest = Math.min(this.#shortest, ms);
    if (ms >= Math.min(this.#shortest, this.#shortestBefore) + QUEUED_MS) return this.halve();
    const step = this.#isFirst ? this.#size : STEP;
    this.#size = Math.min(MAX_WINDOW, this.#size + step);
  }

  /** Bytes wait in a queue, or were lost. */
  halve(): void {
    this.#isFirst = false;
    this.#size = Math.max(MIN_WINDOW, Math.floor(this.#size / 2));
  }
}
