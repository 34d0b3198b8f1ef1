// Test helper: files of a journal in memory that remember the order of all writes, so that a test can ask what is on the
// disk after a power cut at any moment. What was synced is there. Of the rest each page is there, or not, or what was
// written of it is damaged, whatever the order; and each growth of a file is there or not. But files are cut in the order
// of their cuts, as in all file systems with a journal, and what is written to a file after its cut is only there with
// that cut. Other bytes of a page stay as they are, as SQLite expects it of disks, too.

import { MemoryStateFile } from "./memory_state_file.ts";
import { noise } from "./random.ts";

/** What becomes of a change that was not synced. */
export type Fate = "done" | "lost" | "damaged";

interface Operation {
  readonly file: number;
  /** It made the file shorter. */
  readonly isCut: boolean;
  /** The content of the pages that it has changed, after it. */
  readonly pages: ReadonlyMap<number, Uint8Array<ArrayBuffer>>;
  readonly size: number;
  /** The bytes that it has written. */
  readonly from: number;
  readonly to: number;
  /** A sync: what the operations before this index did to the file is on the disk. */
  readonly synced?: number;
}

/** A ring of files on one disk. */
export class RecordedDisk {
  readonly files: readonly MemoryStateFile[];
  readonly #operations: Operation[] = [];
  readonly #page: number;
  readonly #start: readonly Uint8Array<ArrayBuffer>[];
  /** Is called after each write, with its position. */
  onWrite: (position: number) => void = () => {};

  /** @param page what the disk writes at once, in bytes */
  constructor(files: readonly MemoryStateFile[], page: number) {
    this.#page = page;
    this.#start = files.map((file) => file.read());
    this.files = files.map((file, i) => this.#record(file.after(), i));
  }

  /** How many operations there were. */
  get count(): number {
    return this.#operations.length;
  }

  #record(file: MemoryStateFile, index: number): MemoryStateFile {
    const { write, truncate, sync } = file;
    file.write = (position, bytes) => {
      write.call(file, position, bytes);
      this.#add(index, position, position + bytes.length, false);
      this.onWrite(position);
    };
    file.truncate = (size) => {
      const before = file.bytes.length;
      truncate.call(file, size);
      this.#add(index, size, Math.max(size, before), true);
    };
    file.sync = async () => {
      const synced = this.#operations.length;
      await sync.call(file);
      const size = file.bytes.length;
      const nothing = { isCut: false, pages: new Map(), from: 0, to: 0 };
      this.#operations.push({ ...nothing, file: index, size, synced });
    };
    return file;
  }

  #add(file: number, from: number, to: number, isCut: boolean): void {
    const { bytes } = this.files[file]!;
    const pages = new Map<number, Uint8Array<ArrayBuffer>>();
    const size = this.#page;
    for (let page = Math.floor(from / size); page * size < to; page++) {
      pages.set(page, bytes.slice(page * size, (page + 1) * size));
    }
    this.#operations.push({ file, isCut, pages, size: bytes.length, from, to });
  }

  /** The files after a power cut that follows the first `count` operations. `fate` is asked for each change. */
  cut(count: number, fate: () => Fate): MemoryStateFile[] {
    const done = this.#operations.slice(0, count);
    // A sync also brings all earlier cuts to the disk.
    let cuts = done.reduce((most, { synced = 0 }) => Math.max(most, synced), 0);
    while (cuts < count && (!done[cuts]!.isCut || fate() === "done")) cuts++;
    return this.files.map((file, index) => {
      const own = done.map((operation, i) => ({ ...operation, i })).filter((one) =>
        one.file === index
      );
      const safe = own.findLast(({ synced }) => synced !== undefined)?.synced ?? 0;
      const image = new Image(this.#start[index]!, this.#page);
      for (const { i, isCut, pages, size, from, to, synced } of own) {
        if (synced !== undefined) continue;
        if (isCut && i >= cuts) break;
        const fateNow = () => i < safe || isCut ? "done" : fate();
        if (fateNow() === "done") image.size = size;
        for (const [page, bytes] of pages) {
          const fate = fateNow();
          if (fate !== "lost") image.put(page, bytes);
          if (fate === "damaged") image.damage(page, from, to);
        }
      }
      return file.after(image.bytes);
    });
  }

  /** The files after the process was killed, after the first `count` operations. */
  killed(count: number): MemoryStateFile[] {
    return this.cut(count, () => "done");
  }
}

/** What is on the disk of a file. */
class Image {
  size: number;
  readonly #page: number;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, page: number) {
    this.#bytes = bytes.slice();
    this.size = bytes.length;
    this.#page = page;
  }

  /** Bytes of the file of which no page is there are 0. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    bytes.set(this.#bytes.subarray(0, this.size));
    return bytes;
  }

  put(page: number, bytes: Uint8Array): void {
    const start = page * this.#page;
    const end = start + this.#page;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.fill(0, start, end);
    this.#bytes.set(bytes, start);
  }

  /** Puts noise in the place of bytes of a page. */
  damage(page: number, from: number, to: number): void {
    const start = Math.max(from, page * this.#page);
    const end = Math.min(to, (page + 1) * this.#page);
    this.#bytes.set(noise(end - start), start);
  }
}
