// What a frame takes of its sender's budget: by the work that it makes for the others. The server charges by it, and
// the client paces itself by it. Pure.

import { HEADER_SIZE, LENGTH_SIZE, MAX_PROFILE, readU32, Type } from "../protocol.ts";

/** What is taken of a budget. */
export interface Cost {
  readonly frames: number;
  readonly bytes: number;
}

/**
 * The part of its bytes that a direct message takes. It is written once, and not for each member; but a server that
 * keeps its room also writes it to its disk, where it takes the place of older entries.
 */
const DIRECT_BYTES = 1 / 4;
/** The part of their bytes that other frames to one member take, or to none: no server keeps them. */
const UNKEPT_BYTES = 1 / 64;
/** What a direct message takes of a frame. It is work for two members: the receiver, and the sender with its ACK. */
const DIRECT_FRAMES = 1 / 8;
/** What HAVE and GRANT take of a frame: they are work for the server, or for one other member. */
const SMALL_FRAMES = 1 / 64;

/**
 * What a new member takes. Its JOINED and LEFT go to all members, each of which checks a signature and shows a line;
 * and it receives the list of members.
 */
export const JOIN_COST: Cost = { frames: 4, bytes: HEADER_SIZE + MAX_PROFILE };

/** What a resumption takes: the server checks a proof, and tells the others that the member is back. */
export const RESUME_COST: Cost = { frames: 1, bytes: HEADER_SIZE };

/**
 * What a frame takes.
 *
 * @param frame complete, header included
 */
export function costOf(frame: Uint8Array): Cost {
  const { length } = frame;
  const type = frame[LENGTH_SIZE];
  if (type === Type.HAVE || type === Type.GRANT) {
    return { frames: SMALL_FRAMES, bytes: UNKEPT_BYTES * length };
  }
  // DATA that was granted takes nothing: it is not charged at all.
  if (type === Type.DATA) return { frames: DIRECT_FRAMES, bytes: UNKEPT_BYTES * length };
  const isDirect = type === Type.MESSAGE && readU32(frame, LENGTH_SIZE + 1) !== 0;
  if (isDirect) return { frames: DIRECT_FRAMES, bytes: DIRECT_BYTES * length };
  return { frames: 1, bytes: length };
}
