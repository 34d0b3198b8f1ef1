import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { HEADER_SIZE } from "../protocol.ts";
import { dataCost, type Grant } from "../protocol/data.ts";
import { CHUNK_HEADER, chunksCost, MAX_WHOLE, restCost } from "../protocol/file_messages.ts";
import { DataPairs, REPEAT_MS, SILENT_MS } from "./data_pairs.ts";
import { MAX_WINDOW, MIN_WINDOW } from "./receive_window.ts";

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

/** Asks for more, and grants it. */
function ask(pairs: DataPairs, from: number, cost: number): number {
  const generation = pairs.expect(from, cost);
  pairs.topUp(from);
  return generation;
}

Deno.test("DataPairs.spend: sends what is granted in this generation, and no more", () => {
  const { pairs } = open();
  assertEquals(pairs.leftTo(7, 1), 0);
  assertThrows(() => pairs.spend(7, 1, 2_000), RangeError, "not granted");
  pairs.granted(7, { generation: 1, total: 5_000 });
  pairs.spend(7, 1, 2_000);
  assertEquals(pairs.leftTo(7, 1), 5_000 - dataCost(2_000));
  // Grants are cumulative, and lower ones change nothing.
  pairs.granted(7, { generation: 1, total: 4_000 });
  pairs.granted(7, { generation: 1, total: 6_000 });
  assertEquals(pairs.leftTo(7, 1), 6_000 - dataCost(2_000));
  assertThrows(() => pairs.spend(7, 1, 6_000), RangeError, "not granted");
  pairs.granted(7, { generation: 2, total: 1_024 });
  // What was asked for in another generation waits for its grant, or is void.
  assertEquals([1, 2, 3].map((n) => pairs.leftTo(7, n)), [undefined, 1_024, 0]);
  for (const generation of [1, 3]) assertThrows(() => pairs.spend(7, generation, 10), RangeError);
  pairs.spend(7, 2, 10);
  assertEquals(pairs.leftTo(7, 2), 0);
  pairs.left(7);
  assertEquals(pairs.leftTo(7, 1), 0);
});

Deno.test("DataPairs.granted: a false generation, however high, is over with the next true grant", () => {
  const { pairs } = open();
  pairs.granted(7, { generation: 5, total: 9_000 });
  pairs.granted(7, { generation: 2 ** 32 - 1, total: Number.MAX_SAFE_INTEGER });
  assertEquals([5, 6].map((n) => pairs.leftTo(7, n)), [undefined, undefined]);
  pairs.granted(7, { generation: 6, total: 4_000 });
  assertEquals([5, 6, 7].map((n) => pairs.leftTo(7, n)), [undefined, 4_000, 0]);
});

Deno.test("DataPairs.expect: grants what is owed, and begins a new generation when nothing was", () => {
  const { pairs, sent } = open();
  ask(pairs, 7, 3_000);
  ask(pairs, 7, 2_000);
  assertEquals(sent(), [
    { to: 7, generation: 1, total: 3_000 },
    { to: 7, generation: 1, total: 5_000 },
  ]);
  // Both came in one frame, which took less than was granted. The next request starts again.
  assert(pairs.came(7, 1, 4_000));
  pairs.got(7, 3_000, 3_000);
  pairs.got(7, 2_000, 2_000);
  ask(pairs, 7, 1_500);
  assertEquals(sent(), [{ to: 7, generation: 2, total: 1_500 }]);
  // What comes of the first one is worth nothing.
  assert(!pairs.came(7, 1, 1_000));
  assert(!pairs.came(8, 1, 1_000));
});

Deno.test("DataPairs.topUp: grants more if data that nobody asked for has used up the grant", () => {
  const { pairs, sent } = open();
  ask(pairs, 7, 3_000);
  sent();
  pairs.came(7, 1, 2_991);
  pairs.topUp(7);
  assertEquals(sent(), [{ to: 7, generation: 1, total: 6_000 }]);
  pairs.topUp(7);
  assertEquals(sent(), []);
});

Deno.test("DataPairs.topUp: a sender of nothing but other data gets a bounded amount", () => {
  const { pairs, sent } = open();
  ask(pairs, 7, 2 ** 20);
  for (let n = 0; n < 100; n++) {
    pairs.came(7, 1, 2 ** 20);
    pairs.topUp(7);
  }
  assertEquals(sent().at(-1)!.total < 6 * 2 ** 20, true);
});

