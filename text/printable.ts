// Text as people see it: what may reach a terminal, how wide it is, where it wraps, what a name may
// be. Pure; knows no terminal, no wire and no member.

/**
 * What a terminal could obey, or what could change how the text around it reads: controls (C0, C1 and
 * DEL), halves of surrogate pairs, line and paragraph separators, annotation marks, and what can't be
 * seen: bidirectional controls (UAX #9), fillers, format and tag characters. Of what can't be seen,
 * joiners and variation selectors are needed: emoji and many scripts are written with these.
 */
export const HAZARDS =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufff9-\ufffb]|(?![\u200c\u200d]|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** Shows one hazardous character: a control picture for C0 (`␛`), else its code (`\u{202e}`). */
export function visibleForm(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\\u{${code.toString(16)}}`;
}

/**
 * Makes text from others safe to print: whatever a terminal could obey is shown instead. Newlines and
 * tabs stay with `keep: "lines"`; otherwise they are shown too, and the result is one line.
 *
 * @example
 * ```ts
 * printable("\x1b[2Jboo"); // "␛[2Jboo"
 * ```
 */
export function printable(text: string, keep: "line" | "lines" = "line"): string {
  return text.replace(
    HAZARDS,
    (c) => keep === "lines" && (c === "\n" || c === "\t") ? c : visibleForm(c),
  );
}

/**
 * What JSON strings may hold as it is, and still a terminal could obey, or a reader of lines take for
 * the end of one (Python's `splitlines` does). All of it is in the first 64 Ki code points.
 */
const UNSAFE_IN_JSON = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** An object as one line of JSON, without the newline, that is safe to show and to read line by line. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(
    UNSAFE_IN_JSON,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
