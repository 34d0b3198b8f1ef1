// TODO: say what this is.

import { graphemesBefore, graphemesFrom } from "../text/graphemes.ts";

export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

// The two kinds of words that readline knows: letters, digits and `_`, or whatever is no space. Asked
// of whole graphemes: a word never ends within one.
export const inName = (g: string) => /[\p{L}\p{N}_]/u.test(g);
export const visible = (g: string) => g.trim() !== "";

/** Where the word at or before `cursor` begins. */
export function wordStart(text: string, cursor: number, inWord: (g: string) => boolean): number {
  let at = cursor;
  let found = false;
  for (const g of graphemesBefore(text, cursor)) {
    if (found && !inWord(g)) break;
    found ||= inWord(g);
    at -= g.length;
  }
  return at;
}

/** Where the word at or after `cursor` ends. */
export function wordEnd(text: string, cursor: number, inWord: (g: string) => boolean): number {
  let at = cursor;
  let found = false;
  for (const g of graphemesFrom(text, cursor)) {
    if (found && !inWord(g)) break;
    found ||= inWord(g);
    at += g.length;
  }
  return at;
}
