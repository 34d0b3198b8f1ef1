// An announcement of a moderator or the operator as rows. Pure.
//
//   14:02  ANNOUNCEMENT by bob              in reverse video
//         ┃ The server restarts at noon.
//         ┃ Save your work.
//
// No member can imitate it. The bar is where no message has anything: on wide terminals before the names, on narrow ones
// in the first column. And no message is in reverse video.

import { stripAnsiCode } from "@std/fmt/colors";
import { printable } from "../text/printable.ts";
import { width, wrap } from "../text/width.ts";
import type { MarkupLines } from "./markup.ts";
import { ALIGNED_COLUMNS, type Page, type Painter, timeColumns } from "./rows.ts";
import { paint } from "./theme.ts";

const BAR = "┃";
/** Columns that a heading needs beside a time. */
const MIN_HEADING = 30;

/**
 * The heading. A long name continues in the next row, and is never cut.
 *
 * @param stamp the time and a blank, or nothing
 */
export function announcementTitle(heading: string, stamp: string, page: Page): string[] {
  const { columns, palette } = page;
  const isApart = width(stripAnsiCode(stamp)) > columns - MIN_HEADING;
  const margin = isApart ? 0 : width(stripAnsiCode(stamp));
  const rows = wrap(printable(heading), Math.max(2, columns - margin - 3)).map((row, i) =>
    (i > 0 || isApart ? " ".repeat(margin) : stamp) + paint(` ${row} `, palette.announcement)
  );
  return isApart && stamp !== "" ? [stamp.trimEnd(), ...rows] : rows;
}

/** The next rows of its text, at most `most`. */
export function announcementRows(
  lines: MarkupLines,
  painter: Painter,
  { columns, palette, time }: Page,
  most: number,
): string[] {
  const margin = columns < ALIGNED_COLUMNS ? 0 : timeColumns(time);
  const bar = " ".repeat(margin) + paint(BAR, palette.announcement) + " ";
  return painter.rows(lines, Math.max(2, columns - margin - 3), most).map((row) => bar + row);
}
