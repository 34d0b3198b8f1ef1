// Test helper: file data in one piece, as the program writes it in place. No part of the program.

import { concat } from "@std/bytes/concat";
import type { Cipher, Use } from "../../cipher.ts";
import {
  type Chunk,
  CHUNK_HEADER,
  MAX_DATA_SEALING,
  writeChunkHeader,
} from "../../protocol/file_messages.ts";

/** @throws {RangeError} if a value is out of its range */
export function encodeChunks(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  return concat(chunks.flatMap(({ id, offset, bytes }) => {
    const header = new Uint8Array(CHUNK_HEADER);
    writeChunkHeader(header, { id, offset, length: bytes.length });
    return [header, bytes];
  }));
}

/** Seals for any use. */
export function sealAs(
  cipher: Cipher,
  content: Uint8Array,
  use: Use,
  to?: number,
): Uint8Array<ArrayBuffer> {
  if (use !== "data") return cipher.seal(content, use, to);
  const into = new Uint8Array(content.length + MAX_DATA_SEALING);
  return into.slice(0, cipher.sealData(content, to ?? 0, into));
}
