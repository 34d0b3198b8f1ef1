// Parses what members write: `*bold*`, `_italic_`, `` `code` ``, blocks between lines of ```, links, and mentions:
// of the user, and of words that the user has chosen. Pure; knows no colours and no terminal: it only names the style of each run.
//
// Marks count only at word boundaries, as in other chats: 2*3*4, snake_case_name and __init__ stay as they
// are. The time is proportional to the length of the text, whatever the text is.

import { cuts } from "../text/width.ts";
import { bareName } from "../room.ts";

/** The style of a run. */
export interface Style {
  readonly bold: boolean;
  readonly italic: boolean;
  readonly code: boolean;
  readonly mention: boolean;
  /** The link's target: http or https, in ASCII; the run's text is the same address as it was written. */
  readonly link: string | undefined;
}

/** A piece of one line in one style. */
export interface Run {
  readonly text: string;
  readonly style: Style;
}

/** One line of the text. */
export interface MarkupLine {
  readonly runs: readonly Run[];
  /** `block`: part of a code block. `code`: nothing but code, or indented like it. `quote`: it starts with `> `. */
  readonly kind: "text" | "quote" | "code" | "block";
}

interface ParseOptions {
  /** The user's name as it is shown; undefined: do not look for mentions. */
  readonly self?: string | undefined;
  /** Words and phrases that are mentions, too. */
  readonly highlights?: readonly string[] | undefined;
  /** Whether the marks stay visible: they replace the styles that cannot be drawn. */
  readonly marks: "hidden" | "shown";
}

/** Longest address of a link, in characters: terminals take about this many (VTE 2083). */
const MAX_LINK = 2000;
/** Combining marks on one letter: Unicode's Stream-Safe Text Format (UAX #15) expects no more in real text. */
const MAX_MARKS = 30;

const PLAIN: Style = { bold: false, italic: false, code: false, mention: false, link: undefined };
const CODE: Style = { ...PLAIN, code: true };

const FENCE = "```";

