// The entries of a room's stream. All state of a room follows from its entries, applied in one order (server/fold.ts).
// Pure: this file has the kinds, and encodes the bodies that are not frames.

import { concat } from "@std/bytes/concat";
import { toBase64Url, TOKEN_SIZE, tokenBytes } from "../protocol/resume.ts";

/** The kinds of entries. Each comment says what `member`, `number` and `bytes` are. */
export const Kind = {
  /** A connection reserves a member id. No member, no bytes. */
  SEAT: 1,
  /** The seat becomes a member: its id; `JoinBody`. */
  JOIN: 2,
  /** A member's MESSAGE to the room, or its PROFILE: its number; the frame. */
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
} as const;
export type Kind = typeof Kind[keyof typeof Kind];

/** One entry. */
export interface Entry {
  readonly kind: Kind;
  /** The member's connection, as its server numbers them. An entry of an earlier connection has no effect. */
  readonly connection: number;
  /** The member's id; 0 for SEAT. */
  readonly member: number;
  /** Counts the FRAME and DIRECT entries of a member, from 1; 0 for other kinds. */
  readonly number: number;
  /** The clock of the server that put it, in ms since 1970. */
  readonly time: number;
  /** The bytes MUST NOT be kept: they may change after the entry was applied. */
  readonly bytes: Uint8Array;
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

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, BigInt(value));
}

function readU64(bytes: Uint8Array, at: number): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at));
}
