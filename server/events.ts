// What a server tells its operator, a line an event: numbers, addresses and reasons; never content, names
// or codes. Pure; writes nothing.

import type { ErrorCode } from "../protocol.ts";
import { jsonLine, printable } from "../text/printable.ts";

/** Why a member left: `Left` in words. */
export type LeftReason = "bye" | "lost" | "slow" | "refused";
/** Why somebody is refused: the code that it is told, or `other` where none was said. */
export type Refusal = ErrorCode | "other";

/** `peer` is `HOST:PORT`; `members` is how many are in the room then. */
export type ServerEvent =
  /** It takes connections from now on. */
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
  /** Its connection is lost, and its session goes on. */
  | { readonly event: "away"; readonly member: number; readonly members: number }
  | { readonly event: "resumed"; readonly member: number; readonly peer: string }
  /** Somebody was not let in. */
  | {
    readonly event: "refused";
    readonly peer: string;
    readonly code: Refusal;
    readonly message: string;
  }
  /** What it sends has to wait. */
  | { readonly event: "slowed"; readonly member: number }
  | { readonly event: "warned"; readonly member: number }
  /** It went on after the warning, and is dropped. */
  | { readonly event: "flooded"; readonly member: number }
  /** The system could not hand over a connection. */
  | { readonly event: "accept-error"; readonly message: string }
  /** A bug of ours: it cost somebody its connection, and no more. */
  | { readonly event: "internal-error"; readonly message: string }
  | { readonly event: "stopping"; readonly members: number }
  | { readonly event: "stopped" };

/** One line for people, without the newline. Whatever stands in a message, it is safe to print. */
export function formatText(event: ServerEvent): string {
  return printable(describe(event));
}

function describe(event: ServerEvent): string {
  switch (event.event) {
    case "listening":
      return `listening at ${event.address}`;
    case "joined":
      return `member ${event.member} came from ${event.peer}: ${event.members} in the room`;
    case "left":
      return `member ${event.member} left (${event.reason}): ${event.members} in the room`;
    case "away":
      return `member ${event.member} is away: ${event.members} in the room`;
    case "resumed":
      return `member ${event.member} is back from ${event.peer}`;
    case "refused":
      return `refused ${event.peer}: ${event.message}`;
    case "slowed":
      return `member ${event.member} is slowed: it sends more than its budget`;
    case "warned":
      return `member ${event.member} is warned: it has sent more than its budget for long`;
    case "flooded":
      return `member ${event.member} is dropped: it went on sending more than its budget`;
    case "accept-error":
      return `cannot accept a connection: ${event.message}`;
    case "internal-error":
      return `internal error: ${event.message}`;
    case "stopping":
      return `stopping: ${event.members} in the room`;
    case "stopped":
      return "stopped";
  }
}

/** One JSON object on one line, without the newline: `time` (UTC), and the event's fields. */
export function formatJson(event: ServerEvent, now: Date): string {
  return jsonLine({ time: now.toISOString(), ...event });
}
