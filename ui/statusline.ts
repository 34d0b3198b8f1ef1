// What stands in the status line, and beneath it what Tab offers: the longest form that fits. Pure; what it tells
// of is passed in. Rows have no controls and no colours, and are shorter than the screen is wide.

import { PROTECTIONS } from "../cipher.ts";
import type { Link, RoomInfo } from "../room.ts";
import type { Search } from "../terminal/editor_history.ts";
import { graphemesFrom } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { cut, width } from "../text/width.ts";

/** Which part of the longest message may be left before people are told how much it is. */
const LOW_PART = 0.1;

/** What the status line tells. */
export interface RoomStatus {
  readonly info: RoomInfo;
  /** How many there are. */
  readonly members: number;
  readonly link: Link;
  readonly now: Date;
  /** How many bytes may still be typed: less than none, if it is too much already; undefined: many. */
  readonly bytesLeft: number | undefined;
  /** Messages that have come while nobody looked. */
  readonly unread: number;
  /** Whether a sealed room has a lock. */
  readonly pictures: boolean;
}

/**
 * The room's address, what protects it, how many are there, the state of the connection, and what is unread.
 *
 * @example
 * ```ts
 * statusLine(status, 80); // "127.0.0.1:2428 · xor: anyone on the network can read it · 2 members · connected"
 * ```
 */
export function statusLine(status: RoomStatus, columns: number): string {
  const { info: { address, cipher, maxText }, link, unread } = status;
  const [protection, brief, ...briefer] = cipherNotes(cipher, status.pictures);
  const counted = `${status.members} ${status.members === 1 ? "member" : "members"}`;
  // The original does not tell how many are there.
  const members = status.info.classic ? "original" : counted;
  // What the cipher hides is the last thing to be left out: it is said shorter first.
  const rooms = [[address, protection, members], [address, brief, members]];
  const bodies = [...rooms, [brief, members], ...[brief, ...briefer].map((note) => [note])];
  // That all is well is left out where there is no room for it, that it is not goes before the rest.
  const forms = link.state === "connected"
    ? [...rooms.map((parts) => [...parts, "connected"]), ...bodies]
    : linkForms(link, status.now).flatMap((form) => bodies.map((parts) => [...parts, form]));
  // What is left to type goes before what is unread: it is what somebody is doing.
  const extras = [
    bytesNote(status.bytesLeft, maxText),
    unread > 0 ? `${unread} unread` : undefined,
  ].filter((extra) => extra !== undefined);
  const lines = [extras, extras.slice(0, 1), []].flatMap((extras) => (
    forms.map((parts) => printable([...parts, ...extras].join(" · ")))
  ));
  return lines.find((line) => width(line) < columns) ?? cut(briefer.at(-1) ?? brief, columns - 1);
}

/** What it says of the cipher, from the longest form to the shortest. */
function cipherNotes(
  cipher: RoomInfo["cipher"],
  pictures: boolean,
): readonly [string, string, ...string[]] {
  const protection = `${cipher}: ${PROTECTIONS[cipher]}`;
  if (cipher === "xor") return [protection, "xor: not secret"];
  return pictures ? [`🔒 ${protection}`, "🔒 sealed", "sealed"] : [protection, "sealed"];
}

/** What it says of the bytes that are left, where they are few. */
function bytesNote(left: number | undefined, most: number): string | undefined {
  if (left === undefined || left >= most * LOW_PART) return undefined;
  const bytes = Math.abs(left) === 1 ? "1 byte" : `${Math.abs(left)} bytes`;
  return left < 0 ? `${bytes} too long` : `${bytes} left`;
}

/** What it says of a paste; nothing of one line, which can be seen whole. */
export function pasteNote(text: string, columns: number): string | undefined {
  // As it will be sent.
  let end = text.length;
  while (text[end - 1] === "\n") end--;
  const sent = text.slice(0, end);
  const lines = sent.split("\n").length;
  if (lines < 2) return undefined;
  let characters = 0;
  for (const _ of graphemesFrom(sent, 0)) characters++;
  const what = `pasted ${lines} lines`;
  const size = `${what}, ${characters} characters`;
  const forms = [`${size}: Enter sends it as one message`, size, what];
  return forms.find((form) => width(form) < columns) ?? what;
}

/** What it says of a search in the history. */
export function searchLine(search: Search, columns: number): string {
  const forms = searchForms(search).map((form) => printable(form));
  return forms.find((form) => width(form) < columns) ?? cut(forms.at(-1)!, columns - 1);
}

function searchForms({ pattern, found }: Search): string[] {
  const short = `search: ${pattern}`;
  if (!found) return [`${short} · in no older line`, `not found: ${pattern}`];
  const older = "Ctrl-R for an older one";
  return [`${short} · ${older}, Enter sends, Esc gives back`, `${short} · ${older}`, short];
}

/** Words in columns, as `ls` has them, in at most `most` rows, and one more where that is too few. */
export function choiceRows(
  words: readonly string[],
  columns: number,
  most: number,
): string[] {
  if (words.length === 0 || most < 1) return [];
  let rows = 1;
  let fit = inColumns(words, rows, columns);
  while (fit.count < words.length && rows < most) fit = inColumns(words, ++rows, columns);
  const more = words.length - fit.count;
  return more > 0 ? [...fit.rows, cut(`and ${more} more`, columns)] : fit.rows;
}

/** As many of `words` as fit into so many rows, from top to bottom, then to the right. */
function inColumns(
  words: readonly string[],
  height: number,
  columns: number,
): { rows: string[]; count: number } {
  const rows: string[] = Array.from({ length: height }, () => "");
  let left = 0;
  let count = 0;
  while (count < words.length) {
    // One that is wider than the screen is cut, rather than hide all that come behind it.
    const column = words.slice(count, count + height).map((word) => cut(word, columns));
    const widest = Math.max(...column.map(width));
    if (left > 0 && left + widest > columns) break;
    column.forEach((word, i) => {
      rows[i] = rows[i]! + " ".repeat(left - width(rows[i]!)) + word;
    });
    left += widest + 2;
    count += column.length;
  }
  return { rows: rows.filter((row) => row !== ""), count };
}

/** What the status line says of a connection that is lost, from the longest form to the shortest. */
function linkForms(link: Exclude<Link, { state: "connected" }>, now: Date): string[] {
  if (link.state === "connecting") return ["reconnecting …", "lost"];
  const left = link.at.getTime() - now.getTime();
  const long = left > 0 ? `reconnecting in ${duration(left)}` : "reconnecting now";
  return [
    `${long} · /reconnect to hurry`,
    `${long} · /reconnect`,
    long,
    ...left > 0 ? [`lost · ${duration(left)}`] : [],
    "lost",
  ];
}

/** So many milliseconds in words, rounded up: `5 s`, `1 min 30 s`, `2 h 5 min`. */
function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return both(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.ceil(seconds / 60);
  return both(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function both(large: number, unit: string, small: number, smaller: string): string {
  return `${large} ${unit}${small > 0 ? ` ${small} ${smaller}` : ""}`;
}
