import { assertEquals, assertThrows } from "@std/assert";
import { TOKEN_SIZE } from "../protocol/resume.ts";
import fc from "../tests/support/property.ts";
import {
  encodeHaveBody,
  encodeJoin,
  encodeResumeBody,
  encodeSession,
  Kind,
  parseHaveBody,
  parseJoin,
  parseResumeBody,
  parseSession,
} from "./entry.ts";

const network = fc.oneof(
  fc.constantFrom("", "192.0.2.7", "2001:db8:1:2::/64"),
  fc.string({ maxLength: 60, unit: "grapheme" }),
);
const position = fc.maxSafeNat();
const token = fc.uint8Array({ minLength: TOKEN_SIZE, maxLength: TOKEN_SIZE })
  .map((bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true }));
const bytes = fc.uint8Array({ maxLength: 300 });

/** Between other bytes: a parser must not look beyond its own. */
function embedded(body: Uint8Array): Uint8Array {
  const around = new Uint8Array(body.length + 20).fill(0xee);
  around.set(body, 10);
  return around.subarray(10, 10 + body.length);
}

Deno.test("every body of an entry: parsing returns the encoded value", () => {
  fc.assert(fc.property(network, fc.boolean(), bytes, (network, noDirect, profile) => {
    const join = { network, noDirect, profile };
    assertEquals(parseJoin(embedded(encodeJoin(join))), join);
  }));
  fc.assert(fc.property(position, fc.boolean(), (position, isConfirmed) => {
    const have = { position, isConfirmed };
    assertEquals(parseHaveBody(embedded(encodeHaveBody(have))), have);
  }));
  fc.assert(fc.property(token, position, position, network, (token, room, own, network) => {
    const resume = { token, room, own, network };
    assertEquals(parseResumeBody(embedded(encodeResumeBody(resume))), resume);
  }));
  fc.assert(fc.property(token, bytes, (token, key) => {
    assertEquals(parseSession(embedded(encodeSession({ token, key }))), { token, key });
  }));
});

Deno.test("encodeJoin: the largest network has 255 bytes", () => {
  const join = (size: number) => ({
    network: "n".repeat(size),
    noDirect: false,
    profile: Uint8Array.of(7),
  });
  for (const size of [254, 255]) assertEquals(parseJoin(encodeJoin(join(size))), join(size));
  assertThrows(() => encodeJoin(join(256)), RangeError, "its network has 256 bytes");
});

Deno.test("encodeResumeBody, encodeSession: refuse a token of another size", () => {
  const key = new Uint8Array(64);
  for (const token of ["", "AAAA", "A".repeat(21), "A".repeat(23), "!".repeat(22)]) {
    assertThrows(() => encodeSession({ token, key }), RangeError, "Cannot use a token");
    const resume = { token, room: 0, own: 0, network: "" };
    assertThrows(() => encodeResumeBody(resume), RangeError, "Cannot use a token");
  }
});

Deno.test("parseSession: keeps a copy of the key, because an entry's bytes may change", () => {
  const body = encodeSession({ token: "A".repeat(22), key: Uint8Array.of(1, 2, 3) });
  const { key } = parseSession(body);
  body.fill(0);
  assertEquals(key, Uint8Array.of(1, 2, 3));
});

Deno.test("Kind: every kind has its own number", () => {
  const kinds = Object.values(Kind);
  assertEquals(new Set(kinds).size, kinds.length);
});
