// Commands that send messages.

import { ChatError } from "../../errors.ts";
import { bareName, hasOtherKey, otherKeyError, type Person, type Room } from "../../room.ts";
import { printable } from "../../text/printable.ts";
import type { Context } from "../context.ts";
import type { Preferences } from "../preferences.ts";
import { statusNotice } from "../status_text.ts";
import { type SlashCommand, written } from "./command.ts";

export const TALK: readonly SlashCommand[] = [
  {
    name: "me",
    others: ["action", "emote"],
    args: "TEXT",
    help: "describes what you do: /me waves",
    run: (context, text: string) => void context.room.act(written(text, context)),
  },
  {
    name: "msg",
    others: ["w", "dm", "query", "whisper", "tell", "pm"],
    args: "MEMBER TEXT",
    help: "sends a direct message: /msg alice see you at ten",
    members: ({ room }) => receivers(room),
    run: (context, who: string, text: string) => tell(context, who, text),
  },
  {
    name: "reply",
    args: "TEXT",
    help: "replies to the last direct message",
    expand({ room, preferences }) {
      const person = lastSender(room, preferences);
      return person && { text: `/msg ${pinned(person)} `, used: 0 };
    },
    run(context, text: string) {
      const { room, preferences } = context;
      const { reply } = preferences;
      if (reply === undefined) {
        throw new ChatError("Cannot reply: you have not received a direct message yet", {
          hint: "/msg MEMBER TEXT writes to one member",
        });
      }
      const person = lastSender(room, preferences);
      if (!person) {
        const name = printable(reply);
        throw new ChatError(`Cannot reply: ${name}, who sent the last direct message, has left`, {
          hint: `/msg ${name} TEXT writes to the member that has the name now`,
        });
      }
      if (hasOtherKey(person)) throw otherKeyError(person);
      tell(context, person.id, text);
    },
  },
];

/** Sends a direct message. Shows the receiver's status, once for each text. */
function tell(context: Context, who: string | number, text: string): void {
  const { room, preferences: { statuses }, print } = context;
  const ref = room.tell(who, written(text, context));
  const to = room.pending.find((one) => one.ref === ref)?.to;
  if (to?.status === undefined || to.self || statuses.get(to.id) === to.status) return;
  statuses.set(to.id, to.status);
  print(printable(statusNotice({ who: to })));
}

/**
 * The sender of the last direct message. Undefined if it has left: somebody else may have taken the name since, and must
 * not read the answer.
 */
function lastSender({ members }: Room, { reply, replyId }: Preferences): Person | undefined {
  if (reply === undefined) return undefined;
  return members.find(({ id, name }) => id === replyId && bareName(name) === bareName(reply));
}

/**
 * This member as one word for `/msg`, which means nobody else later. A name whose key is known is enough: another member
 * that takes it has another key, and gets nothing. Otherwise the id is part of the word. The mark of another key is never
 * written for the user.
 */
function pinned({ id, name, key }: Person): string {
  const isProved = key !== undefined && bareName(name) === name;
  return isProved ? name : `${bareName(name)}#${id}`;
}

/**
 * What Tab offers for a member that gets something for it alone: without the mark of another key. Nobody shall send to
 * such a member because Tab has typed its mark.
 */
export function receivers({ members }: Room): string[] {
  return members.filter(({ self }) => !self).map(({ name }) => name.replace(/\(!\)$/, ""));
}
