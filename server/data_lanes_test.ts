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
  SWEEP_MS,
  UNUSED_MS,
  WRITE_SIZE,
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

/** Lanes, and what has been passed on to their members. */
class Play {
  now = 0;
  readonly woken: number[] = [];
  readonly cut: number[] = [];
  readonly lanes = new DataLanes({
    now: () => this.now,
    wake: (id) => this.woken.push(id),
    cut: (id) => this.cut.push(id),
  });

  /** The grants that a sender gets now: by receiver. */
  grantsTo(sender: number): [receiver: number, generation: number, total: number][] {
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
  assertEquals([play.woken, play.grantsTo(1), play.grantsTo(1)], [[1], [[2, 1, 50_000]], []]);
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
    for (const [, , total] of play.grantsTo(1)) passed = total;
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

Deno.test("DataLanes.grant: a repetition is passed on again while bytes are outstanding, a lower one changes nothing", () => {
  const play = new Play();
  const grant = { generation: 2, total: 9_000 };
  play.lanes.grant(2, NET, 1, grant);
  play.grantsTo(1);
  play.lanes.grant(2, NET, 1, grant);
  assertEquals(play.grantsTo(1), [[2, 2, 9_000]]);
  play.lanes.grant(2, NET, 1, { generation: 2, total: 8_000 });
  assertEquals(play.grantsTo(1), [[2, 2, 9_000]]);
  assert(play.send(1, 2, 2, 9_000));
  play.lanes.grant(2, NET, 1, grant);
  assertEquals(play.grantsTo(1), []);
});

Deno.test("DataLanes.grant: a new generation begins at 0, and drops what waits of the old one", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assert(play.send(1, 2, 1, 5_000));
  play.lanes.grant(2, NET, 1, { generation: 2, total: 3_000 });
  assertEquals([play.lanes.credit, play.grantsTo(1)], [3_000, [[2, 2, 3_000]]]);
  assert(!play.send(1, 2, 1, 2_000));
  assert(play.send(1, 2, 2, 2_000, 9));
  assertEquals(framesIn(play.lanes.take(2)).map(({ body }) => body.at(-1)), [9]);
  assertEquals(play.lanes.take(2), undefined);
  // Also after one that is too high, perhaps because somebody on the way has changed it.
  play.lanes.grant(2, NET, 1, { generation: 2 ** 32 - 1, total: 9_000 });
  play.grantsTo(1);
  play.lanes.grant(2, NET, 1, { generation: 3, total: 4_000 });
  assertEquals([play.lanes.credit, play.grantsTo(1)], [4_000, [[2, 3, 4_000]]]);
  assert(play.send(1, 2, 3, 2_000));
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
  assertEquals(play.grantsTo(1), []);
  play.lanes.grant(2, NET, 1, { generation: 2, total: 4_000 });
  assertEquals(play.grantsTo(1), [[2, 2, 4_000]]);
});

Deno.test("DataLanes.detach: a receiver's waiting data is dropped and its credit goes back; a sender keeps its own", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assert(play.send(1, 2, 1, 5_000));
  play.lanes.detach(1);
  // It has missed a grant, which the receiver repeats.
  assertEquals(play.grantsTo(1), []);
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  assertEquals(play.grantsTo(1), [[2, 1, 9_000]]);
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
  assertEquals([play.lanes.size, play.lanes.credit, play.grantsTo(1), play.grantsTo(3)], [
    0,
    0,
    [],
    [],
  ]);
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
  assertEquals([play.lanes.size, play.grantsTo(500)], [MAX_SENDERS, [[2, 1, 2_000]]]);
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
  play.grantsTo(5_001);
  for (let receiver = 1; receiver <= 1_000; receiver++) play.lanes.leave(receiver);
  const nets = new Set(
    play.grantsTo(5_001).map(([receiver]) => Math.floor((receiver - 2_000) / 8)),
  );
  assertLessOrEqual(4, nets.size);
});

/** Grants everything, and lets the sender use all that is passed on; the receiver begins one write, and never ends it. */
function jam(play: Play, receiver: number, network: string, sender: number): void {
  play.lanes.grant(receiver, network, sender, { generation: 1, total: 100 * MIB });
  for (const [to, generation, total] of play.grantsTo(sender)) {
    for (let sent = 0; to === receiver && sent < total; sent += FIRST_SHARE) {
      assert(play.send(sender, receiver, generation, FIRST_SHARE));
    }
  }
  play.lanes.take(receiver);
}

/** Time passes until what is unused or jammed has been noticed, and meanwhile `busy` goes on. */
function pass(play: Play, busy: () => void = () => {}): void {
  for (let sweeps = 0; sweeps < 3; sweeps++) {
    play.now += SWEEP_MS;
    busy();
    play.lanes.sweep();
  }
}

