import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import { ChatError } from "../errors.ts";
import {
  graphicsQuery,
  placed,
  type Preview,
  type Stage,
  type Viewer,
} from "../pictures/graphics.ts";
import type { Ending, Link, Person, RoomEvent, RoomInfo } from "../room.ts";
import {
  ALICE,
  AWAY_BOB,
  BOB,
  EARLIER,
  FakeRoom,
  ID,
  OFFER,
  OTHER_ID,
  UNPROVED,
} from "../tests/support/fake_room.ts";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { FakeTty, going, setUp } from "../tests/support/fake_terminal.ts";
import { liveColumns } from "./anchor.ts";
import { Screen } from "./screen.ts";
import { nameStyle, palette } from "./theme.ts";

const CAROL: Person = { id: 3, name: "carol", self: false, away: false };

// These tests check what a terminal emulator makes of the output. They wait only for events: the clock is moved
// by hand, and typing resolves when the screen reads on.

/** After a change of size, the live area is drawn again in this time, in ms. */
const QUIET_MS = 350;
/** An area that was drawn at least this long ago, in ms, was on the screen when the size changed. */
const REST_MS = 40;

/** The status line shows the room's protection, in its long or its short form. */
const PROTECTED = /xor: (?:not secret|anyone)/;
const STATUS = "127.0.0.1:2428 · xor: not secret · 2 members · connected";
/** The status line, with room for the long form. */
const ROOM = "127.0.0.1:2428 · xor: anyone on the network can read it · 2 members";

Deno.test("Screen: messages are above the status line and the edited line, at 20, 80 and 200 columns", async () => {
  const long =
    "the quick brown fox jumps over the lazy dog and then it rests for a while in the sun";
  const expected: Record<number, string[]> = {
    20: [
      "09:05 bob:",
      "  hi",
      "  the quick brown",
      "  fox jumps over the",
      "  lazy dog and then",
      "  it rests for a",
      "  while in the sun",
      "* alice",
      "  waves",
      "xor: not secret",
      "> typed",
    ],
    80: [
      "09:05  bob │ hi",
      "           │ the quick brown fox jumps over the lazy dog and then it rests for",
      "           │ a while in the sun",
      "      * alice │ waves",
      STATUS,
      "> typed",
    ],
    200: [
      "09:05  bob │ hi",
      `           │ ${long}`,
      "      * alice │ waves",
      `${ROOM} · connected`,
      "> typed",
    ],
  };
  for (const columns of [20, 80, 200]) {
    const { tty, room, tell } = setUp(columns);
    tell(
      room.message(BOB, "hi"),
      room.message(BOB, long),
      room.message(ALICE, "waves", true),
    );
    await tty.type("typed");
    const rows = await tty.rows();
    assertEquals(rows, expected[columns]);
    assertEquals(await tty.cursor(), [rows.length - 1, 7]);
  }
});

Deno.test("Screen: reactions of a few seconds share one row for each message, at 80 and 40 columns", async () => {
  const carol: Person = { id: 3, name: "carol", self: false, away: false };
  const react = (from: Person, emoji: string, fields: Partial<RoomEvent> = {}) =>
    ({
      ...{ type: "reacted", from, id: ID, emoji, removed: false, quoted: EARLIER, at: 1 },
      ...{ ref: undefined, ...UNPROVED, ...fields },
    }) as RoomEvent;
  for (const columns of [80, 40]) {
    const { tty, room, clock, tell } = setUp(columns);
    tell(react(BOB, "👍"), react(carol, "👍"), react(carol, "🎉"), react(BOB, "👀"));
    tell(react(BOB, "👀", { removed: true }), react(ALICE, "👍", { removed: true }));
    tell(room.message(BOB, "hi"));
    clock.pass(3000);
    const rows = (await tty.rows()).map((row) => row.trim());
    const text = rows.join(" ").replaceAll(/ +/g, " ");
    assert(text.includes("👍 bob, carol; 🎉 carol, to bob: who is hungry?"), text);
    assert(text.includes("alice took back 👍 from bob: who is hungry?"), text);
    assert(!text.includes("👀"), text);
  }
});

Deno.test("Screen: /re names its message as soon as the blank is typed, and shows it; a later message changes nothing", async () => {
  for (const columns of [80, 40]) {
    const { tty, room, tell } = setUp(columns);
    room.recent = [
      { ...EARLIER, id: OTHER_ID, text: "who is thirsty?" },
      EARLIER,
      { ...EARLIER, id: "0".repeat(32), from: ALICE, text: "mine" },
    ];
    await tty.type("/re ");
    assertEquals((await tty.rows()).slice(-2), ["answers bob: who is thirsty?", "> /re #ffeedd"]);
    room.recent = [{ ...EARLIER, id: "1".repeat(32), text: "new" }, ...room.recent];
    tell(room.message(BOB, "new"));
    await tty.type("I am\r");
    assertEquals(room.calls, [`answer ${OTHER_ID} say I am`]);
    tell(room.confirm());
    // A number counts from there.
    await tty.type("/re 3 ");
    assertEquals((await tty.rows()).slice(-2), ["answers bob: who is hungry?", "> /re #001122"]);
    await tty.type("me\x08\x08\x15/edit \t");
    assertEquals((await tty.rows()).slice(-2), ["corrects alice: mine", "> /edit #000000 mine"]);
    await tty.type("!\r");
    assertEquals(room.calls.at(-1), `edit ${"0".repeat(32)} mine!`);
    await tty.drawn();
  }
});

Deno.test("Screen: /delete 2 deletes the message before the last one, and shows it first", async () => {
  for (const columns of [80, 40]) {
    const { tty, room } = setUp(columns);
    room.recent = [
      { ...EARLIER, id: "0".repeat(32), from: ALICE, text: "last" },
      { ...EARLIER, id: OTHER_ID },
      { ...EARLIER, from: ALICE, text: "before" },
    ];
    await tty.type("/delete 2");
    assertEquals((await tty.rows()).slice(-2), ["deletes alice: before", "> /delete #000000 2"]);
    await tty.type("\r");
    assertEquals(room.calls, [`delete ${ID}`]);
    await tty.drawn();
  }
});

Deno.test("Screen: indents several lines under the text, also empty ones and tabs", async () => {
  const { tty, room, tell } = setUp(80);
  tell(room.message(BOB, "one\n\ttwo\n\nbob: three"));
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05  bob │ one",
    "           │     two",
    "           │",
    "           │ bob: three",
  ]);
});

Deno.test("Screen: the room waits while thousands of rows wait for the terminal, and goes on when few do", async () => {
  const { tty, room, screen, clock } = setUp(80);
  const wait = async (count: number) => {
    let waits = 0;
    for (let i = 0; i < count; i++) {
      const drained = screen.event(room.message(BOB, "x\n".repeat(99) + "x"));
      if (!drained) continue;
      waits++;
      let isDrained = false;
      drained.then(() => isDrained = true);
      await Promise.resolve();
      assertEquals(isDrained, false);
      while (!isDrained) {
        clock.pass(20);
        await Promise.resolve();
      }
    }
    return waits;
  };
  // A hundred rows each.
  assertEquals(await wait(20), 0);
  const waits = await wait(100);
  assert(waits > 0 && waits < 100, `${waits}`);
  // Whoever waits when the screen closes goes on, too.
  while (true) {
    const drained = screen.event(room.message(BOB, "x\n".repeat(99) + "x"));
    if (!drained) continue;
    screen.close();
    await drained;
    break;
  }
  assertEquals(screen.event(room.message(BOB, "x")), undefined);
  clock.pass();
  await tty.drawn();
});

Deno.test("Screen: 256 files that are offered, and then withdrawn, have one line each time", async () => {
  const { tty, tell } = setUp(100);
  const numbers = Array.from({ length: 256 }, (_, i) => i + 1);
  const files = numbers.map((number) => ({ ...OFFER, number, offer: number, name: "a" }));
  tell({ type: "offer", from: BOB, direct: true, files, ...UNPROVED });
  const transfers = files.map((file) => ({ ...file, state: "cancelled" } as const));
  tell({ type: "changes", from: BOB, transfers }, { type: "forgotten", from: BOB });
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 bob offers you 256 files (768 MiB): a, a, a, a, a, …: /accept 1-256 or /decline 1-256",
    "      bob: 256 files cancelled: a, a, a, a, a, …",
    "      bob has made too many offers: the oldest ones are forgotten",
  ]);
});

Deno.test("Screen: wide characters keep their columns", async () => {
  const { tty, room, tell } = setUp(20);
  tell(room.message({ ...BOB, name: "日本" }, "日本語日本語日本語日本語"));
  await tty.type("日本語日本語日本語x");
  assertEquals(await tty.rows(), [
    "09:05 日本:",
    "  日本語日本語日本語",
    "  日本語",
    "xor: not secret",
    "> 日本語日本語日本",
    "  語x",
  ]);
  assertEquals(await tty.cursor(), [5, 5]);
  await tty.type("\x1b[D\x1b[D\x1b[D");
  assertEquals(await tty.cursor(), [4, 16]);
});

Deno.test("Screen: the user's own message is pending, then confirmed, and shown once, in the room's order", async () => {
  const { tty, room, tell } = setUp();
  await tty.type("first\rsecond\r/me waves\r");
  assertEquals((await tty.rows()).slice(0, -2), [
    "    …   alice │ first",
    "    …   alice │ second",
    "    … * alice │ waves",
  ]);
  tell(room.message(BOB, "between"), room.confirm());
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05     bob │ between",
    "        alice │ first",
    "    …   alice │ second",
    "    … * alice │ waves",
  ]);
  tell(room.confirm(), room.confirm());
  assertEquals(await tty.rows(), [
    "09:05     bob │ between",
    "        alice │ first",
    "              │ second",
    "      * alice │ waves",
    STATUS,
    ">",
  ]);
});

Deno.test("Screen: many long pending messages take few rows", async () => {
  const { tty } = setUp(43, 12);
  for (let i = 1; i <= 9; i++) {
    await tty.type(`\x1b[200~message ${i}\rmore ${"x".repeat(40)}\x1b[201~\r`);
  }
  assertEquals((await tty.rows()).slice(0, -2), [
    "    … alice: message 1␊more xxxxxxxxxx…",
    "    … alice: message 2␊more xxxxxxxxxx…",
    "7 more waiting",
  ]);
});

