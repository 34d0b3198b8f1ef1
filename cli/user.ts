// What belongs to the user who runs the program: settings, identity, known names, rooms on this machine, downloads.
// Combines the command line, the environment and the config file. It knows no verb.

import { Identity } from "../cipher/identity.ts";
import { KnownNames, MAX_NAMES } from "../cipher/known_names.ts";
import type { Self } from "../client.ts";
import { ChatError, FileUnavailable, messageOf } from "../errors.ts";
import { checkDownloads, findDownloads } from "../files/download_folder.ts";
import { checkOwn, isExposed, shellWord } from "../files/ownership.ts";
import type { TransferOptions } from "../files/post.ts";
import { SystemDisk } from "../files/system_disk.ts";
import { sizeOf } from "../server/limits.ts";
import { askHidden, askHiddenLater } from "../terminal/prompt.ts";
import { printable } from "../text/printable.ts";
import type { Ignored } from "../ui/ignored.ts";
import { Preferences } from "../ui/preferences.ts";
import type { ConfigFile, FileOptions, Speaker, ViewOptions } from "./command.ts";
import type { RoomSettings, Settings } from "./config.ts";
import {
  configPath,
  findPlaces,
  findRooms,
  loadIdentity,
  type LocalRoom,
  type Places,
} from "./home.ts";
import { readAtMost } from "./input.ts";
import { NamesFile } from "./names_file.ts";
import { note } from "./output.ts";
import type { System } from "./system.ts";

/**
 * The settings in the config file, and the table of the room that is joined, if it is a remembered one. `log` is that of
 * the table, if it has one.
 */
export type ChosenSettings = Settings & {
  readonly room?: RoomSettings;
  /** The name of that room. */
  readonly roomName?: string;
};

// An option beats the room's table, that beats the environment, and that beats the rest of the config file.

/** The user's name in the room. */
export function chosenName({ name, envName, user }: Speaker, settings: ChosenSettings): string {
  return name ?? settings.room?.name?.normalize("NFC") ?? envName ??
    settings.name?.normalize("NFC") ?? user;
}

/** The preferences at the start. */
export function chosenView(
  { envNotify, ...options }: ViewOptions,
  settings: ChosenSettings,
  ignored?: Ignored,
): Preferences {
  const { theme, time, title, quiet, "notify-command": notifyCommand, room, roomName } = settings;
  const asked = options.notify ?? room?.notify ?? envNotify;
  const highlight = room?.highlight ?? settings.highlight;
  const view = new Preferences({
    theme,
    time,
    title,
    roomName,
    highlights: highlight?.map((word) => word.normalize("NFC")),
    notifyCommand,
    ...options,
    notify: asked ?? settings.notify,
  }, ignored);
  // A user who asks for notifications does not want the silence that the top of the file asks for.
  view.muted = options.quiet ?? (quiet === true && asked === undefined);
  return view;
}

/** A path of the config file: a shell expands `~` in an option, here this does. */
export function atHome(system: System, path: string): string;
export function atHome(system: System, path: string | undefined): string | undefined;
export function atHome(system: System, path: string | undefined): string | undefined {
  return path?.replace(/^~/, () => home(system) ?? "~");
}

/**
 * The code from a file, or from the environment; undefined if the user gives none.
 *
 * @throws {ChatError} if the file cannot be read, or its first line is no text or empty
 */
export function givenCode(system: System, codeFile: string | undefined): string | undefined {
  // An empty variable counts as unset.
  if (codeFile === undefined) return system.env("CHAT_CODE") || undefined;
  return readSecret(codeFile, "the code");
}

/** Asks for a room's code: see `askHidden`. An empty line is no try, and the question is asked again. */
export function typedCode(system: System, question: string): string {
  for (;;) {
    const code = askHidden(question, system.stdin, system.stderr, {
      name: CODE,
      hint: "Set CHAT_CODE, or name a file with the code: --code-file FILE",
    });
    if (code.trim() !== "") return code;
  }
}

/** The same after a screen on the terminal: see `askHiddenLater`. */
export async function laterTypedCode(system: System, question: string): Promise<string> {
  const tty = system.openTerminal();
  for (;;) {
    const code = await askHiddenLater(question, tty, { name: CODE });
    if (code.trim() !== "") return code;
  }
}

