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

/** GREETING's body. `key` is there for `xor`: the public key as decimal text, as the original sends it. */
export type Greeting =
  & {
    readonly version: number;
    /** Greatest `length` of a frame that the server takes from a member. */
    readonly maxFrame: number;
    /** How much a member may send; undefined where that is not limited. */
    readonly budget?: Budget;
  }
  & (
    | { readonly cipher: "xor"; readonly key: string }
    /** `nonce`: fresh for this connection, in unpadded base64url: what a resumption is proved over. */
    | { readonly cipher: "sealed"; readonly nonce?: string }
  );

/** How much a member may send: two token buckets, one of frames and one of bytes. Whole numbers. */
export interface Budget {
  /** Frames a second, in the long run. */
  readonly frames: number;
  /** Frames at once, after a pause. */
  readonly frameBurst: number;
  /** Bytes of frames a second, in the long run. */
  readonly bytes: number;
  /** Bytes at once, after a pause. */
  readonly byteBurst: number;
}

/** LOGIN's body: a message of OPAQUE (RFC 9807), in unpadded base64url. */
export interface Login {
  /** KE1 of the client, KE2 of the server. */
  readonly message: string;
  /** From the server: how many wrong codes it still takes from this address, this one not counted. */
  readonly tries?: number;
}

/** HELLO's body. A client that sends no profile is known by its number alone. */
export interface Hello {
  readonly version: number;
  /** In sealed rooms: KE3 of OPAQUE, in unpadded base64url. */
  readonly proof?: string;
  /** The sealed profile, in base64 on the wire. */
  readonly profile: Uint8Array;
  /** Instead of profile and proof: go on with a session whose connection was lost. */
  readonly resume?: Resume;
}

/** What a client shows to go on where it was. */
export interface Resume {
  /** That of the last WELCOME, in unpadded base64url. */
  readonly token: string;
  /** The position in the room's log behind the last frame that it has. */
  readonly room: number;
  /** The same for its own log. */
  readonly own: number;
  /** In sealed rooms: an HMAC, see `protocol/resume.ts`, in unpadded base64url. */
  readonly proof?: string;
}

/** WELCOME's body. Positions count bytes of frames since the room began. */
export interface Welcome {
  /** Where in the room's log this member starts. */
  readonly room: number;
  /** Where in its own log. */
  readonly own: number;
  /** How many were in the room before this member: so many MEMBER frames follow. 0 after a resumption. */
  readonly members: number;
  /** How many MESSAGE and PROFILE frames the server has taken in this session. */
  readonly accepted: number;
  /** How many MESSAGE frames the room's log has had before `room`. */
  readonly said: number;
  /** Names the room's log: another where the server has started anew. In unpadded base64url. */
  readonly log: string | undefined;
  /** With which this session may be resumed, once. undefined where it can't be. In unpadded base64url. */
  readonly token: string | undefined;
  /** How long the server keeps the session when its connection is lost, in ms. */
  readonly grace: number;
}

export interface Ack {
  /** How many of this client's direct messages the server has answered so far, this one included. */
  readonly count: number;
  readonly outcome: number;
}

export interface ErrorBody {
  /** One of `ERROR_CODES`, or one of a later version. */
  readonly code: string;
  readonly message: string;
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
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

export function encodeGreeting(greeting: Greeting): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.GREETING, 0, greeting);
}

export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.HELLO, 0, { ...hello, profile: toBase64(hello.profile) });
}

/** HELLO of a client that goes on with its session. */
export function encodeResume(resume: Resume): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.HELLO, 0, { version: VERSION, resume });
}

export function encodeLogin(login: Login): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.LOGIN, 0, login);
}

export function encodeWelcome(
  id: number,
  welcome: Partial<Welcome> & Pick<Welcome, "room" | "own" | "members">,
): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.WELCOME, id, welcome);
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

export function encodeWarning(code: ErrorCode, message: string): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.WARNING, 0, { code, message });
}

export function encodeError(code: ErrorCode, message: string): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.ERROR, 0, { code, message });
}

function encodeJson(type: number, id: number, value: unknown): Uint8Array<ArrayBuffer> {
  return encodeFrame(type, id, utf8.encode(JSON.stringify(value)));
}

/** @throws {ProtocolError} if the body is no greeting; `version` if it is one of a later version */
export function parseGreeting(body: Uint8Array): Greeting {
  const json = parseObject("GREETING", body);
  const version = integer("GREETING", json, "version", 1, 0xffff);
  if (version !== VERSION) {
    throw new ProtocolError<ErrorCode>(
      "version",
      `the server speaks version ${version} of the protocol, this program speaks ${VERSION}`,
    );
  }
  const maxFrame = integer("GREETING", json, "maxFrame", MAX_FRAME_BEFORE_ADMISSION, 2 ** 31);
  const { cipher, key } = json;
  const budget = parseBudget(json["budget"]);
  const common = { version, maxFrame, ...(budget && { budget }) };
  if (cipher === "sealed") {
    if (json["nonce"] === undefined) return { ...common, cipher };
    return { ...common, cipher, nonce: base64Url("GREETING", json, "nonce") };
  }
  if (cipher !== "xor") {
    throw malformed("GREETING", "it names a cipher that this program does not have");
  }
  // At most three digits, so that no number is parsed that could not be right.
  if (typeof key !== "string" || !/^\d{1,3}$/.test(key) || Number(key) > 255) {
    throw malformed("GREETING", "key must be 0..255 as decimal text");
  }
  return { ...common, cipher, key };
}

