// ChaCha20-Poly1305 (RFC 8439) and HKDF-SHA256 (RFC 5869) behind two functions, whatever the runtime
// has. Pure: bytes in, bytes out.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha";

/** Bytes of a key. */
export const KEY_SIZE = 32;
/** Bytes of a nonce. It MUST NOT be used twice with one key. */
export const NONCE_SIZE = 12;
/** Bytes by which a sealed text is longer. */
export const TAG_SIZE = 16;

/**
 * Authenticated encryption with associated data (RFC 5116, section 2). Nothing is changed or kept. A key
 * or a nonce of another size is a `RangeError`: a mistake of ours, never something off the wire.
 */
export interface Aead {
  /**
   * Ciphertext and tag, as the plaintext's parts in one piece would give them.
   *
   * @param front bytes in front of them that are left as zeros, for the caller. Parts and front save copies of what
   * is large: each of them is garbage, and V8 collects it at once
   */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    plaintext: readonly Uint8Array[],
    front?: number,
  ): Uint8Array<ArrayBuffer>;
  /** The plaintext; undefined if anything about it is not as it was sealed. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined;
}

const ALGORITHM = "chacha20-poly1305";
const OPTIONS = { authTagLength: TAG_SIZE };

/** Through the runtime's `node:crypto`: in Deno from 2.7 on. */
export const nativeAead: Aead = {
  seal(key, nonce, associated, plaintext, front = 0) {
    checkSizes(key, nonce);
    const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
    const length = sizeOf(plaintext);
    cipher.setAAD(associated, { plaintextLength: length });
    const sealed = new Uint8Array(front + length + TAG_SIZE);
    let at = front;
    for (const part of plaintext) {
      sealed.set(cipher.update(part), at);
      at += part.length;
    }
    cipher.final();
    sealed.set(cipher.getAuthTag(), at);
    return sealed;
  },
  open(key, nonce, associated, sealed) {
    checkSizes(key, nonce);
    const length = sealed.length - TAG_SIZE;
    if (length < 0) return undefined;
    const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS);
    decipher.setAAD(associated, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const plaintext = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      // The tag does not fit; what was deciphered is thrown away unseen.
      return undefined;
    }
    // A view without what a `Buffer` does otherwise: its `slice` is no copy.
    return new Uint8Array(plaintext.buffer as ArrayBuffer, plaintext.byteOffset, length);
  },
};

/** In JavaScript, for runtimes that lack it: several times slower for large messages. */
export const portableAead: Aead = {
  seal(key, nonce, associated, plaintext, front = 0) {
    checkSizes(key, nonce);
    const sealed = new Uint8Array(front + sizeOf(plaintext) + TAG_SIZE);
    let at = front;
    for (const part of plaintext) {
      sealed.set(part, at);
      at += part.length;
    }
    // In place.
    chacha20poly1305(key, nonce, associated)
      .encrypt(sealed.subarray(front, at), sealed.subarray(front));
    return sealed;
  },
  open(key, nonce, associated, sealed) {
    checkSizes(key, nonce);
    if (sealed.length < TAG_SIZE) return undefined;
    try {
      return chacha20poly1305(key, nonce, associated).decrypt(sealed) as Uint8Array<ArrayBuffer>;
    } catch {
      // The only way in which the library says that the tag does not fit.
      return undefined;
    }
  },
};

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function checkSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_SIZE || nonce.length !== NONCE_SIZE) {
    throw new RangeError(
      `Cannot use a key of ${key.length} bytes with a nonce of ${nonce.length}: ` +
        `they should have ${KEY_SIZE} and ${NONCE_SIZE}`,
    );
  }
}

/** Whether this runtime's `node:crypto` has the algorithm. */
export function hasNativeAead(): boolean {
  const nothing = new Uint8Array(0);
  try {
    nativeAead.seal(new Uint8Array(KEY_SIZE), new Uint8Array(NONCE_SIZE), nothing, [nothing]);
    return true;
  } catch {
    return false;
  }
}

/** The best that this runtime has. */
export const aead: Aead = hasNativeAead() ? nativeAead : portableAead;

/**
 * HKDF-SHA256 (RFC 5869): a key out of secret key material.
 *
 * @param info what the key is for: different texts give independent keys
 * @param size bytes of the key
 */
export function deriveKey(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  size = KEY_SIZE,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, size));
}
