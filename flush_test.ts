import { assertEquals } from "@std/assert";
import { BUSY_MS, flusher, LARGE } from "./flush.ts";

/** A server's time, and what waits in it. */
function play(size: number) {
  const time = { now: 1000, atOnce: 0, later: 0, flushed: 0 };
  const tasks: (() => void)[] = [];
  const wait = (how: "atOnce" | "later") => (task: () => void) => {
    time[how]++;
    tasks.push(task);
  };
  const flush = flusher(() => size, {
    now: () => time.now,
    atOnce: wait("atOnce"),
    later: wait("later"),
  });
  /** Something comes so many ms after what came before; and goes out. */
  const come = (ms: number) => {
    time.now += ms;
    flush(() => time.flushed++);
    tasks.shift()!();
  };
  return { time, come };
}

Deno.test("flusher: in a room that is not large everything goes out at once, however busy it is", () => {
  const { time, come } = play(LARGE);
  for (let i = 0; i < 10; i++) come(0);
  assertEquals([time.atOnce, time.later, time.flushed], [10, 0, 10]);
});

Deno.test("flusher: in a large room what comes while a flush keeps it busy is gathered, and nothing else", () => {
  const size = 1000;
  const { time, come } = play(size);
  come(0);
  assertEquals([time.atOnce, time.later], [1, 0]);
  come(BUSY_MS * size - 1);
  assertEquals([time.atOnce, time.later], [1, 1]);
  // It counts from when it went out last.
  come(BUSY_MS * size - 1);
  assertEquals([time.atOnce, time.later], [1, 2]);
  come(BUSY_MS * size);
  assertEquals([time.atOnce, time.later, time.flushed], [2, 2, 4]);
});
