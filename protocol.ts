// The wire: layout, constants with their reasons, encoder, incremental decoder, and the check of every
// body's shape. Pure: bytes in, bytes out; knows no socket, no cipher and no room.
// `docs/protocol.md` says the same in words.

import { ProtocolError } from "./errors.ts";

/** The version of the protocol; it is in the preface, in GREETING and in HELLO. */
export const VERSION = 1;

/** A client's first bytes. Text, so that a server of another kind answers with an error of its own. */
export const PREFACE: Uint8Array = new TextEncoder().encode(`chat/${VERSION}\n`);

/** 2428 spells CHAT on a phone's keys. */
export const DEFAULT_PORT = 2428;

// A frame: length (4) || type (1) || id (4) || body; big-endian; length counts what follows it.

/** Bytes of the length field. */
export const LENGTH_SIZE = 4;
/** Bytes of type and id: the least that `length` can be. */
export const TYPE_AND_ID_SIZE = 1 + 4;
/** Bytes in front of a body. */
export const HEADER_SIZE: number = LENGTH_SIZE + TYPE_AND_ID_SIZE;
/** Where the id stands: a server changes it in place, and nothing else. */
export const ID_OFFSET = LENGTH_SIZE + 1;

/** Greatest `length` of a member's frame: what a message may cost each receiver in memory. */
export const MAX_FRAME = 256 * 1024;
/** Greatest `length` before admission: what a stranger may cost the server. HELLO needs less. */
export const MAX_FRAME_BEFORE_ADMISSION = 8 * 1024;
/** Greatest body of a member's frame. */
export const MAX_BODY: number = MAX_FRAME - TYPE_AND_ID_SIZE;
/** Greatest sealed profile: the server keeps one for each member, and each joiner gets them all. */
export const MAX_PROFILE = 1024;
/** How long a stranger may take until it is admitted, and a client waits for a server, in ms. */
export const HANDSHAKE_MS = 10_000;

/** The frame types. The comments say who sends them and what the id means. */
export const Type = {
  /** Server, first; id 0. JSON: `Greeting`. */
  GREETING: 1,
  /** Client, once; id 0. JSON: `Hello`. */
  HELLO: 2,
  /** Server, once; the member's own id. JSON: `Welcome`. */
  WELCOME: 3,
  /** Client: id 0 is for the room, else one member. Server: who said it, to the room. An envelope. */
  MESSAGE: 4,
  /** Server: who said it, to this member alone. An envelope. */
  DIRECT: 5,
  /** Server: the receiver's id. What became of this client's direct message: `Ack`. */
  ACK: 6,
  /** Client: id 0, its new profile. Server: whose profile changed. A sealed profile. */
  PROFILE: 7,
  /** Server: who came. A sealed profile. */
  JOINED: 8,
  /** Server: who left. One byte: why, one of `Left`. */
  LEFT: 9,
  /** Server: who was there before this member came. A sealed profile. */
  MEMBER: 10,
  /** Both; id 0, no body: asks for a PONG. */
  PING: 11,
  /** Both; id 0, no body. */
  PONG: 12,
  /** Client: it leaves. Server: it stops. Id 0, no body; the connection ends. */
  BYE: 13,
  /** Both; id 0. JSON: `ErrorBody`; the connection ends. */
  ERROR: 14,
  /** Sealed rooms, before HELLO; id 0. JSON: `Login`: the client asks, the server answers. */
  LOGIN: 15,
  /** Client; id 0. Up to which position it has its own log: 8 bytes. The first makes its session last. */
  HAVE: 16,
  /** Server: whose connection was lost, or is back. One byte: one of `Away`. */
  AWAY: 17,
  /** Server; id 0. JSON: `ErrorBody`, but the connection goes on: what will end it, unless it changes. */
  WARNING: 18,
} as const;

const MAX_TYPE = Math.max(...Object.values(Type));

/** Why a member left, on the wire. */
export const Left = {
  /** It said BYE. */
  BYE: 0,
  /** Its connection ended without. */
  LOST: 1,
  /** It fell off the log: it did not read as fast as the room was talking. */
  SLOW: 2,
  /** It broke the protocol. */
  REFUSED: 3,
} as const;

/** Whether a member's connection is lost, on the wire. */
export const Away = {
  /** It is here again. */
  BACK: 0,
  /** Its connection was lost; it may return. */
  AWAY: 1,
} as const;

/** What became of a direct message, on the wire. */
export const AckOutcome = {
  /** It stands in the receiver's own log. */
  ACCEPTED: 0,
  /** The receiver's own log is full, or it still gets the list of members: try again later. */
  BUSY: 1,
  /** There is no member with this id (any more). */
  GONE: 2,
} as const;

