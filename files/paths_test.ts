import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { completePath, type Entry, type Files, MAX_ENTRIES, toPath } from "./paths.ts";
import fc from "../tests/support/property.ts";

/** Folders and their entries; a name that ends in `/` is a folder. */
function files(
  folders: Record<string, readonly string[]>,
  { home = "/home/ada", backslashes = false } = {},
): Files {
  return {
    home,
    backslashes,
    list: (folder): Entry[] =>
      (folders[folder] ?? []).map((name) => ({
        name: name.replace(/\/$/, ""),
        folder: name.endsWith("/"),
      })),
    create: () => undefined,
    openLog: () => Promise.reject(new ChatError("Cannot log")),
  };
}

const NOWHERE: Files = { ...files({}), home: undefined };

Deno.test("toPath: replaces ~, quotes and escapes; spaces need none", () => {
  const cases: [string, string][] = [
    ["talk.txt", "talk.txt"],
    ["my talk.txt", "my talk.txt"],
    ["my\\ talk.txt", "my talk.txt"],
    ['"my talk.txt"', "my talk.txt"],
    ["'my talk.txt'", "my talk.txt"],
    [`"it's"`, "it's"],
    [`'a"\\b'`, `a"\\b`],
    [`"a\\"b"`, `a"b`],
    ["it\\'s", "it's"],
    ["~", "/home/ada"],
    ["~/talk.txt", "/home/ada/talk.txt"],
    ["~ada/x", "~ada/x"],
    ["\\~/x", "~/x"],
    ['"~/x"', "~/x"],
    ["a/~/b", "a/~/b"],
    ["open\\", "open\\"],
    // A backslash in the name: nobody escapes letters and digits.
    ["back\\slash.txt", "back\\slash.txt"],
    ['"a\\1 b"', "a\\1 b"],
    ["a\\é", "a\\é"],
    ["a\\𝐛", "a\\𝐛"],
    ["a\\\\b", "a\\b"],
    ["a\\(1\\)", "a(1)"],
  ];
  for (const [typed, path] of cases) assertEquals(toPath(typed, files({})), path, typed);
  assertEquals(toPath("~/x", files({}, { home: "/" })), "/x");
  assertEquals(toPath("~", files({}, { home: "/" })), "/");
  const windows = files({}, { home: "C:\\Users\\ada", backslashes: true });
  assertEquals(toPath("~\\my talk.txt", windows), "C:\\Users\\ada\\my talk.txt");
  assertEquals(toPath('"D:\\a b"', windows), "D:\\a b");
});

Deno.test("toPath: throws on an empty path, and on ~ without a home folder", () => {
  assertThrows(() => toPath("~/x", NOWHERE), ChatError, 'Cannot use "~"');
  for (const typed of ['""', "''"]) assertThrows(() => toPath(typed, NOWHERE), ChatError, "empty");
});

Deno.test("completePath: completes names of the typed folder with the escapes that they need", () => {
  const all = files({
    ".": ["talk.txt", "my notes/", "my file", ".hidden", "it's", "~odd", 'say "hi"', "tab\there"],
    "docs/": ["a.md", "b/"],
    "my notes/": ["one"],
    "/": ["home/", "etc/"],
    "/home/ada/": ["x", "y/"],
    "../": ["up"],
  });
  const cases: [string, string[]][] = [
    ["", ["it\\'s", "my\\ file", "my\\ notes/", 'say\\ \\"hi\\"', "talk.txt", "\\~odd"]],
    ["t", ["talk.txt"]],
    ["my", ["my\\ file", "my\\ notes/"]],
    ["my n", ["my\\ notes/"]],
    ["my\\ n", ["my\\ notes/"]],
    ['"my n', ['"my notes/']],
    ["'my", ["'my file'", "'my notes/"]],
    // Within single quotes, a single quote cannot be escaped.
    ["'it", []],
    ['"it', [`"it's"`]],
    ['"say', ['"say \\"hi\\""']],
    [".", [".hidden"]],
    [".h", [".hidden"]],
    ["..", ["../"]],
    ["../", ["../up"]],
    ["docs/", ["docs/a.md", "docs/b/"]],
    ["docs/a", ["docs/a.md"]],
    ["my\\ notes/", ["my\\ notes/one"]],
    ["my notes/", ["my notes/one"]],
    ['"my notes/o', ['"my notes/one"']],
    ["/", ["/etc/", "/home/"]],
    ["/h", ["/home/"]],
    ["~", ["~/"]],
    ["~/", ["~/x", "~/y/"]],
    ["\\~", ["\\~odd"]],
    ["nowhere/", []],
    ["zzz", []],
  ];
  for (const [typed, words] of cases) assertEquals(completePath(typed, all).words, words, typed);
  assertEquals(completePath("docs/", all).labels, ["a.md", "b/"]);
  assertEquals(completePath('"my', all).labels, ["my file", "my notes/"]);
  assertEquals(completePath("~/", NOWHERE).words, []);
});

Deno.test("completePath: escapes nothing where backslashes separate folders", () => {
  const windows = files({ "a\\": ["b c/", "d"], ".": ["my file"] }, { backslashes: true });
  assertEquals(completePath("a\\", windows).words, ["a\\b c\\", "a\\d"]);
  assertEquals(completePath("m", windows).words, ["my file"]);
});

Deno.test("completePath: offers no name that could harm a terminal", () => {
  const names = ["a\x1b[2J", "a\nb", "a\u202eb", "a\x9b", "a\x7f", "a b", "añ", "a\u200d"];
  assertEquals(completePath("a", files({ ".": names })).labels, ["a b", "añ", "a\u200d"]);
});

Deno.test("completePath: offers a part of the names in a full folder", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `file${i}`);
  const { words, labels } = completePath("", files({ ".": names }));
  assertEquals([words.length, labels.length], [MAX_ENTRIES, MAX_ENTRIES]);
  assertEquals(completePath("file9999", files({ ".": names })).words, ["file9999"]);
});

Deno.test("completePath: toPath reads each completion back as the file's path", () => {
  const name = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."ab \\\"'~.é/") })
    .map((text) => text.replaceAll("/", "-")).filter((text) => !/^\.\.?$/.test(text));
  fc.assert(
    fc.property(
      name,
      fc.constantFrom("", '"', "'", "d/", '"d/', "~/", ".", '"~/'),
      (name, typed) => {
        const all = files({ ".": [name], "d/": [name], "/home/ada/": [name], "~/": [name] });
        const folder = toPath(typed + "x", all).slice(0, -1);
        for (const word of completePath(typed, all).words) {
          if (typed === ".") assert(name.startsWith("."));
          assertEquals(toPath(word, all), (typed === "." ? "" : folder) + name, word);
        }
      },
    ),
  );
});
