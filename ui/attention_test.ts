import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { RoomEvent } from "../room.ts";
import { ALICE, BOB, UNPROVED } from "../tests/support/fake_room.ts";
import { setUp } from "../tests/support/fake_terminal.ts";
import { Preferences } from "./preferences.ts";

// These tests look at the screen: its rows are what a terminal emulator makes of the output.

const AWAY = "\x1b[O";
const BACK = "\x1b[I";
const MINUTE_MS = 60 * 1000;

Deno.test("Screen: a line shows where unread messages begin, once for each absence, at 80x24 and 40x20", async () => {
  const expected: [number, number, string[]][] = [
    [80, 24, [
      "09:05  bob │ one",
      "── new since you left the window, 09:05 ──",
      "09:07  bob │ two",
      "           │ three",
      "           │ four",
      "── new since you left the window, 09:08 ──",
      "09:08 bob → you │ psst",
    ]],
    [40, 20, [
      "09:05 bob: one",
      "── new since 09:05 ──",
      "09:07 bob: two",
      "           three",
      "           four",
      "── new since 09:08 ──",
      "09:08 bob → you:",
      "  psst",
    ]],
  ];
  for (const [columns, height, rows] of expected) {
    const { tty, clock, room, tell } = setUp(columns, height);
    tell(room.message(BOB, "one"));
    await tty.type(AWAY);
    clock.pass(2 * MINUTE_MS);
    tell(room.message(BOB, "two"), room.message(BOB, "three"));
    await tty.type(BACK);
    tell(room.message(BOB, "four"));
    clock.pass(MINUTE_MS);
    // Nothing was missed this time, and then a direct message.
    await tty.type(AWAY + BACK + AWAY);
    tell({ type: "direct", from: BOB, text: "psst", action: false, ...UNPROVED });
    assertEquals((await tty.rows()).slice(0, -2), rows);
  }
});

Deno.test("Screen: where the terminal reports no window, unread messages begin after a minute without a key", async () => {
  const { tty, clock, room, tell } = setUp(80);
  await tty.type("x");
  tell(room.message(BOB, "one"));
  clock.pass(MINUTE_MS);
  tell(room.message(BOB, "two"));
  await tty.type("y");
  tell(room.message(BOB, "three"));
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05  bob │ one",
    "── new since you last pressed a key, 09:05 ──",
    "09:06  bob │ two",
    "           │ three",
  ]);
});

Deno.test("Screen: after a reconnection in the background, one row shows where unread messages begin", async () => {
  const { tty, clock, room, tell } = setUp(80);
  const missed: RoomEvent = {
    type: "direct",
    from: BOB,
    text: "two",
    action: false,
    ...UNPROVED,
    meanwhile: true,
  };
  await tty.type(AWAY);
  tell(
    { type: "disconnected", reason: "lost", message: "the network is down" },
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 1 },
    missed,
  );
  clock.pass(MINUTE_MS);
  tell(room.message(BOB, "three"));
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 connection lost; what you type is sent when it is back",
    "      connected again; while you were away: 1 message",
    "      bob → you │ two",
    "09:06       bob │ three",
  ]);
});

