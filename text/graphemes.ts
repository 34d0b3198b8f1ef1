// Graphemes: what people see as one character (UAX #29). Also where they begin near a position in a long text,
// without splitting all of it. Pure: strings only. Knows no widths.

/** Made when it is first needed: it takes several milliseconds, and many runs of the program do without. */
let segmenter: Intl.Segmenter | undefined;

function segment(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/** The user-perceived characters of `text` (UAX #29): a family emoji is one. */
export function splitGraphemes(text: string): string[] {
  // Most typed text is plain ASCII, which needs no segmenter. Only CR LF is one grapheme of two characters.
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x0c\x0e-\x7f]*$/.test(text)) return text.split("");
  return Array.from(segment(text), (s) => s.segment);
}

/** `text` without half a surrogate pair at its end, which cutting it may have left. */
export function withoutHalfPair(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

// Where graphemes begin near a position in a long text: a key must not split all of a pasted novel. Below, a
// newline is always a grapheme, also after CR.

/**
 * Limit of UTF-16 units that are split at once where two characters alone show no boundary. Pieces start short and
 * grow, because each split has a cost: a caller that takes one grapheme pays for a short piece only.
 */
const PIECE = 256;

/**
 * Characters that always begin a grapheme, except after a prefix (UAX #29, GB9b): letters, signs and ideographs
 * that extend nothing and are not emoji. All are in the first 64 Ki code points.
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
 * Whether the character before `at` may be a prefix. Arabic and some scripts of Asia have a few. Before a Korean
 * syllable, a leading consonant is one too (GB6).
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

/** Whether two characters show that a grapheme begins at `at`. False if more are needed to know. */
function plainlyBegins(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return true;
  const unit = text.charCodeAt(at);
  if (unit === 0x0a || text.charCodeAt(at - 1) === 0x0a) return true;
  return beginsGrapheme(unit) && !mayBePrefix(text, at);
}

/** The graphemes of `text` from `at` on, where one must begin. Splits only as far as they are taken. */
export function* graphemesFrom(text: string, at: number): Generator<string, void, void> {
  let min = 2;
  let size = PIECE;
  while (at < text.length) {
    if (plainlyBegins(text, at + 1)) {
      yield text[at]!;
      at++;
      continue;
    }
    let end = at + min;
    while (end < at + min + size && !plainlyBegins(text, end)) end++;
    const isBoundary = plainlyBegins(text, end);
    // Never cut a surrogate pair.
    if (!isBoundary && text.charCodeAt(end) >>> 10 === 0xdc00 >>> 10) end--;
    const parts = splitGraphemes(text.slice(at, end));
    // The last one may go on after the piece.
    if (!isBoundary) parts.pop();
    if (parts.length === 0) {
      size *= 4;
      continue;
    }
    min = Math.min(2 * min, PIECE);
    size = PIECE;
    for (const g of parts) {
      yield g;
      at += g.length;
    }
  }
}

/** The first position from `at` on where a grapheme begins or the text ends. */
export function boundaryFrom(text: string, at: number): number {
  if (plainlyBegins(text, at)) return Math.max(0, Math.min(at, text.length));
  let boundary = plainBoundary(text, at);
  for (const g of graphemesFrom(text, boundary)) {
    if (boundary >= at) break;
    boundary += g.length;
  }
  return boundary;
}

/** The graphemes of `text` before `at`, where one must begin, the nearest first. */
export function* graphemesBefore(text: string, at: number): Generator<string, void, void> {
  while (at > 0) {
    const start = plainBoundary(text, at - 1);
    const parts = [...graphemesFrom(text.slice(start, at), 0)];
    for (const g of parts.reverse()) yield g;
    at = start;
  }
}

/** A position at or before `at` where a grapheme begins: one may begin between them. */
export function plainBoundary(text: string, at: number): number {
  let boundary = Math.max(0, at);
  while (!plainlyBegins(text, boundary)) boundary--;
  return boundary;
}
