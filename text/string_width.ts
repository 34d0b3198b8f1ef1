// Columns of a text by the rules of the package `string-width`, with which a test compares them. The package builds
// tables of all emoji when it is loaded, which would double the time of each start; here a text that needs them builds
// them. Pure. Knows no terminal.

import { eastAsianWidth } from "get-east-asian-width";
import { splitGraphemes } from "./graphemes.ts";

/** A pattern that is compiled when it is first used. */
function late(source: string, flags: string): () => RegExp {
  let pattern: RegExp | undefined;
  return () => pattern ??= new RegExp(source, flags);
}

/** What can be seen of a grapheme begins with one of these. */
const VISIBLE = late(
  String.raw`[^\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Cs}]`,
  "v",
);
const SPACING_MARK = late(String.raw`\p{Mc}`, "v");
/** Every emoji contains one of these. */
const MAYBE_EMOJI = late(String.raw`[\p{Emoji_Presentation}\p{Extended_Pictographic}\u20e3]`, "v");
const EMOJI = late(String.raw`^\p{RGI_Emoji}$`, "v");
const PICTOGRAPH = late(String.raw`\p{Extended_Pictographic}`, "gv");

/** No emoji is longer, in UTF-16 units. */
const MAX_EMOJI = 50;

/** Columns that `text` takes in a terminal. `text` has no control characters. */
export function stringWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  return splitGraphemes(text).reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0);
}

function graphemeWidth(grapheme: string): number {
  const visible = Array.from(grapheme, (c) => VISIBLE().test(c) ? c.codePointAt(0)! : 0);
  const start = visible.findIndex((code) => code !== 0);
  if (start === -1) return 0;
  if (isEmoji(grapheme)) return 2;
  const first = visible[start]!;
  if (isJamo(first)) return jamoWidth(visible.filter((code) => code !== 0));
  let width = eastAsianWidth(first);
  for (const c of Array.from(grapheme).slice(start + 1)) {
    if (SPACING_MARK().test(c) || isHalfOrFull(c)) width += eastAsianWidth(c.codePointAt(0)!);
  }
  return width;
}

function isEmoji(grapheme: string): boolean {
  if (!MAYBE_EMOJI().test(grapheme)) return false;
  if (EMOJI().test(grapheme)) return true;
  // Emoji without the selectors that they should have are shown as emoji, too.
  return grapheme.length <= MAX_EMOJI &&
    (/^[\d#*]\u20e3$/.test(grapheme) ||
      (grapheme.includes("\u200d") && (grapheme.match(PICTOGRAPH())?.length ?? 0) > 1));
}

/** In the block "Halfwidth and Fullwidth Forms". */
function isHalfOrFull(c: string): boolean {
  return c >= "\uff00" && c <= "\uffef";
}

// Pieces of Korean syllables.

const isLeading = (code: number) =>
  (code >= 0x1100 && code <= 0x115f) || (code >= 0xa960 && code <= 0xa97c);
const isVowel = (code: number) =>
  (code >= 0x1160 && code <= 0x11a7) || (code >= 0xd7b0 && code <= 0xd7c6);
const isTrailing = (code: number) =>
  (code >= 0x11a8 && code <= 0x11ff) || (code >= 0xd7cb && code <= 0xd7fb);
const isJamo = (code: number) => isLeading(code) || isVowel(code) || isTrailing(code);

/** Columns of a grapheme of such pieces. Terminals join those of one syllable, and leave others as they are. */
function jamoWidth(codes: readonly number[]): number {
  let width = 0;
  for (let at = 0; at < codes.length; at++) {
    if (isLeading(codes[at]!) && isVowel(codes[at + 1] ?? 0)) {
      width += 2;
      at += isTrailing(codes[at + 2] ?? 0) ? 2 : 1;
    } else {
      width += eastAsianWidth(codes[at]!);
    }
  }
  return width;
}
