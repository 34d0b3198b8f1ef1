import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { printable } from "../text/printable.ts";
import { width } from "../text/width.ts";
import { type MarkupLine, MarkupLines, mentions, restOf, toRows } from "./markup.ts";

/** All lines of a text. */
function parse(...parts: ConstructorParameters<typeof MarkupLines>): MarkupLine[] {
  const lines = new MarkupLines(...parts);
  const parsed: MarkupLine[] = [];
  for (let line = lines.next(); line; line = lines.next()) parsed.push(line);
  assert(lines.isDone);
  return parsed;
}

/** The parsed text, with a letter for each style before a run: B, I, C, M for a mention, L for a link. */
function shown(text: string, marks: "hidden" | "shown" = "hidden", self = "al"): string {
  const lines = parse(printable(text, "lines"), { self, marks });
  return lines.map(({ runs, kind }) => {
    const pieces = runs.map(({ text, style }) => {
      const letters = (style.bold ? "B" : "") + (style.italic ? "I" : "") +
        (style.code ? "C" : "") + (style.mention ? "M" : "") + (style.link ? "L" : "");
      return letters === "" ? text : `<${letters} ${text}>`;
    });
    return (kind === "block" ? "| " : "") + pieces.join("");
  }).join("\n");
}

Deno.test("MarkupLines: marks at word boundaries become styles, all others stay", () => {
  const cases: [string, string][] = [
    ["plain", "plain"],
    ["", ""],
    ["*bold* and _italic_ and `code`", "<B bold> and <I italic> and <C code>"],
    ["*two words*, (*bold*)! “_quoted_”.", "<B two words>, (<B bold>)! “<I quoted>”."],
    ["*_both_* _*both*_", "<BI both> <BI both>"],
    ["*a _b_ c*", "<B a ><BI b><B  c>"],
    ["🎉*wow*🎉、*日本*。", "🎉<B wow>🎉、<B 日本>。"],
    // Not at word boundaries.
    ["2*3*4 2 * 3 * 4", "2*3*4 2 * 3 * 4"],
    ["snake_case_name __init__ _x_y", "snake_case_name __init__ _x_y"],
    ["* ** *** _ __ ` ``", "* ** *** _ __ ` ``"],
    ["* item\n* item", "* item\n* item"],
    ["**double** a*b*", "**double** a*b*"],
    ["/usr/_x_/y a`b`c", "/usr/_x_/y a`b`c"],
    ["*open _open `open", "*open _open `open"],
    ["* a*", "* a*"],
    ["*a *", "*a *"],
    // The nearest marks form a pair, and pairs do not cross.
    ["*a *b*", "*a <B b>"],
    ["*a _b* c_", "<B a _b> c_"],
    // Not across the end of a line.
    ["*a\nb*", "*a\nb*"],
    // Code stays as it is.
    ["`*a* _b_ https://x.example @al`", "<C *a* _b_ https://x.example @al>"],
    ["*a `b* c` d*", "<B a ><BC b* c><B  d>"],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
});

Deno.test("MarkupLines: without styles the marks stay visible, and no text is lost", () => {
  const texts = [
    "*bold* _it *both* al_ `code` see https://x.example/_a_.",
    "```\n*a*\n\n b\n```\nend",
    "```ts\nx\n  y```",
    "```one line``` ",
    "2*3*4 *a _b* c_",
  ];
  for (const text of texts) {
    const lines = parse(text, { self: "al", marks: "shown" });
    const kept = lines.map(({ runs }) => runs.map((run) => run.text).join("")).join("\n");
    assertEquals(kept.trimEnd(), text.trimEnd());
  }
  assertEquals(shown("*a* _b_ `c`", "shown"), "<B *a*> <I _b_> <C `c`>");
});

Deno.test("MarkupLines: a code block is between lines of ```, and other marks have no effect in it", () => {
  const cases: [string, string][] = [
    ["```\na *b*\n\n  c_d_\n```", "| <C a *b*>\n| \n| <C   c_d_>"],
    ["```ts\nlet x\n```\nbehind *it*", "| <C let x>\nbehind <B it>"],
    ["```let x\ny```", "| <C let x>\n| <C y>"],
    ["```one line```", "| <C one line>"],
    ["before\n```\na\n```\nbetween\n```\nb\n```", "before\n| <C a>\nbetween\n| <C b>"],
    // Never closed: no block.
    ["```\na *b*", "```\na <B b>"],
    ["a ```b```", "a ```b```"],
    ["``````", "``````"],
    ["\tx\n```\n\ty\n```", "    x\n| <C     y>"],
  ];
  for (const [text, expected] of cases) assertEquals(shown(text), expected, text);
});

/** The links in `text`: visible text and target. */
function links(text: string): [seen: string, target: string][] {
  return parse(text, { marks: "hidden" }).flatMap(({ runs }) => runs)
    .flatMap(({ text, style }) =>
      style.link === undefined ? [] : [[text, style.link] as [string, string]]
    );
}

Deno.test("MarkupLines: links have the visible address as their target, without the stops and brackets around it", () => {
  const seen: [string, string[]][] = [
    ["http://a.example", ["http://a.example"]],
    ["see https://a.example/x?y=1&z=_2_#3, or", ["https://a.example/x?y=1&z=_2_#3"]],
    ["(https://a.example/b_(c)).", ["https://a.example/b_(c)"]],
    ["https://a.example/(b https://c.example/d)", [
      "https://a.example/(b",
      "https://c.example/d",
    ]],
    ["*https://a.example* _https://b.example/c_", ["https://a.example", "https://b.example/c"]],
    ['<https://a.example> "https://b.example"', ["https://a.example", "https://b.example"]],
    ["https://a.example!? https://b.example...", ["https://a.example", "https://b.example"]],
    ["https://[::1]:2428/x HTTPS://A.EXAMPLE:1", ["https://[::1]:2428/x", "HTTPS://A.EXAMPLE:1"]],
    ["「https://a.example/日本」。", ["https://a.example/日本"]],
    // Only http and https, at the start of a word.
    ["file:///etc/passwd javascript:alert(1) ftp://a.example data:,x", []],
    ["xhttp://a.example http:// https:///x http://", []],
    // Addresses that would look like another one.
    ["https://bank.example@evil.example/ https://bаnk.example", []],
    [`https://a.example/${"x".repeat(2000)}`, []],
    ["`https://a.example`", []],
  ];
  for (const [text, expected] of seen) assertEquals(links(text).map(([s]) => s), expected, text);
  assertEquals(links("https://a.example/日本?ü=é"), [[
    "https://a.example/日本?ü=é",
    "https://a.example/%E6%97%A5%E6%9C%AC?%C3%BC=%C3%A9",
  ]]);
  for (const [, target] of links("https://a.example/\u{1f600}\u200d;x'")) {
    assert(/^[\x21-\x7e]+$/.test(target), target);
  }
});

Deno.test("mentions, MarkupLines: find the user's name as a word, with or without @, in either case", () => {
  const cases: [name: string, text: string, isMeant: boolean][] = [
    ["al", "al", true],
    ["al", "hi @al!", true],
    ["al", "AL: look", true],
    ["al", "(al's)", true],
    ["al", "*al*", true],
    ["al", "alice, pal, al_x, _al, al2", false],
    ["al", "al-x x-al x@al.example", false],
    ["al", "https://al.example/al", false],
    ["al", "a\u0301l al\u0301", false],
    ["al#3", "al", true],
    ["al(!)", "al", true],
    ["a.b", "a.b", true],
    ["a.b", "axb", false],
    ["*x*", "hi *x* there", true],
    ["a|b", "b", false],
    ["ümit", "Ümit?", true],
    // Scripts without spaces have no word boundaries.
    ["日本", "日本さん、こんにちは", true],
    ["日本", "本日", false],
    ["🦊", "hi 🦊!", true],
  ];
  for (const [name, text, isMeant] of cases) {
    assertEquals(mentions(text, name), isMeant, `${name} in ${text}`);
    if (text.includes("://") || text.includes("*al*")) continue;
    const runs = parse(text, { self: name, marks: "hidden" }).flatMap((line) => line.runs);
    assertEquals(runs.some(({ style }) => style.mention), isMeant, `${name} in ${text}`);
  }
  assertEquals(shown("*@al*, see al"), "<BM @al>, see <M al>");
  assertEquals(parse("al", { marks: "hidden" })[0]!.runs[0]!.style.mention, false);
});

Deno.test("mentions, MarkupLines: find words and phrases that the user has chosen, as they find the name", () => {
  const highlights = ["deploy", "on call", "C++", "日本", "deploy now", "Ärger", "a|b", " x "];
  const cases: [text: string, found: string | undefined][] = [
    ["al", "al"],
    ["Deploy!", "Deploy"],
    ["(the deploy)", "deploy"],
    ["we deploy now, al", "deploy now"],
    ["redeploy, deploys, deploy2, pre-deploy", undefined],
    ["who is ON  CALL?", "ON  CALL"],
    ["on\tcall", "on    call"],
    ["oncall, on calls", undefined],
    ["C++, C", "C++"],
    ["C++11", undefined],
    ["日本語", "日本"],
    ["ÄRGER", "ÄRGER"],
    ["aärger", undefined],
    ["a|b", "a|b"],
    ["a b", undefined],
    ["x", "x"],
    ["https://deploy.example", undefined],
    ["on\ncall", undefined],
  ];
  for (const [text, found] of cases) {
    assertEquals(mentions(text, "al", highlights), found !== undefined, text);
    const runs = parse(text, { self: "al", highlights, marks: "hidden" }).flatMap(({ runs }) =>
      runs
    );
    assertEquals(runs.find(({ style }) => style.mention)?.text, found, text);
  }
  assertEquals(mentions("deploy", "al"), false);
});

/** The rows of a line without their styles. */
function textRows(line: MarkupLine, columns: number, most?: number): string[] {
  const rows = toRows(line, columns, most);
  return Array.from(rows, ({ runs }) => runs.map(({ text }) => text).join(""));
}

Deno.test("MarkupLines: recognizes quotes and lines of code", () => {
  const cases: [string, MarkupLine["kind"]][] = [
    ["> a *b*", "quote"],
    [">", "quote"],
    [">a", "text"],
    [" > a", "text"],
    ["*> a*", "text"],
    ["    a", "code"],
    ["\ta", "code"],
    ["   a", "text"],
    ["`a b`", "code"],
    ["`a` b", "text"],
    ["", "text"],
    ["```> a```", "block"],
  ];
  for (const [text, kind] of cases) {
    assertEquals(parse(text, { marks: "hidden" }).map((line) => line.kind), [kind], text);
  }
});

Deno.test("toRows: only words with a link or code use more columns than other text", () => {
  const rows = (text: string, most = 30) =>
    textRows(parse(text, { marks: "hidden" })[0]!, 10, most);
  const link = "http://a.example/b";
  assertEquals(rows(`see (${link}), it is long`), ["see", `(${link}),`, "it is long"]);
  assertEquals(rows(`${link} ${link}`), [link, link]);
  assertEquals(rows(link, 15), [link.slice(0, 15), link.slice(15)]);
  assertEquals(rows("a `code_without_end` b c d e f g"), [
    "a",
    "code_without_end",
    "b c d e f",
    "g",
  ]);
  assertEquals(rows("one `two three four five` six"), ["one two", "three four", "five six"]);
  assertEquals(rows("x".repeat(25)), ["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
});

Deno.test("MarkupLines: a line can be shown in pieces, and what is left is counted without a layout", () => {
  const text = "one\n*two three four* five\n\n```\nsix\nseven\n```\nend";
  const lines = new MarkupLines(text, { marks: "hidden" });
  const pieces: string[] = [];
  for (let line = lines.next(); line; line = lines.next()) {
    const [first, second] = toRows(line, 10);
    pieces.push(first!.runs.map(({ text, style }) => style.bold ? `<${text}>` : text).join(""));
    if (second) lines.putBack(restOf(line, second.from));
    assertEquals(lines.isDone, pieces.at(-1) === "end");
  }
  assertEquals(pieces.join("|"), "one|<two three>|<four> five||six|seven|end");
  const left = (text: string, columns: number) =>
    new MarkupLines(text, { marks: "hidden" }).rowsLeft(columns);
  assertEquals(left("one\n\nthree", 10), { count: 3, isExact: true });
  assertEquals(left("x".repeat(10), 10), { count: 1, isExact: true });
  assertEquals(left("x".repeat(11) + "\n", 10), { count: 3, isExact: false });
  assertEquals(left("日本語", 10), { count: 1, isExact: false });
  const begun = new MarkupLines("one\ntwo\n", { marks: "hidden" });
  begun.putBack(begun.next()!);
  assertEquals(begun.rowsLeft(10), { count: 3, isExact: true });
});

Deno.test("toRows: styles continue in the next row, and no row is too wide", () => {
  const [line] = parse("a *bold text that is long* end", { marks: "hidden" });
  const rows = Array.from(
    toRows(line!, 10),
    ({ runs }) => runs.map(({ text, style }) => style.bold ? `<${text}>` : text).join(""),
  );
  assertEquals(rows, ["a <bold>", "<text that>", "<is long>", "end"]);
  assertEquals([...toRows({ runs: [], kind: "text" }, 10)], [{ runs: [], from: 0 }]);
  const texts = ["*日本語* `日本語日本語日本語` x", "👨‍👩‍👧 _👨‍👩‍👧 👨‍👩‍👧_ 1️⃣ ❤️", "हिन्दी *각 각* é"];
  for (const text of texts) {
    for (const columns of [2, 3, 6, 7, 18, 80]) {
      for (const line of parse(text, { marks: "hidden" })) {
        const rows = textRows(line, columns);
        for (const row of rows) assertLessOrEqual(width(row), columns);
        const text = line.runs.map((run) => run.text).join("");
        assertEquals(rows.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
      }
    }
  }
});

Deno.test("MarkupLines, toRows: a hostile text takes time in proportion to its length", () => {
  // Each text takes some 30 ms. A step for each pair of characters would be nine billion steps.
  const [LENGTH, LIMIT_MS] = [128 * 1024, 8000];
  const pieces = ["*_", "`a", "[[", "*a ", "_*a*_", "```\n", "```x", "http://a", "http://a/ "];
  pieces.push("(", ")", "@al ", "al-", "\u0301", "\u200d", "👨‍", "\u1100", "a\ufe0f", "\n", " ");
  for (const piece of pieces) {
    for (const before of ["", "http://a/"]) {
      const text = before + piece.repeat(LENGTH / piece.length);
      const begin = performance.now();
      const lines = parse(text, { self: "al", marks: "hidden" });
      let rows = 0;
      for (const line of lines) rows += textRows(line, 60, 200).length;
      assert(rows >= lines.length);
      assertLess(performance.now() - begin, LIMIT_MS, JSON.stringify([before, piece]));
    }
  }
});

Deno.test("MarkupLines: limits the combining marks on one letter", () => {
  const [line] = parse("e" + "\u0301".repeat(1000), { marks: "hidden" });
  const [{ text } = { text: "" }] = line!.runs;
  assertEquals(text.replaceAll("\u25cc", "").length, 1001);
  assertEquals(/\u0301{31}/.test(text), false);
  // As many as real text needs stay.
  const real = "e" + "\u0301".repeat(30) + "x";
  assertEquals(parse(real, { marks: "hidden" })[0]!.runs[0]!.text, real);
});
