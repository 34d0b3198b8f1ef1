import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Cell } from "../tests/support/cells.ts";
import { contrast, luminance, palette } from "../ui/theme.ts";
import { CONVERSATION, REPLY } from "./session_picture.ts";
import { picture } from "./session_svg.ts";

const SESSION = Deno.readTextFileSync(`${import.meta.dirname}/../docs/session.svg`);

// ---- helpers ----

/** A row of cells with the same look. */
function row(text: string, look: Partial<Cell> = {}): Cell[] {
  return Array.from(text, (text) => ({ text, columns: 1, ...look }));
}

/** A drawn screen of one row. */
function drawn(cells: readonly Cell[]): string {
  return picture({ columns: 40, rows: [cells] }, "title");
}

/** A simple XML lexer: a tag, or the text between two. */
const PARTS = /<(\/?)([a-z]+)((?: [\w:-]+="[^"<]*")*)(\/?)>|([^<]+)/gy;

/** Asserts that tags are closed in order, and that `&` and `<` are only used as in XML. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  let end = 0;
  for (const [part, closes, name, , isEmpty, text] of svg.matchAll(PARTS)) {
    end += part.length;
    assert(!/&(?!(?:amp|lt|gt|quot);)/.test(part), part);
    if (text !== undefined) assert(open.length > 0 || text.trim() === "", part);
    else if (closes) assertEquals(open.pop(), name);
    else if (!isEmpty) open.push(name!);
    if (open.length === 0 && name !== undefined) assertEquals(svg.slice(end), "\n");
  }
  assertEquals(end, svg.length);
  assertEquals(open, []);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]/.test(svg) && svg.isWellFormed());
}

interface Text {
  x: number;
  y: number;
  attributes: string;
  text: string;
}

/** All texts but the title. */
function texts(svg: string): Text[] {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };
  const found = svg.matchAll(/<text x="(\d+)" y="(\d+)"([^>]*)>([^<]*)<\/text>/g);
  return Array.from(found, ([, x, y, attributes, text]) => ({
    x: Number(x),
    y: Number(y),
    attributes: attributes!,
    text: text!.replace(/&(\w+);/g, (_, name) => entities[name]!),
  }));
}

/** The rows of letters from top to bottom, with spaces for gaps. */
function rows(svg: string): string[] {
  const found = new Map<number, string>();
  let end = 0;
  for (const { x, y, attributes, text } of texts(svg)) {
    const before = found.get(y);
    found.set(y, before === undefined ? text : before + (x > end ? " " : "") + text);
    end = x + Number(/textLength="(\d+)"/.exec(attributes)?.[1] ?? 9);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, text]) => text);
}

// ---- from cells to SVG ----

Deno.test("picture(): an empty screen is a window with its title", () => {
  for (const rows of [[], [[]], [row("  ")]]) {
    const svg = picture({ columns: 40, rows }, "a title");
    assertWellFormed(svg);
    assertEquals(texts(svg), []);
    assertStringIncludes(svg, ">a title</text>");
    assertStringIncludes(svg, 'aria-label="a title"');
  }
});

Deno.test("picture(): XML's special characters are escaped, control characters are replaced", () => {
  const text = `a<b>&amp;"'`;
  const svg = picture({ columns: 40, rows: [row(text)] }, `</text>"&\x1b\ud800`);
  assertWellFormed(svg);
  assertEquals(rows(svg), [text]);
  assertStringIncludes(svg, "&lt;/text&gt;&quot;&amp;\ufffd\ufffd</text>");
});

Deno.test("picture(): cells with the same look are one text, in its position and as long as its cells", () => {
  const [first, second, third] = texts(drawn([...row("ab c  d"), ...row("e", { bold: true })]));
  assertEquals(first!.text, "ab c");
  assertStringIncludes(first!.attributes, `textLength="${4 * 9}"`);
  assertEquals([second!.text, second!.x - first!.x], ["d", 6 * 9]);
  assertEquals([third!.text, third!.x - first!.x], ["e", 7 * 9]);
  assertMatch(third!.attributes, /class="bold"/);
});

Deno.test("picture(): a wide character is a text of its own, two columns wide", () => {
  const wide: Cell = { text: "日", columns: 2 };
  const family: Cell = { text: "👨‍👩‍👧", columns: 2 };
  const svg = drawn([...row("a"), wide, wide, ...row("b"), family, ...row("c")]);
  assertWellFormed(svg);
  const found = texts(svg);
  assertEquals(found.map(({ text }) => text), ["a", "日", "日", "b", "👨‍👩‍👧", "c"]);
  assertEquals(found.map(({ x }) => (x - found[0]!.x) / 9), [0, 1, 3, 5, 6, 8]);
  for (const { attributes } of [found[1]!, found[4]!]) {
    assertStringIncludes(attributes, `textLength="${2 * 9}"`);
  }
});

Deno.test("picture(): colours are xterm's 256, or any RGB colour", () => {
  for (
    const [ink, color] of [
      [16, "#000000"],
      [17, "#00005f"],
      [208, "#ff8700"],
      [231, "#ffffff"],
      [232, "#080808"],
      [255, "#eeeeee"],
      ["#123456", "#123456"],
    ] as const
  ) {
    assertMatch(drawn(row("x", { ink })), new RegExp(`<text [^>]*style="fill: ${color}">x<`));
    assertMatch(drawn(row("x", { ground: ink })), new RegExp(`<rect [^>]*fill="${color}"/>`));
  }
  const named = Array.from({ length: 16 }, (_, ink) => drawn(row("x", { ink })));
  assertEquals(new Set(named).size, 16);
});

