import { assertEquals } from "@std/assert";
import { isSameBoot } from "./boot.ts";

const HOUR = 3_600_000;
const START = 1_800_000_000;

Deno.test("isSameBoot: compares the starts of the machine, with a tolerance", () => {
  const last = START * 1000 + HOUR;
  for (
    const [apart, isSame] of [[0, true], [2, true], [-2, true], [3, false], [-3, false]] as const
  ) {
    assertEquals(isSameBoot(`${START}`, `${START + apart}`, last, last), isSame, `${apart}`);
  }
});

Deno.test("isSameBoot: the clock of a machine that has no battery goes back when it restarts", () => {
  const boot = `${START}`;
  assertEquals(isSameBoot(boot, boot, START * 1000 + HOUR, START * 1000 + 30_000), false);
  assertEquals(isSameBoot(boot, boot, START * 1000 + HOUR, START * 1000 + HOUR - 1), false);
});

Deno.test("isSameBoot: an unknown or damaged start is another one", () => {
  const last = START * 1000;
  for (const other of [undefined, "", "x", "-5", "1e9", "9".repeat(13)]) {
    assertEquals(isSameBoot(other, other, last, last), false);
    assertEquals(isSameBoot(`${START}`, other, last, last), false);
    assertEquals(isSameBoot(other, `${START}`, last, last), false);
  }
});
