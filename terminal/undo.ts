// The edits of a text, so that they can be undone: a bounded stack. Pure: strings and positions. Knows no editor.

/** Edits kept: more than people undo one by one. */
const MAX_EDITS = 500;
/** UTF-16 units of text that they may hold together: a few of the longest pastes. */
const MAX_HELD = 2 * 1024 * 1024;

/** At `at`, `inserted` replaced `removed`. */
export interface Edit {
  readonly at: number;
  readonly removed: string;
  readonly inserted: string;
  /** The cursor before the edit. */
  readonly cursor: number;
  /** Typed text: the rest of the same word is undone together with it. */
  readonly typed: boolean;
}

export class Undo {
  readonly #edits: Edit[] = [];
  #held = 0;

  /** Keeps `edit`. The oldest edits are dropped beyond the limits. */
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

  /** Removes the newest edit and returns it. */
  take(): Edit | undefined {
    const edit = this.#edits.pop();
    if (edit) this.#held -= size(edit);
    return edit;
  }
}

function size(edit: Edit): number {
  return edit.removed.length + edit.inserted.length;
}

/** Whether `next` continues the typed word of `last`, or the spaces after it. */
function joins(last: Edit, next: Edit): boolean {
  return last.typed && next.typed && next.removed === "" &&
    next.at === last.at + last.inserted.length &&
    (/^\s/.test(next.inserted) || !/\s$/.test(last.inserted));
}

/**
 * The same string in memory of its own: V8 keeps a complete text alive for a part cut out of it. Large strings are
 * not copied: they are counted, and not much smaller than the text.
 */
function own(text: string): string {
  return text.length > 64 * 1024 ? text : text.split("").join("");
}
