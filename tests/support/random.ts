// Test helper: numbers and bytes that a seed decides, so that a failing run can be repeated. No part of the program.

/**
 * A generator of whole numbers from 0 to `limit - 1` (mulberry32).
 *
 * @param connection with `purpose`, selects one of many independent sequences of the seed
 */
export function seededRandom(
  seed: number,
  connection: number,
  purpose: number,
): (limit: number) => number {
  let state = seed ^ Math.imul(connection + 1, 0x9e3779b1) ^ Math.imul(purpose, 0x85ebca6b);
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
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

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
