// Bytes from a raw terminal become keys. The terminal's answers to questions arrive in the same stream, and are
// told apart here. Pure: knows no terminal, no clock and no line.

import { withoutHalfPair } from "../text/graphemes.ts";

/**
 * Longest paste, in UTF-16 units. It bounds memory: a terminal that opens a paste and never closes it is
 * not followed forever.
 */
export const MAX_PASTE = 512 * 1024;

/**
 * Parameter bytes of an escape sequence. Keys have at most 8, a terminal that lists what it can has some
 * dozens; what is longer is neither.
 */
const MAX_PARAMETERS = 128;

/** Longest answer of a terminal that is skipped, in UTF-16 units: those that exist have some dozens. */
const MAX_ANSWER = 4096;
/** What is kept of an answer: enough for those that are read, a colour and a number. */
const MAX_KEPT = 64;

/** One thing that a person did at the keyboard, or that the terminal told. */
export type Key =
  /** Characters to insert: at least one; how a run of them is cut depends on how it was read. */
  | { readonly type: "text"; readonly text: string }
  /** A bracketed paste, newlines as `\n`; `cut`: it was longer than `MAX_PASTE`. */
  | { readonly type: "paste"; readonly text: string; readonly cut: boolean }
  /** `enter`, `tab`, `up`, `ctrl-a`, `alt-b`, `ctrl-left`, `alt-enter` … */
  | { readonly type: "press"; readonly key: string }
  /** The window has come to the front, or is there no more (xterm, mode 1004). */
  | { readonly type: "focus"; readonly focused: boolean }
  /** The colour of the ground, each part from 0 to 255: the answer to OSC 11. */
  | {
    readonly type: "background";
    readonly red: number;
    readonly green: number;
    readonly blue: number;
  }
  /** What the terminal is and has: the answer to DA1; at most as many numbers as a sequence has parameters. */
  | { readonly type: "attributes"; readonly attributes: readonly number[] }
  /** A character's size in pixels: the answer to xterm's CSI 16 t. */
  | { readonly type: "cell"; readonly width: number; readonly height: number }
  /** Whether kitty's protocol for pictures is understood: the answer to a question with this number. */
  | { readonly type: "graphics"; readonly id: number; readonly ok: boolean };

/** ECMA-48: CSI, parameters, intermediates, final byte. The second `[` is the Linux console's F1 to F5. */
const CSI = `\\[\\[?[0-?]{0,${MAX_PARAMETERS}}[ -/]?`;
/**
 * What opens an answer that is a string (ECMA-48): OSC, DCS, APC, and the first character in it. Answers begin
 * with a number or a mark, and kitty's on pictures with a G; with a letter behind, it was Alt with the key.
 */
const ANSWER = "\\][0-9]|P[0-9<=>?!$+|]|_G";
/** A whole escape sequence: CSI, SS3, or ESC before a character, which is how terminals send Alt. */
const SEQUENCE = new RegExp(`\\x1b(?:${CSI}[@-Z\\\\-~]|O[@-~]|${ANSWER}|[^[O\\]P_\\x1b])`, "uy");
/** The beginning of one: more bytes decide. */
const BEGUN = new RegExp(`\\x1b(?:${CSI}|[O\\]P_])?`, "uy");
// deno-lint-ignore no-control-regex
const TEXT = /[^\x00-\x1f\x7f]+/y;

const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";
const FOCUS_IN = "\x1b[I";
const FOCUS_OUT = "\x1b[O";

/** Largest character, in pixels a side: what claims to be larger is none. */
const MAX_CELL = 512;

/** Final bytes of CSI and SS3 (xterm, "PC-Style Function Keys"). */
const FINALS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  M: "enter",
  Z: "shift-tab",
};

/** First parameters of `CSI n ~` (VT220, and rxvt's 7 and 8). */
const NUMBERS: Readonly<Record<string, string>> = {
  1: "home",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
};

/** A paste that has begun. */
interface Paste {
  text: string;
  /** What may be the beginning of the end mark. */
  tail: string;
  cut: boolean;
}

/** An answer that has begun. */
interface Answer {
  /** `]`, `P` or `_`, and as much of what follows as is kept. */
  text: string;
  /** How long it is so far. */
  length: number;
  /** An ESC has come, which may be the first half of its end. */
  ending: boolean;
}

/**
 * TurnLimiter bytes from a raw terminal into keys. Feed it what each read gives: sequences and characters may
 * be split anywhere, and the keys are the same (only runs of text may be cut differently).
 *
 * An ESC that ends a read may be the Escape key or the beginning of a sequence: after a short
 * time without bytes, the caller says `flush()`.
 *
 * What a terminal answers to questions is never taken for typed text. The ground's colour, and what it tells
 * of pictures, are keys of their own; other answers are left out.
 *
 * @example
 * ```ts
 * const keys = new KeyParser();
 * keys.feed(new TextEncoder().encode("hi\x1b[")); // text "hi"
 * keys.feed(new TextEncoder().encode("A")); // press "up"
 * ```
 */
export class KeyParser {
  // Decoding first is safe: a byte of a sequence is never part of a longer UTF-8 character. What is not
  // UTF-8 becomes U+FFFD. A byte order mark is a character here like any other.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** An escape sequence that has begun: at most ESC [ [, parameters and one intermediate. */
  #begun = "";
  #paste: Paste | undefined;
  #answer: Answer | undefined;

  /** Whether an ESC waits for the bytes that tell what it is. */
  get waiting(): boolean {
    return this.#begun !== "";
  }

