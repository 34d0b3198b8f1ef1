// Bytes split into lines, in bounded memory. Pure: bytes in, lines out. Knows no stream.

const LF = 0x0a;
const CR = 0x0d;

/** A line without its end (LF or CR LF), or the fault of it. Lines are counted from 1. */
export type InputLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly fault: string; readonly kind: "long" | "encoding" };

/** Initial size of the buffer in bytes: most lines are shorter. */
const INITIAL_SIZE = 256;

/**
 * Splits bytes that arrive in pieces into lines of UTF-8. A line that is too long or not UTF-8 becomes a fault.
 * Keeps only the incomplete line, at most `limit` bytes and one.
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
  /** The incomplete line, up to the limit. */
  #buffer = new Uint8Array(INITIAL_SIZE);
  /** Bytes of that line, including those beyond the limit. */
  #length = 0;
  /** Its last byte is CR. */
  #endsInCr = false;
  #number = 0;

  /** @param limit bytes of the longest valid line, without its end */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of memory that the splitter uses. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Returns the lines that end in `bytes`, and copies the rest: the caller may reuse its buffer. */
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

  /** Returns the last line if it has no end. */
  end(): InputLine[] {
    return this.#length === 0 ? [] : [this.#finish()];
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#endsInCr = piece.at(-1) === CR;
    const start = this.#length;
    this.#length += piece.length;
    // One byte more than the limit: it may be the CR of CR LF.
    const max = this.#limit + 1;
    if (this.#length > max) return;
    if (this.#length > this.#buffer.length) {
      // Doubled: a line that arrives byte by byte must not be copied for each byte.
      const size = Math.max(this.#length, 2 * this.#buffer.length);
      const grown = new Uint8Array(Math.min(size, max));
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
      const fault = `it has ${length} bytes; the limit is ${this.#limit}`;
      return { number, fault, kind: "long" };
    }
    try {
      return { number, text: this.#decoder.decode(this.#buffer.subarray(0, length)) };
    } catch {
      return { number, fault: "it is not UTF-8", kind: "encoding" };
    }
  }
}
