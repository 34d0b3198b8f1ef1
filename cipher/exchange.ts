// A session's key for what two members say to each other alone: X25519 (RFC 7748). Each member draws one
// for each session and never writes it down: once the session is over, nobody can compute again what two
// of them agreed on. Pure, but for the random numbers of `generate`.

import { diffieHellman, type KeyObject, randomBytes } from "node:crypto";
import { CURVE_KEY_SIZE, publicBytes, toPrivateKey, toPublicKey } from "./keys.ts";

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
   * The secret that only this key and the other have: the same from both sides.
   *
   * @throws {RangeError} for a key that would give everybody the same (RFC 7748, section 6.1)
   */
  agree(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
    const other = toPublicKey("X25519", publicKey);
    let secret: Uint8Array<ArrayBuffer>;
    try {
      secret = new Uint8Array(diffieHellman({ privateKey: this.#key, publicKey: other }));
    } catch (cause) {
      throw new RangeError("Cannot agree on a secret: the other key is of small order", { cause });
    }
    // Older runtimes give zeros instead of throwing.
    if (secret.every((byte) => byte === 0)) {
      throw new RangeError("Cannot agree on a secret: the other key is of small order");
    }
    return secret;
  }
}
