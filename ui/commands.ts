// The table of commands: names, arguments, help, and what each does with the room. Knows no terminal; plain
// mode uses the same table. How a line becomes a command and its arguments is in submit.ts.

import { closestString } from "@std/text/closest-string";
import { ChatError } from "../errors.ts";
import { whichOf } from "../files/handles.ts";
import { type Files, isThere, toPath } from "../files/paths.ts";
import {
  bareName,
  findPerson,
  hasOtherKey,
  otherKeyError,
  type Person,
  type Room,
  type Transfer,
} from "../room.ts";
import { printable } from "../text/printable.ts";
import type { CompletionContext, Context } from "./context.ts";
import { awayText, fold, listed } from "./member_lists.ts";
import { choosePictures } from "./picture_choice.ts";
import {
  NOTIFY,
  type Notify,
  type Preferences,
  type Theme,
  THEMES,
  type Time,
  TIMES,
} from "./preferences.ts";
import { listRow } from "./transfer_text.ts";

/** One command. */
export interface SlashCommand {
  /** Without the slash. */
  readonly name: string;
  /**
   * The arguments as `/help` shows them, one word each; optional ones are in brackets.
   *
   * - `MEMBER`, `COMMAND`, `FILE`, `PICTURE`: Tab completes them.
   * - `NAME`, `TEXT`: anything.
   * - `a|b|c`: one of these words; `a`: this word.
   *
   * `NAME`, `TEXT`, `FILE` and `PICTURE` take the rest of the line; a word after one of them only documents it.
   */
  readonly args: string;
  /** What it does: continues a sentence that starts with the command. */
  readonly help: string;
  /** It needs a full screen: colours, times, notifications. */
  readonly screen?: true;
  /** The names that Tab offers for `MEMBER`; default: all other members. */
  members?(context: Pick<Context, "room" | "preferences">): readonly string[];
  /**
   * Runs it. `args` match the declaration: none is missing, none is too many, and a choice is one of its words.
   *
   * @throws {ChatError} if it is impossible; nothing has been done then
   */
  run(context: Context, ...args: string[]): void;
}

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly SlashCommand[] = [
  {
    name: "help",
    args: "[COMMAND]",
    help: "lists the commands, or explains one",
    run(context, name?: string) {
      if (name === undefined) {
        for (const [heading, help] of helpRows(context)) context.print(help, heading);
        return;
      }
      const command = find(name.replace(/^\//, ""));
      context.print(command.help, `${usage(command)}  `);
    },
  },
  {
    name: "who",
    args: "[away]",
    help: "lists the members; with away: all that are away",
    run({ room, preferences, now, print }, away?: string) {
      if (room.info.classic) {
        throw new ChatError("Cannot list the members: a classic room does not report them");
      }
      const marksOf = (member: Person) =>
        (member.self ? " (you)" : "") +
        (member.verified === undefined ? "" : " (verified)") +
        (preferences.ignored.has(member) ? " (ignored)" : "");
      const folded = fold(room.members);
      const named = (member: Person) => printable(member.name) + marksOf(member);
      const most = away === undefined ? undefined : Infinity;
      if (away === undefined) {
        const names = folded.here.map((member) => printable(listed(member)) + marksOf(member));
        print(`${names.length} here: ${names.join(", ")}`);
      } else if (folded.away.length === 0) print("nobody is away");
      if (folded.away.length > 0) {
        const text = awayText(folded.away, now(), named, most);
        const hint = text.endsWith(" more") ? "; /who away lists all" : "";
        print(`${folded.away.length} away: ${text}${hint}`);
      }
    },
  },
  {
    name: "nick",
    args: "NAME",
    help: "changes your name",
    run: ({ room }, name: string) => room.rename(name),
  },
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
  {
    name: "ignore",
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
      print(`Compare aloud with ${shown}: ${words}`);
      print(
        `If ${shown} sees the same words, the connection is genuine` +
          (verified === undefined ? `: /verify ${shown} yes` : `; you verified it on ${verified}`),
      );
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
    help: "shows your name and your key",
    run({ room, print }) {
      print(`you are ${printable(room.self.name)}, in the room at ${room.info.address}`);
      if (room.fingerprint !== undefined) print(`your key is ${room.fingerprint}`);
    },
  },
  {
    name: "mute",
    args: "",
    help: "silences notifications; again to undo",
    screen: true,
    run({ preferences, print }) {
      preferences.muted = !preferences.muted;
      print(
        preferences.muted ? "muted: no notifications; /mute to undo" : notifying(preferences),
      );
    },
  },
  {
    name: "notify",
    args: `[${NOTIFY.join("|")}]`,
    help: "sets which messages notify you in the background",
    screen: true,
    run({ preferences, print }, which?: string) {
      if (which !== undefined) preferences.notify = which as Notify;
      print(
        notifying(preferences) + (preferences.muted ? "; muted: /mute to undo" : ""),
      );
    },
  },
  {
    name: "time",
    args: `[${TIMES.join("|")}]`,
    help: "shows times with seconds, without, or not at all",
    screen: true,
    run({ preferences, print }, time?: string) {
      if (time !== undefined) preferences.time = time as Time;
      print(`times: ${preferences.time}`);
    },
  },
  {
    name: "theme",
    args: `[${THEMES.join("|")}]`,
    help: "sets colours for a dark or light background",
    screen: true,
    run({ preferences, print }, theme?: string) {
      if (theme !== undefined) preferences.theme = theme as Theme;
      print(`theme: ${preferences.theme}`);
    },
  },
  {
    name: "show",
    args: "[MEMBER]",
    help: "shows more of a long message: the last one, or the last one from a member",
    screen: true,
    members: ({ room }) => room.members.map(({ name }) => name),
    run: ({ screen }, who?: string) => screen!.more(who),
  },
  {
    name: "clear",
    args: "",
    help: "clears the screen, as Ctrl-L does",
    screen: true,
    run: ({ screen }) => screen!.clear(),
  },
  {
    name: "reconnect",
    args: "",
    help: "tries to reconnect now",
    run({ room, print }) {
      if (room.link.state === "connected") print("already connected");
      else room.reconnect();
    },
  },
  {
    name: "save",
    args: "FILE",
    help: "saves what you have seen to a new file that only you can read",
    run({ room, saved, files, now, print }, file: string) {
      if (!files) throw new ChatError("Cannot save: chat has no access to files here");
      const path = toPath(file, files);
      const created = files.create(path, saved.text(room.info.address, now()));
      if (created === undefined) {
        throw new ChatError(`Cannot save to ${printable(path)}: the file exists already`, {
          hint: "chat never overwrites a file: choose another name",
        });
      }
      const { size, dropped } = saved;
      const left = dropped === 0
        ? ""
        : `; ${dropped} older ${dropped === 1 ? "line" : "lines"} left out`;
      print(`saved ${size} ${size === 1 ? "line" : "lines"} in ${printable(created)}${left}`);
    },
  },
  {
    name: "send",
    args: "FILE [MEMBER]",
    help: "offers a file or folder to everybody, or to one member: /send photo.jpg alice",
    run({ room, files }, typed: string) {
      if (!files) throw new ChatError("Cannot send a file: chat has no access to files here");
      const { path, to } = fileAndMember(typed, room, files);
      room.offer(toPath(path, files), to);
    },
  },
  {
    name: "accept",
    args: "[NAME]",
    help: "accepts files: 3, 3-10, a member, a file name, or all",
    run({ room }, which?: string) {
      room.accept(which ?? only(offered(room), "accept", "nothing is offered to you"));
    },
  },
  {
    name: "decline",
    args: "[NAME]",
    help: "declines files; arguments as for /accept",
    run({ room }, which?: string) {
      room.decline(which ?? only(offered(room), "decline", "nothing is offered to you"));
    },
  },
  {
    name: "view",
    args: "[PICTURE]",
    help: "shows a received picture: a number, a member or a file name, or the newest",
    screen: true,
    run(
      { room, preferences, screen },
      which: string | undefined = preferences.picture?.toString(),
    ) {
      if (which === undefined) {
        throw new ChatError("Cannot show a picture: you have not received one yet", {
          hint: "/view NUMBER shows a file whatever its name is; /transfers lists them",
        });
      }
      const [file, ...others] = choosePictures(room.transfers, which);
      const cannot = `Cannot show "${shortened(which)}"`;
      if (!file) {
        throw new ChatError(`${cannot}: you have received no such file`, {
          hint: "/transfers lists them with their numbers",
        });
      }
      if (others.length > 0) {
        throw new ChatError(`${cannot}: it could mean several files`, {
          hint: whichOf([file, ...others]),
        });
      }
      screen!.view(file.path, file.name);
    },
  },
  {
    name: "transfers",
    args: "",
    help: "lists offered, running and finished transfers",
    run({ room, print }) {
      const { transfers } = room;
      if (transfers.length === 0) print("no transfers");
      // The newest, if the list is very long.
      const rows = transfers.slice(-MAX_LISTED);
      const more = transfers.length - rows.length;
      if (more > 0) print(`${more} older ${more === 1 ? "transfer" : "transfers"} not shown`);
      for (const transfer of rows) print(printable(listRow(transfer)));
    },
  },
  {
    name: "cancel",
    args: "[NAME]",
    help: "cancels a transfer or an offer; arguments as for /accept",
    run({ room }, which?: string) {
      room.cancel(which ?? only(room.going, "cancel", "no transfer is running"));
    },
  },
  {
    name: "quit",
    args: "",
    help: "leaves the room",
    run: ({ room }) => room.leave(),
  },
];

/** Rows of `/transfers`, and names of `/ignore`. */
const MAX_LISTED = 100;

/** The member that the user means, or all that it may be. */
function namesakes({ members }: Room, who: string): readonly Person[] {
  const person = findPerson(members, who);
  if (person === "nobody") return [];
  return person === "several"
    ? members.filter(({ self, name }) => !self && bareName(name) === who)
    : [person];
}

/**
 * Splits the text after `/send` into a path, whose spaces need no quotes, and perhaps a member. The last word is
 * a member if a member has this name, or if the file exists only without that word. A quoted path ends at its
 * closing quote.
 */
function fileAndMember(
  typed: string,
  { members }: Room,
  files: Files,
): { path: string; to?: string } {
  const [, path, to] = /^(.*\S)\s+(\S+)$/s.exec(typed) ?? [];
  if (path === undefined || to === undefined) return { path: typed };
  // An escaped space belongs to the file's name.
  if (path.endsWith("\\")) return { path: typed };
  const found = findPerson(members.filter(({ self }) => !self), to);
  const isTypo = found === "nobody" && !isThere(typed, files) && isThere(path, files);
  return found === "nobody" && !isTypo ? { path: typed } : { path, to };
}

/**
 * What Tab offers for a member that gets something for it alone: without the mark of another key. Nobody shall send to
 * such a member because Tab has typed its mark.
 */
export function receivers({ members }: Room): string[] {
  return members.filter(({ self }) => !self).map(({ name }) => name.replace(/\(!\)$/, ""));
}

function offered({ transfers }: Room): Transfer[] {
  return transfers.filter((one) => one.direction === "in" && one.state === "offered");
}

/** Shows which members see the same conversation. */
function verifyRoom({ conversation }: Room, print: Context["print"]): void {
  if (!conversation) {
    throw new ChatError("Cannot compare conversations: nothing proves them in a room with xor");
  }
  const { at, words, same, other, unknown } = conversation;
  print(`Compare aloud at ${at} bytes: ${words}`);
  print("Members with the same number of bytes must see the same words");
  const names = (people: readonly Person[]) => printable(people.map(listed).join(", "));
  if (same.length > 0) print(`the same conversation: ${names(same)}`);
  if (other.length > 0) print(`another conversation: ${names(other)}`);
  if (unknown.length > 0) print(`not compared: ${names(unknown)}`);
}

/** The only open transfer, for a command without an argument. */
function only(open: readonly Transfer[], what: string, none: string): number {
  const [first, second] = open;
  if (!first) throw new ChatError(`Cannot ${what}: ${none}`);
  if (second) {
    throw new ChatError(`Cannot ${what}: choose one of ${open.length} files`, {
      hint: `/${what} ${first.number} for one of them, /${what} all for all`,
    });
  }
  return first.number;
}

/** The rows of `/help` in two columns; without a screen, only the commands that need none. */
export function helpRows(context: CompletionContext): [heading: string, help: string][] {
  const rows = commandsFor(context).map((c) => [usage(c), c.help] as const);
  rows.push(["//TEXT", "sends a text that starts with a slash"]);
  const widest = rows.reduce((most, [form]) => Math.max(most, form.length), 0);
  return rows.map(([form, help]) => [`${form.padEnd(widest)}  `, help]);
}

/** A text as it is sent: `:smile:` is replaced with the emoji. */
export function written(text: string, { emoji }: Pick<Context, "emoji">): string {
  return emoji?.replace(text) ?? text;
}

function notifying({ notify }: Preferences): string {
  switch (notify) {
    case "all":
      return "all messages notify you while the window is in the background";
    case "mentions":
      return "mentions and direct messages notify you while the window is in the background";
    case "off":
      return "no messages notify you";
  }
}

/** @throws {ChatError} that suggests the nearest name */
export function find(name: string): SlashCommand {
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw unknownCommand(name);
  return command;
}

export function commandsFor({ screen }: CompletionContext): SlashCommand[] {
  return COMMANDS.filter((c) => !c.screen || screen);
}

export function usage(command: SlashCommand): string {
  return `/${command.name} ${command.args}`.trimEnd();
}

/** A pasted path looks like a long command: its beginning is enough to recognize it. */
export function shortened(word: string): string {
  return printable(word.slice(0, 32)) + (word.length > 32 ? "…" : "");
}

function unknownCommand(name: string): ChatError {
  const hint = 'To send a text that starts with "/", start it with "//"';
  if (name === "") {
    return new ChatError('Cannot run "/": a command has a name, /help lists them', { hint });
  }
  const nearest = closestString(name.slice(0, 32), COMMANDS.map((c) => c.name));
  return new ChatError(
    `Unknown command "/${shortened(name)}"; did you mean "/${nearest}"?`,
    { hint },
  );
}
