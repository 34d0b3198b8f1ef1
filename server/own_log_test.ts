import { assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { OwnLog } from "./own_log.ts";

Deno.test("OwnLog: knows for each frame what comes before it in the room's log, and forgets what is confirmed", () => {
  const step = fc.record({
    room: fc.nat(2),
    size: fc.integer({ min: 1, max: 400 }),
    confirm: fc.nat(3),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const own = new OwnLog(1e6);
    const frames: { start: number; end: number; room: number }[] = [];
    let room = 0;
    let have = 0;
    for (const { room: grown, size, confirm } of steps) {
      room += grown;
      const start = own.log.end;
      own.append(new Uint8Array(size), room);
      frames.push({ start, end: own.log.end, room });
      if (confirm === 0) {
        have = frames[Math.floor(frames.length / 2)]!.end;
        own.haveUpTo(have);
        // An older report changes nothing.
        own.haveUpTo(0);
      }
      assertEquals(own.waiting, own.log.end - have);
      for (const { start, end, room } of frames) {
        if (start < have) continue;
        const run = own.runAfter(start)!;
        assertEquals(run.room, room);
        // A run ends where another place in the room's log begins.
        const next = frames.find((frame) => frame.start >= end && frame.room !== room);
        assertEquals(run.end, next?.start ?? own.log.end);
      }
      assertEquals(own.runAfter(own.log.end), undefined);
    }
    const again = new OwnLog(1e6);
    again.restore(JSON.parse(JSON.stringify(own.save())));
    assertEquals(again.save(), own.save());
  }));
});

Deno.test("OwnLog: a million confirmed frames take no memory", () => {
  const own = new OwnLog(1e6);
  for (let i = 0; i < 1_000_000; i++) {
    own.append(Uint8Array.of(1), i);
    own.haveUpTo(own.log.end);
  }
  assertEquals([own.waiting, own.log.held, own.save().runs], [0, 0, []]);
});
