// The wire: frames, their types and limits, the incremental decoder, and the binary bodies. `protocol/json_frames.ts`
// has the JSON bodies. Pure: bytes in, bytes out; it knows no socket, no cipher and no room.
// `docs/protocol.md` describes the same in prose.

import { ProtocolError } from "./errors.ts";
import type { BufferPool } from "./protocol/buffer_pool.ts";

/** The version of the protocol, as in the preface, GREETING and HELLO. */
export const VERSION = 1;

/** A client's first bytes. They are text, so that a server of another protocol answers with a readable error. */
export const PREFACE: Uint8Array = new TextEncoder().encode(`chat/${VERSION}\n`);

/** 2428 is CHAT on a phone's keypad. */
export const DEFAULT_PORT = 2428;

// A frame: length (4) || type (1) || id (4) || body; big-endian; length counts the bytes after it.

/** Bytes of the length field. */
export const LENGTH_SIZE = 4;
/** Bytes of type and id: the smallest valid `length`. */
export const TYPE_AND_ID_SIZE = 1 + 4;
/** Bytes before a body. */
export const HEADER_SIZE: number = LENGTH_SIZE + TYPE_AND_ID_SIZE;
/** Offset of the id. A server overwrites the id in place, and nothing else in a frame that it relays. */
export const ID_OFFSET = LENGTH_SIZE + 1;

/** Maximum `length` of a member's frame: bounds the memory that a message costs each receiver. */
export const MAX_FRAME = 256 * 1024;
/** Maximum `length` before admission: bounds the memory that an unadmitted connection costs. HELLO needs less. */
export const MAX_FRAME_BEFORE_ADMISSION = 8 * 1024;
/** Maximum bytes of a body in a member's frame. */
export const MAX_BODY: number = MAX_FRAME - TYPE_AND_ID_SIZE;
/** Maximum bytes of a sealed profile. The server keeps one for each member and sends them all to each new member. */
export const MAX_PROFILE = 1024;
/** Time limit of the handshake, on both sides, in ms. */
export const HANDSHAKE_MS = 10_000;

/** The frame types. Each comment names the sender, the meaning of the id, and the body. */
export const Type = {
  /** Server, first; id 0. JSON: `Greeting`. */
  GREETING: 1,
  /** Client, once; id 0. JSON: `Hello`. */
  HELLO: 2,
  /** Server, once, after the client's own JOINED, or after a resumption; the member's own id. JSON: `Welcome`. */
  WELCOME: 3,
  /** Client: id 0 for the room, or the id of one member. Server: the sender's id; to the room. An envelope. */
  MESSAGE: 4,
  /** Server: the sender's id; to this member only. An envelope. */
  DIRECT: 5,
  /**
   * Server: the receiver's id. The outcome of this client's direct message: `Ack`. With id 0 the outcome of another frame:
   * of a MODERATE, or of a MESSAGE to the room, PROFILE or TOPIC that was refused. `count` is its number then, among
   * those that WELCOME counts in `accepted`.
   */
  ACK: 6,
  /**
   * Client: id 0, its profile; the first one, after SEAT, makes it a member. Server: the id of a member with a new
   * profile. A sealed profile, or nothing: then the member is known by its id alone.
   */
  PROFILE: 7,
  /** Server: the id of a member that joined. A sealed profile. */
  JOINED: 8,
  /** Server: the id of a member that left. One byte: the reason, one of `Left`. */
  LEFT: 9,
  /** Server: the id of a member that joined before this one. A sealed profile. */
  MEMBER: 10,
  /** Both; id 0, no body. Requests a PONG. */
  PING: 11,
  /** Both; id 0, no body. */
  PONG: 12,
  /** Client: it leaves. Server: it shuts down. Id 0, no body; the connection ends. */
  BYE: 13,
  /** Both; id 0. JSON: `ErrorBody`; the connection ends. */
  ERROR: 14,
  /** Sealed rooms, before HELLO; id 0. JSON: `Login`, one from the client and the server's answer. */
  LOGIN: 15,
  /** Client; id 0. The position in its own log up to which it has received: 8 bytes. The first makes its session resumable. */
  HAVE: 16,
  /** Server: the id of a member whose connection was lost or is back. One byte: one of `Away`; if AWAY, since when. */
  AWAY: 17,
  /** Server; id 0. JSON: `ErrorBody`: the error that will end the connection unless the client reacts. */
  WARNING: 18,
  /** Server, before the client's first PROFILE; the id that is reserved for this client. JSON: `SeatBody`. */
  SEAT: 19,
  /**
   * Client: the id of a member that may send file data to this one. Server: the id of the member that it may be sent to.
   * How much: `Grant`.
   */
  GRANT: 20,
  /** Client: the receiver's id. Server: the sender's id. File data: a generation, and what the sender has sealed. */
  DATA: 21,
  /** Client; id 0. What a moderator asks of the server, signed: `Moderate` of protocol/moderation.ts. Answered by ACK. */
  MODERATE: 22,
  /**
   * Server: the id of the moderator, 0 for the operator; to the room. JSON: `Notice` of protocol/moderation.ts. The
   * server can read it.
   */
  NOTICE: 23,
  /**
   * Client: id 0, the room's topic. Server: the id of the member that set it; to the room. A sealed topic. To a new member,
   * before its own JOINED: `GivenTopic` of protocol/topic.ts.
   */
  TOPIC: 24,
  /** Server: the receiver's id; to this moderator only. JSON: all bans. */
  BANS: 25,
} as const;

