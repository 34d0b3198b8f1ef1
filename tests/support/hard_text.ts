// Test helper: texts that are hard to show. No part of the program.

import fc, { anyString } from "./property.ts";

/** One grapheme, two columns, seven code points. */
export const FAMILY = "👩‍👩‍👧‍👦";

/** Texts of what breaks terminals and of characters that are made of several code points. */
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