Deno.test("DataPairs.topUp: the bytes around chunks do not count as other data, however large the file is", () => {
  const { pairs, sent } = open();
  // In the smallest chunks, they are more than what a sender of other data gets.
  let rest = 80_000 * MAX_WHOLE;
  ask(pairs, 7, restCost(rest));
  for (let arrived = 0; rest > 0;) {
    const granted = sent().at(-1)?.total;
    assert(
      granted !== undefined && granted > arrived,
      `Nothing is granted, and ${rest} bytes are left`,
    );
    while (rest > 0 && arrived + chunksCost(CHUNK_HEADER + MAX_WHOLE) <= granted) {
      const size = chunksCost(CHUNK_HEADER + MAX_WHOLE);
      pairs.came(7, 1, size - HEADER_SIZE);
      arrived += size;
      pairs.got(7, restCost(rest) - restCost(rest - MAX_WHOLE), MAX_WHOLE);
      rest -= MAX_WHOLE;
      pairs.wrote(7, MAX_WHOLE);
    }
    pairs.topUp(7);
  }
});

Deno.test("DataPairs.tick: after too much other data, what is owed counts as lost, though all that was granted has come", () => {
  const { pairs, clock, sent } = open();
  ask(pairs, 7, 2 ** 30);
  // A byte is missing, so all that follows is worth nothing.
  for (let arrived = 0;;) {
    const granted = sent().at(-1)?.total;
    if (granted === undefined) break;
    pairs.came(7, 1, granted - arrived - HEADER_SIZE);
    arrived = granted;
    pairs.topUp(7);
  }
  clock.now = SILENT_MS - 1;
  assertEquals(pairs.tick(), []);
  clock.now = SILENT_MS;
  assertEquals(pairs.tick(), [7]);
  assertEquals(ask(pairs, 7, 2 ** 30), 2);
  assertEquals(sent().at(-1)?.generation, 2);
});

Deno.test("DataPairs.tick: repeats a grant while something is owed, and gives up after silence", () => {
  const { pairs, clock, sent } = open();
  ask(pairs, 7, 3_000);
  sent();
  clock.now = REPEAT_MS;
  assertEquals([pairs.tick(), sent()], [[], [{ to: 7, generation: 1, total: 3_000 }]]);
  pairs.came(7, 1, 1_000);
  clock.now = REPEAT_MS + SILENT_MS - 1;
  assertEquals(pairs.tick(), []);
  clock.now++;
  assertEquals([pairs.tick(), pairs.tick()], [[7], []]);
  sent();
  ask(pairs, 7, 2_000);
  assertEquals(sent(), [{ to: 7, generation: 2, total: 2_000 }]);
});

Deno.test("DataPairs: after a lost connection nothing is owed, and a member that left owes nothing", () => {
  const { pairs, clock, sent } = open();
  for (const end of [() => pairs.resumed(), () => pairs.lose(7), () => pairs.left(7)]) {
    ask(pairs, 7, 3_000);
    end();
    sent();
    clock.now += SILENT_MS;
    assertEquals([pairs.tick(), sent()], [[], []]);
  }
});

Deno.test("DataPairs.topUpAll: grants no more than is released, to members in turn; a member without a grant is not silent", () => {
  const { pairs, clock, limit, sent } = open();
  limit.bytes = 2_000;
  ask(pairs, 7, 3_000);
  ask(pairs, 8, 3_000);
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
  ask(pairs, 7, 2_000);
  for (const [bytes, to, total] of [[1_000, 7, 4_000], [1_200, 8, 1_700]] as const) {
    limit.bytes = bytes;
    pairs.topUpAll();
    assertEquals(sent(), [{ to, generation: 1, total }]);
  }
  // Everything that was granted to 8 has come. While it may not send more, it is not silent.
  pairs.came(8, 1, 1_700 - dataCost(2_000) + 2_000);
  pairs.got(8, 1_700, 1_700);
  clock.now = SILENT_MS - 1;
  pairs.topUpAll();
  clock.now = SILENT_MS;
  assertEquals(pairs.tick(), [7]);
  limit.bytes = 500;
  pairs.topUpAll();
  clock.now += SILENT_MS - 1;
  assertEquals(pairs.tick(), []);
  clock.now += 1;
  assertEquals(pairs.tick(), [8]);
});

