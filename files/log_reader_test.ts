import { assertEquals } from "@std/assert";
import { entriesBackwards } from "./log_reader.ts";

/** The groups of entries of a file with this content, up to `end`. */
async function read(content: string, { end, lacks = 0 }: { end?: number; lacks?: number } = {}) {
  const bytes = new TextEncoder().encode(content);
  const file = bytes.subarray(0, bytes.length - lacks);
  const groups = await Array.fromAsync(
    entriesBackwards(end ?? bytes.length, (position, buffer) => {
      const found = file.subarray(position, position + buffer.length);
      buffer.set(found);
      return Promise.resolve(found.length);
    }),
  );
  return { groups, entries: groups.flat() };
}

Deno.test("entriesBackwards: the newest entry first; indented lines belong to the one before", async () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["a\n", ["a"]],
    ["a\nb\n", ["b", "a"]],
    ["# heading\na\n  more\n  \nb\n", ["b", "a\n  more\n  ", "# heading"]],
    // A torn line, and line breaks of another system.
    ["a\nb", ["b", "a"]],
    ["a\r\n  more\r\nb\r\n", ["b", "a\r\n  more"]],
    ["\n\na\n\n", ["a"]],
    ["  lost\na\n", ["a", "  lost"]],
  ];
  for (const [content, expected] of cases) {
    assertEquals((await read(content)).entries, expected);
  }
});

Deno.test("entriesBackwards: reads pieces, whatever is at their borders, and entries that are longer", async () => {
  const all: string[] = [];
  // 64 KiB is no multiple of these, and characters of two and four bytes are cut.
  for (let i = 0; i < 9000; i++) {
    all.push(`${i} é${"🦊".repeat(i % 7)}${i % 5 === 0 ? "\n  again" : ""}`);
  }
  all.splice(4000, 0, `long\n  ${"x".repeat(200_000)}\n  end`);
  const { entries, groups } = await read(all.join("\n") + "\n");
  assertEquals(entries, all.reverse());
  assertEquals(groups.length > 3, true);
});

Deno.test("entriesBackwards: an endless entry is returned in parts, and a file that was cut is no error", async () => {
  const { entries } = await read("x".repeat(3 * 1024 * 1024) + "\nb\n");
  assertEquals(entries[0], "b");
  assertEquals(entries.join("").replaceAll(/[^x]/g, "").length, 3 * 1024 * 1024);
  assertEquals((await read("a\nb\nc\n", { lacks: 4 })).entries, ["a"]);
  assertEquals((await read("a\nb\nc\n", { end: 4 })).entries, ["b", "a"]);
});
