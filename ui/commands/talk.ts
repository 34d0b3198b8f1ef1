// Commands that send messages.

import { ChatError } from "../../errors.ts";
import { bareName, hasOtherKey, otherKeyError, type Room } from "../../room.ts";
import { printable } from "../../text/printable.ts";
import { type SlashCommand, written } from "./command.ts";

export const TALK: readonly SlashCommand[] = [
  {
    name: "me",
    args: "TEXT",
    help: "describes what you do: /me waves",
    run: (context, text: string) => void context.room.act(written(text, context)),
  },
  {
    name: "msg",
    args: "MEMBER TEXT",
    help: "sends a direct message: /msg alice see you at ten",
    members: ({ room }) => receivers(room),
    run: (context, who: string, text: string) =>
      void context.room.tell(who, written(text, context)),
  },
  {
    name: "reply",
    args: "TEXT",
    help: "replies to the last direct message",
    run(context, text: string) {
      const { room, preferences: { reply, replyId } } = context;
      if (reply === undefined) {
        throw new ChatError("Cannot reply: you have not received a direct message yet", {
          hint: "/msg MEMBER TEXT writes to one member",
        });
      }
      // Somebody else may have taken the name since, and must not read the answer.
      const person = room.members.find(({ id, name }) => (
        id === replyId && bareName(name) === bareName(reply)
      ));
      if (!person) {
        const name = printable(reply);
        throw new ChatError(`Cannot reply: ${name}, who sent the last direct message, has left`, {
          hint: `/msg ${name} TEXT writes to the member that has the name now`,
        });
      }
      if (hasOtherKey(person)) throw otherKeyError(person);
      room.tell(person.id, written(text, context));
    },
  },
];

/**
 * What Tab offers for a member that gets something for it alone: without the mark of another key. Nobody shall send to
 * such a member because Tab has typed its mark.
 */
export function receivers({ members }: Room): string[] {
  return members.filter(({ self }) => !self).map(({ name }) => name.replace(/\(!\)$/, ""));
}
