// What the operator of a room does, as one plain line for classic clients: they have nothing but lines. Pure.

import { type Notice, NOTICE_ACTIONS, type NoticeAction } from "../protocol/moderation.ts";
import { printable } from "../text/printable.ts";

/**
 * The line; undefined for an action of a later version. No member can send one that begins like this: its lines begin
 * with its name or with one star, and names contain no spaces.
 *
 * @param by the member that has done it; 0: the operator
 * @param nameOf the name of a present or former member
 */
export function noticeLine(
  by: number,
  notice: Notice,
  nameOf: (id: number) => string,
): string | undefined {
  const { action, member, reason } = notice;
  if (!(NOTICE_ACTIONS as readonly string[]).includes(action)) return undefined;
  const actor = by === 0 ? "the operator" : printable(nameOf(by));
  const target = member === undefined ? "" : printable(nameOf(member));
  const sentence = sentenceOf(action as NoticeAction, notice, actor, target);
  const why = reason === undefined ? "" : `: ${shown(reason)}`;
  return sentence && `*** ${sentence}${why}`;
}

function sentenceOf(
  action: NoticeAction,
  { ban, text = "" }: Notice,
  actor: string,
  target: string,
): string | undefined {
  switch (action) {
    case "kick":
      return `${actor} removed ${target} from the room`;
    case "ban":
      // Without a number there is no ban: others share the address.
      return `${actor} ${ban === undefined ? "removed" : "banned"} ${target} from the room`;
    case "silence":
      return `${actor} silenced ${target}`;
    case "unsilence":
      return `${actor} let ${target} write to the room again`;
    case "lock":
      return `${actor} locked the room to newcomers`;
    case "unlock":
      return `${actor} unlocked the room for newcomers`;
    case "announce":
      return `ANNOUNCEMENT by ${actor}: ${shown(text)}`;
    case "topic":
      return text === "" ? `${actor} removed the topic` : `${actor} set the topic: ${shown(text)}`;
    case "readonly":
      return `${actor} made the room read-only`;
    case "writable":
      return `${actor} let all members write to the room again`;
    case "drain":
      return `${actor} closes the room when the last member has left; no newcomers until then`;
    case "close":
      return `${actor} closed the room`;
    // Nothing changes for anybody there.
    case "unban":
    case "op":
    case "deop":
      return undefined;
  }
}

/** Further lines are indented, as those of a message. */
function shown(text: string): string {
  return printable(text, "lines").replaceAll("\n", "\n  ");
}
