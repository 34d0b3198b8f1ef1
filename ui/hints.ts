// What to try after an error, for each kind of reader: a person has commands, a program has requests, a shell has
// options. The parts that refuse a request know none of them, and give a `refusal`. Pure.

import type { ChatError, Refusal } from "../errors.ts";

/** The reader of a hint. */
export type Reader = "person" | "program" | "shell";

/** The hints that name a way to go on; `about` is the name that the error is about. */
const HINTS: Partial<Record<Refusal, Readonly<Record<Reader, (about: string) => string>>>> = {
  nobody: {
    person: () => "/who lists the members",
    program: () => '{"type":"who"} asks for the members and their ids',
    shell: () => "The member must be in the room: chat join, then /who, lists the members",
  },
  keychanged: {
    person: (about) =>
      `Compare words with /verify ${about} and then /trust ${about}; ` +
      `or, to do it all the same, write the name as ${about}(!)`,
    program: (about) => `To do it all the same, name the member by its id, or as "${about}(!)"`,
    shell: (about) =>
      `Compare words in chat join, with /verify ${about} and then /trust ${about}; ` +
      `or, to do it all the same, write the name as '${about}(!)'`,
  },
  silenced: {
    person: () => "/msg MEMBER TEXT still writes to one member",
    program: () => '"tell" still writes to one member',
    shell: () => "chat send --to MEMBER, or /msg in chat join, still writes to one member",
  },
  readonly: {
    person: () => "/msg MEMBER TEXT writes to one member",
    program: () => '"tell" writes to one member',
    shell: () => "chat send --to MEMBER, or /msg in chat join, writes to one member",
  },
  moderator: {
    person: () => "/op lists the moderators",
    program: () => '{"type":"who"} asks for the members, and which of them are moderators',
    shell: () => "chat join, then /op, lists the moderators",
  },
  protected: {
    person: (about) => `/deop ${about} ends that, unless the operator has made it a moderator`,
    program: () => '"deop" ends that, unless the operator has made it a moderator',
    shell: (about) => `chat join, then /deop ${about}, ends that`,
  },
  ban: {
    person: () => "/bans lists the bans with their numbers",
    program: () => '{"type":"bans"} asks for the bans and their numbers',
    shell: () => "chat join, then /bans, lists the bans with their numbers",
  },
  transfer: {
    person: () =>
      "/transfers lists all transfers with their numbers; /cancel stops one that you have accepted",
    program: () => '{"type":"transfers"} asks for all transfers and their numbers',
    shell: () => "chat join, then /transfers, lists all transfers",
  },
};

/** What this reader can try next; undefined: nothing is known. */
export function hintOf(
  { refusal, about = "", hint }: ChatError,
  reader: Reader,
): string | undefined {
  return (refusal && HINTS[refusal]?.[reader](about)) ?? hint;
}
