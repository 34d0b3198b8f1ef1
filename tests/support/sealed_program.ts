// Test helper: sealed rooms of the program, opened and visited by users with separate folders.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { KnownNames } from "../../cipher/known_names.ts";
import { findPlaces, type Places } from "../../cli/home.ts";
import { NamesFile } from "../../cli/names_file.ts";
import { Home, Program, type ProgramOptions, type Result, run } from "./program.ts";

export function placesOf({ env }: Home): Places {
  return findPlaces(Deno.build.os, (name) => env[name]);
}

/** What the user's client has saved so far. */
export function knownNamesOf(home: Home): KnownNames {
  const file = new NamesFile(placesOf(home));
  file.load();
  return file.names;
}

/** Writes a code into a file of this user. */
export function codeFile({ path }: Home, text: string): string {
  const file = `${path}/code`;
  Deno.writeTextFileSync(file, text, { mode: 0o600 });
  return file;
}

export interface OpenedRoom extends AsyncDisposable {
  readonly server: Program;
  readonly address: string;
  readonly port: number;
}

/** Opens a room of this user, at a free port unless another is given. */
export async function open(
  home: Home,
  args: readonly string[] = [],
  env = {},
): Promise<OpenedRoom> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const server = new Program(["serve", ...port, ...args], { home, env });
  try {
    const line = await server.stdout.lineLike(/^listening \S+:\d+$/);
    const address = line.replace("listening ", "");
    const port = Number(address.split(":").at(-1));
    return { server, address, port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** The code that a server has printed. */
export async function codeOf({ server }: OpenedRoom): Promise<string> {
  return (await server.stdout.lineLike(/^code /)).replace("code ", "");
}

/** Joins and leaves. */
export function visit(options: ProgramOptions, name: string, ...args: string[]): Promise<Result> {
  return run(["join", "--name", name, ...args], options);
}

export function assertRefused({ code, stdout, stderr }: Result, ...sentences: string[]): void {
  assertEquals([code, stdout], [1, ""], stderr);
  for (const sentence of sentences) assertStringIncludes(stderr, sentence);
}
