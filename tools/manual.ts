// Writes the man page, made from the table of the command line. A tool for those who build `chat`, not a part of
// it: the program never imports this file.
//
//   deno task man    dist/chat.1; to look at it: man dist/chat.1
//
// Exit code 0: written, the path is on stdout. 1: not written, stderr says why. 2: misuse.

import { type Option, PROGRAM, VARIABLES, VERBS } from "../cli/options.ts";
import config from "../deno.json" with { type: "json" };

const FILES: readonly (readonly [path: string, what: string])[] = [
  ["~/.config/chat/config.toml", "settings: see CONFIG FILE"],
  ["~/.config/chat/identity", "the key that others know its user by: made on first use, secret"],
  ["~/.config/chat/known-names", "the names that were met, with their keys"],
  ["~/.cache/chat/room-PORT", "address and code of a room that was opened on this machine, secret"],
];

const CODES: readonly (readonly [code: string, what: string])[] = [
  ["0", "done; for chat send: the room has taken the message"],
  ["1", "failed: stderr says why"],
  ["2", "misuse: the command line or a variable of the environment is wrong"],
];

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
      "chat serve opens a room, chat join enters it, chat send says one thing in it. " +
        "A verb comes first, its options stand anywhere behind it.",
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
    ".SH CONFIG FILE",
    ...text(
      "TOML; every key may be left out. Options beat the environment, and that beats the file.",
    ),
    ...sample('name = "alice"\ntheme = "dark"\ntime = "long"\nnotify = "all"\nquiet = false'),
    ".SH ENVIRONMENT",
    ...Object.entries(VARIABLES).flatMap(([name, what]) => entry(name, what)),
    ".SH FILES",
    ...text(
      "On Linux, unless XDG_CONFIG_HOME, XDG_RUNTIME_DIR or XDG_CACHE_HOME names other folders:",
    ),
    ...FILES.flatMap(([path, what]) => entry(path, what)),
    ".SH EXIT STATUS",
    ...CODES.flatMap(([code, what]) => entry(code, what)),
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

/** A term and what it is. */
function entry(term: string, what: string): string[] {
  return [".TP", `.B ${argument(term, "code")}`, ...text(what)];
}

/** Paragraphs, parted by empty lines; indented ones keep their lines. What is between backquotes is code. */
function text(source: string): string[] {
  return source.split("\n\n").flatMap((paragraph, index) => {
    if (paragraph.startsWith("  ")) return sample(paragraph.replace(/^ {2}/gm, ""));
    const escaped = paragraph.replace(/\s+/g, " ").split("`").map((part, index) =>
      index % 2 === 0 ? escape(part) : `\\fB${escape(part, "code")}\\fP`
    ).join("");
    return [...index === 0 ? [] : [".PP"], ...filled(escaped)];
  });
}

/** As roff's source is written: lines of at most 80 columns, a sentence begins on a new one. */
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

/** Lines that are shown as they are. */
function sample(source: string): string[] {
  const rows = source.split("\n").map((row) => line(row, "code"));
  return [".PP", ".RS 4", ".nf", ...rows, ".fi", ".RE"];
}

function line(source: string, kind?: "code"): string {
  return guarded(escape(source, kind));
}

/** A line that starts so would be an order to roff. */
function guarded(row: string): string {
  return /^[.']/.test(row) ? `\\&${row}` : row;
}

/** An argument of a macro. */
function argument(source: string, kind?: "code"): string {
  return `"${escape(source, kind).replaceAll('"', "\\(dq")}"`;
}

/**
 * What roff would take for more than itself. In code a hyphen is a minus: one that can be copied and typed.
 * What is not ASCII has to be named.
 */
function escape(source: string, kind?: "code"): string {
  const marks: Record<string, string> = {
    "\\": "\\e",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
  };
  // Options stand in sentences too.
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
