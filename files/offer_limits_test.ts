// What other members can cause with file messages: a bounded list, one event for each message, and work that grows no
// faster than what they send.

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { type FileMessage, MAX_WHOLE } from "../protocol/file_messages.ts";
import type { Person, RoomEvent } from "../room.ts";
import { sha256 } from "../tests/support/hash.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { wireless } from "../tests/support/wireless.ts";
import type { AcceptPolicy } from "./post.ts";
import { Transfers } from "./transfers.ts";

const SELF = 1;
const MALLORY = 2;
const BOB = 3;
const CAROL = 4;
const DIRECT = { direct: true, sent: undefined, missing: 0 };

/** The transfers of a client in a room with others, without a wire. */
function setUp({ accept, ignored }: { accept?: AcceptPolicy; ignored?: Set<string> } = {}) {
  const here = new Map([[SELF, "ada"], [MALLORY, "mallory"], [BOB, "bob"], [CAROL, "carol"]]);
  const events: RoomEvent[] = [];
  /** The kinds of all file messages to one member. */
  const answers: string[] = [];
  /** All file messages to the room. */
  const said: FileMessage[] = [];
  const disk = new MemoryDisk();
  const post = wireless(here, SELF, {
    tell: (_, { messages }) => {
      answers.push(...messages.map(({ kind }) => kind));
      return true;
    },
    say: ({ messages }) => void said.push(...messages),
    event: (event) => void events.push(event),
  });
  const transfers = new Transfers(post, {
    disk,
    ...(accept && { accept }),
    ...(ignored && { ignores: ({ name }: Person) => ignored.has(name) }),
    clock: { now: () => 0, every: () => () => {} },
  });
  let last = 0;
  const drawId = () => {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, ++last);
    return id;
  };
  const offer = (name = "a", id = drawId(), size = 1): FileMessage => (
    { kind: "offer", id, name, size }
  );
  /** Handles one message; returns its events in short. */
  const take = (from: number, messages: readonly FileMessage[], refused = 0) => {
    events.length = 0;
    const event = transfers.take(from, { refused, messages }, DIRECT);
    return [...events, ...event ? [event] : []].map(({ type }) => type);
  };
  /** Sends that many offers, 256 in each message; returns all events in short. */
  const flood = (from: number, count: number, name = "a") => {
    const types: string[] = [];
    for (let done = 0; done < count; done += 256) {
      const length = Math.min(256, count - done);
      types.push(...take(from, Array.from({ length }, () => offer(name))));
    }
    return types;
  };
  const leave = (id: number) => {
    const name = here.get(id);
    here.delete(id);
    transfers.left(id, name, "left");
  };
  return { transfers, disk, events, here, answers, said, offer, take, flood, leave };
}

Deno.test("Transfers.take: one message has one event, whatever it does to how many files", () => {
  const { transfers, offer, take, events } = setUp();
  const offers = Array.from({ length: 256 }, () => offer());
  assertEquals(take(MALLORY, offers), ["offer"]);
  const withdraw = offers.map(({ id }): FileMessage => (
    { kind: "withdraw", id, reason: "cancelled" }
  ));
  assertEquals(take(MALLORY, withdraw.slice(0, 1)), ["transfer"]);
  assertEquals(take(MALLORY, withdraw.slice(1)), ["changes"]);
  const [event] = events;
  assert(event?.type === "changes");
  assertEquals([event.from.name, event.transfers.length], ["mallory", 255]);
  assert(event.transfers.every(({ state, reason, message }) => (
    state === "cancelled" && reason === "cancelled" && message === "mallory withdrew it"
  )));
  // What is over already changes nothing.
  assertEquals(take(MALLORY, withdraw), []);
  assert(transfers.list.length <= 100);
});

Deno.test("Transfers.take: a sender that says very often that its data is lost is asked again once", async () => {
  const { transfers, offer, take, answers } = setUp();
  const one = offer();
  take(MALLORY, [one]);
  transfers.accept("all");
  while (answers.length === 0) await new Promise(setImmediate);
  assertEquals(answers.splice(0), ["ask"]);
  take(MALLORY, Array.from({ length: 256 }, (): FileMessage => ({ kind: "again", id: one.id })));
  await new Promise(setImmediate);
  assertEquals(answers, ["ask"]);
  await transfers.close();
});

Deno.test("Transfers.take: of a member's offers the newest 10,000 are kept, and that is reported once", () => {
  const { transfers, flood } = setUp();
  flood(BOB, 3);
  assertEquals(new Set(flood(MALLORY, 10_000)), new Set(["offer"]));
  const more = flood(MALLORY, 1000);
  assertEquals(more.filter((type) => type !== "offer"), ["forgotten"]);
  const { list } = transfers;
  const numbers = list.filter(({ who }) => who?.name === "mallory").map(({ number }) => number);
  assertEquals([numbers.length, numbers[0], numbers.at(-1)], [10_000, 1004, 11_003]);
  assertEquals(list.filter(({ who }) => who?.name === "bob").length, 3);
});

Deno.test("Transfers.take: of all members' offers 20,000 are kept, and the member with the most loses its oldest", () => {
  const { transfers, flood, take, offer } = setUp();
  flood(MALLORY, 9_000);
  flood(CAROL, 8_000);
  flood(BOB, 3_000);
  assertEquals(take(BOB, [offer(), offer()]), ["forgotten", "offer"]);
  const { list } = transfers;
  const count = (name: string) => list.filter(({ who }) => who?.name === name).length;
  assertEquals(["mallory", "carol", "bob"].map(count), [8_998, 8_000, 3_002]);
});

