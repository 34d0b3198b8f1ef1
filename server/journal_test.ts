import { assert, assertEquals, assertLess, assertLessOrEqual, assertRejects } from "@std/assert";
import { ChatError } from "../errors.ts";
import { assertSameRoom, KeptRoom } from "../tests/support/kept_room.ts";
import fc from "../tests/support/property.ts";
import type { Kind } from "./entry.ts";
import type { Member } from "./member.ts";
import { Fold } from "./fold.ts";
import { SEGMENT_HEADER } from "./segment.ts";
import { readSnapshot, snapshotOf } from "./snapshot.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test("Journal: a new room is in the file before anybody joins, and goes on when its process is killed", async () => {
  const room = await KeptRoom.open();
  const again = await room.killed();
  assertEquals(again.hub.fold.config.name, room.hub.fold.config.name);
  assertEquals([again.journal.recovery.entries, again.journal.recovery.newLog], [0, undefined]);
});

Deno.test("Journal: everything that was flushed is there after the process was killed, and nothing else", async () => {
  const room = await KeptRoom.open();
  const [ada, bob] = [room.join(), room.join()];
  room.say(ada, "hello");
  room.tell(ada, bob, "only for you");
  room.journal.flush();
  const before = await room.killed();
  assertSameRoom(before.hub.fold, room.hub.fold);
  assertEquals(before.found.map(({ id }) => id), [1, 2]);
  room.say(ada, "nobody has seen this");
  const after = await room.killed();
  assertSameRoom(after.hub.fold, before.hub.fold);
  // Numbers of connections, ids and positions are never used twice.
  const carol = after.join();
  assertEquals([carol.id, carol.state.connection], [3, 3]);
});

Deno.test("Journal: members that never confirmed WELCOME have left after a restart, and seats are given up", async () => {
  const room = await KeptRoom.open();
  const ada = room.join();
  room.hub.join(new Uint8Array(3), { wake() {}, cut() {}, drop() {} });
  room.hub.reserve();
  room.journal.flush();
  const again = await room.killed();
  const { fold } = again.hub;
  assertEquals([again.found.map(({ id }) => id), fold.size, fold.reserved], [[ada.id], 1, 0]);
  assertEquals(again.join().id, 4);
});

Deno.test("Journal: a record that was cut off by a kill is dropped, at every byte", async () => {
  const room = await KeptRoom.open();
  const ada = room.join();
  room.say(ada, "seen");
  room.journal.flush();
  const file = room.files[0]!;
  const { length } = file.bytes;
  room.say(ada, "never seen");
  room.journal.flush();
  for (let size = length; size < file.bytes.length; size++) {
    const files = [file.after(file.bytes.slice(0, size)), ...room.files.slice(1)];
    const again = await KeptRoom.open({ files });
    assertEquals([again.hub.fold.said, again.files[0]!.bytes.length], [1, length]);
    assertEquals(again.hub.fold.config.name, room.hub.fold.config.name);
    // It goes on after the cut.
    again.say(again.found[0]!, "next");
    again.journal.flush();
    assertEquals((await again.killed()).hub.fold.said, 2);
  }
});

Deno.test("Journal: property: whenever a process is killed, the next one has the same room", async () => {
  const step = fc.record({
    what: fc.constantFrom(
      "join",
      "say",
      "say",
      "say",
      "tell",
      "have",
      "away",
      "lose",
      "resume",
      "resume",
      "leave",
      "kill",
      "sync",
    ),
    who: fc.nat(20),
    to: fc.nat(20),
    size: fc.constantFrom(1, 300, 60 * KIB, 200 * KIB),
  });
  const seen = { kills: 0, rotations: 0, trims: 0, resumed: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(step, { maxLength: 250, size: "max" }),
      async (isChained, steps) => {
        const options = { isChained, keep: 1200 * KIB };
        let room = await KeptRoom.open(options);
        let members: Member[] = [];
        /** Where those that have lost their connection can resume. */
        const lost = new Map<number, { room: number; own: number }>();
        for (const { what, who, to, size } of steps) {
          const member = members[who % members.length];
          const other = members[to % members.length];
          if (what === "join") members.push(room.join(new Uint8Array(size % 1000)));
          else if (what === "kill") {
            room.journal.flush();
            const next = await room.killed(options);
            seen.kills++;
            assertSameRoom(next.hub.fold, room.hub.fold);
            // Both logs begin where the oldest segment does, but the one in memory drops larger pieces.
            assertLessOrEqual(room.hub.log.start, next.hub.log.start);
            room = next;
            members = [...next.found];
            for (const { id, state } of members) {
              if (!lost.has(id)) lost.set(id, { room: room.hub.log.end, own: state.own.log.end });
            }
          } else if (what === "sync") await room.sync();
          else if (member && other && room.hub.has(member)) {
            if (what === "say") room.say(member, new Uint8Array(size));
            if (what === "tell") room.tell(member, other, new Uint8Array(size));
            if (what === "have") room.hub.have(member, member.state.own.log.end);
            if (what === "away") room.hub.setAway(member);
            if (what === "leave") room.leave(member);
            if (what === "lose" && member.outlet) {
              room.hub.detach(member);
              lost.set(member.id, { room: member.cursor, own: member.ownCursor });
            }
            const position = lost.get(member.id);
            if (what === "resume" && position && !member.outlet) {
              if (room.resume(member, position)) seen.resumed++;
            }
          }
          for (const one of members) if (one.outlet) { while (one.take()); }
          if (who % 3 === 0) room.journal.flush();
        }
        const sequences = room.files.filter(({ bytes }) => bytes.length > 0).length;
        if (sequences > 1) seen.rotations++;
        if (room.hub.log.start > 0) seen.trims++;
      },
    ),
    { numRuns: 40 },
  );
  for (const [name, count] of Object.entries(seen)) assertLess(10, count, name);
});