Deno.test("DataPairs: what is on its way and what waits for the disk stay within the window, however chunks come", () => {
  const size = 64 * 1024;
  const { pairs, clock, sent } = open();
  ask(pairs, 7, 100 * MAX_WINDOW);
  let [total, arrived, held, grants, most] = [0, 0, 0, 0, 0];
  for (let n = 0; n < 2_000; n++) {
    for (const grant of sent()) {
      total = grant.total;
      grants++;
      most = Math.max(most, total - arrived + held);
    }
    clock.now += 1;
    if (arrived + dataCost(size) <= total) {
      arrived += dataCost(size);
      pairs.came(7, 1, size);
      pairs.got(7, dataCost(size), size);
      held += size;
    }
    // The disk is slower: every third time.
    if (n % 3 === 0 && held > 0) {
      held -= size;
      pairs.wrote(7, size);
    } else pairs.topUp(7);
  }
  assert(most <= MAX_WINDOW, `${most} bytes were on their way or in memory`);
  assert(most > MAX_WINDOW / 2, `${most} bytes were the most`);
  // Each grant is for several chunks.
  assert(grants < arrived / size, `${grants} grants for ${arrived / size} chunks`);
});

Deno.test("DataPairs: several senders share the window, and one that owes nothing leaves its part to the others", () => {
  const { pairs, clock, sent } = open();
  const size = 64 * 1024;
  const senders = [1, 2, 3, 4];
  const total = new Map<number, number>();
  const arrived = new Map<number, number>();
  const play = (turns: number) => {
    for (let n = 0; n < turns; n++) {
      clock.now += 1;
      for (const from of senders) {
        for (const grant of sent()) total.set(grant.to, grant.total);
        const come = (arrived.get(from) ?? 0) + dataCost(size);
        if (come > (total.get(from) ?? 0)) continue;
        arrived.set(from, come);
        pairs.came(from, 1, size);
        pairs.got(from, dataCost(size), size);
        pairs.wrote(from, size);
      }
      for (const grant of sent()) total.set(grant.to, grant.total);
    }
  };
  const onItsWay = (from: number) => total.get(from)! - arrived.get(from)!;
  for (const from of senders) ask(pairs, from, 1000 * MAX_WINDOW);
  play(500);
  for (const from of senders) {
    assert(onItsWay(from) <= MAX_WINDOW / 4);
    assertEquals(arrived.get(from), arrived.get(1));
  }
  for (const from of [2, 3, 4]) pairs.left(from);
  senders.length = 1;
  play(500);
  assert(onItsWay(1) > MAX_WINDOW / 2);
});

Deno.test("DataPairs.tick: a path on which a frame takes long gets more time and a smaller window, until data comes", () => {
  const { pairs, clock, sent } = open();
  let generation = 0;
  const silences: number[] = [];
  for (let n = 0; n < 6; n++) {
    generation = ask(pairs, 7, MAX_WINDOW);
    const begin = clock.now;
    while (pairs.tick().length === 0) clock.now += 500;
    silences.push(clock.now - begin);
  }
  assertEquals(silences, [5_000, 10_000, 20_000, 40_000, 80_000, 80_000]);
  assertEquals(sent().at(-1)!.total, MIN_WINDOW);
  generation = ask(pairs, 7, MAX_WINDOW);
  pairs.came(7, generation, 10_000);
  pairs.got(7, 10_000, 10_000);
  const begin = clock.now;
  while (pairs.tick().length === 0) clock.now += 500;
  assertEquals(clock.now - begin, 5_000);
});

Deno.test("DataPairs.tick: data that waits for a slow disk is not lost", () => {
  const { pairs, clock, sent } = open();
  ask(pairs, 7, 100 * MAX_WINDOW);
  const { total } = sent().at(-1)!;
  pairs.came(7, 1, total - 9);
  pairs.got(7, total, total);
  clock.now += 100 * SILENT_MS;
  assertEquals(pairs.tick(), []);
  pairs.wrote(7, total);
  assert(sent().length > 0);
});

Deno.test("DataPairs: grants whole bytes, however many senders share the window, and however often it is halved", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 70 }),
    fc.array(fc.record({ from: fc.nat({ max: 69 }), ms: fc.nat({ max: 400 }) }), {
      maxLength: 200,
    }),
    (senders, steps) => {
      const { pairs, clock, sent } = open();
      const arrived = new Map<number, number>();
      for (let from = 0; from < senders; from++) ask(pairs, from, 100 * MAX_WINDOW);
      for (const { from, ms } of steps) {
        clock.now += ms;
        const size = 20_000 + from;
        arrived.set(from, (arrived.get(from) ?? 0) + dataCost(size));
        pairs.came(from, 1, size);
        pairs.got(from, dataCost(size), size);
        pairs.wrote(from, size);
      }
      for (const { total } of sent()) assert(Number.isSafeInteger(total), `a grant of ${total}`);
    },
  ));
});