Deno.test("Transfers.take: accepted files that wait are forgotten, too, and then nothing happens to them", async () => {
  const { transfers, flood } = setUp({ accept: "all" });
  for (let n = 0; n < 44; n++) {
    flood(MALLORY, 256);
    // They are accepted in the next turn.
    await Promise.resolve();
  }
  assert(transfers.list.length <= 10_000);
  await transfers.close();
});

Deno.test("Transfers.take: a receiver that asks again while its part is compared is not made to begin again", async () => {
  const { transfers, disk, take, answers, said } = setUp();
  const bytes = new Uint8Array(2 * MAX_WHOLE);
  disk.files.set("a", bytes);
  const opened = Promise.withResolvers<void>();
  let compared = 0;
  disk.onHash = (_, length) => {
    if (length === MAX_WHOLE) compared++;
    return opened.promise;
  };
  transfers.offer("a", undefined, undefined);
  while (transfers.offering) await new Promise(setImmediate);
  const { id } = said.at(-1)!;
  const prefix = sha256(bytes.subarray(0, MAX_WHOLE));
  const ask = (generation: number) =>
    take(BOB, [{ kind: "ask", id, generation, offset: MAX_WHOLE, prefix }]);
  for (let generation = 1; generation < 10; generation++) ask(generation);
  opened.resolve();
  while (answers.length === 0) await new Promise(setImmediate);
  assertEquals([compared, answers], [1, ["hash"]]);
  // Each of these is compared again, and that has an end.
  for (let generation = 10; !answers.includes("differs"); generation++) {
    ask(generation);
    await new Promise(setImmediate);
  }
  assertEquals(compared, 3);
  await transfers.close();
});

Deno.test("Transfers.take: a receiver that ends its transfer has nothing more compared, and a refusal is reported once", async () => {
  const { transfers, disk, take, answers, said } = setUp();
  const bytes = new Uint8Array(2 * MAX_WHOLE);
  disk.files.set("a", bytes);
  let compared = 0;
  disk.onHash = (_, length) => {
    if (length === MAX_WHOLE) compared++;
  };
  // More than the list keeps when they have ended.
  for (let n = 0; n < 101; n++) disk.files.set(`small/${n}`, new Uint8Array(1));
  transfers.offer(["a", "small/"], undefined, undefined);
  while (transfers.offering) await new Promise(setImmediate);
  const [{ id }, ...others] = said as [FileMessage, ...FileMessage[]];
  const prefix = sha256(bytes.subarray(0, MAX_WHOLE));
  const decline = (id: Uint8Array): FileMessage => ({ kind: "decline", id, reason: "declined" });
  for (let generation = 1; generation < 10; generation++) {
    take(BOB, [{ kind: "ask", id, generation, offset: MAX_WHOLE, prefix }]);
    while (compared < Math.min(3, generation)) await new Promise(setImmediate);
    await new Promise(setImmediate);
    take(BOB, [decline(id)]);
    assertEquals(take(BOB, [decline(id), decline(id)]), []);
    take(BOB, others.map(({ id }) => decline(id)));
  }
  assertEquals(compared, 3);
  assert(answers.includes("differs"));
  await transfers.close();
});

Deno.test("Transfers.left: nothing is kept of the offers of a member that has left", () => {
  const { transfers, flood, leave, here, take, offer } = setUp();
  flood(MALLORY, 500);
  flood(BOB, 2);
  const one = offer();
  take(MALLORY, [one]);
  leave(MALLORY);
  assertEquals(transfers.list.map(({ who }) => who?.name), ["bob", "bob"]);
  // It offers them again when it is back.
  here.set(9, "mallory");
  transfers.joined(9);
  assertEquals(take(9, [one]), ["offer"]);
});

Deno.test("Transfers: offers of a member that is ignored since are in no list", () => {
  const ignored = new Set<string>();
  const { transfers, flood } = setUp({ ignored });
  flood(MALLORY, 3);
  flood(BOB, 1);
  ignored.add("mallory");
  assertEquals(transfers.list.map(({ number }) => number), [4]);
  assertEquals(flood(MALLORY, 3), []);
  assertEquals(transfers.accept("all"), 1);
});

Deno.test("Transfers.take: the work for an offer does not grow with the offers before it", async () => {
  let looks = 0;
  const { transfers, take } = setUp({ accept: "all" });
  const offerOf = (i: number): FileMessage => {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, i + 1);
    return {
      kind: "offer",
      id,
      name: "a",
      get size() {
        looks++;
        return 1;
      },
    };
  };
  const count = 5_000;
  for (let done = 0; done < count; done += 250) {
    take(MALLORY, Array.from({ length: 250 }, (_, i) => offerOf(done + i)));
    await Promise.resolve();
  }
  assertLess(looks, 50 * count);
  await transfers.close();
});

Deno.test("Transfers.accept: a file that has failed stays in the list, and its sender must be in the room to accept it again", async () => {
  const { transfers, disk, take, offer, leave } = setUp();
  disk.onSink = () => {
    throw new ChatError("Cannot receive a: the folder is gone");
  };
  take(MALLORY, [offer("a", undefined, MAX_WHOLE + 1)]);
  transfers.accept(1);
  while (transfers.list[0]!.state !== "failed") await Promise.resolve();
  leave(MALLORY);
  assertThrows(() => transfers.accept(1), ChatError, "mallory is not in the room");
  await transfers.close();
});
