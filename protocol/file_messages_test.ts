import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { HEADER_SIZE, MAX_FRAME } from "../protocol.ts";
import { encodeChunks } from "../tests/support/file_data.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { DATA_OVERHEAD } from "./data.ts";
import {
  CHUNK_HEADER,
  chunksCost,
  decodeChunks,
  decodeFileMessages,
  encodeFileMessages,
  type FileMessage,
  fileMessageSize,
  isFolder,
  MAX_CHUNKS_SIZE,
  MAX_DATA_SEALING,
  MAX_FILE_NAME,
  MAX_PIECE,
  MAX_WHOLE,
  REASONS,
  restCost,
  SHA256_SIZE,
  TRANSFER_ID_SIZE,
  writeChunkHeader,
} from "./file_messages.ts";

const ID = new Uint8Array(TRANSFER_ID_SIZE).fill(7);
const SHA256 = new Uint8Array(SHA256_SIZE).fill(9);

const id = fc.uint8Array({ minLength: TRANSFER_ID_SIZE, maxLength: TRANSFER_ID_SIZE });
const sha256 = fc.uint8Array({ minLength: SHA256_SIZE, maxLength: SHA256_SIZE });
const ask = {
  kind: fc.constant("ask" as const),
  id,
  generation: fc.nat({ max: 2 ** 32 - 1 }),
  offset: fc.maxSafeNat(),
};
const fileMessage: fc.Arbitrary<FileMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("offer" as const),
    id,
    size: fc.maxSafeNat(),
    name: fc.oneof(anyString({ maxLength: 100 }), fc.constantFrom("photos/2024/a.jpg", "empty/")),
  }).map((offer) => isFolder(offer.name) ? { ...offer, size: 0 } : offer),
  fc.record(ask),
  fc.record({ ...ask, prefix: sha256 }),
  fc.record({ kind: fc.constant("hash" as const), id, sha256 }),
  fc.record({
    kind: fc.constantFrom("withdraw" as const, "decline" as const),
    id,
    reason: fc.constantFrom(...REASONS),
  }),
  fc.record({
    kind: fc.constantFrom("differs" as const, "done" as const, "again" as const),
    id,
  }),
);
const chunk = fc.record({
  id,
  offset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - MAX_PIECE }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});

// ---- chunks ----

Deno.test("decodeChunks: reads back any number of chunks; each takes CHUNK_HEADER and its data", () => {
  fc.assert(fc.property(fc.array(chunk), (chunks) => {
    const bytes = encodeChunks(chunks);
    assertEquals(decodeChunks(bytes), chunks);
    const size = chunks.reduce((sum, { bytes }) => sum + CHUNK_HEADER + bytes.length, 0);
    assertEquals(bytes.length, size);
  }));
});

Deno.test("decodeChunks: its data are views, its ids are copies", () => {
  const bytes = encodeChunks([{ id: ID, offset: 0, bytes: Uint8Array.of(1, 2) }]);
  const [chunk] = decodeChunks(bytes);
  bytes.fill(0x5a);
  assertEquals(chunk!.id, ID);
  assertEquals([...chunk!.bytes], [0x5a, 0x5a]);
});

