import { assert, assertEquals } from "@std/assert";
import { MAX_WINDOW, MIN_WINDOW, ReceiveWindow } from "./receive_window.ts";

/**
 * Plays a path with a bottleneck: of a window, what the path does not hold waits in a queue.
 *
 * @param ms the round trip without a queue
 * @param rate of the bottleneck, in bytes per ms
 * @returns the bytes that went through, and how long the queue was on average and at most, in ms
 */
function play(window: ReceiveWindow, ms: number, rate: number, rounds: number, from = 0) {
  let now = from;
  let [bytes, queued, most] = [0, 0, 0];
  for (let n = 0; n < rounds; n++) {
    const { size } = window;
    const round = Math.max(ms, size / rate);
    now += round;
    bytes += size;
    queued += round - ms;
    most = Math.max(most, round - ms);
    window.measured(round, now);
  }
  return { rate: bytes / (now - from), queued: queued / rounds, most, now };
}

Deno.test("ReceiveWindow: doubles each round trip up to its limit on a path without a queue", () => {
  const window = new ReceiveWindow();
  const sizes: number[] = [];
  for (let n = 0; n < 8; n++) {
    sizes.push(window.size / 1024);
    window.measured(100, n * 100);
  }
  assertEquals(sizes, [128, 256, 512, 1024, 2048, 3072, 3072, 3072]);
});

Deno.test("ReceiveWindow: fills a path of 100 ms and 12 MiB/s, and keeps its queue short", () => {
  const rate = 12 * 1024 * 1024 / 1000;
  const window = new ReceiveWindow();
  play(window, 100, rate, 20);
  const steady = play(window, 100, rate, 200, 10_000);
  assert(steady.rate > 0.9 * rate, `${steady.rate / rate} of the rate`);
  assert(steady.most < 70 && steady.queued < 40, `a queue of ${steady.queued} ms`);
});

Deno.test("ReceiveWindow: follows a path that becomes longer or slower, and never leaves its limits", () => {
  const window = new ReceiveWindow();
  const rate = 12 * 1024;
  let { now } = play(window, 10, rate, 100);
  // Two periods later the longer round trip is the shortest one.
  ({ now } = play(window, 200, rate, 120, now));
  const longer = play(window, 200, rate, 100, now);
  assert(longer.rate > 0.8 * rate, `${longer.rate / rate} of the rate`);
  // A hundredth of the rate: even the smallest window has a queue.
  const slower = play(window, 200, rate / 100, 100, longer.now);
  assert(window.size >= MIN_WINDOW && window.size <= MAX_WINDOW);
  assert(slower.rate > 0.9 * rate / 100);
});

Deno.test("ReceiveWindow.halve: not below its smallest size, and then it grows step by step", () => {
  const window = new ReceiveWindow();
  for (let n = 0; n < 10; n++) window.halve();
  assertEquals(window.size, MIN_WINDOW);
  window.measured(10, 0);
  window.measured(10, 10);
  assertEquals(window.size, MIN_WINDOW + 2 * 128 * 1024);
});
