import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Backoff } from "./backoff.ts";
import fc from "../tests/support/property.ts";

/** The largest random number below 1. */
const HIGHEST = 1 - Number.EPSILON / 2;

Deno.test("Backoff: the bound doubles from 0.5 s up to 15 s", () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 9 }, () => backoff.next());
  assertEquals(waits, [250, 500, 1000, 2000, 4000, 7500, 7500, 7500, 7500]);
});

Deno.test("Backoff: the random number decides where between 0 and the bound a wait is", () => {
  for (const [random, least, most] of [[0, 0, 0], [HIGHEST, 499.9, 500]] as const) {
    const wait = new Backoff(() => random).next();
    assert(wait >= least && wait <= most, `${wait}`);
  }
});

Deno.test("Backoff.reset: the next wait is as short as the first", () => {
  const backoff = new Backoff(() => 0.5, { baseMs: 10, capMs: 100 });
  for (let n = 0; n < 20; n++) backoff.next();
  assertStrictEquals(backoff.next(), 50);
  backoff.reset();
  assertEquals([backoff.next(), backoff.next()], [5, 10]);
});

Deno.test("Backoff: waits are finite numbers below the cap, even after 10,000 tries", () => {
  for (const random of [0, 0.5, HIGHEST]) {
    const backoff = new Backoff(() => random, { baseMs: 1, capMs: Number.MAX_VALUE });
    for (let n = 0; n < 10_000; n++) assert(Number.isFinite(backoff.next()));
  }
});

Deno.test("Backoff: each wait is at least 0 and below the bound of its try", () => {
  const random = fc.double({ min: 0, max: HIGHEST, noNaN: true });
  const range = fc.tuple(
    fc.integer({ min: 1, max: 5_000 }),
    fc.integer({ min: 0, max: 100_000 }),
  );
  fc.assert(fc.property(range, fc.array(random, { maxLength: 60 }), ([baseMs, more], randoms) => {
    const capMs = baseMs + more;
    let at = 0;
    const backoff = new Backoff(() => randoms[at]!, { baseMs, capMs });
    for (; at < randoms.length; at++) {
      const wait = backoff.next();
      assert(wait >= 0 && wait < Math.min(capMs, baseMs * 2 ** at), `${wait} at ${at}`);
    }
  }));
});

Deno.test("Backoff: refuses times that are not a valid range", () => {
  for (
    const [baseMs, capMs] of [
      [0, 100],
      [-1, 100],
      [NaN, 100],
      [101, 100],
      [1, Infinity],
      [1, NaN],
      [Infinity, Infinity],
    ] as const
  ) {
    assertThrows(() => new Backoff(() => 0, { baseMs, capMs }), RangeError, "not a valid range");
  }
});
