// Splits the words after a verb into options, operands and text. It knows which options exist and which take a value,
// but not what a value means.

import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { type VerbName, VERBS } from "./options.ts";
import { optionHint } from "./usage_hints.ts";

/**
 * @returns options by name ("" for those without a value), those that may be given several times with all their values,
 * the words between them, and the words after `--`
 * @throws {UsageError} at an unknown option, one without its value, or one with a value that is given twice and MUST not
 */
export function splitArgs(
  verb: VerbName,
  args: string[],
): {
  options: Map<string, string>;
  lists: Map<string, readonly string[]>;
  positionals: string[];
  text: string[];
} {
  const known = VERBS[verb].options;
  const names = Object.keys(known);
  const valued = names.filter((name) => known[name]!.value !== undefined);
  const flags = names.filter((name) => known[name]!.value === undefined);
  const end = args.indexOf("--");
  const before = unambiguous(verb, end === -1 ? args : args.slice(0, end), flags, valued);
  const parsed = parseArgs(before, {
    boolean: flags.map(standIn),
    // "_" keeps `chat send 42` from becoming a number.
    string: [...valued, "_"],
    collect: valued,
    unknown: (arg, key) => {
      if (key === undefined) return true;
      throw unknownOption(verb, arg.startsWith("--") ? arg.replace(/=.*/s, "") : arg);
    },
  });
  const options = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  for (const name of flags) if (parsed[standIn(name)] === true) options.set(name, "");
  for (const name of valued) {
    const values = parsed[name] as string[];
    if (values.length > 1 && !known[name]!.repeats) {
      throw new UsageError(`Cannot use --${name} twice`);
    }
    if (values.length === 0) continue;
    // An empty name gets the message about names.
    if (values.includes("") && name !== "name") throw withoutValue(verb, name);
    if (known[name]!.repeats) lists.set(name, values);
    else options.set(name, values[0]!);
  }
  return {
    options,
    lists,
    positionals: parsed._.map(String),
    text: end === -1 ? [] : args.slice(end + 1),
  };
}

/** The library reads `--no-config` as the negation of `--config`. */
function standIn(flag: string): string {
  return flag.replace(/^no-/, "no_");
}

/**
 * Rewrites the arguments where the library would guess: it takes no value that begins with a hyphen, `true` and
 * `false` after a flag as its value, an empty value as none, and `--no-port=80` as `--port=80`.
 */
function unambiguous(
  verb: VerbName,
  args: string[],
  flags: string[],
  valued: string[],
): string[] {
  const isOption = (arg: string) => {
    const [, name = ""] = /^--([^=]+)/s.exec(arg) ?? [];
    return arg === "-h" || flags.includes(name) || valued.includes(name);
  };
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] === "-h" ? "--help" : args[i]!;
    const [, name = "", value] = /^--([^=]+)(=.*)?$/s.exec(arg) ?? [];
    if (flags.includes(name)) {
      if (value !== undefined) {
        throw new UsageError(`Cannot use "${printable(arg)}": --${name} takes no value`);
      }
      result.push(`--${standIn(name)}=true`);
    } else if (valued.includes(name) && value === undefined) {
      // As getopt does: the next word is the value, whatever it begins with. But a forgotten value must not swallow
      // an option.
      const next = args[++i];
      if (next === undefined || isOption(next)) throw withoutValue(verb, name, next);
      result.push(`${arg}=${next}`);
    } else if (/^(?:no[-_]|_$)/.test(name)) {
      // `_` is the library's own name for words that are no options.
      throw unknownOption(verb, `--${name}`);
    } else {
      result.push(arg);
    }
  }
  return result;
}

/** @param next the option that follows, if one does */
function withoutValue(verb: VerbName, name: string, next?: string): UsageError {
  const { value } = VERBS[verb].options[name]!;
  return new UsageError(`Cannot use --${name} without a value`, {
    hint: `Write: --${name} ${value!.name}` +
      (next === undefined
        ? ""
        : `; if "${printable(next)}" is the value: --${name}=${printable(next)}`),
  });
}

function unknownOption(verb: VerbName, flag: string): UsageError {
  return new UsageError(`Unknown option "${printable(flag)}" for chat ${verb}`, {
    hint: optionHint(verb, flag),
  });
}
