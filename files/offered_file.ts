// Files of this user that are offered: hashed once, then read in ranges, and checked for changes before each read. Also
// lists the files of a folder. Knows no room and no wire.

import { MAX_FILE_NAME } from "../protocol/file_messages.ts";
import { DiskError, failure, orMissing, reasonOf } from "./disk_errors.ts";
import { isSame } from "./file_identity.ts";
import { hashFile, readAll } from "./file_io.ts";
import { MAX_DEPTH } from "./filename.ts";
import { localName, localPath, pathIn } from "./private_file.ts";
import type { FoundFile, LeftOut, Upload } from "./storage.ts";

/** Limits of a folder that is offered: files with empty folders, and entries of all kinds. */
export const MAX_FILES = 20_000;
const MAX_ENTRIES = 200_000;
/** Offered files that a disk keeps open. */
const MAX_OPEN = 16;

const utf8 = new TextEncoder();
const changed = () => new DiskError("it has changed since it was offered", "changed");

export class OfferedFile implements Upload {
  readonly name: string;
  readonly size: number;
  readonly sha256: Uint8Array;
  readonly #path: string;
  readonly #info: Deno.FileInfo;
  /** All offered files of this disk that are open; the most recently read is last. */
  readonly #allOpen: Set<OfferedFile>;
  #file: Deno.FsFile | undefined;
  #closed = false;
  /** The last operation; each waits for the one before it. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    path: string,
    name: string,
    info: Deno.FileInfo,
    sha256: Uint8Array,
    allOpen: Set<OfferedFile>,
  ) {
    this.#path = path;
    this.name = name;
    this.size = info.size;
    this.sha256 = sha256;
    this.#info = info;
    this.#allOpen = allOpen;
  }

  /**
   * Hashes a file.
   *
   * @param allOpen shared by all files of one disk
   * @throws {DiskError} if it is not a file, or changes meanwhile
   */
  static async open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
    allOpen: Set<OfferedFile>,
  ): Promise<OfferedFile> {
    const real = await Deno.realPath(path);
    const info = await Deno.stat(real);
    if (info.isDirectory) throw new DiskError("it is a folder");
    // A pipe might never end, or never begin.
    if (!info.isFile) throw new DiskError("it is not a file");
    using file = await Deno.open(real);
    const { hash, bytes } = await hashFile(file, info.size, progress);
    if (bytes !== info.size || !isUnchanged(info, await file.stat())) {
      throw new DiskError("it changed while it was read");
    }
    const sha256 = new Uint8Array(hash.digest());
    const offered = name === undefined ? localName(path) : localPath(name);
    return new OfferedFile(real, offered, info, sha256, allOpen);
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const done = this.#last.then(() => this.#read(offset, length));
    this.#last = done.catch(() => {});
    return done;
  }

  close(): void {
    this.#closed = true;
    this.#rest();
  }

  async #read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0
    ) {
      throw new RangeError(`Cannot read ${length} bytes at ${offset}`);
    }
    if (length > this.size - offset) {
      throw new RangeError(`Cannot read ${length} bytes at ${offset}: it has ${this.size}`);
    }
    try {
      if (this.#closed) throw new DiskError("it is no longer offered");
      // By its path, so that a replacement is noticed too.
      if (!isUnchanged(await Deno.lstat(this.#path), this.#info)) throw changed();
      const file = await this.#opened();
      await file.seek(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      if (!await readAll(file, bytes)) throw changed();
      return bytes;
    } catch (cause) {
      throw failure(
        "send",
        this.#path,
        orMissing(cause, "it does not exist any more", "removed"),
        "read",
      );
    }
  }

  /** Opens the file if needed; closes the least recently read one of too many. */
  async #opened(): Promise<Deno.FsFile> {
    if (!this.#file) {
      const file = await Deno.open(this.#path);
      if (!isUnchanged(await file.stat(), this.#info)) {
        file.close();
        throw changed();
      }
      this.#file = file;
    }
    this.#allOpen.delete(this);
    this.#allOpen.add(this);
    for (const other of this.#allOpen) {
      if (this.#allOpen.size <= MAX_OPEN) break;
      other.#rest();
    }
    return this.#file;
  }

  /** Closes the file after the reads that have begun; the next read opens it again. */
  #rest(): void {
    this.#allOpen.delete(this);
    this.#last = this.#last.then(() => {
      // A read may have opened it again.
      if (!this.#closed && this.#allOpen.has(this)) return;
      this.#allOpen.delete(this);
      this.#file?.close();
      this.#file = undefined;
    });
  }
}

/** Whether a file is unchanged, as far as the system reports it without reading. */
function isUnchanged(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return a.isFile && isSame(a, b) && a.size === b.size &&
    a.mtime?.getTime() === b.mtime?.getTime();
}

/**
 * The files and empty folders in a folder, in the same order on every system, and what cannot be offered: links, pipes,
 * devices, folders that cannot be read, names that cannot be opened, and paths that are too long for an offer. The names
 * begin with the folder's.
 *
 * @throws {DiskError} if there are more than `max` files and empty folders
 * @throws if the folder itself cannot be read
 */
export async function listFiles(folder: string, max: number): Promise<(FoundFile | LeftOut)[]> {
  const found: (FoundFile | LeftOut)[] = [];
  let files = 0;
  let entriesSeen = 0;
  const read = async (folder: string): Promise<Deno.DirEntry[]> => {
    const entries: Deno.DirEntry[] = [];
    for await (const entry of Deno.readDir(folder)) {
      if (++entriesSeen > MAX_ENTRIES) {
        throw new DiskError(`it has more than ${MAX_ENTRIES} entries`);
      }
      entries.push(entry);
    }
    return entries.sort((a, b) => a.name < b.name ? -1 : 1);
  };
  const offer = (path: string, name: string): void => {
    if (++files > max) throw new DiskError(`it has more than ${max} files`);
    found.push({ path, name });
  };
  /** @param name the folder's, with the folders above it and a slash at the end */
  const visit = async (
    folder: string,
    name: string,
    entries: Deno.DirEntry[],
    depth: number,
  ): Promise<void> => {
    if (depth > MAX_DEPTH) {
      throw new DiskError(`its folders are nested more than ${MAX_DEPTH} deep`);
    }
    const before = files;
    for (const [index, entry] of entries.entries()) {
      const path = pathIn(folder, entry.name);
      const leaveOut = (reason: string) => found.push({ path, reason });
      const real = await realEntry(entry, path, entries[index - 1]);
      const inner = name + localName(entry.name) + (real?.isDirectory ? "/" : "");
      if (!real) leaveOut("its name is not UTF-8");
      else if (real.isSymlink) leaveOut("it is a link");
      else if (utf8.encode(inner).length > MAX_FILE_NAME) {
        leaveOut(`its path has more than ${MAX_FILE_NAME} bytes`);
      } else if (real.isDirectory) {
        let inside: Deno.DirEntry[];
        try {
          inside = await read(path);
        } catch (cause) {
          // Too many entries.
          if (cause instanceof DiskError) throw cause;
          leaveOut(reasonOf(cause, "send", "read"));
          continue;
        }
        await visit(path, inner, inside, depth + 1);
      } else if (!real.isFile) leaveOut("it is not a file");
      else offer(path, inner);
    }
    // A folder that was named, and has nothing that can be sent, is a mistake rather than an empty folder.
    if (files === before && (depth > 1 || entries.length === 0)) offer(folder, name);
  };
  await visit(folder, `${await nameOf(folder)}/`, await read(folder), 1);
  return found;
}

/** The name of a folder, also if its path does not end in it, as `..` does not. */
async function nameOf(folder: string): Promise<string> {
  const hasName = !/(?:^|[/\\])\.{0,2}$/.test(folder.replace(/[/\\]+$/, ""));
  return localName(hasName ? folder : await Deno.realPath(folder));
}

type EntryKind = Pick<Deno.DirEntry, "isFile" | "isDirectory" | "isSymlink">;

/**
 * What an entry of a folder is; undefined if its name is not UTF-8. Deno lists such a name with U+FFFD in it. So its path
 * leads nowhere, or to another file that really has this name.
 *
 * @param before the entry before it, in the order of names
 */
async function realEntry(
  entry: Deno.DirEntry,
  path: string,
  before: Deno.DirEntry | undefined,
): Promise<EntryKind | undefined> {
  if (!entry.name.includes("\ufffd")) return entry;
  if (entry.name === before?.name) return undefined;
  try {
    return await Deno.lstat(path);
  } catch {
    return undefined;
  }
}
