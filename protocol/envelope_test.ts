import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { Buffer } from "node:buffer";
import fc, { anyString } from "../tests/support/property.ts";
import { nameFault } from "../text/names.ts";
import {
  type Content,
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
  NUMBER_OVERHEAD,
  TEXT_OVERHEAD,
} from "./envelope.ts";
import { MAX_SEQ, ORIGIN_SIZE } from "./message_ids.ts";

const utf8 = new TextEncoder();

Deno.test("encodeEnvelope: writes a letter for the kind, then the text in UTF-8", () => {
  assertEquals(encodeEnvelope({ kind: "text", text: "Yep!" }), utf8.encode("TYep!"));
  assertEquals(encodeEnvelope({ kind: "action", text: "waves" }), utf8.encode("Awaves"));
  assertEquals(encodeEnvelope({ kind: "text", text: "" }), utf8.encode("T"));
});

Deno.test("encodeEnvelope: adds ENVELOPE_OVERHEAD bytes to a text in any script", () => {
  for (const text of ["", "plain", "größer", "Привет", "مرحبا", "你好", "🙂👩‍👩‍👧‍👦"]) {
    assertStrictEquals(
      encodeEnvelope({ kind: "text", text }).length,
      ENVELOPE_OVERHEAD + utf8.encode(text).length,
    );
  }
});

