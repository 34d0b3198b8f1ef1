// What each event changes for the commands: the transcript to save, the target of `/reply`, the picture of
// `/view`, and the names of ignored members. Knows no screen; both screens call it.

import type { EndReason, Person, RoomEvent, Transfer } from "../room.ts";
import type { Context } from "./context.ts";
import type { Ignored } from "./ignored.ts";
import { isPicture } from "./picture_choice.ts";

/**
 * Takes over what commands need from an event. A screen MUST call it once for each event, before it shows the
 * event. It MUST show the returned event, which quotes no ignored member; undefined: none, because the event is about
 * an ignored member.
 */
export function follow(
  event: RoomEvent,
  context: Pick<Context, "room" | "preferences" | "saved" | "now">,
): RoomEvent | undefined {
  const { room, preferences, saved } = context;
  const { ignored } = preferences;
  if (event.type === "renamed") {
    ignored.renamed(event, room.members);
    if (event.who.id === preferences.replyId) preferences.reply = event.who.name;
  }
  if (event.type === "joined") ignored.named(event.who);
  // The key proves that it is the same person.
  if (event.type === "joined" && event.replaces && event.replaces.id === preferences.replyId) {
    preferences.reply = event.who.name;
    preferences.replyId = event.who.id;
  }
  if (event.type === "members") event.members.forEach((member) => ignored.named(member));
  followBans(event, preferences.bans);
  if (isRepeated(event, preferences)) return undefined;
  const about = subject(event);
  if (about && ignored.has(about)) return undefined;
  if (event.type === "direct") {
    preferences.reply = event.from.name;
    preferences.replyId = event.from.id;
  }
  if (event.type === "transfer" && isPicture(event.transfer)) {
    preferences.picture = event.transfer.number;
  }
  const shown = withoutIgnored(event, ignored);
  saved.add(shown, context.now());
  return shown;
}

/** Bans that are remembered: a server has no more at once. */
const MAX_BANS = 256;

function followBans(event: RoomEvent, bans: Map<number, string>): void {
  if (event.type === "bans") {
    bans.clear();
    for (const { number, who, member } of event.bans.slice(0, MAX_BANS)) {
      bans.set(number, who?.name ?? `member ${member}`);
    }
  }
  if (event.type !== "notice" || event.ban === undefined) return;
  bans.delete(event.ban);
  if (event.action !== "ban" || !event.who) return;
  if (bans.size >= MAX_BANS) bans.delete(bans.keys().next().value!);
  bans.set(event.ban, event.who.name);
}

/** Members whose removal is remembered until they leave: they leave at once. */
const MAX_REMOVED = 100;

/** Whether a member leaves because of a removal that a notice has shown. */
function isRepeated(event: RoomEvent, { removed }: Context["preferences"]): boolean {
  if (event.type === "notice" && event.who && ["kick", "ban"].includes(event.action)) {
    if (removed.size >= MAX_REMOVED) removed.clear();
    removed.add(event.who.id);
  }
  return event.type === "left" && event.reason === "removed" && removed.delete(event.who.id);
}

/** The event without what ignored members have written. */
function withoutIgnored(event: RoomEvent, ignored: Ignored): RoomEvent {
  if (event.type === "members") {
    return { ...event, members: event.members.map((member) => ignored.silenced(member)) };
  }
  const isQuoteHidden = "quoted" in event && event.quoted && ignored.has(event.quoted.from);
  return isQuoteHidden ? { ...event, quoted: undefined } : event;
}

/** The member that an event is about, if the event is hidden when that member is ignored. */
function subject(event: RoomEvent): Person | undefined {
  switch (event.type) {
    case "message":
    case "edited":
    case "deleted":
    case "reacted":
    case "direct":
    case "unreadable":
    case "offer":
    case "forgotten":
      return event.from;
    case "joined":
    case "left":
    case "renamed":
    case "away":
    case "back":
    case "forked":
    case "agreed":
    case "keychanged":
    case "status":
    case "topic":
      return event.who;
    case "changes":
      return event.transfers.every(isWithdrawn) ? event.from : undefined;
    case "transfer":
      return isWithdrawn(event.transfer) ? event.transfer.who : undefined;
    default:
      return undefined;
  }
}

/** Whether an offer ended because of its sender, before anything was received: only then it is not the user's, too. */
function isWithdrawn({ direction, bytes, reason, message }: Transfer): boolean {
  return direction === "in" && bytes === 0 && message !== undefined && reason !== undefined &&
    BY_SENDER.includes(reason);
}

const BY_SENDER: readonly EndReason[] = ["cancelled", "changed", "removed", "unreadable", "other"];
