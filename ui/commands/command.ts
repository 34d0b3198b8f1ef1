// What a slash command is. The commands are in the other files of this folder, by subject.

import { printable } from "../../text/printable.ts";
import type { Context } from "../context.ts";

/** One command. */
export interface SlashCommand {
  /** Without the slash. */
  readonly name: string;
  /** Its names in other programs: an error hints at this one, because nothing must be sent by accident. */
  readonly others?: readonly string[];
  /**
   * The arguments as `/help` shows them, one word each; optional ones are in brackets.
   *
   * - `MEMBER`, `BAN`, `COMMAND`, `FILE`, `PICTURE`: Tab completes them.
   * - `NAME`, `TEXT`, `REASON`, `EMOJI`: anything.
   * - `N`: a number, or the `#` handle of a message; empty if the next word is something else.
   * - `TIME`: a duration such as `2h`, likewise.
   * - `a|b|c`: one of these words; `a`: this word.
   *
   * `NAME`, `TEXT`, `REASON`, `EMOJI`, `FILE` and `PICTURE` take the rest of the line; a word after one of them only documents it.
   */
  readonly args: string;
  /** What it does: continues a sentence that starts with the command. */
  readonly help: string;
  /** The hint if it gets too many arguments: what somebody may have meant that knows another program. */
  readonly misuse?: string;
  /** It needs a full screen: colours, times, notifications. */
  readonly screen?: true;
  /**
   * On the screen, called after each key once a blank follows the command: what replaces the command, the blank and the
   * first `used` characters of `rest`. A command that means "the last one" pins in this way what it means, before
   * another one arrives. It must not replace its own result. Undefined: the line stays, and `run` explains at Enter.
   */
  expand?(
    context: Pick<Context, "room" | "preferences">,
    rest: string,
  ): { readonly text: string; readonly used: number } | undefined;
  /** The texts that Tab offers for an empty `TEXT` after `N`. */
  offer?(context: Pick<Context, "room" | "preferences">, n: string): readonly string[];
  /** The names that Tab offers for `MEMBER`; default: all other members. */
  members?(context: Pick<Context, "room" | "preferences">): readonly string[];
  /**
   * Runs it. `args` match the declaration: none is missing, none is too many, and a choice is one of its words.
   *
   * @throws {ChatError} if it is impossible; nothing has been done then
   */
  run(context: Context, ...args: string[]): void;
}

export function usage(command: SlashCommand): string {
  return `/${command.name} ${command.args}`.trimEnd();
}

/** A pasted path looks like a long command: its beginning is enough to recognize it. */
export function shortened(word: string): string {
  return printable(word.slice(0, 32)) + (word.length > 32 ? "…" : "");
}

/** A text as it is sent: `:smile:` is replaced with the emoji. */
export function written(text: string, { emoji }: Pick<Context, "emoji">): string {
  return emoji?.replace(text) ?? text;
}
