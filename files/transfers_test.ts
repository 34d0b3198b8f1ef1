import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MAX_WINDOW } from "../client/receive_window.ts";
import type { JoinOptions } from "../client.ts";
import { Backoff } from "../client/backoff.ts";
import { ChatError } from "../errors.ts";
import { MAX_PIECE } from "../protocol/file_messages.ts";
import type { Person, Transfer } from "../room.ts";
import { FaultProxy } from "../tests/support/fault_proxy.ts";
import { Guest, TestRoom } from "../tests/support/loopback.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { noise } from "../tests/support/random.ts";
import { joinSealed, PlayServer } from "../tests/support/sealed_play.ts";
import { FileError, type FileReason } from "./disk_errors.ts";
import type { TransferOptions } from "./post.ts";

/** Joins a member with a disk. */
async function enter(
  room: { port: number },
  name: string,
  files: Partial<TransferOptions> & { disk: MemoryDisk },
  options: Partial<JoinOptions> = {},
): Promise<Guest> {
  return await Guest.join(room, name, { files, ...options });
}

/** Waits until the transfer of this name has this state. */
async function until(
  guest: Guest,
  name: string,
  state: Transfer["state"],
): Promise<Transfer> {
  const { transfer } = await guest.next(
    "transfer",
    ({ transfer }) => transfer.name === name && transfer.state === state,
  );
  return transfer;
}

Deno.test("Transfers: sends files of any size to a member that accepts an offer to the room", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  const sizes = [0, 1, MAX_PIECE - 1, MAX_PIECE, MAX_PIECE + 1, 3_000_000];
  for (const size of sizes) {
    const name = `of-${size}`;
    ours.files.set(name, noise(size, size + 1));
    ada.client.offer(name);
    const { from, files, direct } = await bob.next("offer");
    assertEquals([from.name, files[0]!.name, files[0]!.size, direct], ["ada", name, size, false]);
    assertEquals((await ada.next("offer")).from.self, true);
    assertEquals(bob.client.accept(files[0]!.number), 1);
    const { path, bytes } = await until(bob, name, "done");
    assertEquals([path, bytes], [`/downloads/${name}`, size]);
    assertEquals((await until(ada, name, "done")).who?.name, "bob");
    assertEquals(theirs.received.get(name), ours.files.get(name));
  }
  assertStrictEquals(theirs.open_, 0);
});

Deno.test("Transfers: shows an offer to one member to no other", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  await using eve = await enter(room, "eve", { disk: new MemoryDisk() });
  ours.files.set("secret", noise(1000));
  ada.client.offer("secret", "bob", "gift.bin");
  const { files: [file], direct } = await bob.next("offer");
  assertEquals([file!.name, direct], ["gift.bin", true]);
  bob.client.accept("gift.bin");
  await until(bob, "gift.bin", "done");
  await until(ada, "gift.bin", "done");
  await ada.say("over");
  await eve.next("message");
  assertEquals(eve.events.filter(({ type }) => type === "offer"), []);
  assertEquals(theirs.received.get("gift.bin"), ours.files.get("secret"));
});

Deno.test("Transfers: each transfer says which offer it belongs to, also for files that are alike", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: new MemoryDisk(), accept: "all" });
  await using cat = await enter(room, "cat", { disk: new MemoryDisk(), accept: "all" });
  ours.files.set("same", noise(1000));
  const offers = new Set<number>();
  for (const to of [undefined, undefined, "bob"]) {
    ada.client.offer("same", to);
    const [offer] = (await ada.next("offer")).files;
    assertEquals(offer!.offer, offer!.number);
    offers.add(offer!.offer);
    const receivers: string[] = [];
    while (receivers.length < (to === undefined ? 2 : 1)) {
      const { number, who, ...sent } = await until(ada, "same", "done");
      assertEquals(sent.offer, offer!.number);
      assert(number > sent.offer);
      receivers.push(who!.name);
    }
    assertEquals(receivers.sort(), to === undefined ? ["bob", "cat"] : [to]);
  }
  assertEquals(offers.size, 3);
  for (const { client } of [bob, cat]) {
    assert(client.transfers.every(({ offer, number }) => offer === number));
  }
});

