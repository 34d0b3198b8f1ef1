import { assertEquals } from "@std/assert";
import { Rate } from "./rate.ts";

Deno.test("Rate: follows the speed, and falls when nothing moves", () => {
  const rate = new Rate(0, 0);
  for (let s = 1; s <= 10; s++) rate.look(1000 * s, 1000 * s);
  assertEquals(Math.round(rate.value), 1000);
  rate.look(10_000, 12_000);
  assertEquals(Math.round(rate.value), 500);
});

Deno.test("Rate: counts from what was there at the beginning, and takes no short moments", () => {
  const rate = new Rate(5000, 0);
  assertEquals(rate.value, 0);
  rate.look(6000, 99);
  assertEquals(rate.value, 0);
  rate.look(6000, 1000);
  assertEquals(rate.value, 1000);
});
