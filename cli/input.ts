// TODO: say what this is.

import { ChatError, messageOf } from "../errors.ts";

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

/** Stdin may be anything, a folder too. */
export function unreadable(cause: unknown): never {
  const message = messageOf(cause);
  throw new ChatError(`Cannot read the input: ${message}`, { cause });
}
