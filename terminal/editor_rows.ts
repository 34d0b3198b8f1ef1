// The rows that the editor's text takes on the screen. Rows are computed when they are needed and kept until the
// text before them changes. Knows no keys and no terminal.

import { graphemesFrom, plainBoundary } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { room } from "../text/width.ts";

/** The rows around the cursor: as many as have room. */
export interface EditorView {
  /** Safe to print, in all terminals at most as wide as asked. At least one. */
  readonly rows: readonly string[];
  /** The index of the first of `rows` among all rows of the text. */
  readonly first: number;
  /** The index of the cursor's row in `rows`. */
  readonly row: number;
  /**
   * What this row shows before the cursor. Terminals disagree about the columns that it takes: where it ends when it
   * is written again, there the cursor is.
   */
  readonly before: string;
}

/** Columns of a text without newlines, as it is shown. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const g of graphemesFrom(text, 0)) columns += cellsOf(g).wide;
  return columns;
}

/** One row of the text on the screen. */
interface Row {
  /** Where it begins in the text. */
  readonly start: number;
  /** The part of `shown` that belongs to a grapheme of the row above: one that is wider than a row. */
  readonly lead: string;
  readonly shown: string;
  readonly used: number;
  /** Where the next row begins in the text. */
  readonly end: number;
  /** The rest of the grapheme before `end`, for the next row. */
  readonly rest: readonly string[];
  /** The text ends with it. */
  readonly last: boolean;
}

/**
 * The rows of a text from the first one on, as far as they were needed. An edit costs only the rows that are
 * visible. Only a jump to the other end of a novel computes all rows between.
 */
export class EditorRows {
  readonly columns: number;
  readonly #rows: Row[] = [];

  constructor(columns: number) {
    this.columns = columns;
  }

  /** The text has changed to `text`, from `from` on. */
  changed(text: string, from: number): void {
    // The graphemes before this boundary are the same. The row of the last one may end elsewhere now.
    const same = plainBoundary(text, from - 1);
    this.#rows.length = Math.max(0, this.#firstFrom(same) - 1);
  }

  /** At most `maxRows` rows of `text`, among them the one with the cursor. */
  around(text: string, cursor: number, maxRows: number): EditorView {
    let at = this.#rowOf(text, cursor);
    const { start, lead, used, last } = this.#rows[at]!;
    let before = lead;
    for (const g of graphemesFrom(text.slice(start, cursor), 0)) before += cellsOf(g).shown;
    const added = last && cursor === text.length && used >= this.columns;
    if (added) {
      at++;
      before = "";
    }
    const wished = Math.max(0, at - Math.floor(maxRows / 2));
    let count = 0;
    while (count < wished + maxRows && this.#row(text, count)) count++;
    if (added) count++;
    const first = Math.max(0, Math.min(wished, count - maxRows));
    const rows = this.#rows.slice(first, Math.min(first + maxRows, count)).map((row) => row.shown);
    if (added) rows.push("");
    return { rows, first, row: at - first, before };
  }

  /** The index of the first computed row that begins at or after `at`. */
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

  /** The index of the row that contains `at`. */
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

/** The row that begins at `start`, after `pieces` of a grapheme that did not fit into the row above. */
function layOut(text: string, start: number, pieces: readonly string[], columns: number): Row {
  let shown = "";
  let used = 0;
  let end = start;
  /** Adds the pieces that fit, at least one. Returns the others. */
  const add = (pieces: readonly string[]): readonly string[] => {
    for (const [i, piece] of pieces.entries()) {
      const wide = room(piece);
      if (used > 0 && used + wide > columns) return pieces.slice(i);
      shown += piece;
      used += wide;
    }
    return [];
  };
  let rest = add(pieces);
  const lead = shown;
  if (rest.length > 0) return { start, lead, shown, used, end, rest, last: false };
  for (const g of graphemesFrom(text, start)) {
    const { shown: cells, wide } = cellsOf(g);
    if (used > 0 && used + wide > columns) {
      return { start, lead, shown, used, end, rest, last: false };
    }
    end += g.length;
    if (g === "\n") return { start, lead, shown, used, end, rest, last: false };
    // A visible control character (`\u{202e}`) and a letter with many marks can be wider than a row.
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

/** A grapheme as it is shown, and the columns that it may take. */
interface Cells {
  readonly shown: string;
  readonly wide: number;
}

/**
 * Graphemes that were measured. Each key may lay out a quarter of a million characters: measuring them all would
 * take a second, but few of them differ.
 */
const measured = new Map<string, Cells>([["\n", { shown: "", wide: 0 }]]);
const MAX_MEASURED = 4096;

/** How the editor shows the grapheme `g`. */
export function cellsOf(g: string): Cells {
  const known = measured.get(g);
  if (known) return known;
  const shown = printable(g);
  const cells = { shown, wide: room(shown) };
  // A grapheme of many marks is rare, and not worth the memory.
  if (measured.size < MAX_MEASURED && g.length < 32) measured.set(g, cells);
  return cells;
}
