import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  chunk,
  exif,
  gif,
  jpeg,
  jpegFrame,
  number,
  png,
  PNG_SIGNATURE,
  pngHeader,
  segment,
} from "../tests/support/fake_picture.ts";
import {
  inspect,
  MAX_PICTURE_BYTES,
  MAX_PICTURE_PIXELS,
  MAX_PICTURE_SIDE,
  type Picture,
  pictureKind,
} from "./parse.ts";
import fc from "../tests/support/property.ts";

const PNG = png({ width: 3, height: 2, color: 2, paint: (x, y) => [x, y, 0] });
const JPEG = jpeg({ columns: 2, rows: 1, channels: 3, paint: (x) => [100 * x, 128, 128] });
const PROGRESSIVE = jpeg({ columns: 2, rows: 3, progressive: true, paint: (x, y) => [50 * x + y] });
const GIF = gif({
  width: 5,
  height: 4,
  palette: [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255],
  transparent: 2,
  paint: (x, y) => (x + y) % 4,
});
const ALL = [PNG, JPEG, PROGRESSIVE, GIF];

function good(bytes: Uint8Array): Picture {
  const picture = inspect(bytes);
  assert(typeof picture !== "string", String(picture));
  return picture;
}

/** A PNG that claims this size, and has no data. */
const claims = (width: number, height: number, depth = 8, color: 0 | 6 = 6) =>
  concat([
    PNG_SIGNATURE,
    pngHeader({ width, height, color, depth }),
    chunk("IDAT", new Uint8Array()),
    chunk("IEND", new Uint8Array()),
  ]);

Deno.test("pictureKind: only the first bytes decide", () => {
  assertEquals(ALL.map(pictureKind), ["PNG", "JPEG", "JPEG", "GIF"]);
  assertEquals(pictureKind(new TextEncoder().encode("GIF87a")), "GIF");
  for (const text of ["", "GIF88a", "BM", "RIFF", "<svg>", "\u0089PNG"]) {
    assertEquals(pictureKind(new TextEncoder().encode(text)), undefined);
  }
});

Deno.test("inspect: the kind and size of each format", () => {
  const inspected = ALL.map(good).map(({ kind, width, height }) => [kind, width, height]);
  assertEquals(inspected, [["PNG", 3, 2], ["JPEG", 16, 8], ["JPEG", 16, 24], ["GIF", 5, 4]]);
});

Deno.test("inspect: a file of only needed parts does not change", () => {
  for (const bytes of ALL) assertEquals(good(bytes).content, bytes);
});

Deno.test("inspect: parts that no decoder needs are left out", () => {
  const bomb = chunk("iCCP", new Uint8Array(100));
  const header = PNG.subarray(0, 8 + 25);
  const rest = PNG.subarray(8 + 25);
  assertEquals(good(concat([header, bomb, chunk("tEXt", bomb), rest])).content, PNG);
  // Also after the end.
  assertEquals(good(concat([PNG, PNG])).content, PNG);
  assertEquals(good(concat([JPEG, PNG])).content, JPEG);
  const comment = segment(0xfe, [1, 2, 3]);
  const profile = segment(0xe2, [1, 2, 3]);
  const parts = [JPEG.subarray(0, 2), comment, profile, exif(1), JPEG.subarray(2)];
  assertEquals(good(concat(parts)).content, JPEG);
  // All frames of a GIF but the first.
  const frame = GIF.subarray(GIF.lastIndexOf(0x2c));
  assertEquals(good(concat([GIF.subarray(0, -1), frame])).content, GIF);
  const text = Uint8Array.of(0x21, 0xfe, 2, 1, 2, 0);
  assertEquals(good(concat([GIF.subarray(0, 25), text, GIF.subarray(25)])).content, GIF);
});

Deno.test("inspect: a JPEG without its end gets one", () => {
  assertEquals(good(JPEG.subarray(0, -2)).content, JPEG);
});