Deno.test("Journal: the ring keeps at least `keep` bytes of what was said, and not much more", async () => {
  const keep = 2 * MIB;
  const room = await KeptRoom.open({ keep });
  const ada = room.join();
  for (let i = 0; i < 400; i++) {
    room.say(ada, new Uint8Array(20 * KIB).fill(i));
    room.journal.flush();
  }
  const again = await room.killed({ keep });
  assertSameRoom(again.hub.fold, room.hub.fold);
  const { log } = again.hub;
  assertLessOrEqual(0.7 * keep, log.end - log.start);
  assertLess(room.journal.status.size, 2 * keep);
});

Deno.test("Journal: syncs once a second what was written, marks it, and does nothing in a quiet room", async () => {
  const room = await KeptRoom.open();
  await room.sync();
  assertEquals(room.timer.count(1_000), 0);
  room.say(room.join(), "hello");
  room.journal.flush();
  assertEquals(room.timer.count(1_000), 1);
  const [file] = room.files;
  assertLess(file!.synced.length, file!.bytes.length);
  await room.sync();
  assertEquals(file!.synced.length, file!.bytes.length);
  assertEquals(room.timer.count(1_000), 0);
});

Deno.test("Journal: after an orderly stop the room goes on, also when the machine was restarted", async () => {
  const room = await KeptRoom.open();
  const ada = room.join();
  room.say(ada, "hello");
  await room.journal.stop();
  const again = await room.killed({ boot: "2000000" });
  assertEquals([again.journal.recovery.newLog, again.hub.fold.said], [undefined, 1]);
  // The mark of the orderly stop is gone, on the disk: the next end may be another one.
  again.say(again.found[0]!, "more");
  again.journal.flush();
  const synced = again.files.map((file) => file.after(file.synced));
  const third = await KeptRoom.open({ files: synced, boot: "3000000" });
  assertEquals([third.journal.recovery.newLog, third.found], ["power", []]);
});

Deno.test("Journal: after a power cut, or on a system without a name for a boot, a new log begins", async () => {
  for (const boot of ["2000000", undefined]) {
    const room = await KeptRoom.open({ boot: boot && "1000000" });
    room.say(room.join(), "hello");
    room.journal.flush();
    await room.sync();
    const again = await room.killed({ boot });
    assertEquals([again.journal.recovery.newLog, again.hub.fold.size], ["power", 0]);
    assert(again.hub.fold.config.name !== room.hub.fold.config.name);
    // What was there is dropped.
    const third = await again.killed({ boot: "1000000", newLog: false });
    assertEquals(third.hub.fold.size, 0);
  }
});

Deno.test("Journal: the topic outlasts its member, a kill and a snapshot; a new log has none", async () => {
  const room = await KeptRoom.open();
  const ada = room.join(Uint8Array.of(1, 2, 3));
  room.setTopic(ada, Uint8Array.of(4));
  room.setTopic(ada, Uint8Array.of(5, 6));
  room.leave(ada);
  room.journal.flush();
  const next = await room.killed();
  const topic = { member: ada.id, profile: Uint8Array.of(1, 2, 3), topic: Uint8Array.of(5, 6) };
  assertEquals(next.hub.fold.save().topic, topic);
  // A segment that begins now has it in its snapshot.
  const records = snapshotOf(next.hub.fold);
  const read = readSnapshot(() => records.next().value || undefined);
  assertEquals(read?.topic, topic);
  await next.sync();
  const after = await next.killed({ boot: "2000000" });
  assertEquals([after.journal.recovery.newLog, after.hub.fold.save().topic], ["power", null]);
});

