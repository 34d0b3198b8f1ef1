import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { equals } from "@std/bytes/equals";
import { MAX_PIECE } from "../protocol/file_messages.ts";
import fc from "../tests/support/property.ts";
import { Download, MAX_WINDOW, Rate, ReceiveWindow } from "./download.ts";
import { ChunkRequests, MAX_REQUESTS } from "./requests.ts";

const ID = new Uint8Array(16);

/** The file that all tests here send. */
const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31 + (i >> 8));
const piece = (offset: number, length: number) => FILE.slice(offset, offset + length);

/** A file that is being received, from its first byte on. */
class Received {
  readonly bytes = new Uint8Array(FILE.length);
  length = 0;

  add(piece: Uint8Array): void {
    this.bytes.set(piece, this.length);
    this.length += piece.length;
  }

  /** Whether it is the first `size` bytes of the file, and nothing else. */
  isComplete(size: number): boolean {
    return this.length === size && equals(this.bytes.subarray(0, size), FILE.subarray(0, size));
  }
}

/** Writes as a sink does, and checks the order. */
function write(
  file: Received,
  download: Download,
  ready: { offset: number; bytes: Uint8Array }[],
): void {
  for (const { offset, bytes } of ready) {
    assertStrictEquals(offset, file.length);
    file.add(bytes);
    download.wrote(bytes.length);
  }
}

Deno.test("Download: completes a file of any size, piece by piece", () => {
  for (const size of [0, 1, 1000, MAX_PIECE - 1, MAX_PIECE, MAX_PIECE + 1, 300_000]) {
    const window = new ReceiveWindow();
    const download = new Download(size, 0, window);
    const file = new Received();
    let now = 0;
    while (!download.complete) {
      const asked = download.ask(now++)!;
      assertLessOrEqual(asked.length, MAX_PIECE);
      write(file, download, download.take(asked.offset, piece(asked.offset, asked.length), now)!);
    }
    assert(file.isComplete(size));
    assertEquals([download.ask(now), window.asked], [undefined, 0]);
  }
});

Deno.test("Download: survives lost, late, repeated and reordered pieces, with memory bounded by the window", () => {
  // What the network does in each step; `which` picks one of the pieces on their way.
  const step = fc.record({
    what: fc.constantFrom("ask", "come", "come", "twice", "vanish", "back", "overdue", "refused"),
    which: fc.nat(),
    ms: fc.integer({ min: 0, max: 3000 }),
  });
  const sizes = fc.integer({ min: 0, max: 200_000 });
  fc.assert(
    fc.property(sizes, fc.nat(), fc.array(step, { maxLength: 200 }), (size, start, steps) => {
      const window = new ReceiveWindow();
      const have = Math.min(start, size);
      const download = new Download(size, have, window);
      const file = new Received();
      file.add(piece(0, have));
      const travelling: { offset: number; length: number }[] = [];
      let now = 0;
      const come = (index: number, stays = false) => {
        const one = travelling[index]!;
        if (!stays) travelling.splice(index, 1);
        const bytes = piece(one.offset, one.length);
        write(file, download, download.take(one.offset, bytes, now) ?? []);
      };
      for (const { what, which, ms } of steps) {
        now += ms;
        const index = which % Math.max(1, travelling.length);
        if (what === "ask") {
          for (let one = download.ask(now); one; one = download.ask(now)) travelling.push(one);
        } else if (what === "back") download.lose();
        else if (what === "overdue") download.late(now - 1000);
        else if (what === "refused") window.refused();
        else if (travelling.length === 0) continue;
        else if (what === "vanish") travelling.splice(index, 1);
        else come(index, what === "twice");
        // One piece may exceed the window: the one that others wait for.
        assertLessOrEqual(window.asked, MAX_WINDOW + MAX_PIECE);
        assertLessOrEqual(download.held, window.asked);
      }
      // From here on the network works.
      download.lose();
      while (!download.complete) {
        for (let one = download.ask(now); one; one = download.ask(now)) travelling.push(one);
        assert(travelling.length > 0, "nothing is asked for, and it is not complete");
        while (travelling.length > 0) come(0);
      }
      assert(file.isComplete(size));
      assertStrictEquals(window.asked, 0);
      assertEquals(download.ask(now), undefined);
    }),
  );
});

Deno.test("Download.take: ignores pieces that were not requested or have another length", () => {
  const download = new Download(1000, 0, new ReceiveWindow());
  assertEquals(download.take(0, piece(0, 1000), 0), undefined);
  const { offset, length } = download.ask(0)!;
  assertEquals(download.take(offset, piece(offset, length - 1), 0), undefined);
  assertEquals(download.take(offset + 1, piece(offset, length), 0), undefined);
  assertEquals(download.take(offset, piece(offset, length), 0)?.length, 1);
  assertEquals(download.take(offset, piece(offset, length), 0), undefined);
});

