// The Cipher interface and the classic XOR cipher. Pure: it knows no socket and no room.
// A server may only use the functions for public keys: it reads no message.

/**
 * What a body contains. The sealed cipher binds a body to its use, so that it opens for no other. `data` are bytes of a
 * file for one member: many and large, and without a signature. The file's signed hash vouches for them.
 */
export type Use = "room" | "direct" | "profile" | "topic" | "data";

/** The uses of bodies that are sealed one by one. Data is sealed into the frame that carries it. */
export type SealedUse = Exclude<Use, "data">;

/** An opened body. */
export interface Opened {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** When it was sealed, in ms since 1970, by the sender's clock. undefined if the cipher does not prove it. */
  readonly sentAt?: number;
  /** The number of messages from this sender that are missing directly before this one. */
  readonly missing: number;
  /** What its sender had seen of the room's log. undefined if the cipher does not prove it. */
  readonly report?: Report;
}

/** A topic that a member set before this client joined, opened with the profile that the member had then. */
export interface OpenedTopic {
  readonly profile: Opened;
  readonly topic: Opened;
  /** The public key of its identity; undefined if the cipher proves none. */
  readonly identity: Uint8Array | undefined;
}

/** What a member has seen of the room's log: a position, and the chain there (protocol/chain.ts). */
export interface Report {
  readonly position: number;
  /** The chain, or its first bytes. */
  readonly chain: Uint8Array;
}

/**
 * Encrypts and decrypts the bodies that members send.
 *
 * `seal` and `open` MUST NOT change or keep their arguments. `open` MUST throw a `RangeError` for a body that it
 * cannot open.
 */
export interface Cipher {
  readonly name: "xor" | "sealed";
  /** One of `PROTECTIONS`. */
  readonly protection: string;
  /** Bytes that sealing adds to a message. */
  readonly overhead: number;
  /** @param to the receiver of a direct message; undefined for other uses */
  seal(plaintext: Uint8Array, use: SealedUse, to?: number): Uint8Array<ArrayBuffer>;
  /**
   * Seals file data at the start of `into`; returns how many bytes that takes, up to 24 more than the data.
   */
  sealData(data: Uint8Array, to: number, into: Uint8Array): number;
  /** @param from the sender, as the server reports it */
  open(body: Uint8Array, use: Use, from: number): Opened;
  /**
   * Opens a topic that was set before this client joined, by a member that may have left.
   *
   * @throws {RangeError} if the member with this profile did not seal it in this log
   */
  openGiven(given: { profile: Uint8Array; topic: Uint8Array }, from: number): OpenedTopic;
  /** To be called for a member that joined after this one: its messages count from the first, so gaps show. */
  expectAll(id: number): void;
  /** To be called when a member has left. */
  forget(id: number): void;
  /** A member's public key; undefined until the member has proved it. */
  identityOf(id: number): Uint8Array | undefined;
}

/** Appears wherever `xor` is offered or shown. */
export const XOR_PROTECTION = "anyone on the network can read it";
/** Who can read a room with each cipher, for the screen and the help. */
export const PROTECTIONS: Readonly<Record<Cipher["name"], string>> = {
  xor: XOR_PROTECTION,
  sealed: "only members can read it",
};

/**
 * Computes a private key, 0 to 255, from a public key: minus 10, modulo 256. The classic program fails for public
 * keys below 10; here 9 gives 255.
 *
 * @throws {RangeError} if the public key is not a whole number from 0 to 255
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

/** Draws a public key: one random byte, without bias. */
export function drawPublicKey(): number {
  return crypto.getRandomValues(new Uint8Array(1))[0]!;
}

/**
 * The classic cipher: every byte XORed with the private key. NOT SECRET: the public key is sent in clear, and without
 * it an attacker tries 256 keys.
 */
export class XorCipher implements Cipher {
  readonly name = "xor";
  readonly protection = PROTECTIONS.xor;
  readonly overhead = 0;
  readonly #key: number;

  /** @throws {RangeError} if the public key is not a whole number from 0 to 255 */
  constructor(publicKey: number) {
    this.#key = privateKey(publicKey);
  }

  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#xor(plaintext);
  }

  sealData(data: Uint8Array, _to: number, into: Uint8Array): number {
    into.set(this.#xor(data));
    return data.length;
  }

  open(body: Uint8Array): Opened {
    return { plaintext: this.#xor(body), missing: 0 };
  }

  openGiven(given: { profile: Uint8Array; topic: Uint8Array }): OpenedTopic {
    return {
      profile: this.open(given.profile),
      topic: this.open(given.topic),
      identity: undefined,
    };
  }

  // This cipher proves no sender and counts no messages.
  expectAll(): void {}
  forget(): void {}
  identityOf(): undefined {}

  #xor(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    // A copy starts at offset 0 of its buffer, so a view of words is aligned whatever the offset of `bytes` is.
    const result = new Uint8Array(bytes);
    const words = new Uint32Array(result.buffer, 0, result.length >>> 2);
    const key = this.#key;
    // Four bytes at a time are three times as fast. All four key bytes are equal, so byte order does not matter.
    const key4 = key * 0x01010101;
    for (let i = 0; i < words.length; i++) words[i]! ^= key4;
    for (let i = words.byteLength; i < result.length; i++) result[i]! ^= key;
    return result;
  }
}
