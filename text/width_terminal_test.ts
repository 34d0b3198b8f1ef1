// Hard cases of Unicode width: our width, and the width in a terminal emulator (xterm.js without addons, which knows
// the widths of Unicode 6 and no graphemes). Terminals disagree about these, so neither number is right everywhere:
// the screen must stay intact where ours is wrong.

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import xterm from "@xterm/headless";
import type { Person } from "../room.ts";
import { ALICE, BOB } from "../tests/support/fake_room.ts";
import { FakeTty, setUp } from "../tests/support/fake_terminal.ts";
import { splitGraphemes } from "./graphemes.ts";
import { room, width } from "./width.ts";

/** A description, the text, our width, and the emulator's width where it differs: a known disagreement. */
const CASES: readonly [what: string, text: string, ours: number, emulators?: number][] = [
  ["ASCII", "a", 1],
  ["a letter with its accent", "é", 1],
  ["a letter and an accent", "e\u0301", 1],
  ["a letter and two accents", "o\u0308\u0304", 1],
  ["an enclosing mark", "a\u20dd", 1],
  ["a no-break space", "\u00a0", 1],
  ["an en quad", "\u2000", 1],
  ["a Braille cell without dots", "\u2800", 1],
  ["a replacement character", "\ufffd", 1],
  ["a control picture", "␛", 1],
  // East Asian.
  ["an ideograph", "日", 2],
  ["an ideograph of extension B", "\u{20000}", 2],
  ["kana", "か", 2],
  ["half-width kana", "ｶ", 1],
  ["a full-width letter", "Ａ", 2],
  ["an ideographic space", "\u3000", 2],
  ["a full stop", "。", 2],
  // Ambiguous: narrow, unless the terminal is set otherwise.
  ["Greek", "α", 1],
  ["Cyrillic", "ж", 1],
  ["our separator", "│", 1],
  ["an ellipsis", "…", 1],
  ["a circled digit", "①", 1],
  ["a bullet", "•", 1],
  ["private use", "\ue000", 1],
  // Hangul.
  ["a syllable", "각", 2],
  ["jamo: leading, vowel", "\u1100\u1161", 2],
  ["jamo: leading, vowel, trailing", "\u1100\u1161\u11a8", 2],
  ["jamo: leading alone", "\u1100", 2],
  ["compatibility jamo", "ㄱ", 2],
  // Emoji: Unicode 6 knew them as narrow.
  ["an emoji", "😀", 2, 1],
  ["an emoji of Unicode 12", "🥱", 2, 1],
  ["an emoji of Unicode 15", "🫨", 2, 1],
  ["a symbol", "☺", 1],
  ["a heart as text", "❤\ufe0e", 1],
  ["a heart as emoji", "❤\ufe0f", 2, 1],
  ["an umbrella as emoji", "☂\ufe0f", 2, 1],
  ["a sign as emoji", "©\ufe0f", 2, 1],
  ["a watch", "⌚", 2, 1],
  ["a watch as text", "⌚\ufe0e", 2, 1],
  ["a keycap", "1\ufe0f\u20e3", 2, 1],
  ["a keycap without its selector", "1\u20e3", 2, 1],
  ["a flag", "🇩🇪", 2],
  ["half a flag", "🇩", 1],
  ["a flag of two emoji", "🏳️‍🌈", 2],
  ["a skin tone", "👍🏽", 2],
  ["a skin tone alone", "🏽", 2, 1],
  ["a person with a computer", "🧑‍💻", 2],
  ["a family", "👨‍👩‍👧", 2, 3],
  ["a couple with skin tones", "👩🏽‍❤️‍👨🏿", 2, 5],
  // Scripts in which letters join.
  ["Devanagari, a vowel in front", "कि", 2],
  ["Devanagari, a conjunct", "क्ष", 1, 2],
  ["Tamil", "நி", 2],
  ["Thai", "ที่", 1],
  ["Thai, a vowel of two parts", "ทำ", 1, 2],
  ["Khmer", "ស្ត្រី", 3],
  ["Tibetan", "རྐྱ", 1],
  ["Arabic with a mark", "بَ", 1],
  ["Hebrew with points", "שָׁ", 1],
  ["a ligature of words", "ﷺ", 1],
  // Characters that join the one before them.
  ["a joiner alone", "\u200d", 0],
  ["a non-joiner alone", "\u200c", 0],
  ["a selector alone", "\ufe0f", 0],
  ["an accent alone", "\u0301", 0],
];

Deno.test("width: the same as in the emulator, or a known disagreement", async () => {
  const term = new xterm.Terminal({ cols: 80, rows: 3, allowProposedApi: true });
  for (const [what, text, ours, emulators = ours] of CASES) {
    assertEquals(width(text), ours, what);
    await new Promise<void>((resolve) => term.write(`\r|${text}`, resolve));
    const found = term.buffer.active.cursorX - 1;
    assertEquals(found, emulators, what);
  }
  term.dispose();
});

