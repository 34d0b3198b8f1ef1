import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { concat } from "@std/bytes/concat";
import { ChatError } from "../errors.ts";
import { chunk, exif, gif, jpeg, png, pngHeader } from "../tests/support/fake_picture.ts";
import { inspect } from "./parse.ts";
import type { Preview, Stage } from "./graphics.ts";
import { Pictures } from "./pictures.ts";

const STAGE: Stage = {
  columns: 80,
  rows: 24,
  environment: { TERM: "xterm-256color", COLORTERM: "truecolor" },
  answers: {},
  hasColors: true,
};

/** Views a temporary file with these bytes. */
async function view(
  bytes: Uint8Array,
  stage: Partial<Stage> = {},
  pictures = new Pictures(),
): Promise<Preview> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await pictures.view(path, "cat.png", { ...STAGE, ...stage });
  } finally {
    await Deno.remove(path);
  }
}

type Color = [red: number, green: number, blue: number] | undefined;

/** The pixels that rows of text show. Undefined is the background. */
function pixelsOf({ rows }: Preview): Color[][] {
  return rows.slice(0, -1).flatMap((row) => {
    const upper: Color[] = [];
    const lower: Color[] = [];
    let front: Color;
    let back: Color;
    // deno-lint-ignore no-control-regex
    for (const [part, sgr] of row.matchAll(/\x1b\[([\d;]*)m|[^\x1b]/g)) {
      if (sgr === undefined) {
        upper.push(part === "▀" ? front : back);
        lower.push(part === "▄" ? front : back);
        continue;
      }
      for (const [, which, r, g, b] of sgr.matchAll(/(38|48);2;(\d+);(\d+);(\d+)|49|^0$/g)) {
        const color: Color = r === undefined ? undefined : [Number(r), Number(g), Number(b)];
        if (which === "38") front = color;
        else back = color;
      }
    }
    return [upper, lower];
  });
}

/** Asserts that a picture shows what `paint` returns, in colours at most `off` from it. */
async function assertShows(
  bytes: Uint8Array,
  [width, height]: readonly [number, number],
  paint: (x: number, y: number) => Color,
  off = 0,
): Promise<void> {
  const preview = await view(bytes);
  const rows = pixelsOf(preview);
  assertEquals(preview.height, Math.ceil(height / 2) + 1);
  assertEquals(preview.rows.length, preview.height);
  for (let y = 0; y < height; y++) {
    assertEquals(rows[y]!.length, width);
    for (let x = 0; x < width; x++) {
      const [found, meant] = [rows[y]![x], paint(x, y)];
      const isNear = found === undefined || meant === undefined
        ? found === meant
        : found.every((part, i) => Math.abs(part - meant[i]!) <= off);
      assert(isNear, `${x}, ${y}: ${found}, not ${meant}`);
    }
  }
}

Deno.test("Pictures: a PNG, a JPEG and a GIF, each decoded in its thread", async () => {
  const size = { width: 9, height: 11 };
  const palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 4, 5, 6];
  await assertShows(
    png({ ...size, color: 6, paint: (x, y) => [x * 20, y * 20, 7, x % 2 * 255] }),
    [9, 11],
    (x, y) => x % 2 === 0 ? undefined : [x * 20, y * 20, 7],
  );
  // Turned to the right: the left column was the lowest row.
  await assertShows(
    jpeg({ columns: 3, rows: 2, before: [exif(6)], paint: (x, y) => [x * 80 + y * 40] }),
    [16, 24],
    (x, y) => {
      const level = (y >> 3) * 80 + (1 - (x >> 3)) * 40;
      return [level, level, level];
    },
    1,
  );
  await assertShows(
    gif({ ...size, palette, paint: (x, y) => (x + y) % 3 }),
    [9, 11],
    (x, y) => palette.slice(3 * ((x + y) % 3)).slice(0, 3) as [number, number, number],
  );
});

/** Larger than the screen. */
const LARGE = png({ width: 300, height: 200, color: 2, paint: (x, y) => [x % 256, y, 100] });

