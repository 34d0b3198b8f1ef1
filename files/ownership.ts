// Whether other users of this machine could read or change a file of this user, as the StrictModes of ssh find out: the
// file and the folders that lead to it belong to this user or to root, and nobody else may write there. Reads no
// content. Windows has no such modes; there the folders of a user are private.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";

const ROOT = 0;
/** Mode bits with which others may write. */
const WRITE = 0o022;
/** Mode bits with which others may read or write. */
const ANY = 0o077;
/** In a folder with this bit, people can remove and rename only what is theirs, as in /tmp. */
const STICKY = 0o1000;

/** What this needs of the system; a test passes in another one. */
export interface FileSystem {
  /** The id of the user; null on Windows. */
  uid(): number | null;
  realPathSync(path: string): string;
  statSync(path: string): Pick<Deno.FileInfo, "isDirectory" | "mode" | "uid">;
}

export interface OwnOptions {
  /** The user's home folder: what is above it is not checked. By default, all folders are. */
  readonly home?: string | undefined;
  /** Others may read the file. */
  readonly isPublic?: boolean;
}

/**
 * Checks a file or a folder, and the folders above it. Of a link, what it leads to counts.
 *
 * @param subject the file that the error is about, if it is not `path` itself
 * @throws {ChatError} if another user could read or change it
 * @throws {Deno.errors.NotFound} if it does not exist; and what else the system reports
 */
export function checkOwn(
  path: string,
  { home, isPublic = false }: OwnOptions,
  subject: string = path,
  system: FileSystem = Deno,
): void {
  const me = system.uid();
  if (me === null) return;
  const top = home === undefined ? undefined : realPath(home, system);
  const cannot = `Cannot use ${printable(subject)}`;
  for (let at = system.realPathSync(path), isFirst = true;; at = above(at), isFirst = false) {
    const { isDirectory, mode, uid } = system.statSync(at);
    const kind = isDirectory ? "the folder" : "the file";
    const what = isFirst && at === subject ? "it" : `${kind} ${printable(at)}`;
    const word = shellWord(at);
    if (uid !== me && uid !== ROOT) {
      throw new ChatError(`${cannot}: ${what} belongs to another user (${uid}; you are ${me})`, {
        hint: `If it should be yours: chown ${me} ${word}; ` +
          "otherwise check HOME, XDG_CONFIG_HOME and XDG_RUNTIME_DIR",
      });
    }
    const bits = mode ?? 0;
    if (isDirectory) {
      if ((bits & WRITE) !== 0 && (bits & STICKY) === 0) {
        throw new ChatError(
          `${cannot}: other users of this machine can change files in ${printable(at)}`,
          { hint: `Protect the folder: chmod go-w ${word}` },
        );
      }
    } else if ((bits & (isPublic ? WRITE : ANY)) !== 0) {
      throw new ChatError(
        `${cannot}: other users of this machine can ${isPublic ? "" : "read or "}change it`,
        {
          hint: isPublic ? `Protect it: chmod go-w ${word}` : `Make it private: chmod 600 ${word}`,
        },
      );
    }
    if (at === top || at === "/") return;
  }
}

/**
 * Checks the place for a new file or folder: the nearest folder that exists.
 *
 * @throws {ChatError} if another user could put something else there
 */
export function checkPlace(path: string, options: OwnOptions, system: FileSystem = Deno): void {
  if (system.uid() === null) return;
  for (let at = path;; at = above(at)) {
    try {
      return checkOwn(at, options, path, system);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound) || at === "/" || at === ".") throw cause;
    }
  }
}

/** Whether others may read or change a file of this user. Files of others are theirs to protect. */
export function isExposed({ mode, uid }: Pick<Deno.FileInfo, "mode" | "uid">): boolean {
  return uid !== null && uid === Deno.uid() && ((mode ?? 0) & ANY) !== 0;
}

/** The folder of a path; of a relative one at last the current folder. */
function above(path: string): string {
  const slash = path.replace(/\/+$/, "").lastIndexOf("/");
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? "/" : ".";
}

/** undefined if it does not exist: then nothing is in it. */
function realPath(path: string, system: FileSystem): string | undefined {
  try {
    return system.realPathSync(path);
  } catch {
    return undefined;
  }
}

/** A path as one word for a shell. */
export function shellWord(path: string): string {
  const shown = printable(path);
  return /^[\w./@%+,:-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}
