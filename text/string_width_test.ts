import { assertEquals, assertStrictEquals } from "@std/assert";
import reference from "string-width";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { stringWidth } from "./string_width.ts";

/** The step to the next code point: each one of the small scripts and emoji, and a sample of the large ranges. */
const step = (code: number) => code < 0x3400 || (code >= 0x1f000 && code < 0x1fc00) ? 1 : 29;

Deno.test("stringWidth: the same as the package for code points", () => {
  const different: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += step(code)) {
    // The package removes escape sequences. No text here has any.
    if (code === 0x1b || code === 0x9b) continue;
    const c = String.fromCodePoint(code);
    if (stringWidth(c) !== reference(c)) different.push(code.toString(16));
  }
  assertEquals(different, []);
});

Deno.test("stringWidth: the same as the package for sequences", () => {
  const texts = [
    FAMILY,
    "1\u20e3",
    "1\ufe0f\u20e3",
    "#\u20e3a",
    "🇩🇪🇩",
    "❤\u200d🔥",
    "👩🏽\u200d💻",
    "©\ufe0e©\ufe0f",
    "\u200d🙂",
    "ｶﾞｶﾟｱｰ",
    "か\u3099",
    "ทำ",
    "क्षि",
    "\u0903",
    "\u1100\u1161\u11a8",
    "\u1100\u1100\u1161",
    "\u1100\uac00\u11a8",
    "\u1161\u11a8",
    "\u115f\u1160",
    "\ua960\ud7b0\ud7cb",
    "e\u0301\u0302",
    "\u0301",
    "\ud83d",
    "",
  ];
  for (const text of texts) {
    assertStrictEquals(stringWidth(text), reference(text), JSON.stringify(text));
  }
});

Deno.test("stringWidth: the same as the package for any text", () => {
  const pieces = fc.constantFrom(
    ...[
      "\u200d",
      "\ufe0f",
      "\ufe0e",
      "\u20e3",
      "🙂",
      "👩",
      "🏽",
      "🇩",
      "1",
      "\u1100",
      "\u1161",
      "\u11a8",
    ],
    ...["가", "각", "字", "ｶ", "ﾞ", "\u0301", "\u0903", "\u0600", "\u0e33", "\ud800", "\n", "\t"],
  );
  const text = fc.oneof(
    hardText,
    anyString(),
    fc.array(pieces).map((all) => all.join("")),
  ).filter((one) => !one.includes("\x1b") && !one.includes("\x9b"));
  fc.assert(fc.property(text, (one) => assertStrictEquals(stringWidth(one), reference(one))));
});