Deno.test("Screen: marks direct messages in both directions, with their outcome", async () => {
  const { tty, room, tell } = setUp();
  await tty.type("/msg bob psst\r");
  assertEquals((await tty.rows())[0], "    … you → bob │ psst");
  tell(
    room.confirm(),
    { type: "direct", from: BOB, text: "what?", action: false, ...UNPROVED },
    { type: "direct", from: BOB, text: "listens", action: true, ...UNPROVED },
    { type: "undelivered", ref: 2, to: BOB, text: "never mind", reason: "gone" },
    { type: "undelivered", ref: 3, to: BOB, text: "again", reason: "busy" },
  );
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 you → bob │ psst",
    "      bob → you │ what?",
    "      * bob → you │ listens",
    "        you → bob │ never mind",
    "      not delivered: bob has left",
    "        you → bob │ again",
    "      not delivered: too many messages are waiting for bob; try again later",
  ]);
});

Deno.test("Screen: shows members that are in the room, join, leave and change their names", async () => {
  const { tty, room, tell } = setUp();
  const crowd = Array.from({ length: 25 }, (_, i) => ({
    ...BOB,
    id: i + 9,
    name: `m${i}`,
  }));
  tell(
    { type: "welcome", self: ALICE, room: room.info },
    { type: "members", members: [ALICE] },
    { type: "members", members: [ALICE, BOB] },
    { type: "members", members: [ALICE, { ...BOB, away: true }] },
    { type: "members", members: [ALICE, ...crowd, AWAY_BOB] },
    { type: "joined", who: BOB, at: 0, sent: undefined },
    { type: "renamed", who: { ...BOB, name: "rob" }, before: "bob", at: 1 },
    // The list of members had it already.
    { type: "renamed", who: { ...BOB, name: "rob" }, before: "rob", at: 1 },
    { type: "renamed", who: { ...ALICE, name: "ally" }, before: "alice", at: 2 },
    { type: "left", who: BOB, reason: "left", at: 3 },
    { type: "left", who: crowd[0]!, reason: "slow", at: 4 },
    { type: "unreadable", from: BOB, message: "it is not text", count: 1, fresh: 1 },
    { type: "unreadable", from: BOB, message: "it is not text", count: 9, fresh: 8 },
    { type: "forked", who: BOB, since: new Date(2026, 0, 2, 9, 2) },
    { type: "agreed", who: BOB },
  );
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 you are alice, in the room at 127.0.0.1:2428; /help lists the commands",
    "      nobody else is here yet",
    "      here: bob",
    "      nobody else is here; 1 away: bob",
    "      here: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14,",
    "    … m15, m16, m17, m18, m19 and 5 more; 1 away: bob since 28 Feb 2024",
    "      bob joined",
    "      bob is now rob",
    "      you are now ally",
    "      bob left; m0 was disconnected: too slow",
    "      a message claiming to be from bob could not be verified: it is not text",
    "      8 messages claiming to be from bob could not be verified; the last one: it",
    "    … is not text",
    "      bob sees a different conversation than you since 09:02: the server shows",
    "    … you different things, or bob's report is false",
    "      bob sees the same conversation as you now",
  ]);
});

Deno.test("Screen: the topic has one dim row after the list; away texts share a moment, and cannot look like other rows, at 80 and 40 columns", async () => {
  for (const columns of [80, 40]) {
    const { tty, tell, clock } = setUp(columns, 24);
    const away = (who: Person, status?: string, before?: string) =>
      ({ type: "status", who: { ...who, ...(status && { status }) }, before, at: 1 }) as const;
    const set = new FakeClock().now();
    tell(
      { type: "members", members: [ALICE, { ...BOB, status: "on call" }] },
      { type: "topic", who: BOB, text: "release on Friday", sent: set },
      { type: "topic", who: BOB, text: "release\non Monday", sent: set, at: 5 },
      away(ALICE, "tea"),
      away(ALICE, undefined, "tea"),
      away(BOB, "lunch; carol left", "on call"),
      away(CAROL, "x"),
      away(CAROL, undefined, "x"),
    );
    clock.pass(20_000);
    const head = '09:05 here: bob (away: "on call")';
    const rows = columns === 80
      ? [
        "      topic: release on Friday (set by bob, 09:05)",
        "      bob set the topic: release␊on Monday",
        '      you are away: "tea"',
        "      you are back",
        '      bob is away: "lunch; carol left"',
      ]
      : [
        "topic: release on Friday (set by bob,",
        "  09:05)",
        "bob set the topic: release␊on Monday",
        'you are away: "tea"',
        "you are back",
        'bob is away: "lunch; carol left"',
      ];
    assertEquals((await tty.rows()).slice(0, -2), [head, ...rows]);
  }
});

Deno.test("Screen: warnings precede their message, with the time", async () => {
  const { tty, room, tell } = setUp(200);
  const now = new FakeClock().now();
  const off = (ms: number) => new Date(now.getTime() - ms);
  const message = { ...room.message(BOB, "hi") as RoomEvent & { type: "message" } };
  tell(
    // In order and in time: no warning.
    { ...message, sent: now },
    { ...message, sent: now, missing: 2 },
    { type: "direct", from: BOB, text: "psst", action: false, sent: off(121_000), missing: 1 },
    { type: "joined", who: BOB, at: 1, sent: off(120_000) },
    { type: "joined", who: BOB, at: 2, sent: off(-121_000) },
    { type: "keychanged", who: { ...BOB, name: "bob(!)" } },
    { ...message, from: { ...BOB, name: "bob(!)" } },
  );
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05  bob │ hi",
    "      2 messages from bob before this one are missing",
    "       bob │ hi",
    "      1 message from bob before this one is missing",
    `      by bob's clock, sent at ${off(121_000).toISOString()}`,
    "      bob → you │ psst",
    "      bob joined",
    `      by bob's clock, it is ${off(-121_000).toISOString()}`,
    "      bob joined",
    "      bob(!) has a different key than before: a new device, or somebody else. Compare with " +
    "/verify bob, then /trust bob",
    // On every later line.
    "         bob(!) │ hi",
  ]);
});

/** The columns of the narrowest screen with rows of `columns` - 1 columns in its live area. */
function screenFor(columns: number): number {
  let narrowest = columns;
  while (liveColumns(narrowest) < columns - 1) narrowest++;
  return narrowest;
}

/** The mark of sealed rooms, if there are pictures. */
const LOCK = getColorEnabled() ? "🔒 " : "";

Deno.test("Screen: the status line shows the room's protection at every width; commands show keys", async () => {
  const expected: [number, string][] = [
    [80, `127.0.0.1:2428 · ${LOCK}sealed: only members can read it · 2 members · connected`],
    [72, `127.0.0.1:2428 · ${LOCK}sealed · 2 members · connected`],
    [60, `127.0.0.1:2428 · ${LOCK}sealed · 2 members · connected`],
    [40, `127.0.0.1:2428 · ${LOCK}sealed · 2 members`],
    [30, `${LOCK}sealed · 2 members`],
    [18, `${LOCK}sealed`],
    [9, "sealed"],
  ];
  for (const [columns, status] of expected) {
    const { tty, room, tell } = setUp(screenFor(columns));
    room.info = { ...room.info, cipher: "sealed" };
    tell(room.message(BOB, "hi"));
    assertEquals((await tty.rows()).at(-2), status);
  }
  const { tty } = setUp();
  await tty.type("/verify bob\r");
  assertEquals((await tty.rows()).slice(0, 4), [
    "words for you and bob: abandon ability able about above absent absorb abstract",
    "Ask bob to type /verify alice, and compare aloud: by telephone or in person",
    "Same words: type /verify bob yes",
    "Other words: somebody may be in between, so do not trust this key",
  ]);
});

Deno.test("Screen: the status line counts the members that see another conversation, until they agree", async () => {
  const { tty, room, tell } = setUp(screenFor(80));
  room.info = { ...room.info, cipher: "sealed" };
  const status = async () => (await tty.rows()).at(-2);
  room.forked = [BOB];
  tell({ type: "forked", who: BOB, since: undefined });
  assertEquals(
    await status(),
    `127.0.0.1:2428 · ${LOCK}sealed · 1 of 2 sees another conversation · connected`,
  );
  room.forked = [];
  tell({ type: "agreed", who: BOB });
  assertEquals(
    await status(),
    `127.0.0.1:2428 · ${LOCK}sealed: only members can read it · 2 members · connected`,
  );
});

// ---- a connection that is lost ----

/** The status line of a connection in the state `link`. */
async function statusLine(
  columns: number,
  cipher: RoomInfo["cipher"],
  link: (clock: FakeClock) => Link,
): Promise<string> {
  const { tty, room, tell, clock } = setUp(screenFor(columns));
  room.info = { ...room.info, cipher };
  room.link = link(clock);
  tell({ type: "disconnected", reason: "lost", message: "it was reset" });
  const status = (await tty.rows()).at(-2)!;
  assertLess(status.length, columns);
  return status;
}

const waitingFor = (ms: number) => (clock: FakeClock): Link => (
  { state: "waiting", attempt: 1, at: clock.in(ms) }
);

Deno.test("Screen: the status line shows the next attempt and the room's protection, at every width", async () => {
  const long = "reconnecting in 5 s · /reconnect to try now";
  const cases: [number, RoomInfo["cipher"], number, string][] = [
    [200, "xor", 5000, `${ROOM} · ${long}`],
    [110, "xor", 5000, `127.0.0.1:2428 · xor: not secret · 2 members · ${long}`],
    [90, "xor", 5000, `xor: not secret · 2 members · ${long}`],
    [90, "sealed", 5000, `127.0.0.1:2428 · ${LOCK}sealed · 2 members · ${long}`],
    [80, "xor", 5000, `xor: not secret · 2 members · ${long}`],
    [80, "xor", 90_000, "xor: not secret · reconnecting in 1 min 30 s · /reconnect to try now"],
    [72, "sealed", 5000, `${LOCK}sealed · 2 members · ${long}`],
    [
      80,
      "sealed",
      -1,
      `${LOCK}sealed · 2 members · reconnecting now · /reconnect to try now`,
    ],
    [60, "xor", 12_000, "xor: not secret · reconnecting in 12 s · /reconnect"],
    [42, "xor", 5000, "xor: not secret · reconnecting in 5 s"],
    [40, "xor", 5000, "xor: not secret · reconnecting in 5 s"],
    [36, "xor", 5000, "xor: not secret · lost · 5 s"],
    [40, "xor", 90_000, "xor: not secret · lost · 1 min 30 s"],
    [40, "xor", 0, "xor: not secret · reconnecting now"],
    [40, "sealed", 90_000, `${LOCK}sealed · reconnecting in 1 min 30 s`],
    // The protection is left out last.
    [20, "xor", 5000, "xor: not secret"],
    [20, "sealed", 5000, "sealed · lost · 5 s"],
    [20, "sealed", 0, `${LOCK}sealed · lost`],
    [20, "sealed", 12_000, `${LOCK}sealed · lost`],
  ];
  for (const [columns, cipher, ms, status] of cases) {
    assertEquals(await statusLine(columns, cipher, waitingFor(ms)), status);
  }
});