const TYPES: ReadonlySet<number> = new Set(Object.values(Type));

/** Reasons in LEFT. */
export const Left = {
  /** It sent BYE. */
  BYE: 0,
  /** Its connection ended without BYE. */
  LOST: 1,
  /** It read more slowly than the room's log grew, and fell behind the log's start. */
  SLOW: 2,
  /** It broke the protocol. */
  REFUSED: 3,
  /** A moderator or the operator has removed it. */
  REMOVED: 4,
} as const;

/** States in AWAY. */
export const Away = {
  /** It is connected again. */
  BACK: 0,
  /** Its connection was lost; it may resume. The time follows: 8 bytes, in ms since 1970, by the server's clock. */
  AWAY: 1,
} as const;

/** Outcomes in ACK. */
export const AckOutcome = {
  /** The message is in the receiver's own log. */
  ACCEPTED: 0,
  /** The receiver's own log is full, or the space for those of all members: try again later. */
  BUSY: 1,
  /** No member has this id, or not any more; no ban has this number. */
  GONE: 2,
  /**
   * The room does not take it from this member: it is silenced, the room is read-only, or it is no moderator. Or the
   * signature of MODERATE is not valid here.
   */
  REFUSED: 3,
} as const;

/** The codes of ERROR. A client MUST branch on the code, not on the message. */
export const ERROR_CODES = [
  /** The other side speaks another version of the protocol. */
  "version",
  /** The bytes are of another protocol. */
  "not-chat",
  /** A frame's length exceeds the limit. */
  "too-large",
  /** A body does not have the form of its type. */
  "malformed",
  /** A frame of this type is not allowed now, or not from this side. */
  "unexpected",
  /** The handshake took too long. */
  "timeout",
  /** The member is further behind than the server allows, or behind the start of the log. */
  "slow",
  /** The room accepts no more members. */
  "full",
  /** The code is wrong. */
  "code",
  /** Too many failed tries to join, also unfinished ones: try later. */
  "wait",
  /** The session to resume does not exist any more: join again. */
  "gone",
  /** The member has exceeded its budget for too long. */
  "flood",
  /** A moderator or the operator has removed this member, or banned its network. */
  "removed",
  /** The room takes no newcomers now. */
  "locked",
  /** The operator has closed the room for good: if it opens again, it has a new code. */
  "closed",
  /** Only in WARNING: the server can no longer keep messages on its disk, or can again. */
  "disk",
] as const;
export type ErrorCode = typeof ERROR_CODES[number];

