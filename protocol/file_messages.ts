// What members say to each other about files: what is offered, asked for, sent, and how it ended. Pure bytes; an
// envelope of the kind `file` holds them, so they are sealed and signed like all that is said.
//
// FileMessages: refused (1) || parcel...   One message has as many as fit: many small files take few messages.
//
//   offer     O || id (16) || size (8) || sha256 (32) || length (2) || name in UTF-8
//   ask       Q || id (16) || offset (8) || length (4)
//   chunk     C || id (16) || offset (8) || length (4) || bytes
//   withdraw  W || id (16) || reason (1)        who offers: there is nothing more to ask for
//   decline   D || id (16) || reason (1)        who was offered it: asks for nothing more
//   done      E || id (16)                      who was offered it: has it, whole and checked

import { concat } from "@std/bytes/concat";

/** Bytes of a transfer's id: drawn at random by who offers. */
export const TRANSFER_ID_SIZE = 16;
/** Bytes of SHA-256. */
export const SHA256_SIZE = 32;
/**
 * The most bytes of a file in one chunk: a quarter of the largest frame, so that what is said is never behind
 * more than that, and enough that the parts around it cost nothing.
 */
export const MAX_PIECE = 64 * 1024;
/** Bytes of UTF-8 in a name that is offered: what file systems take, and some more for those that take more. */
export const MAX_FILE_NAME = 1024;
/** The most of what is no chunk in one message. */
export const MAX_CONTROL_BYTES = 16 * 1024;

const KIND = { offer: 0x4f, ask: 0x51, chunk: 0x43, withdraw: 0x57, decline: 0x44, done: 0x45 };
/** Of the parcels that end at once: kind, id and a reason. */
const ENDING_SIZE = 1 + TRANSFER_ID_SIZE + 1;
const DONE_SIZE = 1 + TRANSFER_ID_SIZE;
const RANGE_SIZE = 1 + TRANSFER_ID_SIZE + 8 + 4;
const OFFER_SIZE = 1 + TRANSFER_ID_SIZE + 8 + SHA256_SIZE + 2;

/** Bytes around what one chunk holds, in a message of its own. */
export const CHUNK_OVERHEAD: number = 1 + RANGE_SIZE;

/** Why a transfer has ended before its time. A later version's reason is told as `other`. */
export const REASONS = [
  "other",
  /** Somebody wanted it so. */
  "cancelled",
  /** The file has changed since it was offered, or has gone. */
  "changed",
  /** Who was offered it does not want it. */
  "declined",
  /** It could not be written. */
  "disk",
  /** What came was not what was offered. */
  "damaged",
] as const;
export type Reason = typeof REASONS[number];

