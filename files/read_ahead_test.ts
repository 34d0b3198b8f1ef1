import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import type { ChatError } from "../errors.ts";
import {
  CHUNK_HEADER,
  chunksCost,
  decodeChunks,
  MAX_CHUNKS_SIZE,
  MAX_PIECE,
  MAX_WHOLE,
} from "../protocol/file_messages.ts";
import { freeData } from "../tests/support/free_data.ts";
import { sha256 } from "../tests/support/hash.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import fc from "../tests/support/property.ts";
import type { Post } from "./post.ts";
import { ReadAhead } from "./read_ahead.ts";
import { Outgoing } from "./transfer_entries.ts";
import { TransferList } from "./transfer_list.ts";

/** Frames that are ready or being read. */
const MAX_READY = 4;

/** Content in which moved bytes show; differs from file to file. */
function contentOf(name: string, size: number): Uint8Array<ArrayBuffer> {
  const start = name.charCodeAt(0);
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * 7) ^ start);
}

/** Lets tests wait for reads. */
class WatchedList extends TransferList {
  readonly #work = new Set<Promise<void>>();

  override track(work: Promise<void>): void {
    this.#work.add(work);
    super.track(work.finally(() => this.#work.delete(work)));
  }

  /** Waits until nothing is read or hashed. */
  async settle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}

/** A reader whose receivers are numbers, without a wire; its files are called a, b, c and so on. */
function setUp() {
  const disk = new MemoryDisk();
  /** The generation of each receiver, and what may still be sent in it. */
  const grants = new Map<number, { generation: number; left: number }>();
  /** How often it was looked up how much may be sent. */
  const looks = { count: 0 };
  let woken = Promise.withResolvers<void>();
  const post: Post = {
    self: { id: 0, name: "ada", self: true, away: false },
    ready: true,
    connected: true,
    tell: () => true,
    say() {},
    wake: () => woken.resolve(),
    data: {
      ...freeData,
      left: (to, generation) => {
        looks.count++;
        const grant = grants.get(to);
        return grant?.generation === generation ? grant.left : undefined;
      },
    },
    has: (id) => grants.has(id),
    person: (id) => ({ id, name: `${id}`, self: false, away: false }),
    peerKeyOf: (id) => `${id}`,
    find: Number,
    isKnown: () => false,
    event() {},
  };
  const list = new WatchedList(post, () => {});
  const files = new Map<string, Outgoing>();
  /** What was reported: hashes, differences and failures. */
  const events: string[] = [];
  const report = (what: string, { file }: Outgoing, to: number) => {
    events.push(`${what} ${file} to ${to}`);
  };
  /** The buffers that files were read into. */
  const buffers = new Set<ArrayBufferLike>();
  const nameOf = (id: Uint8Array) => String.fromCharCode(id[0]!);
  /** As a client sends a hash: at once, or after the last part of the file. */
  const onHash = (source: Outgoing, to: number, hash: Uint8Array) => {
    assertEquals(hash, sha256(disk.files.get(source.file)!));
    report("hash", source, to);
  };
  const reader: ReadAhead = new ReadAhead({
    post,
    list,
    onHash,
    onDiffers: (source, to) => report("differs", source, to),
    // As a withdrawal does it.
    onFailure: (source, error: ChatError) => {
      events.push(error.message);
      source.state = "failed";
      for (const to of grants.keys()) reader.drop(to, source.offer.id);
      source.upload!.close();
    },
  });
  const make = async (name: string, size: number) => {
    disk.files.set(name, contentOf(name, size));
    const upload = await disk.open(name, undefined);
    const { read } = upload;
    upload.read = (offset, into) => {
      buffers.add(into.buffer);
      return read(offset, into);
    };
    const id = new Uint8Array(16).fill(name.charCodeAt(0));
    const source = new Outgoing(files.size + 1, { id, name, size }, name, undefined);
    source.upload = upload;
    files.set(name, source);
    return source;
  };
  const ask = (to: number, name: string, offset = 0, prefix?: Uint8Array) => {
    const source = files.get(name)!;
    const { generation } = grants.get(to)!;
    reader.ask(to, source, { id: source.offer.id, generation, offset, ...prefix && { prefix } });
  };
  const grant = (to: number, more = Infinity, generation = 1) => {
    const before = grants.get(to);
    const left = before?.generation === generation ? before.left : 0;
    grants.set(to, { generation, left: left + more });
    reader.start();
  };
  /** What of the file these bytes are; they must be right. */
  const checked = (name: string, offset: number, bytes: Uint8Array) => {
    const { length } = bytes;
    const right = disk.files.get(name)!.subarray(offset, offset + length);
    assert(equals(bytes, right), `${name} at ${offset}: other bytes than in the file`);
    return { name, offset, length };
  };
  /** The next frame, if one is ready. */
  const next = () =>
    reader.take(({ to, generation, chunks, parts: sent }) => {
      const granted = grants.get(to)!;
      assertStrictEquals(generation, granted.generation);
      granted.left -= chunksCost(chunks.length);
      assert(granted.left >= 0, "more was sent than granted");
      assertLessOrEqual(chunks.length, MAX_CHUNKS_SIZE);
      const parts = decodeChunks(chunks)
        .map(({ id, offset, bytes }) => checked(nameOf(id), offset, bytes));
      for (const [i, { source, end, sha256 }] of sent.entries()) {
        assertEquals([source.file, end], [parts[i]!.name, parts[i]!.offset + parts[i]!.length]);
        if (sha256) onHash(source, to, sha256);
      }
      return { to, parts };
    });
  /** The next frame, as soon as it is ready. */
  const nextReady = async () => {
    for (;;) {
      const frame = next();
      if (frame) return frame;
      woken = Promise.withResolvers();
      await woken.promise;
    }
  };
  /** All frames that may go. */
  const takeAll = async () => {
    const frames: NonNullable<ReturnType<typeof next>>[] = [];
    await list.settle();
    for (let frame = next(); frame; frame = next()) {
      frames.push(frame);
      await list.settle();
    }
    return frames;
  };
  /** All frames that may go, in short: `1: a@0+1000 b@0+1000`. */
  const takeShort = async () => (await takeAll()).map(short);
  return {
    ...{ disk, list, files, events, buffers, reader, grants, looks },
    ...{ make, ask, grant, next, nextReady, takeAll, takeShort },
  };
}

/** A frame in short: `1: a@0+1000 b@0+1000`. */
function short(
  { to, parts }: { to: number; parts: { name: string; offset: number; length: number }[] },
): string {
  const each = parts.map(({ name, offset, length }) => `${name}@${offset}+${length}`);
  return `${to}: ${each.join(" ")}`;
}

/** A gate: what waits for it goes on when it is opened; `reached` when something waits. */
function gate() {
  const opened = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const wait = () => {
    reached.resolve();
    return opened.promise;
  };
  return { wait, open: opened.resolve, reached: reached.promise };
}

Deno.test("ReadAhead: serves receivers in turn, and the files of each receiver in turn", async () => {
  const { make, ask, grant, takeAll, events, list } = setUp();
  for (const name of ["a", "b", "c"]) await make(name, 3 * MAX_PIECE);
  for (const to of [1, 2, 3]) grant(to, 0);
  ask(1, "a");
  ask(1, "b");
  ask(2, "a");
  ask(3, "c", MAX_PIECE);
  for (const to of [1, 2, 3]) grant(to);
  const frames = await takeAll();
  assertEquals(frames.map(({ to, parts }) => `${to}${parts.map(({ name }) => name)}`), [
    ...["1a", "2a", "3c"],
    ...["1b", "2a", "3c"],
    ...["1a", "2a"],
    ...["1b", "1a", "1b"],
  ]);
  assertEquals(frames.filter(({ to }) => to === 3).map(short), [
    `3: c@${MAX_PIECE}+${MAX_PIECE}`,
    `3: c@${2 * MAX_PIECE}+${MAX_PIECE}`,
  ]);
  assertEquals(events.toSorted(), ["hash a to 1", "hash a to 2", "hash b to 1", "hash c to 3"]);
  await list.close();
});

Deno.test("ReadAhead: puts small files into one frame, and splits none of them", async () => {
  const { make, ask, grant, takeShort, events, list } = setUp();
  grant(1);
  const fit = Math.floor(MAX_CHUNKS_SIZE / (MAX_WHOLE + CHUNK_HEADER));
  const large = Array.from({ length: fit }, (_, n) => String.fromCharCode(0x41 + n));
  for (const name of [...large, "h", "i", "j"]) {
    await make(name, name < "i" ? MAX_WHOLE : 100);
    ask(1, name);
  }
  const space = MAX_PIECE - fit * (MAX_WHOLE + CHUNK_HEADER);
  assert(space > 300 && space < MAX_WHOLE);
  assertEquals(await takeShort(), [
    // The next one does not fit any more, but the little ones do.
    `1: ${large.map((name) => `${name}@0+${MAX_WHOLE}`).join(" ")} i@0+100 j@0+100`,
    `1: h@0+${MAX_WHOLE}`,
  ]);
  const all = [...large, "h", "i", "j"].map((name) => `hash ${name} to 1`);
  assertEquals(events.toSorted(), all.toSorted());
  await list.close();
});

Deno.test("ReadAhead: sends no more than granted, and no small pieces for it", async () => {
  const { make, ask, grant, grants, takeShort, events, list } = setUp();
  const size = 2 * MAX_WHOLE + 500;
  await make("a", size);
  const cost = chunksCost(MAX_CHUNKS_SIZE) - MAX_PIECE + MAX_WHOLE;
  grant(1, cost - 1);
  ask(1, "a");
  assertEquals(await takeShort(), []);
  grant(1, 1);
  assertEquals(await takeShort(), [`1: a@0+${MAX_WHOLE}`]);
  assertEquals(grants.get(1)!.left, 0);
  // A piece may be larger, but what it leaves is the rest of the file.
  grant(1, cost + 100);
  assertEquals(await takeShort(), [`1: a@${MAX_WHOLE}+${MAX_WHOLE + 100}`]);
  grant(1, 1000);
  assertEquals(await takeShort(), []);
  grant(1, 24);
  assertEquals(await takeShort(), [`1: a@${2 * MAX_WHOLE + 100}+400`]);
  assertEquals(events, ["hash a to 1"]);
  await list.close();
});

Deno.test("ReadAhead: all files arrive, whatever they are, and whenever receivers grant", async () => {
  const sizes = fc.array(
    fc.oneof(fc.nat({ max: 2000 }), fc.nat({ max: 2 * MAX_WHOLE }), fc.nat({ max: 3 * MAX_PIECE })),
    { minLength: 1, maxLength: 8 },
  );
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom("ask", "ask", "grant", "grant", "take", "settle"),
      to: fc.integer({ min: 1, max: 3 }),
      which: fc.nat({ max: 7 }),
      bytes: fc.nat({ max: 200_000 }),
    }),
    { maxLength: 40 },
  );
  await fc.assert(fc.asyncProperty(sizes, steps, async (sizes, steps) => {
    const { make, ask, grant, next, takeAll, events, files, buffers, list } = setUp();
    for (const [i, size] of sizes.entries()) await make(String.fromCharCode(97 + i), size);
    const names = [...files.keys()];
    const asked = new Map<string, number>();
    const take = (frame: ReturnType<typeof next>) => {
      for (const { name, offset, length } of frame?.parts ?? []) {
        const key = `${name} to ${frame!.to}`;
        const { size } = files.get(name)!.offer;
        assertStrictEquals(asked.get(key), offset, key);
        assert(length >= MAX_WHOLE || offset + length === size, `${key}: ${length} at ${offset}`);
        asked.set(key, offset + length);
      }
    };
    for (const to of [1, 2, 3]) grant(to, 0);
    for (const { what, to, which, bytes } of steps) {
      const name = names[which % names.length]!;
      const key = `${name} to ${to}`;
      if (what === "grant") grant(to, bytes);
      else if (what === "settle") await list.settle();
      else if (what === "take") take(next());
      else if (!asked.has(key)) {
        asked.set(key, 0);
        ask(to, name);
      }
    }
    for (const to of [1, 2, 3]) grant(to);
    for (const frame of await takeAll()) take(frame);
    for (const [key, end] of asked) {
      assertStrictEquals(end, files.get(key[0]!)!.offer.size, key);
    }
    assertEquals(events.toSorted(), [...asked.keys()].map((key) => `hash ${key}`).sort());
    assertLessOrEqual(buffers.size, MAX_READY);
    await list.close();
  }));
});

