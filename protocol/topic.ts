// The room's topic: its text, and the body of TOPIC. Pure; it knows no cipher.

import { ProtocolError } from "../errors.ts";
import { checkProfile, encodeFrame, type ErrorCode, malformed, Type } from "../protocol.ts";

/** Maximum bytes of a topic's text in UTF-8. */
export const MAX_TOPIC_TEXT = 1024;
/** Maximum bytes of a sealed topic. The server keeps the newest one and sends it to each new member. */
export const MAX_TOPIC = 1280;

/** Bytes of the size of a profile. */
const SIZE = 2;

/** TOPIC's body to a new member: the member that set the topic may have left, so its profile is needed to verify it. */
export interface GivenTopic {
  /** The sealed profile that this member had then. */
  readonly profile: Uint8Array;
  /** The sealed topic. */
  readonly topic: Uint8Array;
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes a topic; an empty text means that there is none.
 *
 * @throws {RangeError} if it is too long
 */
export function encodeTopic(text: string): Uint8Array {
  const bytes = utf8.encode(text);
  if (bytes.length > MAX_TOPIC_TEXT) {
    throw new RangeError(
      `a topic has at most ${MAX_TOPIC_TEXT} bytes; this one has ${bytes.length}`,
    );
  }
  return bytes;
}

/** @throws {RangeError} if it is too long, or not UTF-8 */
export function decodeTopic(bytes: Uint8Array): string {
  if (bytes.length > MAX_TOPIC_TEXT) {
    throw new RangeError(`Cannot read a topic: it has ${bytes.length} bytes`);
  }
  try {
    return utf8Strict.decode(bytes);
  } catch (cause) {
    throw new RangeError("Cannot read a topic: it is not UTF-8", { cause });
  }
}

/** @throws {ProtocolError} if a sealed topic exceeds `MAX_TOPIC` */
export function checkTopic(topic: Uint8Array): void {
  if (topic.length > MAX_TOPIC) {
    throw new ProtocolError<ErrorCode>(
      "too-large",
      `the topic has ${topic.length} bytes, over the limit of ${MAX_TOPIC}`,
    );
  }
}

/** TOPIC to a new member: the id of the member that set it; size of its profile (2) || profile || topic. */
export function encodeGivenTopic(
  id: number,
  { profile, topic }: GivenTopic,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(SIZE + profile.length + topic.length);
  new DataView(body.buffer).setUint16(0, profile.length);
  body.set(profile, SIZE);
  body.set(topic, SIZE + profile.length);
  return encodeFrame(Type.TOPIC, id, body);
}

/** @throws {ProtocolError} if it is cut short, or one of its parts is too large */
export function parseGivenTopic(body: Uint8Array): GivenTopic {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const end = SIZE + (body.length < SIZE ? 0 : view.getUint16(0));
  if (body.length < end) throw malformed("TOPIC", "it is cut short");
  const given = { profile: body.subarray(SIZE, end), topic: body.subarray(end) };
  checkProfile(given.profile);
  checkTopic(given.topic);
  return given;
}
