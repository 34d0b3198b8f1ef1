// The cipher of sealed rooms: authenticated encryption between members. The server has none of the keys. It knows no
// frames and no names. Pure, except for the random numbers of a session.
//
// A sender's keys are derived from the room's export key, and from its seat: the name of the room's log, and its id in
// it. So a copy of its profile or its messages opens in no other seat. Layouts:
//
//   profile   salt (16) || counter (8) || sealed: keys (64) || signature (64) || time (8) || report (24) || profile
//   message   counter (8) || sealed: signature (64) || time (8) || report (24) || envelope
//   topic     the same as a message, with a topic in place of the envelope
//   direct    counter (8) || sealed: signature (64) || time (8) || envelope
//   data      counter (8) || sealed: chunks of files
//   keys      identity, Ed25519 (32) || exchange, X25519 (32)
//   report    position (8) || chain (16)
//
// A signature covers the room, the use, the seat, the receiver if there is one, the counter, the keys, the time, the
// report and the content. So it is valid in one place only, and no member can reuse it in another. Counters start at 0
// for each sender, session and use; a receiver accepts only a higher counter than the last one.

import { equals } from "@std/bytes/equals";
import {
  type Cipher,
  type Opened,
  type OpenedTopic,
  PROTECTIONS,
  type Report,
  type SealedUse,
  type Use,
} from "../cipher.ts";
import { concat } from "@std/bytes/concat";
import { aead, deriveKey, NONCE_SIZE, seal, TAG_SIZE } from "./aead.ts";
import { ExchangeKey } from "./exchange.ts";
import type { Identity } from "./identity.ts";
import { CURVE_KEY_SIZE } from "./public_keys.ts";
import { PUBLIC_KEY_SIZE, SIGNATURE_SIZE, Verifier } from "./verifier.ts";

/** Bytes of the export key, which OPAQUE gives to everyone with the code. */
export const EXPORT_KEY_SIZE = 64;
/** Bytes of a session's salt. It is random, so no two sessions share a key. */
export const SALT_SIZE = 16;
const COUNTER_SIZE = 8;
const TIME_SIZE = 8;
/** The last millisecond since 1970 that a `Date` can hold. With this check, all later code can show the time. */
const MAX_TIME = 8_640_000_000_000_000;
const KEYS_SIZE = PUBLIC_KEY_SIZE + CURVE_KEY_SIZE;
/** Bytes of the name of a log. */
export const LOG_NAME_SIZE = 16;
/** Bytes of the chain in a report. */
export const REPORTED_CHAIN_SIZE = 16;
const REPORT_SIZE = 8 + REPORTED_CHAIN_SIZE;
/**
 * Limit of ids that one client remembers: some ten megabytes. A forgotten id would let a server give a former member's
 * seat to a replay of it, so new members are rejected above the limit.
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
  data: utf8.encode("chat/1 data"),
  profile: utf8.encode("chat/1 profile"),
  topic: utf8.encode("chat/1 topic"),
};

/** The code of a use in the associated data. */
const USE_CODE = { room: 0, direct: 1, profile: 2, data: 3, topic: 4 } as const;

/** The messages of one sender for one use, to the room or to one member. They have one key and one counter. */
class Lane {
  /** Associated data of every message of this lane; its signatures cover it, too. */
  readonly associated: Uint8Array;
  /** Its messages carry what their sender has seen of the room's log. */
  readonly hasReport: boolean;
  /** Each message has a signature. File data has none: the signed hash of the file vouches for it. */
  readonly isSigned: boolean;
  /** The next counter; undefined before the first message of a member that joined before us: any counter is right. */
  next: number | undefined;
  readonly #derive: () => Uint8Array;
  #key: Uint8Array | undefined;

