import { assertEquals, assertThrows } from "@std/assert";
import { type Entry, Kind } from "./entry.ts";
import { MemoryOrder } from "./order.ts";

const entry = (number: number) => ({
  kind: Kind.FRAME,
  connection: 1,
  member: 1,
  number,
  bytes: new Uint8Array(0),
});

Deno.test("MemoryOrder.put: applies an entry at once, with the time", () => {
  const applied: Entry[] = [];
  const order = new MemoryOrder((entry) => applied.push(entry), () => 2428);
  const done: number[] = [];
  order.put(entry(1), (count) => done.push(count));
  order.put(entry(2));
  assertEquals(applied, [{ ...entry(1), time: 2428 }, { ...entry(2), time: 2428 }]);
  assertEquals(done, [1]);
});

Deno.test("MemoryOrder.put: an entry that is put while another is applied comes after it, before `put` returns", () => {
  const happened: string[] = [];
  const order = new MemoryOrder((entry: Entry) => {
    happened.push(`${entry.number} begins`);
    if (entry.number < 3) order.put(entry, () => happened.push(`after ${entry.number}`));
    if (entry.number < 3) order.put({ ...entry, number: 9 });
    happened.push(`${entry.number} ends`);
    return entry.number;
  }, () => 0);
  order.put(entry(3), () => order.put(entry(4), () => happened.push("4 done")));
  assertEquals(happened, ["3 begins", "3 ends", "4 begins", "4 ends", "4 done"]);
});

Deno.test("MemoryOrder.put: goes on after an error", () => {
  const order = new MemoryOrder((entry: Entry) => {
    if (entry.number === 1) throw new RangeError("a bug");
    return entry.number;
  }, () => 0);
  assertThrows(() => order.put(entry(1)), RangeError, "a bug");
  const done: number[] = [];
  order.put(entry(2), (number) => done.push(number));
  assertEquals(done, [2]);
});