Deno.test("room: at least our width, and the emulator's with the widths of Unicode 6 and 11", async () => {
  for (const unicode of ["6", "11"] as const) {
    const tty = new FakeTty(80, 3, unicode);
    for (const [what, text, ours] of CASES) {
      tty.write(`\r|${text}`);
      const [, column] = await tty.cursor();
      assertGreaterOrEqual(room(text), Math.max(ours, column - 1), `${what}, Unicode ${unicode}`);
    }
    tty.term.dispose();
  }
});

/** The cells of a row up to `end`, as the emulator drew them. */
function drawn(tty: FakeTty, row: number, end: number): string {
  const line = tty.term.buffer.active.getLine(row)!;
  return Array.from({ length: end }, (_, x) => line.getCell(x)!)
    .filter((cell) => cell.getWidth() > 0).map((cell) => cell.getChars()).join("");
}

Deno.test("Screen: the line being edited never wraps, and the cursor is after the text before it, whatever its width", async () => {
  for (const unicode of ["6", "11"] as const) {
    const disputed = CASES.filter(([, text, ours]) => ours > 0 && room(text) !== ours);
    for (const [what, text] of [...CASES.slice(0, 3), ...disputed]) {
      const graphemes = splitGraphemes(text.repeat(8));
      const { tty } = setUp(20, 24, { unicode });
      await tty.type(text.repeat(8));
      let shown = graphemes.join("");
      for (let at = graphemes.length; at >= 0; at--) {
        const message = `${what}, Unicode ${unicode}, at ${at}: ${(await tty.rows()).join("\n")}`;
        const [row, column] = await tty.cursor();
        const { active } = tty.term.buffer;
        const input = Array.from({ length: active.length - 1 }, (_, y) => y + 1);
        assert(input.every((y) => !active.getLine(y)!.isWrapped), message);
        // From the first row on: everything before the cursor is on the screen, in order, and nothing else.
        let before = "";
        for (let y = 1; y <= row; y++) before += drawn(tty, y, y < row ? 20 : column).slice(2);
        assertEquals(bare(before), bare(graphemes.slice(0, at).join("")), message);
        await tty.type("\x1b[D");
      }
      // And what is typed in the middle is drawn there.
      await tty.type("xy");
      shown = `xy${shown}`;
      const rows = (await tty.rows()).slice(1).map((row) => row.slice(2)).join("");
      assertEquals(bare(rows), bare(shown), what);
      tty.term.dispose();
    }
  }
});

/** The column in which a row has its first `│`, as the emulator drew it. */
function separator(tty: FakeTty, row: number): number {
  const line = tty.term.buffer.active.getLine(row)!;
  return Array.from({ length: line.length }, (_, x) => line.getCell(x)!.getChars()).indexOf("│");
}

/** A text without spaces, and without the base characters that long runs of marks get. */
const bare = (text: string) => text.replace(/[\s\u25cc]/gu, "");

const hard = CASES.map(([, text]) => text).join("");

Deno.test("Screen: texts of disputed width keep their rows, at 20, 80 and 200 columns", async () => {
  for (const columns of [20, 80, 200]) {
    for (const text of [hard, hard.repeat(20), ...CASES.map(([, text]) => text.repeat(300))]) {
      const { tty, room, tell } = setUp(columns);
      await tty.type("typed");
      tell(room.message(BOB, text), room.message(ALICE, "after"));
      const rows = await tty.rows();
      const message = JSON.stringify(text.slice(0, 20)) + `:\n${rows.join("\n")}`;
      // Everything is shown once, and the terminal has wrapped no row.
      const { active } = tty.term.buffer;
      assert(rows.every((_, y) => !active.getLine(y)!.isWrapped), message);
      assertEquals(rows.at(-1), "> typed", message);
      assertEquals(await tty.cursor(), [rows.length - 1, 7], message);
      assertEquals(rows.filter((row) => row.includes("after")).length, 1, message);
      assertEquals(
        rows.filter((row) => row.startsWith("xor: ") || row.includes(" · xor: ")).length,
        1,
        message,
      );
      if (columns > 60) {
        const said = rows.slice(0, -3);
        const places = new Set(said.map((_, y) => separator(tty, y)));
        assertEquals(places.size, 1, message);
        const seen = said.map((row) => row.slice(row.indexOf("│") + 1)).join("");
        assertEquals(bare(seen), bare(text), message);
      } else {
        assert(rows.slice(1, -4).every((row) => /^(?: {2}|$)/.test(row)), message);
      }
    }
  }
});

Deno.test("Screen: names of disputed width keep the text in its column", async () => {
  const { tty, room, tell } = setUp(80, 80);
  tell(room.message({ ...BOB, name: "sixteen_columns_" }, "hi"));
  const names = CASES.filter(([, , ours]) => ours > 0).map(([, text]) => text);
  const people = names.map((name, i): Person => ({ ...BOB, id: i + 10, name }));
  tell(...people.map((who) => room.message(who, "hi")));
  await tty.drawn();
  for (let y = 0; y <= people.length; y++) {
    const line = tty.term.buffer.active.getLine(y)!;
    const cells = Array.from({ length: line.length }, (_, x) => line.getCell(x)!.getChars());
    // The screen does not rely on the rules for names: one of these is `│`.
    assertEquals([cells[23], cells[25], cells[26]], ["│", "h", "i"], names[y - 1]);
  }
});