/** What a question asks for, as part of a sentence. */
const CODE = "the code";

/** How much of a file with a secret is read, in bytes: its first line is the secret, and that is short. */
const MAX_SECRET_LINE = 4 * 1024;

/**
 * A secret from the first line of a file.
 *
 * @param what it is, such as `the code`
 * @throws {ChatError} if the file cannot be read, or its first line is no text or empty; if it is this user's file and
 * other users can read or change it. A file of somebody else, as a container's secrets are, is that user's to protect.
 */
export function readSecret(path: string, what: string): string {
  const failed = (why: string, cause?: unknown) =>
    new ChatError(`Cannot read ${what} from ${printable(path)}: ${why}`, {
      hint: `Name a text file whose first line is ${what}`,
      ...(cause !== undefined && { cause }),
    });
  let bytes: Uint8Array;
  try {
    using file = Deno.openSync(path);
    const info = file.statSync();
    if (info.isFile && isExposed(info)) {
      throw new ChatError(
        `Cannot use ${printable(path)}: other users of this machine can read or change it`,
        { hint: `Make it private: chmod 600 ${shellWord(path)}` },
      );
    }
    // A device or a wrong file may be endless.
    bytes = readAtMost(file, MAX_SECRET_LINE);
  } catch (cause) {
    if (cause instanceof ChatError) throw cause;
    throw failed(messageOf(cause), cause);
  }
  const end = bytes.indexOf(0x0a);
  if (end === -1 && bytes.length === MAX_SECRET_LINE) throw failed("its first line is too long");
  let line: string;
  try {
    line = new TextDecoder("utf-8", { fatal: true })
      .decode(end === -1 ? bytes : bytes.subarray(0, end)).replace(/\r$/, "");
  } catch (cause) {
    throw failed("its first line is not UTF-8", cause);
  }
  if (/[^\P{Cc}\t]/u.test(line)) throw failed("its first line is not text");
  if (line.trim() === "") throw failed("its first line is empty");
  return line;
}

/**
 * The settings in the config file; none if the default file does not exist.
 *
 * @throws {ChatError} if the user names a file that does not exist; if the file cannot be read or has an error; if other
 * users can change the default file
 */
export async function loadSettings(system: System, config: ConfigFile): Promise<Settings> {
  const path = config === undefined ? defaultConfig(system) : config;
  if (!path) return {};
  try {
    return (await readConfig(system, path, config === undefined))?.settings ?? {};
  } catch (error) {
    // A home folder of somebody else's must not stop this user.
    if (!(error instanceof FileUnavailable) || config !== undefined) throw error;
    note(system, `chat: the config file is not used. ${error.message}`);
    return {};
  }
}

/**
 * Reads a config file; undefined if it is the default file and does not exist.
 *
 * @throws {FileUnavailable} if this user may not read it
 * @throws {ChatError} as `loadSettings`
 */
export async function readConfig(
  system: System,
  path: string,
  isDefault: boolean,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; settings: Settings } | undefined> {
  const failed = (cause: unknown, Class = ChatError) => {
    const message = messageOf(cause);
    return new Class(`Cannot read the config file ${printable(path)}: ${message}`, {
      hint: "To start without one: --no-config",
      cause,
    });
  };
  let opened: Deno.FsFile;
  try {
    opened = Deno.openSync(path);
  } catch (cause) {
    const { NotADirectory, NotCapable, NotFound, PermissionDenied } = Deno.errors;
    if (isDefault && (cause instanceof NotFound || cause instanceof NotADirectory)) {
      return undefined;
    }
    const isForbidden = cause instanceof PermissionDenied || cause instanceof NotCapable;
    throw failed(cause, isForbidden ? FileUnavailable : ChatError);
  }
  using file = opened;
  // Most users have no config file: they do not wait for the parser.
  const { MAX_CONFIG, parseSettings } = await import("./config.ts");
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    if (isDefault) checkOwn(path, { home: home(system), isPublic: true });
    // One byte more proves that the file is too large. Its size does not: /dev/null and pipes have size 0.
    bytes = readAtMost(file, MAX_CONFIG + 1);
  } catch (cause) {
    if (cause instanceof ChatError) throw cause;
    throw failed(cause);
  }
  return { bytes, settings: parseSettings(bytes, path) };
}

