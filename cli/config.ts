// The config file: its text becomes settings, or an error that says where and what is wrong. Pure; knows no
// file. Loaded only where there is a file, so that nobody else waits for the parser.

import { closestString } from "@std/text/closest-string";
import { parse } from "@std/toml/parse";
import { ChatError } from "../errors.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { NOTIFY, type Notify, type Theme, THEMES, type Time, TIMES } from "../ui/preferences.ts";

/** Bytes of the largest file that is read: a few lines are one, and the parser takes long for many keys. */
export const MAX_CONFIG: number = 8 * 1024;
/** Characters of something wrong that are shown: enough to find it. */
const MAX_SHOWN = 40;

/** What the file says; what it leaves out is left out here. */
export interface Settings {
  readonly name?: string;
  readonly theme?: Theme;
  readonly time?: Time;
  readonly notify?: Notify;
  readonly quiet?: boolean;
  /** A whole path, or one that begins with `~`, for the home. */
  readonly downloads?: string;
}

/** A folder that is the same wherever the program is started: from `/`, from home, from a drive or a share. */
const WHOLE_PATH = /^(?:\/|~$|~[\\/]|[A-Za-z]:[\\/]|\\\\)/;

/** What a setting should be, if it is not; undefined if it is. */
const SETTINGS: Readonly<Record<keyof Settings, (value: unknown) => Fault | undefined>> = {
  name(value) {
    if (typeof value !== "string") return { should: "it should be a text" };
    const fault = nameFault(value);
    return fault === undefined ? undefined : { should: `a name ${fault}` };
  },
  theme: (value) => wordFault(value, THEMES),
  time: (value) => wordFault(value, TIMES),
  notify: (value) => wordFault(value, NOTIFY),
  quiet: (value) =>
    typeof value === "boolean"
      ? undefined
      : { should: "it should be true or false, without quotes" },
  downloads: (value) =>
    typeof value === "string" && WHOLE_PATH.test(value)
      ? undefined
      : { should: 'it should be the whole path of a folder, such as "~/incoming"' },
};

interface Fault {
  /** How it should be, as the end of a sentence that says how it is. */
  readonly should: string;
  readonly hint?: string;
}

function wordFault(value: unknown, words: readonly string[]): Fault | undefined {
  if (typeof value === "string" && words.includes(value)) return undefined;
  const should = `it should be "${words.slice(0, -1).join('", "')}" or "${words.at(-1)}"`;
  if (typeof value !== "string") return { should };
  return { should, hint: `Did you mean "${closestString(cut(value), words)}"?` };
}

/**
 * Reads the settings out of a config file, which is TOML (v1.0.0).
 *
 * @param bytes of the file; one more than `MAX_CONFIG` is enough of a file that is too large
 * @param path for the error
 * @throws {ChatError} at the first thing that is wrong
 *
 * @example
 * ```ts
 * parseSettings(new TextEncoder().encode('theme = "dark"'), "config.toml"); // { theme: "dark" }
 * ```
 */
export function parseSettings(bytes: Uint8Array, path: string): Settings {
  if (bytes.length > MAX_CONFIG) {
    throw fault(path, undefined, `it has more than ${MAX_CONFIG} bytes`, "Is it the right file?");
  }
  let text: string;
  try {
    // Without the mark that editors on Windows put in front.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fault(path, undefined, "it is not UTF-8, as TOML should be");
  }
  const found = parseToml(text, path);
  const keys = Object.keys(SETTINGS);
  for (const key of Object.keys(found)) {
    if (keys.includes(key)) continue;
    throw fault(
      path,
      linesOf(text, key)[0],
      `there is no setting ${quoted(key)}, there are ${keys.slice(0, -1).join(", ")} and ${
        keys.at(-1)
      }`,
      `Did you mean ${closestString(cut(key), keys)}?`,
    );
  }
  for (const [key, value] of Object.entries(found)) {
    const [line, second] = linesOf(text, key);
    // The parser takes the last, TOML allows none but one.
    if (second !== undefined) {
      throw fault(path, second, `${key} is there twice, it should be there once`);
    }
    const wrong = SETTINGS[key as keyof Settings](value);
    if (wrong) throw fault(path, line, `${key} is ${shown(value)}, ${wrong.should}`, wrong.hint);
  }
  return found as Settings;
}

function parseToml(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    // The library says where in front, sometimes more than once.
    const [, row] = /^Parse error on line (\d+)/.exec(cause.message) ?? [];
    const what = cause.message
      .replace(/^(?:Parse error on line \d+, column \d+: |Cannot parse the TOML: )+/, "");
    // A value that it misses it has looked for on the lines below.
    const [, start] = /^Cannot parse value on line '(.+)/.exec(what) ?? [];
    const found = start === undefined
      ? -1
      : text.split("\n").findIndex((line) => line.trim().startsWith(start.replace(/'$/, "")));
    const line = found === -1 ? Number(row ?? NaN) : found + 1;
    throw fault(
      path,
      Number.isNaN(line) ? undefined : line,
      `it is not TOML: ${printable(what.slice(0, 2 * MAX_SHOWN))}`,
      'A line is such as: theme = "dark"',
      cause,
    );
  }
}

/** A line that sets a key or opens a table, up to the end of its first key: in quotes, or bare. */
const SETS = /^[ \t]*\[{0,2}[ \t]*(?:"([^"]*)"|'([^']*)'|([\w-]+))[ \t]*[=.\]]/;

/** The lines, from 1, that seem to set a key; the parser does not tell. */
function linesOf(text: string, key: string): number[] {
  return text.split("\n").flatMap((line, index) => {
    const [, double, single, bare] = SETS.exec(line) ?? [];
    return (double ?? single ?? bare) === key ? [index + 1] : [];
  });
}

function shown(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" || typeof value === "boolean") return `${value}`;
  if (value instanceof Date) return "a date";
  return Array.isArray(value) ? "a list" : "a table";
}

function quoted(text: string): string {
  return `"${printable(cut(text))}"${text.length > MAX_SHOWN ? "…" : ""}`;
}

function cut(text: string): string {
  return text.slice(0, MAX_SHOWN);
}

function fault(
  path: string,
  line: number | undefined,
  what: string,
  hint?: string,
  cause?: unknown,
): ChatError {
  const where = line === undefined ? printable(path) : `${printable(path)}, line ${line}`;
  return new ChatError(`Cannot use ${where}: ${what}`, {
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  });
}