Deno.test("decodeChunks, decodeFileMessages: chunks come in DATA alone, and nothing else does", () => {
  const bytes = encodeChunks([{ id: ID, offset: 0, bytes: Uint8Array.of(1) }]);
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

Deno.test("decodeChunks: reads any bytes or throws a RangeError", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.of(0x43, ...rest)),
  );
  fc.assert(fc.property(bytes, (bytes) => {
    try {
      decodeChunks(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }));
});

Deno.test("writeChunkHeader: writes CHUNK_HEADER bytes, and takes lengths and offsets up to their limits", () => {
  const write = (offset: number, length: number) => {
    const into = new Uint8Array(CHUNK_HEADER + 4).fill(0x5a);
    writeChunkHeader(into, { id: ID, offset, length });
    return into;
  };
  assertEquals(
    [...write(2 ** 32 + 3, 258)],
    [0x43, ...ID, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 1, 2, 0x5a, 0x5a, 0x5a, 0x5a],
  );
  for (const length of [1, MAX_PIECE - 1, MAX_PIECE]) write(0, length);
  for (const length of [0, -1, 1.5, MAX_PIECE + 1, NaN]) {
    assertThrows(() => write(0, length), RangeError, "it may have 1 to");
  }
  write(Number.MAX_SAFE_INTEGER - 1, 1);
  for (const offset of [-1, 0.5, Number.MAX_SAFE_INTEGER, 2 ** 64]) {
    assertThrows(() => write(offset, 1), RangeError, "a part is at");
  }
  const header = new Uint8Array(CHUNK_HEADER);
  for (const size of [TRANSFER_ID_SIZE - 1, TRANSFER_ID_SIZE + 1]) {
    const wrong = { id: new Uint8Array(size), offset: 0, length: 1 };
    assertThrows(() => writeChunkHeader(header, wrong), RangeError, `an id has ${size} bytes`);
  }
});

Deno.test("decodeChunks: throws on lengths and offsets that no sender may write", () => {
  const bytes = encodeChunks([{ id: ID, offset: 0, bytes: Uint8Array.of(1) }]);
  const place = 1 + TRANSFER_ID_SIZE;
  const changed = (at: number, ...values: number[]) => {
    const copy = bytes.slice();
    copy.set(values, at);
    return copy;
  };
  assertThrows(() => decodeChunks(changed(place, 0xff)), RangeError, "a part is at");
  assertThrows(() => decodeChunks(changed(place + 8, 0xff)), RangeError, "it may have 1 to");
  assertThrows(() => decodeChunks(changed(place + 8, 0, 0, 0, 0)), RangeError, "it may have 1 to");
  // The last byte of a chunk would be beyond the numbers that are exact.
  const last = changed(place, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  assertThrows(() => decodeChunks(last), RangeError, "a part is at");
});

Deno.test("MAX_CHUNKS_SIZE: a frame of the largest chunk is half of the largest frame, and what is around it", () => {
  const around = HEADER_SIZE + DATA_OVERHEAD + MAX_DATA_SEALING;
  assertEquals(MAX_CHUNKS_SIZE, CHUNK_HEADER + MAX_PIECE);
  assert(around + MAX_CHUNKS_SIZE <= MAX_FRAME);
  assertEquals(chunksCost(MAX_CHUNKS_SIZE), around + MAX_CHUNKS_SIZE);
  assertEquals(chunksCost(CHUNK_HEADER + 1), 1024);
});

Deno.test("restCost: is enough however a sender cuts the rest, if no chunk but the last is below MAX_WHOLE", () => {
  const cuts = fc.array(fc.integer({ min: MAX_WHOLE, max: MAX_PIECE }), { maxLength: 40 });
  const last = fc.oneof(fc.constantFrom(0, 1, MAX_WHOLE), fc.nat({ max: MAX_PIECE }));
  fc.assert(fc.property(cuts, last, (cuts, last) => {
    const pieces = last > 0 ? [...cuts, last] : cuts;
    const rest = pieces.reduce((sum, piece) => sum + piece, 0);
    const cost = pieces.reduce((sum, piece) => sum + chunksCost(CHUNK_HEADER + piece), 0);
    assert(cost <= restCost(rest), `${cost} of ${restCost(rest)}`);
  }));
  assertEquals(restCost(0), 0);
  // Not much more than the file: a sender could send as much that nobody has asked for.
  const large = 1024 * 1024 * 1024;
  assert(restCost(large) < large * 1.005);
});

// ---- file messages ----

Deno.test("decodeFileMessages: reads back any number of encoded file messages; fileMessageSize gives their bytes", () => {
  fc.assert(
    fc.property(fc.array(fileMessage), fc.integer({ min: 0, max: 255 }), (messages, refused) => {
      const bytes = encodeFileMessages({ refused, messages });
      assertEquals(decodeFileMessages(bytes), { refused, messages });
      assertEquals(bytes.length, messages.reduce((sum, one) => sum + fileMessageSize(one), 1));
    }),
  );
});

Deno.test("decodeFileMessages: what it returns stays when its bytes are used again", () => {
  const messages: FileMessage[] = [
    { kind: "offer", id: ID, size: 3, name: "a" },
    { kind: "ask", id: ID, generation: 1, offset: 2, prefix: SHA256 },
    { kind: "hash", id: ID, sha256: SHA256 },
  ];
  const bytes = encodeFileMessages({ refused: 0, messages });
  const decoded = decodeFileMessages(bytes);
  bytes.fill(0x5a);
  assertEquals(decoded.messages, messages);
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
    { kind: "offer", id: ID, size: 3, name: "größer.txt" },
    { kind: "ask", id: ID, generation: 1, offset: 0 },
    { kind: "ask", id: ID, generation: 2, offset: 1, prefix: SHA256 },
    { kind: "hash", id: ID, sha256: SHA256 },
    { kind: "differs", id: ID },
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

Deno.test("encodeFileMessages: accepts offsets, sizes, names, ids and hashes up to their limits, and no more", () => {
  const encode = (message: FileMessage) => encodeFileMessages({ refused: 0, messages: [message] });
  const ask = (offset: number) => encode({ kind: "ask", id: ID, generation: 1, offset });
  const offer = (size: number, name: string) => encode({ kind: "offer", id: ID, size, name });
  for (const offset of [0, Number.MAX_SAFE_INTEGER]) ask(offset);
  for (const offset of [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, NaN]) {
    assertThrows(() => ask(offset), RangeError, "a part is at");
  }
  for (const size of [0, Number.MAX_SAFE_INTEGER]) offer(size, "");
  for (const size of [-1, Number.MAX_SAFE_INTEGER + 1, NaN]) {
    assertThrows(() => offer(size, ""), RangeError, "a size is");
  }
  offer(0, "photos/empty/");
  assertThrows(() => offer(1, "photos/empty/"), RangeError, "a folder has 1 bytes");
  offer(0, "é".repeat(MAX_FILE_NAME / 2));
  assertThrows(() => offer(0, "é".repeat(MAX_FILE_NAME / 2) + "."), RangeError, "a name has");
  for (const size of [0, SHA256_SIZE - 1, SHA256_SIZE + 1]) {
    const wrong = new Uint8Array(size);
    const fault = `a hash has ${size} bytes`;
    assertThrows(() => encode({ kind: "hash", id: ID, sha256: wrong }), RangeError, fault);
    const resume = { kind: "ask", id: ID, generation: 1, offset: 1, prefix: wrong } as const;
    assertThrows(() => encode(resume), RangeError, fault);
  }
  const short = new Uint8Array(TRANSFER_ID_SIZE - 1);
  assertThrows(() => encode({ kind: "done", id: short }), RangeError, "an id has 15 bytes");
});

Deno.test("decodeFileMessages: an offer of a folder that has bytes is invalid", () => {
  const sizeAt = 1 + 1 + TRANSFER_ID_SIZE + 7;
  for (
    const [name, isValid] of [["a/", false], ["/", false], ["a", true], ["a/b", true]] as const
  ) {
    const offer = { kind: "offer", id: ID, size: 0, name } as const;
    const bytes = encodeFileMessages({ refused: 0, messages: [offer] });
    assertEquals(decodeFileMessages(bytes).messages, [offer]);
    bytes[sizeAt] = 1;
    if (isValid) assertEquals(decodeFileMessages(bytes).messages, [{ ...offer, size: 1 }]);
    else assertThrows(() => decodeFileMessages(bytes), RangeError, "a folder has 1 bytes");
  }
});

Deno.test("decodeFileMessages: throws on offsets, sizes and kinds that no sender may write", () => {
  const place = 1 + 1 + TRANSFER_ID_SIZE;
  const changed = (message: FileMessage, at: number, ...values: number[]) => {
    const bytes = encodeFileMessages({ refused: 0, messages: [message] });
    bytes.set(values, at);
    return () => decodeFileMessages(bytes);
  };
  const ask = { kind: "ask", id: ID, generation: 1, offset: 0 } as const;
  const resume = { ...ask, prefix: SHA256 };
  for (const message of [ask, resume]) {
    assertThrows(changed(message, place + 4, 0xff), RangeError, "a part is at");
    assertThrows(changed(message, place + 4, 0, 0x20), RangeError, "a part is at");
    assertEquals(
      changed(message, place, 0xff, 0xff, 0xff, 0xff, 0, 0x1f)().messages,
      [{ ...message, generation: 2 ** 32 - 1, offset: 0x1f * 2 ** 48 }],
    );
  }
  const offer = { kind: "offer", id: ID, size: 0, name: "" } as const;
  assertThrows(changed(offer, place, 0, 0x20), RangeError, "a size is");
  assertThrows(changed(offer, place + 8, 0x04, 0x01), RangeError, "a name has 1025 bytes");
  assertThrows(changed(ask, 1, 0x5a), RangeError, "a later version");
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
    messages: [{ kind: "offer", id: ID, size: 1, name: "a" }],
  });
  named[named.length - 1] = 0xff;
  assertThrows(() => decodeFileMessages(named), RangeError, "not UTF-8");
});
