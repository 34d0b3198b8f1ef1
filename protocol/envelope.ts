// The plaintext inside the cipher: envelopes, which carry messages, and profiles. The server cannot read either.
// Pure; it knows no cipher and no frame.
// An envelope: kind (1) || payload. Kinds are printable, so that a decrypted capture is readable.
// About an earlier message: kind (1) || reference (16) || payload; an answer's payload is the envelope of its text.
// With a message id: N or R (1) || origin (8) || seq (4) || envelope.
// After messages that the room has refused: X (1) || how many (4) || envelope with a message id.

import { concat } from "@std/bytes/concat";
import { splitGraphemes } from "../text/graphemes.ts";
import { nameFault } from "../text/names.ts";
import { HAZARDS, visibleForm } from "../text/printable.ts";
import { MAX_SEQ, type MessageId, ORIGIN_SIZE, REFERENCE_SIZE } from "./message_ids.ts";

const KIND_TEXT = 0x54; // T
const KIND_ACTION = 0x41; // A
const KIND_FILE = 0x46; // F
const KIND_ANSWER = 0x51; // Q
const KIND_EDIT = 0x45; // E
const KIND_DELETE = 0x44; // D
const KIND_REACT = 0x2b; // +
const KIND_UNREACT = 0x2d; // -
const KIND_NUMBERED = 0x4e; // N
const KIND_REPLAY = 0x52; // R
const KIND_REFUSED = 0x58; // X

/** Bytes of an envelope before its text. */
export const ENVELOPE_OVERHEAD = 1;
/** Bytes that an answer adds: kind and reference. A correction needs no more. */
export const ANSWER_OVERHEAD: number = 1 + REFERENCE_SIZE;
/** The largest reaction, in bytes of UTF-8: the longest emoji, a family, has 25. */
const MAX_REACTION = 64;
/** Bytes that a message id adds: kind, origin and seq. */
export const NUMBER_OVERHEAD: number = 1 + ORIGIN_SIZE + 4;
/** Bytes that the number of refused messages adds: kind and number. */
export const REFUSED_OVERHEAD: number = 1 + 4;
/** Bytes that a text may need besides its own: any may be an answer, and follow refused messages. */
export const TEXT_OVERHEAD: number = REFUSED_OVERHEAD + NUMBER_OVERHEAD + ANSWER_OVERHEAD +
  ENVELOPE_OVERHEAD;

export type Envelope =
  & {
    /** The message's id; undefined if its sender does not number messages. */
    readonly number?: MessageId;
    /**
     * How many messages of this sender directly before this one the room has refused: they are not missing. Only with a
     * message id.
     */
    readonly refused?: number;
  }
  & (
    /** A text message; or an action (`/me`), with the text after the name. */
    | {
      readonly kind: "text" | "action";
      readonly text: string;
      /** The reference of the message that it answers, in hex. */
      readonly re?: string;
    }
    /** The text of an earlier message of this sender is `text` from now on. `re` is its reference, in hex. */
    | { readonly kind: "edit"; readonly text: string; readonly re: string }
    /** An earlier message of this sender is not to be shown any more. */
    | { readonly kind: "delete"; readonly re: string }
    /** The sender reacts to a message with an emoji, which is one grapheme; or takes that back. */
    | { readonly kind: "react" | "unreact"; readonly text: string; readonly re: string }
    /** File messages: see `protocol/file_messages.ts`. A view of the decoded bytes. */
    | { readonly kind: "file"; readonly body: Uint8Array }
    /** A kind of a later version. */
    | { readonly kind: "unknown" }
  );

/** A member's description of itself. */
export interface Profile {
  readonly name: string;
  /** A classic client: it receives texts to the room and `/me`, and nothing else. */
  readonly classic?: true;
  /** Why its user does not answer, as `/away` says it; not there: its user has said nothing. See `statusFault`. */
  readonly status?: string;
}

/** Longest status, in characters (code points): it fits into a profile beside the longest name. */
export const MAX_STATUS = 100;

/** Why `status` is not a valid one, as the rest of a sentence that starts with "it". Undefined if it is valid. */
export function statusFault(status: string): string | undefined {
  const { length } = [...status.slice(0, 2 * MAX_STATUS + 1)];
  if (length > MAX_STATUS) return `must have at most ${MAX_STATUS} characters`;
  if (status.trim() === "") return "must not be empty";
  if (/[\r\n]/.test(status)) return "must be one line";
  HAZARDS.lastIndex = 0;
  const hazard = HAZARDS.exec(status);
  if (hazard) return `must not contain control characters: it has ${visibleForm(hazard[0])}`;
  return undefined;
}