Deno.test("Screen: the status line shows that it is connecting, at every width", async () => {
  const cases: [number, RoomInfo["cipher"], string][] = [
    [100, "xor", `${ROOM} · reconnecting …`],
    [80, "xor", "127.0.0.1:2428 · xor: not secret · 2 members · reconnecting …"],
    [
      100,
      "sealed",
      `127.0.0.1:2428 · ${LOCK}sealed: only members can read it · 2 members · reconnecting …`,
    ],
    [77, "sealed", `127.0.0.1:2428 · ${LOCK}sealed · 2 members · reconnecting …`],
    [40, "xor", "xor: not secret · reconnecting …"],
    [40, "sealed", `${LOCK}sealed · 2 members · reconnecting …`],
    [20, "xor", "xor: not secret"],
    [20, "sealed", `${LOCK}sealed · lost`],
  ];
  for (const [columns, cipher, status] of cases) {
    const connecting = (): Link => ({ state: "connecting", attempt: 2 });
    assertEquals(await statusLine(columns, cipher, connecting), status);
  }
});

Deno.test("Screen: the time to the next attempt is rounded up and readable", async () => {
  const cases: [number, string][] = [
    [1, "in 1 s"],
    [999, "in 1 s"],
    [1000, "in 1 s"],
    [1001, "in 2 s"],
    [59_000, "in 59 s"],
    [59_001, "in 1 min"],
    [61_000, "in 1 min 1 s"],
    [3_599_000, "in 59 min 59 s"],
    [3_599_001, "in 1 h"],
    [3_601_000, "in 1 h 1 min"],
    [7_500_000, "in 2 h 5 min"],
    [0, "now"],
    // The client is late; the countdown does not show by how much.
    [-1, "now"],
    [-3_600_000, "now"],
  ];
  for (const [ms, when] of cases) {
    assertStringIncludes(await statusLine(200, "xor", waitingFor(ms)), ` reconnecting ${when} ·`);
  }
});

Deno.test("Screen: the countdown runs by itself, one write a second, until the attempt starts", async () => {
  const { tty, room, clock, tell } = setUp();
  const status = async () => (await tty.rows()).at(-2)!;
  room.link = { state: "waiting", attempt: 1, at: clock.in(2500) };
  tell({ type: "waiting", attempt: 1, until: room.link.at, message: "nobody answers" });
  await tty.type("typed");
  assertStringIncludes(await status(), "reconnecting in 3 s");
  tty.writes = 0;
  clock.pass(499);
  assertEquals(tty.writes, 0);
  clock.pass(1);
  assertStringIncludes(await status(), "reconnecting in 2 s");
  clock.pass(1000);
  assertStringIncludes(await status(), "reconnecting in 1 s");
  assertEquals(tty.writes, 2);
  // The edited line is unchanged.
  assertEquals((await tty.rows()).at(-1), "> typed");
  assertEquals(await tty.cursor(), [1, 7]);
  clock.pass(1000);
  assertStringIncludes(await status(), "reconnecting now");
  // Nothing changes, nothing is written.
  clock.pass(10_000);
  assertEquals(tty.writes, 3);
  // No event reports this.
  room.link = { state: "connecting", attempt: 1 };
  clock.pass(1000);
  assertStringIncludes(await status(), "reconnecting …");
  assertEquals(clock.waiting, 0);
  room.link = { state: "connected" };
  tell({ type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 });
  assertEquals(await status(), STATUS);
  assertEquals(clock.waiting, 0);
});

Deno.test("Screen: the countdown ends with the screen, and does not run while it is not visible", async () => {
  const { tty, room, clock, tell, screen } = setUp();
  assertEquals(clock.waiting, 0);
  room.link = { state: "waiting", attempt: 1, at: clock.in(60_000) };
  tell(room.message(BOB, "hi"));
  assertEquals(clock.waiting, 1);
  // Many draws still cause one tick.
  await tty.type("some");
  tell(room.message(BOB, "hi"));
  await tty.type("a\x03");
  assertEquals((await tty.rows()).at(-2), "Ctrl-C again to leave, Ctrl-Y to get the line back");
  assertEquals(clock.waiting, 1);
  tty.writes = 0;
  clock.pass(5000);
  assertEquals(tty.writes, 0);
  await tty.type("b");
  assertStringIncludes((await tty.rows()).at(-2)!, "reconnecting in 55 s");
  screen.close();
  assertEquals(clock.waiting, 0);
  await assertRestored(tty);
});

Deno.test("Screen: messages typed while the connection is lost are pending, and confirmed later", async () => {
  const { tty, room, clock, tell } = setUp(100);
  await tty.type("before\r");
  room.link = { state: "waiting", attempt: 1, at: clock.in(5000) };
  tell({ type: "disconnected", reason: "lost", message: "it was reset" });
  await tty.type("meanwhile\r/msg bob psst\r");
  const kept = "what you type is sent when it is back";
  assertEquals((await tty.rows()).slice(0, -2), [
    `09:05 connection lost; ${kept}`,
    "    …     alice │ before",
    "    …     alice │ meanwhile",
    "    … you → bob │ psst",
  ]);
  room.link = { state: "connected" };
  tell(
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 },
    room.confirm(),
    room.message(BOB, "back again?"),
    room.confirm(),
    room.confirm(),
  );
  assertEquals((await tty.rows()).slice(1), [
    "      connected again; nothing missed",
    "          alice │ before",
    "            bob │ back again?",
    "          alice │ meanwhile",
    "      you → bob │ psst",
    `${ROOM} · connected`,
    ">",
  ]);
});

Deno.test("Screen: messages from the time of an absence have the time when they were sent, and no warning", async () => {
  const { tty, tell, clock } = setUp();
  const now = clock.now().getTime();
  const before = (hours: number) => new Date(now - hours * 3_600_000);
  const message = { type: "message", action: false, at: 1, ref: undefined, missing: 0 } as const;
  tell(
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 3 },
    { ...message, from: BOB, text: "late", sent: before(12), meanwhile: true },
    { ...message, from: ALICE, text: "my own", sent: before(2), meanwhile: true },
    // A clock that is ahead is no sign of an absence.
    { ...message, from: BOB, text: "soon", sent: before(-1), meanwhile: true },
    {
      type: "direct",
      from: BOB,
      text: "psst",
      action: false,
      sent: before(1),
      missing: 0,
      meanwhile: true,
    },
    { type: "joined", who: CAROL, at: 1, sent: before(1), meanwhile: true },
    { ...message, from: BOB, text: "now", sent: before(0) },
  );
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 connected again; while you were away: 3 messages",
    "── Thursday, 1 January 2026 ──",
    "21:05  bob │ late",
    "── Friday, 2 January 2026 ──",
    "07:05 alice │ my own",
    "09:05 by bob's clock, sent at 2026-01-02T10:05:00.000Z",
    "        bob │ soon",
    "08:05 bob → you │ psst",
    "09:05         bob │ now",
    "      carol joined",
  ]);
});

Deno.test("Screen: after a restart of the server, one row names the members that are not back yet", async () => {
  const { tty, tell, clock } = setUp();
  const crowd = Array.from({ length: 29 }, (_, i) => ({ ...BOB, id: 100 + i, name: `m${i}` }));
  tell({ type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 });
  for (const who of crowd) tell({ type: "away", who: { ...who, away: true }, at: 1 });
  for (const who of crowd.slice(0, 20)) tell({ type: "back", who, at: 1 });
  clock.pass(3000);
  for (const who of crowd.slice(20)) tell({ type: "back", who, at: 1 });
  clock.pass(3000);
  assertEquals((await tty.rows()).slice(0, -2), [
    "09:05 connected again; nothing missed",
    "      m20, m21 and 7 more are away: connection lost",
    "      m20, m21 and 7 more are back",
  ]);
});

Deno.test("Screen: a member that joins again is back, and nothing is shown of the end of its old session", async () => {
  const { tty, tell } = setUp();
  const again = { ...BOB, id: 5 };
  tell(
    { type: "away", who: AWAY_BOB, at: 1 },
    { type: "joined", who: again, at: 2, sent: undefined, replaces: AWAY_BOB },
    { type: "away", who: AWAY_BOB, at: 3, replaced: true },
    { type: "left", who: AWAY_BOB, reason: "lost", at: 3, replaced: true },
    { type: "left", who: again, reason: "left", at: 4 },
    {
      type: "joined",
      who: { ...again, id: 6, name: "rob" },
      at: 5,
      sent: undefined,
      replaces: AWAY_BOB,
    },
  );
  assertEquals((await tty.rows()).slice(0, -2), [
    "      rob (was bob) is back, bob joined and left",
  ]);
});

Deno.test("Screen: a loss, a gap, absence and warnings take one line each", async () => {
  const { tty, tell } = setUp(200);
  tell(
    { type: "disconnected", reason: "lost", message: "nothing has come for 30 s" },
    { type: "waiting", attempt: 1, until: new Date(0), message: "nobody answers" },
    { type: "waiting", attempt: 2, until: new Date(0), message: "nobody answers" },
    { type: "connected", self: ALICE, resumed: false, missed: 0, unseen: 0 },
    { type: "members", members: [ALICE, BOB] },
    { type: "disconnected", reason: "stopped", message: "it stops" },
    { type: "connected", self: ALICE, resumed: false, missed: undefined, unseen: 0 },
    { type: "members", members: [ALICE] },
    { type: "disconnected", reason: "refused", message: "you are too slow\nfor it" },
    { type: "connected", self: ALICE, resumed: false, missed: 12, unseen: 0 },
    { type: "members", members: [ALICE, { ...BOB, away: true }] },
    { type: "back", who: BOB, at: 1 },
    { type: "away", who: { ...CAROL, away: true }, at: 2 },
    // The user knows.
    { type: "away", who: { ...ALICE, away: true }, at: 3 },
    { type: "back", who: ALICE, at: 4 },
    { type: "warning", code: "flood", message: "you send too fast" },
  );
  const kept = "what you type is sent when it is back";
  assertEquals((await tty.rows()).slice(0, -2), [
    `09:05 connection lost; ${kept}`,
    "      connected again; nothing missed",
    "      here: bob",
    `      the server has stopped; ${kept}`,
    "      connected again; the server was restarted; its last messages may be missing",
    "      nobody else is here yet",
    `      the server closed the connection: you are too slow␊for it; ${kept}`,
    "      connected again; 12 messages missed here",
    "      nobody else is here; 1 away: bob",
    "      bob is back; carol is away: connection lost",
    "      warning from the server: you send too fast",
  ]);
});

