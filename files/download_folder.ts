// The downloads folder: where the system has it, which names and part files are in it, and how a finished part gets a
// name that no other file has. Received files never leave its real path. Knows no transfer and no wire.

import { join } from "@std/path/join";
import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { DiskError, orMissing, reasonOf } from "./disk_errors.ts";
import { isSame, OWNER_ONLY } from "./file_identity.ts";
import { foldName, isPartName, numbered, stateName } from "./filename.ts";
import { makePrivateFolder } from "./private_file.ts";

/** Part files that are remembered of a folder with more. */
const MAX_PARTS = 1000;
/** Names that are remembered; in a fuller folder two names may differ in case only. */
const MAX_NAMES = 100_000;
/** Files of one name. */
const MAX_SAME = 10_000;

/**
 * The downloads folder of the user: on Linux the one in `user-dirs.dirs`, which desktops write; else `Downloads` in
 * the home folder.
 *
 * @param read returns the text of a file; undefined if there is none
 * @throws {ChatError} if the environment has no home folder
 */
export function findDownloads(
  os: string,
  env: (name: string) => string | undefined,
  read: (path: string) => string | undefined = readText,
): string {
  const home = env(os === "windows" ? "USERPROFILE" : "HOME");
  if (!home) {
    throw new ChatError("Cannot find the downloads folder: your home folder is unknown", {
      hint: "Name one: --downloads FOLDER",
    });
  }
  if (os === "windows") return `${home}\\Downloads`;
  if (os === "darwin") return `${home}/Downloads`;
  const config = env("XDG_CONFIG_HOME");
  const dirs = read(`${config?.startsWith("/") ? config : `${home}/.config`}/user-dirs.dirs`) ?? "";
  const [, quoted] = /^[ \t]*XDG_DOWNLOAD_DIR="((?:[^"\\]|\\.)*)"/m.exec(dirs) ?? [];
  const named = quoted?.replace(/^\$HOME(?=\/|$)/, () => home).replace(/\\(.)/g, "$1")
    .replace(/\/+$/, "");
  // By convention the home folder itself means that there is no downloads folder.
  return named?.startsWith("/") && named !== home.replace(/\/+$/, "") ? named : `${home}/Downloads`;
}

/** The file is optional: one that cannot be read counts as missing. */
function readText(path: string): string | undefined {
  try {
    return Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks that files can be received in a folder, which need not exist yet, before the user relies on it. Leaves the disk
 * as it was.
 *
 * @throws {ChatError} if they cannot
 */
export function checkDownloads(path: string): void {
  try {
    const folder = existing(path);
    if (!Deno.statSync(folder).isDirectory) {
      throw new DiskError(
        folder === path ? "it is not a folder" : "a part of its path is not a folder",
      );
    }
    // Only an attempt shows whether something can be made there: root may write where no bit allows it, and nobody
    // may write on a read-only disk.
    Deno.removeSync(Deno.makeTempDirSync({ dir: folder, prefix: ".chat-" }));
  } catch (cause) {
    const reason = reasonOf(orMissing(cause, "no files can be made in it"), "receive", "write");
    throw new ChatError(`Cannot use the downloads folder ${printable(path)}: ${reason}`, { cause });
  }
}

/** The bytes of the parts in a folder. */
export function partBytes(path: string): number {
  let bytes = 0;
  for (const { name, isFile } of Deno.readDirSync(path)) {
    if (isFile && isPartName(name)) bytes += Deno.lstatSync(join(path, name)).size;
  }
  return bytes;
}

/** The path, or the nearest folder above it that exists. */
export function existing(path: string): string {
  try {
    // A link that leads nowhere exists: no folder can be made in its place.
    Deno.lstatSync(path);
    return path;
  } catch (cause) {
    const above = join(path, "..");
    if (above === path || !(cause instanceof Deno.errors.NotFound)) throw cause;
    return existing(above);
  }
}

/** A name in the folder. */
interface TakenName {
  readonly name: string;
  /** A finished part is being given this name. */
  isClaimed: boolean;
  /** The number that is tried next for another file of this name. */
  next: number;
}

export class DownloadFolder {
  /** Its real path. */
  readonly path: string;
  readonly info: Deno.FileInfo;
  /** Names of part files that no client may be working on. */
  readonly parts = new Set<string>();
  /** Names of part files that this client works on. */
  readonly active = new Set<string>();
  /** By folded name (`foldName`). */
  readonly #taken = new Map<string, TakenName>();

  private constructor(path: string, info: Deno.FileInfo) {
    this.path = path;
    this.info = info;
  }

  /** Makes the folder if it is missing, and reads its names. */
  static async open(path: string): Promise<DownloadFolder> {
    const kind = await kindOf(path);
    if (kind === undefined) makePrivateFolder(path);
    if (kind === "other") throw new DiskError(`${printable(path)} is not a folder`);
    const real = await Deno.realPath(path);
    const folder = new DownloadFolder(real, await Deno.stat(real));
    for await (const { name, isFile } of Deno.readDir(real)) {
      if (isPartName(name) && isFile) {
        if (folder.parts.size < MAX_PARTS) folder.parts.add(name);
      } else if (folder.#taken.size < MAX_NAMES) {
        folder.#taken.set(foldName(name), { name, isClaimed: false, next: 2 });
      }
    }
    return folder;
  }

  /** The path of a name, which MUST have no separators. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Whether the folder is still at its path. */
  async exists(): Promise<boolean> {
    try {
      const info = await Deno.lstat(this.path);
      return info.isDirectory && isSame(info, this.info);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw cause;
    }
  }

  /**
   * Gives a part file the wanted name, or the next free one with a number; returns the path.
   *
   * @param link gives a file a second name
   */
  async place(
    part: string,
    wanted: string,
    link: (from: string, to: string) => Promise<void>,
  ): Promise<string> {
    const first = foldName(wanted);
    for (let n = 1; n <= MAX_SAME; n++) {
      const name = numbered(wanted, n);
      const folded = foldName(name);
      // Another download may have claimed the name while this one looked for it.
      if (await this.#isTaken(folded) || this.#taken.has(folded)) {
        // Skips the numbers that earlier files of this name have.
        if (n === 1) n = this.#taken.get(first)!.next - 1;
        continue;
      }
      // Claimed before it is given: other downloads finish at the same time.
      const entry = { name, isClaimed: true, next: 2 };
      this.#taken.set(folded, entry);
      const firstEntry = this.#taken.get(first);
      if (firstEntry && n > 1) firstEntry.next = n + 1;
      const path = this.at(name);
      try {
        await rename(this.at(part), path, link);
        entry.isClaimed = false;
        return path;
      } catch (cause) {
        entry.isClaimed = false;
        if (cause instanceof Deno.errors.AlreadyExists) continue;
        this.#taken.delete(folded);
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
      if (this.#taken.get(folded) === seen) this.#taken.delete(folded);
      return this.#taken.has(folded);
    }
  }

  /** Removes a part and its state; the state first, because a part can be found and removed without it. */
  async removePart(part: string): Promise<void> {
    this.parts.delete(part);
    await this.remove(stateName(part));
    await this.remove(part);
  }

  /** Removes a file, if it exists. */
  async remove(name: string): Promise<void> {
    try {
      await Deno.remove(this.at(name));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    }
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

/** What a path leads to; undefined if nothing. */
async function kindOf(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "other";
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}
