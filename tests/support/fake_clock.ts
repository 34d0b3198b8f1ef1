// Test helper: a timer whose time passes when a test says so. No part of the program.

import type { Timer } from "../../protocol/classic_wire.ts";
import { within } from "./loopback.ts";

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