Deno.test("ReadAhead: reads few frames ahead, into the same buffers, until they are taken", async () => {
  const { make, ask, grant, next, disk, buffers, list } = setUp();
  let reads = 0;
  disk.onRead = () => void reads++;
  const size = 20 * MAX_PIECE;
  await make("a", size);
  for (const to of [1, 2]) {
    grant(to);
    ask(to, "a");
  }
  for (let taken = 0; taken < 30; taken++) {
    await list.settle();
    assertStrictEquals(reads, taken + MAX_READY);
    assert(next());
  }
  await list.settle();
  assertStrictEquals(buffers.size, MAX_READY);
  await list.close();
});

Deno.test("ReadAhead: what was read for a void generation goes to nobody, and is sent again when it is asked for", async () => {
  const { make, ask, grant, next, takeShort, buffers, list } = setUp();
  await make("a", 6 * MAX_PIECE);
  await make("b", 10);
  grant(1);
  ask(1, "a");
  ask(1, "b");
  await list.settle();
  assertEquals(next()?.parts.length, 1);
  await list.settle();
  grant(1, Infinity, 2);
  assertEquals(await takeShort(), []);
  ask(1, "b");
  assertEquals(await takeShort(), ["1: b@0+10"]);
  ask(1, "a", 5 * MAX_PIECE);
  assertEquals(await takeShort(), [`1: a@${5 * MAX_PIECE}+${MAX_PIECE}`]);
  assertLessOrEqual(buffers.size, MAX_READY);
  await list.close();
});

