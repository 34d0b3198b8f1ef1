// Messages between members about files: offers, requests, hashes, and how a transfer ended. Also the chunks that carry
// the bytes of files. Pure: bytes in, bytes out. The messages travel in envelopes of the kind `file`, so they are sealed
// and signed like all messages.
//
// FileMessages: refused (1) || file message...   As many as fit: many small files take few messages.
//
//   offer     O || id (16) || size (8) || length (2) || name in UTF-8
//   ask       Q || id (16) || generation (4) || offset (8)
//   resume    R || id (16) || generation (4) || offset (8) || sha256 (32)    of the bytes before the offset
//   hash      H || id (16) || sha256 (32)       from the sender: of the complete file
//   differs   N || id (16)                      from the sender: the file begins with other bytes than resume says
//   withdraw  W || id (16) || reason (1)        from the sender: the offer is over
//   decline   D || id (16) || reason (1)        from the receiver: it does not want the file, or no more of it
//   done      E || id (16)                      from the receiver: the file is complete and verified
//   again     L || id (16)                      from the sender: file data may be lost, and is to be asked for again
//
// The bytes of files travel in DATA, which has one or more chunks and no number before them. Chunks of a file come in
// order, from the offset that was asked for:
//
//   chunk     C || id (16) || offset (8) || length (4) || bytes

import { concat } from "@std/bytes/concat";
import { HEADER_SIZE } from "../protocol.ts";
import { DATA_OVERHEAD, dataCost } from "./data.ts";

/** Bytes of a transfer's id, which the sender draws at random. */
export const TRANSFER_ID_SIZE = 16;
/** Bytes of SHA-256. */
export const SHA256_SIZE = 32;
/**
 * Bytes of a file in one chunk: nearly the largest frame, because the work around each chunk costs more than its length,
 * and a multiple of the system's pages.
 */
export const MAX_PIECE = 252 * 1024;
/** A file of up to that many bytes comes in one chunk. */
export const MAX_WHOLE = 16 * 1024;
/** Bytes of UTF-8 in an offered name, with the folders before it. A receiver keeps thousands of offers. */
export const MAX_FILE_NAME = 1024;
/** File messages in one message: each may cause an event, so this bounds what one message can cause. */
export const MAX_FILE_MESSAGES = 256;
/** Bytes of file messages other than chunks in one message. */
export const MAX_CONTROL_BYTES = 16 * 1024;

const KIND = {
  offer: 0x4f,
  ask: 0x51,
  resume: 0x52,
  hash: 0x48,
  differs: 0x4e,
  chunk: 0x43,
  withdraw: 0x57,
  decline: 0x44,
  done: 0x45,
  again: 0x4c,
};
/** Of a withdrawal or a refusal. */
const ENDING_SIZE = 1 + TRANSFER_ID_SIZE + 1;
const DONE_SIZE = 1 + TRANSFER_ID_SIZE;
const ASK_SIZE = 1 + TRANSFER_ID_SIZE + 4 + 8;
const HASH_SIZE = 1 + TRANSFER_ID_SIZE + SHA256_SIZE;
const OFFER_SIZE = 1 + TRANSFER_ID_SIZE + 8 + 2;

/** Bytes before the data of a chunk. */
export const CHUNK_HEADER: number = 1 + TRANSFER_ID_SIZE + 8 + 4;
/** Bytes of chunks in one DATA frame, headers included. */
export const MAX_CHUNKS_SIZE: number = CHUNK_HEADER + MAX_PIECE;
/** Bytes that a cipher adds to file data, at most: a counter and a tag. */
export const MAX_DATA_SEALING = 8 + 16;

/** What a DATA frame with chunks takes of a grant at most, in bytes. */
export function chunksCost(size: number): number {
  return dataCost(DATA_OVERHEAD + MAX_DATA_SEALING + size);
}

/** What the rest of a file takes of a grant at most, in bytes, if its sender cuts no chunk below `MAX_WHOLE`. */
export function restCost(rest: number): number {
  if (rest === 0) return 0;
  const around = HEADER_SIZE + DATA_OVERHEAD + MAX_DATA_SEALING + CHUNK_HEADER;
  return rest + Math.ceil(rest / MAX_WHOLE) * around + dataCost(0);
}

/** Why a transfer ended early. The reason of a later version is read as `other`. */
export const REASONS = [
  "other",
  /** A user has cancelled it. */
  "cancelled",
  /** The file has changed since it was offered. */
  "changed",
  /** The receiver does not want it. */
  "declined",
  /** The receiver could not write it. */
  "disk",
  /** The received data does not match the hash. */
  "damaged",
  /** The file was removed since it was offered. */
  "removed",
  /** The sender can no longer read it. */
  "unreadable",
  /** The receiver has no space left. */
  "full",
] as const;
export type Reason = typeof REASONS[number];

