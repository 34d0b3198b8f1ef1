// The entries of a room's stream. All state of a room follows from its entries, applied in one order (server/fold.ts).
// Pure: this file has the kinds, and encodes the bodies that are not frames.

import { concat } from "@std/bytes/concat";
import { readU64, writeU32, writeU64 } from "../protocol.ts";
import type { Act, OperatorAct } from "../protocol/moderation.ts";
import { toBase64Url, TOKEN_SIZE, tokenBytes } from "../protocol/resume.ts";

/** The kinds of entries. Each comment says what `member`, `number` and `bytes` are. */
export const Kind = {
  /** A connection reserves a member id. No member, no bytes. */
  SEAT: 1,
  /** The seat becomes a member: its id; `JoinBody`. */
  JOIN: 2,
  /** A member's MESSAGE to the room, its PROFILE or a TOPIC: its number; the frame. */
  FRAME: 3,
  /** A member's direct MESSAGE: its number; the frame, with the receiver's id. */
  DIRECT: 4,
  /** A member has its own log up to a position: `HaveBody`. */
  HAVE: 5,
  /** A member has lost its connection for some time. No bytes. */
  AWAY: 6,
  /** A member has a new connection, `connection`: `ResumeBody`. */
  RESUME: 7,
  /** A member can resume with one more token: `SessionBody`. */
  SESSION: 8,
  /** A member, or a seat, leaves: one byte, a reason of `Left`. */
  LEAVE: 9,
  /** The limits that change results: `Sizes`. No member. */
  CONFIG: 10,
  /** The room's log need not be kept before a position: u64. No member. */
  TRIM: 11,
  /** A moderator's MODERATE, with its number; or without a member what the operator has done: `OrderBody`. */
  MODERATE: 12,
} as const;
export type Kind = typeof Kind[keyof typeof Kind];

const KINDS: ReadonlySet<number> = new Set(Object.values(Kind));

/** Whether this version knows a kind. Without an entry of another one, the state would be a wrong one. */
export function isKind(kind: number): kind is Kind {
  return KINDS.has(kind);
}

/** One entry. */
export interface Entry {
  readonly kind: Kind;
  /** The member's connection, as its server numbers them. An entry of an earlier connection has no effect. */
  readonly connection: number;
  /** The member's id; 0 for SEAT. */
  readonly member: number;
  /** Counts the FRAME, DIRECT and MODERATE entries of a member, from 1, modulo 2^32; 0 for other kinds. */
  readonly number: number;
  /** The clock of the server that put it, in ms since 1970. */
  readonly time: number;
  /** The bytes MUST NOT be kept: they may change after the entry was applied. */
  readonly bytes: Uint8Array;
}

/** The limits that change what entries do. */
export interface Sizes {
  /** Bytes of the room's log. */
  readonly logSize: number;
  /** Bytes that may wait for one member in its own log. */
  readonly ownSize: number;
  /** Bytes of all own logs together; how much the senders of one network may fill: see `OwnSpace`. */
  readonly ownTotal: number;
}

export interface JoinBody {
  /** The network that the member comes from. */
  readonly network: string;
  /** It cannot receive direct messages. */
  readonly noDirect: boolean;
  /** The sealed profile. */
  readonly profile: Uint8Array;
}

export interface HaveBody {
  readonly position: number;
  /** Its client has confirmed this, and WELCOME with it. Not so: its server has seen it on its way. */
  readonly isConfirmed: boolean;
}

export interface ResumeBody {
  /** The token that its client has used. */
  readonly token: string;
  /** The positions in the two logs from which it continues. */
  readonly room: number;
  readonly own: number;
  readonly network: string;
}

export interface SessionBody {
  readonly token: string;
  /** The key that client and server share; empty in rooms without a code. */
  readonly key: Uint8Array;
}

/** What a moderator or the operator asks for. */
export interface OrderBody {
  /** The key of the moderator, as people write it; its signature was valid. undefined: the operator, or it was not. */
  readonly key: string | undefined;
  /** The network of the member that it is about is one person's: see `isBannable`. */
  readonly isBannable: boolean;
  /** undefined: nothing that could be done. */
  readonly act: Act | OperatorAct | undefined;
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * noDirect (1) || size of network (1) || network || profile
 *
 * @throws {RangeError} if the network has more than 255 bytes
 */
export function encodeJoin({ network, noDirect, profile }: JoinBody): Uint8Array<ArrayBuffer> {
  const text = utf8.encode(network);
  if (text.length > 255) {
    throw new RangeError(`Cannot encode JOIN: its network has ${text.length} bytes`);
  }
  return concat([Uint8Array.of(noDirect ? 1 : 0, text.length), text, profile]);
}

export function parseJoin(bytes: Uint8Array): JoinBody {
  const start = 2 + bytes[1]!;
  return {
    noDirect: bytes[0] === 1,
    network: utf8Strict.decode(bytes.subarray(2, start)),
    profile: bytes.subarray(start),
  };
}

/** isConfirmed (1) || position (8) */
export function encodeHaveBody({ position, isConfirmed }: HaveBody): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(9);
  bytes[0] = isConfirmed ? 1 : 0;
  writeU64(bytes, 1, position);
  return bytes;
}

