import { assert, assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { durationOf, formatDuration, isDoubtfulDuration } from "./durations.ts";

Deno.test("durationOf: reads seconds, minutes, hours and days", () => {
  const cases = {
    "0": 0,
    "90": 90_000,
    "1s": 1000,
    "30m": 1_800_000,
    "12h": 43_200_000,
    "12H": 43_200_000,
    "7d": 604_800_000,
    "007d": 604_800_000,
    "99999999d": 99_999_999 * 86_400_000,
  };
  for (const [text, ms] of Object.entries(cases)) assertEquals(durationOf(text), ms, text);
});

Deno.test("durationOf: refuses everything else", () => {
  const cases = [
    "",
    "d",
    "-1d",
    "+1d",
    "1.5h",
    "1h30m",
    "1 h",
    " 1h",
    "1h ",
    "1w",
    "1ms",
    "1e3",
    "٣d",
  ];
  for (const text of [...cases, "100000000", "forever"]) {
    assertEquals(durationOf(text), undefined, text);
  }
});

Deno.test("formatDuration: is read back, with the longest unit", () => {
  assertEquals(
    [0, 1000, 60_000, 90_000, 3_600_000, 86_400_000, 90_000_000].map(formatDuration),
    ["0s", "1s", "1m", "90s", "1h", "1d", "25h"],
  );
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 10 ** 8 - 1 }),
    (seconds) => assertEquals(durationOf(formatDuration(1000 * seconds)), 1000 * seconds),
  ));
});

Deno.test("isDoubtfulDuration: a word with a digit in front that is no integer with a unit", () => {
  for (const word of ["3", "90", "2h30m", "1w", "1.5h", "12hours"]) {
    assert(isDoubtfulDuration(word));
  }
  for (const word of ["", "3m", "12H", "spam", "h2", "-3"]) assert(!isDoubtfulDuration(word));
});