Deno.test("Journal: moderators, bans and the lock outlast a kill; a new log keeps them, and is not locked", async () => {
  const room = await KeptRoom.open();
  const [ada, eve] = [room.join(), room.join(undefined, "192.0.2.9")];
  const [given, appointed] = ["A".repeat(43), "B".repeat(43)];
  room.govern({ action: "op", key: given });
  room.govern({ action: "op", key: appointed }, { member: ada, key: given });
  room.govern({ action: "ban", member: eve.id, reason: "spam" }, { member: ada, key: given });
  room.govern({ action: "silence", member: ada.id });
  room.govern({ action: "lock" });
  room.govern({ action: "readonly" });
  room.journal.flush();
  const state = (fold: Fold) => ({ ...fold.governance.save(), rules: fold.rules });
  const before = state(room.hub.fold);
  assertEquals([before.moderators, before.bans.length, before.rules.silenced], [
    [[given, true], [appointed, false]],
    1,
    [ada.id],
  ]);
  const next = await room.killed();
  assertEquals(state(next.hub.fold), before);
  assertEquals(next.hub.fold.member(ada.id)?.moderator, given);
  for (
    const [options, why] of [
      [{ boot: "2000000" }, "power"],
      [{ newLog: true }, undefined],
    ] as const
  ) {
    const after = await next.killed(options);
    assertEquals(after.journal.recovery.newLog, why);
    const { moderators, bans, isLocked, isReadOnly } = after.hub.fold.governance.save();
    assertEquals([moderators, isLocked, isReadOnly], [before.moderators, false, true]);
    assertEquals(bans.map(({ network, reason }) => [network, reason]), [["192.0.2.9", "spam"]]);
    // They are in its own snapshot, too.
    await after.sync();
    assertEquals(
      (await after.killed({ boot: "boot" in options ? options.boot : "1000000" })).hub.fold
        .governance.bans,
      bans,
    );
  }
});

Deno.test("Journal: a new log after damage keeps the bans of the newest segment that can be read", async () => {
  const room = await KeptRoom.open();
  const eve = room.join(undefined, "192.0.2.9");
  room.govern({ action: "ban", member: eve.id });
  room.say(room.join(), "hello");
  room.journal.flush();
  const [first] = room.files;
  // The record of the message.
  first!.write(first!.bytes.length - 3, Uint8Array.of(1, 2, 3));
  const again = await room.killed({ newLog: true });
  assertEquals(again.hub.fold.governance.bans.map(({ network }) => network), ["192.0.2.9"]);
});

Deno.test("Journal: with `newLog`, the room begins again, whatever is in the files", async () => {
  const room = await KeptRoom.open();
  room.say(room.join(), "hello");
  room.journal.flush();
  room.files[0]!.write(SEGMENT_HEADER + 10, Uint8Array.of(1, 2, 3));
  room.files[3]!.write(0, new Uint8Array(100));
  const again = await room.killed({ newLog: true });
  await again.sync();
  assertEquals([again.hub.fold.size, again.files[3]!.bytes.length], [0, 0]);
});

Deno.test("Journal: drops nothing before `begin`: a server that cannot listen has changed nothing", async () => {
  const { Journal } = await import("./journal.ts");
  const room = await KeptRoom.open();
  room.say(room.join(), "hello");
  await room.journal.stop();
  const files = room.files.map((file) => file.after());
  const options = {
    files,
    keep: MIB,
    keepForMs: Infinity,
    newLog: true,
    boot: "1000000",
    clock: () => 0,
    after: () => () => {},
  };
  await Journal.open(options);
  assertEquals((await KeptRoom.open({ files })).hub.fold.said, 1);
});

Deno.test("Journal: a copy of the files is refused: the room may have gone on since", async () => {
  const room = await KeptRoom.open();
  await room.journal.stop();
  const files = room.files.map((file) => {
    const copy = file.after();
    copy.inode = `2:${file.name}`;
    return copy;
  });
  await assertRejects(() => KeptRoom.open({ files }), ChatError, "log-0: it is a copy");
  const fresh = await KeptRoom.open({ files, newLog: true });
  assertEquals(fresh.hub.fold.size, 0);
  // Killed at once, before it could drop the copies.
  fresh.say(fresh.join(), "hello");
  fresh.journal.flush();
  assertEquals((await fresh.killed()).hub.fold.said, 1);
});

