// Tables for the help and the man page, besides the options: the config file, the exit codes, the user's files. They
// are complete, because an executable is often the only thing that a user has. Pure data.

import type { RoomSettings, Settings } from "./config.ts";
import { DONE, FAILED, HUNG_UP, MISUSE } from "./output.ts";

export interface SettingHelp {
  /** A valid value, as TOML. */
  readonly example: string;
  readonly help: string;
}

/** The keys of the config file, in the order of its documentation. */
export const SETTINGS_HELP: Readonly<
  Record<Exclude<keyof Settings, "rooms">, SettingHelp>
> = {
  name: { example: '"alice"', help: "your name in the room (default: your user name)" },
  theme: { example: '"dark"', help: "colours: auto (default), dark, light or mono" },
  time: { example: '"long"', help: "times before messages: short (default), long or off" },
  notify: {
    example: '"all"',
    help: "which messages notify you in the background: all, mentions (default) or off",
  },
  quiet: { example: "false", help: "true: no notifications, whatever notify says" },
  title: { example: "true", help: "false: leave the window's title as it is" },
  downloads: { example: '"~/incoming"', help: "the folder for files that you accept" },
  log: {
    example: '"~/{room}.log"',
    help: "a file that keeps a transcript; {room} is the room's address (default: none)",
  },
  "file-rate": {
    example: '"2M"',
    help: "limit for files, each way, in bytes per second (default: none)",
  },
  highlight: {
    example: '["deploy", "on call"]',
    help: "words that notify you as your name does",
  },
  "notify-command": {
    example: '["notify-send", "chat"]',
    help: "a program to run for each notification, with arguments; the text is on its stdin",
  },
};

/** The keys of a room that is remembered, which are in a table of its own. */
export const ROOM_SETTINGS_HELP: Readonly<Record<keyof RoomSettings, SettingHelp>> = {
  address: {
    example: '"chat.example.org"',
    help: "where the room is: HOST[:PORT], or several with commas",
  },
  servers: { example: '["192.0.2.7:2428"]', help: "further addresses, which its server has named" },
  "code-file": { example: '"~/work.code"', help: "a file with the code" },
  name: { example: '"alice"', help: "your name in this room" },
  accept: { example: '"known"', help: "offered files: ask, known, all or none, as --accept" },
  downloads: { example: '"~/work"', help: "the folder for files from this room" },
  log: { example: '"~/work.log"', help: "a file that keeps a transcript of this room" },
  notify: { example: '"all"', help: "which messages of this room notify you" },
  highlight: { example: '["deploy"]', help: "words in this room that notify you" },
};

export const ROOM_TABLE = "[rooms.work]";

/** Where the config file is. */
export const CONFIG_PATHS: Readonly<Record<string, string>> = {
  Linux: "~/.config/chat/config.toml, or $XDG_CONFIG_HOME/chat/config.toml",
  macOS: "~/Library/Application Support/chat/config.toml",
  Windows: "%APPDATA%\\chat\\config.toml",
};

export const CONFIG_NOTE =
  "The config file is TOML. Every line is optional. Options beat the table of a room, that beats the environment, " +
  "and that beats the rest of the file. A table such as [rooms.work] remembers a room: chat join work.";

/** A config file with every key. */
export function exampleConfig(): string {
  const rows = (keys: Readonly<Record<string, SettingHelp>>) =>
    Object.entries(keys).map(([key, { example }]) => `${key} = ${example}`).join("\n");
  return `${rows(SETTINGS_HELP)}\n\n${ROOM_TABLE}\n${rows(ROOM_SETTINGS_HELP)}`;
}

export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [DONE, "success; for chat send: the room has accepted the message, or a member has each file"],
  [FAILED, "failure: stderr says why"],
  [MISUSE, "misuse: an error on the command line or in an environment variable"],
  [HUNG_UP, "the terminal was closed, or SIGHUP arrived"],
];

/** The user's files, on Linux. */
export const FILES: readonly (readonly [path: string, meaning: string])[] = [
  ["~/.config/chat/config.toml", "settings: see the config file"],
  ["~/.config/chat/identity", "your identity, created on first use: secret"],
  [
    "~/.config/chat/identity-N",
    "an identity that chat identity import --replace has replaced: secret",
  ],
  ["~/.config/chat/ignored", "the members that you ignore also after a restart, with their keys"],
  ["~/.config/chat/known-names", "the members that you have met, with their keys"],
  ["~/.cache/chat/room-PORT", "address and code of a room that you opened on this machine: secret"],
  ["~/.cache/chat/admin-PORT", "the socket by which chat admin governs that room"],
];
