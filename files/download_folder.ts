// The downloads folder: where the system has it, which part files are in it, and how a finished part gets its name there
// or in a folder below. Received files never leave its real path. Knows no transfer and no wire.

import { join } from "@std/path/join";
import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { DiskError, orMissing, reasonOf } from "./disk_errors.ts";
import { isSame } from "./file_identity.ts";
import { isPartName, MAX_DEPTH, stateName } from "./filename.ts";
import { makePrivateFolder } from "./private_file.ts";
import { type Tally, TargetFolder } from "./target_folder.ts";

/** Part files that are remembered of a folder with more. */
const MAX_PARTS = 1000;
/** Names that are remembered of it and of the folders below; of what is forgotten, two may differ in case only. */
const MAX_NAMES = 100_000;
/** Folders below it that are remembered. */
const MAX_FOLDERS = 1000;
/** Offered folders whose names were taken: what they are called here. */
const MAX_RENAMED = 1000;

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

export class DownloadFolder {
  readonly #root: TargetFolder;
  readonly #tally: Tally;
  /** Folders below it by their paths; the most recently used is last. */
  readonly #below = new Map<string, TargetFolder>();
  /** The names of offered folders that are called differently here, by sender, place and offered name. */
  readonly #renamed = new Map<string, string>();
  /** Names of part files that no client may be working on. */
  readonly parts = new Set<string>();
  /** Names of part files that this client works on. */
  readonly active = new Set<string>();

  private constructor(root: TargetFolder, tally: Tally) {
    this.#root = root;
    this.#tally = tally;
  }

  /**
   * Makes the folder if it is missing, and reads its names.
   *
   * @param maxNames how many names are remembered
   */
  static async open(path: string, maxNames: number = MAX_NAMES): Promise<DownloadFolder> {
    const kind = await kindOf(path);
    if (kind === undefined) makePrivateFolder(path);
    if (kind === "other") throw new DiskError(`${printable(path)} is not a folder`);
    const real = await Deno.realPath(path);
    const tally = { names: 0, max: maxNames };
    const root = new TargetFolder(real, await Deno.stat(real), tally);
    const folder = new DownloadFolder(root, tally);
    await root.read(({ name, isFile }) => {
      const isPart = isPartName(name) && isFile;
      if (isPart && folder.parts.size < MAX_PARTS) folder.parts.add(name);
      return isPart;
    });
    return folder;
  }

  /** Its real path. */
  get path(): string {
    return this.#root.path;
  }

  get info(): Deno.FileInfo {
    return this.#root.info;
  }

  /** How many names are remembered of it and of the folders below. */
  get names(): number {
    return this.#tally.names;
  }

  /** The path of something in it. */
  at(name: string): string {
    return this.#root.at(name);
  }

  /** Whether the folder is still at its path. */
  exists(): Promise<boolean> {
    return Promise.try(() => this.#root.exists);
  }

  /**
   * Checks that a file can get this path, before its data comes.
   *
   * @param path the folders and the name, results of `toFilename`
   * @throws {DiskError} if there are too many folders
   * @throws if the system has no paths as long as this
   */
  check(path: readonly string[]): void {
    if (path.length - 1 > MAX_DEPTH) {
      throw new DiskError(`its folders are nested more than ${MAX_DEPTH} deep`);
    }
    try {
      if (path.length > 1) Deno.lstatSync(this.at(path.join("/")));
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENAMETOOLONG") throw cause;
    }
  }

  /**
   * Gives a part file its path in the folder: the folders are made, and a taken name gets a number. Returns the path.
   *
   * @param wanted the folders and the name, results of `toFilename`
   * @param from the sender: its folders keep the names that they get here
   * @param link gives a file a second name
   */
  async place(
    part: string,
    wanted: readonly string[],
    from: string,
    link: (from: string, to: string) => Promise<void>,
  ): Promise<string> {
    const folders = await this.#enter(wanted.slice(0, -1), from);
    const path = await (folders.at(-1) ?? this.#root).place(this.at(part), wanted.at(-1)!, link);
    try {
      this.#confirm(folders);
    } catch (cause) {
      await removeIfSame(path, this.at(part));
      throw cause;
    }
    return path;
  }

  /** Makes an offered folder, unless it exists; returns its path. */
  async makeFolder(wanted: readonly string[], from: string): Promise<string> {
    this.check([...wanted, ""]);
    const folders = await this.#enter(wanted, from);
    this.#confirm(folders);
    return folders.at(-1)!.path;
  }

  /**
   * Checks the folders again after something was made in them: Deno opens files by their paths only, so one may have been
   * replaced with a link since it was looked at.
   */
  #confirm(folders: readonly TargetFolder[]): void {
    const replaced = folders.find((folder) => !folder.exists);
    if (!replaced) return;
    throw new DiskError(`the folder ${printable(replaced.path)} was replaced meanwhile`);
  }

  /** The folders on the way to a file, one in the other; those that are missing are made. */
  async #enter(names: readonly string[], from: string): Promise<TargetFolder[]> {
    const folders: TargetFolder[] = [];
    let folder = this.#root;
    for (const wanted of names) {
      const key = JSON.stringify([from, folder.path, wanted]);
      const { name, info } = await folder.enter(wanted, this.#renamed.get(key));
      if (name !== wanted) this.#rename(key, name);
      folder = this.#open(folder.at(name), info);
      folders.push(folder);
    }
    return folders;
  }

  /** Remembers what a folder is called here. */
  #rename(key: string, name: string): void {
    this.#renamed.delete(key);
    this.#renamed.set(key, name);
    const [oldest] = this.#renamed.keys();
    if (this.#renamed.size > MAX_RENAMED) this.#renamed.delete(oldest!);
  }

  /** A folder below, with the names that are remembered of it. */
  #open(path: string, info: Deno.FileInfo): TargetFolder {
    let folder = this.#below.get(path);
    this.#below.delete(path);
    if (!folder || !isSame(folder.info, info)) {
      folder?.forget();
      for (const [path, oldest] of this.#below) {
        if (this.#below.size < MAX_FOLDERS && this.#tally.names < this.#tally.max) break;
        oldest.forget();
        this.#below.delete(path);
      }
      folder = new TargetFolder(path, info, this.#tally);
    }
    this.#below.set(path, folder);
    return folder;
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
      await Promise.resolve(Deno.removeSync(this.at(name)));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    }
  }
}

/** Removes a name of a file that has another name as well. */
async function removeIfSame(name: string, other: string): Promise<void> {
  try {
    if (isSame(await Deno.lstat(name), await Deno.lstat(other))) await Deno.remove(name);
  } catch {
    // Whoever has replaced a folder may have moved the file, too.
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
