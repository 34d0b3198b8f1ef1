// A session's X25519 key (RFC 7748), from which two members derive the secret of their direct messages. A member draws
// a new key for each session and never stores it, so the secret cannot be computed again after the session.
// Pure, except for the random numbers of `generate`.

import { diffieHellman, type KeyObject, randomBytes } from "node:crypto";
import { publicBytes, toPrivateKey } from "./keys.ts";
import { CURVE_KEY_SIZE, toPublicKey } from "./public_keys.ts";

/** One member's key pair for one session. */
export class ExchangeKey {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly #key: KeyObject;

  /** @throws {RangeError} if the private key does not have `CURVE_KEY_SIZE` bytes */
  constructor(privateKey: Uint8Array) {
    this.#key = toPrivateKey("X25519", privateKey);
    this.publicKey = publicBytes(this.#key);
  }

  static generate(): ExchangeKey {
    return new ExchangeKey(randomBytes(CURVE_KEY_SIZE));
  }

  /**
   * Computes the secret that this key shares with another member's public key. Both sides get the same bytes.
   *
   * @throws {RangeError} if the other key is of small order: all private keys would share one secret with it
   * (RFC 7748, section 6.1)
   */
  agree(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
    const other = toPublicKey("X25519", publicKey);
    let secret: Uint8Array<ArrayBuffer>;
    try {
      secret = new Uint8Array(diffieHellman({ privateKey: this.#key, publicKey: other }));
    } catch (cause) {
      throw new RangeError("Cannot agree on a secret: the other key is of small order", { cause });
    }
    // Older runtimes return zeros instead of throwing.
    if (secret.every((byte) => byte === 0)) {
      throw new RangeError("Cannot agree on a secret: the other key is of small order");
    }
    return secret;
  }
}
