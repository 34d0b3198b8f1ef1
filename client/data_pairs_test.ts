import { assert, assertEquals, assertThrows } from "@std/assert";
import { dataCost, type Grant } from "../protocol/data.ts";
import { DataPairs, REPEAT_MS, SILENT_MS } from "./data_pairs.ts";

function open() {
  const clock = { now: 0 };
  const sent: (Grant & { to: number })[] = [];
  const limit = { bytes: Infinity };
  const pairs = new DataPairs({
    now: () => clock.now,
    release: (bytes) => {
      const released = Math.min(bytes, limit.bytes);
      limit.bytes -= released;
      return released;
    },
    send: (to, grant) => sent.push({ to, ...grant }),
  });
  return { pairs, clock, limit, sent: () => sent.splice(0) };
}

Deno.test("DataPairs.spend: sends what is granted in this generation, and no more", () => {
  const { pairs } = open();
  assertEquals(pairs.leftTo(7), 0);
  assertThrows(() => pairs.spend(7, 2_000), RangeError, "not granted");
  pairs.granted(7, { generation: 1, total: 5_000 });
  assertEquals([pairs.spend(7, 2_000), pairs.leftTo(7)], [1, 5_000 - dataCost(2_000)]);
  // Grants are cumulative, and late ones change nothing.
  pairs.granted(7, { generation: 1, total: 4_000 });
  pairs.granted(7, { generation: 1, total: 6_000 });
  assertEquals(pairs.leftTo(7), 6_000 - dataCost(2_000));
  assertThrows(() => pairs.spend(7, 6_000), RangeError, "not granted");
  pairs.granted(7, { generation: 2, total: 1_024 });
  pairs.granted(7, { generation: 1, total: 90_000 });
  assertEquals([pairs.spend(7, 10), pairs.leftTo(7)], [2, 0]);
  pairs.left(7);
  assertEquals(pairs.leftTo(7), 0);
});

Deno.test("DataPairs.ask: grants what is owed, and begins a new generation when nothing was", () => {
  const { pairs, sent } = open();
  pairs.ask(7, 3_000);
  pairs.ask(7, 2_000);
  assertEquals(sent(), [
    { to: 7, generation: 1, total: 3_000 },
    { to: 7, generation: 1, total: 5_000 },
  ]);
  // Both came in one frame, which took less than was granted. The next request begins anew.
  assert(pairs.came(7, 1, 4_000));
  pairs.got(7, 3_000);
  pairs.got(7, 2_000);
  pairs.ask(7, 1_500);
  assertEquals(sent(), [{ to: 7, generation: 2, total: 1_500 }]);
  // What comes of the first one is worth nothing.
  assert(!pairs.came(7, 1, 1_000));
  assert(!pairs.came(8, 1, 1_000));
});

Deno.test("DataPairs.topUp: grants more if data that nobody asked for has used up the grant", () => {
  const { pairs, sent } = open();
  pairs.ask(7, 3_000);
  sent();
  pairs.came(7, 1, 2_991);
  pairs.topUp(7);
  assertEquals(sent(), [{ to: 7, generation: 1, total: 6_000 }]);
  pairs.topUp(7);
  assertEquals(sent(), []);
});

Deno.test("DataPairs.topUp: a sender of nothing but other data gets a bounded amount", () => {
  const { pairs, sent } = open();
  pairs.ask(7, 2 ** 20);
  for (let n = 0; n < 100; n++) {
    pairs.came(7, 1, 2 ** 20);
    pairs.topUp(7);
  }
  assertEquals(sent().at(-1)!.total < 6 * 2 ** 20, true);
});

Deno.test("DataPairs.tick: repeats a grant while something is owed, and gives up after silence", () => {
  const { pairs, clock, sent } = open();
  pairs.ask(7, 3_000);
  sent();
  clock.now = REPEAT_MS;
  assertEquals([pairs.tick(), sent()], [[], [{ to: 7, generation: 1, total: 3_000 }]]);
  pairs.came(7, 1, 1_000);
  clock.now = REPEAT_MS + SILENT_MS - 1;
  assertEquals(pairs.tick(), []);
  clock.now++;
  assertEquals([pairs.tick(), pairs.tick()], [[7], []]);
  sent();
  pairs.ask(7, 2_000);
  assertEquals(sent(), [{ to: 7, generation: 2, total: 2_000 }]);
});

Deno.test("DataPairs: after a lost connection nothing is owed, and a member that left owes nothing", () => {
  const { pairs, clock, sent } = open();
  for (const end of [() => pairs.resumed(), () => pairs.lose(7), () => pairs.left(7)]) {
    pairs.ask(7, 3_000);
    end();
    sent();
    clock.now += SILENT_MS;
    assertEquals([pairs.tick(), sent()], [[], []]);
  }
});

Deno.test("DataPairs.topUpAll: grants no more than is released, to members in turn; who was granted nothing is not silent", () => {
  const { pairs, clock, limit, sent } = open();
  limit.bytes = 2_000;
  pairs.ask(7, 3_000);
  pairs.ask(8, 3_000);
  assertEquals(sent(), [{ to: 7, generation: 1, total: 2_000 }]);
  pairs.topUp(8);
  assertEquals(sent(), []);
  limit.bytes = 1_500;
  pairs.topUpAll();
  assertEquals(sent(), [
    { to: 7, generation: 1, total: 3_000 },
    { to: 8, generation: 1, total: 500 },
  ]);
  // After 7 it is the turn of 8, although 7 wants more.
  pairs.ask(7, 2_000);
  for (const [bytes, to, total] of [[1_000, 7, 4_000], [1_200, 8, 1_700]] as const) {
    limit.bytes = bytes;
    pairs.topUpAll();
    assertEquals(sent(), [{ to, generation: 1, total }]);
  }
  // Everything that was granted to 8 has come. While it may not send more, it is not silent.
  pairs.came(8, 1, 1_700 - dataCost(2_000) + 2_000);
  pairs.got(8, 1_700);
  clock.now = SILENT_MS - 1;
  pairs.topUpAll();
  clock.now = SILENT_MS;
  assertEquals(pairs.tick(), [7]);
  clock.now += SILENT_MS - 2;
  assertEquals(pairs.tick(), []);
  clock.now += 1;
  assertEquals(pairs.tick(), [8]);
});
