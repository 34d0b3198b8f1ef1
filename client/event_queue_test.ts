import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { RoomEvent } from "../room.ts";
import { OFFER } from "../tests/support/fake_room.ts";
import { EventQueue } from "./event_queue.ts";

const warning = (message: string): RoomEvent => ({ type: "warning", code: "flood", message });
const progress = (number: number, bytes: number): RoomEvent => ({
  type: "progress",
  transfer: { ...OFFER, number, bytes },
});
const nothing = () => {};

/** A short form of an event. */
function short(event: RoomEvent): string {
  if (event.type === "progress") return `${event.transfer.number}:${event.transfer.bytes}`;
  return event.type === "warning" ? event.message : event.type;
}

/** A listener whose work the test ends. */
class SlowListener {
  readonly received: string[] = [];
  #done = Promise.withResolvers<void>();

  readonly listen = (event: RoomEvent): Promise<void> => {
    this.received.push(short(event));
    return this.#done.promise;
  };

  /** Resolves when the queue has continued. */
  async finishOne(): Promise<void> {
    const { resolve, promise } = this.#done;
    this.#done = Promise.withResolvers();
    resolve();
    await promise;
  }
}

Deno.test("EventQueue.emit: delivers at once to a listener that returns nothing", () => {
  const queue = new EventQueue();
  const received: string[] = [];
  queue.start((event) => void received.push(short(event)), nothing);
  queue.emit(warning("a"));
  assertEquals(received, ["a"]);
  assertStrictEquals(queue.delivered(), undefined);
});

Deno.test("EventQueue.start: delivers earlier events", () => {
  const queue = new EventQueue();
  queue.emit(warning("a"));
  queue.emit(warning("b"));
  const received: string[] = [];
  queue.start((event) => void received.push(short(event)), nothing);
  assertEquals(received, ["a", "b"]);
});

Deno.test("EventQueue: delivers the next event when the promise for the last one has resolved", async () => {
  const queue = new EventQueue();
  const listener = new SlowListener();
  queue.start(listener.listen, nothing);
  for (const text of ["a", "b", "c"]) queue.emit(warning(text));
  assertEquals(listener.received, ["a"]);
  await listener.finishOne();
  assertEquals(listener.received, ["a", "b"]);
  queue.emit(warning("d"));
  await listener.finishOne();
  await listener.finishOne();
  assertEquals(listener.received, ["a", "b", "c", "d"]);
});

Deno.test("EventQueue.emit: an event that the listener itself causes follows the present one", () => {
  const queue = new EventQueue();
  const received: string[] = [];
  queue.start((event) => {
    if (short(event) === "a") queue.emit(warning("b"));
    received.push(short(event));
  }, nothing);
  queue.emit(warning("a"));
  assertEquals(received, ["a", "b"]);
});

Deno.test("EventQueue.delivered: waits for all events so far, and for none that come later", async () => {
  const queue = new EventQueue();
  const listener = new SlowListener();
  queue.start(listener.listen, nothing);
  queue.emit(warning("a"));
  queue.emit(warning("b"));
  let isDone = false;
  const delivered = queue.delivered()!.then(() => isDone = true);
  queue.emit(warning("c"));
  await listener.finishOne();
  assertEquals(isDone, false);
  await listener.finishOne();
  await delivered;
  assertEquals(listener.received, ["a", "b", "c"]);
});

Deno.test("EventQueue.emit: of one transfer's progress only the latest waits, in the place of the first", async () => {
  const queue = new EventQueue();
  const listener = new SlowListener();
  queue.start(listener.listen, nothing);
  queue.emit(warning("a"));
  queue.emit(progress(1, 10));
  queue.emit(warning("b"));
  queue.emit(progress(2, 5));
  for (let bytes = 20; bytes <= 1000; bytes += 10) queue.emit(progress(1, bytes));
  for (let i = 0; i < 4; i++) await listener.finishOne();
  assertEquals(listener.received, ["a", "1:1000", "b", "2:5"]);
});

for (const how of ["throws", "rejects"] as const) {
  Deno.test(`EventQueue: a listener that ${how} gets nothing more, and its error comes from delivered()`, async () => {
    const queue = new EventQueue();
    const received: string[] = [];
    let errors = 0;
    queue.start((event) => {
      received.push(short(event));
      if (how === "throws") throw new TypeError("a bug");
      return Promise.reject(new TypeError("a bug"));
    }, () => errors++);
    queue.emit(warning("a"));
    queue.emit(warning("b"));
    await assertRejects(() => queue.delivered()!, TypeError, "a bug");
    await assertRejects(() => queue.delivered()!, TypeError, "a bug");
    queue.emit(warning("c"));
    assertEquals([received, errors], [["a"], 1]);
  });
}

Deno.test("EventQueue.close: delivers waiting events, and ignores later ones", async () => {
  const queue = new EventQueue();
  const listener = new SlowListener();
  queue.start(listener.listen, nothing);
  queue.emit(warning("a"));
  queue.emit(warning("b"));
  queue.close();
  queue.emit(warning("c"));
  const delivered = queue.delivered();
  await listener.finishOne();
  await listener.finishOne();
  await delivered;
  assertEquals(listener.received, ["a", "b"]);
});
