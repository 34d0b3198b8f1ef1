import { assertEquals } from "@std/assert";
import { suggested, suggestions } from "./suggestions.ts";

const WORDS = ["who", "whois", "whoami", "transfers", "trust", "time", "me", "quit", "no-config"];
const OTHERS = new Map([["exit", "quit"], ["w", "who"]]);

Deno.test("suggestions: other programs' names first, then beginnings, then the closest within two letters", () => {
  const cases: [typed: string, words: string[]][] = [
    ["exit", ["quit"]],
    ["EXIT", ["quit"]],
    ["w", ["who"]],
    ["wh", ["who", "whois", "whoami"]],
    ["who", ["who"]],
    ["Who", ["who"]],
    ["t", ["transfers", "trust", "time"]],
    ["trans", ["transfers"]],
    ["tmie", ["time"]],
    ["trsut", ["trust"]],
    ["whoiz", ["whois"]],
    ["whoam i", ["whoami"]],
    ["no_config", ["no-config"]],
    // Three letters differ.
    ["timexyz", []],
    ["constructor", []],
    ["__proto__", []],
    // Nothing would be left of what was typed.
    ["xy", []],
    ["x", []],
    ["", []],
    // One letter is enough for a word of two.
    ["mx", ["me"]],
    ["x".repeat(33), []],
  ];
  for (const [typed, words] of cases) assertEquals(suggestions(typed, WORDS, OTHERS), words, typed);
  // At the same distance.
  assertEquals(suggestions("bat", ["cat", "hat", "dog"]), ["cat", "hat"]);
  assertEquals(suggestions("dark", []), []);
});

Deno.test("suggested: one, several, and more than six words", () => {
  assertEquals(suggested([]), undefined);
  assertEquals(suggested(["a"]), "a");
  assertEquals(suggested(["a", "b"], (word) => `"${word}"`), '"a" or "b"');
  assertEquals(suggested(["a", "b", "c"]), "a, b or c");
  assertEquals(suggested([..."abcdef"]), "a, b, c, d, e or f");
  assertEquals(suggested([..."abcdefg"]), "a, b, c, d, e, f …");
});
