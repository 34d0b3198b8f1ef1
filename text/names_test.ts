import { assert, assertStrictEquals } from "@std/assert";
import { FAMILY, hardText } from "../tests/support/hard_text.ts";
import fc from "../tests/support/property.ts";
import { MAX_NAME_BYTES, MAX_NAME_COLUMNS, nameFault, toName } from "./names.ts";

Deno.test("nameFault: valid names have none", () => {
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
    "❤️",
    "👍🏽",
    "🏳️\u200d🌈",
    "⛹🏽\u200d♀️",
    "🇩🇪",
    "1️⃣",
    "a🏳️\u200d🌈b",
  ];
  for (const name of valid) assertStrictEquals(nameFault(name), undefined, name);
});

Deno.test("nameFault: invalid names have a reason", () => {
  const cases: [string, string][] = [
    ["", "must not be empty"],
    ["a\x1b[2J", "must not contain control characters: it has ␛"],
    ["a\nb", "must not contain control characters: it has ␊"],
    ["a\u202eb", "must not contain control characters: it has \\u{202e}"],
    ["a\u034fb", "must not contain control characters: it has \\u{34f}"],
    ["a\ud800", "must not contain control characters: it has \\u{d800}"],
    ["two words", "must not contain spaces"],
    [" ", "must not contain spaces"],
    ["a\u00a0b", "must not contain spaces"],
    ["a\u3000b", "must not contain spaces"],
    ["\u2800", "must not contain spaces"],
    ["the\u{1d159}operator", "must not contain spaces"],
    ["┃", 'must not contain "┃", which looks like a line of the screen'],
    ["bob╭", 'must not contain "╭", which looks like a line of the screen'],
    ["the\u{16fe4}operator", "must not contain spaces"],
    ["a:b", `must not contain ":"`],
    ["a#1", `must not contain "#"`],
    ["bob(!)", `must not contain "(!)"`],
    ["(!)", `must not contain "(!)"`],
    ["a(!)b", `must not contain "(!)"`],
    ["/quit", `must not start with "/"`],
    ["\u0301", "must be visible"],
    ["alice\u200d", "must not contain invisible characters outside emoji: it has \\u{200d}"],
    ["al\u200cice", "must not contain invisible characters outside emoji: it has \\u{200c}"],
    ["a\ufe0f", "must not contain invisible characters outside emoji: it has \\u{fe0f}"],
    ["1\ufe0f", "must not contain invisible characters outside emoji: it has \\u{fe0f}"],
    ["葛\u{e0100}", "must not contain invisible characters outside emoji: it has \\u{e0100}"],
    ["ᠠ\u180b", "must not contain invisible characters outside emoji: it has \\u{180b}"],
    ["🙂\u200d", "must not contain invisible characters outside emoji: it has \\u{200d}"],
    ["🙂\u200da", "must not contain invisible characters outside emoji: it has \\u{200d}"],
    ["\u200d🙂", "must not contain invisible characters outside emoji: it has \\u{200d}"],
    ["🙂\ufe0e", "must not contain invisible characters outside emoji: it has \\u{fe0e}"],
    ["🙂\ufe0f\ufe0f", "must not contain invisible characters outside emoji: it has \\u{fe0f}"],
    ["Jose\u0301", "must be in Unicode's form NFC"],
    ["\u212b", "must be in Unicode's form NFC"],
  ];
  for (const [name, fault] of cases) {
    assertStrictEquals(nameFault(name), fault, JSON.stringify(name));
    // The pattern keeps a position: a second call must return the same.
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
  // Combining marks take bytes and no columns.
  const marks = (bytes: number) => "bb".slice(0, 2 - bytes % 2) + "\u0301".repeat((bytes - 1) >> 1);
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

Deno.test("toName: any text gives a valid name or none; its own result does not change again", () => {
  fc.assert(fc.property(hardText, (text) => {
    const name = toName(text);
    assert(name === "" || nameFault(name) === undefined, JSON.stringify([text, name]));
    assertStrictEquals(toName(name), name);
  }));
});
