// Files of this user that are offered: read in ranges, hashed while they are first read in order, and checked for
// changes. Also lists the files of a folder. Knows no room and no wire.

import { createHash, type Hash } from "node:crypto";
import { MAX_FILE_NAME } from "../protocol/file_messages.ts";
import { counted } from "../text/counts.ts";
import { DiskError, failure, orMissing, reasonOf } from "./disk_errors.ts";
import { type FileNumber, isSame } from "./file_identity.ts";
import { AT_ONCE, readAll, readAllSync, updateHash } from "./file_io.ts";
import { MAX_DEPTH } from "./filename.ts";
import { localName, localPath, pathIn } from "./private_file.ts";
import type { FoundFile, LeftOut, Upload } from "./storage.ts";

/** Limits of a folder that is offered: files with empty folders, and entries of all kinds. */
export const MAX_FILES = 20_000;
const MAX_ENTRIES = 200_000;
/** Offered files that a disk keeps open. */
const MAX_OPEN = 16;
/** After reading as many bytes, it is checked again whether the file is unchanged. */
const CHECK_BYTES = 4 * 1024 * 1024;

const utf8 = new TextEncoder();
const changed = () => new DiskError("it has changed since it was offered", "changed");

export class OfferedFile implements Upload {
  readonly name: string;
  readonly size: number;
  readonly #path: string;
  readonly #version: Version;
  /** All offered files of this disk that are open; the most recently read is last. */
  readonly #allOpen: Set<OfferedFile>;
  #file: Deno.FsFile | undefined;
  /** The hash of the first `#hashed` bytes, until it is of all: thousands of files may be offered. */
  #hash: Hash | undefined;
  #hashed = 0;
  #known: Uint8Array | undefined;
  /** The hash of all bytes, if they were not read in order: receivers that ask for it share the work. */
  #sha256: Promise<Uint8Array> | undefined;
  #closed = false;
  /** The last operation; each waits for the one before it. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    path: string,
    name: string,
    info: Deno.FileInfo,
    allOpen: Set<OfferedFile>,
  ) {
    this.#path = path;
    this.name = name;
    this.size = info.size;
    this.#version = versionOf(info);
    this.#allOpen = allOpen;
  }

  /**
   * Looks at a file.
   *
   * @param allOpen shared by all files of one disk
   * @throws {DiskError} if it is not a file
   */
  static async open(
    path: string,
    name: string | undefined,
    allOpen: Set<OfferedFile>,
  ): Promise<OfferedFile> {
    let real = path;
    let info = Deno.lstatSync(path);
    if (info.isSymlink) {
      real = await Deno.realPath(path);
      info = Deno.lstatSync(real);
    }
    if (info.isDirectory) throw new DiskError("it is a folder");
    // A pipe might never end, or never begin.
    if (!info.isFile) throw new DiskError("it is not a file");
    // Only an attempt shows whether it can be read.
    using file = Deno.openSync(real);
    // Files of `/proc` have a size of 0.
    if (info.size === 0 && await file.read(new Uint8Array(1)) !== null) {
      throw new DiskError("the system does not report its size");
    }
    const offered = name === undefined ? localName(path) : localPath(name);
    return new OfferedFile(real, offered, info, allOpen);
  }

