// Events as rows for a terminal's scrollback. Pure; knows no terminal: its width, the colours and the time are
// passed in. Rows may have colours and links, and each row resets them at its end.
//
// From 60 columns on the rows are aligned:        Below that they are compact:
//
//   14:02   alice │ So it starts!                   14:02 alice: So it starts!
//                 │ And goes on.                      And goes on.
//             bob │ Right?                          bob: Right?
//         carol joined                              carol joined
//           alice ╭ bob: Right?                     ╭ bob: Right?
//                 │ Yes.                            alice: Yes.
//
// No member can imitate another's name or a notice: members only control names, and the text after " │ "; in the
// compact form, indented text and text after `NAME: `. Names contain neither spaces nor `:`, so `bob → you` and
// `* bob` cannot be names, and `╭ ` begins quotes alone. The names of files may contain anything: a mark precedes the further rows of a notice.

import { stripAnsiCode } from "@std/fmt/colors";
import { ChatError } from "../errors.ts";
import type { Ending, Pending, Person, RoomEvent } from "../room.ts";
import { printable } from "../text/printable.ts";
import { cut, width, wrap } from "../text/width.ts";
import { liveColumns } from "./anchor.ts";
import { announcementRows, announcementTitle } from "./announcement.ts";
import { CutRows, MAX_ROWS, moreRows } from "./cut_rows.ts";
import { MarkupLines } from "./markup.ts";
import { andAway, fold, laterText, listed } from "./member_lists.ts";
import {
  announcementHeading,
  banLines,
  endsRoom,
  isAlarming,
  moderationNotice,
  refusedNotice,
} from "./moderation_text.ts";
import { connectionNotice, endingNotice, isAboutRoom, notDelivered, warnings } from "./notices.ts";
import { deletedSentence, ownQuoteOf, quoteOf } from "./earlier.ts";
import { type Label, paintedLabel, plainLabel } from "./labels.ts";
import { isPicture } from "./picture_choice.ts";
import {
  ALIGNED_COLUMNS,
  alone,
  dayLine,
  framed,
  INDENT,
  type Page,
  Painter,
  timeColumns,
  two,
} from "./rows.ts";
import { type Hit, paintHit } from "./search_hit.ts";
import { isShown } from "./shown.ts";
import { statusNotice, topicNotice } from "./status_text.ts";
import { paint } from "./theme.ts";
import {
  changesSentence,
  forgottenSentence,
  incompleteSentence,
  offerSentence,
  transferSentence,
} from "./transfer_text.ts";

/** Columns of names: as many as the members' names need, between these limits. */
const MIN_NAME_COLUMNS = 4;
const MAX_NAME_COLUMNS = 16;
/** The names of the first members are measured to reserve these columns. */
const MAX_MEASURED = 100;
/** After this long, a member's next message shows the name again, in ms. */
const GROUP_MS = 5 * 60 * 1000;
/** Names listed when joining: a crowd must not fill the screen. */
const MAX_LISTED = 20;

const SEPARATOR = " │ ";
/** Precedes the quote of an earlier message, above the text that is about it. */
const QUOTE_SEPARATOR = " ╭ ";
/** Before the further rows of a notice. It may quote others: without a mark, such a row could look like a message. */
const GOES_ON = "… ";

/** A series of messages that shows its name only once. */
interface Group {
  readonly id: number;
  /** The label, and everything else that must stay the same. */
  readonly key: string;
  /** When its last message arrived, in ms. */
  at: number;
  /** Columns before the text in the compact form, columns of names in the aligned one: the texts line up. */
  readonly indent: number;
}

/**
 * Remembers what was shown last, so that times and names are not repeated in every row.
 *
 * @example
 * ```ts
 * const rows = transcript.event(event, new Date(), page);
 * ```
 */
export class Transcript {
  /** The time and the day that were shown last. */
  #stamp = "";
  #day: string | undefined;
  #group: Group | undefined;
  /** Changes only where a name is shown: within a group the texts line up. */
  #nameColumns = MIN_NAME_COLUMNS;
  #lastLink = 0;
  readonly #cut = new CutRows();
  /** A notice has shown why the room ends for this user. */
  #isEndKnown = false;

