// The parts of files that receivers have requested and that wait to be sent: bounded, and served in turn. Pure; knows
// no disk and no socket.

import type { ByteRange } from "../protocol/file_messages.ts";

/** Requests that are kept for one receiver. A receiver of this program never has that many. */
export const MAX_REQUESTS = 512;
/** Receivers with requests. */
const MAX_RECEIVERS = 10_000;

export interface ChunkRequest extends ByteRange {
  /** The receiver. */
  readonly to: number;
}

export class ChunkRequests {
  /** By receiver, the next one first; each receiver's requests by range. */
  readonly #waiting = new Map<number, Map<string, ChunkRequest>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns whether the request is queued: not if the same one waits already, or too many do. */
  put(request: ChunkRequest): boolean {
    let own = this.#waiting.get(request.to);
    if (!own) {
      if (this.#waiting.size >= MAX_RECEIVERS) return false;
      this.#waiting.set(request.to, own = new Map());
    }
    const key = keyOf(request);
    if (own.size >= MAX_REQUESTS || own.has(key)) return false;
    own.set(key, request);
    this.#size++;
    return true;
  }

  /**
   * Takes the next request that may be served; its receiver is then last in turn. A receiver's request that may not be
   * served holds back no other of its requests: it may be from before a connection was lost, and wanted no more.
   */
  next(may: (request: ChunkRequest) => boolean = () => true): ChunkRequest | undefined {
    for (const [to, own] of this.#waiting) {
      const found = own.entries().find(([, request]) => may(request));
      if (!found) continue;
      const [key, request] = found;
      own.delete(key);
      this.#size--;
      this.#waiting.delete(to);
      if (own.size > 0) this.#waiting.set(to, own);
      return request;
    }
    return undefined;
  }

  /** Drops a receiver's requests for one file; without `id`, for all. */
  drop(to: number, id?: Uint8Array): void {
    const own = this.#waiting.get(to);
    if (!own) return;
    const prefix = id?.toHex();
    for (const [key] of [...own]) {
      if (prefix !== undefined && !key.startsWith(prefix)) continue;
      own.delete(key);
      this.#size--;
    }
    if (own.size === 0) this.#waiting.delete(to);
  }

  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
  }
}

function keyOf({ id, offset, length }: ByteRange): string {
  return `${id.toHex()} ${offset} ${length}`;
}
