import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Budget } from "../protocol/json_frames.ts";
import { within } from "../tests/support/async.ts";
import { Outbox } from "./outbox.ts";

const WIDE = 2 ** 30;
const frame = (...bytes: number[]) => Uint8Array.from(bytes);
const LAST = frame(0xff);

/** Counts how often it was woken. */
function opened(outbox: Outbox): { woken: number } {
  const counted = { woken: 0 };
  outbox.open(() => void counted.woken++);
  return counted;
}

Deno.test("Outbox.take: gives all frames once, in order, in one piece", () => {
  const outbox = new Outbox(undefined);
  const counted = opened(outbox);
  assertEquals(outbox.take(), null);
  assertEquals([outbox.put(frame(1, 2)), outbox.put(frame(3))], [1, 2]);
  assertEquals(counted.woken, 2);
  assertEquals([outbox.count, outbox.handed, outbox.bytes], [2, 0, 3]);
  assertEquals(outbox.take(), frame(1, 2, 3));
  assertEquals(outbox.take(), null);
  assertEquals([outbox.count, outbox.handed, outbox.bytes], [2, 2, 3]);
});

Deno.test("Outbox.take: joins frames until they have 64 KiB", () => {
  const outbox = new Outbox(undefined);
  for (let i = 0; i < 5; i++) outbox.put(new Uint8Array(30_000));
  assertEquals([outbox.take()?.length, outbox.take()?.length, outbox.take()], [
    ...[90_000, 60_000, null],
  ]);
});

Deno.test("Outbox: after a lost connection it gives only the frames that the server has not taken", () => {
  const outbox = new Outbox(undefined);
  for (const byte of [1, 2, 3, 4]) outbox.put(frame(byte));
  assertEquals(outbox.take(), frame(1, 2, 3, 4));
  outbox.accept(1);
  outbox.close();
  assertEquals(outbox.put(frame(5)), 5);
  outbox.accept(3);
  outbox.rewind();
  const counted = opened(outbox);
  assertEquals([outbox.count, outbox.handed, outbox.bytes], [5, 3, 2]);
  assertEquals(outbox.take(), frame(4, 5));
  assertEquals(outbox.put(frame(6)), 6);
  assertEquals(counted.woken, 1);
});

Deno.test("Outbox.accept: ignores a smaller count than before, and takes a larger one than it has as all", () => {
  const outbox = new Outbox(undefined);
  for (const byte of [1, 2, 3]) outbox.put(frame(byte));
  outbox.accept(2);
  outbox.accept(1);
  assertEquals(outbox.take(), frame(3));
  outbox.accept(99);
  assertEquals([outbox.count, outbox.handed, outbox.bytes], [3, 3, 0]);
  outbox.put(frame(4));
  assertEquals(outbox.take(), frame(4));
});

Deno.test("Outbox.replace: after a lost connection the other frame goes out, at the same place", () => {
  const outbox = new Outbox(undefined);
  for (const byte of [1, 2, 3, 4]) outbox.put(frame(byte));
  assertEquals(outbox.take(), frame(1, 2, 3, 4));
  outbox.accept(1);
  outbox.close();
  outbox.replace(3, frame(30));
  // The first one was taken, a fifth one was never put in.
  outbox.replace(1, frame(10));
  outbox.replace(0, frame(10));
  outbox.replace(5, frame(50));
  outbox.rewind();
  assertEquals([outbox.count, outbox.handed, outbox.bytes], [4, 1, 3]);
  assertEquals(outbox.take(), frame(2, 30, 4));
  assertEquals(outbox.put(frame(5)), 5);
  outbox.accept(5);
  assertEquals([outbox.count, outbox.bytes], [5, 0]);
});

Deno.test("Outbox.putLast: the frame goes out once, when nothing else is left, and is not counted", () => {
  const outbox = new Outbox(undefined);
  let sent = 0;
  outbox.put(frame(1));
  outbox.putLast(LAST, () => sent++);
  assertEquals([outbox.take(), sent], [frame(1), 0]);
  assertEquals([outbox.take(), sent], [LAST, 1]);
  assertEquals([outbox.take(), outbox.count], [null, 1]);
});

Deno.test("Outbox: uses 90 % of the budget, and wakes the writer when it allows more", async () => {
  const budget: Budget = { frames: 20, frameBurst: 4, bytes: WIDE, byteBurst: WIDE };
  const start = performance.now();
  const outbox = new Outbox(budget);
  let woken = Promise.withResolvers<void>();
  outbox.open(() => {
    woken.resolve();
    woken = Promise.withResolvers();
  });
  for (let byte = 0; byte < 6; byte++) outbox.put(frame(byte));
  outbox.putLast(LAST, () => {});
  const all: number[] = [];
  while (all.at(-1) !== LAST[0]) {
    // Even the last frame waits for those that are held back.
    if (outbox.held) {
      assertEquals(outbox.take(), null);
      await within("its turn", woken.promise);
    }
    all.push(...outbox.take() ?? []);
  }
  assertEquals(all, [0, 1, 2, 3, 4, 5, LAST[0]!]);
  // The sixth frame waits until the debt of five is paid: 3.6 are free, 18 are added per second.
  assertLessOrEqual(1.4 / 18 * 1000 - 3, performance.now() - start);
});

Deno.test("Outbox: a frame that exceeds the byte budget holds back the next one", () => {
  const outbox = new Outbox({ frames: WIDE, frameBurst: WIDE, bytes: 1000, byteBurst: 1000 });
  outbox.put(new Uint8Array(2000));
  outbox.put(new Uint8Array(1));
  assertEquals(outbox.take()?.length, 2000);
  assert(outbox.held);
  outbox.close();
  assert(!outbox.held);
});

Deno.test("Outbox.fill: file data goes out when nothing else is left, takes nothing of the budget, and is not kept", () => {
  // One message is allowed, and the next one waits.
  const outbox = new Outbox({ frames: 1, frameBurst: 1, bytes: WIDE, byteBurst: WIDE });
  const piece = new Uint8Array(50 * 1024);
  let left = 5;
  outbox.fill(() => left-- > 0 ? piece.slice() : undefined);
  for (let n = 1; n <= 3; n++) outbox.put(frame(n));
  assertEquals([outbox.take(), outbox.take()], [frame(1), piece]);
  assert(outbox.held);
  // A message that waits for the budget holds back no file data.
  for (let n = 0; n < 4; n++) assertEquals(outbox.take()?.length, piece.length);
  assertEquals([outbox.take(), outbox.count, outbox.handed], [null, 3, 1]);
  outbox.close();
});
