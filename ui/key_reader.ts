// Reads keys from a terminal, and knows how long to wait for the rest of one. Knows no line and no room: a listener
// gets the keys. The terminal and the clock are passed in.

import { type Key, KeyParser } from "../terminal/keyboard.ts";
import type { Tty } from "../terminal/tty.ts";
import type { Clock } from "./clock.ts";

/** How long an ESC waits for the rest of its sequence, in ms: longer for slow lines, shorter for people. */
const ESCAPE_MS = 50;
/** How long a paste without an end may be silent before the user can end it, in ms: a slow line pauses, too. */
const PASTE_MS = 1000;

export interface KeyListener {
  /** The keys of one read, at least one. */
  keys(keys: readonly Key[]): void;
  /** A paste has paused: the next Ctrl-C ends it. Or a paste that had paused has ended; its text follows. */
  pastePaused(paused: boolean): void;
  /** There is nothing more to read: the terminal has gone. */
  gone(): void;
}

export class KeyReader {
  readonly #tty: Pick<Tty, "read">;
  readonly #clock: Clock;
  readonly #listener: KeyListener;
  readonly #parser = new KeyParser();
  #isPaused = false;
  #isStopped = false;
  #cancelEscape: (() => void) | undefined;
  #cancelPaste: (() => void) | undefined;

  constructor(tty: Pick<Tty, "read">, clock: Clock, listener: KeyListener) {
    this.#tty = tty;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Resolves when the terminal has gone, or after `stop` at the next key. */
  async run(): Promise<void> {
    for (;;) {
      const bytes = await this.#tty.read();
      this.#cancelTimers();
      // Once the terminal is given back, keys belong to the program that has it now.
      if (this.#isStopped) return;
      if (bytes === null) return this.#listener.gone();
      const keys = this.#parser.feed(bytes);
      if (this.#isPaused && !this.#parser.pasting) this.#pause(false);
      this.#pass(keys);
      this.#wait();
    }
  }

  /** Passes no key on any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimers();
  }

  #pass(keys: readonly Key[]): void {
    if (keys.length > 0) this.#listener.keys(keys);
  }

  #wait(): void {
    // A key may have called `stop`.
    if (this.#isStopped) return;
    if (this.#parser.waiting) {
      this.#cancelEscape = this.#clock.after(ESCAPE_MS, () => this.#pass(this.#parser.flush()));
    }
    if (this.#parser.pasting && !this.#isPaused) {
      this.#cancelPaste = this.#clock.after(PASTE_MS, () => {
        this.#parser.pastePaused();
        this.#pause(true);
      });
    }
  }

  #pause(paused: boolean): void {
    this.#isPaused = paused;
    this.#listener.pastePaused(paused);
  }

  #cancelTimers(): void {
    this.#cancelEscape?.();
    this.#cancelPaste?.();
  }
}
