// Borders of lines and words in the editor's text, as readline knows them. Pure: strings and positions in UTF-16
// units. Knows no cursor and no keys.

import { graphemesBefore, graphemesFrom } from "../text/graphemes.ts";

/** The start of the line that contains `at`. */
export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

/** The end of the line that contains `at`: its newline, or the end of the text. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

// Readline knows two kinds of words: letters, digits and `_`, or everything that is not a space. Both take a
// grapheme: a word never ends within one.

export const isInName = (g: string) => /[\p{L}\p{N}_]/u.test(g);
export const isVisible = (g: string) => g.trim() !== "";

/** The start of the word at or before `cursor`. */
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

/** The end of the word at or after `cursor`. */
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
