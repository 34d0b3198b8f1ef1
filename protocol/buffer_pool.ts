// Large buffers that are used again and again: new ones would be filled with zeros first, and make V8 collect garbage all
// the time. Pure.

/** Buffers of one size. */
export class BufferPool {
  /** Bytes of each. */
  readonly size: number;
  readonly #max: number;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #lent = 0;

  /** @param max buffers that are lent or spare at most */
  constructor(size: number, max: number) {
    this.size = size;
    this.#max = max;
  }

  /** A buffer with any content; undefined if too many are lent already. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#lent >= this.#max) return undefined;
    this.#lent++;
    return this.#spare.pop() ?? new Uint8Array(this.size);
  }

  /** Takes a buffer back. MUST NOT be called while the system may still use it: then `lose` it. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    this.#lent--;
    this.#spare.push(buffer);
  }

  /** A buffer that was taken will not come back. */
  lose(): void {
    this.#lent--;
  }
}
