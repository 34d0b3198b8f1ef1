import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
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

Deno.test("WORDS: 2048 different words of small letters that differ in their first four", () => {
  assertEquals(WORDS.length, 2048);
  assertEquals(new Set(WORDS.map((word) => word.slice(0, 4))).size, 2048);
  for (const word of WORDS) assertMatch(word, /^[a-z]{3,8}$/);
});

Deno.test("drawCode: of all numbers that can be drawn, equally many give each word", () => {
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

Deno.test("drawCode: four words, other ones each time, in the one spelling", () => {
  const codes = Array.from({ length: 100 }, () => drawCode());
  for (const code of codes) {
    assertEquals(code.split(" ").length, CODE_WORDS);
    assertEquals(normalizeCode(code), code);
    assertEquals(codeDoubt(code), undefined);
    assertEquals(codeFault(code), undefined);
  }
  // Two of a hundred are alike once in some billion runs.
  assertEquals(new Set(codes).size, codes.length);
});

Deno.test("normalizeCode: every way of typing a code is the same code", () => {
  const code = "abandon ability able about";
  for (
    const typed of [
      "abandon ability able about",
      "Abandon Ability Able About",
      "ABANDON ABILITY ABLE ABOUT",
      "  abandon   ability able\tabout\r\n",
      "abandon-ability-able-about",
      "abandon - ability -- able-about-",
      // A hyphen that does not break, dashes, and a full-width one.
      "abandon\u2011ability\u2013able\u2014about",
      "abandon\uff0dability able about",
      // A space that does not break, and an ideographic one.
      "abandon\u00a0ability\u3000able about",
      // Full-width letters.
      "\uff41\uff42\uff41\uff4e\uff44\uff4f\uff4e ability able about",
    ]
  ) {
    assertEquals(normalizeCode(typed), code, JSON.stringify(typed));
  }
});

Deno.test("normalizeCode: other words, or the same in another order, are another code", () => {
  const codes = ["able about", "about able", "ableabout", "able about able", "able", ""];
  assertEquals(new Set(codes.map(normalizeCode)).size, codes.length);
});

Deno.test("normalizeCode: what it gives stays as it is, and has no blank to excess", () => {
  // What changes under normalization or in lower case, dashes, and blanks of all kinds.
  const unit = fc.constantFrom(
    ..."aZ9 -\t\n\u00a0\u2011\u2014\uff0d\uff21\ufb01\u0130\u0323\u03a3\u2122\u00df",
  );
  fc.assert(fc.property(fc.string({ unit }), (typed) => {
    const code = normalizeCode(typed);
    assertEquals(normalizeCode(code), code);
    assert(!/^ | {2}| $/.test(code));
  }));
  // A Greek capital with two marks has no letter of its own, the small one has.
  assertEquals(normalizeCode("\u03aa\u0301"), normalizeCode("\u0390"));
});

Deno.test("codeFault: an operator's code is too short or too long by one, or fits", () => {
  assertEquals(codeFault("x".repeat(MIN_CODE_BYTES)), undefined);
  assertMatch(codeFault("x".repeat(MIN_CODE_BYTES - 1))!, /^must have at least 8 /);
  assertEquals(codeFault("x".repeat(MAX_CODE_BYTES)), undefined);
  assertMatch(codeFault("x".repeat(MAX_CODE_BYTES + 1))!, /^must have at most 256 .*it has 257$/);
  // Bytes count, not characters; and blanks and hyphens don't.
  assertMatch(codeFault("é".repeat(MAX_CODE_BYTES / 2 + 1))!, /it has 258$/);
  assertMatch(codeFault("  -- - a -- b  ---")!, /at least/);
});

Deno.test("codeDoubt: says how many words there are, or which is none, and quotes nothing", () => {
  assertEquals(codeDoubt("abandon ability able about"), undefined);
  assertEquals(codeDoubt("  Abandon-ability ABLE about "), undefined);
  assertMatch(codeDoubt("")!, /has 4 words.*this one has 0$/);
  assertMatch(codeDoubt("abandon ability able")!, /this one has 3$/);
  assertMatch(codeDoubt("abandon ability able about about")!, /this one has 5$/);
  assertMatch(codeDoubt("abandon ability abel about")!, /^Word 3 is none /);
  assertMatch(codeDoubt("xyzzy ability abel about")!, /^Word 1 is none /);
  assert(!codeDoubt("xyzzy ability able about")!.includes("xyzzy"));
});

Deno.test("toWords: eleven bits a word, from the front, as BIP39 has it", () => {
  assertEquals(toWords(new Uint8Array(11), 8), Array(8).fill("abandon"));
  assertEquals(toWords(new Uint8Array(11).fill(0xff), 8), Array(8).fill("zoo"));
  // The first words of BIP39's published vectors for these entropies: their last bits need no checksum.
  assertEquals(
    toWords(Uint8Array.fromHex("9e885d952ad362caeb4efe34a8e91bd2"), 11).join(" "),
    "ozone drill grab fiber curtain grace pudding thank cruise elder eight",
  );
  assertEquals(
    toWords(Uint8Array.fromHex("18ab19a9f54a9274f03e5209a2ac8a91"), 11).join(" "),
    "board flee heavy tunnel powder denial science ski answer betray cargo",
  );
});

Deno.test("toWords: as many words as asked for, whatever follows; too few bytes are refused", () => {
  const bytes = Uint8Array.fromHex("9e885d952ad362caeb4efe34a8e91bd2");
  for (let count = 0; count <= 11; count++) {
    assertEquals(toWords(bytes, count), toWords(bytes, 11).slice(0, count));
    const enough = Math.ceil(count * 11 / 8);
    assertEquals(toWords(bytes.subarray(0, enough), count).length, count);
    if (count === 0) continue;
    assertThrows(() => toWords(bytes.subarray(0, enough - 1), count), RangeError, "too few");
  }
});