/** What may precede an opening mark and follow a closing one, besides the ends of a line. */
const BEFORE = /[\s\p{Ps}\p{Pi}"'*_~–—>:,;!?…。、，！？：；-]/u;
const AFTER = /[\s\p{Pe}\p{Pf}"'*_~–—<:,;.!?…。、，！？：；-]/u;

const LETTER = "[\\p{L}\\p{N}\\p{M}_]";
const CODE_SPAN = "(?<![\\p{L}\\p{N}`])`[^`]+`(?![\\p{L}\\p{N}`])";
const LINK = '(?<![\\p{L}\\p{N}])https?://[^\\s<>"`]+';
/** Without userinfo, which lets `https://bank.example@evil.example` look like another host, and in real ASCII. */
const AUTHORITY = /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?=[/?#]|$)/i;

/** Scripts without spaces between words: a name in them has no boundaries. */
const UNSPACED =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/**
 * The lines of a text, parsed one by one as they are asked for: the end of a very long text may never be.
 *
 * @example
 * ```ts
 * new MarkupLines("see *this*", { marks: "hidden" }).next(); // "see " and a bold "this"
 * ```
 */
export class MarkupLines {
  readonly #text: string;
  readonly #tokens: RegExp;
  readonly #hidden: boolean;
  readonly #parsed: Generator<MarkupLine, void, void>;
  /** Where the next line begins that is not parsed yet; beyond the end of the text if there is none. */
  #at = 0;
  /** No line after this position ends with a fence. */
  #lastFence = Infinity;
  #back: MarkupLine | undefined;

  /** @param text MUST have been through `printable(text, "lines")` */
  constructor(text: string, { self, highlights, marks }: ParseOptions) {
    this.#text = streamSafe(text).replaceAll("\t", "    ");
    this.#tokens = new RegExp(
      [
        CODE_SPAN,
        LINK,
        ...self === undefined ? [] : [`(?<mention>${mentionPattern(self, highlights)})`],
      ].join("|"),
      "giu",
    );
    this.#hidden = marks === "hidden";
    this.#parsed = this.#parse();
  }

  /** Whether `next` has returned all lines. */
  get isDone(): boolean {
    return !this.#back && this.#at > this.#text.length;
  }

  /** The next line; undefined at the end. */
  next(): MarkupLine | undefined {
    const line = this.#back ?? (this.#parsed.next().value || undefined);
    this.#back = undefined;
    return line;
  }

  /** Makes `next` return this next: a line, or the rest of one. */
  putBack(line: MarkupLine): void {
    this.#back = line;
  }

  /** How many rows of `columns` the rest takes. An estimate if a line is long or not ASCII: none is laid out. */
  rowsLeft(columns: number): { count: number; isExact: boolean } {
    let count = 0;
    let isExact = true;
    const add = (length: number) => {
      count += Math.max(1, Math.ceil(length / columns));
      isExact &&= length <= columns;
    };
    if (this.#back) add(this.#back.runs.reduce((sum, { text }) => sum + text.length, 0));
    for (let at = this.#at; at <= this.#text.length;) {
      const end = this.#endOfLine(at);
      add(end - at);
      at = end + 1;
    }
    return { count, isExact: isExact && /^[\n -~]*$/.test(this.#text.slice(this.#at)) };
  }

  #endOfLine(at: number): number {
    const end = this.#text.indexOf("\n", at);
    return end === -1 ? this.#text.length : end;
  }

  #take(): string {
    const end = this.#endOfLine(this.#at);
    const line = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return line;
  }

  *#parse(): Generator<MarkupLine, void, void> {
    const hidden = this.#hidden;
    while (this.#at <= this.#text.length) {
      const line = this.#take();
      const close = line.startsWith(FENCE) ? this.#fenceEnd(line) : undefined;
      if (close === undefined) {
        yield textLine(line, parseLine(line, this.#tokens, hidden));
      } else if (close === "same line") {
        yield blockLine(hidden ? line.trimEnd().slice(FENCE.length, -FENCE.length) : line);
      } else {
        // The name of a language after the opening fence is not shown.
        if (!hidden || !/^```[\w+#.-]{0,20}\s*$/.test(line)) {
          yield blockLine(hidden ? line.slice(FENCE.length) : line);
        }
        while (this.#at < close) yield blockLine(this.#take());
        const last = this.#take().trimEnd();
        if (!hidden) yield blockLine(last);
        else if (last !== FENCE) yield blockLine(last.slice(0, -FENCE.length));
      }
    }
  }

  /** Where the last line begins of the block that starts with `line`; undefined if it is not a block. */
  #fenceEnd(line: string): number | "same line" | undefined {
    const trimmed = line.trimEnd();
    const inner = trimmed.slice(FENCE.length, -FENCE.length);
    if (trimmed.length > 2 * FENCE.length && trimmed.endsWith(FENCE) && !inner.includes("`")) {
      return "same line";
    }
    // A search that has failed is not repeated for each opening fence.
    if (this.#at >= this.#lastFence) return undefined;
    const closing = /```[^\S\n]*(?=\n|$)/g;
    closing.lastIndex = this.#at;
    const match = closing.exec(this.#text);
    if (!match) {
      this.#lastFence = this.#at;
      return undefined;
    }
    return this.#text.lastIndexOf("\n", match.index) + 1;
  }
}

function blockLine(text: string): MarkupLine {
  return { runs: text === "" ? [] : [{ text, style: CODE }], kind: "block" };
}

function textLine(text: string, runs: readonly Run[]): MarkupLine {
  if (/^>(?: |$)/.test(text)) return { runs, kind: "quote" };
  const isCode = text.startsWith("    ") || (runs.length === 1 && runs[0]!.style.code);
  return { runs, kind: isCode ? "code" : "text" };
}

/** A part of a line in which marks have no meaning. */
interface Token {
  readonly from: number;
  readonly to: number;
  readonly style: Style;
}

function parseLine(line: string, pattern: RegExp, hidden: boolean): Run[] {
  const tokens: Token[] = [];
  for (const match of line.matchAll(pattern)) {
    const [found] = match;
    const from = match.index;
    if (found[0] === "`") {
      tokens.push({ from, to: from + found.length, style: CODE });
    } else if (match.groups?.["mention"] !== undefined) {
      tokens.push({ from, to: from + found.length, style: { ...PLAIN, mention: true } });
    } else {
      const address = withoutTail(found);
      const link = linkTarget(address);
      tokens.push({ from, to: from + address.length, style: { ...PLAIN, link } });
    }
  }
  const marks = pairedMarks(line, tokens);
  const runs: Run[] = [];
  let bold = false;
  let italic = false;
  /** The last run, if it has no style but bold and italic: equal neighbours become one run. */
  let before: { text: string; style: Style } | undefined;
  const push = (text: string, style: Style) => {
    if (text === "") return;
    if (style === PLAIN && before?.style.bold === bold && before.style.italic === italic) {
      before.text += text;
      return;
    }
    const run = { text, style: { ...style, bold, italic } };
    before = style === PLAIN ? run : undefined;
    runs.push(run);
  };
  let at = 0;
  let next = 0;
  for (const mark of [...marks, line.length]) {
    for (; next < tokens.length && tokens[next]!.from < mark; next++) {
      const { from, to, style } = tokens[next]!;
      push(line.slice(at, from), PLAIN);
      push(hidden && style.code ? line.slice(from + 1, to - 1) : line.slice(from, to), style);
      at = to;
    }
    push(line.slice(at, mark), PLAIN);
    at = mark + 1;
    if (mark === line.length) break;
    const isBold = line[mark] === "*";
    // A visible mark looks like the text it encloses.
    const opens = isBold ? !bold : !italic;
    if (!hidden && !opens) push(line[mark]!, PLAIN);
    if (isBold) bold = !bold;
    else italic = !italic;
    if (!hidden && opens) push(line[mark]!, PLAIN);
  }
  return runs;
}

/** The positions of the marks that form pairs, in order: none is inside a token, and no pairs cross. */
function pairedMarks(line: string, tokens: readonly Token[]): number[] {
  const paired: number[] = [];
  const open = { "*": -1, "_": -1 };
  let next = 0;
  for (let i = 0; i < line.length; i++) {
    if (i === tokens[next]?.from) {
      i = tokens[next++]!.to - 1;
      continue;
    }
    const mark = line[i];
    if (mark !== "*" && mark !== "_") continue;
    const before = line[i - 1] ?? " ";
    const after = line[i + 1] ?? " ";
    if (before === mark || after === mark) continue;
    const other = mark === "*" ? "_" : "*";
    const from = open[mark];
    if (from >= 0 && !/\s/.test(before) && isBoundary(line, i + 1, AFTER)) {
      paired.push(from, i);
      open[mark] = -1;
      // An unclosed mark inside a pair is plain text.
      if (open[other] > from) open[other] = -1;
    } else if (!/\s/.test(after) && isBoundary(line, i - 1, BEFORE)) {
      open[mark] = i;
    }
  }
  return paired.sort((a, b) => a - b);
}

/** Whether a mark may be beside the character at `at`; it may be beside emoji. */
function isBoundary(line: string, at: number, boundary: RegExp): boolean {
  const unit = line[at];
  if (unit === undefined || boundary.test(unit)) return true;
  const code = line.codePointAt(/[\udc00-\udfff]/.test(unit) ? at - 1 : at)!;
  return code >= 0x1f000 && code < 0x1fc00;
}

/** An address without what belongs to the sentence around it: full stops, and brackets it does not open. */
function withoutTail(address: string): string {
  const open: Record<string, number> = {};
  for (const c of address) if ("()[]{}".includes(c)) open[c] = (open[c] ?? 0) + 1;
  let end = address.length;
  for (; end > 0; end--) {
    const c = address[end - 1]!;
    if (/[.,:;!?'*_~…。、，！？：；」』】）》]/.test(c)) continue;
    const opener = { ")": "(", "]": "[", "}": "{" }[c];
    if (opener === undefined || (open[c] ?? 0) <= (open[opener] ?? 0)) break;
    open[c]!--;
  }
  return address.slice(0, end);
}

/** The address that the terminal opens, in ASCII; undefined if it could mislead. */
function linkTarget(address: string): string | undefined {
  if (address.length > MAX_LINK || !AUTHORITY.test(address)) return undefined;
  const target = address.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
  return target.length > MAX_LINK ? undefined : target;
}

/** Gives a long run of combining marks new bases: on one letter it could cover the screen. */
function streamSafe(text: string): string {
  return text.replace(LONG_MARKS, "$&\u25cc");
}
const LONG_MARKS = new RegExp(
  `[\\p{M}\\u200c\\u200d]{${MAX_MARKS}}(?=[\\p{M}\\u200c\\u200d])`,
  "gu",
);

// ---- mentions --------------------------------------------------------------------------------------

const ADDRESSES = new RegExp(LINK, "giu");

/** Whether `text` contains `name`, or one of `highlights`, as a word, with or without `@`, in either case. */
export function mentions(text: string, name: string, highlights: readonly string[] = []): boolean {
  return new RegExp(mentionPattern(name, highlights), "iu").test(text.replace(ADDRESSES, " "));
}

/** The pattern of a name, without `#3` and `(!)`: screens add these marks, and nobody types them; and of words. */
function mentionPattern(name: string, highlights: readonly string[] = []): string {
  // The longest first: it may contain others.
  const words = [bareName(name), ...highlights].sort((one, other) => other.length - one.length);
  // Each boundary is in the pattern once: with one for each word it would take long to compile.
  return [true, false].flatMap((begins) =>
    [true, false].flatMap((ends) => {
      const group = words.filter((word) => {
        const letters = [...word];
        return UNSPACED.test(letters[0]!) !== begins && UNSPACED.test(letters.at(-1)!) !== ends;
      });
      if (group.length === 0) return [];
      // Neither "al-x" nor "x@al.example" means "al": both are other names.
      const before = begins ? `(?<!${LETTER}|${LETTER}[@-])` : "";
      const after = ends ? `(?!-?${LETTER})` : "";
      return [`${before}@?(?:${group.map(literal).join("|")})${after}`];
    })
  ).join("|");
}

/** The pattern of a text. The blanks of a phrase may be any. */
function literal(text: string): string {
  return text.trim().replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "[^\\S\\n]+");
}

// ---- rows ------------------------------------------------------------------------------------------

/** A row of a line. */
export interface MarkupRow {
  readonly runs: readonly Run[];
  /** Where it begins in the line's text. */
  readonly from: number;
}

/**
 * Cuts a line into rows of at most `columns` columns, which must be at least 2; a cut run continues in the next
 * row. If terminals disagree about a width, the widest counts. Words with a link or with code are cut only at `most`.
 */
export function* toRows(
  { runs }: MarkupLine,
  columns: number,
  most: number = columns,
): Generator<MarkupRow, void, void> {
  const visible = runs.map(({ text }) => text).join("");
  const uncut = most > columns ? wordsWithTokens(runs, visible) : [];
  let next = 0;
  const roomAt = (at: number) => {
    while (next < uncut.length && at >= uncut[next]!.to) next++;
    return next < uncut.length && at >= uncut[next]!.from ? most : columns;
  };
  let run = 0;
  /** Where the run starts in `visible`. */
  let begins = 0;
  for (const [from, to] of cuts(visible, columns, roomAt)) {
    const row: Run[] = [];
    for (; run < runs.length; run++) {
      const { text, style } = runs[run]!;
      const ends = begins + text.length;
      const piece = visible.slice(Math.max(from, begins), Math.min(to, ends));
      if (piece !== "" && ends > from) row.push({ text: piece, style });
      if (ends > to) break;
      begins = ends;
    }
    yield { runs: row, from };
  }
}

/** The words, with the punctuation around them, that have a link or code in them. */
function wordsWithTokens(runs: readonly Run[], visible: string): { from: number; to: number }[] {
  const words: { from: number; to: number }[] = [];
  let at = 0;
  for (const { text, style } of runs) {
    if ((style.link !== undefined || style.code) && at >= (words.at(-1)?.to ?? 0)) {
      const from = visible.lastIndexOf(" ", at) + 1;
      const space = visible.indexOf(" ", at + text.length);
      words.push({ from, to: space === -1 ? visible.length : space });
    }
    at += text.length;
  }
  return words;
}

/** The rest of a line, from a position in its text on. */
export function restOf({ runs, kind }: MarkupLine, from: number): MarkupLine {
  let begins = 0;
  const rest = runs.map(({ text, style }) => {
    const skipped = Math.max(0, from - begins);
    begins += text.length;
    return { text: text.slice(skipped), style };
  });
  return { runs: rest.filter(({ text }) => text !== ""), kind };
}
