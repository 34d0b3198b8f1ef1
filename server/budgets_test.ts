import { assert, assertEquals } from "@std/assert";
import { PlayClock } from "../tests/support/fake_clock.ts";
import { JOIN_COST } from "../protocol/cost.ts";
import { Budgets } from "./budgets.ts";
import { budgetOf, DEFAULT_BUDGET, sharesOf } from "./limits.ts";

const ONE = { frames: 1, bytes: 100 };

/** Budgets on a clock that the test moves. */
function open(budget = DEFAULT_BUDGET) {
  const clock = new PlayClock();
  const waits: string[] = [];
  const { now, after } = clock;
  const budgets = new Budgets({ budget, now, after, onWait: (limit) => waits.push(limit) });
  return { budgets, clock, waits };
}

Deno.test("sharesOf: a network has eight budgets, a room 2,000 messages and 8 MiB a second, or what one network has", () => {
  assertEquals(sharesOf(DEFAULT_BUDGET), {
    network: { frames: 400, frameBurst: 8_000, bytes: 2 ** 21, byteBurst: 2 ** 25 },
    room: { frames: 2_000, frameBurst: 2_000, bytes: 2 ** 23, byteBurst: 2 ** 23 },
  });
  assertEquals(sharesOf(budgetOf(500, 2 ** 21)!).room, {
    frames: 4_000,
    frameBurst: 4_000,
    bytes: 2 ** 24,
    byteBurst: 2 ** 24,
  });
});

Deno.test("Budgets: without a limit nobody waits, and nothing is kept", () => {
  const budgets = new Budgets({ ...new PlayClock(), budget: undefined });
  for (let i = 0; i < 10_000; i++) {
    assertEquals(budgets.take("a", "one", { frames: 100, bytes: 2 ** 20 }), undefined);
    assertEquals(budgets.takeJoin("a"), undefined);
  }
  assertEquals([budgets.memberOf("a"), budgets.size], [undefined, 0]);
});

Deno.test("Budgets: --rate 0 switches off the totals of frames, --byte-rate 0 those of bytes", () => {
  const rateless = open(budgetOf(0, 2 ** 18)).budgets;
  for (let i = 0; i < 100_000; i++) {
    assertEquals(rateless.take("a", "one", { frames: 1, bytes: 0 }), undefined);
  }
  const byteless = open(budgetOf(50, 0)).budgets;
  for (let i = 0; i < 1_000; i++) {
    assertEquals(byteless.take("a", "one", { frames: 0, bytes: 2 ** 18 }), undefined);
  }
});

Deno.test("Budgets.memberOf: a new member gets what its network has left, and others get all", async () => {
  const { budgets, clock } = open();
  const left = (network: string) => budgets.memberOf(network)!.left(clock.time).frames;
  budgets.take("a", "one", { frames: 9_000, bytes: 0 });
  assertEquals([left("a"), left("b")], [0, DEFAULT_BUDGET.frameBurst]);
  await clock.until(3_500);
  assertEquals(left("a"), 400);
  await clock.until(60_000);
  assertEquals(left("a"), DEFAULT_BUDGET.frameBurst);
});

Deno.test("Budgets: members that leave and come again get no more than their network", async () => {
  const { budgets, clock, waits } = open();
  let taken = 0;
  let isOver = false;
  // Each comes, sends what it may at once, and leaves.
  const churn = async (): Promise<void> => {
    while (!isOver) {
      await budgets.takeJoin("a");
      taken += JOIN_COST.frames;
      const limiter = budgets.memberOf("a")!;
      const member = {};
      while (!isOver && limiter.take(ONE, clock.time) === 0) {
        await budgets.take("a", member, ONE);
        taken += ONE.frames;
      }
    }
  };
  const all = Promise.all([churn(), churn(), churn()]);
  const seconds = 60;
  await clock.until(1_000 * seconds);
  isOver = true;
  budgets.close();
  await all;
  const { frames, frameBurst } = sharesOf(DEFAULT_BUDGET).network;
  // `close` lets the three go on once more.
  assert(taken <= frameBurst + seconds * frames + 3 * JOIN_COST.frames, `${taken} messages`);
  assert(taken > seconds * frames, `${taken} messages`);
  assert(waits.includes("network"));
});

Deno.test("Budgets: the room's total is shared by networks, and one that has sent little does not wait for long", async () => {
  const { budgets, clock, waits } = open();
  const flood = Array.from({ length: 12 }, (_, n) => `flood ${n}`);
  while (!waits.includes("room")) for (const network of flood) budgets.take(network, "one", ONE);
  for (const network of flood) for (let n = 0; n < 20; n++) budgets.take(network, n, ONE);
  let served: number | undefined;
  budgets.take("quiet", "one", ONE)?.then(() => served = clock.time);
  await clock.until(1_000);
  // 240 frames of the others wait, and half a ms is one frame: one of each network may go before.
  assertEquals(served !== undefined && served <= (flood.length + 2) / 2, true, `${served} ms`);
  assertEquals(clock.timers, 0);
});

Deno.test("Budgets: a member of a busy network waits for one frame of each of the others", async () => {
  const { budgets, clock } = open();
  let isOver = false;
  const flood = async (member: number): Promise<void> => {
    while (!isOver) await budgets.take("a", member, ONE);
  };
  const all = Promise.all(Array.from({ length: 10 }, (_, member) => flood(member)));
  // The burst of the network takes 4 s, at the rate of the room.
  await clock.until(10_000);
  let served: number | undefined;
  budgets.take("a", "quiet", ONE)?.then(() => served = clock.time);
  await clock.until(11_000);
  assertEquals(served !== undefined && served <= 10_000 + 12 * 2.5, true, `${served} ms`);
  isOver = true;
  budgets.close();
  await all;
});

Deno.test("Budgets.sweep: forgets networks that have regained everything, and no others", async () => {
  const { budgets, clock } = open();
  const networks = Array.from({ length: 100 }, (_, n) => `${n}`);
  for (const network of networks) budgets.take(network, "one", { frames: 1, bytes: 0 });
  budgets.take("100", "one", { frames: 40, bytes: 0 });
  budgets.sweep();
  assertEquals(budgets.size, 101);
  await clock.until(10);
  budgets.sweep();
  assertEquals(budgets.size, 1);
  await clock.until(100);
  budgets.sweep();
  assertEquals(budgets.size, 0);
});