Deno.test("Screen: gaps and warnings are red, other notices of the connection are dim", async () => {
  const before = getColorEnabled();
  try {
    setColorEnabled(true);
    // With NO_COLOR in the environment, nothing can turn them on.
    const enabled = getColorEnabled();
    const { tty, tell } = setUp(200);
    tell(
      { type: "disconnected", reason: "lost", message: "it was reset" },
      { type: "away", who: BOB, at: 1 },
      { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 },
      { type: "connected", self: ALICE, resumed: false, missed: 1, unseen: 0 },
      { type: "connected", self: ALICE, resumed: false, missed: undefined, unseen: 0 },
      { type: "warning", code: "flood", message: "you send too fast" },
    );
    await tty.drawn();
    const { error, dim } = palette("auto");
    const looks = [0, 1, 2, 3, 4, 5].map((row) => {
      const cell = tty.term.buffer.active.getLine(row)!.getCell("09:05 ".length)!;
      const color = cell.isFgPalette() ? `38;5;${cell.getFgColor()}` : "";
      return { [error]: "red", [dim]: "dim" }[color] ?? "plain";
    });
    const expected = ["dim", "dim", "dim", "red", "red", "red"];
    assertEquals(looks, enabled ? expected : expected.map(() => "plain"));
  } finally {
    setColorEnabled(before);
  }
});

Deno.test("Screen: /reconnect tries at once; /who and the status line count those that are here, and those that are away", async () => {
  const { tty, room, clock, tell } = setUp();
  room.members = [ALICE, { ...BOB, away: true }];
  await tty.type("/reconnect\r/who\r");
  assertEquals(await tty.rows(), [
    "already connected",
    "1 here: alice (you)",
    "1 away: bob",
    STATUS.replace("2 members", "1 here, 1 away"),
    ">",
  ]);
  room.link = { state: "waiting", attempt: 1, at: clock.in(60_000) };
  tell({ type: "waiting", attempt: 1, until: room.link.at, message: "nobody answers" });
  await tty.type("/reconnect\r");
  assertEquals((await tty.rows()).slice(3), [
    "127.0.0.1:2428 · xor: not secret · 1 here, 1 away · reconnecting …",
    ">",
  ]);
  assertEquals(clock.waiting, 0);
});

Deno.test("Screen: when reconnecting fails for good, shows the reason and unsent messages", async () => {
  const { tty, room, clock, tell, ending } = setUp();
  room.link = { state: "waiting", attempt: 1, at: clock.in(5000) };
  tell({ type: "disconnected", reason: "lost", message: "it was reset" });
  await tty.type("said\runfinished");
  tell({ type: "ended", ending: { reason: "lost", message: "nobody answers" } });
  assertEquals(await ending, { reason: "lost", message: "nobody answers" });
  assertEquals((await tty.rows()).slice(-3), [
    "      connection lost: nobody answers",
    "not confirmed: said",
    "not sent: unfinished",
  ]);
  await assertRestored(tty);
  assertEquals(clock.waiting, 0);
});

Deno.test("Screen: a burst of messages takes few writes, a read with many keys one write", async () => {
  const { tty, room, tell } = setUp();
  tty.writes = 0;
  tell(...Array.from({ length: 1000 }, (_, i) => room.message(BOB, `message ${i}`)));
  assertEquals(tty.writes, Math.ceil(tty.output.length / (18 * 1024)));
  tty.writes = 0;
  await tty.type("many keys\x1b[D\x1b[D");
  assertEquals(tty.writes, 1);
  const rows = await tty.rows();
  assertEquals(rows.length, 1002);
  assertEquals(rows[500], "           │ message 500");
});

Deno.test("Screen: prints answers beneath the messages; Tab completes and shows the choice", async () => {
  const { tty, room } = setUp();
  await tty.type("/who\r");
  assertEquals((await tty.rows())[0], "2 here: alice (you), bob");
  await tty.type("b\t");
  assertEquals((await tty.rows()).slice(1), [STATUS, "> bob:"]);
  room.members = [ALICE, BOB, { ...BOB, id: 3, name: "bert" }];
  await tty.type("\x15b\t");
  const three = STATUS.replace("2 members", "3 members");
  assertEquals((await tty.rows()).slice(1), [three, "bob:  bert:", "> b"]);
  await tty.type("e\t");
  assertEquals((await tty.rows()).slice(1), [three, "> bert:"]);
});

Deno.test("Screen: shows completions in columns above the line, until the next key", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `name${i}`);
  const cases: [columns: number, rows: number, count: number, expected: string[]][] = [
    [80, 24, 3, ["name0:  name1:  name2:"]],
    [
      80,
      24,
      22,
      [
        "name0:  name3:  name6:  name9:   name12:  name15:  name18:  name21:",
        "name1:  name4:  name7:  name10:  name13:  name16:  name19:",
        "name2:  name5:  name8:  name11:  name14:  name17:  name20:",
      ],
    ],
    [20, 24, 10, [
      "name0:  name5:",
      "name1:  name6:",
      "name2:  name7:",
      "name3:  name8:",
      "name4:  name9:",
    ]],
    [20, 24, 11, [
      "name0:  name5:",
      "name1:  name6:",
      "name2:  name7:",
      "name3:  name8:",
      "name4:  name9:",
      "and 1 more",
    ]],
    // On a low screen there are fewer, so that half of it is left and the line stays visible.
    [20, 10, 11, ["name0:  name2:", "name1:  name3:", "and 7 more"]],
    [20, 3, 11, []],
  ];
  for (const [columns, height, count, expected] of cases) {
    const { tty, room } = setUp(columns, height);
    const others = names.slice(0, count).map((name, i) => ({ ...BOB, id: i + 2, name }));
    room.members = [ALICE, ...others];
    await tty.type("n\t");
    const rows = await tty.rows();
    assertEquals(rows.slice(1), [...expected, "> name"]);
    assertEquals(await tty.cursor(), [rows.length - 1, 6]);
    // The same again; and a terminal's report is not a key.
    await tty.type("\t\x1b[O\x1b]11;rgb:0/0/0\x07");
    assertEquals((await tty.rows()).slice(1), [...expected, "> name"]);
    await tty.type("x");
    assertEquals((await tty.rows()).slice(1), ["> namex"]);
  }
});

Deno.test("Screen: completions leave no debris when the size changes", async () => {
  for (const [from, to] of [[80, 30], [80, 20], [20, 80]] as const) {
    const { tty, room, clock, tell } = setUp(from);
    room.members = [
      ALICE,
      BOB,
      ...Array.from({ length: 30 }, (_, i) => ({ ...BOB, id: i + 9, name: `n${i}` })),
    ];
    tell(room.message(BOB, "hi"));
    await tty.type("n\t");
    clock.pass(REST_MS);
    await tty.resize(to, 24);
    clock.pass(QUIET_MS);
    await tty.type("x");
    const rows = await tty.rows();
    const said = saidAt(from, to).filter((row) => /hi$|:$/.test(row));
    assertEquals(rows.slice(0, said.length), said, rows.join("\n"));
    assertMatch(rows[said.length]!, PROTECTED);
    assertEquals(rows.slice(said.length + 1), ["> nx"]);
  }
});

Deno.test("Screen: reports a paste of several lines until the next key, and sends it as one message", async () => {
  const { tty, room } = setUp();
  await tty.type("see: \x1b[200~one 👨‍👩‍👧\rtwo\r\rthree\r\x1b[201~");
  assertEquals(
    (await tty.rows())[0],
    "pasted 4 lines, 16 characters: Enter sends it as one message",
  );
  assertEquals(room.pending, []);
  await tty.type("\x1b[A");
  assertEquals((await tty.rows())[0], STATUS);
  await tty.type("\r");
  assertEquals(room.pending.map(({ text }) => text), ["see: one 👨‍👩‍👧\ntwo\n\nthree"]);
  // One line is visible anyway.
  await tty.type("\x1b[200~one\r\x1b[201~");
  assertEquals((await tty.rows()).at(-2), STATUS);
});

Deno.test("Screen: a paste without an end keeps what came, and Ctrl-C ends it after a second of silence", async () => {
  const NOTE = "Ctrl-C ends this paste: its end has not arrived";
  const { tty, clock, room } = setUp();
  await tty.type("say \x1b[200~one\rtwo");
  clock.pass(999);
  await tty.type(" three");
  clock.pass(999);
  await tty.type("\x03");
  assertEquals(await tty.rows(), [STATUS, "> say"]);
  clock.pass(1000);
  assertEquals(await tty.rows(), [NOTE, "> say"]);
  // More may arrive after the pause.
  await tty.type(" four");
  assertEquals((await tty.rows())[0], NOTE);
  await tty.type("\x03");
  assertEquals(await tty.rows(), [
    "pasted 2 lines, 19 characters: Enter sends it as one message",
    "> say one",
    "  two three␃ four",
  ]);
  await tty.type("!\x1b[201~\r");
  assertEquals(room.pending.map(({ text }) => text), ["say one\ntwo three\x03 four!"]);

  await tty.type("\x1b[200~");
  clock.pass(1000);
  assertEquals((await tty.rows()).at(-2), NOTE);
  await tty.type("\x03");
  assertEquals((await tty.rows()).at(-2), STATUS);
  // The end may still come, and the next paste pauses again.
  await tty.type("\x1b[201~\x1b[200~x\x1b[201~");
  assertEquals((await tty.rows()).slice(-2), [STATUS, "> x"]);
  await tty.type("\x1b[200~");
  clock.pass(1000);
  await tty.type("y\x1b[201~");
  assertEquals((await tty.rows()).slice(-2), [STATUS, "> xy"]);
});

