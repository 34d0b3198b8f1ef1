import { assert, assertEquals } from "@std/assert";
import type { Environment } from "../terminal/environment.ts";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { BOB } from "../tests/support/fake_room.ts";
import { FakeTty, going, type Setup, setUp } from "../tests/support/fake_terminal.ts";
import { Anchor, liveColumns, liveHeight, type LiveRows } from "./anchor.ts";

// These tests check what a terminal emulator, which wraps rows like xterm.js, makes of the output.

/** After a change of size, the live area is drawn again in this time, in ms. */
const QUIET_MS = 350;
/** Messages wait no longer than this, in ms. */
const HOLD_MS = 500;
/** An area that was drawn at least this long ago, in ms, was on the screen when the size changed. */
const REST_MS = 40;

const DELETE_ROWS = "\x1b[999M";

interface Anchored {
  tty: FakeTty;
  clock: FakeClock;
  anchor: Anchor;
  /** The area that is drawn. */
  area: LiveRows;
  /** Messages that wait. */
  waiting: string[];
}

/** An anchored area on a terminal. */
function anchored(
  columns: number,
  rows: number,
  area: LiveRows,
  environment: Environment = {},
): Anchored {
  const tty = new FakeTty(columns, rows);
  const clock = new FakeClock();
  const waiting: string[] = [];
  const takeRows = () => waiting.splice(0).map((row) => `${row}\r\n`).join("");
  const anchor = new Anchor({ tty, clock, environment, takeRows, redraw: () => draw() });
  const all = { tty, clock, anchor, area, waiting };
  const draw = () => all.anchor.draw(takeRows(), all.area);
  tty.onResize(() => anchor.resized());
  return all;
}

/** An area whose cursor is at the end of its last row. */
function area(...rows: string[]): LiveRows {
  return { rows, row: rows.length - 1, before: rows.at(-1)! };
}

/** A draft of this length, with some wide characters, that nothing else on the screen looks like. */
function draftOf(length: number): string {
  const pieces = Array.from({ length: Math.ceil(length / 5) }, (_, i) => (
    `Q${String(i).padStart(3, "0")}語`
  ));
  return pieces.join("").slice(0, length);
}

Deno.test("liveColumns, liveHeight: live rows end early, and fill at most half of the screen", () => {
  const columns = [1, 9, 10, 19, 20, 29, 79, 80, 81, 200].map((n) => [n, liveColumns(n)]);
  assertEquals(columns, [
    [1, 0],
    [9, 8],
    [10, 9],
    [19, 18],
    [20, 18],
    [29, 27],
    [79, 72],
    [80, 72],
    [81, 73],
    [200, 192],
  ]);
  const heights = [1, 3, 4, 5, 6, 23, 24, 25].map((n) => [n, liveHeight(n)]);
  assertEquals(heights, [[1, 2], [3, 2], [4, 2], [5, 2], [6, 3], [23, 11], [24, 12], [25, 12]]);
});

Deno.test("Anchor: erases at the first change, prints what waits each 500 ms, draws when sizes are quiet", async () => {
  const { tty, clock, anchor, waiting } = anchored(80, 24, area("status", "> text"));
  waiting.push("first");
  assert(!anchor.holds());
  anchor.draw("", area("status", "> text"));
  await tty.resize(79, 24);
  assertEquals(await tty.rows(), []);
  assert(anchor.holds());
  // Signals keep coming: nothing is drawn, and messages wait, but not for ever.
  for (let ms = 0; ms < HOLD_MS; ms += 100) {
    assertEquals(await tty.rows(), []);
    clock.pass(100);
    await tty.resize(tty.term.cols - 1, 24);
  }
  assertEquals(await tty.rows(), ["first"]);
  waiting.push("second");
  clock.pass(QUIET_MS - 1);
  assert(anchor.holds());
  assertEquals(await tty.rows(), ["first"]);
  clock.pass(1);
  assert(!anchor.holds());
  assertEquals(await tty.rows(), ["first", "second", "status", "> text"]);
  assertEquals(await tty.cursor(), [3, 6]);
  assertEquals(clock.waiting, 0);
});

Deno.test("Anchor: finds another size that no signal has reported", async () => {
  const { tty, clock, anchor } = anchored(80, 24, area("status", "> text"));
  anchor.draw("", area("status", "> text"));
  tty.listeners.clear();
  for (const [columns, rows] of [[81, 24], [81, 25], [60, 25]] as const) {
    await tty.resize(columns, rows);
    assert(anchor.holds());
    assertEquals(await tty.rows(), []);
    clock.pass(QUIET_MS);
    assertEquals(await tty.rows(), ["status", "> text"]);
  }
});

