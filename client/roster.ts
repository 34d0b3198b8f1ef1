// The members of a room: their names, marks and order, and which of them are listed. Pure. Knows no cipher and no
// frames; `members.ts` decides about keys.
//
// A person may have several sessions in the room. One that is away is not listed while another one with the same key
// takes its place: one that is here, or if all are away, the one that was here last. It is a member all the same: it may
// come back.

import type { Person, Trust } from "../room.ts";
import { skeletons } from "../text/skeleton.ts";

interface Entry {
  /** undefined if the profile could not be read. */
  name: string | undefined;
  /** Since when it is away, in ms since 1970; undefined: it is not. */
  awaySince: number | undefined;
  /** The skeletons of the name. */
  skeletons: readonly string[];
  /** The name is known with a different key; `alike`: it only looks like such a name. */
  otherKey: boolean | "alike";
  /** It is a classic client. */
  classic: boolean;
  /** Why its user does not answer, in its own words. */
  status: string | undefined;
  /** Its public key as people write it. */
  key: string | undefined;
  /** The sessions with its key, itself included; undefined if it has none. */
  sessions: Sessions | undefined;
  /** Another session takes its place. */
  replaced: boolean;
  /** The day on which the user verified this key for this name. */
  verified: string | undefined;
  /** What is known about its key under its name. */
  trust: Trust | undefined;
  /** When it joined, in ms since 1970; undefined: it was in the list of members. */
  joined: number | undefined;
  /** How many of its messages and profiles could not be shown. */
  rejected: number;
}

/** The sessions of one key. */
interface Sessions {
  /** In the order of joining. */
  readonly ids: Set<number>;
  /** How many of them are here. */
  here: number;
  /** The one that is listed while none is here. */
  awayId: number | undefined;
}

/** The members whose names have a skeleton. */
interface Alike {
  readonly ids: Set<number>;
  /** How many of them are listed. More than one: they look alike. */
  listed: number;
}

/** What moderators have done about members. */
export interface Marks {
  isModerator(key: string | undefined): boolean;
  isSilenced(id: number): boolean;
}

const newcomer = (): Entry => ({
  name: undefined,
  skeletons: [],
  awaySince: undefined,
  otherKey: false,
  classic: false,
  status: undefined,
  key: undefined,
  sessions: undefined,
  replaced: false,
  verified: undefined,
  trust: undefined,
  joined: undefined,
  rejected: 0,
});

/** All members that a client knows, in the order of joining. */
export class Roster {
  readonly #self: number;
  readonly #entries = new Map<number, Entry>();
  /** By skeleton. */
  readonly #alike = new Map<string, Alike>();
  /** By key. */
  readonly #sessions = new Map<string, Sessions>();
  /** Counts for all unknown ids together: a server could invent any number of ids. */
  readonly #unknown: Entry = newcomer();
  /** How many others are listed as away. */
  #awayCount = 0;
  /** How many members are not listed. */
  #replacedCount = 0;

  readonly #marks: Marks | undefined;

  /**
   * @param self the id of this client
   * @param marks undefined: members have none
   */
  constructor(self: number, marks?: Marks) {
    this.#self = self;
    this.#marks = marks;
  }

  /** How many members are listed. */
  get size(): number {
    return this.#entries.size - this.#replacedCount;
  }

  get awayCount(): number {
    return this.#awayCount;
  }