Deno.test("Screen: counts others' messages as unread while the window is in the background", async () => {
  const { tty, room, tell } = setUp(200);
  const status = async () => (await tty.rows()).at(-2)!;
  const direct: RoomEvent = { type: "direct", from: BOB, text: "psst", action: false, ...UNPROVED };
  tell(room.message(BOB, "one"));
  assertEquals(await status(), `${ROOM} · connected`);
  await tty.type("\x1b[O");
  tell(
    room.message(BOB, "two"),
    room.message(ALICE, "own"),
    direct,
    { type: "joined", who: BOB, at: 1, sent: undefined },
  );
  assertEquals(await status(), `${ROOM} · connected · 2 unread`);
  await tty.type("\x1b[I");
  assertEquals(await status(), `${ROOM} · connected`);
  tell(room.message(BOB, "three"));
  assertEquals(await status(), `${ROOM} · connected`);
  // Some terminals do not report that the window is back: a key shows it.
  await tty.type("\x1b[O");
  tell(direct);
  assertEquals(await status(), `${ROOM} · connected · 1 unread`);
  await tty.type("x");
  assertEquals(await status(), `${ROOM} · connected`);
});

Deno.test("Screen: shows unread messages at every width with room for them", async () => {
  const cases: [number, RoomInfo["cipher"], string][] = [
    [94, "xor", `${ROOM} · connected · 1 unread`],
    [82, "xor", "127.0.0.1:2428 · xor: not secret · 2 members · connected · 1 unread"],
    [80, "sealed", `127.0.0.1:2428 · ${LOCK}sealed · 2 members · connected · 1 unread`],
    [32, "xor", "xor: not secret · 1 unread"],
    [25, "sealed", `${LOCK}sealed · 1 unread`],
    [20, "xor", "xor: not secret"],
    [16, "sealed", `${LOCK}sealed`],
  ];
  for (const [columns, cipher, status] of cases) {
    const { tty, room, tell } = setUp(screenFor(columns));
    room.info = { ...room.info, cipher };
    await tty.type("\x1b[O");
    tell(room.message(BOB, "hi"));
    assertEquals((await tty.rows()).at(-2), status);
  }
});

Deno.test("Screen: shows the search in the history above the line, at every width", async () => {
  const cases: [number, string, string][] = [
    [
      80,
      "search: fir · Ctrl-R for an older one, Enter sends, Esc gives back",
      "search: firx · in no older line",
    ],
    [40, "search: fir · Ctrl-R for an older one", "search: firx · in no older line"],
    [20, "search: fir", "not found: firx"],
  ];
  for (const [columns, searching, missing] of cases) {
    const { tty, room } = setUp(screenFor(columns));
    await tty.type("first\rsecond\r");
    room.pending = [];
    await tty.type("\x12fir");
    assertEquals(await tty.rows(), [searching, "> first"]);
    assertEquals(await tty.cursor(), [1, 2]);
    await tty.type("x");
    assertEquals(await tty.rows(), [missing, "> first"]);
    await tty.type("\x7f\r");
    await tty.drawn();
    assertEquals(room.pending.map(({ text }) => text), ["first"]);
  }
});

Deno.test("Screen: shows how many bytes are left when they are few", async () => {
  const { tty, room } = setUp(110);
  room.info = { ...room.info, maxText: 50 };
  const status = async () => (await tty.rows()).at(-2)!;
  await tty.type("é".repeat(22) + "x");
  assertEquals(await status(), `${ROOM} · connected`);
  await tty.type("x");
  assertEquals(await status(), `${ROOM} · connected · 4 bytes left`);
  await tty.type("€€");
  assertEquals(await status(), `${ROOM} · connected · 2 bytes too long`);
});

Deno.test("Screen: at 20 columns the cursor is right in text of all kinds, from end to start", async () => {
  // Only those whose width the emulator knows: it takes an emoji for narrow.
  const texts = [
    "שלום עולם, מה שלומך היום?",
    "مرحبا بالعالم كيف الحال اليوم",
    "e\u0301a\u0308o\u0302n\u0303".repeat(8),
    "日本語とlatin文字が混ざった行です。長い行",
    "word ".repeat(12),
  ];
  for (const text of texts) {
    const { tty } = setUp(20);
    await tty.type(text);
    const graphemes = [...new Intl.Segmenter().segment(text)].map((s) => s.segment);
    for (let at = graphemes.length; at >= 0; at--) {
      const [row, column] = await tty.cursor();
      const line = tty.term.buffer.active.getLine(row)!;
      const cell = line.getCell(column)!;
      const expected = graphemes[at] ?? "";
      if (expected.trim() !== "") {
        assertEquals(cell.getChars().normalize(), expected.normalize(), `${text} at ${at}`);
      }
      await tty.type("\x1b[D");
    }
    assertEquals((await tty.cursor())[1], 2);
  }
});

Deno.test("Screen: a terminal's answer is never typed into the line, however it is split", async () => {
  const answers =
    "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c\x1b[I\x1bP>|XTerm(390)\x1b\\";
  for (let at = 0; at <= answers.length; at++) {
    const { tty } = setUp();
    await tty.type(`a${answers.slice(0, at)}`);
    await tty.type(`${answers.slice(at)}b`);
    assertEquals(await tty.rows(), [STATUS, "> ab"]);
  }
});

Deno.test("Screen: explains why a text cannot be sent, and puts it back into the line", async () => {
  const { tty, room } = setUp();
  const text = "x".repeat(101);
  await tty.type(`${text}\r`);
  const rows = await tty.rows();
  assertEquals(rows.slice(0, 2), ["Cannot send this: it is too long", "Send it in parts"]);
  assertEquals(rows.slice(3).join(""), `> ${text.slice(0, 70)}  ${text.slice(70)}`);
  await tty.type("\x15/hlep\r");
  assertStringIncludes((await tty.rows()).join("\n"), 'did you mean "/help"');
  assertEquals((await tty.rows()).at(-1), "> /hlep");
  assertEquals(room.pending, []);
});

Deno.test("Screen: /reply names its receiver at the blank, and a later direct message changes nothing", async () => {
  const { tty, room, tell } = setUp();
  room.members = [ALICE, BOB, CAROL];
  const line = async () => (await tty.rows()).at(-1);
  await tty.type("/reply hi\r");
  assertStringIncludes((await tty.rows()).join("\n"), "you have not received a direct message yet");
  assertEquals(await line(), "> /reply hi");
  tell({ type: "direct", from: BOB, text: "psst", action: false, ...UNPROVED });
  // The receiver is shown before anything is sent.
  await tty.type("\r");
  assertEquals(await line(), "> /msg bob#2 hi");
  await tty.type("\x15/reply");
  assertEquals(await line(), "> /reply");
  await tty.type(" ");
  assertEquals(await line(), "> /msg bob#2");
  tell({ type: "direct", from: CAROL, text: "me too", action: false, ...UNPROVED });
  await tty.type("at ten\r");
  assertEquals(room.calls, ['tell "bob#2" at ten']);
  // Undo brings the command back, which goes to the newest one.
  await tty.type("/reply ");
  assertEquals(await line(), "> /msg carol#3");
  await tty.type("\x1f");
  assertEquals(await line(), "> /reply");
  await tty.type("hi\r");
  assertEquals(room.calls.slice(1), ["tell 3 hi"]);
  // Recalled and pasted.
  await tty.type("\x1b[A");
  assertEquals(await line(), "> /msg carol#3 hi");
  await tty.type("\x15\x1b[200~/reply one\ntwo\x1b[201~");
  assertEquals((await tty.rows()).slice(-2), ["> /msg carol#3 one", "  two"]);
});

Deno.test("Screen: a command after blanks asks once, and only a second Enter posts it", async () => {
  const { tty, room } = setUp();
  const last = async () => (await tty.rows()).slice(-2);
  const question = "starts with blanks: Enter again posts it to the room";
  await tty.type(" /msg carol secret\r");
  assertEquals(await last(), [question, ">  /msg carol secret"]);
  assertEquals(room.calls, []);
  await tty.type("\r");
  assertEquals(room.calls, ["say  /msg carol secret"]);
  // Another key takes the question back, an edit asks again.
  await tty.type("  /w bob hi\r");
  await tty.type("!");
  assertEquals((await last())[0], STATUS);
  await tty.type("\r");
  assertEquals((await last())[0], question);
  await tty.type("\x1b[D");
  await tty.type("\r");
  assertEquals((await last())[0], question);
  // Corrected.
  await tty.type("\x15/msg bob hi\r");
  // Pasted as several lines; the Enter that is pasted with it answers nothing.
  await tty.type("\x1b[200~\n  /quit\nnow\n\x1b[201~\r\r");
  assertEquals((await last()).length, 2);
  assertEquals(room.calls.slice(1), ['tell "bob" hi']);
  await tty.type("\r");
  assertEquals(room.calls.slice(2), ["say \n  /quit\nnow"]);
  // No command.
  await tty.type("  /etc/hosts\r  hi /msg\r");
  assertEquals(room.calls.slice(3), ["say   /etc/hosts", "say   hi /msg"]);
  await tty.drawn();
});

Deno.test("Screen: shows a text of many rows around the cursor, and fits into a low screen", async () => {
  const { tty, tell, room } = setUp(40, 10);
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
  await tty.type(`\x1b[200~${lines.join("\r")}\x1b[201~`);
  assertEquals((await tty.rows()).slice(1), ["  line 96", "  line 97", "  line 98", "  line 99"]);
  tell(room.message(BOB, "hi"));
  for (let i = 0; i < 50; i++) await tty.type("\x1b[A");
  assertEquals(await tty.rows(), [
    "09:05 bob: hi",
    "xor: not secret · 689 bytes too long",
    "  line 47",
    "  line 48",
    "  line 49",
    "  line 50",
  ]);
  assertEquals(await tty.cursor(), [4, 9]);
});

Deno.test("Screen: a lone ESC does not begin the next key; a sequence may be split over reads", async () => {
  const { tty, clock } = setUp();
  await tty.type("ab\x1b");
  clock.pass(50);
  await tty.type("b");
  assertEquals((await tty.rows()).at(-1), "> abb");
  await tty.type("\x1b");
  await tty.type("[Dx");
  assertEquals((await tty.rows()).at(-1), "> abxb");
  // The rest of the sequence comes late. By hand, each character is a read.
  await tty.type("\x1b");
  clock.pass(120);
  await tty.type("[D");
  await tty.type("y");
  assertEquals((await tty.rows()).at(-1), "> abyxb");
  await tty.type("\x1b");
  clock.pass(120);
  await tty.type("[");
  await tty.type("D");
  assertEquals((await tty.rows()).at(-1), "> aby[Dxb");
});

