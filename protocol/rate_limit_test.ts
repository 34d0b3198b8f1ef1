import { assert, assertEquals } from "@std/assert";
import { HEADER_SIZE, MAX_FRAME } from "../protocol.ts";
import type { Cost } from "./cost.ts";
import { type Budget } from "./json_frames.ts";
import { budgetOf, DEFAULT_BUDGET, MIN_BYTE_RATE } from "../server/limits.ts";
import fc from "../tests/support/property.ts";
import {
  DROP_AFTER_MS,
  FloodGuard,
  RateLimiter,
  TokenBucket,
  type Verdict,
  WARN_AFTER_MS,
} from "./rate_limit.ts";

/** Bytes of a message with a line of text, encrypted. */
const LINE_BYTES = 200;
/** The largest frame, as `RateLimiter` counts it. */
const LARGEST = 4 + MAX_FRAME;
/** How our clients use a budget: nine tenths of it. */
const PACE = 0.9;
/** How much a network may delay a frame, in ms. */
const JITTER_MS = 200;

/** One frame of this many bytes, as the budget counts it. */
const frame = (bytes: number): Cost => ({ frames: 1, bytes });

interface Sent {
  at: number;
  bytes: number;
}

/** How a server handles frames that come at these times: one after the other. */
function serve(budget: Budget, frames: Iterable<Sent>): { at: number; verdict: Verdict }[] {
  const rateLimiter = new RateLimiter(budget, 0);
  const floodGuard = new FloodGuard();
  const handled: { at: number; verdict: Verdict }[] = [];
  let now = 0;
  for (const { at, bytes } of frames) {
    now = Math.max(now, at);
    const wait = rateLimiter.take(frame(bytes), now);
    const verdict = floodGuard.check(wait, rateLimiter.recovered);
    now += wait;
    handled.push({ at: now, verdict });
    if (verdict === "drop") break;
  }
  return handled;
}

function verdicts(handled: { verdict: Verdict }[]): Verdict[] {
  return [...new Set(handled.map(({ verdict }) => verdict))];
}

function lines(count: number, every = 0): Sent[] {
  return Array.from({ length: count }, (_, n) => ({ at: n * every, bytes: LINE_BYTES }));
}

// ---- the bucket ----

Deno.test("TokenBucket: allows its burst at once, then its rate", () => {
  const bucket = new TokenBucket(10, 3, 0);
  // The fourth is the debt that the fifth waits for.
  assertEquals([1, 2, 3, 4].map(() => bucket.take(1, 0)), [0, 0, 0, 0]);
  assertEquals(bucket.take(1, 0), 100);
  assertEquals(bucket.take(1, 200), 0);
  assertEquals(bucket.take(1, 250), 50);
});

Deno.test("TokenBucket: is never fuller than its burst, and ignores a clock that goes back", () => {
  const bucket = new TokenBucket(10, 3, 1_000);
  assertEquals(bucket.fill(1_000_000), 1);
  bucket.take(3, 1_000_000);
  assertEquals(bucket.fill(999_000), 0);
  assertEquals(bucket.fill(999_100), 1 / 3);
});

Deno.test("TokenBucket: in the long run a caller that waits gets exactly the rate", () => {
  const step = fc.record({ count: fc.integer({ min: 1, max: 50 }), pause: fc.nat({ max: 3_000 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 500 }),
      fc.array(step, { maxLength: 100 }),
      (rate, burst, steps) => {
        const bucket = new TokenBucket(rate, burst, 0);
        let now = 0;
        let taken = 0;
        for (const { count, pause } of steps) {
          now += pause;
          const wait = bucket.take(count, now);
          now += wait;
          assert(taken <= burst + rate * now / 1000 + 1e-6, "more than the rate");
          // Not longer than it takes to pay for the frames before.
          if (wait > 0) assert(wait <= Math.ceil(1000 * taken / rate), "waits for nothing");
          taken += count;
          // And the debt is never more than this frame.
          assert(bucket.fill(now) * burst >= -count - 1e-6, "too deep in debt");
        }
      },
    ),
  );
});

