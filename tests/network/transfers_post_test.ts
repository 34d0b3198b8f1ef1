// Two sides of transfers without a network: messages are refused, lost with a session, or cancelled, and each transfer
// ends with equal bytes or a reported failure.

import { assert, assertEquals } from "@std/assert";
import { freeData } from "../support/free_data.ts";
import type { Post } from "../../files/post.ts";
import { Transfers } from "../../files/transfers.ts";
import { AckOutcome } from "../../protocol.ts";
import { decodeChunks, type FileMessages } from "../../protocol/file_messages.ts";
import type { Person, RoomEvent, Transfer } from "../../room.ts";
import { seededRandom } from "../support/random.ts";
import { within } from "../support/async.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { noise } from "../support/random.ts";
import { wireless } from "../support/wireless.ts";

const ENDS: readonly Transfer["state"][] = ["done", "cancelled", "failed", "declined"];

type Draw = () => "pass" | "busy" | "reset" | "cancel";

/** One of two members. */
class Side {
  readonly transfers: Transfers;
  readonly events: RoomEvent[] = [];
  readonly ended = Promise.withResolvers<Transfer>();
  other!: Side;
  id: number;
  readonly peerKey: string;
  /** Messages on their way to the other side. */
  #queue: FileMessages[] = [];
  /** How many messages were sent. */
  sent = 0;
  #moving = false;
  /** What happens to the next message. */
  readonly #draw: Draw;

  constructor(id: number, peerKey: string, disk: MemoryDisk, draw: Draw) {
    this.id = id;
    this.peerKey = peerKey;
    this.#draw = draw;
    const person = (id: number): Person => (
      { id, name: id === this.id ? peerKey : this.other.peerKey, self: id === this.id, away: false }
    );
    const post: Post = {
      self: person(id),
      ready: true,
      connected: true,
      tell: (_, fileMessages) => {
        this.sent++;
        this.#queue.push(fileMessages);
        this.#move();
        return true;
      },
      say: (fileMessages) => {
        this.#queue.push(fileMessages);
        this.#move();
      },
      wake: () => this.#move(),
      data: freeData,
      has: (id) => id === this.other.id,
      person,
      peerKeyOf: (id) =>
        id === this.id ? this.peerKey : id === this.other.id ? this.other.peerKey : undefined,
      find: (peerKey) => peerKey === this.other.peerKey ? this.other.id : undefined,
      isKnown: () => false,
      event: (event) => {
        this.events.push(event);
        if (event.type !== "transfer" || !ENDS.includes(event.transfer.state)) return;
        this.ended.resolve(event.transfer);
      },
    };
    this.transfers = new Transfers(post, { disk, accept: "all" });
  }

  /** Delivers messages to the other side, in order; a reset drops them. */
  async #move(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      const fileMessages = this.#queue.shift();
      const data = fileMessages
        ? undefined
        : this.transfers.next(({ chunks }) => decodeChunks(chunks.slice()));
      if (!fileMessages && !data) break;
      const what = this.#draw();
      if (data) {
        if (what === "reset") reset(this, this.other);
        else for (const chunk of data) this.other.transfers.received(this.id, chunk);
        this.transfers.readAhead();
        continue;
      }
      if (!fileMessages) break;
      if (what === "busy") this.transfers.answered(this.other.id, fileMessages, AckOutcome.BUSY);
      else if (what === "reset") reset(this, this.other);
      else {
        if (what === "cancel") {
          try {
            this.transfers.cancel("all");
          } catch {
            // No transfer is open here.
          }
        }
        this.transfers.answered(this.other.id, fileMessages, AckOutcome.ACCEPTED);
        const about = { direct: true, sent: undefined, missing: 0 };
        const event = this.other.transfers.take(this.id, fileMessages, about);
        if (event) this.other.events.push(event);
      }
    }
    this.#moving = false;
  }

  /** Resolves when no message is on its way. */
  async quiet(): Promise<void> {
    while (this.#moving) await new Promise((resolve) => setTimeout(resolve, 0));
  }

  lose(): void {
    this.#queue = [];
    this.transfers.reset();
  }
}

/** Both have new sessions. */
function reset(...sides: readonly Side[]): void {
  for (const side of sides) {
    side.lose();
    side.id += 10;
  }
  for (const side of sides) side.transfers.entered();
}

Deno.test("Transfers: ends with equal bytes or a reported failure after refusals, lost sessions and cancellations", async () => {
  const ends: Record<string, number> = {};
  const play = async (seed: number) => {
    const random = seededRandom(seed, 0, 0);
    const cancels = seed % 3 === 0;
    let hits = 0;
    const draw = () => {
      const drawn = random(24);
      // A limited number of faults, so that the transfer ends.
      if (drawn > 2 || ++hits > 12) return "pass";
      return drawn === 2 ? (cancels ? "cancel" : "pass") : drawn === 1 ? "reset" : "busy";
    };
    const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
    const size = random(1_500_000);
    ours.files.set("file", noise(size, seed));
    const [ada, bob] = [new Side(1, "ada", ours, draw), new Side(2, "bob", theirs, draw)];
    ada.other = bob;
    bob.other = ada;
    ada.transfers.offer("file", { id: 2, name: "bob", self: false, away: false }, undefined);
    const ending = await within(
      `the end of ${seed}`,
      Promise.race([bob.ended.promise, ada.ended.promise]),
    );
    ends[ending.state] = (ends[ending.state] ?? 0) + 1;
    if (ending.state === "done") {
      const { state } = await within(`bob's end of ${seed}`, bob.ended.promise);
      assertEquals(state, "done");
      assertEquals(theirs.received.get("file"), ours.files.get("file"));
    } else {
      assert(cancels, `${seed}: ${ending.state} ${ending.message}`);
      assertEquals(theirs.received.size, 0);
    }
    await Promise.all([ada.transfers.close(), bob.transfers.close()]);
    await Promise.all([ada.quiet(), bob.quiet()]);
  };
  await Promise.all(Array.from({ length: 30 }, (_, seed) => play(seed)));
  assert(ends["done"]! >= 20 && ends["cancelled"]! >= 1, JSON.stringify(ends));
});

