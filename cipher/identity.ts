// Who a member is: its Ed25519 key (RFC 8032), the words by which two people compare keys, and the names
// that are known with their keys. Pure: files are read and written elsewhere.

import { type KeyObject, randomBytes, scryptSync, sign, verify } from "node:crypto";
import { toWords } from "./codes.ts";
import { CURVE_KEY_SIZE, publicBytes, toPrivateKey, toPublicKey } from "./keys.ts";

/** Bytes of a private key's seed. */
export const SEED_SIZE = CURVE_KEY_SIZE;
/** Bytes of a public key. */
export const PUBLIC_KEY_SIZE = CURVE_KEY_SIZE;
/** Bytes of a signature. */
export const SIGNATURE_SIZE = 64;

/** A member's own key. */
export class Identity {
  /** Keep it secret: whoever has it can speak as this member. */
  readonly seed: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly #key: KeyObject;

  /** @throws {RangeError} if the seed does not have `SEED_SIZE` bytes */
  constructor(seed: Uint8Array) {
    this.seed = new Uint8Array(seed);
    this.#key = toPrivateKey("Ed25519", seed);
    this.publicKey = publicBytes(this.#key);
  }

  static generate(): Identity {
    return new Identity(randomBytes(SEED_SIZE));
  }

  sign(message: Uint8Array): Uint8Array<ArrayBuffer> {
    return new Uint8Array(sign(null, message, this.#key));
  }
}

/** A public key, made ready once to check many signatures. */
export class Verifier {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly #key: KeyObject;

  /** @throws {RangeError} if this is no public key, or one under which anybody could sign */
  constructor(publicKey: Uint8Array) {
    this.publicKey = new Uint8Array(publicKey);
    this.#key = toPublicKey("Ed25519", this.publicKey);
    if (isWeak(this.publicKey)) {
      throw new RangeError("Cannot use a public key: it is weak, anybody could sign under it");
    }
  }

  /** Whether `signature` is this key's, for exactly this message. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === SIGNATURE_SIZE && verify(null, message, this.#key, signature);
  }
}

/**
 * The y coordinates, little-endian, of the eight points of small order. Under such a key a signature can be
 * made without a private key, and fits most messages: RFC 8032 does not ask verifiers to refuse it.
 */
const SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/** The field's prime, 2^255 - 19, big-endian: a y that is not below it is a second spelling of a key. */
const PRIME = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

function isWeak(publicKey: Uint8Array): boolean {
  const y = Uint8Array.from(publicKey);
  // The topmost bit is the sign of x.
  y[PUBLIC_KEY_SIZE - 1]! &= 0x7f;
  // Hex of one length compares as the numbers do.
  return SMALL_ORDER.includes(y.toHex()) || y.reverse().toHex() >= PRIME;
}

/** A key as people write it down: base64 of the public key, without padding. */
export function fingerprint(publicKey: Uint8Array): string {
  return publicKey.toBase64({ omitPadding: true });
}

/** Words in a comparison: 88 bits. */
const COMPARISON_WORDS = 8;
/** scrypt (RFC 7914) with 16 MiB: some ten milliseconds here, for a forger at each of 2^44 tries. */
const COMPARISON_COST = { N: 16 * 1024, r: 8, p: 1 };

/**
 * What two members compare aloud: the same eight words on both screens, if each has the other's true key.
 * Somebody in the middle with a key for each side would have to find two keys that give the same words.
 */
export function comparison(one: Uint8Array, other: Uint8Array): string {
  // The same order on both sides; keys have one length, so nothing needs to part them.
  const keys = [one.toHex(), other.toHex()].sort().join("");
  const size = Math.ceil(COMPARISON_WORDS * 11 / 8);
  const hash = scryptSync(Uint8Array.fromHex(keys), "chat/1 compare", size, COMPARISON_COST);
  return toWords(hash, COMPARISON_WORDS).join(" ");
}
