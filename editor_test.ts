import { assert, assertEquals } from "@std/assert";
import fc from "./property.ts";
import { type Completer, Editor, type Key, KeyParser, MAX_LINE, type Request } from "./editor.ts";
import { splitGraphemes, width } from "./text.ts";

const encoder = new TextEncoder();

/** The keys in pieces of input, neighbouring runs of text joined: how these are cut is not promised. */
function parse(...pieces: (string | Uint8Array)[]): Key[] {
  const parser = new KeyParser();
  const keys = pieces.flatMap((p) => parser.feed(typeof p === "string" ? encoder.encode(p) : p));
  keys.push(...parser.flush());
  const joined: Key[] = [];
  for (const key of keys) {
    const last = joined.at(-1);
    if (key.type === "text" && last?.type === "text") {
      joined[joined.length - 1] = { type: "text", text: last.text + key.text };
    } else {
      joined.push(key);
    }
  }
  return joined;
}

const press = (key: string): Key => ({ type: "press", key });
const text = (text: string): Key => ({ type: "text", text });

/** What terminals send, and the keys that it is. */
const CASES: [string, Key[]][] = [
  ["hi", [text("hi")]],
  ["grüß 日本 👨‍👩‍👧", [text("grüß 日本 👨‍👩‍👧")]],
  ["\ufeffx", [text("\ufeffx")]],
  ["a\r", [text("a"), press("enter")]],
  ["\n", [press("enter")]],
  ["\t\x7f\b", [press("tab"), press("backspace"), press("ctrl-h")]],
  ["\x01\x05\x17\x1f", [press("ctrl-a"), press("ctrl-e"), press("ctrl-w"), press("ctrl-_")]],
  ["\x1b[A\x1bOB", [press("up"), press("down")]],
  ["\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1b[H\x1bOF", [
    press("home"),
    press("end"),
    press("home"),
    press("end"),
    press("home"),
    press("end"),
  ]],
  ["\x1b[3~", [press("delete")]],
  ["\x1b[1;5C\x1b[1;3D\x1b[1;2C", [press("ctrl-right"), press("alt-left"), press("right")]],
  ["\x1bb\x1bF\x1bé", [press("alt-b"), press("alt-F"), press("alt-é")]],
  ["\x1b😀x", [press("alt-😀"), text("x")]],
  ["\x1b\r\x1b\n\x1b\x7f", [press("alt-enter"), press("alt-enter"), press("alt-backspace")]],
  ["\x1b", [press("escape")]],
  ["\x1b\x1b[A", [press("escape"), press("up")]],
  ["\x1b[", [press("alt-[")]],
  // Not known, or broken off: nothing of it is typed.
  ["\x1b[[A\x1b[15~x", [text("x")]],
  ["\x1b[12\x03", [press("ctrl-c")]],
  ["\x1b[1;\x1b[B", [press("down")]],
  ["\x1b[200~one\rtwo\r\nthree\x1b[200~\tx\x1b[201~!", [
    { type: "paste", text: "one\ntwo\nthree\x1b[200~\tx", cut: false },
    text("!"),
  ]],
  ["\x1b[200~\x1b[201~\x1b[201~", []],
];

Deno.test("KeyParser: what terminals send becomes keys, fed whole, split anywhere, and byte by byte", () => {
  for (const [input, keys] of CASES) {
    const bytes = encoder.encode(input);
    assertEquals(parse(bytes), keys, `whole: ${JSON.stringify(input)}`);
    for (let at = 0; at <= bytes.length; at++) {
      const message = `split at ${at}: ${JSON.stringify(input)}`;
      assertEquals(parse(bytes.slice(0, at), bytes.slice(at)), keys, message);
    }
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    assertEquals(parse(...single), keys, `byte by byte: ${JSON.stringify(input)}`);
  }
});

