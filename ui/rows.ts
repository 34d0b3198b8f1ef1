// TODO: say what this is.

import { stripAnsiCode } from "@std/fmt/colors";
import { cut, width, wrap } from "../text/width.ts";
import { type MarkupLine, type Run, toRows } from "./markup.ts";
import type { Time } from "./preferences.ts";
import { paint, type Palette } from "./theme.ts";

/** What the rows are for. */
export interface Page {
  readonly columns: number;
  readonly palette: Palette;
  readonly time: Time;
  /** One's own name, as it is shown. */
  readonly self: string;
  /** Whether links can be opened (OSC 8). */
  readonly links: boolean;
}

/** From so many columns on, rows are aligned. */
export const ALIGNED_COLUMNS = 60;
/** The addresses of all links of one message, in characters: a row repeats the whole of one. */
const MAX_LINKS = 64 * 1024;
const BAR = "▏";
export const INDENT = "  ";
const OSC_8 = "\x1b]8;";
const ST = "\x1b\\";

/**
 * A heading on rows of its own. Where even they are too narrow the label, which it ends with, is cut, and goes
 * on behind a mark: the end of a name must not look like another's.
 */
export function alone(heading: string, label: string, columns: number): string[] {
  if (width(stripAnsiCode(heading)) <= columns) return [heading];
  const [stamp = ""] = /^\d[\d:]+(?= )/.exec(stripAnsiCode(heading)) ?? [];
  const rows = wrap(label, Math.max(2, columns - 1)).map((row, i) => (i === 0 ? row : `…${row}`));
  return [...stamp === "" ? [] : [stamp], ...rows];
}

/**
 * `text`, which is printable, behind `heading`, which may have colours too: its further rows are indented
 * under it, or less where that would leave it less than half of the columns.
 */
export function framed(heading: string, text: string, page: Page, style: string): string[] {
  const columns = Math.max(8, page.columns);
  const lines = text.replaceAll("\t", "    ").split("\n");
  const first = width(stripAnsiCode(heading));
  if (lines.length === 1 && first + width(lines[0]!) <= columns) {
    return [heading + paint(lines[0]!, style)];
  }
  const isNarrow = page.columns < ALIGNED_COLUMNS;
  const indent = isNarrow || first > columns / 2 ? INDENT.length : Math.max(first, INDENT.length);
  const margin = " ".repeat(indent);
  if (first > columns / 2) {
    const rows = lines.flatMap((line) => wrap(line, columns - indent));
    const own = heading.trimEnd();
    // With colours in it, it is a time, which is short.
    const first = stripAnsiCode(own) === own ? wrap(own, columns) : [own];
    return [...first, ...rows.map((row) => margin + paint(row, style))];
  }
  // The first row has the heading, of which so much is wider than the indent of the others.
  const more = first > indent ? "x".repeat(first - indent - 1) + " " : "";
  const rows = lines.flatMap((line, i) => {
    if (i > 0) return wrap(line, columns - indent);
    const [row = "", ...others] = wrap(more + line, columns - indent);
    return [row.slice(more.length), ...others];
  });
  return rows.map((row, i) =>
    row === "" && i === 0 ? heading.trimEnd() : (i === 0 ? heading : margin) + paint(row, style)
  );
}

/** Draws the lines of one message. */
export class Painter {
  readonly #page: Page;
  readonly #nextLink: () => number;
  /** Characters of addresses so far. */
  #linked = 0;

  constructor(page: Page, nextLink: () => number) {
    this.#page = page;
    this.#nextLink = nextLink;
  }

  /** Rows of at most `columns` columns, at least 2; at least one. */
  *rows(lines: readonly MarkupLine[], columns: number): Generator<string, void, void> {
    const { palette } = this.#page;
    const bar = paint(BAR, palette.dim) + " ";
    // Where there is hardly room for the text, there is none for a bar.
    const hasBar = columns >= 8;
    for (const line of lines) {
      const ids = new Map<string, number>();
      if (line.block && hasBar) {
        for (const row of toRows(line, columns - INDENT.length)) yield bar + this.#row(row, ids);
      } else {
        for (const row of toRows(line, columns)) yield this.#row(row, ids);
      }
    }
    // A message of a block without lines is seen, too.
    if (lines.length === 0) yield "";
  }

  #row(row: readonly Run[], ids: Map<string, number>): string {
    let drawn = "";
    for (const { text, style } of row) {
      const { palette } = this.#page;
      const styles: string[] = [];
      if (style.bold) styles.push(palette.bold);
      if (style.italic) styles.push(palette.italic);
      if (style.code) styles.push(palette.code);
      if (style.mention) styles.push(palette.mention);
      if (style.link !== undefined) styles.push(palette.link);
      const painted = paint(text, ...styles);
      drawn += style.link === undefined ? painted : this.#link(painted, style.link, ids);
    }
    return drawn;
  }

  /** Rows that lead to one place have one id, so that terminals show them as one link. */
  #link(painted: string, target: string, ids: Map<string, number>): string {
    this.#linked += target.length;
    if (!this.#page.links || this.#linked > MAX_LINKS) return painted;
    const id = ids.get(target) ?? this.#nextLink();
    ids.set(target, id);
    return `${OSC_8}id=chat${id};${target}${ST}${painted}${OSC_8};${ST}`;
  }
}

/** The longest form that fits. */
export function dayLine(now: Date, columns: number): string {
  const weekday = WEEKDAYS[now.getDay()]!;
  const month = MONTHS[now.getMonth()]!;
  const [day, year] = [now.getDate(), now.getFullYear()];
  const forms = [
    `${weekday}, ${day} ${month} ${year}`,
    `${weekday.slice(0, 3)}, ${day} ${month.slice(0, 3)} ${year}`,
    `${year}-${two(now.getMonth() + 1)}-${two(day)}`,
  ].map((form) => `── ${form} ──`);
  return forms.find((form) => width(form) < columns) ?? cut(forms.at(-1)!, columns - 1);
}

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September"],
  ...["October", "November", "December"],
];

export const two = (n: number) => String(n).padStart(2, "0");