export function parseHaveBody(bytes: Uint8Array): HaveBody {
  return { isConfirmed: bytes[0] === 1, position: readU64(bytes, 1) };
}

/** token (16) || room (8) || own (8) || network */
export function encodeResumeBody(
  { token, room, own, network }: ResumeBody,
): Uint8Array<ArrayBuffer> {
  const text = utf8.encode(network);
  const bytes = new Uint8Array(TOKEN_SIZE + 16 + text.length);
  bytes.set(tokenBytes("token", token));
  writeU64(bytes, TOKEN_SIZE, room);
  writeU64(bytes, TOKEN_SIZE + 8, own);
  bytes.set(text, TOKEN_SIZE + 16);
  return bytes;
}

export function parseResumeBody(bytes: Uint8Array): ResumeBody {
  return {
    token: toBase64Url(bytes.subarray(0, TOKEN_SIZE)),
    room: readU64(bytes, TOKEN_SIZE),
    own: readU64(bytes, TOKEN_SIZE + 8),
    network: utf8Strict.decode(bytes.subarray(TOKEN_SIZE + 16)),
  };
}

/** token (16) || key */
export function encodeSession({ token, key }: SessionBody): Uint8Array<ArrayBuffer> {
  return concat([tokenBytes("token", token), key]);
}

export function parseSession(bytes: Uint8Array): SessionBody {
  return { token: toBase64Url(bytes.subarray(0, TOKEN_SIZE)), key: bytes.slice(TOKEN_SIZE) };
}

/** logSize (8) || ownSize (8) || ownTotal (8) */
export function encodeSizes({ logSize, ownSize, ownTotal }: Sizes): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(24);
  for (const [i, size] of [logSize, ownSize, ownTotal].entries()) writeU64(bytes, 8 * i, size);
  return bytes;
}

export function parseSizes(bytes: Uint8Array): Sizes {
  return { logSize: readU64(bytes, 0), ownSize: readU64(bytes, 8), ownTotal: readU64(bytes, 16) };
}

/** position (8) */
export function encodeTrim(position: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, position);
  return bytes;
}

export function parseTrim(bytes: Uint8Array): number {
  return readU64(bytes, 0);
}

/** isBannable (1) || size of key (1) || key || JSON, or nothing */
export function encodeOrder({ key = "", isBannable, act }: OrderBody): Uint8Array<ArrayBuffer> {
  const json = act ? utf8.encode(JSON.stringify(act)) : new Uint8Array(0);
  return concat([Uint8Array.of(isBannable ? 1 : 0, key.length), utf8.encode(key), json]);
}

export function parseOrder(bytes: Uint8Array): OrderBody {
  const start = 2 + bytes[1]!;
  const json = bytes.subarray(start);
  return {
    isBannable: bytes[0] === 1,
    key: start === 2 ? undefined : utf8Strict.decode(bytes.subarray(2, start)),
    act: json.length === 0 ? undefined : JSON.parse(utf8Strict.decode(json)),
  };
}

/** Bytes of an encoded entry before its own: kind (1), server, connection, member, number (4 each), time (6), length (4). */
export const ENTRY_HEADER = 27;

/** Writes an entry at `at`; returns where it ends. `server` is 0: a room has one server. */
export function writeEntry(entry: Entry, into: Uint8Array, at: number): number {
  const { kind, connection, member, number, time, bytes } = entry;
  // Byte by byte: a view for each entry would be garbage, in the busiest path of the server.
  into[at] = kind;
  writeU32(into, at + 1, 0);
  writeU32(into, at + 5, connection);
  writeU32(into, at + 9, member);
  writeU32(into, at + 13, number);
  const high = Math.floor(time / 2 ** 32);
  into[at + 17] = high >>> 8;
  into[at + 18] = high;
  writeU32(into, at + 19, time);
  writeU32(into, at + 23, bytes.length);
  into.set(bytes, at + ENTRY_HEADER);
  return at + ENTRY_HEADER + bytes.length;
}

/** The size of the encoded entry that begins here; undefined if its header is not complete. */
export function entrySize(bytes: Uint8Array): number | undefined {
  if (bytes.length < ENTRY_HEADER) return undefined;
  return ENTRY_HEADER + new DataView(bytes.buffer, bytes.byteOffset).getUint32(23);
}

/** Reads one encoded entry. Its bytes are a part of the given ones. */
export function parseEntry(encoded: Uint8Array): Entry {
  const view = new DataView(encoded.buffer, encoded.byteOffset, ENTRY_HEADER);
  return {
    kind: view.getUint8(0) as Kind,
    connection: view.getUint32(5),
    member: view.getUint32(9),
    number: view.getUint32(13),
    time: view.getUint16(17) * 2 ** 32 + view.getUint32(19),
    bytes: encoded.subarray(ENTRY_HEADER),
  };
}
