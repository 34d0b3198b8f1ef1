// What moderators and the operator have done, and what the room has refused, in words. Pure. They quote others:
// `printable()` before they are shown.

import type { Governance, Person, RoomEvent } from "../room.ts";
import { futureTime, pastTime, quoted } from "./member_lists.ts";
import { topicNotice } from "./status_text.ts";

/** Bans that are listed; a server has no more at once. */
const MAX_BANS = 256;

type NoticeEvent = RoomEvent & { readonly type: "notice" };
type RefusedEvent = RoomEvent & { readonly type: "refused" };

/** What precedes the text of an announcement: members cannot write such a heading, because names have no blanks. */
export function announcementHeading({ by }: Pick<NoticeEvent, "by">): string {
  return `ANNOUNCEMENT by ${actorOf(by)}`;
}

/**
 * The notice of what a moderator or the operator has done. Texts of others are in quotes, or at the end: they cannot
 * look like another notice.
 *
 * @param columns of a row of the screen: a longer topic is cut
 */
export function moderationNotice(event: NoticeEvent, now: Date, columns = Infinity): string {
  const { action, by, who, key, ban, until, reason, text = "", at } = event;
  const actor = actorOf(by);
  const target = who === undefined ? `the owner of ${key}` : who.self ? "you" : who.name;
  const why = reason === undefined ? "" : `: ${quoted(reason, Infinity)}`;
  const end = until === undefined ? "" : ` until ${futureTime(until, now)}`;
  switch (action) {
    case "kick":
      return `${actor} removed ${target} from the room${why}`;
    case "ban":
      return ban === undefined
        ? `${actor} removed ${target} from the room (no ban: others share the address)${why}`
        : `${actor} banned ${target}${end} (ban ${ban})${why}`;
    case "unban":
      return `${actor} ended ban ${ban}${who === undefined ? "" : ` (${who.name})`}`;
    case "silence":
      return `${actor} silenced ${target}${why}`;
    case "unsilence":
      return `${actor} let ${target} write to the room again${why}`;
    case "lock":
      return `${actor} locked the room to newcomers${why}`;
    case "unlock":
      return `${actor} unlocked the room for newcomers${why}`;
    case "announce":
      return `*** ${announcementHeading(event)}: ${text}`;
    case "op":
      return `${actor} made ${target} a moderator`;
    case "deop":
      if (by && by.id === who?.id && !by.self) return `${actor} gave up the rights of a moderator`;
      return who?.self
        ? `${actor} ended your rights as a moderator`
        : `${actor} ended the moderator rights of ${target}`;
    case "topic":
      return topicNotice({ type: "topic", who: by, text, at, sent: undefined }, now, columns);
    case "readonly":
      return `${actor} made the room read-only: only moderators speak to it`;
    case "writable":
      return `${actor} let all members write to the room again`;
    case "drain":
      return `${actor} closes the room when the last member has left; no newcomers until then`;
    case "close":
      return `${actor} closed the room${why}`;
  }
}

/** Whether this user has to know it: it is about this user, or about the end of the room. */
export function isAlarming({ action, who }: NoticeEvent): boolean {
  const isOwn = who?.self === true && ["kick", "ban", "silence", "deop"].includes(action);
  return isOwn || action === "readonly" || action === "drain" || action === "close";
}

/** Whether the room ends with it for this user. */
export function endsRoom({ action, who }: NoticeEvent): boolean {
  return action === "close" || (who?.self === true && (action === "kick" || action === "ban"));
}

/** What the rules of the room limit; undefined: nothing. */
export function rulesText(governance: Governance | undefined): string | undefined {
  const rules = [
    ...governance?.readOnly ? ["read-only: only moderators speak to the room"] : [],
    ...governance?.locked ? ["locked: no newcomers"] : [],
  ];
  return rules.length === 0 ? undefined : rules.join("; ");
}

function actorOf(by: Person | undefined): string {
  if (by === undefined) return "the operator";
  return by.self ? "you" : by.name;
}

/** The lines of a list of bans. */
export function banLines({ bans }: RoomEvent & { readonly type: "bans" }, now: Date): string[] {
  if (bans.length === 0) return ["nobody is banned"];
  const lines = bans.slice(0, MAX_BANS).map(
    ({ number, who, member, by, since, until, reason }) => {
      const from = by === undefined ? "" : ` by ${actorOf(by)}`;
      const end = until === undefined ? "" : ` until ${futureTime(until, now)}`;
      const why = reason === undefined ? "" : `: ${quoted(reason, Infinity)}`;
      const name = who?.name ?? `member ${member}`;
      return `ban ${number}: ${name}, since ${pastTime(since, now)}${end}${from}${why}`;
    },
  );
  const more = bans.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}

const WHATS: Readonly<Record<RefusedEvent["what"], string>> = {
  message: "not sent",
  profile: "name and away text not changed",
  topic: "topic not set",
  kick: "not removed",
  ban: "not banned",
  unban: "ban not ended",
  bans: "bans not listed",
  silence: "not silenced",
  unsilence: "still silenced",
  lock: "not locked",
  unlock: "not unlocked",
  announce: "not announced",
  op: "not made a moderator",
  deop: "moderator rights not ended",
};

/** The notice of something that the room has refused, without its text. */
export function refusedNotice({ what, reason }: Pick<RefusedEvent, "what" | "reason">): string {
  return `${WHATS[what]}: ${whyRefused({ what, reason })}`;
}

/** Why the room has refused something: the end of a sentence. */
export function whyRefused({ what, reason }: Pick<RefusedEvent, "what" | "reason">): string {
  switch (reason) {
    case "silenced":
      return "you are silenced";
    case "readonly":
      return "only moderators speak to this room";
    case "moderator":
      return what === "deop"
        ? "the operator has given them, or you are not a moderator"
        : ["kick", "ban", "silence", "unsilence"].includes(what)
        ? "that member is a moderator, or you are not"
        : "you are not a moderator";
    case "gone":
      return what === "unban"
        ? "no ban has this number"
        : what === "deop"
        ? "that is not a moderator"
        : "the member has left";
    case "full":
      return `there are too many ${what === "op" ? "moderators" : "bans"}`;
    case "lost":
      return "the session ended before the server answered; perhaps it was done";
  }
}