Deno.test("KeyParser: any bytes in any split give the same keys", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.constantFrom(
      "\x1b",
      "\x1b[",
      "\x1b[200~",
      "\x1b[201~",
      "\x1b[1;5",
      "~",
      "é",
      "👍",
      "\r\n",
      "x",
    )
      .map((s) => encoder.encode(s)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const whole = Uint8Array.from(pieces.flatMap((p) => [...p]));
      const keys = parse(whole);
      assertEquals(parse(...pieces), keys);
      assertEquals(parse(...Array.from(whole, (byte) => Uint8Array.of(byte))), keys);
      for (const key of keys) {
        assert(key.type === "press" || key.type === "focus" || key.text !== "");
        // deno-lint-ignore no-control-regex
        if (key.type === "text") assert(!/[\x00-\x1f\x7f]/.test(key.text));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("KeyParser: flush: an ESC alone is a key only when no more bytes have come", () => {
  const parser = new KeyParser();
  assertEquals(parser.feed(Uint8Array.of(0x1b)), []);
  assert(parser.waiting);
  assertEquals(parser.flush(), [press("escape")]);
  assert(!parser.waiting);
  assertEquals(parser.flush(), []);
  assertEquals(parser.feed(encoder.encode("b")), [text("b")]);
});

Deno.test("KeyParser: what a sequence may hold is bounded", () => {
  const endless = "\x1b[" + "1".repeat(100);
  const keys = parse(endless);
  assertEquals(keys, parse(...endless));
  assertEquals(keys.map((k) => k.type), ["text"]);
});

Deno.test("KeyParser: a paste is cut at MAX_LINE, and says so", () => {
  for (const length of [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1]) {
    const input = `\x1b[200~${"a".repeat(length)}\x1b[201~b`;
    for (const pieces of [[input], [input.slice(0, MAX_LINE), input.slice(MAX_LINE)]]) {
      const [paste, after] = parse(...pieces);
      assert(paste?.type === "paste");
      assertEquals(paste.text.length, Math.min(length, MAX_LINE));
      assertEquals(paste.cut, length > MAX_LINE);
      assertEquals(after, text("b"));
    }
  }
  const [halved] = parse(`\x1b[200~${"a".repeat(MAX_LINE - 1)}😀\x1b[201~`);
  assert(halved?.type === "paste" && halved.text.isWellFormed());
});

/** An editor in which the keys named in `script` were pressed; what stands in `"` is typed. */
function edited(
  script: string,
  complete?: Completer,
): { editor: Editor; last: Request | undefined } {
  const editor = new Editor(complete);
  let last: Request | undefined;
  for (const [, typed, key] of script.matchAll(/"([^"]*)"|(\S+)/g)) {
    last = editor.onKey(typed !== undefined ? text(typed) : press(key!));
  }
  return { editor, last };
}

/** The text with `|` where the cursor is. */
function shown(editor: Editor): string {
  return `${editor.text.slice(0, editor.cursor)}|${editor.text.slice(editor.cursor)}`;
}

Deno.test("Editor: keys of readline", () => {
  const cases: [string, string][] = [
    ['"abc" left "x"', "abx|c"],
    ['"abc" ctrl-b ctrl-b ctrl-f "x"', "abx|c"],
    ['"abc" home "x" end "y"', "xabcy|"],
    ['"abc" ctrl-a "x" ctrl-e "y"', "xabcy|"],
    ['"abc" left delete', "ab|"],
    ['"abc" left ctrl-d', "ab|"],
    ['"abc" left backspace', "a|c"],
    ['"abc" ctrl-h ctrl-h', "a|"],
    ['left backspace delete right "a" left left right right "b"', "ab|"],
    // A grapheme is one step, whatever it is made of.
    ['"a👨‍👩‍👧b" left backspace', "a|b"],
    ['"👨‍👩‍👧e\u0301🇦🇹" left left "|"', "👨‍👩‍👧||e\u0301🇦🇹"],
    ['"🇦🇹🇩🇪" backspace', "🇦🇹|"],
    // What is typed behind a grapheme may become part of it.
    ['"e\u0301x" left "\u0302"', "e\u0301\u0302|x"],
    ['"🇹" home "🇦"', "🇦🇹|"],
    // Words.
    ['"one two, drei" alt-b "x"', "one two, x|drei"],
    ['"one two, drei" alt-b alt-b "x"', "one x|two, drei"],
    ['"one two" home alt-f "x" ctrl-right "y"', "onex twoy|"],
    ['"one two.three" ctrl-w', "one |"],
    ['"one two.three  " alt-backspace', "one two.|"],
    ['"one two" home alt-d', "| two"],
    ['"a ❤️" ctrl-left "x"', "x|a ❤️"],
    // Killing and bringing back.
    ['"one two" alt-b ctrl-k', "one |"],
    ['"one two" alt-b ctrl-u', "|two"],
    ['"one two" ctrl-w ctrl-w ctrl-y ctrl-y', "one twoone two|"],
    ['"one two" home alt-d alt-d ctrl-y', "one two|"],
    ['"one" ctrl-w "two" ctrl-w ctrl-y', "two|"],
    ['"text" ctrl-c ctrl-y', "text|"],
    ['ctrl-y "a"', "a|"],
    // Swapping.
    ['"abc" ctrl-t', "acb|"],
    ['"abc" left ctrl-t', "acb|"],
    ['"abc" home ctrl-t', "|abc"],
    ['"a" ctrl-t', "a|"],
    // Several lines.
    ['"one" alt-enter "two" home "x"', "one\nx|two"],
    ['"one" alt-enter "two" up "x"', "onex|\ntwo"],
    ['"one" alt-enter "two" up home down "x"', "one\nx|two"],
    ['"日本" alt-enter "abcdef" left left up "x"', "日本x|\nabcdef"],
    ['"one" alt-enter "two" ctrl-u ctrl-u', "one|"],
    ['"one" alt-enter "two" up ctrl-k', "one|two"],
    ['"one" alt-enter home backspace', "one|"],
    ['"one" alt-enter "two" home left "x"', "onex|\ntwo"],
    ['"one" alt-enter up end right "x"', "one\nx|"],
    // Without a meaning.
    ['"a" escape alt-x ctrl-q shift-tab pageup "b"', "ab|"],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(edited(script).editor), expected, script);
  }
});

Deno.test("Editor: what keys ask for", () => {
  assertEquals(edited('"hi" enter').last, { type: "submit", text: "hi" });
  assertEquals(edited('"hi" enter').editor.text, "");
  assertEquals(edited('"a" alt-enter "b" alt-enter enter').last, { type: "submit", text: "a\nb" });
  assertEquals(edited('" " enter').last, undefined);
  assertEquals(edited("enter").last, undefined);
  assertEquals(edited('"hi" ctrl-c').last, { type: "discarded" });
  assertEquals(edited('"hi" ctrl-c ctrl-c').last, { type: "leave" });
  assertEquals(edited("ctrl-d").last, { type: "leave" });
  assertEquals(edited('"a" ctrl-d').last, undefined);
  assertEquals(edited("ctrl-l").last, { type: "clear-screen" });
});

Deno.test("Editor: a paste of many lines stays one message", () => {
  const editor = new Editor();
  editor.onKey(text("see: "));
  editor.onKey({ type: "paste", text: "one\ntwo\n", cut: false });
  assertEquals(editor.onKey(press("enter")), { type: "submit", text: "see: one\ntwo" });
});

Deno.test("Editor: the history keeps the unfinished line, and edits of what was recalled", () => {
  const cases: [string, string][] = [
    ['"one" enter "two" enter up', "two|"],
    ['"one" enter "two" enter up up up', "one|"],
    ['"one" enter "unfini" up down "shed"', "unfinished|"],
    ['"one" enter "two" enter up "2" up down', "two2|"],
    // Once submitted, the edit of an older line has become a line, and the older one is itself again.
    ['"one" enter up "1" enter up up', "one|"],
    ['"one" enter "one" enter "two" enter up up up', "one|"],
    ['"one" enter up ctrl-c up', "one|"],
    ['"a" alt-enter "b" enter up up', "a|\nb"],
    ['"a" alt-enter "b" enter "x" up up up down down', "x|"],
    ["up down up", "|"],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(edited(script).editor), expected, script);
  }
});

