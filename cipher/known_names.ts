// The names that a user has met, each with its keys: what `known-names` holds, and how two clients share the file.
// Pure: other modules read and write the file.

import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { skeletons } from "../text/skeleton.ts";
import { fingerprint } from "./identity.ts";

/** How a name and its key relate to the known names. */
export type Acquaintance =
  /** Not known before. It is remembered now, unless this key has `MAX_NAMES_PER_KEY` names. */
  | "new"
  /** Known with this key. */
  | "known"
  /** Known, but not with this key. */
  | "changed"
  /** Not known, but it looks like a name that is, and this is not the key of that one. */
  | "alike";

/** Limit of remembered names: more than a user meets, and it bounds the file. */
export const MAX_NAMES = 10_000;
/** How many names of one key are remembered: a member that renames itself all the time must not fill the file. */
export const MAX_NAMES_PER_KEY = 16;
/** How many lines that mean nothing any more the file may have, besides as many as there are names. */
export const MAX_WASTE = 1_000;

/** What the user has said about a name and its key. */
type Mark = "met" | "trusted" | "verified";

const RANK: Readonly<Record<Mark, number>> = { met: 0, trusted: 1, verified: 2 };

interface KnownName {
  readonly name: string;
  readonly key: string;
  /** The day on which this key was first seen, such as `2026-01-31`. */
  readonly since: string;
  readonly mark: Mark;
  /** The day on which the user verified it. */
  readonly verified: string | undefined;
}

const KEY_TEXT = /^[A-Za-z0-9+/]{43}$/;
const DAY_TEXT = /^\d{4}-\d\d-\d\d$/;
const HEADER =
  "# Names that chat knows: NAME KEY FIRST-SEEN, then trusted or verified DAY if you said so.\n" +
  "# Delete the lines of a name to forget it.\n";

/**
 * Names and their keys, trusted on first use, like host keys in SSH. A name has the key that it was met with, and each
 * that the user trusted or verified for it: one for each device. Each line of the text is one name with one key; a later
 * line for both adds what the user has said since. Several clients of one user share the file, so each adds only its own
 * changes.
 */
export class KnownNames {
  #table: Table;
  /** What was known when this run of the program began; split when it is asked for. */
  readonly #start: string;
  /** Its names with their keys, as `NAME KEY`. */
  #before: Set<string> | undefined;
  /** The lines that the file does not have yet, the oldest first. */
  #unsaved: KnownName[] = [];
  #forgotten = 0;

  /**
   * @param text the file's contents
   * @throws {RangeError} with the number of the damaged line
   */
  constructor(text = "") {
    this.#start = text;
    this.#table = parse(text);
  }

  /** How many names with a key are known. */
  get size(): number {
    return this.#table.size;
  }

  /** Whether there are changes that the file does not have. */
  get changed(): boolean {
    return this.#unsaved.length > 0;
  }

  /** How many names `meet` has forgotten because `MAX_NAMES` were known. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Whether the file should be written again, instead of getting `unsaved`: it is torn, or most of it is waste. */
  get isWorn(): boolean {
    const { size, lines, isComplete } = this.#table;
    return !isComplete || lines + this.#unsaved.length > 2 * size + MAX_WASTE;
  }

