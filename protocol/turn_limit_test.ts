import { assertEquals } from "@std/assert";
import { TurnLimiter } from "./turn_limit.ts";

/** TurnLimiter that come when they are told to. */
function play(limit: number) {
  const done: number[] = [];
  const waiting: (() => void)[] = [];
  const turns = new TurnLimiter(limit, (task) => void waiting.push(task));
  const begin = (from: number, to: number) => {
    for (let i = from; i < to; i++) turns.begin(() => void done.push(i));
  };
  const turn = () => waiting.splice(0).forEach((task) => task());
  return { turns, done, begin, turn, waiting };
}

Deno.test("TurnLimiter: begins what it may at once, and the rest in the turns that follow, in its order", () => {
  const { turns, done, begin, turn } = play(3);
  begin(0, 8);
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2], 5]);
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2, 3, 4, 5], 2]);
  // Who comes now goes behind those who wait.
  begin(8, 9);
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2, 3, 4, 5, 6, 7, 8], 0]);
});

Deno.test("TurnLimiter: as long as little begins, no turn is waited for", () => {
  const { done, begin, turn, waiting } = play(3);
  begin(0, 3);
  assertEquals([done.length, waiting.length], [3, 0]);
  begin(3, 5);
  assertEquals([done.length, waiting.length], [3, 1]);
  turn();
  begin(5, 6);
  assertEquals([done.length, waiting.length], [6, 0]);
});

Deno.test("TurnLimiter: what a task begins has its place behind what waits", () => {
  const { turns, done, begin, turn, waiting } = play(2);
  turns.begin(() => {
    done.push(0);
    turns.begin(() => void done.push(9));
  });
  begin(1, 4);
  turn();
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 9, 1, 2, 3], 0]);
  // Also in a turn, where one turn more is waited for, not two.
  begin(4, 5);
  turns.begin(() => turns.begin(() => void done.push(10)));
  turns.begin(() => turns.begin(() => void done.push(11)));
  assertEquals(waiting.length, 1);
  turn();
  assertEquals(waiting.length, 1);
  turn();
  assertEquals([done.slice(5), waiting.length], [[4, 10, 11], 0]);
});

Deno.test("TurnLimiter: tells when those have begun that waited at a time, also where others always wait", () => {
  const { turns, begin, turn } = play(2);
  begin(0, 6);
  const { queued } = turns;
  for (const passed of [false, true, true]) {
    turn();
    begin(6, 9);
    assertEquals(turns.passed >= queued, passed);
  }
});
