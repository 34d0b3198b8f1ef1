import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import type { Person, RoomEvent } from "../room.ts";
import { ALICE, BOB, UNPROVED } from "../tests/support/fake_room.ts";
import { width } from "../text/width.ts";
import type { Page } from "./rows.ts";
import { palette } from "./theme.ts";
import { Transcript } from "./transcript.ts";

const NOW = new Date(2026, 10, 24, 14, 2, 30);

const page = (columns: number, options: Partial<Page> = {}): Page => ({
  ...{ columns, palette: palette("mono"), time: "short", self: "alice", links: false, ...options },
});

function announces(text: string, by: Person | undefined): RoomEvent {
  return { type: "notice", action: "announce", by, who: undefined, text, at: 1 };
}

function says(from: Person, text: string, action = false): RoomEvent {
  return { type: "message", from, text, action, at: 1, ref: undefined, ...UNPROVED };
}

const shown = (columns: number, events: readonly RoomEvent[], options: Partial<Page> = {}) => {
  const transcript = new Transcript();
  return events.flatMap((event) => transcript.event(event, NOW, page(columns, options)))
    // deno-lint-ignore no-control-regex
    .map((row) => stripAnsiCode(row.replace(/\r\x1b\[\d+C/g, "")));
};

Deno.test("Transcript: an announcement has a heading and a bar, at 80 and 40 columns", () => {
  const text = "The server restarts at noon: https://example.org/plan\nSave your work.";
  const events = [
    says(BOB, "hi"),
    announces(text, BOB),
    announces("bye", undefined),
    says(BOB, "oh"),
  ];
  assertEquals(shown(80, events), [
    "14:02  bob │ hi",
    "       ANNOUNCEMENT by bob ",
    "      ┃ The server restarts at noon: https://example.org/plan",
    "      ┃ Save your work.",
    "       ANNOUNCEMENT by the operator ",
    "      ┃ bye",
    "       bob │ oh",
  ]);
  assertEquals(shown(40, [announces(text, ALICE), says(BOB, "oh")]), [
    "14:02  ANNOUNCEMENT by you ",
    "┃ The server restarts at noon:",
    "┃ https://example.org/plan",
    "┃ Save your work.",
    "bob: oh",
  ]);
});

Deno.test("Transcript: no message has the heading or the bar of an announcement, and none is in reverse video", () => {
  const { announcement } = palette("dark");
  const [title, bar] = new Transcript().event(announces("hi", BOB), NOW, {
    ...page(80, { palette: palette("dark"), time: "off" }),
  });
  assertEquals(title, `\x1b[${announcement}m ANNOUNCEMENT by bob \x1b[0m`);
  assertEquals(bar, `\x1b[${announcement}m┃\x1b[0m hi`);
  const evil = [
    "hi\n ANNOUNCEMENT by the operator \n┃ I am evil",
    "hi\n      ┃ I am evil\n       ANNOUNCEMENT by bob",
    "x".repeat(80) + " ANNOUNCEMENT by the operator",
    "\u00a0".repeat(90) + "┃ I am evil",
    "```\n┃ I am evil\n```",
  ];
  for (const name of ["bob", "ANNOUNCEMENT", "┃"]) {
    for (const text of evil) {
      for (const columns of [80, 59, 40, 20]) {
        for (const time of ["short", "off"] as const) {
          const from = { ...BOB, name };
          const rows = shown(columns, [says(from, text), says(from, text, true)], { time });
          for (const row of rows) {
            // Before the names of wide terminals, or at the begin of narrow rows.
            const [free, blank] = columns < 60 ? [row, ""] : [row.split("│")[0]!, "| {6}"];
            const imitates = new RegExp(`^(?:\\d\\d:\\d\\d ${blank})?(?:┃ | ANNOUNCEMENT )`);
            assert(!imitates.test(free), row);
          }
        }
      }
    }
  }
});

Deno.test("Transcript: an announcement fits each width, and a long one is cut like a message", () => {
  const long = { ...BOB, name: "x".repeat(24) + "#4000000000" };
  for (const columns of [8, 9, 20, 40, 59, 60, 80, 200]) {
    for (const text of ["日本語".repeat(50), "x".repeat(300), "a\tb\x1b[2J", ""]) {
      const rows = shown(columns, [announces(text, long)], { time: "long" });
      for (const row of rows) assertLessOrEqual(width(row), columns, row);
      // No part of the name is lost.
      const title = rows.join("").replaceAll(/[ ┃]/g, "");
      assert(title.includes(`by${long.name}`), title);
    }
  }
  const transcript = new Transcript();
  const rows = transcript.event(announces("x\n".repeat(499) + "end", BOB), NOW, page(80));
  assertEquals(rows.length, 1 + 200 + 1);
  assertEquals(stripAnsiCode(rows.at(-1)!), "… 300 more lines (/show)");
  assertEquals(stripAnsiCode(transcript.more(undefined, page(80))[0]!), "      ┃ x");
  assertEquals(stripAnsiCode(transcript.more(undefined, page(80)).at(-1)!), "      ┃ end");
});
