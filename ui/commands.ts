// What a person types becomes what happens: a line to say, or a command from one table. Knows no
// terminal; plain mode uses the same table.

import { closestString } from "@std/text/closest-string";
import { ChatError } from "../errors.ts";
import { type Files, isThere, toPath } from "../files/paths.ts";
import { findPerson, type Room, type Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import type { CompletionContext, Context } from "./context.ts";
import { ignores } from "./follow.ts";
import { listed } from "./notices.ts";
import { choosePicture } from "./picture_choice.ts";
import {
  bareName,
  NOTIFY,
  type Notify,
  type Preferences,
  type Theme,
  THEMES,
  type Time,
  TIMES,
} from "./preferences.ts";
import { listRow } from "./transfer_text.ts";

/** One row of the table. */
export interface SlashCommand {
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
  members?(context: Pick<Context, "room" | "preferences">): readonly string[];
  /**
   * `args` are as many as are needed and no more than there can be; all that must be one of several is.
   *
   * @throws {ChatError} if it can't be done; nothing has been done then
   */
  run(context: Context, ...args: string[]): void;
}

/** All commands, in the order of `/help`. */
export const COMMANDS: readonly SlashCommand[] = [
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
    run({ room, preferences, print }) {
      if (room.info.classic) {
        throw new ChatError("Cannot list who is here: the original program does not tell");
      }
      const names = room.members.map((member) => {
        const marks = (member.self ? " (you)" : "") +
          (ignores(preferences, member) ? " (ignored)" : "");
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
      const { room, preferences: { reply, replyId } } = context;
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
    members: ({ room, preferences }) => (
      room.members.filter((m) => !m.self && !preferences.isIgnored(m.name)).map((m) => m.name)
    ),
    run({ room, preferences, print }, who?: string) {
      if (who === undefined) {
        const names = preferences.ignored.map((name) => printable(name));
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
        preferences.ignore(name)
          ? `nothing of ${bare} is shown from now on; /unignore ${bare} ends that`
          : `you ignore ${bare} already`,
      );
    },
  },
  {
    name: "unignore",
    args: "MEMBER",
    help: "shows somebody again",
    members: ({ preferences }) => preferences.ignored,
    run({ room, preferences, print }, who: string) {
      // Who has left can be named too.
      const person = findPerson(room.members, who);
      const name = typeof person === "string" ? who : person.name;
      if (!preferences.unignore(name)) {
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
    run({ preferences, print }) {
      preferences.muted = !preferences.muted;
      print(
        preferences.muted
          ? "muted: nothing rings or notifies; /mute ends that"
          : notifying(preferences),
      );
    },
  },
  {
    name: "notify",
    args: `[${NOTIFY.join("|")}]`,
    help: "says which messages ring or notify while you look elsewhere",
    screen: true,
    run({ preferences, print }, which?: string) {
      if (which !== undefined) preferences.notify = which as Notify;
      print(
        notifying(preferences) + (preferences.muted ? ", but all is muted; /mute ends that" : ""),
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
    help: "fits the colours to the ground of your terminal",
    screen: true,
    run({ preferences, print }, theme?: string) {
      if (theme !== undefined) preferences.theme = theme as Theme;
      print(`theme: ${preferences.theme}`);
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
    run({ room, saved, files, now, print }, file: string) {
      if (!files) throw new ChatError("Cannot save: there are no files here");
      const path = toPath(file, files);
      const created = files.create(path, saved.text(room.info.address, now()));
      if (created === undefined) {
        throw new ChatError(`Cannot save to ${printable(path)}: there is such a file already`, {
          hint: "It is never overwritten: give another name",
        });
      }
      const { size, dropped } = saved;
      const left = dropped === 0 ? "" : `; ${dropped} older ones are left out`;
      print(`saved ${size} ${size === 1 ? "line" : "lines"} in ${printable(created)}${left}`);
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
    run(
      { room, preferences, screen },
      which: string | undefined = preferences.picture?.toString(),
    ) {
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
export function helpRows(context: CompletionContext): [heading: string, help: string][] {
  const rows = commandsFor(context).map((c) => [usage(c), c.help] as const);
  rows.push(["//TEXT", "says a text that starts with a slash"]);
  const widest = Math.max(...rows.map(([form]) => form.length));
  return rows.map(([form, help]) => [`${form.padEnd(widest)}  `, help]);
}

/** A text as it is said: `:smile:` becomes what it stands for. */
export function written(text: string, { emoji }: Pick<Context, "emoji">): string {
  return emoji?.replace(text) ?? text;
}

function notifying({ notify }: Preferences): string {
  switch (notify) {
    case "all":
      return "every message rings or notifies while you look elsewhere";
    case "mentions":
      return "messages with your name, and those to you alone, ring or notify while you look elsewhere";
    case "off":
      return "nothing rings or notifies";
  }
}

/** @throws {ChatError} with the nearest */
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

/** A pasted path is a long "command": its beginning is enough to know it again. */
export function shortened(word: string): string {
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
