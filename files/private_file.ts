// Files for one user's eyes only: read if nobody else can, written whole or not at all. Knows nothing of what
// is in them.

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
/** Bits of a mode by which others may read or change a file. */
const OTHERS = 0o077;

export function pathIn(folder: string, name: string): string {
  return folder + (Deno.build.os === "windows" ? "\\" : "/") + name;
}

/**
 * Reads a file of this user's; undefined if there is none.
 *
 * @param most bytes that it may have, where it can't be large
 * @throws {ChatError} if others can read or change it, or it can't be read
 */
export function readPrivate(path: string, most = Infinity): string | undefined {
  const shown = printable(path);
  try {
    const { isFile, isDirectory, mode, size } = Deno.statSync(path);
    // A pipe might never end, or never begin.
    if (!isFile) {
      throw new ChatError(`Cannot read ${shown}: it is ${isDirectory ? "a folder" : "no file"}`);
    }
    // Windows has no such bits: there a user's folders are closed to others.
    if (Deno.build.os !== "windows" && ((mode ?? 0) & OTHERS) !== 0) {
      throw new ChatError(
        `Cannot use ${shown}: other users of this machine can read or change it`,
        { hint: `Make it yours alone: chmod 600 ${shown}` },
      );
    }
    if (size > most) {
      throw new ChatError(`Cannot use ${shown}: it has ${size} bytes, more than ${most}`, {
        hint: "Is it the right file?",
      });
    }
    return Deno.readTextFileSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof ChatError) throw cause;
    throw failure("read", path, cause);
  }
}

/**
 * Writes a file; one that is there already is replaced.
 *
 * @throws {ChatError} if it can't be written
 */
export function writePrivate(path: string, text: string): void {
  putInPlace(path, text, Deno.renameSync);
}

/**
 * As `writePrivate`, but a file that is there already stays as it is.
 *
 * @returns whether there was none
 */
export function createPrivate(path: string, text: string): boolean {
  let created = true;
  putInPlace(path, text, (beside, path) => {
    try {
      // Unlike a rename, a second name for a file never takes another's place.
      Deno.linkSync(beside, path);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
      created = false;
    }
  });
  return created;
}

/**
 * Writes a new file at its own place, where `createPrivate` needs a folder whose files may have two names: a
 * stick or a share may be in a way that has none. Who reads it meanwhile finds a part of it.
 *
 * @returns whether there was none; else it stays as it is
 * @throws {ChatError} if it can't be written: then nothing of it is left
 */
export function writeNewPrivate(path: string, text: string): boolean {
  let opened = false;
  try {
    writeNew(path, new TextEncoder().encode(text), () => opened = true);
    return true;
  } catch (cause) {
    if (opened) removeFile(path);
    else if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw failure("write", path, cause);
  }
}

/** Writes it beside its place first, so that who reads there finds all of it or nothing. */
function putInPlace(
  path: string,
  text: string,
  put: (beside: string, path: string) => void,
): void {
  const beside = `${path}.${crypto.randomUUID()}`;
  try {
    writeNew(beside, new TextEncoder().encode(text));
    put(beside, path);
  } catch (cause) {
    throw failure("write", path, cause);
  } finally {
    removeFile(beside);
  }
}

function writeNew(path: string, bytes: Uint8Array, onOpen?: () => void): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: OWNER_ONLY });
  onOpen?.();
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  // A machine that goes down may have kept the name, and not yet what was written.
  file.syncSync();
}

/** @throws {ChatError} if it can't be made */
export function makePrivateFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
  } catch (cause) {
    throw failure("make the folder", path, cause);
  }
}

/** Removes a file that is of no use, if it is there and can be removed. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // What stays does no harm.
  }
}

function failure(what: string, path: string, cause: unknown): ChatError {
  const message = messageOf(cause);
  return new ChatError(`Cannot ${what} ${printable(path)}: ${message}`, { cause });
}