Deno.test("inspect: the orientation of a JPEG, in both byte orders", () => {
  const before = (...segments: Uint8Array[]) =>
    good(jpeg({ columns: 1, rows: 1, before: segments, paint: () => [0] })).orientation;
  assertEquals(before(), 1);
  for (let way = 1; way <= 8; way++) {
    assertEquals(before(exif(way)), way);
    assertEquals(before(exif(way, true)), way);
  }
  // Invalid values are upright.
  for (const odd of [exif(0), exif(9), segment(0xe1, []), exif(6).subarray(0, 4)]) {
    if (odd.length > 4) assertEquals(before(odd), 1);
  }
  const cut = exif(6);
  for (let length = 0; length < cut.length - 4; length++) {
    const way = before(segment(0xe1, cut.subarray(4, 4 + length)));
    // The value field has two more bytes than the value.
    assert(way === 1 || length >= cut.length - 8, `${length}`);
  }
});

Deno.test("inspect: pixels are counted before anything is decoded", () => {
  const side = Math.sqrt(MAX_PICTURE_PIXELS);
  assertEquals(good(claims(side, side)).width, side);
  const many = "the limit is 16 megapixels";
  for (
    const [width, height] of [[side + 1, side], [0xffffffff, 0xffffffff], [
      1,
      MAX_PICTURE_SIDE + 1,
    ]] as const
  ) {
    assert(String(inspect(claims(width, height))).includes(many));
  }
  assertEquals(good(claims(MAX_PICTURE_SIDE, 1)).width, MAX_PICTURE_SIDE);
  assert(String(inspect(concat([JPEG.subarray(0, 2), jpegFrame(9000, 9000)]))).includes(many));
  const large = Uint8Array.from(GIF);
  large.set([0xff, 0xff, 0xff, 0xff], 6);
  assert(String(inspect(large)).includes(many));
});

Deno.test("inspect: with 16 bits a channel, the limit of pixels is lower", () => {
  const side = Math.sqrt(MAX_PICTURE_PIXELS);
  assertEquals(good(claims(side, side / 2, 16)).width, side);
  assertEquals(
    inspect(claims(side, side, 16)),
    "has 4096 × 4096 pixels of 64 bits each, which is too large",
  );
  assertEquals(good(claims(side, side, 16, 0)).width, side);
});

Deno.test("inspect: a file that is too long is refused", () => {
  assertEquals(inspect(new Uint8Array(MAX_PICTURE_BYTES + 1)), "has more than 20 MiB");
  assertEquals(inspect(new Uint8Array(MAX_PICTURE_BYTES)), "is not a PNG, JPEG or GIF file");
});

Deno.test("inspect: invalid headers are refused", () => {
  const bad = (bytes: Uint8Array, fault = "is damaged") =>
    assert(String(inspect(bytes)).startsWith(fault), String(inspect(bytes)));
  bad(claims(0, 5));
  bad(claims(3, 3, 3));
  bad(claims(3, 3, 4));
  bad(concat([PNG_SIGNATURE, chunk("IDAT", new Uint8Array())]));
  bad(concat([PNG_SIGNATURE, chunk("IHDR", new Uint8Array(12)), PNG.subarray(33)]));
  // A second header, and an unknown critical chunk.
  bad(concat([PNG.subarray(0, 33), PNG.subarray(8)]), "is a kind of PNG");
  bad(concat([PNG.subarray(0, 33), chunk("CgBI", number(1, 4)), PNG.subarray(33)]), "is a kind");
  bad(concat([PNG.subarray(0, 33), chunk("IEND", new Uint8Array())]));
  const start = JPEG.subarray(0, 2);
  bad(concat([start, jpegFrame(0, 8), JPEG.subarray(2)]));
  bad(concat([start, jpegFrame(16, 8), JPEG.subarray(2)]));
  bad(concat([start, jpegFrame(16, 8, { marker: 0xc3 })]), "is a kind of JPEG");
  bad(concat([start, jpegFrame(16, 8, { marker: 0xc9 })]), "is a kind of JPEG");
  bad(concat([start, jpegFrame(16, 8, { channels: 2 })]));
  bad(concat([start, segment(0xc0, [12, 0, 8, 0, 8, 0])]), "has 12 bits");
  bad(concat([start, segment(0xc0, [8, 0, 8, 0, 8, 3])]));
  bad(concat([start, segment(0xc0, [8, 0, 8, 0, 8, 1, 1, 0x01, 0])]));
  bad(concat([start, Uint8Array.of(0xff, 0xd9)]));
  bad(concat([start, Uint8Array.of(0xff, 0xc4, 0, 1)]));
  // A scan before the frame.
  bad(concat([start, segment(0xda, [1, 1, 0, 0, 63, 0])]));
  const frame = (...place: [number, number, number, number]) =>
    gif({ width: 5, height: 4, palette: Array(12).fill(0), frame: place, paint: () => 0 });
  assertEquals(good(frame(1, 1, 4, 3)).width, 5);
  bad(frame(1, 1, 5, 3));
  bad(frame(0, 0, 5, 5));
  bad(frame(5, 0, 0, 4));
  bad(concat([GIF.subarray(0, 25), Uint8Array.of(0x3b)]));
});

