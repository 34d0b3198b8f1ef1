// Lines out of bytes, in bounded memory. Pure: bytes in, lines out.

const LF = 0x0a;
const CR = 0x0d;

/** A line without its end (LF, or CR LF), or why there is none. Lines are counted from 1. */
export type InputLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly fault: string };

/** Bytes of the buffer at first: most lines are shorter. */
const INITIAL_SIZE = 256;

/**
 * Splits bytes that come piece by piece into lines of UTF-8. A line that is too long or not UTF-8 is
 * passed over and told of. Holds the line that has not ended, and no more than `limit` bytes and one.
 *
 * @example
 * ```ts
 * const splitter = new LineSplitter(1024);
 * splitter.push(new TextEncoder().encode("one\ntw")); // [{ number: 1, text: "one" }]
 * splitter.end(); // [{ number: 2, text: "tw" }]
 * ```
 */
export class LineSplitter {
  readonly #limit: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The line that has not ended, as far as it is not too long. */
  #buffer = new Uint8Array(INITIAL_SIZE);
  /** Bytes of that line, those that are passed over included. */
  #length = 0;
  /** Its last byte is CR. */
  #endsInCr = false;
  #number = 0;

  /** @param limit bytes of the longest line that is taken, without its end */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of memory that the splitter holds. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** The lines that end in `bytes`, which are not kept: the caller may read into them again. */
  push(bytes: Uint8Array): InputLine[] {
    const lines: InputLine[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LF, start);
      if (end === -1) break;
      this.#add(bytes.subarray(start, end));
      lines.push(this.#finish());
      start = end + 1;
    }
    this.#add(bytes.subarray(start));
    return lines;
  }

  /** The last line, where it has no end. */
  end(): InputLine[] {
    return this.#length === 0 ? [] : [this.#finish()];
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#endsInCr = piece.at(-1) === CR;
    const start = this.#length;
    this.#length += piece.length;
    // One byte more than the limit: it may be the CR of CR LF.
    const most = this.#limit + 1;
    if (this.#length > most) return;
    if (this.#length > this.#buffer.length) {
      // Doubled, so that a line that comes byte by byte is not copied once a byte.
      const size = Math.max(this.#length, 2 * this.#buffer.length);
      const grown = new Uint8Array(Math.min(size, most));
      grown.set(this.#buffer.subarray(0, start));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, start);
  }

  #finish(): InputLine {
    const number = ++this.#number;
    const length = this.#length - (this.#endsInCr ? 1 : 0);
    this.#length = 0;
    this.#endsInCr = false;
    if (length > this.#limit) {
      return { number, fault: `it has ${length} bytes, at most ${this.#limit} are taken` };
    }
    try {
      return { number, text: this.#decoder.decode(this.#buffer.subarray(0, length)) };
    } catch {
      return { number, fault: "it is not UTF-8" };
    }
  }
}
