// The entries of a transcript from its end to its beginning, in pieces. Pure: the caller passes in what reads bytes.

/** Bytes that are read at once: an entry for each 64 of them is decoded in about a millisecond. */
const PIECE = 64 * 1024;
/** A longer entry is returned in parts, in bytes; no message is as long. */
const MAX_ENTRY = 1024 * 1024;
const NEWLINE = 0x0a;
const SPACE = 0x20;

/** Reads bytes of a file from a position on, until the buffer is full or the file ends; returns how many. */
export type ReadAt = (position: number, buffer: Uint8Array) => Promise<number>;

/**
 * The entries before `end`, the newest first, without their last line break. An entry begins with a line that is not
 * indented.
 */
export async function* entriesBackwards(end: number, read: ReadAt): AsyncGenerator<string[]> {
  // The beginning of what has been read: the entry that it belongs to begins before it.
  let rest = new Uint8Array(0);
  for (let position = end; position > 0;) {
    const size = Math.min(PIECE, position);
    position -= size;
    const bytes = new Uint8Array(size + rest.length);
    const got = await read(position, bytes.subarray(0, size));
    // Somebody has cut the file.
    if (got < size) bytes.copyWithin(got, size);
    const found = bytes.subarray(0, got + rest.length);
    bytes.set(rest, got);
    const start = position === 0 || found.length > MAX_ENTRY ? 0 : firstEntry(found);
    rest = found.slice(0, start);
    const text = new TextDecoder().decode(found.subarray(start));
    const entries = text.split(/\r?\n(?! )/);
    yield entries.filter((entry) => entry !== "").reverse();
  }
}

/** Where the first entry begins that follows a line break; the end if there is none. */
function firstEntry(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) {
    if (at + 1 === bytes.length || bytes[at + 1] !== SPACE) return at + 1;
  }
  return bytes.length;
}