Deno.test("Transfers: sends all files of a folder with many small files; accept all takes them", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  const count = 1000;
  for (let i = 0; i < count; i++) ours.files.set(`many/${i}`, noise(i, i + 1));
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  ada.client.offer("many/");
  let done = 0;
  while (done < count) {
    const { transfer } = await bob.next("transfer");
    if (transfer.state === "done") done++;
  }
  for (let i = 0; i < count; i++) {
    assertEquals(theirs.received.get(String(i)), ours.files.get(`many/${i}`));
  }
  // One event for each message, which offers at most 256 files.
  const offers = bob.events.flatMap((event) => event.type === "offer" ? [event.files.length] : []);
  assertEquals(offers, [256, 256, 256, 232]);
  // Ended transfers leave the list.
  assertStrictEquals(theirs.open_, 0);
  assert(bob.client.transfers.length <= 100);
});

Deno.test("Transfers: an empty folder is offered, accepted and done without a byte", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  for (const name of ["tree/a/", "tree/b/"]) ours.files.set(name, new Uint8Array());
  ours.files.set("tree/c", noise(10));
  ours.onOpen = (path) => assertEquals(path, "tree/c");
  ada.client.offer("tree/", "bob");
  const offered = (await bob.next("offer")).files.map(({ name, size }) => [name, size]);
  assertEquals(offered, [["a/", 0], ["b/", 0], ["c", 10]]);
  bob.client.decline("a/");
  await until(ada, "a/", "declined");
  bob.client.accept("b/");
  const { sha256, path, bytes, state } = await until(bob, "b/", "done");
  assertEquals([sha256, path, bytes, state], [undefined, "/downloads/b/", 0, "done"]);
  assertEquals((await until(ada, "b/", "done")).sha256, undefined);
  bob.client.accept("c");
  await until(ada, "c", "done");
  assertEquals([theirs.folders, [...theirs.received.keys()]], [["b/"], ["c"]]);
  // A folder that cannot be made is reported on both sides.
  theirs.makeFolder = () => Promise.reject(new FileError("receive d/", "the disk is full", "full"));
  ours.files.set("more/d/", new Uint8Array());
  ada.client.offer("more/", "bob");
  await bob.next("offer");
  bob.client.accept("d/");
  assertEquals((await until(bob, "d/", "failed")).message, "Cannot receive d/: the disk is full");
  assertEquals((await until(ada, "d/", "failed")).message, "bob has no space left for it");
  assertEquals([ours.open_, theirs.open_], [0, 0]);
});

Deno.test("Transfers: drops the offers of an ignored member, whatever is accepted; what was accepted before goes on", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  const ignored = new Set<string>();
  const ignores = ({ name }: Person) => ignored.has(name);
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all", ignores });
  ours.files.set("before", noise(3_000_000));
  ours.files.set("after", noise(1000));
  ada.client.offer("before");
  await until(bob, "before", "running");
  ignored.add("ada");
  ada.client.offer("after");
  ada.client.offer("after", "bob");
  await until(bob, "before", "done");
  for (let n = 0; n < 3; n++) await ada.next("offer");
  // Each offer is in its log before these.
  ada.client.say("sync");
  await bob.next("message");
  ada.client.tell("bob", "sync");
  await bob.next("direct");
  assertEquals(bob.client.transfers.map(({ name }) => name), ["before"]);
  assertThrows(() => bob.client.accept("all"), ChatError, "no offer is open");
  ignored.clear();
  ada.client.offer("after");
  await until(bob, "after", "done");
  assertEquals([...theirs.received.keys()], ["before", "after"]);
});

