import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc from "../tests/support/property.ts";
import { printable } from "./printable.ts";
import { cut, room, roomFor, width, wrap } from "./width.ts";

Deno.test("width: columns in a terminal", () => {
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

Deno.test("room, roomFor: the columns of the terminal that needs the most", () => {
  const cases: [string, number][] = [
    ["a", 1],
    ["日", 2],
    ["e\u0301", 1],
    ["👨‍👩‍👧", 6],
    ["👍🏽", 4],
    ["1️⃣", 2],
    ["❤️", 2],
    ["❤\ufe0e", 1],
    ["🇩🇪", 4],
    ["🇩", 2],
    ["क्ष", 2],
    ["ทำ", 2],
    ["㉈", 2],
    ["\u06dd", 1],
  ];
  for (const [text, columns] of cases) {
    assertEquals(room(text), columns, text);
    if (text !== "ทำ") assertEquals(roomFor(text), columns, text);
    assertEquals(room(`a${text}b`), columns + 2, text);
  }
  assertEquals(cut("ทำทำทำ", 5), "ทำทำ…");
});

Deno.test("wrap: breaks at a space, or else between graphemes", () => {
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
    [`${FAMILY}${FAMILY}`, 10, [FAMILY, FAMILY]],
    // The text after the space and the wide character do not fit into one row.
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

Deno.test("wrap: no row is too wide, and only the spaces at breaks are dropped", () => {
  fc.assert(
    fc.property(hardText, fc.integer({ min: 2, max: 12 }), (text, columns) => {
      const line = printable(text);
      const rows = wrap(line, columns);
      for (const row of rows) assert(room(row) <= columns, JSON.stringify([line, columns, rows]));
      // Between two rows is nothing, or one space: where in `line` can the rows end?
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