Deno.test("Editor: Tab completes as far as the words agree, and shows the choice", () => {
  const words = ["alice: ", "albert: ", "bob: ", "日本: ", "日光: "];
  const complete: Completer = (text, cursor) => {
    const from = text.lastIndexOf(" ", cursor - 1) + 1;
    return { from, words: words.filter((w) => w.startsWith(text.slice(from, cursor))) };
  };
  const cases: [string, string, Request | undefined][] = [
    ['"b" tab', "bob: |", undefined],
    ['"a" tab', "al|", { type: "choose", words: ["alice: ", "albert: "] }],
    ['"a" tab "i" tab', "alice: |", undefined],
    ['"日" tab', "日|", { type: "choose", words: ["日本: ", "日光: "] }],
    ['"x" tab', "x|", undefined],
    ['"b there" alt-b left tab', "bob:| there", undefined],
  ];
  for (const [script, expected, request] of cases) {
    const { editor, last } = edited(script, complete);
    assertEquals(shown(editor), expected, script);
    assertEquals(last, request, script);
  }
});

Deno.test("Editor: the text is bounded by MAX_LINE, and says when it is full", () => {
  for (const length of [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1]) {
    const editor = new Editor();
    const request = editor.onKey(text("a".repeat(length)));
    assertEquals(request, length > MAX_LINE ? { type: "full" } : undefined);
    assertEquals(editor.text.length, Math.min(length, MAX_LINE));
  }
  const { editor } = edited("");
  assertEquals(editor.onKey({ type: "paste", text: "a", cut: true }), { type: "full" });
});

