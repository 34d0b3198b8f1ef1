// The help texts, made from the tables of options, commands, keys and settings. Loaded only for help. It prints nothing.

import { COMMANDS } from "../ui/commands.ts";
import { usage as commandForm } from "../ui/commands/command.ts";
import { INPUT_TYPES } from "../ui/json_lines.ts";
import { KEYS, PLAIN_KEYS } from "../ui/key_help.ts";
import { VARIABLES, type VerbName, VERBS } from "./options.ts";
import {
  CONFIG_NOTE,
  CONFIG_PATHS,
  EXIT_CODES,
  ROOM_SETTINGS_HELP,
  ROOM_TABLE,
  type SettingHelp,
  SETTINGS_HELP,
} from "./reference.ts";

/** Terminals have at least this many columns by default. */
const COLUMNS = 80;
/** The least and the greatest width of the column with the terms. */
const MIN_COLUMN = 17;
const MAX_COLUMN = 28;

/** What `--json` reads and writes. */
export const JSON_NOTE: string =
  'With --json, each line of stdin is a request, such as {"type":"say","text":"hello"}, and each line of stdout is an ' +
  `event, an object with type and time. The types of requests: ${INPUT_TYPES.join(", ")}.`;

/** A term and its description. */
type Entry = readonly [term: string, help: string];

/** The help of the program, or of one verb. */
export function usage(verb?: VerbName): string {
  return verb === undefined ? programUsage() : verbUsage(verb);
}

function programUsage(): string {
  const verbs = Object.values(VERBS).map(({ synopsis, summary }) =>
    `  ${synopsis}\n      ${summary}`
  );
  return `chat: group chat for the terminal

${verbs.join("\n")}
  chat COMMAND --help
      show the options of a command; for join also what you can do in a room
  chat --version
      show the version

${filled(CONFIG_NOTE)}

${rows(Object.entries(CONFIG_PATHS))}

${rows(settingEntries(SETTINGS_HELP))}

  ${ROOM_TABLE}
${rows(settingEntries(ROOM_SETTINGS_HELP))}

Environment:
${rows(Object.entries(VARIABLES))}

Exit codes:
${rows(EXIT_CODES.map(([code, meaning]) => [`${code}`, meaning]))}

Example, in two terminals:
  chat serve --join
  chat join
`;
}

function verbUsage(name: VerbName): string {
  const { synopsis, summary, options, notes, example } = VERBS[name];
  const sections: { heading: string; entries: Entry[] }[] = [];
  for (const [option, { value, help, heading }] of Object.entries(options)) {
    if (heading !== undefined || sections.length === 0) {
      sections.push({ heading: heading === undefined ? "" : `${filled(heading)}\n`, entries: [] });
    }
    sections.at(-1)!.entries.push([value ? `--${option} ${value.name}` : `--${option}`, help]);
  }
  const parts = [
    `${synopsis}\n    ${summary}`,
    ...sections.map(({ heading, entries }) => heading + rows(entries)),
    ...(notes === undefined ? [] : [filled(notes)]),
    ...(name === "join" ? inRoom() : []),
    `Example:\n  ${example}`,
  ];
  return parts.join("\n\n") + "\n";
}

/** What a user can do in a room. */
function inRoom(): string[] {
  return [
    "Commands in a room (those with a star need the full screen):\n" + rows(commandEntries()),
    "Keys:\n" + rows(KEYS.map(({ keys, help }) => [keys, help])),
    "Keys with --plain:\n" + rows(PLAIN_KEYS.map(({ keys, help }) => [keys, help])),
    filled(JSON_NOTE),
    filled("chat --help describes the config file, the environment and the exit codes."),
  ];
}

function settingEntries(keys: Readonly<Record<string, SettingHelp>>): Entry[] {
  return Object.entries(keys).map(([key, { example, help }]) => [`${key} = ${example}`, help]);
}

/** The commands in a room, as the help and the man page list them. */
export function commandEntries(): Entry[] {
  return [
    ...COMMANDS.map((command): Entry => [
      commandForm(command) + (command.screen ? " *" : ""),
      command.help,
    ]),
    ["//TEXT", "sends a text that starts with a slash"],
  ];
}

/** Entries in two columns; a term that is too wide has a row of its own. */
function rows(entries: readonly Entry[]): string {
  const widths = entries.map(([term]) => term.length).filter((width) => width <= MAX_COLUMN);
  const column = widths.reduce((most, width) => Math.max(most, width), MIN_COLUMN);
  const indent = " ".repeat(2 + column + 2);
  return entries.map(([term, help]) => {
    const text = filled(help, COLUMNS - indent.length).replaceAll("\n", `\n${indent}`);
    return `  ${term.length > column ? `${term}\n${indent}` : `${term.padEnd(column)}  `}${text}`;
  }).join("\n");
}

/** Paragraphs, separated by empty lines, in rows of at most `columns` columns. Indented ones keep their rows. */
function filled(text: string, columns: number = COLUMNS): string {
  return text.split("\n\n").map((paragraph) => {
    if (paragraph.startsWith("  ")) return paragraph;
    const rows = [""];
    for (const word of paragraph.split(/\s+/)) {
      const row = rows.at(-1)!;
      if (row === "") rows[rows.length - 1] = word;
      else if (row.length + 1 + word.length <= columns) rows[rows.length - 1] = `${row} ${word}`;
      else rows.push(word);
    }
    return rows.join("\n");
  }).join("\n\n");
}