/** The codes of ERROR. A client branches on these, never on the sentence. */
export const ERROR_CODES = [
  /** The other side speaks another version of the protocol. */
  "version",
  /** What came is not this protocol at all. */
  "not-chat",
  /** A frame's length is over the limit. */
  "too-large",
  /** A body does not have the shape that its type asks for. */
  "malformed",
  /** A frame of this type may not come now, or from this side. */
  "unexpected",
  /** Admission took too long. */
  "timeout",
  /** The member is further behind than the server allows, or fell off the log. */
  "slow",
  /** The room takes nobody more. */
  "full",
  /** The code is wrong. */
  "code",
  /** Too many wrong codes: try later. */
  "wait",
  /** The session that was to be resumed is not there any more: join anew. */
  "gone",
  /** The member sends more than its budget, and has done so for long. */
  "flood",
] as const;
export type ErrorCode = typeof ERROR_CODES[number];

/** One frame. `body` and `bytes` are views; see who gave it for how long they hold. */
export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The whole frame, header included. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Ack {
  /** How many of this client's direct messages the server has answered so far, this one included. */
  readonly count: number;
  readonly outcome: number;
}

const NOTHING = new Uint8Array(0);

/**
 * Encodes one frame, in one allocation.
 *
 * @throws {RangeError} if the body is larger than `MAX_BODY`, or the id is no u32
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
  writeU32(frame, 0, TYPE_AND_ID_SIZE + body.length);
  frame[LENGTH_SIZE] = type;
  writeU32(frame, ID_OFFSET, id);
  frame.set(body, HEADER_SIZE);
  return frame;
}

/** Bytes of the frame that stands at the start of `bytes`. */
export function frameSize(bytes: Uint8Array): number {
  return LENGTH_SIZE + readU32(bytes, 0);
}

/**
 * Whether a member's frame that stands at the start of `bytes` costs others little: a message to one of them, and not
 * to the room, or what says that such messages have come.
 */
export function isDirect(bytes: Uint8Array): boolean {
  const type = bytes[LENGTH_SIZE];
  return type === Type.HAVE || (type === Type.MESSAGE && readU32(bytes, LENGTH_SIZE + 1) !== 0);
}

/** The frame that stands whole at the start of `bytes`, which a server has made: views of it. */
export function frameAt(bytes: Uint8Array<ArrayBuffer>): Frame {
  const frame = bytes.subarray(0, frameSize(bytes));
  return {
    type: frame[LENGTH_SIZE]!,
    id: readU32(frame, ID_OFFSET),
    body: frame.subarray(HEADER_SIZE),
    bytes: frame,
  };
}

/** Gives a frame that stands at the start of `bytes` another type and id, in place. */
export function readdress(bytes: Uint8Array, type: number, id: number): void {
  bytes[LENGTH_SIZE] = type;
  writeU32(bytes, ID_OFFSET, id);
}

/** ACK: id of the receiver; count (4) || outcome (1). */
export function encodeAck(receiver: number, ack: Ack): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(5);
  writeU32(body, 0, ack.count >>> 0);
  body[4] = ack.outcome;
  return encodeFrame(Type.ACK, receiver, body);
}

/** HAVE: position (8). @throws {RangeError} if it is none */
export function encodeHave(position: number): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`Cannot encode HAVE: the position is ${position}`);
  }
  const body = new Uint8Array(8);
  writeU32(body, 0, Math.floor(position / 2 ** 32));
  writeU32(body, 4, position >>> 0);
  return encodeFrame(Type.HAVE, 0, body);
}

/** @throws {ProtocolError} if the body is no position */
export function parseHave(body: Uint8Array): number {
  if (body.length !== 8) throw malformed("HAVE", `it has ${body.length} bytes, not 8`);
  const position = readU32(body, 0) * 2 ** 32 + readU32(body, 4);
  if (!Number.isSafeInteger(position)) throw malformed("HAVE", "its position is out of range");
  return position;
}

/** Whether somebody is away. @throws {ProtocolError} if the body does not say */
export function parseAway(body: Uint8Array): boolean {
  const state = body[0];
  if (body.length !== 1 || state === undefined || state > Away.AWAY) {
    throw malformed("AWAY", "it must be one byte: 0 or 1");
  }
  return state === Away.AWAY;
}

/** @throws {ProtocolError} if the body is no ack */
export function parseAck(body: Uint8Array): Ack {
  if (body.length !== 5) throw malformed("ACK", `it has ${body.length} bytes, not 5`);
  const outcome = body[4]!;
  if (outcome > AckOutcome.GONE) throw malformed("ACK", `its outcome is ${outcome}`);
  return { count: readU32(body, 0), outcome };
}

/** LEFT's reason, one of `Left`. @throws {ProtocolError} if the body is none */
export function parseLeft(body: Uint8Array): number {
  const reason = body[0];
  if (body.length !== 1 || reason === undefined || reason > Left.REFUSED) {
    throw malformed("LEFT", "it must be one byte: a known reason");
  }
  return reason;
}

