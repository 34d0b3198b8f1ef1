// What Tab offers for the text before the cursor: commands, their arguments, emoji, and members' names. Reads
// the table of commands; runs none of them, and draws nothing.

import { completePath, type Files } from "../files/paths.ts";
import type { Room } from "../room.ts";
import type { Completion } from "../terminal/editor.ts";
import { type Emoji, typedName } from "../text/emoji.ts";
import { printable } from "../text/printable.ts";
import { COMMANDS, commandsFor } from "./commands.ts";
import type { SlashCommand } from "./commands/command.ts";
import { receivers } from "./commands/talk.ts";
import type { CompletionContext } from "./context.ts";
import { isPicture } from "./picture_choice.ts";
import { type Argument, isGiven, parseArgs } from "./submit.ts";

/**
 * What Tab may put in place of the text before `cursor`:
 *
 * 1. command names at the start of the line, and the arguments that they declare;
 * 2. emoji for `:smi`, in any text;
 * 3. members' names: `NAME: ` at the start of the line, `NAME ` elsewhere, and `@NAME ` after an @.
 */
export function complete(text: string, cursor: number, context: CompletionContext): Completion {
  const before = text.slice(0, cursor);
  const typed = /\S*$/.exec(before)![0];
  const from = cursor - typed.length;
  if (from === 0 && /^\/(?!\/)/.test(typed)) {
    const fitting = commandsFor(context).filter((c) => c.name.startsWith(typed.slice(1)));
    return { from, words: fitting.map((c) => `/${c.name}${c.args === "" ? "" : " "}`) };
  }
  const place = argumentAt(before);
  if (place && !isText(place)) return completeArgument(before, place, context);
  const offered = place && offeredText(before, place, context);
  if (offered) return offered;
  const name = typedName(before);
  if (name) return completeEmoji(name, context.emoji);
  if (typed === "") return { from, words: [] };
  const end = from === 0 ? ": " : " ";
  const names = others(context.room);
  const words = membersStarting(typed, names, context.room).map((word) => word + end);
  if (words.length > 0 || !typed.startsWith("@")) return { from, words };
  const mentioned = membersStarting(typed.slice(1), names, context.room);
  return { from, words: mentioned.map((name) => `@${name} `) };
}

/**
 * The names that start with `typed`, those of away members only if there is no other: a member that is away for hours
 * must not stop Tab from completing the name of one that is here.
 */
function membersStarting(typed: string, all: readonly string[], { members }: Room): string[] {
  const names = starting(typed, all);
  const isHere = new Map<string, boolean>();
  for (const { name, away } of members) {
    // As `receivers` writes it, too.
    for (const form of new Set([name, name.replace(/\(!\)$/, "")])) {
      const shown = printable(form);
      isHere.set(shown, !away || (isHere.get(shown) ?? false));
    }
  }
  const present = names.filter((name) => isHere.get(name) ?? true);
  return present.length > 0 ? present : names;
}

function others({ members }: Room): string[] {
  return members.filter((m) => !m.self).map((m) => m.name);
}

/** The names that start with `typed`, in either case, as the screen shows them. */
function starting(typed: string, names: readonly string[]): string[] {
  const start = typed.toLowerCase();
  return names.map((name) => printable(name)).filter((name) =>
    name.toLowerCase().startsWith(start)
  );
}

/** Text: Tab completes emoji and names in it. */
function isText({ argument }: TypedArgument): boolean {
  return argument !== undefined && ["TEXT", "REASON", "EMOJI"].includes(argument.kind);
}

