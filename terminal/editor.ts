// The line being typed: keys change the text, the text becomes rows for the screen. Pure: knows no
// terminal, no clock, no room.

import { borderFrom, graphemesBefore, graphemesFrom, splitGraphemes } from "../text/graphemes.ts";
import { cellsOf, columnsOf, Rows, type View } from "./editor_rows.ts";
import { type Key, MAX_PASTE } from "./keyboard.ts";
import { Undo } from "./undo.ts";
import { inName, lineEnd, lineStart, visible, wordEnd, wordStart } from "./words.ts";

/**
 * Longest text that can be edited, in UTF-16 units. Twice the longest message, so that whoever pastes too
 * much hears it from the room, in bytes, and can still cut the text down.
 */
export const MAX_LINE = MAX_PASTE;

/** Lines that the history keeps: more than anybody goes back with an arrow key. */
const MAX_HISTORY = 500;
/** Units of text that they may have together: eight of the longest. */
const MAX_HISTORY_UNITS = 8 * MAX_LINE;

/** Killed texts that Alt-Y goes through. */
const MAX_KILLED = 10;

/** Units of what is searched for. */
const MAX_PATTERN = 256;

/** A longer run of typed text is undone as one: it was no hand that typed it. */
const MAX_TYPED = 1024;

/** Up and down keep the column; of what is longer than any screen, the end will do. Units of text. */
const MAX_GOAL = 4096;

/** What may stand instead of the text between `from` and the cursor. */
export interface Completion {
  readonly from: number;
  readonly words: readonly string[];
  /** As many as words: how each is shown, where it is not shown as it is. */
  readonly labels?: readonly string[];
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

/** A search in the history that is going on. */
export interface Search {
  readonly pattern: string;
  /** False where no line has the pattern, or no further one: the one shown is the last that had it. */
  readonly found: boolean;
}

/** A line of the history that was edited, or the unfinished one, while another is in the editor. */
interface Visited {
  readonly text: string;
  readonly undo: Undo;
}

/**
 * The line being typed, which may have several lines. The cursor always stands on a grapheme
 * boundary, so a family emoji is moved over, and deleted, as one. Keys are readline's.
 *
 * A key costs what is near the cursor, not the whole text: who pastes a novel goes on typing as before.
 * What is copied whole is the string itself.
 */
export class Editor {
  readonly #complete: Completer;
  #text = "";
  /** In UTF-16 units, on a grapheme boundary. */
  #cursor = 0;
  /** What was submitted, as it was typed, oldest first. Behind the last stands the unfinished line. */
  readonly #submitted: string[] = [];
  #submittedUnits = 0;
  /** Which of these is in the editor: the unfinished one is `#submitted.length`. */
  #line = 0;
  /** The lines that are not as they were submitted; edits of any stay until Enter. */
  readonly #visited = new Map<number, Visited>();
  #undo = new Undo();
  /** What Ctrl-Y brings back, and Alt-Y instead of that; newest first. */
  readonly #killed: string[] = [];
  /** What the key before this one did: kills in a row come back as one, Alt-Y follows a yank. */
  #did: "kill" | "yank" | undefined;
  /** What was brought back last: where it begins, and which of `#killed` it is. */
  #yanked = { from: 0, index: 0 };
  #search: (Search & { readonly line: number; readonly cursor: number }) | undefined;
  /** What was searched for before. */
  #pattern = "";
  #rows = new Rows(80);

  constructor(complete: Completer = (_, cursor) => ({ from: cursor, words: [] })) {
    this.#complete = complete;
  }