/** One frame. `body` and `bytes` are views; their source defines how long they are valid. */
export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The complete frame, header included. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** ACK's body. */
export interface Ack {
  /**
   * The number of this client's direct messages that the server has answered, this one included. With id 0 the number of
   * the frame that is answered.
   */
  readonly count: number;
  readonly outcome: number;
}

/** The last millisecond since 1970 that a `Date` can hold. */
export const MAX_TIME = 8_640_000_000_000_000;

const NOTHING = new Uint8Array(0);

/**
 * Encodes one frame, in one allocation.
 *
 * @throws {RangeError} if the body is larger than `MAX_BODY`, or the id is not a u32
 *
 * @example
 * ```ts
 * encodeFrame(Type.PING, 0); // 00 00 00 05  0b  00 00 00 00
 * ```
 */
export function encodeFrame(
  type: number,
  id: number,
  body: Uint8Array = NOTHING,
): Uint8Array<ArrayBuffer> {
  if (body.length > MAX_BODY) {
    throw new RangeError(
      `Cannot encode a frame: its body has ${body.length} bytes, over ${MAX_BODY}`,
    );
  }
  if (!isU32(id)) throw new RangeError(`Cannot encode a frame: its id is ${id}`);
  const frame = new Uint8Array(HEADER_SIZE + body.length);
  writeHeader(frame, type, id, body.length);
  frame.set(body, HEADER_SIZE);
  return frame;
}

/**
 * Writes the `HEADER_SIZE` bytes before a body at the start of `into`.
 *
 * @param size bytes of the body
 */
export function writeHeader(into: Uint8Array, type: number, id: number, size: number): void {
  writeU32(into, 0, TYPE_AND_ID_SIZE + size);
  readdress(into, type, id);
}

/** The size in bytes, header included, of the frame at the start of `bytes`. */
export function frameSize(bytes: Uint8Array): number {
  return LENGTH_SIZE + readU32(bytes, 0);
}

/** The complete frame at the start of `bytes`, as views. For bytes of our own logs: it checks nothing. */
export function frameAt(bytes: Uint8Array<ArrayBuffer>): Frame {
  const frame = bytes.subarray(0, frameSize(bytes));
  return {
    type: frame[LENGTH_SIZE]!,
    id: readU32(frame, ID_OFFSET),
    body: frame.subarray(HEADER_SIZE),
    bytes: frame,
  };
}

/** Overwrites type and id of the frame at the start of `bytes`. */
export function readdress(bytes: Uint8Array, type: number, id: number): void {
  bytes[LENGTH_SIZE] = type;
  writeU32(bytes, ID_OFFSET, id);
}

/** ACK: the receiver's id; count (4) || outcome (1). */
export function encodeAck(receiver: number, ack: Ack): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(5);
  writeU32(body, 0, ack.count >>> 0);
  body[4] = ack.outcome;
  return encodeFrame(Type.ACK, receiver, body);
}

/** HAVE: position (8). @throws {RangeError} if the position is not a safe integer from 0 */
export function encodeHave(position: number): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`Cannot encode HAVE: the position is ${position}`);
  }
  const body = new Uint8Array(8);
  writeU64(body, 0, position);
  return encodeFrame(Type.HAVE, 0, body);
}

/** @throws {ProtocolError} if the body is not a position */
export function parseHave(body: Uint8Array): number {
  if (body.length !== 8) throw malformed("HAVE", `it has ${body.length} bytes, not 8`);
  const position = readU64(body, 0);
  if (!Number.isSafeInteger(position)) throw malformed("HAVE", "its position is out of range");
  return position;
}

/**
 * AWAY: a member's id; state (1), and if it is away, since when (8).
 *
 * @param since in whole ms since 1970; undefined: it is back
 */
