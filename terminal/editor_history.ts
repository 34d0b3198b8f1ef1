// The lines that were submitted, the draft, and the search among them. Each line keeps its edits, and what can be
// undone in it, until Enter. Knows no keys but those of a search, and neither rows nor the terminal: it returns
// the line to show, and the editor shows it.

import { graphemesBefore, withoutHalfPair } from "../text/graphemes.ts";
import { type Key, MAX_PASTE } from "./keyboard.ts";
import type { Undo } from "./undo.ts";

/** Lines kept: more than people go back with an arrow key. */
const MAX_LINES = 500;
/** UTF-16 units of text that the lines may have together: eight of the longest. */
const MAX_UNITS = 8 * MAX_PASTE;

/** UTF-16 units of a search's pattern. */
const MAX_PATTERN = 256;

/** A line in the editor. */
export interface EditedLine {
  readonly text: string;
  /** In UTF-16 units. */
  readonly cursor: number;
  /** The edits of this line. Undefined in a line that was not edited since Enter. */
  readonly undo: Undo | undefined;
}

/** A search in progress. */
export interface Search {
  readonly pattern: string;
  /** False if no line, or no further line, contains the pattern. Then the last match stays in the editor. */
  readonly found: boolean;
}

/** The history of an editor. The draft, which was not submitted yet, follows the newest line. */
export class EditorHistory {
  /** As they were typed, oldest first. */
  readonly #submitted: string[] = [];
  #units = 0;
  /** The index of the line in the editor. The draft's is `#submitted.length`. */
  #index = 0;
  /** The draft, and lines that were edited or visited since Enter. */
  readonly #visited = new Map<number, Pick<EditedLine, "text" | "undo">>();
  #search: Search & { readonly index: number; readonly cursor: number } | undefined;
  /** The pattern of the search before. */
  #pattern = "";

  /** The line that was submitted last. */
  get newest(): string | undefined {
    return this.#submitted.at(-1);
  }

  /** The search in progress: it takes keys first. */
  get search(): Search | undefined {
    return this.#search;
  }

  /** Adds a submitted line, and drops the oldest lines beyond the limits. */
  add(typed: string): void {
    if (this.newest !== typed) {
      this.#submitted.push(typed);
      this.#units += typed.length;
    }
    while (this.#submitted.length > MAX_LINES || this.#units > MAX_UNITS) {
      this.#units -= this.#submitted.shift()!.length;
    }
  }

  /** Goes to an empty draft. Edits of older lines are dropped. */
  startOver(): void {
    this.#visited.clear();
    this.#index = this.#submitted.length;
  }

  /** The next older or newer line; undefined at the end. Keeps the edits of `current`. */
  recall(step: -1 | 1, current: EditedLine): EditedLine | undefined {
    const index = this.#index + step;
    const isLine = index >= 0 && index <= this.#submitted.length;
    return isLine ? this.#goTo(index, current) : undefined;
  }

  /** The next older or newer line that begins like `current` before its cursor, unless it is the same text. */
  recallAlike(step: -1 | 1, current: EditedLine): EditedLine | undefined {
    const start = current.text.slice(0, current.cursor);
    for (let i = this.#index + step; i >= 0 && i <= this.#submitted.length; i += step) {
      const { text } = this.#lineAt(i, current);
      if (!text.startsWith(start) || text === current.text) continue;
      return { ...this.#goTo(i, current), cursor: current.cursor };
    }
    return undefined;
  }

  startSearch(cursor: number): void {
    this.#search = { pattern: "", found: true, index: this.#index, cursor };
  }

  /**
   * Handles a key during a search.
   *
   * @returns the line to show, or undefined if the key has ended the search and is still to be handled
   */
  onSearchKey(key: Key, current: EditedLine): EditedLine | undefined {
    const search = this.#search!;
    const { pattern } = search;
    if (key.type === "text") {
      const longer = withoutHalfPair((pattern + key.text).slice(0, MAX_PATTERN));
      return this.#find(longer, -1, this.#index, current);
    }
    switch (key.type === "press" ? key.key : "") {
      case "ctrl-r":
        if (pattern === "") return this.#find(this.#pattern, -1, this.#index, current);
        return this.#find(pattern, -1, this.#index - 1, current, current.text);
      case "ctrl-s":
        return this.#find(pattern, 1, this.#index + 1, current, current.text);
      case "backspace":
      case "ctrl-h": {
        const [last = ""] = graphemesBefore(pattern, pattern.length);
        const shorter = pattern.slice(0, pattern.length - last.length);
        // From where the search began: a newer line may contain the shorter pattern.
        return this.#find(shorter, -1, search.index, this.#goBack(search, current));
      }
      case "escape":
      case "ctrl-g":
      case "ctrl-c":
        this.#search = undefined;
        return this.#goBack(search, current);
    }
    this.#search = undefined;
    return undefined;
  }

  /** The line that was in the editor when the search began. */
  #goBack(search: { readonly index: number; readonly cursor: number }, current: EditedLine) {
    return { ...this.#goTo(search.index, current), cursor: search.cursor };
  }

  /** The first line from index `from` on that contains `pattern` and is not `other`; else `current`. */
  #find(
    pattern: string,
    step: -1 | 1,
    from: number,
    current: EditedLine,
    other?: string,
  ): EditedLine {
    const search = this.#search!;
    this.#pattern = pattern || this.#pattern;
    for (let i = from; pattern !== "" && i >= 0 && i < this.#submitted.length; i += step) {
      const { text } = this.#lineAt(i, current);
      const at = text === other ? -1 : text.lastIndexOf(pattern);
      if (at < 0) continue;
      this.#search = { ...search, pattern, found: true };
      return { ...this.#goTo(i, current), cursor: at };
    }
    // The draft is not searched: a search that begins there looks from the newest line on.
    if (step < 0 && pattern !== "" && from === this.#submitted.length) {
      return this.#find(pattern, step, from - 1, current, other);
    }
    this.#search = { ...search, pattern, found: pattern === "" };
    return current;
  }

  /** Makes the line at `index` the one in the editor, the cursor at its end. */
  #goTo(index: number, current: EditedLine): EditedLine {
    if (index === this.#index) return current;
    const { text, undo } = this.#lineAt(index, current);
    this.#visited.set(this.#index, current);
    this.#index = index;
    return { text, undo, cursor: text.length };
  }

  #lineAt(index: number, current: EditedLine): Pick<EditedLine, "text" | "undo"> {
    if (index === this.#index) return current;
    return this.#visited.get(index) ?? { text: this.#submitted[index] ?? "", undo: undefined };
  }
}
