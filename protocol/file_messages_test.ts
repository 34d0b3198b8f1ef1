import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  CHUNK_OVERHEAD,
  decodeChunks,
  decodeFileMessages,
  encodeChunks,
  encodeFileMessages,
  type FileMessage,
  fileMessageSize,
  isFolder,
  MAX_FILE_NAME,
  MAX_PIECE,
  REASONS,
  SHA256_SIZE,
  TRANSFER_ID_SIZE,
} from "./file_messages.ts";
import fc, { anyString } from "../tests/support/property.ts";

const ID = new Uint8Array(TRANSFER_ID_SIZE).fill(7);
const SHA256 = new Uint8Array(SHA256_SIZE).fill(9);

const id = fc.uint8Array({ minLength: TRANSFER_ID_SIZE, maxLength: TRANSFER_ID_SIZE });
const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - MAX_PIECE });
const fileMessage: fc.Arbitrary<FileMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("offer" as const),
    id,
    size: fc.maxSafeNat(),
    sha256: fc.uint8Array({ minLength: SHA256_SIZE, maxLength: SHA256_SIZE }),
    name: fc.oneof(anyString({ maxLength: 100 }), fc.constantFrom("photos/2024/a.jpg", "empty/")),
  }).map((offer) => isFolder(offer.name) ? { ...offer, size: 0 } : offer),
  fc.record({
    kind: fc.constant("ask" as const),
    id,
    offset,
    length: fc.integer({ min: 1, max: MAX_PIECE }),
  }),
  fc.record({
    kind: fc.constantFrom("withdraw" as const, "decline" as const),
    id,
    reason: fc.constantFrom(...REASONS),
  }),
  fc.record({ kind: fc.constantFrom("done" as const, "again" as const), id }),
);
const chunk = fc.record({
  kind: fc.constant("chunk" as const),
  id,
  offset,
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});

Deno.test("decodeChunks: reads back any number of encoded chunks; fileMessageSize gives their bytes", () => {
  fc.assert(fc.property(fc.array(chunk), (chunks) => {
    const bytes = encodeChunks(chunks);
    assertEquals(decodeChunks(bytes), chunks);
    assertEquals(bytes.length, chunks.reduce((sum, one) => sum + fileMessageSize(one), 0));
  }));
});

Deno.test("decodeChunks, decodeFileMessages: chunks come in DATA alone, and nothing else does", () => {
  const bytes = encodeChunks([{ kind: "chunk", id: ID, offset: 0, bytes: Uint8Array.of(1) }]);
  assertThrows(
    () => decodeFileMessages(Uint8Array.of(0, ...bytes)),
    RangeError,
    "may only come in DATA",
  );
  const done = encodeFileMessages({ refused: 0, messages: [{ kind: "done", id: ID }] }).subarray(1);
  assertThrows(() => decodeChunks(Uint8Array.of(...bytes, ...done)), RangeError, "only parts of");
  for (let length = 1; length < bytes.length; length++) {
    assertThrows(() => decodeChunks(bytes.subarray(0, length)), RangeError, "cut short");
  }
});

Deno.test("decodeFileMessages: reads back any number of encoded file messages; fileMessageSize gives their bytes", () => {
  fc.assert(
    fc.property(fc.array(fileMessage), fc.integer({ min: 0, max: 255 }), (messages, refused) => {
      const bytes = encodeFileMessages({ refused, messages });
      assertEquals(decodeFileMessages(bytes), { refused, messages });
      assertEquals(bytes.length, messages.reduce((sum, one) => sum + fileMessageSize(one), 1));
    }),
  );
});

Deno.test("decodeFileMessages, encodeFileMessages: at most 256 file messages in one message", () => {
  const one = { kind: "done", id: ID } as const;
  const bytes = (count: number) => {
    const single = encodeFileMessages({ refused: 0, messages: [one] }).subarray(1);
    return concat([new Uint8Array(1), ...Array.from({ length: count }, () => single)]);
  };
  for (const count of [255, 256]) {
    const messages = Array.from({ length: count }, () => one);
    assertEquals(encodeFileMessages({ refused: 0, messages }), bytes(count));
    assertEquals(decodeFileMessages(bytes(count)).messages.length, count);
  }
  const messages = Array.from({ length: 257 }, () => one);
  const fault = "more than 256 came together";
  assertThrows(() => encodeFileMessages({ refused: 0, messages }), RangeError, fault);
  assertThrows(() => decodeFileMessages(bytes(257)), RangeError, fault);
});

Deno.test("decodeFileMessages: reads any bytes or throws a RangeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      decodeFileMessages(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }));
});

