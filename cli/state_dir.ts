// The folder of `chat serve --state DIR`: one server at a time uses it. It has the record that keeps the code or key of
// the room, and the files in which the server keeps the conversation. This module knows no server.

import type { AdmissionRecord } from "../cipher/opaque.ts";
import { ChatError, messageOf } from "../errors.ts";
import { OWNER_ONLY_FOLDER } from "../files/file_identity.ts";
import { tryLock } from "../files/lock.ts";
import { checkOwn, shellWord } from "../files/ownership.ts";
import {
  checkOwnPlace,
  isTaken,
  makePrivateFolder,
  pathIn,
  removeFile,
} from "../files/private_file.ts";
import { RING_FILES } from "../server/journal.ts";
import { printable } from "../text/printable.ts";
import { note } from "./output.ts";
import { type FolderFile, lookAt, openOwnFile, openStateFiles, syncFolder } from "./state_files.ts";
import { createCode, createKey, loadCode, loadKey, replaceCode } from "./state_records.ts";
import type { System } from "./system.ts";
import { home as homeOf } from "./user.ts";

const OTHERS = 0o077;
const WINDOWS = Deno.build.os === "windows";

export interface StateDirOptions {
  readonly path: string;
  readonly cipher: "sealed" | "xor";
  /** Whether the room drops the conversation that was kept. */
  readonly newLog: boolean;
  /** Whether the room gets a new code. */
  readonly newCode?: boolean;
  /** How many files to open for the conversation. */
  readonly count?: number;
}

/** The folder of a room, open for as long as its server runs. */
export class StateDir implements Disposable {
  readonly path: string;
  /** The record that verifies the code, from an earlier run; undefined if there is none, or it is to be replaced. */
  readonly admission: AdmissionRecord | undefined;
  /** The record that `keepCode` replaces. */
  readonly replaced: AdmissionRecord | undefined;
  /** The public key of a room with the cipher xor, from an earlier run. */
  readonly publicKey: number | undefined;
  /** Where the conversation is kept. */
  readonly files: readonly FolderFile[];
  /**
   * When the machine was started; undefined if the system does not report it. Two starts of a server see slightly
   * different values: `isSameBoot` compares them.
   */
  readonly bootId: string | undefined;
  /** Keeps the lock. */
  readonly #lock: Deno.FsFile;
  /** The record that this start has written. */
  #written: string | undefined;
  #isDropped = false;

  /** Use `openStateDir`. */
  constructor(
    path: string,
    kept: Pick<StateDir, "admission" | "replaced" | "publicKey">,
    files: readonly FolderFile[],
    bootId: string | undefined,
    lock: Deno.FsFile,
  ) {
    this.path = path;
    this.admission = kept.admission;
    this.replaced = kept.replaced;
    this.publicKey = kept.publicKey;
    this.files = files;
    this.bootId = bootId;
    this.#lock = lock;
  }

  /**
   * Keeps the record of a new room, or the new one of a room that gets another code.
   *
   * @throws {ChatError} if it cannot be written
   */
  keepCode(admission: AdmissionRecord): void {
    const write = this.replaced ? replaceCode : createCode;
    this.#keep("code", (path) => write(path, admission));
  }

  /**
   * Keeps the public key of a new room.
   *
   * @throws {ChatError} if it cannot be written
   */
  keepKey(key: number): void {
    this.#keep("key", (path) => createKey(path, key));
  }

