// A parsed command line, as types: what each verb gets. It knows neither how it was written nor what a verb does.

import type { Limits } from "../server/limits.ts";
import type { StatusPlace } from "../server/metrics_http.ts";
import type { Notify, Theme, Time } from "../ui/preferences.ts";

/**
 * For how long to try to come back when the connection is lost, in ms: 0 not at all, Infinity for ever;
 * undefined: as it suits the screen.
 */
export type Retry = number | undefined;

/** Who speaks, as far as the command line and the environment say: see `chosenName`. */
export interface Speaker {
  /** undefined: as the config file says. */
  name: string | undefined;
  /** Where that says nothing either: what the system calls its user. */
  user: string;
  config: ConfigFile;
}

/** The path of the config file; undefined: the one in its default place, if it is there; false: none. */
export type ConfigFile = string | undefined | false;

/** How a room is shown and talked to. */
export interface ScreenOptions extends Speaker {
  view: ViewOptions;
  json: boolean;
  /** Plain lines, also in a terminal. */
  plain: boolean;
  stay: boolean;
  retry: Retry;
  files: FileOptions;
}

/** Which files are taken, and where they are put. */
export interface FileOptions {
  /** undefined: where the system has downloads. */
  downloads: string | undefined;
  accept: Accept;
  /** What is larger is asked about in any case, in bytes. */
  acceptLimit: number;
}

/** Whose files are taken without a question. */
export const ACCEPT = ["ask", "known", "all", "none"] as const;
export type Accept = typeof ACCEPT[number];

/** What the command line and the environment say of the screen, and no more: see `chosenView`. */
export interface ViewOptions {
  theme?: Theme;
  time?: Time;
  notify?: Notify;
  quiet?: true;
}

/** Which room to enter, and how. */
export interface Target {
  /** undefined: a room that this user has opened on this machine, else the default address. */
  address: { hostname: string; port: number } | undefined;
  /** A file whose first line is the room's code. */
  codeFile: string | undefined;
  /** Refuse a room with another cipher. */
  cipher: "sealed" | "xor" | undefined;
}

/** What protects a room that is to be opened. */
export type RoomCipher =
  | {
    name: "xor";
    publicKey: number | undefined;
    /** Let the original's clients in, too. */
    classic: boolean;
  }
  | {
    name: "sealed";
    codeFile: string | undefined;
    /** Ask the operator for the code. */
    askCode: boolean;
    /** A file that keeps what checks the code. */
    state: string | undefined;
  };

export type Command =
  | { verb: "help"; text: string }
  | { verb: "version" }
  | {
    verb: "serve";
    hostname: string;
    port: number;
    cipher: RoomCipher;
    /** Serve and join in one. */
    join: ScreenOptions | undefined;
    limits: Limits;
    /** How the operator is told what happens. */
    log: "text" | "json";
    status: StatusPlace | undefined;
  }
  /** `classic`: the room is one of the original, at this address. */
  | { verb: "join"; target: Target; classic: boolean; screen: ScreenOptions }
  | {
    verb: "send";
    target: Target;
    speaker: Speaker;
    /** undefined: from stdin, or there is a file instead. */
    text: string | undefined;
    file: string | undefined;
    /** Who gets the file; undefined: everybody. */
    to: string | undefined;
    retry: Retry;
  }
  | {
    verb: "crack";
    /** undefined: stdin. */
    file: string | undefined;
    /** How many keys to list in place of the text. */
    top: number | undefined;
  }
  | { verb: "completions"; shell: Shell };

/** The shells that completions are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** The default host: this machine only. */
export const LOOPBACK = "127.0.0.1";
