// Writes a room into the user's config file, and its code into a private file beside it. What these files
// have already stays as it is. It knows no room that is open.

import { ChatError } from "../errors.ts";
import { makeOwnFolder, removeFile, writePrivate } from "../files/private_file.ts";
import { printable } from "../text/printable.ts";
import { ADDRESS_HINT, isSameRoom, parseAddresses, type RoomPlace } from "./address.ts";
import type { ConfigFile } from "./command.ts";
import type { RoomSettings } from "./config.ts";
import { configPath } from "./home.ts";
import { isRoomName, ROOM_NAME_RULE } from "./room_names.ts";
import { isCodeIn, keepCode, ownFile, renewCode, savedRecord } from "./saved_code.ts";
import type { System } from "./system.ts";
import { atHome, home, places, readConfig } from "./user.ts";

/** A room that the user is in. */
export interface KnownRoom {
  /** As `formatAddresses` writes it. */
  readonly address: string;
  /** Those that only its server has named. */
  readonly servers?: readonly string[];
  /** undefined if it has none. */
  readonly code: string | undefined;
  /** The name of the record that the code is right for. */
  readonly record?: string | undefined;
  /** The name that the user gave for this room; undefined: the one for every room. */
  readonly name: string | undefined;
}

/**
 * Remembers a room.
 *
 * @returns what has been done, one line each
 * @throws {ChatError} if that is impossible: then the config file is unchanged
 */
export async function rememberRoom(
  system: System,
  config: ConfigFile,
  room: KnownRoom,
  typed: string,
): Promise<string[]> {
  const { address, code, record } = room;
  const name = typed.normalize("NFC");
  const cannot = `Cannot remember this room as "${printable(name)}"`;
  if (!isRoomName(name)) throw new ChatError(`${cannot}: ${ROOM_NAME_RULE}`);
  if (config === false) {
    throw new ChatError(`${cannot}: chat was started with --no-config`, {
      hint: "Join the room again without it",
    });
  }
  const path = config ?? configPath(places(system));
  const read = await readConfig(system, path, config === undefined);
  // A new file in its place would replace a device such as /dev/null.
  if (read && !Deno.statSync(path).isFile) {
    throw new ChatError(`${cannot}: ${printable(path)} is not a file`);
  }
  const known = read?.settings.rooms?.get(name);
  if (known) {
    if (isSameRoom(place(known.address), place(address))) {
      return renew(system, path, name, known, room);
    }
    throw new ChatError(`${cannot}: that is ${printable(known.address)}`, {
      hint: `Choose another name, or change [rooms.${name}] in ${printable(path)}`,
    });
  }
  if (config === undefined) makeOwnFolder(places(system).config, home(system));
  const codeFile = code === undefined ? undefined : keepCode(system, path, name, { code, record });
  try {
    const before = read ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(read.bytes) : "";
    const file = codeFile && shortPath(system, codeFile.path);
    const text = before + tableAfter(before, name, room, file);
    const { parseSettings } = await import("./config.ts");
    try {
      parseSettings(new TextEncoder().encode(text), path);
    } catch (cause) {
      // It has become too large, or the parser does not take a table after what is there.
      if (!(cause instanceof ChatError)) throw cause;
      throw new ChatError(`${cannot}: no table can be added to ${printable(path)}`, {
        hint: `Write the room into the file yourself: its address is ${address}`,
        cause,
      });
    }
    // A link stays one.
    writePrivate(read ? Deno.realPathSync(path) : path, text);
    return [
      `remembered: chat join ${name}`,
      ...(file === undefined ? [] : [`only you can read the code, in ${printable(file)}`]),
    ];
  } catch (error) {
    if (codeFile?.isNew) removeFile(codeFile.path);
    throw error;
  }
}

function place(address: string): RoomPlace {
  return parseAddresses(address, ADDRESS_HINT);
}

/** What follows a text in TOML to add a table. It keeps the ends of lines that the text has. */
function tableAfter(
  text: string,
  room: string,
  { address, servers = [], name }: KnownRoom,
  codeFile: string | undefined,
): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const isEmpty = /^\ufeff?$/.test(text);
  const key = /^[\w-]+$/.test(room) ? room : quoted(room);
  return [
    ...(isEmpty || text.endsWith("\n") ? [] : [""]),
    ...(isEmpty ? [] : [""]),
    `[rooms.${key}]`,
    `address = ${quoted(address)}`,
    ...(servers.length === 0 ? [] : [`servers = [${servers.map(quoted).join(", ")}]`]),
    ...(codeFile === undefined ? [] : [`code-file = ${quoted(codeFile)}`]),
    ...(name === undefined ? [] : [`name = ${quoted(name)}`]),
    "",
  ].join(end);
}

/** A basic string of TOML. It has the escapes of JSON, and one more. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}

/** The room has this name already: its code may have changed since. */
function renew(
  system: System,
  config: string,
  name: string,
  known: RoomSettings,
  { code, record }: KnownRoom,
): string[] {
  const file = atHome(system, known["code-file"]);
  if (code === undefined) return [`already remembered: chat join ${name}`];
  if (file === undefined) return [`already remembered, without the code: chat join ${name}`];
  const own = ownFile(file, config, name);
  if (isCodeIn(file, code)) {
    if (own !== undefined && savedRecord(system, own) !== record) renewCode(own, { code, record });
    return [`already remembered: chat join ${name}`];
  }
  const shown = printable(known["code-file"]!);
  if (own === undefined) {
    throw new ChatError(`Cannot remember the code of ${name}: ${shown} has another one`, {
      hint: "chat changes no file that you have named: write the code into it yourself",
    });
  }
  renewCode(own, { code, record });
  return [`already remembered; the code in ${shown} was an old one, and is the new one now`];
}

/** A path with `~` for the home folder, so that it fits on other machines, too. */
function shortPath(system: System, path: string): string {
  const folder = home(system);
  if (!folder) return path;
  let real: string;
  try {
    real = Deno.realPathSync(folder);
  } catch {
    return path;
  }
  return /^[/\\]/.test(path.slice(real.length)) && path.startsWith(real)
    ? `~${path.slice(real.length)}`
    : path;
}
