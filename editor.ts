// The line being typed: bytes from a raw terminal become keys, keys change the text, the text becomes
// rows for the screen. Pure: knows no terminal, no clock, no room.

import { printable, splitGraphemes, width } from "./text.ts";

/**
 * Longest text that can be edited, in UTF-16 units; also the longest paste. Twice the longest message,
 * so that whoever pastes too much hears it from the room, in bytes, and can still cut the text down. It
 * bounds memory: a terminal that opens a paste and never closes it is not followed forever.
 */
export const MAX_LINE = 512 * 1024;

/** Lines that the history keeps: more than anybody goes back with an arrow key. */
const MAX_HISTORY = 500;

/** Parameter bytes of an escape sequence. Keys have at most 8; what is longer is no key. */
const MAX_PARAMETERS = 24;

// ---- keys ------------------------------------------------------------------------------------------

/** One thing that a person did at the keyboard. */
export type Key =
  /** Characters to insert: at least one; how a run of them is cut depends on how it was read. */
  | { readonly type: "text"; readonly text: string }
  /** A bracketed paste, newlines as `\n`; `cut`: it was longer than `MAX_LINE`. */
  | { readonly type: "paste"; readonly text: string; readonly cut: boolean }
  /** `enter`, `tab`, `up`, `ctrl-a`, `alt-b`, `ctrl-left`, `alt-enter` … */
  | { readonly type: "press"; readonly key: string }
  /** The window has come to the front, or is there no more (xterm, mode 1004). */
  | { readonly type: "focus"; readonly focused: boolean };

/** ECMA-48: CSI, parameters, intermediates, final byte. The second `[` is the Linux console's F1 to F5. */
const CSI = `\\[\\[?[0-?]{0,${MAX_PARAMETERS}}[ -/]?`;
/** A whole escape sequence: CSI, SS3, or ESC before a character, which is how terminals send Alt. */
const SEQUENCE = new RegExp(`\\x1b(?:${CSI}[@-Z\\\\-~]|O[@-~]|[^[O\\x1b])`, "uy");
/** The beginning of one: more bytes decide. */
const BEGUN = new RegExp(`\\x1b(?:${CSI}|O)?`, "uy");
// deno-lint-ignore no-control-regex
const TEXT = /[^\x00-\x1f\x7f]+/y;

const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";

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

/**
 * Turns bytes from a raw terminal into keys. Feed it what each read gives: sequences and characters may
 * be split anywhere, and the keys are the same (only runs of text may be cut differently).
 *
 * An ESC that ends a read may be the Escape key or the beginning of a sequence: after a short
 * time without bytes, the caller says `flush()`.
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
      else input = this.#feedKeys(input, keys);
    }
    return keys;
  }

  /** No more bytes came: an ESC that waited was a key of its own. */
  flush(): Key[] {
    const begun = this.#begun;
    this.#begun = "";
    if (begun === "\x1b") return [{ type: "press", key: "escape" }];
    if (begun === "\x1b[" || begun === "\x1bO") return [{ type: "press", key: `alt-${begun[1]}` }];
    return [];
  }

  /** Reads keys until the input ends or a paste begins; returns what is left. */
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
        if (sequence === "\x1b[I" || sequence === "\x1b[O") {
          keys.push({ type: "focus", focused: sequence === "\x1b[I" });
          continue;
        }
        const key = sequenceKey(sequence);
        if (key !== undefined) keys.push({ type: "press", key });
        continue;
      }
      const begun = matchAt(BEGUN, input, at)!;
      at += begun.length;
      if (at === input.length) {
        this.#begun = begun;
      } else if (begun === "\x1b") {
        // Another ESC follows, so this one was the key.
        keys.push({ type: "press", key: "escape" });
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
    const free = MAX_LINE - paste.text.length;
    paste.text += all.slice(0, Math.min(known, free));
    paste.cut ||= known > free;
    paste.tail = all.slice(known);
    if (end < 0) return "";
    this.#paste = undefined;
    // Terminals send a carriage return for each newline, as if Enter had been pressed.
    const text = whole(paste.text).replace(/\r\n?/g, "\n");
    if (text !== "") keys.push({ type: "paste", text, cut: paste.cut });
    return all.slice(end + PASTE_ENDS.length);
  }
}

/** What the sticky `pattern` matches in `input` at `at`. */
function matchAt(pattern: RegExp, input: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(input)?.[0];
}

