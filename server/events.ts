// The events that a server reports to its operator, one line each: numbers, addresses and reasons; never content,
// names or codes. Pure; writes nothing.

import { type ErrorCode, Left } from "../protocol.ts";
import { jsonLine, printable } from "../text/printable.ts";
import type { NewLogReason } from "./recovery.ts";
import type { PlaceLimit } from "./member_places.ts";

/** Why a member left: `Left` as a word. */
export type LeftReason = "bye" | "lost" | "slow" | "refused" | "removed";
/** Why a connection was refused: the code that it was sent, or `other` if it was sent none. */
export type Refusal = ErrorCode | "other";

/** `peer` is `HOST:PORT`; `members` is how many are in the room after the event. */
export type ServerEvent =
  /** The server accepts connections. */
  | { readonly event: "listening"; readonly address: string }
  | {
    readonly event: "joined";
    readonly member: number;
    readonly peer: string;
    readonly members: number;
  }
  | {
    readonly event: "left";
    readonly member: number;
    readonly reason: LeftReason;
    readonly members: number;
  }
  /** The member has lost its connection; its session goes on. */
  | { readonly event: "away"; readonly member: number; readonly members: number }
  /** The member was away, and has to leave for a newcomer. */
  | { readonly event: "evicted"; readonly member: number; readonly limit: PlaceLimit }
  | { readonly event: "resumed"; readonly member: number; readonly peer: string }
  /** A connection was not admitted. */
  | {
    readonly event: "refused";
    readonly peer: string;
    readonly code: Refusal;
    readonly message: string;
  }
  /** The member's frames have to wait. */
  | { readonly event: "slowed"; readonly member: number }
  | { readonly event: "warned"; readonly member: number }
  /** The member did not stop after the warning, and is disconnected. */
  | { readonly event: "flooded"; readonly member: number }
  /** The system could not accept a connection. */
  | { readonly event: "accept-error"; readonly message: string }
  /** A bug in the server: it cost one connection, and no more. */
  | { readonly event: "internal-error"; readonly message: string }
  /** The room of an earlier process goes on, with this many members. */
  | { readonly event: "continued"; readonly members: number; readonly entries: number }
  /** The room of an earlier process cannot go on: its members have to join again. */
  | { readonly event: "new-log"; readonly reason: NewLogReason }
  /** A moderator has done something, or (0) the operator; perhaps about a member. */
  | {
    readonly event: "governed";
    readonly action: string;
    readonly by: number;
    readonly member?: number;
  }
  /** The disk takes nothing more: new messages end with this process. */
  | { readonly event: "disk-failed"; readonly message: string }
  /** The disk takes data again. */
  | { readonly event: "disk-works" }
  | { readonly event: "stopping"; readonly members: number }
  | { readonly event: "stopped" };

const LEFT_REASONS: Readonly<Record<number, LeftReason>> = {
  [Left.BYE]: "bye",
  [Left.LOST]: "lost",
  [Left.SLOW]: "slow",
  [Left.REFUSED]: "refused",
  [Left.REMOVED]: "removed",
};

const NEW_LOG: Readonly<Record<NewLogReason, string>> = {
  power: "the machine restarted without a stop of the server, so the last messages may be missing",
  damage: "the end of the log on the disk is damaged",
  disk: "the disk failed before the server ended",
};

/** One of `Left` as a word. */
export function leftReason(reason: number): LeftReason {
  return LEFT_REASONS[reason]!;
}

/** One line for people, without the newline. Safe to print, whatever a message contains. */
export function formatText(event: ServerEvent): string {
  return printable(describe(event));
}

function describe(event: ServerEvent): string {
  switch (event.event) {
    case "listening":
      return `listening at ${event.address}`;
    case "joined":
      return `member ${event.member} joined from ${event.peer} (${event.members} in the room)`;
    case "left":
      return `member ${event.member} left: ${event.reason} (${event.members} in the room)`;
    case "away":
      return `member ${event.member} is away (${event.members} in the room)`;
    case "evicted":
      return `member ${event.member}, away longest, makes room for a newcomer (limit: ${event.limit})`;
    case "resumed":
      return `member ${event.member} resumed from ${event.peer}`;
    case "refused":
      return `refused ${event.peer}: ${event.message}`;
    case "slowed":
      return `member ${event.member} is slowed down: it exceeds its budget`;
    case "warned":
      return `member ${event.member} is warned: it keeps exceeding its budget`;
    case "flooded":
      return `member ${event.member} is disconnected: it kept exceeding its budget`;
    case "accept-error":
      return `cannot accept a connection: ${event.message}`;
    case "internal-error":
      return `internal error: ${event.message}`;
    case "continued":
      return `the room continues where it stopped (${event.members} in the room)`;
    case "new-log":
      return `the room has a new log, and its members join again: ${NEW_LOG[event.reason]}`;
    case "governed": {
      const who = event.by === 0 ? "the operator" : `member ${event.by}`;
      const whom = event.member === undefined ? "" : ` member ${event.member}`;
      return `${who}: ${event.action}${whom}`;
    }
    case "disk-failed":
      return `cannot keep the room on the disk, it is only in memory now: ${event.message}`;
    case "disk-works":
      return "the room is kept on the disk again";
    case "stopping":
      return `stopping (${event.members} in the room)`;
    case "stopped":
      return "stopped";
  }
}

/** One JSON object on one line, without the newline: `time` (UTC) and the event's fields. */
export function formatJson(event: ServerEvent, now: Date): string {
  return jsonLine({ time: now.toISOString(), ...event });
}
