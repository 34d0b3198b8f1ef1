// A limit that many share. As long as it is not reached, nobody waits. Above it all are served in turn, and each gets
// the same share, or what it wants if that is less (max-min fair). Knows no members and no frames.

import type { Cost } from "../protocol/cost.ts";
import type { Budget } from "../protocol/json_frames.ts";
import { RateLimiter } from "../protocol/rate_limit.ts";

/** One that waits for its turn. */
interface Waiter {
  /** Its place in the order: less is earlier. */
  readonly start: number;
  readonly cost: Cost;
  readonly go: () => void;
}

export interface SharedLimitOptions {
  readonly budget: Budget;
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** Calls the task after this time; the result cancels that. */
  readonly after: (ms: number, task: () => void) => () => void;
}

/**
 * The order is that of start-time fair queueing (Goyal, Vin and Cheng, 1996): each flow has a virtual time, which each
 * of its waiters moves on by what it costs, and the waiter whose flow is least ahead is next. A flow that has not
 * waited for some time begins where the others are, so it cannot save up turns.
 *
 * @typeParam Flow what shares the limit: members, or networks
 */
export class SharedLimit<Flow> {
  readonly #budget: Budget;
  readonly #limiter: RateLimiter;
  readonly #now: () => number;
  readonly #after: (ms: number, task: () => void) => () => void;
  /** The next one first. */
  readonly #waiting: Waiter[] = [];
  /** The virtual times of flows, in seconds of the full limit, while anybody waits. */
  readonly #ahead = new Map<Flow, number>();
  /** The virtual time of the last one that was served. */
  #virtual = 0;
  /** Cancels the timer for the next one; undefined while nobody waits. */
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor({ budget, now, after }: SharedLimitOptions) {
    this.#budget = budget;
    this.#limiter = new RateLimiter(budget, now());
    this.#now = now;
    this.#after = after;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** What is left; below 0 it is in debt. */
  get left(): Cost {
    return this.#limiter.left(this.#now());
  }

  /** Whether it is as good as new: nobody waits, and nothing is taken of it. */
  get isFull(): boolean {
    return this.#waiting.length === 0 && this.#limiter.isFilled(1, this.#now());
  }

  /** Takes what must not wait. It may be in debt afterwards. */
  charge(cost: Cost): void {
    this.#limiter.take(cost, this.#now());
  }

  /** Takes `cost`: at once, and returns undefined; or when the returned promise resolves. It never rejects. */
  take(flow: Flow, cost: Cost): Promise<void> | undefined {
    const isFree = this.#waiting.length === 0 && this.#limiter.waitFor(0, this.#now()) === 0;
    if (isFree || this.#isClosed) {
      this.charge(cost);
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const start = Math.max(this.#virtual, this.#ahead.get(flow) ?? 0);
    this.#ahead.set(flow, start + this.#secondsOf(cost));
    this.#insert({ start, cost, go: resolve });
    if (!this.#cancel) this.#wait(this.#limiter.waitFor(0, this.#now()));
    return promise;
  }

  /** Everybody that waits goes on, and nobody waits from now on. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    for (const { go } of this.#waiting.splice(0)) go();
  }

  #wait(ms: number): void {
    this.#cancel = this.#after(ms, () => this.#serve());
  }

  #serve(): void {
    this.#cancel = undefined;
    for (;;) {
      const wait = this.#limiter.waitFor(0, this.#now());
      if (wait > 0) return this.#wait(wait);
      const next = this.#waiting.shift();
      if (!next) break;
      this.#virtual = next.start;
      this.charge(next.cost);
      next.go();
      this.#forget();
    }
    this.#ahead.clear();
    this.#virtual = 0;
  }

  /** After all with the same place: they came before. */
  #insert(waiter: Waiter): void {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#waiting[middle]!.start <= waiter.start) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, waiter);
  }

  /** Forgets flows that are not ahead of the others, when most of the known ones may be of that kind. */
  #forget(): void {
    if (this.#ahead.size < 2 * this.#waiting.length + 64) return;
    for (const [flow, ahead] of this.#ahead) {
      if (ahead <= this.#virtual) this.#ahead.delete(flow);
    }
  }

  /** How long the full limit works for it, in seconds. */
  #secondsOf({ frames, bytes }: Cost): number {
    return Math.max(frames / this.#budget.frames, bytes / this.#budget.bytes);
  }
}
