// What each event changes for the commands: the transcript to save, the target of `/reply`, the picture of
// `/view`, and the names of ignored members. Knows no screen; both screens call it.

import type { Person, Room, RoomEvent } from "../room.ts";
import type { Context } from "./context.ts";
import { isPicture } from "./picture_choice.ts";
import { bareName, type Preferences } from "./preferences.ts";

/**
 * Takes over what commands need from an event. A screen MUST call it once for each event, before it shows the
 * event. False: the event is about an ignored member, and MUST NOT be shown.
 */
export function follow(
  event: RoomEvent,
  context: Pick<Context, "room" | "preferences" | "saved" | "now">,
): boolean {
  const { room, preferences, saved } = context;
  if (event.type === "renamed") {
    if (preferences.isIgnored(event.before) && !event.who.self) {
      followName(event, room, preferences);
    }
    if (event.who.id === preferences.replyId) preferences.reply = event.who.name;
  }
  const about = subject(event);
  if (about && ignores(preferences, about)) return false;
  if (event.type === "direct") {
    preferences.reply = event.from.name;
    preferences.replyId = event.from.id;
  }
  if (event.type === "transfer" && isPicture(event.transfer)) {
    preferences.picture = event.transfer.number;
  }
  saved.add(event, context.now());
  return true;
}

/** The member that an event is about, if the event is hidden when that member is ignored. */
function subject(event: RoomEvent): Person | undefined {
  switch (event.type) {
    case "message":
    case "direct":
    case "unreadable":
    case "offer":
      return event.from;
    case "joined":
    case "left":
    case "renamed":
    case "away":
    case "back":
      return event.who;
    default:
      return undefined;
  }
}

/** Keeps a renamed member ignored. Frees the old name, unless another ignored member still has it. */
function followName(
  { who, before }: RoomEvent & { type: "renamed" },
  { members }: Room,
  preferences: Preferences,
): void {
  const old = bareName(before);
  if (!members.some(({ id, self, name }) => id !== who.id && !self && bareName(name) === old)) {
    preferences.unignore(before);
  }
  preferences.ignore(who.name);
}

/** Whether this member's messages are hidden; the user's own never are. */
export function ignores(preferences: Preferences, { name, self }: Person): boolean {
  return !self && preferences.isIgnored(name);
}
