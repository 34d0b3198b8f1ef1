// The frames whose body is JSON: GREETING, LOGIN, HELLO, SEAT, WELCOME, ERROR and WARNING, with their fields, encoders and
// parsers. A parser checks the form of every field; it knows nothing about codes, keys and rooms. Pure.

import { ProtocolError } from "../errors.ts";
import type { Cost } from "./cost.ts";
import { integer, isObject, parseObject } from "./json_fields.ts";
import { parseRules, type Rules } from "./moderation.ts";
import { fromBase64Url, TOKEN_SIZE } from "./resume.ts";
import { parseServers } from "./servers.ts";
import {
  encodeFrame,
  type ErrorCode,
  malformed,
  MAX_FRAME_BEFORE_ADMISSION,
  MAX_TIME,
  Type,
  VERSION,
} from "../protocol.ts";

/** GREETING's body. With `xor`, it has the public key as decimal text, as in the classic protocol. */
export type Greeting =
  & {
    readonly version: number;
    /** Maximum `length` of a frame that the server accepts from a member. */
    readonly maxFrame: number;
    /** How much a member may send; undefined if unlimited. */
    readonly budget?: Budget;
    /** Whether the room takes new members; undefined if it does not say. */
    readonly state?: RoomState;
    /** The server's clock, in ms since 1970. */
    readonly time?: number;
  }
  & (
    | { readonly cipher: "xor"; readonly key: string }
    /** `nonce`: random for each connection, in unpadded base64url. The proof of a resumption covers it. */
    | {
      readonly cipher: "sealed";
      readonly nonce?: string;
      /** Names the code that the server checks, in unpadded base64url: another code has another name. */
      readonly record?: string;
    }
  );

const ROOM_STATES = ["open", "locked", "full"] as const;
/** Whether a room takes new members. */
export type RoomState = typeof ROOM_STATES[number];

/** How much a member may send: two token buckets, one of frames and one of bytes. Whole numbers. */
export interface Budget {
  /** Frames per second, on average. */
  readonly frames: number;
  /** Frames in one burst, after a pause. */
  readonly frameBurst: number;
  /** Bytes of frames per second, on average. */
  readonly bytes: number;
  /** Bytes in one burst, after a pause. */
  readonly byteBurst: number;
}

/** LOGIN's body: an OPAQUE message (RFC 9807), in unpadded base64url. */
export interface Login {
  /** KE1 from the client, KE2 from the server. */
  readonly message: string;
  /** From the server: the wrong codes that it still accepts from this address, not counting this one. */
  readonly tries?: number;
  /** From the client: proves that it belongs to the user who runs the server. In unpadded base64url. */
  readonly ticket?: string;
}

/** HELLO's body. */
export interface Hello {
  readonly version: number;
  /** In sealed rooms: KE3 of OPAQUE, in unpadded base64url. */
  readonly proof?: string;
  /** Instead of a proof: resumes a session whose connection was lost. */
  readonly resume?: Resume;
  /** In xor rooms, which have no LOGIN: as `ticket` there. */
  readonly ticket?: string;
}

/** SEAT's body: what a client's signatures cover besides its id, so that they are worth nothing in another seat. */
export interface SeatBody {
  /** The name of the room's log, in unpadded base64url. It differs after a restart of the server. */
  readonly log: string;
  /** The end of the room's log. */
  readonly room: number;
  /** In sealed rooms: the chain there (`protocol/chain.ts`), in unpadded base64url. */
  readonly chain?: string;
}

/** A client's claim to a session, with the positions from which it wants the logs. */
export interface Resume {
  /** The token of the last WELCOME, in unpadded base64url. */
  readonly token: string;
  /** The position in the room's log after the last frame that it received. */
  readonly room: number;
  /** Likewise in its own log. */
  readonly own: number;
  /** In sealed rooms: an HMAC, see `protocol/resume.ts`, in unpadded base64url. */
  readonly proof?: string;
}

/** WELCOME's body. Positions count bytes of frames from the start of the log. */
export interface Welcome {
  /** This member's position in the room's log: the start of its own JOINED, or where it resumes. */
  readonly room: number;
  /** In sealed rooms: the chain at `room`, in unpadded base64url. */
  readonly chain: string | undefined;
  /** Its position in its own log. */
  readonly own: number;
  /** The number of MEMBER frames that follow, one for each earlier member. 0 after a resumption. */
  readonly members: number;
  /** The number of MESSAGE and PROFILE frames that the server has accepted in this session. */
  readonly accepted: number;
  /** The number of MESSAGE frames in the room's log before `room`. */
  readonly said: number;
  /** Resumes this session, once. In unpadded base64url; undefined if the session cannot be resumed. */
  readonly token: string | undefined;
  /** How long the server keeps the session after its connection was lost, in ms. */
  readonly grace: number;
  /** What the member has left of its budget; undefined: all of it, or the server does not say. */
  readonly left: Cost | undefined;
  /** How the room is governed, at `room`. After a resumption the log tells what has changed. */
  readonly rules: Rules;
  /** The addresses of the room's servers, as `parseServer` reads them: what clients may try if this one is lost. */
  readonly servers: readonly string[];
}

/** The body of ERROR and WARNING. */
export interface ErrorBody {
  /** One of `ERROR_CODES`, or a code of a later version. */
  readonly code: string;
  readonly message: string;
}

const utf8 = new TextEncoder();

export function encodeGreeting(greeting: Greeting): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.GREETING, 0, greeting);
}

export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.HELLO, 0, hello);
}

export function encodeSeat(id: number, seat: SeatBody): Uint8Array<ArrayBuffer> {
  return encodeJson(Type.SEAT, id, seat);
}

