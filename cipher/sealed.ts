// Authenticated encryption between the members of a sealed room; the server has none of the keys. Pure.
//
// A sender's keys come from the room's export key and the sender's session salt; for direct messages, from
// what the two sessions agree on, too. Layouts:
//
//   profile   salt (16) || counter (8) || sealed: keys (64) || signature (64) || time (8) || profile
//   message   counter (8) || sealed: signature (64) || time (8) || envelope
//   keys      identity, Ed25519 (32) || exchange, X25519 (32)
//
// A signature is over the room, the use, the sender's session, the receiver's if there is one, the counter,
// the keys, the time and the content: it holds for one place only, and no member can carry it elsewhere.
// Counters start at 0 for each sender, session and use; a receiver takes only higher ones than before.

import { equals } from "@std/bytes/equals";
import { type Cipher, type Opened, PROTECTIONS, type Use } from "../cipher.ts";
import { concat } from "@std/bytes/concat";
import { aead, deriveKey, NONCE_SIZE, TAG_SIZE } from "./aead.ts";
import { ExchangeKey } from "./exchange.ts";
import { type Identity, PUBLIC_KEY_SIZE, SIGNATURE_SIZE, Verifier } from "./identity.ts";
import { CURVE_KEY_SIZE } from "./keys.ts";

/** Bytes of what OPAQUE gives to everybody who has the code. */
export const EXPORT_KEY_SIZE = 64;
/** Bytes of a session's salt: random, so no two sessions ever share a key. */
export const SALT_SIZE = 16;
const COUNTER_SIZE = 8;
const TIME_SIZE = 8;
/** The last millisecond since 1970 that a `Date` can hold: nobody who shows a time has to ask whether it is one. */
const MAX_TIME = 8_640_000_000_000_000;
const KEYS_SIZE = PUBLIC_KEY_SIZE + CURVE_KEY_SIZE;
/**
 * Sessions that one client follows in its life: some twenty megabytes of salts. A salt that was forgotten
 * could come again, with all that was said under it; so beyond this nobody new is understood.
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

/** Where a use stands in the associated data. */
const USE_CODE = { room: 0, direct: 1, profile: 2 } as const;

/** What one sender says for one use, to everybody or to one other: a key of its own, and a counter. */
class Lane {
  /** What is bound to everything that is sealed and signed here. */
  readonly associated: Uint8Array;
  /** The counter that comes next; undefined where the sender was here before us, so any is right. */
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

  /** Derived when first needed: of all pairs in a room few ever talk alone. */
  get key(): Uint8Array {
    return this.#key ??= this.#derive();
  }
}

/** What is known of a member's session: the others', and this one's own as the server tells of it. */
interface Session {
  readonly salt: Uint8Array;
  /** The public keys: of its identity, and for direct messages. */
  readonly keys: Uint8Array;
  readonly verifier: Verifier;
  readonly profile: Lane;
  readonly room: Lane;
  /** What it says to this member alone, and this member to it. */
  readonly direct: Lane;
  readonly reply: Lane;
}

export interface SealedOptions {
  /** What OPAQUE gave to everybody who has the code, and not to the server. */
  exportKey: Uint8Array;
  identity: Identity;
  /** The clock, in whole ms since 1970, that receivers see beside each message. */
  now: () => number;
  /** Random; a fixed one only for vectors. */
  salt?: Uint8Array;
  /** Drawn for this session; a fixed one only for vectors. */
  exchange?: ExchangeKey;
}

