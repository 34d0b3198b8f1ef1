// Parses the config file: its bytes become settings, or an error that names the line. It reads no file. It is loaded
// only if there is a config file, so that other users do not wait for the parser.

import { parse } from "@std/toml/parse";
import { MIN_FILE_RATE } from "../client/file_rate.ts";
import { ChatError } from "../errors.ts";
import { MAX_SERVERS, parseServer } from "../protocol/servers.ts";
import { formatSize, sizeOf } from "../server/limits.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { suggested, suggestions } from "../text/suggestions.ts";
import { NOTIFY, type Notify, type Theme, THEMES, type Time, TIMES } from "../ui/preferences.ts";
import { parseAddresses } from "./address.ts";
import { ACCEPT, type Accept } from "./command.ts";
import { MAX_FILE_RATE } from "./options.ts";
import { isRoomName, ROOM_NAME_RULE } from "./room_names.ts";
import { listWords } from "./values.ts";

/** The largest config file, in bytes: a hundred rooms fit, and the parser is slow for many keys. */
export const MAX_CONFIG: number = 32 * 1024;
/** How many characters of a wrong value an error shows: enough to find it. */
const MAX_SHOWN = 40;
/** Each message is searched for all of these words. */
export const MAX_HIGHLIGHTS = 32;
/** The longest of these words, in characters. */
export const MAX_HIGHLIGHT = 64;
/** The longest `notify-command`: how many texts, and how many characters in each. */
export const MAX_ARGUMENTS = 16;
export const MAX_ARGUMENT = 1024;

/** The table of a remembered room. Its settings beat those at the top of the file, and the environment. */
export interface RoomSettings {
  /** `HOST` or `HOST:PORT`, or several with commas between them. */
  readonly address: string;
  /** Further addresses, as `parseServer` reads them, which only the room's server has named. */
  readonly servers?: readonly string[];
  /** A path like `downloads`: the file's first line is the code. */
  readonly "code-file"?: string;
  readonly name?: string;
  readonly accept?: Accept;
  readonly downloads?: string;
  readonly log?: string;
  readonly notify?: Notify;
  readonly highlight?: readonly string[];
}

/** The settings in the file; keys that it leaves out are left out here. */
export interface Settings {
  readonly name?: string;
  readonly theme?: Theme;
  readonly time?: Time;
  readonly notify?: Notify;
  readonly quiet?: boolean;
  readonly title?: boolean;
  /** An absolute path, or one that starts with `~` for the home folder. */
  readonly downloads?: string;
  /** A path like `downloads`: the file that keeps a transcript. */
  readonly log?: string;
  /** A size, as `sizeOf` reads it. */
  readonly "file-rate"?: string;
  /** Words that notify like the user's name. */
  readonly highlight?: readonly string[];
  /** A program to run for each notification, and its arguments. */
  readonly "notify-command"?: readonly string[];
  /** By name, in NFC. */
  readonly rooms?: ReadonlyMap<string, RoomSettings>;
}

/** A path that does not depend on the current folder: from the root, the home folder, a drive or a share. */
const ABSOLUTE_PATH = /^(?:\/|~$|~[\\/]|[A-Za-z]:[\\/]|\\\\)/;

type Check = (value: unknown) => Fault | undefined;

function pathFault(key: string, value: unknown, example: string): Fault | undefined {
  return typeof value === "string" && ABSOLUTE_PATH.test(value)
    ? undefined
    : { message: `${key} is ${shown(value)}; use an absolute path, such as "${example}"` };
}

/** Checks each setting; undefined if its value is valid. */
const SETTINGS: Readonly<Record<Exclude<keyof Settings, "rooms">, Check>> = {
  name(value) {
    if (typeof value !== "string") {
      return { message: `name is ${shown(value)}; it must be text in quotes` };
    }
    const fault = nameFault(value.normalize("NFC"));
    return fault === undefined
      ? undefined
      : { message: `name is ${shown(value)}; a name ${fault}` };
  },
  theme: (value) => wordFault("theme", value, THEMES),
  time: (value) => wordFault("time", value, TIMES),
  notify: (value) => wordFault("notify", value, NOTIFY),
  quiet: (value) => switchFault("quiet", value),
  title: (value) => switchFault("title", value),
  downloads: (value) => pathFault("downloads", value, "~/incoming"),
  log: (value) => pathFault("log", value, "~/chat.log"),
  "file-rate"(value) {
    const rate = typeof value === "string" ? sizeOf(value) ?? NaN : NaN;
    if (rate === 0 || (rate >= MIN_FILE_RATE && rate <= MAX_FILE_RATE)) return undefined;
    const [least, most] = [formatSize(MIN_FILE_RATE), formatSize(MAX_FILE_RATE)];
    return {
      message: `file-rate is ${shown(value)}; use a size from "${least}" to "${most}", or "0"`,
    };
  },
  highlight: (value) =>
    listFault("highlight", value, '["deploy", "on call"]', MAX_HIGHLIGHTS, (word) => {
      if (word.trim() === "") return "must not be empty";
      if (word.length > MAX_HIGHLIGHT) return `must have at most ${MAX_HIGHLIGHT} characters`;
      return printable(word) === word ? undefined : "must not contain control characters";
    }),
  "notify-command"(value) {
    const example = '["notify-send", "chat"]';
    const fault = listFault("notify-command", value, example, MAX_ARGUMENTS, (text) => {
      if (text.length > MAX_ARGUMENT) return `must have at most ${MAX_ARGUMENT} characters`;
      return text.includes("\0") ? "must not contain the character U+0000" : undefined;
    });
    if (fault || (value as string[])[0]) return fault;
    return { message: `notify-command names no program; use a list such as ${example}` };
  },
};

