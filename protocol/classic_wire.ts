// The classic wire (docs/classic.md): a server sends its public key as decimal text; then both sides send UTF-8, each
// byte XORed with the private key. It has no frames, lengths or names: one read is one message.
// Pure: it knows no cipher, no socket and no clock.

/** Bytes that the classic program reads at a time. It receives a longer message as two. */
export const READ_SIZE = 1024;
/**
 * How long a server waits for a first byte before it treats a client as classic, in ms: other clients send their
 * preface at once. Also how long a classic client has to read its key before more bytes follow.
 */
export const SILENCE_MS = 300;
/** How long a key waits for another digit, in ms. Two packets of one write arrive closer together. */
export const KEY_MS = 300;
/** The pause between two pieces, in ms. A reader that keeps up reads each piece alone. */
export const PAUSE_MS = 10;

/** Runs `task` once after `ms`. The returned function cancels it. */
export type Timer = (ms: number, task: () => void) => () => void;

/** A public key at the start of the received bytes. */
export interface KeyText {
  /** undefined without a digit. */
  readonly key: number | undefined;
  /** Bytes of the key. */
  readonly length: number;
  /** Whether the key is complete: no further byte can belong to it. */
  readonly certain: boolean;
}

/**
 * Reads the longest number up to 255 at the start of `bytes`. A byte that is not a digit ends it, and so does a digit
 * that would make it larger. At the end of `bytes`, only 0 and keys above 25 are certain to be complete.
 *
 * @example
 * ```ts
 * parseKey(new TextEncoder().encode("198")); // { key: 198, length: 3, certain: true }
 * parseKey(new TextEncoder().encode("19")); // { key: 19, length: 2, certain: false }
 * ```
 */
export function parseKey(bytes: Uint8Array): KeyText {
  let key: number | undefined;
  let length = 0;
  for (; length < bytes.length; length++) {
    const digit = bytes[length]! - 0x30;
    const next: number = (key ?? 0) * 10 + digit;
    if (digit < 0 || digit > 9 || key === 0 || next > 255) break;
    key = next;
  }
  const isFull = key === 0 || (key !== undefined && key * 10 > 255);
  return { key, length, certain: length < bytes.length || isFull };
}

/**
 * The length of the longest prefix of UTF-8 `bytes` that fits into `max` bytes without cutting a character.
 *
 * @param max at least 4: the longest character
 */
export function fitLength(bytes: Uint8Array, max: number): number {
  if (bytes.length <= max) return bytes.length;
  let at = max;
  // Further bytes of a character begin with the bits 10 (RFC 3629, section 3).
  while (at > 0 && (bytes[at]! & 0xc0) === 0x80) at--;
  return at;
}

export interface PiecesOptions {
  /** Sent first and unchanged: the key. */
  first?: Uint8Array<ArrayBuffer>;
  /**
   * Returns the next message in UTF-8, not empty; undefined if none waits.
   *
   * @param atHand MUST NOT ask the logs for more: the messages given before are not written yet
   */
  next(atHand: boolean): Uint8Array | undefined;
  /** Called when a message from `next` has been written completely. */
  written?(): void;
  /** Encrypts a piece into a copy. */
  seal(piece: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Called when a piece can be taken. */
  wake(): void;
  after: Timer;
  /** Joins waiting messages into one piece, one line each. */
  gather: boolean;
  /** Whether the backlog is too large for pauses. */
  crowded(): boolean;
}

/**
 * A source for `Connection` that splits messages into pieces for a peer that reads `READ_SIZE` bytes at a time. No
 * piece is larger, and none ends within a character.
 *
 * TCP does not keep the boundaries between writes: one read may return two pieces. So a pause follows each piece. A
 * peer that reads within the pause gets each piece alone. A slower peer gets several in one read, and may have to join
 * a character that its reads have cut. This wire allows nothing better.
 */
export class Pieces {
  readonly #options: PiecesOptions;
  #first: Uint8Array<ArrayBuffer> | undefined;
  /** The rest of a message that is sent in part. */
  #left: Uint8Array | undefined;
  /** Cancels the pause; undefined outside of pauses. */
  #cancelPause: (() => void) | undefined;
  /** Whether a piece is being written. */
  #isOut = false;
  /** Whether the key was the last piece: nothing may follow it directly. */
  #isKeyOut = false;
  #hurried = false;

  constructor(options: PiecesOptions) {
    this.#options = options;
    this.#first = options.first;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    const { crowded, written } = this.#options;
    if (this.#isOut && !this.#left) written?.();
    this.#isOut = false;
    if (this.#cancelPause) return null;
    if (this.#first) {
      const first = this.#first;
      this.#first = undefined;
      this.#isKeyOut = true;
      this.#pause(SILENCE_MS);
      return first;
    }
    // The end came during the pause after the key.
    if (this.#isKeyOut && this.#hurried) return null;
    this.#isKeyOut = false;
    const piece = this.#next();
    if (!piece) return null;
    this.#isOut = true;
    if (!this.#hurried && !crowded()) this.#pause(PAUSE_MS);
    return this.#options.seal(piece);
  }

  /** Sends the remaining messages without pauses. No more follow. */
  hurry(): void {
    this.#hurried = true;
    this.close();
  }

  /** Cancels the pause, when the connection is closed. */
  close(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  #pause(ms: number): void {
    const { after, wake } = this.#options;
    this.#cancelPause = after(ms, () => {
      this.#cancelPause = undefined;
      wake();
    });
  }

  #next(): Uint8Array | undefined {
    const { next, gather } = this.#options;
    this.#left ??= next(false);
    if (!this.#left) return undefined;
    const length = fitLength(this.#left, READ_SIZE);
    const piece = new Uint8Array(READ_SIZE);
    piece.set(this.#left.subarray(0, length));
    let used = length;
    this.#left = length < this.#left.length ? this.#left.subarray(length) : undefined;
    while (gather && !this.#left) {
      const more = next(true);
      if (!more) break;
      if (used + 1 + more.length > READ_SIZE) {
        this.#left = more;
        break;
      }
      piece[used] = 0x0a;
      piece.set(more, used + 1);
      used += 1 + more.length;
    }
    return piece.subarray(0, used);
  }
}
