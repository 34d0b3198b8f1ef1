// Converts raw public keys of Curve25519 (32 bytes) to the runtime's key objects. It makes no private key. Pure.

import { createPublicKey, type KeyObject } from "node:crypto";

/** Bytes of a private or a public key. */
export const CURVE_KEY_SIZE = 32;

/** Ed25519 is for signatures (RFC 8032), X25519 for key agreement (RFC 7748). */
export type Curve = "Ed25519" | "X25519";

/** The DER bytes before a raw public key (RFC 8410, section 4): lengths and the curve. */
const PREFIXES: Readonly<Record<Curve, string>> = {
  Ed25519: "302a300506032b6570032100",
  X25519: "302a300506032b656e032100",
};

/** @throws {RangeError} if `bytes` is not a public key of this curve */
export function toPublicKey(curve: Curve, bytes: Uint8Array): KeyObject {
  const pem = toPem("PUBLIC KEY", PREFIXES[curve], bytes);
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new RangeError("Cannot use a public key: it is not a point on the curve", { cause });
  }
}

/** PEM (RFC 7468): the key format that every version of the runtime accepts. */
export function toPem(label: string, prefix: string, bytes: Uint8Array): string {
  if (bytes.length !== CURVE_KEY_SIZE) {
    throw new RangeError(`Cannot use a key: it has ${bytes.length} bytes, not ${CURVE_KEY_SIZE}`);
  }
  const der = Uint8Array.fromHex(prefix + bytes.toHex());
  return `-----BEGIN ${label}-----\n${der.toBase64()}\n-----END ${label}-----\n`;
}
