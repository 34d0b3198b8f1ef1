import { assertLess } from "@std/assert";
import { cutPower } from "../support/power_cuts.ts";

Deno.test("recover: a thousand power cuts in a hundred rooms, whatever part of what was not synced is on the disk", async () => {
  const seen: Record<string, number> = {};
  for (let seed = 100; seed < 200; seed++) await cutPower(seed, 20, seen);
  assertLess(5_000, seen["power"]!);
});