Deno.test("Journal: an entry of a kind that this version does not know is refused: the state would be a wrong one", async () => {
  const room = await KeptRoom.open();
  room.say(room.join(), "hello");
  room.journal.record({
    ...{ connection: 1, member: 1, number: 0, time: 0, bytes: new Uint8Array(0) },
    kind: 99 as Kind,
  });
  room.journal.flush();
  await assertRejects(() => room.killed(), ChatError, "another version of chat wrote it");
  assertEquals((await room.killed({ newLog: true })).hub.fold.said, 0);
});

Deno.test("Journal: files of another version are refused", async () => {
  const room = await KeptRoom.open();
  await room.journal.stop();
  const files = room.files.map((file) => file.after());
  files[0]!.write(0, new TextEncoder().encode("chat state 2\n"));
  await assertRejects(() => KeptRoom.open({ files }), ChatError, "another version of chat");
  assertEquals((await KeptRoom.open({ files, newLog: true })).hub.fold.size, 0);
});

Deno.test("Journal: when the disk is full, the room goes on in memory; the next start begins a new log", async () => {
  const room = await KeptRoom.open();
  const ada = room.join();
  room.say(ada, "kept");
  room.journal.flush();
  for (const file of room.files) file.space = 10;
  room.say(ada, "this does not fit");
  room.journal.flush();
  assertEquals(room.events, ["failed: no space is left on the disk"]);
  room.say(ada, "only in memory");
  room.journal.flush();
  assertEquals(room.hub.fold.said, 3);
  const again = await room.killed();
  assertEquals([again.journal.recovery.newLog, again.hub.fold.said], ["disk", 0]);
});

Deno.test("Journal: when the disk has space again, the room is kept again, with what was said meanwhile", async () => {
  const room = await KeptRoom.open();
  const ada = room.join();
  for (const file of room.files) file.space = 10;
  room.say(ada, "this does not fit");
  room.journal.flush();
  room.timer.pass(30_000);
  assertEquals(room.events.length, 1);
  for (const file of room.files) file.space = Infinity;
  room.timer.pass(30_000);
  assertEquals(room.events.at(-1), "works");
  room.say(ada, "kept");
  room.journal.flush();
  const again = await room.killed();
  assertSameRoom(again.hub.fold, room.hub.fold);
  assertEquals(again.hub.fold.said, 2);
});

Deno.test("Journal: a sync that fails counts as a failure of the disk", async () => {
  const room = await KeptRoom.open();
  room.say(room.join(), "hello");
  room.journal.flush();
  room.files[0]!.gate = Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
  await room.sync();
  assertEquals(room.events, ["failed: the device reported an error"]);
});

Deno.test("Journal: what is older than `keepForMs` is dropped, also in a quiet room; nothing happens when all is dropped", async () => {
  let now = 1e12;
  const hour = 3_600_000;
  const options = { keepForMs: 16 * hour, clock: () => now, keep: MIB };
  const room = await KeptRoom.open(options);
  const ada = room.join();
  for (let i = 0; i < 100; i++) room.say(ada, new Uint8Array(6 * KIB));
  while (ada.take());
  room.journal.flush();
  for (let i = 0; i < 24 * 6; i++) {
    now += hour / 6;
    room.timer.pass(600_000);
  }
  const live = () => room.files.filter(({ bytes }) => bytes.length > 0).length;
  assertEquals(live(), 1);
  // The chain of a sealed room needs the last 64 KiB, and a frame.
  const again = await room.killed(options);
  assertSameRoom(again.hub.fold, room.hub.fold);
  assertLess(again.hub.log.end - again.hub.log.start, 80 * KIB);
  const { written } = room.journal.status;
  for (let i = 0; i < 24 * 6; i++) {
    now += hour / 6;
    room.timer.pass(600_000);
  }
  assertEquals([live(), room.journal.status.written - written < 200], [1, true]);
});

Deno.test("Journal: another size of the log takes effect at the next start", async () => {
  const room = await KeptRoom.open({ keep: 4 * MIB });
  const ada = room.join();
  for (let i = 0; i < 30; i++) {
    room.say(ada, new Uint8Array(100 * KIB));
    room.journal.flush();
  }
  const smaller = await room.killed({ keep: 2 * MIB });
  assertEquals(smaller.hub.fold.config.logSize, 2 * MIB);
  for (let i = 0; i < 10; i++) smaller.say(smaller.found[0]!, new Uint8Array(100 * KIB));
  assertLessOrEqual(smaller.hub.log.end - smaller.hub.log.start, 2 * MIB);
  smaller.journal.flush();
  const again = await smaller.killed({ keep: 2 * MIB });
  assertSameRoom(again.hub.fold, smaller.hub.fold);
});

