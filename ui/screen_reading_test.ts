// deno-lint-ignore-file no-control-regex -- the output is checked with its sequences.
// Messages on the screen, seen through a terminal emulator. The screen's other tests are in ui/screen_test.ts,
// those of the rows in ui/transcript_test.ts.

import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import type { Person, RoomEvent } from "../room.ts";
import { ALICE, BOB, UNPROVED } from "../tests/support/fake_room.ts";
import { type FakeTty, setUp } from "../tests/support/fake_terminal.ts";
import { HOSTILE } from "../tests/support/hard_text.ts";
import { Preferences } from "./preferences.ts";
import { palette } from "./theme.ts";

const COLUMNS = [20, 80, 200];
const XTERM = { TERM: "xterm-256color" };

const person = (id: number, name: string): Person => ({ id, name, self: false, away: false });
const carol = person(3, "carol");
const joins = (who: Person): RoomEvent => ({ type: "joined", who, at: 1, sent: undefined });
const leaves = (who: Person): RoomEvent => ({ type: "left", who, reason: "left", at: 1 });
const direct = (from: Person, text: string): RoomEvent => (
  { type: "direct", from, text, action: false, ...UNPROVED }
);

/** The rows above the status line. */
async function above(tty: FakeTty): Promise<string[]> {
  return (await tty.rows()).slice(0, -2);
}

/** Runs `test` with colours, unless the environment has NO_COLOR. */
async function inColor(test: (enabled: boolean) => Promise<void>): Promise<void> {
  const before = getColorEnabled();
  try {
    setColorEnabled(true);
    await test(getColorEnabled());
  } finally {
    setColorEnabled(before);
  }
}

Deno.test("Screen: a conversation in columns, at a width of 20, 80 and 200", async () => {
  const code = "```\nif (x) {\n  y();\n}\n```";
  const expected: Record<number, string[]> = {
    20: [
      "09:05 bob:",
      "  *hi* all",
      "  second",
      "alice:",
      "  hello bob",
      "bob → you:",
      "  psst",
      "bob → you:",
      "  secret",
      "bob: ▏ ```",
      "     ▏ if (x) {",
      "     ▏   y();",
      "     ▏ }",
      "     ▏ ```",
    ],
    80: [
      "09:05  bob │ *hi* all",
      "           │ second",
      "      alice │ hello bob",
      "      bob → you │ psst",
      "      bob → you │ secret",
      "            bob │ ▏ ```",
      "                │ ▏ if (x) {",
      "                │ ▏   y();",
      "                │ ▏ }",
      "                │ ▏ ```",
    ],
  };
  expected[200] = expected[80]!;
  const before = getColorEnabled();
  try {
    setColorEnabled(false);
    for (const columns of COLUMNS) {
      const { tty, room, tell } = setUp(columns, 40);
      tell(
        room.message(BOB, "*hi* all"),
        room.message(BOB, "second"),
        room.message(ALICE, "hello bob"),
        direct(BOB, "psst"),
        direct(BOB, "secret"),
        room.message(BOB, code),
      );
      assertEquals(await above(tty), expected[columns]);
    }
  } finally {
    setColorEnabled(before);
  }
});

Deno.test("Screen: draws bold, code, links and mentions, at 20, 80 and 200 columns", async () => {
  await inColor(async (enabled) => {
    for (const columns of COLUMNS) {
      const { tty, room, tell } = setUp(columns, 24, { environment: XTERM });
      tell(room.message(BOB, "*bold* `code` @alice https://x.example"));
      const rows = await tty.rows();
      const cell = (text: string) => {
        const y = rows.findIndex((row) => row.includes(text));
        return tty.term.buffer.active.getLine(y)!.getCell(rows[y]!.indexOf(text))!;
      };
      assert(rows.join("\n").includes(enabled ? "bold code" : "*bold*"), rows.join("\n"));
      assert(cell("bold").isBold() !== 0);
      assert(cell("@alice").isInverse() !== 0);
      assert(cell("https:").isUnderline() !== 0);
      if (enabled) assertEquals(`38;5;${cell("code").getFgColor()}`, palette("auto").code);
      assert(tty.output.includes("\x1b]8;id=chat1;https://x.example\x1b\\"));
      assert(cell("x.example").isUnderline() !== 0);
      // The style ends with the message.
      const status = tty.term.buffer.active.getLine(rows.length - 2)!.getCell(0)!;
      assertEquals([status.isBold(), status.isInverse(), status.isUnderline()], [0, 0, 0]);
    }
  });
});

