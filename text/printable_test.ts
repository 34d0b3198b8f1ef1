import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc, { anyString } from "../tests/support/property.ts";
import { borderFrom, graphemesBefore, graphemesFrom, splitGraphemes } from "./graphemes.ts";
import { MAX_NAME_BYTES, MAX_NAME_COLUMNS, nameFault, toName } from "./names.ts";
import { jsonLine, printable } from "./printable.ts";
import { width, wrap } from "./width.ts";

const FAMILY = "👩‍👩‍👧‍👦";

/** Text that is hard: what breaks terminals, and what is made of several code points. */
const hardText = fc.array(
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

// ---- printable ----

Deno.test("printable: controls are shown, not obeyed", () => {
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

Deno.test("printable: what emoji and scripts are made of stays", () => {
  for (const text of [FAMILY, "❤️", "👍🏽", "🇩🇪", "नम\u200cस्ते", "葛\u{e0100}", "e\u0301", "שָׁלוֹם"]) {
    assertStrictEquals(printable(text), text);
  }
});

Deno.test("printable: newlines and tabs stay where lines are kept, and only these", () => {
  assertStrictEquals(printable("a\n\tb\r\x1b\u2028", "lines"), "a\n\tb␍␛\\u{2028}");
});

Deno.test("printable: of all code points, none is left that is a control or can't be seen", () => {
  // By Unicode's own properties, one by one; the exceptions are what emoji and scripts need.
  const allowed = /^[\u200c\u200d]|\p{Variation_Selector}$/u;
  const hazard = /^[\p{Control}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}\p{DI}]$/u;
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    const expected = hazard.test(character) && !allowed.test(character);
    // Interlinear annotation: the only hazards without a property of their own.
    const annotation = code >= 0xfff9 && code <= 0xfffb;
    if ((printable(character) !== character) !== (expected || annotation)) {
      throw new Error(`U+${code.toString(16)} is ${expected ? "kept" : "replaced"}`);
    }
  }
});

Deno.test("printable: no hazard is left in any text, and a second time changes nothing", () => {
  fc.assert(fc.property(hardText, (text) => {
    const shown = printable(text);
    assert(!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(shown), JSON.stringify(shown));
    assertStrictEquals(printable(shown), shown);
    const lines = printable(text, "lines");
    assertStrictEquals(printable(lines, "lines"), lines);
    assertStrictEquals(lines.split("\n").length, text.split("\n").length);
  }));
});

// ---- width, splitGraphemes ----

Deno.test("width: the columns a terminal takes", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["字", 2],
    ["ｶﾞ", 2],
    ["한글", 4],
    ["Ａ", 2],
    ["🙂", 2],
    [FAMILY, 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["\u200d", 0],
    ["字a🙂", 5],
  ];
  for (const [text, columns] of cases) assertStrictEquals(width(text), columns, text);
});

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

// ---- names ----

Deno.test("nameFault: names that are valid", () => {
  const valid = [
    "Ada",
    "a",
    "o'neil",
    "José",
    "李雷",
    "عمر",
    "🙂",
    FAMILY,
    "a/b",
    "-",
    "x_y.z-1",
    "@a",
  ];
  for (const name of valid) assertStrictEquals(nameFault(name), undefined, name);
});

Deno.test("nameFault: names that are not, and why", () => {
  const cases: [string, string][] = [
    ["", "must not be empty"],
    ["a\x1b[2J", "must not hold control characters: it has ␛"],
    ["a\nb", "must not hold control characters: it has ␊"],
    ["a\u202eb", "must not hold control characters: it has \\u{202e}"],
    ["a\u034fb", "must not hold control characters: it has \\u{34f}"],
    ["a\ud800", "must not hold control characters: it has \\u{d800}"],
    ["two words", "must not hold spaces"],
    [" ", "must not hold spaces"],
    ["a\u00a0b", "must not hold spaces"],
    ["a\u3000b", "must not hold spaces"],
    ["\u2800", "must not hold spaces"],
    ["a:b", `must not hold ":"`],
    ["a#1", `must not hold "#"`],
    ["bob(!)", `must not hold "(!)"`],
    ["(!)", `must not hold "(!)"`],
    ["a(!)b", `must not hold "(!)"`],
    ["/quit", `must not start with "/"`],
    ["\u0301", "must be visible"],
    ["\u200d", "must be visible"],
    ["\ufe0f", "must be visible"],
  ];
  for (const [name, fault] of cases) {
    assertStrictEquals(nameFault(name), fault, JSON.stringify(name));
    // Found by a pattern with a memory: the second time must not differ.
    assertStrictEquals(nameFault(name), fault);
  }
});

