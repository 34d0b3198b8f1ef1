// Who is in the room, and what each is called. Pure; knows no cipher and no frames.

import type { Person } from "../room.ts";

interface Entry {
  /** undefined where the profile could not be read. */
  name: string | undefined;
  away: boolean;
  /** The name is known with another key. */
  otherKey: boolean;
  /** It is on the original program. */
  classic: boolean;
  /** How much of what it sent could not be shown. */
  rejected: number;
}

const newcomer = (): Entry => ({
  name: undefined,
  away: false,
  otherKey: false,
  classic: false,
  rejected: 0,
});

/** All members that a client knows of, in the order of joining. */
export class Roster {
  readonly #self: number;
  readonly #entries = new Map<number, Entry>();
  /** How many have each name. */
  readonly #namesakes = new Map<string, number>();
  /** What all have been rejected for whom nobody knows: there is no end to the ids that could be made up. */
  readonly #nobody: Entry = newcomer();

  /** @param self the id of this client */
  constructor(self: number) {
    this.#self = self;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  nameOf(id: number): string | undefined {
    return this.#entries.get(id)?.name;
  }

  /** The ids of those who have this name. */
  called(name: string): number[] {
    return [...this.#entries].filter(([, entry]) => entry.name === name).map(([id]) => id);
  }

  /** Everybody, as they are shown. */
  people(): Person[] {
    return Array.from(this.#entries.keys(), (id) => this.person(id));
  }

  /** Somebody, as shown; who is not here has a number for a name. */
  person(id: number): Person {
    const { name, away, otherKey, classic } = this.#entries.get(id) ?? this.#nobody;
    const alone = name !== undefined && this.#namesakes.get(name) === 1;
    const mark = otherKey ? "(!)" : "";
    const shown = `${name ?? ""}${alone ? "" : `#${id}`}${mark}`;
    const person = { id, name: shown, self: id === this.#self, away };
    return classic ? { ...person, classic } : person;
  }

  /** Somebody is here, or has another name; known by number without one. */
  setName(id: number, name: string | undefined): void {
    const entry = this.#entries.get(id) ?? newcomer();
    this.#count(entry.name, -1);
    entry.name = name;
    this.#count(name, 1);
    this.#entries.set(id, entry);
  }

  /** Returns whether that is new. */
  setAway(id: number, away: boolean): boolean {
    return this.#change(id, "away", away);
  }

  /** Returns whether that is new. */
  setOtherKey(id: number, otherKey: boolean): boolean {
    return this.#change(id, "otherKey", otherKey);
  }

  /** Returns whether that is new. */
  setClassic(id: number, classic: boolean): boolean {
    return this.#change(id, "classic", classic);
  }

  /** Counts what of somebody can't be shown; returns how much that is by now. */
  reject(id: number): number {
    return ++(this.#entries.get(id) ?? this.#nobody).rejected;
  }

  remove(id: number): void {
    this.#count(this.nameOf(id), -1);
    this.#entries.delete(id);
  }

  /** Somebody who is here came after all others. */
  moveLast(id: number): void {
    const entry = this.#entries.get(id);
    if (entry && this.#entries.delete(id)) this.#entries.set(id, entry);
  }

  #change(id: number, what: "away" | "otherKey" | "classic", value: boolean): boolean {
    const entry = this.#entries.get(id);
    if (!entry || entry[what] === value) return false;
    entry[what] = value;
    return true;
  }

  #count(name: string | undefined, by: number): void {
    if (name === undefined) return;
    const count = (this.#namesakes.get(name) ?? 0) + by;
    if (count === 0) this.#namesakes.delete(name);
    else this.#namesakes.set(name, count);
  }
}
