// Commands of moderators. The room refuses them to everybody else; everybody sees what they have done.

import { ChatError } from "../../errors.ts";
import { findPerson, hasOtherKey, type Person, type Room } from "../../room.ts";
import { durationOf, isDoubtfulDuration } from "../../text/durations.ts";
import { printable } from "../../text/printable.ts";
import type { Context } from "../context.ts";
import { shortened, type SlashCommand, written } from "./command.ts";

/** Moderators that `/op` lists. */
const MAX_LISTED = 64;

export const MODERATE: readonly SlashCommand[] = [
  {
    name: "kick",
    others: ["remove", "boot"],
    args: "MEMBER [REASON]",
    help: "removes a member; it may join again, because it knows the code",
    members: candidates(({ moderator }) => !moderator),
    run(context, member: string, reason?: string) {
      context.room.moderate({ action: "kick", member, ...because(reason, context) });
    },
  },
  {
    name: "ban",
    others: ["kickban"],
    args: "MEMBER [TIME] [REASON]",
    help: "removes a member and refuses newcomers from its network: /ban bob 2h spam",
    members: candidates(({ moderator }) => !moderator),
    run(context, member: string, time = "", reason?: string) {
      const seconds = secondsOf(time, reason);
      context.room.moderate({
        action: "ban",
        member,
        ...(seconds !== undefined && { seconds }),
        ...because(reason, context),
      });
    },
  },
  {
    name: "bans",
    others: ["banlist"],
    args: "",
    help: "lists the bans, with their numbers",
    run: ({ room }) => room.moderate({ action: "bans" }),
  },
  {
    name: "unban",
    args: "BAN",
    help: "ends a ban, by its number or the member's name",
    run: ({ room }, ban: string) => room.moderate({ action: "unban", ban }),
  },
  {
    name: "silence",
    others: ["quiet", "gag", "devoice"],
    args: "MEMBER [REASON]",
    help: "refuses what a member writes to the room, until it leaves; not direct messages",
    members: candidates(({ moderator, silenced }) => !moderator && !silenced),
    run(context, member: string, reason?: string) {
      const { room, print } = context;
      if (isAlready(room, member, ({ silenced }) => silenced === true)) {
        return print(`${printable(member)} is silenced already`);
      }
      room.moderate({ action: "silence", member, ...because(reason, context) });
    },
  },
  {
    name: "unsilence",
    others: ["unquiet", "ungag", "voice"],
    args: "MEMBER",
    help: "lets a member write to the room again",
    members: candidates(({ silenced }) => silenced === true),
    run({ room, print }, member: string) {
      if (isAlready(room, member, ({ silenced }) => !silenced)) {
        return print(`${printable(member)} is not silenced`);
      }
      room.moderate({ action: "unsilence", member });
    },
  },
  {
    name: "lock",
    args: "[REASON]",
    help: "admits no newcomers; members that are away may still return",
    run(context, reason?: string) {
      const { room, print } = context;
      const { governance } = room;
      if (governance?.locked && !governance.isPending) return print("the room is locked already");
      room.moderate({ action: "lock", ...because(reason, context) });
    },
  },
  {
    name: "unlock",
    args: "",
    help: "admits newcomers again",
    run({ room, print }) {
      const { governance } = room;
      if (governance?.locked || governance?.isPending) room.moderate({ action: "unlock" });
      else print("the room is not locked");
    },
  },
  {
    name: "announce",
    others: ["wall", "broadcast"],
    args: "TEXT",
    help: "shows everybody an announcement, which nobody can overlook",
    run(context, text: string) {
      context.room.moderate({ action: "announce", text: written(text, context) });
    },
  },
  {
    name: "op",
    others: ["mod", "moderators"],
    args: "[MEMBER]",
    help: "makes a member, or the owner of a key, a moderator; or lists the moderators",
    members: candidates((one) => one.key !== undefined && !one.moderator && !hasOtherKey(one)),
    run({ room, print }, member?: string) {
      if (member === undefined) return print(moderatorsText(room));
      if (isAlready(room, member, ({ moderator }) => moderator === true)) {
        return print(`${printable(member)} is a moderator already`);
      }
      room.moderate({ action: "op", member });
    },
  },
  {
    name: "deop",
    others: ["demod"],
    args: "MEMBER",
    help: "ends the rights of a moderator, by name or key",
    members: ({ room }) => room.members.filter(({ moderator }) => moderator).map((m) => m.name),
    run: ({ room }, member: string) => room.moderate({ action: "deop", member }),
  },
];

/** The names of the other members that a command is for. */
function candidates(
  fits: (member: Person) => boolean,
): (context: Pick<Context, "room" | "preferences">) => readonly string[] {
  return ({ room }) =>
    room.members.filter((member) => !member.self && fits(member)).map(({ name }) => name);
}

/**
 * Whether the room would change nothing, and so report nothing. After an act that the server has not answered yet,
 * nobody knows. If a member cannot be found, the room reports that.
 */
function isAlready(
  { members, governance }: Room,
  who: string,
  fits: (member: Person) => boolean,
): boolean {
  if (governance?.isPending) return false;
  const person = findPerson(members, who);
  return typeof person !== "string" && fits(person);
}

function because(reason: string | undefined, context: Context): { reason?: string } {
  return reason === undefined ? {} : { reason: written(reason, context) };
}

/**
 * Without a time, a ban lasts until somebody ends it: a misspelt time must not become a reason.
 *
 * @throws {ChatError} if it is not clear what is meant
 */
function secondsOf(time: string, reason: string | undefined): number | undefined {
  const word = time || /^\S*/.exec(reason ?? "")![0];
  if (isDoubtfulDuration(word)) {
    throw new ChatError(`Cannot tell whether ${shortened(word)} is a time: write 30m, 2h or 7d`, {
      hint: "A reason must not begin with a number here",
    });
  }
  return time === "" ? undefined : durationOf(time)! / 1000;
}

/** The moderators by name; by key those that are not in the room. */
function moderatorsText({ governance, members }: Room): string {
  if (!governance) throw new ChatError("Cannot list the moderators: a classic room has none");
  const here = members.filter(({ moderator }) => moderator);
  const keys = new Set(here.map(({ key }) => key));
  const all = [
    ...here.map(({ name, self }) => printable(name) + (self ? " (you)" : "")),
    ...governance.moderators.filter((key) => !keys.has(key)).map((key) => `the owner of ${key}`),
  ];
  if (all.length === 0) return "no moderators; the operator of the server can name some";
  const more = all.length - MAX_LISTED;
  const rest = more > 0 ? ` and ${more} more` : "";
  return `moderators: ${all.slice(0, MAX_LISTED).join(", ")}${rest}`;
}