function parseBudget(json: unknown): Budget | undefined {
  if (json === undefined) return undefined;
  if (!isObject(json)) throw malformed("GREETING", "budget must be an object");
  const rate = (name: keyof Budget) => integer("GREETING", json, name, 1, 2 ** 31);
  return {
    frames: rate("frames"),
    frameBurst: rate("frameBurst"),
    bytes: rate("bytes"),
    byteBurst: rate("byteBurst"),
  };
}

/** @throws {ProtocolError} if the body is no login */
export function parseLogin(body: Uint8Array): Login {
  const json = parseObject("LOGIN", body);
  const message = base64Url("LOGIN", json, "message");
  if (json["tries"] === undefined) return { message };
  return { message, tries: integer("LOGIN", json, "tries", 0, 0xffff) };
}

/** @throws {ProtocolError} if the body is no hello of this version */
export function parseHello(body: Uint8Array): Hello {
  const json = parseObject("HELLO", body);
  const version = integer("HELLO", json, "version", 1, 0xffff);
  if (version !== VERSION) {
    throw new ProtocolError<ErrorCode>(
      "version",
      `this server speaks version ${VERSION} of the protocol, the client ${version}`,
    );
  }
  if (json["resume"] !== undefined) {
    return { version, profile: NOTHING, resume: parseResume(json["resume"]) };
  }
  const text = json["profile"] ?? "";
  if (typeof text !== "string") throw malformed("HELLO", "profile must be base64 text");
  const profile = fromBase64(text);
  if (!profile) throw malformed("HELLO", "profile must be base64 text");
  checkProfile(profile);
  if (json["proof"] === undefined) return { version, profile };
  return { version, profile, proof: base64Url("HELLO", json, "proof") };
}

function parseResume(json: unknown): Resume {
  if (!isObject(json)) throw malformed("HELLO", "resume must be an object");
  const position = (name: string) => integer("HELLO", json, name, 0, Number.MAX_SAFE_INTEGER);
  return {
    token: base64Url("HELLO", json, "token"),
    room: position("room"),
    own: position("own"),
    ...(json["proof"] !== undefined && { proof: base64Url("HELLO", json, "proof") }),
  };
}

/** What a simple server leaves out stands for sessions that can't be resumed. @throws {ProtocolError} if the body is no welcome */
export function parseWelcome(body: Uint8Array): Welcome {
  const json = parseObject("WELCOME", body);
  const count = (name: string) => integer("WELCOME", json, name, 0, Number.MAX_SAFE_INTEGER);
  const optional = (name: string) => json[name] === undefined ? 0 : count(name);
  const text = (name: string) =>
    json[name] === undefined ? undefined : base64Url("WELCOME", json, name);
  return {
    room: count("room"),
    own: count("own"),
    members: integer("WELCOME", json, "members", 0, 0xffffffff),
    accepted: optional("accepted"),
    said: optional("said"),
    log: text("log"),
    token: text("token"),
    grace: optional("grace"),
  };
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

/** ERROR or WARNING. @throws {ProtocolError} if the body is neither */
export function parseError(body: Uint8Array, what = "ERROR"): ErrorBody {
  const json = parseObject(what, body);
  const { code, message } = json;
  if (typeof code !== "string" || !/^[a-z-]{1,32}$/.test(code)) throw malformed(what, "code");
  if (typeof message !== "string" || message.length > 1000) throw malformed(what, "message");
  return { code, message };
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

// ---- shapes ----

function malformed(what: string, how: string): ProtocolError<ErrorCode> {
  return new ProtocolError<ErrorCode>("malformed", `a ${what} that can't be read came: ${how}`);
}

function parseObject(what: string, body: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(utf8Strict.decode(body));
  } catch (cause) {
    throw new ProtocolError<ErrorCode>("malformed", `a ${what} that is no JSON came`, { cause });
  }
  if (!isObject(json)) throw malformed(what, "it must be a JSON object");
  return json;
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function integer(
  what: string,
  json: Record<string, unknown>,
  name: string,
  least: number,
  greatest: number,
): number {
  const value = json[name];
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > greatest) {
    throw malformed(what, `${name} must be a whole number from ${least} to ${greatest}`);
  }
  return value as number;
}

/** Messages of OPAQUE are no longer than this, in characters. */
const MAX_MESSAGE = 1024;

function base64Url(what: string, json: Record<string, unknown>, name: string): string {
  const value = json[name];
  if (typeof value === "string" && value.length <= MAX_MESSAGE && /^[A-Za-z0-9_-]+$/.test(value)) {
    return value;
  }
  throw malformed(what, `${name} must be unpadded base64url text`);
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

export function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(latin1(bytes));
}

/** Standard base64 (RFC 4648, section 4), padded; undefined if it is not that. */
function fromBase64(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text);
    // atob() takes white space, missing padding and stray bits too; one spelling for one profile is enough.
    if (btoa(binary) !== text) return undefined;
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}