Deno.test("Screen: joining and leaving take one row while they go on, and one afterwards", async () => {
  const sentences: Record<number, string> = {
    20: "carol, m5 and 7 m…",
    80: "      carol, m5 and 7 more joined, dave joined and left, bob left",
    200: "      carol, m5 and 7 more joined, dave joined and left, bob left",
  };
  for (const columns of COLUMNS) {
    const { tty, clock, tell } = setUp(columns);
    const dave = person(4, "dave");
    tell(joins(carol), joins(dave));
    for (let id = 5; id < 13; id++) tell(joins(person(id, `m${id}`)));
    clock.pass(2999);
    tell(leaves(BOB), leaves(dave));

    assertEquals(await above(tty), [sentences[columns]!]);
    clock.pass(2999);
    assertEquals((await above(tty)).length, 1);
    clock.pass(1);
    clock.pass(16);
    const printed = await above(tty);
    assertEquals(printed[0]!.slice(0, 11), "09:05 carol");
    const text = printed.map((text) => text.trim().replace(/^… /, "")).join(" ").replace(
      "09:05 ",
      "",
    );
    assertEquals(text, "carol, m5 and 7 more joined, dave joined and left, bob left");
    assertEquals(clock.waiting, 0);
  }
});

Deno.test("Screen: later notices follow the members that joined; a single member is shown in the same way", async () => {
  const { tty, room, clock, tell } = setUp();
  tell(joins(carol));
  assertEquals(await above(tty), ["      carol joined"]);
  // Messages go above the members that join.
  tell(room.message(BOB, "hi"), room.message(BOB, "all"));
  assertEquals(await above(tty), [
    "09:05         bob │ hi",
    "                  │ all",
    "      carol joined",
  ]);
  tell(room.message(carol, "hello"));
  assertEquals((await above(tty)).slice(2), [
    "      carol joined",
    "            carol │ hello",
  ]);
  tell(leaves(carol));
  await tty.type("/who\r");
  assertEquals((await above(tty)).slice(4), ["      carol left", "2 here: alice (you), bob"]);
  // Events that only the status line shows change nothing.
  tell(joins(carol), { type: "waiting", attempt: 1, until: clock.in(1), message: "" });
  tell(leaves(carol));
  assertEquals((await above(tty)).slice(6), ["      carol joined and left"]);
});

Deno.test("Screen: endless joining and leaving is printed in time, even while others talk", async () => {
  const { tty, room, clock, tell } = setUp(80, 40);
  for (let second = 0; second < 30; second++) {
    tell(joins(person(second + 9, `m${second}`)), room.message(BOB, `at ${second}`));
    clock.pass(1000);
  }
  const rows = (await above(tty)).filter((row) => row.includes("joined"));
  assertEquals(rows.map((row) => row.trim()), [
    "m0, m1 and 13 more joined",
    "m15, m16 and 13 more joined",
  ]);
});

Deno.test("Screen: the last members that joined are printed when the screen closes, and at once afterwards", async () => {
  const { tty, clock, tell, screen } = setUp();
  tell(joins(carol));
  screen.close();
  tell(leaves(carol));
  assertEquals(await tty.rows(), ["09:05 carol joined", "      carol left"]);
  assertEquals(clock.waiting, 0);
});

Deno.test("Screen: 10,000 members that join take one row", async () => {
  const { tty, clock, tell } = setUp();
  tell(...Array.from({ length: 10_000 }, (_, i) => joins(person(i + 9, `m${i}`))));
  assertEquals(await above(tty), ["      m0, m1 and 9998 more joined"]);
  clock.pass(3000);
  assertEquals(await above(tty), ["09:05 m0, m1 and 9998 more joined"]);
});

Deno.test("Screen: ignored members are neither shown nor notify", async () => {
  const preferences = new Preferences({ notify: "all" });
  preferences.ignored.add(BOB);
  const { tty, room, tell } = setUp(80, 24, { preferences });
  await tty.type("\x1b[O");
  let bells = 0;
  tty.term.onBell(() => bells++);
  tell(
    room.message(BOB, "alice!"),
    direct(BOB, "psst"),
    joins(BOB),
    leaves(BOB),
    { type: "away", who: BOB, at: 1 },
  );
  assertEquals(await above(tty), []);
  assertEquals(bells, 0);
  tell(room.message(carol, "alice!"));
  assertEquals(await above(tty), [
    "── new since you left the window, 09:05 ──",
    "09:05 carol │ alice!",
  ]);
  assertEquals(bells, 1);
});

