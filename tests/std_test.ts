// The declarations in `std.d.ts` are our own. These tests use each declared function once. They compile and pass only if
// the library has the function and it works as declared.

import {
  assert,
  assertEquals,
  assertExists,
  assertGreaterOrEqual,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import { parseArgs } from "@std/cli/parse-args";
import { format } from "@std/fmt/bytes";
import {
  bold,
  cyan,
  dim,
  getColorEnabled,
  green,
  inverse,
  italic,
  red,
  rgb8,
  setColorEnabled,
  stripAnsiCode,
  yellow,
} from "@std/fmt/colors";
import { join } from "@std/path/join";
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toText } from "@std/streams/to-text";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { parse } from "@std/toml/parse";

Deno.test("@std/assert: each assertion passes if its condition holds, else it throws an AssertionError", async () => {
  const value: number | undefined = [1][0];
  assert(true);
  assertEquals({ a: [1] }, { a: [1] });
  assertNotEquals({ a: [1] }, { a: [2] });
  assertStrictEquals(value, 1);
  assertExists(value);
  assertMatch("abc", /b/);
  assertStringIncludes("abc", "b");
  assertGreaterOrEqual(1, 1);
  assertLess(1, 2);
  assertLessOrEqual(1, 1);

  const failing: (() => unknown)[] = [
    () => assert(false, "message"),
    () => assertEquals({ a: 1 }, { a: 2 }, "message"),
    () => assertNotEquals([1], [1], "message"),
    () => assertStrictEquals([], [], "message"),
    () => assertExists(null, "message"),
    () => assertMatch("abc", /x/, "message"),
    () => assertStringIncludes("abc", "x", "message"),
    () => assertGreaterOrEqual(1, 2, "message"),
    () => assertLess(1, 1, "message"),
    () => assertLessOrEqual(2, 1, "message"),
    () => fail("message"),
  ];
  // Without assertThrows, which is tested below.
  for (const act of failing) {
    let thrown: unknown;
    try {
      act();
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof AssertionError)) throw new Error(`${act} threw ${thrown}`);
    if (!thrown.message.includes("message")) throw new Error(`${act} lost its message`);
  }

  const wrong = () => {
    throw new RangeError("out of range");
  };
  assertStrictEquals(assertThrows(wrong, RangeError, "out of").message, "out of range");
  assertThrows(() => assertThrows(wrong, TypeError), AssertionError);
  assertThrows(() => assertThrows(() => {}, Error), AssertionError);
  const late = () => Promise.reject(new RangeError("out of range"));
  assertStrictEquals((await assertRejects(late, RangeError, "out of")).message, "out of range");
  await assertRejects(() => assertRejects(late, TypeError), AssertionError);
});

Deno.test("@std/cli/parse-args: parseArgs understands every declared option", () => {
  const unknown: (string | undefined)[] = [];
  const args = parseArgs(
    ["-v", "--name", "Ada", "--tag", "a", "--tag", "b", "--odd=1", "rest", "7", "--", "--raw"],
    {
      boolean: ["verbose"],
      string: ["name", "tag"],
      collect: ["tag"],
      alias: { verbose: "v" },
      "--": true,
      unknown: (arg, key, value) => {
        if (key === undefined) return true; // not an option
        unknown.push(arg, key, `${value}`);
        return false;
      },
    },
  );
  assertEquals([args["verbose"], args["v"], args["name"]], [true, true, "Ada"]);
  assertEquals(args._, ["rest", 7]);
  assertEquals(args["--"], ["--raw"]);
  assertEquals(args["odd"], undefined);
  assertEquals(args["tag"], ["a", "b"]);
  assertEquals(unknown, ["--odd=1", "odd", "1"]);
});