  get sha256(): Uint8Array | undefined {
    if (this.size === 0) this.#known ??= new Uint8Array(createHash("sha256").digest());
    return this.#known;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0 || into.length > this.size - offset) {
      throw new RangeError(`Cannot read ${into.length} bytes at ${offset}: it has ${this.size}`);
    }
    const isWhole = into.length === this.size;
    return this.#then(() => isWhole ? this.#readWhole(into) : this.#read(offset, into));
  }

  async hash(length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.size) {
      throw new RangeError(`Cannot hash ${length} bytes: it has ${this.size}`);
    }
    return await this.#reporting(() => {
      const mustRead = length === this.size && this.#hashed < length;
      return mustRead ? this.#sha256 ??= this.#hashOf(length) : this.#hashOf(length);
    });
  }

  close(): void {
    this.#closed = true;
    this.#rest();
  }

  #then<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#reporting(act));
    this.#last = done.catch(() => {});
    return done;
  }

  async #reporting<T>(act: () => Promise<T>): Promise<T> {
    try {
      if (this.#closed) throw new DiskError("it is no longer offered");
      return await act();
    } catch (cause) {
      const known = orMissing(cause, "it does not exist any more", "removed");
      throw failure("send", this.#path, known, "read");
    }
  }

  async #read(offset: number, into: Uint8Array): Promise<void> {
    const end = offset + into.length;
    const file = await this.#opened();
    file.seekSync(offset, Deno.SeekMode.Start);
    if (!await readAll(file, into)) throw changed();
    if (end === this.size || Math.floor(end / CHECK_BYTES) > Math.floor(offset / CHECK_BYTES)) {
      this.#check(file);
    }
    if (offset <= this.#hashed && this.#hashed < end) this.#advance(into, offset);
  }

  /** In few calls, because there may be thousands of small files. */
  async #readWhole(into: Uint8Array): Promise<void> {
    this.#rest();
    using file = Deno.openSync(this.#path);
    const isAll = into.length <= AT_ONCE ? readAllSync(file, into) : await readAll(file, into);
    if (!isAll || !isUnchanged(file.statSync(), this.#version)) throw changed();
    if (this.#hashed < this.size) this.#advance(into, 0);
  }

  #advance(bytes: Uint8Array, offset: number): void {
    const hash = this.#hash ?? createHash("sha256");
    hash.update(bytes.subarray(this.#hashed - offset));
    this.#keep(hash, offset + bytes.length);
  }

  #keep(hash: Hash, hashed: number): void {
    this.#hashed = hashed;
    this.#hash = hashed < this.size ? hash : undefined;
    if (hashed === this.size) this.#known = new Uint8Array(hash.digest());
  }

  /** Not in turn with the reads: those of other receivers need not wait for it. */
  async #hashOf(length: number): Promise<Uint8Array> {
    if (length === this.size && this.#known) return this.#known;
    // What was hashed already may be too long.
    const before = length < this.#hashed ? undefined : this.#hash;
    const begun = before ? this.#hashed : 0;
    const hash = before?.copy() ?? createHash("sha256");
    if (begun < length) {
      using file = await Deno.open(this.#path);
      await file.seek(begun, Deno.SeekMode.Start);
      if (await updateHash(hash, file, length - begun) < length - begun) throw changed();
      this.#check(file);
      if (length > this.#hashed) this.#keep(hash.copy(), length);
    }
    return new Uint8Array(hash.digest());
  }

  /** By its path too, so that a replacement is noticed. */
  #check(file: Deno.FsFile): void {
    if (!isUnchanged(Deno.lstatSync(this.#path), this.#version)) throw changed();
    if (!isUnchanged(file.statSync(), this.#version)) throw changed();
  }

  /** Opens the file if needed; closes the least recently read one of too many. */
  async #opened(): Promise<Deno.FsFile> {
    if (!this.#file) {
      const file = await Deno.open(this.#path);
      this.#file = file;
      try {
        this.#check(file);
      } catch (cause) {
        this.#file = undefined;
        file.close();
        throw cause;
      }
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

/** What the system knows of a file that changes with it. Not all it knows: thousands of files may be offered. */
type Version = FileNumber & { readonly size: number; readonly mtime: number | undefined };

function versionOf({ dev, ino, size, mtime }: Deno.FileInfo): Version {
  return { dev, ino, size, mtime: mtime?.getTime() };
}

/** Whether a file is unchanged, as far as the system reports it without reading. */
function isUnchanged(info: Deno.FileInfo, version: Version): boolean {
  return info.isFile && isSame(info, version) && info.size === version.size &&
    info.mtime?.getTime() === version.mtime;
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
    if (++files > max) throw new DiskError(`it has more than ${counted(max, "file")}`);
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
