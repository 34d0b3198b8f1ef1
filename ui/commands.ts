// What a person types becomes what happens: a line to say, or a command from one table. Knows no
// terminal; plain mode uses the same table.

import { closestString } from "@std/text/closest-string";
import type { Completion } from "../terminal/editor.ts";
import { type Emoji, typedName } from "../text/emoji.ts";
import { ChatError } from "../errors.ts";
import { completePath, type Files, isThere, toPath } from "../files/paths.ts";
import { choosePicture, isPicture } from "./picture_choice.ts";
import { listRow } from "./transfer_text.ts";
import type { RoomRecord } from "./plain_lines.ts";
import {
  findPerson,
  listed,
  type Person,
  type Room,
  type RoomEvent,
  type Transfer,
} from "../room.ts";
import { printable } from "../text/printable.ts";
import {
  bareName,
  NOTIFY,
  type Notify,
  type Theme,
  THEMES,
  type Time,
  TIMES,
  type View,
} from "./preferences.ts";

/** What a command may use. */
export interface Context {
  readonly room: Room;
  readonly view: View;
  /** What `/save` writes. */
  readonly record: RoomRecord;
  now(): Date;
  /**
   * Shows one line to this person alone; it holds no controls. `heading` stands in front, and where the line
   * takes several rows they stand under each other.
   */
  print(line: string, heading?: string): void;
  /** Where the terminal can do more than print; without it, what is about that is refused. */
  readonly screen?: {
    /** Moves all that is on the screen out of sight. */
    clear(): void;
    /** Shows a file as a picture, some time later. */
    view(path: string, name: string): void;
  };
  /** Where there are none, nothing can be saved. */
  readonly files?: Files | undefined;
  /** Where there are none, `:smile:` is a text like others. */
  readonly emoji?: Emoji | undefined;
}

