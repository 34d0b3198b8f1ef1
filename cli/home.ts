// The user's own files: the identity, and the rooms on this machine. Only this user can read them. Also finds the
// folders for them, and the config file. It knows no room that is open, and no network.

import { Identity } from "../cipher/identity.ts";
import { ChatError } from "../errors.ts";
import {
  createPrivate,
  makeOwnFolder,
  pathIn,
  readPrivate,
  removeFile,
  writePrivate,
} from "../files/private_file.ts";

/** The folders for the user's files. */
export interface Places {
  /** For lasting files: identity and known names. */
  readonly config: string;
  /** For files that lose their value when the machine restarts: rooms. */
  readonly runtime: string;
  /** The user's home folder: others may be able to change what is above it. */
  readonly home?: string | undefined;
}

/**
 * The folders that the system has for a user's files: XDG's base directories on Linux, `Library` on macOS, `AppData`
 * on Windows.
 *
 * @throws {ChatError} if the environment does not name them
 */
export function findPlaces(os: string, env: (name: string) => string | undefined): Places {
  const need = (name: string): string => {
    const value = env(name);
    if (value) return value;
    throw new ChatError(`Cannot find the folder for your files: ${name} is not set, or not UTF-8`);
  };
  if (os === "windows") {
    return { config: `${need("APPDATA")}\\chat`, runtime: `${need("LOCALAPPDATA")}\\chat` };
  }
  if (os === "darwin") {
    const library = `${need("HOME")}/Library`;
    const config = `${library}/Application Support/chat`;
    return { config, runtime: `${library}/Caches/chat`, home: need("HOME") };
  }
  // XDG requires that a relative path is ignored.
  const absolute = (name: string): string | undefined => {
    const value = env(name);
    return value?.startsWith("/") ? value : undefined;
  };
  const config = absolute("XDG_CONFIG_HOME") ?? `${need("HOME")}/.config`;
  const runtime = absolute("XDG_RUNTIME_DIR") ?? absolute("XDG_CACHE_HOME") ??
    `${need("HOME")}/.cache`;
  return { config: `${config}/chat`, runtime: `${runtime}/chat`, home: env("HOME") };
}

/** The path of the config file, whether or not it exists. It holds no secret, and only the user writes it. */
export function configPath({ config }: Places): string {
  return pathIn(config, "config.toml");
}

const IDENTITY_FILE = "identity";

/**
 * This user's identity, generated on first use.
 *
 * @throws {FileUnavailable} if it cannot be read, or there is none and it cannot be kept
 * @throws {ChatError} if the file is damaged (it is never overwritten), or other users can read it
 */
export function loadIdentity(places: Places): Identity {
  // Another client may create the file at the same time: the file decides.
  return findIdentity(places) ?? createIdentity(places, Identity.generate());
}

/**
 * This user's identity; undefined if there is none yet.
 *
 * @throws {FileUnavailable} if it cannot be read
 * @throws {ChatError} if the file is damaged, or other users can read it
 */
export function findIdentity({ config, home }: Places): Identity | undefined {
  const path = pathIn(config, IDENTITY_FILE);
  const text = readPrivate(path, home);
  if (text === undefined) return undefined;
  const identity = parseIdentity(text);
  if (identity) return identity;
  throw new ChatError(`Cannot use ${path}: it is damaged`, {
    hint: "Restore a copy of it; or move it away, and others will see you as a new person",
  });
}

/**
 * Makes this the user's identity unless there is one; returns the one that the user has then.
 *
 * @throws {FileUnavailable} if it cannot be kept
 */
export function createIdentity(places: Places, identity: Identity): Identity {
  makeOwnFolder(places.config, places.home);
  createPrivate(pathIn(places.config, IDENTITY_FILE), formatIdentity(identity));
  return findIdentity(places) ?? identity;
}

/**
 * Makes this the user's identity; the file of the one before, even a damaged one, is kept beside it.
 *
 * @returns the path of that file
 * @throws {FileUnavailable} if it cannot be kept
 */
