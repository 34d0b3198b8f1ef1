import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { encodeFrame, type Frame, frameAt, HEADER_SIZE, Type } from "../protocol.ts";
import { DATA_OVERHEAD, dataCost, encodeGrantBody, parseGrant } from "../protocol/data.ts";
import fc from "../tests/support/property.ts";
import {
  CREDIT_IN_ALL,
  DataLanes,
  FIRST_SHARE,
  MAX_SENDERS,
  NETWORK_CREDIT,
  RECEIVER_CREDIT,
  UNUSED_MS,
} from "./data_lanes.ts";

const MIB = 2 ** 20;
const NET = "192.0.2.1";

/** A DATA frame of this many bytes, from its sender. */
function data(receiver: number, generation: number, size: number, mark = 0): Uint8Array {
  const body = new Uint8Array(size - HEADER_SIZE).fill(mark);
  body.set(encodeGrantBody({ generation, total: 0 }).subarray(0, DATA_OVERHEAD));
  return encodeFrame(Type.DATA, receiver, body);
}

function framesIn(bytes: Uint8Array<ArrayBuffer> | undefined): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; bytes && at < bytes.length; at += frames.at(-1)!.bytes.length) {
    frames.push(frameAt(bytes.subarray(at)));
  }
  return frames;
}

/** Lanes, and what its members have been told. */
class Play {
  now = 0;
  readonly woken: number[] = [];
  readonly lanes = new DataLanes({ now: () => this.now, wake: (id) => this.woken.push(id) });

  /** What a sender is told now: by receiver. */
  told(sender: number): [receiver: number, generation: number, total: number][] {
    return framesIn(this.lanes.takeGrants(sender)).map(({ type, id, body }) => {
      assertEquals(type, Type.GRANT);
      const { generation, total } = parseGrant(body);
      return [id, generation, total];
    });
  }

  send(sender: number, receiver: number, generation: number, size: number, mark = 0): boolean {
    return this.lanes.send(sender, receiver, generation, data(receiver, generation, size, mark));
  }
}

Deno.test("DataLanes: a grant is passed on, and as much is taken and given to the receiver, in order", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 50_000 });
  assertEquals([play.woken, play.told(1), play.told(1)], [[1], [[2, 1, 50_000]], []]);
  assert(play.send(1, 2, 1, 30_000, 7));
  assert(play.send(1, 2, 1, 20_000, 8));
  assert(!play.send(1, 2, 1, 1024));
  assertEquals([play.woken, play.lanes.credit], [[1, 2, 2], 50_000]);
  const frames = framesIn(play.lanes.take(2));
  assertEquals(frames.map(({ type, id, body, bytes }) => [type, id, body.at(-1), bytes.length]), [
    [Type.DATA, 1, 7, 30_000],
    [Type.DATA, 1, 8, 20_000],
  ]);
  // They have been written when the next ones are taken.
  assertEquals(play.lanes.credit, 50_000);
  assertEquals([play.lanes.take(2), play.lanes.credit], [undefined, 0]);
});

Deno.test("DataLanes: the first share is small, and later ones follow as the receiver reads", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 100 * MIB });
  let passed = 0;
  let most = 0;
  for (let moved = 0; moved < 100 * MIB;) {
    for (const [, , total] of play.told(1)) passed = total;
    if (moved === 0) assertEquals(passed, RECEIVER_CREDIT);
    for (; moved < passed; moved += 65_536) assert(play.send(1, 2, 1, 65_536));
    most = Math.max(most, play.lanes.credit);
    assert(play.lanes.take(2));
  }
  assertLessOrEqual(most, RECEIVER_CREDIT);
});

Deno.test("DataLanes.send: takes nothing of another generation, beyond the grant, or for a member that granted nothing", () => {
  const play = new Play();
  assert(!play.send(1, 2, 1, 2_000));
  play.lanes.grant(2, NET, 1, { generation: 3, total: 4_000 });
  for (const generation of [0, 2, 4]) assert(!play.send(1, 2, generation, 2_000));
  assert(!play.send(5, 2, 3, 2_000), "another sender");
  assert(!play.send(1, 5, 3, 2_000), "another receiver");
  assert(!play.send(1, 2, 3, 4_001));
  assert(play.send(1, 2, 3, 4_000));
  assertEquals(framesIn(play.lanes.take(2)).length, 1);
});

