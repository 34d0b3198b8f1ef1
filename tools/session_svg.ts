// A terminal's screen as SVG, in a window. Pure: cells in, text out. Knows no terminal and no file. It looks the
// same with all fonts: each run of cells has its position and its length, and bars are drawn as lines.

import type { Cell, Ink, ScreenCells } from "../tests/support/cells.ts";

// Sizes are in px. A cell is about as wide as those of the fonts below.
const CELL = 9;
const ROW = 21;
const FONT = 15;
/** From the top of a row to the baseline. */
const BASE = 15;
const PADDING = 22;
const TITLE = 38;
const RADIUS = 10;

const FONTS = "ui-monospace, 'SF Mono', Menlo, 'Cascadia Mono', Consolas, 'DejaVu Sans Mono', " +
  "'Liberation Mono', monospace";

/** Darker than #1e1e1e, for which the colours of the theme `dark` are made: they are legible on it. */
const GROUND = "#14171f";
const INK = "#dde1ea";
/** The window's title, its bar, its edge: the edge is visible on dark pages, and subtle on light ones. */
const [HEADING, BAR, EDGE] = ["#9aa3b5", "#1f2430", "#3a4152"];
const BUTTONS = ["#f2655c", "#f3be4b", "#57c75e"];

/** The first 16 colours, which each terminal chooses. All but black have a contrast of 4.5 to 1 or more. */
const NAMED = [
  ...["#3a4152", "#f2777a", "#8fcf78", "#e6c06a", "#74a8f7", "#c792ea", "#63cfd1", "#c4cad6"],
  ...["#7d879c", "#ff9a9c", "#aee39a", "#f5d68c", "#9cc3ff", "#dcb3f5", "#8fe3e4", "#f4f6fb"],
];

/** How a cell is drawn, in colours of SVG. */
interface Look {
  readonly ink: string;
  readonly ground: string;
  readonly bold: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
}

/** A cell and its position. */
interface Placed {
  readonly text: string;
  readonly columns: number;
  readonly column: number;
  readonly row: number;
  readonly look: Look;
}

/**
 * The screen as an SVG file.
 *
 * @param title the window's title, which screen readers read for the picture
 *
 * @example
 * ```ts
 * await Deno.writeTextFile("session.svg", picture(terminal.screen, "chat"));
 * ```
 */
export function picture(screen: ScreenCells, title: string): string {
  const width = screen.columns * CELL + 2 * PADDING;
  const height = TITLE + Math.max(1, screen.rows.length) * ROW + 2 * PADDING - ROW / 3;
  const cells = place(screen);
  const name = escape(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="${name}">`,
    "<style>",
    `text { font: ${FONT}px ${FONTS}; fill: ${INK}; }`,
    ".bold { font-weight: bold; }",
    ".italic { font-style: italic; }",
    `.title { font: 13px system-ui, sans-serif; fill: ${HEADING}; text-anchor: middle; }`,
    "</style>",
    ...frame(width, height),
    `<text class="title" x="${width / 2}" y="${TITLE / 2 + 5}">${name}</text>`,
    ...grounds(cells),
    ...bars(cells),
    ...underlines(cells),
    ...texts(cells),
    "</svg>",
    "",
  ].join("\n");
}

function frame(width: number, height: number): string[] {
  const [right, bottom] = [width - 0.5, height - 0.5];
  const corner = `a${RADIUS} ${RADIUS} 0 0 1`;
  return [
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${
      height - 1
    }" rx="${RADIUS}" fill="${GROUND}"/>`,
    `<path fill="${BAR}" d="M0.5 ${TITLE}V${RADIUS + 0.5}${corner} ${RADIUS} -${RADIUS}` +
    `H${right - RADIUS}${corner} ${RADIUS} ${RADIUS}V${TITLE}z"/>`,
    `<rect x="0.5" y="0.5" width="${right - 0.5}" height="${bottom - 0.5}" rx="${RADIUS}" ` +
    `fill="none" stroke="${EDGE}"/>`,
    ...BUTTONS.map((color, i) =>
      `<circle cx="${PADDING + 6 + i * 20}" cy="${TITLE / 2}" r="6" fill="${color}"/>`
    ),
  ];
}

// ---- cells -----------------------------------------------------------------------------------------

const x = (column: number) => PADDING + column * CELL;
const y = (row: number) => TITLE + PADDING - ROW / 3 + row * ROW;

/** All cells with their positions. The cursor is a cell with ink and ground exchanged. */
function place({ rows, cursor }: ScreenCells): Placed[] {
  const placed: Placed[] = [];
  const put = (cell: Cell, column: number, row: number) => {
    const isCursor = cursor?.row === row && cursor.column === column;
    const look = lookOf(isCursor ? { ...cell, inverse: !cell.inverse } : cell);
    placed.push({ text: cell.text.trim(), columns: cell.columns, column, row, look });
    return column + cell.columns;
  };
  rows.forEach((cells, row) => {
    let column = 0;
    for (const cell of cells) column = put(cell, column, row);
    // The cursor may be after the end of a row, where there is no cell.
    if (cursor?.row === row && cursor.column >= column) {
      put({ text: "", columns: 1 }, cursor.column, row);
    }
  });
  return placed;
}

function lookOf({ ink, ground, bold, dim, italic, underline, inverse }: Cell): Look {
  const colors = [colorOf(ink) ?? INK, colorOf(ground) ?? GROUND] as const;
  const [front, back] = inverse ? [colors[1], colors[0]] : colors;
  return {
    ink: dim ? mix(front, back) : front,
    ground: back,
    bold: bold ?? false,
    italic: italic ?? false,
    underline: underline ?? false,
  };
}

