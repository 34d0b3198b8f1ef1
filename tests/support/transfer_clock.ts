// Test helper: a clock for file transfers whose time passes when the test says so. No part of the program.

import type { TransferClock } from "../../files/post.ts";

interface Timer {
  readonly ms: number;
  readonly task: () => void;
  due: number;
}

export class StepClock implements TransferClock {
  #now = 0;
  readonly #timers = new Set<Timer>();
  readonly #soon: number;

  /** @param soon time passes by itself up to timers of less than that, in ms */
  constructor(soon = 0) {
    this.#soon = soon;
  }

  readonly now = (): number => this.#now;

  readonly every = (ms: number, task: () => void): () => void => {
    const timer = { ms, task, due: this.#now + ms };
    this.#timers.add(timer);
    if (ms < this.#soon) {
      setImmediate(() => {
        if (this.#timers.has(timer)) this.pass(timer.due - this.#now);
      });
    }
    return () => this.#timers.delete(timer);
  };

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets this time pass, and runs each task when it is due. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(); next && next.due <= end; next = this.#next()) {
      this.#now = Math.max(this.#now, next.due);
      next.due += next.ms;
      next.task();
    }
    this.#now = end;
  }

  #next(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.due - b.due)[0];
  }
}
