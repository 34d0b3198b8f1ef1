// Reads input of limited size, and names what is wrong with it. It knows neither its meaning nor its source.

import { ChatError, messageOf } from "../errors.ts";

/** The first bytes of a file or stream, up to `most`. */
export function readAtMost(
  file: { readSync(bytes: Uint8Array): number | null },
  most: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(most);
  let length = 0;
  while (length < most) {
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** Throws what failed about stdin, which may be anything, even a folder. */
export function unreadable(cause: unknown, hint: string): never {
  throw new ChatError(`Cannot read the input: ${messageOf(cause)}`, {
    hint,
    cause,
  });
}
