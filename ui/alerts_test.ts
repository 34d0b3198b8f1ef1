import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Person, RoomEvent } from "../room.ts";
import { type Environment, isCapable } from "../terminal/environment.ts";
import { ALICE, BOB, EARLIER, EVENTS, ID, UNPROVED } from "../tests/support/fake_room.ts";
import { alarm, Alerts, notifier } from "./alerts.ts";
import { Preferences } from "./preferences.ts";

const message = (text: string, from: Person = BOB): RoomEvent => (
  { type: "message", from, text, action: false, at: 1, ref: undefined, ...UNPROVED }
);
/** An answer to a message of this member. */
const answer = (from: Person) => ({ ...message("yes"), re: ID, quoted: { ...EARLIER, from } });
const direct: RoomEvent = { type: "direct", from: BOB, text: "psst", action: false, ...UNPROVED };

const offer: RoomEvent & { type: "offer" } = {
  type: "offer",
  from: BOB,
  direct: false,
  files: [],
  ...UNPROVED,
};

const at = (ms: number) => new Date(ms);

/** Whether an event notifies while the window is in the background. */
function rings(preferences: Preferences, event: RoomEvent): boolean {
  const alerts = new Alerts(at(0));
  alerts.focus(false, at(0));
  return alerts.note(event, preferences, "alice", at(0)) !== undefined;
}

const announcement: RoomEvent & { type: "notice" } = {
  ...{ type: "notice", action: "announce", by: BOB, who: undefined, text: "at noon", at: 1 },
};

Deno.test("Alerts: mentions and direct messages notify; all messages or none, if the user wants that", () => {
  const off = new Preferences({ notify: "off" });
  const muted = new Preferences({ notify: "all" });
  muted.muted = true;
  const cases: [Preferences, RoomEvent, boolean][] = [
    [new Preferences(), message("hi @Alice!"), true],
    [new Preferences(), direct, true],
    [new Preferences(), answer(ALICE), true],
    [new Preferences(), answer(BOB), false],
    [off, answer(ALICE), false],
    [new Preferences(), message("hi all"), false],
    [new Preferences(), message("malice"), false],
    [new Preferences({ notify: "all" }), message("hi all"), true],
    [new Preferences({ highlights: ["deploy", "on call"] }), message("who is on call?"), true],
    [new Preferences({ highlights: ["deploy", "on call"] }), message("I call"), false],
    [new Preferences({ highlights: ["deploy"] }), message("deploy", ALICE), false],
    [new Preferences({ notify: "off", highlights: ["deploy"] }), message("deploy"), false],
    // The user's own message.
    [new Preferences({ notify: "all" }), message("I, alice", ALICE), false],
    [new Preferences(), offer, false],
    [new Preferences(), { ...offer, direct: true }, true],
    [new Preferences({ notify: "all" }), offer, true],
    [new Preferences(), announcement, true],
    [new Preferences(), { ...announcement, by: undefined }, true],
    [new Preferences(), { ...announcement, by: ALICE }, false],
    [new Preferences(), { ...announcement, action: "lock" }, false],
    [off, announcement, false],
    [muted, announcement, false],
    [off, direct, false],
    [off, { ...offer, direct: true }, false],
    [off, message("alice"), false],
    [muted, direct, false],
    [
      new Preferences({ notify: "all" }),
      { type: "joined", who: BOB, at: 1, sent: undefined },
      false,
    ],
  ];
  for (const [preferences, event, isHeard] of cases) {
    assertEquals(rings(preferences, event), isHeard);
  }
});