Deno.test("ReadAhead: a file that is asked for again while it is read is read again, and not twice", async () => {
  const { make, ask, grant, takeShort, disk, list } = setUp();
  await make("a", 100);
  await make("b", 100);
  grant(1);
  const { wait, open, reached } = gate();
  disk.onRead = (path) => path === "b" ? wait() : undefined;
  ask(1, "a");
  ask(1, "b");
  await reached;
  grant(1, Infinity, 2);
  for (const name of ["a", "b"]) ask(1, name);
  open();
  assertEquals(await takeShort(), ["1: b@0+100 a@0+100"]);
  await list.close();
});

Deno.test("ReadAhead: compares what a receiver has: the rest goes out if it is the same", async () => {
  const { make, ask, grant, takeShort, events, list } = setUp();
  await make("a", MAX_PIECE);
  const half = MAX_PIECE / 2;
  const prefix = sha256(contentOf("a", half));
  for (const to of [1, 2, 3]) grant(to);
  ask(1, "a", half, prefix);
  ask(2, "a", half + 1, prefix);
  ask(3, "a", MAX_PIECE, prefix);
  assertEquals(await takeShort(), [`1: a@${half}+${half}`]);
  assertEquals(events.toSorted(), ["differs a to 2", "differs a to 3", "hash a to 1"]);
  events.length = 0;
  // From the beginning, after that.
  ask(2, "a");
  ask(3, "a", MAX_PIECE, sha256(contentOf("a", MAX_PIECE)));
  assertEquals(await takeShort(), [`2: a@0+${MAX_PIECE}`]);
  assertEquals(events.toSorted(), ["hash a to 2", "hash a to 3"]);
  await list.close();
});

