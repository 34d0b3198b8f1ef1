// Parses the values of options: words, numbers, sizes. It knows no option by name.

import { UsageError } from "../errors.ts";
import { formatSize, sizeOf } from "../server/limits.ts";
import { durationOf, formatDuration } from "../text/durations.ts";
import { printable } from "../text/printable.ts";
import { suggested, suggestions } from "../text/suggestions.ts";

/**
 * One of `words`, from the option or else from the variable `CHAT_OPTION`; undefined if neither is set.
 *
 * @throws {UsageError} if it is another word
 */
export function parseWord<Word extends string>(
  option: string,
  words: readonly Word[],
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): Word | undefined {
  const variable = `CHAT_${option.toUpperCase()}`;
  // An empty variable counts as unset.
  const word = options.get(option) ?? (env(variable) || undefined);
  if (word === undefined || isOneOf(words, word)) return word;
  const hint = options.has(option)
    ? didYouMean(`--${option}`, word, words)
    : { hint: `It comes from ${variable}` };
  throw new UsageError(unknown(option, word, words), hint);
}

export function isOneOf<Word extends string>(words: readonly Word[], word: string): word is Word {
  return (words as readonly string[]).includes(word);
}

/** The hint about a word that may stand for one of `words`; `before` precedes the word on the command line. */
export function didYouMean(
  before: string,
  word: string,
  words: readonly string[],
): { readonly hint?: string } {
  const meant = suggested(suggestions(word, words));
  return meant === undefined ? {} : { hint: `Did you mean: ${before} ${meant}?` };
}

/** The message about a word that an option does not accept. */
export function unknown(what: string, word: string, words: readonly string[]): string {
  return `Unknown ${what} "${printable(word)}"; use ${listWords(words)}`;
}

/** `a, b or c`. */
export function listWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * @param what the message calls the value
 * @param hint what to write instead, where `what` does not make it clear
 * @throws {UsageError} if it is not a number from `min` to `max`
 */
export function parseNumber(
  what: string,
  text: string,
  min: number,
  max: number,
  hint?: string,
): number {
  // Bounds the digits, so that no huge number is parsed.
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use the ${what} "${printable(text)}": it must be a whole number from ${min} to ${max}`,
    hint === undefined ? {} : { hint },
  );
}

/**
 * The number that an option is set to; `otherwise`, if it is not set.
 *
 * @param unit what follows "a whole number" in the message
 * @throws {UsageError} if it is not a number from `min` to `max`
 */
export function parseLimit(
  options: Map<string, string>,
  option: string,
  min: number,
  max: number,
  otherwise: number,
  unit = "",
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use --${option} "${
      printable(text)
    }": it must be a whole number${unit} from ${min} to ${max}`,
  );
}

/**
 * The size in bytes that an option is set to; `otherwise`, if it is not set.
 *
 * @param allowsNone whether 0 means no limit
 * @throws {UsageError} if it is not a size from `min` to `max`
 */
export function parseSize(
  options: Map<string, string>,
  option: string,
  min: number,
  max: number,
  otherwise: number,
  allowsNone = false,
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = sizeOf(text) ?? NaN;
  if ((value >= min && value <= max) || (allowsNone && value === 0)) return value;
  throw new UsageError(
    `Cannot use --${option} "${printable(text)}": it must be ${
      allowsNone ? "0, or " : ""
    }a size from ${formatSize(min)} to ${formatSize(max)}`,
    { hint: `Write bytes, or a size such as: --${option} ${formatSize(otherwise)}` },
  );
}

/**
 * The duration in ms that an option is set to; `otherwise`, if it is not set. `forever` is Infinity, if it is allowed.
 *
 * @throws {UsageError} if it is not a duration from `min` to `max`
 */
export function parseDuration(
  options: Map<string, string>,
  option: string,
  min: number,
  max: number,
  otherwise: number,
  allowsForever = false,
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  if (allowsForever && text === "forever") return Infinity;
  const value = durationOf(text) ?? NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use --${option} "${printable(text)}": it must be a time from ${
      formatDuration(min)
    } to ${formatDuration(max)}${allowsForever ? ", or forever" : ""}`,
    { hint: `Write seconds, or a time such as: --${option} ${formatDuration(otherwise)}` },
  );
}
