// Members that return as new members while their old session may still be resumed.

import { assert, assertEquals } from "@std/assert";
import { Backoff } from "../../client/backoff.ts";
import { MAX_PIECE } from "../../protocol/file_messages.ts";
import type { Transfer } from "../../room.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { within } from "../support/async.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { noise } from "../support/random.ts";
import { joinSealed, PlayServer, someone } from "../support/sealed_play.ts";

const SIZE = 10_000_000;
const THROUGH = { seed: 1, kinds: [], maxChunk: MAX_PIECE } as const;
const back = () => ({ retryMs: 60_000, backoff: new Backoff(() => 0) });

async function until(guest: Guest, name: string, state: Transfer["state"]): Promise<Transfer> {
  const { transfer } = await guest.next(
    "transfer",
    ({ transfer }) => transfer.name === name && transfer.state === state,
  );
  return transfer;
}

/** Resolves when half of the file is written. */
function half(disk: MemoryDisk): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.onWrite = (offset) => {
    if (offset > SIZE / 2) resolve();
  };
  return promise;
}

/** Kills a client; the server receives no BYE. Resolves when another member has seen that its connection is lost. */
async function die(guest: Guest, proxy: FaultProxy, other: Guest): Promise<void> {
  proxy.down();
  proxy.cutAll();
  guest.client.leave();
  await within("its end", guest.ended);
  await other.next("away");
}

Deno.test("Transfers: offers the file again to a receiver that was killed and restarted at once, which requests the rest", async () => {
  await using room = new PlayServer({ budget: undefined });
  await using proxy = await FaultProxy.start(room, THROUGH);
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  ours.files.set("file", noise(SIZE));
  await using ada = await joinSealed(room, "ada", { files: { disk: ours } });
  const self = someone();
  const files = { disk: theirs, accept: "all" } as const;
  const bob = await joinSealed(proxy, "bob", { files, self, ...back() });
  const came = half(theirs);
  ada.client.offer("file");
  await came;
  await die(bob, proxy, ada);
  await using again = await joinSealed(room, "bob", { files, self });
  const { resumed } = await until(again, "file", "done");
  assert(resumed >= SIZE / 2 - 2 * MAX_PIECE, `${resumed} bytes were there`);
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});

Deno.test("Transfers: requests the rest from a sender that was killed, restarted at once, and offers the same file", async () => {
  await using room = new PlayServer({ budget: undefined });
  await using proxy = await FaultProxy.start(room, THROUGH);
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  ours.files.set("file", noise(SIZE));
  await using bob = await joinSealed(room, "bob", { files: { disk: theirs, accept: "all" } });
  const self = someone();
  const ada = await joinSealed(proxy, "ada", { files: { disk: ours }, self, ...back() });
  const came = half(theirs);
  ada.client.offer("file");
  await came;
  await die(ada, proxy, bob);
  await using again = await joinSealed(room, "ada", { files: { disk: ours }, self });
  again.client.offer("file");
  const { number } = await until(bob, "file", "done");
  // The same transfer, not a second one beside an abandoned part.
  assertEquals(number, 1);
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});

Deno.test("Transfers: files of other members do not wait for a sender that has lost its connection", async () => {
  await using room = new PlayServer({ budget: undefined });
  await using proxy = await FaultProxy.start(room, THROUGH);
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  ours.files.set("first", noise(SIZE));
  ours.files.set("second", noise(1_000_000));
  await using carol = await joinSealed(room, "carol", { files: { disk: ours } });
  await using bob = await joinSealed(room, "bob", { files: { disk: theirs, accept: "all" } });
  const ada = await joinSealed(proxy, "ada", { files: { disk: ours }, ...back() });
  const came = half(theirs);
  ada.client.offer("first");
  await came;
  await die(ada, proxy, bob);
  carol.client.offer("second");
  await until(bob, "second", "done");
  assertEquals(theirs.received.get("second"), ours.files.get("second"));
});

Deno.test("Transfers: a member that comes back in a new session offers its files again to those who saw it leave", async () => {
  await using room = new TestRoom({ graceMs: 0 });
  await using proxy = await FaultProxy.start(room, THROUGH);
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  for (const name of ["first", "second"]) ours.files.set(name, noise(1000));
  await using bob = await Guest.join(room, "bob", { files: { disk: theirs } });
  await using ada = await Guest.join(proxy, "ada", { files: { disk: ours }, ...back() });
  ada.client.offer("first");
  await bob.next("offer");
  ada.client.offer("second");
  await bob.next("offer");
  proxy.cutAll();
  await bob.next("left");
  assertEquals(bob.client.transfers, []);
  const { files } = await bob.next("offer");
  assertEquals(files.map(({ name, number }) => [name, number]), [["first", 3], ["second", 4]]);
  bob.client.accept("second");
  await until(bob, "second", "done");
  await until(ada, "second", "done");
  // Its own user has seen the offers already.
  assertEquals(ada.events.filter(({ type }) => type === "offer").length, 2);
});
