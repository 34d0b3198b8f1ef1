// What one member may send: token buckets that say how long to wait, and the patience with who is always
// at their bottom. Pure: the time is passed in.

import type { Budget } from "./json_frames.ts";

/** A bucket that fills at a steady rate, and may be in debt. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #then: number;

  /**
   * Full at first.
   *
   * @param rate tokens a second, more than 0
   * @param burst tokens that it holds
   * @param now milliseconds, on any clock that does not go back
   */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
    this.#then = now;
  }

  /** How full it is, from 1 down; below 0 it is in debt. */
  fill(now: number): number {
    const came = this.#rate * Math.max(0, now - this.#then) / 1000;
    this.#level = Math.min(this.#burst, this.#level + came);
    this.#then = now;
    return this.#level / this.#burst;
  }

  /** How many ms it takes until it is so full, at the least 1 if it is not. */
  until(part: number, now: number): number {
    const lacks = part * this.#burst - this.fill(now) * this.#burst;
    return lacks <= 0 ? 0 : Math.ceil(lacks / this.#rate * 1000);
  }

  /**
   * Takes `count` tokens, whether they are there or not.
   *
   * @returns how many ms to wait until the debt from before is paid; 0 if there was none. Who waits so
   * long is never in debt by more than what it took last
   */
  take(count: number, now: number): number {
    this.fill(now);
    const wait = this.#level < 0 ? Math.ceil(-this.#level / this.#rate * 1000) : 0;
    this.#level -= count;
    return wait;
  }
}

/**
 * What counts of a frame that is cheap: it is written once or not at all, and not once for each member. So a file goes
 * 64 times as fast as a crowd is talked to.
 */
export const DIRECT_PART = 1 / 64;

/** A quarter of a burst: who has got so much back has paused. */
const RECOVERED = 1 / 4;

/**
 * Both buckets of a budget. For the server it says how long a frame that came has to wait before it is
 * handled, for the client how long before it is sent.
 */
export class RateLimiter {
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;
  #recovered = true;

  /** @param now milliseconds, on any clock that does not go back */
  constructor(budget: Budget, now: number) {
    this.#frames = new TokenBucket(budget.frames, budget.frameBurst, now);
    this.#bytes = new TokenBucket(budget.bytes, budget.byteBurst, now);
  }

  /**
   * Counts one frame.
   *
   * @param bytes its length, header included
   * @param part how much of it counts: see `DIRECT_PART`
   * @returns how many ms it has to wait, from `now` on; 0 if none
   */
  take(bytes: number, now: number, part = 1): number {
    this.#recovered = this.#frames.fill(now) >= RECOVERED && this.#bytes.fill(now) >= RECOVERED;
    return Math.max(this.#frames.take(part, now), this.#bytes.take(part * bytes, now));
  }

  /** How many ms it takes until both buckets are so full that something may go which can wait. */
  waitFor(part: number, now: number): number {
    return Math.max(this.#frames.until(part, now), this.#bytes.until(part, now));
  }

  /** Whether the frame that was counted last found both buckets a quarter full. */
  get recovered(): boolean {
    return this.#recovered;
  }
}

/** Slowed for so long, in ms, a member is warned: a paste is through by then, a script without end is not. */
export const WARN_AFTER_MS = 10_000;
/** Slowed for so long, in ms, a member is dropped: who was warned had 50 seconds to stop. */
export const DROP_AFTER_MS = 60_000;

/**
 * What to do about a member, at each of its frames: let it `go on`; `slow` it, the first time; `warn` it,
 * once; `drop` it. What comes between these is slowed too, and needs no word.
 */
export type Verdict = "go on" | "slow" | "warn" | "drop";

/**
 * The patience with one member. What counts is the time that its frames had to wait, added up, and not what
 * it sent: who keeps to its budget never waits. All is forgiven when its buckets have recovered.
 */
export class FloodGuard {
  /** Time waited since the buckets had recovered last, in ms. */
  #slowed = 0;
  #warned = false;

  /**
   * @param wait what `RateLimiter.take` gave, in ms
   * @param recovered `RateLimiter.recovered`
   */
  check(wait: number, recovered: boolean): Verdict {
    if (recovered) {
      this.#slowed = 0;
      this.#warned = false;
    }
    if (wait === 0) return "go on";
    const first = this.#slowed === 0;
    this.#slowed += wait;
    if (this.#slowed >= DROP_AFTER_MS) return "drop";
    if (this.#slowed >= WARN_AFTER_MS && !this.#warned) {
      this.#warned = true;
      return "warn";
    }
    return first ? "slow" : "go on";
  }
}
