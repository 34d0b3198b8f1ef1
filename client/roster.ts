// The members of a room: their names, marks and order. Pure. Knows no cipher and no frames; `members.ts`
// decides about keys.

import type { Person } from "../room.ts";
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
  /** Its public key as people write it. */
  key: string | undefined;
  /** The day on which the user verified this key for this name. */
  verified: string | undefined;
  /** How many of its messages and profiles could not be shown. */
  rejected: number;
}

const newcomer = (): Entry => ({
  name: undefined,
  skeletons: [],
  awaySince: undefined,
  otherKey: false,
  classic: false,
  key: undefined,
  verified: undefined,
  rejected: 0,
});

/** All members that a client knows, in the order of joining. */
export class Roster {
  readonly #self: number;
  readonly #entries = new Map<number, Entry>();
  /** The members whose names have a skeleton: more than one look alike. */
  readonly #alike = new Map<string, Set<number>>();
  /** Counts for all unknown ids together: a server could invent any number of ids. */
  readonly #unknown: Entry = newcomer();

  /** How many of the others are away. */
  #awayCount = 0;

  /** @param self the id of this client */
  constructor(self: number) {
    this.#self = self;
  }

  get size(): number {
    return this.#entries.size;
  }

  get awayCount(): number {
    return this.#awayCount;
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  nameOf(id: number): string | undefined {
    return this.#entries.get(id)?.name;
  }

  /** The ids of the members whose names look like this one. */
  alike(name: string): number[] {
    const ids = new Set<number>();
    for (const one of skeletons(name)) this.#alike.get(one)?.forEach((id) => ids.add(id));
    return [...ids];
  }

  /** All members, as they are shown. */
  people(): Person[] {
    return Array.from(this.#entries.keys(), (id) => this.person(id));
  }

  /** A member, as it is shown. An unknown id is shown as `#id`. */
  person(id: number): Person {
    const { name, skeletons, awaySince, otherKey, classic, key, verified } =
      this.#entries.get(id) ?? this.#unknown;
    const needsId = name === undefined || otherKey === "alike" ||
      skeletons.some((one) => this.#alike.get(one)!.size > 1);
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
    if (classic) person.classic = true;
    if (key !== undefined) person.key = key;
    if (verified !== undefined) person.verified = verified;
    return person;
  }

  /** Adds or renames a member. Without a name it is shown as `#id`. */
  setName(id: number, name: string | undefined): void {
    const entry = this.#entries.get(id) ?? newcomer();
    this.#setSkeletons(id, entry, name === undefined ? [] : skeletons(name));
    if (name !== entry.name) entry.otherKey = false;
    entry.name = name;
    this.#entries.set(id, entry);
  }

  setKey(id: number, key: string | undefined): void {
    this.#change(id, "key", key);
  }

  setVerified(id: number, day: string | undefined): void {
    this.#change(id, "verified", day);
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
    entry.awaySince = since;
    if (id !== this.#self) this.#awayCount += Number(is) - Number(was);
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

  /** Counts a message or profile that cannot be shown; returns how many this member has by now. */
  reject(id: number): number {
    return ++(this.#entries.get(id) ?? this.#unknown).rejected;
  }

  remove(id: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.setAway(id, undefined);
    this.#setSkeletons(id, entry, []);
    this.#entries.delete(id);
  }

  /** Moves a member to the end of the order. */
  moveLast(id: number): void {
    const entry = this.#entries.get(id);
    if (entry && this.#entries.delete(id)) this.#entries.set(id, entry);
  }

  #change<What extends "otherKey" | "classic" | "key" | "verified">(
    id: number,
    what: What,
    value: Entry[What],
  ): boolean {
    const entry = this.#entries.get(id);
    if (!entry || entry[what] === value) return false;
    entry[what] = value;
    return true;
  }

  #setSkeletons(id: number, entry: Entry, next: readonly string[]): void {
    for (const one of entry.skeletons) {
      const ids = this.#alike.get(one)!;
      ids.delete(id);
      if (ids.size === 0) this.#alike.delete(one);
    }
    for (const one of next) {
      const ids = this.#alike.get(one) ?? new Set();
      this.#alike.set(one, ids.add(id));
    }
    entry.skeletons = next;
  }
}
