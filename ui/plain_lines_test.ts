import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import type { RoomEvent } from "../room.ts";
import { ALICE, BOB, EVENTS, SENT, UNPROVED } from "../tests/support/fake_room.ts";
import { plainLines } from "./plain_lines.ts";
import { SavedTranscript, stamp } from "./saved_transcript.ts";

const NOW = SENT;

/** The saved lines of these events, without heading and times. */
function recorded(...events: RoomEvent[]): string[] {
  const record = new SavedTranscript();
  for (const event of events) record.add(event, NOW);
  const [heading, ...lines] = record.text("127.0.0.1:2428", NOW).split("\n");
  assertEquals(heading, `# the room at 127.0.0.1:2428, saved ${stamp(NOW)}`);
  assertEquals(lines.pop(), "");
  return lines.map((line) => line.replace(`${stamp(NOW)} `, ""));
}

function said(text: string): RoomEvent {
  return { type: "message", from: BOB, text, action: false, at: 1, ref: undefined, ...UNPROVED };
}

Deno.test("SavedTranscript: has messages as in plain mode; marks the user's own and direct ones", () => {
  assertEquals(recorded(EVENTS.welcome[0]!, ...EVENTS.message, ...EVENTS.direct), [
    "-- joined 127.0.0.1:2428 as alice",
    "bob: hello",
    "* bob waves",
    "alice (you): hi",
    "alice (you): mine",
    "-- 2 messages from bob before this one are missing",
    "bob: proved",
    "-- bob answers bob: who is hungry?",
    "bob: I am",
    "-- bob answers an earlier message (not shown)",
    "bob: me too",
    "(direct) bob: psst",
    "(direct) * bob winks",
    "-- 1 message from bob before this one is missing",
    "(direct) bob: proved",
  ]);
});

Deno.test("SavedTranscript: has the user's direct messages, their outcome, and the name at that time", () => {
  const rename: RoomEvent = {
    type: "renamed",
    who: { ...ALICE, name: "eve" },
    before: "alice",
    at: 1,
  };
  assertEquals(
    recorded(EVENTS.welcome[0]!, ...EVENTS.delivered, rename, ...EVENTS.undelivered).slice(1),
    [
      "(direct) alice (you) → bob: psst",
      "-- alice is now eve",
      "(direct) eve (you) → bob: psst",
      "-- not delivered: too many messages are waiting for bob; try again later",
      "(direct) eve (you) → bob: psst",
      "-- not delivered: bob has left",
    ],
  );
});

Deno.test("SavedTranscript: has every notice of plain mode", () => {
  for (const event of Object.values(EVENTS).flat()) {
    const notices = plainLines(event, NOW).filter(({ isMessage }) => !isMessage).map(({ text }) =>
      text
    );
    if (event.type === "delivered") continue; // Its text says so.
    const lines = recorded(event).filter((line) => line.startsWith("-- "));
    // An announcement may have several lines.
    const firsts = notices.map((text) => `-- ${text.split("\n")[0]}`);
    assertEquals(lines, firsts, event.type);
  }
});

Deno.test("SavedTranscript: no message can imitate two, or a notice, or control the terminal", () => {
  assertEquals(recorded(said("one\nalice: two\n-- alice left\x1b[2J\u202e\r")), [
    "bob: one",
    "  alice: two",
    "  -- alice left␛[2J\\u{202e}␍",
  ]);
});

Deno.test("SavedTranscript: each line has date, time and zone", () => {
  const record = new SavedTranscript();
  record.add(said("hi"), new Date(2026, 0, 2, 3, 4, 5));
  assertMatch(
    record.text("x", NOW).split("\n")[1]!,
    /^2026-01-02T03:04:05[+-]\d\d:\d\d bob: hi$/,
  );
  // The same moment, also for a reader in another time zone.
  assertEquals(new Date(stamp(NOW)).getTime(), Math.floor(NOW.getTime() / 1000) * 1000);
});

Deno.test("plainLines, SavedTranscript: have all lines of a message that a screen shows in part", () => {
  const text = "x\n".repeat(131_000);
  assertEquals(plainLines(said(text), NOW)[0]!.text.split("\n").length, 131_001);
  assertEquals(recorded(said(text)).length, 131_001);
});

Deno.test("SavedTranscript: at its limit drops the oldest lines, and counts them", () => {
  const record = new SavedTranscript(1000);
  const bytes = () => new TextEncoder().encode(record.text("x", NOW)).length;
  for (let i = 0; i < 5000; i++) record.add(said(`é${i}`), NOW);
  // Besides the heading.
  assertLessOrEqual(bytes(), 1200);
  assertEquals(record.size + record.dropped, 5000);
  const [, gone, first, ...rest] = record.text("x", NOW).trimEnd().split("\n");
  assertEquals(gone, `# ${record.dropped} older lines were left out: the transcript holds 1000 B`);
  assert(first!.endsWith(`bob: é${record.dropped}`));
  assertEquals(rest.length, record.size - 1);
  assert(rest.at(-1)!.endsWith("bob: é4999"));
  // A line that is larger than the limit is dropped as well.
  record.add(said("x".repeat(1000)), NOW);
  assertEquals([record.size, record.dropped], [0, 5001]);
  record.add(said("hi"), NOW);
  assertEquals(record.size, 1);
});

Deno.test("SavedTranscript: one dropped line is reported in the singular", () => {
  const record = new SavedTranscript(50);
  for (const text of ["one", "two"]) record.add(said(text), NOW);
  assertMatch(record.text("x", NOW), /^# 1 older line was left out/m);
});
