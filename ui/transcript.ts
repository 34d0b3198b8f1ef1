// What happens in a room, as rows for a terminal's scrollback. Pure: how wide the terminal is, how it looks
// and what time it is are passed in. Rows may have colours and links; each is whole in itself.
//
// From 60 columns on the rows are aligned:        Below that they are compact:
//
//   14:02   alice │ So it starts!                   14:02 alice: So it starts!
//                 │ And goes on.                      And goes on.
//             bob │ Right?                          bob: Right?
//         carol joined                              carol joined
//
// Nobody can write what looks like another's name or like a notice: only names and what stands behind
// " │ " are a member's, in the compact form what is indented or stands behind `NAME: `. Names have
// neither spaces nor `:` in them, so `bob → you` and `* bob` are nobody's name.

import type { Ending, Pending, Person, RoomEvent } from "../room.ts";
import { printable } from "../text/printable.ts";
import { cut, width } from "../text/width.ts";
import { type MarkupLine, parse } from "./markup.ts";
import { connectionNotice, listed, notDelivered, warnings } from "./notices.ts";
import { isPicture } from "./picture_choice.ts";
import type { Time } from "./preferences.ts";
import {
  ALIGNED_COLUMNS,
  alone,
  dayLine,
  framed,
  INDENT,
  type Page,
  Painter,
  two,
} from "./rows.ts";
import { nameStyle, paint, type Palette } from "./theme.ts";
import { offerSentence, transferSentence } from "./transfer_text.ts";
/** The column of names is as wide as names need, between these. */
const MIN_NAME_COLUMNS = 4;
const MAX_NAME_COLUMNS = 16;
/** Names of the list of members that are measured for that. */
const MAX_MEASURED = 100;
/** After so long a name is told again, in ms. */
const GROUP_MS = 5 * 60 * 1000;
/** Names listed on entering: a crowd must not fill the screen. */
const MAX_LISTED = 20;

const SEPARATOR = " │ ";

/** Who says something, and to whom. */
interface Label {
  readonly who: Person;
  readonly kind: "message" | "action" | "direct" | "direct action" | "sent";
}

/** What the next message may go on with, without a name. */
interface Group {
  readonly id: number;
  /** The label, and what else must be the same. */
  readonly key: string;
  /** When the last of it came, in ms. */
  at: number;
  /** Columns in front of the text in the compact form, of names in the aligned one: all of it stands in line. */
  readonly indent: number;
}

/**
 * Knows what was shown last, so that neither times nor names are told again and again.
 *
 * @example
 * ```ts
 * const rows = transcript.event(event, new Date(), page);
 * ```
 */
export class Transcript {
  /** The time that was shown last, and the day. */
  #stamp = "";
  #day: string | undefined;
  #group: Group | undefined;
  #nameColumns = MIN_NAME_COLUMNS;
  #lastLink = 0;

  /** What was shown is out of sight: the next row says again who and when. */
  repeatHeadings(): void {
    this.#stamp = "";
    this.#group = undefined;
  }

  /** The rows for an event; see `isShown`. */
  event(event: RoomEvent, now: Date, page: Page): string[] {
    if (!isShown(event, now)) return [];
    const rows = warnings(event, now).flatMap((remark) => this.notice(remark, now, page, "error"));
    const sentence = connectionNotice(event);
    if (sentence !== undefined) rows.push(...this.notice(sentence, now, page));
    rows.push(...this.#told(event, now, page));
    return rows;
  }

  #told(event: RoomEvent, now: Date, page: Page): string[] {
    switch (event.type) {
      case "welcome": {
        const { self, room } = event;
        this.#fit({ who: self, kind: "message" });
        const sentence = `you are ${self.name} in ${room.address}; /help lists the commands`;
        return this.notice(sentence, now, page);
      }
      case "members": {
        for (const who of event.members.slice(0, MAX_MEASURED)) this.#fit({ who, kind: "message" });
        return this.notice(membersHere(event.members), now, page);
      }
      case "message": {
        const kind = event.action ? "action" : "message";
        return this.#said({ who: event.from, kind }, event.text, now, page);
      }
      case "direct": {
        const kind = event.action ? "direct action" : "direct";
        return this.#said({ who: event.from, kind }, event.text, now, page);
      }
      case "delivered":
        return this.#said({ who: event.to, kind: "sent" }, event.text, now, page);
      case "undelivered":
        return [
          ...this.#said({ who: event.to, kind: "sent" }, event.text, now, page),
          ...this.notice(notDelivered(event), now, page, "error"),
        ];
      case "renamed": {
        const before = event.who.self ? "you are" : `${event.before} is`;
        return this.notice(`${before} now ${event.who.name}`, now, page);
      }
      case "ended":
        return this.#end(event.ending, now, page);
      case "offer":
        return this.notice(offerSentence(event), now, page);
      case "transfer": {
        // Where it begins and how far it is stands in the live area.
        const sentence = transferSentence(event.transfer, { begins: false });
        if (sentence === undefined) return [];
        const role = event.transfer.state === "failed" ? "error" : "dim";
        // In `mono` there is nothing to see.
        const isSeen = page.palette.names.length > 0 && isPicture(event.transfer);
        const hint = isSeen ? `; /view ${event.transfer.number} shows it` : "";
        return this.notice(sentence + hint, now, page, role);
      }
      case "unsent":
        return this.notice(event.message, now, page, "error");
      case "progress":
      case "joined":
      case "left":
      case "unreadable":
      case "keychanged":
      case "away":
      case "back":
      case "warning":
      case "disconnected":
      // The status line has it.
      case "waiting":
      case "connected":
        return [];
    }
  }