  /** Reserves columns for the labels of these members, so that the texts need not move when they write. */
  reserve(members: readonly Person[]): void {
    for (const who of members.slice(0, MAX_MEASURED)) {
      this.#fit({ who, kind: "action" });
      if (!who.self && !who.classic) this.#fit({ who, kind: "direct" });
    }
  }

  /** Shows name and time again in the next row: the previous rows are out of sight. */
  repeatHeadings(): void {
    this.#stamp = "";
    this.#group = undefined;
  }

  /** The rows for an event; see `isShown`. */
  event(event: RoomEvent, now: Date, page: Page): string[] {
    if (!isShown(event, now)) return [];
    const sentence = connectionNotice(event);
    return [
      ...warnings(event, now).flatMap((remark) => this.notice(remark, now, page, "error")),
      ...sentence === undefined ? [] : this.notice(sentence, now, page),
      ...this.#rowsOf(event, now, page),
    ];
  }

  #rowsOf(event: RoomEvent, now: Date, page: Page): string[] {
    switch (event.type) {
      case "welcome": {
        const { self, room } = event;
        const sentence =
          `you are ${self.name}, in the room at ${room.address}; /help lists the commands`;
        return this.notice(sentence, now, page);
      }
      case "members":
        this.reserve(event.members);
        return this.notice(membersHere(event.members, now), now, page);
      case "message": {
        const kind = event.action ? "action" : "message";
        const quote = event.re === undefined ? undefined : quoteOf(event.quoted);
        return this.#messageRows({ who: event.from, kind }, event.text, now, page, quote);
      }
      case "edited": {
        const label: Label = { who: event.from, kind: event.action ? "action" : "message" };
        const quote = `corrects: ${ownQuoteOf(event.quoted)}`;
        return this.#messageRows(label, event.text, now, page, quote);
      }
      case "deleted":
        return this.notice(deletedSentence(event), now, page);
      case "direct": {
        const kind = event.action ? "direct action" : "direct";
        return this.#messageRows({ who: event.from, kind }, event.text, now, page);
      }
      case "delivered": {
        const later = laterText(event, now);
        return [
          ...this.#messageRows({ who: event.to, kind: "sent" }, event.text, now, page),
          ...later === undefined ? [] : this.notice(later, now, page),
        ];
      }
      case "undelivered":
        return [
          ...this.#messageRows({ who: event.to, kind: "sent" }, event.text, now, page),
          ...this.notice(notDelivered(event), now, page, "error"),
        ];
      case "renamed": {
        this.reserve([event.who]);
        const before = event.who.self ? "you are" : `${event.before} is`;
        return this.notice(`${before} now ${event.who.name}`, now, page);
      }
      case "status":
        return this.notice(statusNotice(event), now, page);
      case "topic":
        return this.notice(topicNotice(event, now, page.columns), now, page);
      case "notice": {
        this.#isEndKnown ||= endsRoom(event);
        if (event.action === "announce") return this.#announcement(event, now, page);
        const role = isAlarming(event) ? "error" : "dim";
        return this.notice(moderationNotice(event, now, page.columns), now, page, role);
      }
      case "bans":
        return banLines(event, now).flatMap((line) => this.notice(line, now, page));
      case "refused":
        return [
          ...this.notice(refusedNotice(event), now, page, "error"),
          ...event.text === "" ? [] : this.unsent("the text: ", event.text, page),
        ];
      case "ended":
        return this.#end(event.ending, now, page);
      case "offer":
        return this.notice(offerSentence(event), now, page);
      case "forgotten":
        return this.notice(forgottenSentence(event), now, page);
      case "changes": {
        const sentence = changesSentence(event);
        if (sentence === undefined) return [];
        const isFailed = event.transfers.some(({ state }) => state === "failed");
        return this.notice(sentence, now, page, isFailed ? "error" : "dim");
      }
      case "transfer": {
        // The live area shows the beginning and the progress.
        const sentence = transferSentence(event.transfer, { begins: false });
        if (sentence === undefined) return [];
        const role = event.transfer.state === "failed" ? "error" : "dim";
        // The theme `mono` shows no pictures.
        const isSeen = page.palette.names.length > 0 && isPicture(event.transfer);
        const hint = isSeen ? `; /view ${event.transfer.number} to show it` : "";
        return this.notice(sentence + hint, now, page, role);
      }
      case "incomplete":
        return this.notice(incompleteSentence(event), now, page, "error");
      case "unsent":
        return this.notice(event.message, now, page, "error");
      case "progress":
      // A group shows it.
      case "reacted":
      case "joined":
      case "left":
      case "unreadable":
      case "forked":
      case "agreed":
      case "keychanged":
      case "away":
      case "back":
      case "clock":
      case "warning":
      case "disconnected":
      // The status line shows these.
      case "waiting":
      case "connected":
      case "caughtup":
        return [];
    }
  }

  #end(ending: Ending, now: Date, page: Page): string[] {
    if (ending.reason === "left") return [];
    // It would say the same again.
    if (this.#isEndKnown && isAboutRoom(ending)) return [];
    const role = ending.reason === "stopped" ? "dim" : "error";
    return this.notice(endingNotice(ending), now, page, role);
  }

  /** A notice on one line, with its time; `text` may hold anything. */
  notice(text: string, now: Date, page: Page, role: "dim" | "error" = "dim"): string[] {
    const rows = this.#dayLine(now, page);
    this.#group = undefined;
    const stamp = this.#time(now, page);
    return [...rows, ...this.#framed(stamp, printable(text), page, role, GOES_ON)];
  }

  /** A command's answer, without a time; both parts may hold anything. */
  answer(heading: string, text: string, page: Page, role?: "dim" | "error"): string[] {
    this.#group = undefined;
    // With a heading it is help, which quotes nobody.
    const mark = heading === "" ? GOES_ON : "";
    return this.#framed(heading, printable(text, "lines"), page, role, mark);
  }

  /** The hits of a search, each in one row. */
  hits(hits: readonly Hit[], now: Date, page: Page): string[] {
    // They may show a name, and what follows is not about it.
    this.repeatHeadings();
    return hits.map((hit) => paintHit(hit, now, page));
  }

  /** The user's own text that has not been sent: all of it, because nothing else keeps it. */
  unsent(heading: string, text: string, page: Page): string[] {
    this.#group = undefined;
    return framed(heading, printable(text, "lines"), page, page.palette.error);
  }

  #framed(
    heading: string,
    text: string,
    page: Page,
    role: "dim" | "error" | undefined,
    mark: string,
  ): string[] {
    const rows = framed(heading, text, page, role === undefined ? "" : page.palette[role], mark);
    if (rows.length <= MAX_ROWS) return rows;
    // Laid out again when it is shown: the terminal may be narrower then.
    const rest = rows.slice(MAX_ROWS).map((row) => stripAnsiCode(row).trim());
    this.#cut.add(undefined, (page) => this.#framed("", rest.join("\n"), page, role, mark));
    const more = moreRows(rest.length, true);
    return [...rows.slice(0, MAX_ROWS), ...framed("", more, page, page.palette.dim)];
  }

  /**
   * The next rows of the text that was cut last, of everybody or of one member.
   *
   * @throws {ChatError} if there is none
   */
  more(from: string | undefined, page: Page): string[] {
    const next = this.#cut.take(from);
    if (!next) {
      const whose = from === undefined ? "" : ` of ${printable(from)}`;
      throw new ChatError(`Cannot show more${whose}: nothing was cut, or it is no longer kept`, {
        hint: "/save FILE saves the complete messages",
      });
    }
    this.#group = undefined;
    const rows = next(page);
    this.#group = undefined;
    return rows;
  }

  /** It may have several lines; a long one is cut like a message. */
  #announcement(
    event: Extract<RoomEvent, { type: "notice" }>,
    now: Date,
    page: Page,
  ): string[] {
    const rows = this.#dayLine(now, page);
    this.#group = undefined;
    const stamp = this.#time(now, page);
    const lines = new MarkupLines(printable(event.text ?? "", "lines"), {
      marks: page.palette.names.length === 0 ? "shown" : "hidden",
    });
    return [
      ...rows,
      ...announcementTitle(announcementHeading(event), stamp, page),
      ...this.#announced(lines, page),
    ];
  }

  #announced(lines: MarkupLines, page: Page): string[] {
    const painter = new Painter(page, () => ++this.#lastLink);
    const rows = announcementRows(lines, painter, page, MAX_ROWS);
    if (lines.isDone) return rows;
    const { count, isExact } = lines.rowsLeft(page.columns);
    this.#cut.add(undefined, (page) => this.#announced(lines, page));
    return [...rows, ...framed("", moreRows(count, isExact), page, page.palette.dim)];
  }

  // ---- messages ------------------------------------------------------------------------------------

  /** @param quote the earlier message that it is about */
  #messageRows(label: Label, text: string, now: Date, page: Page, quote?: string): string[] {
    const rows = this.#dayLine(now, page);
    this.#fit(label);
    const lines = new MarkupLines(printable(text, "lines"), {
      // Own messages do not mention the user.
      self: label.who.self || label.kind === "sent" ? undefined : page.self,
      highlights: page.highlights,
      marks: page.palette.names.length === 0 ? "shown" : "hidden",
    });
    const stamp = this.#time(now, page);
    return [...rows, ...this.#textRows(label, lines, stamp, now, page, quote)];
  }

  /** The next rows of a message: `MAX_ROWS` of them, and how many are left. */
  #textRows(
    label: Label,
    lines: MarkupLines,
    stamp: string,
    now: Date,
    page: Page,
    quote?: string,
  ): string[] {
    const painter = new Painter(page, () => ++this.#lastLink);
    const draw = (columns: number) => {
      const rows = painter.rows(lines, columns, MAX_ROWS);
      if (lines.isDone) return rows;
      const { count, isExact } = lines.rowsLeft(columns);
      this.#cut.add(label.who.name, (page) => {
        const blank = page.columns < ALIGNED_COLUMNS ? "" : " ".repeat(timeColumns(page.time));
        return this.#textRows(label, lines, blank, now, page);
      });
      const more = wrap(moreRows(count, isExact), columns);
      return [...rows, ...more.map((row) => paint(row, page.palette.dim))];
    };
    return page.columns >= ALIGNED_COLUMNS
      ? this.#aligned(label, draw, stamp, now, page, quote)
      : this.#compact(label, draw, stamp, now, page, quote);
  }

  /** @param draw draws the text in rows of this many columns */
  #aligned(
    label: Label,
    draw: (columns: number) => string[],
    stamp: string,
    now: Date,
    page: Page,
    quote: string | undefined,
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
    let heading = stamp;
    if (goesOn) {
      heading += " ".repeat(names) + separator;
    } else {
      const columns = width(plainLabel(label));
      const free = names - columns;
      const end = before + Math.max(columns, names);
      // Moves the text into its column even if the terminal takes the name for wider or narrower.
      const place = isAscii(plainLabel(label)) ? "" : `\r${right(end)}`;
      heading += " ".repeat(Math.max(0, free)) + paintedLabel(label, palette) + place;
      if (free < 0) {
        // Names are never cut: two could look the same.
        rows.push(heading + separator.replace(SEPARATOR, SEPARATOR.trimEnd()));
        heading = margin;
      } else {
        heading += separator;
      }
    }
    // Keeps one column free for a terminal that takes the separator for wider.
    const rest = page.columns - before - names - SEPARATOR.length - 1;
    if (quote !== undefined) {
      // The separator shows that this is no text of the sender: no member can write there.
      const corner = heading.slice(0, heading.length - separator.length);
      rows.push(corner + paint(QUOTE_SEPARATOR + cut(printable(quote), rest), palette.dim));
      heading = margin;
    }
    for (const row of draw(rest)) {
      rows.push(heading + row);
      heading = margin;
    }
    return rows;
  }

  #compact(
    label: Label,
    draw: (columns: number) => string[],
    stamp: string,
    now: Date,
    page: Page,
    quote: string | undefined,
  ): string[] {
    const colon = label.kind.endsWith("action") ? " " : ": ";
    const plain = plainLabel(label) + colon;
    const key = `compact ${page.columns} ${page.time} ${plain}`;
    let rows: string[] = [];
    let heading = "";
    let indent = INDENT.length;
    // A time before a text without a name would look like a notice.
    if (stamp === "" && this.#goesOn(label, key, now)) {
      indent = this.#group!.indent;
      heading = " ".repeat(indent);
    } else {
      const columns = timeColumns(stamp === "" ? "off" : page.time) + width(plain);
      heading = stamp + paintedLabel(label, page.palette) + colon;
      if (columns > page.columns / 3) {
        rows = alone(heading.trimEnd(), plain.trimEnd(), page.columns);
        heading = INDENT;
      } else {
        indent = columns;
        if (!isAscii(plain)) heading += `\r${right(columns)}`;
      }
    }
    if (quote !== undefined) {
      const row = cut(QUOTE_SEPARATOR.trimStart() + printable(quote), page.columns - 1);
      rows.unshift(paint(row, page.palette.dim));
    }
    this.#group = { id: label.who.id, key, at: now.getTime(), indent };
    for (const row of draw(Math.max(2, page.columns - indent))) {
      rows.push(heading + row);
      heading = " ".repeat(indent);
    }
    return rows;
  }

  /**
   * Whether a message continues the group: same member, same form, shortly after. Each direct message has its label,
   * which says that it is private.
   */
  #goesOn({ who, kind }: Label, key: string, now: Date): boolean {
    const group = this.#group;
    return group !== undefined && group.id === who.id && group.key === key &&
      kind === "message" && Math.abs(now.getTime() - group.at) <= GROUP_MS;
  }

  /** Widens the column of names for this label. */
  #fit(label: Label): void {
    const needed = width(plainLabel(label));
    if (needed <= MAX_NAME_COLUMNS) this.#nameColumns = Math.max(this.#nameColumns, needed);
  }

  /** One row for each unconfirmed message, in the place that its text will have. */
  pending(messages: readonly Pending[], self: Person, page: Page): string[] {
    const labels = messages.map(({ action, to }): Label => (
      to ? { who: to, kind: "sent" } : { who: self, kind: action ? "action" : "message" }
    ));
    for (const label of labels) this.#fit(label);
    // In place of the time. Without colours, only this shows that the message is not confirmed.
    const before = "… ".padStart(timeColumns(page.time));
    return labels.map((label, i) => {
      const plain = plainLabel(label);
      const heading = page.columns >= ALIGNED_COLUMNS
        ? " ".repeat(Math.max(0, this.#nameColumns - width(plain))) + plain + SEPARATOR
        : plain + (label.kind === "action" ? " " : ": ");
      // Rows are at most a thousand columns wide; a text may be a thousand times longer.
      const { text, change } = messages[i]!;
      const row = before + heading + (change ? CHANGES[change] : "") +
        printable(text.slice(0, 1024));
      return paint(cut(row, liveColumns(page.columns)), page.palette.dim);
    });
  }

  /** A row for a notice that is not complete yet. */
  coming(sentence: string, page: Page): string {
    const blank = page.columns < ALIGNED_COLUMNS ? "" : " ".repeat(timeColumns(page.time));
    const row = blank + printable(sentence);
    return paint(cut(row, liveColumns(page.columns)), page.palette.dim);
  }

  // ---- time ----------------------------------------------------------------------------------------

  /** The time, if it has changed; otherwise spaces in aligned rows, and nothing in compact ones. */
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

  /** A line where a new day begins; none for the first day. */
  #dayLine(now: Date, { columns, palette }: Page): string[] {
    const day = now.toDateString();
    const before = this.#day;
    this.#day = day;
    if (before === undefined || before === day) return [];
    this.repeatHeadings();
    return [paint(dayLine(now, columns), palette.dim)];
  }
}

/** Before a change that is not confirmed yet. */
const CHANGES = { edit: "corrects: ", delete: "deletes a message", react: "reacts " } as const;

function membersHere(members: readonly Person[], now: Date): string {
  const { here, away } = fold(members);
  const others = here.filter(({ self }) => !self);
  const names = others.slice(0, MAX_LISTED).map(listed).join(", ");
  const more = others.length > MAX_LISTED ? ` and ${others.length - MAX_LISTED} more` : "";
  const sentence = others.length === 0
    ? `nobody else is here${away.length === 0 ? " yet" : ""}`
    : `here: ${names}${more}`;
  return sentence + andAway(away, now);
}

const right = (columns: number) => columns > 0 ? `\x1b[${columns}C` : "";

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
