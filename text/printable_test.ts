import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc from "../tests/support/property.ts";
import { jsonLine, printable } from "./printable.ts";

Deno.test("printable: control characters become visible", () => {
  const cases: [string, string][] = [
    ["plain text, Grüße, 你好 🙂", "plain text, Grüße, 你好 🙂"],
    ["\x1b[2Jboo", "␛[2Jboo"],
    ["\x1b]0;title\x07", "␛]0;title␇"],
    ["\0", "␀"],
    ["a\rb", "a␍b"],
    ["a\nb\tc", "a␊b␉c"],
    ["\x7f", "␡"],
    ["\x9b31m", "\\u{9b}31m"],
    ["\x85", "\\u{85}"],
    ["user\u202egpj.exe", "user\\u{202e}gpj.exe"],
    ["a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"],
    ["a\u200bb", "a\\u{200b}b"],
    ["\ufeff", "\\u{feff}"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\ud83d", "\\u{d83d}"],
    ["\ude42\ud83d", "\\u{de42}\\u{d83d}"],
    ["", ""],
  ];
  for (const [text, shown] of cases) assertStrictEquals(printable(text), shown);
});

Deno.test("printable: the parts of emoji and scripts stay", () => {
  for (const text of [FAMILY, "❤️", "👍🏽", "🇩🇪", "नम\u200cस्ते", "葛\u{e0100}", "e\u0301", "שָׁלוֹם"]) {
    assertStrictEquals(printable(text), text);
  }
});

Deno.test('printable: with "lines", newlines and tabs stay, and nothing else', () => {
  assertStrictEquals(printable("a\n\tb\r\x1b\u2028", "lines"), "a\n\tb␍␛\\u{2028}");
});

Deno.test("printable: of all code points, no control and no invisible character is left", () => {
  // By Unicode's properties, one by one. The exceptions are those that emoji and scripts need.
  const allowed = /^[\u200c\u200d]|\p{Variation_Selector}$/u;
  const hazard = /^[\p{Control}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}\p{DI}]$/u;
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    const expected = hazard.test(character) && !allowed.test(character);
    // Interlinear annotation: the only hazards without a property.
    const annotation = code >= 0xfff9 && code <= 0xfffb;
    if ((printable(character) !== character) !== (expected || annotation)) {
      throw new Error(`U+${code.toString(16)} is ${expected ? "kept" : "replaced"}`);
    }
  }
});

Deno.test("printable: no hazard is left in any text, and a second call changes nothing", () => {
  fc.assert(fc.property(hardText, (text) => {
    const shown = printable(text);
    assert(!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(shown), JSON.stringify(shown));
    assertStrictEquals(printable(shown), shown);
    const lines = printable(text, "lines");
    assertStrictEquals(printable(lines, "lines"), lines);
    assertStrictEquals(lines.split("\n").length, text.split("\n").length);
  }));
});

Deno.test("jsonLine: one line without control characters, which parses to the same object", () => {
  const value = { text: "a\n\u2028\u2029\x1b[2J\x07\x85\u202e\u{1f600}é" };
  const line = jsonLine(value);
  assertEquals(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(line), false);
  assertEquals(JSON.parse(line), value);
});