  /** How many members there are, listed or not. */
  get total(): number {
    return this.#entries.size;
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  nameOf(id: number): string | undefined {
    return this.#entries.get(id)?.name;
  }

  /** Whether another session takes this member's place. */
  isReplaced(id: number): boolean {
    return this.#entries.get(id)?.replaced ?? false;
  }

  /** The member that is listed in this one's place; most often itself. */
  listedFor(id: number): number {
    const { replaced, sessions } = this.#entries.get(id) ?? this.#unknown;
    if (!replaced || !sessions) return id;
    return sessions.awayId ?? [...sessions.ids].findLast((one) => this.#isHere(one)) ?? id;
  }

  /** The ids of the members whose names look like this one. */
  alike(name: string): number[] {
    const ids = new Set<number>();
    for (const one of skeletons(name)) this.#alike.get(one)?.ids.forEach((id) => ids.add(id));
    return [...ids];
  }

  /** All members that are listed, as they are shown. */
  people(): Person[] {
    const people: Person[] = [];
    for (const [id, { replaced }] of this.#entries) if (!replaced) people.push(this.person(id));
    return people;
  }

  /** A member, as it is shown. An unknown id is shown as `#id`. */
  person(id: number): Person {
    const {
      name,
      skeletons,
      awaySince,
      otherKey,
      classic,
      status,
      key,
      verified,
      trust,
      replaced,
    } = this.#entries.get(id) ?? this.#unknown;
    const own = replaced ? 0 : 1;
    const needsId = name === undefined || otherKey === "alike" ||
      skeletons.some((one) => this.#alike.get(one)!.listed > own);
    const shown = `${name ?? ""}${needsId ? `#${id}` : ""}${otherKey ? "(!)" : ""}`;
    const self = id === this.#self;
    // A room may have thousands of members, and lists are made often: spreads would take twice the time.
    const person: { -readonly [Field in keyof Person]: Person[Field] } = {
      id,
      name: shown,
      self,
      away: awaySince !== undefined,
    };
    if (awaySince !== undefined) person.since = new Date(awaySince);
    if (status !== undefined) person.status = status;
    if (this.#marks?.isModerator(key)) person.moderator = true;
    if (this.#marks?.isSilenced(id)) person.silenced = true;
    if (classic) person.classic = true;
    if (key !== undefined) person.key = key;
    if (verified !== undefined) person.verified = verified;
    if (trust !== undefined) person.trust = trust;
    return person;
  }

  /** Adds or renames a member. Without a name it is shown as `#id`. */
  setName(id: number, name: string | undefined): void {
    const entry = this.#entries.get(id) ?? newcomer();
    this.#setSkeletons(id, entry, name === undefined ? [] : skeletons(name));
    if (name !== entry.name) {
      entry.otherKey = false;
      entry.trust = undefined;
    }
    entry.name = name;
    this.#entries.set(id, entry);
  }

  /**
   * Sets the key that a member has proved. Call it once.
   *
   * @returns the member whose place it takes, as it was shown; undefined if there is none
   */
  setKey(id: number, key: string): Person | undefined {
    const entry = this.#entries.get(id);
    if (!entry || entry.key !== undefined) return undefined;
    entry.key = key;
    const sessions = this.#sessions.get(key) ?? { ids: new Set(), here: 0, awayId: undefined };
    const { awayId } = sessions;
    const before = awayId === undefined ? undefined : this.person(awayId);
    this.#sessions.set(key, sessions);
    entry.sessions = sessions;
    sessions.ids.add(id);
    sessions.here += Number(this.#isHere(id));
    this.#arrange(sessions, id);
    return sessions.here > 0 ? before : undefined;
  }

  setVerified(id: number, day: string | undefined): void {
    this.#change(id, "verified", day);
  }

  setTrust(id: number, trust: Trust): void {
    this.#change(id, "trust", trust);
  }

  /** @param at in ms since 1970 */
  setJoined(id: number, at: number): void {
    this.#change(id, "joined", at);
  }

  /** When a member joined; undefined if it was in the list of members. */
  joined(id: number): Date | undefined {
    const at = this.#entries.get(id)?.joined;
    return at === undefined ? undefined : new Date(at);
  }

  /** The other sessions with a member's key, listed or not, in the order of joining. */
  sessions(id: number): Person[] {
    const ids = this.#entries.get(id)?.sessions?.ids ?? [];
    return [...ids].filter((one) => one !== id).map((one) => this.person(one));
  }

  /**
   * Returns whether it was not away and is now, or the other way round.
   *
   * @param since when its connection was lost, in ms since 1970; undefined: it is back
   */
  setAway(id: number, since: number | undefined): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return false;
    const [was, is] = [entry.awaySince !== undefined, since !== undefined];
    const wasHere = this.#isHere(id);
    entry.awaySince = since;
    const isHere = this.#isHere(id);
    if (!entry.replaced) this.#awayCount += Number(wasHere) - Number(isHere);
    const { sessions } = entry;
    if (sessions) {
      sessions.here += Number(isHere) - Number(wasHere);
      this.#arrange(sessions, id);
    }
    return was !== is;
  }

  /** Returns whether that has changed. */
  setOtherKey(id: number, otherKey: boolean | "alike"): boolean {
    return this.#change(id, "otherKey", otherKey);
  }

  /** Returns whether that has changed. */
  setClassic(id: number, classic: boolean): boolean {
    return this.#change(id, "classic", classic);
  }

  /** Returns whether that has changed. */
  setStatus(id: number, status: string | undefined): boolean {
    return this.#change(id, "status", status);
  }

  /** Counts a message or profile that cannot be shown; returns how many this member has by now. */
  reject(id: number): number {
    return ++(this.#entries.get(id) ?? this.#unknown).rejected;
  }

  remove(id: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    // As one that is here it is listed, and is in no count but one.
    this.setAway(id, undefined);
    this.#setSkeletons(id, entry, []);
    this.#entries.delete(id);
    const { key, sessions } = entry;
    if (!sessions) return;
    sessions.here--;
    sessions.ids.delete(id);
    if (sessions.ids.size === 0) this.#sessions.delete(key!);
    else this.#arrange(sessions);
  }

  /** Moves a member to the end of the order. */
  moveLast(id: number): void {
    const entry = this.#entries.get(id);
    if (entry && this.#entries.delete(id)) this.#entries.set(id, entry);
  }

  #change<What extends "otherKey" | "classic" | "status" | "verified" | "trust" | "joined">(
    id: number,
    what: What,
    value: Entry[What],
  ): boolean {
    const entry = this.#entries.get(id);
    if (!entry || entry[what] === value) return false;
    entry[what] = value;
    return true;
  }

  /** Whether a member is not away. The user never is: what comes about that is over. */
  #isHere(id: number): boolean {
    return id === this.#self || this.#entries.get(id)?.awaySince === undefined;
  }

  /** Decides which sessions of a key are listed; `changed` is the one that has changed. */
  #arrange(sessions: Sessions, changed?: number): void {
    const before = sessions.awayId;
    sessions.awayId = sessions.here > 0 ? undefined : this.#lastAway(sessions);
    for (const id of [before, sessions.awayId, changed]) {
      if (id === undefined || !sessions.ids.has(id)) continue;
      this.#setReplaced(id, !this.#isHere(id) && id !== sessions.awayId);
    }
  }

  /** The session that was here last, of those that are all away. */
  #lastAway({ ids }: Sessions): number | undefined {
    let last: number | undefined;
    let since = -Infinity;
    for (const id of ids) {
      const { awaySince } = this.#entries.get(id)!;
      if (awaySince !== undefined && awaySince >= since) [last, since] = [id, awaySince];
    }
    return last;
  }

  #setReplaced(id: number, replaced: boolean): void {
    const entry = this.#entries.get(id)!;
    if (entry.replaced === replaced) return;
    entry.replaced = replaced;
    const more = replaced ? -1 : 1;
    this.#replacedCount -= more;
    if (!this.#isHere(id)) this.#awayCount += more;
    for (const one of entry.skeletons) this.#alike.get(one)!.listed += more;
  }

  #setSkeletons(id: number, entry: Entry, next: readonly string[]): void {
    const own = entry.replaced ? 0 : 1;
    for (const one of entry.skeletons) {
      const alike = this.#alike.get(one)!;
      alike.ids.delete(id);
      alike.listed -= own;
      if (alike.ids.size === 0) this.#alike.delete(one);
    }
    for (const one of next) {
      const alike = this.#alike.get(one) ?? { ids: new Set(), listed: 0 };
      this.#alike.set(one, alike);
      alike.ids.add(id);
      alike.listed += own;
    }
    entry.skeletons = next;
  }
}
