// The status line and the completions under it, in the longest form that fits. Pure. Rows have neither control
// characters nor colours, and are shorter than the screen is wide.

import { PROTECTIONS } from "../cipher.ts";
import type { Governance, Link, Person, RoomInfo } from "../room.ts";
import type { EditorRequest } from "../terminal/editor.ts";
import type { Search } from "../terminal/editor_history.ts";
import type { Key } from "../terminal/keyboard.ts";
import { counted } from "../text/counts.ts";
import { graphemesFrom } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { cut, width } from "../text/width.ts";

/** The part of the longest message from which on the remaining bytes are shown. */
const LOW_PART = 0.1;

const BETWEEN = " · ";

/** What the status line shows. */
export interface RoomStatus {
  readonly info: RoomInfo;
  /** How many members are in the room. */
  readonly members: number;
  /** How many of them are away. */
  readonly away: number;
  /** How many of them see another conversation. */
  readonly forked: number;
  /** What this user cannot do, and others cannot: `silenced`, `read-only`, `locked`; the most important one first. */
  readonly limits: readonly string[];
  readonly link: Link;
  readonly now: Date;
  /** Bytes that may still be typed, negative if the text is too long; undefined: plenty. */
  readonly bytesLeft: number | undefined;
  /** Messages that arrived while the window was in the background. */
  readonly unread: number;
  /** Whether a sealed room is marked with a lock. */
  readonly pictures: boolean;
}

/**
 * The room's address, its protection, the number of members, its limits, the connection, and unread messages.
 *
 * @example
 * ```ts
 * statusLine(status, 80); // "127.0.0.1:2428 · xor: anyone on the network can read it · 2 members · connected"
 * ```
 */
export function statusLine(status: RoomStatus, columns: number): string {
  const { info: { address, cipher, maxText }, link, unread } = status;
  const [protection, brief, ...briefer] = cipherNotes(cipher, status.pictures);
  const [forked, briefForked] = forkedNotes(status);
  // A classic room does not report its members.
  const forms = status.info.classic ? ["classic"] : forked ? [forked] : countNotes(status);
  const { limits } = status;
  const members = [forms[0]!, ...limits].join(BETWEEN);
  const briefMembers = [forms.at(-1)!, ...limits.slice(0, 1)].join(BETWEEN);
  // The protection is shortened first and left out last.
  const complete = [[address, protection, members], [address, brief, members]];
  const shortened = [address, brief, briefMembers];
  const notes = [brief, ...briefer].map((note) => [note]);
  // Without room, "connected" is left out; a lost connection is shown before everything else.
  const formsOf = (bodies: readonly string[][]) =>
    link.state === "connected"
      ? bodies
      : linkForms(link, status.now).flatMap((form) => bodies.map((parts) => [...parts, form]));
  const withRoom = link.state === "connected"
    ? [
      ...complete.map((parts) => [...parts, "connected"]),
      ...complete,
      [...shortened, "connected"],
      shortened,
    ]
    : [...complete, shortened];
  // The remaining bytes precede unread messages, because the user is typing.
  const extras = [
    bytesNote(status.bytesLeft, maxText),
    unread > 0 ? `${unread} unread` : undefined,
  ].filter((extra) => extra !== undefined);
  const linesOf = (bodies: readonly string[][]) =>
    [extras, extras.slice(0, 1), []].flatMap((extras) => (
      formsOf(bodies).map((parts) => printable([...parts, ...extras].join(BETWEEN)))
    ));
  // Another conversation is an alarm: it is left out only where nothing else would fit.
  const lines = briefForked === undefined
    ? linesOf([
      ...withRoom,
      [brief, briefMembers],
      ...notes.map((note) => [...note, ...limits.slice(0, 1)]),
      ...notes,
    ])
    : [
      ...linesOf([
        ...withRoom,
        [brief, briefMembers],
        ...notes.map(([note]) => [note!, briefForked, ...limits.slice(0, 1)]),
        ...notes.map(([note]) => [note!, briefForked]),
      ]),
      ...linesOf(notes),
    ];
  return lines.find((line) => width(line) < columns) ?? cut(briefer.at(-1) ?? brief, columns - 1);
}

/** What limits the room has, for `RoomStatus`. */
export function limitsOf(
  { silenced }: Pick<Person, "silenced">,
  governance: Governance | undefined,
): string[] {
  return [
    ...silenced ? ["silenced"] : [],
    ...governance?.readOnly ? ["read-only"] : [],
    ...governance?.locked ? ["locked"] : [],
  ];
}

