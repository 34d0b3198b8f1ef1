// What somebody may have meant by an unknown command or option, also if it comes from another program. It parses nothing.

import { suggested, suggestions } from "../text/suggestions.ts";
import { looksLikeAddress } from "./address.ts";
import { type VerbName, VERBS } from "./options.ts";
import { printable } from "../text/printable.ts";

/** Commands of other programs. */
const OTHER_VERBS: ReadonlyMap<string, VerbName> = new Map([
  ["connect", "join"],
  ["open", "serve"],
  ["host", "serve"],
  ["listen", "serve"],
  ["server", "serve"],
  ["start", "serve"],
  ["say", "send"],
  ["msg", "send"],
]);

/** Options of other programs, and what they are called here; only for commands that have the second one. */
const OTHER_OPTIONS: readonly (readonly [other: string, option: string])[] = [
  ["nick", "name"],
  ["nickname", "name"],
  ["user", "name"],
  ["username", "name"],
  ["as", "name"],
  ["address", "host"],
  ["bind", "host"],
  ["hostname", "host"],
  ["ip", "host"],
  ["p", "port"],
  ["color", "theme"],
  ["colors", "theme"],
  ["colour", "theme"],
  ["colours", "theme"],
  ["no-color", "theme"],
  ["download-dir", "downloads"],
  ["silent", "quiet"],
  ["timeout", "retry"],
];

/** Options that say where a room is. For `serve` they exist. */
const PLACES = ["address", "host", "hostname", "ip", "p", "port", "server"];
/** A code on the command line could be seen by other users of the machine. */
const CODES = ["code", "pass", "passphrase", "password", "secret"];

export function verbHint(verb: string): string {
  if (verb === "-v") return "Did you mean: chat --version? See: chat --help";
  if (verb.startsWith("-")) return "The command comes first. See: chat --help";
  if (looksLikeAddress(verb)) return `Write: chat join ${printable(verb)}`;
  const meant = suggested(
    suggestions(verb, Object.keys(VERBS), OTHER_VERBS),
    (name) => `chat ${name}`,
  );
  return (meant === undefined ? "" : `Did you mean: ${meant}? `) + "See: chat --help";
}

/** For `NAME@HOST`, as in ssh, and for `HOST PORT`, as in telnet; undefined for other words. */
export function joinHint(address: string, extra?: string): string | undefined {
  if (extra !== undefined) {
    const isHost = /^[\p{L}\p{N}._-]+$/u.test(address) && /^\d{1,5}$/.test(extra);
    return isHost ? `Write: chat join ${address}:${extra}` : undefined;
  }
  const [, name, host] = /^([\p{L}\p{N}._-]+)@([\p{L}\p{N}._:[\]-]+)$/u.exec(address) ?? [];
  return name === undefined ? undefined : `Write: chat join ${host} --name ${name}`;
}

/** @param flag with its hyphens, without a value */
export function optionHint(verb: VerbName, flag: string): string {
  const known = Object.keys(VERBS[verb].options);
  const name = flag.replace(/^-+/, "").replace(/=.*/s, "");
  const more = verb === "send"
    ? 'Text that starts with "-" goes after --'
    : `See: chat ${verb} --help`;
  const isClient = verb === "join" || verb === "send";
  if (isClient && PLACES.includes(name)) {
    return `Write the address without an option: chat ${verb} HOST:PORT`;
  }
  if (known.includes("code-file") && CODES.includes(name)) {
    return "Set CHAT_CODE, or name a file with the code: --code-file FILE";
  }
  const others = new Map(OTHER_OPTIONS.filter(([, option]) => known.includes(option)));
  const found = suggestions(name, known, others);
  // Negated.
  const words = found.length > 0 ? found : suggestions(name.replace(/^no[-_]/, ""), known, others);
  const meant = suggested(words, (name) => `--${name}`);
  return (meant === undefined ? "" : `Did you mean ${meant}? `) + more;
}
