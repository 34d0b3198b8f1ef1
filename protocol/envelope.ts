// The plaintext inside the cipher: envelopes, which carry messages, and profiles. The server cannot read either.
// Pure; it knows no cipher and no frame.
// An envelope: kind (1) || payload. Kinds are letters, so that a decrypted capture is readable.
// With a message id: N or R (1) || origin (8) || seq (4) || envelope.

import { nameFault } from "../text/names.ts";
import { MAX_SEQ, type MessageId, ORIGIN_SIZE } from "./message_ids.ts";

const KIND_TEXT = 0x54; // T
const KIND_ACTION = 0x41; // A
const KIND_FILE = 0x46; // F
const KIND_NUMBERED = 0x4e; // N
const KIND_REPLAY = 0x52; // R

/** Bytes of an envelope before its text. */
export const ENVELOPE_OVERHEAD = 1;
/** Bytes that a message id adds: kind, origin and seq. */
export const NUMBER_OVERHEAD: number = 1 + ORIGIN_SIZE + 4;

export type Envelope =
  & {
    /** The message's id; undefined if its sender does not number messages. */
    readonly number?: MessageId;
  }
  & (
    /** A text message. */
    | { readonly kind: "text"; readonly text: string }
    /** An action (`/me`): the text after the name. */
    | { readonly kind: "action"; readonly text: string }
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
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes an envelope. A lone half of a surrogate pair becomes U+FFFD, as always in UTF-8.
 *
 * @throws {RangeError} if the origin does not have `ORIGIN_SIZE` bytes, or the seq is not from 1 to `MAX_SEQ`
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
    bytes[0] = number.replay ? KIND_REPLAY : KIND_NUMBERED;
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
 * Decodes an envelope.
 *
 * @throws {RangeError} if it is empty, its text is not UTF-8, or its message id is cut short, has the seq 0, or is
 * followed by a second one
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
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
  return kind === KIND_NUMBERED || kind === KIND_REPLAY;
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
  const { name, classic } = profile;
  return utf8.encode(JSON.stringify(classic ? { name, classic } : { name }));
}

/**
 * Decodes a profile, and checks its name with the rules for the user's own name.
 *
 * @throws {RangeError} if it is not a profile, or its name is invalid
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
