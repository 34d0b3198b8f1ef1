// Events as plain lines, for plain mode, `chat send` and `/save`. Pure.

import type { RoomEvent } from "../room.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { deletedSentence, ownQuoteOf, quoteOf, reactionSentence } from "./earlier.ts";
import { andAway, fold, laterText, listed, returned } from "./member_lists.ts";
import { formatMessage, type MessageFormat } from "./message_format.ts";
import { banLines, moderationNotice, refusedNotice } from "./moderation_text.ts";
import { connectionNotice, notDelivered, shownAt, warnings } from "./notices.ts";
import { statusNotice, topicNotice } from "./status_text.ts";
import {
  changesSentence,
  forgottenSentence,
  incompleteSentence,
  offerSentence,
  transferSentence,
} from "./transfer_text.ts";

/** One line. The further lines of a message are part of it, indented. */
export interface PlainLine {
  /** A member's message; otherwise a notice for people. */
  readonly isMessage: boolean;
  /** Safe to print. */
  readonly text: string;
}

/**
 * The lines of an event, most often one. Warnings precede the message that they are about.
 *
 * @param format for messages; notices do not use it
 */
export function plainLines(event: RoomEvent, now: Date, format?: MessageFormat): PlainLine[] {
  const sentence = connectionNotice(event) ?? noticeOf(event, now);
  const notices = [
    ...warnings(event, now),
    ...(sentence === undefined ? [] : [sentence]),
    ...(event.type === "bans" ? banLines(event, now) : []),
  ];
  const isAnnouncement = event.type === "notice" && event.action === "announce";
  const lines = notices.map((text) => ({
    isMessage: false,
    text: isAnnouncement ? indented(text) : printable(text),
  }));
  if (event.type === "message" || event.type === "direct") {
    const text = format
      ? formatMessage(format, event, shownAt(event, now))
      : messageLine(event.from.name, event);
    lines.push({ isMessage: true, text });
  }
  if (event.type === "edited") {
    const { from, text, action } = event;
    const line = format
      ? formatMessage(format, event, shownAt(event, now))
      : messageLine(from.name, { type: "message", text, action });
    lines.push({ isMessage: true, text: line });
  }
  return lines;
}

/** The notice of an event other than a message, if neither `connectionNotice` nor `warnings` covers it. */
function noticeOf(event: RoomEvent, now: Date): string | undefined {
  switch (event.type) {
    case "welcome":
      return `joined ${event.room.address} as ${event.self.name}`;
    case "members": {
      const { here, away } = fold(event.members);
      return `here: ${here.map(listed).join(", ")}${andAway(away, now)}`;
    }
    case "delivered":
      return laterText(event, now) ?? `delivered to ${event.to.name}`;
    case "undelivered":
      return notDelivered(event);
    case "joined":
      return event.replaces ? `${returned(event)} is back` : `${listed(event.who)} joined`;
    case "left":
      if (event.replaced) return undefined;
      return `${event.who.name} left${LEFT_WHY[event.reason]}`;
    case "renamed":
      // The list of members had the new name already.
      if (event.before === event.who.name) return undefined;
      return `${event.before} is now ${event.who.name}`;
    case "status":
      return statusNotice(event);
    case "topic":
      return topicNotice(event, now);
    case "notice":
      return moderationNotice(event, now);
    case "refused":
      return refusedNotice(event) + (event.text === "" ? "" : `; the text was: ${event.text}`);
    case "offer":
      return offerSentence(event);
    case "forgotten":
      return forgottenSentence(event);
    case "changes":
      return changesSentence(event);
    case "transfer":
      return transferSentence(event.transfer, { begins: true });
    case "incomplete":
      return incompleteSentence(event);
    case "unsent":
      return event.message;
    case "message":
      if (event.re === undefined) return undefined;
      return `${event.from.name} answers ${quoteOf(event.quoted)}`;
    case "edited":
      return `${event.from.name} corrects: ${ownQuoteOf(event.quoted)}`;
    case "deleted":
      return deletedSentence(event);
    case "reacted":
      return reactionSentence(event);
    // It has several lines.
    case "bans":
    case "progress":
    case "direct":
    case "unreadable":
    case "forked":
    case "agreed":
    case "keychanged":
    case "away":
    case "back":
    case "clock":
    case "warning":
    case "disconnected":
    // It is repeated: the user sees the loss, and then its end.
    case "waiting":
    case "connected":
    case "caughtup":
    // The caller that started the client reports it.
    case "ended":
      return undefined;
  }
}

/** A text with all its lines, safe to print: like the further lines of a message, the others are indented. */
function indented(text: string): string {
  return printable(text, "lines").replaceAll("\n", "\n  ");
}

const LEFT_WHY = {
  left: "",
  lost: ": connection lost",
  slow: ": it read too slowly",
  refused: ": it broke the protocol",
  removed: ": removed",
};

/** `1 line was`, `2 lines were`. */
export function count(number: number, what: string): string {
  return number === 1 ? `1 ${what} was` : `${number} ${what}s were`;
}