  #end(ending: Ending, now: Date, page: Page): string[] {
    switch (ending.reason) {
      case "left":
        return [];
      case "stopped":
        return this.notice("the room is closed: its server has stopped", now, page);
      case "lost":
        return this.notice(`the room is lost: ${ending.message}`, now, page, "error");
      case "refused":
        return this.notice(`the server has ended it: ${ending.message}`, now, page, "error");
    }
  }

  /** What no member said, in one line and with its time; `text` may hold anything. */
  notice(text: string, now: Date, page: Page, role: "dim" | "error" = "dim"): string[] {
    const rows = this.#dayLine(now, page);
    this.#group = undefined;
    const stamp = this.#time(now, page);
    return [...rows, ...framed(stamp, printable(text), page, page.palette[role])];
  }

  /** What a command answers, and what is told of the text of this person, without a time; both may hold anything. */
  answer(heading: string, text: string, page: Page, role?: "dim" | "error"): string[] {
    this.#group = undefined;
    const style = role === undefined ? "" : page.palette[role];
    return framed(heading, printable(text, "lines"), page, style);
  }

  // ---- what members say ----------------------------------------------------------------------------

  #said(label: Label, text: string, now: Date, page: Page): string[] {
    const rows = this.#dayLine(now, page);
    this.#fit(label);
    const lines = parse(printable(text, "lines"), {
      // What one says oneself mentions nobody.
      self: label.who.self || label.kind === "sent" ? undefined : page.self,
      marks: page.palette.names.length === 0 ? "shown" : "hidden",
    });
    const painter = new Painter(page, () => ++this.#lastLink);
    const show = page.columns >= ALIGNED_COLUMNS ? this.#aligned : this.#compact;
    for (const row of show.call(this, label, lines, painter, now, page)) rows.push(row);
    return rows;
  }

  #aligned(
    label: Label,
    lines: readonly MarkupLine[],
    painter: Painter,
    now: Date,
    page: Page,
  ): string[] {
    const { palette } = page;
    const rows: string[] = [];
    const key = `aligned ${plainLabel(label)}`;
    const goesOn = this.#goesOn(label, key, now);
    const names = goesOn ? this.#group!.indent : this.#nameColumns;
    this.#group = { id: label.who.id, key, at: now.getTime(), indent: names };
    const separator = paint(SEPARATOR, palette.dim);
    const before = timeColumns(page.time);
    const margin = " ".repeat(before + names) + separator;
    let heading = this.#time(now, page);
    if (goesOn) {
      heading += " ".repeat(names) + separator;
    } else {
      const columns = width(plainLabel(label));
      const free = names - columns;
      const end = before + Math.max(columns, names);
      // The text stands in its column, also where the terminal takes the name for wider or narrower.
      const place = isAscii(plainLabel(label)) ? "" : `\r${right(end)}`;
      heading += " ".repeat(Math.max(0, free)) + paintedLabel(label, palette) + place;
      if (free < 0) {
        // A name is never cut: two could look the same.
        rows.push(heading + separator.replace(SEPARATOR, SEPARATOR.trimEnd()));
        heading = margin;
      } else {
        heading += separator;
      }
    }
    // A terminal that takes the separator for wider has one more column for it.
    const rest = page.columns - before - names - SEPARATOR.length - 1;
    for (const row of painter.rows(lines, rest)) {
      rows.push(heading + row);
      heading = margin;
    }
    return rows;
  }

  #compact(
    label: Label,
    lines: readonly MarkupLine[],
    painter: Painter,
    now: Date,
    page: Page,
  ): string[] {
    const colon = label.kind.endsWith("action") ? " " : ": ";
    const plain = plainLabel(label) + colon;
    const key = `compact ${page.columns} ${page.time} ${plain}`;
    const stamp = this.#time(now, page);
    const rows: string[] = [];
    let heading = "";
    let indent = INDENT.length;
    // A time in front of a text without a name would make it look like a notice.
    if (stamp === "" && this.#goesOn(label, key, now)) {
      indent = this.#group!.indent;
      heading = " ".repeat(indent);
    } else {
      const columns = timeColumns(stamp === "" ? "off" : page.time) + width(plain);
      heading = stamp + paintedLabel(label, page.palette) + colon;
      if (columns > page.columns / 3) {
        rows.push(...alone(heading.trimEnd(), plain.trimEnd(), page.columns));
        heading = INDENT;
      } else {
        indent = columns;
        if (!isAscii(plain)) heading += `\r${right(columns)}`;
      }
    }
    this.#group = { id: label.who.id, key, at: now.getTime(), indent };
    for (const row of painter.rows(lines, Math.max(2, page.columns - indent))) {
      rows.push(heading + row);
      heading = " ".repeat(indent);
    }
    return rows;
  }

  /** Whether this goes on with what the same member has said just before, in the same form. */
  #goesOn({ who, kind }: Label, key: string, now: Date): boolean {
    const group = this.#group;
    return group !== undefined && group.id === who.id && group.key === key &&
      !kind.endsWith("action") && Math.abs(now.getTime() - group.at) <= GROUP_MS;
  }

  /** Makes the column of names as wide as this one needs. */
  #fit(label: Label): void {
    const needed = width(plainLabel(label));
    if (needed <= MAX_NAME_COLUMNS) this.#nameColumns = Math.max(this.#nameColumns, needed);
  }

  /** A row for each message that waits for its confirmation: where its text will stand. */
  pending(messages: readonly Pending[], self: Person, page: Page): string[] {
    const labels = messages.map(({ action, to }): Label => (
      to ? { who: to, kind: "sent" } : { who: self, kind: action ? "action" : "message" }
    ));
    for (const label of labels) this.#fit(label);
    // Where the time will be: without colours nothing else tells that it is not there yet.
    const before = "… ".padStart(timeColumns(page.time));
    return labels.map((label, i) => {
      const plain = plainLabel(label);
      const heading = page.columns >= ALIGNED_COLUMNS
        ? " ".repeat(Math.max(0, this.#nameColumns - width(plain))) + plain + SEPARATOR
        : plain + (label.kind === "action" ? " " : ": ");
      // No row is wider than a thousand columns; the text may be a thousand times longer.
      const row = before + heading + printable(messages[i]!.text.slice(0, 1024));
      return paint(cut(row, page.columns - 1), page.palette.dim);
    });
  }

  /** One row for what a notice will say. */
  coming(sentence: string, page: Page): string {
    const row = " ".repeat(timeColumns(page.time)) + printable(sentence);
    return paint(cut(row, page.columns - 1), page.palette.dim);
  }

  // ---- time ----------------------------------------------------------------------------------------

  /** The time if it is another than that shown last; else as much space where rows are aligned, and nothing. */
  #time(now: Date, { time, palette, columns }: Page): string {
    if (time === "off") return "";
    const parts = [now.getHours(), now.getMinutes(), now.getSeconds()];
    const stamp = parts.slice(0, time === "long" ? 3 : 2).map(two).join(":");
    if (stamp === this.#stamp) {
      return columns >= ALIGNED_COLUMNS ? " ".repeat(timeColumns(time)) : "";
    }
    this.#stamp = stamp;
    return paint(stamp, palette.dim) + " ";
  }

  /** A line where a new day begins; the day on which all began needs none. */
  #dayLine(now: Date, { columns, palette }: Page): string[] {
    const day = now.toDateString();
    const before = this.#day;
    this.#day = day;
    if (before === undefined || before === day) return [];
    this.repeatHeadings();
    return [paint(dayLine(now, columns), palette.dim)];
  }
}