Deno.test("Anchor: never sends what tmux takes for clearing the screen", async () => {
  const { tty, anchor } = anchored(80, 24, area("status", "> text"));
  anchor.draw("one\r\n", area("status", "> text"));
  anchor.draw("two\r\n", area("status", "> text"));
  await tty.drawn();
  // tmux copies the screen into its history if it is erased from the first cell on.
  // deno-lint-ignore no-control-regex
  assertEquals(tty.output.match(/.{3}\x1b\[J/g), ["\x1b[C\x1b[J", "\x1b[C\x1b[J"]);
  assertEquals(await tty.rows(), ["one", "two", "status", "> text"]);
});

Deno.test("Anchor: in GNU screen the cursor stays on the first cell, and another one is drawn", async () => {
  for (const [column, under] of [[2, "日"], [4, "本"], [6, "x"], [7, " "]] as const) {
    const before = "> 日本x".split(under)[0]!;
    const one = { rows: ["status", "> 日本x"], row: 1, before: under === " " ? "> 日本x" : before };
    const { tty, clock, anchor } = anchored(80, 24, one, { STY: "1.pts" });
    anchor.draw("message\r\n", one);
    assertEquals(await tty.rows(), ["message", "status", "> 日本x"]);
    assertEquals(await tty.cursor(), [1, 0]);
    const cell = tty.term.buffer.active.getLine(2)!.getCell(column)!;
    assertEquals([cell.getChars() || " ", cell.isInverse() !== 0], [under, true]);
    // However many changes the terminal has made before the program hears of one.
    for (let columns = 79; columns >= 12; columns--) tty.term.resize(columns, 24);
    assert(!tty.output.includes(DELETE_ROWS));
    await tty.resize(60, 24);
    assertEquals(await tty.rows(), ["message"]);
    // It remembers that it has wrapped a row, until the row is deleted.
    assert(tty.output.endsWith(DELETE_ROWS));
    clock.pass(QUIET_MS);
    assertEquals(await tty.rows(), ["message", "status", "> 日本x"]);
    assert(!tty.output.includes("\x1b[?25h"));
    assert(!tty.output.includes("\x1b[6n"));
  }
});

Deno.test("Anchor: a jump asks for the cursor's column, and does without an answer after 150 ms", async () => {
  const draft = draftOf(70);
  for (const answers of [true, false]) {
    const { tty, clock, anchor } = anchored(80, 24, area("status", `> ${draft}`));
    anchor.draw("message\r\n", area("status", `> ${draft}`));
    clock.pass(REST_MS);
    await tty.drawn();
    tty.term.resize(50, 24);
    anchor.resized();
    assert(tty.output.endsWith("\x1b[6n"));
    // This terminal cuts the cursor's row.
    if (answers) {
      anchor.cursorAt(49);
    } else {
      clock.pass(149);
      assert(tty.output.endsWith("\x1b[6n"));
      clock.pass(1);
    }
    assertEquals(await tty.rows(), ["message"]);
    // A report that comes late, or without a question, changes nothing.
    const { output } = tty;
    anchor.cursorAt(3);
    assertEquals(tty.output, output);
    clock.pass(QUIET_MS);
    assertEquals((await tty.rows())[0], "message");
  }
});

Deno.test("Anchor: goes up by the rows that a jump has made of live rows, wide ones too", () => {
  /** The rows that the cursor goes up when the screen becomes `columns` wide and it is in `column`. */
  const upBy = (
    one: LiveRows,
    columns: number,
    column?: number,
    ms = REST_MS,
    { TERM = "xterm-256color", name = "" } = {},
  ) => {
    const tty = { size: () => ({ columns, rows: 24 }), write: () => {} };
    const clock = new FakeClock();
    const environment = { TERM };
    const anchor = new Anchor({ tty, clock, environment, takeRows: () => "", redraw: () => {} });
    anchor.isNamed(name);
    anchor.draw("", one);
    clock.pass(ms);
    // deno-lint-ignore no-control-regex
    return Number(/^\x1b\[(\d+)A/.exec(anchor.erase(column))?.[1] ?? 0);
  };
  const wide = "日".repeat(36);
  assertEquals(upBy(area("s".repeat(72), "> text"), 72), 1);
  assertEquals(upBy(area("s".repeat(72), "> text"), 71), 2);
  assertEquals(upBy(area("s".repeat(72), "> text"), 36), 2);
  assertEquals(upBy(area("s".repeat(72), "> text"), 35), 3);
  // With colours, which take no columns.
  assertEquals(upBy(area(`\x1b[2m${"s".repeat(72)}\x1b[0m`, "> text"), 36), 2);
  // In an odd number of columns, a wide character leaves the last one empty.
  assertEquals(upBy(area(wide, "> text"), 36), 2);
  assertEquals(upBy(area(wide, "> text"), 35), 3);
  assertEquals(upBy(area(wide, "> text"), 25), 3);
  assertEquals(upBy(area(wide, "> text"), 24), 3);
  assertEquals(upBy(area(wide, "> text"), 23), 4);
  // The cursor's own row is wrapped if its column says so.
  const long = area("status", `> ${"x".repeat(70)}`);
  assertEquals(upBy(long, 50), 1);
  assertEquals(upBy(long, 50, 49), 1);
  assertEquals(upBy(long, 50, 22), 2);
  assertEquals(upBy(long, 36, 0), 3);
  assertEquals(upBy({ ...long, before: "> ..345678" }, 50, 10), 1);
  const wideDraft = { rows: ["status", `> ${wide}`], row: 1, before: `> ${wide}`.slice(0, 38) };
  assertEquals(upBy(wideDraft, 51, 24), 2);
  // Just drawn: perhaps after the change, and cut. Unless the cursor's column says that it was wrapped.
  assertEquals(upBy(area("s".repeat(72), "> text"), 36, undefined, REST_MS - 1), 1);
  assertEquals(upBy(area("s".repeat(72), long.rows[1]!), 50, 22, 0), 3);
  // Terminals that cut rows.
  const terminals = [
    [{ TERM: "linux" }, 1],
    [{ TERM: "st-256color" }, 1],
    [{ name: "XTerm" }, 1],
    [{ name: "xterm.js" }, 2],
    [{ name: "tmux" }, 2],
    [{ TERM: "sterling" }, 2],
  ] as const;
  for (const [terminal, rows] of terminals) {
    const one = area("s".repeat(72), "> text");
    assertEquals(upBy(one, 36, undefined, REST_MS, terminal), rows, JSON.stringify(terminal));
  }
});

Deno.test("Anchor: forgets an area that something else has overwritten, and ends its timers", async () => {
  const { tty, clock, anchor } = anchored(80, 24, area("status", "> text"));
  anchor.draw("", area("status", "> text"));
  anchor.forget();
  tty.write("\r\n$ other program\r\n");
  anchor.draw("", area("status", "> text"));
  assertEquals(await tty.rows(), ["status", "> text", "$ other program", "status", "> text"]);
  await tty.resize(40, 24);
  assertEquals(clock.waiting, 1);
  anchor.close();
  assertEquals(clock.waiting, 0);
});

/** Each message once, one status line and one draft, and nothing else. */
async function assertIntact({ tty }: Setup, count: number, draft: string): Promise<void> {
  const rows = await tty.rows();
  const shown = rows.join("\n");
  for (let n = 1; n <= count; n++) {
    const found = shown.match(new RegExp(`#${n}:`, "g"))?.length ?? 0;
    assertEquals(found, 1, `message ${n} is there ${found} times:\n${shown}`);
  }
  assertEquals(shown.match(/xor: /g)?.length, 1, shown);
  const status = rows.findIndex((row) => row.includes("xor: "));
  const above = rows.slice(0, status).join("\n");
  assert(!/Q\d\d\d|%/.test(above.replace(/33% .*$/, "")), shown);
  const line = rows.slice(status + 1).map((row) => row.slice(2)).join("");
  assert(draft.endsWith(line), shown);
}

Deno.test("Screen: a drag loses no message and leaves no copy, however late the program hears of it", async () => {
  for (const length of [10, 64, 110, 500]) {
    for (const lag of [1, 3, 7]) {
      for (const isFull of [true, false]) {
        const all = setUp(80, 24);
        const { tty, room, clock, tell } = all;
        room.transfers = length === 110 ? [going()] : [];
        let count = 0;
        const say = () => tell(room.message(BOB, `#${++count}: ${"word ".repeat(count % 25)}`));
        for (let n = isFull ? 40 : 3; n > 0; n--) say();
        await tty.type(draftOf(length));
        clock.pass(1000);
        for (const step of [-1, 1]) {
          for (let n = 1; n <= 32; n++) {
            tty.term.resize(tty.term.cols + step, 24);
            if (n % lag === 0) { for (const listener of tty.listeners) listener(); }
            clock.pass(20);
            if (n % 5 === 0) say();
            await tty.drawn();
          }
        }
        await tty.resize(80, 24);
        clock.pass(QUIET_MS);
        room.transfers = [];
        clock.pass(1000);
        await tty.type("");
        await assertIntact(all, count, draftOf(length));
      }
    }
  }
});
