// The members of the room as this client knows them: their names, the keys behind the names, and how to find
// one. Reads no frames and sends nothing.

import { comparison, fingerprint } from "../cipher/identity.ts";
import { ChatError, ProtocolError } from "../errors.ts";
import type { ErrorCode } from "../protocol.ts";
import type { Profile } from "../protocol/envelope.ts";
import {
  findPerson,
  hasOtherKey,
  isExplicit,
  otherKeyError,
  type Person,
  type RoomEvent,
  type Whois,
} from "../room.ts";
import { printable } from "../text/printable.ts";
import { MAX_MEMBERS, type Self, tooManyMembers } from "./handshake.ts";
import { type Marks, Roster } from "./roster.ts";
import type { ClientSession } from "./session.ts";

/** What identifies a member across sessions, in which ids differ. */
export interface PeerId {
  readonly name: string | undefined;
  /** The identity key in hex; undefined in xor rooms. */
  readonly key: string | undefined;
}

/** Whether two are the same member: by their keys, or where there are none, by their names. */
export function isSamePeer(one: PeerId, other: PeerId): boolean {
  if (one.key !== undefined || other.key !== undefined) return one.key === other.key;
  return one.name !== undefined && one.name === other.name;
}

/** The author of a message. */
export interface Author {
  /** The key in hex; in xor rooms the seat. */
  readonly text: string;
  readonly isProved: boolean;
  readonly log: string;
  readonly id: number;
  readonly name: string | undefined;
}

/** The part of a session that concerns members. */
type MemberSession = Pick<ClientSession, "id" | "cipher" | "log">;

/** The members of the room. */
export class Members {
  readonly #self: Self | undefined;
  readonly #notify: (event: RoomEvent & { type: "keychanged" }) => void;
  readonly #marks: Marks | undefined;
  #session!: MemberSession;
  #roster!: Roster;
  /** When this client joined. */
  #since!: Date;

  /**
   * @param self this user; undefined in xor rooms
   * @param name this user's name
   * @param notify is called if a known name has another key
   * @param marks what moderators have done about members; undefined: nothing
   */
  constructor(
    self: Self | undefined,
    session: MemberSession,
    name: string,
    notify: (event: RoomEvent & { type: "keychanged" }) => void,
    marks?: Marks,
  ) {
    this.#marks = marks;
    this.#self = self;
    this.#notify = notify;
    this.renew(session, name);
  }

