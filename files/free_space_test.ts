import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { Guest, TestRoom } from "../tests/support/loopback.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { noise } from "../tests/support/random.ts";
import { FreeSpace } from "./free_space.ts";
import type { TransferOptions } from "./post.ts";
import { Incoming } from "./transfer_entries.ts";

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;

const DONE = ["done", undefined, undefined];

/** A room with ada, who offers files of `SIZE` bytes with these names, and bob with `space` bytes of disk. */
async function withOffers(
  names: readonly string[],
  space: number | undefined,
  options: Partial<TransferOptions>,
  use: (who: { ada: Guest; bob: Guest; disk: MemoryDisk }) => Promise<void>,
): Promise<void> {
  await using room = new TestRoom();
  const [ours, disk] = [new MemoryDisk(), new MemoryDisk()];
  disk.space = space;
  await using ada = await Guest.join(room, "ada", { files: { disk: ours } });
  await using bob = await Guest.join(room, "bob", { files: { disk, ...options } });
  for (const name of names) {
    ours.files.set(name, noise(SIZE));
    ada.client.offer(name, "bob");
    await bob.next("offer");
  }
  await use({ ada, bob, disk });
}

/** Waits until bob's file is done or has failed; returns why. */
async function end(guest: Guest, name: string): Promise<(string | undefined)[]> {
  const { transfer } = await guest.next(
    "transfer",
    ({ transfer }) =>
      transfer.name === name && (transfer.state === "done" || transfer.state === "failed"),
  );
  return [transfer.state, transfer.reason, transfer.message];
}

Deno.test("FreeSpace: files that do not fit are not accepted, and their offers stay", async () => {
  await withOffers(["a", "b"], 6 * MIB, {}, async ({ ada, bob, disk }) => {
    assertThrows(
      () => bob.client.accept("all"),
      ChatError,
      "Cannot accept 2 files: they need 8 MiB, and the downloads folder has 6 MiB free",
    );
    assertEquals(bob.client.transfers.map(({ state }) => state), ["offered", "offered"]);
    assertEquals(bob.client.accept("a"), 1);
    assertEquals(await end(bob, "a"), DONE);
    disk.space = MIB;
    const error = assertThrows(() => bob.client.accept("b"), ChatError);
    assertEquals(
      error.message,
      "Cannot accept b: it needs 4 MiB, and the downloads folder has 1 MiB free",
    );
    assertEquals(error.hint, "Free 3 MiB or more, then accept again");
    // The sender was not notified: the offer is still open.
    disk.space = SIZE;
    assertEquals(bob.client.accept("b"), 1);
    assertEquals(await end(bob, "b"), DONE);
    await ada.next(
      "transfer",
      ({ transfer }) => transfer.name === "b" && transfer.state === "done",
    );
  });
});

Deno.test("FreeSpace: counts what accepted files still need, but not what they have", async () => {
  await withOffers(["a", "b", "c"], 2 * SIZE, {}, async ({ bob, disk }) => {
    const held = Promise.withResolvers<void>();
    const half = Promise.withResolvers<void>();
    disk.onWrite = async (offset) => {
      if (offset < SIZE / 2) return;
      half.resolve();
      await held.promise;
    };
    bob.client.accept("a");
    await half.promise;
    // What a has takes space no more, and what it needs is not free.
    const { bytes } = bob.client.transfers[0]!;
    disk.space = 3 * SIZE - bytes - 1;
    assertThrows(
      () => bob.client.accept("2-3"),
      ChatError,
      " free, of which accepted files need ",
    );
    disk.space++;
    assertEquals(bob.client.accept("2-3"), 2);
    held.resolve();
    // They come at the same time, so any of them may be the first that is complete.
    for (let done = 0; done < 3;) {
      const { transfer: { state } } = await bob.next("transfer");
      assert(state !== "failed");
      if (state === "done") done++;
    }
  });
});

Deno.test("FreeSpace: a file accepted without asking that does not fit fails on both sides, and requests nothing", async () => {
  await withOffers(["a"], MIB, { accept: "all" }, async ({ ada, bob, disk }) => {
    const written: number[] = [];
    disk.onWrite = (offset) => void written.push(offset);
    assertEquals(await end(bob, "a"), [
      ...["failed", "full"],
      "Cannot receive a: it needs 4 MiB, and the downloads folder has 1 MiB free",
    ]);
    assertEquals(await end(ada, "a"), ["failed", "full", "bob has no space left for it"]);
    assertEquals([written, disk.open_], [[], 0]);
  });
});

Deno.test("FreeSpace: a part needs only the rest, and another's part is no help", async () => {
  await withOffers(["a", "b"], undefined, {}, async ({ ada, bob, disk }) => {
    disk.onWrite = (offset) => {
      if (offset > SIZE / 2) throw new ChatError("Cannot write: broken");
    };
    bob.client.accept("a");
    assertEquals(await end(bob, "a"), ["failed", "disk", "Cannot write: broken"]);
    assertEquals((await end(ada, "a"))[0], "failed");
    disk.onWrite = () => {};
    const had = disk.kept();
    disk.space = SIZE - had;
    // It could be the part of b, until that is opened.
    bob.client.accept("b");
    const [, reason, message] = await end(bob, "b");
    assertEquals(reason, "full");
    assertStringIncludes(
      message!,
      "Cannot receive b: it needs 4 MiB, and the downloads folder has ",
    );
    ada.client.offer("a");
    const { files: [again] } = await bob.next("offer");
    bob.client.accept(again!.number);
    assertEquals(await end(bob, "a"), DONE);
  });
});

Deno.test("FreeSpace: an offer says what is left for it, if the system does", async () => {
  await withOffers(["a"], 5 * SIZE, {}, ({ ada, bob, disk }) => {
    const free = ({ events }: Guest) =>
      events.flatMap((event) => event.type === "offer" ? [event.free] : []);
    assertEquals([free(bob), free(ada), disk.space], [[5 * SIZE], [undefined], 5 * SIZE]);
    return Promise.resolve();
  });
  await withOffers(["a"], undefined, {}, async ({ bob }) => {
    assertEquals(bob.events.some((event) => "free" in event), false);
    bob.client.accept("a");
    assertEquals(await end(bob, "a"), DONE);
  });
});

Deno.test("FreeSpace: looks at the disk once a second, however many offers come, and never below what is free", () => {
  const clock = new FakeClock();
  const disk = new MemoryDisk();
  let looks = 0;
  disk.free = () => {
    looks++;
    return 10;
  };
  const id = new Uint8Array(16);
  const offer = { id, name: "a", size: 11 };
  const queue = new Set([new Incoming(1, offer)]);
  const now = () => clock.now().getTime();
  const space = new FreeSpace({ disk, clock: { now, every: () => () => {} } }, new Set(), [queue]);
  for (let i = 0; i < 1000; i++) assertEquals(space.left(), 0);
  assertEquals(looks, 1);
  queue.clear();
  clock.pass(1000);
  assertEquals([space.left(), looks], [10, 2]);
});