  #keep(name: string, create: (path: string) => void): void {
    const path = pathIn(this.path, name);
    create(path);
    this.#written = path;
    syncFolder(this.path);
  }

  /**
   * Drops the record that this start has written, if any, and with it the room: nobody has seen its code. A room of an
   * earlier run stays, with its code.
   */
  drop(): void {
    if (this.#written === undefined) return;
    if (this.replaced) {
      replaceCode(this.#written, this.replaced);
      return;
    }
    removeFile(this.#written);
    this.#isDropped = true;
  }

  /**
   * Brings what the server has written to the disk. After a power cut, a new code must not meet the sessions of the old
   * log: they would admit their members without it.
   *
   * @throws {ChatError} if that fails
   */
  async sync(): Promise<void> {
    try {
      for (const file of this.files) await file.sync();
    } catch (cause) {
      const why = messageOf(cause);
      throw new ChatError(`Cannot keep the room in ${printable(this.path)}: ${why}`, { cause });
    }
  }

  /** Ends the use of the folder, after the server has stopped. */
  [Symbol.dispose](): void {
    for (const file of this.files) {
      file.close();
      // The server may have written to it before the room was dropped.
      if (this.#isDropped) removeFile(file.path);
    }
    // This unlocks it.
    this.#lock.close();
  }
}

/**
 * Opens the folder of a room. Makes it if it is missing.
 *
 * @throws {ChatError} if it cannot be used: other users can read or change it, another server uses it, it is damaged, or
 * it belongs to a room with another cipher
 */
export async function openStateDir(
  system: System,
  { path: given, cipher, newLog, newCode = false, count = RING_FILES }: StateDirOptions,
): Promise<StateDir> {
  // `a/` is the same folder as `a`, but no system finds the file `a` by it.
  const path = given.replace(WINDOWS ? /(?<=[^/\\:])[/\\]+$/ : /(?<=.)\/+$/, "");
  const home = homeOf(system);
  makeFolder(path, home);
  const lock = openOwnFile(pathIn(path, "lock"), home);
  try {
    await claim(system, path, lock);
    const code = pathIn(path, "code");
    const key = pathIn(path, "key");
    checkCipher(path, cipher, isTaken(code), isTaken(key));
    const admission = cipher === "sealed" ? loadCode(code, home) : undefined;
    const publicKey = cipher === "xor" ? loadKey(key, home) : undefined;
    const files = openStateFiles(path, count, home);
    try {
      if (admission === undefined && publicKey === undefined && !newLog) {
        checkEmpty(path, files, cipher);
      }
    } catch (error) {
      for (const file of files) file.close();
      throw error;
    }
    syncFolder(path);
    const kept = newCode
      ? { admission: undefined, replaced: admission, publicKey }
      : { admission, replaced: undefined, publicKey };
    return new StateDir(path, kept, files, bootIdOf(system), lock);
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Makes the folder, or checks one that exists. */
function makeFolder(path: string, home: string | undefined): void {
  const shown = printable(path);
  const info = lookAt(path);
  if (!info) {
    if (isTaken(path)) throw new ChatError(`Cannot use ${shown}: it is a broken link`);
    const parent = path.replace(WINDOWS ? /[^/\\]*$/ : /[^/]*$/, "") || ".";
    if (!lookAt(parent)) {
      throw new ChatError(`Cannot make the folder ${shown}: ${printable(parent)} does not exist`, {
        hint: "Make that folder, or name another one with --state",
      });
    }
    checkOwnPlace(path, home);
    makePrivateFolder(path);
    syncFolder(parent);
    return;
  }
  if (info.isFile) throw isFile(path, home);
  if (!info.isDirectory) throw new ChatError(`Cannot use ${shown}: it is not a folder`);
  checkOwn(path, { home });
  if (!WINDOWS && ((info.mode ?? 0) & OTHERS) !== 0) {
    throw new ChatError(`Cannot use ${shown}: other users of this machine can look into it`, {
      hint: `Make it private: chmod ${OWNER_ONLY_FOLDER.toString(8)} ${shellWord(path)}`,
    });
  }
}

/** The error about a file in the place of the folder. Earlier versions kept the code in such a file. */
function isFile(path: string, home: string | undefined): ChatError {
  const shown = printable(path);
  if (!holdsCode(path, home)) {
    return new ChatError(`Cannot use ${shown}: it is a file, not a folder`, {
      hint: "Name a folder with --state",
    });
  }
  return new ChatError(`Cannot use ${shown}: it is a file, and --state needs a folder now`, {
    hint: `To keep the code of the room: ${moveInto(path)}`,
  });
}

function holdsCode(path: string, home: string | undefined): boolean {
  try {
    return loadCode(path, home) !== undefined;
  } catch (error) {
    if (error instanceof ChatError) return false;
    throw error;
  }
}

/** Commands that make a folder of this name, with the file in it as `code`. */
function moveInto(path: string): string {
  let aside = `${path}.old`;
  while (isTaken(aside)) aside += "0";
  // No shell takes this name as it is shown.
  if (printable(path) !== path) return "move the file into a new folder, and call it code there";
  if (WINDOWS) {
    return `move "${path}" "${aside}" && mkdir "${path}" && move "${aside}" "${
      pathIn(path, "code")
    }"`;
  }
  // A name may begin like an option.
  const word = (path: string) => shellWord(path.startsWith("-") ? `./${path}` : path);
  return `mv ${word(path)} ${word(aside)} && mkdir -m 700 ${word(path)} && ` +
    `mv ${word(aside)} ${word(pathIn(path, "code"))}`;
}

/** Takes the lock of the folder. */
async function claim(system: System, path: string, lock: Deno.FsFile): Promise<void> {
  const isMine = await tryLock(lock);
  if (isMine === false) {
    throw new ChatError(`Cannot use ${printable(path)}: another server is using it`, {
      hint: "Stop that server, or name another folder with --state",
    });
  }
  if (isMine === undefined) {
    note(
      system,
      `chat: ${printable(path)} cannot be locked on its file system: ` +
        "let no other server use it",
    );
  }
}

function checkCipher(
  path: string,
  cipher: "sealed" | "xor",
  hasCode: boolean,
  hasKey: boolean,
): void {
  const shown = printable(path);
  if (hasCode && hasKey) {
    throw new ChatError(`Cannot use ${shown}: it has both a code and a key`, {
      hint: "Move away the file that does not belong to the room: code or key",
    });
  }
  if (cipher === "xor" ? hasCode : hasKey) {
    const [kept, hint] = cipher === "xor" ? ["sealed", "Leave out"] : ["xor", "Add"];
    throw new ChatError(
      `Cannot use ${shown} with the cipher ${cipher}: its room has the cipher ${kept}`,
      { hint: `${hint} --cipher xor, or name another folder with --state` },
    );
  }
}

/** A conversation is of no use with another code or key. */
function checkEmpty(path: string, files: readonly FolderFile[], cipher: "sealed" | "xor"): void {
  const full = files.find((file) => (lookAt(file.path)?.size ?? 0) > 0);
  if (!full) return;
  const record = cipher === "sealed" ? "code" : "key";
  throw new ChatError(
    `Cannot use ${printable(path)}: it has a conversation, but no file ${record}`,
    { hint: `Restore ${record}; or drop the conversation, for a new ${record}: --new-log` },
  );
}

function bootIdOf(system: System): string | undefined {
  const uptime = system.uptime();
  return uptime === undefined
    ? undefined
    : String(Math.round(system.now().getTime() / 1000 - uptime));
}