Deno.test("DataLanes: small frames count as 1024 bytes, so that many of them take no more memory", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 3 * 1024 });
  assertEquals([13, 13, 13, 13].map((size) => play.send(1, 2, 1, size)), [true, true, true, false]);
  assertEquals(play.lanes.credit, 3 * dataCost(DATA_OVERHEAD));
});

Deno.test("DataLanes.grant: a repetition is told again while bytes are outstanding, an old one is ignored", () => {
  const play = new Play();
  const grant = { generation: 2, total: 9_000 };
  play.lanes.grant(2, NET, 1, grant);
  play.told(1);
  play.lanes.grant(2, NET, 1, grant);
  assertEquals(play.told(1), [[2, 2, 9_000]]);
  play.lanes.grant(2, NET, 1, { generation: 1, total: 90_000 });
  play.lanes.grant(2, NET, 1, { generation: 2, total: 8_000 });
  assertEquals(play.told(1), [[2, 2, 9_000]]);
  assert(play.send(1, 2, 2, 9_000));
  play.lanes.grant(2, NET, 1, grant);
  assertEquals(play.told(1), []);
});

Deno.test("DataLanes.grant: a new generation begins at 0, and drops what waits of the old one", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assert(play.send(1, 2, 1, 5_000));
  play.lanes.grant(2, NET, 1, { generation: 2, total: 3_000 });
  assertEquals([play.lanes.credit, play.told(1)], [3_000, [[2, 2, 3_000]]]);
  assert(!play.send(1, 2, 1, 2_000));
  assert(play.send(1, 2, 2, 2_000, 9));
  assertEquals(framesIn(play.lanes.take(2)).map(({ body }) => body.at(-1)), [9]);
});

Deno.test("DataLanes.sweep: unused credit goes back after a time, and ends the generation", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assert(play.send(1, 2, 1, 5_000));
  play.now = UNUSED_MS - 1;
  play.lanes.sweep();
  assertEquals(play.lanes.credit, 9_000);
  play.now = UNUSED_MS;
  play.lanes.sweep();
  // What has arrived still goes to the receiver.
  assertEquals([play.lanes.credit, play.send(1, 2, 1, 2_000)], [5_000, false]);
  assertEquals(framesIn(play.lanes.take(2)).length, 1);
  play.lanes.grant(2, NET, 1, { generation: 1, total: 10_000 });
  assertEquals(play.told(1), []);
  play.lanes.grant(2, NET, 1, { generation: 2, total: 4_000 });
  assertEquals(play.told(1), [[2, 2, 4_000]]);
});

Deno.test("DataLanes.detach: a receiver's waiting data is dropped and its credit goes back; a sender keeps its own", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assert(play.send(1, 2, 1, 5_000));
  play.lanes.detach(1);
  // It has missed what it was told, which the receiver repeats.
  assertEquals(play.told(1), []);
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assertEquals(play.told(1), [[2, 1, 9_000]]);
  assert(play.send(1, 2, 1, 2_000));
  play.lanes.detach(2);
  assertEquals([play.lanes.credit, play.lanes.take(2), play.send(1, 2, 1, 1_024)], [
    ...[0, undefined, false],
  ]);
});

Deno.test("DataLanes.leave: nothing is left of a member that has left, as sender or receiver", () => {
  const play = new Play();
  for (const [receiver, sender] of [[2, 1], [3, 1], [1, 3]] as const) {
    play.lanes.grant(receiver, NET, sender, { generation: 1, total: 9_000 });
    assert(play.send(sender, receiver, 1, 5_000));
  }
  play.lanes.leave(1);
  assertEquals([play.lanes.size, play.lanes.credit, play.told(1), play.told(3)], [0, 0, [], []]);
  assertEquals([play.lanes.take(2), play.lanes.take(3)], [undefined, undefined]);
});

