// The help texts, made from the table of options. It prints nothing.

import { type VerbName, VERBS } from "./options.ts";

/** The least width of the column with the options. */
const MIN_COLUMN = 17;

/** The help of the program. */
export function usage(): string {
  const verbs = Object.values(VERBS).map(({ synopsis, summary }) =>
    `  ${synopsis}\n      ${summary}`
  );
  return `chat: group chat for the terminal

${verbs.join("\n")}
  chat COMMAND --help
      show the options of a command
  chat --version
      show the version

Defaults can be set in a config file: ~/.config/chat/config.toml (see docs/config.md).

Example, in two terminals:
  chat serve --join
  chat join
`;
}

/** The help of one verb. */
export function verbUsage(name: VerbName): string {
  const { synopsis, summary, options, notes, example } = VERBS[name];
  const sections: { flag: string; help: string }[][] = [];
  const headings: string[] = [];
  for (const [option, { value, help, heading }] of Object.entries(options)) {
    if (heading !== undefined || sections.length === 0) {
      sections.push([]);
      headings.push(heading === undefined ? "" : `\n${heading}\n`);
    }
    sections.at(-1)!.push({ flag: value ? `--${option} ${value.name}` : `--${option}`, help });
  }
  const rows = sections.map((section, index) => {
    const column = section.reduce((most, { flag }) => Math.max(most, flag.length), MIN_COLUMN);
    const lines = section.map(({ flag, help }) => `  ${flag.padEnd(column)} ${help}`);
    return headings[index] + lines.join("\n");
  });
  return `${synopsis}\n    ${summary}\n\n${rows.join("\n")}\n${
    notes ? `\n${notes}\n` : ""
  }\nExample:\n  ${example}\n`;
}