/** undefined if the environment does not name a folder for the user's files. */
function defaultConfig(system: System): string | undefined {
  try {
    return configPath(places(system));
  } catch (error) {
    if (error instanceof ChatError) return undefined;
    throw error;
  }
}

/** @throws {ChatError} if the environment does not name a folder for the user's files */
export function places(system: System): Places {
  return findPlaces(system.os, system.env);
}

/** The rooms that this user has opened on this machine, the newest first; none without a folder for them. */
export function localRooms(system: System): LocalRoom[] {
  try {
    return findRooms(places(system));
  } catch (error) {
    if (error instanceof ChatError) return [];
    throw error;
  }
}

/**
 * This user in sealed rooms. What can be read is used. An identity that cannot be read or kept is replaced with a
 * temporary one, and names that cannot be kept are known for one session: a note says so, once.
 *
 * @throws {ChatError} if a file is damaged, or other users can read or change it
 */
export function loadSelf(system: System): Self {
  let folders: Places;
  try {
    folders = places(system);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return { identity: temporaryIdentity(system, error), knownNames: new KnownNames() };
  }
  const identity = orUnavailable(() => loadIdentity(folders));
  const file = new NamesFile(folders);
  const unread = orUnavailable(() => file.load());
  const { names: knownNames } = file;
  if (identity instanceof FileUnavailable) {
    return { identity: temporaryIdentity(system, identity), knownNames };
  }
  // Each once: the reason seldom changes, and a room may have many members.
  const reported = new Set<string>();
  const reportOnce = (what: string, details: string) => {
    if (!reported.has(what)) note(system, `chat: ${what}${details}`);
    reported.add(what);
  };
  const reportUnkept = ({ message }: ChatError) =>
    reportOnce("the keys of the members you meet are not kept. ", message);
  if (unread) reportUnkept(unread);
  const save = () => {
    try {
      file.save();
    } catch (error) {
      // A failure must not end the conversation.
      if (!(error instanceof ChatError)) throw error;
      reportUnkept(error);
    }
    if (knownNames.forgotten > 0) {
      reportOnce(
        `you have met more than ${MAX_NAMES} names: the oldest are forgotten; `,
        "those that you trusted or verified are kept",
      );
    }
  };
  return { identity, knownNames, save };
}

function temporaryIdentity(system: System, { message }: ChatError): Identity {
  note(system, `chat: this session uses a temporary identity. ${message}`);
  return Identity.generate();
}

/** The result, or the error if a file is unavailable. */
function orUnavailable<T>(load: () => T): T | FileUnavailable {
  try {
    return load();
  } catch (error) {
    if (error instanceof FileUnavailable) return error;
    throw error;
  }
}

/**
 * Where received files go, and which ones are accepted.
 *
 * @throws {ChatError} if the user names a downloads folder that cannot be one
 */
export function filesFor(
  system: System,
  { downloads, accept, acceptLimit, rate }: FileOptions,
  settings: ChosenSettings,
): TransferOptions {
  const { room } = settings;
  const named = downloads ?? atHome(system, room?.downloads ?? settings.downloads);
  if (named !== undefined) {
    try {
      checkDownloads(named);
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      const hint = downloads === undefined
        ? "It is named in the config file; --downloads DIR names another"
        : "Name another: --downloads DIR";
      throw new ChatError(error.message, { hint, cause: error.cause });
    }
  }
  // Not looked for before a file is received: most users receive none.
  const find = () => named ?? findDownloads(system.os, system.env);
  return {
    disk: new SystemDisk(find),
    accept: accept ?? room?.accept ?? "ask",
    acceptLimit,
    rate: rate ?? sizeOf(settings["file-rate"] ?? "0"),
  };
}

/** The user's home folder; undefined if the environment does not name it. */
export function home({ os, env }: System): string | undefined {
  return env(os === "windows" ? "USERPROFILE" : "HOME");
}
