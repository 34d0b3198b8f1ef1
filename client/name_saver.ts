// Saves the names that this user knows in batches: members may join or rename themselves at any rate, and each save
// writes to the disk. Knows no file and no clock.

import type { Self } from "./handshake.ts";

/** How long a change may wait, in ms. */
export const SAVE_MS = 1_000;

/** Saves at most once in `SAVE_MS`. */
export class NameSaver {
  readonly #self: Pick<Self, "knownNames" | "save"> | undefined;
  readonly #after: (ms: number, task: () => void) => () => void;
  /** Cancels the next save. */
  #cancel: (() => void) | undefined;

  /**
   * @param self undefined in xor rooms, which have no keys
   * @param after calls the task after a time in ms; returns a function that cancels that
   */
  constructor(
    self: Pick<Self, "knownNames" | "save"> | undefined,
    after: (ms: number, task: () => void) => () => void,
  ) {
    this.#self = self;
    this.#after = after;
  }

  /** To be called after anything that may have changed the names. */
  check(): void {
    if (!this.#cancel && this.#self?.knownNames.changed) {
      this.#cancel = this.#after(SAVE_MS, () => this.flush());
    }
  }

  /** Saves all changes now. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#self?.knownNames.changed) this.#self.save?.();
  }
}
