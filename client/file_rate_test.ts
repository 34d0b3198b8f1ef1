import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { MAX_FRAME } from "../protocol.ts";
import { dataCost } from "../protocol/data.ts";
import fc from "../tests/support/property.ts";
import { StepClock } from "../tests/support/transfer_clock.ts";
import { burstOf, FileRate, pieceOf } from "./file_rate.ts";

const KIB = 1024;
const rates = fc.integer({ min: 16 * KIB, max: 2 ** 31 });

Deno.test("FileRate: over any time, never more than the rate and one burst, for any senders", () => {
  const steps = fc.array(
    fc.record({
      ms: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 3_000 })),
      /** Of the rate. */
      part: fc.double({ min: 0.001, max: 2, noNaN: true }),
      what: fc.constantFrom("send", "release"),
    }),
    { minLength: 1, maxLength: 40 },
  );
  fc.assert(fc.property(rates, steps, (rate, steps) => {
    const clock = new StepClock();
    const taken: { at: number; bytes: number }[] = [];
    const pace = new FileRate(rate, clock, () => {});
    for (const { ms, part, what } of steps) {
      clock.pass(ms);
      const bytes = Math.ceil(part * rate);
      if (what === "release") {
        const released = pace.release(bytes);
        assert(Number.isInteger(released) && released >= 0 && released <= bytes);
        taken.push({ at: clock.now(), bytes: released });
      } else if (pace.may()) {
        const frame = Math.min(bytes, pace.piece);
        pace.take(frame);
        taken.push({ at: clock.now(), bytes: frame });
      }
    }
    pace.close();
    assertEquals(clock.timers, 0);
    for (const [first, { at: start }] of taken.entries()) {
      let sum = 0;
      for (const { at, bytes } of taken.slice(first)) {
        sum += bytes;
        assertLessOrEqual(sum, Math.ceil(rate * (at - start) / 1000) + burstOf(rate));
      }
    }
  }));
});

Deno.test("FileRate: a sender that goes on when it is ready gets the full rate, even if timers are late", () => {
  const late = fc.array(fc.nat({ max: 98 }), { minLength: 5, maxLength: 30 });
  fc.assert(fc.property(rates, late, fc.boolean(), (rate, late, sends) => {
    const clock = new StepClock();
    let sum = 0;
    let isReady = true;
    const pace = new FileRate(rate, clock, () => isReady = true);
    const go = () => {
      if (!sends) sum += pace.release(10 * rate);
      while (sends && pace.may()) {
        pace.take(pace.piece);
        sum += pace.piece;
      }
    };
    for (const ms of late) {
      while (!isReady) clock.pass(1);
      clock.pass(ms);
      isReady = false;
      go();
    }
    pace.close();
    assertGreaterOrEqual(sum, rate * clock.now() / 1000 - pace.piece);
  }));
});

Deno.test("FileRate: a piece is not divided, takes half a second at most, and is no smaller than a sender may cut it", () => {
  assertEquals(pieceOf(16 * KIB), 24 * KIB);
  assertEquals(pieceOf(100 * KIB), 50 * KIB);
  assertEquals(pieceOf(2 ** 30), dataCost(MAX_FRAME));
  const clock = new StepClock();
  let calls = 0;
  const pace = new FileRate(100 * KIB, clock, () => calls++);
  assertEquals(pace.release(200 * KIB), burstOf(100 * KIB));
  // Others that come meanwhile have to wait, and everybody is called once.
  assertEquals([pace.release(1), pace.may(), clock.timers], [0, false, 1]);
  clock.pass(499);
  assertEquals([calls, pace.may()], [0, false]);
  clock.pass(1);
  assertEquals([calls, pace.may(), clock.timers], [1, true, 0]);
  // Less than a piece goes as soon as there is enough for it.
  assertEquals(pace.release(50 * KIB), 50 * KIB);
  assertEquals(pace.may(10 * KIB), false);
  clock.pass(100);
  assertEquals([calls, pace.release(10 * KIB), clock.timers], [2, 10 * KIB, 0]);
  // Closed, it sets no timer.
  pace.close();
  assertEquals([pace.may(), clock.timers], [false, 0]);
});

Deno.test("FileRate: without a rate, everything goes at once", () => {
  for (const rate of [undefined, 0]) {
    const clock = new StepClock();
    const pace = new FileRate(rate, clock, () => {});
    for (let i = 0; i < 10; i++) {
      assert(pace.may());
      pace.take(2 ** 40);
      assertEquals(pace.release(2 ** 40), 2 ** 40);
    }
    assertEquals([pace.piece, clock.timers], [Infinity, 0]);
  }
});
