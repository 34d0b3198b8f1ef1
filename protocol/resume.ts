// How a client proves that a session is its own: with the token of that session and, in a sealed room, an HMAC under
// the key that only client and server have. Pure, except for the random numbers of `drawToken`.

import { createHmac, timingSafeEqual } from "node:crypto";
import { CHAIN_SIZE } from "./chain.ts";

/** Bytes of a token and of a nonce: 2^128 values are too many to guess. */
export const TOKEN_SIZE = 16;
/** Bytes of a proof: the size of SHA-256. */
const PROOF_SIZE = 32;

/** Separates this use of the session's key from all others. */
const LABEL = new TextEncoder().encode("chat/1 resume");

/** The claim to prove: `Resume` of the protocol without its proof. */
export interface Claim {
  readonly token: string;
  readonly room: number;
  readonly own: number;
}

/** A claim, and what its client has seen. */
export interface ChainedClaim extends Claim {
  /** The chain at `room`: `CHAIN_SIZE` bytes. The server has its own. */
  readonly chain: Uint8Array;
}

/** Draws a token, a ticket, a nonce, or the name of a log: `TOKEN_SIZE` random bytes in unpadded base64url. */
export function drawToken(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(TOKEN_SIZE)));
}

/**
 * HMAC-SHA256 (RFC 2104) of label || nonce (16) || token (16) || room (8) || own (8) || chain (32), in unpadded
 * base64url. All parts have fixed sizes, so no other claim has the same bytes. The nonce is new for each
 * connection: an intercepted proof is of no use on another one.
 *
 * @param sessionKey the session key of the login that began the session
 * @param nonce of GREETING
 * @throws {RangeError} if nonce or token are not `TOKEN_SIZE` bytes in unpadded base64url, the chain does not have
 * `CHAIN_SIZE` bytes, or a position is not a safe integer from 0 on
 */
export function proveResume(sessionKey: Uint8Array, nonce: string, claim: ChainedClaim): string {
  return toBase64Url(hmac(sessionKey, nonce, claim));
}

/** Whether the proof belongs to this claim. Takes the same time for each proof of the right size. */
export function checkResume(
  sessionKey: Uint8Array,
  nonce: string,
  claim: ChainedClaim & { readonly proof?: string },
): boolean {
  const proof = fromBase64Url(claim.proof ?? "");
  if (proof?.length !== PROOF_SIZE) return false;
  // A token of another size was not drawn here.
  if (fromBase64Url(claim.token)?.length !== TOKEN_SIZE) return false;
  return timingSafeEqual(proof, hmac(sessionKey, nonce, claim));
}

function hmac(
  sessionKey: Uint8Array,
  nonce: string,
  { token, room, own, chain }: ChainedClaim,
): Uint8Array {
  if (chain.length !== CHAIN_SIZE) {
    throw new RangeError(`Cannot prove a resumption: the chain has ${chain.length} bytes`);
  }
  return createHmac("sha256", sessionKey)
    .update(LABEL)
    .update(tokenBytes("nonce", nonce))
    .update(tokenBytes("token", token))
    .update(positionBytes(room))
    .update(positionBytes(own))
    .update(chain)
    .digest();
}

/** Whether two tokens are equal. Takes the same time for all of the right size. */
export function isSameToken(one: string, other: string): boolean {
  const [a, b] = [fromBase64Url(one), fromBase64Url(other)];
  return a?.length === TOKEN_SIZE && b?.length === TOKEN_SIZE && timingSafeEqual(a, b);
}

/**
 * The bytes of a token, a nonce, or the name of a log.
 *
 * @param what it is, for the error message
 * @throws {RangeError} if it is not `TOKEN_SIZE` bytes in unpadded base64url
 */
export function tokenBytes(what: string, text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(text);
  if (bytes?.length !== TOKEN_SIZE) {
    throw new RangeError(
      `Cannot use a ${what}: it must be ${TOKEN_SIZE} bytes in unpadded base64url`,
    );
  }
  return bytes;
}

/** u64, big-endian. */
function positionBytes(position: number): Uint8Array {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`Cannot prove a resumption: the position is ${position}`);
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(position));
  return bytes;
}

/** Unpadded base64url (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** undefined if it differs from the spelling that `toBase64Url` returns. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    // `fromBase64` also accepts padding, white space and stray bits.
    return toBase64Url(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}
