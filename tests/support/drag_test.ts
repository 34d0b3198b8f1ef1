import { assertEquals } from "@std/assert";
import { faults, judge } from "./drag.ts";

const GOOD = [
  "09:05  bob │ #00001: lorem$",
  "           │ #00002: ipsum dolor",
  "           │ sit$",
  "↓ photo.jpg from bob  33%",
  "xor: not secret · 2 members",
  "> Q000+Q001+",
  "  Q002+",
];

/** What `judge` finds in `rows`, without what is right. */
function found(rows: readonly string[], wraps = true): Record<string, number> {
  const outcome = judge(rows, { messages: 2, draft: "Q000+Q001+Q002+" }, { wraps }, 1);
  return Object.fromEntries(Object.entries(outcome).filter(([, count]) => count > 0));
}

Deno.test("judge: finds messages that are lost, cut or doubled, copies of live rows, and a wrong area", () => {
  assertEquals(found(GOOD), {});
  assertEquals(found(GOOD.slice(1)), { lost: 1 });
  assertEquals(found(GOOD.toSpliced(2, 1)), { cut: 1 });
  // Terminals that do not wrap cut rows themselves.
  assertEquals(found(GOOD.toSpliced(2, 1), false), {});
  assertEquals(found([GOOD[0]!, ...GOOD]), { doubled: 1 });
  assertEquals(found([...GOOD.slice(3), ...GOOD]), { status: 1, draft: 2, transfers: 1 });
  // Pieces of rows, too.
  assertEquals(found(["et · 2 members · connected", "01+Q00", ...GOOD]), { status: 1 });
  assertEquals(found(["001+Q00", ...GOOD]), { draft: 1 });
  assertEquals(found(GOOD.slice(0, -1)), { wrong: 1 });
  assertEquals(found(GOOD.toSpliced(3, 1)), { wrong: 1 });
  assertEquals(found(GOOD.slice(0, 3)), { wrong: 1 });
  assertEquals(
    faults(judge([...GOOD.slice(3), ...GOOD], { messages: 2, draft: "x" }, { wraps: true }, 1)),
    5,
  );
});
