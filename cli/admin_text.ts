// What `chat admin` prints, in words. Pure. All that comes from a server or a member is printable here.

import { printable } from "../text/printable.ts";
import { width } from "../text/width.ts";
import { futureTime, pastTime, quoted } from "../ui/member_lists.ts";
import type { AdminMember } from "./admin.ts";
import type { AdminLine } from "./admin_protocol.ts";
import type { AdminWish } from "./command.ts";

/** As `room 127.0.0.1:2428 (sealed, locked): 2 members`. */
export function roomRow(room: AdminLine, size: number): string {
  const marks = [
    text(room["cipher"]),
    ...(room["locked"] === true ? ["locked"] : []),
    ...(room["readonly"] === true ? ["read-only"] : []),
    ...(room["draining"] === true ? ["closes with its last member"] : []),
  ];
  return `room ${text(room["address"])} (${marks.join(", ")}): ` +
    (size === 1 ? "1 member" : `${size} members`);
}

/** As `moderator KEY` and `topic: release`: the keys also of moderators that are not in the room. */
export function ruleRows(room: AdminLine): string[] {
  const { moderators, topic } = room;
  return [
    ...(Array.isArray(moderators) ? moderators.map((key) => `moderator ${text(key)}`) : []),
    ...(topic === undefined ? [] : [`topic: ${text(topic)}`]),
  ];
}

/** One row for each member: number, name, address, since when it is in the room, and marks. */
export function memberRows(members: readonly AdminMember[], now: Date): string[] {
  const hasNames = members.some(({ name }) => name !== undefined);
  return table(members.map((member) => {
    const { id, name } = member;
    const away = timeText(member["away"], now);
    const marks = ["moderator", "silenced", "classic"].filter((mark) => member[mark] === true);
    if (away !== undefined) marks.unshift(`away since ${away}`);
    return [
      `#${id}`,
      ...(hasNames ? [printable(name ?? "")] : []),
      text(member["peer"] ?? member["network"]),
      timeText(member["joined"], now) ?? "",
      marks.join(", "),
    ];
  }));
}

function table(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.map((_, column) =>
    rows.reduce((most, cells) => Math.max(most, width(cells[column]!)), 0)
  );
  return rows.map((cells) =>
    cells.map((cell, column) => cell + " ".repeat(columns![column]! - width(cell))).join("  ")
      .trimEnd()
  );
}

/** As `2. #3 (192.0.2.7), banned 12:30, until 14:30: "too much advertising"`. */
export function banRow(ban: AdminLine, now: Date): string {
  const why = ban["why"] === undefined ? "" : `: ${quoted(text(ban["why"]), Infinity)}`;
  // In an earlier log of the room, members had other numbers.
  const who = ban["id"] === 0 ? "an earlier member" : `#${text(ban["id"])}`;
  const by = ban["by"] === 0 ? "" : ` by #${text(ban["by"])}`;
  const since = timeText(ban["since"], now) ?? "";
  return `${text(ban["ban"])}. ${who} (${text(ban["network"])}), banned${by} ${since}, ` +
    `${endText(ban, now)}${why}`;
}

function endText(ban: AdminLine, now: Date): string {
  const end = timeText(ban["ends"], now, futureTime);
  return end === undefined ? `until chat admin unban ${text(ban["ban"])}` : `until ${end}`;
}

/** What was done. */
export function adminText(
  wish: AdminWish,
  { member, ban, now }: {
    member: AdminMember | undefined;
    ban: AdminLine | undefined;
    now: Date;
  },
): string {
  const who = member && nameOf(member);
  switch (wish.action) {
    case "kick":
      return `removed ${who}`;
    case "ban": {
      if (ban) return `banned ${who}: ban ${text(ban["ban"])}, ${endText(ban, now)}`;
      const network = text(member!["network"]);
      return `removed ${who}; no ban: ${network} is this machine or a proxy, or its network is unknown`;
    }
    case "unban":
      return `ended ban ${wish.ban}`;
    case "silence":
      return `silenced ${who}`;
    case "unsilence":
      return `${who} may speak to the room again`;
    case "lock":
      return "locked the room: it admits no newcomers";
    case "unlock":
      return "unlocked the room";
    case "readonly":
      return "the room is read-only: only moderators speak to it";
    case "writable":
      return "everybody may speak to the room again";
    case "op":
      return `made ${wish.key} a moderator`;
    case "deop":
      return `${wish.key} is no moderator any more`;
    case "announce":
      return "announced";
    case "topic":
      return wish.text === "" ? "removed the topic" : "set the topic";
    case "drain":
      return "the room admits no newcomers, and closes when the last member has left";
    case "close":
      return "closed the room";
    case "who":
    case "bans":
      throw new TypeError("a question has an answer of its own");
  }
}

/** As `bob (#3)`, or `#3`. */
function nameOf({ id, name }: AdminMember): string {
  return name === undefined ? `#${id}` : `${printable(name)} (#${id})`;
}

function text(value: unknown): string {
  return printable(String(value ?? "?"));
}

/** A time of the server; undefined if there is none. */
function timeText(value: unknown, now: Date, show = pastTime): string | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? undefined : show(new Date(ms), now);
}
