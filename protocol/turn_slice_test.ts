import { assertEquals, assertStrictEquals } from "@std/assert";
import { Turns, turns, TurnSlice } from "./turn_slice.ts";

/** Turns that come when the test says so. */
function play(limit: number) {
  const waiting: (() => void)[] = [];
  const turns = new Turns((task) => void waiting.push(task));
  const turn = async () => {
    for (const task of waiting.splice(0)) task();
    await Promise.resolve();
  };
  return { slice: new TurnSlice(limit, turns), turns, waiting, turn };
}

Deno.test("TurnSlice: work within the limit goes on, and more waits for the next turn", async () => {
  const { slice, turn } = play(3);
  assertEquals([slice.spend(1), slice.spend(1.9)], [undefined, undefined]);
  const rest = slice.spend(0.1)!;
  let isOver = false;
  rest.then(() => isOver = true);
  await Promise.resolve();
  assertEquals(isOver, false);
  await turn();
  assertEquals([isOver, slice.spend(2)], [true, undefined]);
});

Deno.test("TurnSlice: each turn has a share of its own, whether the last one was used or not", async () => {
  const { slice, turn, waiting } = play(3);
  for (let n = 0; n < 10; n++) {
    assertStrictEquals(slice.spend(2), undefined);
    assertEquals(waiting.length, 1);
    await turn();
  }
  assertEquals(waiting.length, 0);
});

Deno.test("TurnSlice: slices of one thread share its turns, and not their limits", async () => {
  const { slice, turns, turn, waiting } = play(3);
  const other = new TurnSlice(3, turns);
  const rests = [slice.spend(3), other.spend(3)];
  assertStrictEquals(rests[0], rests[1]);
  assertEquals(waiting.length, 1);
  await turn();
  assertEquals([slice.spend(1), other.spend(1)], [undefined, undefined]);
});

Deno.test("TurnSlice: between two slices of a thread, its timers and immediates run", async () => {
  const slice = new TurnSlice(0, turns);
  const seen: number[] = [];
  let ran = 0;
  const immediate = () => {
    if (++ran < 10) setImmediate(immediate);
  };
  setImmediate(immediate);
  for (let n = 0; n < 5; n++) {
    seen.push(ran);
    await slice.spend(1);
  }
  assertEquals(seen, [0, 1, 2, 3, 4]);
  while (ran < 10) await slice.spend(1);
});