/** Leaves out half a surrogate pair at the end of a text that was cut. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
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

/** The key that sends this whole sequence, or undefined if we know none. */
function sequenceKey(sequence: string): string | undefined {
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

// ---- the line --------------------------------------------------------------------------------------

/** What may stand instead of the text between `from` and the cursor. */
export interface Completion {
  readonly from: number;
  readonly words: readonly string[];
}

/** Finds completions for `text` at `cursor`, in UTF-16 units. */
export type Completer = (text: string, cursor: number) => Completion;

/** What a key asks of whoever owns the editor; editing itself asks nothing but to be drawn. */
export type Request =
  /** Enter: the text has left the line and is in the history. */
  | { readonly type: "submit"; readonly text: string }
  /** Tab, where several words fit. */
  | { readonly type: "choose"; readonly words: readonly string[] }
  /** Ctrl-C: there was text, and it has left the line; Ctrl-Y brings it back. */
  | { readonly type: "discarded" }
  /** Ctrl-C or Ctrl-D, the line being empty. */
  | { readonly type: "leave" }
  /** Ctrl-L. */
  | { readonly type: "clear-screen" }
  /** Not all of what was typed or pasted went in: the text has `MAX_LINE` units. */
  | { readonly type: "full" };

/** The text as the screen shows it. */
export interface View {
  /** Safe to print; each at most as wide as asked. There is at least one. */
  readonly rows: readonly string[];
  /** Where the cursor stands: the index of its row, and the column in it, from 0. */
  readonly row: number;
  readonly column: number;
}

/**
 * The line being typed, which may have several lines. The cursor always stands on a grapheme
 * boundary, so a family emoji is moved over, and deleted, as one. Keys are readline's.
 */
export class Editor {
  readonly #complete: Completer;
  #text = "";
  /** In UTF-16 units, on a grapheme boundary. */
  #cursor = 0;
  /** What was submitted, oldest first, and last the unfinished line; edits of any stay until Enter. */
  #lines: string[] = [""];
  /** Which of `#lines` is in the editor. */
  #line = 0;
  #submitted: string[] = [];
  /** What Ctrl-Y brings back. */
  #killed = "";
  /** The key before this one killed too: both kills come back as one. */
  #killing = false;
  #view: { columns: number; view: View } | undefined;

  constructor(complete: Completer = (_, cursor) => ({ from: cursor, words: [] })) {
    this.#complete = complete;
  }

  get text(): string {
    return this.#text;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** Puts `text` into the line instead of what is there, the cursor at its end. */
  set(text: string): void {
    this.#replace(0, this.#text.length, text);
  }

  /** Does what `key` means; keys without a meaning do nothing. */
  onKey(key: Key): Request | undefined {
    const killing = this.#killing;
    this.#killing = false;
    if (key.type === "focus") return undefined;
    if (key.type === "press") return this.#press(key.key, killing);
    const fits = this.#insert(key.text);
    return fits && !(key.type === "paste" && key.cut) ? undefined : { type: "full" };
  }

  /**
   * Cuts the text into rows of at most `columns` columns, and says where the cursor is in them.
   * Control characters are shown, not obeyed; where the cursor follows a full row, a row is added.
   *
   * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
   */
  render(columns: number): View {
    if (columns < 2) {
      throw new RangeError(`Cannot render: ${columns} columns, at least 2 are needed`);
    }
    // The screen is drawn for each message that comes, also while a long text stands here unchanged.
    if (this.#view?.columns !== columns) {
      this.#view = { columns, view: layOut(this.#text, this.#cursor, columns) };
    }
    return this.#view.view;
  }

  #press(key: string, killing: boolean): Request | undefined {
    const text = this.#text;
    const cursor = this.#cursor;
    switch (key) {
      case "enter":
        return this.#submit();
      case "alt-enter":
        return this.#insert("\n") ? undefined : { type: "full" };
      case "tab":
        return this.#completeWord();
      case "ctrl-c":
        if (text === "") return { type: "leave" };
        this.#killed = text;
        this.#startOver();
        return { type: "discarded" };
      case "ctrl-d":
        if (text === "") return { type: "leave" };
        this.#replace(cursor, this.#next(), "");
        break;
      case "delete":
        this.#replace(cursor, this.#next(), "");
        break;
      case "backspace":
      case "ctrl-h":
        this.#replace(this.#previous(), cursor, "");
        break;
      case "ctrl-l":
        return { type: "clear-screen" };

      case "left":
      case "ctrl-b":
        this.#move(this.#previous());
        break;
      case "right":
      case "ctrl-f":
        this.#move(this.#next());
        break;
      case "alt-b":
      case "alt-left":
      case "ctrl-left":
        this.#move(wordStart(text, cursor, inName));
        break;
      case "alt-f":
      case "alt-right":
      case "ctrl-right":
        this.#move(wordEnd(text, cursor, inName));
        break;
      case "home":
      case "ctrl-a":
        this.#move(lineStart(text, cursor));
        break;
      case "end":
      case "ctrl-e":
        this.#move(lineEnd(text, cursor));
        break;
      case "up":
      case "ctrl-p":
        this.#vertical(-1);
        break;
      case "down":
      case "ctrl-n":
        this.#vertical(1);
        break;

      case "ctrl-k": {
        // At the end of a line it joins the next one to it.
        const end = lineEnd(text, cursor);
        this.#kill(cursor, end === cursor ? this.#next() : end, killing);
        break;
      }
      case "ctrl-u": {
        const start = lineStart(text, cursor);
        this.#kill(start === cursor ? this.#previous() : start, cursor, killing);
        break;
      }
      case "ctrl-w":
        this.#kill(wordStart(text, cursor, visible), cursor, killing);
        break;
      case "alt-backspace":
      case "alt-ctrl-h":
        this.#kill(wordStart(text, cursor, inName), cursor, killing);
        break;
      case "alt-d":
        this.#kill(cursor, wordEnd(text, cursor, inName), killing);
        break;
      case "ctrl-y":
        return this.#insert(this.#killed) ? undefined : { type: "full" };
      case "ctrl-t":
        this.#transpose();
        break;
    }
    return undefined;
  }

  /** The one place where the text changes. The cursor goes behind `insert`. */
  #replace(from: number, to: number, insert: string): void {
    this.#text = this.#text.slice(0, from) + insert + this.#text.slice(to);
    this.#move(from + insert.length);
  }

  /** Moves to `to`, or to the next grapheme boundary: an edit may have made one grapheme of two. */
  #move(to: number): void {
    this.#view = undefined;
    const end = lineEnd(this.#text, to);
    let boundary = lineStart(this.#text, to);
    if (to < end) {
      for (const g of splitGraphemes(this.#text.slice(boundary, end))) {
        if (boundary >= to) break;
        boundary += g.length;
      }
    } else {
      boundary = end;
    }
    this.#cursor = boundary;
  }

  /** Inserts as much of `text` as there is room for; tells whether that was all. */
  #insert(text: string): boolean {
    const fits = whole(text.slice(0, MAX_LINE - this.#text.length));
    if (fits !== "") this.#replace(this.#cursor, this.#cursor, fits);
    return fits.length === text.length;
  }

  #kill(from: number, to: number, killing: boolean): void {
    const text = this.#text.slice(from, to);
    if (text !== "") {
      if (!killing) this.#killed = text;
      else if (to === this.#cursor) this.#killed = text + this.#killed;
      else this.#killed += text;
      this.#replace(from, to, "");
    }
    this.#killing = true;
  }

  /** The grapheme boundary before the cursor. A newline is a grapheme of its own. */
  #previous(): number {
    const start = lineStart(this.#text, this.#cursor);
    if (start === this.#cursor) return Math.max(0, start - 1);
    return this.#cursor - splitGraphemes(this.#text.slice(start, this.#cursor)).at(-1)!.length;
  }

  /** The grapheme boundary after the cursor. */
  #next(): number {
    const end = lineEnd(this.#text, this.#cursor);
    if (end === this.#cursor) return Math.min(this.#text.length, end + 1);
    return this.#cursor + splitGraphemes(this.#text.slice(this.#cursor, end))[0]!.length;
  }

  /** Swaps the graphemes around the cursor, or at the end of a line the two before it. */
  #transpose(): void {
    const end = lineEnd(this.#text, this.#cursor);
    const to = this.#cursor === end ? end : this.#next();
    const start = lineStart(this.#text, this.#cursor);
    const [first, second] = splitGraphemes(this.#text.slice(start, to)).slice(-2);
    if (first === undefined || second === undefined) return;
    this.#replace(to - first.length - second.length, to, second + first);
  }

  /** Up and down: to the next line of the text, and beyond its first or last one through the history. */
  #vertical(step: -1 | 1): void {
    const start = lineStart(this.#text, this.#cursor);
    const end = lineEnd(this.#text, this.#cursor);
    const leaves = step < 0 ? start === 0 : end === this.#text.length;
    if (leaves) return this.#recall(this.#line + step);
    const goal = width(printable(this.#text.slice(start, this.#cursor)));
    const other = step < 0 ? start - 1 : end + 1;
    let at = lineStart(this.#text, other);
    let column = 0;
    for (const g of splitGraphemes(this.#text.slice(at, lineEnd(this.#text, other)))) {
      column += width(printable(g));
      if (column > goal) break;
      at += g.length;
    }
    this.#move(at);
  }

  #recall(index: number): void {
    const line = this.#lines[index];
    if (line === undefined) return;
    this.#lines[this.#line] = this.#text;
    this.#line = index;
    this.set(line);
  }

  #submit(): Request | undefined {
    // Empty lines behind the text come from pasting whole lines; nobody means to send them.
    let end = this.#text.length;
    while (this.#text[end - 1] === "\n") end--;
    const text = this.#text.slice(0, end);
    if (text.trim() === "") return undefined;
    if (this.#submitted.at(-1) !== text) this.#submitted.push(text);
    if (this.#submitted.length > MAX_HISTORY) this.#submitted.shift();
    this.#startOver();
    return { type: "submit", text };
  }

  /** An empty line at the end of the history; edits of older lines are undone. */
  #startOver(): void {
    this.#lines = [...this.#submitted, ""];
    this.#line = this.#submitted.length;
    this.set("");
  }

  #completeWord(): Request | undefined {
    const { from, words } = this.#complete(this.#text, this.#cursor);
    if (words.length === 0) return undefined;
    const typed = this.#text.slice(from, this.#cursor);
    let word = commonStart(words);
    // The space that ends a word may stand there already.
    if (word.endsWith(" ") && this.#text[this.#cursor] === " ") word = word.slice(0, -1);
    if (word.length > typed.length || words.length === 1) {
      if (this.#text.length - typed.length + word.length > MAX_LINE) return { type: "full" };
      this.#replace(from, this.#cursor, word);
    }
    return words.length > 1 ? { type: "choose", words } : undefined;
  }
}

function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

// The two kinds of words that readline knows: letters, digits and `_`, or whatever is no space. Asked
// of whole graphemes: a word never ends within one.
const inName = (g: string) => /[\p{L}\p{N}_]/u.test(g);
const visible = (g: string) => g.trim() !== "";

/** Where the word at or before `cursor` begins. */
function wordStart(text: string, cursor: number, inWord: (g: string) => boolean): number {
  const before = splitGraphemes(text.slice(0, cursor));
  let at = before.length;
  while (at > 0 && !inWord(before[at - 1]!)) at--;
  while (at > 0 && inWord(before[at - 1]!)) at--;
  return before.slice(0, at).join("").length;
}

/** Where the word at or after `cursor` ends. */
function wordEnd(text: string, cursor: number, inWord: (g: string) => boolean): number {
  const after = splitGraphemes(text.slice(cursor));
  let at = 0;
  while (at < after.length && !inWord(after[at]!)) at++;
  while (at < after.length && inWord(after[at]!)) at++;
  return cursor + after.slice(0, at).join("").length;
}

/** The longest beginning that all of `words` have, in whole graphemes. */
function commonStart(words: readonly string[]): string {
  let [common = [], ...others] = words.map(splitGraphemes);
  for (const other of others) {
    const differs = common.findIndex((g, i) => g !== other[i]);
    if (differs >= 0) common = common.slice(0, differs);
  }
  return common.join("");
}

/** The rows of `text`, and where `cursor` is in them. */
function layOut(text: string, cursor: number, columns: number): View {
  const rows: string[] = [];
  let row = "";
  let used = 0;
  const endRow = () => {
    rows.push(row);
    row = "";
    used = 0;
  };
  let place: { row: number; column: number } | undefined;
  let at = 0;
  for (const g of splitGraphemes(text)) {
    const { shown, wide } = cellsOf(g);
    if (used > 0 && used + wide > columns) endRow();
    if (at === cursor) place = { row: rows.length, column: used };
    if (g === "\n") endRow();
    // A picture of a control character (`\u{202e}`), or a letter with many marks, can be wider than a row.
    for (const piece of wide > columns ? [...shown] : [shown]) {
      const pieceWide = piece === shown ? wide : width(piece);
      if (used + pieceWide > columns) endRow();
      row += piece;
      used += pieceWide;
    }
    at += g.length;
  }
  if (!place) {
    if (used >= columns) endRow();
    place = { row: rows.length, column: used };
  }
  rows.push(row);
  // A full row before a newline has no cell behind it: there the cursor stays on the last one.
  return { rows, row: place.row, column: Math.min(place.column, columns - 1) };
}

/** A grapheme as it is shown, and its columns. */
interface Cells {
  readonly shown: string;
  readonly wide: number;
}

/**
 * What is known of graphemes. A text of a quarter of a million characters is laid out at each key; to
 * measure each of them would take a second, but few of them differ.
 */
const known = new Map<string, Cells>([["\n", { shown: "", wide: 0 }]]);
const MAX_KNOWN = 4096;

function cellsOf(g: string): Cells {
  const cells = known.get(g);
  if (cells) return cells;
  const shown = printable(g);
  const measured = { shown, wide: width(shown) };
  // A grapheme of many marks is not worth its memory.
  if (known.size < MAX_KNOWN && g.length < 32) known.set(g, measured);
  return measured;
}