/**
 * The cipher of sealed rooms: one object for each session, from HELLO to the end. A client that says HELLO
 * again MUST do so with a new one: the others would take the old salt for a repetition.
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
  /** The same for all members of this room, and of no other. */
  readonly #roomId: Uint8Array;
  /** What this member says to everybody. */
  readonly #profile: Lane;
  readonly #room: Lane;
  readonly #sessions = new Map<number, Session>();
  /** Salts of all sessions there have been, in hex: none may come twice. */
  readonly #spent = new Set<string>();

  /** @throws {RangeError} if the export key or the salt has another size */
  constructor({ exportKey, identity, now, salt, exchange }: SealedOptions) {
    if (exportKey.length !== EXPORT_KEY_SIZE || (salt && salt.length !== SALT_SIZE)) {
      throw new RangeError("Cannot make a cipher: its export key or its salt has another size");
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

  /** The public key of a member's identity, as far as it has proved it. */
  identityOf(id: number): Uint8Array | undefined {
    return this.#sessions.get(id)?.verifier.publicKey;
  }

  /** A member has left: its session is over, and its salt stays spent. */
  forget(id: number): void {
    this.#sessions.delete(id);
  }

  /** Says that a member came after this one: all that it says can be counted from its beginning. */
  expectAll(id: number): void {
    const session = this.#sessions.get(id);
    // Never back to 0 once something has come: that would let all of it come again.
    if (session) session.room.next ??= 0;
  }

  /** @throws {RangeError} for a direct message to a member without a session: it could not read it */
  seal(content: Uint8Array, use: Use, to?: number): Uint8Array<ArrayBuffer> {
    if (use === "room") return this.#sealIn(this.#room, NOTHING, content);
    if (use === "profile") {
      const keys = concat([this.#identity.publicKey, this.#exchange.publicKey]);
      return concat([this.#salt, this.#sealIn(this.#profile, keys, content)]);
    }
    const session = to === undefined ? undefined : this.#sessions.get(to);
    if (!session) throw new RangeError("Cannot seal for a member that has proved no identity");
    return this.#sealIn(session.reply, NOTHING, content);
  }

  /**
   * Nothing is changed by a body that can't be opened: the true one may still come.
   *
   * @throws {RangeError} if it was not sealed by this member, for this use, or has come before
   */
  open(body: Uint8Array, use: Use, from: number): Opened {
    if (use === "profile") return this.#openProfile(body, from);
    const session = this.#sessions.get(from);
    if (!session) throw new RangeError("it comes from somebody who has proved no identity");
    const lane = session[use];
    const { counter, plaintext } = decrypt(lane, body);
    return this.#check(lane, counter, NOTHING, plaintext, session.verifier);
  }

  #openProfile(body: Uint8Array, from: number): Opened {
    const salt = body.slice(0, SALT_SIZE);
    if (salt.length < SALT_SIZE) throw new RangeError("it is too short");
    const known = this.#sessions.get(from);
    // The same session goes on under another name, or it is a new member with a salt of its own.
    if (known ? !equals(known.salt, salt) : this.#spent.has(salt.toHex())) {
      throw new RangeError("its session is another's, or has been here before");
    }
    if (!known && this.#spent.size >= MAX_SESSIONS) {
      throw new RangeError("more members have come and gone than can be told apart: join again");
    }
    const lane = known?.profile ?? this.#publicLane("profile", salt, undefined);
    // The newest profile may come twice: in the list of members, and where the room's log has it.
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

  /** What has been deciphered was made by some member; this asks by which, and only then moves on. */
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
    if (sentAt === undefined || sentAt > MAX_TIME) throw new RangeError("its time is no time");
    const missing = Math.max(0, counter - (lane.next ?? counter));
    lane.next = counter + 1;
    return { plaintext: timed.subarray(TIME_SIZE), sentAt, missing };
  }

  /** What a signature covers; `keys` stand only in a profile, which so proves that all of it belongs together. */
  #signedBytes(
    lane: Lane,
    counter: number,
    keys: Uint8Array,
    ...timed: readonly Uint8Array[]
  ): Uint8Array {
    return concat([SIGNED_LABEL, this.#roomId, lane.associated, u64(counter), keys, ...timed]);
  }

  /** For what one member says to all who have the export key. */
  #publicLane(use: "room" | "profile", salt: Uint8Array, next: number | undefined): Lane {
    const associated = concat([VERSION_LABEL, Uint8Array.of(USE_CODE[use]), salt]);
    return new Lane(associated, next, () => deriveKey(this.#exportKey, salt, INFO[use]));
  }

  /**
   * For what one session says to one other: nobody else can derive the key, the other members included.
   *
   * @param exchangeKey that of the one of the two that is not this member
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
 * Undoes the encryption: what comes out was made by a member, for this lane, under this counter.
 *
 * @param again 1 where the last one may come again
 */
function decrypt(
  lane: Lane,
  body: Uint8Array,
  again: 0 | 1 = 0,
): { counter: number; plaintext: Uint8Array<ArrayBuffer> } {
  if (body.length < COUNTER_SIZE + TAG_SIZE) throw new RangeError("it is too short");
  const counter = readU64(body);
  if (counter === undefined) throw new RangeError("its counter is out of range");
  if (counter < (lane.next ?? 0) - again) {
    throw new RangeError("it has come before, or after one that was sent later");
  }
  const sealed = body.subarray(COUNTER_SIZE);
  const plaintext = aead.open(lane.key, nonce(counter), lane.associated, sealed);
  if (!plaintext) throw new RangeError("it was not sealed by this member for this place");
  return { counter, plaintext };
}

/** RFC 8439 leaves the nonce to the protocol: here it is the counter, which no key sees twice. */
function nonce(counter: number): Uint8Array {
  const bytes = new Uint8Array(NONCE_SIZE);
  bytes.set(u64(counter), NONCE_SIZE - COUNTER_SIZE);
  return bytes;
}

/** @throws {RangeError} if it is no whole number that can be exact */
function u64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot seal with ${value}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The first eight bytes as a number; undefined if they are not there, or it would not be exact. */
function readU64(bytes: Uint8Array): number | undefined {
  if (bytes.length < 8) return undefined;
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  return Number.isSafeInteger(value) ? value : undefined;
}
