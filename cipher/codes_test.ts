import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import {
  CODE_WORDS,
  codeDoubt,
  codeFault,
  drawCode,
  MAX_CODE_BYTES,
  MIN_CODE_BYTES,
  normalizeCode,
  toWords,
  WORDS,
} from "./codes.ts";

Deno.test("WORDS: has 2048 lower-case words that differ in their first four letters", () => {
  assertEquals(WORDS.length, 2048);
  assertEquals(new Set(WORDS.map((word) => word.slice(0, 4))).size, 2048);
  for (const word of WORDS) assertMatch(word, /^[a-z]{3,8}$/);
});

Deno.test("drawCode: the same number of random values leads to each word", () => {
  const counts = new Map<string, number>();
  const all = Uint16Array.from({ length: 65_536 }, (_, n) => n);
  for (let at = 0; at < all.length; at += CODE_WORDS) {
    for (const word of drawCode(all.subarray(at, at + CODE_WORDS)).split(" ")) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  assertEquals([...counts.keys()].sort(), [...WORDS].sort());
  assertEquals(new Set(counts.values()), new Set([65_536 / 2048]));
});

Deno.test("drawCode: draws four different words each time, in normal form", () => {
  const codes = Array.from({ length: 100 }, () => drawCode());
  for (const code of codes) {
    assertEquals(code.split(" ").length, CODE_WORDS);
    assertEquals(normalizeCode(code), code);
    assertEquals(codeDoubt(code), undefined);
    assertEquals(codeFault(code), undefined);
  }
  // Two equal codes among a hundred come once in about a billion runs.
  assertEquals(new Set(codes).size, codes.length);
});

Deno.test("normalizeCode: gives one spelling for every way of typing a code", () => {
  const code = "abandon ability able about";
  for (
    const typed of [
      "abandon ability able about",
      "Abandon Ability Able About",
      "ABANDON ABILITY ABLE ABOUT",
      "  abandon   ability able\tabout\r\n",
      "abandon-ability-able-about",
      "abandon - ability -- able-about-",
      // A non-breaking hyphen, dashes, and a full-width hyphen.
      "abandon\u2011ability\u2013able\u2014about",
      "abandon\uff0dability able about",
      // A non-breaking space and an ideographic space.
      "abandon\u00a0ability\u3000able about",
      // Full-width letters.
      "\uff41\uff42\uff41\uff4e\uff44\uff4f\uff4e ability able about",
    ]
  ) {
    assertEquals(normalizeCode(typed), code, JSON.stringify(typed));
  }
});

Deno.test("normalizeCode: keeps different words and a different order apart", () => {
  const codes = ["able about", "about able", "ableabout", "able about able", "able", ""];
  assertEquals(new Set(codes.map(normalizeCode)).size, codes.length);
});

Deno.test("normalizeCode: does not change its own result, which has no extra blanks", () => {
  // Characters that change by normalization or lower case, dashes, and blanks of all kinds.
  const unit = fc.constantFrom(
    ..."aZ9 -\t\n\u00a0\u2011\u2014\uff0d\uff21\ufb01\u0130\u0323\u03a3\u2122\u00df",
  );
  fc.assert(fc.property(fc.string({ unit }), (typed) => {
    const code = normalizeCode(typed);
    assertEquals(normalizeCode(code), code);
    assert(!/^ | {2}| $/.test(code));
  }));
  // This Greek capital with two marks has no code point of its own; the small letter has.
  assertEquals(normalizeCode("\u03aa\u0301"), normalizeCode("\u0390"));
});

Deno.test("codeFault: finds codes that are one byte too short or too long", () => {
  assertEquals(codeFault("x".repeat(MIN_CODE_BYTES)), undefined);
  assertMatch(codeFault("x".repeat(MIN_CODE_BYTES - 1))!, /^must have at least 8 /);
  assertEquals(codeFault("x".repeat(MAX_CODE_BYTES)), undefined);
  assertMatch(codeFault("x".repeat(MAX_CODE_BYTES + 1))!, /^must have at most 256 .*it has 257$/);
  // The limit is in bytes, not characters; blanks and hyphens do not count.
  assertMatch(codeFault("é".repeat(MAX_CODE_BYTES / 2 + 1))!, /it has 258$/);
  assertMatch(codeFault("  -- - a -- b  ---")!, /at least/);
});

Deno.test("codeDoubt: names the number of words or the position of an unknown word, and quotes no word", () => {
  assertEquals(codeDoubt("abandon ability able about"), undefined);
  assertEquals(codeDoubt("  Abandon-ability ABLE about "), undefined);
  assertMatch(codeDoubt("")!, /has 4 words.*yours has 0$/);
  assertMatch(codeDoubt("abandon ability able")!, /yours has 3$/);
  assertMatch(codeDoubt("abandon ability able about about")!, /yours has 5$/);
  assertMatch(codeDoubt("abandon ability abel about")!, /^Word 3 is not in the word list/);
  assertMatch(codeDoubt("xyzzy ability abel about")!, /^Word 1 is not in the word list/);
  for (const typed of ["abandon ability, able, about.", 'abandon "ability" able about']) {
    assertEquals(codeDoubt(typed), "Word 2 has more than letters; leave the rest out");
  }
  assert(!codeDoubt("xyzzy ability able about")!.includes("xyzzy"));
});

Deno.test("toWords: takes eleven bits per word from the front, as in BIP39", () => {
  assertEquals(toWords(new Uint8Array(11), 8), Array(8).fill("abandon"));
  assertEquals(toWords(new Uint8Array(11).fill(0xff), 8), Array(8).fill("zoo"));
  // The first words of BIP39's published vectors for these entropies, up to the word that holds the checksum.
  assertEquals(
    toWords(Uint8Array.fromHex("9e885d952ad362caeb4efe34a8e91bd2"), 11).join(" "),
    "ozone drill grab fiber curtain grace pudding thank cruise elder eight",
  );
  assertEquals(
    toWords(Uint8Array.fromHex("18ab19a9f54a9274f03e5209a2ac8a91"), 11).join(" "),
    "board flee heavy tunnel powder denial science ski answer betray cargo",
  );
});

Deno.test("toWords: gives the number of words asked for, and rejects too few bytes", () => {
  const bytes = Uint8Array.fromHex("9e885d952ad362caeb4efe34a8e91bd2");
  for (let count = 0; count <= 11; count++) {
    assertEquals(toWords(bytes, count), toWords(bytes, 11).slice(0, count));
    const enough = Math.ceil(count * 11 / 8);
    assertEquals(toWords(bytes.subarray(0, enough), count).length, count);
    if (count === 0) continue;
    assertThrows(() => toWords(bytes.subarray(0, enough - 1), count), RangeError, "too few");
  }
});