  /** @param ends the log, and everything that identifies the sender, and the receiver if there is one */
  constructor(use: Use, ends: Uint8Array, next: number | undefined, derive: () => Uint8Array) {
    this.associated = concat([VERSION_LABEL, Uint8Array.of(USE_CODE[use]), ends]);
    this.hasReport = use !== "direct" && use !== "data";
    this.isSigned = use !== "data";
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
  readonly party: Party;
  readonly verifier: Verifier;
  readonly profile: Lane;
  readonly room: Lane;
  /** Topics have a counter of their own: a newcomer is given only the newest. */
  readonly topic: Lane;
  /** Direct messages and file data from that member. */
  readonly direct: Lane;
  readonly data: Lane;
  /** The same to that member. */
  readonly reply: Readonly<Record<"direct" | "data", Lane>>;
}

/** One end of a lane. */
interface Party {
  readonly id: number;
  readonly salt: Uint8Array;
  /** Its two public keys: the identity's, and the exchange key for direct messages. */
  readonly keys: Uint8Array;
}

/** A member's place in a room. No two members ever have the same one. */
export interface Seat {
  /** The name of the room's log: `LOG_NAME_SIZE` bytes. */
  readonly log: Uint8Array;
  readonly id: number;
}

export interface SealedOptions {
  /** From OPAQUE: known to everyone with the code, and not to the server. */
  exportKey: Uint8Array;
  identity: Identity;
  seat: Seat;
  /** The clock, in whole ms since 1970. Each message carries its time. */
  now: () => number;
  /** What this client has seen of the room's log. Each message to the room, and each profile, carries it. */
  report: () => Report;
  /** Default: random. A fixed salt is for vectors only. */
  salt?: Uint8Array;
  /** Default: generated for this session. A fixed key is for vectors only. */
  exchange?: ExchangeKey;
}

/** The cipher of sealed rooms. One object serves one session, from SEAT to its end. */
export class SealedCipher implements Cipher {
  readonly name = "sealed";
  readonly protection = PROTECTIONS.sealed;
  readonly overhead = COUNTER_SIZE + SIGNATURE_SIZE + TIME_SIZE + REPORT_SIZE + TAG_SIZE;

  readonly #exportKey: Uint8Array;
  readonly #identity: Identity;
  readonly #log: Uint8Array;
  readonly #now: () => number;
  readonly #report: () => Report;
  readonly #exchange: ExchangeKey;
  /** The same for all members of this room, and different in every other room. */
  readonly #roomId: Uint8Array;
  readonly #own: Party;
  /** This member's own lanes to the room. */
  readonly #profile: Lane;
  readonly #room: Lane;
  readonly #topic: Lane;
  /** The topic that was set before this client joined: its member may set another one. */
  #given: Lane | undefined;
  readonly #sessions = new Map<number, MemberSession>();
  /** The ids of all sessions so far. No other session may have one of them. */
  readonly #used = new Set<number>();

  /** @throws {RangeError} if the export key, the salt or the name of the log has the wrong size */
  constructor({ exportKey, identity, seat, now, report, salt, exchange }: SealedOptions) {
    if (
      exportKey.length !== EXPORT_KEY_SIZE || (salt && salt.length !== SALT_SIZE) ||
      seat.log.length !== LOG_NAME_SIZE
    ) {
      throw new RangeError(
        "Cannot make a cipher: its export key, its salt or the log's name has the wrong size",
      );
    }
    this.#exportKey = new Uint8Array(exportKey);
    this.#identity = identity;
    this.#log = new Uint8Array(seat.log);
    this.#now = now;
    this.#report = report;
    this.#exchange = exchange ?? ExchangeKey.generate();
    this.#roomId = deriveKey(exportKey, NOTHING, ROOM_ID_INFO);
    this.#own = {
      id: seat.id,
      salt: salt ? new Uint8Array(salt) : crypto.getRandomValues(new Uint8Array(SALT_SIZE)),
      keys: concat([identity.publicKey, this.#exchange.publicKey]),
    };
    this.#profile = this.#publicLane("profile", this.#own, 0);
    this.#room = this.#publicLane("room", this.#own, 0);
    this.#topic = this.#publicLane("topic", this.#own, 0);
  }

  /** The public key of a member's identity; undefined until its profile has proved it. */
  identityOf(id: number): Uint8Array | undefined {
    return this.#sessions.get(id)?.verifier.publicKey;
  }

  /** Ends a member's session. Its id stays used up. */
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
  seal(content: Uint8Array, use: SealedUse, to?: number): Uint8Array<ArrayBuffer> {
    if (use === "room") return this.#sealIn(this.#room, NOTHING, content);
    if (use === "topic") return this.#sealIn(this.#topic, NOTHING, content);
    if (use === "profile") {
      return concat([this.#own.salt, this.#sealIn(this.#profile, this.#own.keys, content)]);
    }
    return this.#sealIn(this.#replyTo(to).direct, NOTHING, content);
  }

  /** @throws {RangeError} for a member without a session */
  sealData(content: Uint8Array, to: number, into: Uint8Array): number {
    const lane = this.#replyTo(to).data;
    const counter = lane.next ?? 0;
    const sealed = into.subarray(COUNTER_SIZE);
    aead.sealInto(sealed, lane.key, nonce(counter), lane.associated, [content]);
    into.set(u64(counter));
    lane.next = counter + 1;
    return COUNTER_SIZE + content.length + TAG_SIZE;
  }

  #replyTo(to: number | undefined): MemberSession["reply"] {
    const session = to === undefined ? undefined : this.#sessions.get(to);
    if (!session) throw new RangeError("Cannot seal for a member that has not proved an identity");
    return session.reply;
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
    if (lane.isSigned) return this.#check(lane, counter, NOTHING, plaintext, session.verifier);
    lane.next = counter + 1;
    return { plaintext, missing: 0 };
  }

  #openProfile(body: Uint8Array, from: number): Opened {
    const salt = body.slice(0, SALT_SIZE);
    if (salt.length < SALT_SIZE) throw new RangeError("it is too short");
    const known = this.#sessions.get(from);
    // Either a known member changes its name within its session, or a new member has an unused id.
    if (known ? !equals(known.party.salt, salt) : this.#used.has(from)) {
      throw new RangeError("its session belongs to another member, or was used before");
    }
    if (!known && this.#used.size >= MAX_SESSIONS) {
      throw new RangeError("too many members have joined since you did: join again");
    }
    const { lane, party, verifier, opened } = this.#openKeys(body, from, known);
    if (!known) {
      this.#used.add(from);
      this.#sessions.set(from, {
        party,
        verifier,
        profile: lane,
        room: this.#publicLane("room", party, undefined),
        topic: this.#topicLane(party),
        direct: this.#directLane("direct", party, this.#own, party),
        data: this.#directLane("data", party, this.#own, party),
        reply: {
          direct: this.#directLane("direct", this.#own, party, party),
          data: this.#directLane("data", this.#own, party, party),
        },
      });
    }
    return opened;
  }