export function encodeAway(id: number, since: number | undefined): Uint8Array<ArrayBuffer> {
  if (since === undefined) return encodeFrame(Type.AWAY, id, Uint8Array.of(Away.BACK));
  const body = new Uint8Array(9);
  body[0] = Away.AWAY;
  writeU64(body, 1, since);
  return encodeFrame(Type.AWAY, id, body);
}

/**
 * Since when the member is away, in ms since 1970; undefined if it is back.
 *
 * @throws {ProtocolError} if the body is neither, or no `Date` can hold the time
 */
export function parseAway(body: Uint8Array): number | undefined {
  const state = body[0];
  if (state === Away.BACK && body.length === 1) return undefined;
  if (state !== Away.AWAY || body.length !== 9) {
    throw malformed("AWAY", "it must be 0, or 1 and a time of 8 bytes");
  }
  const since = readU64(body, 1);
  if (since > MAX_TIME) throw malformed("AWAY", "its time is out of range");
  return since;
}

/** @throws {ProtocolError} if the body is not an `Ack` */
export function parseAck(body: Uint8Array): Ack {
  if (body.length !== 5) throw malformed("ACK", `it has ${body.length} bytes, not 5`);
  const outcome = body[4]!;
  if (outcome > AckOutcome.REFUSED) throw malformed("ACK", `its outcome is ${outcome}`);
  return { count: readU32(body, 0), outcome };
}

/** The reason, one of `Left`. @throws {ProtocolError} if the body is not one */
export function parseLeft(body: Uint8Array): number {
  const reason = body[0];
  if (body.length !== 1 || reason === undefined || reason > Left.REMOVED) {
    throw malformed("LEFT", "it must be one byte: a known reason");
  }
  return reason;
}

/** @throws {ProtocolError} if a sealed profile exceeds `MAX_PROFILE` */
export function checkProfile(profile: Uint8Array): void {
  if (profile.length > MAX_PROFILE) {
    throw new ProtocolError<ErrorCode>(
      "too-large",
      `the profile has ${profile.length} bytes, over the limit of ${MAX_PROFILE}`,
    );
  }
}

/** @throws {ProtocolError} if the body is not empty */
export function checkEmpty(name: string, body: Uint8Array): void {
  if (body.length !== 0) throw malformed(name, "it must have no body");
}

/**
 * Splits a stream of bytes into frames. The caller reads from its socket directly into `space()`, reports the number
 * of bytes with `fill()`, and calls `next()` until it returns undefined.
 *
 * A frame that arrives in one piece is never copied; of a frame in several pieces, no body byte is copied more than
 * once. The buffer has `initial` bytes. For frames that need more, a member's is one of the pool, which stays until a
 * smaller frame comes; others have the size of one frame of up to `limit` bytes.
 *
 * A frame's views MUST NOT be used after the next call of `space()`.
 */
export class FrameDecoder {
  readonly #small: Uint8Array<ArrayBuffer>;
  #limit: number;
  readonly #pool: BufferPool | undefined;
  #buffer: Uint8Array<ArrayBuffer>;
  /** The buffer is the pool's. */
  #isLent = false;
  /** The last frame needed a larger buffer. */
  #wasLarge = false;
  /** Unread bytes are in `[#start, #end)`. */
  #start = 0;
  #end = 0;

  /**
   * @param limit maximum `length` of a frame
   * @param initial bytes of the buffer while no frame needs more
   */
  constructor(limit: number, initial: number = 1024, pool?: BufferPool) {
    this.#limit = limit;
    this.#pool = pool;
    this.#buffer = this.#small = new Uint8Array(initial);
  }

