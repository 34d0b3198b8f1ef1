// Test helper: cuts the power of a server again and again, and looks at what its next start finds.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ChatError } from "../../errors.ts";
import { RING_FILES } from "../../server/journal.ts";
import { recover, type Recovery } from "../../server/recovery.ts";
import { memoryRing, type MemoryStateFile } from "./memory_state_file.ts";
import { PlayedRoom } from "./played_room.ts";
import { mulberry32 } from "./random.ts";
import type { TrueStates } from "./true_states.ts";

/** In percent: how likely it is that a page that was not synced is on the disk. */
const CHANCES = [0, 10, 50, 90, 98, 100];
const NEVER = "9000000";
const LATER = 1e13;

/**
 * Lets a room live through three power cuts. Looks at `images` of what each of them may leave, and checks that
 *
 * - the state that is found is one that the room had, not earlier than the last sync, and its log does not go on;
 * - the files are refused only if the power was cut in the first second of the first run;
 * - after a kill at the same moment, everything is there, and the log goes on.
 *
 * Counts what was found in `seen`.
 */
export async function cutPower(
  seed: number,
  images: number,
  seen: Record<string, number>,
): Promise<void> {
  const random = mulberry32(seed);
  const page = [512, 4096][random(2)]!;
  const isChained = random(2) === 0;
  let files: readonly MemoryStateFile[] = memoryRing(RING_FILES);
  let earlier: TrueStates | undefined;
  for (let run = 0; run < 3; run++) {
    const boot = String(1_000_000 + 1_000 * run);
    const played = await PlayedRoom.open(files, { page, boot, isChained });
    await played.play(100 + random(200), random);
    const { states, disk, opened } = played;
    for (let i = 0; i < images; i++) {
      const where = `seed ${seed}, run ${run}, image ${i}`;
      const at = opened + random(disk.count - opened + 1);
      const { written, safe } = played.at(at);
      const chance = CHANCES[random(CHANCES.length)]!;
      const isTorn = random(3) === 0;
      const found = look(
        disk.cut(at, () => {
          if (random(100) >= chance) return "lost";
          return isTorn && random(10) === 0 ? "damaged" : "done";
        }),
        NEVER,
      );
      const killed = look(disk.killed(at), boot);
      assert("fold" in killed && killed.fold, where);
      assertEquals(killed.newLog, undefined, where);
      assertState(states.find(killed.fold), written, written, `${where}, killed`);
      const what = assertFound(found, { states, earlier, safe, written, where });
      seen[what] = (seen[what] ?? 0) + 1;
      if (what === "refused") assertEquals(run, 0, where);
    }
    earlier = states;
    files = disk.cut(disk.count, () => random(2) === 0 ? "done" : "lost");
  }
}

function look(files: readonly MemoryStateFile[], boot: string): Recovery | ChatError {
  try {
    return recover(files, { boot, now: LATER });
  } catch (error) {
    if (error instanceof ChatError) return error;
    throw error;
  }
}

function assertFound(
  found: Recovery | ChatError,
  { states, earlier, safe, written, where }: {
    readonly states: TrueStates;
    readonly earlier: TrueStates | undefined;
    readonly safe: number;
    readonly written: number;
    readonly where: string;
  },
): string {
  if (found instanceof ChatError) {
    assertEquals(safe, 0, `${where}: ${found.message}`);
    return "refused";
  }
  const { fold, newLog } = found;
  if (!fold) {
    assertEquals(safe, 0, where);
    return "nothing";
  }
  assert(newLog, `${where}: the log goes on`);
  // The first segment of this room was not on the disk.
  if (safe === 0 && earlier?.find(fold)) return "the room before";
  assertState(states.find(fold), safe, written, where);
  return newLog;
}

/** A state is one of those that the room had after `from` to `to` entries. */
function assertState(
  found: ReturnType<TrueStates["find"]>,
  from: number,
  to: number,
  where: string,
): void {
  assert(found, `${where}: a state that never was`);
  assertLessOrEqual(from, found.last, where);
  assertLessOrEqual(found.first, to, where);
}
