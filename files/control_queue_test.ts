import { assertEquals } from "@std/assert";
import { freeData } from "../tests/support/free_data.ts";
import {
  type FileMessage,
  type FileMessages,
  MAX_CONTROL_BYTES,
  TRANSFER_ID_SIZE,
} from "../protocol/file_messages.ts";
import type { Person } from "../room.ts";
import { ControlQueue } from "./control_queue.ts";

const id = new Uint8Array(TRANSFER_ID_SIZE);
const done: FileMessage = { kind: "done", id };

/** A queue, what it sends, and a clock that the test sets. */
function setUp() {
  const sent: { to: number; refused: number; count: number }[] = [];
  const state = { now: 0, ready: true, holds: 0 };
  const members = new Set([1, 2]);
  const self: Person = { id: 0, name: "ada", self: true, away: false };
  const queue = new ControlQueue(
    {
      self,
      connected: true,
      get ready() {
        return state.ready;
      },
      tell(to: number, { refused, messages }: FileMessages) {
        sent.push({ to, refused, count: messages.length });
        return true;
      },
      say() {},
      wake() {},
      data: freeData,
      has: (id) => members.has(id),
      person: () => self,
      peerKeyOf: () => undefined,
      find: () => undefined,
      isKnown: () => false,
      event() {},
    },
    { now: () => state.now, every: () => () => {} },
    () => state.holds++,
  );
  return { queue, sent, state, members };
}

Deno.test("ControlQueue: sends the messages of one turn together, to each member in one message", async () => {
  const { queue, sent } = setUp();
  for (const to of [1, 2, 1]) queue.send(to, done);
  assertEquals(sent, []);
  await Promise.resolve();
  assertEquals(sent, [{ to: 1, refused: 0, count: 2 }, { to: 2, refused: 0, count: 1 }]);
});

Deno.test("ControlQueue: sends several messages if one cannot hold everything", async () => {
  const { queue, sent } = setUp();
  const count = MAX_CONTROL_BYTES / TRANSFER_ID_SIZE;
  for (let i = 0; i < count; i++) queue.send(1, done);
  await Promise.resolve();
  assertEquals(sent.map(({ count }) => count), [256, 256, 256, 256]);
  assertEquals(sent.reduce((sum, { count }) => sum + count, 0), count);
});

Deno.test("ControlQueue: holds a member back after a refusal, then reports how many were refused, once", async () => {
  const { queue, sent, state } = setUp();
  queue.refuse(1, 3);
  queue.send(1, done);
  queue.send(2, done);
  await Promise.resolve();
  assertEquals([sent, state.holds, queue.holds], [[{ to: 2, refused: 0, count: 1 }], 1, true]);
  state.now = 200;
  queue.release();
  queue.flush();
  queue.send(1, done);
  await Promise.resolve();
  assertEquals(queue.holds, false);
  assertEquals(sent.slice(1), [{ to: 1, refused: 4, count: 1 }, { to: 1, refused: 0, count: 1 }]);
});

Deno.test("ControlQueue: keeps messages until the members are known, and sends none to a member that has left", async () => {
  const { queue, sent, state, members } = setUp();
  state.ready = false;
  for (const to of [1, 2]) queue.send(to, done);
  await Promise.resolve();
  assertEquals(sent, []);
  members.delete(2);
  state.ready = true;
  queue.flush();
  assertEquals(sent, [{ to: 1, refused: 0, count: 1 }]);
});
