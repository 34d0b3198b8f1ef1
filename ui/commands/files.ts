// Commands about files: offers, transfers, pictures.

import { ChatError } from "../../errors.ts";
import { whichOf } from "../../files/handles.ts";
import { type Files, isThere, toPath } from "../../files/paths.ts";
import { findPerson, type Room, type Transfer } from "../../room.ts";
import { counted } from "../../text/counts.ts";
import { printable } from "../../text/printable.ts";
import { choosePictures } from "../picture_choice.ts";
import { listRow } from "../transfer_text.ts";
import { shortened, type SlashCommand } from "./command.ts";

/** Rows of `/transfers`. */
const MAX_LISTED = 100;

export const FILES: readonly SlashCommand[] = [
  {
    name: "send",
    others: ["upload", "file"],
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
    others: ["get", "download"],
    args: "[NAME]",
    help: "accepts files: 3, 3-10, a member, a file name, or all",
    run({ room }, which?: string) {
      room.accept(which ?? onlyOffer(room, "accept"));
    },
  },
  {
    name: "decline",
    others: ["reject", "refuse"],
    args: "[NAME]",
    help: "declines files; arguments as for /accept",
    run({ room }, which?: string) {
      room.decline(which ?? onlyOffer(room, "decline"));
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
      if (more > 0) print(`${counted(more, "older transfer")} not shown`);
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
];

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

function offered({ transfers }: Room): Transfer[] {
  return transfers.filter((one) => one.direction === "in" && one.state === "offered");
}

/** The only offered file, or all files if they are one folder. */
function onlyOffer(room: Room, what: string): number | "all" {
  const open = offered(room);
  const folders = new Set(open.map(({ who, name }) => `${who?.id}/${name.split("/", 1)[0]}`));
  const isFolder = folders.size === 1 && open.every(({ name }) => name.includes("/"));
  return isFolder ? "all" : only(open, what, "nothing is offered to you");
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
