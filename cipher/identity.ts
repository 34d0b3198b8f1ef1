// A member's identity: its Ed25519 key (RFC 8032), signatures, and the words by which two people compare keys.
// It knows no names and no room. Pure, except for the random numbers of `generate`.

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
  /** Secret: anyone who has it can send as this member. */
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

/** A key in text form, for people and files: base64 of the public key, without padding. */
export function fingerprint(publicKey: Uint8Array): string {
  return publicKey.toBase64({ omitPadding: true });
}

/** Words in a comparison: 88 bits. */
const COMPARISON_WORDS = 8;
/** scrypt (RFC 7914) with 16 MiB: some ten milliseconds here, and for a forger for each of 2^44 tries. */
const COMPARISON_COST = { N: 16 * 1024, r: 8, p: 1 };

/** Words for a conversation: 66 bits, of a hash that only a server that forks the room could search for a match. */
const CONVERSATION_WORDS = 6;

/** The words for a value of a room's chain, which members compare aloud. */
export function conversationWords(chain: Uint8Array): string {
  return toWords(chain, CONVERSATION_WORDS).join(" ");
}

/**
 * The eight words that two members compare aloud. Both screens show the same words if each has the other's true key.
 * An attacker in the middle, with one key for each side, would have to find two keys that give the same words.
 */
export function comparison(one: Uint8Array, other: Uint8Array): string {
  // Sorted, so both sides use one order. Keys have one length, so no separator is needed.
  const keys = [one.toHex(), other.toHex()].sort().join("");
  const size = Math.ceil(COMPARISON_WORDS * 11 / 8);
  const hash = scryptSync(Uint8Array.fromHex(keys), "chat/1 compare", size, COMPARISON_COST);
  return toWords(hash, COMPARISON_WORDS).join(" ");
}
