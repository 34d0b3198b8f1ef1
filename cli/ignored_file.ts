// The file of the members that the user ignores also after a restart. Only this user can read it. It knows no room.

import { ChatError, FileUnavailable } from "../errors.ts";
import { makeOwnFolder, pathIn, readPrivate, writePrivate } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";
import { Ignored } from "../ui/ignored.ts";
import type { Places } from "./home.ts";
import { note } from "./output.ts";
import type { System } from "./system.ts";
import { places } from "./user.ts";

const IGNORED_FILE = "ignored";
/** The largest file that is read, in bytes: each member takes at most some 130. */
const MAX_BYTES = 1024 * 1024;

/**
 * The members that this user ignores. Without a file that can be read there are none, and a note says so.
 *
 * @param isPerson whether a person reads the output: programs get everything, in a pipe and with `--json`
 * @throws {ChatError} if the file is damaged, or other users can read or change it
 */
export function loadIgnored(system: System, isPerson: boolean): Ignored {
  if (!isPerson) return new Ignored();
  let folders: Places;
  try {
    folders = places(system);
  } catch (error) {
    if (error instanceof ChatError) return new Ignored();
    throw error;
  }
  const { home } = folders;
  const path = pathIn(folders.config, IGNORED_FILE);
  const change = (change: (text: string) => string) => {
    const text = inWords(path, () => change(readPrivate(path, home, MAX_BYTES) ?? ""));
    makeOwnFolder(folders.config, home);
    writePrivate(path, text);
  };
  try {
    const text = readPrivate(path, home, MAX_BYTES) ?? "";
    return inWords(path, () => new Ignored(text, change));
  } catch (error) {
    if (!(error instanceof FileUnavailable)) throw error;
    note(system, `chat: nobody is ignored. ${error.message}`);
    return new Ignored("", change);
  }
}

/** Names the file whose line is damaged. */
function inWords<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ChatError(`Cannot use ${printable(path)}: ${cause.message}`, {
      hint: "Correct or delete that line",
      cause,
    });
  }
}
