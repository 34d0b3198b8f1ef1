// The title of the terminal's window. The title from before is saved in the terminal, and is back when the terminal is
// given back. A terminal that saves none gets an empty title, which most replace with their own.

import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import type { Clock } from "./clock.ts";

/** The title changes at most once in this time, in ms: in a busy room the number changes with each message. */
const PAUSE_MS = 500;
/** Columns of the longest title. */
const MAX_COLUMNS = 80;

// xterm's control sequences: OSC 2, and XTWINOPS 22 and 23 for the window's title alone.
const ST = "\x1b\\";
const SAVE = "\x1b[22;2t";
const RESTORE = `\x1b]2;${ST}\x1b[23;2t`;

/** Shows a title while the screen has the terminal. */
export class WindowTitle {
  readonly #write: (text: string) => void;
  readonly #clock: Clock;
  /** The terminal keeps the title from before. */
  #isSaved = false;
  #wanted = "";
  #shown: string | undefined;
  /** In ms. */
  #lastWrite = -Infinity;
  #cancel: (() => void) | undefined;

  constructor(write: (text: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  /** What saves the title from before, when the screen takes the terminal; again, if others may have changed it. */
  take(): string {
    // Others may have written their own.
    this.#shown = undefined;
    if (this.#isSaved) return "";
    this.#isSaved = true;
    return SAVE;
  }

  /** What restores the title from before. */
  restore(): string {
    this.#cancel?.();
    this.#cancel = undefined;
    if (!this.#isSaved) return "";
    this.#isSaved = false;
    return RESTORE;
  }

  /** Shows a title, soon if the last one is new; `text` may hold anything. */
  show(text: string): void {
    if (!this.#isSaved) return;
    this.#wanted = cut(printable(text), MAX_COLUMNS);
    if (this.#wanted === this.#shown || this.#cancel) return;
    const now = this.#clock.now().getTime();
    // A clock that was set back must not delay it.
    const wait = PAUSE_MS - Math.max(0, now - this.#lastWrite);
    if (wait <= 0) return this.#set(now);
    this.#cancel = this.#clock.after(wait, () => {
      this.#cancel = undefined;
      if (this.#wanted !== this.#shown) this.#set(this.#clock.now().getTime());
    });
  }

  #set(now: number): void {
    this.#lastWrite = now;
    this.#shown = this.#wanted;
    this.#write(`\x1b]2;${this.#wanted}${ST}`);
  }
}