  /** The keys that `bytes` complete. */
  feed(bytes: Uint8Array): Key[] {
    const keys: Key[] = [];
    let input = this.#begun + this.#decoder.decode(bytes, { stream: true });
    this.#begun = "";
    while (input !== "") {
      if (this.#paste) input = this.#feedPaste(this.#paste, input, keys);
      else if (this.#answer) input = this.#feedAnswer(this.#answer, input, keys);
      else input = this.#feedKeys(input, keys);
    }
    return keys;
  }

  /**
   * No more bytes came: an ESC that waited was a key of its own. What can be no key by itself goes on,
   * however slowly it comes: its rest must not be typed.
   */
  flush(): Key[] {
    const begun = this.#begun;
    if (begun.length > 2) return [];
    this.#begun = "";
    if (begun === "\x1b") return [{ type: "press", key: "escape" }];
    return begun === "" ? [] : [{ type: "press", key: `alt-${begun[1]}` }];
  }

  /** Reads keys until the input ends, or a paste or an answer begins; returns what is left. */
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
          this.#paste = { text: "", tail: "", cut: false };
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
        // What follows begins no answer, so this was Alt with a key.
        keys.push({ type: "press", key: `alt-${begun[1]}` });
      }
      // Else the sequence is broken off: it is dropped, and the next character counts for itself.
    }
    return "";
  }

  /** Reads pasted text until the end mark; returns what follows it. */
  #feedPaste(paste: Paste, input: string, keys: Key[]): string {
    const all = paste.tail + input;
    const end = all.indexOf(PASTE_ENDS);
    const known = end >= 0 ? end : Math.max(0, all.length - (PASTE_ENDS.length - 1));
    const free = MAX_PASTE - paste.text.length;
    paste.text += all.slice(0, Math.min(known, free));
    paste.cut ||= known > free;
    paste.tail = all.slice(known);
    if (end < 0) return "";
    this.#paste = undefined;
    // Terminals send a carriage return for each newline, as if Enter had been pressed.
    const text = withoutHalfPair(paste.text).replace(/\r\n?/g, "\n");
    if (text !== "") keys.push({ type: "paste", text, cut: paste.cut });
    return all.slice(end + PASTE_ENDS.length);
  }

  /**
   * Reads an answer until BEL or ST (ESC \), and returns what follows it. Any other control breaks it off,
   * and counts for itself: whoever pressed Alt with a key that opens answers gets the keyboard back with it.
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
    // An error's text may be long, and is not read.
    const [, id, status] = /^_Gi=(\d{1,9})(?:,[^;]*)?;(OK$|[A-Z])/.exec(text) ?? [];
    if (id !== undefined) keys.push({ type: "graphics", id: Number(id), ok: status === "OK" });
    if (length !== text.length) return;
    // XParseColor(3): one to four digits, of which the greatest number is the full colour.
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

/** What the sticky `pattern` matches in `input` at `at`. */
function matchAt(pattern: RegExp, input: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(input)?.[0];
}

/** The key that sends this control character. */
function controlKey(character: string): string {
  // A terminal sends CR for Enter; LF is Ctrl-J, which readline takes for Enter too, and so do scripts.
  if (character === "\r" || character === "\n") return "enter";
  if (character === "\t") return "tab";
  if (character === "\x7f") return "backspace";
  const letter = String.fromCharCode(character.charCodeAt(0) + 0x40).toLowerCase();
  return `ctrl-${letter}`;
}

/** What this whole sequence says, or undefined if we do not know it. */
function sequenceKey(sequence: string): Key | undefined {
  if (sequence === FOCUS_IN || sequence === FOCUS_OUT) {
    return { type: "focus", focused: sequence === FOCUS_IN };
  }
  // deno-lint-ignore no-control-regex
  const [, attributes] = /^\x1b\[\?([\d;]+)c$/.exec(sequence) ?? [];
  if (attributes !== undefined) {
    return { type: "attributes", attributes: attributes.split(";").map(Number) };
  }
  // deno-lint-ignore no-control-regex
  const [, height, width] = /^\x1b\[6;(\d+);(\d+)t$/.exec(sequence)?.map(Number) ?? [];
  if (height !== undefined && width !== undefined) {
    const isSize = [width, height].every((side) => side >= 1 && side <= MAX_CELL);
    return isSize ? { type: "cell", width, height } : undefined;
  }
  const key = pressed(sequence);
  return key === undefined ? undefined : { type: "press", key };
}

/** The key that sends this whole sequence, or undefined if we know none. */
function pressed(sequence: string): string | undefined {
  const body = sequence.slice(1);
  if (body.length === 1 || body.codePointAt(0)! > 0xffff) {
    // deno-lint-ignore no-control-regex
    return `alt-${/[\x00-\x1f\x7f]/.test(body) ? controlKey(body) : body}`;
  }
  // deno-lint-ignore no-control-regex
  const parts = /^(?:\[|O)(\d*)(?:;(\d+))?([^\x00-\x3f])$/.exec(body);
  if (!parts) return undefined;
  const [, number = "", modifiers = "1", final = ""] = parts;
  const key = final === "~" ? NUMBERS[number] : FINALS[final];
  if (key === undefined) return undefined;
  // xterm: the parameter is one more than the sum of Shift 1, Alt 2, Ctrl 4. Shift changes nothing here.
  const held = Math.max(0, Number(modifiers) - 1);
  return (held & 4 ? "ctrl-" : "") + (held & 2 ? "alt-" : "") + key;
}