Deno.test("ReadAhead: asked again while it compares, it compares once, and sends in the new generation", async () => {
  const { make, ask, grant, takeShort, disk, events, list } = setUp();
  await make("a", MAX_PIECE);
  const half = MAX_PIECE / 2;
  const prefix = sha256(contentOf("a", half));
  const { wait, open, reached } = gate();
  let hashes = 0;
  disk.onHash = (_, length) => {
    if (length === half) hashes++;
    return wait();
  };
  grant(1);
  ask(1, "a", half, prefix);
  await reached;
  for (let generation = 2; generation < 100; generation++) {
    grant(1, Infinity, generation);
    ask(1, "a", half, prefix.slice());
  }
  open();
  assertEquals(await takeShort(), [`1: a@${half}+${half}`]);
  assertEquals(hashes, 1);
  assertEquals(events, ["hash a to 1"]);
  await list.close();
});

Deno.test("ReadAhead: asked for something else while it compares, it answers only that", async () => {
  const { make, ask, grant, nextReady, takeShort, disk, events, list } = setUp();
  await make("a", 1000);
  const right = sha256(contentOf("a", 500));
  for (const [first, last] of [[new Uint8Array(32), right], [right, new Uint8Array(32)]] as const) {
    const { wait, open, reached } = gate();
    disk.onHash = (_, length) => length === 500 ? wait() : undefined;
    grant(1);
    ask(1, "a", 500, first);
    await reached;
    ask(1, "a", 500, last);
    open();
    const isRight = last === right;
    assertEquals(await takeShort(), isRight ? ["1: a@500+500"] : []);
    assertEquals(events.splice(0), [isRight ? "hash a to 1" : "differs a to 1"]);
  }
  // Without anything to compare, it need not wait.
  const { wait, open, reached } = gate();
  disk.onHash = (_, length) => length === 500 ? wait() : undefined;
  ask(1, "a", 500, right);
  await reached;
  ask(1, "a");
  assertEquals(short(await nextReady()), "1: a@0+1000");
  open();
  assertEquals(await takeShort(), []);
  assertEquals(events, ["hash a to 1"]);
  await list.close();
});

