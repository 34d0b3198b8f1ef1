// Test helper: a timer whose time passes when a test says so. No part of the program.

import type { Timer } from "../../protocol/classic_wire.ts";
import type { Clock } from "../../ui/clock.ts";
import { within } from "./async.ts";

export class FakeTimer {
  readonly #soon: readonly number[];
  readonly #waiting = new Set<{ readonly ms: number; readonly task: () => void }>();
  /** How long those were to wait that have begun. */
  readonly #begun: number[] = [];
  #news = Promise.withResolvers<void>();

  /** @param soon what waits for so many ms has not to be told */
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

  /** How many wait for so many ms. */
  count(ms: number): number {
    return Array.from(this.#waiting).filter((one) => one.ms === ms).length;
  }

  /** Resolves when so many wait for so long. */
  async waits(ms: number, count = 1): Promise<void> {
    while (this.count(ms) < count) await within(`a wait of ${ms} ms`, this.#news.promise);
  }

  /** Resolves when so many have begun to wait for so long, whatever has become of them. */
  async began(ms: number, count: number): Promise<void> {
    while (this.#begun.filter((one) => one === ms).length < count) {
      await within(`wait number ${count} of ${ms} ms`, this.#news.promise);
    }
  }

  /** For those who wait for so many ms, they are over. */
  pass(ms: number): void {
    for (const one of [...this.#waiting]) {
      if (one.ms === ms && this.#waiting.delete(one)) one.task();
    }
  }
}

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
