// What moderators ask of a server, and what it tells everybody about that: the bodies of MODERATE, NOTICE and BANS, and
// the bytes that a moderator signs. Pure; it knows no key but the one that it hashes.

import { concat } from "@std/bytes/concat";
import { createHash } from "node:crypto";
import {
  encodeFrame,
  malformed,
  MAX_BODY,
  MAX_TIME,
  readU32,
  Type,
  writeU32,
} from "../protocol.ts";
import { integer, isObject, parseObject } from "./json_fields.ts";
import { tokenBytes } from "./resume.ts";

/** Maximum bytes of a reason in UTF-8. */
export const MAX_REASON = 512;
/** Maximum bytes of an announcement in UTF-8, and of a topic that the operator sets. */
export const MAX_ANNOUNCEMENT = 4096;
/** The longest ban that is not for ever, in seconds: ten years. */
export const MAX_BAN_SECONDS: number = 10 * 365 * 86_400;

/** Bytes of an identity's public key, and of a signature: Ed25519 (RFC 8032). */
const KEY_SIZE = 32;
const SIGNATURE_SIZE = 64;
/** Bytes before the JSON of MODERATE: key, signature, number. */
const MODERATE_HEAD: number = KEY_SIZE + SIGNATURE_SIZE + 4;

/**
 * The key of a moderator: 32 bytes in base64 without padding, as `fingerprint` writes it. The two bits of the last digit
 * that belong to no byte are 0, so each key has one text.
 */
const KEY_TEXT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/;

/** What can be asked of a server. Members are named by their ids: the server knows no names. */
export type Act =
  /** The sender is a moderator: from now on the server knows which member has the key. */
  | { readonly action: "prove" }
  /** Removes a member. */
  | { readonly action: "kick"; readonly member: number; readonly reason?: string }
  /** Removes a member, and admits nobody from its network: for some seconds, or until `unban`. */
  | {
    readonly action: "ban";
    readonly member: number;
    readonly seconds?: number;
    readonly reason?: string;
  }
  /** Ends a ban, by its number. */
  | { readonly action: "unban"; readonly ban: number }
  /** Asks for the list of bans. */
  | { readonly action: "bans" }
  /** What a member sends to the room is refused from now on, or not any more. */
  | {
    readonly action: "silence" | "unsilence";
    readonly member: number;
    readonly reason?: string;
  }
  /** No newcomers from now on, or again. Members that are away may return. */
  | { readonly action: "lock" | "unlock"; readonly reason?: string }
  /** Tells everybody something. */
  | { readonly action: "announce"; readonly text: string }
  /** Makes the owner of a key a moderator, or no moderator any more. */
  | { readonly action: "op" | "deop"; readonly key: string };

/** What only the operator of a server can do. */
export type OperatorAct =
  | Exclude<Act, { action: "prove" | "bans" }>
  /** The topic, in clear. */
  | { readonly action: "topic"; readonly text: string }
  /** Only moderators speak to the room from now on, or everybody again. */
  | { readonly action: "readonly" | "writable" }
  /** No newcomers; the server stops when the last member has left. */
  | { readonly action: "drain" }
  /** The room ends now, for the members that it has. */
  | { readonly action: "close"; readonly reason?: string };

/** What a NOTICE can tell. */
export const NOTICE_ACTIONS = [
  "kick",
  "ban",
  "unban",
  "silence",
  "unsilence",
  "lock",
  "unlock",
  "announce",
  "op",
  "deop",
  "topic",
  "readonly",
  "writable",
  "drain",
  "close",
] as const;
export type NoticeAction = typeof NOTICE_ACTIONS[number];

/** NOTICE's body: what was done. The frame's id is the member that has done it; 0: the operator. */
export interface Notice {
  /** One of `NOTICE_ACTIONS`; a later version may have others. */
  readonly action: string;
  /** The member that it is about: `kick`, `ban`, `silence` and `unsilence`. */
  readonly member?: number;
  /** The key that it is about: `op` and `deop`. */
  readonly key?: string;
  /** The number of a ban: `ban` and `unban`. `ban` without a number removes the member, and bans no network. */
  readonly ban?: number;
  /** When a ban ends, in ms since 1970; not there: it has no end. */
  readonly until?: number;
  readonly reason?: string;
  /** `announce` and `topic`. */
  readonly text?: string;
}

/** One ban, as moderators see it. */
export interface BanBody {
  readonly ban: number;
  /** The member that was banned, and the moderator. 0: the operator; or another log had that member. */
  readonly member: number;
  readonly by: number;
  /** In ms since 1970. */
  readonly since: number;
  readonly until?: number;
  readonly reason?: string;
}

/** What WELCOME tells a new member about how the room is governed, as it was when the member joined. */
export interface Rules {
  /** The keys of the moderators. */
  readonly moderators: readonly string[];
  readonly locked: boolean;
  /** Only moderators speak to the room. */
  readonly readOnly: boolean;
  /** The ids of the members that are silenced. */
  readonly silenced: readonly number[];
  /** The topic, if the operator has set the newest one, and when: in ms since 1970. */
  readonly topic?: { readonly text: string; readonly time: number };
}