Deno.test("Transfers: reports declined, cancelled and withdrawn files on both sides, and leaves nothing of them", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  ours.files.set("file", noise(5_000_000));
  const offer = async () => {
    ada.client.offer("file");
    return (await bob.next("offer")).files[0]!.number;
  };
  bob.client.decline(await offer());
  assertEquals((await until(ada, "file", "declined")).who?.name, "bob");

  const second = await offer();
  bob.client.accept(second);
  await until(bob, "file", "running");
  const error = assertThrows(() => bob.client.decline(second), ChatError, "no such offer");
  assertEquals(error.refusal, "transfer");
  bob.client.cancel(second);
  await until(bob, "file", "cancelled");
  assertEquals((await until(ada, "file", "cancelled")).message, "bob cancelled it");

  bob.client.accept(await offer());
  const { number } = await until(ada, "file", "running");
  ada.client.cancel(number);
  assertEquals((await until(bob, "file", "cancelled")).message, "ada withdrew it");

  await offer();
  ada.client.cancel("all");
  assertEquals((await until(bob, "file", "cancelled")).message, "ada withdrew it");
  await bob.say("sync");
  assertEquals([theirs.received.size, theirs.parts.size], [0, 0]);
  for (const action of ["accept", "decline", "cancel"] as const) {
    assertThrows(() => bob.client[action](77), ChatError, `Cannot ${action} "77"`);
  }
});

Deno.test("Transfers: a command about several files has one event on both sides", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: new MemoryDisk() });
  for (let n = 0; n < 9; n++) ours.files.set(`many/${n}`, noise(100));
  const ends = async (guest: Guest) => {
    const { from, transfers } = await guest.next("changes");
    return [from.name, ...transfers.map(({ number, state }) => `${number} ${state}`)];
  };
  ada.client.offer("many/");
  await bob.next("offer");
  assertEquals(bob.client.decline("1-3"), 3);
  assertEquals(await ends(bob), ["bob", "1 declined", "2 declined", "3 declined"]);
  assertEquals((await ends(ada)).length, 4);
  assertEquals(ada.client.cancel("all"), 9);
  assertEquals((await ends(ada)).length, 10);
  assertEquals((await ends(bob)).length, 7);
});

Deno.test("Transfers: reports a changed file and a full disk on both sides, and a file that does not exist", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  ours.files.set("file", noise(5_000_000));
  const begin = async () => {
    ada.client.offer("file");
    bob.client.accept((await bob.next("offer")).files[0]!.number);
    await until(bob, "file", "running");
  };
  await begin();
  ours.files.set("file", noise(6_000_000));
  assertEquals(
    (await until(bob, "file", "failed")).message,
    "ada's file has changed since it was offered",
  );
  assertEquals((await until(ada, "file", "failed")).message, "Cannot send file: it has changed");
  // Its sender has ended the offer.
  assertThrows(() => bob.client.accept("file"), ChatError, "no such offer");

  theirs.onWrite = () => {
    throw new ChatError("Cannot write file: no space left");
  };
  await begin();
  assertEquals((await until(bob, "file", "failed")).message, "Cannot write file: no space left");
  await ada.next("transfer", ({ transfer }) => transfer.message === "bob could not write it");
  theirs.onWrite = () => {};
  // With space again, only the missing data is sent.
  assertEquals(bob.client.accept("file"), 1);
  await until(bob, "file", "done");
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
  ada.client.offer("nothing");
  assertEquals((await ada.next("unsent")).message, "Cannot read nothing: the file does not exist");
});

