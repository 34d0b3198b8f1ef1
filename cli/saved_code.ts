// The code of a remembered room, in a private file beside the config file: the code in the first line, and in the second
// one the name of the record that it was right for. If the room announces another record, its code is a new one. This
// module knows no room that is open.

import { ChatError } from "../errors.ts";
import { createPrivate, pathIn, readPrivate, writePrivate } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";
import type { ConfigFile, RoomTarget } from "./command.ts";
import { configPath } from "./home.ts";
import { note } from "./output.ts";
import type { System } from "./system.ts";
import { home, places, readSecret } from "./user.ts";

/** A code, and what it was right for. */
export interface SavedCode {
  readonly code: string;
  /** The name of the room's record: `record` of GREETING. undefined: the room has none, or it is unknown. */
  readonly record: string | undefined;
}

/** How many code-files are tried for one name. */
const MAX_CODE_FILES = 100;
/** The largest code-file that is read for its record, in bytes. */
const MAX_BYTES = 4 * 1024;

const RECORD = /^[^\n]*\nrecord ([\w-]{22})\n/;

function textOf({ code, record }: SavedCode): string {
  return `${code}\n${record === undefined ? "" : `record ${record}\n`}`;
}

/** The path of a room's code, beside the config file. */
export function codePath(config: string, name: string, number = 1): string {
  const folder = Deno.realPathSync(config.replace(/[^/\\]*$/, "") || ".");
  return pathIn(folder, `code-${name}${number === 1 ? "" : `-${number}`}`);
}

/**
 * Writes a code into a private file. One that exists is kept: another room may use it.
 *
 * @throws {FileUnavailable} if it cannot be written
 */
export function keepCode(
  system: System,
  config: string,
  name: string,
  saved: SavedCode,
): { path: string; isNew: boolean } {
  const text = textOf(saved);
  for (let number = 1; number <= MAX_CODE_FILES; number++) {
    const path = codePath(config, name, number);
    if (createPrivate(path, text)) return { path, isNew: true };
    if (readPrivate(path, home(system)) === text) return { path, isNew: false };
  }
  throw new ChatError(`Cannot keep the code: there are ${MAX_CODE_FILES} files for this name`, {
    hint: `Remove those that you do not need: ${printable(codePath(config, name))}-…`,
  });
}

/** Writes a code in place of an older one. @throws {FileUnavailable} if it cannot be written */
export function renewCode(path: string, saved: SavedCode): void {
  writePrivate(path, textOf(saved));
}

/** The file, if chat has made it for the room; its folder may have several paths. undefined: the user has named it. */
export function ownFile(file: string, config: string, name: string): string | undefined {
  const own = codePath(config, name);
  if (file === own) return own;
  try {
    return Deno.realPathSync(file) === own ? own : undefined;
  } catch {
    // It does not exist.
    return undefined;
  }
}

/** Whether the file has this code. */
export function isCodeIn(file: string, code: string): boolean {
  try {
    return readSecret(file, "the code") === code;
  } catch (error) {
    if (error instanceof ChatError) return false;
    throw error;
  }
}

/** The name of the record that the code in a file was right for; undefined if the file does not have it. */
export function savedRecord(system: System, file: string): string | undefined {
  try {
    return RECORD.exec(readPrivate(file, home(system), MAX_BYTES) ?? "")?.[1];
  } catch (error) {
    // Without the record, the code is tried.
    if (error instanceof ChatError) return undefined;
    throw error;
  }
}

/**
 * The user is in a remembered room with this code, which may have been typed because the saved one was old. Keeps it for
 * the next time in the file that chat has made for this room. A file that the user has named stays as it is.
 */
export function renewSavedCode(
  system: System,
  config: ConfigFile,
  { room, codeFile, mayBeOld }: RoomTarget,
  saved: SavedCode,
): void {
  if (!mayBeOld || codeFile === undefined || room === undefined || config === false) return;
  const isOld = !isCodeIn(codeFile, saved.code);
  if (!isOld && savedRecord(system, codeFile) === saved.record) return;
  const shown = printable(codeFile);
  try {
    const path = config ?? configPath(places(system));
    const own = ownFile(codeFile, path, room.normalize("NFC"));
    if (own !== undefined) {
      renewCode(own, saved);
      if (isOld) note(system, `chat: the new code of ${printable(room)} is kept in ${shown}`);
    } else if (isOld) {
      note(system, `chat: ${shown} has an old code: write the new one into it`);
    }
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    if (isOld) note(system, `chat: the new code is not kept. ${error.message}`);
  }
}