const KINDS: Readonly<Record<Content["kind"], number>> = {
  text: KIND_TEXT,
  action: KIND_ACTION,
  file: KIND_FILE,
  edit: KIND_EDIT,
  delete: KIND_DELETE,
  react: KIND_REACT,
  unreact: KIND_UNREACT,
};

const NOTHING = new Uint8Array(0);
const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An envelope that can be sent. */
export type Content = Exclude<Envelope, { kind: "unknown" }>;

/**
 * Encodes an envelope. A lone half of a surrogate pair becomes U+FFFD, as always in UTF-8.
 *
 * @throws {RangeError} if the origin does not have `ORIGIN_SIZE` bytes, the seq is not from 1 to `MAX_SEQ`, or a reference
 * does not have `REFERENCE_SIZE` bytes; or if messages before it were refused and it has no id
 */
export function encodeEnvelope(envelope: Content): Uint8Array {
  const { number, refused = 0 } = envelope;
  const front = headOf(envelope);
  const prefix = refused === 0 ? 0 : REFUSED_OVERHEAD;
  const start = prefix + (number ? NUMBER_OVERHEAD : 0) + front.length;
  const text = "text" in envelope ? envelope.text : "";
  const body = envelope.kind === "file" ? envelope.body : NOTHING;
  // One allocation: UTF-8 takes at most three bytes for each UTF-16 unit.
  const bytes = new Uint8Array(start + text.length * 3 + body.length);
  if (prefix > 0) {
    checkRefused("encode", refused, number);
    bytes[0] = KIND_REFUSED;
    new DataView(bytes.buffer).setUint32(1, refused);
  }
  if (number) {
    checkNumber("encode", number);
    bytes[prefix] = number.replay ? KIND_REPLAY : KIND_NUMBERED;
    bytes.set(number.origin, prefix + 1);
    new DataView(bytes.buffer).setUint32(prefix + 1 + ORIGIN_SIZE, number.seq);
  }
  bytes.set(front, start - front.length);
  bytes.set(body, start);
  const { written } = utf8.encodeInto(text, bytes.subarray(start));
  return bytes.subarray(0, start + written + body.length);
}

/** What precedes text or body. */
function headOf(envelope: Content): Uint8Array {
  const kind = KINDS[envelope.kind];
  const re = "re" in envelope ? envelope.re : undefined;
  if (re === undefined) return Uint8Array.of(kind);
  const reference = Uint8Array.fromHex(re);
  if (reference.length !== REFERENCE_SIZE) {
    throw new RangeError(
      `Cannot encode an envelope: its reference has ${reference.length} bytes, not ${REFERENCE_SIZE}`,
    );
  }
  const isAnswer = envelope.kind === "text" || envelope.kind === "action";
  return isAnswer
    ? concat([Uint8Array.of(KIND_ANSWER), reference, Uint8Array.of(kind)])
    : concat([Uint8Array.of(kind), reference]);
}

/**
 * Decodes an envelope.
 *
 * @throws {RangeError} if it is empty, its text is not UTF-8, or its message id is cut short, has the seq 0, or is
 * followed by a second one; or if it has a number of refused messages that is 0, cut short, or not right before the
 * message id
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes[0] === KIND_REFUSED) {
    if (bytes.length < REFUSED_OVERHEAD) {
      throw new RangeError("Cannot read an envelope: it ends within a number");
    }
    const refused = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(1);
    const rest = bytes.subarray(REFUSED_OVERHEAD);
    const envelope = rest[0] === KIND_REFUSED ? undefined : decodeEnvelope(rest);
    checkRefused("read", refused, envelope?.number);
    return { ...envelope!, refused };
  }
  if (!isNumbered(bytes[0])) return decodeInner(bytes);
  if (bytes.length < NUMBER_OVERHEAD) {
    throw new RangeError("Cannot read an envelope: it ends within its message id");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const number: MessageId = {
    // A copy, since it is kept longer than the bytes.
    origin: new Uint8Array(bytes.subarray(1, 1 + ORIGIN_SIZE)),
    seq: view.getUint32(1 + ORIGIN_SIZE),
    replay: bytes[0] === KIND_REPLAY,
  };
  checkNumber("read", number);
  const inner = bytes.subarray(NUMBER_OVERHEAD);
  if (isNumbered(inner[0])) {
    throw new RangeError("Cannot read an envelope: it has two message ids");
  }
  if (inner[0] === KIND_REFUSED) {
    throw new RangeError("Cannot read an envelope: the number of refused messages comes first");
  }
  return { ...decodeInner(inner), number };
}

function decodeInner(bytes: Uint8Array): Envelope {
  const kind = bytes[0];
  if (kind === undefined) throw new RangeError("Cannot read an envelope: it is empty");
  const payload = bytes.subarray(1);
  switch (kind) {
    case KIND_FILE:
      return { kind: "file", body: payload };
    case KIND_TEXT:
    case KIND_ACTION:
      return {
        kind: kind === KIND_TEXT ? "text" : "action",
        text: decodeText("an envelope", payload),
      };
    case KIND_ANSWER:
    case KIND_EDIT:
    case KIND_DELETE:
    case KIND_REACT:
    case KIND_UNREACT:
      return decodeAbout(kind, payload);
    default:
      return { kind: "unknown" };
  }
}

/** Decodes an envelope about an earlier message. */
function decodeAbout(kind: number, bytes: Uint8Array): Envelope {
  if (bytes.length < REFERENCE_SIZE) {
    throw new RangeError("Cannot read an envelope: it ends within its reference");
  }
  const re = bytes.subarray(0, REFERENCE_SIZE).toHex();
  const payload = bytes.subarray(REFERENCE_SIZE);
  if (kind === KIND_ANSWER) {
    const inner = decodeInner(payload);
    if (inner.kind === "unknown") return inner;
    if ((inner.kind !== "text" && inner.kind !== "action") || inner.re !== undefined) {
      throw new RangeError("Cannot read an envelope: an answer is a text or an action");
    }
    return { ...inner, re };
  }
  if (kind === KIND_DELETE) {
    if (payload.length > 0) {
      throw new RangeError("Cannot read an envelope: it goes on after its end");
    }
    return { kind: "delete", re };
  }
  const text = decodeText("an envelope", payload);
  if (kind === KIND_EDIT) return { kind: "edit", text, re };
  if (!isReaction(text)) throw new RangeError("Cannot read an envelope: a reaction is one emoji");
  return { kind: kind === KIND_REACT ? "react" : "unreact", text, re };
}