  /** What the file has to get at its end. */
  get unsaved(): string {
    return (this.#table.isEmpty ? HEADER : "") + this.#unsaved.map(lineOf).join("");
  }

  /**
   * Merges the file's current contents. Another client or the user may have written it, so it overrides what was read
   * before. Only what the user said in this client since the last `saved` overrides the file.
   *
   * @throws {RangeError} like the constructor; nothing has changed then
   */
  merge(text: string): void {
    const table = parse(text);
    this.#unsaved = this.#unsaved.filter((known) => table.add(known));
    this.#table = table;
  }

  /** To be called when the file has `unsaved`, or all of `toString`. */
  saved(): void {
    const table = this.#table;
    table.lines = this.isWorn ? table.size : table.lines + this.#unsaved.length;
    table.isComplete = true;
    table.isEmpty = false;
    this.#unsaved = [];
  }

  /**
   * Compares a name's key with the known ones; remembers a new name.
   *
   * @param today such as `2026-01-31`
   */
  meet(name: string, publicKey: Uint8Array, today: string): Acquaintance {
    const key = fingerprint(publicKey);
    const acquaintance = this.#table.compare(name, key);
    if (acquaintance === "new") this.#add(name, key, today, "met");
    return acquaintance;
  }

  /** The same, and remembers nothing: of somebody who is not in the room. */
  look(name: string, publicKey: Uint8Array): Acquaintance {
    return this.#table.compare(name, fingerprint(publicKey));
  }

  /** The first known name that looks like this one. */
  likeOf(name: string): string | undefined {
    return this.#table.alike(name)[0]?.name;
  }

  /**
   * Whether a name had this key already when the program started, or the user has trusted or verified it since. A
   * member that was met in this run does not get there by leaving, joining again or renaming itself.
   */
  knew(name: string, publicKey: Uint8Array): boolean {
    const key = fingerprint(publicKey);
    const known = this.#table.find(name, key);
    if (!known || known.mark !== "met") return known !== undefined;
    // Without skeletons, which take time: the table has found the name that has this key.
    this.#before ??= new Set(
      this.#start.split("\n").map((line) => line.trim().split(/\s+/, 2).join(" ")),
    );
    return this.#before.has(`${known.name} ${key}`);
  }

  /** What is known about a key of this name. It is asked only about a key that `meet` has not found to be another one. */
  trustOf(name: string, publicKey: Uint8Array): "verified" | "trusted" | "known" | "new" {
    const mark = this.#table.find(name, fingerprint(publicKey))?.mark ?? "met";
    if (mark !== "met") return mark;
    return this.knew(name, publicKey) ? "known" : "new";
  }

  /** Adds a key to those of the name: the user trusts it. */
  trust(name: string, publicKey: Uint8Array, today: string): void {
    this.#add(name, fingerprint(publicKey), today, "trusted");
  }

  /** Like `trust`; and the user has compared words with the owner of the key. */
  verify(name: string, publicKey: Uint8Array, today: string): void {
    this.#add(name, fingerprint(publicKey), today, "verified");
  }

  /** The day on which this key was first seen under this name; undefined if that is not known. */
  firstSeen(name: string, publicKey: Uint8Array): string | undefined {
    return this.#table.find(name, fingerprint(publicKey))?.since;
  }

  /** The day on which the user verified this key for this name; undefined if that has not happened. */
  verifiedOn(name: string, publicKey: Uint8Array): string | undefined {
    return this.#table.find(name, fingerprint(publicKey))?.verified;
  }

  /** The file's contents, without lines that mean nothing any more. */
  toString(): string {
    return HEADER + this.#table.all().map(lineOf).join("");
  }

  /** Other members choose the names, and an invalid one could break the file. */
  #add(name: string, key: string, today: string, mark: Mark): void {
    const fault = nameFault(name);
    if (fault !== undefined) {
      throw new RangeError(`Cannot remember "${printable(name)}": a name ${fault}`);
    }
    const verified = mark === "verified" ? today : undefined;
    const since = this.#table.find(name, key)?.since ?? today;
    const known: KnownName = { name, key, since, mark, verified };
    const before = this.#table.size;
    if (!this.#table.add(known)) return;
    this.#unsaved.push(known);
    // Perhaps the disk has been full for days.
    if (this.#unsaved.length > 2 * MAX_NAMES) {
      this.#unsaved = this.#unsaved.filter(({ name, key }) => this.#table.find(name, key));
    }
    if (this.#table.size === before && mark === "met") this.#forgotten++;
  }
}

/** The names that some text has. */
class Table {
  /** The keys of each name, the oldest first. */
  readonly #names = new Map<string, KnownName[]>();
  /** The names that have each skeleton, the oldest first. */
  readonly #skeletons = new Map<string, Set<string>>();
  /** Those that the user has said nothing about, the oldest first: they may be forgotten. */
  readonly #met = new Set<KnownName>();
  /** How many of `#met` each key has. */
  readonly #perKey = new Map<string, number>();
  size = 0;
  /** How many lines the text has that are not comments. */
  lines = 0;
  isEmpty = true;
  /** Whether another line can follow the text. */
  isComplete = true;

