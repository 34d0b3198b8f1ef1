import { assertLess } from "@std/assert";
import { damageAfterMark, damageBeforeMark, DAMAGES, markedRoom } from "../support/damage.ts";
import { cutPower } from "../support/power_cuts.ts";

Deno.test("recover: a thousand power cuts in a hundred rooms, whatever part of what was not synced is on the disk", async () => {
  const seen: Record<string, number> = {};
  for (let seed = 100; seed < 200; seed++) await cutPower(seed, 20, seen);
  assertLess(5_000, seen["power"]!);
});

Deno.test("recover: cut or damaged at every byte of the last 64 KiB after the last mark, and at every byte before it", async () => {
  const room = await markedRoom(64 * 1024);
  for (const name of Object.keys(DAMAGES)) {
    // A larger damage ends with its sector or page: most of its beginnings make no difference.
    const step = /sector|page/.test(name) ? 16 : 1;
    for (let at = room.mark; at < room.end; at += step) damageAfterMark(room, name, at);
    for (let at = room.snapshot; at < room.mark; at += step) damageBeforeMark(room, name, at);
  }
});