/** Whether a text can be a reaction: one grapheme, however old this version's table of emoji is. */
export function isReaction(text: string): boolean {
  return text.trim() !== "" && text.length <= MAX_REACTION &&
    utf8.encode(text).length <= MAX_REACTION && splitGraphemes(text).length === 1;
}

function isNumbered(kind: number | undefined): boolean {
  return kind === KIND_NUMBERED || kind === KIND_REPLAY;
}

function checkRefused(action: string, refused: number, number: MessageId | undefined): void {
  const isCount = Number.isInteger(refused) && refused > 0 && refused <= MAX_SEQ;
  if (isCount && number) return;
  const fault = isCount
    ? "it counts refused messages and has no message id"
    : `the number of refused messages is ${refused}`;
  throw new RangeError(`Cannot ${action} an envelope: ${fault}`);
}

function checkNumber(action: string, { origin, seq }: MessageId): void {
  if (origin.length !== ORIGIN_SIZE) {
    throw new RangeError(
      `Cannot ${action} an envelope: its origin has ${origin.length} bytes, not ${ORIGIN_SIZE}`,
    );
  }
  if (!Number.isInteger(seq) || seq < 1 || seq > MAX_SEQ) {
    throw new RangeError(`Cannot ${action} an envelope: its seq is ${seq}, not 1 to ${MAX_SEQ}`);
  }
}

/** Encodes a profile as JSON, so that later versions can add fields. */
export function encodeProfile(profile: Profile): Uint8Array {
  const { name, classic, status } = profile;
  const json = { name, ...(classic && { classic }), ...(status !== undefined && { status }) };
  return utf8.encode(JSON.stringify(json));
}

/**
 * Decodes a profile, and checks its name and status with the rules for the user's own.
 *
 * @throws {RangeError} if it is not a profile, or its name or status is invalid
 */
export function decodeProfile(bytes: Uint8Array): Profile {
  let json: unknown;
  try {
    json = JSON.parse(decodeText("a profile", bytes));
  } catch (cause) {
    throw new RangeError("Cannot read a profile: it is not JSON", { cause });
  }
  const name = typeof json === "object" && json !== null && "name" in json ? json.name : undefined;
  if (typeof name !== "string") throw new RangeError("Cannot read a profile: it has no name");
  const fault = nameFault(name);
  if (fault !== undefined) throw new RangeError(`Cannot accept a profile: a name ${fault}`);
  const { classic, status } = json as { classic?: unknown; status?: unknown };
  const isClassic = classic === true;
  if (status === undefined) return isClassic ? { name, classic: true } : { name };
  const statusError = typeof status === "string" ? statusFault(status) : "must be text";
  if (statusError !== undefined) {
    throw new RangeError(`Cannot accept a profile: a status ${statusError}`);
  }
  return { name, ...(isClassic && { classic: true }), status: status as string };
}

function decodeText(what: string, bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError(`Cannot read ${what}: it is not UTF-8`, { cause });
  }
}
