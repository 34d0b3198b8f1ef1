// The line being typed: keys change the text, and the text becomes rows for the screen. Knows no terminal, no
// clock and no room. `editor_history.ts` keeps the lines before it, `editor_rows.ts` cuts the text into rows.

import {
  boundaryFrom,
  graphemesBefore,
  graphemesFrom,
  splitGraphemes,
  withoutHalfPair,
} from "../text/graphemes.ts";
import { type EditedLine, EditorHistory, type Search } from "./editor_history.ts";
import { cellsOf, columnsOf, EditorRows, type EditorView } from "./editor_rows.ts";
import { type Key, MAX_PASTE } from "./keyboard.ts";
import { Undo } from "./undo.ts";
import { isInName, isVisible, lineEnd, lineStart, wordEnd, wordStart } from "./words.ts";

/**
 * Longest text that can be edited, in UTF-16 units. Twice the longest message: if you paste too much, the room
 * reports the size in bytes, and you can still shorten the text.
 */
export const MAX_LINE = MAX_PASTE;

/** Killed texts that Alt-Y goes through. */
const MAX_KILLED = 10;

/** A longer run of typed text is undone at once: no person typed it. */
const MAX_TYPED = 1024;

/** Up and down keep the column, in UTF-16 units. Beyond this they go to the end of the line. */
const MAX_GOAL = 4096;

/** What can replace the text between `from` and the cursor. */
export interface Completion {
  readonly from: number;
  readonly words: readonly string[];
  /** How to show each of `words`, if that differs from the word. */
  readonly labels?: readonly string[];
}

/** Finds completions for `text` at `cursor`, in UTF-16 units. */
export type Completer = (text: string, cursor: number) => Completion;

/** What replaces the beginning of the text. */
export interface Expansion {
  /** Where the part that is replaced ends, in UTF-16 units. */
  readonly to: number;
  readonly text: string;
}

/**
 * Called after each key: what should replace the beginning of `text`, if anything. It must not expand its own result.
 * Undo takes an expansion back, and that beginning is then left as it is.
 */
export type Expander = (text: string) => Expansion | undefined;

/** What a key asks the editor's owner to do. A key that only edits asks for nothing. */
export type EditorRequest =
  /** Enter: the text has moved from the line to the history. */
  | { readonly type: "submit"; readonly text: string }
  /** Enter, but the text was expanded only now: nothing is submitted before the user has seen it. */
  | { readonly type: "expanded" }
  /** Tab: several words fit. */
  | { readonly type: "choose"; readonly words: readonly string[] }
  /** Ctrl-C removed the text. Ctrl-Y brings it back. */
  | { readonly type: "discarded" }
  /** Ctrl-C or Ctrl-D in an empty line. */
  | { readonly type: "leave" }
  /** Ctrl-L. */
  | { readonly type: "clear-screen" }
  /** Some of the typed or pasted text was left out: the line has `MAX_LINE` units. */
  | { readonly type: "full" };

/**
 * The line being typed, which may have several lines. The cursor is always on a grapheme boundary, so that a
 * family emoji is one step and is deleted at once. The keys are readline's.
 *
 * A key costs what is near the cursor, not the length of the text: after a novel was pasted, typing is as fast as
 * before. Only the string itself is copied.
 */
export class Editor {
  readonly #complete: Completer;
  readonly #expander: Expander;
  /** A beginning that undo has brought back: it is not expanded. */
  #declined: string | undefined;
  #text = "";
  /** In UTF-16 units, on a grapheme boundary. */
  #cursor = 0;
  #undo = new Undo();
  readonly #history = new EditorHistory();
  /** The texts for Ctrl-Y and Alt-Y, newest first. */
  readonly #killed: string[] = [];
  /** What the previous key did: kills in a row are brought back as one, and Alt-Y must follow a yank. */
  #did: "kill" | "yank" | undefined;
  /** The last yank: where its text begins, and the index in `#killed`. */
  #yanked = { from: 0, index: 0 };
  #rows = new EditorRows(80);

