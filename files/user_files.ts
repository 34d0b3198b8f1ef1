// The user's files as commands need them: lists a folder, creates a file, opens a transcript. The part of
// `files/paths.ts` that knows the system.

import { LogFile } from "./log_file.ts";
import type { Entry, Files, Log, LogOptions } from "./paths.ts";
import { pathIn, writeNewPrivate } from "./private_file.ts";

/** Has the rights of the user that runs the program. */
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
      // The folder does not exist or may not be read: Tab completes nothing.
      return [];
    }
  }

  create(path: string, text: string): string | undefined {
    return writeNewPrivate(path, text) ? fullPath(path) : undefined;
  }

  openLog(path: string, options: LogOptions): Promise<Log> {
    return LogFile.open(path, { ...options, home: this.home });
  }
}

/** Whether a link leads to a folder. */
function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    // A broken link.
    return false;
  }
}

/** The path from the root, if the system tells it. */
function fullPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
