// Test helper: the formula of docs/operating.md for the memory of a server. A test compares it with the page, and
// tests/soak/memory_test.ts with a real server. No part of the program.

import { RETURN_PLACES } from "../../server/admission_places.ts";
import { ENDINGS_IN_ALL } from "../../server/endings.ts";
import type { Limits } from "../../server/limits.ts";

export const KIB = 1024;
export const MIB: number = 1024 * KIB;

/** The most bytes of each part. */
export const MEMORY = {
  /** The program, and the garbage of a busy one. */
  program: 192 * MIB,
  /** Into which the frames of members are read that are larger than most. */
  buffers: 16 * MIB,
  /** Of each byte of the room's log. */
  log: 2,
  /** All direct messages that wait. */
  direct: 96 * MIB,
  /** All file data on its way: what may wait, and what is around each frame. */
  data: 320 * MIB,
  /** Each connection that is not admitted yet, or ends. */
  unadmitted: 32 * KIB,
  /** Each member: its objects, the largest frame that it has not sent to its end, and what is being written to it. */
  member: 384 * KIB,
} as const;

/** Connections that come on top of `--max-admissions`. */
export const MORE_UNADMITTED: number = RETURN_PLACES + ENDINGS_IN_ALL;

/** The most memory of a server with these limits, in bytes. */
export function memoryBound(
  { logSize, maxMembers, maxAdmissions }: Pick<Limits, "logSize" | "maxMembers" | "maxAdmissions">,
): number {
  return MEMORY.program + MEMORY.buffers + MEMORY.log * logSize + MEMORY.direct + MEMORY.data +
    MEMORY.unadmitted * (maxAdmissions + MORE_UNADMITTED) + MEMORY.member * maxMembers;
}
