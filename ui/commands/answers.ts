// Commands about earlier messages to the room: answers, corrections, reactions. A line names its message as soon as the
// command is typed (`expand`), so that a message that arrives meanwhile does not change what is meant.

import { ChatError } from "../../errors.ts";
import type { EarlierMessage } from "../../room.ts";
import { counted } from "../../text/counts.ts";
import type { Context } from "../context.ts";
import { quoteOf } from "../earlier.ts";
import { type SlashCommand, written } from "./command.ts";

/** How a line names a message: the beginning of its id, in characters at least. */
const MIN_HANDLE = 6;

type Whose = "others" | "own";
type Rooms = Pick<Context, "room" | "preferences">;

export const ANSWERS: readonly SlashCommand[] = [
  {
    name: "re",
    args: "[N] TEXT",
    help: "answers the last message of another member, or the Nth last: /re 2 yes",
    expand: (context, rest) => expandTo("re", "others", context, rest),
    run(context, n: string, text: string) {
      const { id } = choose(n, "others", "answer", context);
      context.room.say(written(text, context), id);
    },
  },
  {
    name: "edit",
    args: "[N] TEXT",
    help: "corrects your last message, or your Nth last; Tab offers its text",
    expand: (context, rest) => expandTo("edit", "own", context, rest),
    offer: (context, n) => textsOf(n, context),
    run(context, n: string, text: string) {
      const { id } = choose(n, "own", "correct", context);
      context.room.change({ type: "edit", id, text: written(text, context) });
    },
  },
  {
    name: "delete",
    args: "[N]",
    help: "deletes your last message, or your Nth last, for everybody",
    expand: (context, rest) => expandTo("delete", "own", context, rest),
    run(context, n = "") {
      const { id } = choose(n, "own", "delete", context);
      context.room.change({ type: "delete", id });
    },
  },
  {
    name: "react",
    args: "[N] EMOJI",
    help: "reacts to the last message of another member, or the Nth last; again to take it back",
    expand: (context, rest) => expandTo("react", "others", context, rest),
    run(context, n: string, typed: string) {
      const { id, reactions } = choose(n, "others", "react to", context);
      const emoji = written(typed, context).trim();
      context.room.change({ type: "react", id, emoji, removed: reactions.includes(emoji) });
    },
  },
];

/** The messages that `N` counts, newest first. */
function candidates(whose: Whose, { room, preferences: { ignored } }: Rooms): EarlierMessage[] {
  return room.recent.filter(({ from }) =>
    whose === "own" ? from.self : !from.self && !ignored.has(from)
  );
}

/** Whether the user's last message has no id yet: then the newest one that has one is not the one that is meant. */
function isUnconfirmed({ room }: Rooms): boolean {
  return room.pending.some(({ to, change }) => to === undefined && change === undefined);
}

/**
 * The message that the user means.
 *
 * @param n its number, its handle, or empty for the newest
 * @throws {ChatError} if there is none
 */
function choose(n: string, whose: Whose, what: string, context: Rooms): EarlierMessage {
  const cannot = `Cannot ${what} this message`;
  if (n.startsWith("#")) {
    const [handle, more] = n.slice(1).split(/\s+/);
    const [found, ...others] = context.room.recent.filter(({ id }) => id.startsWith(handle!));
    if (!found) throw new ChatError(`${cannot}: it is deleted, or too long ago`);
    if (others.length > 0) throw new ChatError(`${cannot}: several begin with #${handle}`);
    return more === undefined
      ? found
      : nth(more, from(found, candidates(whose, context)), whose, what);
  }
  if (whose === "own" && isUnconfirmed(context)) {
    throw new ChatError(`${cannot}: the room has not confirmed your last message yet`);
  }
  return nth(n === "" ? "1" : n, candidates(whose, context), whose, what);
}

/** A message and all that are older. */
function from(message: EarlierMessage, all: readonly EarlierMessage[]): EarlierMessage[] {
  const start = all.findIndex(({ id }) => id === message.id);
  return start === -1 ? [] : all.slice(start);
}

/** @throws {ChatError} if there is none */
function nth(
  n: string,
  all: readonly EarlierMessage[],
  whose: Whose,
  what: string,
): EarlierMessage {
  const cannot = `Cannot ${what} this message`;
  const found = all[Number(n) - 1];
  if (found) return found;
  if (Number(n) === 0) throw new ChatError(`${cannot}: the newest one is number 1`);
  const who = whose === "own" ? "you have" : "other members have";
  const many = all.length === 0 ? "no message" : `only ${counted(all.length, "message")}`;
  throw new ChatError(`${cannot}: ${who} ${many} here`);
}

/** Writes the message that is meant into the line: the newest, or the Nth from the one that is there already. */
function expandTo(
  command: string,
  whose: Whose,
  context: Rooms,
  rest: string,
): { used: number; text: string } | undefined {
  const [used, handle, n] = /^(?:(#[0-9a-f]+)\s+)?(?:(\d{1,3})\s+)?/.exec(rest)!;
  if (handle !== undefined && n === undefined) return undefined;
  if (handle === undefined && whose === "own" && isUnconfirmed(context)) return undefined;
  const all = candidates(whose, context);
  const first = handle === undefined
    ? 0
    : all.findIndex(({ id }) => id.startsWith(handle.slice(1)));
  const found = first === -1 ? undefined : all[first + (n === undefined ? 0 : Number(n) - 1)];
  if (!found) return undefined;
  return { used: used!.length, text: `/${command} ${handleOf(found, context)} ` };
}

/** The shortest beginning of its id that no other message has. */
function handleOf({ id }: EarlierMessage, { room: { recent } }: Rooms): string {
  let length = MIN_HANDLE;
  const others = recent.filter((other) => other.id !== id);
  while (others.some((other) => other.id.startsWith(id.slice(0, length)))) length++;
  return `#${id.slice(0, length)}`;
}

/** The text of the own message that a line would correct. */
function textsOf(n: string, context: Rooms): string[] {
  try {
    return [choose(n, "own", "correct", context).text];
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return [];
  }
}

/** The message that a line is about, in words; undefined if it is about none. It may hold anything. */
export function aboutOf(line: string, { recent }: Context["room"]): string | undefined {
  const [, command, handle, more] =
    /^\/(re|edit|delete|react)\s+#([0-9a-f]+)(?:\s+(\d{1,3})\s*$|\s|$)/.exec(line) ?? [];
  if (command === undefined) return undefined;
  const found = recent.filter(({ id }) => id.startsWith(handle!));
  if (found.length !== 1) return undefined;
  // Without a text after it, the number is not followed by a blank with which it would turn into a handle.
  const meant = command === "delete" && more !== undefined
    ? from(found[0]!, recent.filter(({ from }) => from.self))[Number(more) - 1]
    : found[0];
  return meant && `${VERBS[command as keyof typeof VERBS]} ${quoteOf(meant)}`;
}

const VERBS = { re: "answers", edit: "corrects", delete: "deletes", react: "reacts to" } as const;
