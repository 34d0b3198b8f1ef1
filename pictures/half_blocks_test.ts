import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import xterm from "@xterm/headless";
import type { Pixels } from "./pixels.ts";
import { blockPixels, blockRows, nearest } from "./half_blocks.ts";
import fc from "../tests/support/property.ts";

type Color = readonly [red: number, green: number, blue: number, alpha?: number];
const RED: Color = [255, 0, 0];
const BLUE: Color = [0, 0, 255];
const CLEAR: Color = [9, 9, 9, 0];

function pixels(width: number, colors: readonly Color[]): Pixels {
  const data = Uint8Array.from(colors.flatMap(([r, g, b, alpha = 255]) => [r, g, b, alpha]));
  return { width, height: colors.length / width, data };
}

Deno.test("blockRows: the upper pixel is the character, the lower one its background", () => {
  assertEquals(blockRows(pixels(1, [RED, BLUE]), "true"), [
    "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m",
  ]);
  assertEquals(blockRows(pixels(1, [RED, BLUE]), "256"), ["\x1b[38;5;196;48;5;21m▀\x1b[0m"]);
});

Deno.test("blockRows: a transparent half is not painted; the last row may have only upper halves", () => {
  assertEquals(blockRows(pixels(1, [CLEAR, RED]), "256"), ["\x1b[38;5;196m▄\x1b[0m"]);
  assertEquals(blockRows(pixels(1, [RED, CLEAR]), "256"), ["\x1b[38;5;196m▀\x1b[0m"]);
  assertEquals(blockRows(pixels(1, [RED]), "256"), ["\x1b[38;5;196m▀\x1b[0m"]);
  assertEquals(blockRows(pixels(2, [CLEAR, CLEAR]), "256"), ["  "]);
  assertEquals(blockRows(pixels(2, [RED, CLEAR, RED, CLEAR]), "256"), [
    "\x1b[48;5;196m \x1b[49m ",
  ]);
  const half = (alpha: number) => blockRows(pixels(1, [[255, 0, 0, alpha]]), "256").join("");
  assertEquals([half(127), half(128).includes("▀")], [" ", true]);
});

Deno.test("blockRows: a colour is set once for adjacent pixels", () => {
  assertEquals(blockRows(pixels(3, [RED, RED, RED, BLUE, BLUE, BLUE]), "256"), [
    "\x1b[38;5;196;48;5;21m▀▀▀\x1b[0m",
  ]);
});

Deno.test("nearest: a colour of xterm's is itself, any other the nearest of all", () => {
  const steps = [0, 95, 135, 175, 215, 255];
  const colors = Array.from({ length: 216 }, (_, n) => [
    steps[Math.floor(n / 36)]!,
    steps[Math.floor(n / 6) % 6]!,
    steps[n % 6]!,
  ]);
  for (let n = 0; n < 24; n++) colors.push(Array(3).fill(8 + 10 * n));
  const distance = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, part, i) => sum + (part - b[i]!) ** 2, 0);
  for (const color of colors) {
    const [r = 0, g = 0, b = 0] = color;
    assertEquals(colors[nearest(r, g, b) - 16], color);
  }
  const part = fc.nat(255);
  fc.assert(fc.property(fc.tuple(part, part, part), (color) => {
    const found = colors[nearest(...color) - 16]!;
    const best = Math.min(...colors.map((other) => distance(color, other)));
    assertEquals(distance(color, found), best);
  }));
});

/** What a terminal shows: the colours of both halves of each cell, "" for the background. */
async function shown(rows: readonly string[], columns: number): Promise<string[][]> {
  const terminal = new xterm.Terminal({ cols: columns, rows: 40, allowProposedApi: true });
  await new Promise<void>((done) => terminal.write(rows.map((row) => row + "\r\n").join(""), done));
  const pixels: string[][] = [];
  for (let y = 0; y < rows.length; y++) {
    const upper: string[] = [];
    const lower: string[] = [];
    for (let x = 0; x < columns; x++) {
      const cell = terminal.buffer.active.getLine(y)!.getCell(x)!;
      const front = cell.isFgDefault() ? "" : cell.getFgColor().toString(16).padStart(6, "0");
      const back = cell.isBgDefault() ? "" : cell.getBgColor().toString(16).padStart(6, "0");
      const character = cell.getChars().trim();
      upper.push(character === "▀" ? front : back);
      lower.push(character === "▄" ? front : back);
      assert(["", "▀", "▄"].includes(character), character);
    }
    pixels.push(upper, lower);
  }
  assertEquals([terminal.buffer.active.cursorY, terminal.buffer.active.cursorX], [rows.length, 0]);
  terminal.dispose();
  return pixels;
}

Deno.test("blockRows: a terminal shows each pixel in its position and colour", async () => {
  const color = fc.constantFrom<Color>(RED, BLUE, CLEAR, [1, 2, 3], [200, 100, 0]);
  const pictures = fc.integer({ min: 1, max: 8 }).chain((width) =>
    fc.array(fc.array(color, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 7,
    })
  );
  await fc.assert(
    fc.asyncProperty(pictures, async (rows) => {
      const width = rows[0]!.length;
      const expected = rows.map((row) =>
        row.map(([r, g, b, alpha]) =>
          alpha === 0 ? "" : [r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("")
        )
      );
      if (rows.length % 2 === 1) expected.push(Array(width).fill(""));
      assertEquals(await shown(blockRows(pixels(width, rows.flat()), "true"), width), expected);
    }),
    { numRuns: 50 },
  );
});

Deno.test("blockRows: the given rows and columns, and no sequences except colours", () => {
  const { width, height } = blockPixels(7, 3);
  const rows = blockRows(pixels(width, Array(width * height).fill(RED)), "true");
  assertEquals(rows.map((row) => stripAnsiCode(row).length), [7, 7, 7]);
  // deno-lint-ignore no-control-regex
  for (const row of rows) assertEquals(row.replace(/\x1b\[[\d;]*m/g, "").replace(/[ ▀▄]/g, ""), "");
  assertLessOrEqual(rows[0]!.length, 60);
});
