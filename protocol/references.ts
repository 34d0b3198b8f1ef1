// References: how a message names an earlier one, and programs name a message. Pure.

import { createHash } from "node:crypto";
import { type MessageId, REFERENCE_SIZE } from "./message_ids.ts";

const LABEL = "chat/1 message";

/**
 * The reference of a message, in hex: the first `REFERENCE_SIZE` bytes of SHA-256("chat/1 message" || identity || origin ||
 * seq). It is the same for all members, in any session and on any connection. In a sealed room it covers the sender's
 * identity, so no member can make a message that has the reference of another member's.
 *
 * @param identity the sender's public key, 32 bytes; undefined in xor rooms, where nothing is proved
 */
export function referenceOf(identity: Uint8Array | undefined, { origin, seq }: MessageId): string {
  const hash = createHash("sha256").update(LABEL);
  if (identity) hash.update(identity);
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, seq);
  return hash.update(origin).update(number).digest().subarray(0, REFERENCE_SIZE).toString("hex");
}
