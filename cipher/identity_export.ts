// An identity as a text that only a passphrase opens, to move it to another machine. docs/security.md has the format.
// It knows no file. Pure, except for the random salt.

import { createHash, randomBytes, scryptSync } from "node:crypto";
import { aead, KEY_SIZE, NONCE_SIZE, seal } from "./aead.ts";
import { Identity } from "./identity.ts";

/** The version of the format; it also sets the cost, so that no file can demand a cost of its own. */
const VERSION = 1;
/** scrypt (RFC 7914) with 128 MiB: half a second here, and for an attacker for each guess. */
const COST = { N: 128 * 1024, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const SALT_SIZE = 16;
/** Characters of the shortest passphrase: a thief of the file can guess without asking anybody. */
export const MIN_PASSPHRASE = 12;
/** The largest text that is read, in bytes: version 1 needs about 300, a later version may need more. */
export const MAX_EXPORT = 64 * 1024;

const COMMENT =
  "# This is an identity of chat, sealed with a passphrase: chat identity import FILE";

/** Everything after the comment: 16, 48 and 32 bytes, in base64url without padding. */
const BODY = /^(version 1\nsalt ([\w-]{22})\nsealed ([\w-]{64})\n)check ([\w-]{43})\n$/;

const utf8 = new TextEncoder();
/** For the key and as associated data: nothing else that uses this passphrase gives the same key. */
const LABEL = utf8.encode("chat/1 identity export");
/** A key is used once, because its salt is: the nonce need not differ. */
const NONCE = new Uint8Array(NONCE_SIZE);

/** An export that is undamaged, but still sealed. */
export interface SealedIdentity {
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Why a passphrase is refused, as the end of a sentence that starts with "a passphrase". */
export function passphraseFault(passphrase: string): string | undefined {
  if ([...passphrase.normalize("NFC")].length >= MIN_PASSPHRASE) return undefined;
  return `must have at least ${MIN_PASSPHRASE} characters: a shorter one is too easy to guess`;
}

/**
 * Seals an identity. Takes half a second, on purpose.
 *
 * @param salt for tests; it MUST NOT be used twice
 */
export function sealIdentity(
  { seed }: Identity,
  passphrase: string,
  salt: Uint8Array = randomBytes(SALT_SIZE),
): string {
  const sealed = seal(aead, keyOf(passphrase, salt), NONCE, LABEL, [seed]);
  const checked = `version ${VERSION}\nsalt ${toText(salt)}\nsealed ${toText(sealed)}\n`;
  return `${COMMENT}\n${checked}check ${digest(checked)}\n`;
}

/** Reads an export; of a later version it returns only that. undefined: it is damaged, or no export. */
export function parseExport(
  text: string,
): SealedIdentity | { readonly version: number } | undefined {
  const body = text.replace(/\r\n/g, "\n").replace(/^#[\x20-\x7e]*\n/, "");
  const version = Number(/^version (\d{1,6})\n/.exec(body)?.[1] ?? VERSION);
  if (version > VERSION) return { version };
  const [, checked, salt, sealed, check] = BODY.exec(body) ?? [];
  if (checked === undefined || check !== digest(checked)) return undefined;
  return { salt: toBytes(salt!), sealed: toBytes(sealed!) };
}

/** Opens an export; undefined if the passphrase is wrong. Takes half a second, on purpose. */
export function openIdentity(
  { salt, sealed }: SealedIdentity,
  passphrase: string,
): Identity | undefined {
  const seed = aead.open(keyOf(passphrase, salt), NONCE, LABEL, sealed);
  return seed && new Identity(seed);
}

/** Systems differ in how a keyboard composes characters: NFC makes them the same. */
function keyOf(passphrase: string, salt: Uint8Array): Uint8Array {
  const labelled = new Uint8Array([...LABEL, ...salt]);
  return scryptSync(utf8.encode(passphrase.normalize("NFC")), labelled, KEY_SIZE, COST);
}

/** Tells damage from a wrong passphrase. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function toText(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
