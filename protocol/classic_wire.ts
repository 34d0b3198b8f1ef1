// The wire of the original: a server sends its public key as decimal text, and from then on both sides send bytes
// of UTF-8, each XORed with the private key. No frames, no lengths, no names: what one read gives is one
// message. Pure: knows no cipher, no socket and no clock.

/** Bytes that the original reads at a time: what is longer, it gets as two messages. */
export const READ_SIZE = 1024;
/**
 * How long a client of the original is waited for to say nothing, in ms; ours say something at once. And how long
 * such a client has, to read its key before anything stands behind it.
 */
export const SILENCE_MS = 300;
/** How long a key may go on after its last digit, in ms: two packets of one write come sooner. */
export const KEY_MS = 300;
/** Between two pieces, in ms: a reader that keeps up gets each by itself. */
export const REST_MS = 10;

/** Does `task` once, `ms` from now, unless what it returns is called before. */
export type Timer = (ms: number, task: () => void) => () => void;

/** A public key at the beginning of what has come. */
export interface KeyText {
  /** undefined where no digit has come. */
  readonly key: number | undefined;
  /** Bytes that are the key's. */
  readonly length: number;
  /** Nothing that may still come belongs to it. */
  readonly certain: boolean;
}

/**
 * Reads the longest number up to 255 that `bytes` begin with. It ends where a byte follows that is no digit, or
 * that would make it greater; without one, only some keys end by themselves: 0, and what is over 25.
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

/** How many bytes of a text in UTF-8 fit into `most`, at least 4, so that no character is cut. */
export function fitting(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let at = most;
  // What follows the first byte of a character begins with the bits 10 (RFC 3629, section 3).
  while (at > 0 && (bytes[at]! & 0xc0) === 0x80) at--;
  return at;
}

export interface PiecesOptions {
  /** What goes out before all else, as it is: the key. */
  first?: Uint8Array<ArrayBuffer>;
  /**
   * The next message in UTF-8, not empty; undefined if there is none.
   *
   * @param atHand no more than what needs no asking: what was given before has not been written yet
   */
  next(atHand: boolean): Uint8Array | undefined;
  /** All of what `next` gave has been written. */
  written?(): void;
  /** Ciphers a piece; a copy. */
  seal(piece: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Says that there is something to take. */
  wake(): void;
  after: Timer;
  /** Messages that wait together may go out together, a line each. */
  gather: boolean;
  /** So much is waiting that there is no time for rests. */
  crowded(): boolean;
}

/**
 * What is said to somebody who reads `READ_SIZE` bytes at a time: messages, in pieces of at most so many bytes, none
 * of which ends within a character. A source as `Connection` takes it.
 *
 * A stream has no borders: what two writes give may come in one read. So there is a rest behind each piece, and
 * who reads what has come before the rest is over gets each by itself. Who is later, or far behind, gets them
 * together, and may have to put a character together that its reads have cut. More can't be done on this wire.
 */
export class Pieces {
  readonly #options: PiecesOptions;
  #first: Uint8Array<ArrayBuffer> | undefined;
  /** What of a message has not gone out yet. */
  #left: Uint8Array | undefined;
  /** Ends the rest. */
  #resting: (() => void) | undefined;
  /** A piece is on its way. */
  #isOut = false;
  /** Nothing may stand right behind the key. */
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
    if (this.#resting) return null;
    if (this.#first) {
      const first = this.#first;
      this.#first = undefined;
      this.#isKeyOut = true;
      this.#rest(SILENCE_MS);
      return first;
    }
    // Its end came while the key had to stand alone.
    if (this.#isKeyOut && this.#hurried) return null;
    this.#isKeyOut = false;
    const piece = this.#next();
    if (!piece) return null;
    this.#isOut = true;
    if (!this.#hurried && !crowded()) this.#rest(REST_MS);
    return this.#options.seal(piece);
  }

  /** Nothing more will come: what there is goes out without rests. */
  hurry(): void {
    this.#hurried = true;
    this.close();
  }

  /** There is nobody any more to write to. */
  close(): void {
    this.#resting?.();
    this.#resting = undefined;
  }

  #rest(ms: number): void {
    const { after, wake } = this.#options;
    this.#resting = after(ms, () => {
      this.#resting = undefined;
      wake();
    });
  }

  #next(): Uint8Array | undefined {
    const { next, gather } = this.#options;
    this.#left ??= next(false);
    if (!this.#left) return undefined;
    const length = fitting(this.#left, READ_SIZE);
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
