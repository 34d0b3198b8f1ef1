// Test helper: a timer and a clock whose time passes when the test calls `pass`. No part of the program.

import type { Timer } from "../../protocol/classic_wire.ts";
import type { Clock } from "../../ui/clock.ts";
import { within } from "./async.ts";

/** A timer for code that takes only `after`. */
export class FakeTimer {
  readonly #soon: readonly number[];
  readonly #waiting = new Set<{ readonly ms: number; readonly task: () => void }>();
  /** The lengths of all waits that have begun, in ms. */
  readonly #begun: number[] = [];
  #news = Promise.withResolvers<void>();

  /** @param soon waits of these lengths, in ms, pass by themselves */
  constructor(...soon: readonly number[]) {
    this.#soon = soon;
  }

  readonly after: Timer = (ms, task) => {
    if (this.#soon.includes(ms)) {
      const timer = setImmediate(task);
      return () => clearImmediate(timer);
    }
    const one = { ms, task };
    this.#waiting.add(one);
    this.#begun.push(ms);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
    return () => void this.#waiting.delete(one);
  };

  /** The number of tasks that now wait for `ms`. */
  count(ms: number): number {
    return Array.from(this.#waiting).filter((one) => one.ms === ms).length;
  }

  /** Resolves when `count` tasks wait for `ms` at the same time. */
  async waits(ms: number, count = 1): Promise<void> {
    while (this.count(ms) < count) await within(`a wait of ${ms} ms`, this.#news.promise);
  }

  /** Resolves when `count` waits of `ms` have begun, including those that are over. */
  async began(ms: number, count: number): Promise<void> {
    while (this.#begun.filter((one) => one === ms).length < count) {
      await within(`wait number ${count} of ${ms} ms`, this.#news.promise);
    }
  }

  /** Ends all waits of `ms`. */
  pass(ms: number): void {
    for (const one of [...this.#waiting]) {
      if (one.ms === ms && this.#waiting.delete(one)) one.task();
    }
  }
}

/** A clock for code that also reads the time. */
export class FakeClock implements Clock {
  #now = new Date(2026, 0, 2, 9, 5).getTime();
  #tasks = new Set<{ due: number; task: () => void }>();

  now(): Date {
    return new Date(this.#now);
  }

  after(ms: number, task: () => void): () => void {
    const entry = { due: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  /** Lets `ms` pass, and runs each task that is due at its time. */
  pass(ms = 0): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#tasks].sort((a, b) => a.due - b.due);
      if (!next || next.due > end) break;
      this.#tasks.delete(next);
      this.#now = next.due;
      next.task();
    }
    this.#now = end;
  }

  /** The time `ms` milliseconds from now. */
  in(ms: number): Date {
    return new Date(this.#now + ms);
  }

  get waiting(): number {
    return this.#tasks.size;
  }
}

/** A clock that jumps from one timer to the next. */
export class PlayClock {
  /** In ms. */
  time = 0;
  #timers: { readonly at: number; readonly task: () => void }[] = [];

  readonly now = (): number => this.time;

  readonly after: Timer = (ms, task) => {
    const timer = { at: this.time + ms, task };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  };

  /** How many timers run. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets time pass up to this moment. */
  async until(ms: number): Promise<void> {
    for (;;) {
      // What the last timer woke may set the next one.
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#timers.sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > ms) break;
      this.#timers.shift();
      this.time = Math.max(this.time, next.at);
      next.task();
    }
    this.time = ms;
  }
}
