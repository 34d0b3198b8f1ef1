// What the sender of a file can cause in a receiver: hashes that come at any time, and any number of times.

import { assert, assertEquals } from "@std/assert";
import { type FileMessage, MAX_WHOLE } from "../protocol/file_messages.ts";
import { sha256 } from "../tests/support/hash.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { noise } from "../tests/support/random.ts";
import { StepClock } from "../tests/support/transfer_clock.ts";
import { wireless } from "../tests/support/wireless.ts";
import { Transfers } from "./transfers.ts";

const SELF = 1;
const MALLORY = 2;
/** The next session of the same member. */
const MALLORY_AGAIN = 3;
const CAROL = 4;
const DIRECT = { direct: true, sent: undefined, missing: 0 };

const utf8 = new TextEncoder();
const idOf = (byte: number) => new Uint8Array(16).fill(byte);

/** A client that accepts every file of mallory, without a wire. */
function setUp() {
  const here = new Map([[SELF, "ada"], [MALLORY, "mallory"], [CAROL, "carol"]]);
  const ended = Promise.withResolvers<string>();
  const disk = new MemoryDisk();
  const clock = new StepClock();
  /** How often the disk was to keep a file. */
  const kept = { count: 0 };
  /** How often it has asked for a file. */
  const asked = { count: 0 };
  disk.onSink = () => void kept.count++;
  const post = wireless(here, SELF, {
    tell(_, { messages }) {
      asked.count += messages.filter(({ kind }) => kind === "ask").length;
      return true;
    },
    event(event) {
      if (event.type !== "transfer") return;
      const { state, message } = event.transfer;
      if (state === "done" || state === "failed") ended.resolve(message ?? state);
    },
  });
  const transfers = new Transfers(post, { disk, accept: "all", clock });
  const take = (from: number, ...messages: FileMessage[]) =>
    void transfers.take(from, { refused: 0, messages }, DIRECT);
  /** Resolves when it is accepted. */
  const offer = async (from: number, id: Uint8Array, size: number) => {
    take(from, { kind: "offer", id, size, name: "a.txt" });
    await Promise.resolve();
  };
  return { transfers, disk, clock, here, kept, asked, ended: ended.promise, take, offer };
}

