// What a person types becomes what happens: a line to say, or a command from one table. Knows no
// terminal; plain mode uses the same table.

import { closestString } from "@std/text/closest-string";
import type { Completion } from "./editor.ts";
import { ChatError } from "./errors.ts";
import { listed, type Room } from "./room.ts";
import { printable } from "./text.ts";

/** What a command may use. */
export interface Context {
  readonly room: Room;
  /** Shows one line to this person alone; it holds no controls. */
  print(line: string): void;
}

/** One row of the table. */
export interface Command {
  /** Without the slash. */
  readonly name: string;
  /** Its arguments as help shows them: all are needed; `MEMBER` is completed. */
  readonly args: string;
  /** What it does, as the rest of a sentence that starts with the command. */
  readonly help: string;
  /** `args` is what stands behind the name; it has as many words as needed, the last may be a text. */
  run(context: Context, args: string): void;
}

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly Command[] = [
  {
    name: "help",
    args: "",
    help: "lists these commands",
    run: (context) => helpLines().forEach((line) => context.print(line)),
  },
  {
    name: "who",
    args: "",
    help: "lists who is here",
    run(context) {
      const { members } = context.room;
      const names = members.map((m) => printable(listed(m)) + (m.self ? " (you)" : ""));
      context.print(`${names.length} here: ${names.join(", ")}`);
    },
  },
  {
    name: "nick",
    args: "NAME",
    help: "changes your name",
    run: ({ room }, name) => room.rename(name),
  },
  {
    name: "me",
    args: "TEXT",
    help: "says what you do: /me waves",
    run: ({ room }, text) => void room.act(text),
  },
  {
    name: "msg",
    args: "MEMBER TEXT",
    help: "says it to one member alone: /msg alice see you at ten",
    run({ room }, args) {
      const { word, rest } = firstWord(args);
      room.tell(word, rest);
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
    name: "verify",
    args: "MEMBER",
    help: "shows words to compare aloud: they prove who somebody is",
    run({ room, print }, name) {
      const words = room.compare(name);
      print(words);
      print(`If ${printable(name)} reads the same words with /verify, nobody stands between you`);
    },
  },
  {
    name: "trust",
    args: "MEMBER",
    help: "takes the key that somebody has now for the right one",
    run({ room, print }, name) {
      room.trust(name);
      print(`from now on, ${printable(name)} is who has this key`);
    },
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
    name: "quit",
    args: "",
    help: "leaves the room",
    run: ({ room }) => room.leave(),
  },
];

/** The lines of `/help`. */
export function helpLines(): string[] {
  const rows = COMMANDS.map((c) => [usage(c), c.help] as const);
  rows.push(["//TEXT", "says a text that starts with a slash"]);
  const widest = Math.max(...rows.map(([form]) => form.length));
  return rows.map(([form, help]) => `${form.padEnd(widest)}  ${help}`);
}

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
    context.room.say(text);
    return;
  }
  if (text.startsWith("//")) {
    context.room.say(text.slice(1));
    return;
  }
  const { word: name, rest: args } = firstWord(text.slice(1));
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw unknownCommand(name);
  const needed = words(command.args).length;
  const given = words(args).length;
  if (given < needed || (needed === 0 && given > 0)) {
    const fault = given < needed ? "something is missing" : "it takes nothing behind it";
    throw new ChatError(`Cannot run /${name}: ${fault}, it should be "${usage(command)}"`);
  }
  command.run(context, args);
}

/**
 * What Tab may put between the last word's start and `cursor`: names of commands at the start of the
 * line, `NAME: ` of members there, and `NAME ` elsewhere and as the argument of a command that takes one.
 */
export function complete(text: string, cursor: number, room: Room): Completion {
  const before = text.slice(0, cursor);
  const typed = /\S*$/.exec(before)![0];
  const from = cursor - typed.length;
  if (from === 0 && typed.startsWith("/")) {
    const fitting = COMMANDS.filter((c) => c.name.startsWith(typed.slice(1)));
    return { from, words: fitting.map((c) => `/${c.name}${c.args === "" ? "" : " "}`) };
  }
  const command = COMMANDS.find((c) => before.slice(0, from).trimEnd() === `/${c.name}`);
  const wanted = command !== undefined && command.args.startsWith("MEMBER");
  if (typed === "" && !wanted) return { from, words: [] };
  const names = room.members.filter((m) => !m.self).map((m) => printable(m.name));
  const start = typed.toLowerCase();
  const fitting = names.filter((name) => name.toLowerCase().startsWith(start));
  return { from, words: fitting.map((name) => name + (from === 0 ? ": " : " ")) };
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

function unknownCommand(name: string): ChatError {
  const hint = 'To say a text that starts with "/", start it with "//"';
  if (name === "") {
    return new ChatError('Cannot run "/": a command has a name, /help lists them', { hint });
  }
  // A pasted path is a long "command": its beginning is enough to know it again.
  const shown = printable(name.slice(0, 32)) + (name.length > 32 ? "…" : "");
  const nearest = closestString(name.slice(0, 32), COMMANDS.map((c) => c.name));
  return new ChatError(
    `Cannot run "/${shown}": there is no such command, the nearest is "/${nearest}"`,
    { hint },
  );
}
