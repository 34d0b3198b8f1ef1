import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { encodeFrame, HEADER_SIZE, MAX_FRAME, Type } from "../protocol.ts";
import { logFrame, plainChain, randomFrames } from "../tests/support/plain_chain.ts";
import fc from "../tests/support/property.ts";
import { CHAIN_RUN, CHAIN_SIZE, firstLink, linkOf, restartsBefore, startLink } from "./chain.ts";

const NAME = Uint8Array.from({ length: 16 }, (_, i) => i);

/** The values at all boundaries, as these functions give them. */
function chainOf(name: Uint8Array, frames: readonly Uint8Array[]): Uint8Array[] {
  let value = firstLink(name);
  let hash = startLink(value);
  let since = 0;
  const values = [value];
  for (const frame of frames) {
    if (since > 0 && restartsBefore(frame, since)) {
      hash = startLink(value);
      since = 0;
    }
    hash.update(frame);
    since += frame.length;
    values.push(value = linkOf(hash));
  }
  return values;
}

Deno.test("chain: known values", async () => {
  const sha256 = async (...parts: Uint8Array[]) =>
    new Uint8Array(
      await crypto.subtle.digest("SHA-256", Uint8Array.from(parts.flatMap((p) => [...p]))),
    );
  const first = await sha256(new TextEncoder().encode("chat/1 log"), NAME);
  assertEquals(firstLink(NAME), first);
  const joined = encodeFrame(Type.JOINED, 1, Uint8Array.of(1));
  const said = encodeFrame(Type.MESSAGE, 1, Uint8Array.of(2));
  const left = encodeFrame(Type.LEFT, 1, Uint8Array.of(0));
  // The second JOINED restarts the chain with the value before it.
  const before = await sha256(first, joined, said);
  assertEquals(chainOf(NAME, [joined, said, joined, left]), [
    first,
    await sha256(first, joined),
    before,
    await sha256(before, joined),
    await sha256(before, joined, left),
  ]);
});

Deno.test("chain: equals its definition at every boundary of random logs", () => {
  const name = fc.uint8Array({ minLength: 16, maxLength: 16 });
  let restarts = 0;
  fc.assert(
    fc.property(name, randomFrames(5, 30), (name, frames) => {
      const boundaries = plainChain(name, frames);
      assertEquals(chainOf(name, frames), boundaries.map(({ value }) => value));
      restarts += boundaries.filter(({ isRestart }) => isRestart).length;
    }),
    { numRuns: 50 },
  );
  assert(restarts > 200, `only ${restarts} restarts`);
});

Deno.test("chain: any two logs with another name, or other bytes, have different values from there on", () => {
  const frames = [10, 20, 30].map((size) => logFrame(size));
  const values = chainOf(NAME, frames);
  for (const value of values) assertStrictEquals(value.length, CHAIN_SIZE);
  const other = chainOf(NAME.map((byte) => byte ^ 1), frames);
  for (const [i, value] of values.entries()) assertNotEquals(value, other[i]);
  const changed = frames.map((frame) => frame.slice());
  changed[1]![15]! ^= 1;
  assertEquals(
    chainOf(NAME, changed).map((value, i) => `${value}` === `${values[i]}`),
    [true, true, false, false],
  );
});

Deno.test("restartsBefore: every JOINED, and any frame when CHAIN_RUN bytes have come", () => {
  for (const type of Object.values(Type)) {
    // The header is enough.
    const frame = encodeFrame(type, 1).subarray(0, HEADER_SIZE);
    const isJoined = type === Type.JOINED;
    for (const since of [0, 1, CHAIN_RUN - 1]) {
      assertStrictEquals(restartsBefore(frame, since), isJoined, `${type} after ${since}`);
    }
    for (const since of [CHAIN_RUN, CHAIN_RUN + 1, CHAIN_RUN + MAX_FRAME]) {
      assertStrictEquals(restartsBefore(frame, since), true, `${type} after ${since}`);
    }
  }
  for (const size of [0, HEADER_SIZE - 1]) {
    assertThrows(() => restartsBefore(new Uint8Array(size), CHAIN_RUN), RangeError, "no header");
  }
});

Deno.test("linkOf: the hash can go on, and the value stays as it is", () => {
  const hash = startLink(firstLink(NAME));
  hash.update(Uint8Array.of(1));
  const value = linkOf(hash);
  const copy = value.slice();
  hash.update(Uint8Array.of(2));
  assertNotEquals(linkOf(hash), copy);
  assertEquals(value, copy);
  assertEquals(linkOf(startLink(firstLink(NAME)).update(Uint8Array.of(1))), copy);
});