Deno.test("Transfers: both sides learn why a transfer has failed, in words and as one word", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  ours.files.set("file", noise(100_000));
  const own = (code: FileReason) => {
    throw new FileError("go on", `because of ${code}`, code);
  };
  const fails = async (code: FileReason) => {
    ada.client.offer("file", "bob");
    const ends = [await until(ada, "file", "failed"), await until(bob, "file", "failed")];
    assertEquals(ends.map(({ reason }) => reason), [code, code]);
    return ends.map(({ message }) => message);
  };
  const senders: Partial<Record<FileReason, string>> = {
    changed: "ada's file has changed since it was offered",
    removed: "ada's file does not exist any more",
    unreadable: "ada can no longer read the file",
  };
  for (const [code, words] of Object.entries(senders) as [FileReason, string][]) {
    ours.onRead = () => own(code);
    assertEquals(await fails(code), [`Cannot go on: because of ${code}`, words]);
  }
  ours.onRead = () => {};
  const receivers: Partial<Record<FileReason, string>> = {
    disk: "bob could not write it",
    full: "bob has no space left for it",
    damaged: "the data that bob received does not match the file's SHA-256",
    other: "bob could not receive it",
  };
  for (const [code, words] of Object.entries(receivers) as [FileReason, string][]) {
    theirs.onWrite = () => own(code);
    assertEquals(await fails(code), [words, `Cannot go on: because of ${code}`]);
  }
  // Each end was reported once.
  for (const { events } of [ada, bob]) {
    const ends = events.filter((one) => one.type === "transfer" && one.transfer.state === "failed");
    assertEquals(ends.length, 7);
  }
  // A failed file of the room can be accepted again, and has no reason then.
  ada.client.offer("file");
  const { number } = await until(bob, "file", "failed");
  theirs.onWrite = () => {};
  bob.client.accept(number);
  assertEquals((await until(bob, "file", "done")).reason, undefined);
});

Deno.test("Transfers: both sides learn at once that the other one has left", async () => {
  // Nothing that takes time is reported.
  const clock = { now: () => 0, every: () => () => {} };
  for (const leaver of ["ada", "bob"]) {
    await using room = new TestRoom();
    const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
    ours.files.set("file", noise(1_000_000));
    const gate = Promise.withResolvers<void>();
    theirs.onWrite = () => gate.promise;
    await using ada = await enter(room, "ada", { disk: ours, clock });
    await using bob = await enter(room, "bob", { disk: theirs, clock, accept: "all" });
    ada.client.offer("file");
    await until(ada, "file", "running");
    await until(bob, "file", "running");
    const [gone, other] = leaver === "ada" ? [ada, bob] : [bob, ada];
    gone.client.leave();
    const { transfer } = await other.next("transfer", (event) => !!event.transfer.stalled);
    assertEquals([transfer.stalled, transfer.state], [`${leaver} has left`, "running"]);
    gate.resolve();
  }
});

Deno.test("Transfers: offers the rest of a folder, counts what is left out, and names the first ten", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: new MemoryDisk() });
  for (const name of ["a", "b", "c"]) ours.files.set(`d/${name}`, noise(100));
  ours.onOpen = (path) => {
    if (path === "d/b") throw new FileError("send d/b", "it changed while it was read", "changed");
  };
  for (let n = 10; n < 21; n++) ours.leftOut.push({ path: `d/${n}`, reason: "it is a link" });
  ada.client.offer("d/", "bob");
  assertEquals((await bob.next("offer")).files.map(({ name }) => name), ["a", "c"]);
  const { path, count, entries } = await ada.next("incomplete");
  assertEquals([path, count, entries.length], ["d/", 12, 10]);
  assertEquals(entries[9], { file: "19", reason: "it is a link" });
  // Whoever waits for the event may leave.
  assertEquals(ada.client.offering, false);
  ours.leftOut.length = 0;
  ada.client.offer("d/", "bob");
  assertEquals((await ada.next("incomplete")).entries, [
    { file: "b", reason: "it changed while it was read" },
  ]);
  assertEquals(ada.events.filter(({ type }) => type === "unsent"), []);
});

Deno.test("Transfers: a folder without a file to send is reported, and one that was cancelled is not", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: new MemoryDisk() });
  const message = "Cannot send d/: it has no file that can be sent";
  ada.client.offer("d/");
  assertEquals((await ada.next("unsent")).message, message);
  ours.leftOut.push({ path: "d/pipe", reason: "it is not a file" });
  ada.client.offer("d/");
  assertEquals((await ada.next("incomplete")).count, 1);
  assertEquals((await ada.next("unsent")).message, message);
  for (const name of ["a", "b", "c"]) ours.files.set(`e/${name}`, noise(100));
  ours.onOpen = (path) => {
    if (path === "e/b") ada.client.cancel("all");
  };
  ada.client.offer("e/", "bob");
  await until(ada, "a", "cancelled");
  ours.onOpen = () => {};
  // A user who cancels one file of a folder does not want the rest, either.
  ada.client.offer("e/c");
  assertEquals((await bob.next("offer")).files.map(({ name }) => name), ["e/c"]);
  assertEquals(ada.events.filter(({ type }) => type === "unsent").length, 2);
});

