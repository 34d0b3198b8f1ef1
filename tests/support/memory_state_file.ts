// Files of a journal in memory, with the faults that disks have.

import type { StateFile } from "../../server/state_file.ts";

/** A file in memory. */
export class MemoryStateFile implements StateFile {
  #store = new Uint8Array(0);
  #size = 0;
  /** The content at the last `sync`: what a power cut leaves at least. */
  synced = new Uint8Array(0);
  /** How many more bytes fit. */
  space = Infinity;
  /** What `sync` waits for. */
  gate: Promise<void> = Promise.resolve();
  isClosed = false;

  constructor(readonly name: string, public inode: string | undefined = `1:${name}`) {}

  /** The content; valid until the next change. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#store.subarray(0, this.#size);
  }

  set bytes(bytes: Uint8Array<ArrayBuffer>) {
    this.#store = bytes;
    this.#size = bytes.length;
  }

  read(size?: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, size);
  }

  write(position: number, bytes: Uint8Array): void {
    if (this.isClosed) throw new TypeError("the file is closed");
    const grown = Math.max(0, position + bytes.length - this.#size);
    const fits = Math.min(grown, this.space);
    const taken = bytes.subarray(0, bytes.length - (grown - fits));
    this.space -= fits;
    const size = Math.max(this.#size, position + taken.length);
    if (size > this.#store.length) {
      const store = new Uint8Array(2 * size);
      store.set(this.bytes);
      this.#store = store;
    }
    this.#store.set(taken, position);
    this.#size = size;
    if (fits < grown) throw Object.assign(new Error("No space left"), { code: "ENOSPC" });
  }

  truncate(size: number): void {
    this.space += Math.max(0, this.#size - size);
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }

  async sync(): Promise<void> {
    const bytes = this.read();
    await this.gate;
    this.synced = bytes;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The same content, after the process has ended: perhaps only the beginning of it. */
  after(bytes: Uint8Array = this.bytes): MemoryStateFile {
    const file = new MemoryStateFile(this.name, this.inode);
    file.bytes = bytes.slice();
    file.synced = bytes.slice();
    return file;
  }
}

/** A ring of empty files. */
export function memoryRing(count: number): MemoryStateFile[] {
  return Array.from({ length: count }, (_, i) => new MemoryStateFile(`log-${i}`));
}
