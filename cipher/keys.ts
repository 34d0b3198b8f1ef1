// Bare keys of Curve25519, 32 bytes each, as the runtime's key objects and back. Pure.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** Bytes of a private key, and of a public one. */
export const CURVE_KEY_SIZE = 32;

/** Ed25519 signs (RFC 8032), X25519 agrees on secrets (RFC 7748). */
export type Curve = "Ed25519" | "X25519";

/** What stands in front of the bare bytes in DER (RFC 8410, sections 4 and 7): lengths and the curve. */
const PREFIXES = {
  Ed25519: { private: "302e020100300506032b657004220420", public: "302a300506032b6570032100" },
  X25519: { private: "302e020100300506032b656e04220420", public: "302a300506032b656e032100" },
} as const;

/** @throws {RangeError} if `bytes` are not as many as a key has */
export function toPrivateKey(curve: Curve, bytes: Uint8Array): KeyObject {
  return createPrivateKey(toPem("PRIVATE KEY", PREFIXES[curve].private, bytes));
}

/** @throws {RangeError} if `bytes` are no public key of this curve */
export function toPublicKey(curve: Curve, bytes: Uint8Array): KeyObject {
  const pem = toPem("PUBLIC KEY", PREFIXES[curve].public, bytes);
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new RangeError("Cannot use a public key: it is no point of the curve", { cause });
  }
}

/** The bare bytes of the public key that belongs to a private one. */
export function publicBytes(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-CURVE_KEY_SIZE));
}

/** The text form (RFC 7468), which every version of the runtime takes. */
function toPem(label: string, prefix: string, bytes: Uint8Array): string {
  if (bytes.length !== CURVE_KEY_SIZE) {
    throw new RangeError(`Cannot use a key: it has ${bytes.length} bytes, not ${CURVE_KEY_SIZE}`);
  }
  const der = Uint8Array.fromHex(prefix + bytes.toHex());
  return `-----BEGIN ${label}-----\n${der.toBase64()}\n-----END ${label}-----\n`;
}
