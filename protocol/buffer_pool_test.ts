import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { BufferPool } from "./buffer_pool.ts";

Deno.test("BufferPool: lends as many buffers as it may have, and the same ones again", () => {
  const pool = new BufferPool(100, 2);
  assertStrictEquals(pool.size, 100);
  const [one, other] = [pool.take(), pool.take()];
  assert(one && other && one.buffer !== other.buffer);
  assertEquals([one.length, other.length], [100, 100]);
  assertStrictEquals(pool.take(), undefined);
  one[0] = 7;
  pool.give(one);
  const again = pool.take();
  assertStrictEquals(again, one);
  // It is not filled with zeros: that is what the pool saves.
  assertStrictEquals(again[0], 7);
  assertStrictEquals(pool.take(), undefined);
});

Deno.test("BufferPool.lose: another buffer takes the place of a lost one", () => {
  const pool = new BufferPool(100, 1);
  const lost = pool.take();
  assertStrictEquals(pool.take(), undefined);
  pool.lose();
  const next = pool.take();
  assert(next && next !== lost);
  assertStrictEquals(pool.take(), undefined);
});

Deno.test("BufferPool: has no more buffers than it may, and lends none twice", () => {
  const actions = fc.array(fc.record({
    what: fc.constantFrom("take", "take", "give", "lose"),
    which: fc.nat(),
  }));
  fc.assert(fc.property(fc.nat({ max: 4 }), actions, (max, actions) => {
    const pool = new BufferPool(10, max);
    const lent: Uint8Array<ArrayBuffer>[] = [];
    const known = new Set<Uint8Array>();
    for (const { what, which } of actions) {
      if (what === "take") {
        const buffer = pool.take();
        assertEquals(buffer !== undefined, lent.length < max);
        if (!buffer) continue;
        assert(!lent.includes(buffer));
        lent.push(buffer);
        known.add(buffer);
      } else if (lent.length > 0) {
        const [buffer] = lent.splice(which % lent.length, 1);
        if (what === "give") pool.give(buffer!);
        else {
          pool.lose();
          known.delete(buffer!);
        }
      }
      assert(known.size <= max);
    }
  }));
});