/** The rules of a room that has no moderators. */
export const NO_RULES: Rules = { moderators: [], locked: false, readOnly: false, silenced: [] };

/** MODERATE's body. */
export interface Moderate {
  /** The identity key of the moderator. */
  readonly key: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** The number of this frame among those of its session that WELCOME counts in `accepted`, modulo 2^32. */
  readonly number: number;
  /** The JSON, as it was signed. */
  readonly json: Uint8Array<ArrayBuffer>;
  /** undefined: of a kind that this version does not know. */
  readonly act: Act | undefined;
}

/** What a signature of MODERATE is bound to: one frame of one connection of one login to one server. */
export interface Binding {
  /** The session key of the login: another server has another one. */
  readonly sessionKey: Uint8Array;
  /** The name of the room's log, in unpadded base64url. */
  readonly log: string;
  /** The member. */
  readonly id: number;
  /** The nonce of this connection's GREETING, in unpadded base64url. */
  readonly nonce: string;
}

const LABEL = new TextEncoder().encode("chat/1 moderate");
const utf8 = new TextEncoder();

/**
 * The bytes that a moderator signs: label || SHA-256(session key) || log name (16) || id (4) || nonce (16) || number (4)
 * || JSON. All parts before the JSON have fixed sizes.
 *
 * @throws {RangeError} if log or nonce are not 16 bytes in unpadded base64url
 */
export function moderateBytes(
  { sessionKey, log, id, nonce }: Binding,
  number: number,
  json: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const numbers = new Uint8Array(8);
  writeU32(numbers, 0, id);
  writeU32(numbers, 4, number);
  return concat([
    LABEL,
    createHash("sha256").update(sessionKey).digest(),
    tokenBytes("log name", log),
    numbers.subarray(0, 4),
    tokenBytes("nonce", nonce),
    numbers.subarray(4),
    json,
  ]);
}

/** The JSON of an act, as it is signed. */
export function encodeAct(act: Act): Uint8Array<ArrayBuffer> {
  return utf8.encode(JSON.stringify(act));
}

/** MODERATE: key (32) || signature (64) || number (4) || JSON. */
export function encodeModerate(
  { key, signature, number, json }: Omit<Moderate, "act">,
): Uint8Array<ArrayBuffer> {
  const counter = new Uint8Array(4);
  writeU32(counter, 0, number);
  return encodeFrame(Type.MODERATE, 0, concat([key, signature, counter, json]));
}

/** @throws {ProtocolError} if the body does not have this form, or a field of a known act is not valid */
export function parseModerate(body: Uint8Array<ArrayBuffer>): Moderate {
  if (body.length < MODERATE_HEAD) throw malformed("MODERATE", "it is cut short");
  const json = body.subarray(MODERATE_HEAD);
  return {
    key: body.subarray(0, KEY_SIZE),
    signature: body.subarray(KEY_SIZE, KEY_SIZE + SIGNATURE_SIZE),
    number: readU32(body, KEY_SIZE + SIGNATURE_SIZE),
    json,
    act: parseAct(json),
  };
}

/** @throws {ProtocolError} if it is not JSON, or a field of a known act is not valid */
export function parseAct(bytes: Uint8Array): Act | undefined {
  const json = parseObject("MODERATE", bytes);
  const action = textOf("MODERATE", json, "action", 32);
  const field = {
    get member() {
      return integer("MODERATE", json, "member", 1, 0xffff_ffff);
    },
    get reason() {
      return json["reason"] === undefined
        ? {}
        : { reason: textOf("MODERATE", json, "reason", MAX_REASON) };
    },
  };
  switch (action) {
    case "prove":
    case "bans":
      return { action };
    case "kick":
    case "silence":
    case "unsilence":
      return { action, member: field.member, ...field.reason };
    case "ban": {
      const seconds = json["seconds"] === undefined
        ? {}
        : { seconds: integer("MODERATE", json, "seconds", 1, MAX_BAN_SECONDS) };
      return { action, member: field.member, ...seconds, ...field.reason };
    }
    case "unban":
      return { action, ban: integer("MODERATE", json, "ban", 1, 0xffff_ffff) };
    case "lock":
    case "unlock":
      return { action, ...field.reason };
    case "announce":
      return { action, text: textOf("MODERATE", json, "text", MAX_ANNOUNCEMENT) };
    case "op":
    case "deop":
      return { action, key: keyOf("MODERATE", json["key"]) };
    default:
      return undefined;
  }
}

/** NOTICE: the id of the member that has done it, 0 for the operator; JSON. */
export function encodeNotice(by: number, notice: Notice): Uint8Array<ArrayBuffer> {
  return encodeFrame(Type.NOTICE, by, utf8.encode(JSON.stringify(notice)));
}