/** A file that a member offers. */
export interface FileOffer {
  /** `TRANSFER_ID_SIZE` bytes. */
  readonly id: Uint8Array;
  /**
   * A path with `/` between its parts: a file has one part, a file of a folder more. It ends in `/` for an empty folder.
   * It may be any text: it MUST be made safe before it names a file or is shown.
   */
  readonly name: string;
  /** Bytes; 0 of a folder. */
  readonly size: number;
}

/** A receiver wants the bytes of a file from an offset on. */
export interface FileRequest {
  readonly id: Uint8Array;
  /** The generation of grants in which they are to be sent: see `Grant`. An ask is void in every other one. */
  readonly generation: number;
  readonly offset: number;
  /** The SHA-256 of the bytes before the offset, if an earlier offer's transfer has brought them. */
  readonly prefix?: Uint8Array;
}

/** A part of a file. It travels in DATA. */
export interface Chunk {
  readonly id: Uint8Array;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export type FileMessage =
  | { readonly kind: "offer" } & FileOffer
  | { readonly kind: "ask" } & FileRequest
  | { readonly kind: "hash"; readonly id: Uint8Array; readonly sha256: Uint8Array }
  | { readonly kind: "differs"; readonly id: Uint8Array }
  | { readonly kind: "withdraw"; readonly id: Uint8Array; readonly reason: Reason }
  | { readonly kind: "decline"; readonly id: Uint8Array; readonly reason: Reason }
  | { readonly kind: "done"; readonly id: Uint8Array }
  | { readonly kind: "again"; readonly id: Uint8Array };

export interface FileMessages {
  /**
   * How many messages of this kind, from this sender to this receiver, the server has refused since the last delivered
   * one, because the receiver had too much waiting; 255 means 255 or more. Their content is sent again, so the receiver
   * does not count them as missing.
   */
  readonly refused: number;
  readonly messages: readonly FileMessage[];
}

/** Whether an offer with this name is an empty folder: it has no data, and nothing of it is asked for. */
export function isFolder(name: string): boolean {
  return name.endsWith("/");
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of an encoded file message. */
export function fileMessageSize(fileMessage: FileMessage): number {
  switch (fileMessage.kind) {
    case "offer":
      return OFFER_SIZE + utf8.encode(fileMessage.name).length;
    case "ask":
      return ASK_SIZE + (fileMessage.prefix?.length ?? 0);
    case "hash":
      return HASH_SIZE;
    case "withdraw":
    case "decline":
      return ENDING_SIZE;
    case "differs":
    case "done":
    case "again":
      return DONE_SIZE;
  }
}

/**
 * Writes what comes before the data of a chunk: `CHUNK_HEADER` bytes at the start of `into`.
 *
 * @throws {RangeError} if a value is out of its range
 */
export function writeChunkHeader(
  into: Uint8Array,
  { id, offset, length }: { id: Uint8Array; offset: number; length: number },
): void {
  checkId(id);
  checkRange("write", offset, length);
  into[0] = KIND.chunk;
  into.set(id, 1);
  const view = new DataView(into.buffer, into.byteOffset + 1 + TRANSFER_ID_SIZE);
  view.setBigUint64(0, BigInt(offset));
  view.setUint32(8, length);
}

/**
 * Reads all chunks of one frame, or none. Their data are views of `bytes`.
 *
 * @throws {RangeError} if one is cut short, there are other file messages, or a value is out of its range
 */
export function decodeChunks(bytes: Uint8Array): Chunk[] {
  const reader = new Reader(bytes);
  const chunks: Chunk[] = [];
  while (reader.left > 0) {
    if (reader.take(1)[0] !== KIND.chunk) throw bad("read", "only parts of files may come in DATA");
    const id = reader.copy(TRANSFER_ID_SIZE);
    const [offset, length] = [reader.number(8), reader.number(4)];
    checkRange("read", offset, length);
    chunks.push({ id, offset, bytes: reader.take(length) });
  }
  return chunks;
}

/** @throws {RangeError} if a value is out of its range, or there are too many messages */
export function encodeFileMessages({ refused, messages }: FileMessages): Uint8Array<ArrayBuffer> {
  if (messages.length > MAX_FILE_MESSAGES) throw tooMany("write");
  return concat([Uint8Array.of(Math.min(255, refused)), ...messages.flatMap(encodeFileMessage)]);
}

function encodeFileMessage(fileMessage: FileMessage): Uint8Array[] {
  const { kind, id } = fileMessage;
  checkId(id);
  const code = kind === "ask" && fileMessage.prefix ? KIND.resume : KIND[kind];
  const start = concat([Uint8Array.of(code), id]);
  switch (kind) {
    case "offer": {
      const name = utf8.encode(fileMessage.name);
      checkOffer("write", fileMessage.size, name.length);
      checkFolder("write", fileMessage.name, fileMessage.size);
      return [start, number64(fileMessage.size), number16(name.length), name];
    }
    case "ask": {
      const { generation, offset, prefix } = fileMessage;
      checkOffset("write", offset);
      const ask = [start, number32(generation), number64(offset)];
      return prefix ? [...ask, checkHash(prefix)] : ask;
    }
    case "hash":
      return [start, checkHash(fileMessage.sha256)];
    case "withdraw":
    case "decline":
      return [start, Uint8Array.of(REASONS.indexOf(fileMessage.reason))];
    case "differs":
    case "done":
    case "again":
      return [start];
  }
}

/**
 * Reads all file messages of one message, or none.
 *
 * @throws {RangeError} if one is cut short, of an unknown kind, or has a value out of its range, or there are too many
 */
export function decodeFileMessages(bytes: Uint8Array): FileMessages {
  const reader = new Reader(bytes);
  const refused = reader.take(1)[0]!;
  const messages: FileMessage[] = [];
  while (reader.left > 0) {
    if (messages.length === MAX_FILE_MESSAGES) throw tooMany("read");
    messages.push(decodeFileMessage(reader));
  }
  return { refused, messages };
}

function decodeFileMessage(reader: Reader): FileMessage {
  const kind = reader.take(1)[0]!;
  const id = reader.copy(TRANSFER_ID_SIZE);
  switch (kind) {
    case KIND.offer: {
      const size = reader.number(8);
      const length = reader.number(2);
      checkOffer("read", size, length);
      const name = decodeName(reader.take(length));
      checkFolder("read", name, size);
      return { kind: "offer", id, size, name };
    }
    case KIND.ask:
    case KIND.resume: {
      const [generation, offset] = [reader.number(4), reader.number(8)];
      checkOffset("read", offset);
      if (kind === KIND.ask) return { kind: "ask", id, generation, offset };
      return { kind: "ask", id, generation, offset, prefix: reader.copy(SHA256_SIZE) };
    }
    case KIND.hash:
      return { kind: "hash", id, sha256: reader.copy(SHA256_SIZE) };
    case KIND.differs:
      return { kind: "differs", id };
    case KIND.chunk:
      throw bad("read", "a part of a file may only come in DATA");
    case KIND.withdraw:
    case KIND.decline: {
      const reason = REASONS[reader.take(1)[0]!] ?? "other";
      return kind === KIND.withdraw
        ? { kind: "withdraw", id, reason }
        : { kind: "decline", id, reason };
    }
    case KIND.done:
      return { kind: "done", id };
    case KIND.again:
      return { kind: "again", id };
    default:
      throw bad("read", "it is of an unknown kind, perhaps of a later version");
  }
}

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError("Cannot read a file message: its name is not UTF-8", { cause });
  }
}