Deno.test("Screen: a new theme or time format applies to the next row", async () => {
  await inColor(async (enabled) => {
    const preferences = new Preferences({ time: "off" });
    const { tty, room, tell } = setUp(80, 24, { preferences });
    tell(room.message(BOB, "one"));
    preferences.time = "long";
    preferences.theme = "mono";
    tell(room.message(carol, "two"));
    preferences.theme = "light";
    tell(room.message(BOB, "three"));
    assertEquals(await above(tty), [
      " bob │ one",
      "09:05:00 carol │ two",
      "           bob │ three",
    ]);
    const color = (row: number, column: number) => {
      const cell = tty.term.buffer.active.getLine(row)!.getCell(column)!;
      return cell.isFgPalette() ? cell.getFgColor() : undefined;
    };
    assertEquals(color(1, 9), undefined);
    assertEquals(palette("light").names.includes(color(2, 11) ?? -1), enabled);
  });
});

Deno.test("Screen: the terminal's background chooses between dark and light, unless the user has chosen", async () => {
  await inColor(async (enabled) => {
    const grounds = [["0000/0000/0000", "dark"], ["ffff/ffff/ffff", "light"]] as const;
    for (const [ground, theme] of grounds) {
      for (const chosen of ["auto", "dark"] as const) {
        const preferences = new Preferences({ theme: chosen, time: "off" });
        const { tty, room, tell } = setUp(80, 24, { preferences, environment: XTERM });
        await tty.type(`\x1b]11;rgb:${ground}\x1b\\`);
        tell(room.message(BOB, "hi"));
        assertEquals(await tty.rows().then((rows) => rows.at(-1)), ">");
        const cell = tty.term.buffer.active.getLine(0)!.getCell(1)!;
        const { names } = palette(chosen === "auto" ? theme : chosen);
        assertEquals(cell.getChars(), "b");
        assertEquals(names.includes(cell.isFgPalette() ? cell.getFgColor() : -1), enabled);
      }
    }
  });
});

// ---- notifications ----

Deno.test("Screen: rings and notifies the desktop while the window is in the background", async () => {
  const environment = { TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" };
  const { tty, room, clock, tell } = setUp(80, 24, { environment });
  let bells = 0;
  tty.term.onBell(() => bells++);
  const notes: string[] = [];
  tty.term.parser.registerOscHandler(9, (data) => notes.push(data) > 0);
  // The window counts as visible until the terminal reports otherwise.
  tell(room.message(BOB, "alice?"));
  await tty.type("\x1b[O");
  tell(room.message(BOB, "hi all"), room.message(ALICE, "I, alice"));
  await tty.drawn();
  assertEquals([bells, notes], [0, []]);
  tell(room.message(BOB, "@alice; \x1b]0;evil\x07"), direct(BOB, "psst"));
  await tty.drawn();
  assertEquals([bells, notes], [1, ["chat: bob: @alice, ␛]0,evil␇"]]);
  clock.pass(3000);
  tell(direct(BOB, "psst"));
  await tty.drawn();
  assertEquals([bells, notes.at(-1)], [2, "chat: bob: psst"]);
  clock.pass(3000);
  await tty.type("\x1b[I");
  tell(direct(BOB, "psst"));
  await tty.drawn();
  assertEquals(bells, 2);
  // The edited line stays as it was.
  assertEquals((await tty.rows()).at(-1), ">");
});

Deno.test("Screen: without focus events, rings after a minute without a key", async () => {
  const { tty, clock, tell } = setUp();
  let bells = 0;
  tty.term.onBell(() => bells++);
  clock.pass(59_999);
  tell(direct(BOB, "psst"));
  await tty.drawn();
  assertEquals(bells, 0);
  clock.pass(1);
  tell(direct(BOB, "psst"));
  await tty.drawn();
  assertEquals(bells, 1);
  await tty.type("x");
  clock.pass(59_999);
  tell(direct(BOB, "psst"));
  await tty.drawn();
  assertEquals(bells, 1);
  // Unknown terminals get a bell.
  assert(!/\x1b\](?:9|99|777);/.test(tty.output));
});

Deno.test("Screen: asks for focus events, and for the background where that is safe; switches both off again", async () => {
  for (const TERM of ["xterm-256color", "dumb", "linux", undefined]) {
    const environment = TERM === undefined ? {} : { TERM };
    const { tty, screen } = setUp(80, 24, { environment });
    await tty.drawn();
    assert(tty.term.modes.sendFocusMode);
    assertEquals(tty.output.includes("\x1b]11;?\x1b\\"), TERM === "xterm-256color");
    screen.close();
    await tty.drawn();
    assert(!tty.term.modes.sendFocusMode);
  }
});

// ---- a busy room ----

Deno.test("Screen: a thousand messages a second take some 60 redraws, and none is lost", async () => {
  const { tty, room, clock, screen } = setUp();
  tty.writes = 0;
  for (let i = 0; i < 1000; i++) {
    screen.event(room.message(BOB, `message ${i}`));
    clock.pass(1);
  }
  assertLess(tty.writes, 1000 / 16 + 25);
  clock.pass(16);
  const rows = await above(tty);
  const numbers = rows.map((row) => Number(/\d+$/.exec(row)![0]));
  assertEquals(numbers, Array.from({ length: 1000 }, (_, i) => i));
});

