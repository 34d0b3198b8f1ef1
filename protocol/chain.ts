// The chain of a sealed room's log: a running SHA-256 over its bytes, in which any two members that have seen the same
// frames get the same values. Members report it to each other, so a server cannot show them different conversations
// unnoticed. Pure: bytes in, bytes out.
//
// The chain restarts at the start of every JOINED frame, and at the first start of a frame 64 KiB or more after the
// last restart. C(0) = SHA-256(label || name of the log). C(k + 1) = SHA-256(C(k) || bytes since restart k), which is
// also the value at restart k + 1. Between restarts the value is SHA-256(C(k) || bytes since restart k).

import { createHash, type Hash } from "node:crypto";
import { HEADER_SIZE, LENGTH_SIZE, Type } from "../protocol.ts";

/** Bytes of a value. */
export const CHAIN_SIZE = 32;
/** Bytes after which the chain restarts, so that the value at an old position is quickly computed. */
export const CHAIN_RUN = 64 * 1024;

const LABEL = new TextEncoder().encode("chat/1 log");

/** C(0), the value at the start of a log with this name. */
export function firstLink(name: Uint8Array): Uint8Array<ArrayBuffer> {
  return digest(createHash("sha256").update(LABEL).update(name));
}

/** A hash that begins with the value at a restart. Update it with the bytes since then. */
export function startLink(value: Uint8Array): Hash {
  return createHash("sha256").update(value);
}

/** The value, after all bytes that the hash was updated with. The hash can go on. */
export function linkOf(hash: Hash): Uint8Array<ArrayBuffer> {
  return digest(hash.copy());
}

/**
 * Whether the chain restarts before a frame.
 *
 * @param frame the start of the frame: at least its header
 * @param since bytes since the last restart
 */
export function restartsBefore(frame: Uint8Array, since: number): boolean {
  if (frame.length < HEADER_SIZE) throw new RangeError("Cannot continue a chain: no header");
  return frame[LENGTH_SIZE] === Type.JOINED || since >= CHAIN_RUN;
}

function digest(hash: Hash): Uint8Array<ArrayBuffer> {
  // A plain `Uint8Array`: the `slice` of a `Buffer` does not copy.
  return new Uint8Array(hash.digest());
}