Deno.test("Transfers: accept none declines, all accepts up to its limit, known asks about new members", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  const disks = [new MemoryDisk(), new MemoryDisk(), new MemoryDisk()] as const;
  await using none = await enter(room, "none", { disk: disks[0], accept: "none" });
  await using all = await enter(room, "all", { disk: disks[1], accept: "all", acceptLimit: 100 });
  await using known = await enter(room, "known", { disk: disks[2], accept: "known" });
  for (const size of [100, 101]) ours.files.set(`f${size}`, noise(size));
  ada.client.offer("f101");
  await until(none, "f101", "declined");
  ada.client.offer("f100");
  await until(all, "f100", "done");
  await known.next("offer", ({ files }) => files[0]!.name === "f100");
  const stateOf = (guest: Guest, name: string) =>
    guest.client.transfers.find((one) => one.name === name)?.state;
  assertEquals(stateOf(all, "f101"), "offered");
  assertEquals(stateOf(known, "f100"), "offered");
  assertEquals(disks.map(({ received }) => received.size), [0, 1, 0]);
});

Deno.test("Transfers: a receiver with a slow disk requests no more than its window, and delays no chat", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  ours.files.set("file", noise(12_000_000));
  const gate = Promise.withResolvers<void>();
  theirs.onWrite = () => gate.promise;
  ada.client.offer("file");
  await bob.next("offer");
  bob.client.accept("file");
  await until(bob, "file", "running");
  // Both can still chat.
  for (let i = 0; i < 20; i++) await Promise.all([ada.say("quick"), bob.say("quick")]);
  const sent = ada.client.transfers.find(({ who }) => who?.name === "bob")!;
  assert(sent.bytes <= MAX_WINDOW + MAX_PIECE, `${sent.bytes} bytes were sent`);
  gate.resolve();
  await until(bob, "file", "done");
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});

const quick = () => new Backoff(() => 0);

Deno.test("Transfers: 50 lost connections cost no more than a window and 256 KiB each", async () => {
  await using room = new TestRoom({ graceMs: 60_000 });
  await using proxy = await FaultProxy.start(room, { seed: 1, kinds: [], maxChunk: 64 * 1024 });
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const back = { retryMs: 60_000, backoff: quick() };
  await using ada = await enter(proxy, "ada", { disk: ours }, back);
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  const size = 60_000_000;
  ours.files.set("file", noise(size));
  let cuts = 0;
  theirs.onWrite = async (offset) => {
    if (offset < (cuts + 1) * size / 60 || cuts >= 50) return;
    cuts += proxy.cutAll("cut");
    // Until then the disk writes nothing of what has come before.
    await ada.next("connected");
  };
  ada.client.offer("file");
  await until(bob, "file", "done");
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
  assertEquals([cuts, proxy.counts.cut], [50, 50]);
  const { up, down } = proxy.passed;
  const most = 1.01 * size + cuts * (MAX_WINDOW + 256 * 1024);
  assert(up < most, `${up} bytes were sent for ${size}`);
  assert(down < 0.1 * size, `${down} bytes came back`);
});

Deno.test("Transfers: continues in new sessions after a restart of the server", async () => {
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const size = 20_000_000;
  ours.files.set("file", noise(size));
  const first = new TestRoom();
  const { port } = first;
  const back = { retryMs: 60_000, backoff: quick() };
  await using ada = await enter(first, "ada", { disk: ours }, back);
  await using bob = await enter(first, "bob", { disk: theirs, accept: "all" }, back);
  const half = Promise.withResolvers<void>();
  theirs.onWrite = (offset) => {
    if (offset > size / 2) half.resolve();
  };
  ada.client.offer("file");
  await half.promise;
  await first.stop();
  await using _second = new TestRoom({ port });
  const { resumed, path } = await until(bob, "file", "done");
  assertEquals([resumed, path], [0, "/downloads/file"]);
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
  await until(ada, "file", "done");
});