  constructor(
    complete: Completer = (_, cursor) => ({ from: cursor, words: [] }),
    expander: Expander = () => undefined,
  ) {
    this.#complete = complete;
    this.#expander = expander;
  }

  get text(): string {
    return this.#text;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** The search in progress: keys go into its pattern. */
  get search(): Search | undefined {
    return this.#history.search;
  }

  /** Replaces the line by `text`, the cursor at its end. */
  set(text: string): void {
    this.#replace(0, this.#text.length, text);
  }

  /** Puts the last submitted line back, as it was typed. */
  takeBack(): void {
    this.set(this.#history.newest ?? "");
  }

  /** Handles `key`. Keys without a meaning do nothing. */
  onKey(key: Key): EditorRequest | undefined {
    // Answers of the terminal are not for the line.
    if (key.type !== "text" && key.type !== "paste" && key.type !== "press") return undefined;
    const did = this.#did;
    this.#did = undefined;
    if (this.search) {
      const line = this.#history.onSearchKey(key, this.#current());
      if (line) {
        this.#show(line);
        return undefined;
      }
    }
    const request = this.#handle(key, did);
    // The user looks at the beginning while the cursor is in it.
    if (!this.search) this.#expand(this.#cursor);
    return request;
  }

  #handle(
    key: Extract<Key, { type: "text" | "paste" | "press" }>,
    did: "kill" | "yank" | undefined,
  ): EditorRequest | undefined {
    // Caps Lock turns Alt-b into Alt-B. Both mean the same, as in readline.
    if (key.type === "press") return this.#press(key.key.toLowerCase(), did);
    const fits = this.#insert(key.text, key.type === "text");
    return fits && !(key.type === "paste" && key.cut) ? undefined : { type: "full" };
  }

  /** Replaces the beginning of the text, if it ends before `limit`. Returns whether it did. */
  #expand(limit: number): boolean {
    if (this.#declined !== undefined) {
      if (this.#text.startsWith(this.#declined)) return false;
      this.#declined = undefined;
    }
    const expansion = this.#expander(this.#text);
    if (!expansion || expansion.to > limit) return false;
    const { to, text } = expansion;
    const longer = text.length - to;
    if (this.#text.length + longer > MAX_LINE) return false;
    const cursor = this.#cursor;
    this.#replace(0, to, text);
    this.#move(Math.max(text.length, cursor + longer));
    return true;
  }

  /**
   * The text in rows of at most `columns` columns, and the cursor's place in them. Control characters are shown,
   * not obeyed. If the cursor follows a full row, an empty row is added for it.
   *
   * @param maxRows the rows that have room: those around the cursor
   * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
   */
  render(columns: number, maxRows: number = Infinity): EditorView {
    if (columns < 2) {
      throw new RangeError(`Cannot render: ${columns} columns, at least 2 are needed`);
    }
    if (this.#rows.columns !== columns) this.#rows = new EditorRows(columns);
    return this.#rows.around(this.#text, this.#cursor, Math.max(1, maxRows));
  }

  #press(key: string, did: "kill" | "yank" | undefined): EditorRequest | undefined {
    const text = this.#text;
    const cursor = this.#cursor;
    const killing = did === "kill";
    switch (key) {
      case "enter":
        return this.#enter();
      case "alt-enter":
      case "shift-enter":
        return this.#insert("\n") ? undefined : { type: "full" };
      case "tab":
        return this.#completeWord();
      case "ctrl-c":
        if (text === "") return { type: "leave" };
        this.#keep(text);
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
      case "ctrl-_":
        this.#takeEditBack();
        break;

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
        this.#move(wordStart(text, cursor, isInName));
        break;
      case "alt-f":
      case "alt-right":
      case "ctrl-right":
        this.#move(wordEnd(text, cursor, isInName));
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
      case "pageup":
        this.#show(this.#history.recallAlike(-1, this.#current()));
        break;
      case "pagedown":
        this.#show(this.#history.recallAlike(1, this.#current()));
        break;
      case "ctrl-r":
        this.#history.startSearch(cursor);
        break;

      case "ctrl-k": {
        // At the end of a line it removes the newline.
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
        this.#kill(wordStart(text, cursor, isVisible), cursor, killing);
        break;
      case "alt-backspace":
      case "alt-ctrl-h":
        this.#kill(wordStart(text, cursor, isInName), cursor, killing);
        break;
      case "alt-d":
        this.#kill(cursor, wordEnd(text, cursor, isInName), killing);
        break;
      case "ctrl-y":
        return this.#yank(cursor, 0);
      case "alt-y":
        if (did === "yank") return this.#yank(this.#yanked.from, this.#yanked.index + 1);
        break;
      case "ctrl-t":
        this.#transpose();
        break;
    }
    return undefined;
  }

  /** An edit that can be undone. The cursor goes after `insert`. */
  #replace(from: number, to: number, insert: string): void {
    if (from === to && insert === "") return;
    const removed = this.#text.slice(from, to);
    this.#undo.add({ at: from, removed, inserted: insert, cursor: this.#cursor, typed: false });
    this.#put(from, to, insert);
  }

  /** The one place where the text changes. */
  #put(from: number, to: number, insert: string): void {
    this.#text = this.#text.slice(0, from) + insert + this.#text.slice(to);
    this.#rows.changed(this.#text, from);
    this.#move(from + insert.length);
  }

  /** Moves to `to`, or to the next grapheme boundary: an edit can join two graphemes. */
  #move(to: number): void {
    this.#cursor = boundaryFrom(this.#text, to);
  }

