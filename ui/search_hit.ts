// What a search looks for, and one hit as one row: the time, the name, and the text around the hit. Pure; knows
// no terminal.

import { graphemesBefore } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { cut, room, roomFor } from "../text/width.ts";
import { MONTHS, type Page, two } from "./rows.ts";
import { paint } from "./theme.ts";

/** Characters that are kept around a hit: more than a wide terminal shows. */
const MAX_BEFORE = 400;
const MAX_HIT = 200;
const MAX_AFTER = 400;
/** On narrower terminals, the times of other days are left out. */
const NARROW = 60;

/** An entry of a transcript: its local time, and all the rest. */
const ENTRY = /^(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\d[+-]\d\d:\d\d (.+)/s;
/** The sender before a message: `bob: `, `* bob `, `(direct) alice (you) → bob: `. */
const SENDER = /^(?:-- |(?:\(direct\) )?(?:\* \S+ |[^\s:]+(?: \(you\))?(?: → [^\s:]+)?: ))/;

/** A hit and the text around it, in one line. Without a hit, `after` has the text of an entry beside one. */
export interface Hit {
  /** Its number for `/around`. */
  readonly number?: number;
  /** `2026-01-02T09:31`, in local time. */
  readonly time: string;
  /** `bob: `, if the hit is not in it. */
  readonly sender: string;
  readonly before: string;
  readonly hit: string;
  readonly after: string;
}

/** Finds a text, whatever its case and its normal form are, also across line breaks. */
export function patternOf(text: string): RegExp {
  const words = text.normalize("NFC").trim().split(/\s+/);
  return new RegExp(
    words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("\\s+"),
    "iu",
  );
}

/** The first hit in an entry of a transcript; undefined if there is none. */
export function findHit(entry: string, pattern: RegExp): Hit | undefined {
  const normal = entry.normalize("NFC");
  // Most entries have none, and this is cheaper than to take them apart.
  if (!pattern.test(normal)) return undefined;
  const [, time, body] = ENTRY.exec(normal) ?? [];
  if (time === undefined || body === undefined) return undefined;
  const found = pattern.exec(body);
  if (!found) return undefined;
  const [whole] = SENDER.exec(body) ?? [""];
  const sender = found.index < whole.length ? "" : whole;
  const end = found.index + found[0].length;
  const before = body.slice(sender.length, found.index);
  return {
    time: copy(time),
    sender: line(sender),
    before: (before.length > MAX_BEFORE ? "…" : "") + line(before.slice(-MAX_BEFORE)),
    hit: line(found[0].slice(0, MAX_HIT)),
    after: line(body.slice(end, end + MAX_AFTER)) + (body.length > end + MAX_AFTER ? "…" : ""),
  };
}

/** An entry beside a hit. */
export function besideHit(entry: string): Hit | undefined {
  const [, time, body] = ENTRY.exec(entry.slice(0, MAX_BEFORE + MAX_AFTER)) ?? [];
  if (time === undefined || body === undefined) return undefined;
  return { time: copy(time), sender: "", before: "", hit: "", after: line(body) };
}

/** In one line, and safe to show: the file may have been changed. */
function line(text: string): string {
  return copy(printable(text.replace(/\s+/g, " ").toWellFormed()));
}

/** A part of a string keeps all of it in memory; a copy does not. */
function copy(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

/** The parts of a row of at most `columns`: the hit is always in it, as far as it fits. */
export function hitRow(
  { number, time, sender, before, hit, after }: Hit,
  now: Date,
  columns: number,
): { time: string; before: string; hit: string; after: string } {
  const place = String(number ?? "").padStart(2);
  const isNarrow = columns < NARROW;
  const stamp = `${place} ${shortTime(time, now, isNarrow)}${isNarrow ? " " : "  "}`;
  let left = Math.max(8, columns - room(stamp));
  const head = room(sender) <= left / 2 ? sender : "";
  left -= room(head);
  let shown = before;
  if (room(before) + room(hit) + room(after) > left) {
    // Two thirds of what is left for the text around the hit precede it, if there is as much.
    const around = Math.max(0, left - room(hit));
    const most = Math.max(around - room(after), Math.floor(around * 2 / 3));
    shown = tail(before, most);
  }
  left -= room(shown);
  const found = hit === "" ? "" : cut(hit, Math.max(1, left));
  left -= room(found);
  return {
    time: stamp,
    before: head + shown,
    hit: found,
    after: left < 1 ? "" : cut(after, left),
  };
}

/** The row with its colours. */
export function paintHit(hit: Hit, now: Date, { columns, palette }: Page): string {
  const row = hitRow(hit, now, columns - 1);
  return paint(row.time, palette.dim) + row.before + paint(row.hit, palette.mention) + row.after;
}

/** The end of `text`, at most `columns` wide. Starts with `…` if it was cut. */
function tail(text: string, columns: number): string {
  if (room(text) <= columns) return text;
  let start = text.length;
  let used = 1;
  for (const g of graphemesBefore(text, text.length)) {
    used += roomFor(g);
    if (used > columns) break;
    start -= g.length;
  }
  return columns < 1 ? "" : `…${text.slice(start)}`;
}

/** `14:02` today, `2 Jan 14:02` in this year, `2 Jan 2025` before it. */
function shortTime(time: string, now: Date, isNarrow: boolean): string {
  const [year, month, day] = [
    time.slice(0, 4),
    Number(time.slice(5, 7)),
    Number(time.slice(8, 10)),
  ];
  const clock = time.slice(11);
  const today = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  if (time.startsWith(today)) return clock;
  const date = `${day} ${(MONTHS[month - 1] ?? "").slice(0, 3)}`;
  if (year !== String(now.getFullYear())) return `${date} ${year}`;
  return isNarrow ? date : `${date} ${clock}`;
}
