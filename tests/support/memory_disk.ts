// Test helper: files in memory, for tests of transfers between members. Parts of interrupted downloads stay, as on a real
// disk. No part of the program.

import { ChatError } from "../../errors.ts";
import { sha256 } from "./hash.ts";
import { FileError } from "../../files/disk_errors.ts";
import type { Disk, FoundFile, LeftOut, ReceivedOffer, Sink, Upload } from "../../files/storage.ts";

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
  /** Parts of interrupted downloads, by name, size and sender. */
  readonly parts = new Map<string, Uint8Array<ArrayBuffer>>();
  /** The number of open sinks and uploads. */
  open_ = 0;
  /** Bytes that are free; undefined: the system does not say. */
  space: number | undefined;
  /** Awaited by each write: makes the disk slow or full. */
  onWrite: (offset: number) => Promise<void> | void = () => {};
  /** Awaited before each read of an offered file. */
  onRead: (path: string) => Promise<void> | void = () => {};
  /** Awaited before that many bytes of an offered file are hashed. */
  onHash: (path: string, length: number) => Promise<void> | void = () => {};
  /** Awaited before a download is opened. */
  onSink: (name: string) => Promise<void> | void = () => {};
  /** Awaited when a file is to be offered. */
  onOpen: (path: string) => Promise<void> | void = () => {};

  async open(path: string, name: string | undefined): Promise<Upload> {
    const bytes = this.files.get(path);
    if (!bytes) throw new ChatError(`Cannot read ${path}: the file does not exist`);
    await this.onOpen(path);
    this.open_++;
    let open = true;
    let hashed = 0;
    const check = async () => {
      await Promise.resolve();
      if (!open) throw new ChatError("The upload is closed");
      if (this.files.get(path) === bytes) return;
      throw new FileError(`send ${path}`, "it has changed", "changed");
    };
    return {
      name: name ?? path,
      size: bytes.length,
      get sha256() {
        return hashed === bytes.length ? sha256(bytes) : undefined;
      },
      read: async (offset, into) => {
        await this.onRead(path);
        await check();
        const end = offset + into.length;
        into.set(bytes.subarray(offset, end));
        if (offset <= hashed) hashed = Math.max(hashed, end);
      },
      hash: async (length) => {
        await this.onHash(path, length);
        await check();
        return await hashOf(bytes.slice(0, length));
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

  async sink(offer: ReceivedOffer): Promise<Sink> {
    await this.onSink(offer.name);
    const key = `${offer.name} ${offer.size} ${offer.from}`;
    const before = this.parts.get(key) ?? new Uint8Array();
    const bytes = new Uint8Array(offer.size);
    bytes.set(before);
    let length = before.length;
    this.open_++;
    return {
      get have() {
        return length;
      },
      prefix: () => hashOf(bytes.slice(0, length)),
      restart: () => {
        length = 0;
        return Promise.resolve();
      },
      write: async (offset, piece) => {
        await this.onWrite(offset);
        if (offset !== length) throw new Error(`A write at ${offset}, after ${length} bytes`);
        bytes.set(piece, offset);
        length += piece.length;
      },
      finish: async (sha256) => {
        this.open_--;
        this.parts.delete(key);
        if (length !== offer.size || (await hashOf(bytes)).toHex() !== sha256.toHex()) {
          throw new FileError(`keep ${offer.name}`, "its hash is not the sender's", "damaged");
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

  async save(offer: ReceivedOffer, bytes: Uint8Array, sha256: Uint8Array): Promise<string> {
    const sink = await this.sink(offer);
    try {
      await sink.restart();
      await sink.write(0, bytes);
    } catch (error) {
      await sink.abort(false);
      throw error;
    }
    return await sink.finish(sha256);
  }
}

/** Takes its time, as on a real disk. */
async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
