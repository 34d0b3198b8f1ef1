// Paths as people type them after a command: `~` for the home folder, quotes and backslashes for spaces, Tab to complete
// names. Pure: the caller passes in what reads folders.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";

/** One name in a folder. */
export interface Entry {
  readonly name: string;
  readonly folder: boolean;
}

/** The user's files, as commands need them. */
export interface Files {
  /** The home folder, which `~` means; undefined if it is unknown. */
  readonly home: string | undefined;
  /** Whether a backslash separates folders, as on Windows; elsewhere it escapes a space, a quote and the like. */
  readonly backslashes: boolean;
  /** The entries of a folder, in any order; empty if it cannot be read. */
  list(folder: string): readonly Entry[];
  /**
   * Creates a private file; returns its full path, or undefined if the name exists already (it stays as it is).
   *
   * @throws {ChatError} if it cannot be written
   */
  create(path: string, text: string): string | undefined;
  /**
   * Opens a transcript to add to, or makes it.
   *
   * @throws {ChatError} if other users could read or change it, it is another file, or it cannot be written
   */
  openLog(path: string, options: LogOptions): Promise<Log>;
}

export interface LogOptions {
  /** The first line of what is added, and of each file: it says what follows, and ends in a line break. */
  heading(): string;
  /** Reports to the user that writing fails, or works again. */
  report(message: string): void;
}

/** A transcript that grows. */
export interface Log {
  /** Its full path. */
  readonly path: string;
  /** Adds a complete entry. It is written soon: the caller does not wait, and failures are reported to the user. */
  append(entry: string): void;
  /** What it holds, the newest entry first, in groups; the older files of the same transcript, too. */
  entries(): AsyncGenerator<readonly string[]>;
  /** Writes what waits, and lets others use it. Later entries are dropped. */
  close(): Promise<void>;
}

/** Names that are offered at once; in a fuller folder the user types more characters first. */
export const MAX_ENTRIES = 300;

type Quote = '"' | "'" | "";

/** What a backslash escapes. No shell or terminal escapes letters and digits: before these it is part of the name. */
const ESCAPED = /^[^\p{L}\p{N}]/u;

/** `typed` without quotes and escapes, and the quote that is still open at its end. */
function unquote(typed: string, backslashes: boolean): { text: string; open: Quote } {
  let text = "";
  let open: Quote = "";
  for (let i = 0; i < typed.length; i++) {
    const c = typed[i]!;
    if (c === open) open = "";
    else if (open === "" && (c === '"' || c === "'")) open = c;
    else if (
      c === "\\" && !backslashes && open !== "'" && ESCAPED.test(typed.slice(i + 1, i + 3))
    ) {
      text += typed[++i];
    } else text += c;
  }
  return { text, open };
}

/** Replaces `~` in `~` and `~/…` by the home folder, unless it was quoted. */
function expand(text: string, typed: string, files: Files): string {
  const separator = files.backslashes ? /^~(?=[/\\]|$)/ : /^~(?=\/|$)/;
  if (!separator.test(text) || !typed.startsWith("~")) return text;
  if (files.home === undefined) {
    throw new ChatError('Cannot use "~": your home folder is unknown');
  }
  // Some containers have their home at the root: not `//…`.
  return files.home.replace(/\/$/, "") + text.slice(1) || "/";
}

/**
 * The path that was typed after a command. Spaces need no quotes, but quotes are understood.
 *
 * @throws {ChatError} if it is empty, or begins with `~` and the home folder is unknown
 *
 * @example
 * ```ts
 * toPath("~/my\\ notes", files); // "/home/ada/my notes"
 * ```
 */
export function toPath(typed: string, files: Files): string {
  const path = expand(unquote(typed, files.backslashes).text, typed, files);
  if (path === "") throw new ChatError("Cannot use this file: its name is empty");
  return path;
}

/** Whether the path exists; false if its folder cannot be read. */
export function isThere(typed: string, files: Files): boolean {
  const path = toPath(typed, files);
  const slash = Math.max(path.lastIndexOf("/"), files.backslashes ? path.lastIndexOf("\\") : -1);
  try {
    const entries = files.list(path.slice(0, slash + 1) || ".");
    return entries.some(({ name }) => name === path.slice(slash + 1));
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return false;
  }
}

/** The completions of `typed`, and their labels: the last part of each path. */
export function completePath(
  typed: string,
  files: Files,
): { words: string[]; labels: string[] } {
  if (typed === "~") return { words: ["~/"], labels: ["~/"] };
  const slash = Math.max(
    typed.lastIndexOf("/"),
    files.backslashes ? typed.lastIndexOf("\\") : -1,
  );
  // The typed folders stay as they are, with an open quote.
  let start = typed.slice(0, slash + 1);
  if (start === "" && /^["']/.test(typed)) start = typed[0]!;
  const { text, open } = unquote(start, files.backslashes);
  const beginning = unquote(open + typed.slice(start.length), files.backslashes).text;
  let entries: readonly Entry[];
  try {
    entries = files.list(expand(text, start, files) || ".");
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    entries = [];
  }
  const fitting = entries.filter(({ name }) =>
    name.startsWith(beginning) &&
    // Hidden files only after a dot.
    (beginning !== "" || !name.startsWith(".")) &&
    // A name that cannot be shown exactly would look like another one.
    printable(name) === name &&
    // Within quotes of one kind, that quote cannot be escaped.
    !(open !== "" && (open === "'" || files.backslashes) && name.includes(open))
  );
  // No system lists the parent folder.
  if (beginning === "..") fitting.unshift({ name: "..", folder: true });
  fitting.sort((a, b) => a.name < b.name ? -1 : 1).splice(MAX_ENTRIES);
  const separator = files.backslashes && typed[slash] === "\\" ? "\\" : "/";
  return {
    words: fitting.map(({ name, folder }) => (
      start + escape(name, open, start === "" && !files.backslashes, files.backslashes) +
      (folder ? separator : open)
    )),
    labels: fitting.map(({ name, folder }) => name + (folder ? separator : "")),
  };
}

/** `name` so that `unquote` returns it; `first`: at the beginning, where `~` would mean the home folder. */
function escape(name: string, open: Quote, first: boolean, backslashes: boolean): string {
  // Spaces need no escape: the path is the command's only argument.
  if (backslashes) return name;
  if (open === "'") return name;
  if (open === '"') return name.replace(/["\\]/g, "\\$&");
  const escaped = name.replace(/[\s"'\\]/g, "\\$&");
  return first && escaped.startsWith("~") ? `\\${escaped}` : escaped;
}