Deno.test("DataLanes.sweep: receivers that never read keep no more of their network's credit than an equal part", () => {
  const play = new Play();
  for (const receiver of [1, 2, 3, 4]) jam(play, receiver, NET, 100 + receiver);
  assertEquals(play.lanes.credit, NETWORK_CREDIT);
  play.lanes.grant(5, NET, 105, { generation: 1, total: 100 * MIB });
  assertEquals(play.grantsTo(105), []);
  pass(play);
  const [[to, , total]] = play.grantsTo(105) as [[number, number, number]];
  assertEquals([to, total], [5, RECEIVER_CREDIT - WRITE_SIZE]);
  // The others are jammed: they may have as much again, and no more.
  for (const receiver of [1, 2, 3, 4]) {
    play.lanes.grant(receiver, NET, 100 + receiver, { generation: 2, total: 100 * MIB });
  }
  assertLessOrEqual(play.lanes.credit, NETWORK_CREDIT);
  assert(play.send(105, 5, 1, FIRST_SHARE));
});

Deno.test("DataLanes.sweep: networks that hardly use their credit cannot keep all of it", () => {
  const play = new Play();
  const grant = { generation: 1, total: 100 * MIB };
  const jammed = Array.from({ length: 64 }, (_, n) => 1 + n);
  for (const id of jammed) play.lanes.grant(id, `net ${id % 16}`, 100 + id, grant);
  assertEquals(play.lanes.credit, CREDIT_IN_ALL);
  play.lanes.grant(90, "net 90", 190, grant);
  assertEquals(play.grantsTo(190), []);
  // Just enough for not being unused.
  pass(play, () => {
    for (const id of jammed) play.send(100 + id, id, 1, 1024);
  });
  assertEquals(play.grantsTo(190), [[90, 1, RECEIVER_CREDIT]]);
});

Deno.test("DataLanes.sweep: a receiver is cut if only what is being written to it is more than its part", () => {
  const play = new Play();
  const jammed = Array.from({ length: 80 }, (_, n) => 1 + n);
  for (const id of jammed) {
    play.lanes.grant(id, NET, 100 + id, { generation: 1, total: 4 * FIRST_SHARE });
  }
  for (const id of jammed) play.send(100 + id, id, 1, 4 * FIRST_SHARE);
  for (const id of jammed) play.lanes.take(id);
  const before = play.lanes.credit;
  assertLessOrEqual(NETWORK_CREDIT - FIRST_SHARE, before);
  for (let id = 200; id < 280; id++) {
    play.lanes.grant(id, NET, 1_000, { generation: 1, total: 8 * FIRST_SHARE });
  }
  play.grantsTo(1_000);
  pass(play);
  assert(play.cut.length > 0);
  for (const id of play.cut) play.lanes.detach(id);
  assert(play.grantsTo(1_000).length > 0);
});

Deno.test("DataLanes.sweep: a sender that hardly sends keeps no more of its receiver's credit than an equal part", () => {
  const play = new Play();
  const grant = { generation: 1, total: 100 * MIB };
  play.lanes.grant(1, NET, 2, grant);
  assertEquals(play.grantsTo(2), [[1, 1, RECEIVER_CREDIT]]);
  play.lanes.grant(1, NET, 3, grant);
  assertEquals(play.grantsTo(3), []);
  pass(play, () => play.send(2, 1, 1, 1024));
  assertEquals(play.grantsTo(3).length, 1);
  assert(!play.send(2, 1, 1, 1024), "its generation has ended");
});

Deno.test("DataLanes.sweep: other senders get what a silent one has not used, though their receiver has granted nothing more", () => {
  const play = new Play();
  const grant = { generation: 1, total: RECEIVER_CREDIT };
  play.lanes.grant(1, NET, 2, grant);
  play.lanes.grant(1, NET, 3, grant);
  assertEquals(play.grantsTo(3), []);
  play.now += UNUSED_MS;
  play.lanes.sweep();
  assertEquals(play.grantsTo(3), [[1, 1, RECEIVER_CREDIT]]);
});

Deno.test("DataLanes.sweep: ends no generation of members that read and send, though their parts shrink", () => {
  const play = new Play();
  const honest = new Map<number, number>();
  const granted = new Map<number, number>();
  const enter = (id: number) => {
    play.lanes.grant(id, NET, 1_000 + id, { generation: 1, total: 2 ** 50 });
    honest.set(id, 0);
  };
  const move = () => {
    for (const id of honest.keys()) {
      for (const [, , total] of play.grantsTo(1_000 + id)) granted.set(id, total);
      const end = granted.get(id) ?? 0;
      let sent = honest.get(id)!;
      while (end - sent >= 1024) {
        const size = Math.min(FIRST_SHARE, end - sent);
        assert(play.send(1_000 + id, id, 1, size), `the generation of member ${id} has ended`);
        sent += size;
      }
      honest.set(id, sent);
      while (play.lanes.take(id));
    }
  };
  for (let id = 1; id <= 8; id++) {
    enter(id);
    pass(play, move);
  }
  for (const moved of honest.values()) assert(moved > FIRST_SHARE, `${moved} bytes`);
});

