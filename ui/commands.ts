// The table of commands: `ui/commands/` has them by subject. Finds one by name, and lists them for `/help`. Knows no
// terminal; plain mode uses the same table. How a line becomes a command and its arguments is in submit.ts.

import { ChatError } from "../errors.ts";
import { suggested, suggestions } from "../text/suggestions.ts";
import { shortened, type SlashCommand, usage } from "./commands/command.ts";
import { ANSWERS } from "./commands/answers.ts";
import { FILES } from "./commands/files.ts";
import { MODERATE } from "./commands/moderate.ts";
import { PEOPLE } from "./commands/people.ts";
import { ROOM } from "./commands/room.ts";
import { TALK } from "./commands/talk.ts";
import { VIEW } from "./commands/view.ts";
import type { CompletionContext } from "./context.ts";
import { type CommandGroup, groupRows, keyRows } from "./help.ts";
import { KEYS, PLAIN_KEYS } from "./key_help.ts";

/** Plain lines have no width of their own: they are laid out for most terminals. */
const PLAIN_COLUMNS = 80;

const HELP: SlashCommand = {
  name: "help",
  others: ["commands", "keys", "?"],
  args: "[COMMAND]",
  help: "lists the commands, or explains one; /help keys lists the keys",
  run(context, name?: string) {
    const columns = context.screen?.size().columns ?? PLAIN_COLUMNS;
    const rows = name === undefined
      ? groupRows(groupsFor(context), columns)
      : name === "keys"
      ? keyRows(context.screen ? KEYS : PLAIN_KEYS, columns)
      : undefined;
    if (rows) {
      for (const { heading, text, isDim } of rows) {
        context.print(text, heading, isDim ? "dim" : undefined);
      }
      return;
    }
    const command = find(name!.replace(/^\//, ""));
    context.print(command.help, `${usage(command)}  `);
  },
};

/** The commands by subject, in the order of `/help`. */
export const GROUPS: readonly CommandGroup[] = [
  { heading: "messages", commands: [...TALK, ...ANSWERS] },
  { heading: "members", commands: PEOPLE },
  { heading: "files", commands: FILES },
  { heading: "screen", commands: VIEW },
  { heading: "room", commands: ROOM },
  { heading: "moderators", commands: MODERATE },
];

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly SlashCommand[] = [
  HELP,
  ...GROUPS.flatMap(({ commands }) => commands),
];

/** The names that other programs have for commands, and the names here. They are hints, and never run. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map(
  COMMANDS.flatMap(({ name, others = [] }) => others.map((other) => [other, name] as const)),
);

/** Whether a word is a command, here or in another program. */
export function isCommand(name: string): boolean {
  return OTHER_NAMES.has(name) || COMMANDS.some((c) => c.name === name);
}

/** The groups of `/help`; without a screen, only the commands that need none. */
function groupsFor(context: CompletionContext): CommandGroup[] {
  const possible = new Set(commandsFor(context));
  return GROUPS.map(({ heading, commands }) => (
    { heading, commands: commands.filter((command) => possible.has(command)) }
  ));
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
  const meant = suggested(
    suggestions(name, COMMANDS.map((c) => c.name), OTHER_NAMES),
    (name) => `"/${name}"`,
  );
  const help = meant === undefined ? "/help lists the commands" : `did you mean ${meant}?`;
  return new ChatError(`Unknown command "/${shortened(name)}"; ${help}`, { hint });
}
