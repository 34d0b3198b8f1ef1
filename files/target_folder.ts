// One folder in which received files and folders get names that nothing there has: nothing is replaced, no link is
// followed, and names that some system takes for the same count as the same. Knows nothing of the folders around it.

import { join } from "@std/path/join";
import { DiskError } from "./disk_errors.ts";
import { isSame, isTrusted, OWNER_ONLY, OWNER_ONLY_FOLDER } from "./file_identity.ts";
import { foldName, numbered, numberedFolder } from "./filename.ts";

/** Names that are remembered of one folder when it is read; in a fuller one two names may differ in case only. */
const MAX_READ = 50_000;
/** Files of one name. */
const MAX_SAME = 10_000;

/** A name in the folder. */
interface TakenName {
  readonly name: string;
  /** A finished part is being given this name. */
  isClaimed: boolean;
  /** The number that is tried next for another file of this name. */
  next: number;
}

/** The names that all folders together remember. */
export interface Tally {
  names: number;
  readonly max: number;
}

export class TargetFolder {
  readonly path: string;
  readonly info: Deno.FileInfo;
  #tally: Tally | undefined;
  /** By folded name (`foldName`). */
  readonly #taken = new Map<string, TakenName>();
  #reading: Promise<void> | undefined;

  /**
   * @param info what the system reports about the path, which MUST NOT be a link
   * @param tally shared by all folders
   */
  constructor(path: string, info: Deno.FileInfo, tally: Tally) {
    this.path = path;
    this.info = info;
    this.#tally = tally;
  }