Deno.test("DataLanes.take: the senders of a receiver have turns", () => {
  const play = new Play();
  for (const sender of [1, 2]) play.lanes.grant(3, NET, sender, { generation: 1, total: 40_000 });
  for (const sender of [1, 2]) {
    for (let n = 0; n < 4; n++) assert(play.send(sender, 3, 1, 8_000));
  }
  assertEquals(framesIn(play.lanes.take(3)).map(({ id }) => id), [1, 2, 1, 2, 1, 2, 1, 2]);
});

Deno.test("DataLanes.takeGrants: gives nothing if the only news is void", () => {
  const play = new Play();
  play.lanes.grant(2, NET, 1, { generation: 1, total: 9_000 });
  play.lanes.detach(2);
  assertEquals(play.lanes.takeGrants(1), undefined);
});

Deno.test("DataLanes.sourceOf: neither chat nor file data waits for more than one write of grants, however many come", () => {
  const play = new Play();
  const logs = [Uint8Array.of(1), Uint8Array.of(2)];
  const source = play.lanes.sourceOf({ id: 1, take: () => logs.shift() ?? null });
  play.lanes.grant(1, NET, 5, { generation: 1, total: 9_000 });
  assert(play.send(5, 1, 1, 9_000));
  let generation = 1;
  const taken: string[] = [];
  for (let n = 0; n < 8; n++) {
    // Anybody can grant something to member 1.
    play.lanes.grant(6, NET, 1, { generation: generation++, total: 9_000 });
    const bytes = source.take()!;
    taken.push(bytes.length === 1 ? "chat" : frameAt(bytes).type === Type.DATA ? "DATA" : "GRANT");
  }
  assertEquals(taken, ["GRANT", "chat", "GRANT", "chat", "GRANT", "DATA", "GRANT", "GRANT"]);
  assertEquals(source.take(), null);
});

Deno.test("DataLanes: whatever members do, credit is exactly what may come and what waits, and never more than allowed", () => {
  const id = fc.integer({ min: 1, max: 4 });
  const generation = fc.integer({ min: 1, max: 3 });
  const step = fc.oneof(
    fc.record({
      do: fc.constant("grant" as const),
      net: fc.nat(1),
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
    fc.record({ do: fc.constantFrom("take", "detach", "leave", "grants", "sweep"), a: id }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(UNUSED_MS) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const play = new Play();
      for (const one of steps) {
        switch (one.do) {
          case "grant":
            play.lanes.grant(one.a, `net ${one.net}`, one.b, {
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
          case "grants":
            play.grantsTo(one.a);
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
        play.grantsTo(2).some(([to, generation, total]) => (
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

Deno.test("DataLanes: a buffer is used again once its frame is written or dropped, and never while it may still be written", () => {
  const play = new Play();
  const size = 200_000;
  /** Sends a frame and takes it; the buffer that it is in. */
  const pass = (mark: number) => {
    assert(play.send(1, 2, 1, size, mark));
    const taken = play.lanes.take(2)!;
    assertEquals([taken.length, taken.at(-1)], [size, mark]);
    return taken;
  };
  const grant = (generation: number) => {
    play.lanes.grant(2, NET, 1, { generation, total: 4 * MIB });
    play.grantsTo(1);
    play.lanes.grant(2, NET, 1, { generation, total: 4 * MIB });
    play.grantsTo(1);
  };
  grant(1);
  // The first share is smaller than such a frame.
  assert(play.send(1, 2, 1, FIRST_SHARE));
  play.lanes.take(2);
  play.grantsTo(1);
  const first = pass(1);
  assert(pass(2).buffer !== first.buffer, "the first one is only written when the next is taken");
  assertEquals(pass(3).buffer, first.buffer);
  const last = pass(4);
  // The connection is lost, and the system may still be writing the last one.
  play.lanes.detach(2);
  grant(2);
  for (let n = 0; n < 8; n++) {
    if (!play.send(1, 2, 2, n === 0 ? FIRST_SHARE : size, 9)) continue;
    assert(play.lanes.take(2)!.buffer !== last.buffer);
    play.grantsTo(1);
  }
  assertEquals(last.at(-1), 4);
});
