// Lines that a person types at a terminal that can only print: each key is echoed at its end, and output never runs
// into a line that is being typed. The line is interrupted, the output gets rows of its own, and the line is repeated
// after it. Knows no room; the terminal and the clock are passed in.
//
// A terminal usually edits and echoes lines by itself, but then no program knows what is typed. So raw mode, as on the
// screen, although no cursor is moved: that would not be plain.

import { ChatError } from "../errors.ts";
import type { Key } from "../terminal/keyboard.ts";
import type { Tty } from "../terminal/tty.ts";
import { isVisible, wordStart } from "../terminal/words.ts";
import { graphemesBefore, withoutHalfPair } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { width } from "../text/width.ts";
import type { Clock } from "./clock.ts";
import { KeyReader } from "./key_reader.ts";

/** The line is repeated when no output has followed for this long, in ms, or at the next key. */
const REPEAT_MS = 100;
/** Longest line, in UTF-16 units: no message is longer. */
const MAX_LINE = 512 * 1024;
/** UTF-16 units of complete lines that may wait for their reader; any one line fits. */
const MAX_WAITING = 1024 * 1024;

/** Erases a column at the end of the line. */
const RUB_OUT = "\b \b";

export class TypedLines {
  readonly #tty: Tty;
  readonly #clock: Clock;
  readonly #keys: KeyReader;
  readonly #interrupt: () => void;
  readonly #typed: ((line: string) => void) | undefined;
  readonly #encoder = new TextEncoder();
  #line = "";
  /** Whether the line is on the screen, and the cursor at its end. */
  #isShown = true;
  /** Complete lines, each with its end. */
  #waiting = "";
  #bytes: Uint8Array = new Uint8Array();
  /** Ctrl-D, which the reader has not got yet. */
  #isAtEnd = false;
  #ended = false;
  #isOpen = true;
  #news = Promise.withResolvers<void>();
  /** Set while too many lines wait; resolves when there is space for more. */
  #full: PromiseWithResolvers<void> | undefined;
  /** A bug, which the reader reports. */
  #failure: unknown;
  readonly #stopListening: () => void;
  #cancelRepeat: (() => void) | undefined;

