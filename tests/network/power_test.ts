// Sealed members of a room that a server keeps: after a kill they go on, after a power cut they join a new log.

import { assertEquals } from "@std/assert";
import { Backoff } from "../../client/backoff.ts";
import { RING_FILES } from "../../server/journal.ts";
import { startTimer } from "../../server/timers.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { openJournal } from "../support/kept_journal.ts";
import { memoryRing, type MemoryStateFile } from "../support/memory_state_file.ts";
import { QUICK_ADMISSION, QUICK_CODE, quickLogin } from "../support/quick_login.ts";

const BOOT = "1000000";

async function open(
  files: readonly MemoryStateFile[],
  { boot = BOOT, port }: { boot?: string; port?: number } = {},
): Promise<TestRoom> {
  const journal = await openJournal(files, {
    boot,
    // A sync each 10 ms, not each second.
    after: (ms, task) => startTimer(Math.min(ms, 10), task),
  });
  const options = { admission: QUICK_ADMISSION, graceMs: 600_000, awayMs: 0, journal };
  return new TestRoom({ ...options, ...(port !== undefined && { port }) });
}

function join(room: TestRoom, name: string): Promise<Guest> {
  return Guest.join(room, name, {
    code: QUICK_CODE,
    login: quickLogin,
    retryMs: Infinity,
    backoff: new Backoff(Math.random, { baseMs: 10, capMs: 20 }),
  });
}

/** Everybody says something, and all receive it. */
async function talk(guests: readonly Guest[], word: string): Promise<void> {
  for (const [i, guest] of guests.entries()) {
    await guest.say(`${word} ${i}`);
    for (const other of guests) {
      if (other !== guest) await other.next("message", ({ text }) => text === `${word} ${i}`);
    }
  }
}

/** Nobody was shown a fork, nor anything twice. */
function assertHonest(guests: readonly Guest[]): void {
  for (const { events, received, client } of guests) {
    assertEquals(events.filter(({ type }) => type === "forked" || type === "agreed"), []);
    assertEquals(client.forked, []);
    assertEquals(received.length, new Set(received).size);
  }
}

for (const what of ["a kill", "a power cut"] as const) {
  Deno.test(`Client: after ${what} of a server that keeps its room, nobody reports a fork, and only what is lost is reported`, async () => {
    const files = memoryRing(RING_FILES);
    const room = await open(files);
    const guests = [await join(room, "ada"), await join(room, "ben"), await join(room, "cara")];
    await talk(guests, "early");
    while (files[0]!.synced.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const synced = files.map((file) => file.after(file.synced));
    await talk(guests, "late");
    const isKill = what === "a kill";
    const images = isKill ? files.map((file) => file.after()) : synced;
    await room.stop();
    const next = await open(images, {
      boot: isKill ? BOOT : "2000000",
      port: room.port,
    });
    for (const guest of guests) {
      const { resumed, missed } = await guest.next("connected");
      // Without `missed`, the client shows that messages may be missing.
      assertEquals([resumed, missed], isKill ? [true, 0] : [false, undefined]);
    }
    if (!isKill) { for (const guest of guests) await guest.next("members"); }
    await talk(guests, "after");
    assertHonest(guests);
    await Promise.all(guests.map((guest) => guest[Symbol.asyncDispose]()));
    await next.stop();
  });
}
