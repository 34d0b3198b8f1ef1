import { assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { OwnLog, RUN_COST } from "./own_log.ts";
import { OwnSpace } from "./own_space.ts";

Deno.test("OwnLog: knows for each frame what comes before it in the room's log, and forgets what is confirmed", () => {
  const step = fc.record({
    room: fc.nat(2),
    size: fc.integer({ min: 1, max: 400 }),
    confirm: fc.nat(3),
    network: fc.constantFrom("a", "b", "c"),
    isAck: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const space = new OwnSpace(1e6);
    const own = new OwnLog(1e6, space);
    const frames: { start: number; end: number; room: number; network: string; isAck: boolean }[] =
      [];
    let room = 0;
    let have = 0;
    for (const { room: grown, size, confirm, network, isAck } of steps) {
      room += grown;
      const start = own.log.end;
      own.append(new Uint8Array(size), { room, network, isAck });
      frames.push({ start, end: own.log.end, room, network, isAck });
      if (confirm === 0) {
        have = Math.max(have, frames[Math.floor(frames.length / 2)]!.end);
        own.haveUpTo(have);
        // An older report changes nothing.
        own.haveUpTo(0);
      }
      assertEquals(own.waiting, own.log.end - have);
      const taken = new Map(["a", "b", "c"].map((network) => [network, 0]));
      for (const [i, frame] of frames.entries()) {
        const { start, end, ...place } = frame;
        if (start < have) continue;
        const run = own.runAfter(start)!;
        const { end: _, ...found } = run;
        assertEquals(found, place);
        // A run ends where another place in the room's log, or another sender, begins.
        const isSame = (one: typeof frame) =>
          one.room === place.room && one.network === place.network && one.isAck === place.isAck;
        const next = frames.slice(i).find((one) => !isSame(one));
        assertEquals(run.end, next?.start ?? own.log.end);
        const before = frames[i - 1];
        const begins = start === have || !before || !isSame(before);
        const cost = end - start + (begins ? RUN_COST : 0);
        taken.set(place.network, taken.get(place.network)! + cost);
      }
      for (const [network, bytes] of taken) assertEquals(space.takenBy(network), bytes);
      assertEquals(space.taken, [...taken.values()].reduce((a, b) => a + b));
      assertEquals(own.runAfter(own.log.end), undefined);
    }
    const spaceAgain = new OwnSpace(1e6);
    const again = new OwnLog(1e6, spaceAgain);
    again.restore(structuredClone(own.save()));
    assertEquals(again.save(), own.save());
    for (const network of ["a", "b", "c"]) {
      assertEquals(spaceAgain.takenBy(network), space.takenBy(network));
    }
    own.leave();
    again.haveUpTo(again.log.end);
    assertEquals([space.taken, spaceAgain.taken], [0, 0]);
  }));
});

Deno.test("OwnLog: a million confirmed frames take no memory", () => {
  const space = new OwnSpace(1e6);
  const own = new OwnLog(1e6, space);
  for (let i = 0; i < 1_000_000; i++) {
    own.append(Uint8Array.of(1), { room: i, network: "a", isAck: false });
    own.haveUpTo(own.log.end);
  }
  assertEquals([own.waiting, own.log.held, own.save().runs, space.taken], [0, 0, [], 0]);
});