/** @throws {ProtocolError} if it is not JSON, or a field is not valid */
export function parseNotice(body: Uint8Array): Notice {
  const json = parseObject("NOTICE", body);
  const number = (name: "member" | "ban", max = 0xffff_ffff) =>
    json[name] === undefined ? {} : { [name]: integer("NOTICE", json, name, 1, max) };
  const text = (name: "reason" | "text", max: number) =>
    json[name] === undefined ? {} : { [name]: textOf("NOTICE", json, name, max) };
  const action = textOf("NOTICE", json, "action", 32);
  const notice: Notice = {
    action,
    ...number("member"),
    ...(json["key"] !== undefined && { key: keyOf("NOTICE", json["key"]) }),
    ...number("ban"),
    ...(json["until"] !== undefined && { until: integer("NOTICE", json, "until", 0, MAX_TIME) }),
    ...text("reason", MAX_REASON),
    ...text("text", MAX_ANNOUNCEMENT),
  };
  const missing = NEEDED.get(action)?.find((name) => notice[name] === undefined);
  if (missing !== undefined) throw malformed("NOTICE", `${action} needs ${missing}`);
  return notice;
}

/** The fields that a NOTICE must have, besides its action. */
const NEEDED: ReadonlyMap<string, readonly (keyof Notice)[]> = new Map([
  ["kick", ["member"]],
  ["ban", ["member"]],
  ["unban", ["ban"]],
  ["silence", ["member"]],
  ["unsilence", ["member"]],
  ["announce", ["text"]],
  ["op", ["key"]],
  ["deop", ["key"]],
  ["topic", ["text"]],
]);

/** BANS: the receiver's id; JSON: all bans. Without their reasons, if a frame cannot hold these. */
export function encodeBans(to: number, bans: readonly BanBody[]): Uint8Array<ArrayBuffer> {
  const body = utf8.encode(JSON.stringify({ bans }));
  if (body.length <= MAX_BODY) return encodeFrame(Type.BANS, to, body);
  const bare = bans.map((ban) => ({ ...ban, reason: undefined }));
  return encodeFrame(Type.BANS, to, utf8.encode(JSON.stringify({ bans: bare })));
}

/** @throws {ProtocolError} if it is not a list of bans */
export function parseBans(body: Uint8Array): BanBody[] {
  const { bans } = parseObject("BANS", body);
  if (!Array.isArray(bans)) throw malformed("BANS", "bans must be an array");
  return bans.map((one: unknown) => {
    if (!isObject(one)) throw malformed("BANS", "a ban must be an object");
    const number = (name: keyof BanBody, min: number, max: number) =>
      integer("BANS", one, name, min, max);
    return {
      ban: number("ban", 1, 0xffff_ffff),
      member: number("member", 0, 0xffff_ffff),
      by: number("by", 0, 0xffff_ffff),
      since: number("since", 0, MAX_TIME),
      ...(one["until"] !== undefined && { until: number("until", 0, MAX_TIME) }),
      ...(one["reason"] !== undefined && { reason: textOf("BANS", one, "reason", MAX_REASON) }),
    };
  });
}

/** The rules in WELCOME, whose fields may be left out. @throws {ProtocolError} if one is not valid */
export function parseRules(json: Record<string, unknown>): Rules {
  const { moderators = [], locked = false, readOnly = false, silenced = [], topic } = json;
  if (!Array.isArray(moderators)) throw malformed("WELCOME", "moderators must be an array");
  if (!Array.isArray(silenced)) throw malformed("WELCOME", "silenced must be an array");
  for (const [name, value] of Object.entries({ locked, readOnly })) {
    if (typeof value !== "boolean") throw malformed("WELCOME", `${name} must be true or false`);
  }
  return {
    moderators: moderators.map((key) => keyOf("WELCOME", key)),
    locked: locked as boolean,
    readOnly: readOnly as boolean,
    silenced: silenced.map((id) => integer("WELCOME", { id }, "id", 1, 0xffff_ffff)),
    ...(topic !== undefined && { topic: topicIn(topic) }),
  };
}

function topicIn(json: unknown): { text: string; time: number } {
  if (!isObject(json)) throw malformed("WELCOME", "topic must be an object");
  return {
    text: textOf("WELCOME", json, "text", MAX_ANNOUNCEMENT),
    time: integer("WELCOME", json, "time", 0, MAX_TIME),
  };
}

/** Whether a text is a key as people write it. Whether it is a valid one, only the cipher can say. */
export function isKeyText(text: string): boolean {
  return KEY_TEXT.test(text);
}

/** @param max bytes of UTF-8 */
function textOf(what: string, json: Record<string, unknown>, name: string, max: number): string {
  const value = json[name];
  if (typeof value === "string" && value.isWellFormed() && utf8.encode(value).length <= max) {
    return value;
  }
  throw malformed(what, `${name} must be a text of at most ${max} bytes`);
}

function keyOf(what: string, value: unknown): string {
  if (typeof value === "string" && isKeyText(value)) return value;
  throw malformed(what, "a key must be 32 bytes in base64 without padding");
}
