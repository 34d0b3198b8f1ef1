// TODO: say what this is.

import { ChatError } from "../errors.ts";
import { find, shortened, type SlashCommand, usage, written } from "./commands.ts";
import type { Context } from "./context.ts";

// ---- running ---------------------------------------------------------------------------------------

/**
 * Does what a person means by `text`: runs a command, or says it to the room. A leading `//` stands
 * for a slash that starts no command.
 *
 * @throws {ChatError} if it can't be done; nothing has been said then
 *
 * @example
 * ```ts
 * submit("/me waves", context); // acts
 * submit("//etc/hosts is a file", context); // says "/etc/hosts is a file"
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
    throw new ChatError(`Cannot run /${name}: there is no screen for it, only plain lines`);
  }
  command.run(context, ...argumentsOf(command, rest));
}

/** What one argument may be. */
export interface Argument {
  readonly kind: "MEMBER" | "COMMAND" | "FILE" | "PICTURE" | "NAME" | "TEXT" | "choice";
  readonly optional: boolean;
  /** Of a choice. */
  readonly choices: readonly string[];
  /** It takes all that is left, spaces and newlines too. */
  readonly rest: boolean;
}

export function parseArgs({ args }: SlashCommand): Argument[] {
  return words(args).map((word) => {
    const bare = word.replace(/^\[(.*)\]$/, "$1");
    const choices = bare.includes("|") ? bare.split("|") : [];
    return {
      kind: choices.length > 0 ? "choice" : bare as Argument["kind"],
      optional: bare !== word,
      choices,
      rest: ["FILE", "PICTURE", "NAME", "TEXT"].includes(bare),
    };
  });
}

/**
 * What stands behind a command, cut into its arguments.
 *
 * @throws {ChatError} if it is too little, too much, or none of what it must be
 */
function argumentsOf(command: SlashCommand, text: string): string[] {
  const refuse = (fault: string): never => {
    const form = usage(command);
    throw new ChatError(`Cannot run /${command.name}: ${fault}, it should be "${form}"`);
  };
  const takes = parseArgs(command);
  const given: string[] = [];
  let left = text;
  for (const { kind, optional, choices, rest } of takes) {
    if (left === "") {
      if (optional) break;
      refuse("something is missing");
    }
    const cut = rest ? { word: left, rest: "" } : firstWord(left);
    if (kind === "choice" && !choices.includes(cut.word)) {
      refuse(`"${shortened(cut.word)}" is none of what it takes`);
    }
    given.push(cut.word);
    left = cut.rest;
  }
  if (left !== "") {
    refuse(takes.length === 0 ? "it takes nothing behind it" : "there is too much behind it");
  }
  return given;
}

export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** The first word, and what follows it without the space between; a text keeps its inner newlines. */
function firstWord(text: string): { word: string; rest: string } {
  const word = /^\S*/.exec(text)![0];
  return { word, rest: text.slice(word.length).trim() };
}
