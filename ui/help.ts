// The rows of `/help`: the commands in groups, and the keys. Pure layout; knows no command by name.

import { room } from "../text/width.ts";
import { type SlashCommand, usage } from "./commands/command.ts";
import type { KeyHelp } from "./key_help.ts";
import { ALIGNED_COLUMNS, INDENT } from "./rows.ts";

/** Commands about one subject. */
export interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly SlashCommand[];
}

/** A row; `heading` precedes its text, and further rows are indented under the text. */
export interface HelpRow {
  readonly heading: string;
  readonly text: string;
  /** It is no command, but names or explains the others. */
  readonly isDim: boolean;
}

const MORE = [
  "/help COMMAND explains one, /help keys lists the keys",
  "//TEXT sends a text that starts with a slash",
];
const NARROW_MORE = ["more: /help COMMAND, /help keys", "//TEXT sends /TEXT"];

/**
 * The groups, each with a heading and as few rows as possible: with arguments if there is room for them, else the names
 * alone, and the heading in their first row. No command is divided between two rows.
 */
export function groupRows(groups: readonly CommandGroup[], columns: number): HelpRow[] {
  const isNarrow = columns < ALIGNED_COLUMNS;
  const rows: HelpRow[] = [];
  for (const { heading, commands } of groups) {
    if (commands.length === 0) continue;
    const fits = columns - INDENT.length - 1;
    if (isNarrow) {
      const words = [`${heading}:`, ...commands.map(({ name }) => `/${name}`)];
      for (const [i, text] of flowed(words, " ", fits).entries()) {
        rows.push({ heading: i === 0 ? "" : INDENT, text, isDim: false });
      }
      continue;
    }
    rows.push({ heading: "", text: heading, isDim: true });
    for (const text of flowed(commands.map(usage), "  ", fits)) {
      rows.push({ heading: INDENT, text, isDim: false });
    }
  }
  for (const text of isNarrow ? NARROW_MORE : MORE) rows.push({ heading: "", text, isDim: true });
  return rows;
}

/** The keys in two columns, if there is room for them. */
export function keyRows(keys: readonly KeyHelp[], columns: number): HelpRow[] {
  const widest = keys.reduce((most, { keys }) => Math.max(most, keys.length), 0);
  return keys.map(({ keys, help }) => ({
    heading: columns < ALIGNED_COLUMNS ? `${keys}: ` : `${keys.padEnd(widest)}  `,
    text: help,
    isDim: false,
  }));
}

/** Words in rows of at most `columns` columns. */
function flowed(words: readonly string[], between: string, columns: number): string[] {
  const rows: string[] = [];
  for (const word of words) {
    const last = rows.at(-1);
    const longer = `${last}${between}${word}`;
    if (last !== undefined && room(longer) <= columns) rows[rows.length - 1] = longer;
    else rows.push(word);
  }
  return rows;
}