// ---- both buckets ----

Deno.test("RateLimiter: the longer wait of frames and bytes counts", () => {
  const budget = { frames: 10, frameBurst: 2, bytes: 1000, byteBurst: 3000 };
  const rateLimiter = new RateLimiter(budget, 0);
  assertEquals(rateLimiter.take(frame(4000), 0), 0);
  assertEquals(rateLimiter.take(frame(0), 0), 1_000);
  assertEquals(rateLimiter.take(frame(0), 1_000), 0);
  const small = new RateLimiter(budget, 0);
  assertEquals([1, 2, 3].map(() => small.take(frame(1), 0)), [0, 0, 0]);
  assertEquals(small.take(frame(1), 0), 100);
});

Deno.test("RateLimiter: counts a frame when it comes, so frames at the same time wait longer and longer", () => {
  const rateLimiter = new RateLimiter(
    { frames: 10, frameBurst: 1, bytes: 1000, byteBurst: 1000 },
    0,
  );
  assertEquals([1, 2, 3, 4].map(() => rateLimiter.take(frame(1), 0)), [0, 0, 100, 200]);
});

Deno.test("RateLimiter.recovered: whether both buckets were a quarter full at the last frame", () => {
  const rateLimiter = new RateLimiter({ frames: 1, frameBurst: 4, bytes: 100, byteBurst: 400 }, 0);
  const found = (bytes: number, now: number) => {
    rateLimiter.take(frame(bytes), now);
    return rateLimiter.recovered;
  };
  assert(found(0, 0));
  assert(found(0, 0));
  assert(found(0, 0));
  assert(found(0, 0));
  assert(!found(0, 0));
  assert(!found(0, 1_999));
  assert(found(400, 5_000));
  // The bucket of frames has recovered, the bucket of bytes has not.
  assert(!found(0, 5_999));
  assert(found(0, 7_000));
});

// ---- the flood guard ----

Deno.test("FloodGuard: reports slow, then warns once, then drops, by the time waited", () => {
  const floodGuard = new FloodGuard();
  const seen: Verdict[] = [];
  assertEquals(floodGuard.check(0, true), "go on");
  for (let ms = 0; ms < DROP_AFTER_MS; ms += 1_000) seen.push(floodGuard.check(1_000, false));
  const expected: Verdict[] = Array(DROP_AFTER_MS / 1_000).fill("go on");
  expected[0] = "slow";
  expected[WARN_AFTER_MS / 1_000 - 1] = "warn";
  expected[DROP_AFTER_MS / 1_000 - 1] = "drop";
  assertEquals(seen, expected);
});

Deno.test("FloodGuard: counts only the time waited", () => {
  const floodGuard = new FloodGuard();
  assertEquals(floodGuard.check(WARN_AFTER_MS - 1, false), "slow");
  for (let n = 0; n < 1_000; n++) assertEquals(floodGuard.check(0, false), "go on");
  assertEquals(floodGuard.check(1, false), "warn");
});

Deno.test("FloodGuard: starts again at 0 after a recovery", () => {
  const floodGuard = new FloodGuard();
  floodGuard.check(DROP_AFTER_MS - 1, false);
  assertEquals(floodGuard.check(0, true), "go on");
  assertEquals(floodGuard.check(WARN_AFTER_MS - 1, false), "slow");
  assertEquals(floodGuard.check(1, false), "warn");
});

// ---- what the defaults guarantee ----

Deno.test("DEFAULT_BUDGET: a paste of 2,000 lines that is one message passes at once", () => {
  assertEquals(serve(DEFAULT_BUDGET, [{ at: 0, bytes: 250_000 }]), [{ at: 0, verdict: "go on" }]);
  const sixteen = Array.from({ length: 16 }, () => ({ at: 0, bytes: 250_000 }));
  assertEquals(verdicts(serve(DEFAULT_BUDGET, sixteen)), ["go on"]);
});

