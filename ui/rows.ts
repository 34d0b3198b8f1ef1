// Rows of the terminal: headings, indents, styled runs and links. Pure; knows neither events nor a terminal.

import { stripAnsiCode } from "@std/fmt/colors";
import { cut, room, width, wrap } from "../text/width.ts";
import { type MarkupLines, type MarkupRow, restOf, toRows } from "./markup.ts";
import type { Time } from "./preferences.ts";
import { paint, type Palette } from "./theme.ts";

/** What rows are drawn for: the terminal and the user's choices. */
export interface Page {
  readonly columns: number;
  readonly palette: Palette;
  readonly time: Time;
  /** The user's own name, as it is shown. */
  readonly self: string;
  /** Words that stand out like the user's name. */
  readonly highlights?: readonly string[];
  /** Whether the terminal opens links (OSC 8). */
  readonly links: boolean;
}

/** Rows are aligned on terminals with at least this many columns. */
export const ALIGNED_COLUMNS = 60;
/** Text is easier to read in rows that are not too long: on wide terminals they take this many columns. */
const MAX_TEXT_COLUMNS = 100;
/** Characters of link addresses in one message: each row of a link repeats its complete address. */
const MAX_LINKS = 64 * 1024;
const BAR = "▏";
export const INDENT = "  ";
const OSC_8 = "\x1b]8;";
const ST = "\x1b\\";

/** Columns that a time takes, with the space after it. */
export function timeColumns(time: Time): number {
  return { short: "00:00 ".length, long: "00:00:00 ".length, off: 0 }[time];
}

/**
 * A heading in rows of its own. If they are too narrow for the label that ends it, the label is cut and continues
 * after a mark: the end of a name must not look like another name.
 */
export function alone(heading: string, label: string, columns: number): string[] {
  if (room(stripAnsiCode(heading)) <= columns) return [heading];
  const [stamp = ""] = /^\d[\d:]+(?= )/.exec(stripAnsiCode(heading)) ?? [];
  const rows = wrap(label, Math.max(2, columns - 1)).map((row, i) => (i === 0 ? row : `…${row}`));
  return [...stamp === "" ? [] : [stamp], ...rows];
}

/**
 * `text`, which is printable, after `heading`, which may have colours. Further rows are indented under the text,
 * or less if that would leave them less than half of the columns.
 *
 * @param mark where rows are aligned, it precedes the further rows of a line, in place of the end of the indent
 */
export function framed(
  heading: string,
  text: string,
  page: Page,
  style: string,
  mark: string = "",
): string[] {
  const columns = Math.max(8, page.columns);
  const lines = text.replaceAll("\t", "    ").split("\n");
  const first = room(stripAnsiCode(heading));
  if (lines.length === 1 && first + room(lines[0]!) <= columns) {
    return [heading + paint(lines[0]!, style)];
  }
  const isNarrow = page.columns < ALIGNED_COLUMNS;
  const indent = isNarrow || first > columns / 2 ? INDENT.length : Math.max(first, INDENT.length);
  const margin = " ".repeat(indent);
  const further = isNarrow ? margin : " ".repeat(indent - mark.length) + mark;
  if (first > columns / 2) {
    const rows = lines.flatMap((line) =>
      wrap(line, columns - indent).map((row, i) => (i === 0 ? margin : further) + paint(row, style))
    );
    const own = heading.trimEnd();
    // A heading with colours is a time, which is short.
    const first = stripAnsiCode(own) === own ? wrap(own, columns) : [own];
    return [...first, ...rows];
  }
  // The heading takes this much more of the first row than the indent takes of the others.
  const more = first > indent ? "x".repeat(first - indent - 1) + " " : "";
  return lines.flatMap((line, i) => {
    const [row = "", ...others] = wrap(i === 0 ? more + line : line, columns - indent);
    const before = i === 0 ? heading : margin;
    const begin = i === 0 ? row.slice(more.length) : row;
    return [
      begin === "" && i === 0 ? heading.trimEnd() : before + paint(begin, style),
      ...others.map((other) => further + paint(other, style)),
    ];
  });
}

/** Draws the lines of one message. */
export class Painter {
  readonly #page: Page;
  readonly #nextLink: () => number;
  /** Characters of link addresses so far. */
  #linked = 0;

  constructor(page: Page, nextLink: () => number) {
    this.#page = page;
    this.#nextLink = nextLink;
  }

  /**
   * Takes from `lines` what fits into `most` rows, each of at most `columns` columns, which must be at least 2. At least
   * one row, even if nothing is left.
   */
  rows(lines: MarkupLines, columns: number, most: number): string[] {
    const { palette } = this.#page;
    const bar = paint(BAR, palette.dim) + " ";
    const rows: string[] = [];
    for (let line = lines.next(); line; line = lines.next()) {
      const { kind } = line;
      // Where the text has hardly any room, the bar has none.
      const hasBar = kind === "block" && columns >= 8;
      const room = hasBar ? columns - INDENT.length : columns;
      const isCode = kind === "block" || kind === "code";
      const ids = new Map<string, number>();
      for (const row of toRows(line, isCode ? room : Math.min(room, MAX_TEXT_COLUMNS), room)) {
        if (rows.length === most) {
          lines.putBack(restOf(line, row.from));
          return rows;
        }
        rows.push((hasBar ? bar : "") + this.#row(row, ids, kind === "quote" ? palette.dim : ""));
      }
    }
    // A message of an empty code block still gets a row.
    return rows.length === 0 ? [""] : rows;
  }

  #row({ runs }: MarkupRow, ids: Map<string, number>, base: string): string {
    let drawn = "";
    for (const { text, style } of runs) {
      const { palette } = this.#page;
      const styles = [base];
      if (style.bold) styles.push(palette.bold);
      if (style.italic) styles.push(palette.italic);
      if (style.code) styles.push(palette.code);
      if (style.mention) styles.push(palette.mention);
      if (style.link !== undefined) styles.push(palette.link);
      const painted = paint(text, styles);
      drawn += style.link === undefined ? painted : this.#link(painted, style.link, ids);
    }
    return drawn;
  }

  /** The rows of one link share an id, so that terminals show them as one link. */
  #link(painted: string, target: string, ids: Map<string, number>): string {
    this.#linked += target.length;
    if (!this.#page.links || this.#linked > MAX_LINKS) return painted;
    const id = ids.get(target) ?? this.#nextLink();
    ids.set(target, id);
    return `${OSC_8}id=chat${id};${target}${ST}${painted}${OSC_8};${ST}`;
  }
}

/** The day in the longest form that fits. */
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

export const WEEKDAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
];
export const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September"],
  ...["October", "November", "December"],
];

/** A number with two digits. */
export const two = (n: number) => String(n).padStart(2, "0");
