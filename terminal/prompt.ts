// Questions at the terminal, also with a hidden answer, such as a code. Knows nothing of what it asks for; the streams
// are passed in.
//
// `promptSecret` of `@std/cli` does not fit: Ctrl-C there ends the program and leaves the terminal without echo, and
// backspace deletes a byte, not a character.

import { ChatError, TerminalGone } from "../errors.ts";
import { KeyParser } from "./keyboard.ts";
import type { Tty } from "./tty.ts";
import { type SyncWriter, writeAll } from "./write_all.ts";

/** The input of a terminal, such as `Deno.stdin`. */
export interface KeyboardInput {
  isTerminal(): boolean;
  /** In raw mode each key arrives at once, Ctrl-C is a key, and the terminal echoes nothing. */
  setRaw(raw: boolean): void;
  readSync(buffer: Uint8Array): number | null;
}

/** What is asked for, in error messages; and what else could be done. */
export interface Answer {
  readonly name: string;
  readonly hint: string;
}

/**
 * Asks on `output`, and reads the answer from the terminal without an echo. Ctrl-Z does nothing here: people would
 * not see whether they are still asked.
 *
 * @throws {ChatError} if the input is not a terminal, or the user cancels
 * @throws {TerminalGone} if the terminal has gone
 */
export function askHidden(
  question: string,
  input: KeyboardInput,
  output: SyncWriter,
  { name, hint }: Answer,
): string {
  if (!input.isTerminal()) {
    throw new ChatError(`Cannot ask for ${name}: the input is not a terminal`, { hint });
  }
  // Before the question, so that a quick answer is not echoed. Ctrl-C is a key then; as a signal it would end the
  // program and leave a terminal that shows nothing.
  input.setRaw(true);
  let answer: string | undefined;
  try {
    writeAll(output, `${question} `);
    answer = readHidden(input);
  } catch (cause) {
    if (input.isTerminal()) throw cause;
  } finally {
    if (input.isTerminal()) {
      input.setRaw(false);
      writeAll(output, "\n");
    }
  }
  if (!input.isTerminal()) throw new TerminalGone(`Cannot ask for ${name}: the terminal has gone`);
  if (answer !== undefined) return answer;
  throw new ChatError(`Cannot continue without ${name}: you did not type it`);
}

/** A line from a terminal in raw mode; undefined if the user cancels. It reads no further than the line's end. */
function readHidden(input: KeyboardInput): string | undefined {
  const byte = new Uint8Array(1);
  const line = new HiddenLine();
  for (;;) {
    if (!input.readSync(byte)) return undefined;
    const end = line.feed(byte);
    if (end) return end.answer;
  }
}

/**
 * Like `askHidden`, but after a screen on the same terminal. That may still be reading, and a program cannot end its
 * own read: `tty.read` continues it.
 *
 * @throws {ChatError} if the user cancels
 * @throws {TerminalGone} if the terminal has gone
 */
export async function askHiddenLater(
  question: string,
  tty: Pick<Tty, "read" | "write" | "setRaw">,
  { name }: Pick<Answer, "name">,
): Promise<string> {
  const line = new HiddenLine();
  tty.setRaw(true);
  let end: { readonly answer: string | undefined } | undefined;
  try {
    tty.write(`${question} `);
    while (!end) {
      const bytes = await tty.read();
      if (!bytes) throw new TerminalGone(`Cannot ask for ${name}: the terminal has gone`);
      end = line.feed(bytes);
    }
  } finally {
    tty.setRaw(false);
    tty.write("\n");
  }
  if (end.answer !== undefined) return end.answer;
  throw new ChatError(`Cannot continue without ${name}: you did not type it`);
}

/** A line that is typed in raw mode. */
class HiddenLine {
  readonly #keys = new KeyParser();
  #text = "";

  /** Returns the answer, undefined if the user cancels; nothing if the line goes on. */
  feed(bytes: Uint8Array): { readonly answer: string | undefined } | undefined {
    // No paste has markers here. Should one begin all the same, Ctrl-C ends it.
    this.#keys.pastePaused();
    for (const key of this.#keys.feed(bytes)) {
      if (key.type === "text" || key.type === "paste") this.#text += key.text;
      if (key.type !== "press") continue;
      switch (key.key) {
        case "enter":
          return { answer: this.#text };
        case "ctrl-c":
        case "ctrl-d":
          return { answer: undefined };
        case "backspace":
        case "ctrl-h":
          this.#text = Array.from(this.#text).slice(0, -1).join("");
          break;
        case "ctrl-u":
          this.#text = "";
          break;
      }
    }
    return undefined;
  }
}

/** The longest line that is read, in bytes; the rest is dropped. */
const MAX_LINE = 1024;

/**
 * Asks on `output`, and reads a line from the terminal, which edits and echoes it.
 *
 * @throws {ChatError} if the input is not a terminal, or it ends
 * @throws {TerminalGone} if the terminal has gone
 */
export function askLine(
  question: string,
  input: KeyboardInput,
  output: SyncWriter,
  { name, hint }: Answer,
): string {
  if (!input.isTerminal()) {
    throw new ChatError(`Cannot ask for ${name}: the input is not a terminal`, { hint });
  }
  let answer: string | undefined;
  try {
    writeAll(output, `${question} `);
    answer = readLine(input);
    if (answer === undefined && input.isTerminal()) writeAll(output, "\n");
  } catch (cause) {
    if (input.isTerminal()) throw cause;
  }
  if (!input.isTerminal()) throw new TerminalGone(`Cannot ask for ${name}: the terminal has gone`);
  if (answer !== undefined) return answer;
  throw new ChatError(`Cannot continue without ${name}: you did not type it`, { hint });
}

/** undefined at the end of the input. It reads no further than the line's end. */
function readLine(input: KeyboardInput): string | undefined {
  const byte = new Uint8Array(1);
  const line: number[] = [];
  for (;;) {
    if (!input.readSync(byte)) return undefined;
    if (byte[0] === 0x0a) return new TextDecoder().decode(Uint8Array.from(line)).replace(/\r$/, "");
    if (line.length < MAX_LINE) line.push(byte[0]!);
  }
}
