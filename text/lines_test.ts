import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "../tests/support/property.ts";
import { type InputLine, LineSplitter } from "./lines.ts";

const utf8 = new TextEncoder();

// ---- helpers ----

/** All lines of an input that arrives in these pieces. */
function split(pieces: readonly Uint8Array[], limit: number): InputLine[] {
  const splitter = new LineSplitter(limit);
  // One buffer for all pieces, as in a caller that reads: the splitter must not keep it.
  const buffer = new Uint8Array(Math.max(0, ...pieces.map((piece) => piece.length)));
  const lines = pieces.flatMap((piece) => {
    buffer.set(piece);
    return splitter.push(buffer.subarray(0, piece.length));
  });
  return [...lines, ...splitter.end()];
}

/** The same input in one piece, cut in two at each position, and byte by byte. */
function waysToCut(bytes: Uint8Array): Uint8Array[][] {
  const cuts = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  return [[bytes], ...cuts, Array.from(bytes, (byte) => Uint8Array.of(byte))];
}

/** Asserts the lines of an input, in any pieces. */
function assertLines(
  input: string | Uint8Array,
  limit: number,
  expected: readonly InputLine[],
): void {
  const bytes = typeof input === "string" ? utf8.encode(input) : input;
  for (const pieces of waysToCut(bytes)) {
    const sizes = pieces.map((piece) => piece.length).join("+");
    assertEquals(split(pieces, limit), [...expected], `${JSON.stringify(input)} as ${sizes}`);
  }
}

function tooLong(number: number, length: number, limit: number): InputLine {
  return { number, fault: `it has ${length} bytes; the limit is ${limit}`, kind: "long" as const };
}

// ---- lines ----

Deno.test("LineSplitter: lines end in LF or CR LF, and are counted from 1", () => {
  assertLines("one\ntwo\r\nthree\n", 10, [
    { number: 1, text: "one" },
    { number: 2, text: "two" },
    { number: 3, text: "three" },
  ]);
});

Deno.test("LineSplitter: the last line needs no end", () => {
  assertLines("one\ntwo", 10, [{ number: 1, text: "one" }, { number: 2, text: "two" }]);
  assertLines("one\r", 10, [{ number: 1, text: "one" }]);
  assertLines("one\n", 10, [{ number: 1, text: "one" }]);
  assertLines("", 10, []);
});

Deno.test("LineSplitter: an empty line is a line", () => {
  assertLines("\n\r\n\na", 10, [
    { number: 1, text: "" },
    { number: 2, text: "" },
    { number: 3, text: "" },
    { number: 4, text: "a" },
  ]);
});

Deno.test("LineSplitter: only one CR, and only before LF, belongs to the end of a line", () => {
  assertLines("a\rb\r\r\n\r\r\n", 10, [{ number: 1, text: "a\rb\r" }, { number: 2, text: "\r" }]);
});

Deno.test("LineSplitter: other ends of lines, NUL and a byte order mark are text", () => {
  assertLines("\ufeffa\0\u0085\u2028\v\fb\n", 20, [
    { number: 1, text: "\ufeffa\0\u0085\u2028\v\fb" },
  ]);
});

Deno.test("LineSplitter: characters of several bytes stay intact", () => {
  const text = "añ→漢🦕👩‍👩‍👧";
  assertLines(`${text}\n${text}`, 100, [{ number: 1, text }, { number: 2, text }]);
});

Deno.test("LineSplitter: invalid UTF-8 affects only its own line", () => {
  const bad = {
    "a byte that never occurs": [0xff],
    "a continuation alone": [0x80],
    "an overlong slash": [0xc0, 0xaf],
    "half of a surrogate pair": [0xed, 0xa0, 0x80],
    "beyond Unicode": [0xf4, 0x90, 0x80, 0x80],
    "a character cut off": [0xe6, 0xbc],
  };
  for (const bytes of Object.values(bad)) {
    const input = Uint8Array.of(0x61, 0x0a, 0x62, ...bytes, 0x0a, 0x63, 0x0a, ...bytes);
    assertLines(input, 10, [
      { number: 1, text: "a" },
      { number: 2, fault: "it is not UTF-8", kind: "encoding" },
      { number: 3, text: "c" },
      { number: 4, fault: "it is not UTF-8", kind: "encoding" },
    ]);
  }
});

// ---- the limit ----

Deno.test("LineSplitter: a line may have as many bytes as the limit, not counting its end", () => {
  // Also at the size at which the buffer grows for the first time.
  for (const limit of [1, 2, 7, 255, 256, 257]) {
    for (const end of ["\n", "\r\n"]) {
      for (const length of [limit - 1, limit, limit + 1, limit + 2, 2 * limit + 2]) {
        const text = "x".repeat(length);
        const first = length <= limit ? { number: 1, text } : tooLong(1, length, limit);
        // The next line shows that nothing of this one is left.
        assertLines(`${text}${end}y`, limit, [first, { number: 2, text: "y" }]);
      }
    }
  }
});

Deno.test("LineSplitter: the limit counts bytes, and applies to the last line, too", () => {
  assertLines("ñ", 2, [{ number: 1, text: "ñ" }]);
  assertLines("ñ", 1, [tooLong(1, 2, 1)]);
  assertLines("漢字\n漢字", 5, [tooLong(1, 6, 5), tooLong(2, 6, 5)]);
});

Deno.test("LineSplitter: a line that is too long and not UTF-8 is reported as too long", () => {
  assertLines(Uint8Array.of(0xff, 0xff, 0xff, 0x0a), 2, [tooLong(1, 3, 2)]);
});

Deno.test("LineSplitter: memory stays within the limit, in any pieces", () => {
  const limit = 10_000;
  const bytes = utf8.encode(`${"x".repeat(3 * limit)}\n`);
  for (const size of [1, 99, limit + 1, bytes.length]) {
    const splitter = new LineSplitter(limit);
    const lines: InputLine[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      lines.push(...splitter.push(bytes.subarray(at, at + size)));
      assertLessOrEqual(splitter.capacity, limit + 1);
    }
    assertEquals(lines, [tooLong(1, 3 * limit, limit)]);
  }
});

Deno.test("LineSplitter: short lines take little memory at any limit", () => {
  const splitter = new LineSplitter(2 ** 30);
  for (let i = 0; i < 1000; i++) splitter.push(utf8.encode("a short line\n"));
  assert(splitter.capacity <= 1024, `${splitter.capacity} bytes`);
});

// ---- properties ----

Deno.test("LineSplitter: any text in any pieces gives the same lines as String.split", () => {
  const part = fc.oneof(
    fc.constantFrom("\n", "\r", "\r\n", ""),
    fc.string({ unit: "grapheme", maxLength: 30 }),
  );
  const text = fc.array(part).map((parts) => parts.join(""));
  const cuts = fc.array(fc.nat(200));
  fc.assert(fc.property(text, cuts, fc.nat(40), (text, cuts, limit) => {
    const bytes = utf8.encode(text);
    const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
    const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
    const parts = text.split("\n");
    // After the last LF, an empty rest is not a line.
    if (parts.at(-1) === "") parts.pop();
    const expected = parts.map((part, i): InputLine => {
      const line = part.replace(/\r$/, "");
      const { length } = utf8.encode(line);
      return length > limit ? tooLong(i + 1, length, limit) : { number: i + 1, text: line };
    });
    assertEquals(split(pieces, limit), expected);
  }));
});