  /** Sets the maximum `length` for all further frames. */
  set limit(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of memory that the decoder holds. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Received bytes that no returned frame contains. */
  get unread(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Skips `count` unread bytes, such as a preface. */
  skip(count: number): void {
    if (count > this.#end - this.#start) {
      throw new RangeError("Cannot skip more bytes than are unread");
    }
    this.#start += count;
  }

  /** The part of the buffer to read into. Never empty. */
  space(): Uint8Array<ArrayBuffer> {
    const have = this.#end - this.#start;
    if (have === 0) {
      this.#start = this.#end = 0;
      // A peer that sends large frames sends more of them.
      if (!this.#isLent || !this.#wasLarge) this.#shrink();
      this.#wasLarge = false;
    } else {
      // The first frame's size if its length is known, else a header's. A length over the limit reserves nothing:
      // `next` rejects it, or these bytes are part of a preface.
      const length = have < LENGTH_SIZE ? 0 : readU32(this.#buffer, this.#start);
      let need = length <= this.#limit ? LENGTH_SIZE + length : 0;
      need = Math.max(need, HEADER_SIZE);
      // After an error, the caller takes no more frames but may have to read until the other side ends.
      if (have >= need && this.#end === this.#buffer.length) need = have + this.#small.length;
      if (this.#start + need > this.#buffer.length) {
        if (need > this.#buffer.length) {
          // Unadmitted connections could take all buffers, and the members would have none.
          const pool = this.#limit > MAX_FRAME_BEFORE_ADMISSION ? this.#pool : undefined;
          const lent = need <= (pool?.size ?? 0) ? pool?.take() : undefined;
          const grown = lent ?? new Uint8Array(need);
          grown.set(this.unread);
          this.#shrink();
          this.#buffer = grown;
          this.#isLent = lent !== undefined;
        } else {
          this.#buffer.copyWithin(0, this.#start, this.#end);
        }
        this.#start = 0;
        this.#end = have;
      }
    }
    return this.#buffer.subarray(this.#end);
  }

  #shrink(): void {
    if (this.#isLent) this.#pool!.give(this.#buffer);
    this.#isLent = false;
    this.#buffer = this.#small;
  }

  /** Nothing more is read. A read that has begun may still end, so its buffer does not go back to the pool. */
  close(): void {
    if (this.#isLent) this.#pool!.lose();
    this.#isLent = false;
  }

  /** Reports that `count` bytes were read into the result of `space()`. */
  fill(count: number): void {
    if (count > this.#buffer.length - this.#end) {
      throw new RangeError("Cannot fill more bytes than space() gave");
    }
    this.#end += count;
  }

  /**
   * The next complete frame, or undefined if it needs more bytes.
   *
   * @throws {ProtocolError} `too-large` or `malformed` as soon as the length is known, and again at each further call,
   * since the next frame cannot be found; `unexpected` if the type is unknown
   */
  next(): Frame | undefined {
    const have = this.#end - this.#start;
    if (have < LENGTH_SIZE) return undefined;
    const length = readU32(this.#buffer, this.#start);
    if (length < TYPE_AND_ID_SIZE) throw malformed("frame", `its length is ${length}`);
    if (length > this.#limit) {
      throw new ProtocolError<ErrorCode>(
        "too-large",
        `a frame of ${length} bytes is over the limit of ${this.#limit}`,
      );
    }
    if (have < LENGTH_SIZE + length) return undefined;
    const bytes = this.#buffer.subarray(this.#start, this.#start + LENGTH_SIZE + length);
    this.#start += bytes.length;
    this.#wasLarge ||= bytes.length > this.#small.length;
    const type = bytes[LENGTH_SIZE]!;
    if (!TYPES.has(type)) {
      throw new ProtocolError<ErrorCode>("unexpected", `unknown frame type ${type}`);
    }
    return { type, id: readU32(bytes, ID_OFFSET), body: bytes.subarray(HEADER_SIZE), bytes };
  }
}

/** The error of a body that does not have the form of its type. */
export function malformed(what: string, how: string): ProtocolError<ErrorCode> {
  return new ProtocolError<ErrorCode>("malformed", `malformed ${what}: ${how}`);
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** Not exact above `Number.MAX_SAFE_INTEGER`. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);
}

export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / 2 ** 32));
  writeU32(bytes, at + 4, value);
}

/** Writes the lower 32 bits of a whole number. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
