import { assert, assertEquals, assertRejects } from "@std/assert";
import { FewAtOnce } from "./few_at_once.ts";

Deno.test("FewAtOnce.run: runs all tasks in their order, and no more at once than allowed", async () => {
  const few = new FewAtOnce(3);
  const begun: number[] = [];
  let [running, most] = [0, 0];
  const tasks = Array.from({ length: 20 }, (_, n) =>
    few.run(async () => {
      begun.push(n);
      most = Math.max(most, ++running);
      for (let i = 0; i < n % 4; i++) await Promise.resolve();
      running--;
    }));
  assertEquals(few.size, 20);
  await Promise.all(tasks);
  assertEquals([few.size, most], [0, 3]);
  assertEquals(begun, Array.from({ length: 20 }, (_, n) => n));
});

Deno.test("FewAtOnce.run: a task that fails reports it, and leaves its place to the next", async () => {
  const few = new FewAtOnce(1);
  const failing = few.run(() => Promise.reject(new Error("the disk is full")));
  let hasRun = false;
  const next = few.run(() => {
    hasRun = true;
    return Promise.resolve();
  });
  await assertRejects(() => failing, Error, "the disk is full");
  await next;
  assert(hasRun);
  assertEquals(few.size, 0);
});
