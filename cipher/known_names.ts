// TODO: say what this is.

import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { type Acquaintance, fingerprint, type Known, MAX_NAMES, parseNames } from "./identity.ts";

/**
 * Names and their keys, on trust at first sight, as SSH does it for hosts. A line each: name, key, and the
 * day it was first seen. Several clients of one user share the file, so each writes only what is new.
 */
export class KnownNames {
  #names: Map<string, Known>;
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
  #remember(name: string, known: Known): void {
    const fault = nameFault(name);
    if (fault !== undefined) {
      throw new RangeError(`Cannot remember "${printable(name)}": a name ${fault}`);
    }
    this.#names.set(name, known);
  }
}
