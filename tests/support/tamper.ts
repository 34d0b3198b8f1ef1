// Test helper: alterations of single frames, for a `Relay` to apply between clients and their server. No part of
// the program.

import { concat } from "@std/bytes/concat";
import { encodeFrame, type Frame, HEADER_SIZE, readdress, Type } from "../../protocol.ts";
import type { Direction } from "./fault_proxy.ts";
import type { Tamper } from "./relay.ts";

/** Selects one frame: the `nth` of those that fit, counted from 0. */
export interface FrameSelector {
  readonly direction: Direction;
  readonly nth: number;
  readonly fits: (frame: Frame) => boolean;
}

export const select = (
  direction: Direction,
  type: number,
  nth = 0,
  fits: (frame: Frame) => boolean = () => true,
): FrameSelector => ({ direction, nth, fits: (frame) => frame.type === type && fits(frame) });

/**
 * Returns the bytes to pass on instead of a frame: `now` at once, and `later` after the next frame of the same
 * direction. `earlier` holds the frames before it.
 */
export type Alteration = (
  frame: Frame,
  earlier: readonly Frame[],
) => { now?: readonly Uint8Array[]; later?: Uint8Array };

function changed(frame: Frame, change: (bytes: Uint8Array) => void): { now: Uint8Array[] } {
  const bytes = frame.bytes.slice();
  change(bytes);
  return { now: [bytes] };
}

const NOTHING = new Uint8Array(0);

const withBody = ({ type, id }: Frame, body: Uint8Array) => ({
  now: [encodeFrame(type, id, body)],
});

export const ALTERATIONS: Readonly<Record<string, Alteration>> = {
  "dropped": () => ({}),
  "repeated": ({ bytes }) => ({ now: [bytes, bytes] }),
  "repeated later": ({ bytes }) => ({ now: [bytes], later: bytes }),
  "after the next": ({ bytes }) => ({ later: bytes }),
  "with an earlier body": (frame, [first]) => withBody(frame, (first ?? frame).body),
  "with the latest body": (frame, earlier) => withBody(frame, (earlier.at(-1) ?? frame).body),
  "shorter": (frame) => withBody(frame, frame.body.subarray(0, -1)),
  "longer": (frame) => withBody(frame, concat([frame.body, new Uint8Array(1)])),
  "emptied": (frame) => withBody(frame, NOTHING),
  "length + 1": (frame) => changed(frame, (bytes) => bytes[3]!++),
  "length - 1": (frame) => changed(frame, (bytes) => bytes[3]!--),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((part) => [
    `bit flipped after ${part}/5`,
    (frame: Frame) =>
      changed(frame, (bytes) => {
        const at = Math.floor(part * (frame.body.length - 1) / 5);
        if (frame.body.length > 0) bytes[HEADER_SIZE + at]! ^= 1;
      }),
  ])),
  ...Object.fromEntries([0, 1, 2, 3, 99].map((id) => [
    `id ${id}`,
    (frame: Frame) => changed(frame, (bytes) => readdress(bytes, frame.type, id)),
  ])),
  ...Object.fromEntries(
    Object.entries(Type).map(([name, type]) => [
      `as ${name}`,
      (frame: Frame) => changed(frame, (bytes) => readdress(bytes, type, frame.id)),
    ]),
  ),
};

export interface Attack {
  readonly tamper: Tamper;
  /** Whether the selected frame came, and whether its bytes were altered. */
  readonly done: () => { hit: boolean; changed: boolean };
}

/** Applies one alteration to one frame; passes all other frames on unchanged. */
export function alter({ direction, nth, fits }: FrameSelector, how: Alteration): Attack {
  let count = 0;
  let hit = false;
  let changed = false;
  let later: Uint8Array | undefined;
  const earlier: Frame[] = [];
  return {
    done: () => ({ hit, changed }),
    tamper(frame, from) {
      if (from !== direction) return [frame.bytes];
      if (fits(frame) && count++ === nth) {
        const result = how(frame, earlier);
        const now = concat(result.now ?? []);
        hit = true;
        changed = result.later !== undefined || now.toHex() !== frame.bytes.toHex();
        later = result.later;
        return [now];
      }
      earlier.push(frame);
      const pieces = later ? [frame.bytes, later] : [frame.bytes];
      later = undefined;
      return pieces;
    },
  };
}