Deno.test("Screen: after a rest, draws a message at once; draws a key always at once", async () => {
  const { tty, room, clock, screen } = setUp();
  for (let i = 0; i < 100; i++) {
    screen.event(room.message(BOB, "flood"));
    clock.pass();
  }
  const { writes } = tty;
  await tty.type("x");
  assertEquals(tty.writes, writes + 1);
  assertEquals((await tty.rows()).at(-1), "> x");
  clock.pass(1000);
  const rested = tty.writes;
  screen.event(room.message(BOB, "hi"));
  clock.pass();
  assertEquals(tty.writes, rested + 1);
  await tty.drawn();
});

Deno.test("Screen: prints a backlog in complete pieces, and draws keys between them", async () => {
  const { tty, room, screen, clock } = setUp();
  await tty.drawn();
  const lengths: number[] = [];
  const write = tty.write.bind(tty);
  tty.write = (text) => {
    lengths.push(text.length);
    write(text);
  };
  const lines = Array.from({ length: 6000 }, (_, i) => `line ${i}`);
  for (const line of lines) screen.event(room.message(BOB, line));
  // The first piece, and a key.
  await tty.type("x");
  assertEquals(lengths.length, 1);
  assertEquals((await tty.rows()).at(-1), "> x");
  clock.pass();
  for (const length of lengths) assertLessOrEqual(length, 18 * 1024);
  const output = tty.output.replaceAll("\r\n", "\n");
  for (const line of lines) assert(output.includes(`${line}\n`), line);
  assertEquals(clock.waiting, 0);
  await tty.drawn();
});

Deno.test("Screen: prints the complete backlog when it closes", async () => {
  const { tty, room, screen } = setUp();
  for (let i = 0; i < 6000; i++) screen.event(room.message(BOB, `line ${i}.`));
  screen.close();
  for (let i = 0; i < 6000; i++) assert(tty.output.includes(`line ${i}.`));
  await tty.drawn();
});

// ---- hostile members ----

Deno.test("Screen: a hostile member's control characters leave the screen as printable text does", async () => {
  for (const columns of COLUMNS) {
    const { tty, room, tell, clock } = setUp(columns, 24, { environment: XTERM });
    let obeyed = "";
    tty.term.onBell(() => obeyed += "bell ");
    await tty.drawn();
    tty.term.onTitleChange(() => obeyed += "title ");
    // The terminal's answers to the screen's own questions.
    tty.term.onData((data) => obeyed += JSON.stringify(data));
    const eve = person(6, "eve");
    for (const text of HOSTILE) {
      for (const form of [text, `*${text}*`, `\`${text}\``, `http://x.example/${text}`]) {
        tell(room.message(eve, form), direct(eve, form));
      }
      tell(room.message(eve, `\`\`\`\n${text}\n\`\`\``));
    }
    tell(room.message(BOB, "unharmed"));
    clock.pass(1000);
    const rows = await above(tty);
    assert(/(?:^ +bob │ |^ {2}|^bob: )unharmed$/.test(rows.at(-1)!), rows.at(-1));
    assertEquals(obeyed, "");
    assertEquals(tty.term.buffer.active.type, "normal");
    assertEquals(tty.term.modes.sendFocusMode, true);
    // Each row begins with something that members do not control.
    for (const row of rows) {
      const ours = columns < 60
        ? /^(?:\d\d:\d\d |)(?:eve|bob)\b| {2}|^$/
        : /^[\d:]{0,5} +(?:\S+ → you|eve|bob)? │/;
      assert(ours.test(row), row);
    }
    // The output has only visible characters and the screen's own sequences.
    assert(!/[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/u.test(rows.join("")));
  }
});

Deno.test("Screen: a long text of marks or joiners takes rows, and nothing else", async () => {
  const LENGTH = 128 * 1024;
  for (
    const [piece, columns] of [
      ["\u0301", 80],
      ["\u200d", 80],
      ["👨‍", 80],
      ["*_", 20],
      ["[[", 200],
      ["x", 80],
    ] as const
  ) {
    const { tty, room, tell, clock } = setUp(columns);
    tell(room.message(BOB, piece.repeat(LENGTH / piece.length)), room.message(carol, "after"));
    clock.pass(100);
    await tty.drawn();
    const rows = await tty.rows();
    const after = rows.findIndex((row) => row.endsWith("after"));
    assertEquals(rows.length - after, 3, piece);
    assertEquals(rows.at(-1), ">");
    assertEquals((await tty.cursor())[1], 2);
    if (columns > 60) assert(/^ +carol │ after$/.test(rows[after]!), rows[after]);
  }
});