Deno.test("Pictures: a large picture is shrunk to leave room for the live area, with a caption below", async () => {
  for (const [columns, rows] of [[80, 24], [20, 50], [200, 100], [4, 3], [1, 1]] as const) {
    const preview = await view(LARGE, { columns, rows });
    assertEquals(preview.height, preview.rows.length);
    assertLessOrEqual(preview.height, Math.max(2, Math.min(41, rows - 7)));
    for (const row of preview.rows) {
      assertLessOrEqual(stripAnsiCode(row).length, Math.max(1, columns - 1));
    }
  }
  const { rows } = await view(LARGE);
  assertEquals(rows.at(-1), "cat.png: PNG, 300 × 200 pixels");
  const [first = ""] = rows;
  assertEquals([rows.length, stripAnsiCode(first).length], [17, 48]);
});

Deno.test("Pictures: a terminal with 256 colours gets those, one without colours a line of text", async () => {
  const { rows } = await view(LARGE, { environment: { TERM: "xterm-256color" } });
  assert(rows[0]!.startsWith("\x1b[48;5;17m"), rows[0]);
  assert(!rows.join("").includes(";2;"));
  const line = "cat.png: PNG, 300 × 200 pixels; pictures need a terminal with colours";
  assertEquals(await view(LARGE, { hasColors: false }), { rows: [line], height: 1 });
  // The picture was not decoded, but other files are still refused.
  await assertRejects(
    () => view(new Uint8Array(9), { hasColors: false }),
    ChatError,
    "is not a PNG",
  );
});

Deno.test("Pictures: kitty and iTerm2 get a new PNG, never the file itself", async () => {
  const cell = { width: 10, height: 20 };
  const kitty = await view(LARGE, { environment: { TERM: "xterm-kitty" }, answers: { cell } });
  // 200 pixels are 10 rows.
  assertEquals([kitty.rows.length, kitty.height], [1, 11]);
  assert(
    kitty.rows[0]!.startsWith("\r\n".repeat(10) + "\x1b7\r\x1b[10A\x1b_Ga=T,f=100,q=2,C=1,r=10,"),
  );
  assert(kitty.rows[0]!.endsWith("\x1b8\rcat.png: PNG, 300 × 200 pixels"));
  // deno-lint-ignore no-control-regex
  const pieces = [...kitty.rows[0]!.matchAll(/m=[01];([\w+/=]+)\x1b/g)].map(([, data]) => data);
  const sent = Uint8Array.from(atob(pieces.join("")), (c) => c.charCodeAt(0));
  const inside = inspect(sent);
  assert(typeof inside !== "string" && inside.kind === "PNG");
  assertEquals([inside.width, inside.height], [300, 200]);
  const large = pixelsOf(shownLarge);
  await assertShows(sent.slice(), [48, 32], (x, y) => large[y]![x], 2);
  const iterm2 = await view(LARGE, { environment: { TERM_PROGRAM: "iTerm.app" }, rows: 12 });
  assertEquals(iterm2.height, 5);
  assert(iterm2.rows[0]!.includes(";width=12;height=4;preserveAspectRatio=1:"));
});

const shownLarge = await view(LARGE);

