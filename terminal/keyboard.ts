// Bytes from a raw terminal become keys. The terminal's answers to questions arrive in the same stream; this
// module separates them from keys. Pure: knows no terminal, no clock and no line.

import { withoutHalfPair } from "../text/graphemes.ts";
import { controlKey, keyOf, type Pressed } from "./key_names.ts";

/** Longest paste, in UTF-16 units. A terminal may open a paste and never close it: this bounds the memory. */
export const MAX_PASTE = 512 * 1024;

/** Parameter bytes of an escape sequence. Keys have at most 8, a terminal's list of its features some dozens. */
const MAX_PARAMETERS = 128;

/** Longest answer of a terminal that is skipped, in UTF-16 units. Real answers have some dozens. */
const MAX_ANSWER = 4096;
/** UTF-16 units kept of an answer: enough for the answers that are read, a colour and a number. */
const MAX_KEPT = 64;

/** One event from the terminal: a key, a paste, or the terminal's answer to a question. */
export type Key =
  /**
   * Characters to insert, at least one: a run of typed text may arrive in any pieces. Or a key: `enter`, `tab`,
   * `up`, `ctrl-a`, `alt-b`, `ctrl-left`, `alt-enter` …
   */
  | Pressed
  /** A bracketed paste, newlines as `\n`. `cut`: it was longer than `MAX_PASTE`. */
  | { readonly type: "paste"; readonly text: string; readonly cut: boolean }
  /** The window has gained or lost the focus (xterm, mode 1004). */
  | { readonly type: "focus"; readonly focused: boolean }
  /** The background colour, each part from 0 to 255: the answer to OSC 11. */
  | {
    readonly type: "background";
    readonly red: number;
    readonly green: number;
    readonly blue: number;
  }
  /** The terminal's level and features: the answer to DA1. */
  | { readonly type: "attributes"; readonly attributes: readonly number[] }
  /** The terminal's own name: the answer to xterm's CSI > q. */
  | { readonly type: "terminal"; readonly name: string }
  /** The cursor's column, from 0: the answer to CSI 6 n. */
  | { readonly type: "cursor"; readonly column: number }
  /** A character's size in pixels: the answer to xterm's CSI 16 t. */
  | { readonly type: "cell"; readonly width: number; readonly height: number }
  /** Whether the terminal understands kitty's protocol for pictures: the answer to the question `id`. */
  | { readonly type: "graphics"; readonly id: number; readonly ok: boolean };

/** ECMA-48: CSI, parameters, intermediates, final byte. The second `[` is the Linux console's F1 to F5. */
const CSI = `\\[\\[?[0-?]{0,${MAX_PARAMETERS}}[ -/]?`;
/**
 * The start of an answer that is a string (ECMA-48): OSC, DCS or APC, and its first character. Answers begin with
 * a digit or punctuation, kitty's answers about pictures with G. Before another letter it was Alt and the key.
 */
const ANSWER = "\\][0-9]|P[0-9<=>?!$+|]|_G";
/** A complete escape sequence: CSI, SS3, or ESC before a character, which is how terminals send Alt. */
const SEQUENCE = new RegExp(`\\x1b(?:${CSI}[@-Z\\\\-~]|O[@-~]|${ANSWER}|[^[O\\]P_\\x1b])`, "uy");
/** The beginning of an escape sequence: more bytes decide. */
const BEGUN = new RegExp(`\\x1b(?:${CSI}|[O\\]P_])?`, "uy");
// deno-lint-ignore no-control-regex
const TEXT = /[^\x00-\x1f\x7f]+/y;

const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";
const FOCUS_IN = "\x1b[I";
const FOCUS_OUT = "\x1b[O";

/** Largest believable character, in pixels a side. */
const MAX_CELL = 512;

/** A paste that has not ended. */
interface Paste {
  text: string;
  /** May be the beginning of the end marker. */
  tail: string;
  cut: boolean;
  /** Nothing has arrived for a while, although the paste has not ended. */
  paused: boolean;
}

/** An answer that has not ended. */
interface Answer {
  /** `]`, `P` or `_`, and what follows, up to `MAX_KEPT`. */
  text: string;
  /** Its length so far, in UTF-16 units. */
  length: number;
  /** The last character was an ESC, which may be the first half of ST. */
  ending: boolean;
}

/**
 * Turns bytes from a raw terminal into keys. Feed it the result of each read. Sequences and characters may be
 * split anywhere: the keys are the same, only runs of text may be split in other places.
 *
 * An ESC at the end of a read may be the Escape key or the beginning of a sequence. After a short time without
 * bytes, the caller calls `flush()`.
 *
 * A terminal's answers are never taken for typed text. The background colour and the answers about pictures
 * become keys. Other answers are left out.
 *
 * @example
 * ```ts
 * const keys = new KeyParser();
 * keys.feed(new TextEncoder().encode("hi\x1b[")); // text "hi"
 * keys.feed(new TextEncoder().encode("A")); // press "up"
 * ```
 */
