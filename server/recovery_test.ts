import { assertLess } from "@std/assert";
import { damageAfterMark, damageBeforeMark, DAMAGES, markedRoom } from "../tests/support/damage.ts";
import { cutPower } from "../tests/support/power_cuts.ts";
import { SEGMENT_HEADER } from "./segment.ts";

Deno.test("recover: after a power cut at any moment, whatever part of what was not synced is on the disk, it finds a true state with all that was synced, and no log goes on", async () => {
  const seen: Record<string, number> = {};
  for (let seed = 0; seed < 4; seed++) await cutPower(seed, 20, seen);
  assertLess(100, seen["power"]!);
});

Deno.test("recover: a file that is cut or damaged after the last mark gives every entry before that, and no log goes on after a power cut", async () => {
  const room = await markedRoom(4 * 1024);
  for (const name of Object.keys(DAMAGES)) {
    for (let at = room.mark; at < room.end; at += 7) damageAfterMark(room, name, at);
  }
});

Deno.test("recover: damage before the last mark is reported, with the name of the file and a hint", async () => {
  const room = await markedRoom(0);
  for (const name of Object.keys(DAMAGES)) {
    for (let at = SEGMENT_HEADER; at < room.mark; at += 7) damageBeforeMark(room, name, at);
  }
});