Deno.test("DEFAULT_BUDGET: a script that sends 1,000 lines at once is not slowed, one that sends 1,400 not warned", () => {
  assertEquals(verdicts(serve(DEFAULT_BUDGET, lines(1_000))), ["go on"]);
  assertEquals(verdicts(serve(DEFAULT_BUDGET, lines(1_400))), ["go on", "slow"]);
});

Deno.test("DEFAULT_BUDGET: an endless script gets the rate, is warned after 10 s of waiting, and dropped after 60 s", () => {
  // As fast as it can; and twice as fast as it may.
  for (const every of [0, 10]) {
    const handled = serve(DEFAULT_BUDGET, lines(100_000, every));
    const at = (wanted: Verdict) => handled.find(({ verdict }) => verdict === wanted)!.at;
    assertEquals(verdicts(handled), ["go on", "slow", "warn", "drop"]);
    // The first wait counts, and at most one frame comes exactly when it is due.
    const gap = 1000 / DEFAULT_BUDGET.frames;
    const slowed = at("slow") - gap;
    assert(Math.abs(at("warn") - slowed - WARN_AFTER_MS) <= gap);
    assert(Math.abs(at("drop") - slowed - DROP_AFTER_MS) <= gap);
    const granted = DEFAULT_BUDGET.frameBurst + DEFAULT_BUDGET.frames * at("drop") / 1000;
    assert(Math.abs(handled.length - granted) <= 2);
  }
});

Deno.test("DEFAULT_BUDGET: a script that keeps to the rate is never slowed, however long", () => {
  assertEquals(verdicts(serve(DEFAULT_BUDGET, lines(100_000, 20))), ["go on"]);
});

Deno.test("DEFAULT_BUDGET: an endless stream of largest messages is dropped too", () => {
  const frames = Array.from({ length: 1_000 }, () => ({ at: 0, bytes: LARGEST }));
  assertEquals(verdicts(serve(DEFAULT_BUDGET, frames)), ["go on", "slow", "warn", "drop"]);
});

/** What a client wants to send, and how long it waits before. */
const demand = fc.array(
  fc.record({
    pause: fc.oneof(fc.constant(0), fc.nat({ max: 50 }), fc.nat({ max: 60_000 })),
    count: fc.integer({ min: 1, max: 3_000 }),
    bytes: fc.oneof(
      fc.integer({ min: HEADER_SIZE, max: 500 }),
      fc.integer({ min: HEADER_SIZE, max: LARGEST }),
    ),
  }),
  { minLength: 1, maxLength: 12 },
);

/** When the frames of a client that keeps to `pace` arrive: in order, each late by up to `JITTER_MS`. */
function arrivals(
  pace: Budget,
  wanted: readonly { pause: number; count: number; bytes: number }[],
  late: readonly number[],
): Sent[] {
  const rateLimiter = new RateLimiter(pace, 0);
  const sent: Sent[] = [];
  let now = 0;
  let arrived = 0;
  for (const { pause, count, bytes } of wanted) {
    now += pause;
    for (let n = 0; n < count; n++) {
      now += rateLimiter.take(frame(bytes), now);
      arrived = Math.max(arrived, now + late[sent.length % late.length]!);
      sent.push({ at: arrived, bytes });
    }
  }
  return sent;
}

const lateness = fc.array(fc.nat({ max: JITTER_MS }), { minLength: 1, maxLength: 50 });

function part(budget: Budget, share: number): Budget {
  const { frames, frameBurst, bytes, byteBurst } = budget;
  return {
    frames: share * frames,
    frameBurst: share * frameBurst,
    bytes: share * bytes,
    byteBurst: share * byteBurst,
  };
}