/** @throws {ProtocolError} if a sealed profile is too large to be kept for the room's life */
export function checkProfile(profile: Uint8Array): void {
  if (profile.length > MAX_PROFILE) {
    throw new ProtocolError<ErrorCode>(
      "too-large",
      `the profile has ${profile.length} bytes, at most ${MAX_PROFILE} are taken`,
    );
  }
}

/** @throws {ProtocolError} if a frame without a body has one */
export function checkEmpty(name: string, body: Uint8Array): void {
  if (body.length !== 0) throw malformed(name, "it must have no body");
}

/**
 * Takes bytes as they come and gives whole frames. The caller reads from its socket straight into
 * `space()`, says how much came with `fill()`, and takes frames with `next()` until there is none.
 * A frame that came in one piece is never copied; of one that came in several, no body byte is
 * copied more than once. Holds `initial` bytes, or one frame of up to `limit` bytes if that is more.
 *
 * A frame's views MUST NOT be used after the next call of `space()`.
 */
export class FrameDecoder {
  /** What an idle connection costs; grown for a frame that needs more, and given back after it. */
  readonly #initial: number;
  #limit: number;
  #buffer: Uint8Array<ArrayBuffer>;
  /** Unread bytes stand in `[#start, #end)`. */
  #start = 0;
  #end = 0;

  /**
   * @param limit greatest `length` that is taken
   * @param initial bytes of the buffer as long as no frame needs more
   */
  constructor(limit: number, initial: number = 1024) {
    this.#limit = limit;
    this.#initial = initial;
    this.#buffer = new Uint8Array(initial);
  }

  /** Sets the greatest `length` that is taken from now on. */
  set limit(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of memory that the decoder holds. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** The bytes that came and belong to no frame yet. */
  get unread(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Passes over `count` unread bytes: a preface. */
  skip(count: number): void {
    if (count > this.#end - this.#start) throw new RangeError("Cannot skip what has not come");
    this.#start += count;
  }

  /** Where to read into; never empty. */
  space(): Uint8Array<ArrayBuffer> {
    const have = this.#end - this.#start;
    if (have === 0) {
      this.#start = this.#end = 0;
      if (this.#buffer.length !== this.#initial) this.#buffer = new Uint8Array(this.#initial);
    } else {
      // The first frame's size if its length has come, else that of a header. A length over the limit
      // is none: `next` has refused it, or will; or this is a part of a preface.
      const length = have < LENGTH_SIZE ? 0 : readU32(this.#buffer, this.#start);
      let need = length <= this.#limit ? LENGTH_SIZE + length : 0;
      need = Math.max(need, HEADER_SIZE);
      // Who takes no more frames, after an error, may have to read on until the other side ends.
      if (have >= need && this.#end === this.#buffer.length) need = have + this.#initial;
      if (this.#start + need > this.#buffer.length) {
        if (need > this.#buffer.length) {
          const grown = new Uint8Array(need);
          grown.set(this.unread);
          this.#buffer = grown;
        } else {
          this.#buffer.copyWithin(0, this.#start, this.#end);
        }
        this.#start = 0;
        this.#end = have;
      }
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Says that `count` bytes were read into what `space()` gave. */
  fill(count: number): void {
    if (count > this.#buffer.length - this.#end) throw new RangeError("Cannot fill: no such space");
    this.#end += count;
  }

  /**
   * The next whole frame, or undefined if more must be read for it.
   *
   * @throws {ProtocolError} `too-large` or `malformed`, as soon as the length has come, and again at
   * each further call, for there is no way to find the next frame; `unexpected` if its type is unknown
   */
  next(): Frame | undefined {
    const have = this.#end - this.#start;
    if (have < LENGTH_SIZE) return undefined;
    const length = readU32(this.#buffer, this.#start);
    if (length < TYPE_AND_ID_SIZE) throw malformed("frame", `its length is ${length}`);
    if (length > this.#limit) {
      throw new ProtocolError<ErrorCode>(
        "too-large",
        `a frame of ${length} bytes came, at most ${this.#limit} are taken`,
      );
    }
    if (have < LENGTH_SIZE + length) return undefined;
    const bytes = this.#buffer.subarray(this.#start, this.#start + LENGTH_SIZE + length);
    this.#start += bytes.length;
    const type = bytes[LENGTH_SIZE]!;
    if (type === 0 || type > MAX_TYPE) {
      throw new ProtocolError<ErrorCode>("unexpected", `there is no frame type ${type}`);
    }
    return { type, id: readU32(bytes, ID_OFFSET), body: bytes.subarray(HEADER_SIZE), bytes };
  }
}

/** What parsers of bodies throw. */
export function malformed(what: string, how: string): ProtocolError<ErrorCode> {
  return new ProtocolError<ErrorCode>("malformed", `a ${what} that can't be read came: ${how}`);
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
