// Checks signatures of Ed25519 (RFC 8032). It has no private key: also the server may use it. Pure.

import { type KeyObject, verify } from "node:crypto";
import { CURVE_KEY_SIZE, toPublicKey } from "./public_keys.ts";

/** Bytes of a public key. */
export const PUBLIC_KEY_SIZE = CURVE_KEY_SIZE;
/** Bytes of a signature. */
export const SIGNATURE_SIZE = 64;

/** A public key, prepared once to check many signatures. */
export class Verifier {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly #key: KeyObject;

  /** @throws {RangeError} if this is not a public key, or one for which anyone can sign */
  constructor(publicKey: Uint8Array) {
    this.publicKey = new Uint8Array(publicKey);
    this.#key = toPublicKey("Ed25519", this.publicKey);
    if (isWeak(this.publicKey)) {
      throw new RangeError("Cannot use a public key: it is weak, anyone can sign for it");
    }
  }

  /** Whether `signature` was made with this key for exactly this message. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === SIGNATURE_SIZE && verify(null, message, this.#key, signature);
  }
}

/**
 * The y coordinates, little-endian, of the eight points of small order. For such a key, anyone can make a signature
 * that is valid for most messages, without a private key. RFC 8032 does not require verifiers to reject it.
 */
const SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/** The field's prime, 2^255 - 19, big-endian. A y that is not below it is a second encoding of a key. */
const PRIME = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

function isWeak(publicKey: Uint8Array): boolean {
  const y = Uint8Array.from(publicKey);
  // The highest bit is the sign of x.
  y[PUBLIC_KEY_SIZE - 1]! &= 0x7f;
  // Hex strings of equal length compare like the numbers.
  return SMALL_ORDER.includes(y.toHex()) || y.reverse().toHex() >= PRIME;
}
