import { assertEquals } from "@std/assert";
import { flusher } from "./flush.ts";

/** A server's time, what waits in it, and when what was flushed. `lasts`: how long a flush takes, in turns of 1 ms. */
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
    /** Something is appended; a hub asks for no second flush before the first one. */
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
    /** So many ms later, in the next turn. */
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

Deno.test("flusher: in a quiet room all of a turn goes out at its end, and nothing is waited for", () => {
  const room = play();
  room.say("a");
  room.say("b");
  assertEquals(room.flushed, []);
  room.endTurn();
  assertEquals(room.flushed, ["0: ab"]);
  assertEquals(room.looking, false);
});

Deno.test("flusher: a flush that took no time makes nothing wait", () => {
  const room = play();
  for (const what of ["a", "b", "c"]) {
    room.say(what);
    room.endTurn();
  }
  assertEquals(room.flushed, ["0: a", "0: b", "0: c"]);
});

Deno.test("flusher: what comes while a flush is under way waits for its end, and then until nothing comes", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  room.turn(1);
  room.say("b");
  for (let i = 0; i < 2; i++) room.turn(1);
  assertEquals(room.flushed, ["0: a"], "its writes still wait for their turn");
  room.say("c");
  room.turn(1);
  // That was its end: from now on, 0.2 ms.
  room.turn(0.125);
  assertEquals(room.flushed, ["0: a"]);
  room.turn(0.125);
  assertEquals(room.flushed, ["0: a", "4.25: bc"]);
});

Deno.test("flusher: who goes on talking can't keep what came first from going out", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  for (let i = 0; i < 5; i++) room.turn(1);
  room.say("b");
  for (let i = 0; i < 20 && room.flushed.length < 2; i++) {
    room.turn(0.125);
    room.say(".");
  }
  // 1.5 ms behind the end of the flush before, which was at 4 or 5.
  assertEquals(room.flushed[1]!.slice(0, 6), "5.5: b");
});

Deno.test("flusher: a flush that is over for longer than it took is forgotten", () => {
  const room = play(4);
  room.say("a");
  room.endTurn();
  for (let i = 0; i < 5; i++) room.turn(1);
  room.turn(4);
  room.say("b");
  room.endTurn();
  assertEquals(room.flushed, ["0: a", "9: b"]);
});

Deno.test("flusher: behind a cheap flush nothing waits", () => {
  const room = play(1);
  room.say("a");
  room.endTurn();
  room.turn(0.375);
  room.say("b");
  room.endTurn();
  assertEquals(room.flushed, ["0: a", "0.375: b"]);
});
