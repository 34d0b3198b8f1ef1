// The file of `chat serve --state FILE`: the record that verifies a sealed room's code, so that the code survives a
// restart. The file does not hold the code itself. This module knows no server.

import { createHash } from "node:crypto";
import { codeFault } from "../cipher/codes.ts";
import { WorkerLogin } from "../cipher/login.ts";
import { type AdmissionRecord, answerLogin, startLogin } from "../cipher/opaque.ts";
import { ChatError } from "../errors.ts";
import { checkOwnPlace, createPrivate, readPrivate, removeFile } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";

/** The version of the format. */
const STATE_VERSION = 1;
/** The largest file that is read, in bytes: version 1 needs about 600, a later version may need more. */
export const MAX_STATE_BYTES = 64 * 1024;

const COMMENT =
  "# This is the code verifier of a chat room. Keep it secret: anyone who has it can try codes " +
  "without asking the server.";
const NEW_CODE = "or move it away, and give everybody the new code";

/** Everything after the comment: 128, 192 and 32 bytes, in base64url without padding. */
const BODY = /^(version 1\nsetup ([\w-]{171})\nrecord ([\w-]{256})\n)check ([\w-]{43})\n$/;

/**
 * Reads the record from a file; undefined if the file does not exist yet.
 *
 * @param home the user's home folder: what is above it is not checked
 * @throws {ChatError} if the file is damaged, has a later version, or cannot be read; if other users can read or change
 * it, or what is in its folder; or if it cannot be created because its folder does not exist
 */
export function loadState(path: string, home?: string): AdmissionRecord | undefined {
  const shown = printable(path);
  const text = readPrivate(path, home, MAX_STATE_BYTES);
  if (text === undefined) {
    checkPlace(path);
    checkOwnPlace(path, home);
    return undefined;
  }
  const body = text.replace(/^#[\x20-\x7e]*\n/, "");
  const version = Number(/^version (\d{1,6})\n/.exec(body)?.[1] ?? STATE_VERSION);
  if (version > STATE_VERSION) {
    throw new ChatError(
      `Cannot use ${shown}: it has version ${version}, and this chat reads version ${STATE_VERSION}`,
      { hint: `Use the newer chat that wrote it; ${NEW_CODE}` },
    );
  }
  const [, checked, setup, record, check] = BODY.exec(body) ?? [];
  if (checked !== undefined && check === digest(checked)) {
    const admission = { setup: setup!, record: record! };
    // Any code works for this check: only the client finds out whether it is right.
    if (answerLogin(admission, startLogin("").request)) return admission;
  }
  throw new ChatError(`Cannot use ${shown}: it is damaged`, {
    hint: `Restore a copy of it; ${NEW_CODE}`,
  });
}

/** @throws {ChatError} if there is no file at this path, and none could be created */
function checkPlace(path: string): void {
  const shown = printable(path);
  const folder = path.replace(Deno.build.os === "windows" ? /[^/\\]*$/ : /[^/]*$/, "") || ".";
  if (!exists(() => Deno.statSync(folder))) {
    throw new ChatError(`Cannot keep the room's state in ${shown}: its folder does not exist`, {
      hint: "Create the folder, or name another file",
    });
  }
  if (exists(() => Deno.lstatSync(path))) {
    throw new ChatError(
      `Cannot keep the room's state in ${shown}: it is a broken link`,
    );
  }
}

function exists(look: () => unknown): boolean {
  try {
    look();
    return true;
  } catch (cause) {
    // The code that writes the file reports every other error.
    return !(cause instanceof Deno.errors.NotFound);
  }
}

/**
 * Creates the file with a record.
 *
 * @throws {ChatError} if it cannot be created, or exists already: then it stays unchanged
 */
export function createState(path: string, admission: AdmissionRecord): void {
  if (createPrivate(path, formatState(admission))) return;
  throw new ChatError(`Cannot keep the room's state in ${printable(path)}: it exists already`, {
    hint: "Another server has just created it: start this one again, or name another file",
  });
}

/** Removes the file that `createState` has created. */
export function dropState(path: string): void {
  removeFile(path);
}

function formatState({ setup, record }: AdmissionRecord): string {
  const checked = `version ${STATE_VERSION}\nsetup ${setup}\nrecord ${record}\n`;
  return `${COMMENT}\n${checked}check ${digest(checked)}\n`;
}

/** Reveals damage: with one changed bit, no code may be the right one. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/**
 * Whether the record verifies this code: runs both sides of a login. Takes some hundred milliseconds, on purpose.
 */
export async function fitsCode(admission: AdmissionRecord, code: string): Promise<boolean> {
  // No room can have this code.
  if (codeFault(code) !== undefined) return false;
  using login = new WorkerLogin(code);
  const answer = answerLogin(admission, await login.start());
  return answer !== undefined && await login.finish(answer.response) !== undefined;
}
