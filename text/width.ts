// How many columns a text takes in a terminal, and where it wraps. Pure. Knows no terminal: terminals disagree about
// some characters. `width` is the likely number, to align texts; `room` is the largest, so that a text fits in all
// terminals. Whatever draws must stay intact where these numbers are wrong.

import { graphemesFrom, splitGraphemes } from "./graphemes.ts";
import { stringWidth } from "./string_width.ts";

/** Columns that `text` takes in a terminal. `text` has no control characters. */
export function width(text: string): number {
  return stringWidth(text);
}

/**
 * The columns that `text` may take: those of the terminal that needs the most. Rows and the cursor in them are laid
 * out with it. `text` has no control characters.
 */
export function room(text: string): number {
  let columns = 0;
  for (const g of splitGraphemes(text)) columns += roomFor(g);
  return columns;
}

/**
 * The columns that a grapheme may take. A terminal either knows graphemes, as `width` does, or adds up their
 * characters: an emoji of three people takes 2 columns in one and 6 in the other.
 */
export function roomFor(grapheme: string): number {
  if (isAscii(grapheme)) return 1;
  const characters = [...grapheme];
  const joined = roomOnce(grapheme);
  if (characters.length === 1) return joined;
  const apart = characters.filter((c) => !JAMO.test(c));
  return Math.max(joined, apart.reduce((sum, c) => sum + roomOnce(c), 0));
}

/**
 * Characters that some terminals take for wider than `width` does: halves of flags (kitty), numbers in black squares
 * (tmux), and all of the East Asian blocks (the widths of Unicode 5, as in xterm.js).
 */
const WIDER =
  /^[\u{1f1e6}-\u{1f1ff}\u2e80-\u303e\u3040-\ua4cf\ufe30-\ufe6f\uff00-\uff60\u{1f93b}\u{1f946}]$/u;
/** Vowels and final consonants of Korean syllables: all terminals put them into the cell of the first consonant. */
const JAMO = /^[\u1160-\u11ff\ud7b0-\ud7ff]$/;
/** Signs that begin a number or a verse: `width` takes them for invisible, but tmux and xterm do not. */
const SIGN = /^[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]$/u;

/** Measured graphemes: measuring takes microseconds, and a script has few characters. */
const measured = new Map<string, number>();
const MAX_MEASURED = 4096;

function roomOnce(text: string): number {
  const known = measured.get(text);
  if (known !== undefined) return known;
  const columns = Math.max(width(text), WIDER.test(text) ? 2 : SIGN.test(text) ? 1 : 0);
  if (measured.size >= MAX_MEASURED) measured.clear();
  measured.set(text, columns);
  return columns;
}

/**
 * Cuts one line (no newlines, no colours) into rows of at most `columns` columns. Breaks at a space if a row has
 * one, otherwise between graphemes. Drops nothing except the space at a break.
 *
 * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
 */
export function wrap(line: string, columns: number): string[] {
  return Array.from(cuts(line, columns), ([from, to]) => line.slice(from, to));
}

/** Longest grapheme that is measured and kept in one row, in UTF-16 units. Longer ones are cut. */
const MAX_GRAPHEME = 64;
/** Longer lines, in UTF-16 units, are split into graphemes only as far as the caller takes rows. */
const LONG_LINE = 4096;

/**
 * Where `wrap` cuts `line`: the beginning and the end of each row.
 *
 * @param roomAt the columns that a row may take up to the grapheme at a position, if that is more than `columns`: for
 * words that should not be cut
 * @throws {RangeError} if `columns` is less than 2
 */
export function* cuts(
  line: string,
  columns: number,
  roomAt: (at: number) => number = () => columns,
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
    if (rowWidth + w > columns && rowWidth + w > roomAt(at)) {
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
    const w = g.length > MAX_GRAPHEME ? Infinity : roomFor(g);
    // A grapheme wider than a row (a letter with many marks) is cut, too.
    if (w <= columns || g.length === 1) take(g, w);
    else for (const c of g) take(c, roomFor(c));
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
  if (room(text) <= columns) return text;
  let kept = "";
  let used = 0;
  for (const g of splitGraphemes(text)) {
    used += roomFor(g);
    if (used > columns - 1) break;
    kept += g;
  }
  return kept + "…";
}
