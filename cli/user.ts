// TODO: say what this is.

import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import type { Self } from "../client.ts";
import { ChatError, messageOf } from "../errors.ts";
import { findDownloads } from "../files/download_folder.ts";
import type { TransferOptions } from "../files/post.ts";
import { SystemDisk } from "../files/system_disk.ts";
import { printable } from "../text/printable.ts";
import { View } from "../ui/preferences.ts";
import type { ConfigFile, FileOptions, Speaker, ViewOptions } from "./command.ts";
import type { Settings } from "./config.ts";
import {
  configPath,
  findPlaces,
  loadIdentity,
  loadKnownNames,
  type Places,
  saveKnownNames,
} from "./home.ts";
import { readAtMost } from "./input.ts";
import { note } from "./output.ts";

/** The name to be known by. */
export function chosenName({ name, user }: Speaker, settings: Settings): string {
  return name ?? settings.name ?? user;
}

/** How the screen begins: the command line beats the environment, and that beats the config file. */
export function chosenView(options: ViewOptions, settings: Settings): View {
  const { name: _, quiet, ...rest } = settings;
  const view = new View({ ...rest, ...options });
  // Who asks here for something that rings does not mean the silence that the file asks for.
  view.muted = options.quiet ?? (quiet === true && options.notify === undefined);
  return view;
}

/** The code in a file, or in the environment; undefined if there is none. */
export function givenCode(codeFile: string | undefined): string | undefined {
  // Set to nothing is not set.
  if (codeFile === undefined) return Deno.env.get("CHAT_CODE") || undefined;
  try {
    const [line = ""] = Deno.readTextFileSync(codeFile).split(/\r?\n/);
    if (line.trim() !== "") return line;
  } catch (cause) {
    const message = messageOf(cause);
    throw new ChatError(`Cannot read the code from ${printable(codeFile)}: ${message}`, { cause });
  }
  throw new ChatError(`Cannot read the code from ${printable(codeFile)}: its first line is empty`);
}

/**
 * What the config file says; nothing, where there is none.
 *
 * @throws {ChatError} if it was asked for by name and is not there, can't be read, or something in it is wrong
 */
export async function loadSettings(config: ConfigFile): Promise<Settings> {
  const path = config === undefined ? defaultConfig() : config;
  if (!path) return {};
  const failed = (cause: unknown) => {
    const message = messageOf(cause);
    return new ChatError(`Cannot read the config file ${printable(path)}: ${message}`, {
      hint: "To do without one: --no-config",
      cause,
    });
  };
  let opened: Deno.FsFile;
  try {
    opened = Deno.openSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound && config === undefined) return {};
    throw failed(cause);
  }
  using file = opened;
  // Most people have none: they do not wait for the parser.
  const { MAX_CONFIG, parseSettings } = await import("./config.ts");
  let bytes: Uint8Array;
  try {
    // One more shows that it is too large. Its size would not: that of /dev/null and of a pipe is 0.
    bytes = readAtMost(file, MAX_CONFIG + 1);
  } catch (cause) {
    throw failed(cause);
  }
  return parseSettings(bytes, path);
}

/** undefined where the environment does not say where a user's files are. */
function defaultConfig(): string | undefined {
  try {
    return configPath(places());
  } catch (error) {
    if (error instanceof ChatError) return undefined;
    throw error;
  }
}

export function places(): Places {
  return findPlaces(Deno.build.os, (name) => Deno.env.get(name));
}

/** A conversation does not end because a file can't be written. */
function keepNames(folders: Places, knownNames: KnownNames): void {
  try {
    saveKnownNames(folders, knownNames);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    knownNames.saved(); // Said once.
    note(`chat: the names met here won't be known again. ${error.message}`);
  }
}

/** This user in sealed rooms. Where there is no home to keep it in, it is for this once. */
export function loadSelf(): Self {
  let folders: Places;
  try {
    folders = places();
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    note(`chat: nobody will know you again. ${error.message}`);
    return { identity: Identity.generate(), knownNames: new KnownNames() };
  }
  const knownNames = loadKnownNames(folders);
  return {
    identity: loadIdentity(folders),
    knownNames,
    save: () => keepNames(folders, knownNames),
  };
}

/** Where files are that are sent and received. */
export function filesFor(
  { downloads, accept, acceptLimit }: FileOptions,
  settings: Settings,
): TransferOptions {
  // A shell puts the home in the option's place, nobody does in the file's.
  const find = () =>
    downloads ?? settings.downloads?.replace(/^~/, () => home() ?? "~") ??
      findDownloads(Deno.build.os, (name) => Deno.env.get(name));
  return { disk: new SystemDisk(find), accept, acceptLimit };
}

/** The user's own folder; undefined where the system does not say. */
export function home(): string | undefined {
  return Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
}
