// Words that people read to each other: a room's code, and the words by which two members compare keys.
// It knows no login and no room. Pure, except for the random numbers of `drawCode`.

import { wordlist } from "@scure/bip39/wordlists/english";

/** The BIP39 English list: 2048 common words that differ in their first four letters. */
export const WORDS: readonly string[] = wordlist;
/** Words of a drawn code: 44 bits. That is enough because each guess costs the attacker a try at the server. */
export const CODE_WORDS = 4;
/** Bytes of the longest code that is accepted: an operator may choose a sentence. */
export const MAX_CODE_BYTES = 256;
/** Bytes of the shortest code that an operator may choose. */
export const MIN_CODE_BYTES = 8;

const BITS_PER_WORD = 11;

/**
 * Draws a code of `CODE_WORDS` words. All words are equally likely, since 2048 divides 65536.
 *
 * @param random one number for each word; for tests
 */
export function drawCode(
  random: Uint16Array = crypto.getRandomValues(new Uint16Array(CODE_WORDS)),
): string {
  return Array.from(random, (n) => WORDS[n % WORDS.length]!).join(" ");
}

/**
 * Converts a typed code to its one spelling: lower case, with one space between words. Blanks and hyphens separate
 * words; further ones, and those at the ends, are dropped.
 *
 * @example
 * ```ts
 * normalizeCode("  Abandon-ability  ABLE about "); // "abandon ability able about"
 * ```
 */
export function normalizeCode(typed: string): string {
  // Some small letters with marks have a code point for the combination where their capitals have none.
  const small = typed.normalize("NFKC").toLowerCase().normalize("NFC");
  const words = small.split(/[\s\p{Dash_Punctuation}]+/u);
  return words.filter((word) => word !== "").join(" ");
}

/** Why an operator cannot choose this code, as the end of a sentence that starts with "a code". */
export function codeFault(typed: string): string | undefined {
  const bytes = new TextEncoder().encode(normalizeCode(typed)).length;
  if (bytes < MIN_CODE_BYTES) {
    return `must have at least ${MIN_CODE_BYTES} characters, not counting blanks and hyphens: ` +
      "a shorter one is too easy to guess";
  }
  if (bytes > MAX_CODE_BYTES) return `must have at most ${MAX_CODE_BYTES} bytes: it has ${bytes}`;
  return undefined;
}

/**
 * Finds a likely mistake in a code that the server rejected; returns a sentence, or undefined if the code looks like
 * a drawn one. The sentence does not quote the code, because it was typed hidden.
 */
export function codeDoubt(typed: string): string | undefined {
  const words = normalizeCode(typed).split(" ").filter((word) => word !== "");
  if (words.length !== CODE_WORDS) {
    return `A code has ${CODE_WORDS} words, unless the operator chose it; yours has ${words.length}`;
  }
  const unknown = words.findIndex((word) => !WORDS.includes(word));
  if (unknown === -1) return undefined;
  // Copied from a sentence, with its commas, stop or quotes.
  if (WORDS.includes(words[unknown]!.replaceAll(/[^a-z]/g, ""))) {
    return `Word ${unknown + 1} has more than letters; leave the rest out`;
  }
  return `Word ${unknown + 1} is not in the word list; check its spelling`;
}

/**
 * Converts the first bits of `bytes` to words, eleven bits each, in the order of BIP39.
 *
 * @throws {RangeError} if `bytes` has too few bits
 */
export function toWords(bytes: Uint8Array, count: number): string[] {
  if (bytes.length * 8 < count * BITS_PER_WORD) {
    throw new RangeError(`Cannot make ${count} words: ${bytes.length} bytes are too few`);
  }
  const words: string[] = [];
  // The bits that belong to no word yet, and their number.
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    if (words.length === count) break;
    value = (value << 8) | byte;
    bits += 8;
    if (bits < BITS_PER_WORD) continue;
    bits -= BITS_PER_WORD;
    words.push(WORDS[value >>> bits]!);
    value &= (1 << bits) - 1;
  }
  return words;
}
