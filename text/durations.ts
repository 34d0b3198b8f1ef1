// Durations as users write them. Pure.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From the longest; a number without a letter is in seconds. */
const UNITS: readonly (readonly [letter: string, ms: number])[] = [
  ["d", DAY],
  ["h", HOUR],
  ["m", MINUTE],
  ["s", SECOND],
];

/**
 * Reads a duration: seconds, or an integer followed by `s`, `m`, `h` or `d`; undefined if it is invalid.
 *
 * @example
 * ```ts
 * durationOf("12h"); // 43200000
 * ```
 *
 * @returns milliseconds
 */
export function durationOf(text: string): number | undefined {
  // At most eight digits: longer numbers are never meant.
  const [, digits, unit] = /^(\d{1,8})([smhd]?)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const [, ms] = UNITS.find(([letter]) => letter === unit!.toLowerCase()) ?? ["", SECOND];
  return Number(digits) * ms;
}

/** Whether a word where a duration may be left out is perhaps meant as one: it begins with a digit, but is none with a unit. */
export function isDoubtfulDuration(word: string): boolean {
  return /^\d/.test(word) && (durationOf(word) === undefined || /\d$/.test(word));
}

/** The text with the longest unit that `durationOf` reads as this many milliseconds, which are complete seconds. */
export function formatDuration(ms: number): string {
  const [letter, unit] = UNITS.find(([, unit]) => ms >= unit && ms % unit === 0) ?? ["s", SECOND];
  return `${ms / unit}${letter}`;
}