Deno.test("Screen: the window's title shows the room and the unread messages, while the screen has the terminal", async () => {
  const environment = { TERM: "xterm-256color" };
  const { tty, clock, room, tell, ending } = setUp(80, 24, { environment });
  const titles: string[] = [];
  tty.term.onTitleChange((title) => titles.push(title));
  const title = async () => {
    clock.pass(1000);
    await tty.drawn();
    return titles.at(-1);
  };
  assertEquals(await title(), "chat: 127.0.0.1:2428");
  await tty.type(AWAY);
  tell(room.message(BOB, "one"), room.message(BOB, "two"));
  assertEquals(await title(), "(2) chat: 127.0.0.1:2428");
  await tty.type(BACK);
  assertEquals(await title(), "chat: 127.0.0.1:2428");
  // The emulator saves no title, and shows the empty one.
  await tty.type("\x1a");
  assertEquals(await title(), "");
  tell(room.message(BOB, "three"));
  assertEquals(await title(), "");
  await tty.resume();
  assertEquals(await title(), "chat: 127.0.0.1:2428");
  tell({ type: "ended", ending: { reason: "left" } });
  await ending;
  assertEquals(await title(), "");
  // deno-lint-ignore no-control-regex
  const saves = tty.output.match(/\x1b\[2[23];2t/g)!.map((sequence) => sequence.slice(2, 4));
  assertEquals(saves, ["22", "23", "22", "23"]);
});

Deno.test("Screen: the title is restored at a hang-up and after a crash; no title where the user or the terminal wants none", async () => {
  const environment = { TERM: "xterm-256color" };
  for (const input of [null, new Error("a bug")]) {
    const { tty, tell, ending } = setUp(80, 24, { environment });
    tty.typeLast(input);
    if (input) await assertRejects(() => ending, Error, "a bug");
    else {
      await Promise.resolve();
      tell({ type: "ended", ending: { reason: "left" } });
      await ending;
    }
    await tty.drawn();
    // deno-lint-ignore no-control-regex
    assertMatch(tty.output, /\x1b\[22;2t[^]*\x1b\[23;2t(?![^]*\x1b\]2;)/);
  }
  const named = setUp(80, 24, { environment, preferences: new Preferences({ roomName: "work" }) });
  assertStringIncludes(named.tty.output, "\x1b]2;chat: work\x1b\\");
  named.screen.close();
  await named.tty.drawn();
  const preferences = new Preferences({ title: false });
  for (
    const options of [
      { environment, preferences },
      { environment: { TERM: "linux" } },
      { environment: {} },
    ]
  ) {
    const { tty, tell, ending } = setUp(80, 24, options);
    tell({ type: "ended", ending: { reason: "left" } });
    await ending;
    await tty.drawn();
    // deno-lint-ignore no-control-regex
    assertEquals(/\x1b\]2;|;2t/.test(tty.output), false);
  }
});

Deno.test("Screen: words that the user has chosen stand out and ring like the user's name, at 80x24 and 40x20", async () => {
  for (const [columns, height] of [[80, 24], [40, 20]] as const) {
    const preferences = new Preferences({ highlights: ["deploy", "on call"] });
    const { tty, clock, room, tell } = setUp(columns, height, { preferences });
    let bells = 0;
    tty.term.onBell(() => bells++);
    await tty.type(AWAY);
    tell(room.message(BOB, "redeployed"));
    await tty.drawn();
    assertEquals(bells, 0);
    tell(room.message(BOB, "the Deploy is on call"), room.message(ALICE, "deploy"));
    clock.pass(MINUTE_MS);
    const rows = await tty.rows();
    assertEquals(bells, 1);
    const inverse = rows.slice(0, -2).map((row, y) => {
      const line = tty.term.buffer.active.getLine(y)!;
      return [...row].filter((_, x) => line.getCell(x)!.isInverse() !== 0).join("");
    });
    assertEquals(inverse.filter((text) => text !== ""), ["Deployon call"]);
  }
});

Deno.test("Screen: notify-command gets each notification, one at a time; its first failure is shown, at 80x24 and 40x20", async () => {
  const expected: [number, number, string[]][] = [
    [80, 24, ["notify-command failed: it ended with exit code 3"]],
    [40, 20, ["notify-command failed: it ended with", "  exit code 3"]],
  ];
  for (const [columns, height, notice] of expected) {
    const texts: string[] = [];
    let end = (_: string | undefined) => {};
    const notifyCommand = (text: string) => {
      texts.push(text);
      return new Promise<string | undefined>((resolve) => end = resolve);
    };
    const { tty, clock, room, tell } = setUp(columns, height, { notifyCommand });
    const mention = async (text: string) => {
      tell(room.message(BOB, text));
      clock.pass(3000);
      await tty.drawn();
    };
    await mention("alice, in front");
    await tty.type(AWAY);
    await mention("alice: one\x1b]0;t\x07\n" + "x".repeat(2000));
    await mention("alice: while the first one runs");
    await mention("nobody");
    end(undefined);
    await tty.drawn();
    await mention("alice: two");
    end("it ended with exit code 3");
    await tty.drawn();
    await mention("alice: three");
    end("it ended with exit code 4");
    await tty.drawn();
    clock.pass(1000);
    assertEquals(texts.slice(1), ["bob: alice: two\n", "bob: alice: three\n"]);
    assertEquals(texts[0], "bob: alice: one␛]0;t␇␊" + "x".repeat(977) + "…\n");
    const rows = await tty.rows();
    const at = rows.indexOf(notice[0]!);
    assertEquals(rows.slice(at, at + notice.length), notice);
    assertEquals(rows.filter((row) => row.includes("notify-command")).length, 1);
  }
});