/** Lets disk operations go on, until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

Deno.test("IncomingTransfers.hashed: a file is kept once, however often its hash comes", async () => {
  const { transfers, disk, kept, ended, take, offer } = setUp();
  const bytes = utf8.encode("hello");
  const id = idOf(7);
  await offer(MALLORY, id, 5);
  transfers.received(MALLORY, { id, offset: 0, bytes });
  const hash = { kind: "hash", id, sha256: sha256(bytes) } as const;
  take(MALLORY, hash, hash, hash);
  take(MALLORY, hash);
  assertEquals(await ended, "done");
  take(MALLORY, hash);
  await transfers.close();
  assertEquals(kept.count, 1);
  assertEquals(disk.received.get("a.txt"), bytes);
});

Deno.test("IncomingTransfers.offered: the hash of an earlier offer does not count for the file of the next one", async () => {
  const { transfers, disk, here, kept, ended, take, offer } = setUp();
  const [before, after] = [utf8.encode("hello"), utf8.encode("world")];
  await offer(MALLORY, idOf(7), 5);
  // It has overtaken the data, which is lost with its sender.
  take(MALLORY, { kind: "hash", id: idOf(7), sha256: sha256(before) });
  here.delete(MALLORY);
  transfers.left(MALLORY, "mallory", "lost");
  here.set(MALLORY_AGAIN, "mallory");
  await offer(MALLORY_AGAIN, idOf(8), 5);
  transfers.received(MALLORY_AGAIN, { id: idOf(8), offset: 0, bytes: after });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assertEquals(kept.count, 0);
  take(MALLORY_AGAIN, { kind: "hash", id: idOf(8), sha256: sha256(after) });
  assertEquals(await ended, "done");
  await transfers.close();
  assertEquals(disk.received.get("a.txt"), after);
});

Deno.test("Transfer.rate: what an earlier attempt or the time before a stall has brought makes a file no faster and no slower", async () => {
  const { transfers, disk, clock, take, offer } = setUp();
  const MIB = 2 ** 20;
  const id = idOf(7);
  const running = () => transfers.going[0]!;
  disk.parts.set(`a.txt ${100 * MIB} mallory`, new Uint8Array(90 * MIB));
  // It takes a while to look at what has arrived before.
  const opened = Promise.withResolvers<void>();
  disk.onSink = () => opened.promise;
  await offer(MALLORY, id, 100 * MIB);
  clock.pass(1000);
  opened.resolve();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (running().state !== "running") await turn();
  clock.pass(1000);
  assertEquals([running().resumed, running().rate], [90 * MIB, 0]);
  // Its sender has another file: everything is received again.
  take(MALLORY, { kind: "differs", id });
  clock.pass(1000);
  assertEquals([running().bytes, running().rate], [0, 0]);
  const receive = async (offset: number) => {
    transfers.received(MALLORY, { id, offset, bytes: new Uint8Array(MIB) });
    while (running().bytes === offset) await turn();
    clock.pass(1000);
    assert(running().rate > MIB / 2 && running().rate <= 4 * MIB, `${running().rate} B/s`);
  };
  await receive(0);
  clock.pass(10_000);
  assertEquals([running().stalled, running().rate], ["no data from mallory", 0]);
  await receive(MIB);
  await transfers.close();
});

Deno.test("IncomingTransfers.received: takes no chunk that is smaller than a sender may make it: each costs a write", async () => {
  const { transfers, disk, ended, take, offer } = setUp();
  const writes: number[] = [];
  disk.onWrite = (offset) => void writes.push(offset);
  const bytes = noise(2 * MAX_WHOLE + 1);
  const id = idOf(7);
  await offer(MALLORY, id, bytes.length);
  await until(() => transfers.list[0]?.state === "running");
  const send = (offset: number, length: number) =>
    transfers.received(MALLORY, { id, offset, bytes: bytes.subarray(offset, offset + length) });
  for (let offset = 0; offset < 1000; offset++) assertEquals(send(offset, 1), 0);
  assertEquals(send(0, MAX_WHOLE - 1), 0);
  for (const [offset, length] of [[0, MAX_WHOLE], [MAX_WHOLE, MAX_WHOLE], [2 * MAX_WHOLE, 1]]) {
    assert(send(offset!, length!) > 0);
  }
  take(MALLORY, { kind: "hash", id, sha256: sha256(bytes) });
  assertEquals(await ended, "done");
  await transfers.close();
  assertEquals(writes, [0, MAX_WHOLE, 2 * MAX_WHOLE]);
  assertEquals(disk.received.get("a.txt"), bytes);
});

Deno.test("IncomingTransfers.again: a sender that keeps losing its data makes this client ask for little", async () => {
  const { transfers, clock, asked, take, offer } = setUp();
  const count = 100;
  for (let n = 0; n < count; n++) await offer(MALLORY, idOf(n), 5);
  await Promise.resolve();
  assertEquals(asked.count, count);
  const again = async () => {
    take(MALLORY, { kind: "again", id: idOf(0) });
    await Promise.resolve();
  };
  // The first time counts at once.
  await again();
  assertEquals(asked.count, 2 * count);
  for (let ms = 0; ms < 1000; ms += 10) {
    clock.pass(10);
    await again();
  }
  assert(asked.count <= 7 * count, `${asked.count} files were asked for`);
  await transfers.close();
});

Deno.test("IncomingTransfers.differs: counts only for what was to be compared", async () => {
  const { transfers, asked, take, offer } = setUp();
  const id = idOf(7);
  await offer(MALLORY, id, 2 * MAX_WHOLE);
  await until(() => asked.count > 0);
  for (let n = 0; n < 10; n++) take(MALLORY, { kind: "differs", id });
  await Promise.resolve();
  assertEquals(asked.count, 1);
  await transfers.close();
});

Deno.test("IncomingTransfers: files of others come, however many accepted ones of a sender never come", async () => {
  const { transfers, disk, take, ended, offer } = setUp();
  // Part files, and files that have all data but never their hash.
  for (const size of [2 * MAX_WHOLE, 5]) {
    for (let n = 0; n < 600; n++) {
      const id = idOf(size === 5 ? 1 : 2);
      new DataView(id.buffer).setUint32(0, n);
      await offer(MALLORY, id, size);
      transfers.received(MALLORY, { id, offset: 0, bytes: new Uint8Array(5) });
    }
  }
  for (const size of [2 * MAX_WHOLE, 5]) {
    const bytes = noise(size);
    const id = idOf(size === 5 ? 8 : 9);
    await offer(CAROL, id, size);
    let got = 0;
    // Its part file takes some turns.
    for (let turn = 0; got === 0 && turn < 100; turn++) {
      got = transfers.received(CAROL, { id, offset: 0, bytes });
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    assert(got > 0, `a file of ${size} bytes was not asked for`);
    take(CAROL, { kind: "hash", id, sha256: sha256(bytes) });
    await until(() => disk.received.get("a.txt")?.length === size);
  }
  assertEquals(await ended, "done");
  await transfers.close();
});
