import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../errors.ts";
import fc from "../tests/support/property.ts";
import { dataCost, encodeGrantBody, parseData, parseGrant } from "./data.ts";

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

Deno.test("dataCost: the bytes of the frame, and at least 1024", () => {
  assertEquals([4, 1015, 1016, 65_536].map(dataCost), [1024, 1024, 1025, 65_545]);
});
