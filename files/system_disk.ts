// Files on their way, as the disk sees them: what is sent is read in ranges, what is received is gathered in a
// part and gets its name when it is whole and is what was offered. The edge; knows no room and no wire.
//
// A part stands in the folder of downloads as `NAME.<id>.part`; what is known about it as
// `NAME.<id>.part.state`: one line of JSON, the offer, and then a line for each length that is known to be on
// the disk, in decimal; the last whole line counts. A part that another client works on is locked.

import { failure, Refusal } from "./disk_errors.ts";
import { Folder } from "./download_folder.ts";
import { SYSTEM, type Writing } from "./file_identity.ts";
import { toFilename } from "./filename.ts";
import { FileUpload, gather, hashFile, isUnchanged, MAX_FILES } from "./offered_file.ts";
import { begin, resume } from "./part_file.ts";
import type { Disk, Offer, Sink, Upload } from "./storage.ts";

/** The disk of this machine, with the rights of who runs the program. */
export class SystemDisk implements Disk {
  readonly #downloads: () => string;
  readonly #writing: Writing;
  readonly #maxFiles: number;
  #folder: Promise<Folder> | undefined;
  /** Those with an open file; the one read last is the last. */
  readonly #open = new Set<FileUpload>();

  /**
   * @param downloads where what is received goes; asked when something is, and made if it is missing
   * @param maxFiles files of a folder that is sent
   */
  constructor(downloads: () => string, writing: Writing = SYSTEM, maxFiles: number = MAX_FILES) {
    this.#downloads = downloads;
    this.#writing = writing;
    this.#maxFiles = maxFiles;
  }

  async open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
  ): Promise<Upload> {
    try {
      const real = await Deno.realPath(path);
      const info = await Deno.stat(real);
      if (info.isDirectory) throw new Refusal("it is a folder");
      // A pipe might never end, or never begin.
      if (!info.isFile) throw new Refusal("it is no file");
      using file = await Deno.open(real);
      const { hash, bytes } = await hashFile(file, info.size, progress);
      const after = await file.stat();
      if (bytes !== info.size || !isUnchanged(info, after)) {
        throw new Refusal("it changed while it was read");
      }
      const sha256 = new Uint8Array(hash.digest());
      return new FileUpload(real, toFilename(name ?? path), info, sha256, this.#open);
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
  }

  async *walk(path: string): AsyncIterable<{ path: string; name: string }> {
    const files: string[] = [];
    try {
      const info = await Deno.stat(path);
      if (info.isFile) files.push(path);
      else if (info.isDirectory) await gather(path, files, this.#maxFiles);
      else throw new Refusal("it is no file");
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
    for (const path of files) yield { path, name: toFilename(path) };
  }

  /**
   * Where it goes:
   *
   * 1. the folder is made if it is missing, its real path taken, and what is in it looked at, once;
   * 2. a part of the same offer that nobody works on is opened, hashed, and gone on with;
   * 3. else a new one is begun.
   */
  async sink(offer: Offer): Promise<Sink> {
    if (!Number.isSafeInteger(offer.size) || offer.size < 0) {
      throw new RangeError(`Cannot receive ${offer.size} bytes`);
    }
    const name = toFilename(offer.name);
    try {
      const folder = await this.#theFolder();
      return await resume(folder, offer, this.#writing) ??
        await begin(folder, offer, this.#writing);
    } catch (cause) {
      throw failure("receive", name, cause, "write");
    }
  }

  /** The same as before, if that is still there. One call after the other: all get the same. */
  #theFolder(): Promise<Folder> {
    const before = this.#folder;
    const open = async () => {
      const folder = await before?.catch(() => undefined);
      return folder && await folder.isThere()
        ? folder
        : await Folder.open(this.#downloads(), "make");
    };
    return this.#folder = open();
  }
}