/** One row of the table. */
export interface Command {
  /** Without the slash. */
  readonly name: string;
  /**
   * Its arguments as help shows them, each one word; in brackets what may be left out.
   *
   * - `MEMBER`, `COMMAND`, `FILE`, `PICTURE`: completed as such.
   * - `NAME`, `TEXT`: anything.
   * - `a|b|c`: one of these, and nothing else.
   *
   * `NAME`, `TEXT`, `FILE` and `PICTURE` take all that is left of the line; what stands behind one is for people
   * to read.
   */
  readonly args: string;
  /** What it does, as the rest of a sentence that starts with the command. */
  readonly help: string;
  /** It is about what only a screen has: colours, times, a bell. */
  readonly screen?: true;
  /** Whom Tab offers for `MEMBER`; without it, everybody else who is here. */
  members?(context: Pick<Context, "room" | "view">): readonly string[];
  /**
   * `args` are as many as are needed and no more than there can be; all that must be one of several is.
   *
   * @throws {ChatError} if it can't be done; nothing has been done then
   */
  run(context: Context, ...args: string[]): void;
}

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly Command[] = [
  {
    name: "help",
    args: "[COMMAND]",
    help: "lists these commands, or says what one does",
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
    args: "",
    help: "lists who is here",
    run({ room, view, print }) {
      if (room.info.classic) {
        throw new ChatError("Cannot list who is here: the original program does not tell");
      }
      const names = room.members.map((member) => {
        const marks = (member.self ? " (you)" : "") +
          (ignores(view, member) ? " (ignored)" : "");
        return printable(listed(member)) + marks;
      });
      print(`${names.length} here: ${names.join(", ")}`);
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
    help: "says what you do: /me waves",
    run: (context, text: string) => void context.room.act(written(text, context)),
  },
  {
    name: "msg",
    args: "MEMBER TEXT",
    help: "says it to one member alone: /msg alice see you at ten",
    run: (context, who: string, text: string) =>
      void context.room.tell(who, written(text, context)),
  },
  {
    name: "reply",
    args: "TEXT",
    help: "says it to who has written to you alone last",
    run(context, text: string) {
      const { room, view: { reply, replyId } } = context;
      if (reply === undefined) {
        throw new ChatError("Cannot reply: nobody has written to you alone yet", {
          hint: "/msg MEMBER TEXT writes to one member",
        });
      }
      // The name alone could be another's by now, who must not read the answer.
      const person = room.members.find(({ id, name }) => (
        id === replyId && bareName(name) === bareName(reply)
      ));
      if (!person) {
        const name = printable(reply);
        throw new ChatError(`Cannot reply: ${name}, who has written to you, has left`, {
          hint: `/msg ${name} TEXT writes to who has that name now`,
        });
      }
      room.tell(person.id, written(text, context));
    },
  },
  {
    name: "ignore",
    args: "[MEMBER]",
    help: "shows nothing more of somebody, or lists whom you ignore",
    members: ({ room, view }) => (
      room.members.filter((m) => !m.self && !view.isIgnored(m.name)).map((m) => m.name)
    ),
    run({ room, view, print }, who?: string) {
      if (who === undefined) {
        const names = view.ignored.map((name) => printable(name));
        return print(names.length === 0 ? "you ignore nobody" : `you ignore ${names.join(", ")}`);
      }
      const shown = printable(who);
      const person = findPerson(room.members, who);
      if (person === "nobody") {
        throw new ChatError(`Cannot ignore "${shown}": nobody here is called that`, {
          hint: "/who lists who is here",
        });
      }
      if (person !== "several" && person.self) {
        throw new ChatError("Cannot ignore you: it is you who says it");
      }
      const name = person === "several" ? who : person.name;
      const bare = printable(bareName(name));
      // All of one name: else a second connection is all that it takes to be heard.
      print(
        view.ignore(name)
          ? `nothing of ${bare} is shown from now on; /unignore ${bare} ends that`
          : `you ignore ${bare} already`,
      );
    },
  },
  {
    name: "unignore",
    args: "MEMBER",
    help: "shows somebody again",
    members: ({ view }) => view.ignored,
    run({ room, view, print }, who: string) {
      // Who has left can be named too.
      const person = findPerson(room.members, who);
      const name = typeof person === "string" ? who : person.name;
      if (!view.heed(name)) {
        throw new ChatError(`Cannot unignore "${printable(who)}": it is nobody whom you ignore`, {
          hint: "/ignore lists whom you ignore",
        });
      }
      print(`${printable(bareName(name))} is shown again`);
    },
  },
  {
    name: "verify",
    args: "MEMBER",
    help: "shows words to compare aloud: they prove who somebody is",
    run({ room, print }, name: string) {
      const words = room.compare(name);
      print(words);
      print(`If ${printable(name)} reads the same words with /verify, nobody stands between you`);
    },
  },
  {
    name: "trust",
    args: "MEMBER",
    help: "takes the key that somebody has now for the right one",
    run({ room, print }, name: string) {
      room.trust(name);
      print(`from now on, ${printable(name)} is who has this key`);
    },
  },
  {
    name: "whoami",
    args: "",
    help: "shows your name and your key",
    run({ room, print }) {
      print(`you are ${printable(room.self.name)} in ${room.info.address}`);
      if (room.fingerprint !== undefined) print(`your key is ${room.fingerprint}`);
    },
  },
  {
    name: "mute",
    args: "",
    help: "lets nothing ring or notify; once more ends that",
    screen: true,
    run({ view, print }) {
      view.muted = !view.muted;
      print(view.muted ? "muted: nothing rings or notifies; /mute ends that" : notifying(view));
    },
  },
  {
    name: "notify",
    args: `[${NOTIFY.join("|")}]`,
    help: "says which messages ring or notify while you look elsewhere",
    screen: true,
    run({ view, print }, which?: string) {
      if (which !== undefined) view.notify = which as Notify;
      print(notifying(view) + (view.muted ? ", but all is muted; /mute ends that" : ""));
    },
  },
  {
    name: "time",
    args: `[${TIMES.join("|")}]`,
    help: "shows times with seconds, without, or not at all",
    screen: true,
    run({ view, print }, time?: string) {
      if (time !== undefined) view.time = time as Time;
      print(`times: ${view.time}`);
    },
  },
  {
    name: "theme",
    args: `[${THEMES.join("|")}]`,
    help: "fits the colours to the ground of your terminal",
    screen: true,
    run({ view, print }, theme?: string) {
      if (theme !== undefined) view.theme = theme as Theme;
      print(`theme: ${view.theme}`);
    },
  },
  {
    name: "clear",
    args: "",
    help: "moves what is on the screen out of sight, as Ctrl-L does",
    screen: true,
    run: ({ screen }) => screen!.clear(),
  },
  {
    name: "reconnect",
    args: "",
    help: "tries at once to come back when the connection is lost",
    run({ room, print }) {
      if (room.link.state === "connected") print("the connection is fine");
      else room.reconnect();
    },
  },
  {
    name: "save",
    args: "FILE",
    help: "writes what you have seen since you came into a new file, for your eyes only",
    run({ room, record, files, now, print }, file: string) {
      if (!files) throw new ChatError("Cannot save: there are no files here");
      const path = toPath(file, files);
      const saved = files.create(path, record.text(room.info.address, now()));
      if (saved === undefined) {
        throw new ChatError(`Cannot save to ${printable(path)}: there is such a file already`, {
          hint: "It is never overwritten: give another name",
        });
      }
      const { size, dropped } = record;
      const left = dropped === 0 ? "" : `; ${dropped} older ones are left out`;
      print(`saved ${size} ${size === 1 ? "line" : "lines"} in ${printable(saved)}${left}`);
    },
  },
  {
    name: "send",
    args: "FILE [MEMBER]",
    help: "offers a file, or all of a folder, to everybody or to one member: /send photo.jpg alice",
    run({ room, files }, typed: string) {
      if (!files) throw new ChatError("Cannot send a file: there are no files here");
      const { path, to } = fileAndMember(typed, room, files);
      room.offer(toPath(path, files), to);
    },
  },
  {
    name: "accept",
    args: "[NAME]",
    help: "takes files that are offered: a number, as 3 or 3-10, a name, who offers them, or all",
    run({ room }, which?: string) {
      room.accept(which ?? only(offered(room), "accept", "nothing is offered to you"));
    },
  },
  {
    name: "decline",
    args: "[NAME]",
    help: "refuses a file that is offered, as /accept takes it",
    run({ room }, which?: string) {
      room.decline(which ?? only(offered(room), "decline", "nothing is offered to you"));
    },
  },
  {
    name: "view",
    args: "[PICTURE]",
    help: "shows a picture that you have received: by its number or name, or the newest",
    screen: true,
    run({ room, view, screen }, which: string | undefined = view.picture?.toString()) {
      if (which === undefined) {
        throw new ChatError("Cannot show a picture: none has been received yet", {
          hint: "/view NUMBER shows a file whatever its name is; /transfers lists them",
        });
      }
      const file = choosePicture(room.transfers, which);
      if (!file) {
        throw new ChatError(`Cannot show "${shortened(which)}": no such file has been received`, {
          hint: "/transfers lists them with their numbers",
        });
      }
      screen!.view(file.path, file.name);
    },
  },
  {
    name: "transfers",
    args: "",
    help: "lists the files that are offered and on their way, and what has become of others",
    run({ room, print }) {
      const { transfers } = room;
      if (transfers.length === 0) print("no files are offered or on their way");
      // Those that came last, where there are very many.
      const rows = transfers.slice(-MAX_LISTED);
      const more = transfers.length - rows.length;
      if (more > 0) print(`${more} before these are not shown`);
      for (const transfer of rows) print(printable(listRow(transfer)));
    },
  },
  {
    name: "cancel",
    args: "[NAME]",
    help: "ends a transfer, or takes an offer back, as /accept takes it",
    run({ room }, which?: string) {
      room.cancel(which ?? only(room.going, "cancel", "nothing is on its way"));
    },
  },
  {
    name: "quit",
    args: "",
    help: "leaves the room",
    run: ({ room }) => room.leave(),
  },
];

/** Rows of `/transfers`. */
const MAX_LISTED = 100;

/**
 * What stands behind `/send`: a path, whose spaces need no quotes, and perhaps a member. The last word is a member
 * if somebody here is called so, or if there is only without it such a file; a path that is quoted whole ends where
 * its quote does.
 */
function fileAndMember(
  typed: string,
  { members }: Room,
  files: Files,
): { path: string; to?: string } {
  const [, path, to] = /^(.*\S)\s+(\S+)$/s.exec(typed) ?? [];
  if (path === undefined || to === undefined) return { path: typed };
  // A space that is part of a name.
  if (path.endsWith("\\")) return { path: typed };
  const found = findPerson(members.filter(({ self }) => !self), to);
  const isTypo = found === "nobody" && !isThere(typed, files) && isThere(path, files);
  return found === "nobody" && !isTypo ? { path: typed } : { path, to };
}

function offered({ transfers }: Room): Transfer[] {
  return transfers.filter((one) => one.direction === "in" && one.state === "offered");
}

/** The one that is meant where nothing is named. */
function only(open: readonly Transfer[], what: string, none: string): number {
  const [first, second] = open;
  if (!first) throw new ChatError(`Cannot ${what} anything: ${none}`);
  if (second) {
    throw new ChatError(`Cannot tell what to ${what}: it could be one of ${open.length} files`, {
      hint: `Say which: /${what} ${first.number}; or all: /${what} all`,
    });
  }
  return first.number;
}

/** The rows of `/help`, in two columns: what there is without a screen, too, or all. */
export function helpRows(context: Surroundings): [heading: string, help: string][] {
  const rows = commandsFor(context).map((c) => [usage(c), c.help] as const);
  rows.push(["//TEXT", "says a text that starts with a slash"]);
  const widest = Math.max(...rows.map(([form]) => form.length));
  return rows.map(([form, help]) => [`${form.padEnd(widest)}  `, help]);
}

/**
 * Keeps what commands need to know of what happens: screens call it with each event, once, before they
 * show it. False: it is of somebody who is ignored, and not to be shown.
 */
export function follow(
  event: RoomEvent,
  context: Pick<Context, "room" | "view" | "record" | "now">,
): boolean {
  const { room, view, record } = context;
  if (event.type === "renamed") {
    if (view.isIgnored(event.before) && !event.who.self) followName(event, room, view);
    if (event.who.id === view.replyId) view.reply = event.who.name;
  }
  const about = subject(event);
  if (about && ignores(view, about)) return false;
  if (event.type === "direct") {
    view.reply = event.from.name;
    view.replyId = event.from.id;
  }
  if (event.type === "transfer" && isPicture(event.transfer)) view.picture = event.transfer.number;
  record.add(event, context.now());
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
  view: View,
): void {
  const old = bareName(before);
  if (!members.some(({ id, self, name }) => id !== who.id && !self && bareName(name) === old)) {
    view.heed(before);
  }
  view.ignore(who.name);
}

/** Whether what this member says is not shown; what one says oneself always is. */
function ignores(view: View, { name, self }: Person): boolean {
  return !self && view.isIgnored(name);
}

/** A text as it is said: `:smile:` becomes what it stands for. */
function written(text: string, { emoji }: Pick<Context, "emoji">): string {
  return emoji?.replace(text) ?? text;
}

function notifying({ notify }: View): string {
  switch (notify) {
    case "all":
      return "every message rings or notifies while you look elsewhere";
    case "mentions":
      return "messages with your name, and those to you alone, ring or notify while you look elsewhere";
    case "off":
      return "nothing rings or notifies";
  }
}

// ---- running ---------------------------------------------------------------------------------------

/**
 * Does what a person means by `text`: runs a command, or says it to the room. A leading `//` stands
 * for a slash that starts no command.
 *
 * @throws {ChatError} if it can't be done; nothing has been said then
 *
 * @example
 * ```ts
 * submit("/me waves", context); // acts
 * submit("//etc/hosts is a file", context); // says "/etc/hosts is a file"
 * ```
 */
export function submit(text: string, context: Context): void {
  if (!text.startsWith("/")) {
    context.room.say(written(text, context));
    return;
  }
  if (text.startsWith("//")) {
    context.room.say(written(text.slice(1), context));
    return;
  }
  const { word: name, rest } = firstWord(text.slice(1));
  const command = find(name);
  if (command.screen && !context.screen) {
    throw new ChatError(`Cannot run /${name}: there is no screen for it, only plain lines`);
  }
  command.run(context, ...argumentsOf(command, rest));
}

/** @throws {ChatError} with the nearest */
function find(name: string): Command {
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw unknownCommand(name);
  return command;
}

/** What one argument may be. */
interface Argument {
  readonly kind: "MEMBER" | "COMMAND" | "FILE" | "PICTURE" | "NAME" | "TEXT" | "choice";
  readonly optional: boolean;
  /** Of a choice. */
  readonly choices: readonly string[];
  /** It takes all that is left, spaces and newlines too. */
  readonly rest: boolean;
}

function parseArgs({ args }: Command): Argument[] {
  return words(args).map((word) => {
    const bare = word.replace(/^\[(.*)\]$/, "$1");
    const choices = bare.includes("|") ? bare.split("|") : [];
    return {
      kind: choices.length > 0 ? "choice" : bare as Argument["kind"],
      optional: bare !== word,
      choices,
      rest: ["FILE", "PICTURE", "NAME", "TEXT"].includes(bare),
    };
  });
}

/**
 * What stands behind a command, cut into its arguments.
 *
 * @throws {ChatError} if it is too little, too much, or none of what it must be
 */
function argumentsOf(command: Command, text: string): string[] {
  const refuse = (fault: string): never => {
    const form = usage(command);
    throw new ChatError(`Cannot run /${command.name}: ${fault}, it should be "${form}"`);
  };
  const takes = parseArgs(command);
  const given: string[] = [];
  let left = text;
  for (const { kind, optional, choices, rest } of takes) {
    if (left === "") {
      if (optional) break;
      refuse("something is missing");
    }
    const cut = rest ? { word: left, rest: "" } : firstWord(left);
    if (kind === "choice" && !choices.includes(cut.word)) {
      refuse(`"${shortened(cut.word)}" is none of what it takes`);
    }
    given.push(cut.word);
    left = cut.rest;
  }
  if (left !== "") {
    refuse(takes.length === 0 ? "it takes nothing behind it" : "there is too much behind it");
  }
  return given;
}

// ---- completing ------------------------------------------------------------------------------------

/** What completion needs to know. */
export type Surroundings = Pick<Context, "room"> & Partial<Omit<Context, "room">>;

/**
 * What Tab may put in place of what stands before `cursor`:
 *
 * 1. names of commands at the start of the line, and their arguments by what these are;
 * 2. emoji for `:smi`, wherever a text is;
 * 3. `NAME: ` of members at the start of the line, and `NAME ` elsewhere.
 */
export function complete(text: string, cursor: number, context: Surroundings): Completion {
  const before = text.slice(0, cursor);
  const typed = /\S*$/.exec(before)![0];
  const from = cursor - typed.length;
  if (from === 0 && /^\/(?!\/)/.test(typed)) {
    const fitting = commandsFor(context).filter((c) => c.name.startsWith(typed.slice(1)));
    return { from, words: fitting.map((c) => `/${c.name}${c.args === "" ? "" : " "}`) };
  }
  const place = argumentAt(before);
  if (place && place.argument?.kind !== "TEXT") return completeArgument(before, place, context);
  const name = typedName(before);
  if (name) return completeEmoji(name, context.emoji);
  if (typed === "") return { from, words: [] };
  const end = from === 0 ? ": " : " ";
  return { from, words: starting(typed, others(context.room)).map((word) => word + end) };
}

function commandsFor({ screen }: Surroundings): Command[] {
  return COMMANDS.filter((c) => !c.screen || screen);
}

function others({ members }: Room): string[] {
  return members.filter((m) => !m.self).map((m) => m.name);
}

/** Those names that begin as `typed`, whatever its case, as the screen shows them. */
function starting(typed: string, names: readonly string[]): string[] {
  const start = typed.toLowerCase();
  return names.map((name) => printable(name)).filter((name) =>
    name.toLowerCase().startsWith(start)
  );
}

/** An argument that is being typed. */
interface Place {
  readonly command: Command;
  /** undefined: the command takes no more. */
  readonly argument: Argument | undefined;
  readonly from: number;
}

/** The argument at the end of `text`; undefined where no command stands before it. */
function argumentAt(text: string): Place | undefined {
  const match = /^\/(\S+)\s+/.exec(text);
  const command = COMMANDS.find((c) => c.name === match?.[1]);
  if (!match || !command) return undefined;
  let from = match[0].length;
  for (const argument of parseArgs(command)) {
    const [word, space] = /^(\S*)\s*/.exec(text.slice(from))!;
    const whole = argument.rest || space!.length === text.length - from;
    if (whole) return { command, argument, from };
    from += word.length;
  }
  return { command, argument: undefined, from: text.length };
}

function completeArgument(
  text: string,
  { command, argument, from }: Place,
  context: Surroundings,
): Completion {
  const typed = text.slice(from);
  switch (argument?.kind) {
    case "MEMBER": {
      const { view } = context;
      const names = command.members && view
        ? command.members({ room: context.room, view })
        : others(context.room);
      return { from, words: starting(typed, names).map((name) => `${name} `) };
    }
    case "COMMAND": {
      const slash = typed.startsWith("/") ? "/" : "";
      const names = commandsFor(context).map((c) => slash + c.name);
      return { from, words: names.filter((name) => name.startsWith(typed)) };
    }
    case "FILE":
      if (!context.files) break;
      return completeFile(typed, from, command, { ...context, files: context.files });
    case "PICTURE": {
      const names = context.room.transfers.filter(isPicture).map(({ name }) => name);
      return { from, words: starting(typed, [...new Set(names)]) };
    }
    case "choice":
      return { from, words: argument.choices.filter((choice) => choice.startsWith(typed)) };
  }
  return { from, words: [] };
}

/** A path, or behind one the member that it is for. */
function completeFile(
  typed: string,
  from: number,
  { args }: Command,
  { files, room }: Surroundings & { files: Files },
): Completion {
  const path = completePath(typed, files);
  const [, before, name] = /^(.*\S\s+)(\S*)$/s.exec(typed) ?? [];
  if (path.words.length > 0 || before === undefined || !args.includes("MEMBER")) {
    return { from, ...path };
  }
  const names = starting(name!, others(room));
  return { from: from + before.length, words: names.map((name) => `${name} `) };
}

/** The emoji that are called so; first of all, as much of their names as they have in common. */
function completeEmoji(
  { from, name, whole }: NonNullable<ReturnType<typeof typedName>>,
  emoji: Emoji | undefined,
): Completion {
  const exact = whole ? emoji?.get(name) : undefined;
  if (exact !== undefined) return { from, words: [exact], labels: [`${exact} :${name}:`] };
  if (whole || !emoji) return { from, words: [] };
  const found = emoji.starting(name);
  const common = commonStart(found.map((named) => named.name));
  // Emoji have nothing in common that Tab could put there.
  if (found.length > 1 && common.length > name.length) return { from, words: [`:${common}`] };
  return {
    from,
    words: found.map((named) => named.emoji),
    labels: found.map((named) => `${named.emoji} :${named.name}:`),
  };
}

/** The longest beginning that all names have. */
function commonStart([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) {
    while (!other.startsWith(first.slice(0, length))) length--;
  }
  return first.slice(0, length);
}

function usage(command: Command): string {
  return `/${command.name} ${command.args}`.trimEnd();
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** The first word, and what follows it without the space between; a text keeps its inner newlines. */
function firstWord(text: string): { word: string; rest: string } {
  const word = /^\S*/.exec(text)![0];
  return { word, rest: text.slice(word.length).trim() };
}

/** A pasted path is a long "command": its beginning is enough to know it again. */
function shortened(word: string): string {
  return printable(word.slice(0, 32)) + (word.length > 32 ? "…" : "");
}

function unknownCommand(name: string): ChatError {
  const hint = 'To say a text that starts with "/", start it with "//"';
  if (name === "") {
    return new ChatError('Cannot run "/": a command has a name, /help lists them', { hint });
  }
  const nearest = closestString(name.slice(0, 32), COMMANDS.map((c) => c.name));
  return new ChatError(
    `Cannot run "/${shortened(name)}": there is no such command, the nearest is "/${nearest}"`,
    { hint },
  );
}
