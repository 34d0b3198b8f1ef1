// Text from others made safe to show: what a terminal could obey becomes visible. Pure. Knows no terminal, no wire
// and no member.

/**
 * Characters that a terminal could obey, or that could change how the text around them reads: control characters
 * (C0, C1 and DEL), halves of surrogate pairs, line and paragraph separators, annotation characters, and invisible
 * characters: bidirectional controls (UAX #9), fillers, format and tag characters. Joiners and variation selectors
 * are invisible, too, but allowed: emoji and many scripts need them.
 */
export const HAZARDS =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufff9-\ufffb]|(?![\u200c\u200d]|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** One hazardous character as visible text: a control picture for C0 (`␛`), otherwise its code (`\u{202e}`). */
export function visibleForm(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\\u{${code.toString(16)}}`;
}

/**
 * Makes text from others safe to print: hazardous characters become visible text. With `keep: "lines"`, newlines
 * and tabs stay. Otherwise they become visible, too, and the result is one line.
 *
 * @example
 * ```ts
 * printable("\x1b[2Jboo"); // "␛[2Jboo"
 * ```
 */
export function printable(text: string, keep: "line" | "lines" = "line"): string {
  return text.replace(keep === "lines" ? HAZARDS_IN_LINES : HAZARDS, visibleForm);
}

/** In a text of several lines. */
const HAZARDS_IN_LINES = new RegExp(`(?![\\n\\t])(?:${HAZARDS.source})`, "gu");

/**
 * Characters that JSON does not escape, but that a terminal could obey, or that end a line for some readers (such
 * as Python's `splitlines`). All are in the first 64 Ki code points.
 */
const UNSAFE_IN_JSON = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** An object as one line of JSON, without the newline, that is safe to show and to read line by line. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(
    UNSAFE_IN_JSON,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