Deno.test("Screen: Ctrl, Shift and Alt with keys in the newer forms: Shift-Enter begins a line, Ctrl-C leaves", async () => {
  const { tty, room } = setUp();
  await tty.type("one\x1b[13;2utwo\x1b[27;2;13~three\x1b[98;3u\x1b[107;5u");
  assertEquals((await tty.rows()).slice(1), ["> one", "  two"]);
  assertEquals(await tty.cursor(), [3, 2]);
  await tty.type("\x1b[13u");
  assertEquals(room.pending.map(({ text }) => text), ["one\ntwo"]);
  await tty.type("\x1b[99;5:3u");
  assertEquals(room.leaves, 0);
  await tty.type("\x1b[99;5u");
  assertEquals(room.leaves, 1);
  await tty.drawn();
});

Deno.test("Screen: Ctrl-L scrolls everything out of sight and loses nothing", async () => {
  const { tty, room, tell } = setUp(80, 10);
  tell(room.message(BOB, "hi"));
  await tty.type("typed\x0c");
  const rows = await tty.rows();
  assertEquals(rows[0], "09:05  bob │ hi");
  assertEquals(rows.slice(-2), [STATUS, "> typed"]);
  assertEquals(await tty.cursor(), [tty.term.buffer.active.baseY + 1, 7]);
});

/** Hostile events, one for each way to the screen. */
const HOSTILE = [
  "\x1b[2J\x1b[H",
  "\x1b]0;title\x07",
  "\x1b]52;c;aGk=\x1b\\",
  "\x1bP+q544e\x1b\\",
  "\x1b[6n\x1b[c",
  "\x1b[?1049h\x1b[31m",
  "\x9b2J\x9d0;title\x9c\x85\x90x",
  "\x07\x08\x08\r\x0b\x0c\x0e\x7f\0",
  "\u202eevil\u2066\u200f\u061c",
  "\u2028\u2029\ufeff\u{e0041}\ud800",
].map((s) => `a${s}z`);

Deno.test("Screen: shows whatever others send, and never sends it to the terminal as control sequences", async () => {
  for (const evil of HOSTILE) {
    const { tty, room, tell, ending } = setUp(200);
    let obeyed = "";
    tty.term.onBell(() => obeyed += "bell ");
    tty.term.onTitleChange(() => obeyed += "title ");
    tty.term.onData(() => obeyed += "answer ");
    const eve: Person = { id: 3, name: evil, self: false, away: true };
    room.members = [ALICE, eve];
    room.pending = [{ ref: 1, text: evil, action: false, to: eve }];
    tell(
      { type: "welcome", self: eve, room: { ...room.info, address: evil } },
      { type: "members", members: room.members },
      room.message(eve, evil),
      room.message(eve, evil, true),
      { type: "direct", from: eve, text: evil, action: false, sent: new Date(0), missing: 3 },
      { type: "delivered", ref: 1, to: eve, text: evil },
      { type: "undelivered", ref: 1, to: eve, text: evil, reason: "gone" },
      { type: "joined", who: eve, at: 1, sent: new Date(0) },
      { type: "keychanged", who: eve },
      { type: "renamed", who: eve, before: evil, at: 1 },
      { type: "left", who: eve, reason: "lost", at: 1 },
      { type: "unreadable", from: eve, message: evil, count: 1, fresh: 1 },
      { type: "unreadable", from: eve, message: evil, count: 3, fresh: 2 },
      { type: "forked", who: eve, since: new Date(0) },
      { type: "agreed", who: eve },
      { type: "away", who: eve, at: 1 },
      { type: "back", who: eve, at: 1 },
      { type: "warning", code: "flood", message: evil },
      { type: "disconnected", reason: "lost", message: evil },
      { type: "disconnected", reason: "stopped", message: evil },
      { type: "disconnected", reason: "refused", message: evil },
      { type: "waiting", attempt: 1, until: new Date(0), message: evil },
      { type: "connected", self: eve, resumed: false, missed: 1, unseen: 0 },
    );
    await tty.type("/who\ra\t");
    await tty.type(`\x1b[200~${evil.replaceAll("\x1b", "")}\x1b[201~`);
    tell({ type: "ended", ending: { reason: "refused", code: "flood", message: evil } });
    await ending;
    await tty.drawn();
    // The only control characters left are the screen's own sequences.
    // deno-lint-ignore no-control-regex
    const own = /\x1b\[(?:\d*[ACJK]|[\d;]*m|\?(?:25|7|2004|1004)[hl])|\r\n|\r/g;
    const rest = tty.output.replace(own, "");
    assert(
      !/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069\u200f\u061c\ufeff\u{e0041}]/u.test(rest),
      rest,
    );
    assertEquals(obeyed, "", JSON.stringify(evil));
    assertEquals(tty.term.buffer.active.type, "normal");
    for (const row of (await tty.rows()).filter((r) => r !== "")) {
      assertMatch(row, /^(\d\d:| |1 here|1 away|not )/);
    }
  }
});

Deno.test("Screen: no member can imitate another member's line", async () => {
  for (const columns of [20, 80]) {
    const { tty, room, tell } = setUp(columns);
    tell(room.message(BOB, "hi\n09:05 carol: I am evil\r\n09:05 carol: really"));
    const rows = (await tty.rows()).slice(0, -2);
    assertEquals(rows.filter((row) => /^\S/.test(row)).length, 1, rows.join("\n"));
  }
});

/** The rows of "hi" and "there" of bob at `from` columns, and "again" at `to`. */
function saidAt(from: number, to: number): string[] {
  const again = to < 60 ? "bob: again" : "       bob │ again";
  if (from >= 60) return ["09:05  bob │ hi", "           │ there", again];
  // A name wider than a third of the row has a row of its own.
  if (from < 33) return ["09:05 bob:", "  hi", "  there", again];
  return ["09:05 bob: hi", "           there", again];
}

Deno.test("Screen: a resize in mid-line leaves no debris", async () => {
  const line = "a line with some words and more of it";
  for (const [from, to] of [[80, 30], [80, 20], [30, 80], [200, 20], [20, 200]] as const) {
    const { tty, clock, room, tell } = setUp(from);
    tell(room.message(BOB, "hi"), room.message(BOB, "there"));
    await tty.type(`${line}\x1b[D\x1b[D`);
    clock.pass(REST_MS);
    await tty.resize(to, 24);
    clock.pass(QUIET_MS);
    tell(room.message(BOB, "again"));
    const rows = await tty.rows();
    const message = `${from} to ${to}:\n${rows.join("\n")}`;
    const said = saidAt(from, to);
    assertEquals(rows.slice(0, said.length), said, message);
    assertMatch(rows[said.length]!, PROTECTED, message);
    // Spaces at the end of rows look like empty cells.
    const input = rows.slice(said.length + 1).map((row) => row.slice(2)).join("");
    assertEquals(input.replaceAll(" ", ""), line.replaceAll(" ", ""), message);
  }
});

Deno.test("Screen: a resize with the cursor in any row of a long line loses no message and no text", async () => {
  const line =
    "a line with some words and more of it and still more of it, so that it has many rows";
  const sizes = [[80, 30], [80, 20], [60, 50], [30, 80], [200, 20], [20, 200], [40, 38]] as const;
  for (const [from, to] of sizes) {
    for (const lefts of [0, 1, 10, 30, 50, 70, line.length]) {
      const { tty, clock, room, tell } = setUp(from);
      tell(room.message(BOB, "hi"), room.message(BOB, "there"));
      await tty.type(line + "\x1b[D".repeat(lefts));
      const beneath = (await tty.rows()).length - 1 - (await tty.cursor())[0];
      clock.pass(REST_MS);
      await tty.resize(to, 24);
      clock.pass(QUIET_MS);
      tell(room.message(BOB, "again"));
      const rows = await tty.rows();
      const message = `${from} to ${to}, ${lefts} to the left:\n${rows.join("\n")}`;
      const said = saidAt(from, to);
      for (const row of said) assertEquals(rows.filter((r) => r === row).length, 1, message);
      // Where the terminal had to cut rows beneath the cursor, pieces of old rows may stay above.
      if (beneath === 0 || to > from) assertEquals(rows.slice(0, said.length), said, message);
      const status = rows.findLastIndex((row) => row.startsWith("127") || row.startsWith("xor"));
      assertEquals(rows[status - 1], said.at(-1), message);
      const input = rows.slice(status + 1).map((row) => row.slice(2)).join("");
      assertEquals(input.replaceAll(" ", ""), line.replaceAll(" ", ""), message);
    }
  }
});

/** The terminal is restored, and the cursor is at the start of an empty row beneath the rest. */
async function assertRestored(tty: FakeTty): Promise<void> {
  const rows = await tty.rows();
  assert(!tty.raw);
  assertEquals(tty.listeners.size, 0);
  assertEquals(await tty.cursor(), [rows.length, 0]);
  assertEquals(tty.term.modes.bracketedPasteMode, false);
  assertEquals(tty.term.modes.wraparoundMode, true);
  assert(tty.output.endsWith("\x1b[?25h"), "the cursor is shown");
  assert(!rows.some((row) => row.startsWith(">") || row.includes("xor")), rows.join("\n"));
}

Deno.test("Screen: takes the terminal, and gives it back after /quit, Ctrl-C, Ctrl-D and hang-up", async () => {
  for (const input of ["/quit\r", "\x03", "\x04", "text\x03\x03", null]) {
    const { tty, room, tell, ending, clock } = setUp();
    assert(tty.raw);
    await tty.drawn();
    assert(tty.term.modes.bracketedPasteMode);
    tell(room.message(BOB, "hi"));
    if (input === null) tty.typeLast(input);
    else await tty.type(input);
    await Promise.resolve();
    assertEquals(room.leaves, 1);
    tell({ type: "ended", ending: { reason: "left" } });
    assertEquals(await ending, { reason: "left" });
    await assertRestored(tty);
    assertEquals(await tty.rows(), ["09:05  bob │ hi"]);
    assertEquals(clock.waiting, 0);
  }
});