Deno.test("DataLanes: a receiver has a bounded number of senders, and forgets those that are done", () => {
  const play = new Play();
  for (let sender = 100; sender < 100 + 2 * MAX_SENDERS; sender++) {
    play.lanes.grant(2, NET, sender, { generation: 1, total: 2_000 });
  }
  assertEquals(play.lanes.size, MAX_SENDERS);
  assert(play.send(101, 2, 1, 2_000));
  play.lanes.grant(2, NET, 500, { generation: 1, total: 2_000 });
  assertEquals([play.lanes.size, play.told(500)], [MAX_SENDERS, [[2, 1, 2_000]]]);
  // Its frame waits no longer: the pair is forgotten with all that belongs to it.
  assertEquals(play.lanes.take(2), undefined);
});

Deno.test("DataLanes: many pairs of one network share its credit, and other networks have their own", () => {
  const play = new Play();
  const grant = { generation: 1, total: 100 * MIB };
  for (let receiver = 1; receiver <= 1_000; receiver++) {
    play.lanes.grant(receiver, NET, 5_000, grant);
  }
  assertLessOrEqual(play.lanes.credit, NETWORK_CREDIT);
  assertLessOrEqual(NETWORK_CREDIT - 65_536, play.lanes.credit);
  for (let net = 0; net < 40; net++) {
    for (let n = 0; n < 8; n++) play.lanes.grant(2_000 + 8 * net + n, `net ${net}`, 5_001, grant);
  }
  assertLessOrEqual(play.lanes.credit, CREDIT_IN_ALL);
  // What one network gives back goes to all networks that want something, in turn.
  play.told(5_001);
  for (let receiver = 1; receiver <= 1_000; receiver++) play.lanes.leave(receiver);
  const nets = new Set(play.told(5_001).map(([receiver]) => Math.floor((receiver - 2_000) / 8)));
  assertLessOrEqual(4, nets.size);
});

Deno.test("DataLanes: whatever members do, credit is exactly what may come and what waits, and never more than allowed", () => {
  const id = fc.integer({ min: 1, max: 4 });
  const generation = fc.integer({ min: 1, max: 3 });
  const step = fc.oneof(
    fc.record({
      do: fc.constant("grant" as const),
      a: id,
      b: id,
      generation,
      size: fc.nat(8 * MIB),
    }),
    fc.record({
      do: fc.constant("send" as const),
      a: id,
      b: id,
      generation,
      size: fc.nat(200_000),
    }),
    fc.record({ do: fc.constantFrom("take", "detach", "leave", "told", "sweep"), a: id }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(UNUSED_MS) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const play = new Play();
      for (const one of steps) {
        switch (one.do) {
          case "grant":
            play.lanes.grant(one.a, `net ${one.a % 2}`, one.b, {
              generation: one.generation,
              total: one.size,
            });
            break;
          case "send":
            play.send(one.a, one.b, one.generation, HEADER_SIZE + DATA_OVERHEAD + one.size);
            break;
          case "take":
            play.lanes.take(one.a);
            break;
          case "detach":
            play.lanes.detach(one.a);
            break;
          case "leave":
            play.lanes.leave(one.a);
            break;
          case "told":
            play.told(one.a);
            break;
          case "sweep":
            play.lanes.sweep();
            break;
          case "wait":
            play.now += one.ms;
        }
        assert(play.lanes.credit >= 0 && play.lanes.credit <= 4 * RECEIVER_CREDIT);
      }
      // A last grant still gets through, whatever came before, once unused credit has gone back.
      play.now += UNUSED_MS;
      play.lanes.sweep();
      for (const receiver of [1, 2, 3, 4]) while (play.lanes.take(receiver));
      play.lanes.grant(1, "net 1", 2, { generation: 9, total: FIRST_SHARE });
      assert(
        play.told(2).some(([to, generation, total]) => (
          to === 1 && generation === 9 && total === FIRST_SHARE
        )),
      );
      assert(play.send(2, 1, 9, FIRST_SHARE));
      assertEquals(framesIn(play.lanes.take(1)).length, 1);
      for (const member of [1, 2, 3, 4]) play.lanes.leave(member);
      assertEquals([play.lanes.credit, play.lanes.size], [0, 0]);
    }),
    { numRuns: 300 },
  );
});