/** Checks each setting of a room. */
const ROOM_SETTINGS: Readonly<Record<keyof RoomSettings, Check>> = {
  address(value) {
    try {
      if (typeof value === "string" && parseAddresses(value, "")) return undefined;
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
    }
    const use = 'use HOST or HOST:PORT, such as "192.0.2.7:2428"';
    return { message: `address is ${shown(value)}; ${use}` };
  },
  servers: (value) =>
    listFault(
      "servers",
      value,
      '["192.0.2.7:2428"]',
      MAX_SERVERS,
      (text) =>
        parseServer(text) ? undefined : "must be HOST:PORT, without other characters than ASCII",
    ),
  "code-file": (value) => pathFault("code-file", value, "~/room-code"),
  name: SETTINGS.name,
  accept: (value) => wordFault("accept", value, ACCEPT),
  downloads: SETTINGS.downloads,
  log: SETTINGS.log,
  notify: SETTINGS.notify,
  highlight: SETTINGS.highlight,
};

interface Fault {
  readonly message: string;
  readonly hint?: string;
}

/** @param entryFault continues a sentence that starts with the entry; undefined if the entry is valid */
function listFault(
  key: string,
  value: unknown,
  example: string,
  most: number,
  entryFault: (text: string) => string | undefined,
): Fault | undefined {
  if (!Array.isArray(value) || !value.every((text) => typeof text === "string")) {
    const what = Array.isArray(value) ? "a list with something else than texts" : shown(value);
    return { message: `${key} is ${what}; use a list of texts, such as ${example}` };
  }
  if (value.length > most) {
    return { message: `${key} has ${value.length} texts; use at most ${most}` };
  }
  for (const text of value) {
    const fault = entryFault(text);
    if (fault !== undefined) return { message: `${key} has ${quoted(text)}; each text ${fault}` };
  }
  return undefined;
}

function switchFault(key: string, value: unknown): Fault | undefined {
  if (typeof value === "boolean") return undefined;
  return { message: `${key} is ${shown(value)}; use true or false, without quotes` };
}

function wordFault(key: string, value: unknown, words: readonly string[]): Fault | undefined {
  if (typeof value !== "string") {
    return { message: `${key} is ${shown(value)}; use ${listWords(words)}, in quotes` };
  }
  if (words.includes(value)) return undefined;
  const meant = suggested(suggestions(value, words), quoted);
  return {
    message: `unknown ${key} ${quoted(value)}; use ${listWords(words)}`,
    ...(meant !== undefined && { hint: `Did you mean ${meant}?` }),
  };
}

/**
 * Parses a config file, which is TOML (v1.0.0).
 *
 * @param bytes of the file; of a larger file, `MAX_CONFIG` + 1 bytes are enough
 * @param path for the error
 * @throws {ChatError} at the first error
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
    // Drops the byte order mark that editors on Windows write.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fault(path, undefined, "it is not UTF-8");
  }
  const { rooms, ...found } = parseToml(text, path);
  const lines = new KeyLines(text);
  checkTable(found, SETTINGS, {
    path,
    lines,
    table: [],
    known: [...Object.keys(SETTINGS), "rooms"],
  });
  if (rooms === undefined) return found;
  return { ...found, rooms: parseRooms(rooms, path, lines) };
}

function parseRooms(
  rooms: unknown,
  path: string,
  lines: KeyLines,
): ReadonlyMap<string, RoomSettings> {
  if (!isTable(rooms)) {
    const what = `rooms is ${shown(rooms)}; write a table for each room, such as [rooms.work]`;
    throw fault(path, lines.of(["rooms"])[0], what);
  }
  const found = new Map<string, RoomSettings>();
  for (const [key, room] of Object.entries(rooms)) {
    const table = ["rooms", key];
    const [line] = lines.of(table);
    const name = key.normalize("NFC");
    if (!isRoomName(key)) {
      throw fault(path, line, `the room ${quoted(key)} has an invalid name; ${ROOM_NAME_RULE}`);
    }
    if (!isTable(room)) {
      const what = `rooms.${name} is ${shown(room)}; write a table: [rooms.${name}]`;
      throw fault(path, line, what);
    }
    if (found.has(name)) throw fault(path, line, `the room ${quoted(name)} has two tables`);
    checkTable(room, ROOM_SETTINGS, { path, lines, table, known: Object.keys(ROOM_SETTINGS) });
    if (room["address"] === undefined) {
      const what = `the room ${quoted(name)} has no address`;
      throw fault(path, line, what, 'Add a line such as: address = "192.0.2.7:2428"');
    }
    found.set(name, room as unknown as RoomSettings);
  }
  return found;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/**
 * Checks the keys of one table, then their values.
 *
 * @param place `table` is the way to it; `known` are all keys that it can have
 * @throws {ChatError} at the first error
 */