Deno.test("Transfers: offers the file again to a restarted receiver, which requests the rest", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const size = 10_000_000;
  ours.files.set("file", noise(size));
  await using ada = await enter(room, "ada", { disk: ours });
  {
    await using _bob = await enter(room, "bob", { disk: theirs, accept: "all" });
    const half = Promise.withResolvers<void>();
    theirs.onWrite = (offset) => {
      if (offset > size / 2) half.resolve();
    };
    ada.client.offer("file");
    await half.promise;
  }
  assertEquals([theirs.parts.size, theirs.open_], [1, 0]);
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  const { resumed } = await until(bob, "file", "done");
  assert(resumed >= size / 2);
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});

Deno.test("Transfers: continues when a restarted sender offers the same file", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const size = 10_000_000;
  ours.files.set("file", noise(size));
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  {
    await using ada = await enter(room, "ada", { disk: ours });
    const half = Promise.withResolvers<void>();
    theirs.onWrite = (offset) => {
      if (offset > size / 2) half.resolve();
    };
    ada.client.offer("file");
    await half.promise;
  }
  await bob.next("left");
  await using ada = await enter(room, "ada", { disk: ours });
  await bob.next("transfer", ({ transfer }) => transfer.stalled !== undefined);
  ada.client.offer("file");
  // What bob has was not sent now: it would make the speed wrong, and the time left.
  const { bytes, resumed, rate } = await until(ada, "file", "running");
  assert(resumed >= size / 2 && bytes === resumed, `${bytes} bytes, and ${resumed} were there`);
  assertEquals(rate, 0);
  await until(bob, "file", "done");
  await until(ada, "file", "done");
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});

Deno.test("Transfers: in a sealed room, refused messages that are sent again do not count as missing", async () => {
  await using room = new PlayServer();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await joinSealed(room, "ada", { files: { disk: ours } });
  await using bob = await joinSealed(room, "bob", { files: { disk: theirs, accept: "all" } });
  for (let n = 0; n < 10; n++) ours.files.set(`many/${n}`, noise(200_000, n + 1));
  // The server refuses every other message to one member, the first one too, as if bob had too much waiting.
  const { hub } = room;
  const tell = hub.tell.bind(hub);
  const { config } = hub.fold;
  let count = 0;
  let refused = 0;
  hub.tell = (from, frame, done) => {
    if (++count % 2 === 0) return tell(from, frame, done);
    refused++;
    // The message goes to no log but the sender's.
    const full = { ...config, ownSize: 0 };
    Object.defineProperty(hub.fold, "config", { value: full, configurable: true });
    tell(from, frame, done);
    Object.defineProperty(hub.fold, "config", { value: config, configurable: true });
  };
  ada.client.offer("many/");
  for (let n = 0; n < 10; n++) {
    await bob.next("transfer", ({ transfer }) => transfer.state === "done");
  }
  for (const [name, bytes] of ours.files) {
    assertEquals(theirs.received.get(name.slice("many/".length)), bytes);
  }
  assert(refused > 1);
  hub.tell = tell;
  ada.client.tell("bob", "psst");
  assertEquals((await bob.next("direct")).missing, 0);
  assertEquals(bob.events.filter(({ type }) => type === "unreadable"), []);
});

Deno.test("Transfers: repeats open offers to the room, once, to a member that joins later", async () => {
  await using room = new TestRoom();
  const ours = new MemoryDisk();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: new MemoryDisk() });
  for (const name of ["for all", "taken back", "for bob"]) ours.files.set(name, noise(1000));
  ada.client.offer("for all");
  ada.client.offer("taken back");
  ada.client.offer("for bob", "bob");
  const offered = async () => (await bob.next("offer")).files[0]!.name;
  const seen = new Set([await offered(), await offered(), await offered()]);
  assertEquals(seen, new Set(ours.files.keys()));
  ada.client.cancel("taken back");
  await until(bob, "taken back", "cancelled");
  const disk = new MemoryDisk();
  await using carol = await enter(room, "carol", { disk });
  const { files, from } = await carol.next("offer");
  assertEquals([from.name, files.map(({ name }) => name)], ["ada", ["for all"]]);
  carol.client.accept("for all");
  await until(carol, "for all", "done");
  await until(ada, "for all", "done");
  await ada.say("that was all");
  await carol.next("message");
  assertEquals(carol.events.filter(({ type }) => type === "offer").length, 1);
});