Deno.test("inspect: a JPEG with too many scans is refused", () => {
  const from = PROGRESSIVE.lastIndexOf(0xda) - 1;
  const scan = PROGRESSIVE.subarray(from, -2);
  const scans = (count: number) =>
    inspect(concat([PROGRESSIVE.subarray(0, from), ...Array(count).fill(scan)]));
  assert(typeof scans(99) !== "string");
  assertEquals(scans(100), "has more than 100 scans");
});

Deno.test("inspect: a file that is cut off anywhere is refused, and not read beyond its end", () => {
  for (const bytes of ALL) {
    for (let length = 0; length < bytes.length; length++) {
      const found = inspect(bytes.subarray(0, length));
      // A JPEG that is cut within its scan looks like one without an end. The end of a GIF is one byte.
      if (typeof found !== "string") assert(found.kind === "JPEG" || length === GIF.length - 1);
    }
  }
});

Deno.test("inspect: any bytes give a picture within the limits, or a reason", () => {
  const damaged = fc.tuple(
    fc.constantFrom(...ALL),
    fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
    fc.nat(400),
  ).map(([bytes, changes, length]) => {
    const copy = Uint8Array.from(bytes);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy.subarray(0, length % 3 === 0 ? copy.length : length);
  });
  const starts = ALL.map((bytes) => bytes.subarray(0, 12));
  const made = fc.tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }))
    .map((parts) => concat(parts));
  fc.assert(
    fc.property(fc.oneof(damaged, made, fc.uint8Array()), (bytes) => {
      const found = inspect(bytes);
      if (typeof found === "string") {
        assert(/^(?:is|has) /.test(found) && !/[^ -~×]/.test(found), found);
        return;
      }
      assertLessOrEqual(found.width * found.height, MAX_PICTURE_PIXELS);
      assertLessOrEqual(found.content.length, bytes.length + 2);
      // The result has the same headers, except for the orientation.
      const again = inspect(found.content);
      assertEquals(again, { ...found, orientation: 1 });
    }),
    { numRuns: 3000 },
  );
});

Deno.test("inspect: a long file is read once", () => {
  const long = (start: readonly number[], fill: number) => {
    const bytes = new Uint8Array(4 * 1024 * 1024).fill(fill);
    bytes.set(start);
    return inspect(bytes);
  };
  // Each of these would be slow if a part were read again for each of its bytes.
  long([0xff, 0xd8, 0xff], 0xff);
  long([...JPEG.subarray(0, JPEG.lastIndexOf(0xda) + 20)], 0xff);
  long([...GIF.subarray(0, 25), 0x21, 0xfe], 1);
  long([...PNG.subarray(0, 33)], 0);
});

Deno.test("docs/commands.md: pictures may be as large as it says", () => {
  const page = Deno.readTextFileSync(new URL("../docs/commands.md", import.meta.url));
  const [mebi, side] = [1024 * 1024, MAX_PICTURE_SIDE.toLocaleString("en")];
  const [bytes, pixels] = [MAX_PICTURE_BYTES / mebi, MAX_PICTURE_PIXELS / mebi];
  assertStringIncludes(page, `${bytes} MiB and ${pixels} megapixels, ${side} a side;`);
});