/** HELLO of a client that resumes its session. */
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
  const { left, rules, servers = [], ...fields } = welcome;
  const whole = (count: number) => Math.min(Math.max(0, Math.floor(count)), 2 ** 31);
  return encodeJson(Type.WELCOME, id, {
    ...fields,
    ...(rules && fieldsOf(rules)),
    ...(left && { left: { frames: whole(left.frames), bytes: whole(left.bytes) } }),
    ...(servers.length > 0 && { servers }),
  });
}

/** Most rooms have none of these. */
function fieldsOf({ moderators, locked, readOnly, silenced, topic }: Rules): object {
  return {
    ...(moderators.length > 0 && { moderators }),
    ...(locked && { locked }),
    ...(readOnly && { readOnly }),
    ...(silenced.length > 0 && { silenced }),
    ...(topic && { topic }),
  };
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

/** @throws {ProtocolError} `version` if the server speaks another version; `malformed` if the body is not a greeting */
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
  const { state } = json;
  if (state !== undefined && !ROOM_STATES.includes(state as RoomState)) {
    throw malformed("GREETING", `state must be one of ${ROOM_STATES.join(", ")}`);
  }
  const common = {
    version,
    maxFrame,
    ...(budget && { budget }),
    ...(state !== undefined && { state: state as RoomState }),
    ...(json["time"] !== undefined && { time: integer("GREETING", json, "time", 0, MAX_TIME) }),
  };
  if (cipher === "sealed") {
    const text = (name: "nonce" | "record") =>
      json[name] === undefined ? {} : { [name]: base64Url("GREETING", json, name) };
    const { nonce } = text("nonce");
    // Proofs and signatures cover it: no client needs to look at its size then.
    if (nonce !== undefined && fromBase64Url(nonce)?.length !== TOKEN_SIZE) {
      throw malformed("GREETING", `nonce must be ${TOKEN_SIZE} bytes`);
    }
    return { ...common, cipher, ...text("record"), ...(nonce !== undefined && { nonce }) };
  }
  if (cipher !== "xor") {
    throw malformed("GREETING", "this program does not have its cipher");
  }
  // At most three digits: a longer number is never parsed.
  if (typeof key !== "string" || !/^\d{1,3}$/.test(key) || Number(key) > 255) {
    throw malformed("GREETING", "key must be 0 to 255 as decimal text");
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

function parseLeft(json: unknown): Cost | undefined {
  if (json === undefined) return undefined;
  if (!isObject(json)) throw malformed("WELCOME", "left must be an object");
  const count = (name: keyof Cost) => integer("WELCOME", json, name, 0, 2 ** 31);
  return { frames: count("frames"), bytes: count("bytes") };
}

/** @throws {ProtocolError} if the body is not a login */
export function parseLogin(body: Uint8Array): Login {
  const json = parseObject("LOGIN", body);
  const message = base64Url("LOGIN", json, "message");
  return {
    message,
    ...(json["tries"] !== undefined && { tries: integer("LOGIN", json, "tries", 0, 0xffff) }),
    ...(json["ticket"] !== undefined && { ticket: base64Url("LOGIN", json, "ticket") }),
  };
}

/** @throws {ProtocolError} `version` if the client speaks another version; `malformed` if the body is not a hello */
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
    return { version, resume: parseResume(json["resume"]) };
  }
  const text = (name: "proof" | "ticket") =>
    json[name] === undefined ? {} : { [name]: base64Url("HELLO", json, name) };
  return { version, ...text("proof"), ...text("ticket") };
}

/** @throws {ProtocolError} if the body is not a seat */
export function parseSeat(body: Uint8Array): SeatBody {
  const json = parseObject("SEAT", body);
  return {
    log: base64Url("SEAT", json, "log"),
    room: integer("SEAT", json, "room", 0, Number.MAX_SAFE_INTEGER),
    ...(json["chain"] !== undefined && { chain: base64Url("SEAT", json, "chain") }),
  };
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

/**
 * A simple server omits the fields of resumption; its sessions cannot be resumed.
 *
 * @throws {ProtocolError} if the body is not a welcome
 */
export function parseWelcome(body: Uint8Array): Welcome {
  const json = parseObject("WELCOME", body);
  const count = (name: string) => integer("WELCOME", json, name, 0, Number.MAX_SAFE_INTEGER);
  const optional = (name: string) => json[name] === undefined ? 0 : count(name);
  const text = (name: string) =>
    json[name] === undefined ? undefined : base64Url("WELCOME", json, name);
  return {
    room: count("room"),
    chain: text("chain"),
    own: count("own"),
    members: integer("WELCOME", json, "members", 0, 0xffffffff),
    accepted: optional("accepted"),
    said: optional("said"),
    token: text("token"),
    grace: optional("grace"),
    left: parseLeft(json["left"]),
    rules: parseRules(json),
    servers: parseServers(json["servers"]),
  };
}

/**
 * Parses the body of ERROR or WARNING.
 *
 * @param what the frame's name, for the error message
 * @throws {ProtocolError} if the body is malformed
 */
export function parseError(body: Uint8Array, what = "ERROR"): ErrorBody {
  const json = parseObject(what, body);
  const { code, message } = json;
  if (typeof code !== "string" || !/^[a-z-]{1,32}$/.test(code)) throw malformed(what, "code");
  if (typeof message !== "string" || message.length > 1000) throw malformed(what, "message");
  return { code, message };
}

/** Limit of an OPAQUE message, in characters. */
const MAX_MESSAGE = 1024;

function base64Url(what: string, json: Record<string, unknown>, name: string): string {
  const value = json[name];
  if (typeof value === "string" && value.length <= MAX_MESSAGE && /^[A-Za-z0-9_-]+$/.test(value)) {
    return value;
  }
  throw malformed(what, `${name} must be unpadded base64url text`);
}
