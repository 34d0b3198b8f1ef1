import { assertEquals, assertStrictEquals } from "@std/assert";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { borderFrom, graphemesBefore, graphemesFrom, splitGraphemes } from "./graphemes.ts";

Deno.test("splitGraphemes: what people see as one character is one", () => {
  const cases: string[][] = [
    [],
    ["a", "b"],
    ["é", "e\u0301"],
    [FAMILY, "👍🏽", "🇩🇪", "🇫🇷", "❤️"],
    ["a", "\r\n", "b", "\n", "\r"],
    ["字", " ", "ｶﾞ"],
  ];
  for (const parts of cases) assertEquals(splitGraphemes(parts.join("")), parts);
});

Deno.test("splitGraphemes: nothing is lost, and the short way for ASCII splits like the long one", () => {
  fc.assert(fc.property(hardText, (text) => {
    assertStrictEquals(splitGraphemes(text).join(""), text);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (ascii) => {
    // A letter that is not ASCII takes the long way.
    assertEquals(splitGraphemes(`${ascii}字`), [...splitGraphemes(ascii), "字"]);
  }));
});

Deno.test("graphemesFrom, graphemesBefore, borderFrom: the same graphemes as those of the whole text", () => {
  const unit = fc.oneof(
    hardText,
    anyString({ maxLength: 4 }),
    fc.constantFrom(
      "\u0600",
      "\u{110bd}",
      "\u{1f1e6}",
      "\u200d",
      "\ufe0f",
      "\u3099",
      "\u1100",
      "\u1161",
      "\u11a8",
      "가",
      "！",
      "क",
      "्",
      "\n",
    ),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (parts) => {
      // A newline is a grapheme of its own, which needs no test where nothing can stand before it.
      const text = parts.join("").replaceAll("\r", "");
      const whole = splitGraphemes(text);
      assertEquals([...graphemesFrom(text, 0)], whole);
      const borders = [0];
      for (const g of whole) borders.push(borders.at(-1)! + g.length);
      const places = Array.from({ length: text.length + 1 }, (_, at) => at);
      assertEquals(
        places.map((at) => borderFrom(text, at)),
        places.map((at) => borders.find((border) => border >= at)),
      );
      assertEquals(
        borders.map((border) => [...graphemesBefore(text, border)].reverse()),
        borders.map((_, i) => whole.slice(0, i)),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("graphemesFrom: a grapheme of any length is one, and runs of them are split right", () => {
  for (const length of [1, 255, 256, 257, 5000]) {
    const marked = `e${"\u0301".repeat(length)}`;
    assertEquals([...graphemesFrom(`${marked}x`, 0)], [marked, "x"]);
    const flags = "🇦🇹".repeat(length);
    assertEquals([...graphemesFrom(flags, 0)].length, length);
    assertEquals(graphemesBefore(flags, flags.length).next().value, "🇦🇹");
    // Skin tones are beyond the first 64 Ki code points, where a piece could end in the middle of one.
    const thumbs = `${"a".repeat(length % 2)}${"👍🏽".repeat(length)}`;
    assertEquals([...graphemesFrom(thumbs, length % 2)].length, length);
  }
});
