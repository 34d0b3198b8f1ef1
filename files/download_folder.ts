// TODO: say what this is.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { Refusal } from "./disk_errors.ts";
import { isSame } from "./file_identity.ts";
import { foldName, isPartName } from "./filename.ts";
import { makePrivateFolder, pathIn } from "./private_file.ts";

/** Parts that are looked at, in a folder that has more. */
const MAX_PARTS = 1000;
/** Names that are kept in memory; of a folder with more, those that differ in case only may stand side by side. */
const MAX_NAMES = 100_000;
/** Files of one name. */
export const MAX_SAME = 10_000;

/**
 * Where the system has a user's downloads: on Linux what `user-dirs.dirs` says, which desktops write; else
 * `Downloads` in the user's home.
 *
 * @param read gives the text of a file; undefined if there is none
 * @throws {ChatError} if the environment does not say where the home is
 */
export function findDownloads(
  os: string,
  env: (name: string) => string | undefined,
  read: (path: string) => string | undefined = readText,
): string {
  const home = env(os === "windows" ? "USERPROFILE" : "HOME");
  if (!home) {
    throw new ChatError("Cannot find the folder for downloads: there is no home folder", {
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
  // The home itself stands for none.
  return named?.startsWith("/") && named !== home.replace(/\/+$/, "") ? named : `${home}/Downloads`;
}

/** It is a hint and no more: if it can't be read there is none. */
function readText(path: string): string | undefined {
  try {
    return Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** A name that stands in the folder. */
interface Taken {
  readonly name: string;
  /** It is being given to a file. */
  coming: boolean;
  /** The number that is tried next for another file of this name. */
  next: number;
}

/** The folder of downloads: its real path, which what is received never leaves, and what is in it. */
export class Folder {
  readonly path: string;
  readonly info: Deno.FileInfo;
  /** Parts that rest or may do so, by their names. */
  readonly parts = new Set<string>();
  /** Parts that this client works on. */
  readonly active = new Set<string>();
  /** By what names have in common (`foldName`). */
  readonly taken = new Map<string, Taken>();

  private constructor(path: string, info: Deno.FileInfo) {
    this.path = path;
    this.info = info;
  }

  static async open(path: string, make?: "make"): Promise<Folder> {
    const there = await kindOf(path);
    if (there === undefined && make) makePrivateFolder(path);
    if (there === "other") throw new Refusal(`${printable(path)} is no folder`);
    const real = await Deno.realPath(path);
    const info = await Deno.stat(real);
    const folder = new Folder(real, info);
    for await (const { name, isFile } of Deno.readDir(real)) {
      if (isPartName(name) && isFile) {
        if (folder.parts.size < MAX_PARTS) folder.parts.add(name);
      } else if (folder.taken.size < MAX_NAMES) {
        folder.taken.set(foldName(name), { name, coming: false, next: 2 });
      }
    }
    return folder;
  }

  /** The path of a name in it, which has no separators. */
  at(name: string): string {
    return /[/\\]$/.test(this.path) ? this.path + name : pathIn(this.path, name);
  }

  /** Whether it still stands where it was, and is the same. */
  async isThere(): Promise<boolean> {
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
