// The cipher of sealed rooms: authenticated encryption between members. The server has none of the keys. It knows no
// frames and no names. Pure, except for the random numbers of a session.
//
// A sender's keys are derived from the room's export key and the sender's session salt; those for direct messages
// also from the secret that the two sessions share. Layouts:
//
//   profile   salt (16) || counter (8) || sealed: keys (64) || signature (64) || time (8) || profile
//   message   counter (8) || sealed: signature (64) || time (8) || envelope
//   keys      identity, Ed25519 (32) || exchange, X25519 (32)
//
// A signature covers the room, the use, the sender's session, the receiver's session if it has one, the counter, the
// keys, the time and the content. So it is valid in one place only, and no member can reuse it in another. Counters
// start at 0 for each sender, session and use; a receiver accepts only a higher counter than the last one.

import { equals } from "@std/bytes/equals";
import { type Cipher, type Opened, PROTECTIONS, type Use } from "../cipher.ts";
import { concat } from "@std/bytes/concat";
import { aead, deriveKey, NONCE_SIZE, TAG_SIZE } from "./aead.ts";
import { ExchangeKey } from "./exchange.ts";
import { type Identity, PUBLIC_KEY_SIZE, SIGNATURE_SIZE, Verifier } from "./identity.ts";
import { CURVE_KEY_SIZE } from "./keys.ts";

/** Bytes of the export key, which OPAQUE gives to everyone with the code. */
export const EXPORT_KEY_SIZE = 64;
/** Bytes of a session's salt. It is random, so no two sessions share a key. */
export const SALT_SIZE = 16;
const COUNTER_SIZE = 8;
const TIME_SIZE = 8;
/** The last millisecond since 1970 that a `Date` can hold. With this check, all later code can show the time. */
const MAX_TIME = 8_640_000_000_000_000;
const KEYS_SIZE = PUBLIC_KEY_SIZE + CURVE_KEY_SIZE;
/**
 * Limit of sessions that one client remembers: some twenty megabytes of salts. A forgotten salt would let an attacker
 * replay that session's messages, so new members are rejected above the limit.
 */
const MAX_SESSIONS = 250_000;

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);
const VERSION_LABEL = utf8.encode("chat/1");
const SIGNED_LABEL = utf8.encode("chat/1 signed");
const ROOM_ID_INFO = utf8.encode("chat/1 room id");
const INFO = {
  room: utf8.encode("chat/1 room"),
  direct: utf8.encode("chat/1 direct"),
  profile: utf8.encode("chat/1 profile"),
};

/** The code of a use in the associated data. */
const USE_CODE = { room: 0, direct: 1, profile: 2 } as const;

/** The messages of one sender for one use, to the room or to one member. They have one key and one counter. */
class Lane {
  /** Associated data of every message of this lane; its signatures cover it, too. */
  readonly associated: Uint8Array;
  /** The next counter; undefined before the first message of a member that joined before us: any counter is right. */
  next: number | undefined;
  readonly #derive: () => Uint8Array;
  #key: Uint8Array | undefined;

  constructor(
    associated: Uint8Array,
    next: number | undefined,
    derive: () => Uint8Array,
  ) {
    this.associated = associated;
    this.next = next;
    this.#derive = derive;
  }

  /** Derived on first use: few pairs of members send each other direct messages. */
  get key(): Uint8Array {
    return this.#key ??= this.#derive();
  }
}

/** A member's session as its profile proves it; this client's own session is one of them. */
interface MemberSession {
  readonly salt: Uint8Array;
  /** Its two public keys: the identity's, and the exchange key for direct messages. */
  readonly keys: Uint8Array;
  readonly verifier: Verifier;
  readonly profile: Lane;
  readonly room: Lane;
  /** Direct messages from that member, and to it. */
  readonly direct: Lane;
  readonly reply: Lane;
}

export interface SealedOptions {
  /** From OPAQUE: known to everyone with the code, and not to the server. */
  exportKey: Uint8Array;
  identity: Identity;
  /** The clock, in whole ms since 1970. Each message carries its time. */
  now: () => number;
  /** Default: random. A fixed salt is for vectors only. */
  salt?: Uint8Array;
  /** Default: generated for this session. A fixed key is for vectors only. */
  exchange?: ExchangeKey;
}

/**
 * The cipher of sealed rooms. One object serves one session, from HELLO to its end. For another HELLO, a client MUST
 * make a new object: the other members would reject the old salt as a replay.
 */
export class SealedCipher implements Cipher {
  readonly name = "sealed";
  readonly protection = PROTECTIONS.sealed;
  readonly overhead = COUNTER_SIZE + SIGNATURE_SIZE + TIME_SIZE + TAG_SIZE;