Deno.test("FloodGuard: a client that keeps to nine tenths of any budget is never slowed, however late its frames come", () => {
  const budget = fc.oneof(
    fc.constant(DEFAULT_BUDGET),
    fc.record({
      rate: fc.integer({ min: 1, max: 1_000 }),
      byteRate: fc.integer({ min: MIN_BYTE_RATE, max: 2 ** 24 }),
    }).map(({ rate, byteRate }) => budgetOf(rate, byteRate)!),
  );
  fc.assert(
    fc.property(budget, demand, lateness, (budget, wanted, late) => {
      const handled = serve(budget, arrivals(part(budget, PACE), wanted, late));
      assertEquals(verdicts(handled), ["go on"]);
    }),
    { numRuns: 50 },
  );
});

Deno.test("FloodGuard: a client that uses the complete burst, and nine tenths of the rate, is never warned", () => {
  const pace = {
    ...DEFAULT_BUDGET,
    frames: PACE * DEFAULT_BUDGET.frames,
    bytes: PACE * DEFAULT_BUDGET.bytes,
  };
  fc.assert(
    fc.property(demand, lateness, (wanted, late) => {
      const handled = serve(DEFAULT_BUDGET, arrivals(pace, wanted, late));
      assert(handled.every(({ verdict }) => verdict === "go on" || verdict === "slow"));
    }),
    { numRuns: 50 },
  );
});

Deno.test("FloodGuard: warns each member at least 50 seconds of waiting before it drops it", () => {
  const step = fc.record({ wait: fc.nat({ max: 8_000 }), recovered: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const floodGuard = new FloodGuard();
      let warned: number | undefined;
      let waited = 0;
      for (const { wait, recovered } of steps) {
        if (recovered) warned = undefined;
        const verdict = floodGuard.check(wait, recovered);
        waited += wait;
        if (verdict === "warn") {
          assertEquals(warned, undefined);
          warned = waited - wait;
        }
        if (verdict !== "drop") continue;
        assert(warned !== undefined && waited - warned >= DROP_AFTER_MS - WARN_AFTER_MS);
        return;
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("RateLimiter: frames and bytes may count in parts", () => {
  const rateLimiter = new RateLimiter({ frames: 10, frameBurst: 1, bytes: 64, byteBurst: 640 }, 0);
  for (let i = 0; i < 8; i++) {
    assertEquals(rateLimiter.take({ frames: 1 / 8, bytes: 1 / 64 }, 0), 0);
  }
  assertEquals(rateLimiter.take({ frames: 1 / 8, bytes: 600 }, 0), 0);
  assertEquals(rateLimiter.take(frame(0), 0), Math.ceil(100 / 8));
});

Deno.test("RateLimiter.set: gives it what is left, but never more than it holds", () => {
  const rateLimiter = new RateLimiter({ frames: 10, frameBurst: 20, bytes: 10, byteBurst: 50 }, 0);
  rateLimiter.set({ frames: 3, bytes: 100 }, 0);
  assertEquals(rateLimiter.left(0), { frames: 3, bytes: 50 });
  assertEquals(rateLimiter.left(1_000), { frames: 13, bytes: 50 });
  assert(!rateLimiter.isFilled(1, 1_000));
  assert(rateLimiter.isFilled(1, 1_700));
});

Deno.test("RateLimiter.waitFor: returns how long until both buckets are filled to a part; 0 if they are", () => {
  const rateLimiter = new RateLimiter(
    { frames: 10, frameBurst: 10, bytes: 100, byteBurst: 1000 },
    0,
  );
  assertEquals(rateLimiter.waitFor(0.5, 0), 0);
  rateLimiter.take(frame(500), 0);
  assertEquals(rateLimiter.waitFor(0.5, 0), 0);
  rateLimiter.take(frame(100), 0);
  assertEquals([
    rateLimiter.waitFor(0.5, 0),
    rateLimiter.waitFor(0.5, 400),
    rateLimiter.waitFor(0.5, 1000),
  ], [
    ...[1000, 600, 0],
  ]);
  for (let i = 0; i < 9; i++) rateLimiter.take(frame(0), 1000);
  assertEquals(rateLimiter.waitFor(0.5, 1000), 400);
});
