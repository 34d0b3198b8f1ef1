// A submitted line: a message to the room, or a command with its arguments. Knows neither what the commands do
// nor a terminal.

import { ChatError } from "../errors.ts";
import { durationOf } from "../text/durations.ts";
import { find } from "./commands.ts";
import { shortened, type SlashCommand, usage, written } from "./commands/command.ts";
import type { Context } from "./context.ts";

/**
 * Runs a command, or sends `text` to the room. `//` at the start stands for a slash that starts no command.
 *
 * @throws {ChatError} if that is impossible; nothing has been sent then
 *
 * @example
 * ```ts
 * submit("/me waves", context); // an action
 * submit("//etc/hosts is a file", context); // sends "/etc/hosts is a file"
 * ```
 */
export function submit(text: string, context: Context): void {
  if (!text.startsWith("/")) {
    context.room.say(written(text, context));
    return;
  }
  if (text.startsWith("//")) {
    context.room.say(written(text.slice(1), context));
    return;
  }
  const { word: name, rest } = firstWord(text.slice(1));
  const command = find(name);
  if (command.screen && !context.screen) {
    throw new ChatError(`Cannot run /${name}: it needs the full screen`);
  }
  command.run(context, ...argumentsOf(command, rest));
}

/** What one argument may be. */
export interface Argument {
  readonly kind:
    | "MEMBER"
    | "COMMAND"
    | "FILE"
    | "PICTURE"
    | "NAME"
    | "TEXT"
    | "REASON"
    | "BAN"
    | "TIME"
    | "EMOJI"
    | "N"
    | "choice";
  readonly optional: boolean;
  /** The words of a choice. */
  readonly choices: readonly string[];
  /** It takes the rest of the line, with its spaces and newlines. */
  readonly rest: boolean;
}

/** Whether a word says which message a command is about. */
function isN(word: string): boolean {
  return /^(?:\d{1,3}|#[0-9a-f]+)$/.test(word);
}

/** Whether a word is this argument. One that may be left out is recognized by its form. */
export function isGiven({ kind }: Argument, word: string): boolean {
  if (kind === "N") return isN(word);
  return kind !== "TIME" || durationOf(word) !== undefined;
}

/** A message by its handle, and a number that counts from there. */
const HANDLE_AND_N = /^#[0-9a-f]+\s+\d{1,3}$/;

/** The arguments that a command declares. */
export function parseArgs({ args }: SlashCommand): Argument[] {
  return args.split(/\s+/).filter((word) => word !== "").map((word) => {
    const bare = word.replace(/^\[(.*)\]$/, "$1");
    const choices = /^[a-z|]+$/.test(bare) ? bare.split("|") : [];
    return {
      kind: choices.length > 0 ? "choice" : bare as Argument["kind"],
      optional: bare !== word,
      choices,
      rest: ["FILE", "PICTURE", "NAME", "TEXT", "REASON", "EMOJI"].includes(bare),
    };
  });
}

/**
 * Cuts the text after a command into its arguments.
 *
 * @throws {ChatError} if an argument is missing, unknown, or one too many
 */
function argumentsOf(command: SlashCommand, text: string): string[] {
  const form = usage(command);
  const given: string[] = [];
  let left = text;
  for (const argument of parseArgs(command)) {
    const { kind, optional, choices, rest } = argument;
    if (left === "" && kind !== "N") {
      if (optional) break;
      const a = kind === "EMOJI" ? "an" : "a";
      throw new ChatError(`/${command.name} needs ${a} ${kind.toLowerCase()}: ${form}`);
    }
    // The screen has written the handle as soon as the blank was typed, and the number follows.
    const isPair = kind === "N" && parseArgs(command).length === 1 && HANDLE_AND_N.test(left);
    const cut = rest || isPair ? { word: left, rest: "" } : firstWord(left);
    if (!isPair && !isGiven(argument, cut.word)) {
      given.push("");
      continue;
    }
    if (kind === "choice" && !choices.includes(cut.word)) {
      const others = choices.slice(0, -1).join(", ");
      const isWord = others === "";
      const use = isWord ? form : `${others} or ${choices.at(-1)}`;
      const unknown = `${isWord ? "word" : command.name} "${shortened(cut.word)}"`;
      throw new ChatError(`Unknown ${unknown}; use ${use}`);
    }
    given.push(cut.word);
    left = cut.rest;
  }
  if (left !== "") {
    throw new ChatError(
      `Too many arguments: ${form}`,
      command.misuse ? { hint: command.misuse } : {},
    );
  }
  return given;
}

/** The first word, and the rest without the space between them; a text keeps its inner newlines. */
function firstWord(text: string): { word: string; rest: string } {
  const word = /^\S*/.exec(text)![0];
  return { word, rest: text.slice(word.length).trim() };
}
