// The user's own files: the identity, the names that are known, and the rooms that are open on this
// machine, which are for this user's eyes only; and where the config file is.

import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { ChatError } from "../errors.ts";
import {
  createPrivate,
  makePrivateFolder,
  pathIn,
  readPrivate,
  removeFile,
  writePrivate,
} from "../files/private_file.ts";

/** Folders, by what they are for. */
export interface Places {
  /** What is kept: identity and known names. */
  readonly config: string;
  /** What is of use as long as the machine runs: rooms. */
  readonly runtime: string;
}

/**
 * Where the system wants a user's files: XDG's base directories on Linux, `Library` on macOS, `AppData`
 * on Windows.
 *
 * @throws {ChatError} if the environment does not say
 */
export function findPlaces(os: string, env: (name: string) => string | undefined): Places {
  const need = (name: string): string => {
    const value = env(name);
    if (value) return value;
    throw new ChatError(`Cannot find the folder for your files: ${name} is not set`);
  };
  if (os === "windows") {
    return { config: `${need("APPDATA")}\\chat`, runtime: `${need("LOCALAPPDATA")}\\chat` };
  }
  if (os === "darwin") {
    const library = `${need("HOME")}/Library`;
    return { config: `${library}/Application Support/chat`, runtime: `${library}/Caches/chat` };
  }
  // XDG: a path that is not absolute is to be ignored.
  const absolute = (name: string): string | undefined => {
    const value = env(name);
    return value?.startsWith("/") ? value : undefined;
  };
  const config = absolute("XDG_CONFIG_HOME") ?? `${need("HOME")}/.config`;
  const runtime = absolute("XDG_RUNTIME_DIR") ?? absolute("XDG_CACHE_HOME") ??
    `${need("HOME")}/.cache`;
  return { config: `${config}/chat`, runtime: `${runtime}/chat` };
}

/** Where the config file is, if there is one: not a secret, and written by nobody but its user. */
export function configPath({ config }: Places): string {
  return pathIn(config, "config.toml");
}

const IDENTITY_FILE = "identity";
const NAMES_FILE = "known-names";

/**
 * This user's identity, made on first use.
 *
 * @throws {ChatError} if the file is damaged (it is never overwritten), or others can read it
 */
export function loadIdentity({ config }: Places): Identity {
  const path = pathIn(config, IDENTITY_FILE);
  let text = readPrivate(path);
  if (text === undefined) {
    makePrivateFolder(config);
    // Another client may have made one at the same time: the file decides.
    createPrivate(path, formatIdentity(Identity.generate()));
    text = readPrivate(path);
  }
  const identity = parseIdentity(text ?? "");
  if (identity) return identity;
  throw new ChatError(`Cannot use ${path}: it is damaged`, {
    hint: "Put back a copy of it; or move it away, and be somebody new to those who know you",
  });
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

/** @throws {ChatError} if the file is damaged: it is never overwritten */
export function loadKnownNames(places: Places): KnownNames {
  return withNames(places, (text) => new KnownNames(text));
}

/**
 * Writes what is new among the names, if anything is. Two clients that do so in the same millisecond may
 * lose a name that one of them met: it is met again.
 *
 * @throws {ChatError} if the file is damaged: it is never overwritten
 */
export function saveKnownNames(places: Places, names: KnownNames): void {
  if (!names.changed) return;
  withNames(places, (text) => names.merge(text));
  makePrivateFolder(places.config);
  writePrivate(pathIn(places.config, NAMES_FILE), names.toString());
  names.saved();
}

function withNames<T>({ config }: Places, use: (text: string) => T): T {
  const path = pathIn(config, NAMES_FILE);
  const text = readPrivate(path) ?? "";
  try {
    return use(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ChatError(`Cannot use ${path}: ${cause.message}`, {
      hint: "Mend that line or delete it",
      cause,
    });
  }
}

/** A room that was opened on this machine by this user. */
export interface LocalRoom {
  readonly port: number;
  readonly hostname: string;
  /** undefined for a room that is not sealed, and for one whose code was known to nobody when it opened. */
  readonly code?: string;
}

const ROOM_FILE = /^room-\d{1,5}$/;
/** Rooms that are remembered: a server on a free port leaves another file each time. */
export const MAX_ROOMS = 16;

/** Leaves address and code where only this user finds them, for `chat join` on this machine. */
export function publishRoom({ runtime }: Places, room: LocalRoom): void {
  makePrivateFolder(runtime);
  writePrivate(pathIn(runtime, `room-${room.port}`), JSON.stringify(room) + "\n");
  for (const path of roomFiles(runtime).slice(MAX_ROOMS)) removeFile(path);
}

/**
 * The rooms that were opened on this machine, the newest first. Some may be closed: whoever listens there
 * now learns nothing of a code that is tried.
 */
export function findRooms({ runtime }: Places): LocalRoom[] {
  return roomFiles(runtime).slice(0, MAX_ROOMS).flatMap((path) => {
    try {
      return parseRoom(readPrivate(path) ?? "") ?? [];
    } catch {
      // One that can't be read is of no use, and does not stop anybody from joining by hand.
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
    // There is no such folder: no room was ever opened here.
    return [];
  }
  return names.filter((name) => ROOM_FILE.test(name))
    .map((name) => pathIn(folder, name))
    .map((path) => ({ path, since: modified(path) }))
    .sort((a, b) => b.since - a.since)
    .map(({ path }) => path);
}

/** When a file was written, in ms since 1970; 0 if it can't be told. */
function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}

/** @throws {SyntaxError} if it is no JSON */
function parseRoom(text: string): LocalRoom | undefined {
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null) return undefined;
  const { port, hostname, code } = json as Record<string, unknown>;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return undefined;
  }
  if (typeof hostname !== "string") return undefined;
  if (code === undefined) return { port, hostname };
  // A room whose code is damaged is none: it must not be taken for one that has no code.
  return typeof code === "string" ? { port, hostname, code } : undefined;
}