  /**
   * @param interrupt called for Ctrl-C, which is a key in raw mode
   * @param typed called with the line so far after each key that edits it
   */
  constructor(
    options: { tty: Tty; clock: Clock; interrupt: () => void; typed?: (line: string) => void },
  ) {
    const { tty, clock, interrupt, typed } = options;
    this.#tty = tty;
    this.#clock = clock;
    this.#interrupt = interrupt;
    this.#typed = typed;
    // Keys are read while lines wait, too: Ctrl-C must work.
    const read = () => this.#full?.promise.then(() => tty.read()) ?? tty.read();
    this.#keys = new KeyReader({ read }, clock, {
      keys: (keys) => keys.forEach((key) => this.#onKey(key)),
      // Nothing asks the terminal to mark pastes.
      pastePaused: () => {},
      gone: () => this.#end(),
    });
    tty.setRaw(true);
    this.#stopListening = tty.onContinue(() => this.#continue());
    this.#keys.run().catch((error) => this.#fail(error));
  }

  /**
   * Fills the buffer with complete lines; null at Ctrl-D, and when the terminal has gone. After Ctrl-D more can be read,
   * as from any terminal.
   */
  async read(buffer: Uint8Array): Promise<number | null> {
    const isEmpty = () => this.#bytes.length === 0 && this.#waiting === "";
    while (isEmpty() && !this.#isAtEnd && !this.#ended) {
      await this.#news.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#bytes.length === 0) {
      this.#bytes = this.#encoder.encode(this.#waiting);
      this.#waiting = "";
      this.#full?.resolve();
      this.#full = undefined;
    }
    if (this.#bytes.length === 0) {
      this.#isAtEnd = false;
      return null;
    }
    const count = Math.min(buffer.length, this.#bytes.length);
    buffer.set(this.#bytes.subarray(0, count));
    this.#bytes = this.#bytes.subarray(count);
    return count;
  }

  /** Calls `print`, which prints complete lines, between the lines that are typed. */
  print(print: () => void): void {
    if (this.#isOpen && this.#line !== "" && this.#isShown) {
      this.#tty.write("\n");
      this.#isShown = false;
    }
    print();
    if (this.#isShown) return;
    this.#cancelRepeat?.();
    this.#cancelRepeat = this.#clock.after(REPEAT_MS, () => this.#repeat());
  }

  /** Prints complete lines in UTF-8; resolves with their length. */
  write(bytes: Uint8Array): Promise<number> {
    this.print(() => this.#tty.write(new TextDecoder().decode(bytes)));
    return Promise.resolve(bytes.length);
  }

  /** Gives the terminal back. Calling it twice is harmless. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#keys.stop();
    this.#stopListening();
    this.#cancelRepeat?.();
    if (this.#line !== "" && this.#isShown) this.#tty.write("\n");
    this.#tty.setRaw(false);
  }

  #repeat(): void {
    this.#cancelRepeat?.();
    if (this.#isShown || !this.#isOpen) return;
    this.#isShown = true;
    this.#tty.write(shown(this.#line));
  }

  #onKey(key: Key): void {
    this.#repeat();
    if (key.type === "text") return this.#add(key.text);
    if (key.type === "paste") {
      for (const [i, part] of key.text.split("\n").entries()) {
        if (i > 0) this.#enter();
        this.#add(part);
      }
    }
    if (key.type !== "press") return;
    // The keys that terminals themselves have for this.
    switch (key.key) {
      case "enter":
        return this.#enter();
      case "tab":
        return this.#add("\t");
      case "backspace":
      case "ctrl-h": {
        const [last = ""] = graphemesBefore(this.#line, this.#line.length);
        return this.#keep(this.#line.length - last.length);
      }
      case "ctrl-w":
        return this.#keep(wordStart(this.#line, this.#line.length, isVisible));
      case "ctrl-u":
        return this.#keep(0);
      case "ctrl-r":
        this.#tty.write(`\n${shown(this.#line)}`);
        return;
      case "ctrl-c":
        this.#tty.write("^C\n");
        this.#line = "";
        return this.#interrupt();
      case "ctrl-d":
        if (this.#line !== "") return;
        this.#isAtEnd = true;
        return this.#wake();
      case "ctrl-z":
        return void this.#suspend().catch((error) => this.#fail(error));
    }
  }

  #add(text: string): void {
    const fits = withoutHalfPair(text.slice(0, MAX_LINE - this.#line.length));
    this.#line += fits;
    this.#tty.write(shown(fits));
    this.#typed?.(this.#line);
  }

  /** Keeps the beginning of the line, up to `end`. */
  #keep(end: number): void {
    this.#tty.write(RUB_OUT.repeat(width(shown(this.#line.slice(end)))));
    this.#line = this.#line.slice(0, end);
    this.#typed?.(this.#line);
  }

  #enter(): void {
    this.#tty.write("\n");
    this.#waiting += `${this.#line}\n`;
    this.#line = "";
    if (this.#waiting.length > MAX_WAITING) this.#full ??= Promise.withResolvers();
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async #suspend(): Promise<void> {
    if (!this.#tty.suspend) return;
    this.#tty.write("\n");
    this.#tty.setRaw(false);
    try {
      await this.#tty.suspend();
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      this.#tty.write(`${printable(error.message)}\n`);
    }
    this.#continue();
  }

  #continue(): void {
    if (!this.#isOpen) return;
    this.#tty.setRaw(true);
    this.#isShown = false;
    this.#repeat();
  }
}

/** A typed text as it is echoed: on one row, in one column for each tab. */
function shown(text: string): string {
  return printable(text.replaceAll("\t", " "));
}