/** A clock that a test moves. */
class HandClock {
  #now = 0;
  readonly #tasks = new Set<() => void>();

  now(): number {
    return this.#now;
  }

  every(_ms: number, task: () => void): () => void {
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const task of [...this.#tasks]) task();
  }

  get ticks(): boolean {
    return this.#tasks.size > 0;
  }
}

Deno.test("Transfers: reports why a transfer stalls after 5 s without a byte, until data moves; idle, it has no timer", async () => {
  await using room = new TestRoom({ graceMs: 60_000, awayMs: 0 });
  await using proxy = await FaultProxy.start(room, { seed: 1, kinds: [] });
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const [here, there] = [new HandClock(), new HandClock()];
  const back = { retryMs: 60_000, backoff: quick() };
  await using ada = await enter(proxy, "ada", { disk: ours, clock: here }, back);
  await using bob = await enter(room, "bob", { disk: theirs, clock: there });
  ours.files.set("file", noise(1_000_000));
  let gate = Promise.withResolvers<void>();
  let stop = 0;
  const stopped = () => {
    gate = Promise.withResolvers();
    const { promise, resolve } = Promise.withResolvers<void>();
    theirs.onWrite = (offset) => {
      if (offset < stop) return;
      resolve();
      return gate.promise;
    };
    return promise;
  };
  let waits = stopped();
  ada.client.offer("file");
  bob.client.accept((await bob.next("offer")).files[0]!.number);
  await waits;
  const stalled = async (guest: Guest) =>
    (await guest.next("transfer", ({ transfer }) => (
      transfer.state === "running" && transfer.stalled !== undefined
    ))).transfer.stalled;
  there.pass(4_999);
  assertEquals(bob.client.going[0]!.stalled, undefined);
  there.pass(1);
  assertEquals(await stalled(bob), "the disk is slow");
  // The window is full, so bob requests nothing more.
  await ada.next("transfer", ({ transfer }) => transfer.state === "running");
  here.pass(5_000);
  assertEquals(await stalled(ada), "bob requests no data");
  const before = gate;
  stop = 500_000;
  waits = stopped();
  before.resolve();
  await bob.next("transfer", ({ transfer }) => transfer.stalled === undefined);
  await waits;
  // Now the sender loses its network.
  proxy.down();
  proxy.cutAll();
  await ada.next("disconnected");
  await bob.next("away");
  here.pass(5_000);
  assertEquals(await stalled(ada), "connection lost");
  gate.resolve();
  theirs.onWrite = () => {};
  await bob.say("the bytes in transit are written");
  there.pass(5_000);
  assertEquals(await stalled(bob), "ada is away");
  await proxy.up();
  await until(bob, "file", "done");
  await until(ada, "file", "done");
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
  for (const clock of [here, there]) {
    clock.pass(1);
    assertEquals(clock.ticks, false);
  }
});

Deno.test("Transfers: an accepted file waits for a slow disk, and can be cancelled meanwhile", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const clock = new HandClock();
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs, clock });
  for (const name of ["a", "b"]) ours.files.set(`folder/${name}`, noise(100_000));
  const gate = Promise.withResolvers<void>();
  theirs.onSink = () => gate.promise;
  ada.client.offer("folder/");
  await bob.next("offer");
  assertEquals(bob.client.accept("all"), 2);
  assertEquals(bob.client.going.map(({ name, state }) => [name, state]), [
    ["a", "waiting"],
    ["b", "waiting"],
  ]);
  clock.pass(30_000);
  assertEquals(bob.client.cancel("b"), 1);
  gate.resolve();
  await until(bob, "a", "done");
  await ada.say("that was all");
  await bob.next("message");
  assertEquals([theirs.received.size, theirs.open_], [1, 0]);
});

