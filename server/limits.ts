// The limits of a server, each with the reason for its default, and how sizes are read and printed. Pure: numbers.
// `docs/operating.md` explains the same limits to operators.

import { HANDSHAKE_MS } from "../protocol.ts";
import { type Budget } from "../protocol/json_frames.ts";

export interface Limits {
  /** Members at once, including those away. */
  readonly maxMembers: number;
  /** Members at once from one address, including those away; see `networkOf`. */
  readonly maxPerAddress: number;
  /** Connections at once that are not admitted yet. */
  readonly maxAdmissions: number;
  /** Those from one address. */
  readonly maxPending: number;
  /** How long an admission may take, in ms. */
  readonly handshakeMs: number;
  /** Time without a reply before a peer is considered dead, in ms. */
  readonly idleMs: number;
  /** How long a session outlives its connection, in ms; 0: it ends with the connection. */
  readonly graceMs: number;
  /** Bytes of the room's log. */
  readonly logSize: number;
  /** Bytes of the log that a connected member may be behind; never more than `logSize`. */
  readonly backlog: number;
  /** What one member may send; undefined: no limit. */
  readonly budget: Budget | undefined;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Messages that a member may send at once, as seconds of its rate. */
export const FRAME_BURST_SECONDS = 20;
/** Bytes that it may send at once, as seconds of its rate. */
export const BYTE_BURST_SECONDS = 16;
/** The value in `Budget` for "no limit": the greatest that a client accepts. */
export const UNLIMITED = 2 ** 31;

/** The smallest log: four of the largest frames, so that one frame does not push out all others. */
export const MIN_LOG = MIB;
/** The largest log: it is kept in memory. */
export const MAX_LOG: number = 1024 * MIB;
/** The smallest `--keep`: a segment of it holds a few of the largest frames, and far more than most snapshots. */
export const MIN_KEEP: number = 8 * MIB;
/** The greatest `--keep`: the log in memory is as large. */
export const MAX_KEEP: number = MAX_LOG;
/** About a million messages of 64 bytes: weeks of an office. */
export const DEFAULT_KEEP: number = 64 * MIB;
/** With less, a member that changes trains would miss messages. */
export const MIN_KEEP_MS = 60_000;
export const MAX_KEEP_MS: number = 365 * 86_400_000;
/** A week: people come back from a holiday, and no message is kept for ever. */
export const DEFAULT_KEEP_MS: number = 7 * 86_400_000;
/** The greatest number of members or connections that an option accepts: more than anyone needs. */
export const MAX_COUNT = 999_999;
/** The smallest backlog: with less, a single largest frame would disconnect a member. */
export const MIN_BACKLOG = 256 * KIB;
/** The smallest byte rate: with it, a burst is two of the largest messages. */
export const MIN_BYTE_RATE = 32 * KIB;
/** The greatest byte rate: its burst is still a number that a client accepts. */
export const MAX_BYTE_RATE: number = UNLIMITED / BYTE_BURST_SECONDS;

/**
 * The budget of a member, from its rates; 0 means no limit.
 *
 * @param rate messages a second in the long run
 * @param byteRate bytes a second in the long run
 * @returns undefined if neither is limited
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

/** How many members' budgets one network has: a busy office, and no more than a share of the room. */
const NETWORK_MEMBERS = 8;
/** What one room may carry in a second: each member's client reads, checks and shows all of it. */
const ROOM_FRAMES = 2_000;
const ROOM_BYTES = 8 * MIB;

/**
 * What all members of one network may send together, and what the room may. A limit that a member does not have, they do
 * not have either. The room has at least what one network has, so that a raised budget holds.
 */
export function sharesOf(budget: Budget): { network: Budget; room: Budget } {
  const network = {
    frames: NETWORK_MEMBERS * budget.frames,
    frameBurst: NETWORK_MEMBERS * budget.frameBurst,
    bytes: NETWORK_MEMBERS * budget.bytes,
    byteBurst: NETWORK_MEMBERS * budget.byteBurst,
  };
  // It holds a second of its rate, so a paste of one member passes at once.
  const frames = Math.max(ROOM_FRAMES, network.frames);
  const bytes = Math.max(ROOM_BYTES, network.bytes);
  return { network, room: { frames, frameBurst: frames, bytes, byteBurst: bytes } };
}

/** The default backlog: seconds of the busiest room. Of a small log half: the rest is for members that are away. */
export function backlogOf(logSize: number): number {
  return Math.min(4 * MIB, logSize / 2);
}

/**
 * The default grace in a sealed room, in ms: overnight, or until the laptop is opened again. A session cannot be taken
 * over: to resume it takes the key of its login.
 */
const SEALED_GRACE_MS = 24 * 3_600_000;
/** In an xor room an overheard token is enough to resume a session. So it lasts for a lift or a tunnel, no longer. */
export const XOR_GRACE_MS = 60_000;
/** The greatest grace, in ms: a week. A member that stays away longer has left. */
export const MAX_GRACE_MS: number = 7 * 86_400_000;

/**
 * Messages a second: fifty are more than anyone can read, and enough for a script that reports each step of its work.
 * The burst, a thousand, is enough to send a log file line by line.
 */
export const DEFAULT_RATE = 50;
/**
 * Bytes a second: one of the largest messages. The burst, 4 MiB, is sixteen of these; so a paste of 2,000 lines,
 * which is one message, passes at once.
 */
export const DEFAULT_BYTE_RATE: number = 256 * KIB;

export const DEFAULT_BUDGET: Budget = budgetOf(DEFAULT_RATE, DEFAULT_BYTE_RATE)!;

/**
 * About 400,000 messages of 64 bytes: what a busy room says in a day. It is the memory of the busiest room, however many
 * members it has.
 */
const LOG_SIZE = 32 * MIB;

/** Those of a sealed room. In an xor room, the grace is `XOR_GRACE_MS`. */
export const DEFAULT_LIMITS: Limits = {
  // Each newcomer gets the list of members, and each message goes to all: this many one process serves well.
  maxMembers: 5_000,
  // An office behind one address fits; a single machine cannot take all places.
  maxPerAddress: 256,
  // With frames of at most 8 KiB, this bounds the memory of all unadmitted connections.
  maxAdmissions: 1_024,
  // Most people behind one address do not join in the same second; and it takes 32 addresses to take all places.
  maxPending: 32,
  // A login takes less than a second; the rest is for slow networks and slow machines.
  handshakeMs: HANDSHAKE_MS,
  // Long enough for a network with a bad moment, short enough that others soon learn of a lost member.
  idleMs: 30_000,
  graceMs: SEALED_GRACE_MS,
  logSize: LOG_SIZE,
  backlog: backlogOf(LOG_SIZE),
  budget: DEFAULT_BUDGET,
};

/** From the largest; a number without a letter is in bytes. */
const UNITS: readonly (readonly [letter: string, bytes: number])[] = [
  ["G", 1024 * MIB],
  ["M", MIB],
  ["K", KIB],
  ["", 1],
];

/**
 * Reads a size: bytes, or an integer followed by `K`, `M` or `G`; undefined if it is invalid.
 *
 * @example
 * ```ts
 * sizeOf("8M"); // 8388608
 * ```
 */
export function sizeOf(text: string): number | undefined {
  // At most ten digits: longer numbers are never meant.
  const [, digits, unit = ""] = /^(\d{1,10})([KMG]?)$/i.exec(text) ?? [];
  const [, bytes] = UNITS.find(([letter]) => letter === unit.toUpperCase()) ?? [];
  return digits === undefined || bytes === undefined ? undefined : Number(digits) * bytes;
}

/** The shortest text that `sizeOf` reads as this number of bytes. */
export function formatSize(bytes: number): string {
  const [letter, unit] = UNITS.find(([, unit]) => bytes >= unit && bytes % unit === 0) ?? ["", 1];
  return `${bytes / unit}${letter}`;
}
