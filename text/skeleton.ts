// Which names look alike: their skeletons, by Unicode's data about confusable characters (UTS #39). Pure.

import { CONFUSABLES } from "./confusables.ts";

/** What a character looks like: one or more other characters. */
export type Lookalikes = ReadonlyMap<string, string>;

/** How often characters are replaced at most. Three times is enough for each of Unicode 17. */
const MAX_ROUNDS = 8;

/** Read when it is first needed: that takes some milliseconds. */
let known: Lookalikes | undefined;

/** The two skeletons of characters. */
const ofCharacters = new Map<string, readonly [string, string]>();

/**
 * The skeletons of a name: two names look alike, or differ only in case, if they share one. There are two if capital
 * letters look like other letters than the small ones do: `Ian` looks like `lan`, and is `ian` in small letters.
 */
export function skeletons(name: string): readonly string[] {
  // Nothing in it looks like a simpler character, or has another case.
  if (/^[a-ln-z2-9._-]+$/.test(name)) return [name];
  const [looks, folded] = /^[!-~]+$/.test(name) ? asciiSkeletons(name) : bothSkeletons(name);
  return looks === folded ? [looks] : [looks, folded];
}

function bothSkeletons(name: string): readonly [string, string] {
  known ??= parseLookalikes(CONFUSABLES);
  return [skeleton(name, known), skeleton(foldCase(name), known)];
}

/** The same, in a tenth of the time: ASCII characters do not combine. */
function asciiSkeletons(name: string): readonly [string, string] {
  let looks = "";
  let folded = "";
  for (const character of name) {
    let both = ofCharacters.get(character);
    if (!both) ofCharacters.set(character, both = bothSkeletons(character));
    looks += both[0];
    folded += both[1];
  }
  return [looks, folded];
}

/** Replaces characters with what they look like, and folds their case, until nothing changes. */
export function skeleton(text: string, lookalikes: Lookalikes): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const replaced = Array.from(text.normalize("NFD"), (c) => lookalikes.get(c) ?? c).join("");
    const next = foldCase(replaced);
    if (next === text) break;
    text = next;
  }
  return text;
}

/** NFKC case folding without characters that are not shown. JavaScript has no function for that. */
function foldCase(text: string): string {
  // Upper case first: small letters that differ only inside a word have the same capital letter (ς and σ).
  const small = Array.from(text.normalize("NFKC").toUpperCase(), (c) => c.toLowerCase()).join("");
  return small.replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFKC");
}

/** Reads the table of `confusables.ts`. */
export function parseLookalikes(table: string): Lookalikes {
  const lookalikes = new Map<string, string>();
  for (const group of table.trim().split(/\s/)) {
    // A target may contain a colon. No source does, as no name does.
    const colon = group.lastIndexOf(":");
    for (const source of group.slice(colon + 1)) lookalikes.set(source, group.slice(0, colon));
  }
  return lookalikes;
}
