import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { hardText } from "../tests/support/hard_text.ts";
import fc from "../tests/support/property.ts";
import { CONFUSABLES } from "./confusables.ts";
import { parseLookalikes, skeleton, skeletons } from "./skeleton.ts";

const LOOKALIKES = parseLookalikes(CONFUSABLES);

const areAlike = (one: string, other: string) =>
  skeletons(one).some((skeleton) => skeletons(other).includes(skeleton));

Deno.test("skeletons: names that look alike share one, and so do names that differ only in case", () => {
  const alike = [
    [
      "alice",
      "Alice",
      "ALICE",
      "a1ice",
      "AIice",
      "\u0430lice",
      "\uff41lice",
      "alic\u0435",
      "a|ice",
    ],
    ["alice", "alice\u200d", "al\u200cice", "alice\ufe0f", "a\u00adlice", "\u{1d41a}lice"],
    ["bob", "BOB", "b0b", "B0b", "bоb"],
    ["carmen", "carrnen", "CARMEN"],
    ["Ian", "lan", "IAN", "|an", "1an"],
    ["Ian", "ian", "IAN", "iAn"],
    ["José", "JOSÉ", "Jose\u0301"],
    ["Grüße", "GRÜSSE", "grüsse"],
    ["ζευς", "ΖΕΥΣ", "ζευσ"],
    ["маша", "МАША"],
    ["fun", "ſun"],
    ["a-b", "a\u2010b", "a–b"],
    ["🙂", "🙂\ufe0f"],
  ];
  for (const names of alike) {
    const [first, ...others] = names;
    for (const name of others) assert(areAlike(first!, name), `${first} ${name}`);
  }
});

Deno.test("skeletons: names that do not look alike share none", () => {
  const names = [
    "ada",
    "bob",
    "Kai",
    "Kal",
    "eli",
    "ell",
    "李雷",
    "李磊",
    "عمر",
    "José",
    "Jose",
    "🙂",
    "🙃",
  ];
  for (const [i, one] of names.entries()) {
    for (const other of names.slice(i + 1)) assert(!areAlike(one, other), `${one} ${other}`);
  }
});

Deno.test("skeleton: of each character and of any text, its own skeleton is itself", () => {
  const check = (text: string) => {
    const result = skeleton(text, LOOKALIKES);
    if (skeleton(result, LOOKALIKES) !== result) throw new Error(JSON.stringify([text, result]));
  };
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    const upper = character.toUpperCase();
    const isPlain = character.normalize("NFKD") === character && upper === character &&
      upper.toLowerCase() === character && !LOOKALIKES.has(character);
    // Nothing changes it: more than a million are of that kind.
    if (!isPlain) check(character);
  }
  fc.assert(fc.property(hardText, check));
});

Deno.test("skeletons: are skeletons; short cuts for plain names and for ASCII change nothing", () => {
  const check = (name: string) => {
    const all = skeletons(name);
    assertEquals(all.map((one) => skeleton(one, LOOKALIKES)), [...all]);
    assertStrictEquals(all[0], skeleton(name, LOOKALIKES));
  };
  const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i));
  fc.assert(fc.property(fc.oneof(fc.string({ unit: fc.constantFrom(...ascii) }), hardText), check));
  for (const one of ascii) {
    for (const name of ascii.map((other) => one + other)) {
      const found = new Set([name, name.toLowerCase()].map((name) => skeleton(name, LOOKALIKES)));
      assertEquals(skeletons(name), [...found]);
    }
  }
});

Deno.test("parseLookalikes: reads the complete table", () => {
  assertEquals(LOOKALIKES.size, 2_837);
  const some = { "0": "O", "1": "l", I: "l", "|": "l", m: "rn", "\u0430": "a", "\u{118ce}": "ꞓ" };
  for (const [source, target] of Object.entries(some)) {
    assertStrictEquals(LOOKALIKES.get(source), target, source);
  }
});
