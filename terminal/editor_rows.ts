// TODO: say what this is.

import { graphemesFrom, plainBorder } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { width } from "../text/width.ts";

/** The text as the screen shows it, or as much of it as there is room for, around the cursor. */
export interface View {
  /** Safe to print; each at most as wide as asked. There is at least one. */
  readonly rows: readonly string[];
  /** Which row of the whole text the first of `rows` is, from 0. */
  readonly first: number;
  /** Where the cursor stands: the index of its row in `rows`, and the column in it, from 0. */
  readonly row: number;
  readonly column: number;
}

/** Columns of a text without newlines, as it is shown. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const g of graphemesFrom(text, 0)) columns += cellsOf(g).wide;
  return columns;
}

// ---- rows ------------------------------------------------------------------------------------------

/** One row of the text on the screen. */
interface Row {
  /** Where in the text it begins. */
  readonly start: number;
  /** Columns that the end of a grapheme takes that began in a row above: one that is wider than a row. */
  readonly lead: number;
  readonly shown: string;
  readonly used: number;
  /** Where in the text the next one begins. */
  readonly end: number;
  /** What of the grapheme before `end` is still to be shown. */
  readonly rest: readonly string[];
  /** The text ends with it. */
  readonly last: boolean;
}

/**
 * The rows of a text, from its first one on, as far as they were needed: an edit costs the rows that are
 * seen, and only who goes to the other end of a novel waits until the rows between have been counted.
 */
export class Rows {
  readonly columns: number;
  readonly #rows: Row[] = [];

  constructor(columns: number) {
    this.columns = columns;
  }

  /** The text is `text` now: from `from` on it is another. */
  changed(text: string, from: number): void {
    // What comes before this place are the same graphemes as before. The row of the last of them may end
    // elsewhere now.
    const same = plainBorder(text, from - 1);
    this.#rows.length = Math.max(0, this.#firstFrom(same) - 1);
  }

  around(text: string, cursor: number, most: number): View {
    let at = this.#rowOf(text, cursor);
    const { start, lead, used, last } = this.#rows[at]!;
    let column = lead + columnsOf(text.slice(start, cursor));
    // A full row before a newline has no cell behind it: there the cursor stays on the last one.
    column = Math.min(column, this.columns - 1);
    const added = last && cursor === text.length && used >= this.columns;
    if (added) {
      at++;
      column = 0;
    }
    const wished = Math.max(0, at - Math.floor(most / 2));
    let count = 0;
    while (count < wished + most && this.#row(text, count)) count++;
    if (added) count++;
    const first = Math.max(0, Math.min(wished, count - most));
    const rows = this.#rows.slice(first, Math.min(first + most, count)).map((row) => row.shown);
    if (added) rows.push("");
    return { rows, first, row: at - first, column };
  }

  /** The index of the first of the known rows that begins at `at` or behind it. */
  #firstFrom(at: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle]!.start < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the row in which the place `at` of the text is. */
  #rowOf(text: string, at: number): number {
    let last = this.#rows.at(-1);
    while (!last || (!last.last && last.end <= at)) last = this.#row(text, this.#rows.length)!;
    return this.#firstFrom(at + 1) - 1;
  }

  #row(text: string, index: number): Row | undefined {
    while (this.#rows.length <= index) {
      const before = this.#rows.at(-1);
      if (before?.last) return undefined;
      this.#rows.push(layOut(text, before?.end ?? 0, before?.rest ?? [], this.columns));
    }
    return this.#rows[index];
  }
}

/** The row that begins at `start`, behind `pieces` of a grapheme that did not fit into the row above. */
function layOut(text: string, start: number, pieces: readonly string[], columns: number): Row {
  let shown = "";
  let used = 0;
  let end = start;
  /** Adds as many as there is room for, at least one; returns those for which there is none. */
  const add = (pieces: readonly string[]): readonly string[] => {
    for (const [i, piece] of pieces.entries()) {
      const wide = width(piece);
      if (used > 0 && used + wide > columns) return pieces.slice(i);
      shown += piece;
      used += wide;
    }
    return [];
  };
  let rest = add(pieces);
  const lead = used;
  if (rest.length > 0) return { start, lead, shown, used, end, rest, last: false };
  for (const g of graphemesFrom(text, start)) {
    const { shown: cells, wide } = cellsOf(g);
    if (used > 0 && used + wide > columns) {
      return { start, lead, shown, used, end, rest, last: false };
    }
    end += g.length;
    if (g === "\n") return { start, lead, shown, used, end, rest, last: false };
    // A picture of a control character (`\u{202e}`), or a letter with many marks, can be wider than a row.
    if (wide > columns) {
      rest = add([...cells]);
      if (rest.length > 0) return { start, lead, shown, used, end, rest, last: false };
    } else {
      shown += cells;
      used += wide;
    }
  }
  return { start, lead, shown, used, end, rest, last: true };
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

export function cellsOf(g: string): Cells {
  const cells = known.get(g);
  if (cells) return cells;
  const shown = printable(g);
  const measured = { shown, wide: width(shown) };
  // A grapheme of many marks is not worth its memory.
  if (known.size < MAX_KNOWN && g.length < 32) known.set(g, measured);
  return measured;
}
