// What somebody may have meant by an unknown word: a command, an option, a setting, a theme. Pure. All hints of the kind
// "did you mean" come from here.

import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** Letters that may differ: two swapped ones, or two wrong ones. */
const MAX_DISTANCE = 2;
/** A longer word is no typing error. */
const MAX_TYPED = 32;
/** Words in one hint. */
const MAX_SUGGESTED = 6;

/**
 * The words that `typed` may stand for, in either case:
 *
 * 1. the word itself, or the one that means the same as a name in another program;
 * 2. else the words that begin with it;
 * 3. else the closest words, with at most two differences, and with at least one letter in common.
 *
 * @param others names that other programs use, and which of `words` they mean
 *
 * @example
 * ```ts
 * suggestions("trans", ["transfers", "trust"]); // ["transfers"]
 * suggestions("exit", ["quit"], new Map([["exit", "quit"]])); // ["quit"]
 * ```
 */
export function suggestions(
  typed: string,
  words: readonly string[],
  others: ReadonlyMap<string, string> = new Map(),
): readonly string[] {
  const word = typed.toLowerCase();
  if (word === "" || word.length > MAX_TYPED) return [];
  const meant = words.includes(word) ? word : others.get(word);
  if (meant !== undefined) return [meant];
  const longer = words.filter((one) => one.toLowerCase().startsWith(word));
  if (longer.length > 0) return longer;
  const distances = words.map((one) => levenshteinDistance(word, one.toLowerCase()));
  const most = Math.min(MAX_DISTANCE, word.length - 1);
  const least = distances.reduce((least, distance) => Math.min(least, distance), most);
  return words.filter((one, i) => distances[i] === least && least < one.length);
}

/**
 * Suggestions as a part of a sentence: `a, b or c`; undefined if there are none.
 *
 * @param shown how to write each of them
 */
export function suggested(
  words: readonly string[],
  shown: (word: string) => string = (word) => word,
): string | undefined {
  if (words.length === 0) return undefined;
  const listed = words.slice(0, MAX_SUGGESTED).map(shown);
  if (words.length > MAX_SUGGESTED) return `${listed.join(", ")} …`;
  const last = listed.pop()!;
  return listed.length === 0 ? last : `${listed.join(", ")} or ${last}`;
}