/** How many members are in the room, or here and away, from the longest form to the shortest. */
function countNotes({ members, away }: RoomStatus): string[] {
  if (away === 0) return [counted(members, "member")];
  const here = `${members - away} here`;
  return [`${here}, ${away} away`, here];
}

/** How many members see another conversation, from the longest form to the shortest; nothing if none does. */
function forkedNotes({ forked, members }: RoomStatus): [] | [string, string] {
  if (forked === 0) return [];
  return forked === 1
    ? [`1 of ${members} sees another conversation`, "1 differs"]
    : [`${forked} of ${members} see another conversation`, `${forked} differ`];
}

/** The protection, from the longest form to the shortest. */
function cipherNotes(
  cipher: RoomInfo["cipher"],
  pictures: boolean,
): readonly [string, string, ...string[]] {
  const protection = `${cipher}: ${PROTECTIONS[cipher]}`;
  if (cipher === "xor") return [protection, "xor: not secret"];
  return pictures ? [`🔒 ${protection}`, "🔒 sealed", "sealed"] : [protection, "sealed"];
}

/** The remaining bytes, if they are few. */
function bytesNote(left: number | undefined, most: number): string | undefined {
  if (left === undefined || left >= most * LOW_PART) return undefined;
  const bytes = counted(Math.abs(left), "byte");
  return left < 0 ? `${bytes} too long` : `${bytes} left`;
}

/** What to show until the next key: what this one did, and what the next one may do. */
export function keyNote(
  request: EditorRequest | undefined,
  key: Key,
  columns: number,
): string | undefined {
  switch (request?.type) {
    case "expanded":
      return "Enter again sends this line";
    case "discarded":
      return "Ctrl-C again to leave, Ctrl-Y to get the line back";
    case "full":
      return "The line is full: the rest was left out";
    default:
      return key.type === "paste" ? pasteNote(key.text, columns) : undefined;
  }
}

/** A note about a pasted text; undefined for one line, which is visible. */
export function pasteNote(text: string, columns: number): string | undefined {
  // Counted as it will be sent.
  let end = text.length;
  while (text[end - 1] === "\n") end--;
  const sent = text.slice(0, end);
  const lines = sent.split("\n").length;
  if (lines < 2) return undefined;
  let characters = 0;
  for (const _ of graphemesFrom(sent, 0)) characters++;
  const what = `pasted ${lines} lines`;
  const size = `${what}, ${counted(characters, "character")}`;
  const forms = [`${size}: Enter sends it as one message`, size, what];
  return forms.find((form) => width(form) < columns) ?? what;
}

/** A search in the history. */
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

/** Words in columns, as `ls` prints them, in at most `most` rows, the last of which may count the rest. */
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

/** As many of `words` as fit into `height` rows, from top to bottom, then to the right. */
function inColumns(
  words: readonly string[],
  height: number,
  columns: number,
): { rows: string[]; count: number } {
  const rows: string[] = Array.from({ length: height }, () => "");
  let left = 0;
  let count = 0;
  while (count < words.length) {
    // A word wider than the screen is cut, so that it does not hide the words after it.
    const column = words.slice(count, count + height).map((word) => cut(word, columns));
    const widest = column.reduce((most, word) => Math.max(most, width(word)), 0);
    if (left > 0 && left + widest > columns) break;
    column.forEach((word, i) => {
      rows[i] = rows[i]! + " ".repeat(left - width(rows[i]!)) + word;
    });
    left += widest + 2;
    count += column.length;
  }
  return { rows: rows.filter((row) => row !== ""), count };
}

/** A lost connection, from the longest form to the shortest. */
function linkForms(link: Exclude<Link, { state: "connected" }>, now: Date): string[] {
  if (link.state === "connecting") return ["reconnecting …", "lost"];
  const left = link.at.getTime() - now.getTime();
  const long = left > 0 ? `reconnecting in ${duration(left)}` : "reconnecting now";
  return [
    `${long} · /reconnect to try now`,
    `${long} · /reconnect`,
    long,
    ...left > 0 ? [`lost · ${duration(left)}`] : [],
    "lost",
  ];
}

/** Milliseconds in words, rounded up: `5 s`, `1 min 30 s`, `2 h 5 min`. */
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
