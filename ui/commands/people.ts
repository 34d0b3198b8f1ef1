// Commands about members, this user included: names, keys, and ignoring them.

import { ChatError } from "../../errors.ts";
import { bareName, findPerson, type Person, type Room } from "../../room.ts";
import { counted } from "../../text/counts.ts";
import { printable } from "../../text/printable.ts";
import type { Context } from "../context.ts";
import { awayText, fold, listed } from "../member_lists.ts";
import { rulesText } from "../moderation_text.ts";
import { whoisLines } from "../whois.ts";
import { type SlashCommand, written } from "./command.ts";

/** Names that `/ignore` lists. */
const MAX_LISTED = 100;

export const PEOPLE: readonly SlashCommand[] = [
  {
    name: "who",
    others: ["names", "users", "members", "list"],
    args: "[away]",
    help: "lists the members; with away: all that are away",
    run({ room, preferences, now, print }, away?: string) {
      if (room.info.classic) {
        throw new ChatError("Cannot list the members: a classic room does not report them");
      }
      const marksOf = (member: Person) =>
        (member.self ? " (you)" : "") +
        (member.moderator ? " (moderator)" : "") +
        (member.silenced ? " (silenced)" : "") +
        (member.verified === undefined ? "" : " (verified)") +
        (preferences.ignored.has(member) ? " (ignored)" : "");
      const folded = fold(room.members);
      const named = (member: Person) => printable(member.name) + marksOf(member);
      const most = away === undefined ? undefined : Infinity;
      if (away === undefined) {
        const names = folded.here.map((member) =>
          printable(listed(preferences.ignored.silenced(member))) + marksOf(member)
        );
        print(`${names.length} here: ${names.join(", ")}`);
      } else if (folded.away.length === 0) print("nobody is away");
      if (folded.away.length > 0) {
        const text = awayText(folded.away, now(), named, most);
        const hint = text.endsWith(" more") ? "; /who away lists all" : "";
        print(`${folded.away.length} away: ${text}${hint}`);
      }
      const rules = rulesText(room.governance);
      if (rules !== undefined && away === undefined) print(rules);
    },
  },
  {
    name: "whois",
    args: "MEMBER",
    help: "shows what is known about a member: key, trust, since when it is in the room",
    members: ({ room }) => room.members.map(({ name }) => name),
    run({ room, preferences: { ignored, compared }, now, print }, name: string) {
      const whois = room.whois(name);
      const { member, words } = whois;
      // Its words can be confirmed then, as after `/verify`.
      if (words !== undefined && member.key !== undefined) compared.add(member.key);
      for (const line of whoisLines(whois, room.info, ignored, now())) print(printable(line));
    },
  },
  {
    name: "nick",
    others: ["name", "rename"],
    args: "NAME",
    help: "changes your name",
    run: ({ room }, name: string) => room.rename(name),
  },
  {
    name: "away",
    args: "[TEXT]",
    help: "says why you do not answer: /away lunch; without a text: you are back",
    run(context, text?: string) {
      const { room, print } = context;
      if (text === undefined && room.self.status === undefined) print("you are not away");
      else room.setStatus(text === undefined ? undefined : written(text, context));
    },
  },
  {
    name: "ignore",
    others: ["block"],
    args: "[MEMBER] [keep]",
    help: "hides a member, with keep also after a restart; or lists the members you ignore",
    members: ({ room, preferences: { ignored } }) => (
      room.members.filter((m) => !m.self && !ignored.has(m)).map((m) => m.name)
    ),
    run({ room, preferences: { ignored }, now, print }, who?: string, keep?: string) {
      if (who === undefined) {
        const { list } = ignored;
        const names = list.slice(-MAX_LISTED)
          .map(({ name, isKept }) => `${printable(name)}${isKept ? " (kept)" : ""}`);
        const more = list.length > names.length ? ` and ${list.length - names.length} more` : "";
        return print(
          names.length === 0 ? "ignoring nobody" : `ignoring ${names.join(", ")}${more}`,
        );
      }
      const people = namesakes(room, who);
      const [person] = people;
      const shown = printable(who);
      if (!person) {
        throw new ChatError(`Cannot ignore "${shown}": no member has this name`, {
          hint: "/who lists the members",
        });
      }
      if (person.self) throw new ChatError("You cannot ignore yourself");
      if (person.key !== undefined && people.some(({ key }) => key !== person.key)) {
        throw new ChatError(`Cannot ignore "${shown}": several members have this name`, {
          hint: `Say which: ${people.map(({ name }) => name).join(", ")}`,
        });
      }
      const isNew = keep ? !ignored.keeps(person) : !ignored.has(person);
      if (keep) ignored.keep(person, now().toISOString().slice(0, 10));
      else ignored.add(person);
      const bare = printable(bareName(person.name) || person.name);
      const how = `${isNew ? "" : "already "}ignoring ${bare}${
        ignored.keeps(person) ? " (kept)" : ""
      }`;
      print(isNew ? `${how}; /unignore ${bare} to stop` : how);
    },
  },
  {
    name: "unignore",
    others: ["unblock"],
    args: "MEMBER",
    help: "stops ignoring a member",
    members: ({ preferences }) => preferences.ignored.list.map(({ name }) => name),
    run({ room, preferences: { ignored }, print }, who: string) {
      // The member may have left, or have another name than it had.
      const person = findPerson(room.members, who);
      const isFound = typeof person !== "string" && ignored.has(person);
      if (!ignored.remove(isFound ? person : who)) {
        throw new ChatError(`Cannot unignore "${printable(who)}": you are not ignoring them`, {
          hint: "/ignore lists the members you ignore",
        });
      }
      const name = isFound ? person.name : who;
      print(`no longer ignoring ${printable(bareName(name) || name)}`);
    },
  },
  {
    name: "verify",
    others: ["fingerprint"],
    args: "MEMBER [yes]",
    help: "shows words to compare aloud, of a member or of the room; with yes: they were the same",
    members: ({ room }) => [...room.members.filter((m) => !m.self).map((m) => m.name), "room"],
    run({ room, preferences: { compared }, print }, name: string, yes?: string) {
      const shown = printable(name);
      if (name === "room") {
        if (yes) throw new ChatError("Cannot confirm the room: its words change all the time");
        return verifyRoom(room, print);
      }
      if (yes) {
        const member = findPerson(room.members, name);
        // Somebody else may have taken the name since the words were shown.
        if (typeof member === "string" || !member.key || !compared.has(member.key)) {
          throw new ChatError(
            `Cannot confirm "${shown}": you have not seen the words of this key`,
            {
              hint: `/verify ${shown} shows them`,
            },
          );
        }
        room.verify(member.id);
        return print(`${printable(bareName(member.name))} is verified; /who shows it`);
      }
      const words = room.compare(name);
      const member = findPerson(room.members, name);
      const { key, verified } = typeof member === "string" ? {} as Partial<Person> : member;
      if (key !== undefined) compared.add(key);
      const own = printable(bareName(room.self.name));
      print(words, `words for you and ${shown}: `);
      print(`Ask ${shown} to type /verify ${own}, and compare aloud: by telephone or in person`);
      const same = verified === undefined
        ? `Same words: type /verify ${shown} yes`
        : `Same words: nothing to do, you verified this key on ${verified}`;
      print(same);
      print("Other words: somebody may be in between, so do not trust this key");
    },
  },
  {
    name: "trust",
    args: "MEMBER",
    help: "trusts a member's current key, besides the keys that its name has already",
    run({ room, print }, name: string) {
      room.trust(name);
      print(`this key is now trusted for ${printable(name)}`);
    },
  },
  {
    name: "whoami",
    args: "",
    help: "shows your name, the room's present address and your key",
    run({ room, print }) {
      print(`you are ${printable(room.self.name)}, in the room at ${room.info.address}`);
      if (room.fingerprint !== undefined) print(`your key is ${room.fingerprint}`);
    },
  },
];

/** The member that the user means, or all that it may be. */
function namesakes({ members }: Room, who: string): readonly Person[] {
  const person = findPerson(members, who);
  if (person === "nobody") return [];
  return person === "several"
    ? members.filter(({ self, name }) => !self && bareName(name) === who)
    : [person];
}

/** Shows which members see the same conversation. */
function verifyRoom({ conversation }: Room, print: Context["print"]): void {
  if (!conversation) {
    throw new ChatError("Cannot compare conversations: nothing proves them in a room with xor");
  }
  const { at, words, same, other, unknown } = conversation;
  print(words, `words for the first ${counted(at, "byte")} of this room: `);
  print("Members that type /verify room at the same number of bytes must see the same words");
  print("Other words: the server shows you different conversations");
  const names = (people: readonly Person[]) => printable(people.map(listed).join(", "));
  if (same.length > 0) print(`the same conversation: ${names(same)}`);
  if (other.length > 0) print(`another conversation: ${names(other)}`);
  if (unknown.length > 0) print(`not compared: ${names(unknown)}`);
}
