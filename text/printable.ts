// Text as people see it: what may reach a terminal, how wide it is, where it wraps, what a name may
// be. Pure; knows no terminal, no wire and no member.

import stringWidth from "string-width";

/** Longest name, in bytes of UTF-8: it stands in front of every line, and in every profile. */
export const MAX_NAME_BYTES = 64;
/** Widest name, in terminal columns: a line of 80 columns keeps room for what is said. */
export const MAX_NAME_COLUMNS = 24;

const encoder = new TextEncoder();

/**
 * What a terminal could obey, or what could change how the text around it reads: controls (C0, C1 and
 * DEL), halves of surrogate pairs, line and paragraph separators, annotation marks, and what can't be
 * seen: bidirectional controls (UAX #9), fillers, format and tag characters. Of what can't be seen,
 * joiners and variation selectors are needed: emoji and many scripts are written with these.
 */
const HAZARDS =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufff9-\ufffb]|(?![\u200c\u200d]|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;

/** Shows one hazardous character: a control picture for C0 (`␛`), else its code (`\u{202e}`). */
function picture(character: string): string {
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
    (c) => keep === "lines" && (c === "\n" || c === "\t") ? c : picture(c),
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

/** Columns that `text` takes in a terminal; `text` has no controls in it. */
export function width(text: string): number {
  return stringWidth(text);
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The user-perceived characters of `text` (UAX #29): a family emoji is one. */
export function splitGraphemes(text: string): string[] {
  // Plain ASCII needs no segmenter, and is most of what is typed. CR LF alone is one grapheme of two.
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x0c\x0e-\x7f]*$/.test(text)) return text.split("");
  return Array.from(graphemes.segment(text), (s) => s.segment);
}

// Where graphemes begin near a place in a long text: a novel that was pasted must not be split whole at each
// key. A newline is a grapheme of its own here, whatever stands before it.

/**
 * Units that are split at once where nothing tells plainly where graphemes begin, at most. Each split has its
 * price: who asks for one grapheme gets a short piece split, who asks for many soon gets long ones.
 */
const PIECE = 256;

/**
 * Characters before which a grapheme always begins, but behind a prefix (UAX #29, GB9b): letters, signs and
 * ideographs that extend nothing and are no emoji. All are in the first 64 Ki code points.
 */
function beginsGrapheme(unit: number): boolean {
  return unit < 0x7f || (unit >= 0xc0 && unit < 0x300) || (unit >= 0x370 && unit < 0x483) ||
    (unit >= 0x48a && unit < 0x530) || (unit >= 0x2010 && unit < 0x2028) ||
    (unit >= 0x3001 && unit < 0x3021) || (unit >= 0x3041 && unit < 0x3097) ||
    (unit >= 0x30a1 && unit < 0x30fb) || (unit >= 0x3400 && unit < 0x4dc0) ||
    (unit >= 0x4e00 && unit < 0xa000) || (unit >= 0xac00 && unit < 0xd7a4) ||
    (unit >= 0xff01 && unit < 0xff5f);
}

/**
 * Whether what ends before `at` may be a prefix: such are few, in Arabic and some scripts of Asia. Before a
 * Korean syllable, a leading consonant is one too (GB6).
 */
function mayBePrefix(text: string, at: number): boolean {
  const unit = text.charCodeAt(at - 1);
  if (unit < 0x600) return false;
  if (unit >= 0xdc00 && unit < 0xe000) {
    const first = text.charCodeAt(at - 2);
    return first >= 0xd804 && first < 0xd808;
  }
  return (unit >= 0x600 && unit < 0x606) || unit === 0x6dd || unit === 0x70f ||
    (unit >= 0x890 && unit < 0x892) || unit === 0x8e2 || unit === 0xd4e ||
    (unit >= 0x1100 && unit < 0x1160) || (unit >= 0xa960 && unit < 0xa980);
}

/** Whether a grapheme begins at `at`, as far as two characters tell: false where it takes more to know. */
function plainlyBegins(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return true;
  const unit = text.charCodeAt(at);
  if (unit === 0x0a || text.charCodeAt(at - 1) === 0x0a) return true;
  return beginsGrapheme(unit) && !mayBePrefix(text, at);
}

/** The graphemes of `text` from `at` on, which must be where one begins; splits no more than is asked for. */
export function* graphemesFrom(text: string, at: number): Generator<string, void, void> {
  let least = 2;
  let size = PIECE;
  while (at < text.length) {
    if (plainlyBegins(text, at + 1)) {
      yield text[at]!;
      at++;
      continue;
    }
    let end = at + least;
    while (end < at + least + size && !plainlyBegins(text, end)) end++;
    const whole = plainlyBegins(text, end);
    // Never half of a surrogate pair.
    if (!whole && text.charCodeAt(end) >>> 10 === 0xdc00 >>> 10) end--;
    const parts = splitGraphemes(text.slice(at, end));
    // More may belong to the last one.
    if (!whole) parts.pop();
    if (parts.length === 0) {
      size *= 4;
      continue;
    }
    least = Math.min(2 * least, PIECE);
    size = PIECE;
    for (const g of parts) {
      yield g;
      at += g.length;
    }
  }
}

/** The first place from `at` on where a grapheme of `text` begins or the text ends. */
export function borderFrom(text: string, at: number): number {
  if (plainlyBegins(text, at)) return Math.max(0, Math.min(at, text.length));
  let border = plainBorder(text, at);
  for (const g of graphemesFrom(text, border)) {
    if (border >= at) break;
    border += g.length;
  }
  return border;
}

/** The graphemes of `text` before `at`, the nearest first; one must begin at `at`. */
export function* graphemesBefore(text: string, at: number): Generator<string, void, void> {
  while (at > 0) {
    const start = plainBorder(text, at - 1);
    const parts = [...graphemesFrom(text.slice(start, at), 0)];
    for (const g of parts.reverse()) yield g;
    at = start;
  }
}

/** A place at or before `at` where a grapheme begins; it may not be the last one. */
export function plainBorder(text: string, at: number): number {
  let border = Math.max(0, at);
  while (!plainlyBegins(text, border)) border--;
  return border;
}

/**
 * Why `name` can't be a member's name, as the rest of a sentence that starts with "a name", or
 * undefined if it can. A name may not hold what would make `NAME: text` or `/msg NAME text` ambiguous
 * (white space, `:`), nor `#`, which tells members of one name apart, nor `(!)`, which marks one who is not
 * who is known by that name: `(!)` behind a name is ours to write.
 */
export function nameFault(name: string): string | undefined {
  if (name === "") return "must not be empty";
  HAZARDS.lastIndex = 0;
  const hazard = HAZARDS.exec(name);
  if (hazard) return `must not hold control characters: it has ${picture(hazard[0])}`;
  // U+2800, a Braille cell without dots, looks like a space.
  const mark = /[\s\u2800:#]/u.exec(name);
  if (mark) return `must not hold ${/[:#]/.test(mark[0]) ? `"${mark[0]}"` : "spaces"}`;
  if (name.includes("(!)")) return `must not hold "(!)"`;
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
 * The nearest valid name to what the system calls its user: what a name may not hold becomes `-`.
 * Empty if nothing is left.
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

/**
 * Cuts one line (no newlines, no colours) into rows of at most `columns` columns; breaks at spaces
 * where there are some, else between graphemes. Never loses a character but the space it breaks at.
 *
 * @throws {RangeError} if `columns` is less than 2, where a wide character would not fit
 */
export function wrap(line: string, columns: number): string[] {
  return cuts(line, columns, width).map(([from, to]) => line.slice(from, to));
}

/** Longest grapheme that is measured and kept whole, in UTF-16 units: a row must not depend on longer ones. */
const MAX_GRAPHEME = 64;

/**
 * Where `wrap` cuts `line`: the beginning and the end of each row in it. `measure` says how many columns a
 * grapheme takes.
 *
 * @throws {RangeError} if `columns` is less than 2
 */
export function cuts(
  line: string,
  columns: number,
  measure: (grapheme: string) => number,
): [from: number, to: number][] {
  if (columns < 2) throw new RangeError(`Cannot wrap: ${columns} columns, at least 2 are needed`);
  const rows: [number, number][] = [];
  /** The row: its beginning, and its width up to `at`. */
  let from = 0;
  let rowWidth = 0;
  /** Just behind the row's last space where it could be broken, and the width up to there. */
  let space = -1;
  let spaceWidth = 0;
  let at = 0;
  const take = (g: string, w: number) => {
    const isSpace = g === " ";
    if (rowWidth + w > columns && !isSpace && space > from) {
      rows.push([from, space - 1]);
      from = space;
      rowWidth -= spaceWidth;
      space = -1;
    }
    // Still: what is behind the space and a wide character can be more than a row.
    if (rowWidth + w > columns) {
      rows.push([from, at]);
      from = at;
      rowWidth = 0;
      space = -1;
      if (isSpace) {
        from = ++at;
        return;
      }
    }
    at += g.length;
    rowWidth += w;
    // Not at a leading space: that would make an empty row.
    if (isSpace && at - from > 1) {
      space = at;
      spaceWidth = rowWidth;
    }
  };
  for (const g of splitGraphemes(line)) {
    const w = g.length > MAX_GRAPHEME ? Infinity : isAscii(g) ? 1 : measure(g);
    // A grapheme wider than a row (a letter with many marks) is cut too.
    if (w <= columns || g.length === 1) take(g, w);
    else for (const c of g) take(c, measure(c));
  }
  rows.push([from, at]);
  return rows;
}

/** Whether this grapheme is one printable character of ASCII: most are, and these need no measuring. */
function isAscii(grapheme: string): boolean {
  return grapheme.length === 1 && grapheme >= " " && grapheme <= "~";
}

/** The beginning of `text`, at most `columns` wide; `…` shows that it was cut. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = "";
  let used = 0;
  for (const g of splitGraphemes(text)) {
    used += width(g);
    if (used > columns - 1) break;
    kept += g;
  }
  return kept + "…";
}
