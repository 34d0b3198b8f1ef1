// The sentences that all screens show alike: about connections, and about missing or doubtful messages. Pure. They may
// quote others: `printable()` before they are shown.

import type { Ending, Person, RoomEvent } from "../room.ts";
import { counted } from "../text/counts.ts";
import { printable } from "../text/printable.ts";

/** A sender's clock may be this far off before a warning: few clocks are right to the minute. */
const CLOCK_TOLERANCE_MS = 2 * 60 * 1000;
/** The end of what came while the user was away is shown if it was this many messages: of fewer it is plain to see. */
const MIN_CAUGHT_UP = 5;
/** Names listed in a sentence; the rest is counted. */
const MAX_NAMES = 5;

type Connected = RoomEvent & { type: "connected" };

/** What this client missed while it was disconnected; undefined if nothing. */
function gap(event: Connected): string | undefined {
  const { resumed, missed } = event;
  if (resumed || missed === 0) return undefined;
  if (missed === undefined) {
    return `${again(event)}; the server was restarted; its last messages may be missing`;
  }
  return `${again(event)}; ${counted(missed, "message")} missed here`;
}

function again({ address }: Connected): string {
  return address === undefined ? "connected again" : `connected again, at ${printable(address)}`;
}

/**
 * A sentence about a connection, of this client or of another member, that needs no action. Undefined if there
 * is none, or if `warnings` reports more.
 */
export function connectionNotice(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "away":
      return event.who.self || event.replaced
        ? undefined
        : `${event.who.name} is away: connection lost`;
    case "back":
      return event.who.self ? undefined : `${event.who.name} is back`;
    case "disconnected":
      return `${lost(event)}; what you type is sent when it is back`;
    case "connected":
      return gap(event) === undefined ? `${again(event)}; ${meanwhile(event.unseen)}` : undefined;
    case "caughtup":
      return event.messages < MIN_CAUGHT_UP ? undefined : "caught up";
    case "agreed":
      return `${event.who.name} sees the same conversation as you now`;
    default:
      return undefined;
  }
}

/** The messages follow this sentence. */
function meanwhile(unseen: number): string {
  if (unseen === 0) return "nothing missed";
  return `while you were away: ${counted(unseen, "message")}`;
}

function lost({ reason, message }: RoomEvent & { type: "disconnected" }): string {
  switch (reason) {
    case "lost":
      return "connection lost";
    case "stopped":
      return "the server has stopped";
    case "refused":
      return `the server closed the connection: ${message}`;
  }
}

/** How the room has ended for this user. */
export function endingNotice(ending: Exclude<Ending, { reason: "left" }>): string {
  switch (ending.reason) {
    case "stopped":
      return "the room is closed: the server has stopped";
    case "lost":
      return `connection lost: ${ending.message}`;
    case "refused":
      // The code was right before.
      if (ending.code === "code") return "the room has a new code";
      if (isAboutRoom(ending)) return ending.message;
      return `the server closed the connection: ${ending.message}`;
  }
}

/** Whether the message says what has become of the room, or of this user, and not of the connection. */
export function isAboutRoom(ending: Ending): boolean {
  return ending.reason === "refused" && (ending.code === "closed" || ending.code === "removed");
}

/** Why a direct message was not delivered. */
export function notDelivered({ to, reason }: RoomEvent & { type: "undelivered" }): string {
  const why = reason === "gone"
    ? `${to.name} has left`
    : `too many messages are waiting for ${to.name}; try again later`;
  return `not delivered: ${why}`;
}

function cannotReceiveFiles(people: readonly Person[]): string {
  const names = people.slice(0, MAX_NAMES).map(({ name }) => name).join(", ");
  const more = people.length - MAX_NAMES;
  return `classic clients cannot receive files: ${names}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * The time to show an event with: of a message that came while the user was away, when it was sent, by the sender's
 * clock. A clock that is ahead does not count.
 */
export function shownAt(event: RoomEvent, now: Date): Date {
  if (!("meanwhile" in event) || !event.meanwhile || !event.sent) return now;
  return event.sent < now ? event.sent : now;
}

/** Sentences that the user must not overlook, most often none: missing messages, wrong clocks, changed keys. */
export function warnings(event: RoomEvent, now: Date): string[] {
  const sentences: string[] = [];
  switch (event.type) {
    case "message":
    case "edited":
    case "deleted":
    case "reacted":
    case "direct":
    case "offer": {
      const { from: { name }, missing, sent } = event;
      if (missing === 1) sentences.push(`1 message from ${name} before this one is missing`);
      if (missing > 1) {
        sentences.push(`${missing} messages from ${name} before this one are missing`);
      }
      if (isOff(sent, shownAt(event, now))) {
        sentences.push(`by ${name}'s clock, sent at ${sent.toISOString()}`);
      }
      if (event.type === "offer" && event.without?.length) {
        sentences.push(cannotReceiveFiles(event.without));
      }
      break;
    }
    case "joined": {
      const { who: { name }, sent } = event;
      if (isOff(sent, shownAt(event, now))) {
        sentences.push(`by ${name}'s clock, it is ${sent.toISOString()}`);
      }
      break;
    }
    case "keychanged": {
      const { who: { name }, like } = event;
      const bare = name.replace("(!)", "");
      const what = like === undefined
        ? "has a different key than before"
        : `looks like ${like}, a name that you know, but has a different key`;
      sentences.push(
        `${name} ${what}: a new device, or somebody else. ` +
          `Compare with /verify ${bare}, then /trust ${bare}`,
      );
      break;
    }
    case "unreadable":
      sentences.push(unverified(event));
      break;
    case "forked": {
      const { who: { name }, since } = event;
      const from = since ? ` since ${timeOf(since)}` : "";
      sentences.push(
        `${name} sees a different conversation than you${from}: ` +
          `the server shows you different things, or ${name}'s report is false`,
      );
      break;
    }
    case "connected": {
      const sentence = gap(event);
      if (sentence !== undefined) sentences.push(sentence);
      break;
    }
    case "clock": {
      const how = event.ahead > 0 ? "ahead of" : "behind";
      const minutes = counted(Math.abs(event.ahead), "minute");
      sentences.push(`this machine's clock is ${minutes} ${how} the server's`);
      break;
    }
    case "warning":
      sentences.push(`warning from the server: ${event.message}`);
      break;
  }
  return sentences;
}

function unverified(
  { from: { name }, message, fresh }: RoomEvent & { type: "unreadable" },
): string {
  const claimed = `claiming to be from ${name} could not be verified`;
  return fresh === 1
    ? `a message ${claimed}: ${message}`
    : `${fresh} messages ${claimed}; the last one: ${message}`;
}

/** As `14:02`. */
function timeOf(time: Date): string {
  return time.toTimeString().slice(0, 5);
}

function isOff(sent: Date | undefined, now: Date): sent is Date {
  return sent !== undefined && Math.abs(now.getTime() - sent.getTime()) > CLOCK_TOLERANCE_MS;
}
