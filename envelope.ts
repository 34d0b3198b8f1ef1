// What members say to each other inside the cipher, where the server can't look. Pure bytes.
// An envelope: kind (1) || payload. Kinds are letters, so that an opened capture reads well.

import { nameFault } from "./text.ts";

const KIND_TEXT = 0x54; // T
const KIND_ACTION = 0x41; // A

/** Bytes of an envelope that are not text. */
export const ENVELOPE_OVERHEAD = 1;

export type Envelope =
  /** Something said: the text. */
  | { readonly kind: "text"; readonly text: string }
  /** Something done (`/me`): what follows the name. */
  | { readonly kind: "action"; readonly text: string }
  /** Of a kind that a later version knows. */
  | { readonly kind: "unknown" };

/** What a member tells of itself. */
export interface Profile {
  readonly name: string;
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes an envelope; a lone half of a surrogate pair becomes U+FFFD, as everywhere in UTF-8. */
export function encodeEnvelope(envelope: Exclude<Envelope, { kind: "unknown" }>): Uint8Array {
  // One allocation: UTF-8 takes at most three bytes for each UTF-16 unit.
  const bytes = new Uint8Array(ENVELOPE_OVERHEAD + envelope.text.length * 3);
  bytes[0] = envelope.kind === "text" ? KIND_TEXT : KIND_ACTION;
  const { written } = utf8.encodeInto(envelope.text, bytes.subarray(ENVELOPE_OVERHEAD));
  return bytes.subarray(0, ENVELOPE_OVERHEAD + written);
}

/**
 * Decodes what a member sent.
 *
 * @throws {RangeError} if it is empty, or its text is not UTF-8
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const kind = bytes[0];
  if (kind === undefined) throw new RangeError("Cannot read an envelope: it is empty");
  if (kind !== KIND_TEXT && kind !== KIND_ACTION) return { kind: "unknown" };
  return {
    kind: kind === KIND_TEXT ? "text" : "action",
    text: decodeText("an envelope", bytes.subarray(ENVELOPE_OVERHEAD)),
  };
}

/** A profile is JSON, so that later versions can add to it. */
export function encodeProfile(profile: Profile): Uint8Array {
  return utf8.encode(JSON.stringify({ name: profile.name }));
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
  return { name };
}

function decodeText(what: string, bytes: Uint8Array): string {
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError(`Cannot read ${what}: it is not UTF-8`, { cause });
  }
}
