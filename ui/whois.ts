// What `/whois` says about a member, in lines. Pure. They quote names: `printable()` before they are shown.

import type { Person, RoomInfo, Whois } from "../room.ts";
import type { Ignored } from "./ignored.ts";
import { listed, pastTime } from "./member_lists.ts";

/** Other sessions that are named; the rest is counted. */
const MAX_NAMED = 5;

/** The lines, the member's name first. */
export function whoisLines(
  whois: Whois,
  { cipher }: Pick<RoomInfo, "cipher">,
  ignored: Pick<Ignored, "has" | "keeps">,
  now: Date,
): string[] {
  const { member, words, sessions } = whois;
  const lines = [
    `${member.name}: ${[...presence(whois, now), ...marks(member, ignored)].join("; ")}`,
  ];
  if (member.status !== undefined) lines.push(`away: ${member.status}`);
  if (member.key !== undefined) lines.push(`key: ${member.key}`);
  if (!member.self) lines.push(`trust: ${trustText(whois, cipher)}`);
  // `chat admin` needs it: the server of a sealed room knows no names.
  if (!member.self && cipher === "sealed") lines.push(`number: ${member.id}`);
  if (words !== undefined) lines.push(`words to compare: ${words}`);
  if (sessions.length > 0) lines.push(`also with this key: ${names(sessions)}`);
  return lines;
}

/** Since when it is in the room, and since when it is away. */
function presence({ member, joined, listed }: Whois, now: Date): string[] {
  if (member.self) return [`that is you; in the room since ${pastTime(listed, now)}`];
  const since = joined ? pastTime(joined, now) : `before you joined, ${pastTime(listed, now)}`;
  const when = `in the room since ${since}`;
  if (!member.away) return [when];
  return [when, member.since ? `away since ${pastTime(member.since, now)}` : "away"];
}

function marks(member: Person, ignored: Pick<Ignored, "has" | "keeps">): string[] {
  const marks: string[] = [];
  if (member.moderator) marks.push("a moderator");
  if (member.silenced) marks.push("silenced: it cannot write to the room");
  if (member.classic) marks.push("a classic client: no direct messages, no files");
  if (ignored.has(member)) marks.push(ignored.keeps(member) ? "ignored (kept)" : "ignored");
  return marks;
}

/** How far the user can trust the name. */
function trustText({ member, firstSeen }: Whois, cipher: RoomInfo["cipher"]): string {
  const { name, trust, verified } = member;
  if (trust === undefined) {
    return cipher === "xor"
      ? "none; a room with xor has no keys"
      : "none; this member has proved no key";
  }
  if (trust === "changed") {
    return "NOT the key that you know under that name; compare the words, then /trust " +
      name.replace(/\(!\)$/, "");
  }
  const what = trust === "verified" ? `verified on ${verified}` : trust;
  return firstSeen === undefined ? what : `${what}; first seen on ${firstSeen}`;
}

function names(sessions: readonly Person[]): string {
  const named = sessions.slice(0, MAX_NAMED).map(listed).join(", ");
  const more = sessions.length - MAX_NAMED;
  return more > 0 ? `${named} and ${more} more` : named;
}