Deno.test("Screen: Ctrl-Z gives the terminal back until the program is continued, and keeps the line", async () => {
  for (const key of ["\x1a", "\x1b[122;5u"]) {
    const { tty, room, tell, clock } = setUp();
    tell(room.message(BOB, "one"));
    await tty.type(`dra${key}`);
    assertEquals([tty.suspensions, tty.raw], [1, false]);
    assertEquals(await tty.rows(), ["09:05  bob │ one"]);
    assert(!tty.term.modes.bracketedPasteMode && !tty.term.modes.sendFocusMode);
    assert(tty.output.endsWith("\x1b[?7h\x1b[0m\x1b[?25h"));
    // Nothing is written to the shell's screen.
    const { writes } = tty;
    tell(room.message(BOB, "two"));
    await tty.resize(70, 24);
    await tty.type("ft\x0c");
    clock.pass(5000);
    assertEquals(tty.writes, writes);
    tty.term.write("$ fg\r\n");
    await tty.resume();
    assert(tty.raw && tty.term.modes.bracketedPasteMode && tty.term.modes.sendFocusMode);
    assertEquals((await tty.rows()).slice(0, 3), ["09:05  bob │ one", "$ fg", "09:05  bob │ two"]);
    assertEquals((await tty.rows()).at(-1), "> draft");
    // The signal that continued it is not one from outside.
    await tty.type("!");
    assertEquals((await tty.rows()).filter((row) => row.startsWith("> ")), ["> draft!"]);
  }
});

Deno.test("Screen: takes the terminal again when something else has stopped and continued the program", async () => {
  const { tty, room, tell } = setUp();
  tell(room.message(BOB, "one"));
  await tty.type("draft");
  // The shell has the terminal meanwhile, and leaves it in its way.
  tty.setRaw(false);
  tty.term.write("\r\n[1]+ Stopped\r\n$ fg\r\n\x1b[?2004l\x1b[?1004l");
  tty.continue();
  await tty.drawn();
  assert(tty.raw && tty.term.modes.bracketedPasteMode && tty.term.modes.sendFocusMode);
  assertEquals((await tty.rows()).slice(-2), [STATUS, "> draft"]);
  assert((await tty.rows()).includes("$ fg"));
  tell(room.message(BOB, "two"));
  assertEquals((await tty.rows()).slice(-3), ["09:05  bob │ two", STATUS, "> draft"]);
});

Deno.test("Screen: says why it cannot suspend; without job control, Ctrl-Z does nothing", async () => {
  const { tty } = setUp();
  await tty.type("draft\x1a");
  await tty.resume(new ChatError("Cannot suspend: a test"));
  assertEquals(await tty.rows(), ["Cannot suspend: a test", "> draft"]);
  assert(tty.raw);
  tty.suspend = undefined;
  const { writes } = tty;
  await tty.type("\x1a");
  assertEquals([tty.suspensions, tty.writes], [1, writes + 1]);
  assertEquals(await tty.rows(), [STATUS, "> draft"]);
});

Deno.test("Screen: if the room ends before a suspended program is continued, it writes over nothing", async () => {
  const { tty, room, tell, ending } = setUp();
  await tty.type("draft\x1a");
  tty.term.write("$ fg");
  tell(room.message(BOB, "last"), { type: "ended", ending: { reason: "left" } });
  await ending;
  await tty.resume();
  assertEquals(tty.raw, false);
  assertMatch((await tty.rows())[0]!, /^\$ fg/);
  assertStringIncludes((await tty.rows()).join("\n"), "last");
});

Deno.test("Screen: Ctrl-C clears the line and explains how to leave; Ctrl-Y restores the line", async () => {
  const { tty, room } = setUp();
  await tty.type("some text\x03");
  assertEquals(await tty.rows(), ["Ctrl-C again to leave, Ctrl-Y to get the line back", ">"]);
  await tty.type("\x19");
  assertEquals(await tty.rows(), [STATUS, "> some text"]);
  assertEquals(room.leaves, 0);
});

Deno.test("Screen: a second Ctrl-C leaves without waiting for the goodbye", async () => {
  const { tty, ending } = setUp();
  await tty.type("\x03");
  assertEquals((await tty.rows()).at(-2), "leaving; Ctrl-C to leave at once");
  tty.typeLast("\x03");
  assertEquals(await ending, { reason: "left" });
  await assertRestored(tty);
});

Deno.test("Screen: a host with others inside is asked once before it leaves, by each way to leave", async () => {
  for (const [input, action] of [["\x03", "Ctrl-C"], ["\x04", "Ctrl-D"], ["/quit\r", "/quit"]]) {
    for (const again of ["\x03", "\x04", "/quit\r"]) {
      const { tty, room } = setUp(80, 24, { hosting: "closes" });
      await tty.type(input!);
      assertEquals((await tty.rows()).slice(-2), [
        `Leaving closes the room for 1 other; ${action} again to close it`,
        ">",
      ]);
      assertEquals(room.leaves, 0);
      await tty.type(again);
      assertEquals(room.leaves, 1);
      assertEquals((await tty.rows()).at(-2), "leaving; Ctrl-C to leave at once");
    }
  }
});

Deno.test("Screen: the question of a host fits into 40 columns; a hang-up is not asked", async () => {
  const { tty, room } = setUp(40, 20, { hosting: "closes" });
  await tty.type("\x03");
  assertEquals(await tty.rows(), ["Ctrl-C again closes it for 1 other", ">"]);
  tty.typeLast(null);
  await tty.drawn();
  assertEquals(room.leaves, 1);
});

Deno.test("Screen: any other key cancels the question of a host, and does what it always does", async () => {
  for (const input of ["x", "\x1b[A", "hi\r", "x\x03", "/who\r", "/qx", "\x0c"]) {
    const { tty, room } = setUp(80, 24, { hosting: "closes" });
    await tty.type("\x03");
    await tty.type(input);
    const text = (await tty.rows()).join("\n");
    assert(!text.includes("Leaving closes"), text);
    await tty.type("\x15\x03");
    assertEquals([input, room.leaves], [input, 0]);
    assertStringIncludes((await tty.rows()).at(-2)!, "Leaving closes");
    // Reports of the terminal are no keys of the user.
    await tty.type("\x1b[O\x1b[I");
    await tty.type("\x03");
    assertEquals([input, room.leaves], [input, 1]);
    await tty.drawn();
  }
});

Deno.test("Screen: when the room has ended, shows the reason and unsent messages", async () => {
  const cases: [Ending, string][] = [
    [{ reason: "stopped" }, "09:05 the room is closed: the server has stopped"],
    [{ reason: "lost", message: "reset" }, "09:05 connection lost: reset"],
    [
      { reason: "refused", code: "flood", message: "too fast" },
      "09:05 the server closed the connection: too fast",
    ],
  ];
  for (const [reason, message] of cases) {
    const { tty, tell, ending } = setUp();
    await tty.type("said\runfinished");
    tell({ type: "ended", ending: reason });
    assertEquals(await ending, reason);
    assertEquals(await tty.rows(), [message, "not confirmed: said", "not sent: unfinished"]);
    await assertRestored(tty);
  }
});

Deno.test("Screen.close: gives the terminal back once; later events are printed plainly", async () => {
  const { tty, room, tell, screen } = setUp();
  tell(room.message(BOB, "hi"));
  screen.event(room.message(BOB, "just before"));
  screen.close();
  await assertRestored(tty);
  const { output } = tty;
  screen.close();
  assertEquals(tty.output, output);
  tell({ type: "ended", ending: { reason: "stopped" } });
  tty.typeLast("for the shell\r");
  assertEquals(await tty.rows(), [
    "09:05  bob │ hi",
    "           │ just before",
    "      the room is closed: the server has stopped",
  ]);
  assertEquals(room.pending, []);
});

Deno.test("Screen.close: never throws, even if the terminal has gone", async () => {
  const { tty, screen } = setUp();
  tty.write = () => {
    throw new Error("EIO");
  };
  screen.close();
  assert(!tty.raw);
  await tty.drawn();
  new Screen({ tty: new FakeTty(), room: new FakeRoom() }).close();
});

Deno.test("Screen: a crash gives the terminal back and reaches the caller", async () => {
  const { tty, ending } = setUp();
  await tty.type("text");
  tty.typeLast(new TypeError("broken"));
  await assertRejects(() => ending, TypeError, "broken");
  assert(!tty.raw);
  assertEquals(await tty.rows(), ["not sent: text"]);

  const other = setUp();
  other.room.say = () => {
    throw new TypeError("a bug");
  };
  other.tty.typeLast("text\r");
  await assertRejects(() => other.ending, TypeError, "a bug");
  await assertRestored(other.tty);
});

Deno.test("Screen: a long message is cut, and /show goes on", async () => {
  const { tty, room, tell } = setUp(80, 10);
  const text = Array.from({ length: 450 }, (_, i) => `line ${i + 1}`).join("\n");
  await tty.type("/show\r");
  assertEquals((await tty.rows()).slice(0, 2), [
    "Cannot show more: nothing was cut, or it is no longer kept",
    "/save FILE saves the complete messages",
  ]);
  await tty.type("\x15");
  tell(room.message(BOB, text));
  const above = async () => (await tty.rows()).slice(2, -2);
  assertEquals((await above()).length, 201);
  assertEquals((await above()).at(-1), "           │ … 250 more lines (/show)");
  await tty.type("/show\r");
  // Written in pieces, between which keys are read.
  tell();
  assertEquals((await above()).slice(201, 203), ["       bob │ line 201", "           │ line 202"]);
  await tty.type("/show bob\r");
  assertEquals((await above()).at(-1), "           │ line 450");
  tell(room.message(BOB, "next"));
  assertEquals((await above()).at(-1), "       bob │ next");
});

Deno.test("Screen: what cannot be shown has a note, once for each kind, and the conversation goes on", async () => {
  const { tty, room, tell, ending } = setUp();
  // An event that draws no row, and fails when something reads it.
  const broken = (type: "message" | "direct") => ({
    ...room.message(BOB, ""),
    type,
    get text(): string {
      throw new RangeError("too\x1b deep");
    },
  } as RoomEvent);
  tell(room.message(BOB, "one"), broken("message"), broken("message"), room.message(BOB, "two"));
  tell(broken("direct"), { type: "joined", who: BOB, at: 1, sent: undefined });
  assertEquals((await tty.rows()).slice(0, -3), [
    "09:05  bob │ one",
    "cannot show this (message): too␛ deep; this is a bug in chat",
    "           │ two",
    "cannot show this (direct): too␛ deep; this is a bug in chat",
  ]);
  // The live area, which is drawn again and again.
  Object.defineProperty(room, "pending", {
    get() {
      throw new RangeError("none");
    },
  });
  tell(room.message(BOB, "three"));
  tell(room.message(BOB, "four"));
  assertEquals((await tty.rows()).slice(-4), [
    "      bob joined",
    "            bob │ three",
    "cannot show this (live area): none; this is a bug in chat",
    "                │ four",
  ]);
  await tty.type("/mute\r");
  assertEquals((await tty.rows()).at(-1), "muted: no notifications; /mute to undo");
  tell({ type: "ended", ending: { reason: "left" } });
  assertEquals((await ending).reason, "left");
  await assertRestored(tty);
});