Deno.test("nameFault: the limits, in bytes and in columns", () => {
  assertStrictEquals(nameFault("a".repeat(MAX_NAME_COLUMNS)), undefined);
  assertStrictEquals(
    nameFault("a".repeat(MAX_NAME_COLUMNS + 1)),
    `must be at most ${MAX_NAME_COLUMNS} columns wide: it is ${MAX_NAME_COLUMNS + 1}`,
  );
  assertStrictEquals(nameFault("字".repeat(MAX_NAME_COLUMNS / 2)), undefined);
  assert(nameFault("字".repeat(MAX_NAME_COLUMNS / 2) + "a") !== undefined);
  // PeerId take bytes and no columns.
  const marks = (bytes: number) => "ab".slice(0, 2 - bytes % 2) + "\u0301".repeat((bytes - 1) >> 1);
  assertStrictEquals(nameFault(marks(MAX_NAME_BYTES - 1)), undefined);
  assertStrictEquals(nameFault(marks(MAX_NAME_BYTES)), undefined);
  assertStrictEquals(
    nameFault(marks(MAX_NAME_BYTES + 1)),
    `must have at most ${MAX_NAME_BYTES} bytes: it has ${MAX_NAME_BYTES + 1}`,
  );
});

Deno.test("toName: the nearest valid name", () => {
  const cases: [string, string][] = [
    ["ada", "ada"],
    ["Ada Lovelace", "Ada-Lovelace"],
    ["DOMAIN\\ada", "DOMAIN\\ada"],
    ["/root", "root"],
    ["a:b#c", "a-b-c"],
    ["e\u0301", "é"],
    ["  ", ""],
    ["", ""],
    ["---", ""],
    ["\x1b[2J", "[2J"],
    ["李 雷", "李-雷"],
    ["a".repeat(100), "a".repeat(MAX_NAME_COLUMNS)],
  ];
  for (const [text, name] of cases) assertStrictEquals(toName(text), name, JSON.stringify(text));
});

Deno.test("toName: of any text, empty or valid; a valid name without dashes at its ends stays", () => {
  fc.assert(fc.property(hardText, (text) => {
    const name = toName(text);
    assert(name === "" || nameFault(name) === undefined, JSON.stringify([text, name]));
    assertStrictEquals(toName(name), name);
  }));
});

// ---- wrap ----

Deno.test("wrap: at spaces where there are some, else between graphemes", () => {
  const cases: [string, number, string[]][] = [
    ["", 10, [""]],
    ["short", 10, ["short"]],
    ["exactly te", 10, ["exactly te"]],
    ["one two three", 7, ["one two", "three"]],
    ["one two three", 8, ["one two", "three"]],
    ["one two three", 6, ["one", "two", "three"]],
    ["abcdefghij", 4, ["abcd", "efgh", "ij"]],
    ["ab cdefghij", 4, ["ab", "cdef", "ghij"]],
    ["one two", 3, ["one", "two"]],
    ["aaa ", 3, ["aaa", ""]],
    ["a  b", 2, ["a ", "b"]],
    ["字字字", 4, ["字字", "字"]],
    ["字字字", 5, ["字字", "字"]],
    ["a字", 2, ["a", "字"]],
    [`${FAMILY}${FAMILY}`, 3, [FAMILY, FAMILY]],
    // What is behind the space and the wide character do not fit into one row.
    [" aaa字", 4, [" aaa", "字"]],
    ["a bbb字", 4, ["a", "bbb", "字"]],
    [" aaaa", 4, [" aaa", "a"]],
    // One grapheme, wider than a row.
    ["ｶﾞﾞﾞﾞ", 2, ["ｶﾞ", "ﾞﾞ", "ﾞ"]],
    ["\u1100\u1100\u1100", 4, ["\u1100\u1100", "\u1100"]],
  ];
  for (const [line, columns, rows] of cases) {
    assertEquals(wrap(line, columns), rows, JSON.stringify([line, columns]));
  }
});

Deno.test("wrap: no row is wider than it may be, and only break spaces are lost", () => {
  fc.assert(
    fc.property(hardText, fc.integer({ min: 2, max: 12 }), (text, columns) => {
      const line = printable(text);
      const rows = wrap(line, columns);
      for (const row of rows) assert(width(row) <= columns, JSON.stringify([line, columns, rows]));
      // Between two rows stands nothing, or one space: where in `line` can the rows end?
      let ends = [0];
      rows.forEach((row, i) => {
        const starts = ends.flatMap((end) => i > 0 && line[end] === " " ? [end, end + 1] : [end]);
        ends = starts.filter((start) => line.startsWith(row, start)).map((start) =>
          start + row.length
        );
      });
      assert(ends.includes(line.length), JSON.stringify([line, columns, rows]));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("wrap: fewer than two columns are refused", () => {
  assertThrows(() => wrap("a", 1), RangeError, "at least 2");
});

Deno.test("jsonLine: one line that a terminal shows and does not obey, and that reads back the same", () => {
  const value = { text: "a\n\u2028\u2029\x1b[2J\x07\x85\u202e\u{1f600}é" };
  const line = jsonLine(value);
  assertEquals(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(line), false);
  assertEquals(JSON.parse(line), value);
});
