// TODO: say what this is.

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
