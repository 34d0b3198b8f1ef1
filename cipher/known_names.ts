// The names that a user has met, each with its key: what `known_names` holds, and how two clients share the file.
// Pure: other modules read and write the file.

import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { fingerprint } from "./identity.ts";

/** What is known about a name that came with a key. */
export type Acquaintance =
  /** Never heard of; now remembered, if there is room for more names. */
  | "new"
  /** As always. */
  | "known"
  /** The name belongs to another key. */
  | "changed";

/** Names that are kept: more than anybody meets, and no more than a file should grow to. */
export const MAX_NAMES = 10_000;

interface KnownName {
  readonly key: string;
  /** The day on which it was first seen, as `2026-01-31`. */
  readonly since: string;
}

const KEY_TEXT = /^[A-Za-z0-9+/]{43}$/;
const DAY_TEXT = /^\d{4}-\d\d-\d\d$/;

/**
 * Names and their keys, on trust at first sight, as SSH does it for hosts. A line each: name, key, and the
 * day it was first seen. Several clients of one user share the file, so each writes only what is new.
 */
export class KnownNames {
  #names: Map<string, KnownName>;
  /** What the file does not have yet: names that were met, and names that the user has decided on. */
  readonly #met = new Set<string>();
  readonly #trusted = new Set<string>();

  /**
   * @param text what the file has
   * @throws {RangeError} with the number of the line that is damaged
   */
  constructor(text = "") {
    this.#names = parseNames(text);
  }

  /** Something is here that the file does not have. */
  get changed(): boolean {
    return this.#met.size > 0 || this.#trusted.size > 0;
  }

  /**
   * Takes over what the file has now. Another client may have written it, or the user: so it counts for
   * more than what was read before, and only what was decided here counts for more than the file.
   *
   * @throws {RangeError} as the constructor, and then nothing has changed
   */
  merge(text: string): void {
    const names = parseNames(text);
    for (const name of this.#met) {
      if (!names.has(name) && names.size < MAX_NAMES) names.set(name, this.#names.get(name)!);
    }
    for (const name of this.#trusted) names.set(name, this.#names.get(name)!);
    this.#names = names;
  }

  /** The file has everything now. */
  saved(): void {
    this.#met.clear();
    this.#trusted.clear();
  }

  /**
   * Compares a name's key with what is known; remembers a new name.
   *
   * @param today as `2026-01-31`
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

  /** The user has compared words: from now on the name belongs to this key. */
  trust(name: string, publicKey: Uint8Array, today: string): void {
    this.#remember(name, { key: fingerprint(publicKey), since: today });
    this.#trusted.add(name);
  }

  /** What the file should have. */
  toString(): string {
    const lines = Array.from(this.#names, ([name, { key, since }]) => `${name} ${key} ${since}\n`);
    return `# Names that chat knows: NAME KEY FIRST-SEEN. Delete a line to forget a name.\n${
      lines.join("")
    }`;
  }

  /** Names come from others: one that is not valid could break the file. */
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
    // Of two lines for one name the first counts: it was there before.
    if (!names.has(name)) names.set(name, { key, since });
  }
  return names;
}
