// Test helper: texts that are hard to show or meant to harm a terminal. No part of the program.

import fc, { anyString } from "./property.ts";

/** One grapheme, two columns, seven code points. */
export const FAMILY = "👩‍👩‍👧‍👦";

/** Texts of characters that break terminals, and of characters that consist of several code points. */
export const hardText = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(..." abcdeXYZ  ") },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...["字", "한", "é", "e\u0301", "e\u0301\u0323\u0302", "ไม่", "क्षि", "ﷺ", "שָׁ"],
        ...["🙂", FAMILY, "👍🏽", "🇩🇪", "🇩", "❤️", "1️⃣", "🏴\u{e0067}\u{e007f}"],
        ...["ｶﾞ", "ｶﾞﾞﾞﾞﾞ", "\u1100\u1161\u11a8", "\u1100\u1100\u1100", "㈱", "\u3000"],
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...["\x1b[2J", "\x1b]0;t\x07", "\x9b", "\0", "\x7f", "\r\n", "\r", "\n", "\t", "\u2028"],
        ...[
          "\u200d",
          "\u200b",
          "\ufe0f",
          "\u202e",
          "\u2066",
          "\u00ad",
          "\ufeff",
          "\u0301",
          "\u034f",
        ],
        ...[
          "\ud83d",
          "\ude42",
          "\u{e0041}",
          "\u3164",
          "\u115f",
          "\u{1d173}",
          "\u2800",
          "\u{10ffff}",
        ],
      ),
    },
    { weight: 1, arbitrary: anyString({ minLength: 1, maxLength: 3 }) },
  ),
  { maxLength: 40 },
).map((parts) => parts.join(""));

/** All C0 and C1 controls, DEL, sequences of each kind, bidi controls and invisible characters. */
const CONTROLS = Array.from(
  { length: 0xa0 },
  (_, code) => code < 0x20 || code >= 0x7f ? String.fromCharCode(code) : "",
).join("a");
/** Texts of a hostile member. */
export const HOSTILE: readonly string[] = [
  CONTROLS,
  "\x1b[2J\x1b[H\x1b[31m\x1b[?1049h\x1b[?1004l\x1b[6n\x1b[8;1;1t\x1bc\x1b7\x1b8\x1b#8\x1b(0",
  "\x1b]0;t\x07\x1b]8;;http://evil.example\x1b\\x\x1b]52;c;aGk=\x07\x1b]11;?\x07\x1b]9;n\x07",
  "\x1bP1$r0m\x1b\\\x1b_G\x1b\\\x1b^p\x1b\\\x1bXs\x1b\\",
  "\u202e\u202d\u2066\u2067\u2068\u202a\u202b\u200e\u200f\u061c evil \u202c\u2069",
  "\u2028\u2029\ufeff\u{e0041}\ufff9\u00ad\u3164\ud800\udc00\ud800",
];
