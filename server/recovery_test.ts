import { assertLess } from "@std/assert";
import { cutPower } from "../tests/support/power_cuts.ts";

Deno.test("recover: after a power cut at any moment, whatever part of what was not synced is on the disk, it finds a true state with all that was synced, and no log goes on", async () => {
  const seen: Record<string, number> = {};
  for (let seed = 0; seed < 4; seed++) await cutPower(seed, 20, seen);
  assertLess(100, seen["power"]!);
});
