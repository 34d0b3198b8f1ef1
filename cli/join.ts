// TODO: say what this is.

import { type ClassicClient, joinClassic } from "../classic/client.ts";
import { systemTimer } from "../classic/member.ts";
import { type Client, join } from "../client.ts";
import { ChatError, CodeNeeded, NobodyThere, WrongCode } from "../errors.ts";
import type { TransferOptions } from "../files/post.ts";
import { SystemFiles } from "../files/user_files.ts";
import type { Viewer } from "../pictures/graphics.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { formatAddress } from "../protocol/connection.ts";
import type { Ending } from "../room.ts";
import { type Environment, TERMINAL_VARIABLES } from "../terminal/environment.ts";
import { askHidden } from "../terminal/prompt.ts";
import { SystemTty } from "../terminal/tty.ts";
import { Emoji } from "../text/emoji.ts";
import { printable } from "../text/printable.ts";
import type { Context } from "../ui/context.ts";
import { follow } from "../ui/follow.ts";
import { type PlainOptions, PlainScreen } from "../ui/plain.ts";
import type { View } from "../ui/preferences.ts";
import { RoomRecord } from "../ui/saved_transcript.ts";
import { Screen } from "../ui/screen.ts";
import { submit } from "../ui/submit.ts";
import { isLoopback } from "./address.ts";
import { type Command, LOOPBACK, type ScreenOptions, type Target } from "./command.ts";
import { findRooms, type LocalRoom } from "./home.ts";
import { unreadable } from "./input.ts";
import { DONE, FAILED, note, report } from "./output.ts";
import { fatal, Signals } from "./signals.ts";
import {
  chosenName,
  chosenView,
  filesFor,
  givenCode,
  home,
  loadSelf,
  loadSettings,
  places,
} from "./user.ts";

/** Somebody in a room, of whichever kind. */
type Joined = Client | ClassicClient;

/** How long a script tries to come back, in ms: a server may be started anew, but a script must not hang. */
export const SCRIPT_RETRY_MS = 60_000;

/** Enters a room. */
export async function joinRoom(command: Command & { verb: "join" }): Promise<number> {
  const { target, classic, screen } = command;
  const settings = await loadSettings(screen.config);
  const client = classic
    ? await joinClassic({ ...target.address!, after: systemTimer })
    : await admit(
      target,
      chosenName(screen, settings),
      patience(screen),
      filesFor(screen.files, settings),
    );
  const signals = new Signals();
  try {
    return await stay(client, screen, chosenView(screen.view, settings), signals);
  } finally {
    signals.forget();
  }
}

/**
 * Gets into a room:
 *
 * 1. the one at the address, or one of those that this user has opened on this machine, the newest first;
 * 2. with the code that was given, or that such a room has left;
 * 3. else, or if that is wrong, with one that the person at the terminal types, as often as it takes.
 */
export async function admit(
  { address, codeFile, cipher }: Target,
  name: string,
  retryMs: number,
  files?: TransferOptions,
): Promise<Client> {
  const given = givenCode(codeFile);
  const local = localRooms();
  const candidates = address
    ? [local.find((room) => isSame(room, address)) ?? address]
    : [...local, { hostname: LOOPBACK, port: DEFAULT_PORT }];
  for (const [index, room] of candidates.entries()) {
    const left = "code" in room ? room.code : undefined;
    let code = given ?? left;
    for (;;) {
      const { hostname, port } = room;
      try {
        return await join({
          hostname,
          port,
          name,
          cipher,
          self: loadSelf,
          retryMs,
          networks,
          ...(files && { files }),
          ...(code !== undefined && { code }),
        });
      } catch (error) {
        // What a closed room has left may lead to anything: another's room, or no room at all.
        const stale = error instanceof NobodyThere ||
          (error instanceof WrongCode && given === undefined && code === left);
        if (stale && index + 1 < candidates.length) break;
        const ask = error instanceof CodeNeeded || error instanceof WrongCode;
        if (!ask || given !== undefined || !Deno.stdin.isTerminal()) throw error;
        if (error instanceof WrongCode) report(error);
        code = askHidden(`The code of the room at ${formatAddress(hostname, port)}:`);
      }
    }
  }
  throw new Error("Cannot happen: the last candidate is joined or throws");
}

/** Rooms that this user has opened on this machine; none where there is no folder for them. */
export function localRooms(): LocalRoom[] {
  try {
    return findRooms(places());
  } catch (error) {
    if (error instanceof ChatError) return [];
    throw error;
  }
}

function isSame(room: LocalRoom, { hostname, port }: { hostname: string; port: number }): boolean {
  const isHere = (name: string) => name === "localhost" || isLoopback(name);
  return room.port === port &&
    (room.hostname === hostname || (isHere(room.hostname) && isHere(hostname)));
}

