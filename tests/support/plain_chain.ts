// Test helper: the chain of a room's log, computed as docs/protocol.md defines it, without any of the program's code:
// each value from all bytes since the restart before it. No part of the program.

import { createHash } from "node:crypto";
import fc from "./property.ts";

/** The type of a JOINED frame. */
const JOINED = 8;
const MESSAGE = 4;
/** Bytes of length, type and id. */
const HEADER = 9;
/** Bytes since the last restart, at which the chain restarts. */
const RUN = 65_536;

/** A place in a log where a frame starts, or the log ends. */
export interface Boundary {
  readonly position: number;
  readonly value: Uint8Array<ArrayBuffer>;
  /** The frame that starts here starts a new link. */
  readonly isRestart: boolean;
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** All boundaries of a log with this name and these frames. */
export function plainChain(name: Uint8Array, frames: readonly Uint8Array[]): Boundary[] {
  let link = sha256(new TextEncoder().encode("chat/1 log"), name);
  let position = 0;
  let since: Uint8Array[] = [];
  let size = 0;
  const boundaries: Boundary[] = [];
  for (const frame of [...frames, undefined]) {
    // Where nothing has come since a restart, the value is the restart's.
    const value = size === 0 ? link : sha256(link, ...since);
    const isRestart = frame !== undefined && (position === 0 || frame[4] === JOINED || size >= RUN);
    boundaries.push({ position, value, isRestart });
    if (!frame) break;
    if (isRestart) {
      link = value;
      since = [];
      size = 0;
    }
    since.push(frame);
    size += frame.length;
    position += frame.length;
  }
  return boundaries;
}

/** A frame of the room's log with this many bytes, header included. */
export function logFrame(size: number, { type = MESSAGE, fill = 0 } = {}): Uint8Array<ArrayBuffer> {
  if (size < HEADER) throw new RangeError(`Cannot make a frame of ${size} bytes`);
  const frame = new Uint8Array(size).fill(fill);
  new DataView(frame.buffer).setUint32(0, size - 4);
  frame[4] = type;
  return frame;
}

/** Frames of random sizes and types; JOINED is one in four. Many are about as large as a run, or end a run exactly. */
export function randomFrames(
  minLength: number,
  maxLength: number,
): fc.Arbitrary<Uint8Array<ArrayBuffer>[]> {
  const size = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: HEADER, max: 300 }) },
    { weight: 2, arbitrary: fc.integer({ min: HEADER, max: RUN }) },
    { weight: 1, arbitrary: fc.integer({ min: RUN - 1, max: RUN + 1 }) },
    { weight: 1, arbitrary: fc.integer({ min: RUN, max: 4 * RUN }) },
    // As many as are missing to a run, give or take one.
    { weight: 3, arbitrary: fc.integer({ min: -1, max: 1 }) },
  );
  const type = fc.oneof(
    { weight: 1, arbitrary: fc.constant(JOINED) },
    { weight: 3, arbitrary: fc.constantFrom(MESSAGE, 7, 9, 17) },
  );
  const one = fc.record({ size, type, fill: fc.nat({ max: 255 }) });
  return fc.array(one, { minLength, maxLength, size: "max" }).map((all) => {
    let since = 0;
    return all.map(({ size, type, fill }) => {
      const bytes = size < HEADER ? Math.max(HEADER, RUN - since % RUN + size) : size;
      since = type === JOINED || since >= RUN ? bytes : since + bytes;
      return logFrame(bytes, { type, fill });
    });
  });
}
