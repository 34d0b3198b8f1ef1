import { assert, assertEquals } from "@std/assert";
import type { Budget } from "../protocol/json_frames.ts";
import { PlayClock } from "../tests/support/fake_clock.ts";
import fc from "../tests/support/property.ts";
import { SharedLimit } from "./shared_limit.ts";

const WIDE = 2 ** 31;
/** A message each 100 ms; nothing in advance but one. */
const TEN: Budget = { frames: 10, frameBurst: 1, bytes: WIDE, byteBurst: WIDE };
const ONE = { frames: 1, bytes: 0 };

const limitOn = ({ now, after }: PlayClock, budget: Budget) =>
  new SharedLimit<string>({ budget, now, after });

Deno.test("SharedLimit.take: nobody waits as long as the limit is not reached, and nothing is kept", async () => {
  const play = new PlayClock();
  const limit = limitOn(play, TEN);
  for (let second = 0; second < 5; second++) {
    for (const flow of ["a", "b"]) {
      assertEquals(limit.take(flow, ONE), undefined);
      await play.until(play.time + 100);
    }
  }
  assertEquals([limit.size, play.timers, limit.isFull], [0, 0, true]);
});

Deno.test("SharedLimit.take: one that has not waited goes before those that have taken more", async () => {
  const play = new PlayClock();
  const limit = limitOn(play, TEN);
  const served: string[] = [];
  const take = (flow: string) => {
    const turn = limit.take(flow, ONE);
    if (turn) turn.then(() => served.push(flow));
    else served.push(flow);
  };
  for (let i = 0; i < 8; i++) take("flood");
  await play.until(250);
  take("other");
  await play.until(2_000);
  const at = served.indexOf("other");
  assertEquals([served.length, at], [9, 4], `${served}`);
  assertEquals([limit.size, play.timers], [0, 0]);
});

Deno.test("SharedLimit.take: bytes count too, and who takes much at once waits longer", async () => {
  const play = new PlayClock();
  const limit = limitOn(play, { frames: WIDE, frameBurst: WIDE, bytes: 1000, byteBurst: 1000 });
  const served: string[] = [];
  const take = (flow: string, bytes: number) =>
    (limit.take(flow, { frames: 1, bytes }) ?? Promise.resolve()).then(() => served.push(flow));
  take("first", 2000);
  for (let i = 0; i < 2; i++) take("big", 1000);
  for (let i = 0; i < 5; i++) take("small", 10);
  await play.until(10_000);
  assertEquals(served, ["first", "big", ...Array(5).fill("small"), "big"]);
});

Deno.test("SharedLimit.charge: takes without waiting, and others pay for it", async () => {
  const play = new PlayClock();
  const limit = limitOn(play, TEN);
  limit.charge({ frames: 6, bytes: 0 });
  assertEquals([limit.left.frames, limit.isFull], [-5, false]);
  let at: number | undefined;
  limit.take("a", ONE)?.then(() => at = play.time);
  await play.until(1_000);
  assertEquals(at, 500);
});

Deno.test("SharedLimit.close: everybody goes on, no timer stays, and nobody waits any more", async () => {
  const play = new PlayClock();
  const limit = limitOn(play, TEN);
  const turns = ["a", "a", "b", "c"].map((flow) => limit.take(flow, ONE) ?? limit.take(flow, ONE));
  assertEquals(play.timers, 1);
  limit.close();
  await Promise.all(turns);
  assertEquals([play.timers, limit.size, limit.take("a", ONE)], [0, 0, undefined]);
});

Deno.test("SharedLimit: whatever is wanted, all get the same share, or what they want if that is less", async () => {
  const flows = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(flows, async (rates) => {
      const play = new PlayClock();
      const limit = limitOn(play, { frames: 100, frameBurst: 1, bytes: WIDE, byteBurst: WIDE });
      const seconds = 5;
      const served = rates.map(() => 0);
      const longest = rates.map(() => 0);
      // Each wants this number of frames in 100 ms, one after the other, like a connection.
      const flow = async (index: number) => {
        const every = 100 / rates[index]!;
        for (let due = 0; due < 1000 * seconds;) {
          if (play.time < due) {
            await new Promise<void>((resolve) => waits.push({ due, resolve }));
            continue;
          }
          const began = play.time;
          await limit.take(`${index}`, ONE);
          served[index]!++;
          longest[index] = Math.max(longest[index]!, play.time - began);
          due += every;
        }
      };
      let waits: { due: number; resolve: () => void }[] = [];
      const flowing = rates.map((_, index) => flow(index));
      for (let ms = 0; ms <= 1000 * seconds; ms++) {
        await play.until(ms);
        const due = waits.filter((one) => one.due <= ms);
        waits = waits.filter((one) => one.due > ms);
        for (const { resolve } of due) resolve();
      }
      const got = [...served];
      limit.close();
      play.time = Infinity;
      for (const { resolve } of waits) resolve();
      await Promise.all(flowing);
      const wanted = rates.map((rate) => 10 * rate * seconds);
      const fair = shareOf(wanted, 100 * seconds);
      for (const [index, want] of wanted.entries()) {
        const least = Math.min(want, fair);
        assert(got[index]! >= 0.93 * least - 3, `${index} of ${rates}: ${got} of ${wanted}`);
        // A member that wants less than its share waits for at most one frame of each of the others.
        if (10 * rates[index]! < 0.8 * fair / seconds) {
          assert(longest[index]! <= 10 * (rates.length + 1), `${index} of ${rates}: ${longest}`);
        }
      }
    }),
    { numRuns: 12 },
  );
});

/** The max-min fair share: the same for all that want more than it. */
function shareOf(wanted: readonly number[], total: number): number {
  let left = total;
  const rising = wanted.toSorted((a, b) => a - b);
  for (const [index, want] of rising.entries()) {
    const share = left / (rising.length - index);
    if (want >= share) return share;
    left -= want;
  }
  return Infinity;
}
