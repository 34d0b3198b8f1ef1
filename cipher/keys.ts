// Converts raw private keys of Curve25519 (32 bytes) to the runtime's key objects. Pure.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type Curve, CURVE_KEY_SIZE, toPem } from "./public_keys.ts";

/** The DER bytes before a raw private key (RFC 8410, section 7): lengths and the curve. */
const PREFIXES: Readonly<Record<Curve, string>> = {
  Ed25519: "302e020100300506032b657004220420",
  X25519: "302e020100300506032b656e04220420",
};

/** @throws {RangeError} if `bytes` does not have `CURVE_KEY_SIZE` bytes */
export function toPrivateKey(curve: Curve, bytes: Uint8Array): KeyObject {
  return createPrivateKey(toPem("PRIVATE KEY", PREFIXES[curve], bytes));
}

/** The raw public key that belongs to a private key. */
export function publicBytes(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-CURVE_KEY_SIZE));
}