/** Reads numbers and bytes in order. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw bad("read", "it is cut short");
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  /** A copy, for what is kept longer than the message. */
  copy(length: number): Uint8Array {
    return new Uint8Array(this.take(length));
  }

  /** Of up to eight bytes, big-endian. One too large to be exact is also too large for every range. */
  number(size: number): number {
    return this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }
}

function checkOffer(action: string, size: number, nameLength: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw bad(action, `a size is ${size}`);
  if (nameLength > MAX_FILE_NAME) {
    throw bad(action, `a name has ${nameLength} bytes, it may have ${MAX_FILE_NAME}`);
  }
}

function checkFolder(action: string, name: string, size: number): void {
  if (isFolder(name) && size !== 0) throw bad(action, `a folder has ${size} bytes`);
}

function checkRange(action: string, offset: number, length: number): void {
  if (!Number.isInteger(length) || length < 1 || length > MAX_PIECE) {
    throw bad(action, `a part has ${length} bytes, it may have 1 to ${MAX_PIECE}`);
  }
  checkOffset(action, offset);
  if (!Number.isSafeInteger(offset + length)) throw bad(action, `a part is at ${offset}`);
}

function checkOffset(action: string, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) throw bad(action, `a part is at ${offset}`);
}

function checkId(id: Uint8Array): void {
  if (id.length !== TRANSFER_ID_SIZE) throw bad("write", `an id has ${id.length} bytes`);
}

function checkHash(hash: Uint8Array): Uint8Array {
  if (hash.length !== SHA256_SIZE) throw bad("write", `a hash has ${hash.length} bytes`);
  return hash;
}

function tooMany(action: string): RangeError {
  return bad(action, `more than ${MAX_FILE_MESSAGES} came together`);
}

function bad(action: string, fault: string): RangeError {
  return new RangeError(`Cannot ${action} a file message: ${fault}`);
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function number32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function number16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value);
  return bytes;
}
