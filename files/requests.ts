// TODO: say what this is.

import type { ByteRange } from "../protocol/file_messages.ts";

/** What is kept of one receiver's wishes: more than any of ours has; what is beyond is not an honest one's. */
export const MAX_REQUESTS = 512;
/** Receivers that are served at once: one in turn after the other. */
const MAX_RECEIVERS = 10_000;

/** What a receiver has asked for. */
export interface ChunkRequest extends ByteRange {
  /** Who. */
  readonly to: number;
}

/** What was asked for and is to be sent: bounded, and everybody in turn. */
export class ChunkRequests {
  /** The one whose turn it is first; the map of one has its requests by transfer and offset. */
  readonly #waiting = new Map<number, Map<string, ChunkRequest>>();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Whether it was taken: who asks again for what still waits is served once, and who asks for too much is not. */
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

  /** The next one, of somebody who may get something: who has got one is last then. */
  next(may: (to: number) => boolean = () => true): ChunkRequest | undefined {
    for (const [to, own] of this.#waiting) {
      if (!may(to)) continue;
      const [[key, request]] = own as unknown as [[string, ChunkRequest]];
      own.delete(key);
      this.#size--;
      this.#waiting.delete(to);
      if (own.size > 0) this.#waiting.set(to, own);
      return request;
    }
    return undefined;
  }

  /** Somebody does not want this any more, or can't have it; without `id`, nothing at all. */
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

  /** Nobody is there any more under the number that it had. */
  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
  }
}

function keyOf({ id, offset, length }: ByteRange): string {
  return `${id.toHex()} ${offset} ${length}`;
}
