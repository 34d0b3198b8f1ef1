// The user's files as commands see them: what is in a folder, and a new file. The edge of `files/paths.ts`.

import type { Entry, Files } from "./paths.ts";
import { pathIn, writeNewPrivate } from "./private_file.ts";

/** The files of this machine, with the rights of who runs the program. */
export class SystemFiles implements Files {
  readonly home: string | undefined;
  readonly backslashes: boolean = Deno.build.os === "windows";

  constructor(home: string | undefined) {
    this.home = home;
  }

  list(folder: string): readonly Entry[] {
    try {
      return Array.from(Deno.readDirSync(folder), (entry) => ({
        name: entry.name,
        folder: entry.isDirectory || (entry.isSymlink && isFolder(pathIn(folder, entry.name))),
      }));
    } catch {
      // There is no such folder, or it is closed to this user: there is nothing to offer.
      return [];
    }
  }

  create(path: string, text: string): string | undefined {
    return writeNewPrivate(path, text) ? whole(path) : undefined;
  }
}

/** Whether a link leads to a folder. */
function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    // It leads nowhere.
    return false;
  }
}

/** The path from the root, where that can be told. */
function whole(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
