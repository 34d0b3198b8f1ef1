// Test helper: numbers and bytes that depend on a seed only, so that a failing run can be repeated. No part of the program.

/** The generator mulberry32. It returns whole numbers from 0 to `limit - 1`. */
export function mulberry32(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

/** One of many independent generators of a seed; `connection` and `purpose` select it. */
export function seededRandom(
  seed: number,
  connection: number,
  purpose: number,
): (limit: number) => number {
  return mulberry32(
    seed ^ Math.imul(connection + 1, 0x9e3779b1) ^ Math.imul(purpose, 0x85ebca6b),
  );
}

/** Bytes without a pattern; a seed always gives the same ones. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