Deno.test("Screen: a bug in something that nobody waits for ends run, and gives the terminal back", async () => {
  const { tty, room, tell, ending } = setUp();
  tty.write = () => {
    throw new TypeError("a bug");
  };
  tell(room.message(BOB, "one"));
  await assertRejects(() => ending, TypeError, "a bug");
  assert(!tty.raw);
  await tty.drawn();
});

Deno.test("Screen: names have colours, unless colours are off", async () => {
  const before = getColorEnabled();
  try {
    // With NO_COLOR in the environment, nothing can turn them on.
    for (const enabled of Deno.noColor ? [false] : [true, false]) {
      setColorEnabled(enabled);
      const { tty, room, tell } = setUp();
      tell(room.message(BOB, "hi"), { type: "left", who: BOB, reason: "left", at: 1 });
      await tty.drawn();
      const line = tty.term.buffer.active.getLine(0)!;
      const at = (text: string) => line.getCell("09:05  bob │ hi".indexOf(text))!;
      assertEquals(at("bob").getChars(), "b");
      assertEquals(at("bob").isFgPalette(), enabled);
      // Without colours, names are bold.
      assertEquals(at("bob").isBold() !== 0, !enabled);
      const color = `38;5;${at("bob").getFgColor()}`;
      if (enabled) assertEquals(color, nameStyle(palette("auto"), "bob"));
      assertEquals(at("09:05").isFgPalette(), enabled);
      assertEquals(at("│").isFgPalette(), enabled);
      assert(at("hi").isFgDefault());
    }
  } finally {
    setColorEnabled(before);
  }
});

Deno.test("Screen: a transfer has one live row, which updates by itself, stalls, and ends as a line", async () => {
  const { tty, room, tell, clock } = setUp();
  const offered = going({ state: "offered", bytes: 0 });
  tell({ type: "offer", from: BOB, direct: false, files: [offered], ...UNPROVED });
  const offer = "09:05 bob offers photo.jpg (3 MiB): /accept 1 or /decline 1";
  const shown = async () => (await tty.rows()).slice(0, -2);
  const above = await shown();
  assertEquals(above.join(" ").replace(/\s+/g, " ").trim(), offer);
  room.transfers = [going({ bytes: 0, rate: 0 })];
  tell({ type: "transfer", transfer: room.transfers[0]! });
  assertEquals((await shown()).at(-1), "↓ photo.jpg from bob ░░░░░░░░░░░░░░░░░░░░  0%");
  room.transfers = [going()];
  clock.pass(1000);
  assertEquals(
    (await shown()).at(-1),
    "↓ photo.jpg from bob ██████░░░░░░░░░░░░░░ 33% 64 KiB/s 0:32 left",
  );
  room.transfers = [going({ stalled: "bob is away" })];
  clock.pass(1000);
  assertEquals(
    (await shown()).at(-1),
    "↓ photo.jpg from bob  33% stalled: bob is away",
  );
  const done = going({ state: "done", path: "/d/photo.jpg" });
  room.transfers = [done];
  tell({ type: "transfer", transfer: done });
  assertEquals((await shown()).slice(-2), [
    "      received photo.jpg from bob (3 MiB), verified: /d/photo.jpg; /view 1 to",
    "    … show it",
  ]);
});

Deno.test("Screen: a received folder takes a line or two, even while others talk", async () => {
  const { tty, room, tell, clock } = setUp(90);
  const come = (name: string) =>
    tell({ type: "transfer", transfer: going({ state: "done", name, path: `/d/${name}` }) });
  const shown = async () => (await tty.rows()).slice(0, -2).map((row) => row.trim());
  for (let n = 0; n < 50; n++) {
    come(`f${n}`);
    if (n === 20) tell(room.message(BOB, "hello"));
    clock.pass(20);
  }
  assertEquals(await shown(), [
    "09:05 received f0 from bob (3 MiB), verified: /d/f0",
    "bob │ hello",
    "received 49 more files (147 MiB) from bob, verified; the last: /d/f49",
  ]);
  clock.pass(3000);
  come("g");
  assertEquals((await shown()).slice(2), [
    "received 49 more files (147 MiB) from bob, verified; the last: /d/f49",
    "received g from bob (3 MiB), verified: /d/g",
  ]);
});

Deno.test("Screen: a sent folder takes a line or two, however many files one message confirms", async () => {
  const { tty, tell, clock } = setUp(90);
  const shown = async () => (await tty.rows()).slice(0, -2).map((row) => row.trim());
  const sent = (name: string) => going({ state: "done", direction: "out", name });
  const confirm = (...names: string[]) =>
    tell({ type: "changes", from: BOB, transfers: names.map(sent) });
  confirm("a", "b");
  confirm("c", "d", "e");
  tell({ type: "transfer", transfer: sent("f") });
  confirm("g", "h");
  assertEquals(await shown(), [
    "09:05 bob: 2 files received: a, b",
    "sent 6 more files (18 MiB) to bob",
  ]);
  // What has not gone well is shown at once, by itself.
  tell({
    type: "changes",
    from: BOB,
    transfers: [sent("i"), going({ state: "declined", direction: "out", name: "j" })],
  });
  clock.pass(3000);
  assertEquals(await shown(), [
    "09:05 bob: 2 files received: a, b",
    "sent 6 more files (18 MiB) to bob",
    "bob: 1 file received, 1 file declined: i, j",
  ]);
});

Deno.test("Screen: some of many transfers have rows, and the rest is counted; the line stays visible", async () => {
  for (const height of [3, 5, 12, 24]) {
    const { tty, room, tell } = setUp(80, height);
    room.transfers = Array.from({ length: 20 }, (_, i) => going({ number: i + 1, name: `f${i}` }));
    tell({ type: "transfer", transfer: room.transfers[0]! });
    await tty.type("typed");
    const rows = await tty.rows();
    assertEquals(rows.at(-1), "> typed");
    assert(rows.length <= Math.max(2, height / 2));
    if (height >= 12) assertStringIncludes(rows.join("\n"), "more transfers are running");
  }
});

/** Shows the rows it is given, and records the requests. */
class FakePictures implements Viewer {
  readonly asked: Stage[] = [];
  rows: string[] | ChatError = ["picture", "cat.png"];

  async view(_path: string, _name: string, stage: Stage): Promise<Preview> {
    this.asked.push(stage);
    await Promise.resolve();
    if (this.rows instanceof ChatError) throw this.rows;
    return { rows: this.rows, height: this.rows.length };
  }
}

Deno.test("Screen: asks a terminal once which pictures it can draw, and waits for the answer", async () => {
  const pictures = new FakePictures();
  const environment = { TERM: "xterm-256color" };
  const { tty, screen, clock } = setUp(80, 24, { pictures, environment });
  assert(!tty.output.includes(graphicsQuery(environment)));
  const first = screen.view("/a", "a");
  assert(tty.output.endsWith(graphicsQuery(environment)));
  await tty.type("\x1b_Gi=2428;OK\x1b\\\x1b[6;18;9t");
  await tty.type("\x1b[?62;22c");
  await first;
  const answers = { kitty: true, cell: { width: 9, height: 18 }, attributes: [62, 22] };
  const stage = { columns: 80, rows: 24, environment, answers, hasColors: getColorEnabled() };
  assertEquals(pictures.asked, [stage]);
  const written = tty.output.length;
  await screen.view("/b", "b");
  clock.pass(20);
  assert(!tty.output.slice(written).includes("\x1b[c"));
  assertEquals((await tty.rows()).filter((row) => row === "picture").length, 2);
});

Deno.test("Screen: does not wait long for a silent terminal, and does not ask an incapable one", async () => {
  for (const TERM of ["xterm-256color", "linux"]) {
    const pictures = new FakePictures();
    const { tty, screen, clock } = setUp(80, 24, { pictures, environment: { TERM } });
    const shown = screen.view("/a", "a");
    if (TERM !== "linux") clock.pass(500);
    await shown;
    assertEquals(pictures.asked.map(({ answers }) => answers), [{}]);
    assert(TERM !== "linux" || !tty.output.includes("\x1b[c"));
    await tty.drawn();
  }
});

Deno.test("Screen: a picture is among the messages, with the live area beneath it", async () => {
  const pictures = new FakePictures();
  const { tty, screen, room, clock, tell } = setUp(60, 12, { pictures });
  for (let line = 0; line < 20; line++) {
    tell(room.message(BOB, `line ${line}`));
    if (line % 4 !== 3) continue;
    await tty.type("typed");
    pictures.rows = line % 8 === 3
      ? ["one", "two", `cat ${line}`]
      // Moves the cursor as a terminal does that draws a picture.
      : [placed("drawn\r\n\r\nx", 3, `cat ${line}`)];
    await screen.view("/a", "a");
    clock.pass(20);
  }
  const rows = await tty.rows();
  for (let line = 0; line < 20; line++) {
    assertEquals(rows.filter((row) => row.endsWith(`line ${line}`)).length, 1, rows.join("\n"));
    if (line % 4 !== 3) continue;
    const at = rows.findIndex((row) => row.endsWith(`line ${line}`));
    assertEquals(rows[at + 1], line % 8 === 3 ? "one" : "drawn");
    assertEquals(rows[at + (line % 8 === 3 ? 3 : 4)], `cat ${line}`);
  }
  // After a picture, name and time appear again.
  assertEquals(rows.filter((row) => /^09:05 +bob /.test(row)).length, 5);
  assertEquals(rows.at(-1), "> " + "typed".repeat(5));
  pictures.rows = new ChatError("Cannot show a: it is damaged", { hint: "Ask for it again" });
  await screen.view("/a", "a");
  clock.pass(20);
  assertEquals((await tty.rows()).slice(-4, -2), [
    "Cannot show a: it is damaged",
    "Ask for it again",
  ]);
  const late = screen.view("/a", "a");
  screen.close();
  await late;
  assertEquals((await tty.rows()).filter((row) => row.includes("damaged")).length, 1);
});
