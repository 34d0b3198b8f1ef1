// A limit of file data, in clients of a real server: by a clock that only passes while data waits for the limit.

import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { burstOf } from "../../client/file_rate.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { noise } from "../support/random.ts";
import { StepClock } from "../support/transfer_clock.ts";

/** Bytes per second. */
const RATE = 10 * 1024 * 1024;
/** In ms. Waits for this rate are shorter, and all other timers of transfers are longer. */
const WAIT_MS = 200;
const SIZE = 2_000_000;

class Member {
  readonly disk = new MemoryDisk();
  readonly clock = new StepClock(WAIT_MS);
  guest!: Guest;

  static async join(room: TestRoom, name: string, rate?: number): Promise<Member> {
    const member = new Member();
    const { disk, clock } = member;
    const files = { disk, clock, rate, accept: "all" as const };
    member.guest = await Guest.join(room, name, { files });
    return member;
  }

  async received(count: number): Promise<void> {
    while (count-- > 0) {
      await this.guest.next("transfer", ({ transfer }) => transfer.state === "done");
    }
  }
}

/** Joins ada, whose rate is limited, and two others. */
async function joinThree(
  room: TestRoom,
  members: AsyncDisposableStack,
): Promise<[Member, Member, Member]> {
  const ada = await Member.join(room, "ada", RATE);
  const others = [await Member.join(room, "bob"), await Member.join(room, "cat")] as const;
  for (const { guest } of [ada, ...others]) members.use(guest);
  return [ada, ...others];
}

/** Asserts how much time has passed while a number of bytes came or went. */
function assertPaced({ clock }: Member, bytes: number): void {
  const seconds = clock.now() / 1000;
  assertGreaterOrEqual(seconds, (bytes - burstOf(RATE)) / RATE);
  // What is around the data counts, too.
  assertLessOrEqual(seconds, 1.05 * bytes / RATE);
}

Deno.test("file rate: a client sends no faster, all files to all members together, and not slower either", async () => {
  await using room = new TestRoom();
  await using members = new AsyncDisposableStack();
  const [ada, ...others] = await joinThree(room, members);
  for (const name of ["a", "b"]) {
    ada.disk.files.set(name, noise(SIZE));
    ada.guest.client.offer(name);
  }
  for (const member of others) await member.received(2);
  assertPaced(ada, 4 * SIZE);
  for (const { disk } of others) {
    for (const name of ["a", "b"]) {
      assertEquals(disk.received.get(name), ada.disk.files.get(name));
    }
  }
});

Deno.test("file rate: a client receives no faster, all files of all members together, and not slower either", async () => {
  await using room = new TestRoom();
  await using members = new AsyncDisposableStack();
  const [ada, ...others] = await joinThree(room, members);
  for (const [index, { disk, guest }] of others.entries()) {
    disk.files.set(`of-${index}`, noise(2 * SIZE));
    guest.client.offer(`of-${index}`, "ada");
  }
  await ada.received(2);
  assertPaced(ada, 4 * SIZE);
  for (const [index, { disk }] of others.entries()) {
    assertEquals(ada.disk.received.get(`of-${index}`), disk.files.get(`of-${index}`));
  }
});
