// TODO: say what this is.

import {
  type FileMessage,
  MAX_FILE_NAME,
  MAX_PIECE,
  SHA256_SIZE,
} from "../protocol/file_messages.ts";

/** Bytes of offers in one message: of a folder with thousands of files it takes a few. */
export const MAX_OFFERED = 64 * 1024;
/** Of a file that has not been read. */
export const NO_HASH = new Uint8Array(SHA256_SIZE);
/** Offers to the room that somebody is told of who comes later: the newest. */
export const MAX_RETOLD = 100;
/** Files that are held open to be sent: more are opened anew when somebody asks. */
export const MAX_OPEN = 32;
/** Bytes that are read ahead of what goes out. */
export const READ_AHEAD = 2 * MAX_PIECE;

/** What is ready to go out. */
export interface Ready {
  readonly to: number;
  readonly chunks: (FileMessage & { kind: "chunk" })[];
  readonly bytes: number;
}

/** A name that fits into an offer: its end tells more than its beginning. */
export function shortened(name: string): string {
  let short = name;
  while (new TextEncoder().encode(short).length > MAX_FILE_NAME) short = short.slice(1);
  return short;
}
