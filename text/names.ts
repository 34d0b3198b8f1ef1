// Names of members: which are valid, and the nearest valid one. Pure. Knows no member and no room.

import { splitGraphemes } from "./graphemes.ts";
import { HAZARDS, visibleForm } from "./printable.ts";
import { width } from "./width.ts";

const encoder = new TextEncoder();

/** Longest name, in bytes of UTF-8: each profile contains it. */
export const MAX_NAME_BYTES = 64;
/** Widest name, in terminal columns: each line begins with it, and 80 columns must leave room for the text. */
export const MAX_NAME_COLUMNS = 24;

const EMOJI = String.raw`\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)?`;
/** Emoji made of several characters (UTS #51), and digits in a key cap. */
const EMOJI_SEQUENCE = new RegExp(`${EMOJI}(?:\\u200d${EMOJI})*|[0-9*]\\ufe0f\\u20e3`, "gu");

/**
 * Why `name` is not a valid name, as the rest of a sentence that starts with "a name". Undefined if it is valid. A
 * name must not contain characters that make `NAME: text` or `/msg NAME text` ambiguous (white space, `:`); nor
 * `#`, which distinguishes members with the same name; nor `(!)`, which only the program adds, to the name of a
 * member whose key has changed; nor the lines that the screen draws. Nor may it have several forms that look the same: it is in NFC, and nothing in it is
 * invisible but what holds emoji together.
 */
export function nameFault(name: string): string | undefined {
  if (name === "") return "must not be empty";
  HAZARDS.lastIndex = 0;
  const hazard = HAZARDS.exec(name);
  if (hazard) return `must not contain control characters: it has ${visibleForm(hazard[0])}`;
  const joiner = /[\u200c\u200d]|\p{Variation_Selector}/u.exec(name.replace(EMOJI_SEQUENCE, ""));
  if (joiner) {
    return `must not contain invisible characters outside emoji: it has ${visibleForm(joiner[0])}`;
  }
  if (name !== name.normalize("NFC")) return "must be in Unicode's form NFC";
  // A Braille cell without dots, a note without a head, and a Khitan filler look like spaces: "the operator" would be a name.
  const mark = /[\s\u2800\u{1d159}\u{16fe4}:#]/u.exec(name);
  if (mark) return `must not contain ${/[:#]/.test(mark[0]) ? `"${mark[0]}"` : "spaces"}`;
  // Those that the screen draws beside announcements and quotes: a row "┃ is away" would look like a part of one.
  const line = /[\u2500-\u257f]/.exec(name);
  if (line) return `must not contain "${line[0]}", which looks like a line of the screen`;
  if (name.includes("(!)")) return `must not contain "(!)"`;
  if (name.startsWith("/")) return `must not start with "/"`;
  const bytes = encoder.encode(name).length;
  if (bytes > MAX_NAME_BYTES) {
    return `must have at most ${MAX_NAME_BYTES} bytes: it has ${bytes}`;
  }
  const columns = width(name);
  if (columns > MAX_NAME_COLUMNS) {
    return `must be at most ${MAX_NAME_COLUMNS} columns wide: it is ${columns}`;
  }
  if (columns === 0) return "must be visible";
  return undefined;
}

/**
 * The nearest valid name to `text`, which is the system's name for its user: other characters become `-`. Empty if
 * nothing is left.
 */
export function toName(text: string): string {
  let name = "";
  for (const g of splitGraphemes(text.normalize("NFC"))) {
    const safe = nameFault(g) === undefined ? g : "-";
    if (nameFault(name + safe) !== undefined) break;
    name += safe;
  }
  return name.replace(/^-+|-+$/g, "");
}