Deno.test("Alerts: notifies only in the background; without focus events, after a minute without a key", () => {
  const ask = (alerts: Alerts, now: number) =>
    alerts.note(direct, new Preferences(), "alice", at(now)) !== undefined;
  const alerts = new Alerts(at(0));
  assert(!ask(alerts, 59_999));
  assert(ask(alerts, 60_000));
  alerts.typed(at(70_000));
  assert(!ask(alerts, 129_999));
  assert(ask(alerts, 130_000));
  // The terminal's report beats the keys.
  alerts.focus(true, at(1_000_000));
  assert(!ask(alerts, 1_000_000));
  alerts.focus(false, at(1_000_000));
  alerts.typed(at(1_000_000));
  assert(ask(alerts, 1_000_000));
});

Deno.test("Alerts: notifies at most once in 3 s; messages that do not notify do not count", () => {
  const alerts = new Alerts(at(0));
  alerts.focus(false, at(0));
  const noteAt = (now: number, event: RoomEvent = direct) =>
    alerts.note(event, new Preferences(), "alice", at(now));
  assertEquals(noteAt(0), "bob: psst");
  assertEquals(noteAt(2999), undefined);
  assertEquals(noteAt(3000), "bob: psst");
  assertEquals(noteAt(6000, message("hi all")), undefined);
  assertEquals(noteAt(6001, { ...direct, action: true }), "* bob psst");
  assertEquals(noteAt(9001, announcement), "ANNOUNCEMENT by bob: at noon");
});

Deno.test("Alerts: unread messages begin once, at the first from another after the user has left", () => {
  const alerts = new Alerts(at(0));
  const fromAt = (now: number, event: RoomEvent = message("hi")) => {
    const from = alerts.unreadFrom(event, at(now));
    return from && [from.by, from.since.getTime()];
  };
  assertEquals(fromAt(1000), undefined);
  alerts.focus(false, at(2000));
  assertEquals(fromAt(3000, message("own", ALICE)), undefined);
  assertEquals(fromAt(3000, { type: "joined", who: BOB, at: 1, sent: undefined }), undefined);
  assertEquals(fromAt(3000, { ...announcement, action: "lock" }), undefined);
  assertEquals(fromAt(3000, direct), ["focus", 2000]);
  assertEquals(fromAt(4000), undefined);
  alerts.focus(true, at(5000));
  assertEquals(fromAt(6000), undefined);
  // Again for each absence.
  alerts.focus(false, at(7000));
  assertEquals(fromAt(8000, offer), ["focus", 7000]);
  // A correction is news, too; the user's own is not.
  const [edited] = EVENTS.edited;
  alerts.focus(false, at(8000));
  assertEquals(fromAt(8001, { ...edited!, from: ALICE }), undefined);
  assertEquals(fromAt(8002, { ...edited!, from: BOB }), ["focus", 8000]);
  // A key shows that the user looks, whatever the terminal reports.
  alerts.typed(at(9000));
  assertEquals(fromAt(68_999), undefined);
  assertEquals(fromAt(69_000), ["key", 9000]);
  alerts.focus(true, at(70_000));
  assertEquals(fromAt(1_000_000), undefined);
});

Deno.test("Alerts: without reports about the window, unread messages begin after a minute without a key", () => {
  const alerts = new Alerts(at(0));
  assertEquals(alerts.unreadFrom(direct, at(59_999)), undefined);
  assertEquals(alerts.unreadFrom(direct, at(60_000)), { by: "key", since: at(0) });
  assertEquals(alerts.unreadFrom(direct, at(200_000)), undefined);
  alerts.typed(at(200_000));
  assertEquals(alerts.unreadFrom(direct, at(260_000)), { by: "key", since: at(200_000) });
});

Deno.test("Alerts: without reports about the window, messages are counted after a minute without a key", () => {
  const alerts = new Alerts(at(0));
  const counts = [59_999, 60_000, 70_000].map((now) => {
    alerts.note(message("hi"), new Preferences(), "alice", at(now));
    return alerts.unread;
  });
  assertEquals(counts, [0, 1, 2]);
  alerts.typed(at(80_000));
  assertEquals(alerts.unread, 0);
});