  all(): KnownName[] {
    return [...this.#names.values()].flat();
  }

  /** What is known of the name; if there is nothing, of names that look like it. */
  alike(name: string): KnownName[] {
    const exact = this.#names.get(name);
    if (exact) return exact;
    const names = new Set<string>();
    for (const one of skeletons(name)) this.#skeletons.get(one)?.forEach((name) => names.add(name));
    return Array.from(names, (name) => this.#names.get(name)!).flat();
  }

  find(name: string, key: string): KnownName | undefined {
    return this.alike(name).find((known) => known.key === key);
  }

  compare(name: string, key: string): Acquaintance {
    const alike = this.alike(name);
    if (alike.length === 0) return "new";
    if (alike.some((known) => known.key === key)) return "known";
    return this.#names.has(name) ? "changed" : "alike";
  }

  /** Adds a line; returns whether it means anything. */
  add(known: KnownName): boolean {
    const { name, key, mark } = known;
    const keys = this.#names.get(name);
    const earlier = keys?.find((known) => known.key === key);
    if (earlier) return this.#raise(keys!, earlier, known);
    if (mark === "met") {
      // Two clients may have met different owners of a name at the same time. The first one counts.
      if (keys) return false;
      const count = this.#perKey.get(key) ?? 0;
      if (count >= MAX_NAMES_PER_KEY) return false;
      this.#perKey.set(key, count + 1);
      this.#met.add(known);
    }
    if (keys) keys.push(known);
    else {
      this.#names.set(name, [known]);
      for (const one of skeletons(name)) {
        this.#skeletons.set(one, (this.#skeletons.get(one) ?? new Set()).add(name));
      }
    }
    this.size++;
    if (this.size > MAX_NAMES) this.#forgetOldest();
    return true;
  }

  /** Adds what a later line says about a name and its key. */
  #raise(keys: KnownName[], earlier: KnownName, { mark, verified }: KnownName): boolean {
    const isMore = RANK[mark] > RANK[earlier.mark];
    if (!isMore && (mark !== "verified" || verified === earlier.verified)) return false;
    if (earlier.mark === "met") this.#unmeet(earlier);
    keys[keys.indexOf(earlier)] = { ...earlier, mark, verified };
    return true;
  }

  #forgetOldest(): void {
    for (const oldest of this.#met) {
      this.#unmeet(oldest);
      const { name } = oldest;
      const keys = this.#names.get(name)!.filter((known) => known !== oldest);
      if (keys.length > 0) this.#names.set(name, keys);
      else this.#deleteName(name);
      this.size--;
      return;
    }
  }

  #deleteName(name: string): void {
    this.#names.delete(name);
    for (const one of skeletons(name)) {
      const names = this.#skeletons.get(one)!;
      names.delete(name);
      if (names.size === 0) this.#skeletons.delete(one);
    }
  }

  #unmeet(known: KnownName): void {
    this.#met.delete(known);
    const count = this.#perKey.get(known.key)! - 1;
    if (count === 0) this.#perKey.delete(known.key);
    else this.#perKey.set(known.key, count);
  }
}

function lineOf({ name, key, since, mark, verified }: KnownName): string {
  const said = mark === "met" ? "" : mark === "trusted" ? " trusted" : ` verified ${verified}`;
  return `${name} ${key} ${since}${said}\n`;
}

function parse(text: string): Table {
  const table = new Table();
  table.isEmpty = text === "";
  table.isComplete = table.isEmpty || text.endsWith("\n");
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const known = parseLine(line);
    if (known) table.add(known);
    // Without a line feed it is torn: the machine lost its power while the line was written.
    else if (index < lines.length - 1) {
      throw new RangeError(`line ${index + 1} is not NAME KEY DAY [trusted|verified DAY]`);
    }
    table.lines++;
  }
  return table;
}

function parseLine(line: string): KnownName | undefined {
  const [name = "", key = "", since = "", mark = "met", verified, ...rest] = line.trim()
    .split(/\s+/);
  const isMark = mark === "verified"
    ? verified !== undefined && DAY_TEXT.test(verified)
    : (mark === "met" || mark === "trusted") && verified === undefined;
  const valid = nameFault(name) === undefined && KEY_TEXT.test(key) && DAY_TEXT.test(since) &&
    isMark && rest.length === 0;
  return valid ? { name, key, since, mark: mark as Mark, verified } : undefined;
}