  /** Inserts as much of `text` as fits. Returns whether that was all. */
  #insert(text: string, typed = false): boolean {
    const fits = withoutHalfPair(text.slice(0, MAX_LINE - this.#text.length));
    const cursor = this.#cursor;
    if (typed && fits.length <= MAX_TYPED) {
      // One read may hold any part of a run of typed text: the words in it are the same.
      let at = cursor;
      for (const [inserted] of fits.matchAll(/\S+|\s+/g)) {
        this.#undo.add({ at, removed: "", inserted, cursor: at, typed });
        at += inserted.length;
      }
      this.#put(cursor, cursor, fits);
    } else {
      this.#replace(cursor, cursor, fits);
    }
    return fits.length === text.length;
  }

  #takeEditBack(): void {
    const edit = this.#undo.take();
    if (!edit) return;
    this.#put(edit.at, edit.at + edit.inserted.length, edit.removed);
    this.#move(edit.cursor);
    const expansion = this.#expander(this.#text);
    this.#declined = expansion && this.#text.slice(0, expansion.to);
  }

  #kill(from: number, to: number, killing: boolean): void {
    const text = this.#text.slice(from, to);
    if (text !== "") {
      if (!killing) this.#keep(text);
      else if (to === this.#cursor) this.#killed[0] = text + this.#killed[0];
      else this.#killed[0] += text;
      this.#replace(from, to, "");
      this.#did = "kill";
    } else if (killing) {
      this.#did = "kill";
    }
  }

  /** Keeps a text for Ctrl-Y. */
  #keep(text: string): void {
    this.#killed.unshift(text);
    if (this.#killed.length > MAX_KILLED) this.#killed.pop();
  }