  get text(): string {
    return this.#text;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** The search that is going on: keys go into its pattern. */
  get search(): Search | undefined {
    return this.#search;
  }

  /** Puts `text` into the line instead of what is there, the cursor at its end. */
  set(text: string): void {
    this.#replace(0, this.#text.length, text);
  }

  /** Puts the line that was submitted last back, as it was typed. */
  takeBack(): void {
    this.set(this.#submitted.at(-1) ?? "");
  }

  /** Does what `key` means; keys without a meaning do nothing. */
  onKey(key: Key): Request | undefined {
    // What the terminal tells of itself is not for the line.
    if (key.type !== "text" && key.type !== "paste" && key.type !== "press") return undefined;
    const did = this.#did;
    this.#did = undefined;
    if (this.#search && this.#onSearchKey(key)) return undefined;
    // Alt with a capital letter is what Caps Lock makes of it, as in readline.
    if (key.type === "press") return this.#press(key.key.toLowerCase(), did);
    const fits = this.#insert(key.text, key.type === "text");
    return fits && !(key.type === "paste" && key.cut) ? undefined : { type: "full" };
  }

  /**
   * Cuts the text into rows of at most `columns` columns, and says where the cursor is in them.
   * Control characters are shown, not obeyed; where the cursor follows a full row, a row is added.
   *
   * @param most how many rows there is room for: those around the cursor
   * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
   */
  render(columns: number, most: number = Infinity): View {
    if (columns < 2) {
      throw new RangeError(`Cannot render: ${columns} columns, at least 2 are needed`);
    }
    if (this.#rows.columns !== columns) this.#rows = new Rows(columns);
    return this.#rows.around(this.#text, this.#cursor, Math.max(1, most));
  }

  #press(key: string, did: "kill" | "yank" | undefined): Request | undefined {
    const text = this.#text;
    const cursor = this.#cursor;
    const killing = did === "kill";
    switch (key) {
      case "enter":
        return this.#enter();
      case "alt-enter":
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
      case "pageup":
        this.#recallAlike(-1);
        break;
      case "pagedown":
        this.#recallAlike(1);
        break;
      case "ctrl-r":
        this.#search = { pattern: "", found: true, line: this.#line, cursor };
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

  /** An edit that can be undone. The cursor goes behind `insert`. */
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

  /** Moves to `to`, or to the next grapheme boundary: an edit may have made one grapheme of two. */
  #move(to: number): void {
    this.#cursor = borderFrom(this.#text, to);
  }

  /** Inserts as much of `text` as there is room for; tells whether that was all. */
  #insert(text: string, typed = false): boolean {
    const fits = whole(text.slice(0, MAX_LINE - this.#text.length));
    const cursor = this.#cursor;
    if (typed && fits.length <= MAX_TYPED) {
      // How a run of typed text is cut depends on how it was read; its words do not.
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

  /** So that Ctrl-Y brings it back. */
  #keep(text: string): void {
    this.#killed.unshift(text);
    if (this.#killed.length > MAX_KILLED) this.#killed.pop();
  }

  /** Puts what was killed between `from` and the cursor. */
  #yank(from: number, index: number): Request | undefined {
    if (this.#killed.length === 0) return undefined;
    const place = index % this.#killed.length;
    const text = this.#killed[place]!;
    const cursor = this.#cursor;
    const fits = whole(text.slice(0, MAX_LINE - (this.#text.length - (cursor - from))));
    this.#replace(from, cursor, fits);
    this.#yanked = { from, index: place };
    this.#did = "yank";
    return fits.length === text.length ? undefined : { type: "full" };
  }

  /** The grapheme boundary before the cursor. A newline is a grapheme of its own. */
  #previous(): number {
    const { value } = graphemesBefore(this.#text, this.#cursor).next();
    return this.#cursor - (value?.length ?? 0);
  }

  /** The grapheme boundary after the cursor. */
  #next(): number {
    const { value } = graphemesFrom(this.#text, this.#cursor).next();
    return this.#cursor + (value?.length ?? 0);
  }

  /** Swaps the graphemes around the cursor, or at the end of a line the two before it. */
  #transpose(): void {
    const end = lineEnd(this.#text, this.#cursor);
    const to = this.#cursor === end ? end : this.#next();
    const before = graphemesBefore(this.#text, to);
    const second = before.next().value ?? "\n";
    const first = before.next().value ?? "\n";
    if (first === "\n" || second === "\n") return;
    this.#replace(to - first.length - second.length, to, second + first);
  }

  /** Up and down: to the next line of the text, and beyond its first or last one through the history. */
  #vertical(step: -1 | 1): void {
    const text = this.#text;
    const start = lineStart(text, this.#cursor);
    const end = lineEnd(text, this.#cursor);
    const leaves = step < 0 ? start === 0 : end === text.length;
    if (leaves) return this.#recall(this.#line + step);
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

  // ---- history -------------------------------------------------------------------------------------

  #lineAt(index: number): Visited | undefined {
    const visited = this.#visited.get(index);
    if (visited) return visited;
    const text = this.#submitted[index];
    return text === undefined ? undefined : { text, undo: new Undo() };
  }

  /** Takes another line of the history into the editor; what was done to this one is kept until Enter. */
  #recall(index: number): void {
    const line = this.#lineAt(index);
    if (!line || index === this.#line) return;
    this.#visited.set(this.#line, { text: this.#text, undo: this.#undo });
    this.#line = index;
    this.#undo = line.undo;
    this.#put(0, this.#text.length, line.text);
  }

  /** To the next line that begins as this one does before the cursor. */
  #recallAlike(step: -1 | 1): void {
    const start = this.#text.slice(0, this.#cursor);
    for (let i = this.#line + step; i >= 0 && i <= this.#submitted.length; i += step) {
      const line = this.#lineAt(i);
      if (!line?.text.startsWith(start) || line.text === this.#text) continue;
      this.#recall(i);
      return this.#move(start.length);
    }
  }

  /** Does what `key` means while a search goes on; false: the search has ended, the key is still to do. */
  #onSearchKey(key: Key): boolean {
    const search = this.#search!;
    const { pattern } = search;
    if (key.type === "text") {
      const longer = whole((pattern + key.text).slice(0, MAX_PATTERN));
      this.#find(longer, -1, this.#line);
      return true;
    }
    switch (key.type === "press" ? key.key : "") {
      case "ctrl-r":
        if (pattern === "") this.#find(this.#pattern, -1, this.#line);
        else this.#find(pattern, -1, this.#line - 1, this.#text);
        return true;
      case "ctrl-s":
        this.#find(pattern, 1, this.#line + 1, this.#text);
        return true;
      case "backspace":
      case "ctrl-h": {
        const [last = ""] = graphemesBefore(pattern, pattern.length);
        // From where it began: a shorter pattern may be in a newer line.
        this.#giveBack(search);
        this.#find(pattern.slice(0, pattern.length - last.length), -1, search.line);
        return true;
      }
      case "escape":
      case "ctrl-g":
      case "ctrl-c":
        this.#giveBack(search);
        this.#search = undefined;
        return true;
    }
    this.#search = undefined;
    return false;
  }

  /** To the line that was there when the search began. */
  #giveBack({ line, cursor }: { readonly line: number; readonly cursor: number }): void {
    this.#recall(line);
    this.#move(cursor);
  }

  /** Looks from the line `from` on for one that has `pattern`, and is not `other`. */
  #find(pattern: string, step: -1 | 1, from: number, other?: string): void {
    const search = this.#search!;
    this.#pattern = pattern || this.#pattern;
    for (let i = from; pattern !== "" && i >= 0 && i < this.#submitted.length; i += step) {
      const { text } = i === this.#line ? { text: this.#text } : this.#lineAt(i)!;
      const at = text === other ? -1 : text.lastIndexOf(pattern);
      if (at < 0) continue;
      this.#recall(i);
      this.#move(at);
      this.#search = { ...search, pattern, found: true };
      return;
    }
    // The unfinished line is none of the history: from there, looking begins with the newest.
    if (step < 0 && pattern !== "" && from === this.#submitted.length) {
      return this.#find(pattern, step, from - 1, other);
    }
    this.#search = { ...search, pattern, found: pattern === "" };
  }

  /** Submits, or goes on in a new line where a backslash says so. */
  #enter(): Request | undefined {
    const slashes = /\\*$/.exec(this.#text.slice(-2))![0].length;
    if (slashes === 1 || (slashes === 2 && countBackslashes(this.#text) % 2 === 1)) {
      this.#replace(this.#text.length - 1, this.#text.length, "\n");
      return undefined;
    }
    // Empty lines behind the text come from pasting whole lines; nobody means to send them.
    let end = this.#text.length;
    while (this.#text[end - 1] === "\n") end--;
    const typed = this.#text.slice(0, end);
    if (typed.trim() === "") return undefined;
    // The last of two backslashes stands for itself.
    const text = slashes === 2 ? typed.slice(0, -1) : typed;
    if (this.#submitted.at(-1) !== typed) {
      this.#submitted.push(typed);
      this.#submittedUnits += typed.length;
    }
    while (this.#submitted.length > MAX_HISTORY || this.#submittedUnits > MAX_HISTORY_UNITS) {
      this.#submittedUnits -= this.#submitted.shift()!.length;
    }
    this.#startOver();
    return { type: "submit", text };
  }

  /** An empty line at the end of the history; edits of older lines are undone. */
  #startOver(): void {
    this.#visited.clear();
    this.#line = this.#submitted.length;
    this.#undo = new Undo();
    this.#put(0, this.#text.length, "");
  }

  #completeWord(): Request | undefined {
    const { from, words, labels } = this.#complete(this.#text, this.#cursor);
    if (words.length === 0) return undefined;
    const typed = this.#text.slice(from, this.#cursor);
    let word = commonStart(words);
    // The space that ends a word may stand there already.
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

/** Leaves out half a surrogate pair at the end of a text that was cut. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
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