  /** Its names do not count any more: it is used only by what has begun already. */
  forget(): void {
    if (this.#tally) this.#tally.names -= this.#taken.size;
    this.#tally = undefined;
  }

  /** The path of a name, which MUST have no separators. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Whether the folder is still at its path. */
  get exists(): boolean {
    const info = look(this.path);
    return info !== undefined && info.isDirectory && isSame(info, this.info);
  }

  /**
   * Reads the names in the folder, once.
   *
   * @param leaveOut entries that do not count
   */
  read(leaveOut: (entry: Deno.DirEntry) => boolean = () => false): Promise<void> {
    this.#reading ??= this.#read(leaveOut).catch((cause) => {
      this.#reading = undefined;
      throw cause;
    });
    return this.#reading;
  }

  async #read(leaveOut: (entry: Deno.DirEntry) => boolean): Promise<void> {
    for await (const entry of Deno.readDir(this.path)) {
      if (!leaveOut(entry) && this.#taken.size < MAX_READ && !this.#isFull) this.#take(entry.name);
    }
  }

  get #isFull(): boolean {
    return this.#tally !== undefined && this.#tally.names >= this.#tally.max;
  }

  #take(name: string, isClaimed = false): TakenName {
    const entry = { name, isClaimed, next: 2 };
    const folded = foldName(name);
    if (this.#tally && !this.#taken.has(folded)) this.#tally.names++;
    this.#taken.set(folded, entry);
    return entry;
  }

  /** The name is given, or was taken; of too many it is forgotten. */
  #release(entry: TakenName): void {
    entry.isClaimed = false;
    if (this.#tally && this.#tally.names > this.#tally.max) this.#drop(foldName(entry.name));
  }

  #drop(folded: string): void {
    if (this.#taken.delete(folded) && this.#tally) this.#tally.names--;
  }

  /**
   * Gives a part file the wanted name, or the next free one with a number; returns the path.
   *
   * @param part the path of the part file
   * @param link gives a file a second name
   */
  async place(
    part: string,
    wanted: string,
    link: (from: string, to: string) => Promise<void>,
  ): Promise<string> {
    await this.read();
    const first = foldName(wanted);
    for (let n = 1; n <= MAX_SAME; n++) {
      const name = numbered(wanted, n);
      const folded = foldName(name);
      // Another download may have claimed the name while this one looked for it.
      if (await this.#isTaken(folded) || this.#taken.has(folded)) {
        // Skips the numbers that earlier files of this name have.
        if (n === 1) n = (this.#taken.get(first)?.next ?? 2) - 1;
        continue;
      }
      // Claimed before it is given: other downloads finish at the same time.
      const entry = this.#take(name, true);
      const firstEntry = this.#taken.get(first);
      if (firstEntry && n > 1) firstEntry.next = n + 1;
      const path = this.at(name);
      try {
        await rename(part, path, link);
        this.#release(entry);
        return path;
      } catch (cause) {
        this.#release(entry);
        if (cause instanceof Deno.errors.AlreadyExists) continue;
        this.#drop(folded);
        throw cause;
      }
    }
    throw new DiskError(`${MAX_SAME} files have this name already`);
  }

  /** Whether a file has this name or one like it; it may have been removed since the folder was read. */
  async #isTaken(folded: string): Promise<boolean> {
    const seen = this.#taken.get(folded);
    if (!seen) return false;
    if (seen.isClaimed) return true;
    try {
      await Deno.lstat(this.at(seen.name));
      return true;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      if (this.#taken.get(folded) === seen) this.#drop(folded);
      return this.#taken.has(folded);
    }
  }

  /**
   * A folder with the wanted name, which is made if it is missing; with a number if a file, a link or a folder of
   * another user has the name.
   *
   * @param before the name that was found for it earlier: it is kept while it is a folder
   */
  async enter(
    wanted: string,
    before: string | undefined,
  ): Promise<{ readonly name: string; readonly info: Deno.FileInfo }> {
    await this.read();
    if (before !== undefined) {
      const info = look(this.at(before));
      if (this.#isUsable(info)) return { name: before, info };
    }
    for (let n = 1; n <= MAX_SAME; n++) {
      const numberedName = numberedFolder(wanted, n);
      const seen = this.#taken.get(foldName(numberedName));
      if (seen?.isClaimed) continue;
      const name = seen?.name ?? numberedName;
      let info = look(this.at(name));
      if (!info) {
        // One name for all that count as the same: another download may be making it at this time.
        await make(this.at(name));
        info = look(this.at(name));
      }
      if (this.#isUsable(info)) {
        if (!seen && !this.#isFull) this.#take(name);
        return { name, info };
      }
    }
    throw new DiskError(`${MAX_SAME} files have the name of its folder already`);
  }

  /** A folder, and no link, in which no other user can replace files. */
  #isUsable(info: Deno.FileInfo | undefined): info is Deno.FileInfo {
    return info !== undefined && info.isDirectory && isTrusted(info, this.info);
  }
}

/**
 * What is at a path; undefined if nothing is. The system is asked directly: this is done for each folder of each file, and
 * a promise would take ten times as long.
 */
function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw cause;
  }
}

/** Makes a folder, unless its name is taken. */
async function make(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: OWNER_ONLY_FOLDER });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
  }
}

/**
 * Gives a file another name, which MUST be free; the old one may stay as well.
 *
 * @throws {Deno.errors.AlreadyExists} if it is not free
 */
async function rename(
  from: string,
  to: string,
  link: (from: string, to: string) => Promise<void>,
): Promise<void> {
  try {
    // Unlike a rename, a second name never replaces another file.
    await link(from, to);
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists || cause instanceof Deno.errors.NotFound) {
      throw cause;
    }
    // Memory sticks and network shares may have no second names, and report that in many ways: the name is
    // claimed with an empty file, which the part then replaces. A crash in between leaves the empty file.
    const claim = await Deno.open(to, { write: true, createNew: true, mode: OWNER_ONLY });
    const mine = await claim.stat().finally(() => claim.close());
    const now = await Deno.lstat(to);
    if (now.size !== 0 || !isSame(now, mine)) throw new Deno.errors.AlreadyExists(to);
    try {
      await Deno.rename(from, to);
    } catch (cause) {
      await Deno.remove(to).catch(() => {});
      throw cause;
    }
  }
}
