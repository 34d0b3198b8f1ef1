import { assertEquals } from "@std/assert";
import { TurnLimiter } from "./turn_limit.ts";

/** Turns that come when the test says so. */
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

Deno.test("TurnLimiter: begins up to its limit at once, and the rest in later turns, in order", () => {
  const { turns, done, begin, turn } = play(3);
  begin(0, 8);
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2], 5]);
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2, 3, 4, 5], 2]);
  // A new task goes after the waiting ones.
  begin(8, 9);
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 1, 2, 3, 4, 5, 6, 7, 8], 0]);
});

Deno.test("TurnLimiter: a few tasks need no later turn", () => {
  const { done, begin, turn, waiting } = play(3);
  begin(0, 3);
  assertEquals([done.length, waiting.length], [3, 0]);
  begin(3, 5);
  assertEquals([done.length, waiting.length], [3, 1]);
  turn();
  begin(5, 6);
  assertEquals([done.length, waiting.length], [6, 0]);
});

Deno.test("TurnLimiter: a task that another task begins goes after the waiting ones", () => {
  const { turns, done, begin, turn, waiting } = play(2);
  turns.begin(() => {
    done.push(0);
    turns.begin(() => void done.push(9));
  });
  begin(1, 4);
  turn();
  turn();
  assertEquals([done, turns.queued - turns.passed], [[0, 9, 1, 2, 3], 0]);
  // Also within a turn: it waits for one more turn, not two.
  begin(4, 5);
  turns.begin(() => turns.begin(() => void done.push(10)));
  turns.begin(() => turns.begin(() => void done.push(11)));
  assertEquals(waiting.length, 1);
  turn();
  assertEquals(waiting.length, 1);
  turn();
  assertEquals([done.slice(5), waiting.length], [[4, 10, 11], 0]);
});

Deno.test("TurnLimiter.passed: shows when the tasks that waited at one time have begun, even if others always wait", () => {
  const { turns, begin, turn } = play(2);
  begin(0, 6);
  const { queued } = turns;
  for (const passed of [false, true, true]) {
    turn();
    begin(6, 9);
    assertEquals(turns.passed >= queued, passed);
  }
});
