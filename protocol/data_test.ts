import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../errors.ts";
import fc from "../tests/support/property.ts";
import { FrameDecoder, MAX_FRAME, Type } from "../protocol.ts";
import { dataCost, encodeGrantBody, parseData, parseGrant, sealDataFrame } from "./data.ts";

Deno.test("GRANT: what is encoded is parsed, big-endian", () => {
  const grants = fc.record({
    generation: fc.nat({ max: 2 ** 32 - 1 }),
    total: fc.maxSafeNat(),
  });
  fc.assert(fc.property(grants, (grant) => {
    assertEquals(parseGrant(encodeGrantBody(grant)), grant);
  }));
  const bytes = encodeGrantBody({ generation: 2, total: 2 ** 32 + 3 });
  assertEquals([...bytes], [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]);
});

Deno.test("parseGrant: refuses other sizes, and totals that are no exact numbers", () => {
  for (const size of [0, 4, 11, 13]) {
    assertThrows(() => parseGrant(new Uint8Array(size)), ProtocolError, `GRANT has ${size} bytes`);
  }
  const body = encodeGrantBody({ generation: 1, total: Number.MAX_SAFE_INTEGER });
  assertEquals(parseGrant(body).total, Number.MAX_SAFE_INTEGER);
  body[5] = 0x20;
  assertThrows(() => parseGrant(body), ProtocolError, "not an integer");
});

Deno.test("parseData: the generation, and the rest as it is", () => {
  assertEquals(parseData(Uint8Array.of(0, 0, 1, 0, 7, 8)), {
    generation: 256,
    chunk: Uint8Array.of(7, 8),
  });
  assertEquals(parseData(Uint8Array.of(0, 0, 0, 1)).chunk.length, 0);
  for (let size = 0; size < 4; size++) {
    assertThrows(() => parseData(new Uint8Array(size)), ProtocolError, `DATA has ${size} bytes`);
  }
});

Deno.test("sealDataFrame: writes a frame with what is sealed, at the start of its buffer", () => {
  const into = new Uint8Array(40).fill(0x5a);
  const frame = sealDataFrame(into, 7, 2 ** 32 - 2, (space) => {
    // All that is left of the buffer.
    assertEquals(space, new Uint8Array(27).fill(0x5a));
    space.set([1, 2, 3]);
    return 3;
  });
  assertStrictEquals(frame.buffer, into.buffer);
  assertEquals(into.subarray(frame.length), new Uint8Array(40 - frame.length).fill(0x5a));
  const decoder = new FrameDecoder(MAX_FRAME);
  decoder.space().set(frame);
  decoder.fill(frame.length);
  const { type, id, body } = decoder.next()!;
  assertEquals([type, id], [Type.DATA, 7]);
  assertEquals(parseData(body), { generation: 2 ** 32 - 2, chunk: Uint8Array.of(1, 2, 3) });
  assertEquals(decoder.unread.length, 0);
});

Deno.test("dataCost: the bytes of the frame, and at least 1024", () => {
  assertEquals([4, 1015, 1016, 65_536].map(dataCost), [1024, 1024, 1025, 65_545]);
});
