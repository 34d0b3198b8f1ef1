// Writes a text to a stream, all of it, before it returns. Knows no terminal and no file: the stream is passed in.

/** A stream that takes bytes at once, such as `Deno.stdout`. */
export interface SyncWriter {
  /** Returns the number of bytes that it took: perhaps fewer than it was given. */
  writeSync(bytes: Uint8Array): number;
}

const utf8 = new TextEncoder();

export function writeAll(stream: SyncWriter, text: string): void {
  let rest = utf8.encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