Deno.test("decodeEnvelope: returns the encoded text, with controls and a byte order mark", () => {
  const kind = fc.constantFrom("text" as const, "action" as const);
  const text = fc.oneof(
    anyString(),
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

Deno.test("decodeEnvelope: kinds of later versions are unknown, whatever their payload", () => {
  for (let kind = 0; kind < 256; kind++) {
    if ("TAFQED+-NRX".includes(String.fromCharCode(kind))) continue;
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

/** The reference of a message. */
const RE = "00112233445566778899aabbccddeeff";

Deno.test("encodeEnvelope: answers, corrections and reactions name a message; decoding returns them", () => {
  const contents: Content[] = [
    { kind: "text", text: "yes", re: RE },
    { kind: "action", text: "", re: RE },
    { kind: "edit", text: "no\nreally", re: RE },
    { kind: "delete", re: RE },
    { kind: "react", text: "👩‍👩‍👧‍👦", re: RE },
    { kind: "unreact", text: "é", re: RE },
  ];
  for (const content of contents) {
    assertEquals(decodeEnvelope(encodeEnvelope(content)), content);
    const number = { origin: new Uint8Array(8), seq: 7, replay: true };
    assertEquals(decodeEnvelope(encodeEnvelope({ ...content, number })), { ...content, number });
  }
  const longest = encodeEnvelope({
    ...{ kind: "text", text: "yes", re: RE },
    number: { origin: new Uint8Array(8), seq: 1, replay: false },
    refused: 2,
  });
  assertEquals(longest.length, TEXT_OVERHEAD + "yes".length);
  for (const re of ["", RE.slice(2), `${RE}00`]) {
    assertThrows(() => encodeEnvelope({ kind: "delete", re }), RangeError, "its reference has");
  }
});

Deno.test("decodeEnvelope: rejects what names no message, and what an answer or a reaction cannot hold", () => {
  const about = (kind: string, ...rest: number[]) =>
    concat([
      new TextEncoder().encode(kind),
      Uint8Array.fromHex(RE),
      Uint8Array.from(rest),
    ]);
  const emoji = [...new TextEncoder().encode("👍")];
  for (const kind of "QED+-") {
    for (let size = 1; size <= 16; size++) {
      const cut = about(kind).subarray(0, size);
      assertThrows(() => decodeEnvelope(cut), RangeError, "ends within its reference");
    }
  }
  const cases: [Uint8Array, string][] = [
    [about("Q"), "it is empty"],
    [about("Q", 0x46), "an answer is a text or an action"],
    [about("Q", ...about("Q", 0x54)), "an answer is a text or an action"],
    [about("D", 0), "it goes on after its end"],
    [about("E", 0x80), "not UTF-8"],
    [about("+"), "a reaction is one emoji"],
    [about("+", 0x20), "a reaction is one emoji"],
    [about("+", ...emoji, ...emoji), "a reaction is one emoji"],
    [about("-", 0x61, 0x62), "a reaction is one emoji"],
    // A letter with many marks is one grapheme.
    [about("+", 0x61, ...Array(40).fill([0xcc, 0x81]).flat()), "a reaction is one emoji"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => decodeEnvelope(bytes), RangeError, message);
  }
  // An answer of a later version.
  assertEquals(decodeEnvelope(about("Q", 0x7a)), { kind: "unknown" });
});

Deno.test("decodeEnvelope: rejects an empty envelope and text that is not UTF-8", () => {
  assertThrows(() => decodeEnvelope(new Uint8Array(0)), RangeError, "it is empty");
  for (const bytes of Object.values(NOT_UTF8)) {
    for (const kind of [0x54, 0x41]) {
      assertThrows(() => decodeEnvelope(Uint8Array.of(kind, ...bytes)), RangeError, "not UTF-8");
    }
  }
});

const ORIGIN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** An envelope with a message id. */
function numbered(letter: string, seq: number[], inner: string): Uint8Array {
  return Uint8Array.of(...utf8.encode(letter), ...ORIGIN, ...seq, ...utf8.encode(inner));
}

Deno.test("encodeEnvelope: writes a message id first: a letter, the origin and the seq, big-endian", () => {
  const number = { origin: ORIGIN, seq: 0x01020304, replay: false };
  const text = { kind: "text", text: "Yep!" } as const;
  assertEquals(encodeEnvelope({ ...text, number }), numbered("N", [1, 2, 3, 4], "TYep!"));
  assertEquals(
    encodeEnvelope({ ...text, number: { ...number, replay: true } }),
    numbered("R", [1, 2, 3, 4], "TYep!"),
  );
  assertEquals(
    encodeEnvelope({ kind: "action", text: "", number: { ...number, seq: MAX_SEQ } }),
    numbered("N", [255, 255, 255, 255], "A"),
  );
  assertStrictEquals(
    encodeEnvelope({ ...text, number }).length,
    NUMBER_OVERHEAD + ENVELOPE_OVERHEAD + 4,
  );
});

Deno.test("encodeEnvelope: rejects an origin of another size and an invalid seq", () => {
  const encode = (origin: Uint8Array, seq: number) =>
    encodeEnvelope({ kind: "text", text: "", number: { origin, seq, replay: false } });
  for (const size of [0, ORIGIN_SIZE - 1, ORIGIN_SIZE + 1]) {
    assertThrows(() => encode(new Uint8Array(size), 1), RangeError, `has ${size} bytes`);
  }
  for (const seq of [0, -1, 1.5, MAX_SEQ + 1, NaN, Infinity]) {
    assertThrows(() => encode(ORIGIN, seq), RangeError, `its seq is ${seq}`);
  }
  for (const seq of [1, MAX_SEQ]) encode(ORIGIN, seq);
});

Deno.test("decodeEnvelope: returns the encoded message id", () => {
  const number = fc.record({
    origin: fc.uint8Array({ minLength: ORIGIN_SIZE, maxLength: ORIGIN_SIZE }),
    seq: fc.integer({ min: 1, max: MAX_SEQ }),
    replay: fc.boolean(),
  });
  const kind = fc.constantFrom("text" as const, "action" as const);
  fc.assert(fc.property(kind, anyString(), number, (kind, text, number) => {
    const envelope = { kind, text, number };
    assertEquals(decodeEnvelope(encodeEnvelope(envelope)), envelope);
  }));
});

Deno.test("decodeEnvelope: the origin does not change when the bytes are reused", () => {
  const bytes = numbered("N", [0, 0, 0, 1], "T");
  // The `slice` of a Buffer is a view.
  for (const given of [bytes, Buffer.from(bytes)]) {
    const { number } = decodeEnvelope(given);
    given.fill(0);
    assertEquals(number?.origin, ORIGIN);
    bytes.set(numbered("N", [0, 0, 0, 1], "T"));
  }
});

Deno.test("decodeEnvelope: a kind of a later version is unknown with a message id, too", () => {
  const number = { origin: ORIGIN, seq: 7, replay: false };
  assertEquals(decodeEnvelope(numbered("N", [0, 0, 0, 7], "Zx")), { kind: "unknown", number });
  assertEquals(decodeEnvelope(numbered("R", [0, 0, 0, 7], "\0")), {
    kind: "unknown",
    number: { ...number, replay: true },
  });
});

Deno.test("decodeEnvelope: rejects a message id that is cut, has the seq 0, or comes before another one or nothing", () => {
  for (const letter of ["N", "R"]) {
    const complete = numbered(letter, [0, 0, 0, 1], "T");
    for (let size = 1; size < NUMBER_OVERHEAD; size++) {
      assertThrows(
        () => decodeEnvelope(complete.subarray(0, size)),
        RangeError,
        "within its message id",
      );
    }
    const alone = complete.subarray(0, NUMBER_OVERHEAD);
    assertThrows(() => decodeEnvelope(alone), RangeError, "it is empty");
    assertThrows(() => decodeEnvelope(numbered(letter, [0, 0, 0, 0], "T")), RangeError, "is 0");
    for (const inner of ["N", "R", "N23456789abcdT", "R23456789abcdT"]) {
      const nested = numbered(letter, [0, 0, 0, 1], inner);
      assertThrows(() => decodeEnvelope(nested), RangeError, "two message ids");
    }
    const cut = Uint8Array.of(...complete, 0x80);
    assertThrows(() => decodeEnvelope(cut), RangeError, "not UTF-8");
  }
});

Deno.test("encodeEnvelope: writes the number of refused messages first: X, and the number, big-endian", () => {
  const number = { origin: ORIGIN, seq: 7, replay: false };
  const text = { kind: "text", text: "Yep!", number } as const;
  const rest = numbered("N", [0, 0, 0, 7], "TYep!");
  const after = (count: number[]) => Uint8Array.of(...utf8.encode("X"), ...count, ...rest);
  assertEquals(encodeEnvelope({ ...text, refused: 0x01020304 }), after([1, 2, 3, 4]));
  assertEquals(encodeEnvelope({ ...text, refused: MAX_SEQ }), after([255, 255, 255, 255]));
  // Nothing was refused.
  assertEquals(encodeEnvelope({ ...text, refused: 0 }), rest);
});

Deno.test("encodeEnvelope: rejects a number of refused messages that no envelope can hold, or without a message id", () => {
  const number = { origin: ORIGIN, seq: 7, replay: false };
  const text = { kind: "text", text: "" } as const;
  for (const refused of [-1, 0.5, MAX_SEQ + 1, NaN, Infinity]) {
    const fault = `the number of refused messages is ${refused}`;
    assertThrows(() => encodeEnvelope({ ...text, number, refused }), RangeError, fault);
  }
  const fault = "it counts refused messages and has no message id";
  assertThrows(() => encodeEnvelope({ ...text, refused: 1 }), RangeError, fault);
});

Deno.test("decodeEnvelope: returns the number of refused messages before a message of any kind", () => {
  const body = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
  const content = fc.oneof(
    fc.record({ kind: fc.constantFrom("text" as const, "action" as const), text: anyString() }),
    fc.record({ kind: fc.constant("text" as const), text: anyString(), re: fc.constant(RE) }),
    fc.record({ kind: fc.constant("delete" as const), re: fc.constant(RE) }),
    fc.record({ kind: fc.constant("file" as const), body }),
  );
  const seq = fc.integer({ min: 1, max: MAX_SEQ });
  fc.assert(fc.property(content, seq, seq, fc.boolean(), (content, seq, refused, replay) => {
    const envelope = { ...content, number: { origin: ORIGIN, seq, replay }, refused };
    assertEquals(decodeEnvelope(encodeEnvelope(envelope)), envelope);
  }));
  const number = { origin: ORIGIN, seq: 7, replay: false };
  const later = Uint8Array.of(0x58, 0, 0, 0, 2, ...numbered("N", [0, 0, 0, 7], "Zx"));
  assertEquals(decodeEnvelope(later), { kind: "unknown", number, refused: 2 });
});

Deno.test("decodeEnvelope: rejects a number of refused messages that is cut, 0, or not right before a message id", () => {
  const id = numbered("N", [0, 0, 0, 1], "T");
  const counted = Uint8Array.of(0x58, 0, 0, 0, 1);
  for (let size = 1; size < counted.length; size++) {
    const cut = counted.subarray(0, size);
    assertThrows(() => decodeEnvelope(cut), RangeError, "ends within a number");
  }
  const cases: [number[], string][] = [
    [[...counted], "it is empty"],
    [[0x58, 0, 0, 0, 0, ...id], "the number of refused messages is 0"],
    [[...counted, ...utf8.encode("TYep!")], "has no message id"],
    [[...counted, ...utf8.encode("Zx")], "has no message id"],
    [[...counted, ...counted, ...id], "has no message id"],
    [[...counted, ...id.subarray(0, 12)], "within its message id"],
    [[...id.subarray(0, 13), ...counted, ...id], "comes first"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => decodeEnvelope(Uint8Array.from(bytes)), RangeError, message);
  }
  // As long as a frame: no recursion.
  const nested = new Uint8Array(200_000).fill(0x58);
  assertThrows(() => decodeEnvelope(nested), RangeError, "has no message id");
});

Deno.test("encodeProfile: writes JSON with the name and no other field", () => {
  const more = { name: "Ada", secret: 1 };
  assertEquals(encodeProfile(more), utf8.encode(`{"name":"Ada"}`));
});

Deno.test("decodeProfile: returns the encoded profile", () => {
  for (const name of ["Ada", "Grace", "José", "李雷", "🙂", `"quoted"`, "back\\slash"]) {
    assertEquals(decodeProfile(encodeProfile({ name })), { name });
  }
});

Deno.test("decodeProfile: recognizes a classic client", () => {
  const profile = { name: "52684", classic: true } as const;
  assertEquals(encodeProfile(profile), utf8.encode('{"name":"52684","classic":true}'));
  assertEquals(decodeProfile(encodeProfile(profile)), profile);
  for (const other of ["false", "1", '"true"', "null"]) {
    const json = `{"name":"52684","classic":${other}}`;
    assertEquals(decodeProfile(utf8.encode(json)), { name: "52684" });
  }
});

Deno.test("decodeProfile: drops the fields of a later version", () => {
  assertEquals(decodeProfile(utf8.encode(`{"name":"Ada","key":"x"}`)), { name: "Ada" });
});

Deno.test("decodeProfile: rejects a name with an invisible character, or in another form than NFC", () => {
  for (const name of ["alice\u200d", "Jose\u0301"]) {
    const profile = encodeProfile({ name });
    assertThrows(() => decodeProfile(profile), RangeError, "Cannot accept a profile: a name must");
  }
});

Deno.test("decodeProfile: rejects a malformed profile", () => {
  for (const bytes of Object.values(NOT_UTF8)) {
    assertThrows(() => decodeProfile(Uint8Array.from(bytes)), RangeError, "not JSON");
  }
  for (const json of ["", "{", "name", `{"name":"Ada"}x`]) {
    assertThrows(() => decodeProfile(utf8.encode(json)), RangeError, "not JSON");
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

Deno.test("decodeProfile: checks the name like the user's own", () => {
  for (const name of ["", "two words", "a:b", "#1", "/quit", "\x1b[2J", "\u202e", "\ud800"]) {
    const fault = nameFault(name);
    assert(fault !== undefined, JSON.stringify(name));
    const bytes = utf8.encode(JSON.stringify({ name }));
    assertThrows(() => decodeProfile(bytes), RangeError, `a name ${fault}`);
  }
});

Deno.test("decodeEnvelope, decodeProfile: any bytes give a value or a RangeError", () => {
  const numbers = fc.uint8Array({ minLength: NUMBER_OVERHEAD - 2, maxLength: 20 })
    .map((bytes) => Uint8Array.of(0x4e, ...bytes));
  const any = fc.oneof(fc.uint8Array({ maxLength: 100 }), numbers);
  fc.assert(fc.property(any, (bytes) => {
    for (const decode of [decodeEnvelope, decodeProfile]) {
      try {
        decode(bytes);
      } catch (error) {
        assert(error instanceof RangeError, `${error}`);
      }
    }
  }));
});

Deno.test("envelopes: file messages are bytes after an F, with or without a message id", () => {
  const body = Uint8Array.of(0, 0xff, 0x80);
  assertEquals(encodeEnvelope({ kind: "file", body }), Uint8Array.of(0x46, 0, 0xff, 0x80));
  assertEquals(decodeEnvelope(Uint8Array.of(0x46, 0, 0xff, 0x80)), { kind: "file", body });
  const number = { origin: ORIGIN, seq: 7, replay: false };
  const envelope = { kind: "file", body, number } as const;
  assertEquals(decodeEnvelope(encodeEnvelope(envelope)), envelope);
});
