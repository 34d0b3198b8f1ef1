import { assert, assertEquals } from "@std/assert";
import { FrameDecoder, MAX_FRAME, VERSION } from "../protocol.ts";
import { encodeGreeting, parseGreeting } from "../protocol/json_frames.ts";
import fc from "../tests/support/property.ts";
import {
  budgetOf,
  DEFAULT_BUDGET,
  DEFAULT_LIMITS,
  formatSize,
  MAX_BYTE_RATE,
  MAX_COUNT,
  MIN_BACKLOG,
  MIN_BYTE_RATE,
  MIN_LOG,
  sizeOf,
} from "./limits.ts";
import { MIN_CHAINED_LOG } from "./log_chain.ts";

Deno.test("sizeOf: reads bytes, or an integer of K, M or G", () => {
  const sizes: Record<string, number | undefined> = {
    "0": 0,
    "1": 1,
    "1048577": 1048577,
    "512K": 524288,
    "8M": 8388608,
    "8m": 8388608,
    "1G": 1073741824,
  };
  for (const [text, bytes] of Object.entries(sizes)) assertEquals(sizeOf(text), bytes, text);
  for (const text of ["", "M", "8MB", "8 M", "-8M", "8.5M", "1e6", "8T", "٣M", "12345678901"]) {
    assertEquals(sizeOf(text), undefined, text);
  }
});

Deno.test("formatSize: the shortest text that sizeOf reads back", () => {
  assertEquals([0, 1, 1023, 1024, 262144, 8388608, 2 ** 30].map(formatSize), [
    ...["0", "1", "1023", "1K", "256K", "8M", "1G"],
  ]);
  fc.assert(fc.property(fc.nat({ max: 2 ** 31 }), (bytes) => {
    assertEquals(sizeOf(formatSize(bytes)), bytes);
  }));
});

Deno.test("budgetOf: GREETING carries each budget that serve accepts", () => {
  for (const rate of [0, 1, 50, MAX_COUNT]) {
    for (const byteRate of [0, MIN_BYTE_RATE, MAX_BYTE_RATE]) {
      const budget = budgetOf(rate, byteRate);
      assertEquals(budget === undefined, rate === 0 && byteRate === 0);
      const greeting = {
        version: VERSION,
        maxFrame: MAX_FRAME,
        cipher: "sealed",
        ...(budget && { budget }),
      } as const;
      const decoder = new FrameDecoder(MAX_FRAME);
      const frame = encodeGreeting(greeting);
      decoder.space().set(frame);
      decoder.fill(frame.length);
      assertEquals(parseGreeting(decoder.next()!.body), greeting);
    }
  }
});

Deno.test("DEFAULT_LIMITS: the limits are consistent", () => {
  const { logSize, backlog, budget, handshakeMs, idleMs, maxPerAddress, maxMembers } =
    DEFAULT_LIMITS;
  assertEquals(budget, DEFAULT_BUDGET);
  assert(logSize >= MIN_LOG && backlog >= MIN_BACKLOG && backlog <= logSize);
  assert(MIN_LOG >= 4 * MAX_FRAME && MIN_BACKLOG >= MAX_FRAME);
  // Otherwise a sealed room could not be opened.
  assert(MIN_LOG >= MIN_CHAINED_LOG);
  assert(handshakeMs < idleMs && maxPerAddress < maxMembers);
  // The largest frame never exceeds a burst.
  assert(budgetOf(1, MIN_BYTE_RATE)!.byteBurst >= 4 + MAX_FRAME);
});
