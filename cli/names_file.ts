// The file with the names that this user knows. Several clients of the user add to it at the same time, and the user may
// edit it. It knows neither rooms nor members.

import { KnownNames } from "../cipher/known_names.ts";
import { ChatError } from "../errors.ts";
import {
  appendPrivate,
  makeOwnFolder,
  pathIn,
  readPrivate,
  versionOf,
  whileLocked,
  writePrivate,
} from "../files/private_file.ts";
import type { Places } from "./home.ts";

/** The names, and where they are kept. */
export class NamesFile {
  readonly #places: Places;
  readonly #path: string;
  /** Of the file that `names` was compared with last. */
  #version: string | undefined;
  names: KnownNames = new KnownNames();
  #isLoaded = false;

  /** To be followed by `load`. */
  constructor(places: Places) {
    this.#places = places;
    this.#path = pathIn(places.config, "known-names");
  }

  /**
   * Reads what the file has. The first time, that is what this user knew before: `names` is a new object then.
   *
   * @throws {FileUnavailable} if it cannot be read
   * @throws {ChatError} if it is damaged; it is never overwritten
   */
  load(): void {
    // First: if the file changes in between, it is read once more.
    const version = versionOf(this.#path);
    const text = readPrivate(this.#path, this.#places.home) ?? "";
    try {
      if (this.#isLoaded || this.names.changed) this.names.merge(text);
      else this.names = new KnownNames(text);
      this.#isLoaded = true;
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ChatError(`Cannot use ${this.#path}: ${cause.message}`, {
        hint: "Correct or delete that line",
        cause,
      });
    }
    this.#version = version;
  }

  /**
   * Adds new names to the file, if there are any, in one write.
   *
   * @throws {FileUnavailable} if the file cannot be read or written
   * @throws {ChatError} if it is damaged; it is never overwritten
   */
  save(): void {
    const { names } = this;
    if (!names.changed) return;
    makeOwnFolder(this.#places.config, this.#places.home);
    whileLocked(`${this.#path}.lock`, () => {
      if (versionOf(this.#path) !== this.#version) this.load();
      if (!names.changed) return;
      if (names.isWorn) writePrivate(this.#path, names.toString());
      else appendPrivate(this.#path, names.unsaved);
      names.saved();
      this.#version = versionOf(this.#path);
    });
  }
}