Deno.test("ReadAhead: a file that has all its bytes, or none, costs only its hash", async () => {
  const { make, ask, grant, takeShort, events, list } = setUp();
  await make("a", 1000);
  await make("b", 0);
  grant(1, 0);
  ask(1, "a", 1000);
  ask(1, "b");
  assertEquals(await takeShort(), []);
  assertEquals(events.toSorted(), ["hash a to 1", "hash b to 1"]);
  // Again, if the hash was lost.
  ask(1, "a", 1000);
  await list.settle();
  assertEquals(events.length, 3);
  await list.close();
});

Deno.test("ReadAhead: a member that makes this client hash a file delays nobody else's files", async () => {
  const { make, ask, grant, nextReady, takeShort, disk, events, list } = setUp();
  await make("a", 1000);
  await make("b", 2 * MAX_PIECE);
  for (const to of [1, 2]) grant(to);
  const { wait, open, reached } = gate();
  disk.onHash = (path) => path === "a" ? wait() : undefined;
  // Its last byte is read, and then all of it for the hash.
  ask(1, "a", 999);
  await reached;
  ask(2, "b");
  const frames = [await nextReady(), await nextReady(), await nextReady()].map(short);
  assertEquals(frames.toSorted(), [
    "1: a@999+1",
    `2: b@0+${MAX_PIECE}`,
    `2: b@${MAX_PIECE}+${MAX_PIECE}`,
  ]);
  open();
  assertEquals(await takeShort(), []);
  assertEquals(events.toSorted(), ["hash a to 1", "hash b to 2"]);
  await list.close();
});

Deno.test("ReadAhead: a file that can no longer be read fails once, for all that receive or compare it", async () => {
  const changed = "Cannot send a: it has changed";
  const { make, ask, grant, takeShort, disk, events, list } = setUp();
  await make("a", 9 * MAX_PIECE);
  await make("b", 100);
  for (const to of [1, 2, 3]) {
    grant(to);
    ask(to, "a", 0);
  }
  ask(3, "a", 50, sha256(contentOf("a", 50)));
  await list.settle();
  for (const to of [1, 2]) ask(to, "b");
  // Another one with the same bytes, for `checked`.
  disk.files.set("a", contentOf("a", 9 * MAX_PIECE));
  const frames = await takeShort();
  assertEquals(frames.filter((frame) => frame.includes("b@")).sort(), [
    "1: b@0+100",
    "2: b@0+100",
  ]);
  assertEquals(events.toSorted(), [changed, "hash b to 1", "hash b to 2"]);
  await list.close();
});

Deno.test("ReadAhead: a file that changes between its last byte and its hash fails, and has no hash", async () => {
  const { make, ask, grant, takeShort, disk, events, list } = setUp();
  await make("a", 1000);
  grant(1);
  disk.onHash = () => void disk.files.set("a", contentOf("a", 1000));
  ask(1, "a", 500);
  await takeShort();
  assertEquals(events, ["Cannot send a: it has changed"]);
  await list.close();
});

Deno.test("ReadAhead: what is withdrawn while it is read or hashed is neither sent nor reported", async () => {
  for (const hook of ["onRead", "onHash"] as const) {
    const { make, ask, grant, takeShort, disk, events, files, reader, list } = setUp();
    await make("a", 100);
    await make("b", 100);
    for (const to of [1, 2]) grant(to);
    const { wait, open, reached } = gate();
    disk[hook] = (path) => path === "a" ? wait() : undefined;
    ask(1, "a", hook === "onRead" ? 0 : 100);
    await reached;
    ask(2, "b");
    const { upload, offer } = files.get("a")!;
    reader.drop(1, offer.id);
    upload!.close();
    open();
    assertEquals(await takeShort(), ["2: b@0+100"]);
    assertEquals(events, ["hash b to 2"]);
    await list.close();
  }
});

