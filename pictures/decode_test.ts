import { assert, assertEquals } from "@std/assert";
import { exif, gif, jpeg, type Paint, png } from "../tests/support/fake_picture.ts";
import { decodePicture } from "./decode.ts";
import { inspect } from "./parse.ts";
import { type Pixels, uprightSize } from "./pixels.ts";

type Color = [red: number, green: number, blue: number] | undefined;

/**
 * The pixels of a file, or the reason of `inspect` to refuse it.
 *
 * @throws {Error} if the decoder fails
 */
function decode(bytes: Uint8Array<ArrayBuffer>): Pixels | string {
  const picture = inspect(bytes);
  if (typeof picture === "string") return picture;
  const { content, width, height, orientation } = picture;
  const shown = uprightSize(picture, orientation);
  const made = decodePicture({
    content,
    size: { width, height },
    orientation,
    shown,
    form: "pixels",
  });
  assert(made.form === "pixels");
  return { ...shown, data: made.data };
}

/** Asserts that a picture shows what `paint` returns, in colours at most `off` from it. */
function assertShows(
  bytes: Uint8Array<ArrayBuffer>,
  [width, height]: readonly [number, number],
  paint: (x: number, y: number) => Color,
  off = 0,
): void {
  const pixels = decode(bytes);
  assert(typeof pixels !== "string", String(pixels));
  assertEquals([pixels.width, pixels.height], [width, height]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [red = 0, green = 0, blue = 0, alpha = 0] = pixels.data.subarray(4 * (y * width + x));
      const found = alpha < 128 ? undefined : [red, green, blue];
      const meant = paint(x, y);
      const isNear = found === undefined || meant === undefined
        ? found === meant
        : found.every((part, i) => Math.abs(part - meant[i]!) <= off);
      assert(isNear, `${x}, ${y}: ${found}, not ${meant}`);
    }
  }
}

const SIZE = [9, 11] as const;
const [width, height] = SIZE;

Deno.test("decodePicture: PNG of each colour type and depth, interlaced or not", () => {
  const palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7];
  const colorOf = (n: number) => palette.slice(3 * n, 3 * n + 3) as [number, number, number];
  for (const interlaced of [false, true]) {
    for (const depth of [1, 2, 4, 8, 16]) {
      const most = 2 ** depth - 1;
      const gray = (x: number, y: number) => (x * 7 + y * 13) % (most + 1);
      const level = (x: number, y: number) => Math.round(gray(x, y) / most * 255);
      const size = { width, height, depth, interlaced };
      assertShows(
        png({ ...size, color: 0, paint: (x, y) => [gray(x, y)] }),
        SIZE,
        (x, y) => [level(x, y), level(x, y), level(x, y)],
        1,
      );
      if (depth < 8) {
        const paint: Paint = (x, y) => [(x + y) % Math.min(4, most + 1)];
        assertShows(
          png({ ...size, color: 3, palette, paint }),
          SIZE,
          (x, y) => colorOf(paint(x, y)[0]!),
        );
        continue;
      }
      const high = (value: number) => depth === 16 ? value * 257 : value;
      assertShows(
        png({ ...size, color: 6, paint: (x, y) => [x * 20, y * 20, 7, x % 2 * 255].map(high) }),
        SIZE,
        (x, y) => x % 2 === 0 ? undefined : [x * 20, y * 20, 7],
      );
    }
  }
});

Deno.test("decodePicture: PNG with transparent colours", () => {
  const options = { width: 4, height: 2, depth: 8 } as const;
  assertShows(
    png({
      ...options,
      color: 3,
      palette: [1, 2, 3, 4, 5, 6],
      transparency: [255, 0],
      paint: (x) => [x % 2],
    }),
    [4, 2],
    (x) => x % 2 === 0 ? [1, 2, 3] : undefined,
  );
  assertShows(
    png({ ...options, color: 4, paint: (x, y) => [50 * x, 255 * y] }),
    [4, 2],
    (x, y) => y === 0 ? undefined : [50 * x, 50 * x, 50 * x],
  );
  assertShows(
    png({ ...options, color: 2, transparency: [0, 1, 0, 2, 0, 3], paint: (x) => [x, 2, 3] }),
    [4, 2],
    (x) => x === 1 ? undefined : [x, 2, 3],
  );
});