  readonly #exportKey: Uint8Array;
  readonly #identity: Identity;
  readonly #now: () => number;
  readonly #salt: Uint8Array;
  readonly #exchange: ExchangeKey;
  /** The same for all members of this room, and different in every other room. */
  readonly #roomId: Uint8Array;
  /** This member's own lanes to the room. */
  readonly #profile: Lane;
  readonly #room: Lane;
  readonly #sessions = new Map<number, MemberSession>();
  /** Salts of all sessions so far, in hex. None may appear again. */
  readonly #spent = new Set<string>();

  /** @throws {RangeError} if the export key or the salt has the wrong size */
  constructor({ exportKey, identity, now, salt, exchange }: SealedOptions) {
    if (exportKey.length !== EXPORT_KEY_SIZE || (salt && salt.length !== SALT_SIZE)) {
      throw new RangeError("Cannot make a cipher: its export key or its salt has the wrong size");
    }
    this.#exportKey = new Uint8Array(exportKey);
    this.#identity = identity;
    this.#now = now;
    this.#salt = salt ? new Uint8Array(salt) : crypto.getRandomValues(new Uint8Array(SALT_SIZE));
    this.#exchange = exchange ?? ExchangeKey.generate();
    this.#roomId = deriveKey(exportKey, NOTHING, ROOM_ID_INFO);
    this.#profile = this.#publicLane("profile", this.#salt, 0);
    this.#room = this.#publicLane("room", this.#salt, 0);
  }

  /** The public key of a member's identity; undefined until its profile has proved it. */
  identityOf(id: number): Uint8Array | undefined {
    return this.#sessions.get(id)?.verifier.publicKey;
  }

  /** Ends a member's session. Its salt stays used up. */
  forget(id: number): void {
    this.#sessions.delete(id);
  }

  /** Counts a member's room messages from 0, because the member joined after this one. */
  expectAll(id: number): void {
    const session = this.#sessions.get(id);
    // Never back to 0 after a message: that would allow a replay.
    if (session) session.room.next ??= 0;
  }

