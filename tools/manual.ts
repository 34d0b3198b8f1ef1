// Writes the man page, made from the table of options. A tool for people who build `chat`: the program never imports
// this file.
//
//   deno task man    dist/chat.1; to look at it: man dist/chat.1
//
// Exit code 0: written, the path is on stdout. 1: not written, stderr says why. 2: misuse.

import { type Option, PROGRAM, VARIABLES, VERBS } from "../cli/options.ts";
import {
  CONFIG_NOTE,
  CONFIG_PATHS,
  exampleConfig,
  EXIT_CODES,
  FILES,
  ROOM_SETTINGS_HELP,
  ROOM_TABLE,
  SETTINGS_HELP,
} from "../cli/reference.ts";
import { commandEntries, JSON_NOTE } from "../cli/usage.ts";
import config from "../deno.json" with { type: "json" };
import { KEYS, PLAIN_KEYS } from "../ui/key_help.ts";

/**
 * The page, in the macros of man(7), which all systems have.
 *
 * @param date of the page, such as 2024-02-28
 */
export function manual(version: string, date: string): string {
  const lines = [
    `.TH CHAT 1 ${argument(date)} ${argument(`chat ${version}`)} "User Commands"`,
    ".SH NAME",
    "chat \\- group chat for the terminal",
    ".SH SYNOPSIS",
    ...Object.values(VERBS).flatMap(({ synopsis }, index) => [
      ...index === 0 ? [] : [".br"],
      line(synopsis, "code"),
    ]),
    ".SH DESCRIPTION",
    ...text(
      "chat serve opens a room, chat join joins it, chat send sends one message to it. " +
        "The command comes first, its options anywhere after it.",
    ),
    ...options(PROGRAM),
  ];
  for (const { synopsis, summary, options: table, notes, example } of Object.values(VERBS)) {
    lines.push(
      `.SH ${line(synopsis.split(" ").slice(0, 2).join(" ").toUpperCase())}`,
      line(synopsis, "code"),
      ".PP",
      ...text(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`),
      ...options(table),
      ...notes === undefined ? [] : [".PP", ...text(notes)],
      ".PP",
      "Example:",
      ...sample(example),
    );
  }
  lines.push(
    ".SH COMMANDS IN A ROOM",
    ...text("Those with a star need the full screen."),
    ...commandEntries().flatMap(([form, what]) => entry(form, what)),
    ".SH KEYS",
    ...KEYS.flatMap(({ keys, help }) => entry(keys, help)),
    ".PP",
    ...text("With --plain:"),
    ...PLAIN_KEYS.flatMap(({ keys, help }) => entry(keys, help)),
    ".SH JSON",
    ...text(JSON_NOTE),
    ".SH CONFIG FILE",
    ...text(CONFIG_NOTE),
    ...Object.entries(CONFIG_PATHS).flatMap(([system, path]) => entry(system, path)),
    ".PP",
    "Example:",
    ...sample(exampleConfig()),
    ...Object.entries(SETTINGS_HELP).flatMap(([key, { help }]) => entry(key, help)),
    ".PP",
    ...text(`In the table of a room, such as ${ROOM_TABLE}:`),
    ...Object.entries(ROOM_SETTINGS_HELP).flatMap(([key, { help }]) => entry(key, help)),
    ".SH ENVIRONMENT",
    ...Object.entries(VARIABLES).flatMap(([name, what]) => entry(name, what)),
    ".SH FILES",
    ...text(
      "On Linux, unless XDG_CONFIG_HOME, XDG_RUNTIME_DIR or XDG_CACHE_HOME names another folder:",
    ),
    ...FILES.flatMap(([path, what]) => entry(path, what)),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, what]) => entry(`${code}`, what)),
  );
  return lines.join("\n") + "\n";
}

function options(table: Readonly<Record<string, Option>>): string[] {
  return Object.entries(table).flatMap(([name, { value, help, heading }]) => [
    ...heading === undefined ? [] : [".PP", ...text(heading)],
    ".TP",
    value
      ? `.BI ${argument(`--${name}`, "code")} ${argument(` ${value.name}`)}`
      : `.B ${argument(`--${name}`, "code")}`,
    ...text(help),
  ]);
}

/** A term and its description. */
function entry(term: string, what: string): string[] {
  return [".TP", `.B ${argument(term, "code")}`, ...text(what)];
}

/** Formats paragraphs, separated by empty lines. Indented ones keep their lines; text in backquotes is code. */
function text(source: string): string[] {
  return source.split("\n\n").flatMap((paragraph, index) => {
    if (paragraph.startsWith("  ")) return sample(paragraph.replace(/^ {2}/gm, ""));
    const escaped = paragraph.replace(/\s+/g, " ").split("`").map((part, index) =>
      index % 2 === 0 ? escape(part) : `\\fB${escape(part, "code")}\\fP`
    ).join("");
    return [...index === 0 ? [] : [".PP"], ...filled(escaped)];
  });
}

/** Wraps lines at 80 columns, and starts each sentence on a new line, as is usual in roff. */
function filled(escaped: string): string[] {
  const rows: string[] = [];
  for (const sentence of escaped.split(/(?<=[.:;] )/)) {
    let row = "";
    for (const word of sentence.trim().split(" ")) {
      if (row !== "" && row.length + 1 + word.length > 78) {
        rows.push(guarded(row));
        row = "";
      }
      row += row === "" ? word : ` ${word}`;
    }
    rows.push(guarded(row));
  }
  return rows;
}

/** Lines that are shown unchanged. */
function sample(source: string): string[] {
  const rows = source.split("\n").map((row) => line(row, "code"));
  return [".PP", ".RS 4", ".nf", ...rows, ".fi", ".RE"];
}

function line(source: string, kind?: "code"): string {
  return guarded(escape(source, kind));
}

/** Protects a line that roff would read as a request. */
function guarded(row: string): string {
  return /^[.']/.test(row) ? `\\&${row}` : row;
}

/** An argument of a macro. */
function argument(source: string, kind?: "code"): string {
  return `"${escape(source, kind).replaceAll('"', "\\(dq")}"`;
}

/**
 * Escapes the characters that are special in roff. In code, a hyphen becomes a minus, which can be copied and typed.
 * Characters outside ASCII are named.
 */
function escape(source: string, kind?: "code"): string {
  const marks: Record<string, string> = {
    "\\": "\\e",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
  };
  // Options appear in sentences, too.
  const hyphens = kind === "code" ? /-/g : /(?<![\w-])--?(?=\w)|(?<=(?<![\w-])--\w[\w-]*)-/g;
  return source
    .replace(/[\\'`^~]/g, (mark) => marks[mark]!)
    .replace(hyphens, (run) => "\\-".repeat(run.length))
    .replace(
      /[^\x20-\x7e]/gu,
      (c) => `\\[u${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}

function main(args: readonly string[]): number {
  if (args.length > 0) {
    console.error("usage: manual.ts");
    return 2;
  }
  const path = "dist/chat.1";
  try {
    Deno.mkdirSync("dist", { recursive: true });
    Deno.writeTextFileSync(path, manual(config.version, new Date().toISOString().slice(0, 10)));
  } catch (error) {
    console.error(`manual: error: Cannot write ${path}: ${error}`);
    return 1;
  }
  console.log(path);
  return 0;
}

if (import.meta.main) Deno.exitCode = main(Deno.args);
