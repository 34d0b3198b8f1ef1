import { assert, assertEquals, assertLess } from "@std/assert";
import fc, { anyString } from "../tests/support/property.ts";
import { splitGraphemes } from "../text/graphemes.ts";
import { room } from "../text/width.ts";
import { type Completer, Editor, type EditorRequest, MAX_LINE } from "./editor.ts";
import type { Key } from "./keyboard.ts";

const press = (key: string): Key => ({ type: "press", key });
const text = (text: string): Key => ({ type: "text", text });

/** An editor after the keys in `script`. Text in `"` is typed. */
function edited(
  script: string,
  complete?: Completer,
): { editor: Editor; last: EditorRequest | undefined } {
  const editor = new Editor(complete);
  let last: EditorRequest | undefined;
  for (const [, typed, key] of script.matchAll(/"([^"]*)"|(\S+)/g)) {
    last = editor.onKey(typed !== undefined ? text(typed) : press(key!));
  }
  return { editor, last };
}

/** The view, with the columns that the text before the cursor may take. */
function render(editor: Editor, columns: number, most?: number) {
  const { before, ...view } = editor.render(columns, most);
  assert(view.rows[view.row]!.startsWith(before), before);
  return { ...view, column: room(before) };
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
    // A grapheme is one step, of any number of code points.
    ['"a👨‍👩‍👧b" left backspace', "a|b"],
    ['"👨‍👩‍👧e\u0301🇦🇹" left left "|"', "👨‍👩‍👧||e\u0301🇦🇹"],
    ['"🇦🇹🇩🇪" backspace', "🇦🇹|"],
    // Text typed after a grapheme may become part of it.
    ['"e\u0301x" left "\u0302"', "e\u0301\u0302|x"],
    ['"🇹" home "🇦"', "🇦🇹|"],
    // Words.
    ['"one two, drei" alt-b "x"', "one two, x|drei"],
    ['"one two, drei" alt-b alt-b "x"', "one x|two, drei"],
    ['"one two" home alt-f "x" ctrl-right "y"', "onex twoy|"],
    ['"one two.three" ctrl-w', "one |"],
    ['"one two.three  " alt-backspace', "one two.|"],
    ['"one two" home alt-d', "| two"],
    ['"one two" home alt-D alt-F', " two|"],
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
    ['"one" shift-enter "two"', "one\ntwo|"],
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

Deno.test("Editor: keys return requests", () => {
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

Deno.test("Editor: the history keeps the draft, and edits of recalled lines", () => {
  const cases: [string, string][] = [
    ['"one" enter "two" enter up', "two|"],
    ['"one" enter "two" enter up up up', "one|"],
    ['"one" enter "unfini" up down "shed"', "unfinished|"],
    ['"one" enter "two" enter up "2" up down', "two2|"],
    // A submitted edit of an older line is a line of its own. The older line is as it was.
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

Deno.test("Editor: a backslash before Enter starts a new line; two backslashes are one", () => {
  const cases: [script: string, shown: string, submitted: string | undefined][] = [
    ['"one\\\\" enter "two"', "one\ntwo|", undefined],
    ['"one\\\\" enter "two" enter', "|", "one\ntwo"],
    // Wherever the cursor is.
    ['"one\\\\" home enter', "one\n|", undefined],
    ['"one\\\\\\\\" enter', "|", "one\\"],
    ['"one\\\\\\\\\\\\" enter', "one\\\\\n|", undefined],
    ['"one\\\\\\\\\\\\\\\\" enter', "|", "one\\\\\\"],
    ['"\\\\" enter', "\n|", undefined],
    ['"\\\\\\\\" enter', "|", "\\"],
    ['"a\\\\b" enter', "|", "a\\b"],
    ['"a\\\\ " enter', "|", "a\\ "],
    // The history keeps the text as it was typed: Enter does the same again.
    ['"one\\\\\\\\" enter up enter', "|", "one\\"],
    ['"one\\\\" enter ctrl-_', "one\\|", undefined],
  ];
  for (const [script, expected, submitted] of cases) {
    const { editor, last } = edited(script.replaceAll("\\\\", "\\"));
    assertEquals(shown(editor), expected, script);
    assertEquals(last?.type === "submit" ? last.text : undefined, submitted, script);
  }
  const { editor } = edited('"one\\\\" enter');
  editor.takeBack();
  assertEquals(shown(editor), "one\\\\|");
});

Deno.test("Editor: Ctrl-Y brings back the last killed text, Alt-Y the one before it", () => {
  const cases: [string, string][] = [
    ['"one" ctrl-u "two" ctrl-u ctrl-y alt-y', "one|"],
    ['"one" ctrl-u "two" ctrl-u ctrl-y alt-y alt-y', "two|"],
    ['"one" ctrl-u "two" ctrl-u "3 " ctrl-y alt-y', "3 one|"],
    ['"one" ctrl-u "two" ctrl-u ctrl-y "!" alt-y', "two!|"],
    ['"one" ctrl-u "two" ctrl-u ctrl-y alt-y ctrl-_', "two|"],
    // In a row, in both directions, they are one.
    ['"a b c d" alt-b alt-b alt-d ctrl-w ctrl-k ctrl-y', "a b c d|"],
    ['"a b" ctrl-w ctrl-w ctrl-w ctrl-y', "a b|"],
    ['"a b" ctrl-w left ctrl-k ctrl-y alt-y', "ab|"],
    ["alt-y ctrl-y alt-y", "|"],
    // Ten are kept.
    [
      Array.from({ length: 12 }, (_, i) => `"${i}" ctrl-u`).join(" ") + " ctrl-y" +
      " alt-y".repeat(9),
      "2|",
    ],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(edited(script).editor), expected, script);
  }
});

Deno.test("Editor: Ctrl-_ undoes typed text by words, and other edits one by one", () => {
  const complete: Completer = (_, cursor) => ({ from: cursor - 1, words: ["bob: "] });
  const cases: [string, string][] = [
    ['"one two" ctrl-_', "one |"],
    ['"one two" ctrl-_ ctrl-_', "|"],
    ['"one two" ctrl-_ ctrl-_ ctrl-_ "x"', "x|"],
    ['"o" "n" "e" " " "t" "w" "o" ctrl-_', "one |"],
    ['"one" left "x" ctrl-_', "on|e"],
    ['"one" backspace backspace ctrl-_', "on|"],
    ['"one" home delete ctrl-_', "|one"],
    ['"one two" ctrl-w ctrl-_', "one two|"],
    ['"one two" ctrl-w ctrl-y ctrl-_', "one |"],
    ['"one" alt-enter "two" ctrl-_ ctrl-_', "one|"],
    ['"abc" left ctrl-t ctrl-_', "ab|c"],
    ['"b" tab ctrl-_', "b|"],
    ['"👨‍👩‍👧" backspace ctrl-_', "👨‍👩‍👧|"],
    // Undo ends at the text from the history. Each line has its own edits.
    ['"one" enter up " more" ctrl-_ ctrl-_ ctrl-_', "one|"],
    ['"one" enter "x" up down ctrl-_', "|"],
    ['"one" enter up "2" up down up down ctrl-_', "|"],
    ['"one" enter up "2" down up ctrl-_', "one|"],
    ['"one" enter ctrl-_', "|"],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(edited(script, complete).editor), expected, script);
  }
  const editor = new Editor();
  editor.onKey(text("see: "));
  editor.onKey({ type: "paste", text: "one two\nthree", cut: false });
  editor.onKey(press("ctrl-_"));
  assertEquals(shown(editor), "see: |");
});

const LINES = '"first apple" enter "second pear" enter "third apple" enter "fourth" enter ';

Deno.test("Editor: Ctrl-R searches the history, from the newest line on", () => {
  const cases: [script: string, shown: string, found: boolean | undefined][] = [
    ["ctrl-r", "|", true],
    ['ctrl-r "apple"', "third |apple", true],
    ['ctrl-r "a" "p" "p"', "third |apple", true],
    ['ctrl-r "apple" ctrl-r', "first |apple", true],
    ['ctrl-r "apple" ctrl-r ctrl-r', "first |apple", false],
    ['ctrl-r "apple" ctrl-r ctrl-s', "third |apple", true],
    ['ctrl-r "e" "c"', "s|econd pear", true],
    ['ctrl-r "pexx" backspace backspace', "second |pear", true],
    ['ctrl-r "xyz"', "|", false],
    ['"draft" ctrl-r "applx"', "draft|", false],
    ['"draft" left ctrl-r "pear" escape', "draf|t", undefined],
    ['"draft" left ctrl-r "pear" ctrl-g', "draf|t", undefined],
    ['"draft" left ctrl-r "pear" ctrl-c', "draf|t", undefined],
    ['"draft" ctrl-r "pear" backspace backspace backspace backspace', "draft|", true],
    // Other keys take the line, and act.
    ['ctrl-r "pear" end "s"', "second pears|", undefined],
    ['ctrl-r "pear" left', "second| pear", undefined],
    ['ctrl-r "pear" up', "first apple|", undefined],
    ['ctrl-r "pear" ctrl-k', "second |", undefined],
    // The draft is where it was.
    ['"draft" ctrl-r "fourth" down', "draft|", undefined],
    // A second Ctrl-R searches for the previous pattern.
    ['ctrl-r "pear" escape ctrl-r ctrl-r', "second |pear", true],
    // The line in the editor may contain the longer pattern, too.
    ['up up up ctrl-r "seco"', "|second pear", true],
  ];
  for (const [script, expected, found] of cases) {
    const { editor } = edited(LINES + script);
    assertEquals(shown(editor), expected, script);
    assertEquals(editor.search?.found, found, script);
  }
  assertEquals(edited(LINES + 'ctrl-r "pear" enter').last, { type: "submit", text: "second pear" });
  assertEquals(edited(LINES + 'ctrl-r "pear" enter up').editor.text, "second pear");
  assertEquals(edited(LINES + 'ctrl-r "x" "y"').editor.search?.pattern, "xy");
  const { editor } = edited(LINES + 'ctrl-r "pear"');
  editor.onKey({ type: "focus", focused: false });
  assertEquals(editor.search?.pattern, "pear");
  editor.onKey({ type: "paste", text: "ripe ", cut: false });
  assertEquals(shown(editor), "second ripe |pear");
});

Deno.test("Editor: page up and down go to lines with the same beginning", () => {
  const cases: [string, string][] = [
    ['"f" pageup', "f|ourth"],
    ['"f" pageup pageup', "f|irst apple"],
    ['"f" pageup pageup pageup', "f|irst apple"],
    ['"f" pageup pageup pagedown pagedown', "f|"],
    ['"x" pageup', "x|"],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(edited(LINES + script).editor), expected, script);
  }
});

Deno.test("Editor: the history is bounded, by lines and by size", () => {
  const { editor } = edited(Array.from({ length: 510 }, (_, i) => `"${i}" enter`).join(" "));
  for (let i = 0; i < 600; i++) editor.onKey(press("up"));
  assertEquals(editor.text, "10");
  const large = new Editor();
  for (let i = 0; i < 10; i++) {
    large.onKey({ type: "paste", text: String(i).repeat(MAX_LINE), cut: false });
    large.onKey(press("enter"));
  }
  for (let i = 0; i < 20; i++) large.onKey(press("up"));
  assertEquals(large.text[0], "2");
});

Deno.test("Editor: Tab completes the common beginning, and offers the words", () => {
  const words = ["alice: ", "albert: ", "bob: ", "日本: ", "日光: "];
  const complete: Completer = (text, cursor) => {
    const from = text.lastIndexOf(" ", cursor - 1) + 1;
    return { from, words: words.filter((w) => w.startsWith(text.slice(from, cursor))) };
  };
  const cases: [string, string, EditorRequest | undefined][] = [
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

Deno.test("Editor: the text has at most MAX_LINE units; beyond that it returns a request", () => {
  for (const length of [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1]) {
    const editor = new Editor();
    const request = editor.onKey(text("a".repeat(length)));
    assertEquals(request, length > MAX_LINE ? { type: "full" } : undefined);
    assertEquals(editor.text.length, Math.min(length, MAX_LINE));
  }
  const { editor } = edited("");
  assertEquals(editor.onKey({ type: "paste", text: "a", cut: true }), { type: "full" });
});

/** Expands `re ` to `to bob `; keys as in `edited`. */
function expanded(script: string, editor?: Editor): { editor: Editor; last?: EditorRequest } {
  editor ??= new Editor(undefined, (text) => (
    text.startsWith("re ") ? { to: 3, text: "to bob " } : undefined
  ));
  let last: EditorRequest | undefined;
  for (const [, typed, key] of script.matchAll(/"([^"]*)"|(\S+)/g)) {
    last = editor.onKey(typed !== undefined ? text(typed) : press(key!));
  }
  return last ? { editor, last } : { editor };
}

Deno.test("Editor: a beginning is expanded once, and undo brings it back for good", () => {
  const cases: [script: string, shown: string][] = [
    ['"re"', "re|"],
    ['"re" " "', "to bob |"],
    ['"re" " " "hi"', "to bob hi|"],
    ['"re hi"', "to bob hi|"],
    ['"hi" home "re "', "to bob |hi"],
    // Not while the cursor is in it.
    ['"re" "xx" left left " "', "to bob |xx"],
    ['"re" "x " left left delete', "re| "],
    ['"re" " " ctrl-_', "re |"],
    ['"re" " " ctrl-_ "hi"', "re hi|"],
    ['"re" " " ctrl-_ ctrl-_', "|"],
    ['"re" " " "hi" ctrl-_ ctrl-_ left', "re| "],
    // Typed again, it is expanded again.
    ['"re" " " ctrl-_ ctrl-u "re "', "to bob |"],
    ['"x" enter "re "', "to bob |"],
    // A line of the history, when the search for it is over; none while the cursor is in its beginning.
    ['"re" " " ctrl-_ "hi" enter up', "to bob hi|"],
    ['"re" " " ctrl-_ "hi" enter up ctrl-_', "re hi|"],
    ['"re" " " ctrl-_ "hi" enter ctrl-r "hi"', "re |hi"],
    ['"re" " " ctrl-_ "hi" enter ctrl-r "hi" left', "re| hi"],
    ['"re" " " ctrl-_ "hi" enter ctrl-r "hi" end', "to bob hi|"],
    ['"re" " " ctrl-_ "hi" enter "r" pageup', "r|e hi"],
  ];
  for (const [script, expected] of cases) {
    assertEquals(shown(expanded(script).editor), expected, script);
  }
  const { editor } = expanded("");
  editor.onKey({ type: "paste", text: "re one\ntwo", cut: false });
  assertEquals(editor.text, "to bob one\ntwo");
});

Deno.test("Editor: Enter submits no expansion that the user has not seen, and after undo the line as it is", () => {
  assertEquals(expanded('"re" " " "hi" enter').last, { type: "submit", text: "to bob hi" });
  assertEquals(expanded('"re" " " ctrl-_ "hi" enter').last, { type: "submit", text: "re hi" });
  for (const keys of ['ctrl-r "hi" enter', '"r" pageup enter']) {
    const { editor, last } = expanded(`"re" " " ctrl-_ "hi" enter ${keys}`);
    assertEquals([editor.text, last], ["to bob hi", { type: "expanded" }], keys);
    assertEquals(expanded("enter", editor).last, { type: "submit", text: "to bob hi" });
  }
});

Deno.test("Editor: an expansion that does not fit is left out", () => {
  const { editor } = expanded("");
  editor.onKey({ type: "paste", text: `re ${"x".repeat(MAX_LINE - 3)}`, cut: false });
  assertEquals(editor.text.slice(0, 4), "re x");
});

Deno.test("Editor.render: rows of the given width, with the cursor at its grapheme", () => {
  const cases: [script: string, columns: number, rows: string[], row: number, column: number][] = [
    ["", 10, [""], 0, 0],
    ['"hello"', 10, ["hello"], 0, 5],
    ['"hello"', 5, ["hello", ""], 1, 0],
    ['"hello" left', 5, ["hello"], 0, 4],
    ['"hello world" home', 5, ["hello", " worl", "d"], 0, 0],
    ['"日本語"', 5, ["日本", "語"], 1, 2],
    ['"日本語" left', 5, ["日本", "語"], 1, 0],
    // Terminals disagree: there is room for the widest.
    ['"👨‍👩‍👧👨‍👩‍👧" left', 12, ["👨‍👩‍👧👨‍👩‍👧"], 0, 6],
    ['"👨‍👩‍👧👨‍👩‍👧" left', 10, ["👨‍👩‍👧", "👨‍👩‍👧"], 1, 0],
    ['"ทำทำทำ"', 4, ["ทำทำ", "ทำ"], 1, 2],
    ['"क्षक्षक्ष"', 4, ["क्षक्ष", "क्ष"], 1, 2],
    ['"ab" alt-enter "c"', 10, ["ab", "c"], 1, 1],
    ['"ab" alt-enter "c" up end', 2, ["ab", "c"], 0, 2],
    ['"a\u202eb"', 20, ["a\\u{202e}b"], 0, 10],
    ['"a\u202eb"', 4, ["a", "\\u{2", "02e}", "b"], 3, 1],
    ['"a\u202eb" left', 4, ["a", "\\u{2", "02e}", "b"], 3, 0],
  ];
  for (const [script, columns, rows, row, column] of cases) {
    assertEquals(render(edited(script).editor, columns), { rows, first: 0, row, column }, script);
  }
});

Deno.test("Editor.render: control characters in a paste are shown, not obeyed", () => {
  const editor = new Editor();
  editor.onKey({ type: "paste", text: "\x1b[2J\t\x07\nx", cut: false });
  assertEquals(editor.render(20).rows, ["␛[2J␉␇", "x"]);
});

Deno.test("Editor.render: right-to-left and combining text, jamo and Devanagari keep their columns", () => {
  const cases: [script: string, columns: number, rows: string[], row: number, column: number][] = [
    ['"שלום עולם"', 5, ["שלום ", "עולם"], 1, 4],
    ['"שָׁלוֹם" left', 5, ["שָׁלוֹם"], 0, 3],
    ['"مرحبا" home', 4, ["مرحب", "ا"], 0, 0],
    ['"e\u0301e\u0301e\u0301" left', 2, ["e\u0301e\u0301", "e\u0301"], 1, 0],
    ['"한글" left', 4, ["한글"], 0, 2],
    [
      '"\u1112\u1161\u11ab\u1100\u1173\u11af" left',
      4,
      ["\u1112\u1161\u11ab\u1100\u1173\u11af"],
      0,
      2,
    ],
    ['"🇦🇹🇩🇪" left', 4, ["🇦🇹", "🇩🇪"], 1, 0],
  ];
  for (const [script, columns, rows, row, column] of cases) {
    const view = render(edited(script).editor, columns);
    assertEquals(view, { rows, first: 0, row, column }, script);
  }
});

Deno.test("Editor.render: the rows around the cursor, if there is no room for all", () => {
  const { editor } = edited("");
  editor.onKey({ type: "paste", text: "a\nb\nc\nd\ne\nf", cut: false });
  assertEquals(render(editor, 10, 3), { rows: ["d", "e", "f"], first: 3, row: 2, column: 1 });
  for (let i = 0; i < 2; i++) editor.onKey(press("up"));
  assertEquals(render(editor, 10, 3), { rows: ["c", "d", "e"], first: 2, row: 1, column: 1 });
  for (let i = 0; i < 3; i++) editor.onKey(press("up"));
  assertEquals(render(editor, 10, 3), { rows: ["a", "b", "c"], first: 0, row: 0, column: 1 });
  assertEquals(render(editor, 10, 1), { rows: ["a"], first: 0, row: 0, column: 1 });
});

const KEYS =
  ("enter alt-enter tab ctrl-c ctrl-d delete backspace left right alt-b alt-f home end up down " +
    "ctrl-k ctrl-u ctrl-w alt-backspace alt-d ctrl-y alt-y ctrl-t ctrl-_ ctrl-r ctrl-s escape " +
    "pageup pagedown")
    .split(" ");
/** Keys that do not go to another line of the history: undo reaches the beginning. */
const STAYING = KEYS.filter((key) => !/^(enter|up|down|ctrl-[cdrs]|page.*)$/.test(key));

const typed: fc.Arbitrary<Key> = fc.oneof(
  fc.constantFrom(
    ...[
      "a",
      " ",
      "\\",
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
    ],
    ...["שׁ", "ﷺ", "one two "],
  ).map(text),
  anyString({ minLength: 1, maxLength: 5 })
    .map((s): Key => ({ type: "paste", text: s.replace(/\r\n?/g, "\n"), cut: false })),
);
const keysOf = (names: readonly string[]) => (
  fc.array(fc.oneof({ weight: 2, arbitrary: typed }, fc.constantFrom(...names).map(press)), {
    maxLength: 40,
  })
);
const choosing: Completer = (_, cursor) => (
  { from: Math.max(0, cursor - 1), words: ["ab", "ac"] }
);

/** Expands many texts, also within a grapheme. */
const expanding = (text: string) => (
  /^[a-m]/.test(text) ? { to: 1, text: "z\u0301" } : undefined
);

Deno.test("Editor: after any keys, the cursor is on a grapheme boundary and the rows fit", () => {
  const columns = fc.integer({ min: 2, max: 30 });
  const most = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(keysOf(KEYS), columns, most, (keys, columns, most) => {
      const editor = new Editor(choosing, expanding);
      for (const key of keys) {
        editor.onKey(key);
        const boundaries = new Set([0]);
        let at = 0;
        for (const g of splitGraphemes(editor.text)) boundaries.add(at += g.length);
        assert(boundaries.has(editor.cursor), `${JSON.stringify(editor.text)} at ${editor.cursor}`);
        // After each key: the kept rows must be right after any edit.
        const part = editor.render(columns, most);
        const fresh = new Editor();
        fresh.set(editor.text);
        for (let i = 0; fresh.cursor > editor.cursor && i < 1000; i++) fresh.onKey(press("left"));
        assertEquals(editor.render(columns), fresh.render(columns));
        assertEquals(part, fresh.render(columns, most));
        assert(part.rows.length <= most && part.row < part.rows.length);
      }
      const { rows, row, column } = render(editor, columns);
      for (const r of rows) {
        assert(room(r) <= columns, JSON.stringify(r));
        assert(!/\p{Cc}/u.test(r));
      }
      assert(row < rows.length && column < columns);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Editor: repeated undo empties the line", () => {
  fc.assert(fc.property(keysOf(STAYING), (keys) => {
    const editor = new Editor(choosing, expanding);
    for (const key of keys) editor.onKey(key);
    for (let i = 0; i < 500; i++) editor.onKey(press("ctrl-_"));
    assertEquals(shown(editor), "|");
  }));
});

Deno.test("Editor: a pasted novel is edited as quickly as a line", () => {
  for (
    const sentence of [
      "It was a dark and stormy night. ",
      "क्षिप्रा के किनारे एक गाँव था ",
      "话说天下大势，分久必合。",
    ]
  ) {
    const editor = new Editor();
    const novel = sentence.repeat(Math.floor(400_000 / sentence.length));
    editor.onKey({ type: "paste", text: novel, cut: false });
    editor.render(78, 10);
    const began = performance.now();
    for (let i = 0; i < 60; i++) {
      for (const key of ["left", "backspace", "alt-b", "ctrl-d", "alt-d", "ctrl-_"]) {
        editor.onKey(press(key));
        editor.render(78, 10);
      }
      editor.onKey(text("x"));
      editor.render(78, 10);
    }
    // These 420 keys take a fifth of a second. If each looked at the complete text, it would be half a minute.
    assertLess(performance.now() - began, 5000, sentence);
  }
});
