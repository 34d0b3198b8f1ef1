import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Pixels } from "./pixels.ts";
import { sixelPicture } from "./sixel.ts";
import fc from "../tests/support/property.ts";

/** What a terminal draws: colours in percent, undefined for the background. */
function draw(text: string): { rows: (string | undefined)[][]; colors: number } {
  // deno-lint-ignore no-control-regex
  const [, width, height, body] = /^\x1bP0;1;0q"1;1;(\d+);(\d+)([ -~]*)\x1b\\$/.exec(text)!;
  const rows = Array.from({ length: Number(height) }, () => Array(Number(width)).fill(undefined));
  const palette = new Map<string, string>();
  let [x, y, color] = [0, 0, ""];
  let read = "";
  for (
    const [part, number, defined, count, six] of body!.matchAll(
      /#(\d+)(?:;2;([\d;]+))?|!(\d+)(.)|./g,
    )
  ) {
    read += part;
    if (number !== undefined) {
      if (defined !== undefined) palette.set(number, defined);
      color = palette.get(number)!;
    } else if (part === "$" || part === "-") {
      x = 0;
      if (part === "-") y += 6;
    } else {
      const bits = (six ?? part).charCodeAt(0) - 0x3f;
      assert(bits >= 0 && bits < 64, part);
      for (let n = Number(count ?? 1); n > 0; n--, x++) {
        for (let row = 0; row < 6; row++) {
          if ((bits >> row & 1) === 0) continue;
          // Each pixel once, and none outside the picture.
          assertEquals(rows[y + row]![x], undefined);
          assert(x < Number(width));
          rows[y + row]![x] = color;
        }
      }
    }
  }
  assertEquals(read, body);
  return { rows, colors: palette.size };
}

function pixels(width: number, height: number, paint: (x: number, y: number) => number[]): Pixels {
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(paint(x, y), 4 * (y * width + x));
  }
  return { width, height, data };
}

Deno.test("sixelPicture: in any size, each pixel has its colour or shows the background", () => {
  const colors = [[255, 0, 0, 255], [0, 255, 0, 255], [51, 102, 204, 128], [0, 0, 0, 127]];
  const percents = ["100;0;0", "0;100;0", "20;40;80", undefined];
  const sides = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }));
  fc.assert(fc.property(sides, fc.integer(), ([width, height], seed) => {
    const which = (x: number, y: number) => Math.imul(x * 31 + y * 17 + 1, seed | 1) >>> 30;
    const { rows } = draw(sixelPicture(pixels(width, height, (x, y) => colors[which(x, y)]!)));
    rows.forEach((row, y) => row.forEach((color, x) => assertEquals(color, percents[which(x, y)])));
  }));
});

Deno.test("sixelPicture: a run of equal columns is counted", () => {
  assertEquals(
    sixelPicture(pixels(100, 6, () => [255, 255, 255, 255])),
    '\x1bP0;1;0q"1;1;100;6#0;2;100;100;100#0!100~\x1b\\',
  );
  assertEquals(sixelPicture(pixels(2, 1, () => [0, 0, 0, 0])), '\x1bP0;1;0q"1;1;2;1\x1b\\');
});

Deno.test("sixelPicture: more than 256 colours become similar ones", () => {
  const paint = (x: number, y: number) => [x * 2, y * 2, (x + y) & 255, 255];
  const { rows, colors } = draw(sixelPicture(pixels(120, 120, paint)));
  assertEquals(colors, 256);
  let error = 0;
  rows.forEach((row, y) =>
    row.forEach((color, x) => {
      const found = color!.split(";").map((part) => Number(part) * 2.55);
      error += found.reduce((sum, part, i) => sum + Math.abs(part - paint(x, y)[i]!), 0) / 3;
    })
  );
  assertLessOrEqual(error / (120 * 120), 6);
});
