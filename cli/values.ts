// Parses the values of options: words, numbers, sizes. It knows no option by name.

import { closestString } from "@std/text/closest-string";
import { UsageError } from "../errors.ts";
import { formatSize, sizeOf } from "../server/limits.ts";
import { printable } from "../text/printable.ts";

/** One of the words that there are, from the option or else from `CHAT_OPTION`; undefined if neither is there. */
export function parseWord<Word extends string>(
  option: string,
  words: readonly Word[],
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): Word | undefined {
  const variable = `CHAT_${option.toUpperCase()}`;
  // Set to nothing is not set.
  const word = options.get(option) ?? (env(variable) || undefined);
  if (word === undefined || isOneOf(words, word)) return word;
  throw new UsageError(
    `Cannot use the ${option} "${printable(word)}": there are ${listWords(words)}`,
    {
      hint: options.has(option)
        ? `Did you mean: --${option} ${closestString(word, words)}?`
        : `It comes from ${variable}`,
    },
  );
}

export function isOneOf<Word extends string>(words: readonly Word[], word: string): word is Word {
  return (words as readonly string[]).includes(word);
}

export function listWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** @param hint what to write instead, where the option's name does not say it */
export function parseNumber(
  option: string,
  text: string,
  least: number,
  greatest: number,
  hint?: string,
): number {
  // A few digits, so that no number is parsed that could not be right.
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= greatest) return value;
  throw new UsageError(
    `Cannot use the ${option} "${
      printable(text)
    }": it must be a whole number from ${least} to ${greatest}`,
    hint === undefined ? {} : { hint },
  );
}

/** @param unit behind "a whole number" */
export function parseLimit(
  options: Map<string, string>,
  option: string,
  least: number,
  greatest: number,
  otherwise: number,
  unit = "",
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= greatest) return value;
  throw new UsageError(
    `Cannot use --${option} "${
      printable(text)
    }": it must be a whole number${unit} from ${least} to ${greatest}`,
  );
}

/** @param none whether 0 may stand for no limit */
export function parseSize(
  options: Map<string, string>,
  option: string,
  least: number,
  greatest: number,
  otherwise: number,
  none = false,
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = sizeOf(text) ?? NaN;
  if ((value >= least && value <= greatest) || (none && value === 0)) return value;
  throw new UsageError(
    `Cannot use --${option} "${printable(text)}": it must be ${none ? "0, or " : ""}a size from ${
      formatSize(least)
    } to ${formatSize(greatest)}`,
    { hint: `Write bytes, or such as: --${option} ${formatSize(otherwise)}` },
  );
}
