// A member's identity: its Ed25519 key (RFC 8032), signatures, and the words by which two people compare keys.
// It knows no names and no room. Pure, except for the random numbers of `generate`.

import { type KeyObject, randomBytes, scryptSync, sign } from "node:crypto";
import { toWords } from "./codes.ts";
import { publicBytes, toPrivateKey } from "./keys.ts";
import { CURVE_KEY_SIZE } from "./public_keys.ts";

/** Bytes of a private key's seed. */
export const SEED_SIZE = CURVE_KEY_SIZE;

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
