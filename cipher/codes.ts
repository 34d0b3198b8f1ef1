// The words that people say to each other: a room's code, and the string that two members compare.
// Pure, but for the random numbers of `drawCode`.

import { wordlist } from "@scure/bip39/wordlists/english";

/** The BIP39 English list: 2048 common words that differ in their first four letters. */
export const WORDS: readonly string[] = wordlist;
/** Words of a drawn code: 44 bits. Enough, because each guess costs the guesser a try at the server. */
export const CODE_WORDS = 4;
/** Bytes of the longest code that is taken: an operator may choose a whole sentence. */
export const MAX_CODE_BYTES = 256;
/** Bytes of the shortest code that an operator may choose. */
export const MIN_CODE_BYTES = 8;

const BITS_PER_WORD = 11;

/**
 * A code of `CODE_WORDS` words, each as likely as any other: 2048 divides 65536.
 *
 * @param random a number for each word; given only by tests
 */
export function drawCode(
  random: Uint16Array = crypto.getRandomValues(new Uint16Array(CODE_WORDS)),
): string {
  return Array.from(random, (n) => WORDS[n % WORDS.length]!).join(" ");
}

/**
 * One spelling for all the ways in which a code is typed: lower case, words apart by one space; blanks
 * and hyphens at the ends or in excess do not count.
 *
 * @example
 * ```ts
 * normalizeCode("  Abandon-ability  ABLE about "); // "abandon ability able about"
 * ```
 */
export function normalizeCode(typed: string): string {
  // Some small letters with marks have a code point of their own where their capitals have none.
  const small = typed.normalize("NFKC").toLowerCase().normalize("NFC");
  const words = small.split(/[\s\p{Dash_Punctuation}]+/u);
  return words.filter((word) => word !== "").join(" ");
}

/** Why an operator can't choose this code, as the rest of a sentence that starts with "a code". */
export function codeFault(typed: string): string | undefined {
  const bytes = new TextEncoder().encode(normalizeCode(typed)).length;
  if (bytes < MIN_CODE_BYTES) {
    return `must have at least ${MIN_CODE_BYTES} characters, blanks and hyphens aside: ` +
      `a shorter one would be guessed`;
  }
  if (bytes > MAX_CODE_BYTES) return `must have at most ${MAX_CODE_BYTES} bytes: it has ${bytes}`;
  return undefined;
}

/**
 * What may be wrong with a code that was not taken, as a sentence; undefined if it looks like a drawn
 * one. It looks only at the code that was typed, and quotes nothing of it: it was typed hidden.
 */
export function codeDoubt(typed: string): string | undefined {
  const words = normalizeCode(typed).split(" ").filter((word) => word !== "");
  if (words.length !== CODE_WORDS) {
    return `A code has ${CODE_WORDS} words, unless the operator chose it: this one has ${words.length}`;
  }
  const strange = words.findIndex((word) => !WORDS.includes(word));
  if (strange === -1) return undefined;
  return `Word ${strange + 1} is none of those that codes are made of: is it spelt right?`;
}

/**
 * Words for the first bits of `bytes`, eleven bits a word, as BIP39 counts them.
 *
 * @throws {RangeError} if there are too few bits
 */
export function toWords(bytes: Uint8Array, count: number): string[] {
  if (bytes.length * 8 < count * BITS_PER_WORD) {
    throw new RangeError(`Cannot make ${count} words: ${bytes.length} bytes are too few`);
  }
  const words: string[] = [];
  // Bits that no word has taken yet, and how many.
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
