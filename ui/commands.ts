// The table of commands: `ui/commands/` has them by subject. Finds one by name, and lists them for `/help`. Knows no
// terminal; plain mode uses the same table. How a line becomes a command and its arguments is in submit.ts.

import { closestString } from "@std/text/closest-string";
import { ChatError } from "../errors.ts";
import { shortened, type SlashCommand, usage } from "./commands/command.ts";
import { FILES } from "./commands/files.ts";
import { PEOPLE } from "./commands/people.ts";
import { ROOM } from "./commands/room.ts";
import { TALK } from "./commands/talk.ts";
import { VIEW } from "./commands/view.ts";
import type { CompletionContext } from "./context.ts";

const HELP: SlashCommand = {
  name: "help",
  args: "[COMMAND]",
  help: "lists the commands, or explains one",
  run(context, name?: string) {
    if (name === undefined) {
      for (const [heading, help] of helpRows(context)) context.print(help, heading);
      return;
    }
    const command = find(name.replace(/^\//, ""));
    context.print(command.help, `${usage(command)}  `);
  },
};

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly SlashCommand[] = [
  HELP,
  ...TALK,
  ...PEOPLE,
  ...FILES,
  ...VIEW,
  ...ROOM,
];

/** The rows of `/help` in two columns; without a screen, only the commands that need none. */
export function helpRows(context: CompletionContext): [heading: string, help: string][] {
  const rows = commandsFor(context).map((c) => [usage(c), c.help] as const);
  rows.push(["//TEXT", "sends a text that starts with a slash"]);
  const widest = rows.reduce((most, [form]) => Math.max(most, form.length), 0);
  return rows.map(([form, help]) => [`${form.padEnd(widest)}  `, help]);
}

/** @throws {ChatError} that suggests the nearest name */
export function find(name: string): SlashCommand {
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw unknownCommand(name);
  return command;
}

export function commandsFor({ screen }: CompletionContext): SlashCommand[] {
  return COMMANDS.filter((c) => !c.screen || screen);
}

function unknownCommand(name: string): ChatError {
  const hint = 'To send a text that starts with "/", start it with "//"';
  if (name === "") {
    return new ChatError('Cannot run "/": a command has a name, /help lists them', { hint });
  }
  const nearest = closestString(name.slice(0, 32), COMMANDS.map((c) => c.name));
  return new ChatError(
    `Unknown command "/${shortened(name)}"; did you mean "/${nearest}"?`,
    { hint },
  );
}
