// What a server grants: how many, how much, how long; each with the reason for its default. Pure: numbers.
// `docs/operating.md` has the same for who runs a room.

import { HANDSHAKE_MS } from "../protocol.ts";
import { type Budget } from "../protocol/json_frames.ts";

export interface Limits {
  /** Members at once, those who are away too. */
  readonly maxMembers: number;
  /** Connections at once from one address: see `networkOf`. */
  readonly maxPerAddress: number;
  /** Connections at once that are not admitted yet. */
  readonly maxAdmissions: number;
  /** How long an admission may take, in ms. */
  readonly handshakeMs: number;
  /** A peer from which nothing comes for so long, though it was asked, is taken for dead; in ms. */
  readonly idleMs: number;
  /** How long a session outlives its connection, in ms; 0: it ends with it. */
  readonly graceMs: number;
  /** Bytes of the room's log. */
  readonly logSize: number;
  /** Bytes of the log that a connected member may be behind; never more than the log has. */
  readonly backlog: number;
  /** What one member may send; undefined: as much as it can. */
  readonly budget: Budget | undefined;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Messages that a member may send at once, as seconds of its rate. */
export const FRAME_BURST_SECONDS = 20;
/** Bytes that it may send at once, as seconds of its rate. */
export const BYTE_BURST_SECONDS = 16;
/** What a limit of `Budget` is where there is none: the greatest that a client takes. */
export const UNLIMITED = 2 ** 31;

/** The least log: four of the largest frames, so that one of them does not push out all the others. */
export const MIN_LOG = MIB;
/** The greatest log: it stands in memory. */
export const MAX_LOG: number = 1024 * MIB;
/** More than any number of members or connections needs to be. */
export const MAX_COUNT = 999_999;
/** A backlog of less would drop a member for one largest frame. */
export const MIN_BACKLOG = 256 * KIB;
/** The least byte rate: with it, two of the largest messages are one burst. */
export const MIN_BYTE_RATE = 32 * KIB;
/** The greatest byte rate: its burst is still a number that a client takes. */
export const MAX_BYTE_RATE: number = UNLIMITED / BYTE_BURST_SECONDS;

/**
 * What a member may send, from its rates; 0 stands for no limit.
 *
 * @param rate messages a second in the long run
 * @param byteRate bytes a second in the long run
 * @returns undefined where neither is limited
 */
export function budgetOf(rate: number, byteRate: number): Budget | undefined {
  if (rate === 0 && byteRate === 0) return undefined;
  return {
    frames: rate || UNLIMITED,
    frameBurst: FRAME_BURST_SECONDS * rate || UNLIMITED,
    bytes: byteRate || UNLIMITED,
    byteBurst: BYTE_BURST_SECONDS * byteRate || UNLIMITED,
  };
}

/** How far behind a connected member may be where nobody says: the other half is for those who are away. */
export function backlogOf(logSize: number): number {
  return logSize / 2;
}

/**
 * Messages a second: fifty are more than anybody reads, and a script that reports each step of its work
 * passes. The burst, a thousand, is a log that somebody sends line by line.
 */
export const DEFAULT_RATE = 50;
/**
 * Bytes a second: a largest message each second. The burst, 4 MiB, is sixteen of these; so a paste of
 * 2,000 lines, which is one message, passes at once.
 */
export const DEFAULT_BYTE_RATE: number = 256 * KIB;

export const DEFAULT_BUDGET: Budget = budgetOf(DEFAULT_RATE, DEFAULT_BYTE_RATE)!;

/** Some hundred thousand messages of 64 bytes; what the busiest room costs, whatever its number of members. */
const LOG_SIZE = 8 * MIB;

export const DEFAULT_LIMITS: Limits = {
  // Each joiner gets the list of members, and each message goes to all: what one process can serve well.
  maxMembers: 5_000,
  // An office behind one address fits in; a single machine can't take all places.
  maxPerAddress: 256,
  // With 8 KiB each, what strangers cost together is bounded.
  maxAdmissions: 1_024,
  // A login takes less than a second; the rest is for slow networks and slow machines.
  handshakeMs: HANDSHAKE_MS,
  // Long enough for a network that has a bad moment, short enough that others learn of it.
  idleMs: 30_000,
  // A change of network, a lift, a tunnel; and nobody stands in the list for long who is not coming back.
  graceMs: 60_000,
  logSize: LOG_SIZE,
  backlog: backlogOf(LOG_SIZE),
  budget: DEFAULT_BUDGET,
};

/** From the largest; 1 is nothing behind the number. */
const UNITS: readonly (readonly [letter: string, bytes: number])[] = [
  ["G", 1024 * MIB],
  ["M", MIB],
  ["K", KIB],
  ["", 1],
];

/**
 * Reads a size: bytes, or a whole number of `K`, `M` or `G`; undefined if it is none.
 *
 * @example
 * ```ts
 * sizeOf("8M"); // 8388608
 * ```
 */
export function sizeOf(text: string): number | undefined {
  // A few digits, so that no number is read that could not be right.
  const [, digits, unit = ""] = /^(\d{1,10})([KMG]?)$/i.exec(text) ?? [];
  const [, bytes] = UNITS.find(([letter]) => letter === unit.toUpperCase()) ?? [];
  return digits === undefined || bytes === undefined ? undefined : Number(digits) * bytes;
}

/** The shortest that `sizeOf` reads as so many bytes. */
export function formatSize(bytes: number): string {
  const [letter, unit] = UNITS.find(([, unit]) => bytes >= unit && bytes % unit === 0) ?? ["", 1];
  return `${bytes / unit}${letter}`;
}
