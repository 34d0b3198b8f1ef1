import { assert, assertEquals } from "@std/assert";
import { type Key, KeyParser, MAX_PASTE } from "./keyboard.ts";
import fc from "../tests/support/property.ts";

const encoder = new TextEncoder();

/** The keys in pieces of input. Adjacent runs of text are joined: they may be split anywhere. */
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
const focus = (focused: boolean): Key => ({ type: "focus", focused });
const background = (red: number, green: number, blue: number): Key => (
  { type: "background", red, green, blue }
);

/** Input from terminals, and its keys. */
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
  // Unknown, or broken off: none of it becomes text.
  ["\x1b[[A\x1b[15~x", [text("x")]],
  ["\x1b[12\x03", [press("ctrl-c")]],
  ["\x1b[1;\x1b[B", [press("down")]],
  ["\x1b[200~one\rtwo\r\nthree\x1b[200~\tx\x1b[201~!", [
    { type: "paste", text: "one\ntwo\nthree\x1b[200~\tx", cut: false },
    text("!"),
  ]],
  ["\x1b[200~\x1b[201~\x1b[201~", []],
  // The window gains and loses the focus.
  ["\x1b[I\x1b[Ox", [focus(true), focus(false), text("x")]],
  ["\x1bOI\x1b[1I", []],
  // The background colour, in each length, ended in both ways.
  ["\x1b]11;rgb:ffff/8080/0000\x07x", [background(255, 128, 0), text("x")]],
  ["\x1b]11;rgb:1e/1E/2e\x1b\\x", [background(30, 30, 46), text("x")]],
  ["\x1b]11;rgb:f/0/8\x07", [background(255, 0, 136)]],
  ["\x1b]11;rgba:0000/2b2b/3636/ffff\x07", [background(0, 43, 54)]],
  ["\x1b]11;rgb:fff/000/800\u009c!", [background(255, 0, 128), text("!")]],
  // No colour, another colour, and other answers: DA2, a cursor position, XTVERSION, DECRQSS, kitty.
  ["\x1b]11;rgb:ffff/8080\x07\x1b]11;?\x07\x1b]111;rgb:0/0/0\x07x", [text("x")]],
  ["\x1b]10;rgb:ffff/ffff/ffff\x1b\\\x1b]4;1;rgb:0/0/0\x1b\\x", [text("x")]],
  ["\x1b[>41;354;0cx", [text("x")]],
  // The cursor's position. xterm sends Ctrl-F3 like this, in the first row.
  ["\x1b[24;80Rx", [{ type: "cursor", column: 79 }, text("x")]],
  ["\x1b[1;5R\x1b[1;1R\x1bOR", [{ type: "cursor", column: 4 }, { type: "cursor", column: 0 }]],
  ["\x1b[?2026;2$y\x1b[8;24;80t\x1b[?997;1nx", [text("x")]],
  ["\x1bP!|00000000\x1b\\\x1bP1$r0m\x1b\\x", [text("x")]],
  ["\x1bP>|XTerm(354)\x1b\\x", [{ type: "terminal", name: "XTerm" }, text("x")]],
  ["\x1bP>|xterm.js(6.0.0)\x1b\\", [{ type: "terminal", name: "xterm.js" }]],
  ["\x1bP>|tmux 3.3a\x1b\\", [{ type: "terminal", name: "tmux" }]],
  ["\x1bP>|\x1b\\x", [text("x")]],
  ["\x1b_Gi=31;OK\x1b\\x", [{ type: "graphics", id: 31, ok: true }, text("x")]],
  // Broken off by a key: the key counts.
  ["\x1b]11;rgb:ff\rx", [press("enter"), text("x")]],
  ["\x1b]52;c;aGk=\x1b[Ax", [press("up"), text("x")]],
  ["\x1b]1\x1b\x1bx", [press("escape"), press("alt-x")]],
  // Alt and the keys that look like the start of an answer.
  ["\x1b]ab\x1bPc\x1b_d\x1b^e", [
    press("alt-]"),
    text("ab"),
    press("alt-P"),
    text("c"),
    press("alt-_"),
    text("d"),
    press("alt-^"),
    text("e"),
  ]],
  ["\x1b]", [press("alt-]")]],
  // Ctrl, Alt and Shift with a key, as kitty's protocol and xterm's modifyOtherKeys send them.
  ["\x1b[99;5u\x1b[27;5;99~\x1b[67;6u", [press("ctrl-c"), press("ctrl-c"), press("ctrl-c")]],
  ["\x1b[13;2u\x1b[27;2;13~\x1b[13;3u\x1b[13u\x1b[13;5u", [
    press("shift-enter"),
    press("shift-enter"),
    press("alt-enter"),
    press("enter"),
    press("enter"),
  ]],
  ["\x1b[98;3u\x1b[70;4u\x1b[127;3u\x1b[104;7u\x1b[8;3u", [
    press("alt-b"),
    press("alt-F"),
    press("alt-backspace"),
    press("alt-ctrl-h"),
    press("alt-ctrl-h"),
  ]],
  ["\x1b[105;5u\x1b[109;5u\x1b[91;5u\x1b[47;5u\x1b[45;6u\x1b[32;5u\x1b[127;5u", [
    press("tab"),
    press("enter"),
    press("escape"),
    press("ctrl-_"),
    press("ctrl-_"),
    press("ctrl-@"),
    press("ctrl-h"),
  ]],
  ["\x1b[27u\x1b[9;2u\x1b[9u\x1b[127;2u\x1b[32;2u", [
    press("escape"),
    press("shift-tab"),
    press("tab"),
    press("backspace"),
    text(" "),
  ]],
  // A character: the shifted key or the text if the terminal reports it. Caps Lock and Num Lock change nothing else.
  ["\x1b[97u\x1b[97;2u\x1b[49:33;2u\x1b[97;1;228u\x1b[233;66u", [text("aA!äÉ")]],
  ["\x1b[99;133u\x1b[1;129D", [press("ctrl-c"), press("left")]],
  // Kinds of events: a press, a repetition, a release, which is no key.
  ["\x1b[99;5:1u\x1b[99;5:2u\x1b[99;5:3u\x1b[1;5:1C\x1b[1;1:2A\x1b[1;1:3A\x1b[3;1:3~\x1b[3;1:1~", [
    press("ctrl-c"),
    press("ctrl-c"),
    press("ctrl-right"),
    press("up"),
    press("delete"),
  ]],
  // Super, and keys without a meaning here, type nothing. The keypad does.
  ["\x1b[99;9u\x1b[57441;2u\x1b[57358u\x1b[55296u\x1b[99999999u\x1b[1;5ux\x1b[u", [text("x")]],
  ["\x1b[57400u\x1b[57409u\x1b[57414u\x1b[57417u\x1b[57426u", [
    text("1."),
    press("enter"),
    press("left"),
    press("delete"),
  ]],
];