function colorOf(ink: Ink): string | undefined {
  if (typeof ink !== "number") return ink;
  if (ink < NAMED.length) return NAMED[ink];
  // xterm's cube of 6 by 6 by 6, and its 24 greys.
  const step = (n: number) => (n === 0 ? 0 : 55 + n * 40);
  const n = ink - NAMED.length;
  if (n < 6 ** 3) return hex([Math.floor(n / 36), Math.floor(n / 6) % 6, n % 6].map(step));
  const grey = 8 + (n - 6 ** 3) * 10;
  return hex([grey, grey, grey]);
}

function hex(parts: readonly number[]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** A mix of two parts of the first colour and one of the second. */
function mix(one: string, other: string): string {
  const parts = (color: string) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const others = parts(other);
  return hex(parts(one).map((part, i) => Math.round((2 * part + others[i]!) / 3)));
}

// ---- shapes ----------------------------------------------------------------------------------------

/** Adjacent cells of a row with the same `key`. Cells without one are left out. */
function runs(
  cells: readonly Placed[],
  key: (cell: Placed) => string | undefined,
): { first: Placed; columns: number; key: string }[] {
  const found: { first: Placed; columns: number; key: string }[] = [];
  for (const cell of cells) {
    const own = key(cell);
    if (own === undefined) continue;
    const last = found.at(-1);
    const goesOn = last?.key === own && last.first.row === cell.row &&
      last.first.column + last.columns === cell.column;
    if (goesOn) last.columns += cell.columns;
    else found.push({ first: cell, columns: cell.columns, key: own });
  }
  return found;
}

function grounds(cells: readonly Placed[]): string[] {
  return runs(cells, ({ look }) => (look.ground === GROUND ? undefined : look.ground)).map(
    ({ first, columns, key }) =>
      `<rect x="${x(first.column)}" y="${y(first.row)}" width="${columns * CELL}" ` +
      `height="${ROW - 1}" fill="${key}"/>`,
  );
}

/** Underlines are drawn: fonts put them at different heights, and break them at changes of style. */
function underlines(cells: readonly Placed[]): string[] {
  return runs(cells, ({ look }) => (look.underline ? look.ink : undefined)).map(
    ({ first, columns, key }) =>
      `<path stroke="${key}" d="M${x(first.column)} ${y(first.row) + BASE + 2.5}h${
        columns * CELL
      }"/>`,
  );
}

/** Vertical bars are drawn: those of fonts leave gaps between rows. Position in the cell, and width. */
const BARS: Readonly<Record<string, readonly [at: number, width: number]>> = {
  "│": [CELL / 2, 1],
  "▏": [1, 2],
};

function bars(cells: readonly Placed[]): string[] {
  const found: { cell: Placed; rows: number }[] = [];
  for (const cell of cells) {
    if (!(cell.text in BARS)) continue;
    const above = found.find(({ cell: { text, column, row, look }, rows }) =>
      text === cell.text && column === cell.column && look.ink === cell.look.ink &&
      row + rows === cell.row
    );
    if (above) above.rows++;
    else found.push({ cell, rows: 1 });
  }
  return found.map(({ cell: { text, column, row, look }, rows }) => {
    const [at, width] = BARS[text]!;
    return `<path stroke="${look.ink}" stroke-width="${width}" ` +
      `d="M${x(column) + at} ${y(row)}v${rows * ROW}"/>`;
  });
}

// ---- letters ---------------------------------------------------------------------------------------

/** Words in one style. XML joins spaces, so there is at most one between two words. */
interface Words {
  text: string;
  columns: number;
  readonly first: Placed;
  readonly isWide: boolean;
}

function texts(cells: readonly Placed[]): string[] {
  const found: Words[] = [];
  for (const cell of cells) {
    if (cell.text === "" || cell.text in BARS) continue;
    const last = found.at(-1);
    const gap = last ? cell.column - last.first.column - last.columns : 0;
    const isWide = cell.columns > 1;
    // The font decides the width of a wide character: nothing else must depend on it.
    const goesOn = last?.first.row === cell.row && gap <= 1 && !isWide && !last.isWide &&
      letters(last.first) === letters(cell);
    if (goesOn) {
      last.text += " ".repeat(gap) + cell.text;
      last.columns += gap + cell.columns;
    } else {
      found.push({ text: cell.text, columns: cell.columns, first: cell, isWide });
    }
  }
  return found.map(({ text, columns, first }) => {
    const length = ` textLength="${columns * CELL}" lengthAdjust="spacingAndGlyphs"`;
    return `<text x="${x(first.column)}" y="${y(first.row) + BASE}"${columns > 1 ? length : ""}` +
      `${letters(first)}>${escape(text)}</text>`;
  });
}

/** The look of letters as attributes. */
function letters({ look: { ink, bold, italic } }: Placed): string {
  const classes = [...bold ? ["bold"] : [], ...italic ? ["italic"] : []].join(" ");
  // As a style: the style sheet overrides attributes.
  const style = ink === INK ? "" : ` style="fill: ${ink}"`;
  return `${classes === "" ? "" : ` class="${classes}"`}${style}`;
}

/** XML does not allow control characters, not even escaped. */
function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    // deno-lint-ignore no-control-regex
    .replace(/[\x00-\x1f\x7f-\x9f\ufffe\uffff]/g, "\ufffd").toWellFormed();
}