Deno.test("decodeFileMessages: throws if cut anywhere but between two file messages", () => {
  const messages: FileMessage[] = [
    { kind: "offer", id: ID, size: 3, sha256: SHA256, name: "größer.txt" },
    { kind: "ask", id: ID, offset: 0, length: 3 },
    { kind: "decline", id: ID, reason: "declined" },
    { kind: "done", id: ID },
  ];
  const bytes = encodeFileMessages({ refused: 0, messages });
  const ends = new Set([1]);
  for (const one of messages) ends.add([...ends].at(-1)! + fileMessageSize(one));
  for (let length = 0; length < bytes.length; length++) {
    if (ends.has(length)) decodeFileMessages(bytes.subarray(0, length));
    else assertThrows(() => decodeFileMessages(bytes.subarray(0, length)), RangeError, "cut short");
  }
});

Deno.test("encodeFileMessages: accepts lengths, offsets, sizes and names up to their limits, and no more", () => {
  const ask = (offset: number, length: number) =>
    encodeFileMessages({ refused: 0, messages: [{ kind: "ask", id: ID, offset, length }] });
  const offer = (size: number, name: string) =>
    encodeFileMessages({
      refused: 0,
      messages: [{ kind: "offer", id: ID, size, sha256: SHA256, name }],
    });
  for (const length of [1, MAX_PIECE - 1, MAX_PIECE]) ask(0, length);
  for (const length of [0, -1, 1.5, MAX_PIECE + 1, NaN]) {
    assertThrows(() => ask(0, length), RangeError, "it may have 1 to");
  }
  ask(Number.MAX_SAFE_INTEGER - 1, 1);
  for (const offset of [-1, 0.5, Number.MAX_SAFE_INTEGER, 2 ** 64]) {
    assertThrows(() => ask(offset, 1), RangeError, "a part is at");
  }
  for (const size of [0, Number.MAX_SAFE_INTEGER]) offer(size, "");
  for (const size of [-1, Number.MAX_SAFE_INTEGER + 1, NaN]) {
    assertThrows(() => offer(size, ""), RangeError, "a size is");
  }
  offer(0, "photos/empty/");
  assertThrows(() => offer(1, "photos/empty/"), RangeError, "a folder has 1 bytes");
  offer(0, "é".repeat(MAX_FILE_NAME / 2));
  assertThrows(() => offer(0, "é".repeat(MAX_FILE_NAME / 2) + "."), RangeError, "a name has");
});

Deno.test("decodeFileMessages: an offer of a folder that has bytes is invalid", () => {
  const sizeAt = 1 + 1 + TRANSFER_ID_SIZE + 7;
  for (
    const [name, isValid] of [["a/", false], ["/", false], ["a", true], ["a/b", true]] as const
  ) {
    const offer = { kind: "offer", id: ID, size: 0, sha256: SHA256, name } as const;
    const bytes = encodeFileMessages({ refused: 0, messages: [offer] });
    assertEquals(decodeFileMessages(bytes).messages, [offer]);
    bytes[sizeAt] = 1;
    if (isValid) assertEquals(decodeFileMessages(bytes).messages, [{ ...offer, size: 1 }]);
    else assertThrows(() => decodeFileMessages(bytes), RangeError, "a folder has 1 bytes");
  }
});

Deno.test("decodeFileMessages: throws on lengths, offsets and kinds that no sender may write", () => {
  const bytes = encodeFileMessages({
    refused: 0,
    messages: [{ kind: "ask", id: ID, offset: 0, length: 1 }],
  });
  const place = 1 + 1 + TRANSFER_ID_SIZE;
  const changed = (at: number, ...values: number[]) => {
    const copy = bytes.slice();
    copy.set(values, at);
    return copy;
  };
  assertThrows(() => decodeFileMessages(changed(place, 0xff)), RangeError, "a part is at");
  assertThrows(() => decodeFileMessages(changed(place + 8, 0xff)), RangeError, "it may have 1 to");
  assertThrows(
    () => decodeFileMessages(changed(place + 8, 0, 0, 0, 0)),
    RangeError,
    "it may have 1 to",
  );
  assertThrows(() => decodeFileMessages(changed(1, 0x5a)), RangeError, "a later version");
});

Deno.test("decodeFileMessages: reads an unknown reason as other, and throws on a name that is not UTF-8", () => {
  const bytes = encodeFileMessages({
    refused: 3,
    messages: [{ kind: "withdraw", id: ID, reason: "cancelled" }],
  });
  bytes[bytes.length - 1] = 200;
  assertEquals(decodeFileMessages(bytes), {
    refused: 3,
    messages: [{ kind: "withdraw", id: ID, reason: "other" }],
  });
  const named = encodeFileMessages({
    refused: 0,
    messages: [{ kind: "offer", id: ID, size: 1, sha256: SHA256, name: "a" }],
  });
  named[named.length - 1] = 0xff;
  assertThrows(() => decodeFileMessages(named), RangeError, "not UTF-8");
});

Deno.test("CHUNK_OVERHEAD: the bytes around the data of one chunk", () => {
  const chunk = { kind: "chunk", id: ID, offset: 5, bytes: new Uint8Array(MAX_PIECE) } as const;
  assertEquals(encodeChunks([chunk]).length, CHUNK_OVERHEAD + MAX_PIECE);
});
