// The files in which a server keeps its room, opened for as long as it runs: afterwards the server has no permission to
// open any. Knows nothing of their content.

import { ChatError, FileUnavailable, messageOf } from "../errors.ts";
import { OWNER_ONLY } from "../files/file_identity.ts";
import { readAllSync, writeAllSync } from "../files/file_io.ts";
import { checkOwn } from "../files/ownership.ts";
import { pathIn } from "../files/private_file.ts";
import type { StateFile } from "../server/state_file.ts";
import { printable } from "../text/printable.ts";

/** The largest file that is read, in bytes: no server writes one of this size. */
export const MAX_STATE_FILE: number = 2 ** 31;

/** A file of a folder. */
export interface FolderFile extends StateFile {
  readonly path: string;
}

/**
 * Opens the files `log-0`, `log-1` and so on of a folder. Makes those that are missing.
 *
 * @param home the user's home folder: what is above it is not checked
 * @throws {FileUnavailable} if one cannot be opened: then none is open
 * @throws {ChatError} if other users could read or change one, or it is not a file
 */
export function openStateFiles(
  folder: string,
  count: number,
  home: string | undefined,
): FolderFile[] {
  const files: FolderFile[] = [];
  try {
    for (let i = 0; i < count; i++) files.push(openStateFile(pathIn(folder, `log-${i}`), home));
    return files;
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

function openStateFile(path: string, home: string | undefined): FolderFile {
  const own = openOwnFile(path, home);
  try {
    // Some versions of Deno refuse a call while another call of the same open file is under way.
    return new RealStateFile(path, own, Deno.openSync(path, { write: true }));
  } catch (cause) {
    own.close();
    throw failure(path, cause);
  }
}

/**
 * Opens a private file for reading and writing. Makes it if it is missing.
 *
 * @throws {FileUnavailable} if it cannot be opened
 * @throws {ChatError} if other users could read or change it, or it is not a file
 */
export function openOwnFile(path: string, home: string | undefined): Deno.FsFile {
  try {
    // Opening a pipe might never end.
    const info = lookAt(path);
    if (info && !info.isFile) {
      const what = info.isDirectory ? "a folder" : "not a file";
      throw new ChatError(`Cannot use ${printable(path)}: it is ${what}`, {
        hint: "Move it away",
      });
    }
    const file = Deno.openSync(path, { read: true, write: true, create: true, mode: OWNER_ONLY });
    try {
      checkOwn(path, { home });
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  } catch (cause) {
    throw cause instanceof ChatError ? cause : failure(path, cause);
  }
}

/**
 * What is at a path; undefined if there is nothing.
 *
 * @throws {FileUnavailable} if the system does not report it
 */
export function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw failure(path, cause);
  }
}

/** Puts the names in a folder on the disk, where the system has a call for that. */
export function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path);
    folder.syncSync();
  } catch {
    // Windows opens no folder. Some file systems have nothing to do here, and report it as an error.
  }
}

function failure(path: string, cause: unknown): FileUnavailable {
  const isDenied = cause instanceof Error &&
    (cause.name === "PermissionDenied" || ("code" in cause && cause.code === "EROFS"));
  return new FileUnavailable(`Cannot use ${printable(path)}: ${messageOf(cause)}`, {
    cause,
    ...(isDenied && {
      hint: "Let this user write there, or name another folder with --state",
    }),
  });
}

class RealStateFile implements FolderFile {
  readonly path: string;
  readonly name: string;
  readonly inode: string | undefined;
  readonly #file: Deno.FsFile;
  /** The same file, for `sync`. */
  readonly #synced: Deno.FsFile;
  /** Where the next byte would be written; undefined if that is unknown. */
  #position: number | undefined;
  #isClosed = false;

  constructor(path: string, file: Deno.FsFile, synced: Deno.FsFile) {
    this.path = path;
    this.name = printable(path);
    this.inode = identify(file.statSync());
    this.#file = file;
    this.#synced = synced;
  }

  read(limit = Infinity): Uint8Array<ArrayBuffer> {
    const size = Math.min(limit, this.#file.statSync().size);
    if (size > MAX_STATE_FILE) {
      throw new ChatError(
        `Cannot use ${this.name}: it has ${size} bytes, more than any chat writes`,
        { hint: "Is it the right file?" },
      );
    }
    const bytes = new Uint8Array(size);
    this.#position = undefined;
    this.#file.seekSync(0, Deno.SeekMode.Start);
    if (!readAllSync(this.#file, bytes)) {
      throw new ChatError(`Cannot use ${this.name}: it became shorter meanwhile`);
    }
    return bytes;
  }

  write(position: number, bytes: Uint8Array): void {
    // Mostly it is the end of the last write.
    if (position !== this.#position) this.#file.seekSync(position, Deno.SeekMode.Start);
    this.#position = undefined;
    writeAllSync(this.#file, bytes);
    this.#position = position + bytes.length;
  }

  truncate(size: number): void {
    this.#file.truncateSync(size);
  }

  async sync(): Promise<void> {
    // With its size: without it, the last bytes could not be found.
    await this.#synced.sync();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
    this.#synced.close();
  }
}

/**
 * The file's number and creation time. The number of the device is left out: it may change when the machine restarts. A
 * copy on another file system may have the same number, but not the same creation time.
 */
function identify({ ino, birthtime }: Deno.FileInfo): string | undefined {
  if (ino === null && birthtime === null) return undefined;
  return `${ino ?? ""} ${birthtime?.getTime() ?? ""}`;
}
