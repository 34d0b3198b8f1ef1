import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CHAIN_RUN } from "../protocol/chain.ts";
import { LENGTH_SIZE, MAX_FRAME, Type } from "../protocol.ts";
import { logFrame, plainChain, randomFrames } from "../tests/support/plain_chain.ts";
import fc from "../tests/support/property.ts";
import { LogChain, MIN_CHAINED_LOG } from "./log_chain.ts";
import { Log } from "./room_log.ts";

const NAME = Uint8Array.from({ length: 16 }, (_, i) => i);
/** The largest frame, length included. */
const LARGEST = LENGTH_SIZE + MAX_FRAME;

/** A log with its chain. By default it is the smallest that can have one. */
function open(capacity = MIN_CHAINED_LOG) {
  const log = new Log(capacity, Math.ceil(capacity / 4));
  const chain = new LogChain(log, NAME);
  const append = (frame: Uint8Array) => {
    chain.beforeAppend(frame);
    log.append(frame);
  };
  return { log, chain, append };
}

/** Compares the chain with its definition at all boundaries of the log, the dropped ones included. */
function check({ log, chain }: ReturnType<typeof open>, frames: readonly Uint8Array[]): number {
  const boundaries = plainChain(NAME, frames);
  assertStrictEquals(boundaries.at(-1)!.position, log.end);
  const first = boundaries.find(({ position, isRestart }) => isRestart && position >= log.start);
  let dropped = 0;
  for (const { position, value } of boundaries) {
    const isKept = first === undefined || position >= first.position;
    assertEquals(chain.at(position), isKept ? value : undefined, `at ${position} of ${log.end}`);
    if (!isKept) dropped++;
  }
  return dropped;
}

Deno.test("LogChain.at: equals the definition at every boundary of random logs; undefined before the first kept restart", () => {
  let dropped = 0;
  fc.assert(
    fc.property(randomFrames(40, 80), (frames) => {
      const chained = open();
      for (const frame of frames) chained.append(frame);
      dropped += check(chained, frames);
    }),
    { numRuns: 25 },
  );
  assert(dropped > 50, `only ${dropped} boundaries were dropped`);
});

Deno.test("LogChain.at: is right at every moment, not only at the end", () => {
  fc.assert(
    fc.property(randomFrames(10, 30), (frames) => {
      const chained = open();
      for (const [i, frame] of frames.entries()) {
        chained.append(frame);
        const { position, value } = plainChain(NAME, frames.slice(0, i + 1)).at(-1)!;
        assertEquals(chained.chain.at(position), value);
      }
    }),
    { numRuns: 10 },
  );
});

Deno.test("LogChain: restarts at JOINED, and at the first frame after CHAIN_RUN bytes", () => {
  for (const size of [CHAIN_RUN - 1, CHAIN_RUN, CHAIN_RUN + 1]) {
    const chained = open();
    const frames = [
      logFrame(size),
      logFrame(100),
      logFrame(200),
      logFrame(50, { type: Type.JOINED }),
    ];
    for (const frame of [...frames, logFrame(60)]) chained.append(frame);
    check(chained, [...frames, logFrame(60)]);
    const positions = chained.chain.save().map(([position]) => position);
    const after = size < CHAIN_RUN ? size + 100 : size;
    assertEquals(positions, [0, after, size + 300], `${size}`);
  }
});

Deno.test("LogChain: a log that begins with JOINED has one restart there", () => {
  const { chain, append } = open();
  for (let i = 0; i < 2; i++) append(logFrame(100, { type: Type.JOINED }));
  assertEquals(chain.save().map(([position]) => position), [0, 100]);
});

Deno.test("LogChain.at: undefined outside of the log", () => {
  const { log, chain, append } = open();
  append(logFrame(100));
  assertStrictEquals(chain.at(log.end + 1), undefined);
  assertStrictEquals(chain.at(-1), undefined);
  assert(chain.at(log.end) && chain.at(0));
});

Deno.test("LogChain: however the log drops its bytes, those since the last restart stay", () => {
  for (const size of [LARGEST, LARGEST - 1, CHAIN_RUN - 1, Math.ceil(LARGEST / 2) + 1, 40_000]) {
    const chained = open();
    const frames: Uint8Array[] = [];
    for (let total = 0; total < 3 * MIN_CHAINED_LOG; total += size) {
      const frame = logFrame(size, { fill: total % 251 });
      frames.push(frame);
      chained.append(frame);
      assert(chained.chain.at(chained.log.end), `${size}`);
    }
    assert(check(chained, frames) > 0);
    // Nor does the chain keep what the log has dropped long ago.
    assert(chained.chain.save().length <= 2 + MIN_CHAINED_LOG / CHAIN_RUN);
  }
});

Deno.test("LogChain: takes some 50 bytes for each JOINED that the log still has, and nothing for the others", () => {
  const { log, chain, append } = open();
  const frame = logFrame(100, { type: Type.JOINED });
  let most = 0;
  for (let i = 0; i < 100_000; i++) {
    append(frame);
    most = Math.max(most, chain.held);
  }
  const kept = chain.save().length;
  assertEquals(kept, (log.end - log.start) / frame.length);
  assert(most < 60 * log.capacity / frame.length, `${most} bytes`);
});

Deno.test("LogChain.save, restore: a chain that goes on is the same, also after the log has dropped bytes", () => {
  let dropped = 0;
  fc.assert(
    fc.property(randomFrames(20, 60), fc.nat({ max: 60 }), (frames, cut) => {
      const before = open();
      for (const frame of frames.slice(0, cut)) before.append(frame);
      const saved = structuredClone([before.log.save(), before.chain.save()] as const);
      const after = open();
      after.log.restore(saved[0]);
      after.chain.restore(saved[1]);
      for (const frame of frames.slice(cut)) {
        before.append(frame);
        after.append(frame);
      }
      dropped += check(after, frames);
      assertEquals(after.chain.save(), before.chain.save());
    }),
    { numRuns: 15 },
  );
  assert(dropped > 50, `only ${dropped} boundaries were dropped`);
});

Deno.test("LogChain: refuses a log that is too small", () => {
  for (const [capacity, fits] of [[-1, false], [0, true], [1, true]] as const) {
    const make = () => new LogChain(new Log(MIN_CHAINED_LOG + capacity, 1024), NAME);
    if (fits) make();
    else assertThrows(make, RangeError, "Cannot chain a log");
  }
});