/**
 * Whether there are rows for this event. Who joins and leaves is for `Presence`, but what is remarkable about it
 * is shown.
 */
export function isShown(event: RoomEvent, now: Date): boolean {
  switch (event.type) {
    case "welcome":
    case "members":
    case "message":
    case "direct":
    case "delivered":
    case "undelivered":
      return true;
    case "renamed":
      return event.before !== event.who.name; // The list had it already.
    case "ended":
      return event.ending.reason !== "left";
    case "offer":
    case "unsent":
      return true;
    case "transfer":
      return transferSentence(event.transfer, { begins: false }) !== undefined;
    default:
      return connectionNotice(event) !== undefined || warnings(event, now).length > 0;
  }
}

function membersHere(members: readonly Person[]): string {
  const others = members.filter((m) => !m.self);
  if (others.length === 0) return "nobody else is here yet";
  const names = others.slice(0, MAX_LISTED).map(listed).join(", ");
  const more = others.length - MAX_LISTED;
  return `here: ${names}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A label as it is seen; no colours. */
function plainLabel({ who, kind }: Label): string {
  const name = printable(who.name);
  switch (kind) {
    case "message":
      return name;
    case "action":
      return `* ${name}`;
    case "direct":
      return `${name} → you`;
    case "direct action":
      return `* ${name} → you`;
    case "sent":
      return `you → ${name}`;
  }
}

function paintedLabel({ who, kind }: Label, palette: Palette): string {
  const styles = [nameStyle(palette, who.name), ...who.self ? [palette.own] : []];
  const name = paint(printable(who.name), ...styles);
  if (kind === "sent") return paint("you →", palette.direct) + " " + name;
  const star = kind.endsWith("action") ? "* " : "";
  return star + name + (kind.startsWith("direct") ? " " + paint("→ you", palette.direct) : "");
}
const right = (columns: number) => columns > 0 ? `\x1b[${columns}C` : "";

/** Columns that a time takes, with the space behind it. */
function timeColumns(time: Time): number {
  return { short: "00:00 ".length, long: "00:00:00 ".length, off: 0 }[time];
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
