// Converts raw Curve25519 keys of 32 bytes to the runtime's key objects and back. Pure.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** Bytes of a private or a public key. */
export const CURVE_KEY_SIZE = 32;

/** Ed25519 is for signatures (RFC 8032), X25519 for key agreement (RFC 7748). */
export type Curve = "Ed25519" | "X25519";

/** The DER bytes before a raw key (RFC 8410, sections 4 and 7): lengths and the curve. */
const PREFIXES = {
  Ed25519: { private: "302e020100300506032b657004220420", public: "302a300506032b6570032100" },
  X25519: { private: "302e020100300506032b656e04220420", public: "302a300506032b656e032100" },
} as const;

/** @throws {RangeError} if `bytes` does not have `CURVE_KEY_SIZE` bytes */
export function toPrivateKey(curve: Curve, bytes: Uint8Array): KeyObject {
  return createPrivateKey(toPem("PRIVATE KEY", PREFIXES[curve].private, bytes));
}

/** @throws {RangeError} if `bytes` is not a public key of this curve */
export function toPublicKey(curve: Curve, bytes: Uint8Array): KeyObject {
  const pem = toPem("PUBLIC KEY", PREFIXES[curve].public, bytes);
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new RangeError("Cannot use a public key: it is not a point on the curve", { cause });
  }
}

/** The raw public key that belongs to a private key. */
export function publicBytes(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-CURVE_KEY_SIZE));
}

/** PEM (RFC 7468): the key format that every version of the runtime accepts. */
function toPem(label: string, prefix: string, bytes: Uint8Array): string {
  if (bytes.length !== CURVE_KEY_SIZE) {
    throw new RangeError(`Cannot use a key: it has ${bytes.length} bytes, not ${CURVE_KEY_SIZE}`);
  }
  const der = Uint8Array.fromHex(prefix + bytes.toHex());
  return `-----BEGIN ${label}-----\n${der.toBase64()}\n-----END ${label}-----\n`;
}
