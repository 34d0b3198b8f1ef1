// What was done to a text, so that it can be undone: a stack of edits, bounded. Pure: strings and places.

/** Edits that are kept: more than anybody takes back one by one. */
const MAX_EDITS = 500;
/** Units of text that they may hold together: a few of the longest pastes. */
const MAX_HELD = 2 * 1024 * 1024;

/** At `at`, `removed` gave way to `inserted`. */
export interface Edit {
  readonly at: number;
  readonly removed: string;
  readonly inserted: string;
  /** Where the cursor was before. */
  readonly cursor: number;
  /** It was typed: what is typed next, within the same word, is undone together with it. */
  readonly typed: boolean;
}

export class Undo {
  readonly #edits: Edit[] = [];
  #held = 0;

  /** Keeps `edit`; the oldest are forgotten where there are too many, or too large ones. */
  add(edit: Edit): void {
    const last = this.#edits.at(-1);
    const joined = last && joins(last, edit)
      ? { ...last, inserted: last.inserted + edit.inserted }
      : edit;
    if (joined !== edit) this.#edits.pop();
    this.#edits.push({ ...joined, removed: own(joined.removed), inserted: own(joined.inserted) });
    this.#held += size(edit);
    while (this.#edits.length > MAX_EDITS || this.#held > MAX_HELD) {
      this.#held -= size(this.#edits.shift()!);
    }
  }

  /** The newest edit, which is kept no longer. */
  take(): Edit | undefined {
    const edit = this.#edits.pop();
    if (edit) this.#held -= size(edit);
    return edit;
  }
}

function size(edit: Edit): number {
  return edit.removed.length + edit.inserted.length;
}

/** Whether `next` goes on with the word that `last` has typed, or with the spaces behind it. */
function joins(last: Edit, next: Edit): boolean {
  return last.typed && next.typed && next.removed === "" &&
    next.at === last.at + last.inserted.length &&
    (/^\s/.test(next.inserted) || !/\s$/.test(last.inserted));
}

/**
 * The same string in memory of its own: the engine keeps a whole text for a part cut out of it. What is
 * large is left: it is counted, and not much smaller than the text.
 */
function own(text: string): string {
  return text.length > 64 * 1024 ? text : text.split("").join("");
}