Deno.test("decodePicture: JPEG, gray and in colours, progressive or not, in each orientation", () => {
  for (const progressive of [false, true]) {
    const size = { columns: 3, rows: 2, progressive };
    assertShows(
      jpeg({ ...size, paint: (x, y) => [x * 80 + y * 40] }),
      [24, 16],
      (x, y) => {
        const level = (x >> 3) * 80 + (y >> 3) * 40;
        return [level, level, level];
      },
      1,
    );
    assertShows(
      jpeg({ ...size, channels: 3, paint: (x) => x === 0 ? [76, 85, 255] : [29, 255, 107] }),
      [24, 16],
      (x) => x < 8 ? [255, 0, 0] : [0, 0, 255],
      3,
    );
  }
  const level = (x: number, y: number) => x * 80 + y * 40;
  const turned = (way: number) =>
    jpeg({ columns: 3, rows: 2, before: [exif(way)], paint: (x, y) => [level(x, y)] });
  const gray = (value: number): Color => [value, value, value];
  const at = (n: number) => n >> 3;
  assertShows(turned(3), [24, 16], (x, y) => gray(level(2 - at(x), 1 - at(y))), 1);
  // Turned to the right: the left column was the lowest row.
  assertShows(turned(6), [16, 24], (x, y) => gray(level(at(y), 1 - at(x))), 1);
  assertShows(turned(8), [16, 24], (x, y) => gray(level(2 - at(y), at(x))), 1);
});

Deno.test("decodePicture: the first frame of a GIF, in its position, with its transparent colour", () => {
  const palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 4, 5, 6];
  const colorOf = (n: number) => palette.slice(3 * n, 3 * n + 3) as [number, number, number];
  const paint = (x: number, y: number) => (x + y) % 4;
  assertShows(gif({ width, height, palette, paint }), SIZE, (x, y) => colorOf(paint(x, y)));
  assertShows(
    gif({ width, height, palette, transparent: 3, frame: [2, 1, 5, 6], paint }),
    SIZE,
    (x, y) => {
      const index = paint(x - 2, y - 1);
      const isInside = x >= 2 && x < 7 && y >= 1 && y < 7;
      return isInside && index !== 3 ? colorOf(index) : undefined;
    },
  );
});

Deno.test("decodePicture: a damaged file of any kind is decoded or refused", () => {
  const all = [
    png({ width: 40, height: 30, color: 6, interlaced: true, paint: (x, y) => [x, y, x, 255] }),
    jpeg({ columns: 4, rows: 3, channels: 3, paint: (x, y) => [60 * x, 80 * y, 128] }),
    jpeg({ columns: 4, rows: 3, progressive: true, paint: (x, y) => [60 * x + y] }),
    gif({ width: 30, height: 20, palette: Array(12).fill(9), paint: (x, y) => (x * y) % 4 }),
  ];
  let number = 2428;
  const next = (below: number) => {
    number = Math.imul(number, 1_664_525) + 1_013_904_223 | 0;
    return (number >>> 8) % below;
  };
  const outcomes = { decoded: 0, refused: 0, failed: 0 };
  for (let round = 0; round < 400; round++) {
    const bytes = Uint8Array.from(all[round % all.length]!);
    for (let change = next(6); change >= 0; change--) bytes[next(bytes.length)] = next(256);
    try {
      const pixels = decode(bytes);
      if (typeof pixels === "string") outcomes.refused++;
      else {
        assertEquals(pixels.data.length, 4 * pixels.width * pixels.height);
        outcomes.decoded++;
      }
    } catch {
      outcomes.failed++;
    }
  }
  assert(Object.values(outcomes).every((count) => count > 10), JSON.stringify(outcomes));
});