Deno.test("Transfers: does not search all members on each join while it waits for one that has left", async () => {
  const disk = new MemoryDisk();
  disk.files.set("file", noise(10));
  const here = new Map([[1, "ada"], [2, "bob"]]);
  const offered = Promise.withResolvers<void>();
  let sent: FileMessages[] = [];
  let looks = 0;
  const post = wireless(here, 1, {
    tell: (_, fileMessages) => (sent.push(fileMessages), true),
    find(peerKey) {
      looks++;
      return [...here].find(([, other]) => other === peerKey)?.[0];
    },
    event: ({ type }) => type === "offer" && offered.resolve(),
  });
  const transfers = new Transfers(post, { disk });
  transfers.offer("file", post.person(2), undefined);
  await within("the offer", offered.promise);
  await Promise.resolve();
  here.delete(2);
  transfers.left(2, "bob", "left");
  looks = 0;
  sent = [];
  for (let id = 10; id < 20; id++) {
    here.set(id, `other${id}`);
    transfers.joined(id);
    transfers.away(id);
    transfers.resumed(here.get(id));
    here.delete(id);
    transfers.left(id, `other${id}`, "left");
  }
  assertEquals(looks, 0);
  // The awaited member is found and offered the file again.
  here.set(30, "bob");
  transfers.joined(30);
  assertEquals(looks, 1);
  await Promise.resolve();
  assertEquals(sent.map(({ messages }) => messages.map(({ kind }) => kind)), [["offer"]]);
  await transfers.close();
});

Deno.test("Transfers: reports an own offer once, however often the server returns it", async () => {
  const disk = new MemoryDisk();
  disk.files.set("file", noise(10));
  const said = Promise.withResolvers<FileMessages>();
  const events: RoomEvent[] = [];
  const post = wireless(new Map([[1, "ada"]]), 1, {
    say: said.resolve,
    event: (event) => void events.push(event),
  });
  const transfers = new Transfers(post, { disk });
  transfers.offer("file", undefined, undefined);
  const messages = await within("the offer", said.promise);
  const about = { direct: false, sent: undefined, missing: 0 };
  const returned = [1, 2].map(() => transfers.take(1, messages, about)?.type);
  assertEquals([...returned, ...events.map(({ type }) => type)], ["offer", undefined]);
  await transfers.close();
});

Deno.test("Transfers: thousands of small files take few messages, and all of them arrive", async () => {
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const count = 2000;
  for (let n = 0; n < count; n++) ours.files.set(`many/${n}`, noise(n % 5000, n + 1));
  const pass = () => "pass" as const;
  const [ada, bob] = [new Side(1, "ada", ours, pass), new Side(2, "bob", theirs, pass)];
  [ada.other, bob.other] = [bob, ada];
  ada.transfers.offer("many/", { id: 2, name: "bob", self: false, away: false }, undefined);
  await within(
    "all files",
    (async () => {
      while (theirs.received.size < count) await new Promise((resolve) => setTimeout(resolve, 0));
    })(),
  );
  for (let n = 0; n < count; n++) {
    assertEquals(theirs.received.get(String(n)), ours.files.get(`many/${n}`));
  }
  await bob.quiet();
  // Each of them, with offers, asks, hashes and answers, is for dozens of files.
  assert(ada.sent < count / 10 && bob.sent < count / 10, `${ada.sent} and ${bob.sent} messages`);
  await Promise.all([ada.transfers.close(), bob.transfers.close()]);
});

Deno.test("Transfers: thousands of accepted files that do not fit fail one by one, and none of them is asked for", async () => {
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const count = 9000;
  for (let n = 0; n < count; n++) ours.files.set(`many/${n}`, noise(100));
  theirs.space = 0;
  const pass = () => "pass" as const;
  const [ada, bob] = [new Side(1, "ada", ours, pass), new Side(2, "bob", theirs, pass)];
  [ada.other, bob.other] = [bob, ada];
  ada.transfers.offer("many/", { id: 2, name: "bob", self: false, away: false }, undefined);
  const failed = () =>
    bob.events.filter((event) => (
      event.type === "transfer" && event.transfer.reason === "full"
    )).length;
  await within(
    "all failures",
    (async () => {
      while (failed() < count) await new Promise((resolve) => setTimeout(resolve, 0));
    })(),
  );
  assertEquals([failed(), theirs.received.size], [count, 0]);
  await bob.quiet();
  await Promise.all([ada.transfers.close(), bob.transfers.close()]);
});