  /** Replaces the text between `from` and the cursor by a killed text. */
  #yank(from: number, index: number): EditorRequest | undefined {
    if (this.#killed.length === 0) return undefined;
    const next = index % this.#killed.length;
    const text = this.#killed[next]!;
    const cursor = this.#cursor;
    const fits = withoutHalfPair(text.slice(0, MAX_LINE - (this.#text.length - (cursor - from))));
    this.#replace(from, cursor, fits);
    this.#yanked = { from, index: next };
    this.#did = "yank";
    return fits.length === text.length ? undefined : { type: "full" };
  }

  /** The grapheme boundary before the cursor. A newline is a grapheme here. */
  #previous(): number {
    const { value } = graphemesBefore(this.#text, this.#cursor).next();
    return this.#cursor - (value?.length ?? 0);
  }

  /** The grapheme boundary after the cursor. */
  #next(): number {
    const { value } = graphemesFrom(this.#text, this.#cursor).next();
    return this.#cursor + (value?.length ?? 0);
  }

  /** Swaps the two graphemes around the cursor, at the end of a line the two before it. */
  #transpose(): void {
    const end = lineEnd(this.#text, this.#cursor);
    const to = this.#cursor === end ? end : this.#next();
    const before = graphemesBefore(this.#text, to);
    const second = before.next().value ?? "\n";
    const first = before.next().value ?? "\n";
    if (first === "\n" || second === "\n") return;
    this.#replace(to - first.length - second.length, to, second + first);
  }

  /** Up and down: through the lines of the text, and beyond the first or last one through the history. */
  #vertical(step: -1 | 1): void {
    const text = this.#text;
    const start = lineStart(text, this.#cursor);
    const end = lineEnd(text, this.#cursor);
    const leaves = step < 0 ? start === 0 : end === text.length;
    if (leaves) return this.#show(this.#history.recall(step, this.#current()));
    const far = this.#cursor - start > MAX_GOAL;
    const goal = far ? Infinity : columnsOf(text.slice(start, this.#cursor));
    const other = step < 0 ? start - 1 : end + 1;
    const stop = lineEnd(text, other);
    let at = lineStart(text, other);
    let column = 0;
    if (far) at = stop;
    for (const g of graphemesFrom(text, at)) {
      column += cellsOf(g).wide;
      if (at === stop || column > goal) break;
      at += g.length;
    }
    this.#move(at);
  }

  #current(): EditedLine {
    return { text: this.#text, cursor: this.#cursor, undo: this.#undo };
  }

  /** Puts a line of the history into the editor. */
  #show(line: EditedLine | undefined): void {
    if (!line) return;
    if (line.undo !== this.#undo) {
      this.#undo = line.undo ?? new Undo();
      this.#put(0, this.#text.length, line.text);
    }
    this.#move(line.cursor);
  }

  /** Submits the text. After one backslash, Enter starts a new line instead. */
  #enter(): EditorRequest | undefined {
    const slashes = /\\*$/.exec(this.#text.slice(-2))![0].length;
    if (slashes === 1 || (slashes === 2 && countBackslashes(this.#text) % 2 === 1)) {
      this.#replace(this.#text.length - 1, this.#text.length, "\n");
      return undefined;
    }
    // Pasted lines end in newlines, which people do not mean to send.
    let end = this.#text.length;
    while (this.#text[end - 1] === "\n") end--;
    const typed = this.#text.slice(0, end);
    if (typed.trim() === "") return undefined;
    if (this.#expand(Infinity)) return { type: "expanded" };
    // Two backslashes are one.
    const text = slashes === 2 ? typed.slice(0, -1) : typed;
    this.#history.add(typed);
    this.#startOver();
    return { type: "submit", text };
  }

  #startOver(): void {
    this.#history.startOver();
    this.#undo = new Undo();
    this.#put(0, this.#text.length, "");
  }

  #completeWord(): EditorRequest | undefined {
    const { from, words, labels } = this.#complete(this.#text, this.#cursor);
    if (words.length === 0) return undefined;
    const typed = this.#text.slice(from, this.#cursor);
    let word = commonStart(words);
    // The space that ends the word may follow already.
    if (word.endsWith(" ") && this.#text[this.#cursor] === " ") word = word.slice(0, -1);
    if (word.length > typed.length || words.length === 1) {
      if (this.#text.length - typed.length + word.length > MAX_LINE) return { type: "full" };
      this.#replace(from, this.#cursor, word);
    }
    return words.length > 1 ? { type: "choose", words: labels ?? words } : undefined;
  }
}

/** How many backslashes `text` ends with. */
function countBackslashes(text: string): number {
  let start = text.length;
  while (text[start - 1] === "\\") start--;
  return text.length - start;
}

/** The longest common beginning of `words`; it does not end within a grapheme. */
function commonStart(words: readonly string[]): string {
  let [common = [], ...others] = words.map(splitGraphemes);
  for (const other of others) {
    const differs = common.findIndex((g, i) => g !== other[i]);
    if (differs >= 0) common = common.slice(0, differs);
  }
  return common.join("");
}