Deno.test("Transfers: accepts a range of numbers, and nothing of a member that has left", async () => {
  await using room = new TestRoom({ graceMs: 0 });
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  for (const name of ["a", "b", "c", "d"]) ours.files.set(`folder/${name}`, noise(100));
  ada.client.offer("folder/");
  assertEquals((await bob.next("offer")).files.map(({ number }) => number), [1, 2, 3, 4]);
  assertEquals(bob.client.accept("2-3"), 2);
  for (let n = 0; n < 2; n++) {
    await bob.next("transfer", ({ transfer }) => transfer.state === "done");
  }
  assertThrows(() => bob.client.accept("3-2"), ChatError, "no such offer");
  await ada[Symbol.asyncDispose]();
  await bob.next("left");
  for (const which of [1, "1-4", "a"]) {
    assertThrows(() => bob.client.accept(which), ChatError, "no such offer");
  }
  assertThrows(() => bob.client.accept("all"), ChatError, "no offer is open");
  assertEquals(new Set(theirs.received.keys()), new Set(["b", "c"]));
});

Deno.test("Transfers: two members with one peer key are two receivers", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  await using other = await enter(room, "bob", { disk: new MemoryDisk() });
  ours.files.set("file", noise(8_000_000));
  const gate = Promise.withResolvers<void>();
  theirs.onWrite = () => gate.promise;
  ada.client.offer("file");
  for (const guest of [bob, other]) {
    await guest.next("offer");
    guest.client.accept("file");
    await guest.next("transfer", ({ transfer }) => transfer.state === "running");
  }
  await until(other, "file", "done");
  const first = await until(ada, "file", "done");
  const going = ada.client.going;
  assertEquals([first.who?.id, first.bytes], [other.client.self.id, 8_000_000]);
  assertEquals(going.map(({ who }) => who?.id), [bob.client.self.id]);
  assert(going[0]!.bytes <= MAX_WINDOW + MAX_PIECE);
  gate.resolve();
  await until(bob, "file", "done");
  assertEquals((await until(ada, "file", "done")).who?.id, bob.client.self.id);
});

Deno.test("Transfers: cancels a running offer to one member once, by the number of the offer or of the transfer", async () => {
  await using room = new TestRoom();
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs });
  ours.files.set("file", noise(1_000_000));
  theirs.onWrite = () =>
    bob.next("transfer", ({ transfer }) => transfer.state === "cancelled")
      .then(() => {});
  for (const last of [false, true]) {
    ada.client.offer("file", "bob");
    bob.client.accept((await bob.next("offer")).files[0]!.number);
    await ada.next("transfer", ({ transfer }) => transfer.state === "running");
    const { transfers } = ada.client;
    const live = transfers.filter(({ state }) => state === "offered" || state === "running");
    assertEquals(live.map(({ state }) => state), ["offered", "running"]);
    const before = ada.events.length;
    ada.client.cancel(live[last ? 1 : 0]!.number);
    await ada.say("that was all");
    const reported = ada.events.slice(before).filter(({ type }) => type === "transfer");
    assertEquals(reported.length, 1);
    assertEquals(ada.client.transfers.filter(({ state }) => state !== "cancelled"), []);
  }
});

Deno.test("Transfers: the room's budget for chat slows neither sender nor receiver", async () => {
  // The pieces, their requests and their acknowledgements: each are more than a burst.
  const budget = { frames: 5, frameBurst: 100, bytes: 2 ** 30, byteBurst: 2 ** 30 };
  await using room = new TestRoom({ budget });
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  await using ada = await enter(room, "ada", { disk: ours });
  await using bob = await enter(room, "bob", { disk: theirs, accept: "all" });
  ours.files.set("file", noise(20_000_000));
  ada.client.offer("file");
  await until(bob, "file", "done");
  assertEquals(room.lines.filter((line) => line.includes("slowed")), []);
  assertEquals(theirs.received.get("file"), ours.files.get("file"));
});
