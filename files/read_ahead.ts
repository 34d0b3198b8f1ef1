// Reads the files that receivers have asked for, in order, a few frames ahead of what goes out: receivers in turn, and
// the files of each receiver in turn. Keeps a bounded number of bytes in memory. Knows no socket and does not decide
// which member may ask for which file: `outgoing.ts` checks requests before they come here.

import { equals } from "@std/bytes/equals";
import { ChatError } from "../errors.ts";
import { BufferPool } from "../protocol/buffer_pool.ts";
import {
  CHUNK_HEADER,
  chunksCost,
  type FileRequest,
  MAX_CHUNKS_SIZE,
  MAX_WHOLE,
  writeChunkHeader,
} from "../protocol/file_messages.ts";
import type { Post } from "./post.ts";
import type { Outgoing } from "./transfer_entries.ts";
import type { TransferList } from "./transfer_list.ts";

/** Frames that are ready or being read. */
const MAX_READY = 4;
/** Files on their way to one receiver, and in all. A receiver of this program never asks for as many. */
const MAX_STREAMS_EACH = 1024;
const MAX_STREAMS = 20_000;

/** A file on its way to one receiver. */
interface Stream {
  readonly to: number;
  readonly source: Outgoing;
  /** It is void in every other generation of grants. */
  generation: number;
  /** The next byte to read. */
  at: number;
  /** The hash of what the receiver has, until it is compared. */
  prefix: Uint8Array | undefined;
  /** The file is hashed, to compare it or because the receiver has all of it. */
  isHashed: boolean;
}

/** A part of a file in a frame. */
export interface SentPart {
  readonly source: Outgoing;
  /** The offset after it. */
  readonly end: number;
  /** With the last part: the hash of the file. */
  readonly sha256: Uint8Array | undefined;
}

/** File data for one frame. */
export interface ReadyData {
  readonly to: number;
  readonly generation: number;
  /** Encoded chunks. */
  readonly chunks: Uint8Array;
  readonly parts: readonly SentPart[];
}

export interface ReadAheadOptions {
  readonly post: Post;
  readonly list: TransferList;
  /** A file can no longer be read as it was offered. */
  readonly onFailure: (source: Outgoing, error: ChatError) => void;
  /** A receiver has all bytes. */
  readonly onHash: (source: Outgoing, to: number, sha256: Uint8Array) => void;
  /** What a receiver has is not how the file begins. */
  readonly onDiffers: (source: Outgoing, to: number) => void;
}

export class ReadAhead {
  readonly #post: Post;
  readonly #list: TransferList;
  readonly #onFailure: (source: Outgoing, error: ChatError) => void;
  readonly #onHash: (source: Outgoing, to: number, sha256: Uint8Array) => void;
  readonly #onDiffers: (source: Outgoing, to: number) => void;
  /** By receiver, the next one first; those of each receiver by the file's id, the next one first. */
  readonly #streams = new Map<number, Map<string, Stream>>();
  #count = 0;
  /** What is being compared for each receiver. */
  readonly #comparing = new Map<number, Promise<void>>();
  #ready: ReadyData[] = [];
  /** What ready frames will take of each receiver's grant. */
  readonly #reserved = new Map<number, number>();
  readonly #buffers = new BufferPool(MAX_CHUNKS_SIZE, MAX_READY);
  #isReading = false;
  /** The receiver whose frame is being filled; undefined also if it was dropped meanwhile. */
  #filling: number | undefined;

  constructor(options: ReadAheadOptions) {
    this.#post = options.post;
    this.#list = options.list;
    this.#onFailure = options.onFailure;
    this.#onHash = options.onHash;
    this.#onDiffers = options.onDiffers;
  }