Deno.test("KeyParser: input from terminals becomes keys, in one piece, split anywhere and byte by byte", () => {
  for (const [input, keys] of CASES) {
    const bytes = encoder.encode(input);
    assertEquals(parse(bytes), keys, `complete: ${JSON.stringify(input)}`);
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
      "\x1b[I",
      "\x1b]11;rgb:ff/0",
      "0/80\x07",
      "\x1b\\",
      "\x1bP>|",
      "\x1b_G",
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
      const complete = Uint8Array.from(pieces.flatMap((p) => [...p]));
      const keys = parse(complete);
      assertEquals(parse(...pieces), keys);
      assertEquals(parse(...Array.from(complete, (byte) => Uint8Array.of(byte))), keys);
      for (const key of keys) {
        if (key.type === "text" || key.type === "paste") assert(key.text !== "");
        // deno-lint-ignore no-control-regex
        if (key.type === "text") assert(!/[\x00-\x1f\x7f]/.test(key.text));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("KeyParser.flush: a single ESC is a key only if no more bytes have arrived", () => {
  const parser = new KeyParser();
  assertEquals(parser.feed(Uint8Array.of(0x1b)), []);
  assert(parser.waiting);
  assertEquals(parser.flush(), [press("escape")]);
  assert(!parser.waiting);
  assertEquals(parser.flush(), []);
  assertEquals(parser.feed(encoder.encode("b")), [text("b")]);
});

Deno.test("KeyParser.flush: what arrives late is the rest of the sequence, and typed keys are typed", () => {
  /** The keys of the reads; the time for the rest of a sequence passes after each of them. */
  const slowly = (...reads: string[]): Key[] => {
    const parser = new KeyParser();
    return reads.flatMap((read) => [...parser.feed(encoder.encode(read)), ...parser.flush()]);
  };
  const escape = press("escape");
  const paste: Key = { type: "paste", text: "a b", cut: false };
  const cases: [reads: string[], keys: Key[]][] = [
    [["\x1b", "[D"], [escape, press("left")]],
    [["\x1b", "OD", "x"], [escape, press("left"), text("x")]],
    [["\x1b", "[1;5C"], [escape, press("ctrl-right")]],
    [["\x1b", "[15~", "[15~"], [escape, text("[15~")]],
    [["\x1b", "[D\x1b[D"], [escape, press("left"), press("left")]],
    [["\x1b", "[200~a", " b\x1b[201~"], [escape, paste]],
    [["\x1b", "]11;rgb:f/f/f\x07"], [escape, background(255, 255, 255)]],
    [["\x1b[", "D", "D"], [press("alt-["), press("left"), text("D")]],
    [["\x1b[", "I"], [press("alt-["), focus(true)]],
    [["\x1b[", "1;5C"], [press("alt-["), press("ctrl-right")]],
    [["\x1bO", "D"], [press("alt-O"), press("left")]],
    [["\x1b]", "11;rgb:f/f/f\x07"], [press("alt-]"), background(255, 255, 255)]],
    // By hand, one read has one key.
    [["\x1b", "[", "D"], [escape, text("["), text("D")]],
    [["\x1b", "O", "K"], [escape, text("O"), text("K")]],
    [["\x1b[", "x"], [press("alt-["), text("x")]],
    [["\x1bO", "h"], [press("alt-O"), text("h")]],
    [["\x1b]", "1"], [press("alt-]"), text("1")]],
    [["\x1b", "\x1b", "[", "A"], [escape, escape, text("["), text("A")]],
    // A line that was typed while the connection was slow.
    [["\x1b", "[DONE] ok"], [escape, text("[DONE] ok")]],
    [["\x1b", "OK!"], [escape, text("OK!")]],
    [["\x1b", "x", "[D"], [escape, text("x"), text("[D")]],
  ];
  for (const [reads, keys] of cases) assertEquals(slowly(...reads), keys, JSON.stringify(reads));
});

Deno.test("KeyParser: Ctrl-C ends a paste that has paused, and what was pasted stays", () => {
  const ctrlC = ["\x03", "\x03\x03", "\x1b[99;5u", "\x1b[27;5;99~", "\x1b[99;69:1u"];
  for (const end of ctrlC) {
    const parser = new KeyParser();
    assert(!parser.pasting);
    parser.feed(encoder.encode("\x1b[200~one\rtw\x1b[20"));
    assert(parser.pasting);
    // Before the pause, it may be part of the text.
    assertEquals(parser.feed(encoder.encode("\x03")), []);
    parser.pastePaused();
    assertEquals(parser.feed(encoder.encode("o")), []);
    assertEquals(parser.feed(encoder.encode("x\x03")), []);
    const paste: Key = { type: "paste", text: "one\ntw\x1b[20\x03ox\x03", cut: false };
    assertEquals(parser.feed(encoder.encode(end)), [paste], JSON.stringify(end));
    assert(!parser.pasting);
    assertEquals(parser.feed(encoder.encode("\x1b[201~b\x03")), [text("b"), press("ctrl-c")]);
  }
  const parser = new KeyParser();
  parser.pastePaused();
  parser.feed(encoder.encode("\x1b[200~"));
  // The pause before belongs to no paste, and the next paste begins without one.
  assertEquals(parser.feed(encoder.encode("\x03")), []);
  assertEquals(parser.feed(encoder.encode("\x1b[201~\x1b[200~")).length, 1);
  assertEquals(parser.feed(encoder.encode("\x03")), []);
  parser.pastePaused();
  parser.feed(encoder.encode("\x03"));
  assertEquals(parser.feed(encoder.encode("x")), [text("x")]);
});

Deno.test("KeyParser: the length of a sequence is bounded", () => {
  const endless = "\x1b[" + "1".repeat(200);
  const keys = parse(endless);
  assertEquals(keys, parse(...endless));
  assertEquals(keys.map((k) => k.type), ["text"]);
});

Deno.test("KeyParser: a paste is cut at MAX_PASTE, and marked as cut", () => {
  for (const length of [MAX_PASTE - 1, MAX_PASTE, MAX_PASTE + 1]) {
    const input = `\x1b[200~${"a".repeat(length)}\x1b[201~b`;
    for (const pieces of [[input], [input.slice(0, MAX_PASTE), input.slice(MAX_PASTE)]]) {
      const [paste, after] = parse(...pieces);
      assert(paste?.type === "paste");
      assertEquals(paste.text.length, Math.min(length, MAX_PASTE));
      assertEquals(paste.cut, length > MAX_PASTE);
      assertEquals(after, text("b"));
    }
  }
  const [halved] = parse(`\x1b[200~${"a".repeat(MAX_PASTE - 1)}😀\x1b[201~`);
  assert(halved?.type === "paste" && halved.text.isWellFormed());
});

Deno.test("KeyParser: a terminal's answer never becomes text, also if it arrives slowly", () => {
  const hex = fc.stringMatching(/^[\da-f]{1,4}$/);
  const inside = fc.string({ unit: "grapheme-ascii", maxLength: 40 });
  const st = fc.constantFrom("\x07", "\x1b\\");
  const answer = fc.oneof(
    fc.tuple(hex, hex, hex, st).map(([r, g, b, end]) => `\x1b]11;rgb:${r}/${g}/${b}${end}`),
    fc.tuple(fc.constantFrom("]4;", "P>|", "P1$r", "P1+r", "_G"), inside, st)
      .map(([opening, text, end]) => `\x1b${opening}${text}${end}`),
    fc.stringMatching(/^[?>=]?\d{1,3}(;\d{1,3}){0,15}[cnRty]$/).map((s) => `\x1b[${s}`),
  );
  fc.assert(fc.property(answer, fc.nat(), (answer, cut) => {
    const bytes = encoder.encode(answer);
    // After a pause within its first bytes, it looks like Alt and a key.
    const at = 3 + cut % (bytes.length - 2);
    const parser = new KeyParser();
    const keys = [...parser.feed(bytes.slice(0, at)), ...parser.flush()];
    keys.push(...parser.feed(bytes.slice(at)), ...parser.feed(encoder.encode("x")));
    const isTold = ({ type }: Key) =>
      ["background", "attributes", "cell", "graphics", "terminal", "cursor"].includes(type);
    assertEquals(keys.filter((key) => !isTold(key)), [text("x")]);
    if (answer.startsWith("\x1b]11;")) assertEquals(keys.length, 2);
  }));
});

Deno.test("KeyParser: the keyboard works again after an answer without an end", () => {
  const endless = "\x1b]11;" + "1".repeat(5000);
  const keys = parse(endless);
  assertEquals(keys, parse(...endless));
  assertEquals(keys, [text("1".repeat(endless.length - 1 - 4096))]);
});

Deno.test("KeyParser: answers about pictures never become text, split anywhere", () => {
  const answers: [string, Key[]][] = [
    ["\x1b[?62;4;22c", [{ type: "attributes", attributes: [62, 4, 22] }]],
    ["\x1b[?6c", [{ type: "attributes", attributes: [6] }]],
    ["\x1b[6;18;9t", [{ type: "cell", width: 9, height: 18 }]],
    // Other sizes, and sizes that are too large, are left out.
    ["\x1b[4;600;800t", []],
    ["\x1b[6;0;9t", []],
    ["\x1b[6;18;99999999999999999999t", []],
    ["\x1b_Gi=2428;OK\x1b\\", [{ type: "graphics", id: 2428, ok: true }]],
    ["\x1b_Gi=7,I=3;OK\x1b\\", [{ type: "graphics", id: 7, ok: true }]],
    ["\x1b_Gi=2428;ENOTSUP:why\x1b\\", [{ type: "graphics", id: 2428, ok: false }]],
    [`\x1b_Gi=1;EINVAL:${"x".repeat(500)}\x1b\\`, [{ type: "graphics", id: 1, ok: false }]],
    ["\x1b_Gi=1;OKAY\x1b\\", [{ type: "graphics", id: 1, ok: false }]],
    ["\x1b_Gi=x;OK\x1b\\", []],
    ["\x1b_Gq;OK\x1b\\", []],
  ];
  for (const [answer, keys] of answers) {
    const bytes = new TextEncoder().encode(answer);
    assertEquals(new KeyParser().feed(bytes), keys, JSON.stringify(answer));
    const parser = new KeyParser();
    assertEquals(Array.from(bytes).flatMap((byte) => parser.feed(Uint8Array.of(byte))), keys);
    assert(!parser.waiting);
  }
});
