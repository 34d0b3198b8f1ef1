import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "./property.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
} from "./envelope.ts";
import { nameFault } from "./text.ts";

const utf8 = new TextEncoder();

Deno.test("encodeEnvelope: one letter for the kind, then the text in UTF-8", () => {
  assertEquals(encodeEnvelope({ kind: "text", text: "Yep!" }), utf8.encode("TYep!"));
  assertEquals(encodeEnvelope({ kind: "action", text: "waves" }), utf8.encode("Awaves"));
  assertEquals(encodeEnvelope({ kind: "text", text: "" }), utf8.encode("T"));
});

Deno.test("encodeEnvelope: in any script it is ENVELOPE_OVERHEAD longer than its text", () => {
  for (const text of ["", "plain", "größer", "Привет", "مرحبا", "你好", "🙂👩‍👩‍👧‍👦"]) {
    assertStrictEquals(
      encodeEnvelope({ kind: "text", text }).length,
      ENVELOPE_OVERHEAD + utf8.encode(text).length,
    );
  }
});

Deno.test("decodeEnvelope: what was encoded comes back, also controls and a byte order mark", () => {
  const kind = fc.constantFrom("text" as const, "action" as const);
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\ufeffmark", "a\0b", "\x1b[2J", "two\nlines\r\n"),
  );
  fc.assert(fc.property(kind, text, (kind, text) => {
    assertEquals(decodeEnvelope(encodeEnvelope({ kind, text })), { kind, text });
  }));
});

Deno.test("encodeEnvelope: a lone half of a surrogate pair becomes U+FFFD", () => {
  for (const half of ["\ud800", "\udfff"]) {
    assertEquals(decodeEnvelope(encodeEnvelope({ kind: "text", text: `a${half}b` })), {
      kind: "text",
      text: "a\ufffdb",
    });
  }
});

Deno.test("decodeEnvelope: kinds of later versions are unknown, whatever follows", () => {
  for (let kind = 0; kind < 256; kind++) {
    if (kind === 0x54 || kind === 0x41) continue;
    assertEquals(decodeEnvelope(Uint8Array.of(kind)), { kind: "unknown" });
    assertEquals(decodeEnvelope(Uint8Array.of(kind, 0xff, 0xfe)), { kind: "unknown" });
  }
});

/** Bytes that are not UTF-8. */
const NOT_UTF8: Record<string, number[]> = {
  "a continuation byte alone": [0x80],
  "a character cut short": [0xe4, 0xbd],
  "an overlong slash": [0xc0, 0xaf],
  "a half of a surrogate pair": [0xed, 0xa0, 0x80],
  "beyond U+10FFFF": [0xf4, 0x90, 0x80, 0x80],
};

Deno.test("decodeEnvelope: nothing, and text that is not UTF-8, are refused", () => {
  assertThrows(() => decodeEnvelope(new Uint8Array(0)), RangeError, "it is empty");
  for (const bytes of Object.values(NOT_UTF8)) {
    for (const kind of [0x54, 0x41]) {
      assertThrows(() => decodeEnvelope(Uint8Array.of(kind, ...bytes)), RangeError, "not UTF-8");
    }
  }
});

Deno.test("encodeProfile: JSON with the name, and nothing else of what it is given", () => {
  const more = { name: "Ada", secret: 1 };
  assertEquals(encodeProfile(more), utf8.encode(`{"name":"Ada"}`));
});

Deno.test("decodeProfile: what was encoded comes back", () => {
  for (const name of ["Ada", "Grace", "José", "李雷", "🙂", `"quoted"`, "back\\slash"]) {
    assertEquals(decodeProfile(encodeProfile({ name })), { name });
  }
});

Deno.test("decodeProfile: what a later version adds is left out", () => {
  assertEquals(decodeProfile(utf8.encode(`{"name":"Ada","key":"x"}`)), { name: "Ada" });
});

Deno.test("decodeProfile: what is no profile is refused", () => {
  for (const bytes of Object.values(NOT_UTF8)) {
    assertThrows(() => decodeProfile(Uint8Array.from(bytes)), RangeError, "no JSON");
  }
  for (const json of ["", "{", "name", `{"name":"Ada"}x`]) {
    assertThrows(() => decodeProfile(utf8.encode(json)), RangeError, "no JSON");
  }
  const nameless = [
    "null",
    "7",
    `"Ada"`,
    "[]",
    `["Ada"]`,
    "{}",
    `{"name":7}`,
    `{"name":null}`,
    `{"name":["Ada"]}`,
    `{"__proto__":{"name":"Ada"}}`,
    "[".repeat(1024) + "]".repeat(1024),
  ];
  for (const json of nameless) {
    assertThrows(() => decodeProfile(utf8.encode(json)), RangeError, "has no name");
  }
});

Deno.test("decodeProfile: the name is checked like one's own", () => {
  for (const name of ["", "two words", "a:b", "#1", "/quit", "\x1b[2J", "\u202e", "\ud800"]) {
    const fault = nameFault(name);
    assert(fault !== undefined, JSON.stringify(name));
    const bytes = utf8.encode(JSON.stringify({ name }));
    assertThrows(() => decodeProfile(bytes), RangeError, `a name ${fault}`);
  }
});

Deno.test("decodeEnvelope, decodeProfile: any bytes give a value or a RangeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    for (const decode of [decodeEnvelope, decodeProfile]) {
      try {
        decode(bytes);
      } catch (error) {
        assert(error instanceof RangeError, `${error}`);
      }
    }
  }));
});