  /** @param known the session that the profile changes; undefined: it begins one */
  #openKeys(
    body: Uint8Array,
    from: number,
    known?: Pick<MemberSession, "party" | "verifier" | "profile">,
  ): { lane: Lane; party: Party; verifier: Verifier; opened: Opened } {
    const salt = body.slice(0, SALT_SIZE);
    const lane = known?.profile ??
      this.#publicLane("profile", { id: from, salt, keys: NOTHING }, undefined);
    const { counter, plaintext } = decrypt(lane, body.subarray(SALT_SIZE));
    const keys = plaintext.slice(0, KEYS_SIZE);
    if (known && !equals(known.party.keys, keys)) {
      throw new RangeError("its keys have changed within a session");
    }
    const verifier = known?.verifier ?? new Verifier(keys.subarray(0, PUBLIC_KEY_SIZE));
    const opened = this.#check(lane, counter, keys, plaintext.subarray(KEYS_SIZE), verifier);
    return { lane, party: { id: from, salt, keys }, verifier, opened };
  }

  openGiven(given: { profile: Uint8Array; topic: Uint8Array }, from: number): OpenedTopic {
    const { party, verifier, opened: profile } = this.#openKeys(given.profile, from);
    const lane = this.#publicLane("topic", party, undefined);
    const { counter, plaintext } = decrypt(lane, given.topic);
    const topic = this.#check(lane, counter, NOTHING, plaintext, verifier);
    this.#given = lane;
    return { profile, topic, identity: verifier.publicKey };
  }

  #sealIn(lane: Lane, keys: Uint8Array, content: Uint8Array): Uint8Array<ArrayBuffer> {
    const counter = lane.next ?? 0;
    const plaintext = this.#sign(lane, counter, keys, content);
    const body = seal(aead, lane.key, nonce(counter), lane.associated, plaintext, COUNTER_SIZE);
    body.set(u64(counter));
    lane.next = counter + 1;
    return body;
  }

  /** The plaintext of a signed body, in parts: the last one is the content. */
  #sign(lane: Lane, counter: number, keys: Uint8Array, content: Uint8Array): Uint8Array[] {
    const fields = [u64(this.#now())];
    if (lane.hasReport) {
      const { position, chain } = this.#report();
      fields.push(u64(position), chain.subarray(0, REPORTED_CHAIN_SIZE));
    }
    const signature = this.#identity.sign(
      this.#signedBytes(lane, counter, keys, ...fields, content),
    );
    return [concat([keys, signature, ...fields]), content];
  }

  /** Checks that this member signed a decrypted body, which any member could have made. Only then advances the lane. */
  #check(
    lane: Lane,
    counter: number,
    keys: Uint8Array,
    signed: Uint8Array<ArrayBuffer>,
    verifier: Verifier,
  ): Opened {
    const signature = signed.subarray(0, SIGNATURE_SIZE);
    const rest = signed.subarray(SIGNATURE_SIZE);
    if (!verifier.verify(this.#signedBytes(lane, counter, keys, rest), signature)) {
      throw new RangeError("its signature is not this member's");
    }
    const sentAt = readU64(rest);
    if (sentAt === undefined || sentAt > MAX_TIME) throw new RangeError("its time is invalid");
    const report = lane.hasReport ? readReport(rest.subarray(TIME_SIZE)) : undefined;
    const missing = Math.max(0, counter - (lane.next ?? counter));
    lane.next = counter + 1;
    const plaintext = rest.subarray(TIME_SIZE + (report ? REPORT_SIZE : 0));
    return { plaintext, sentAt, missing, ...(report && { report }) };
  }

  /** The bytes that a signature covers. Only a profile has `keys`; its signature proves that they belong together. */
  #signedBytes(
    lane: Lane,
    counter: number,
    keys: Uint8Array,
    ...rest: readonly Uint8Array[]
  ): Uint8Array {
    return concat([SIGNED_LABEL, this.#roomId, lane.associated, u64(counter), keys, ...rest]);
  }

  /** A lane to everyone with the export key. A profile's cannot depend on the identity, which it reveals. */
  #publicLane(
    use: "room" | "profile" | "topic",
    { id, salt, keys }: Party,
    next: number | undefined,
  ): Lane {
    const identity = use === "profile" ? NOTHING : keys.subarray(0, PUBLIC_KEY_SIZE);
    const ends = concat([this.#log, u32(id), salt, identity]);
    return new Lane(use, ends, next, () => deriveKey(this.#exportKey, salt, infoOf(use, ends)));
  }

  /** A member's lane for topics: no topic that is older than the given one may follow. */
  #topicLane(party: Party): Lane {
    const lane = this.#publicLane("topic", party, undefined);
    const given = this.#given;
    return given && equals(given.associated, lane.associated) ? given : lane;
  }

  /** A lane from one session to another. No other member can derive its key. */
  #directLane(use: "direct" | "data", sender: Party, receiver: Party, other: Party): Lane {
    const both = (field: (party: Party) => Uint8Array) => [field(sender), field(receiver)];
    const ends = concat([
      this.#log,
      ...both(({ id }) => u32(id)),
      ...both(({ keys }) => keys.subarray(0, PUBLIC_KEY_SIZE)),
      ...both(({ salt }) => salt),
      ...both(({ keys }) => keys.subarray(PUBLIC_KEY_SIZE)),
    ]);
    return new Lane(use, ends, 0, () => {
      const shared = this.#exchange.agree(other.keys.subarray(PUBLIC_KEY_SIZE));
      const secret = concat([this.#exportKey, shared]);
      return deriveKey(secret, sender.salt, infoOf(use, ends));
    });
  }
}

/** HKDF's info for a lane's key. */
function infoOf(use: Use, ends: Uint8Array): Uint8Array {
  return concat([INFO[use], ends]);
}

/** @throws {RangeError} if it is cut short, or its position is out of range */
function readReport(bytes: Uint8Array): Report {
  const position = readU64(bytes);
  if (position === undefined || bytes.length < REPORT_SIZE) {
    throw new RangeError("its report is invalid");
  }
  return { position, chain: bytes.slice(8, REPORT_SIZE) };
}

/** Decrypts a body. Success proves that some member made it for this lane and counter. */
function decrypt(
  lane: Lane,
  body: Uint8Array,
): { counter: number; plaintext: Uint8Array<ArrayBuffer> } {
  if (body.length < COUNTER_SIZE + TAG_SIZE) throw new RangeError("it is too short");
  const counter = readU64(body);
  if (counter === undefined) throw new RangeError("its counter is out of range");
  if (counter < (lane.next ?? 0)) {
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

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
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
