// TODO: say what this is.

import { createHash, type Hash } from "node:crypto";
import { failure, gone, Refusal } from "./disk_errors.ts";
import { isSame } from "./file_identity.ts";
import { pathIn } from "./private_file.ts";
import type { Upload } from "./storage.ts";

/** Bytes that are hashed at once: a fraction of a millisecond, so that a conversation goes on meanwhile. */
const PIECE = 256 * 1024;
/** What a folder that is sent may have: files, names in all, and folders in folders. */
export const MAX_FILES = 20_000;
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;

/** One file that is offered. */
export class FileUpload implements Upload {
  readonly name: string;
  readonly size: number;
  readonly sha256: Uint8Array;
  readonly #path: string;
  readonly #info: Deno.FileInfo;
  /** Those of the same disk that have an open file. */
  readonly #open: Set<FileUpload>;
  #file: Deno.FsFile | undefined;
  #closed = false;
  /** The last of what is to be done with it, one after the other; never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    path: string,
    name: string,
    info: Deno.FileInfo,
    sha256: Uint8Array,
    open: Set<FileUpload>,
  ) {
    this.#path = path;
    this.name = name;
    this.size = info.size;
    this.sha256 = sha256;
    this.#info = info;
    this.#open = open;
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
      if (this.#closed) throw new Refusal("it is no longer offered");
      // By its path, so that it is also seen when it was replaced.
      if (!isUnchanged(await Deno.lstat(this.#path), this.#info)) throw new Refusal(CHANGED);
      const file = await this.#opened();
      await file.seek(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const read = await file.read(bytes.subarray(at));
        if (read === null) throw new Refusal(CHANGED);
        at += read;
      }
      return bytes;
    } catch (cause) {
      throw failure("send", this.#path, gone(cause, "it is gone"), "read");
    }
  }

  /** Its file; others that were not read for long close theirs. */
  async #opened(): Promise<Deno.FsFile> {
    if (!this.#file) {
      const file = await Deno.open(this.#path);
      if (!isUnchanged(await file.stat(), this.#info)) {
        file.close();
        throw new Refusal(CHANGED);
      }
      this.#file = file;
    }
    this.#open.delete(this);
    this.#open.add(this);
    for (const upload of this.#open) {
      if (this.#open.size <= MAX_OPEN) break;
      upload.#rest();
    }
    return this.#file;
  }

  /** Closes its file when nobody reads it any more; the next reading opens it again. */
  #rest(): void {
    this.#open.delete(this);
    this.#last = this.#last.then(() => {
      // It may be in use again.
      if (!this.#closed && this.#open.has(this)) return;
      this.#open.delete(this);
      this.#file?.close();
      this.#file = undefined;
    });
  }
}

const CHANGED = "it has changed since it was offered";

/** Hashes a file from where it stands, `most` bytes at most; and how many there were. */
export async function hashFile(
  file: Deno.FsFile,
  most: number,
  progress: (bytes: number, size: number) => void = () => {},
): Promise<{ hash: Hash; bytes: number }> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, most + 1));
  let bytes = 0;
  // One more than expected shows that it has grown.
  while (bytes <= most) {
    const read = await file.read(piece);
    if (read === null) break;
    hash.update(piece.subarray(0, read));
    bytes += read;
    progress(Math.min(bytes, most), most);
  }
  return { hash, bytes };
}

/** Puts the paths of the files in a folder behind those that are there: by name, folders among them. */
export async function gather(
  folder: string,
  files: string[],
  most: number,
  seen: { entries: number } = { entries: 0 },
  depth = 1,
): Promise<void> {
  if (depth > MAX_DEPTH) throw new Refusal(`it has more than ${MAX_DEPTH} folders in each other`);
  const entries: Deno.DirEntry[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (++seen.entries > MAX_ENTRIES) throw new Refusal(`it has more than ${MAX_ENTRIES} entries`);
    if (entry.isFile || entry.isDirectory) entries.push(entry);
  }
  // In the same order on every system.
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isFile } of entries) {
    const path = /[/\\]$/.test(folder) ? folder + name : pathIn(folder, name);
    if (!isFile) {
      await gather(path, files, most, seen, depth + 1);
    } else {
      if (files.length >= most) throw new Refusal(`it has more than ${most} files`);
      files.push(path);
    }
  }
}

/** Whether a file still is what it was, as far as can be told without reading it. */
export function isUnchanged(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return a.isFile && isSame(a, b) && a.size === b.size &&
    a.mtime?.getTime() === b.mtime?.getTime();
}

/** Files that are kept open among those that are offered. */
export const MAX_OPEN = 16;