  /** Starts with an empty room: the session is a new one. */
  renew(session: MemberSession, name: string, status?: string): void {
    this.#session = session;
    this.#since = new Date();
    this.#roster = new Roster(session.id, this.#marks);
    this.setName(session.id, name);
    this.#roster.setStatus(session.id, status);
    if (this.#self) this.#roster.setKey(session.id, fingerprint(this.#self.identity.publicKey));
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** Everybody who is listed but this client. */
  get others(): Person[] {
    return this.#roster.people().filter(({ self }) => !self);
  }

  /**
   * Adds a member.
   *
   * @returns its profile, and the member whose place it takes in the list: one with the same key that is away
   * @param readProfile undefined if it cannot be read; the member is then shown by its id
   * @throws {ProtocolError} if it is a member already, or the room has too many
   */
  meet<Read extends Profile>(
    id: number,
    readProfile: () => Read | undefined,
  ): { readonly profile: Read | undefined; readonly replaces: Person | undefined } {
    if (this.#roster.has(id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "a member joined that was here already");
    }
    // Before its profile is read: an error in that is counted for this member.
    this.setName(id, undefined);
    const profile = readProfile();
    const key = this.#session.cipher.identityOf(id);
    const replaces = key && this.#roster.setKey(id, fingerprint(key));
    if (profile) this.setName(id, profile.name);
    if (profile?.classic) this.#roster.setClassic(id, true);
    this.#roster.setStatus(id, profile?.status);
    return { profile, replaces };
  }

  /**
   * A member has joined that was not in the list.
   *
   * @param at undefined: now
   */
  joined(id: number, at: Date | undefined): void {
    this.#roster.setJoined(id, (at ?? new Date()).getTime());
  }

  /**
   * A member that has set the topic and may have left, as its profile described it then; if it is here, perhaps in another
   * session, as it is now.
   *
   * @param identity its public key; undefined in xor rooms
   */
  former(id: number, name: string, identity: Uint8Array | undefined): Person {
    if (this.#roster.has(id)) return this.#roster.person(id);
    const key = identity && fingerprint(identity);
    const isSame = (one: Person) => key === undefined ? one.name === name : one.key === key;
    const here = this.#roster.people().find(isSame);
    if (here) return here;
    const acquaintance = identity && this.#self?.knownNames.look(name, identity);
    const isOther = acquaintance === "changed" || acquaintance === "alike";
    const shown = `${name}${acquaintance === "alike" ? `#${id}` : ""}${isOther ? "(!)" : ""}`;
    if (!identity || key === undefined) return { id, name: shown, self: false, away: false };
    const trust = isOther ? "changed" : this.#self?.knownNames.trustOf(name, identity);
    return { id, name: shown, self: false, away: false, key, ...(trust && { trust }) };
  }

  setName(id: number, name: string | undefined): void {
    if (this.#roster.total >= MAX_MEMBERS && !this.#roster.has(id)) throw tooManyMembers();
    this.#roster.setName(id, name);
    if (name !== undefined) this.#checkKey(id, name);
  }

  /** Compares a member's key with the known keys of its name, and of names that look like it. */
  #checkKey(id: number, name: string): void {
    const key = this.#session.cipher.identityOf(id);
    if (!key || !this.#self || id === this.#session.id) return;
    const acquaintance = this.#self.knownNames.meet(name, key, today());
    // Another session of this user needs no warning if somebody else had the name once.
    const isOwn = fingerprint(key) === fingerprint(this.#self.identity.publicKey);
    const isAlike = !isOwn && acquaintance === "alike";
    const isOther = isAlike || (!isOwn && acquaintance === "changed");
    this.#roster.setVerified(id, this.#self.knownNames.verifiedOn(name, key));
    this.#roster.setTrust(id, isOther ? "changed" : this.#self.knownNames.trustOf(name, key));
    if (!this.#roster.setOtherKey(id, isAlike ? "alike" : isOther) || !isOther) return;
    const like = isAlike ? this.#self.knownNames.likeOf(name) : undefined;
    const who = this.#roster.person(id);
    this.#notify({ type: "keychanged", who, ...(like !== undefined && { like }) });
  }

  peerIdOf(id: number): PeerId {
    return {
      name: this.#roster.nameOf(id),
      key: this.#session.cipher.identityOf(id)?.toHex(),
    };
  }

  /** A text that identifies a member across sessions: its key, or in xor rooms its name. No name looks like a key. */
  peerKeyOf(id: number): string | undefined {
    const { key, name } = this.peerIdOf(id);
    return this.#session.cipher.name === "sealed" ? key : name;
  }

  /** A member as the author of messages. */
  authorOf(id: number): Author {
    const { log, cipher } = this.#session;
    const key = cipher.identityOf(id)?.toHex();
    return {
      text: key ?? `${log} ${id}`,
      isProved: key !== undefined,
      log,
      id,
      name: this.#roster.nameOf(id),
    };
  }

  /**
   * Whether two are the same author: by their keys. In xor rooms by their seats; or if the earlier seat is not in the room
   * any more, by their names, which prove as little there.
   */
  isSameAuthor(earlier: Author, now: Author): boolean {
    if (earlier.text === now.text) return true;
    if (earlier.isProved || now.isProved || now.name === undefined) return false;
    const isHere = earlier.log === this.#session.log && this.#roster.has(earlier.id);
    return !isHere && earlier.name === now.name;
  }

  /** The member with this identity; undefined if no member has it, or several have. */
  findPeer(peer: PeerId): Person | undefined {
    const found = this.others.filter(({ id }) => isSamePeer(this.peerIdOf(id), peer));
    return found.length === 1 ? found[0] : undefined;
  }

  /** The id of the member with this peer key; undefined if no member has it, or several have. */
  findByPeerKey(peerKey: string): number | undefined {
    const found = this.others.filter(({ id }) => this.peerKeyOf(id) === peerKey);
    // In a room without keys, a client that was restarted is listed twice until its old session ends.
    const connected = found.filter(({ away }) => !away);
    const [one, ...more] = connected.length > 0 ? connected : found;
    return more.length === 0 ? one?.id : undefined;
  }

  /** Whether this user knew a member's key, under its present name, before the program started, or vouched for it. */
  isKnown(id: number): boolean {
    const key = this.#session.cipher.identityOf(id);
    const name = this.#roster.nameOf(id);
    // A member without a valid name is nobody that this user knows.
    if (!this.#self || !key || name === undefined) return false;
    return this.#self.knownNames.knew(name, key) && !hasOtherKey(this.#roster.person(id));
  }

  /**
   * Finds the member that the user means.
   *
   * @param action the verb phrase of "Cannot … NAME"
   * @throws {ChatError} if no member has that name, or several have
   */
  find(who: string | number, action: string, people = this.#roster.people()): Person {
    // An id that the user, or a program, has from before its owner joined again.
    const person = findPerson(people, typeof who === "number" ? this.#roster.listedFor(who) : who);
    const called = typeof who === "number" ? `a member with the id ${who}` : `"${printable(who)}"`;
    if (person === "nobody") {
      throw new ChatError(
        `Cannot ${action} ${called}: no member has ${typeof who === "number" ? "it" : "that name"}`,
        {
          refusal: "nobody",
        },
      );
    }
    if (person === "several") {
      const names = people.filter((one) => one.name.startsWith(`${who}#`)).map(({ name }) => name);
      throw new ChatError(`Cannot ${action} ${called}: several members have that name`, {
        refusal: "several",
        hint: `Say which: ${names.join(", ")}`,
      });
    }
    return person;
  }

  /**
   * Finds the member that gets something for it alone. A member whose key is not the one of its name is meant only by
   * the name with its mark, or by its id: the user must not take it for the member that he knows. Somebody who uses the
   * name of this client, perhaps the same user in another window, is meant by it.
   *
   * @throws {ChatError} like `find`; if the user may mean somebody else, or it cannot receive that
   */
  findReceiver(who: string | number, what: "message" | "file" = "message"): Person {
    const { others } = this;
    const self = this.#roster.person(this.#session.id);
    if (findPerson(others, who) === "nobody" && findPerson([self], who) === self) {
      throw new ChatError(`Cannot send a ${what} to yourself`, { refusal: "self" });
    }
    const person = this.find(who, "send to", others);
    if (!isExplicit(who, person) && hasOtherKey(person)) throw otherKeyError(person);
    const name = printable(person.name);
    if (person.classic) {
      throw new ChatError(
        what === "file"
          ? `Cannot send a file to ${name}: classic clients cannot receive files`
          : `Cannot send to ${name} alone: classic clients cannot receive direct messages`,
        { refusal: "classic" },
      );
    }
    if (what === "file" && this.peerKeyOf(person.id) === undefined) {
      throw new ChatError(`Cannot send to "${name}": nothing proves who that is`, {
        refusal: "noproof",
      });
    }
    return person;
  }

  /** @throws {ChatError} if they cannot be compared; see `Room.compare` */
  compare(who: string | number): string {
    const person = this.find(who, "compare keys with");
    const { cipher } = this.#session;
    const other = cipher.identityOf(person.id);
    // This client's own key comes from its own identity: the server could report another.
    if (this.#self && other && !person.self) {
      return comparison(this.#self.identity.publicKey, other);
    }
    throw new ChatError(
      `Cannot compare keys with "${person.name}": ${
        person.self
          ? "that is you"
          : cipher.name === "sealed"
          ? "nothing proves who that is"
          : `there are none in a room with ${cipher.name}`
      }`,
    );
  }

  /** @throws {ChatError} if no member has that name, or several have */
  whois(who: string | number): Whois {
    const member = this.find(who, "look up");
    const { id } = member;
    const key = this.#session.cipher.identityOf(id);
    const name = this.#roster.nameOf(id);
    const own = this.#self && !member.self ? this.#self : undefined;
    return {
      member,
      joined: this.#roster.joined(id),
      listed: this.#since,
      firstSeen: key && name !== undefined ? own?.knownNames.firstSeen(name, key) : undefined,
      words: key && own ? comparison(own.identity.publicKey, key) : undefined,
      sessions: this.#roster.sessions(id),
    };
  }

  /** @throws {ChatError} if there is no key to trust; see `Room.trust` */
  trust(who: string | number): void {
    this.#vouch(this.find(who, "trust"), "trust");
  }

  /** @throws {ChatError} if there is no key to verify; see `Room.verify` */
  verify(who: string | number): void {
    this.#vouch(this.find(who, "verify"), "verify");
  }

  #vouch({ id, name }: Person, what: "trust" | "verify"): void {
    const key = this.#session.cipher.identityOf(id);
    const known = this.#roster.nameOf(id);
    if (!key || known === undefined || !this.#self) {
      throw new ChatError(`Cannot ${what} "${name}": there is no key to ${what}`);
    }
    this.#self.knownNames[what](known, key, today());
    // This member loses its mark. If the name was not remembered before, others that look like it get one.
    for (const other of this.#roster.alike(known)) {
      this.#checkKey(other, this.#roster.nameOf(other)!);
    }
  }
}

/** As `2026-01-31`. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}
