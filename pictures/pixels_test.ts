import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { fit, type Orientation, type Pixels, shrink, turn, uprightSize } from "./pixels.ts";
import fc from "../tests/support/property.ts";

/** Gray and opaque, one number a pixel. */
function gray(width: number, values: readonly number[]): Pixels {
  const data = Uint8Array.from(values.flatMap((value) => [value, value, value, 255]));
  return { width, height: values.length / width, data };
}

const reds = ({ data }: Pixels) => Array.from(data).filter((_, i) => i % 4 === 0);

Deno.test("fit: keeps the proportions, never enlarges, and leaves at least one pixel", () => {
  const most = { width: 40, height: 30 };
  assertEquals(fit({ width: 400, height: 300 }, most), most);
  assertEquals(fit({ width: 400, height: 100 }, most), { width: 40, height: 10 });
  assertEquals(fit({ width: 100, height: 300 }, most), { width: 10, height: 30 });
  assertEquals(fit({ width: 7, height: 5 }, most), { width: 7, height: 5 });
  assertEquals(fit({ width: 65_535, height: 1 }, most), { width: 40, height: 1 });
});

Deno.test("shrink: each pixel is the average of the area that it covers", () => {
  assertEquals(reds(shrink(gray(4, [0, 100, 200, 100]), { width: 2, height: 1 })), [50, 150]);
  assertEquals(reds(shrink(gray(2, [0, 100, 200, 100]), { width: 1, height: 1 })), [100]);
  // 1½ pixels each: 10 and half of 40; half of 40 and 90.
  assertEquals(reds(shrink(gray(3, [10, 40, 90]), { width: 2, height: 1 })), [20, 73]);
  assertEquals(reds(shrink(gray(1, [10, 40, 90]), { width: 1, height: 2 })), [20, 73]);
});

Deno.test("shrink: a transparent pixel adds no colour", () => {
  const data = Uint8Array.of(255, 0, 0, 255, 0, 255, 0, 0);
  const { data: one } = shrink({ width: 2, height: 1, data }, { width: 1, height: 1 });
  assertEquals([...one], [255, 0, 0, 128]);
  const none = shrink({ width: 2, height: 1, data: new Uint8Array(8) }, { width: 1, height: 1 });
  assertEquals([...none.data], [0, 0, 0, 0]);
});

Deno.test("shrink: an empty or larger size throws", () => {
  const one = gray(1, [5]);
  assertEquals(shrink(one, one), one);
  for (const [width, height] of [[2, 1], [1, 2], [0, 1], [1, 0]] as const) {
    assertThrows(() => shrink(one, { width, height }), RangeError, "Cannot shrink");
  }
});

Deno.test("shrink: in any size, a single colour stays the same, and so does the average", () => {
  const sides = fc.tuple(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
  );
  fc.assert(fc.property(sides, fc.nat(255), fc.integer(), ([w, h, x, y], value, seed) => {
    const size = { width: Math.min(w, x), height: Math.min(h, y) };
    const flat = shrink(gray(w, Array(w * h).fill(value)), size);
    assert(reds(flat).every((red) => red === value));
    assertEquals(flat.data.length, 4 * size.width * size.height);
    const values = Array.from({ length: w * h }, (_, i) => Math.imul(i + 1, seed) >>> 24);
    const average = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
    const small = reds(shrink(gray(w, values), size));
    assertLessOrEqual(Math.abs(average(small) - average(values)), 0.5 + 1e-9);
  }));
});

Deno.test("turn: all eight orientations of EXIF show the same picture", () => {
  // A corner, which differs from its mirror images, and how each orientation stores it.
  const upright = ["##", "# ", "# "];
  const stored: Record<Orientation, string[]> = {
    1: ["##", "# ", "# "],
    2: ["##", " #", " #"],
    3: [" #", " #", "##"],
    4: ["# ", "# ", "##"],
    5: ["###", "#  "],
    6: ["#  ", "###"],
    7: ["  #", "###"],
    8: ["###", "  #"],
  };
  for (const [number, rows] of Object.entries(stored)) {
    const way = Number(number) as Orientation;
    const values = rows.join("").split("").map((c) => c === "#" ? 255 : 0);
    const turned = turn(gray(rows[0]!.length, values), way);
    const text = reds(turned).map((red) => red === 255 ? "#" : " ").join("");
    assertEquals(text.match(new RegExp(`.{${turned.width}}`, "g")), upright, `way ${way}`);
    const { width, height } = uprightSize({ width: rows[0]!.length, height: rows.length }, way);
    assertEquals([width, height], [2, 3]);
  }
});
