import { assertEquals } from "@std/assert";
import type { Person } from "../room.ts";
import { ALICE, AWAY_BOB, BOB } from "../tests/support/fake_room.ts";
import {
  andAway,
  awayText,
  fold,
  futureTime,
  laterText,
  listed,
  pastTime,
} from "./member_lists.ts";

const NOW = new Date(2026, 2, 12, 14, 2);

/** A member that is away since a time. */
function away(name: string, since: Date | undefined): Person {
  return { ...BOB, name, away: true, ...(since && { since }) };
}

Deno.test("listed: members that are away have a mark that no name can contain; the user has none", () => {
  assertEquals([BOB, ALICE].map(listed), ["bob", "alice"]);
  assertEquals([BOB, ALICE].map((who) => listed({ ...who, away: true })), ["bob (away)", "alice"]);
});

Deno.test("listed: an away text is cut and in quotes that it cannot end, so it cannot look like other members", () => {
  const shown = (status: string, more: Partial<Person> = {}) => listed({ ...BOB, status, ...more });
  assertEquals(shown("lunch"), 'bob (away: "lunch")');
  assertEquals(shown('x"), carol (classic), "y'), `bob (away: "x'), carol (classic), 'y")`);
  assertEquals(shown("\x1b[2J" + "x".repeat(90)), `bob (away: "␛[2J${"x".repeat(35)}…")`);
  // A connection that is lost counts more.
  assertEquals(shown("lunch", { away: true }), "bob (away)");
  assertEquals(listed({ ...ALICE, status: "lunch" }), 'alice (away: "lunch")');
});

Deno.test("pastTime: is as short as it is clear, in the time zone of this machine", () => {
  const cases: [Date, string][] = [
    [NOW, "14:02"],
    [new Date(2026, 2, 12, 0, 0), "00:00"],
    [new Date(2026, 2, 11, 23, 59), "Wed 23:59"],
    [new Date(2026, 2, 6, 0, 0), "Fri 00:00"],
    // The same weekday as today.
    [new Date(2026, 2, 5, 23, 59), "5 Mar"],
    [new Date(2026, 0, 1, 9, 12), "1 Jan"],
    [new Date(2025, 11, 31, 9, 12), "31 Dec 2025"],
    // The server's clock is ahead, or wrong.
    [new Date(2026, 2, 12, 23, 10), "23:10"],
    [new Date(2026, 2, 13, 0, 1), "13 Mar"],
    [
      new Date(0),
      `${new Date(0).getDate()} ${new Date(0).getDate() === 1 ? "Jan" : "Dec"} ${
        new Date(0).getFullYear()
      }`,
    ],
    [new Date(8_640_000_000_000_000 - 2 * 24 * 3600_000), "11 Sep 275760"],
  ];
  assertEquals(cases.map(([time]) => pastTime(time, NOW)), cases.map(([, text]) => text));
  // A week across the new year, and across the end of summer time.
  assertEquals(pastTime(new Date(2025, 11, 30, 9, 12), new Date(2026, 0, 2)), "Tue 09:12");
  assertEquals(pastTime(new Date(2026, 9, 24, 9, 12), new Date(2026, 9, 26, 8)), "Sat 09:12");
});

Deno.test("futureTime: as short as pastTime, in the other direction", () => {
  const cases: [Date, string][] = [
    [new Date(2026, 2, 12, 23, 10), "23:10"],
    [new Date(2026, 2, 13, 0, 1), "Fri 00:01"],
    [new Date(2026, 2, 18, 9, 12), "Wed 09:12"],
    [new Date(2026, 2, 19, 9, 12), "19 Mar"],
    [new Date(2027, 0, 1, 9, 12), "1 Jan 2027"],
    // It is over, by this machine's clock.
    [new Date(2026, 2, 11, 23, 59), "11 Mar"],
  ];
  for (const [time, text] of cases) assertEquals(futureTime(time, NOW), text);
});

Deno.test("fold: the user is always here, and those that are away come last ones first", () => {
  const [early, late, unknown] = [
    away("early", new Date(2026, 2, 9, 9, 12)),
    away("late", new Date(2026, 2, 12, 13, 1)),
    away("unknown", undefined),
  ];
  const self = { ...ALICE, away: true, since: NOW };
  const folded = fold([early, self, unknown, BOB, late]);
  assertEquals(folded, { here: [self, BOB], away: [late, early, unknown] });
  assertEquals(awayText(folded.away, NOW), "late since 13:01, early since Mon 09:12, unknown");
  assertEquals(andAway(folded.away.slice(0, 1), NOW), "; 1 away: late since 13:01");
  assertEquals(andAway([], NOW), "");
});

Deno.test("awayText: names the last five, and counts the rest", () => {
  const crowd = Array.from({ length: 485 }, (_, i) => away(`m${i}`, undefined));
  assertEquals(awayText(crowd, NOW), "m0, m1, m2, m3, m4 and 480 more");
  assertEquals(
    awayText(crowd.slice(0, 6), NOW, ({ name }) => `<${name}>`, 6).endsWith("<m5>"),
    true,
  );
});

Deno.test("laterText: only for a receiver that is away", () => {
  const now = new Date(AWAY_BOB.since!.getTime() + 400 * 24 * 3600_000);
  assertEquals(laterText({ to: BOB }, now), undefined);
  assertEquals(laterText({ to: { ...ALICE, away: true } }, now), undefined);
  assertEquals(
    laterText({ to: AWAY_BOB }, now),
    "bob has been away since 28 Feb 2024 and gets this on return",
  );
});
