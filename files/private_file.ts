// Private files of one user: read only if no other user can read or change them, written completely or not at all.
// Knows nothing of their content.

import { ChatError, FileUnavailable, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { OWNER_ONLY, OWNER_ONLY_FOLDER } from "./file_identity.ts";
import { writeAllSync } from "./file_io.ts";
import { toFilename, toParts } from "./filename.ts";
import { checkOwn, checkPlace } from "./ownership.ts";

/** A name in a folder. Unlike `join` it keeps `LINK/..`, which leads elsewhere than the folder of the link. */
export function pathIn(folder: string, name: string): string {
  const [separator, ending] = Deno.build.os === "windows"
    ? ["\\", /[/\\]$/] as const
    : ["/", /\/$/] as const;
  return ending.test(folder) ? folder + name : folder + separator + name;
}

/** A safe name on this system: see `toFilename`. */
export function localName(name: string): string {
  return toFilename(name, Deno.build.os === "windows");
}

/** The same as one text, for people. */
export function localPath(name: string): string {
  return localParts(name).join("/");
}

/** The parts of a safe path on this system: see `toParts`. */
export function localParts(name: string): string[] {
  return toParts(name, Deno.build.os === "windows");
}

/**
 * Reads a private file; undefined if there is none.
 *
 * @param home the user's home folder: what is above it is not checked
 * @param maxBytes of a file that cannot be large
 * @throws {FileUnavailable} if it cannot be read
 * @throws {ChatError} if other users can read or change it, or it is too large or no file
 */
export function readPrivate(
  path: string,
  home: string | undefined,
  maxBytes = Infinity,
): string | undefined {
  const shown = printable(path);
  try {
    const { isFile, isDirectory, size } = Deno.statSync(path);
    // A pipe might never end, or never begin.
    if (!isFile) {
      throw new ChatError(`Cannot read ${shown}: it is ${isDirectory ? "a folder" : "not a file"}`);
    }
    checkOwn(path, { home });
    if (size > maxBytes) {
      throw new ChatError(`Cannot use ${shown}: it has ${size} bytes, more than ${maxBytes}`, {
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
 * Writes a file; an existing one is replaced.
 *
 * @throws {FileUnavailable} if it cannot be written
 */
export function writePrivate(path: string, text: string): void {
  putInPlace(path, text, Deno.renameSync);
}

/**
 * Adds text to the end of a file, which is made if there is none.
 *
 * @throws {FileUnavailable} if it cannot be written
 */
export function appendPrivate(path: string, text: string): void {
  try {
    using file = Deno.openSync(path, { append: true, create: true, mode: OWNER_ONLY });
    writeAllSync(file, new TextEncoder().encode(text));
    file.syncSync();
  } catch (cause) {
    throw failure("write", path, cause);
  }
}

/**
 * Calls `use` while no other process does that with the same lock, a file that stays. Some file systems have no locks:
 * there it is called at once.
 */
export function whileLocked<T>(path: string, use: () => T): T {
  using _file = lock(path);
  return use();
}

/** Closing the file unlocks it. */
function lock(path: string): Deno.FsFile | undefined {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path, { append: true, create: true, mode: OWNER_ONLY });
    file.lockSync(true);
    return file;
  } catch {
    file?.close();
    return undefined;
  }
}

/** A text that changes when the file does; undefined if there is none. */
export function versionOf(path: string): string | undefined {
  try {
    const { ino, size, mtime } = Deno.statSync(path);
    return `${ino} ${size} ${mtime?.getTime()}`;
  } catch {
    return undefined;
  }
}

/**
 * Like `writePrivate`, but an existing file stays as it is.
 *
 * @returns whether the file is new
 */
export function createPrivate(path: string, text: string): boolean {
  let created = true;
  putInPlace(path, text, (temporary, path) => {
    try {
      // Unlike a rename, a second name never replaces another file.
      Deno.linkSync(temporary, path);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
      created = false;
    }
  });
  return created;
}

/**
 * Writes a new file in place. `createPrivate` needs a file system with second names, which memory sticks and network
 * shares may not have; but a reader of this file may see only a part of it meanwhile.
 *
 * @returns whether the file is new; an existing one stays as it is
 * @throws {FileUnavailable} if it cannot be written: then nothing of it is left
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

/** Writes a temporary file first, so that readers of `path` find all of it or nothing. */
function putInPlace(
  path: string,
  text: string,
  put: (temporary: string, path: string) => void,
): void {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    writeNew(temporary, new TextEncoder().encode(text));
    put(temporary, path);
  } catch (cause) {
    throw failure("write", path, cause);
  } finally {
    removeFile(temporary);
  }
}

function writeNew(path: string, bytes: Uint8Array, onOpen?: () => void): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: OWNER_ONLY });
  onOpen?.();
  writeAllSync(file, bytes);
  // Without it, a machine that loses power may keep the name without the bytes.
  file.syncSync();
}

/**
 * Makes a folder for private files, if it is missing.
 *
 * @param home the user's home folder: what is above it is not checked
 * @throws {FileUnavailable} if it cannot be made
 * @throws {ChatError} if other users can change what is in it
 */
export function makeOwnFolder(path: string, home: string | undefined): void {
  checkOwnPlace(path, home);
  makePrivateFolder(path);
}

/**
 * Checks the place for a private file or folder that may not exist yet.
 *
 * @throws {FileUnavailable} if the system does not tell
 * @throws {ChatError} if other users could put something else there
 */
export function checkOwnPlace(path: string, home: string | undefined): void {
  try {
    checkPlace(path, { home });
  } catch (cause) {
    if (cause instanceof ChatError) throw cause;
    throw failure("use", path, cause);
  }
}

/** @throws {FileUnavailable} if it cannot be made */
export function makePrivateFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
  } catch (cause) {
    throw failure("make the folder", path, cause);
  }
}

/** Whether something has this name already. */
export function isTaken(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    // Whatever else is wrong, writing reports it.
    return false;
  }
}

/** Removes a file that is not needed any more, if possible. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // A leftover is harmless.
  }
}

/** Why a file could not be made: for a missing folder, the system reports the file as missing. */
export function creationFault(cause: unknown): string {
  return cause instanceof Deno.errors.NotFound ? "its folder does not exist" : messageOf(cause);
}

function failure(what: string, path: string, cause: unknown): FileUnavailable {
  const message = what === "write" ? creationFault(cause) : messageOf(cause);
  return new FileUnavailable(`Cannot ${what} ${printable(path)}: ${message}`, { cause });
}
