// A model of text: how likely bytes are in English, German and French, one character after another, and how UTF-8
// encodes other scripts. It knows no traffic and no messages. Pure.

/**
 * Letters a to z per 1,000 letters of English, German and French, without accented letters: rounded from common tables
 * of letter frequencies. Under a wrong key, text becomes quite different characters, so a rough model is enough.
 */
const LETTERS: readonly (readonly number[])[] = [
  "82 15 28 43 127 22 20 61 70 2 8 40 24 67 75 19 1 60 63 91 28 10 24 2 20 1",
  "65 19 27 51 164 17 30 46 66 3 14 34 25 98 26 7 1 70 73 62 42 8 19 1 1 11",
  "76 9 33 37 147 11 9 7 75 6 1 55 30 71 58 25 14 67 79 72 63 18 1 4 1 3",
].map((counts) => counts.split(" ").map(Number));

/** Shares of all characters. Estimates: an error costs one or two bits, and a finding has dozens. */
const PART = {
  letters: 0.74,
  space: 0.16,
  // The most frequent first; each group is about half as frequent as the one before.
  marks: 0.052,
  digits: 0.012,
  /** All other printable ASCII. */
  others: 0.004,
  newline: 0.005,
  /** Tab and carriage return. */
  blanks: 0.001,
  /** Characters of two and more bytes in UTF-8. */
  wide: 0.025,
};
const MARKS: readonly string[] = [".,", "'?!", "-:", `;()"`];
/** Shares of wide characters: Western European accents, other Latin signs, dashes and quotes, emoji, the rest. */
const WIDE: readonly (readonly [leads: readonly number[], part: number])[] = [
  [[0xc3], 0.6],
  [[0xc2, 0xc4, 0xc5], 0.08],
  [[0xe2], 0.15],
  [[0xf0], 0.05],
  [range(0xc6, 0xdf), 0.06],
  [[0xe0, 0xe1, ...range(0xe3, 0xef)], 0.06],
];
/** The probability that a letter is a capital: directly after a capital, and elsewhere. */
const CAPITAL = { afterCapital: 0.5, else: 0.06 };
/** The probability that a text that is not Latin continues in the same script. */
const SAME_SCRIPT = 0.5;
const LEAVES = Math.log2(1 - SAME_SCRIPT);
/** log2 of the probability of a control character, or of a byte that is not UTF-8. A cut capture has some. */
export const HARDLY = -20;
/** log2 of the penalty for a third equal byte in a row, and for each further one. Without it, zeros look like blanks. */
const RUN = -6;
/** log2 of the probability of a byte of noise. */
export const NOISE = -8;
/** The evidence of a further byte of a UTF-8 character: two of its bits are fixed. */
const CONTINUATION = -6 - NOISE;

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Evidence in bits of each first byte of a character, after a capital and elsewhere. */
const [BITS_AFTER_CAPITAL, BITS] = [CAPITAL.afterCapital, CAPITAL.else].map((capital) => {
  const chance = new Float64Array(256).fill(2 ** HARDLY);
  const spread = (part: number, codes: readonly number[]) => {
    for (const code of codes) chance[code] = part / codes.length;
  };
  spread(PART.others, range(0x21, 0x7e));
  spread(PART.digits, range(0x30, 0x39));
  MARKS.forEach((marks, i) => {
    const share = i === MARKS.length - 1 ? 2 ** -i : 2 ** -(i + 1);
    spread(PART.marks * share, Array.from(marks, (mark) => mark.charCodeAt(0)));
  });
  spread(PART.space, [0x20]);
  spread(PART.newline, [0x0a]);
  spread(PART.blanks, [0x09, 0x0d]);
  for (let letter = 0; letter < 26; letter++) {
    const counts = LETTERS.map((counts) => counts[letter]! / sum(counts));
    const part = PART.letters * sum(counts) / counts.length;
    chance[0x61 + letter] = part * (1 - capital);
    chance[0x41 + letter] = part * capital;
  }
  for (const [leads, part] of WIDE) spread(PART.wide * part, leads);
  return chance.map((chance) => Math.log2(chance) - NOISE);
}) as [Float64Array, Float64Array];

export function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** The number of first bytes of characters of two, three and four bytes outside Latin texts. */
const LEADS: readonly number[] = [0, 0, 30, 16, 5];

/** The evidence, in bits, that `bytes` XORed with `key` are text. */
export function evidence(bytes: Uint8Array, key: number, start = 0): number {
  let bits = 0;
  let last = -1;
  let repeated = 0;
  let afterCapital = false;
  /** Bytes per character of the current script if it is not Latin, else 0. */
  let script = 0;
  for (let i = start; i < bytes.length;) {
    const byte = bytes[i]! ^ key;
    const leaves = script === 0 ? 0 : LEAVES;
    if (byte < 0x80) {
      repeated = byte === last ? repeated + 1 : 0;
      last = byte;
      bits += (afterCapital ? BITS_AFTER_CAPITAL : BITS)[byte]! + leaves;
      if (repeated > 1) bits += RUN;
      const letter = byte & 0xdf;
      if (letter >= 0x41 && letter <= 0x5a) {
        afterCapital = byte === letter;
        script = 0;
      }
      i++;
      continue;
    }
    last = -1;
    const size = sizeAt(bytes, i, key);
    if (size === 0) {
      bits += HARDLY - NOISE;
      i++;
      continue;
    }
    const isLatin = byte < 0xc6 || byte === 0xe2 || byte === 0xf0;
    const goesOn = size === script ? SAME_SCRIPT / LEADS[size]! : 0;
    // The end of the sample may cut a character.
    const further = Math.min(size, bytes.length - i) - 1;
    bits += Math.log2(goesOn + 2 ** (BITS[byte]! + NOISE + leaves)) - NOISE +
      CONTINUATION * further;
    if (!isLatin) script = size;
    afterCapital = false;
    i += size;
  }
  return bits;
}

/** Bytes of the UTF-8 character (RFC 3629) at `i` under a key, also if the end cuts it; 0 if it is invalid. */
function sizeAt(bytes: Uint8Array, i: number, key: number): number {
  const lead = bytes[i]! ^ key;
  const size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let k = 1; k < size && i + k < bytes.length; k++) {
    const byte = bytes[i + k]! ^ key;
    let min = 0x80;
    let max = 0xbf;
    if (k === 1) {
      // Excludes overlong encodings, halves of surrogate pairs, and code points beyond Unicode.
      if (lead === 0xe0) min = 0xa0;
      if (lead === 0xed) max = 0x9f;
      if (lead === 0xf0) min = 0x90;
      if (lead === 0xf4) max = 0x8f;
    }
    if (byte < min || byte > max) return 0;
  }
  return size;
}
