// What members say to each other inside the cipher, where the server can't look. Pure bytes.
// An envelope: kind (1) || payload. Kinds are letters, so that an opened capture reads well.
// A numbered one: N or R (1) || origin (8) || seq (4) || envelope.

import { nameFault } from "../text/names.ts";
import { MAX_SEQ, type MessageId, ORIGIN_SIZE } from "./message_ids.ts";

const KIND_TEXT = 0x54; // T
const KIND_ACTION = 0x41; // A
const KIND_FILE = 0x46; // F
const KIND_NUMBERED = 0x4e; // N
const KIND_AGAIN = 0x52; // R: repeated

/** Bytes of an envelope that are not text. */
export const ENVELOPE_OVERHEAD = 1;
/** Bytes that a number adds: kind, origin and seq. */
export const NUMBER_OVERHEAD: number = 1 + ORIGIN_SIZE + 4;

export type Envelope =
  & {
    /** Which message of its sender it is; not there where the sender does not count. */
    readonly number?: MessageId;
  }
  & (
    /** Something said: the text. */
    | { readonly kind: "text"; readonly text: string }
    /** Something done (`/me`): what follows the name. */
    | { readonly kind: "action"; readonly text: string }
    /** About files: see `protocol/file_messages.ts`. A view, of what was decoded. */
    | { readonly kind: "file"; readonly body: Uint8Array }
    /** Of a kind that a later version knows. */
    | { readonly kind: "unknown" }
  );

/** What a member tells of itself. */
export interface Profile {
  readonly name: string;
  /** It is on the wire of the original: what is neither text to the room nor `/me` can't reach it. */
  readonly classic?: true;
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes an envelope; a lone half of a surrogate pair becomes U+FFFD, as everywhere in UTF-8.
 *
 * @throws {RangeError} if its origin does not have `ORIGIN_SIZE` bytes, or its seq is not from 1 to `MAX_SEQ`
 */
export function encodeEnvelope(envelope: Exclude<Envelope, { kind: "unknown" }>): Uint8Array {
  const { kind, number } = envelope;
  const front = number ? NUMBER_OVERHEAD : 0;
  const start = front + ENVELOPE_OVERHEAD;
  // One allocation: UTF-8 takes at most three bytes for each UTF-16 unit.
  const most = kind === "file" ? envelope.body.length : envelope.text.length * 3;
  const bytes = new Uint8Array(start + most);
  if (number) {
    checkNumber("encode", number);
    bytes[0] = number.replay ? KIND_AGAIN : KIND_NUMBERED;
    bytes.set(number.origin, 1);
    new DataView(bytes.buffer).setUint32(1 + ORIGIN_SIZE, number.seq);
  }
  if (kind === "file") {
    bytes[front] = KIND_FILE;
    bytes.set(envelope.body, start);
    return bytes;
  }
  bytes[front] = kind === "text" ? KIND_TEXT : KIND_ACTION;
  const { written } = utf8.encodeInto(envelope.text, bytes.subarray(start));
  return bytes.subarray(0, start + written);
}

/**
 * Decodes what a member sent.
 *
 * @throws {RangeError} if it is empty, its text is not UTF-8, or its number is cut short, is 0 or stands in
 * front of another number
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (!isNumbered(bytes[0])) return decodeInner(bytes);
  if (bytes.length < NUMBER_OVERHEAD) {
    throw new RangeError("Cannot read an envelope: it ends within its number");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const number: MessageId = {
    // A copy: it is kept for longer than the bytes.
    origin: new Uint8Array(bytes.subarray(1, 1 + ORIGIN_SIZE)),
    seq: view.getUint32(1 + ORIGIN_SIZE),
    replay: bytes[0] === KIND_AGAIN,
  };
  checkNumber("read", number);
  const inner = bytes.subarray(NUMBER_OVERHEAD);
  if (isNumbered(inner[0])) {
    throw new RangeError("Cannot read an envelope: it has two numbers, it may have one");
  }
  return { ...decodeInner(inner), number };
}

function decodeInner(bytes: Uint8Array): Envelope {
  const kind = bytes[0];
  if (kind === undefined) throw new RangeError("Cannot read an envelope: it is empty");
  if (kind === KIND_FILE) return { kind: "file", body: bytes.subarray(ENVELOPE_OVERHEAD) };
  if (kind !== KIND_TEXT && kind !== KIND_ACTION) return { kind: "unknown" };
  return {
    kind: kind === KIND_TEXT ? "text" : "action",
    text: decodeText("an envelope", bytes.subarray(ENVELOPE_OVERHEAD)),
  };
}

function isNumbered(kind: number | undefined): boolean {
  return kind === KIND_NUMBERED || kind === KIND_AGAIN;
}

function checkNumber(action: string, { origin, seq }: MessageId): void {
  if (origin.length !== ORIGIN_SIZE) {
    throw new RangeError(
      `Cannot ${action} an envelope: its origin has ${origin.length} bytes, not ${ORIGIN_SIZE}`,
    );
  }
  if (!Number.isInteger(seq) || seq < 1 || seq > MAX_SEQ) {
    throw new RangeError(`Cannot ${action} an envelope: its number is ${seq}, not 1 to ${MAX_SEQ}`);
  }
}

/** A profile is JSON, so that later versions can add to it. */
export function encodeProfile(profile: Profile): Uint8Array {
  const { name, classic } = profile;
  return utf8.encode(JSON.stringify(classic ? { name, classic } : { name }));
}

/**
 * Decodes a profile. The name was chosen by somebody else, so it is checked like one's own.
 *
 * @throws {RangeError} if it is no profile, or its name is not valid
 */
export function decodeProfile(bytes: Uint8Array): Profile {
  let json: unknown;
  try {
    json = JSON.parse(decodeText("a profile", bytes));
  } catch (cause) {
    throw new RangeError("Cannot read a profile: it is no JSON", { cause });
  }
  const name = typeof json === "object" && json !== null && "name" in json ? json.name : undefined;
  if (typeof name !== "string") throw new RangeError("Cannot read a profile: it has no name");
  const fault = nameFault(name);
  if (fault !== undefined) throw new RangeError(`Cannot take a profile: a name ${fault}`);
  const isClassic = (json as { classic?: unknown }).classic === true;
  return isClassic ? { name, classic: true } : { name };
}

function decodeText(what: string, bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError(`Cannot read ${what}: it is not UTF-8`, { cause });
  }
}
