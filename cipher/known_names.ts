// The names that a user has met, each with its key: what `known_names` holds, and how two clients share the file.
// Pure: other modules read and write the file.

import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { fingerprint } from "./identity.ts";

/** How a name and its key relate to the known names. */
export type Acquaintance =
  /** Not known before. It is remembered now, unless `MAX_NAMES` are known. */
  | "new"
  /** Known with this key. */
  | "known"
  /** Known with another key. */
  | "changed";

/** Limit of remembered names: more than a user meets, and it bounds the file. */
export const MAX_NAMES = 10_000;

interface KnownName {
  readonly key: string;
  /** The day on which the key was first seen, such as `2026-01-31`. */
  readonly since: string;
}

const KEY_TEXT = /^[A-Za-z0-9+/]{43}$/;
const DAY_TEXT = /^\d{4}-\d\d-\d\d$/;

/**
 * Names and their keys, trusted on first use, like host keys in SSH. Each line of the text is one name: name, key, and
 * the day it was first seen. Several clients of one user share the file, so each adds only its own changes.
 */
export class KnownNames {
  #names: Map<string, KnownName>;
  /** Changes that are not in the file yet: names that were met, and names that the user trusted. */
  readonly #met = new Set<string>();
  readonly #trusted = new Set<string>();

  /**
   * @param text the file's contents
   * @throws {RangeError} with the number of the damaged line
   */
  constructor(text = "") {
    this.#names = parseNames(text);
  }

  /** Whether there are changes that the file does not have. */
  get changed(): boolean {
    return this.#met.size > 0 || this.#trusted.size > 0;
  }

  /**
   * Merges the file's current contents. Another client or the user may have written it, so it overrides what was read
   * before. Only names that the user trusted in this client override the file.
   *
   * @throws {RangeError} like the constructor; nothing has changed then
   */
  merge(text: string): void {
    const names = parseNames(text);
    for (const name of this.#met) {
      if (!names.has(name) && names.size < MAX_NAMES) names.set(name, this.#names.get(name)!);
    }
    for (const name of this.#trusted) names.set(name, this.#names.get(name)!);
    this.#names = names;
  }

  /** To be called when the file has all changes. */
  saved(): void {
    this.#met.clear();
    this.#trusted.clear();
  }

  /**
   * Compares a name's key with the known one; remembers a new name.
   *
   * @param today such as `2026-01-31`
   */
  meet(name: string, publicKey: Uint8Array, today: string): Acquaintance {
    const key = fingerprint(publicKey);
    const known = this.#names.get(name);
    if (known) return known.key === key ? "known" : "changed";
    if (this.#names.size < MAX_NAMES) {
      this.#remember(name, { key, since: today });
      this.#met.add(name);
    }
    return "new";
  }

  /** Makes this the key of the name, after the user has compared words. */
  trust(name: string, publicKey: Uint8Array, today: string): void {
    this.#remember(name, { key: fingerprint(publicKey), since: today });
    this.#trusted.add(name);
  }

  /** The file's new contents. */
  toString(): string {
    const lines = Array.from(this.#names, ([name, { key, since }]) => `${name} ${key} ${since}\n`);
    return `# Names that chat knows: NAME KEY FIRST-SEEN. Delete a line to forget a name.\n${
      lines.join("")
    }`;
  }

  /** Other members choose the names, and an invalid one could break the file. */
  #remember(name: string, known: KnownName): void {
    const fault = nameFault(name);
    if (fault !== undefined) {
      throw new RangeError(`Cannot remember "${printable(name)}": a name ${fault}`);
    }
    this.#names.set(name, known);
  }
}

function parseNames(text: string): Map<string, KnownName> {
  const names = new Map<string, KnownName>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [name = "", key = "", since = "", ...rest] = line.trim().split(/\s+/);
    const valid = nameFault(name) === undefined && KEY_TEXT.test(key) && DAY_TEXT.test(since);
    if (!valid || rest.length > 0) throw new RangeError(`line ${index + 1} is not NAME KEY DAY`);
    // The first of two lines for one name counts: it is the older one.
    if (!names.has(name)) names.set(name, { key, since });
  }
  return names;
}