export class KeyParser {
  // Decoding first is safe: a byte of a sequence is never part of a longer UTF-8 character. Invalid UTF-8 becomes
  // U+FFFD. A byte order mark is an ordinary character here.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** An incomplete escape sequence: at most ESC [ [, parameters and one intermediate. */
  #begun = "";
  /** What `flush` has taken for a key: the next read may be the rest of its sequence. */
  #flushed = "";
  #paste: Paste | undefined;
  #answer: Answer | undefined;

  /** Whether the meaning of an ESC depends on the next bytes. */
  get waiting(): boolean {
    return this.#begun !== "";
  }

  /** Whether a paste has not ended. */
  get pasting(): boolean {
    return this.#paste !== undefined;
  }

  /** Returns the keys that `bytes`, those of one read, complete. */
  feed(bytes: Uint8Array): Key[] {
    const keys: Key[] = [];
    if (this.#paste?.paused && isCtrlC(bytes)) {
      this.#endPaste(this.#paste, keys);
      return keys;
    }
    const read = this.#decoder.decode(bytes, { stream: true });
    let input = this.#begun + read;
    this.#begun = "";
    if (this.#flushed !== "" && isLate(this.#flushed, read)) input = this.#flushed + read;
    this.#flushed = "";
    while (input !== "") {
      if (this.#paste) input = this.#feedPaste(this.#paste, input, keys);
      else if (this.#answer) input = this.#feedAnswer(this.#answer, input, keys);
      else input = this.#feedKeys(input, keys);
    }
    return keys;
  }

  /**
   * Call it when no more bytes have arrived: a waiting ESC was a key. The start of a longer sequence is not a
   * key and keeps waiting, also on a slow line: its remainder must not become text.
   */
  flush(): Key[] {
    const begun = this.#begun;
    if (begun.length > 2) return [];
    this.#begun = "";
    this.#flushed = begun;
    if (begun === "\x1b") return [{ type: "press", key: "escape" }];
    return begun === "" ? [] : [{ type: "press", key: `alt-${begun[1]}` }];
  }

  /**
   * Call it when no more bytes of a paste have arrived for a while. The terminal may never send its end, and all
   * keys would become part of it. From now on, a read of nothing but Ctrl-C ends it.
   */
  pastePaused(): void {
    if (this.#paste) this.#paste.paused = true;
  }

  /** Reads keys until the input ends, or a paste or an answer begins. Returns the rest of the input. */
  #feedKeys(input: string, keys: Key[]): string {
    let at = 0;
    while (at < input.length) {
      const text = matchAt(TEXT, input, at);
      if (text !== undefined) {
        keys.push({ type: "text", text });
        at += text.length;
        continue;
      }
      if (input[at] !== "\x1b") {
        keys.push({ type: "press", key: controlKey(input[at]!) });
        at++;
        continue;
      }
      const sequence = matchAt(SEQUENCE, input, at);
      if (sequence !== undefined) {
        at += sequence.length;
        if (sequence === PASTE_BEGINS) {
          this.#paste = { text: "", tail: "", cut: false, paused: false };
          return input.slice(at);
        }
        if (sequence.length === 3 && /[\]P_]/.test(sequence[1]!)) {
          this.#answer = { text: sequence.slice(1), length: 2, ending: false };
          return input.slice(at);
        }
        const key = sequenceKey(sequence);
        if (key !== undefined) keys.push(key);
        continue;
      }
      const begun = matchAt(BEGUN, input, at)!;
      at += begun.length;
      if (at === input.length) {
        this.#begun = begun;
      } else if (begun === "\x1b") {
        // Another ESC follows, so this one was the key.
        keys.push({ type: "press", key: "escape" });
      } else if (begun.length === 2 && /[\]P_]/.test(begun)) {
        // No answer begins like this, so this was Alt and the key.
        keys.push({ type: "press", key: `alt-${begun[1]}` });
      }
      // Otherwise the sequence is broken off: it is dropped, and the next character is read by itself.
    }
    return "";
  }

  /** Reads pasted text until the end marker. Returns the rest of the input. */
  #feedPaste(paste: Paste, input: string, keys: Key[]): string {
    const all = paste.tail + input;
    const end = all.indexOf(PASTE_ENDS);
    const known = end >= 0 ? end : Math.max(0, all.length - (PASTE_ENDS.length - 1));
    this.#addPasted(paste, all.slice(0, known));
    paste.tail = all.slice(known);
    if (end < 0) return "";
    paste.tail = "";
    this.#endPaste(paste, keys);
    return all.slice(end + PASTE_ENDS.length);
  }