/** Stays in a room until it ends, this side leaves, or a signal comes. */
export async function stay(
  client: Joined,
  screen: ScreenOptions,
  view: View,
  signals: Signals,
): Promise<number> {
  signals.first.then(() => client.leave());
  if (isInteractive() && !screen.json && !screen.plain) return await runScreen(client, view);
  return await runPlain(client, screen, view);
}

/** Whether a person sees what happens, and can answer. */
function isInteractive(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/**
 * For how long to try to come back, in ms: a person sees that it tries and can end it, and who listens with
 * `--stay` wants to hear what comes, however late.
 */
export function patience({ retry, stay }: ScreenOptions): number {
  return retry ?? (stay || isInteractive() ? Infinity : SCRIPT_RETRY_MS);
}

/** This machine's addresses in one text, which is another when a network has come or gone; "" if unknown. */
export function networks(): string {
  try {
    return Deno.networkInterfaces().map(({ address }) => address).sort().join(" ");
  } catch {
    return "";
  }
}

/** The room on the whole terminal: see `ui/screen.ts`. */
async function runScreen(client: Joined, view: View): Promise<number> {
  const screen = new Screen({
    tty: new SystemTty(),
    room: client,
    view,
    environment: terminal(),
    pictures: latePictures(),
    ...surroundings(),
  });
  // A bug of ours must not leave the terminal in raw mode.
  const crash = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    screen.close();
    fatal("reason" in event ? event.reason : event.error);
  };
  globalThis.addEventListener("error", crash);
  globalThis.addEventListener("unhandledrejection", crash);
  try {
    const running = client.run((event) => screen.event(event));
    const ending = await screen.run();
    // The goodbye is on its way; a person who asked twice did not wait for it.
    if (client.ending) await running;
    return ending.reason === "left" ? DONE : FAILED;
  } finally {
    screen.close();
  }
}

/** Pictures are rare, and what decodes them is much: it is loaded with the first one. */
function latePictures(): Viewer {
  let pictures: Viewer | undefined;
  return {
    async view(path, name, stage) {
      const { Pictures } = await import("../pictures/pictures.ts");
      pictures ??= new Pictures();
      return await pictures.view(path, name, stage);
    },
  };
}

/** What the environment says of the terminal. */
function terminal(): Environment {
  const given = TERMINAL_VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** The room as lines: see `ui/plain.ts`. */
async function runPlain(
  client: Joined,
  { json, stay }: ScreenOptions,
  view: View,
): Promise<number> {
  const pipes = {
    read: (buffer: Uint8Array) => Deno.stdin.read(buffer).catch(unreadable),
    writeOut: (bytes: Uint8Array) => Deno.stdout.write(bytes),
    note,
  };
  const options = { json, stay, now: () => new Date() };
  const typed = !json && Deno.stdin.isTerminal();
  const person = typed ? atPlainTerminal(client, view) : {};
  const plain = new PlainScreen(client, pipes, { ...options, ...person });
  const running = client.run((event) => plain.tell(event));
  // Not awaited: a read of stdin can't be ended, and the room may end before the input does.
  plain.run().catch(fatal);
  await running;
  await plain.flush();
  if (plain.broken) return FAILED;
  const code = explain(client.ending!, client.pending.length);
  return plain.faults > 0 ? FAILED : code;
}

/** A person at a terminal that can only print has the commands all the same. */
function atPlainTerminal(room: Joined, view: View): Pick<PlainOptions, "onLine" | "onEvent"> {
  const context: Context = {
    room,
    view,
    record: new RoomRecord(),
    now: () => new Date(),
    print: (line, heading = "") => note(heading + line),
    ...surroundings(),
  };
  return {
    onLine: (line) => submit(line, context),
    onEvent: (event) => follow(event, context),
  };
}

/** What a person's commands reach beside the room. */
function surroundings(): { files: SystemFiles; emoji: Emoji } {
  const emoji = new Emoji();
  // Nobody waits for the names; without them, `:smile:` is a text like others.
  emoji.load().catch(() => {});
  return { files: new SystemFiles(home()), emoji };
}

/** Says why the room has ended, unless this side wanted it; returns the exit code. */
export function explain(ending: Ending, unconfirmed: number): number {
  if (ending.reason === "left") return DONE;
  const why = ending.reason === "stopped"
    ? "the server has closed the room"
    : printable(ending.message);
  const lost = unconfirmed === 0
    ? ""
    : `; ${unconfirmed} of your messages ${unconfirmed === 1 ? "was" : "were"} not confirmed`;
  note(`chat: error: Cannot stay in the room: ${why}${lost}`);
  return FAILED;
}