  /** A receiver asks for a file. It replaces what it asked for before. */
  ask(to: number, source: Outgoing, request: FileRequest): void {
    const { generation, offset, prefix } = request;
    const key = source.offer.id.toHex();
    const own = this.#streams.get(to) ?? new Map<string, Stream>();
    const before = own.get(key);
    if (before && this.isHashing(to, request)) {
      before.generation = generation;
      return;
    }
    if (!before) {
      if (own.size >= MAX_STREAMS_EACH) return;
      if (this.#count >= MAX_STREAMS && !this.#makeRoom(own.size)) return;
      this.#count++;
    }
    const isHashed = prefix !== undefined || offset === source.offer.size;
    const stream: Stream = { to, source, generation, at: offset, prefix, isHashed };
    this.#streams.set(to, own.set(key, stream));
    if (isHashed) this.#startComparing(stream);
    else this.start();
  }

  /** Ends a stream of the receiver with the most, if they are more than another one has. */
  #makeRoom(than: number): boolean {
    const [most] = [...this.#streams.values()].sort((a, b) => b.size - a.size);
    if (!most || most.size <= than) return false;
    this.#end(most.values().next().value!);
    return true;
  }

  /** Whether the file is being hashed for the same request, perhaps of an earlier generation. */
  isHashing(to: number, { id, offset, prefix }: FileRequest): boolean {
    const stream = this.#streams.get(to)?.get(id.toHex());
    return stream?.isHashed === true && stream.at === offset &&
      stream.prefix?.toHex() === prefix?.toHex();
  }

  /** Drops what a receiver has asked for of one file; without `id` all of it, and what was read for it. */
  drop(to: number, id?: Uint8Array): void {
    this.#drop(to, id);
    // Others may use its buffers.
    if (!id) this.start();
  }

  #drop(to: number, id?: Uint8Array): void {
    const own = this.#streams.get(to);
    const dropped = id ? [own?.get(id.toHex())] : [...own?.values() ?? []];
    for (const stream of dropped) if (stream) this.#end(stream);
    if (id) return;
    for (const one of this.#ready.filter((one) => one.to === to)) this.#recycle(one);
    this.#ready = this.#ready.filter((one) => one.to !== to);
    this.#reserved.delete(to);
    if (this.#filling === to) this.#filling = undefined;
  }

  /** The session is over: ids mean other members in the next one. */
  clear(): void {
    for (const to of [...this.#streams.keys(), ...this.#ready.map(({ to }) => to)]) this.#drop(to);
    this.#filling = undefined;
  }

  /** Reads until enough is ready, or nothing more may be sent. */
  start(): void {
    if (this.#isReading || this.#list.closed) return;
    this.#isReading = true;
    this.#list.track(this.#readAll());
  }

  /**
   * Takes the data for the next frame, and goes on reading.
   *
   * @param use MUST NOT keep the chunks
   */
  take<T>(use: (data: ReadyData) => T): T | undefined {
    for (let data = this.#ready.shift(); data; data = this.#ready.shift()) {
      const { to, generation, chunks } = data;
      const cost = chunksCost(chunks.length);
      this.#reserve(to, -cost);
      const mayGo = this.#post.has(to) && (this.#post.data.left(to, generation) ?? 0) >= cost;
      const result = mayGo ? use(data) : undefined;
      this.#recycle(data);
      this.start();
      if (result !== undefined) return result;
    }
    return undefined;
  }

  async #readAll(): Promise<void> {
    try {
      // One message may ask for many files: one look at what there is serves them all.
      await Promise.resolve();
      while (!this.#list.closed) {
        const buffer = this.#buffers.take();
        if (!buffer) return;
        const stream = this.#nextReceiver();
        if (!stream) return this.#buffers.give(buffer);
        await this.#fill(stream.to, stream.generation, buffer);
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** The first stream of the receiver whose turn it is. */
  #nextReceiver(): Stream | undefined {
    for (const [to, own] of this.#streams) {
      const stream = this.#nextOf(to, 0);
      if (!stream) continue;
      this.#streams.delete(to);
      this.#streams.set(to, own);
      return stream;
    }
    return undefined;
  }

  /** Fills a buffer for one receiver, with parts of one or several files. */
  async #fill(to: number, generation: number, buffer: Uint8Array<ArrayBuffer>): Promise<void> {
    const parts: SentPart[] = [];
    let used = 0;
    this.#filling = to;
    for (let stream = this.#nextOf(to, 0); stream; stream = this.#nextOf(to, used)) {
      if (stream.generation !== generation || this.#filling !== to) break;
      const { source, at } = stream;
      const length = this.#lengthOf(stream, used);
      const end = at + length;
      const begin = used + CHUNK_HEADER;
      writeChunkHeader(buffer.subarray(used), { id: source.offer.id, offset: at, length });
      let sha256: Uint8Array | undefined;
      try {
        await source.upload!.read(at, buffer.subarray(begin, begin + length));
        sha256 = source.upload?.sha256;
      } catch (error) {
        this.#failed(stream, error);
        continue;
      }
      // Meanwhile it may have been withdrawn, or asked for again.
      if (!this.#isCurrent(stream)) continue;
      stream.at = end;
      used = begin + length;
      const isLast = end === source.offer.size;
      parts.push({ source, end, sha256: isLast ? sha256 : undefined });
      if (!isLast) this.#passTurn(stream);
      else if (sha256) this.#end(stream);
      else this.#startComparing(stream);
    }
    const data = { to, generation, chunks: buffer.subarray(0, used), parts };
    // By now its id may be another member's.
    if (parts.length === 0 || this.#filling !== to) return this.#recycle(data);
    this.#reserve(to, chunksCost(used));
    this.#ready.push(data);
    this.#post.wake();
  }

  /** The receiver's next stream of which something may be read into a frame that has `used` bytes. */
  #nextOf(to: number, used: number): Stream | undefined {
    for (const stream of this.#streams.get(to)?.values() ?? []) {
      // Its receiver may ask for it again meanwhile.
      if (stream.isHashed) continue;
      const left = this.#post.data.left(to, stream.generation);
      if (left === undefined) this.#end(stream);
      else if (this.#lengthOf(stream, used) > 0) return stream;
      // Nor may anything else go: its other files, perhaps very many, need not be looked at.
      else if (left - (this.#reserved.get(to) ?? 0) < chunksCost(0)) return undefined;
    }
    return undefined;
  }

  /** How much of a file may be read into a frame that has `used` bytes; 0 if that is too little. */
  #lengthOf({ to, source, generation, at }: Stream, used: number): number {
    const reserved = this.#reserved.get(to) ?? 0;
    const granted = (this.#post.data.left(to, generation) ?? 0) - reserved;
    const around = chunksCost(MAX_CHUNKS_SIZE) - MAX_CHUNKS_SIZE + CHUNK_HEADER;
    const rest = source.offer.size - at;
    const space = MAX_CHUNKS_SIZE - used - CHUNK_HEADER;
    const length = Math.min(rest, space, granted - around - used);
    if (granted < chunksCost(0) || length <= 0) return 0;
    // Little pieces only if nothing better can be had.
    const least = used > 0 || reserved > 0 ? Math.max(space, MAX_WHOLE) : MAX_WHOLE;
    return length >= Math.min(rest, least) ? length : 0;
  }

  /** One after the other for each receiver: it may have much compared. */
  #startComparing(stream: Stream): void {
    const { to } = stream;
    stream.isHashed = true;
    const work = (this.#comparing.get(to) ?? Promise.resolve()).then(() => this.#compare(stream));
    this.#comparing.set(to, work);
    this.#list.track(work.then(() => {
      if (this.#comparing.get(to) === work) this.#comparing.delete(to);
    }));
  }

  /** Compares what a receiver has with the file, or gives it the hash if it has all. */
  async #compare(stream: Stream): Promise<void> {
    const { source, to, at, prefix } = stream;
    if (!this.#isCurrent(stream)) return;
    let hash: Uint8Array;
    try {
      hash = await source.upload!.hash(at);
    } catch (error) {
      return this.#failed(stream, error);
    }
    if (!this.#isCurrent(stream)) return;
    stream.isHashed = false;
    stream.prefix = undefined;
    const isSame = !prefix || equals(hash, prefix);
    if (isSame && at < source.offer.size) return this.start();
    this.#end(stream);
    if (isSame) this.#onHash(source, to, hash);
    else this.#onDiffers(source, to);
  }

  #failed(stream: Stream, error: unknown): void {
    const { source } = stream;
    const isCurrent = this.#isCurrent(stream);
    this.#end(stream);
    if (!(error instanceof ChatError)) throw error;
    // A withdrawn file is closed, even while it is read.
    if (isCurrent && source.live) this.#onFailure(source, error);
  }

  #isCurrent(stream: Stream): boolean {
    const { to, source } = stream;
    return this.#streams.get(to)?.get(source.offer.id.toHex()) === stream;
  }

  #passTurn(stream: Stream): void {
    const key = stream.source.offer.id.toHex();
    const own = this.#streams.get(stream.to);
    own?.delete(key);
    own?.set(key, stream);
  }

  #end(stream: Stream): void {
    const { to, source } = stream;
    if (!this.#isCurrent(stream)) return;
    const own = this.#streams.get(to)!;
    own.delete(source.offer.id.toHex());
    if (own.size === 0) this.#streams.delete(to);
    this.#count--;
  }

  #reserve(to: number, cost: number): void {
    const left = (this.#reserved.get(to) ?? 0) + cost;
    if (left > 0) this.#reserved.set(to, left);
    else this.#reserved.delete(to);
  }

  #recycle({ chunks }: ReadyData): void {
    this.#buffers.give(new Uint8Array(chunks.buffer as ArrayBuffer));
  }
}