  /** @throws {RangeError} for a direct message to a member without a session, which has no key to read it */
  seal(content: Uint8Array, use: Use, to?: number): Uint8Array<ArrayBuffer> {
    if (use === "room") return this.#sealIn(this.#room, NOTHING, content);
    if (use === "profile") {
      const keys = concat([this.#identity.publicKey, this.#exchange.publicKey]);
      return concat([this.#salt, this.#sealIn(this.#profile, keys, content)]);
    }
    const session = to === undefined ? undefined : this.#sessions.get(to);
    if (!session) throw new RangeError("Cannot seal for a member that has not proved an identity");
    return this.#sealIn(session.reply, NOTHING, content);
  }

  /**
   * Opens a body. A body that fails changes nothing, because the true one may still arrive.
   *
   * @throws {RangeError} if this member did not seal it for this use, or if it is a replay
   */
  open(body: Uint8Array, use: Use, from: number): Opened {
    if (use === "profile") return this.#openProfile(body, from);
    const session = this.#sessions.get(from);
    if (!session) throw new RangeError("its sender has not proved an identity");
    const lane = session[use];
    const { counter, plaintext } = decrypt(lane, body);
    return this.#check(lane, counter, NOTHING, plaintext, session.verifier);
  }

  #openProfile(body: Uint8Array, from: number): Opened {
    const salt = body.slice(0, SALT_SIZE);
    if (salt.length < SALT_SIZE) throw new RangeError("it is too short");
    const known = this.#sessions.get(from);
    // Either a known member changes its name within its session, or a new member has an unused salt.
    if (known ? !equals(known.salt, salt) : this.#spent.has(salt.toHex())) {
      throw new RangeError("its session belongs to another member, or was used before");
    }
    if (!known && this.#spent.size >= MAX_SESSIONS) {
      throw new RangeError("too many members have joined since you did: join again");
    }
    const lane = known?.profile ?? this.#publicLane("profile", salt, undefined);
    // The newest profile may arrive twice: in the list of members, and at its place in the room's log.
    const { counter, plaintext } = decrypt(lane, body.subarray(SALT_SIZE), 1);
    const keys = plaintext.slice(0, KEYS_SIZE);
    if (known && !equals(known.keys, keys)) {
      throw new RangeError("its keys have changed within a session");
    }
    const verifier = known?.verifier ?? new Verifier(keys.subarray(0, PUBLIC_KEY_SIZE));
    const opened = this.#check(lane, counter, keys, plaintext.subarray(KEYS_SIZE), verifier);
    if (!known) {
      const exchangeKey = keys.subarray(PUBLIC_KEY_SIZE);
      this.#spent.add(salt.toHex());
      this.#sessions.set(from, {
        salt,
        keys,
        verifier,
        profile: lane,
        room: this.#publicLane("room", salt, undefined),
        direct: this.#directLane(salt, this.#salt, exchangeKey),
        reply: this.#directLane(this.#salt, salt, exchangeKey),
      });
    }
    return opened;
  }

  #sealIn(lane: Lane, keys: Uint8Array, content: Uint8Array): Uint8Array<ArrayBuffer> {
    const time = u64(this.#now());
    const counter = lane.next ?? 0;
    const signature = this.#identity.sign(this.#signedBytes(lane, counter, keys, time, content));
    const plaintext = [concat([keys, signature, time]), content];
    const body = aead.seal(lane.key, nonce(counter), lane.associated, plaintext, COUNTER_SIZE);
    body.set(u64(counter));
    lane.next = counter + 1;
    return body;
  }

  /** Checks that this member signed a decrypted body, which any member could have made. Only then advances the lane. */
  #check(
    lane: Lane,
    counter: number,
    keys: Uint8Array,
    signed: Uint8Array<ArrayBuffer>,
    verifier: Verifier,
  ): Required<Opened> {
    const signature = signed.subarray(0, SIGNATURE_SIZE);
    const timed = signed.subarray(SIGNATURE_SIZE);
    if (!verifier.verify(this.#signedBytes(lane, counter, keys, timed), signature)) {
      throw new RangeError("its signature is not this member's");
    }
    const sentAt = readU64(timed);
    if (sentAt === undefined || sentAt > MAX_TIME) throw new RangeError("its time is invalid");
    const missing = Math.max(0, counter - (lane.next ?? counter));
    lane.next = counter + 1;
    return { plaintext: timed.subarray(TIME_SIZE), sentAt, missing };
  }

  /** The bytes that a signature covers. Only a profile has `keys`; its signature proves that they belong together. */
  #signedBytes(
    lane: Lane,
    counter: number,
    keys: Uint8Array,
    ...timed: readonly Uint8Array[]
  ): Uint8Array {
    return concat([SIGNED_LABEL, this.#roomId, lane.associated, u64(counter), keys, ...timed]);
  }

  /** A lane to everyone with the export key. */
  #publicLane(use: "room" | "profile", salt: Uint8Array, next: number | undefined): Lane {
    const associated = concat([VERSION_LABEL, Uint8Array.of(USE_CODE[use]), salt]);
    return new Lane(associated, next, () => deriveKey(this.#exportKey, salt, INFO[use]));
  }

  /**
   * A lane from one session to another. No other member can derive its key.
   *
   * @param exchangeKey the other member's public exchange key
   */
  #directLane(sender: Uint8Array, receiver: Uint8Array, exchangeKey: Uint8Array): Lane {
    const associated = concat([VERSION_LABEL, Uint8Array.of(USE_CODE.direct), sender, receiver]);
    return new Lane(associated, 0, () => {
      const secret = concat([this.#exportKey, this.#exchange.agree(exchangeKey)]);
      return deriveKey(secret, sender, concat([INFO.direct, receiver]));
    });
  }
}

/**
 * Decrypts a body. Success proves that some member made it for this lane and counter.
 *
 * @param repeats 1 if the last counter may come again, else 0
 */
function decrypt(
  lane: Lane,
  body: Uint8Array,
  repeats: 0 | 1 = 0,
): { counter: number; plaintext: Uint8Array<ArrayBuffer> } {
  if (body.length < COUNTER_SIZE + TAG_SIZE) throw new RangeError("it is too short");
  const counter = readU64(body);
  if (counter === undefined) throw new RangeError("its counter is out of range");
  if (counter < (lane.next ?? 0) - repeats) {
    throw new RangeError("it is a repeated message, or follows one that was sent later");
  }
  const sealed = body.subarray(COUNTER_SIZE);
  const plaintext = aead.open(lane.key, nonce(counter), lane.associated, sealed);
  if (!plaintext) throw new RangeError("this member did not seal it for this use");
  return { counter, plaintext };
}

/** RFC 8439 leaves the nonce to the protocol. Here it is the counter, which is used once with each key. */
function nonce(counter: number): Uint8Array {
  const bytes = new Uint8Array(NONCE_SIZE);
  bytes.set(u64(counter), NONCE_SIZE - COUNTER_SIZE);
  return bytes;
}

/** @throws {RangeError} if `value` is not a safe integer from 0 */
function u64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot seal with ${value}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The first eight bytes as a number; undefined if `bytes` is shorter, or the number is not a safe integer. */
function readU64(bytes: Uint8Array): number | undefined {
  if (bytes.length < 8) return undefined;
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  return Number.isSafeInteger(value) ? value : undefined;
}
