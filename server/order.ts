// The one order of a room's entries. In memory: each entry is applied at once. Knows neither members nor sockets.

import type { Entry } from "./entry.ts";

/** Brings entries into one order, and applies each. */
export interface Order<Applied> {
  /**
   * Puts an entry at the end. Calls `done` with the result when the entry has been applied, and all entries before
   * it. An entry that is put while another one is applied follows that one.
   */
  put(entry: Omit<Entry, "time">, done?: (applied: Applied) => void): void;
}

/** The order of a room that only this process has: it ends with the process. */
export class MemoryOrder<Applied> implements Order<Applied> {
  readonly #apply: (entry: Entry) => Applied;
  readonly #now: () => number;
  /** Entries that were put while another was applied: they are next. */
  readonly #next: [Entry, ((applied: Applied) => void) | undefined][] = [];
  #isApplying = false;

  /** @param now the clock, in ms since 1970 */
  constructor(apply: (entry: Entry) => Applied, now: () => number) {
    this.#apply = apply;
    this.#now = now;
  }

  put(entry: Omit<Entry, "time">, done?: (applied: Applied) => void): void {
    this.#next.push([{ ...entry, time: this.#now() }, done]);
    if (this.#isApplying) return;
    this.#isApplying = true;
    try {
      for (let next = this.#next.shift(); next; next = this.#next.shift()) {
        const [entry, done] = next;
        const applied = this.#apply(entry);
        done?.(applied);
      }
    } finally {
      this.#isApplying = false;
    }
  }
}