/** What a command offers before its text has begun. */
function offeredText(
  before: string,
  { command, from }: TypedArgument,
  { room, preferences }: CompletionContext,
): Completion | undefined {
  if (!command.offer || !preferences || from !== before.length) return undefined;
  const n = /^\S+\s+(#?[0-9a-f]+)\s+$/.exec(before)?.[1] ?? "";
  return { from, words: command.offer({ room, preferences }, n) };
}

/** The argument that is being typed. */
interface TypedArgument {
  readonly command: SlashCommand;
  /** Undefined: the command takes no more. */
  readonly argument: Argument | undefined;
  readonly from: number;
}

/** The argument at the end of `text`; undefined if no command precedes it. */
function argumentAt(text: string): TypedArgument | undefined {
  const match = /^\/(\S+)\s+/.exec(text);
  const command = COMMANDS.find((c) => c.name === match?.[1]);
  if (!match || !command) return undefined;
  let from = match[0].length;
  for (const argument of parseArgs(command)) {
    const [upToNext, word] = /^(\S*)\s*/.exec(text.slice(from))!;
    if (!isGiven(argument, word!)) continue;
    const isLast = argument.rest || word!.length === text.length - from;
    if (isLast) return { command, argument, from };
    from += upToNext.length;
  }
  return { command, argument: undefined, from: text.length };
}

function completeArgument(
  text: string,
  { command, argument, from }: TypedArgument,
  context: CompletionContext,
): Completion {
  const typed = text.slice(from);
  switch (argument?.kind) {
    case "MEMBER": {
      const { preferences } = context;
      const names = command.members && preferences
        ? command.members({ room: context.room, preferences })
        : others(context.room);
      // A command takes the name alone.
      const start = typed.replace(/^@/, "");
      const words = membersStarting(typed, names, context.room);
      const meant = words.length > 0 ? words : membersStarting(start, names, context.room);
      return { from, words: meant.map((name) => `${name} `) };
    }
    case "COMMAND": {
      const slash = typed.startsWith("/") ? "/" : "";
      const names = [...commandsFor(context).map((c) => slash + c.name), "keys"];
      return { from, words: names.filter((name) => name.startsWith(typed)) };
    }
    case "FILE":
      if (!context.files) break;
      return completeFile(typed, from, command, { ...context, files: context.files });
    case "PICTURE": {
      const names = context.room.transfers.filter(isPicture).map(({ name }) => name);
      return { from, words: starting(typed, [...new Set(names)]) };
    }
    case "BAN":
      return completeBan(typed, from, context.preferences?.bans ?? new Map());
    case "choice":
      return { from, words: argument.choices.filter((choice) => choice.startsWith(typed)) };
  }
  return { from, words: [] };
}

/** The number of a ban, for the number or the name of its member. */
function completeBan(typed: string, from: number, bans: ReadonlyMap<number, string>): Completion {
  const found = [...bans].map(([number, name]) => ({ number: String(number), name }))
    .filter(({ number, name }) => number.startsWith(typed) || starting(typed, [name]).length > 0);
  return {
    from,
    words: found.map(({ number }) => `${number} `),
    labels: found.map(({ number, name }) => `${number} ${printable(name)}`),
  };
}

/** A path, or after it the member that the file is for. */
function completeFile(
  typed: string,
  from: number,
  { args }: SlashCommand,
  { files, room }: CompletionContext & { files: Files },
): Completion {
  const path = completePath(typed, files);
  const [, before, name] = /^(.*\S\s+)(\S*)$/s.exec(typed) ?? [];
  if (path.words.length > 0 || before === undefined || !args.includes("MEMBER")) {
    return { from, ...path };
  }
  const names = membersStarting(name!, receivers(room), room);
  return { from: from + before.length, words: names.map((name) => `${name} `) };
}

/** Emoji with this name. If several match, Tab first completes the beginning that their names share. */
function completeEmoji(
  { from, name, complete }: NonNullable<ReturnType<typeof typedName>>,
  emoji: Emoji | undefined,
): Completion {
  const exact = complete ? emoji?.get(name) : undefined;
  if (exact !== undefined) return { from, words: [exact], labels: [`${exact} :${name}:`] };
  if (complete || !emoji) return { from, words: [] };
  const found = emoji.starting(name);
  const common = commonStart(found.map((named) => named.name));
  // Different emoji share no beginning that Tab could insert.
  if (found.length > 1 && common.length > name.length) return { from, words: [`:${common}`] };
  return {
    from,
    words: found.map((named) => named.emoji),
    labels: found.map((named) => `${named.emoji} :${named.name}:`),
  };
}

/** The longest beginning that all names share. */
function commonStart([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) {
    while (!other.startsWith(first.slice(0, length))) length--;
  }
  return first.slice(0, length);
}
