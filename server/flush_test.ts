import { assertEquals } from "@std/assert";
import { flusher } from "./flush.ts";

/** A simulated clock with its waiting tasks, and a record of the flushes. `lasts`: turns of 1 ms that a flush takes. */
function play(lasts = 0) {
  const flushed: string[] = [];
  let now = 1000;
  let end = 0;
  let queued = 0;
  let passed = 0;
  const soon: (() => void)[] = [];
  let later: (() => void)[] = [];
  let unsaid = "";
  const schedule = flusher({
    now: () => now,
    end: () => end,
    queued: () => queued,
    passed: () => passed,
    atOnce: (task) => void soon.push(task),
    later: (task) => void later.push(task),
  });
  const endTurn = () => {
    soon.splice(0).forEach((task) => task());
  };
  return {
    flushed,
    /** Appends something. Like a hub, it asks for no second flush before the first one. */
    say(what: string) {
      end++;
      unsaid += what;
      if (unsaid !== what) return;
      schedule(() => {
        flushed.push(`${now - 1000}: ${unsaid}`);
        unsaid = "";
        queued += lasts;
      });
    },
    endTurn,
    /** Advances the clock by this many ms, to the next turn. */
    turn(ms: number) {
      endTurn();
      now += ms;
      if (passed < queued) passed++;
      const due = later;
      later = [];
      due.forEach((task) => task());
      endTurn();
    },
    get looking() {
      return later.length > 0;
    },
  };
}

Deno.test("flusher: in a quiet room all frames of a turn go out at its end, without a wait", () => {
  const room = play();
  room.say("a");
  room.say("b");
  assertEquals(room.flushed, []);
  room.endTurn();
  assertEquals(room.flushed, ["0: ab"]);
  assertEquals(room.looking, false);
});

Deno.test("flusher: nothing waits after a flush that took no time", () => {
  const room = play();
  for (const what of ["a", "b", "c"]) {
    room.say(what);
    room.endTurn();
  }
  assertEquals(room.flushed, ["0: a", "0: b", "0: c"]);
});

Deno.test("flusher: frames that come during a flush wait for its end, and then for a quiet moment", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  room.turn(1);
  room.say("b");
  for (let i = 0; i < 2; i++) room.turn(1);
  assertEquals(room.flushed, ["0: a"], "its writes still wait for their turn");
  room.say("c");
  room.turn(1);
  // The flush has ended: 0.2 ms from now on.
  room.turn(0.125);
  assertEquals(room.flushed, ["0: a"]);
  room.turn(0.125);
  assertEquals(room.flushed, ["0: a", "4.25: bc"]);
});

Deno.test("flusher: a constant stream of frames does not delay the first ones for long", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  for (let i = 0; i < 5; i++) room.turn(1);
  room.say("b");
  for (let i = 0; i < 20 && room.flushed.length < 2; i++) {
    room.turn(0.125);
    room.say(".");
  }
  // 1.5 ms after the end of the previous flush, which was at 4 or 5.
  assertEquals(room.flushed[1]!.slice(0, 6), "5.5: b");
});

Deno.test("flusher: forgets a flush that ended longer ago than it took", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  for (let i = 0; i < 5; i++) room.turn(1);
  room.turn(4);
  room.say("b");
  room.endTurn();
  assertEquals(room.flushed, ["0: a", "9: b"]);
});

Deno.test("flusher: nothing waits after a cheap flush", () => {
  const room = play(1);
  room.say("a");
  room.endTurn();
  room.turn(0.375);
  room.say("b");
  room.endTurn();
  assertEquals(room.flushed, ["0: a", "0.375: b"]);
});