Deno.test("Journal: a member that resumed before the position at which a replay begins is the same in that replay", async () => {
  for (const isChained of [true, false]) {
    const options = { isChained, keep: 1200 * KIB };
    const room = await KeptRoom.open(options);
    const [ada, bob] = [room.join(), room.join()];
    const { end } = room.hub.log;
    room.hub.detach(bob);
    for (let i = 0; i < 200; i++) {
      room.say(ada, new Uint8Array(10 * KIB));
      // It resumes a few segments later, and talks. Later still, the ring drops the segments before that.
      if (i === 30) {
        assert(room.resume(bob, { room: end, own: 0 }));
      }
      for (const one of i < 30 ? [ada] : [ada, bob]) while (one.take());
      if (i % 10 === 5) room.say(bob, `I am back ${i}`);
      room.journal.flush();
      if (i % 10 === 9) assertSameRoom((await room.killed(options)).hub.fold, room.hub.fold);
    }
  }
});

Deno.test("Journal: a room with the greatest numbers is the same after a restart", async () => {
  for (const isChained of [true, false]) {
    const young = await KeptRoom.open({ isChained });
    young.tell(young.join(new Uint8Array(1000), "x".repeat(255)), young.join(), "hello");
    const saved = young.hub.fold.save(young.hub.fold.tail);
    const end = 2 ** 53 - 2 ** 30;
    const fold = Fold.restore({
      ...saved,
      time: 2 ** 47,
      lastId: 2 ** 32 - 9,
      said: 2 ** 52,
      log: { end, begun: 2 ** 40, segments: [] },
      ...(isChained && { chain: [[end, new Uint8Array(32)]] }),
      members: saved.members.map((member) => ({
        ...member,
        awaySince: 2 ** 47,
        accepted: 2 ** 32 - 3,
        answered: 2 ** 32 - 3,
        connection: 2 ** 32 - 3,
      })),
    });
    const keep = MIB;
    const clock = () => 2 ** 47 + 1;
    const room = await KeptRoom.open({ isChained, keep, fold, clock });
    const [ada, bob] = room.found as [Member, Member];
    for (let i = 0; i < 6; i++) {
      // Numbers of messages and of connections begin again.
      assert(room.resume(ada, { room: room.hub.log.end, own: ada.state.own.log.end }));
      room.say(ada, new Uint8Array(30 * KIB));
      room.tell(ada, bob, "psst");
      room.join();
      room.journal.flush();
      assertSameRoom((await room.killed({ keep, clock })).hub.fold, room.hub.fold);
    }
    assertEquals([ada.state.accepted, room.hub.log.end - end > 180 * KIB], [2 ** 32 + 9, true]);
  }
});

const YEARS = 10 * 365 * 86_400_000;

Deno.test("Journal: a clock that was ten years ahead for a while does not make each kill a power cut", async () => {
  let now = 1e12;
  const clock = () => now;
  const room = await KeptRoom.open({ clock });
  const ada = room.join();
  now += YEARS;
  room.say(ada, "in ten years");
  now -= YEARS;
  room.say(ada, "now");
  room.journal.flush();
  const again = await room.killed({ clock });
  assertEquals([again.journal.recovery.newLog, again.hub.fold.said], [undefined, 2]);
  // If its clock is behind what was written last, the machine may have started again.
  now -= 1_000;
  assertEquals((await again.killed({ clock })).journal.recovery.newLog, "power");
});

Deno.test("Journal: what was said while the clock was ten years ahead is dropped after `keepForMs`", async () => {
  const hour = 3_600_000;
  let now = 1e12;
  const options = { keepForMs: 16 * hour, clock: () => now, keep: MIB };
  let room = await KeptRoom.open(options);
  for (const ahead of [0, YEARS, 0]) {
    now += ahead;
    const ada = room.found[0] ?? [...room.hub.members()][0] ?? room.join();
    for (let i = 0; i < 60; i++) room.say(ada, new Uint8Array(6 * KIB));
    while (ada.take());
    room.journal.flush();
    now -= ahead;
  }
  const live = () => room.files.filter(({ bytes }) => bytes.length > 0).length;
  assertLess(3, live());
  for (let i = 0; i < 24 * 6; i++) {
    now += hour / 6;
    room.timer.pass(600_000);
    // Also if it is restarted meanwhile.
    if (i === 60) room = await room.killed(options);
  }
  assertEquals(live(), 1);
});
