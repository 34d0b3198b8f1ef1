// A parsed command line, as types: what each verb gets. It knows neither how it was written nor what a verb does.

import type { OperatorAct } from "../protocol/moderation.ts";
import type { Place } from "../protocol/servers.ts";
import type { AddressRange } from "../server/addresses.ts";
import type { Limits } from "../server/limits.ts";
import type { StatusPlace } from "../server/metrics_http.ts";
import type { MessageFormat } from "../ui/message_format.ts";
import type { Notify, Theme, Time } from "../ui/preferences.ts";
import type { RoomPlace } from "./address.ts";
import type { VerbName } from "./options.ts";

/** How long to try to reconnect, in ms: 0 not at all, Infinity forever; undefined: as the screen needs it. */
export type Retry = number | undefined;

/** The user's name, as far as the command line and the environment give it: see `chosenName`. */
export interface Speaker {
  /** As the option says; undefined: as the room's table, the variable or the config file says. */
  name: string | undefined;
  /** As CHAT_NAME says, unless the option is given. */
  envName?: string;
  /** The name of the system's user, if the config file has none either. */
  user: string;
  config: ConfigFile;
}

/** The path of the config file; undefined: the default file, if it exists; false: none. */
export type ConfigFile = string | undefined | false;

/** How the user takes part in a room. */
export interface ScreenOptions extends Speaker {
  view: ViewOptions;
  json: boolean;
  /** Plain lines, even in a terminal. */
  plain: boolean;
  /** How plain lines show messages; undefined: as usual. */
  format: MessageFormat | undefined;
  stay: boolean;
  retry: Retry;
  files: FileOptions;
}

/** Which files are accepted, and where they go. */
export interface FileOptions {
  /** undefined: the system's downloads folder. */
  downloads: string | undefined;
  /** undefined: as the room's table in the config file says, else ask. */
  accept: Accept | undefined;
  /** Larger files always need an answer of the user; in bytes. */
  acceptLimit: number;
  /** Bytes of files per second in each direction; 0: no limit, undefined: as the config file says. */
  rate: number | undefined;
}

/** Whose files are accepted without a question. */
export const ACCEPT = ["ask", "known", "all", "none"] as const;
export type Accept = typeof ACCEPT[number];

/** The preferences that the command line and the environment set: see `chosenView`. */
export interface ViewOptions {
  theme?: Theme;
  time?: Time;
  notify?: Notify;
  /** As CHAT_NOTIFY says, unless the option is given. */
  envNotify?: Notify;
  quiet?: true;
  title?: false;
}

/** Which room to join, and how. */
export interface RoomTarget {
  /** undefined: a room that this user has opened on this machine, else the default address. */
  address: RoomPlace | undefined;
  /** Further addresses, which only the room's server has named. */
  servers?: readonly Place[];
  /**
   * The name of a remembered room. If there is an address, too, it is used unless a room has this name; without one, a
   * room must have it.
   */
  room?: string;
  /** Remembered rooms whose names are similar to the host, as part of a sentence. */
  similar?: string;
  /** A file whose first line is the room's code. */
  codeFile: string | undefined;
  /** The config file names this file: the room may have a new code since. */
  mayBeOld?: true;
  /** Refuse a room with another cipher. */
  cipher: "sealed" | "xor" | undefined;
}

/** The protection of a room that is about to open. */
export type RoomCipher =
  | {
    name: "xor";
    publicKey: number | undefined;
    /** Let classic clients join, too. */
    classic: boolean;
  }
  | {
    name: "sealed";
    codeFile: string | undefined;
    /** Ask the operator for the code. */
    askCode: boolean;
  };

/** What a room keeps across restarts. */
export interface StateOptions {
  /** The folder that keeps it. */
  path: string;
  /** How much of the conversation it keeps, in bytes. */
  keep: number;
  /** For how long, in ms; Infinity: as long as it fits. */
  keepForMs: number;
  /** Drop the conversation that it has kept so far. */
  newLog: boolean;
  /** Replace the code that it has kept so far. Then the conversation is dropped, too. */
  newCode: boolean;
}

/** What the operator wants of a room. A member is given as people write it: its number, or in xor rooms its name. */
export type AdminWish =
  | { readonly action: "who" | "bans" }
  | {
    readonly action: "kick" | "silence" | "unsilence" | "ban";
    readonly member: string;
    readonly seconds?: number;
    readonly reason?: string;
  }
  | Exclude<OperatorAct, { readonly member: number }>;

export interface AdminCommand {
  verb: "admin";
  /** The port of the room; undefined: the only one that this user has open here. */
  port: number | undefined;
  /** The path of the room's socket for this. */
  socket: string | undefined;
  json: boolean;
  wish: AdminWish;
}

export type Command =
  /** Of the program, or of one command. */
  | { verb: "help"; topic: VerbName | undefined }
  | { verb: "version" }
  | {
    verb: "serve";
    hostname: string;
    port: number;
    /** Where proxies are that name the address of each client. */
    proxies: readonly AddressRange[];
    cipher: RoomCipher;
    /** undefined: only serve. */
    join: ScreenOptions | undefined;
    /** undefined: the room ends with its server. */
    state: StateOptions | undefined;
    limits: Limits;
    /** Further addresses of the room, as `parseServer` reads them. */
    advertise: readonly string[];
    /** The keys of moderators, as people write them. */
    moderators: readonly string[];
    /** Only moderators speak to the room. */
    readOnly: boolean;
    /** The format of the events on stderr. */
    log: "text" | "json";
    status: StatusPlace | undefined;
    /** The path of the socket for `chat admin`; undefined: beside the room's own file. */
    admin: string | undefined;
  }
  /** `classic`: the server at this address is a classic one. */
  | { verb: "join"; target: RoomTarget; classic: boolean; screen: ScreenOptions }
  | {
    verb: "send";
    target: RoomTarget;
    speaker: Speaker;
    /** undefined: stdin, or files instead. */
    text: string | undefined;
    /** Files and folders. */
    files: readonly string[];
    /** The member that the text or the files are for; undefined: all members. */
    to: string | undefined;
    /** The exit code does not report what is left out of folders. */
    partial: boolean;
    /** Bytes of files per second: see `FileOptions`. */
    rate: number | undefined;
    retry: Retry;
  }
  | { verb: "rooms"; config: ConfigFile }
  | AdminCommand
  | {
    verb: "crack";
    /** undefined: stdin. */
    file: string | undefined;
    /** How many keys to list instead of the text. */
    top: number | undefined;
  }
  | {
    verb: "identity";
    action: IdentityAction;
    file: string;
    /** A file whose first line is the passphrase; undefined: ask. */
    passphraseFile: string | undefined;
    /** Replace another identity of this user. */
    replace: boolean;
  }
  | { verb: "completions"; shell: Shell };

/** What `chat identity` does. */
export const IDENTITY_ACTIONS = ["export", "import"] as const;
export type IdentityAction = typeof IDENTITY_ACTIONS[number];

/** The shells that have a completion script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** The default host: this machine only. */
export const LOOPBACK = "127.0.0.1";

/** Whether a command line asks for the version, and nothing else. */
export function asksForVersion(args: readonly string[]): boolean {
  return args.length === 1 && (args[0] === "--version" || args[0] === "-V");
}
