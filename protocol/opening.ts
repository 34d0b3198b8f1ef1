// Recognizes the other side of a connection by its first bytes: our own protocol, another version of it, or a
// program of another kind that came to this port by mistake. Pure.

import {
  HEADER_SIZE,
  ID_OFFSET,
  LENGTH_SIZE,
  MAX_FRAME_BEFORE_ADMISSION,
  readU32,
  Type,
  TYPE_AND_ID_SIZE,
  VERSION,
} from "../protocol.ts";

/** The protocol of the other side, by the first bytes of a connection. `more`: not known yet. */
export type Opening =
  | { readonly kind: "more" }
  | { readonly kind: "chat" }
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "http" | "tls" | "ssh" | "noise" };

/** Reads a client's preface, or recognizes common clients of other protocols. Decides within 12 bytes. */
export function parsePreface(bytes: Uint8Array): Opening {
  const text = latin1(bytes.subarray(0, 12));
  // No leading zeros: each version has one preface of known length.
  const match = /^chat\/(0|[1-9]\d{0,4})\n/.exec(text);
  if (match) {
    const version = Number(match[1]);
    return version === VERSION ? { kind: "chat" } : { kind: "version", version };
  }
  if (/^(?:c(?:h(?:a(?:t(?:\/\d{0,5})?)?)?)?)?$/.test(text)) return { kind: "more" };
  // HTTP and TLS get a better answer than noise, so their possible starts wait for more bytes.
  const couldBeTls = bytes.length === 1 && isTlsRecord(bytes[0]);
  if (/^[A-Z]{1,7}$/.test(text) || couldBeTls) return { kind: "more" };
  return guess(bytes, /^[A-Z]{3,7} /);
}

/**
 * Recognizes a server's first bytes: a GREETING frame of any version, an ERROR, a BYE, or the start of another
 * protocol. Decides within 9 bytes.
 */
export function parseServerOpening(bytes: Uint8Array): Opening {
  if (bytes.length >= HEADER_SIZE) {
    const length = readU32(bytes, 0);
    const type = bytes[LENGTH_SIZE];
    const isFrame = length >= TYPE_AND_ID_SIZE && length <= MAX_FRAME_BEFORE_ADMISSION &&
      readU32(bytes, ID_OFFSET) === 0 &&
      (type === Type.GREETING || type === Type.ERROR || type === Type.BYE);
    return isFrame ? { kind: "chat" } : guess(bytes, HTTP_ANSWER);
  }
  // Only a frame starts with two zeros: GREETING and ERROR are shorter than 64 KiB.
  const couldBeFrame = bytes.subarray(0, 2).every((byte) => byte === 0);
  if (couldBeFrame) return { kind: "more" };
  const opening = guess(bytes, HTTP_ANSWER);
  // HTTP takes five bytes to recognize; the others need fewer.
  return opening.kind === "noise" && bytes.length < 5 ? { kind: "more" } : opening;
}

const HTTP_ANSWER = /^HTTP\//;

/** @param http the start of HTTP from that side */
function guess(bytes: Uint8Array, http: RegExp): Opening {
  const text = latin1(bytes.subarray(0, 12));
  if (http.test(text)) return { kind: "http" };
  if (/^SSH-/.test(text)) return { kind: "ssh" };
  // All versions of TLS send 3.x as their version.
  if (isTlsRecord(bytes[0]) && bytes[1] === 3) return { kind: "tls" };
  return { kind: "noise" };
}

/** Handshake or alert (RFC 8446, section 5.1). */
function isTlsRecord(type: number | undefined): boolean {
  return type === 22 || type === 21;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
