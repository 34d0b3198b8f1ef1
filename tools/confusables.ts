// Writes text/confusables.ts from confusables.txt, which Unicode publishes with each version (UTS #39):
// https://www.unicode.org/Public/security/latest/confusables.txt
//
// deno run --allow-read=. --allow-write=text/confusables.ts tools/confusables.ts confusables.txt

import { nameFault } from "../text/names.ts";
import { skeleton } from "../text/skeleton.ts";

const WIDTH = 98;

/** The module's text: the table of `confusables.txt` without what `skeleton` finds without it. */
export function confusablesModule(text: string): string {
  const version = /^# Version: (\S+)/m.exec(text)?.[1];
  if (version === undefined) throw new Error("Cannot read the file: it names no version");
  const all = parseConfusables(text);
  const table = new Map(all);
  for (const [source, target] of all) {
    table.delete(source);
    if (skeleton(source, table) !== skeleton(source, all)) table.set(source, target);
  }
  // Some lead to others, which were left out later.
  for (const [source, target] of all) {
    if (skeleton(source, table) !== skeleton(source, all)) table.set(source, target);
  }
  return `// What characters look like, from Unicode's confusables.txt ${version}: groups of TARGET:SOURCES. Made by
// tools/confusables.ts. The data is under the Unicode License v3 (https://www.unicode.org/license.txt), © Unicode, Inc.

/** For \`parseLookalikes\`. */
export const CONFUSABLES = \`
${lines(table).join("\n")}
\`;
`;
}

/** What each character looks like that a name may have. No name has white space. */
export function parseConfusables(text: string): Map<string, string> {
  const table = new Map<string, string>();
  const decode = (codes: string) =>
    codes.trim().split(" ").map((code) => String.fromCodePoint(parseInt(code, 16))).join("");
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    const [source, target] = line.replace(/#.*/, "").split(";");
    if (target === undefined) continue;
    const [character, shape] = [decode(source!), decode(target).replace(/\s/gu, "")];
    const fault = nameFault(`a${character.normalize("NFC")}a`);
    if (shape !== "" && fault === undefined) table.set(character, shape);
  }
  return table;
}

function lines(table: ReadonlyMap<string, string>): string[] {
  const groups = Map.groupBy(table.keys(), (source) => table.get(source)!);
  const lines = [""];
  const add = (text: string) => void (lines[lines.length - 1] += text);
  const column = () => lines.at(-1)!.length;
  for (const [target, sources] of groups) {
    const start = `${Array.from(target, escaped).join("")}:`;
    // The next group begins here, if one of its sources fits.
    if (column() > WIDTH - start.length - 10) lines.push("");
    add(column() === 0 ? start : ` ${start}`);
    for (const source of sources.map(escaped)) {
      if (column() + source.length > WIDTH) lines.push(start);
      add(source);
    }
  }
  return lines;
}

/** Part of a template: some characters change how the text around them is shown, and many fonts lack others. */
function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (code > 0x20 && code < 0x7f) return /[`$\\]/.test(character) ? `\\${character}` : character;
  const hex = code.toString(16);
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
}

if (import.meta.main) {
  const source = Deno.readTextFileSync(Deno.args[0]!);
  Deno.writeTextFileSync("text/confusables.ts", confusablesModule(source));
}