Deno.test("Pictures: a sixel picture fits into its rows", async () => {
  const half = png({
    width: 40,
    height: 30,
    color: 6,
    paint: (x) => [255, 0, 0, x < 20 ? 255 : 100],
  });
  const answers = { attributes: [62, 4], cell: { width: 10, height: 19 } };
  const { rows, height } = await view(half, { answers });
  // 30 pixels are five times six, which take two rows of 19.
  assertEquals([rows.length, height], [1, 3]);
  // deno-lint-ignore no-control-regex
  const [, data = ""] = /\x1b\[2A(\x1bP.*\x1b\\)\x1b8/s.exec(rows[0]!)!;
  // Half of it is drawn. The rest is transparent.
  assertEquals(data.replace(/^.*?q/, "").replace(/-.*/s, ""), '"1;1;40;30#0;2;100;0;0#0!20~');
});

const fault = async (bytes: Uint8Array) =>
  (await assertRejects(() => view(bytes), ChatError, "Cannot show cat.png: it ")).message;

Deno.test("Pictures: a damaged file is refused with a sentence", async () => {
  assertEquals(
    await fault(new Uint8Array()),
    "Cannot show cat.png: it is not a PNG, JPEG or GIF file",
  );
  const crc = Uint8Array.from(LARGE);
  crc[LARGE.length - 100]! ^= 1;
  assertEquals(await fault(crc), "Cannot show cat.png: it is damaged");
  // Claims to be larger than its data.
  const lying = concat([
    LARGE.subarray(0, 8),
    pngHeader({ width: 4000, height: 4000, color: 2 }),
    LARGE.subarray(33),
  ]);
  assertEquals(await fault(lying), "Cannot show cat.png: it is damaged");
  assertEquals(
    await fault(
      concat([LARGE.subarray(0, 33), chunk("IDAT", Uint8Array.of(1)), LARGE.subarray(-12)]),
    ),
    "Cannot show cat.png: it is damaged",
  );
});

Deno.test("Pictures: damaged files of each kind are shown or refused, and the next picture is shown", async () => {
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
  const pictures = new Pictures();
  let refused = 0;
  for (let round = 0; round < 12; round++) {
    const bytes = Uint8Array.from(all[round % all.length]!);
    for (let change = next(6); change >= 0; change--) bytes[next(bytes.length)] = next(256);
    try {
      const { rows, height } = await view(bytes, {}, pictures);
      assertEquals(rows.length, height);
    } catch (error) {
      assert(error instanceof ChatError, String(error));
      assert(/^Cannot show cat\.png: it [ -~×]+$/.test(error.message), error.message);
      refused++;
    }
  }
  assert(refused > 1 && refused < 12, `${refused}`);
  assertEquals((await view(LARGE, {}, pictures)).height, 17);
});

const BUSY = "Cannot show cat.png: another picture is still being decoded";

Deno.test("Pictures: only one picture is decoded at a time", async () => {
  const pictures = new Pictures();
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, LARGE);
  try {
    const both = [1, 2].map(() => pictures.view(path, "cat.png", STAGE));
    await assertRejects(() => both[1]!, ChatError, BUSY);
    assertEquals((await both[0]!).height, 17);
  } finally {
    await Deno.remove(path);
  }
  // And then the next one.
  assertEquals((await view(LARGE, {}, pictures)).height, 17);
});

Deno.test("Pictures: a view fails at the time limit, and no other picture is decoded before its thread has ended", async () => {
  const late = "Cannot show cat.png: it takes too long to decode";
  const pictures = new Pictures(0);
  await assertRejects(() => view(LARGE, {}, pictures), ChatError, late);
  await assertRejects(() => view(LARGE, {}, pictures), ChatError, BUSY);
  // Each try reads a file. The thread's end is noticed between two tries.
  for (let isBusy = true; isBusy;) {
    const { message } = await assertRejects(() => view(LARGE, {}, pictures), ChatError);
    isBusy = message === BUSY;
    if (!isBusy) assertEquals(message, late);
  }
  // Wait for the end of the last thread, too: otherwise the test leaks it.
  for (let isBusy = true; isBusy;) {
    const { message } = await assertRejects(() => view(new Uint8Array(), {}, pictures), ChatError);
    isBusy = message === BUSY;
  }
});

Deno.test("Pictures: a missing file, a folder and a file that is too long have different errors", async () => {
  const folder = await Deno.makeTempDir();
  const pictures = new Pictures();
  const show = (name: string) => pictures.view(`${folder}/${name}`, "a\x1b.png", STAGE);
  try {
    await assertRejects(
      () => show("a.png"),
      ChatError,
      "Cannot show a␛.png: it no longer exists",
    );
    await assertRejects(() => show(""), ChatError, "it is no longer a file");
    await Deno.writeFile(`${folder}/a.png`, LARGE);
    // Refused for its length, before the first bytes are read.
    await Deno.truncate(`${folder}/a.png`, 20 * 1024 * 1024 + 1);
    await assertRejects(() => show("a.png"), ChatError, "it has more than 20 MiB");
    await Deno.truncate(`${folder}/a.png`, LARGE.length);
    assertEquals((await show("a.png")).rows.at(-1), "a␛.png: PNG, 300 × 200 pixels");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
