import { assertEquals, assertNotEquals } from "@std/assert";
import { MAX_SEQ, type MessageId, REFERENCE_SIZE } from "./message_ids.ts";
import { referenceOf } from "./references.ts";

const ORIGIN = Uint8Array.fromHex("1122334455667788");
const IDENTITY = Uint8Array.from({ length: 32 }, (_, i) => i);
const NUMBER: MessageId = { origin: ORIGIN, seq: 3, replay: false };

Deno.test("referenceOf: is the beginning of a SHA-256, as another implementation computes it", () => {
  // python3: hashlib.sha256(b"chat/1 message" + identity + origin + seq.to_bytes(4, "big")).hexdigest()[:32]
  assertEquals(referenceOf(undefined, NUMBER), "2bd9146e4eb2595e743f91a4ac26696c");
  assertEquals(referenceOf(IDENTITY, NUMBER), "68d02634627c613c0d2ad9d8d1eede50");
  assertEquals(referenceOf(IDENTITY, NUMBER).length, 2 * REFERENCE_SIZE);
});

Deno.test("referenceOf: differs by sender, origin and seq; a repeated message has the same", () => {
  const one = referenceOf(IDENTITY, NUMBER);
  assertEquals(referenceOf(IDENTITY, { ...NUMBER, replay: true }), one);
  const other = IDENTITY.slice();
  other[31]! ^= 1;
  assertNotEquals(referenceOf(other, NUMBER), one);
  assertNotEquals(referenceOf(IDENTITY, { ...NUMBER, seq: MAX_SEQ }), one);
  const origin = ORIGIN.slice();
  origin[0]! ^= 1;
  assertNotEquals(referenceOf(IDENTITY, { ...NUMBER, origin }), one);
});
