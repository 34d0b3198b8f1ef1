// The records of `chat serve --state DIR` that keep a room the same across restarts: `code` verifies the code of a
// sealed room, without holding it, and `key` is the public key of a room with the cipher xor. This module knows no
// server.

import { createHash } from "node:crypto";
import { codeFault } from "../cipher/codes.ts";
import { WorkerLogin } from "../cipher/login.ts";
import { type AdmissionRecord, answerLogin, startLogin } from "../cipher/opaque.ts";
import { ChatError } from "../errors.ts";
import { createPrivate, isTaken, readPrivate, writePrivate } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";

/** The version of both formats. */
const VERSION = 1;
/** The largest record that is read, in bytes: version 1 needs about 600, a later version may need more. */
export const MAX_RECORD_BYTES = 64 * 1024;

const CODE_COMMENT =
  "# This is the code verifier of a chat room. Keep it secret: anyone who has it can try codes " +
  "without asking the server.";
const KEY_COMMENT =
  "# This is the public key of a chat room with the cipher xor. It protects nothing.";

const NEW_CODE = "or move it away, and give everybody the new code";
const NEW_KEY = "or move it away, and the room gets a new key";

/** Everything after the comment: 128, 192 and 32 bytes, in base64url without padding. */
const CODE_BODY = /^(version 1\nsetup ([\w-]{171})\nrecord ([\w-]{256})\n)check ([\w-]{43})\n$/;
const KEY_BODY = /^(version 1\nkey (\d{1,3})\n)check ([\w-]{43})\n$/;

/**
 * Reads the record that verifies a code; undefined if the file does not exist.
 *
 * @param home the user's home folder: what is above it is not checked
 * @throws {ChatError} if the file is damaged, has a later version, or cannot be read; or if other users can read or
 * change it
 */
export function loadCode(path: string, home?: string): AdmissionRecord | undefined {
  return load(path, home, NEW_CODE, (body) => {
    const [, checked, setup, record, check] = CODE_BODY.exec(body) ?? [];
    if (checked === undefined || check !== digest(checked)) return undefined;
    const admission = { setup: setup!, record: record! };
    // Any code works for this check: only the client finds out whether it is right.
    return answerLogin(admission, startLogin("").request) && admission;
  });
}

/** Reads a public key; undefined if the file does not exist. Throws what `loadCode` throws. */
export function loadKey(path: string, home?: string): number | undefined {
  return load(path, home, NEW_KEY, (body) => {
    const [, checked, key, check] = KEY_BODY.exec(body) ?? [];
    if (checked === undefined || check !== digest(checked)) return undefined;
    return Number(key) < 256 ? Number(key) : undefined;
  });
}

/**
 * @param instead what to do if the file is lost
 * @param parse returns undefined if the text after the comment is damaged
 */
function load<T>(
  path: string,
  home: string | undefined,
  instead: string,
  parse: (body: string) => T | undefined,
): T | undefined {
  const shown = printable(path);
  const text = readPrivate(path, home, MAX_RECORD_BYTES);
  if (text === undefined) {
    if (isTaken(path)) throw new ChatError(`Cannot use ${shown}: it is a broken link`);
    return undefined;
  }
  const body = text.replace(/^#[\x20-\x7e]*\n/, "");
  const version = Number(/^version (\d{1,6})\n/.exec(body)?.[1] ?? VERSION);
  if (version > VERSION) {
    throw new ChatError(
      `Cannot use ${shown}: it has version ${version}, and this chat reads version ${VERSION}`,
      { hint: `Use the newer chat that wrote it; ${instead}` },
    );
  }
  const record = parse(body);
  if (record !== undefined) return record;
  throw new ChatError(`Cannot use ${shown}: it is damaged`, {
    hint: `Restore a copy of it; ${instead}`,
  });
}

/**
 * Creates the file with the record that verifies a code.
 *
 * @throws {ChatError} if it cannot be created, or exists already: then it stays unchanged
 */
export function createCode(path: string, admission: AdmissionRecord): void {
  create(path, codeText(admission));
}

/**
 * Writes the record that verifies a code in place of another one.
 *
 * @throws {FileUnavailable} if it cannot be written: then the other one stays
 */
export function replaceCode(path: string, admission: AdmissionRecord): void {
  writePrivate(path, codeText(admission));
}

function codeText({ setup, record }: AdmissionRecord): string {
  return textOf(CODE_COMMENT, `version ${VERSION}\nsetup ${setup}\nrecord ${record}\n`);
}

/** Creates the file with a public key. Throws what `createCode` throws. */
export function createKey(path: string, key: number): void {
  create(path, textOf(KEY_COMMENT, `version ${VERSION}\nkey ${key}\n`));
}

function textOf(comment: string, checked: string): string {
  return `${comment}\n${checked}check ${digest(checked)}\n`;
}

function create(path: string, text: string): void {
  if (createPrivate(path, text)) return;
  throw new ChatError(`Cannot write ${printable(path)}: it exists already`);
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
