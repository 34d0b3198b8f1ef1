import { assertEquals, assertStrictEquals } from "@std/assert";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { boundaryFrom, graphemesBefore, graphemesFrom, splitGraphemes } from "./graphemes.ts";

Deno.test("splitGraphemes: one part for each character that people see", () => {
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

Deno.test("splitGraphemes: keeps all text, and splits ASCII like the segmenter", () => {
  fc.assert(fc.property(hardText, (text) => {
    assertStrictEquals(splitGraphemes(text).join(""), text);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (ascii) => {
    // A letter outside ASCII makes it use the segmenter.
    assertEquals(splitGraphemes(`${ascii}字`), [...splitGraphemes(ascii), "字"]);
  }));
});

Deno.test("graphemesFrom, graphemesBefore, boundaryFrom: the same graphemes as in the complete text", () => {
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
      // CR LF is one grapheme for splitGraphemes only.
      const text = parts.join("").replaceAll("\r", "");
      const complete = splitGraphemes(text);
      assertEquals([...graphemesFrom(text, 0)], complete);
      const boundaries = [0];
      for (const g of complete) boundaries.push(boundaries.at(-1)! + g.length);
      const places = Array.from({ length: text.length + 1 }, (_, at) => at);
      assertEquals(
        places.map((at) => boundaryFrom(text, at)),
        places.map((at) => boundaries.find((boundary) => boundary >= at)),
      );
      assertEquals(
        boundaries.map((boundary) => [...graphemesBefore(text, boundary)].reverse()),
        boundaries.map((_, i) => complete.slice(0, i)),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("graphemesFrom: long graphemes stay intact, and runs of graphemes are split correctly", () => {
  for (const length of [1, 255, 256, 257, 5000]) {
    const marked = `e${"\u0301".repeat(length)}`;
    assertEquals([...graphemesFrom(`${marked}x`, 0)], [marked, "x"]);
    const flags = "🇦🇹".repeat(length);
    assertEquals([...graphemesFrom(flags, 0)].length, length);
    assertEquals(graphemesBefore(flags, flags.length).next().value, "🇦🇹");
    // Skin tones are surrogate pairs: a piece could end in the middle of one.
    const thumbs = `${"a".repeat(length % 2)}${"👍🏽".repeat(length)}`;
    assertEquals([...graphemesFrom(thumbs, length % 2)].length, length);
  }
});
