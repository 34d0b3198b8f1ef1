// How many columns a text takes in a terminal, and where it wraps. Pure. Knows no terminal: terminals disagree about
// some characters, so the screen must stay intact where these numbers are wrong.

import { graphemesFrom, splitGraphemes } from "./graphemes.ts";
import { stringWidth } from "./string_width.ts";

/** Columns that `text` takes in a terminal. `text` has no control characters. */
export function width(text: string): number {
  return stringWidth(text);
}

/**
 * Cuts one line (no newlines, no colours) into rows of at most `columns` columns. Breaks at a space if a row has
 * one, otherwise between graphemes. Drops nothing except the space at a break.
 *
 * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
 */
export function wrap(line: string, columns: number): string[] {
  return Array.from(cuts(line, columns, width), ([from, to]) => line.slice(from, to));
}

/** Longest grapheme that is measured and kept in one row, in UTF-16 units. Longer ones are cut. */
const MAX_GRAPHEME = 64;
/** Longer lines, in UTF-16 units, are split into graphemes only as far as the caller takes rows. */
const LONG_LINE = 4096;

/**
 * Where `wrap` cuts `line`: the beginning and the end of each row. `measure` returns the columns of a grapheme.
 *
 * @param room the columns that a row may take up to the grapheme at a position, if that is more than `columns`: for
 * words that should not be cut
 * @throws {RangeError} if `columns` is less than 2
 */
export function* cuts(
  line: string,
  columns: number,
  measure: (grapheme: string) => number,
  room: (at: number) => number = () => columns,
): Generator<[from: number, to: number], void, void> {
  if (columns < 2) throw new RangeError(`Cannot wrap: ${columns} columns, at least 2 are needed`);
  let rows: [number, number][] = [];
  /** The current row: its beginning, and its width up to `at`. */
  let from = 0;
  let rowWidth = 0;
  /** The position after the row's last space, where it can be broken, and the width up to there. */
  let space = -1;
  let spaceWidth = 0;
  let at = 0;
  const take = (g: string, w: number) => {
    const isSpace = g === " ";
    if (rowWidth + w > columns && !isSpace && space > from) {
      rows.push([from, space - 1]);
      from = space;
      rowWidth -= spaceWidth;
      space = -1;
    }
    // The text after the space and a wide character can still be more than a row.
    if (rowWidth + w > columns && rowWidth + w > room(at)) {
      rows.push([from, at]);
      from = at;
      rowWidth = 0;
      space = -1;
      if (isSpace) {
        from = ++at;
        return;
      }
    }
    at += g.length;
    rowWidth += w;
    // Not at a leading space: that would make an empty row.
    if (isSpace && at - from > 1) {
      space = at;
      spaceWidth = rowWidth;
    }
  };
  for (const g of line.length > LONG_LINE ? graphemesFrom(line, 0) : splitGraphemes(line)) {
    const w = g.length > MAX_GRAPHEME ? Infinity : isAscii(g) ? 1 : measure(g);
    // A grapheme wider than a row (a letter with many marks) is cut, too.
    if (w <= columns || g.length === 1) take(g, w);
    else for (const c of g) take(c, measure(c));
    if (rows.length > 0) {
      yield* rows;
      rows = [];
    }
  }
  yield [from, at];
}

/** Whether this grapheme is a printable ASCII character. Most are, and need no measuring. */
function isAscii(grapheme: string): boolean {
  return grapheme.length === 1 && grapheme >= " " && grapheme <= "~";
}

/** The beginning of `text`, at most `columns` wide. Ends in `…` if it was cut. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  let used = 0;
  for (const g of splitGraphemes(text)) {
    used += width(g);
    if (used > columns - 1) break;
    kept += g;
  }
  return kept + "…";
}
