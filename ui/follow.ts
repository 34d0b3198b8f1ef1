// TODO: say what this is.

import type { Person, Room, RoomEvent } from "../room.ts";
import type { Context } from "./context.ts";
import { isPicture } from "./picture_choice.ts";
import { bareName, type Preferences } from "./preferences.ts";

/**
 * Keeps what commands need to know of what happens: screens call it with each event, once, before they
 * show it. False: it is of somebody who is ignored, and not to be shown.
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

/** Whom an event is about, where it is of no interest if that one is ignored. */
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

/** Who is ignored stays so under a new name; the old one is free, unless others have it who are ignored too. */
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

/** Whether what this member says is not shown; what one says oneself always is. */
export function ignores(preferences: Preferences, { name, self }: Person): boolean {
  return !self && preferences.isIgnored(name);
}