export function replaceIdentity({ config, home }: Places, identity: Identity): string {
  const path = pathIn(config, IDENTITY_FILE);
  const before = readPrivate(path, home) ?? "";
  let backup: string;
  let number = 1;
  do backup = `${path}-${number++}`; while (!createPrivate(backup, before));
  writePrivate(path, formatIdentity(identity));
  return backup;
}

function formatIdentity({ seed }: Identity): string {
  return `# This is your identity in chat: keep it secret.\n${seed.toBase64()}\n`;
}

function parseIdentity(text: string): Identity | undefined {
  const [line, ...more] = text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (line === undefined || more.length > 0 || !/^[A-Za-z0-9+/]{43}=$/.test(line)) return undefined;
  return new Identity(Uint8Array.fromBase64(line));
}

/** A room that this user has opened on this machine. */
export interface LocalRoom {
  readonly port: number;
  readonly hostname: string;
  /** undefined if the room is not sealed, or its code was unknown when it opened. */
  readonly code?: string;
  /** The name that members know this code by: `record` of GREETING. */
  readonly record?: string;
  /** Proves to the server that a client is this user's: see `Login`. */
  readonly ticket?: string;
  /** The path of the room's socket for `chat admin`. */
  readonly admin?: string;
}

/** 16 bytes in unpadded base64url: the form of `record` and `ticket`. */
const TOKEN = /^[\w-]{22}$/;

const ROOM_FILE = /^room-\d{1,5}$/;
/** How many rooms are remembered: each server on a free port adds a file. */
export const MAX_ROOMS = 16;

/** Saves address and code where only this user can read them, for `chat join` on this machine. */
export function publishRoom({ runtime, home }: Places, room: LocalRoom): void {
  makeOwnFolder(runtime, home);
  writePrivate(pathIn(runtime, `room-${room.port}`), JSON.stringify(room) + "\n");
  for (const path of roomFiles(runtime).slice(MAX_ROOMS)) {
    removeFile(path);
    // A killed server leaves it.
    removeFile(path.replace(/room-(\d+)$/, "admin-$1"));
  }
}

/**
 * The path of the socket for `chat admin` of a room at this port, in the folder of the rooms.
 *
 * @throws {FileUnavailable} if the folder cannot be made
 * @throws {ChatError} if other users can change what is in it
 */
export function adminPath({ runtime, home }: Places, port: number): string {
  makeOwnFolder(runtime, home);
  return pathIn(runtime, `admin-${port}`);
}

/**
 * The rooms that this user has opened on this machine, the newest first. Some may be closed. It is safe to try their
 * codes: the program that listens there now learns nothing about the code.
 */
export function findRooms({ runtime, home }: Places): LocalRoom[] {
  return roomFiles(runtime).slice(0, MAX_ROOMS).flatMap((path) => {
    try {
      return parseRoom(readPrivate(path, home) ?? "") ?? [];
    } catch {
      // A file that cannot be read must not stop the user from joining by hand.
      return [];
    }
  });
}

/** The newest first. */
function roomFiles(folder: string): string[] {
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    // The folder does not exist: this user never opened a room here.
    return [];
  }
  return names.filter((name) => ROOM_FILE.test(name))
    .map((name) => pathIn(folder, name))
    .map((path) => ({ path, since: modified(path) }))
    .sort((a, b) => b.since - a.since)
    .map(({ path }) => path);
}

/** The time when a file was written, in ms since 1970; 0 if it is unknown. */
function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}

/** @throws {SyntaxError} if the text is not JSON */
function parseRoom(text: string): LocalRoom | undefined {
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null) return undefined;
  const { port, hostname, code, record, ticket, admin } = json as Record<string, unknown>;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return undefined;
  }
  if (typeof hostname !== "string") return undefined;
  // A room with a damaged code is dropped: it must not pass for a room without a code.
  if (code !== undefined && typeof code !== "string") return undefined;
  const isToken = (value: unknown): value is string =>
    typeof value === "string" && TOKEN.test(value);
  return {
    port,
    hostname,
    ...(code !== undefined && { code }),
    ...(isToken(record) && { record }),
    ...(isToken(ticket) && { ticket }),
    ...(typeof admin === "string" && { admin }),
  };
}