Deno.test("ReadAhead: nothing of a receiver that was dropped is sent, and others go on at once", async () => {
  const { make, ask, grant, takeShort, next, reader, buffers, list } = setUp();
  await make("a", 9 * MAX_PIECE);
  await make("b", 100);
  grant(1);
  ask(1, "a");
  await list.settle();
  grant(2);
  ask(2, "b");
  await list.settle();
  reader.drop(1);
  // No grant, and nothing that is taken, makes it read on.
  await list.settle();
  assertEquals(short(next()!), "2: b@0+100");
  assertEquals(await takeShort(), []);
  ask(1, "b");
  assertEquals(await takeShort(), ["1: b@0+100"]);
  assertLessOrEqual(buffers.size, MAX_READY);
  await list.close();
});

Deno.test("ReadAhead: nothing of a frame that is being read goes to a later member with the same id", async () => {
  for (const how of ["drop", "clear"] as const) {
    for (const asksAgain of [false, true]) {
      const { make, ask, grant, takeShort, disk, reader, buffers, list } = setUp();
      for (const name of ["a", "b", "c"]) await make(name, 100);
      grant(1);
      const { wait, open, reached } = gate();
      disk.onRead = (path) => path === "b" ? wait() : undefined;
      ask(1, "a");
      ask(1, "b");
      await reached;
      // What was read of a is in the frame.
      if (how === "drop") reader.drop(1);
      else reader.clear();
      if (asksAgain) ask(1, "c");
      open();
      assertEquals(await takeShort(), asksAgain ? ["1: c@0+100"] : []);
      assertStrictEquals(buffers.size, 1);
      await list.close();
    }
  }
});

Deno.test("ReadAhead: one receiver has a bounded number of files on their way", async () => {
  const { grant, disk, reader, takeAll, list, files, make } = setUp();
  await make("a", 10);
  const { upload } = files.get("a")!;
  grant(1, 0);
  for (let i = 0; i < 1100; i++) {
    const id = new Uint8Array(16).fill(97);
    new DataView(id.buffer).setUint32(12, i);
    const source = new Outgoing(i, { id, name: "a", size: 10 }, "a", undefined);
    source.upload = upload;
    reader.ask(1, source, { id, generation: 1, offset: 0 });
  }
  grant(1);
  assertEquals((await takeAll()).flatMap(({ parts }) => parts).length, 1024);
  // There is space for others again.
  reader.ask(1, files.get("a")!, { id: files.get("a")!.offer.id, generation: 1, offset: 0 });
  assertEquals((await takeAll()).length, 1);
  assertStrictEquals(disk.open_, 1);
  await list.close();
});

Deno.test("ReadAhead: receivers that ask for very much leave room for others", async () => {
  const { grant, reader, takeAll, list, files, make, looks } = setUp();
  await make("a", 10);
  const { upload, offer } = files.get("a")!;
  const sources = Array.from({ length: 1024 }, (_, i) => {
    const id = offer.id.slice();
    new DataView(id.buffer).setUint32(12, i);
    const source = new Outgoing(i, { ...offer, id }, "a", undefined);
    source.upload = upload;
    return source;
  });
  for (let to = 1; to <= 30; to++) {
    grant(to, 0);
    for (const source of sources) {
      reader.ask(to, source, { id: source.offer.id, generation: 1, offset: 0 });
    }
    await list.settle();
  }
  // Those that grant nothing cost hardly any work, either.
  assert(looks.count < 10_000, `it looked ${looks.count} times`);
  grant(99, 0);
  reader.ask(99, sources[0]!, { id: sources[0]!.offer.id, generation: 1, offset: 0 });
  grant(99);
  assertEquals((await takeAll()).map(({ to }) => to), [99]);
  // All of them have an equal part.
  for (let to = 1; to <= 30; to++) grant(to);
  const parts = (await takeAll()).map(({ to, parts }) => ({ to, count: parts.length }));
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  assert(total <= 20_000, `${total} files were on their way`);
  for (let to = 1; to <= 30; to++) {
    const count = parts.filter((one) => one.to === to).reduce((sum, { count }) => sum + count, 0);
    assert(count > 600 && count < 700, `${count} files went to ${to}`);
  }
  await list.close();
});

Deno.test("ReadAhead: reads nothing after the transfers are closed", async () => {
  const { make, ask, grant, takeShort, disk, list } = setUp();
  await make("a", 9 * MAX_PIECE);
  grant(1);
  const { wait, open, reached } = gate();
  let reads = 0;
  disk.onRead = () => {
    reads++;
    return wait();
  };
  ask(1, "a");
  await reached;
  const closed = list.close();
  open();
  await closed;
  ask(1, "a");
  await takeShort();
  assertStrictEquals(reads, 1);
});
