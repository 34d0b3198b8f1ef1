// Reads offered files in the ranges that receivers request, a little ahead of what goes out, each receiver in turn.
// Keeps a bounded number of files open and of bytes in memory. Knows no socket and does not decide who may request
// what: `outgoing.ts` checks requests before they come here.

import { equals } from "@std/bytes/equals";
import { ChatError } from "../errors.ts";
import { type Chunk, chunkCost, fileMessageSize, MAX_PIECE } from "../protocol/file_messages.ts";
import { printable } from "../text/printable.ts";
import { FileError } from "./disk_errors.ts";
import type { Post } from "./post.ts";
import { type ChunkRequest, ChunkRequests } from "./requests.ts";
import type { Disk, Upload } from "./storage.ts";
import type { Outgoing } from "./transfer_entries.ts";
import type { TransferList } from "./transfer_list.ts";

/** Offered files that are kept open; others are opened again when they are requested. */
const MAX_OPEN = 32;
/** Bytes that are read ahead of what goes out. */
const MAX_READY_BYTES = 16 * MAX_PIECE;

/** Data for one member that is ready to go out in one frame. */
interface ReadyData {
  readonly to: number;
  readonly chunks: Chunk[];
  bytes: number;
}

export interface ReadAheadOptions {
  readonly post: Post;
  readonly disk: Disk;
  readonly list: TransferList;
  /** An offer that can be requested. */
  readonly find: (id: Uint8Array) => Outgoing | undefined;
  /** A file can no longer be read as it was offered. */
  readonly onFailure: (source: Outgoing, error: ChatError) => void;
}

export class ReadAhead {
  readonly #post: Post;
  readonly #disk: Disk;
  readonly #list: TransferList;
  readonly #find: (id: Uint8Array) => Outgoing | undefined;
  readonly #onFailure: (source: Outgoing, error: ChatError) => void;
  readonly #requests = new ChunkRequests();
  #ready: ReadyData[] = [];
  #readyBytes = 0;
  /** What waits for each member, or is being read for it, as `chunkCost` counts it. */
  readonly #readyFor = new Map<number, number>();
  #isReading = false;
  /** Offers whose files are open; the most recently read is last. */
  readonly #open = new Set<Outgoing>();

  constructor(options: ReadAheadOptions) {
    this.#post = options.post;
    this.#disk = options.disk;
    this.#list = options.list;
    this.#find = options.find;
    this.#onFailure = options.onFailure;
  }

  /** Queues a request. */
  request(request: ChunkRequest): void {
    if (this.#requests.put(request)) this.start();
  }

  /** Drops a receiver's requests for one file; without `id`, for all, and what was read for it. */
  drop(to: number, id?: Uint8Array): void {
    this.#requests.drop(to, id);
    if (id) return;
    for (const { bytes } of this.#ready.filter((one) => one.to === to)) this.#readyBytes -= bytes;
    this.#ready = this.#ready.filter((one) => one.to !== to);
    this.#readyFor.delete(to);
  }

  /** The session is over: ids mean other members in the next one. */
  clear(): void {
    this.#requests.clear();
    this.#ready.length = 0;
    this.#readyBytes = 0;
    this.#readyFor.clear();
  }

  /** Reads until enough is ready, or nothing is requested. */
  start(): void {
    if (this.#isReading || this.#list.closed) return;
    this.#isReading = true;
    this.#list.track(this.#readAll());
  }

  async #readAll(): Promise<void> {
    try {
      while (this.#readyBytes < MAX_READY_BYTES && !this.#list.closed) {
        const request = this.#requests.next((request) => this.#mayRead(request));
        if (!request) return;
        const cost = chunkCost(request.length);
        this.#readyFor.set(request.to, (this.#readyFor.get(request.to) ?? 0) + cost);
        const chunk = await this.#read(request);
        if (!chunk) {
          this.#release(request.to, cost);
          continue;
        }
        const last = this.#ready.at(-1);
        const size = fileMessageSize(chunk);
        // Several small files go in one frame.
        if (last?.to === request.to && last.bytes + size <= MAX_PIECE) {
          last.chunks.push(chunk);
          last.bytes += size;
        } else this.#ready.push({ to: request.to, chunks: [chunk], bytes: size });
        this.#readyBytes += size;
        this.#post.wake();
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** A member gets what it has granted: what is read for others need not wait for it. */
  #mayRead({ to, length }: ChunkRequest): boolean {
    return this.#post.data.wants(to) >= (this.#readyFor.get(to) ?? 0) + chunkCost(length);
  }

  #release(to: number, cost: number): void {
    const left = (this.#readyFor.get(to) ?? 0) - cost;
    if (left > 0) this.#readyFor.set(to, left);
    else this.#readyFor.delete(to);
  }

  async #read({ id, offset, length, to }: ChunkRequest): Promise<Chunk | undefined> {
    const source = this.#find(id);
    if (!source?.live || !this.#post.has(to)) return undefined;
    try {
      this.#touch(source);
      source.upload ??= this.#reopen(source);
      const upload = await source.upload;
      // It may have been withdrawn meanwhile.
      if (!source.live) return undefined;
      const bytes = await upload.read(offset, length);
      if (bytes.length !== length) throw hasChanged(source);
      return { kind: "chunk", id, offset, bytes };
    } catch (error) {
      // A withdrawn file is closed, even while it is read.
      if (!source.live) return undefined;
      if (!(error instanceof ChatError)) throw error;
      this.#onFailure(source, error);
      return undefined;
    }
  }

  async #reopen(source: Outgoing): Promise<Upload> {
    const { file, givenName, offer } = source;
    const upload = await this.#disk.open(file, givenName, () => {});
    if (upload.size === offer.size && equals(upload.sha256, offer.sha256)) return upload;
    upload.close();
    throw hasChanged(source);
  }

  /** Takes the data for the next frame. `start` is to be called when it was sent. */
  next(): { to: number; chunks: readonly Chunk[] } | undefined {
    for (let ready = this.#ready.shift(); ready; ready = this.#ready.shift()) {
      const { to, chunks } = ready;
      this.#readyBytes -= ready.bytes;
      for (const { bytes } of chunks) this.#release(to, chunkCost(bytes.length));
      if (this.#post.has(to)) return { to, chunks };
    }
    return undefined;
  }

  /** Keeps a file open that was hashed to be offered. */
  keepOpen(source: Outgoing, upload: Upload): void {
    source.upload = Promise.resolve(upload);
    this.#touch(source);
  }

  /** Marks the file as the most recently read, and closes the least recently read one of too many. */
  #touch(source: Outgoing): void {
    this.#open.delete(source);
    this.#open.add(source);
    if (this.#open.size <= MAX_OPEN) return;
    const [oldest] = this.#open;
    this.closeFile(oldest!);
  }

  closeFile(source: Outgoing): void {
    this.#open.delete(source);
    const { upload } = source;
    source.upload = undefined;
    upload?.then((file) => file.close(), () => {});
  }

  close(): void {
    for (const source of [...this.#open]) this.closeFile(source);
  }
}

function hasChanged({ offer }: Outgoing): FileError {
  const reason = "it has changed since it was offered";
  return new FileError(`send ${printable(offer.name)}`, reason, "changed");
}
