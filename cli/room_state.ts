// What `chat serve --state FILE` keeps of a sealed room: the record that checks its code, so that the code stays
// the same when the server is started anew. The code itself is not in it. Knows no server.

import { createHash } from "node:crypto";
import { codeFault } from "../cipher/codes.ts";
import { type AdmissionRecord, answerLogin, startLogin } from "../cipher/opaque.ts";
import { ChatError } from "../errors.ts";
import { createPrivate, readPrivate, removeFile } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";

/** The version of the format. */
const STATE_VERSION = 1;
/** Bytes of the largest file that is read: ours have some 600, and a later version's may have more. */
export const MAX_STATE_BYTES = 64 * 1024;

const COMMENT =
  "# This is what checks the code of a room of chat. Keep it secret: with it, codes can be tried " +
  "without asking the server.";
const NEW_CODE = "or move it away, and tell everybody the new code";

/** What stands behind the comment: 128 bytes, 192 and 32, in base64url without padding. */
const BODY = /^(version 1\nsetup ([\w-]{171})\nrecord ([\w-]{256})\n)check ([\w-]{43})\n$/;

/**
 * The record that is kept in a file; undefined if there is no such file yet.
 *
 * @throws {ChatError} if the file is damaged, or of a later version, or others can read it, or it can't be
 * read, or there is no folder in which it could be made
 */
export function loadState(path: string): AdmissionRecord | undefined {
  const shown = printable(path);
  const text = readPrivate(path, MAX_STATE_BYTES);
  if (text === undefined) {
    checkPlace(path);
    return undefined;
  }
  const body = text.replace(/^#[\x20-\x7e]*\n/, "");
  const version = Number(/^version (\d{1,6})\n/.exec(body)?.[1] ?? STATE_VERSION);
  if (version > STATE_VERSION) {
    throw new ChatError(
      `Cannot use ${shown}: it is of version ${version}, and this chat knows version ${STATE_VERSION}`,
      { hint: `Take the newer chat that has written it; ${NEW_CODE}` },
    );
  }
  const [, checked, setup, record, check] = BODY.exec(body) ?? [];
  if (checked !== undefined && check === digest(checked)) {
    const admission = { setup: setup!, record: record! };
    // Any code will do: whether it is right is found out by the other side.
    if (answerLogin(admission, startLogin("").request)) return admission;
  }
  throw new ChatError(`Cannot use ${shown}: it is damaged`, {
    hint: `Put back a copy of it; ${NEW_CODE}`,
  });
}

/** @throws {ChatError} if no file could be made at this path, though there is none */
function checkPlace(path: string): void {
  const shown = printable(path);
  const folder = path.replace(Deno.build.os === "windows" ? /[^/\\]*$/ : /[^/]*$/, "") || ".";
  if (!isThere(() => Deno.statSync(folder))) {
    throw new ChatError(`Cannot keep the room's state in ${shown}: its folder is not there`, {
      hint: "Make the folder first, or name another file",
    });
  }
  if (isThere(() => Deno.lstatSync(path))) {
    throw new ChatError(
      `Cannot keep the room's state in ${shown}: it is a link that leads nowhere`,
    );
  }
}

function isThere(look: () => unknown): boolean {
  try {
    look();
    return true;
  } catch (cause) {
    // Whatever else is wrong is told by who writes there.
    return !(cause instanceof Deno.errors.NotFound);
  }
}

/**
 * Makes the file that keeps a record.
 *
 * @throws {ChatError} if it can't be made, or is there already: then it stays as it is
 */
export function createState(path: string, admission: AdmissionRecord): void {
  if (createPrivate(path, formatState(admission))) return;
  throw new ChatError(`Cannot keep the room's state in ${printable(path)}: it is there already`, {
    hint: "Another server has just made it: start this one again, or name another file",
  });
}

/** Removes the file that `createState` has made. */
export function dropState(path: string): void {
  removeFile(path);
}

function formatState({ setup, record }: AdmissionRecord): string {
  const checked = `version ${STATE_VERSION}\nsetup ${setup}\nrecord ${record}\n`;
  return `${COMMENT}\n${checked}check ${digest(checked)}\n`;
}

/** Finds damage: one changed bit can make keys of which no code is the right one. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/**
 * Whether this is the code that the record checks: a login with both sides here. Takes some hundred
 * milliseconds, on purpose.
 */
export function fitsCode(admission: AdmissionRecord, code: string): boolean {
  // No room has such a code.
  if (codeFault(code) !== undefined) return false;
  const login = startLogin(code);
  const answer = answerLogin(admission, login.request);
  return answer !== undefined && login.finish(answer.response) !== undefined;
}
