// The Cipher interface, and the classic XOR cipher of the original. Pure; knows no socket.
// The only part of it that a server may use is the drawing of a public key.

/** What a sealed body is for: an honest cipher binds the two together. */
export type Use = "room" | "direct" | "profile";

/** What a body held. */
export interface Opened {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** When it was sealed, in ms since 1970 by the sender's clock; undefined where nothing proves it. */
  readonly sentAt?: number;
  /** How many messages of this sender should have come before this one and did not. */
  readonly missing: number;
}

/**
 * TurnLimiter what members say into what travels, and back.
 *
 * `seal` and `open` MUST NOT change their argument or keep it. `open` MUST throw a `RangeError`
 * for a body that can't be opened.
 */
export interface Cipher {
  readonly name: "xor" | "sealed";
  /** Of `PROTECTIONS`. */
  readonly protection: string;
  /** How many bytes longer a sealed body is. */
  readonly overhead: number;
  /** @param to the receiver of a direct message */
  seal(plaintext: Uint8Array, use: Use, to?: number): Uint8Array<ArrayBuffer>;
  /** @param from the member that the server names as the sender */
  open(body: Uint8Array, use: Use, from: number): Opened;
  /** A member came after this one: all that it says can be counted from the beginning. */
  expectAll(id: number): void;
  /** A member has left. */
  forget(id: number): void;
  /** The public key of a member, as far as it has proved to have one. */
  identityOf(id: number): Uint8Array | undefined;
}

/** What users are told about `xor` wherever it is chosen or shown. */
export const XOR_PROTECTION = "anyone on the network can read it";
/** One short sentence about what each cipher protects, for the screen and the help. */
export const PROTECTIONS: Readonly<Record<Cipher["name"], string>> = {
  xor: XOR_PROTECTION,
  sealed: "only members can read it",
};

/**
 * The private key of a public key, both 0..255: the public key minus 10, modulo 256.
 * The original fails for public keys below 10; here 9 gives 255.
 *
 * @throws {RangeError} if the public key is no whole number from 0 to 255
 *
 * @example
 * ```ts
 * privateKey(198); // 188
 * ```
 */
export function privateKey(publicKey: number): number {
  if (!Number.isInteger(publicKey) || publicKey < 0 || publicKey > 255) {
    throw new RangeError(
      `Cannot use the key ${publicKey}: it must be a whole number from 0 to 255`,
    );
  }
  return (publicKey - 10) & 0xff;
}

/** A public key drawn without bias: one random byte. */
export function drawPublicKey(): number {
  return crypto.getRandomValues(new Uint8Array(1))[0]!;
}

/**
 * The original's cipher: every byte XORed with the private key. Whoever sees the greeting can compute
 * the key, and whoever does not can try all 256: this is for following along, not for secrets.
 */
export class XorCipher implements Cipher {
  readonly name = "xor";
  readonly protection = PROTECTIONS.xor;
  readonly overhead = 0;
  readonly #key: number;

  /** @throws {RangeError} if the public key is no whole number from 0 to 255 */
  constructor(publicKey: number) {
    this.#key = privateKey(publicKey);
  }

  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#xor(plaintext);
  }

  open(body: Uint8Array): Opened {
    return { plaintext: this.#xor(body), missing: 0 };
  }

  // Nobody proves anything here.
  expectAll(): void {}
  forget(): void {}
  identityOf(): undefined {}

  #xor(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    // A copy starts where its buffer does, so words can be taken of it wherever `bytes` stands in its own.
    const result = new Uint8Array(bytes);
    const words = new Uint32Array(result.buffer, 0, result.length >>> 2);
    const key = this.#key;
    // Four bytes at a time are three times as fast; all four are the same, so their order does not matter.
    const key4 = key * 0x01010101;
    for (let i = 0; i < words.length; i++) words[i]! ^= key4;
    for (let i = words.byteLength; i < result.length; i++) result[i]! ^= key;
    return result;
  }
}