Deno.test("@std/fmt/bytes: format uses decimal or binary units, a number of digits and a locale", () => {
  assertStrictEquals(format(1500), "1.5 kB");
  assertStrictEquals(format(2048, { binary: true }), "2 kiB");
  assertStrictEquals(format(1234, { maximumFractionDigits: 1 }), "1.2 kB");
  assertStrictEquals(format(1500, { minimumFractionDigits: 3 }), "1.500 kB");
  assertStrictEquals(format(1500, { locale: "de" }), "1,5 kB");
});

Deno.test("@std/fmt/colors: each style wraps the text, and stripAnsiCode removes it", () => {
  const before = getColorEnabled();
  try {
    setColorEnabled(true);
    assertStrictEquals(getColorEnabled(), true);
    const styles = { bold, dim, italic, inverse, red, green, yellow, cyan };
    const styled = [...Object.values(styles).map((style) => style("x")), rgb8("x", 208)];
    assertStrictEquals(new Set(styled).size, styled.length);
    for (const text of styled) {
      assert(text !== "x" && text.includes("x"), text);
      assertStrictEquals(stripAnsiCode(text), "x");
    }
    setColorEnabled(false);
    assertStrictEquals(red("x"), "x");
    assertStrictEquals(getColorEnabled(), false);
  } finally {
    setColorEnabled(before);
  }
});

Deno.test("@std/streams: LimitedBytesTransformStream ends or fails at its limit, toText reads a stream to its end", async () => {
  const stream = () => ReadableStream.from([Uint8Array.of(0x61, 0x62), Uint8Array.of(0x63)]);
  assertStrictEquals(await toText(stream()), "abc");
  assertStrictEquals(await toText(ReadableStream.from(["a", "bc"])), "abc");
  const limited = (size: number, error: boolean) =>
    toText(stream().pipeThrough(new LimitedBytesTransformStream(size, { error })));
  assertStrictEquals(await limited(3, true), "abc");
  assertStrictEquals(await limited(2, false), "ab");
  await assertRejects(() => limited(2, true), RangeError);
});

Deno.test("@std/text/levenshtein-distance: levenshteinDistance counts inserted, removed and other characters", () => {
  assertStrictEquals(levenshteinDistance("prot", "port"), 2);
  assertStrictEquals(levenshteinDistance("hst", "host"), 1);
  assertStrictEquals(levenshteinDistance("host", "host"), 0);
});

Deno.test("@std/toml/parse: parse reads all types of values, and throws a SyntaxError with line and column", () => {
  const table = parse(
    '# A comment\na = "x" # after it\nb = true\nc = 1\nd = [2024-02-28]\n[e]\nf = 1.5\n',
  );
  assertEquals(Object.keys(table), ["a", "b", "c", "d", "e"]);
  assertEquals([table["a"], table["b"], table["c"]], ["x", true, 1]);
  assert((table["d"] as unknown[])[0] instanceof Date);
  assertEquals(Object.entries(table["e"] as object), [["f", 1.5]]);
  assertEquals(Object.keys(parse("")), []);
  const error = assertThrows(() => parse("a = 1\nb\n"), SyntaxError);
  assertMatch(error.message, /^Parse error on line 2, column \d+: /);
});

Deno.test("@std/async: deadline passes a result on, or throws a TimeoutError after the time", async () => {
  assertEquals(await deadline(Promise.resolve(1), 60_000), 1);
  const { signal } = new AbortController();
  const error = await assertRejects(
    () => deadline(new Promise(() => {}), 1, { signal }),
    DOMException,
  );
  assertEquals(error.name, "TimeoutError");
});

Deno.test("@std/bytes: concat joins arrays, and equals compares them", () => {
  const all = concat([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
  assertEquals(all, Uint8Array.of(1, 2, 3));
  assert(equals(all, Uint8Array.of(1, 2, 3)));
  assert(!equals(all, Uint8Array.of(1, 2)));
});

Deno.test("@std/path: join joins and normalizes", () => {
  assertEquals(join("a", "b", "..", "c").replaceAll("\\", "/"), "a/c");
});