Deno.test("Editor: render: rows as wide as asked, the cursor where its grapheme is", () => {
  const cases: [script: string, columns: number, rows: string[], row: number, column: number][] = [
    ["", 10, [""], 0, 0],
    ['"hello"', 10, ["hello"], 0, 5],
    ['"hello"', 5, ["hello", ""], 1, 0],
    ['"hello" left', 5, ["hello"], 0, 4],
    ['"hello world" home', 5, ["hello", " worl", "d"], 0, 0],
    ['"日本語"', 5, ["日本", "語"], 1, 2],
    ['"日本語" left', 5, ["日本", "語"], 1, 0],
    ['"👨‍👩‍👧👨‍👩‍👧" left', 10, ["👨‍👩‍👧👨‍👩‍👧"], 0, 2],
    ['"ab" alt-enter "c"', 10, ["ab", "c"], 1, 1],
    ['"ab" alt-enter "c" up end', 2, ["ab", "c"], 0, 1],
    ['"a\u202eb"', 20, ["a\\u{202e}b"], 0, 10],
    ['"a\u202eb"', 4, ["a", "\\u{2", "02e}", "b"], 3, 1],
    ['"a\u202eb" left', 4, ["a", "\\u{2", "02e}", "b"], 3, 0],
  ];
  for (const [script, columns, rows, row, column] of cases) {
    assertEquals(edited(script).editor.render(columns), { rows, row, column }, script);
  }
});

Deno.test("Editor: render: controls in a paste are shown, not obeyed", () => {
  const editor = new Editor();
  editor.onKey({ type: "paste", text: "\x1b[2J\t\x07\nx", cut: false });
  assertEquals(editor.render(20).rows, ["␛[2J␉␇", "x"]);
});

const KEYS =
  ("enter alt-enter tab ctrl-c ctrl-d delete backspace left right alt-b alt-f home end up down " +
    "ctrl-k ctrl-u ctrl-w alt-backspace alt-d ctrl-y ctrl-t").split(" ");

Deno.test("Editor: whatever is typed, the cursor is on a grapheme boundary and the rows fit", () => {
  const typed = fc.oneof(
    fc.constantFrom(
      "a",
      " ",
      "e\u0301",
      "\u0301",
      "👍",
      "👩‍",
      "👧",
      "🇦",
      "日",
      "\ufe0f",
      "क",
      "्",
      "ᄀ",
      "ᅡ",
    )
      .map(text),
    fc.string({ unit: "binary", minLength: 1, maxLength: 5 })
      .map((s): Key => ({ type: "paste", text: s.replace(/\r\n?/g, "\n"), cut: false })),
  );
  const key = fc.oneof({ weight: 2, arbitrary: typed }, fc.constantFrom(...KEYS).map(press));
  const columns = fc.integer({ min: 2, max: 30 });
  fc.assert(fc.property(fc.array(key, { maxLength: 40 }), columns, (keys, columns) => {
    const editor = new Editor((_, cursor) => ({
      from: Math.max(0, cursor - 1),
      words: ["ab", "ac"],
    }));
    for (const key of keys) {
      editor.onKey(key);
      const boundaries = new Set([0]);
      let at = 0;
      for (const g of splitGraphemes(editor.text)) boundaries.add(at += g.length);
      assert(boundaries.has(editor.cursor), `${JSON.stringify(editor.text)} at ${editor.cursor}`);
    }
    const { rows, row, column } = editor.render(columns);
    for (const r of rows) {
      assert(width(r) <= columns, JSON.stringify(r));
      assert(!/\p{Cc}/u.test(r));
    }
    assert(row < rows.length && column < columns);
  }));
});
