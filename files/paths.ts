// Paths as people type them behind a command: `~` for home, quotes and backslashes for spaces, Tab for what
// is in a folder. Pure: the folders are read by what is passed in.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";

/** One thing in a folder. */
export interface Entry {
  readonly name: string;
  readonly folder: boolean;
}

/** The user's files, as far as commands need them. */
export interface Files {
  /** The user's own folder, for which `~` stands; undefined where nobody says. */
  readonly home: string | undefined;
  /** Whether a backslash parts folders, as on Windows; elsewhere it makes the next character mean itself. */
  readonly backslashes: boolean;
  /** What is in a folder, in any order; nothing if it can't be read. */
  list(folder: string): readonly Entry[];
  /**
   * Makes a new file, which this user alone can read; returns its whole path, or undefined if there is
   * something of that name: it stays as it is.
   *
   * @throws {ChatError} if it can't be written
   */
  create(path: string, text: string): string | undefined;
}

/** Names that are offered at once: of a fuller folder one types more. */
export const MAX_ENTRIES = 300;

type Quote = '"' | "'" | "";

/** `typed` without its quotes and escapes, and the quote that is still open at its end. */
function unquote(typed: string, backslashes: boolean): { text: string; open: Quote } {
  let text = "";
  let open: Quote = "";
  for (let i = 0; i < typed.length; i++) {
    const c = typed[i]!;
    if (c === open) open = "";
    else if (open === "" && (c === '"' || c === "'")) open = c;
    else if (c === "\\" && !backslashes && open !== "'" && i + 1 < typed.length) text += typed[++i];
    else text += c;
  }
  return { text, open };
}

/** `~` and `~/…` lead home; a `~` that was quoted does not. */
function expand(text: string, typed: string, files: Files): string {
  const separator = files.backslashes ? /^~(?=[/\\]|$)/ : /^~(?=\/|$)/;
  if (!separator.test(text) || !typed.startsWith("~")) return text;
  if (files.home === undefined) {
    throw new ChatError('Cannot tell where "~" is: the system does not say where your home is');
  }
  // A home at the root, as some containers have, would make it `//…`.
  return files.home.replace(/\/$/, "") + text.slice(1) || "/";
}

/**
 * The path that a person means by what stands behind a command. Spaces in it need no quotes; they are
 * taken where there are some.
 *
 * @throws {ChatError} if it leads home, and nobody says where that is, or is empty
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

/** Whether there is something of this name, as far as its folder can be read. */
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

/** What may stand in place of `typed`, and how it is shown: by its last part. */
export function completePath(
  typed: string,
  files: Files,
): { words: string[]; labels: string[] } {
  if (typed === "~") return { words: ["~/"], labels: ["~/"] };
  const slash = Math.max(
    typed.lastIndexOf("/"),
    files.backslashes ? typed.lastIndexOf("\\") : -1,
  );
  // What was typed of folders stays as it is, with a quote that is open there.
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
    // Hidden ones only where they are asked for.
    (beginning !== "" || !name.startsWith(".")) &&
    // What can't be shown as it is would be shown as something else.
    printable(name) === name &&
    // Nothing can stand for the quote within its own kind.
    !(open !== "" && (open === "'" || files.backslashes) && name.includes(open))
  );
  // The folder above is in no list.
  if (beginning === "..") fitting.unshift({ name: "..", folder: true });
  fitting.sort((a, b) => a.name < b.name ? -1 : 1).splice(MAX_ENTRIES);
  const parting = files.backslashes && typed[slash] === "\\" ? "\\" : "/";
  return {
    words: fitting.map(({ name, folder }) => (
      start + escape(name, open, start === "" && !files.backslashes, files.backslashes) +
      (folder ? parting : open)
    )),
    labels: fitting.map(({ name, folder }) => name + (folder ? parting : "")),
  };
}

/** `name` as `unquote` gives it back; `first`: nothing stands in front, where a `~` would lead home. */
function escape(name: string, open: Quote, first: boolean, backslashes: boolean): string {
  // Spaces need nothing there: a path is all that stands behind a command.
  if (backslashes) return name;
  if (open === "'") return name;
  if (open === '"') return name.replace(/["\\]/g, "\\$&");
  const escaped = name.replace(/[\s"'\\]/g, "\\$&");
  return first && escaped.startsWith("~") ? `\\${escaped}` : escaped;
}