Deno.test("Download: several share one window, and a lost one leaves it to the others", () => {
  const window = new ReceiveWindow();
  const [one, other] = [new Download(1e9, 0, window), new Download(1e9, 0, window)];
  while (one.ask(0));
  assertEquals([window.left, other.ask(0)], [0, undefined]);
  one.lose();
  assertEquals(window.asked, 0);
  assert(other.ask(0));
});

Deno.test("ReceiveWindow: grows up to its limit while pieces are quick, and shrinks when they are slow or refused", () => {
  const window = new ReceiveWindow();
  const first = window.size;
  const come = (ms: number) => {
    const { piece } = window;
    window.ask(piece);
    window.came(piece, ms);
    window.free(piece);
  };
  come(10);
  assert(window.size > first);
  for (let i = 0; i < 100; i++) come(10);
  assertEquals([window.size, window.piece], [MAX_WINDOW, MAX_PIECE]);
  come(1000);
  assertStrictEquals(window.size, MAX_WINDOW);
  come(5000);
  assert(window.size < MAX_WINDOW);
  window.refused();
  assert(window.size <= MAX_WINDOW / 2);
  for (let i = 0; i < 100; i++) {
    come(5000);
    window.refused();
  }
  assert(window.size > 0 && window.piece >= 4096);
  for (let i = 0; i < 100; i++) come(10);
  assertStrictEquals(window.size, MAX_WINDOW);
});

const ask = (to: number, offset: number, id = ID) => ({ to, id, offset, length: 10 });

Deno.test("ChunkRequests: serves receivers in turn, each in order", () => {
  const requests = new ChunkRequests();
  for (const [to, offset] of [[1, 0], [1, 10], [1, 20], [2, 0], [3, 0]]) {
    assert(requests.put(ask(to!, offset!)));
  }
  const order: number[][] = [];
  for (let one = requests.next(); one; one = requests.next()) order.push([one.to, one.offset]);
  assertEquals(order, [[1, 0], [2, 0], [3, 0], [1, 10], [1, 20]]);
  assertStrictEquals(requests.size, 0);
});

Deno.test("ChunkRequests.put: ignores repeated requests and those above a receiver's limit, without harm to others", () => {
  const requests = new ChunkRequests();
  assertEquals([requests.put(ask(1, 0)), requests.put(ask(1, 0))], [true, false]);
  for (let i = 1; i < MAX_REQUESTS; i++) assert(requests.put(ask(1, 10 * i)));
  assert(!requests.put(ask(1, 10 * MAX_REQUESTS)));
  assert(requests.put(ask(2, 0)));
  assertStrictEquals(requests.size, MAX_REQUESTS + 1);
});

Deno.test("ChunkRequests.next: a request that may not be served holds back no other one of its receiver", () => {
  const requests = new ChunkRequests();
  for (const one of [ask(1, 0), ask(1, 10), ask(2, 0)]) requests.put(one);
  assertEquals(requests.next(({ to, offset }) => to === 1 && offset === 10), ask(1, 10));
  assertEquals([requests.next(), requests.next(), requests.size], [ask(2, 0), ask(1, 0), 0]);
});

Deno.test("ChunkRequests: keeps the turn of a receiver that is held back; drop and clear remove requests", () => {
  const requests = new ChunkRequests();
  const other = ID.with(0, 1);
  for (const one of [ask(1, 0), ask(1, 10, other), ask(2, 0)]) requests.put(one);
  assertStrictEquals(requests.next(({ to }) => to !== 1)?.to, 2);
  assertStrictEquals(requests.next(({ to }) => to !== 1), undefined);
  requests.drop(1, ID);
  assertEquals(requests.next(), ask(1, 10, other));
  requests.put(ask(1, 0));
  requests.drop(1);
  assertStrictEquals(requests.size, 0);
  requests.put(ask(1, 0));
  requests.clear();
  assertEquals([requests.size, requests.next()], [0, undefined]);
});

Deno.test("Rate: follows the speed, and falls when nothing moves", () => {
  const rate = new Rate(0, 0);
  for (let s = 1; s <= 10; s++) rate.look(1000 * s, 1000 * s);
  assertEquals(Math.round(rate.value), 1000);
  rate.look(10_000, 12_000);
  assertEquals(Math.round(rate.value), 500);
});