Deno.test("picture(): the colours of the theme dark, and the first 16 but black, are legible", () => {
  const light = (color: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
      parseInt(color.slice(at, at + 2), 16)
    );
    return luminance({ red, green, blue });
  };
  const { names, ...styles } = palette("dark");
  const styled = Object.values(styles).flatMap((style) => /38;5;(\d+)/.exec(style)?.[1] ?? []);
  const first = Array.from({ length: 15 }, (_, i) => i + 1);
  assert(styled.length > 3 && names.length > 3);
  for (const ink of [...first, ...names, ...styled.map(Number)]) {
    const svg = drawn(row("x", { ink }));
    const [, front] = /style="fill: (#\w{6})">x</.exec(svg)!;
    const [, ground] = /<rect [^>]*fill="(#\w{6})"/.exec(svg)!;
    assertGreaterOrEqual(contrast(light(front!), light(ground!)), 4.5, `colour ${ink}`);
  }
});

Deno.test("picture(): dim is nearer to the background, inverse exchanges both, spaces are underlined, too", () => {
  const colors = { ink: "#ffffff", ground: "#000000" };
  assertStringIncludes(drawn(row("x", { ...colors, dim: true })), "fill: #aaaaaa");
  const inverse = drawn(row("x y", { ...colors, inverse: true }));
  assertMatch(inverse, /<rect [^>]*width="27"[^>]*fill="#ffffff"\/>/);
  assertMatch(inverse, /fill: #000000">x y</);
  assertMatch(drawn(row("x  y", { underline: true })), /<path stroke="#\w{6}" d="[^"]*h36"\/>/);
  assertMatch(drawn(row("x", { italic: true })), /class="italic"/);
});

Deno.test("picture(): the cursor is a cell with its colours exchanged, also after the end of a row", () => {
  const cursor = (column: number) =>
    picture({ columns: 40, rows: [row("ab")], cursor: { column, row: 0 } }, "");
  const rect = (svg: string) => /<rect x="(\d+)" [^>]*width="9"/.exec(svg)?.[1];
  assertEquals(Number(rect(cursor(3))) - Number(rect(cursor(1))), 2 * 9);
  assertEquals(texts(cursor(1)).map(({ text }) => text), ["a", "b"]);
  assertEquals(rect(drawn(row("ab"))), undefined);
});

Deno.test("picture(): bars above each other are one line without gaps", () => {
  const bar = row(" │ x");
  const svg = picture({ columns: 40, rows: [bar, bar, row("   x"), bar] }, "");
  assertEquals(svg.match(/<path stroke="[^>]*v(?:42|21)"\/>/g)?.length, 2);
  assertEquals(rows(svg), ["x", "x", "x", "x"]);
});

// ---- the picture in README ----

Deno.test("docs/session.svg: well-formed, small, and without scripts and references", () => {
  assertWellFormed(SESSION);
  assertLess(SESSION.length, 60 * 1024);
  assert(!/<(?:script|image|use|a|foreignObject)\b|href|url\(|@import| on\w+=/i.test(SESSION));
});

Deno.test("docs/session.svg: shows the conversation, and the text in the line", () => {
  const shown = rows(SESSION);
  for (const { who, seen } of CONVERSATION) {
    for (const text of seen) {
      assert(shown.some((row) => row.endsWith(text)), `${who} says: ${text}`);
    }
  }
  assertEquals(shown[0], "$ chat serve --join --name alice");
  assert(shown.includes("carol and dave joined"));
  assertMatch(shown.at(-2)!, /sealed · 3 members · connected$/);
  assertEquals(shown.at(-1), `> ${REPLY}`);
});

Deno.test("docs/session.svg: reveals nothing about the machine on which it was drawn", () => {
  const shown = texts(SESSION).map(({ text }) => text).join("\n");
  // No path, unless it is a command or in an address, and no address but the loopback.
  assert(!/(?<![\w:/])[~/](?!help\b)|\\/.test(shown.replaceAll(/https:\S+/g, "")), shown);
  // 0.0.0.0 is in the advice how to let others in.
  assertEquals(new Set(shown.match(/\d+\.\d+\.\d+\.\d+/g)), new Set(["127.0.0.1", "0.0.0.0"]));
  const own = ["HOME", "HOSTNAME"].map((name) => Deno.env.get(name)).concat(Deno.hostname());
  for (const word of own) assert(!word || word === "localhost" || !shown.includes(word), word);
  const names = CONVERSATION.map(({ who }) => who as string);
  const user = Deno.env.get("USER") ?? "";
  assert(user === "" || names.includes(user) || !new RegExp(`\\b${user}\\b`).test(shown), user);
});

Deno.test("README shows docs/session.svg, and describes it in words", () => {
  const readme = Deno.readTextFileSync(`${import.meta.dirname}/../README.md`);
  assertMatch(readme, /!\[[^\]]{80,}\]\(docs\/session\.svg\)/);
});