Deno.test("Alerts: where a row counts the messages that follow, unread messages do not begin once more", () => {
  const alerts = new Alerts(at(0));
  const connected = (unseen: number): RoomEvent => (
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen }
  );
  alerts.focus(false, at(1000));
  assertEquals(alerts.unreadFrom(connected(3), at(2000)), undefined);
  assertEquals(alerts.unreadFrom(message("hi"), at(2000)), undefined);
  // The next absence has its own beginning; so has one after a reconnection that missed nothing.
  alerts.focus(true, at(3000));
  alerts.focus(false, at(4000));
  assertEquals(alerts.unreadFrom(connected(0), at(5000)), undefined);
  assertEquals(alerts.unreadFrom(message("hi"), at(5000)), { by: "focus", since: at(4000) });
});

Deno.test("notifier: follows the environment; a bell for unknown terminals", () => {
  const cases: [Environment, string][] = [
    [{}, "bell"],
    [{ TERM: "xterm-256color" }, "bell"],
    [{ TERM: "dumb", VTE_VERSION: "7600" }, "bell"],
    [{ TERM: "linux" }, "bell"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "Apple_Terminal" }, "bell"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" }, "osc9"],
    [{ TERM: "xterm-256color", LC_TERMINAL: "iTerm2" }, "osc9"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" }, "osc9"],
    [{ TERM: "xterm-ghostty", TERM_PROGRAM: "ghostty" }, "osc9"],
    [{ WT_SESSION: "b1c2" }, "osc9"],
    [{ TERM: "xterm-256color", VTE_VERSION: "7600" }, "osc777"],
    [{ TERM: "rxvt-unicode-256color" }, "osc777"],
    [{ TERM: "foot" }, "osc777"],
    [{ TERM: "xterm-kitty" }, "osc99"],
    // In a multiplexer, whatever the terminal around it is.
    [{ TERM: "tmux-256color", TERM_PROGRAM: "tmux", VTE_VERSION: "7600" }, "bell"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "tmux", LC_TERMINAL: "iTerm2" }, "bell"],
    [{ TERM: "screen-256color", TERM_PROGRAM: "iTerm.app" }, "bell"],
  ];
  for (const [environment, kind] of cases) assertEquals(notifier(environment), kind);
});

Deno.test("isCapable: false without a terminal name, and where control sequences are printed", () => {
  const capable = [undefined, "", "dumb", "linux", "xterm-256color", "tmux-256color"]
    .filter((TERM) => isCapable(TERM === undefined ? {} : { TERM }));
  assertEquals(capable, ["xterm-256color", "tmux-256color"]);
  assert(isCapable({ WT_SESSION: "b1c2" }));
});

Deno.test("alarm: rings once; its text is printable, short, and cannot end the sequence", () => {
  assertEquals(alarm("bell", "bob: hi"), "\x07");
  assertEquals(alarm("osc9", "bob: hi"), "\x07\x1b]9;chat: bob: hi\x1b\\");
  assertEquals(alarm("osc777", "bob: hi"), "\x07\x1b]777;notify;chat;bob: hi\x1b\\");
  assertEquals(alarm("osc99", "bob: hi"), "\x07\x1b]99;;chat: bob: hi\x1b\\");
  const evil = "4;1;50\x07\x1b\\\x9c\x1b]0;t\x07\u202e\n" + "👨‍👩‍👧e\u0301".repeat(100_000);
  for (const kind of ["osc9", "osc777", "osc99"] as const) {
    // deno-lint-ignore no-control-regex
    const [, note] = /^\x07\x1b\](?:9;chat: |777;notify;chat;|99;;chat: )([^]*)\x1b\\$/.exec(
      alarm(kind, evil),
    )!;
    assert(!/[\p{Cc}\p{Bidi_Control};]/u.test(note!), note);
    assert(note!.startsWith("4,1,50␇␛\\"), note);
    assertLessOrEqual(note!.length, 100);
    assert(note!.endsWith("…"));
  }
});
