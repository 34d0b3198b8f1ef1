// Which events have rows in the transcript. Pure.

import type { RoomEvent } from "../room.ts";
import { connectionNotice, warnings } from "./notices.ts";
import { changesSentence, transferSentence } from "./transfer_text.ts";

/**
 * Whether an event has rows. Members that join, leave, are away or back have none, because `GroupedNotices` has them;
 * warnings about them are shown.
 */
export function isShown(event: RoomEvent, now: Date): boolean {
  switch (event.type) {
    case "welcome":
    case "members":
    case "message":
    case "direct":
    case "delivered":
    case "undelivered":
    case "edited":
    case "deleted":
      return true;
    case "away":
    case "back":
      return false;
    case "renamed":
      return event.before !== event.who.name; // The list had it already.
    case "status":
      return event.who.self;
    case "topic":
    case "notice":
    case "bans":
    case "refused":
      return true;
    case "ended":
      return event.ending.reason !== "left";
    case "offer":
    case "forgotten":
    case "incomplete":
    case "unsent":
      return true;
    case "changes":
      return changesSentence(event) !== undefined;
    case "transfer":
      return transferSentence(event.transfer, { begins: false }) !== undefined;
    default:
      return connectionNotice(event) !== undefined || warnings(event, now).length > 0;
  }
}