function checkTable(
  found: Record<string, unknown>,
  checks: Readonly<Record<string, Check>>,
  { path, lines, table, known }: {
    path: string;
    lines: KeyLines;
    table: readonly string[];
    known: readonly string[];
  },
): void {
  const where = table.length === 0 ? "" : `in [${table.join(".")}], `;
  for (const key of Object.keys(found)) {
    if (Object.hasOwn(checks, key)) continue;
    const meant = suggested(suggestions(key, known));
    throw fault(
      path,
      lines.of([...table, key])[0],
      `${where}unknown setting ${quoted(key)}; use ${listWords(known)}`,
      meant && `Did you mean ${meant}?`,
    );
  }
  for (const [key, value] of Object.entries(found)) {
    const [line, second] = lines.of([...table, key]);
    // TOML forbids this, but the parser takes the last one.
    if (second !== undefined) throw fault(path, second, `${where}${key} is set twice`);
    const wrong = checks[key]!(value);
    if (wrong) throw fault(path, line, where + wrong.message, wrong.hint);
  }
}

function parseToml(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    // The library has no words for this.
    const { twice } = new KeyLines(text);
    if (twice) throw fault(path, twice.line, `[${printable(twice.table)}] is opened twice`);
    // The library puts the place in front, sometimes more than once.
    const [, row] = /^Parse error on line (\d+)/.exec(cause.message) ?? [];
    const what = cause.message
      .replace(/^(?:Parse error on line \d+, column \d+: |Cannot parse the TOML: )+/, "");
    // For a missing value it reports a later line than the one that lacks it.
    const [, start] = /^Cannot parse value on line '(.+)/.exec(what) ?? [];
    const found = start === undefined
      ? -1
      : text.split("\n").findIndex((line) => line.trim().startsWith(start.replace(/'$/, "")));
    const line = found === -1 ? Number(row ?? NaN) : found + 1;
    throw fault(
      path,
      Number.isNaN(line) ? undefined : line,
      `it is not TOML: ${printable(what.slice(0, 2 * MAX_SHOWN))}`,
      'A line looks like this: theme = "dark"',
      cause,
    );
  }
}

/** A key, with or without quotes, and what follows it in the line. */
const KEY = /^[ \t]*(?:"([^"]*)"|'([^']*)'|([\w-]+))[ \t]*([.=\]])/;

/** The numbers of the lines that seem to set a key or open a table; the parser does not report them. */
class KeyLines {
  readonly #lines = new Map<string, number[]>();

  constructor(text: string) {
    let table: readonly string[] = [];
    for (const [index, line] of text.split("\n").entries()) {
      const [start = "", brackets = ""] = /^[ \t]*(\[{0,2})/.exec(line) ?? [];
      const keys: string[] = [];
      let rest = line.slice(start.length);
      let end = ".";
      while (end === ".") {
        const [all = "", double, single, bare, next = ""] = KEY.exec(rest) ?? [];
        keys.push(double ?? single ?? bare ?? "");
        rest = rest.slice(all.length);
        end = next;
      }
      // A text in a list may look like a key.
      if (end !== (brackets === "" ? "=" : "]")) continue;
      if (brackets !== "") table = [];
      // Each table on the way counts once: it may be opened again for its other keys.
      this.#add([...table, ...keys], index + 1);
      if (brackets !== "") table = keys;
    }
  }

  #add(keys: readonly string[], line: number): void {
    for (let length = 1; length <= keys.length; length++) {
      const way = JSON.stringify(keys.slice(0, length));
      const lines = this.#lines.get(way);
      if (lines === undefined) this.#lines.set(way, [line]);
      else if (length === keys.length) lines.push(line);
    }
  }

  /** @param keys the names of the tables, and of the key */
  of(keys: readonly string[]): readonly number[] {
    return this.#lines.get(JSON.stringify(keys)) ?? [];
  }

  /** The lines that open a table of a room that has been opened before. */
  get twice(): { line: number; table: string } | undefined {
    for (const [way, [, line]] of this.#lines) {
      const keys = JSON.parse(way) as string[];
      if (line !== undefined && keys[0] === "rooms" && keys.length === 2) {
        return { line, table: keys.join(".") };
      }
    }
    return undefined;
  }
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
