// ChaCha20-Poly1305 (RFC 8439) and HKDF-SHA256 (RFC 5869), with `node:crypto` where the runtime has the algorithm and
// in JavaScript elsewhere. It knows no layout and no member. Pure: bytes in, bytes out.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha";

/** Bytes of a key. */
export const KEY_SIZE = 32;
/** Bytes of a nonce. It MUST NOT be used twice with one key. */
export const NONCE_SIZE = 12;
/** Bytes that sealing adds. */
export const TAG_SIZE = 16;

/**
 * Authenticated encryption with associated data (RFC 5116, section 2). Arguments other than `into` are neither changed
 * nor kept. A key or nonce of the wrong size is a `RangeError`: a bug in this program, since neither comes from the wire.
 */
export interface Aead {
  /**
   * Encrypts the concatenated parts, and writes ciphertext and tag at the start of `into`. Parts and `into` save copies of
   * large messages, and each copy would make V8 collect garbage at once.
   */
  sealInto(
    into: Uint8Array,
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    plaintext: readonly Uint8Array[],
  ): void;
  /** Returns the plaintext; undefined if key, nonce, associated data or ciphertext differ from those of `sealInto`. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array<ArrayBuffer> | undefined;
}

const ALGORITHM = "chacha20-poly1305";
const OPTIONS = { authTagLength: TAG_SIZE };

/** Uses the runtime's `node:crypto`; Deno has the algorithm since 2.7. */
export const nativeAead: Aead = {
  sealInto(into, key, nonce, associated, plaintext) {
    checkSizes(key, nonce);
    const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
    cipher.setAAD(associated, { plaintextLength: sizeOf(plaintext) });
    let at = 0;
    for (const part of plaintext) {
      into.set(cipher.update(part), at);
      at += part.length;
    }
    cipher.final();
    into.set(cipher.getAuthTag(), at);
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
      // The tag is wrong: the plaintext is discarded unused.
      return undefined;
    }
    // A plain `Uint8Array`: the `slice` of a `Buffer` does not copy.
    return new Uint8Array(plaintext.buffer as ArrayBuffer, plaintext.byteOffset, length);
  },
};

/** Runs in JavaScript, for runtimes without the algorithm. Several times slower for large messages. */
export const portableAead: Aead = {
  sealInto(into, key, nonce, associated, plaintext) {
    checkSizes(key, nonce);
    let at = 0;
    for (const part of plaintext) {
      into.set(part, at);
      at += part.length;
    }
    // Encrypts in place.
    chacha20poly1305(key, nonce, associated)
      .encrypt(into.subarray(0, at), into.subarray(0, at + TAG_SIZE));
  },
  open(key, nonce, associated, sealed) {
    checkSizes(key, nonce);
    if (sealed.length < TAG_SIZE) return undefined;
    try {
      return chacha20poly1305(key, nonce, associated).decrypt(sealed) as Uint8Array<ArrayBuffer>;
    } catch {
      // The library reports a wrong tag by throwing.
      return undefined;
    }
  },
};

/**
 * Encrypts the concatenated parts; returns ciphertext and tag.
 *
 * @param front bytes before the ciphertext that are left as zeros, for the caller to fill
 */
export function seal(
  { sealInto }: Pick<Aead, "sealInto">,
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plaintext: readonly Uint8Array[],
  front = 0,
): Uint8Array<ArrayBuffer> {
  const sealed = new Uint8Array(front + sizeOf(plaintext) + TAG_SIZE);
  sealInto(sealed.subarray(front), key, nonce, associated, plaintext);
  return sealed;
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function checkSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_SIZE || nonce.length !== NONCE_SIZE) {
    throw new RangeError(
      `Cannot use a key of ${key.length} bytes with a nonce of ${nonce.length} bytes: ` +
        `they must have ${KEY_SIZE} and ${NONCE_SIZE}`,
    );
  }
}

/** Whether this runtime's `node:crypto` has the algorithm. */
export function hasNativeAead(): boolean {
  const nothing = new Uint8Array(0);
  try {
    seal(nativeAead, new Uint8Array(KEY_SIZE), new Uint8Array(NONCE_SIZE), nothing, [nothing]);
    return true;
  } catch {
    return false;
  }
}

/** The fastest implementation that works in this runtime. */
export const aead: Aead = hasNativeAead() ? nativeAead : portableAead;

/**
 * Derives a key from secret key material with HKDF-SHA256 (RFC 5869).
 *
 * @param info the purpose of the key: different values give independent keys
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