  #addPasted(paste: Paste, text: string): void {
    const free = MAX_PASTE - paste.text.length;
    paste.text += text.slice(0, free);
    paste.cut ||= text.length > free;
  }

  #endPaste(paste: Paste, keys: Key[]): void {
    this.#paste = undefined;
    this.#addPasted(paste, paste.tail);
    // Terminals send a carriage return for each newline, as if Enter had been pressed.
    const text = withoutHalfPair(paste.text).replace(/\r\n?/g, "\n");
    if (text !== "") keys.push({ type: "paste", text, cut: paste.cut });
  }

  /**
   * Reads an answer until BEL or ST (ESC \). Returns the rest of the input. Any other control character breaks the
   * answer off and is read by itself: if it was not an answer, but Alt and a key, the keyboard works again.
   */
  #feedAnswer(answer: Answer, input: string, keys: Key[]): string {
    if (answer.ending) {
      this.#answer = undefined;
      if (input[0] !== "\\") return `\x1b${input}`;
      this.#answered(answer, keys);
      return input.slice(1);
    }
    // deno-lint-ignore no-control-regex
    const control = input.search(/[\x00-\x1f\x7f\x9c]/);
    const end = Math.min(
      control < 0 ? input.length : control,
      MAX_ANSWER - answer.length,
    );
    answer.text += input.slice(0, Math.min(end, Math.max(0, MAX_KEPT - answer.text.length)));
    answer.length += end;
    if (answer.length >= MAX_ANSWER && end !== control) {
      this.#answer = undefined;
      return input.slice(end);
    }
    if (control < 0) return "";
    if (input[end] === "\x1b") {
      answer.ending = true;
      return input.slice(end + 1);
    }
    this.#answer = undefined;
    const ends = input[end] === "\x07" || input[end] === "\x9c";
    if (ends) this.#answered(answer, keys);
    return input.slice(ends ? end + 1 : end);
  }

  #answered({ text, length }: Answer, keys: Key[]): void {
    // The text of an error may be long. It is not read.
    const [, id, status] = /^_Gi=(\d{1,9})(?:,[^;]*)?;(OK$|[A-Z])/.exec(text) ?? [];
    if (id !== undefined) keys.push({ type: "graphics", id: Number(id), ok: status === "OK" });
    if (length !== text.length) return;
    const [, name] = /^P>\|([\w.]+)/.exec(text) ?? [];
    if (name !== undefined) keys.push({ type: "terminal", name });
    // XParseColor(3): one to four digits, the largest number of which is the full colour.
    const [, ...parts] =
      /^\]11;rgba?:([\da-f]{1,4})\/([\da-f]{1,4})\/([\da-f]{1,4})(?:\/[\da-f]{1,4})?$/i.exec(
        text,
      ) ??
        [];
    const [red, green, blue] = parts.map((digits) => (
      Math.round(parseInt(digits, 16) / (16 ** digits.length - 1) * 255)
    ));
    if (red === undefined || green === undefined || blue === undefined) return;
    keys.push({ type: "background", red, green, blue });
  }
}

/** Whether a read is nothing but Ctrl-C, in any of the forms that terminals send. */
function isCtrlC(read: Uint8Array): boolean {
  const keys = new KeyParser().feed(read);
  return keys.length > 0 && keys.every((key) => key.type === "press" && key.key === "ctrl-c");
}

/**
 * Whether `read` is the rest of the sequence whose beginning was taken for a key: a slow line may deliver it late.
 * By hand, one read has one key, and a line that was typed on a slow line goes on after what looks like a sequence.
 */
function isLate(begun: string, read: string): boolean {
  const input = begun + read;
  const sequence = matchAt(SEQUENCE, input, 0);
  if (sequence === undefined || !/^.[[O\]P_]/s.test(sequence)) return false;
  if (read.length === 1) return sequenceKey(sequence) !== undefined;
  const isOpening = sequence === PASTE_BEGINS || /^.[\]P_]/s.test(sequence);
  return isOpening || sequence.length === input.length || input[sequence.length] === "\x1b";
}

/** The match of the sticky `pattern` in `input` at `at`. */
function matchAt(pattern: RegExp, input: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(input)?.[0];
}

/** The key of a complete sequence, or undefined if it is unknown. */
function sequenceKey(sequence: string): Key | undefined {
  if (sequence === FOCUS_IN || sequence === FOCUS_OUT) {
    return { type: "focus", focused: sequence === FOCUS_IN };
  }
  // deno-lint-ignore no-control-regex
  const [, attributes] = /^\x1b\[\?([\d;]+)c$/.exec(sequence) ?? [];
  if (attributes !== undefined) {
    return { type: "attributes", attributes: attributes.split(";").map(Number) };
  }
  // xterm sends the same for F3 with Ctrl, Alt or Shift, in the first row. No key here is F3.
  // deno-lint-ignore no-control-regex
  const [, column] = /^\x1b\[\d+;(\d+)R$/.exec(sequence) ?? [];
  if (column !== undefined) return { type: "cursor", column: Math.max(0, Number(column) - 1) };
  // deno-lint-ignore no-control-regex
  const [, height, width] = /^\x1b\[6;(\d+);(\d+)t$/.exec(sequence)?.map(Number) ?? [];
  if (height !== undefined && width !== undefined) {
    const isSize = [width, height].every((side) => side >= 1 && side <= MAX_CELL);
    return isSize ? { type: "cell", width, height } : undefined;
  }
  return keyOf(sequence);
}
