// Test helper: files in memory, for tests of transfers between members. Parts of interrupted downloads stay, as on a real
// disk. No part of the program.

import { ChatError } from "../../errors.ts";
import { FileError } from "../../files/disk_errors.ts";
import type { Disk, FoundFile, LeftOut, Sink, Upload } from "../../files/storage.ts";

/**
 * Files by path. A path that ends in a slash is the folder of all files whose paths begin with it; as a file it is an
 * empty folder.
 */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** What in folders is no file. */
  readonly leftOut: LeftOut[] = [];
  /** Received files, by the names that they were given. */
  readonly received = new Map<string, Uint8Array<ArrayBuffer>>();
  /** The names of received folders. */
  readonly folders: string[] = [];
  /** Parts of interrupted downloads, by name and hash. */
  readonly parts = new Map<string, Uint8Array<ArrayBuffer>>();
  /** The number of open sinks and uploads. */
  open_ = 0;
  /** Bytes that are free; undefined: the system does not say. */
  space: number | undefined;
  /** Awaited by each write: makes the disk slow or full. */
  onWrite: (offset: number) => Promise<void> | void = () => {};
  /** Called before each read of an offered file. */
  onRead: () => void = () => {};
  /** Awaited before a download is opened. */
  onSink: (name: string) => Promise<void> | void = () => {};
  /** Awaited in the middle of reading each offered file. */
  onOpen: (path: string) => Promise<void> | void = () => {};

  async open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
  ): Promise<Upload> {
    const bytes = this.files.get(path);
    if (!bytes) throw new ChatError(`Cannot read ${path}: the file does not exist`);
    for (const part of [1 / 2, 1]) {
      progress(Math.floor(part * bytes.length), bytes.length);
      if (part < 1) await this.onOpen(path);
    }
    const hash = await hashOf(bytes);
    this.open_++;
    let open = true;
    return {
      name: name ?? path,
      size: bytes.length,
      sha256: hash,
      read: (offset, length) => {
        this.onRead();
        if (!open) throw new Error("The upload is closed");
        if (this.files.get(path) !== bytes) {
          return Promise.reject(new FileError(`send ${path}`, "it has changed", "changed"));
        }
        return Promise.resolve(bytes.slice(offset, offset + length));
      },
      close: () => {
        if (open) this.open_--;
        open = false;
      },
    };
  }

  async *walk(path: string): AsyncIterable<FoundFile | LeftOut> {
    await Promise.resolve();
    if (!path.endsWith("/")) return yield { path, name: path };
    for (const one of this.leftOut) if (one.path.startsWith(path)) yield one;
    for (const file of this.files.keys()) {
      if (file.startsWith(path)) yield { path: file, name: file.slice(path.length) };
    }
  }

  free(): number | undefined {
    return this.space;
  }

  kept(): number {
    return this.parts.values().reduce((sum, { length }) => sum + length, 0);
  }

  makeFolder({ name }: { name: string }): Promise<string> {
    this.folders.push(name);
    return Promise.resolve(`/downloads/${name}`);
  }

  async sink(
    offer: { name: string; size: number; sha256: Uint8Array },
  ): Promise<Sink> {
    await this.onSink(offer.name);
    const key = `${offer.name} ${offer.sha256.toHex()}`;
    const before = this.parts.get(key) ?? new Uint8Array();
    const bytes = new Uint8Array(offer.size);
    bytes.set(before);
    let length = before.length;
    this.open_++;
    return {
      have: before.length,
      write: async (offset, piece) => {
        await this.onWrite(offset);
        if (offset !== length) throw new Error(`A write at ${offset}, after ${length} bytes`);
        bytes.set(piece, offset);
        length += piece.length;
      },
      finish: async () => {
        this.open_--;
        this.parts.delete(key);
        if (length !== offer.size || (await hashOf(bytes)).toHex() !== offer.sha256.toHex()) {
          throw new FileError(`keep ${offer.name}`, "its hash is not the offered one", "damaged");
        }
        this.received.set(offer.name, bytes);
        return `/downloads/${offer.name}`;
      },
      abort: (keep) => {
        this.open_--;
        if (keep) this.parts.set(key, bytes.slice(0, length));
        else this.parts.delete(key);
        return Promise.resolve();
      },
    };
  }
}

/** Takes its time, as on a real disk. */
async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