/** A file that somebody offers. */
export interface FileOffer {
  /** `TRANSFER_ID_SIZE` bytes. */
  readonly id: Uint8Array;
  /** May hold anything, also in a path's sense: it MUST be made safe before a file is called so, or it is shown. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Uint8Array;
}

/** A part of a file. */
export interface ByteRange {
  readonly id: Uint8Array;
  readonly offset: number;
  /** From 1 to `MAX_PIECE`. */
  readonly length: number;
}

export type FileMessage =
  | { readonly kind: "offer" } & FileOffer
  | { readonly kind: "ask" } & ByteRange
  | { readonly kind: "chunk"; readonly bytes: Uint8Array } & Omit<ByteRange, "length">
  | { readonly kind: "withdraw"; readonly id: Uint8Array; readonly reason: Reason }
  | { readonly kind: "decline"; readonly id: Uint8Array; readonly reason: Reason }
  | { readonly kind: "done"; readonly id: Uint8Array };

export interface FileMessages {
  /**
   * How many messages of this kind, from this sender to this receiver, were refused since the last one that came,
   * because the receiver had too much waiting; 255 stands for more. Nothing is missing with them: what they
   * had comes again.
   */
  readonly refused: number;
  readonly messages: readonly FileMessage[];
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How many bytes a fileMessage takes. */
export function fileMessageSize(fileMessage: FileMessage): number {
  switch (fileMessage.kind) {
    case "offer":
      return OFFER_SIZE + utf8.encode(fileMessage.name).length;
    case "ask":
      return RANGE_SIZE;
    case "chunk":
      return RANGE_SIZE + fileMessage.bytes.length;
    case "withdraw":
    case "decline":
      return ENDING_SIZE;
    case "done":
      return DONE_SIZE;
  }
}

/** @throws {RangeError} if something in them is out of its range */
export function encodeFileMessages({ refused, messages }: FileMessages): Uint8Array<ArrayBuffer> {
  return concat([Uint8Array.of(Math.min(255, refused)), ...messages.flatMap(encodeFileMessage)]);
}

function encodeFileMessage(fileMessage: FileMessage): Uint8Array[] {
  const { kind, id } = fileMessage;
  if (id.length !== TRANSFER_ID_SIZE) throw bad("write", `an id has ${id.length} bytes`);
  const start = concat([Uint8Array.of(KIND[kind]), id]);
  switch (kind) {
    case "offer": {
      const name = utf8.encode(fileMessage.name);
      checkOffer("write", fileMessage.size, name.length);
      if (fileMessage.sha256.length !== SHA256_SIZE) {
        throw bad("write", "a hash has another length");
      }
      return [start, number64(fileMessage.size), fileMessage.sha256, number16(name.length), name];
    }
    case "ask":
      checkRange("write", fileMessage.offset, fileMessage.length);
      return [start, number64(fileMessage.offset), number32(fileMessage.length)];
    case "chunk":
      checkRange("write", fileMessage.offset, fileMessage.bytes.length);
      return [
        start,
        number64(fileMessage.offset),
        number32(fileMessage.bytes.length),
        fileMessage.bytes,
      ];
    case "withdraw":
    case "decline":
      return [start, Uint8Array.of(REASONS.indexOf(fileMessage.reason))];
    case "done":
      return [start];
  }
}

/**
 * Reads what somebody has sent: all of it, or nothing. The bytes of chunks are views.
 *
 * @throws {RangeError} if it is cut short, or something in it is out of its range
 */
export function decodeFileMessages(bytes: Uint8Array): FileMessages {
  const reader = new Reader(bytes);
  const refused = reader.take(1)[0]!;
  const messages: FileMessage[] = [];
  while (reader.left > 0) messages.push(decodeFileMessage(reader));
  return { refused, messages };
}

function decodeFileMessage(reader: Reader): FileMessage {
  const kind = reader.take(1)[0]!;
  // A copy: it is kept for longer than the bytes.
  const id = new Uint8Array(reader.take(TRANSFER_ID_SIZE));
  switch (kind) {
    case KIND.offer: {
      const size = reader.number(8);
      const sha256 = new Uint8Array(reader.take(SHA256_SIZE));
      const length = reader.number(2);
      checkOffer("read", size, length);
      return { kind: "offer", id, size, sha256, name: decodeName(reader.take(length)) };
    }
    case KIND.ask: {
      const [offset, length] = [reader.number(8), reader.number(4)];
      checkRange("read", offset, length);
      return { kind: "ask", id, offset, length };
    }
    case KIND.chunk: {
      const [offset, length] = [reader.number(8), reader.number(4)];
      checkRange("read", offset, length);
      return { kind: "chunk", id, offset, bytes: reader.take(length) };
    }
    case KIND.withdraw:
    case KIND.decline: {
      const reason = REASONS[reader.take(1)[0]!] ?? "other";
      return kind === KIND.withdraw
        ? { kind: "withdraw", id, reason }
        : { kind: "decline", id, reason };
    }
    case KIND.done:
      return { kind: "done", id };
    default:
      throw bad("read", "it is of a kind that a later version knows");
  }
}

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError("Cannot read about a file: its name is not UTF-8", { cause });
  }
}

/** Reads numbers and bytes one after the other. */
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

  /** Of up to eight bytes, big-endian; too large to be exact is out of every range, and stays so. */
  number(size: number): number {
    return this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }
}

function checkOffer(action: string, size: number, nameLength: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw bad(action, `a size is ${size}`);
  if (nameLength > MAX_FILE_NAME) {
    throw bad(action, `a name has ${nameLength} bytes, at most ${MAX_FILE_NAME} are taken`);
  }
}

function checkRange(action: string, offset: number, length: number): void {
  if (!Number.isInteger(length) || length < 1 || length > MAX_PIECE) {
    throw bad(action, `a part has ${length} bytes, it may have 1 to ${MAX_PIECE}`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(offset + length)) {
    throw bad(action, `a part is at ${offset}`);
  }
}

function bad(action: string, fault: string): RangeError {
  return new RangeError(`Cannot ${action} about a file: ${fault}`);
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
