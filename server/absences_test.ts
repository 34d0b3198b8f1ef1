import { assert, assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { PlayClock } from "../tests/support/fake_clock.ts";
import { Absences, type AbsencesOptions } from "./absences.ts";

const DAY = 24 * 3_600_000;

/** Absences whose time passes when the test lets it, and what happened. */
class Scene {
  readonly clock = new PlayClock();
  readonly happened: string[] = [];
  readonly absences: Absences;

  constructor(options: Partial<AbsencesOptions> = {}) {
    const { now, after } = this.clock;
    const note = (what: string) => (id: number) =>
      void this.happened.push(`${what} ${id} at ${now()}`);
    const notes = { onAway: note("away"), onOver: note("over") };
    this.absences = new Absences({ graceMs: 1000, awayMs: 30, now, after, ...notes, ...options });
  }

  lose(id: number, network = "n"): void {
    this.absences.add({ id, network });
  }

  /** The members away in the order in which they lose their places to newcomers of this network. */
  evicted(own = "other"): number[] {
    const { absences } = this;
    const ids: number[] = [];
    for (let id = absences.longest(own); id !== undefined; id = absences.longest(own)) {
      absences.remove(id);
      ids.push(id);
    }
    return ids;
  }
}

Deno.test("Absences: a member is away after awayMs, and its time is over after graceMs", async () => {
  const scene = new Scene();
  scene.lose(1);
  await scene.clock.until(10);
  scene.lose(2);
  await scene.clock.until(35);
  assertEquals([scene.absences.size, scene.absences.away], [2, 1]);
  await scene.clock.until(2000);
  assertEquals(scene.happened, [
    "away 1 at 30",
    "away 2 at 40",
    "over 1 at 1000",
    "over 2 at 1010",
  ]);
  assertEquals([scene.absences.size, scene.absences.away, scene.clock.timers], [0, 0, 0]);
});

Deno.test("Absences: nothing happens to a member that is back in time", async () => {
  const scene = new Scene();
  scene.lose(1);
  scene.lose(2);
  await scene.clock.until(29);
  scene.absences.remove(1);
  await scene.clock.until(999);
  scene.absences.remove(2);
  scene.absences.remove(2);
  scene.absences.remove(3);
  await scene.clock.until(5000);
  assertEquals(scene.happened, ["away 2 at 30"]);
  // A member that loses its connection again starts again.
  scene.lose(1);
  await scene.clock.until(7000);
  assertEquals(scene.happened.slice(1), ["away 1 at 5030", "over 1 at 6000"]);
});

Deno.test("Absences: a grace shorter than awayMs ends in both at once", async () => {
  const scene = new Scene({ graceMs: 20 });
  scene.lose(1);
  await scene.clock.until(100);
  assertEquals(scene.happened, ["away 1 at 20", "over 1 at 20"]);
});

Deno.test("Absences: for a time, nobody is seen as away who is not yet, but the time of members ends", async () => {
  const scene = new Scene();
  scene.absences.hold(200);
  scene.absences.add({ id: 1, network: "n" }, -900, true);
  scene.absences.add({ id: 2, network: "n" }, -850);
  scene.lose(3);
  await scene.clock.until(180);
  scene.lose(4);
  scene.absences.remove(3);
  scene.lose(5);
  await scene.clock.until(250);
  assertEquals(scene.happened, [
    ...["over 1 at 100", "over 2 at 150", "away 4 at 210", "away 5 at 210"],
  ]);
  scene.absences.remove(4);
  scene.lose(6);
  await scene.clock.until(280);
  assertEquals(scene.happened.slice(4), ["away 6 at 280"]);
});

Deno.test("Absences: thousands of members need one timer, and a day later all are gone", async () => {
  const scene = new Scene({ graceMs: DAY, awayMs: 3000 });
  for (let id = 1; id <= 4500; id++) scene.lose(id, `n${id % 100}`);
  assertEquals(scene.clock.timers, 1);
  await scene.clock.until(DAY - 1);
  assertEquals([scene.absences.away, scene.clock.timers, scene.happened.length], [4500, 1, 4500]);
  await scene.clock.until(DAY);
  assertEquals([scene.absences.size, scene.clock.timers, scene.happened.length], [0, 0, 9000]);
});

Deno.test("Absences: takes members that have been away before it began, with the rest of their time", async () => {
  const scene = new Scene();
  scene.absences.add({ id: 1, network: "n" }, -5000, true);
  scene.absences.add({ id: 2, network: "n" }, 100 - 1000, true);
  scene.absences.add({ id: 3, network: "n" }, -10, false);
  scene.lose(4);
  assertEquals(scene.absences.away, 2);
  await scene.clock.until(3000);
  assertEquals(scene.happened, [
    ...["over 1 at 0", "away 3 at 20", "away 4 at 30"],
    ...["over 2 at 100", "over 3 at 990", "over 4 at 1000"],
  ]);
});

Deno.test("Absences: a timer that ends before the clock says so counts", () => {
  let task = () => {};
  const happened: number[] = [];
  const absences = new Absences({
    ...{ graceMs: 1000, awayMs: 30, now: () => 0 },
    after: (_ms, then) => {
      task = then;
      return () => {};
    },
    onAway: (id) => happened.push(id),
    onOver: (id) => happened.push(-id),
  });
  absences.add({ id: 1, network: "n" });
  task();
  task();
  assertEquals(happened, [1, -1]);
});

Deno.test("Absences: after close nothing happens, also if a member's end closes it", async () => {
  const scene = new Scene();
  scene.lose(1);
  scene.absences.close();
  assertEquals(scene.clock.timers, 0);
  scene.lose(2);
  assertEquals(scene.clock.timers, 0);
  const { now, after } = scene.clock;
  const absences: Absences = new Absences({
    ...{ graceMs: 10, awayMs: 10, now, after, onAway: () => {} },
    onOver: () => absences.close(),
  });
  absences.add({ id: 1, network: "n" });
  absences.add({ id: 2, network: "n" }, 5);
  await scene.clock.until(100);
  assertEquals([absences.size, scene.clock.timers], [1, 0]);
});

Deno.test("Absences: a network's member away longest is known; members that are not away yet are not", async () => {
  const scene = new Scene();
  assertEquals([scene.absences.longest("n"), scene.absences.longestFrom("n")], [
    undefined,
    undefined,
  ]);
  scene.lose(1, "a");
  scene.lose(2, "b");
  scene.lose(3, "b");
  assertEquals(scene.absences.longest("b"), undefined);
  await scene.clock.until(30);
  scene.lose(4, "a");
  const { absences } = scene;
  assertEquals([absences.longestFrom("a"), absences.longestFrom("b"), absences.longestFrom("c")], [
    ...[1, 2, undefined],
  ]);
  absences.remove(2);
  assertEquals([absences.longestFrom("b"), absences.awayFrom("b"), absences.awayFrom("a")], [
    3,
    1,
    1,
  ]);
});

Deno.test("Absences.longest: of the network with the most away, its longest; of the newcomer's own if it has as many", async () => {
  const scene = new Scene();
  for (
    const [id, network] of [[1, "a"], [2, "b"], [3, "b"], [4, "c"], [5, "c"], [6, "b"]] as const
  ) {
    scene.lose(id, network);
  }
  await scene.clock.until(30);
  // b has three, then b and c have two, then all have one.
  assertEquals(scene.evicted(), [2, 4, 3, 1, 5, 6]);
  for (const [id, network] of [[1, "a"], [2, "b"], [3, "c"]] as const) scene.lose(id, network);
  await scene.clock.until(60);
  assertEquals(scene.absences.longest("c"), 3);
  assertEquals(scene.absences.longest("d"), 1);
});

Deno.test("Absences.longest: a network that has as many away as any other pushes out none of them, however it comes and goes", async () => {
  const networks = fc.constantFrom("a", "b", "c", "d");
  const steps = fc.array(
    fc.record({ network: networks, what: fc.constantFrom("lose", "return", "join") }),
    { maxLength: 80 },
  );
  await fc.assert(fc.asyncProperty(steps, async (steps) => {
    const scene = new Scene({ awayMs: 0, graceMs: DAY });
    const { absences } = scene;
    const away: { id: number; network: string }[] = [];
    let time = 0;
    for (const [index, { network, what }] of steps.entries()) {
      const own = away.filter((one) => one.network === network);
      if (what === "lose") {
        scene.lose(index, network);
        away.push({ id: index, network });
        await scene.clock.until(++time);
      } else if (what === "return") {
        if (own[0]) absences.remove(own[0].id);
        if (own[0]) away.splice(away.indexOf(own[0]), 1);
      } else {
        const id = absences.longest(network);
        const counts = Map.groupBy(away, (one) => one.network);
        const most = Math.max(0, ...Array.from(counts.values(), (some) => some.length));
        if (most === 0) {
          assertEquals(id, undefined);
          continue;
        }
        const gone = away.find((one) => one.id === id)!;
        const all = counts.get(gone.network)!;
        assertEquals([all.length, all[0]!.id], [most, id]);
        assert(own.length < most || gone.network === network);
        absences.remove(gone.id);
        away.splice(away.indexOf(gone), 1);
      }
      assertEquals(absences.away, away.length);
    }
  }));
});
