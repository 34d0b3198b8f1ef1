// Limits what is sent: token buckets compute how long to wait, and a guard decides when a member floods. Pure: the time
// is passed in. Knows no frames and no connections.

import type { Cost } from "./cost.ts";
import type { Budget } from "./json_frames.ts";

/** A bucket of tokens that fills at a steady rate. It may be in debt. */
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
   * @param now milliseconds, on any clock that never goes back
   */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
    this.#then = now;
  }

  /** How full it is: 1 is full, below 0 it is in debt. */
  fill(now: number): number {
    return this.level(now) / this.#burst;
  }

  /** How many tokens it has; below 0 it is in debt. */
  level(now: number): number {
    const came = this.#rate * Math.max(0, now - this.#then) / 1000;
    this.#level = Math.min(this.#burst, this.#level + came);
    this.#then = now;
    return this.#level;
  }

  /** Gives it this many tokens, as far as it can hold them. */
  set(level: number, now: number): void {
    this.#level = Math.min(this.#burst, level);
    this.#then = now;
  }

  /** How many ms until it is filled to `part`: 0 if it is, otherwise at least 1. */
  until(part: number, now: number): number {
    const lacks = part * this.#burst - this.level(now);
    return lacks <= 0 ? 0 : Math.ceil(lacks / this.#rate * 1000);
  }

  /**
   * Takes `count` tokens, even if it has fewer.
   *
   * @returns how many ms to wait until the debt from before is paid; 0 without a debt. A caller that waits that
   * long is never in debt by more than what it took last
   */
  take(count: number, now: number): number {
    this.level(now);
    const wait = this.#level < 0 ? Math.ceil(-this.#level / this.#rate * 1000) : 0;
    this.#level -= count;
    return wait;
  }
}

/** A quarter of a burst: a member that has got this much back has paused. */
const RECOVERED = 1 / 4;

/**
 * The two buckets of a budget: frames and bytes. The server asks how long a received frame must wait before it is
 * handled, the client how long a frame must wait before it is sent.
 */
export class RateLimiter {
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;
  #recovered = true;

  /** @param now milliseconds, on any clock that never goes back */
  constructor(budget: Budget, now: number) {
    this.#frames = new TokenBucket(budget.frames, budget.frameBurst, now);
    this.#bytes = new TokenBucket(budget.bytes, budget.byteBurst, now);
  }

  /** Counts one frame; returns how many ms it must wait, from `now` on. */
  take({ frames, bytes }: Cost, now: number): number {
    this.#recovered = this.isFilled(RECOVERED, now);
    return Math.max(this.#frames.take(frames, now), this.#bytes.take(bytes, now));
  }

  /** What it has left; below 0 it is in debt. */
  left(now: number): Cost {
    return { frames: this.#frames.level(now), bytes: this.#bytes.level(now) };
  }

  /** Gives it what is left, as far as it can hold that. */
  set({ frames, bytes }: Cost, now: number): void {
    this.#frames.set(frames, now);
    this.#bytes.set(bytes, now);
  }

  /** Whether both buckets are filled to `part`. */
  isFilled(part: number, now: number): boolean {
    return this.#frames.fill(now) >= part && this.#bytes.fill(now) >= part;
  }

  /** How many ms until both buckets are filled to `part`: for frames that may wait until budget is left over. */
  waitFor(part: number, now: number): number {
    return Math.max(this.#frames.until(part, now), this.#bytes.until(part, now));
  }

  /** Whether both buckets were a quarter full when the last frame was counted. */
  get recovered(): boolean {
    return this.#recovered;
  }
}

/** Slowed down for this time, in ms, a member is warned. A paste is through by then, an endless script is not. */
export const WARN_AFTER_MS = 10_000;
/** Slowed down for this time, in ms, a member is disconnected: it had 50 seconds since the warning. */
export const DROP_AFTER_MS = 60_000;

/**
 * What to do about a member, at each of its frames: let it `go on`; report the first `slow` frame; `warn` the member,
 * once; `drop` it. Frames between these are slowed down too, without a report.
 */
export type Verdict = "go on" | "slow" | "warn" | "drop";

/**
 * Decides when one member floods the room. It adds up the time that the member's frames had to wait: a member that
 * keeps to its budget never waits. The sum starts again at 0 when the buckets have recovered.
 */
export class FloodGuard {
  /** How long its frames have waited since the buckets last recovered, in ms. */
  #slowed = 0;
  #warned = false;

  /**
   * @param wait the result of `RateLimiter.take`, in ms
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
