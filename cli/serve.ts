// What each verb does. The one file that knows server, client, screens and the user's files, and so puts them
// together; loaded only where one of them is needed, so that help and version come at once.

import {
  chosenName,
  chosenView,
  type Command,
  type ConfigFile,
  type FileOptions,
  LOOPBACK,
  type RoomCipher,
  type ScreenOptions,
  type Target,
} from "./args.ts";
import { XOR_PROMISE } from "../cipher.ts";
import { type ClassicClient, joinClassic } from "../classic/client.ts";
import { ClassicInterpreter, systemTimer } from "../classic/member.ts";
import { type Client, join, type Self } from "../client.ts";
import { codeFault, drawCode, normalizeCode } from "../cipher/codes.ts";
import { type Context, follow, submit } from "../ui/commands.ts";
import type { Settings } from "./config.ts";
import { formatAddress } from "../protocol/connection.ts";
import { Emoji } from "../text/emoji.ts";
import { type Environment, TERMINAL_VARIABLES } from "../terminal/environment.ts";
import { ChatError, CodeNeeded, NobodyThere, WrongCode } from "../errors.ts";
import {
  configPath,
  findPlaces,
  findRooms,
  leaveRoom,
  loadIdentity,
  loadKnownNames,
  type LocalRoom,
  type Places,
  saveKnownNames,
} from "./home.ts";
import { findDownloads, SystemDisk } from "../files/system_disk.ts";
import { SystemFiles } from "../files/user_files.ts";
import { Identity, KnownNames } from "../cipher/identity.ts";
import { type AdmissionRecord, register } from "../cipher/opaque.ts";
import { formatSize } from "../server/limits.ts";
import { formatJson, formatText, type ServerEvent } from "../server/events.ts";
import { DONE, FAILED, note, print, report } from "./output.ts";
import { offerSentence } from "../ui/transfer_text.ts";
import type { Viewer } from "../pictures/graphics.ts";
import { type PlainOptions, PlainScreen } from "../ui/plain.ts";
import { askHidden } from "../terminal/prompt.ts";
import { DEFAULT_PORT, MAX_FRAME } from "../protocol.ts";
import { plainLines, RoomRecord } from "../ui/plain_lines.ts";
import type { Ending, RoomEvent, Transfer } from "../room.ts";
import { Server, type ServerOptions } from "../server.ts";
import { createState, dropState, fitsCode, loadState } from "./room_state.ts";
import { serveStatus } from "../server/metrics_http.ts";
import { Screen, SystemTty } from "../ui/screen.ts";
import type { TransferOptions } from "../files/transfers.ts";
import { printable } from "../text/printable.ts";
import type { View } from "../ui/preferences.ts";
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toText } from "@std/streams/to-text";

type SealedOptions = RoomCipher & { name: "sealed" };

/** Somebody in a room, of whichever kind. */
type Joined = Client | ClassicClient;

/** How long a script tries to come back, in ms: a server may be started anew, but a script must not hang. */
const SCRIPT_RETRY_MS = 60_000;

/** Opens a room; returns the exit code, as the others do. */
export async function serve(command: Command & { verb: "serve" }): Promise<number> {
  const { hostname, port, cipher, join: screen, limits, status } = command;
  const log = (event: ServerEvent) => {
    if (screen) return;
    note(command.log === "json" ? formatJson(event, new Date()) : `chat: ${formatText(event)}`);
  };
  // Before a room is there: who has to mend that file has none to close.
  const settings = screen ? await loadSettings(screen.config) : {};
  let door = cipher.name === "sealed" ? findDoor(cipher, port, screen !== undefined) : undefined;
  // Before anybody is told that it listens: who started it may stop it at once. And before a file is made:
  // a signal waits from here on, so none comes between a code that is kept and the line that says it.
  const signals = new Signals();
  const options: ServerOptions = {
    ...limits,
    hostname,
    port,
    log,
    ...(door && { admission: door.admission }),
    ...(cipher.name === "xor" && cipher.publicKey !== undefined &&
      { publicKey: cipher.publicKey }),
    ...(cipher.name === "xor" && cipher.classic &&
      { classic: (key: number) => new ClassicInterpreter(key) }),
  };
  // Before the room is there: if its counters can't be shown, it is not opened.
  const counters = status && await serveStatus(status, () => server.status());
  let server: Server;
  try {
    server = door?.file !== undefined && !door.kept
      ? openKept(options, door.admission, door.file)
      : new Server(options);
  } catch (error) {
    await counters?.stop();
    throw error;
  }
  leaveAddress(server, door?.code);
  const addresses = reachable(server);
  print(addresses.map((address) => `listening ${address}\n`).join(""));
  if (door?.drawn) print(`code ${door.code}\n`);
  // People have it on stdout.
  if (command.log === "json") {
    for (const address of addresses) log({ event: "listening", address });
  }
  const { greeting } = server;
  note(
    greeting.cipher === "xor"
      ? `chat: the room is open; xor with the public key ${greeting.key} ${XOR_PROMISE}`
      : "chat: the room is open and sealed: only who knows the code can enter it and read",
  );
  if (options.classic) note("chat: clients of the original are let in, too");
  if (door?.kept) {
    note(`chat: the room has the code that it had: ${printable(door.file!)} checks it`);
  }
  if (counters) note(`chat: its counters are at ${printable(counters.address)}`);
  note(`chat: join it with: chat join ${addresses.at(-1)}`);
  const joining = screen && {
    hostname: server.localHost,
    port: server.port,
    name: chosenName(screen, settings),
    self: loadSelf,
    retryMs: patience(screen),
    networks,
    files: filesFor(screen.files, settings),
    ...(door?.code !== undefined && { code: door.code }),
  };
  // From here on the server has what checks the code, and not the code.
  door = undefined;
  try {
    if (joining) {
      const client = await Promise.race([
        join(joining),
        signals.first,
      ]);
      // Not in the room yet: there is nothing to wait for.
      return client ? await stay(client, screen, chosenView(screen.view, settings), signals) : DONE;
    }
    // From here on it only moves bytes between sockets: no file is its business any more.
    for (const name of ["read", "write"] as const) Deno.permissions.revokeSync({ name });
    await signals.first;
    return DONE;
  } finally {
    await server.stop();
    await counters?.stop();
    signals.forget();
  }
}

/** What lets people into a sealed room that is to be opened. */
interface Door {
  readonly admission: AdmissionRecord;
  /** undefined: it was kept, and the code is known to nobody here. */
  readonly code: string | undefined;
  readonly drawn: boolean;
  /** Where the record is, or is to be, kept. */
  readonly file: string | undefined;
  /** The record is from that file. */
  readonly kept: boolean;
}

function findDoor(cipher: SealedOptions, port: number, joining: boolean): Door {
  const { state: file } = cipher;
  const admission = file === undefined ? undefined : loadState(file);
  if (file !== undefined && admission) {
    const code = keptCode(admission, file, cipher, port, joining);
    return { admission, code, drawn: false, file, kept: true };
  }
  const { text: code, drawn } = chooseCode(cipher);
  return { admission: register(code), code, drawn, file, kept: false };
}

/**
 * The code of a room whose record was kept, for who joins on this machine:
 *
 * 1. what was given, or is asked for;
 * 2. else what an earlier run has left for `chat join`;
 * 3. else nobody knows it, unless somebody joins right here: then it is asked for.
 *
 * @throws {ChatError} if it was given and is another's, or it is asked for where nobody can answer
 */
function keptCode(
  admission: AdmissionRecord,
  file: string,
  { codeFile, askCode }: SealedOptions,
  port: number,
  joining: boolean,
): string | undefined {
  const wrong = () =>
    new ChatError(`Cannot use this code: it is not the one that ${printable(file)} checks`, {
      hint: "The room has the code that it had; for another one, name another file",
    });
  if (!askCode) {
    const given = givenCode(codeFile);
    if (given !== undefined && !fitsCode(admission, given)) throw wrong();
    const code = given ?? leftCode(admission, port);
    if (code !== undefined || !joining) return code;
  }
  for (;;) {
    const typed = askHidden("The code of the room:");
    if (fitsCode(admission, typed)) return typed;
    report(wrong());
  }
}

/** The code that fits, among those that rooms of this user have left on this machine. */
function leftCode(admission: AdmissionRecord, port: number): string | undefined {
  const rooms = localRooms();
  // Most often it is the same port, and each try takes a while.
  const codes = [...rooms.filter((room) => room.port === port), ...rooms].map(({ code }) => code);
  for (const code of new Set(codes)) {
    if (code !== undefined && fitsCode(admission, code)) return code;
  }
  return undefined;
}

/** Opens a room whose record is kept in a file, which is made first. */
function openKept(options: ServerOptions, admission: AdmissionRecord, file: string): Server {
  createState(file, admission);
  try {
    return new Server(options);
  } catch (error) {
    // Else the next start would open a room with a code that nobody has seen.
    dropState(file);
    throw error;
  }
}

/** The code of a room to be opened: given, or drawn. */
function chooseCode(
  { codeFile, askCode }: SealedOptions,
): { text: string; drawn: boolean } {
  const given = askCode ? askHidden("The code of the room:") : givenCode(codeFile);
  if (given === undefined) return { text: drawCode(), drawn: true };
  const fault = codeFault(given);
  if (fault !== undefined) {
    throw new ChatError(`Cannot use this code: a code ${fault}`, {
      hint: "Leave it out to have four words drawn",
    });
  }
  const text = normalizeCode(given);
  return { text, drawn: false };
}

/** The code in a file, or in the environment; undefined if there is none. */
function givenCode(codeFile: string | undefined): string | undefined {
  // Set to nothing is not set.
  if (codeFile === undefined) return Deno.env.get("CHAT_CODE") || undefined;
  try {
    const [line = ""] = Deno.readTextFileSync(codeFile).split(/\r?\n/);
    if (line.trim() !== "") return line;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ChatError(`Cannot read the code from ${printable(codeFile)}: ${message}`, { cause });
  }
  throw new ChatError(`Cannot read the code from ${printable(codeFile)}: its first line is empty`);
}

/** Lets `chat join` on this machine find the room; where that can't be, it can be joined by hand. */
function leaveAddress(server: Server, code: string | undefined): void {
  try {
    const room = { hostname: server.localHost, port: server.port };
    leaveRoom(places(), code === undefined ? room : { ...room, code });
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    note(`chat: \`chat join\` alone won't find this room. ${error.message}`);
  }
}

/**
 * What the config file says; nothing, where there is none.
 *
 * @throws {ChatError} if it was asked for by name and is not there, can't be read, or something in it is wrong
 */
async function loadSettings(config: ConfigFile): Promise<Settings> {
  const path = config === undefined ? defaultConfig() : config;
  if (!path) return {};
  const failed = (cause: unknown) => {
    const message = cause instanceof Error ? cause.message : String(cause);
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

function readAtMost(
  file: { readSync(bytes: Uint8Array): number | null },
  most: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(most);
  let length = 0;
  while (length < most) {
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

function places(): Places {
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
function loadSelf(): Self {
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

/** The addresses under which others reach a server: all of this machine's, for a wildcard. */
function reachable(server: Server): string[] {
  const { hostname, port } = server;
  if (hostname !== "0.0.0.0" && hostname !== "::") return [server.address];
  const addresses = Deno.networkInterfaces()
    // A link-local address means nothing without the interface; `::` takes both families.
    .filter(({ family, address }) =>
      !address.startsWith("fe80:") && (hostname === "::" || family === "IPv4")
    )
    .map(({ address }) => address);
  // This machine's own first.
  addresses.sort((a, b) => Number(isLoopback(b)) - Number(isLoopback(a)));
  return addresses.map((address) => formatAddress(address, port));
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

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
async function admit(
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
function localRooms(): LocalRoom[] {
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
async function stay(
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
function patience({ retry, stay }: ScreenOptions): number {
  return retry ?? (stay || isInteractive() ? Infinity : SCRIPT_RETRY_MS);
}

/** This machine's addresses in one text, which is another when a network has come or gone; "" if unknown. */
function networks(): string {
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

/** Where files are that are sent and received. */
function filesFor(
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
function home(): string | undefined {
  return Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
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
function explain(ending: Ending, unconfirmed: number): number {
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

/** Says one thing, and leaves. */
export async function send(command: Command & { verb: "send" }): Promise<number> {
  const { speaker, target, retry, file } = command;
  const settings = await loadSettings(speaker.config);
  if (file !== undefined) return await sendFile({ ...command, file }, settings);
  const text = command.text ?? await readMessage();
  const client = await admit(target, chosenName(speaker, settings), retry ?? SCRIPT_RETRY_MS);
  const ref = client.say(text);
  let accepted = false;
  await client.run((event) => {
    if (event.type === "message" && event.ref === ref) {
      accepted = true;
      client.leave();
    }
  });
  return accepted ? DONE : explain(client.ending!, 1);
}

/**
 * Offers a file, or those of a folder, and stays until somebody has all of it: the member that it is for, or,
 * of all who are here, one.
 */
async function sendFile(
  { speaker, target, retry, file, to }: Command & { verb: "send" } & { file: string },
  settings: Settings,
): Promise<number> {
  // What others offer is not answered: nobody is here to want it.
  const files = filesFor({ downloads: undefined, accept: "ask", acceptLimit: 0 }, settings);
  const name = chosenName(speaker, settings);
  const client = await admit(target, name, retry ?? SCRIPT_RETRY_MS, files);
  const signals = new Signals();
  signals.first.then(() => client.leave());
  let failed = false;
  let offered = false;
  /** What is offered, and what of it somebody has: where it is offered to all, one is enough. */
  const told = new Set<string>();
  const had = new Set<string>();
  try {
    await client.run((event) => {
      if (event.type === "members" && !offered) {
        offered = true;
        try {
          client.offer(file, to);
        } catch (error) {
          report(error);
          failed = true;
          client.leave();
        }
      }
      if (event.type === "unsent") failed = true;
      if (isFromOthers(event)) return;
      if (event.type === "offer") {
        note(`chat: ${printable(offerSentence(event, false))}`);
        for (const one of event.files) told.add(nameOf(one));
      } else if (event.type === "transfer" || event.type === "unsent") {
        for (const { text } of plainLines(event, new Date())) note(`chat: ${text}`);
      }
      if (event.type === "transfer") {
        failed ||= isRefused(event.transfer, to);
        if (event.transfer.state === "done") had.add(nameOf(event.transfer));
      }
      // Looks at all only where that can be the last: there may be thousands.
      const isOver = had.size > 0 && had.size >= told.size && !client.offering &&
        client.transfers.every((one) => one.direction === "in" || had.has(nameOf(one)));
      if (offered && (failed || isOver)) client.leave();
    });
  } finally {
    signals.forget();
  }
  const code = explain(client.ending!, 0);
  return failed ? FAILED : code;
}

/** Whether it is about a file that somebody else offers. */
function isFromOthers(event: RoomEvent): boolean {
  if (event.type === "offer") return !event.from.self;
  return event.type === "transfer" && event.transfer.direction === "in";
}

/** The same for an offer, and for what comes of it with each member. */
function nameOf({ name, sha256 }: Transfer): string {
  return `${sha256} ${name}`;
}

/** The one whom it is for will not have it. */
function isRefused({ state }: Transfer, to: string | undefined): boolean {
  return state === "failed" ||
    (to !== undefined && (state === "declined" || state === "cancelled"));
}

/** Stdin may be anything, a folder too. */
function unreadable(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new ChatError(`Cannot read the input: ${message}`, { cause });
}

/** All of stdin is one message; the newline at its end is not part of it. */
async function readMessage(): Promise<string> {
  if (Deno.stdin.isTerminal()) note("chat: type the message; Ctrl-D on a line of its own sends it");
  let text: string;
  try {
    text = await toText(
      Deno.stdin.readable
        .pipeThrough(new LimitedBytesTransformStream(MAX_FRAME, { error: true }))
        .pipeThrough(new TextDecoderStream("utf-8", { fatal: true, ignoreBOM: true })),
    );
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ChatError(`Cannot send this message: it has more than ${MAX_FRAME} bytes`, {
        hint: "Send it in parts",
        cause,
      });
    }
    if (cause instanceof TypeError) {
      throw new ChatError("Cannot send this message: it is not UTF-8", { cause });
    }
    unreadable(cause);
  }
  text = text.replace(/\r?\n$/, "");
  if (text === "") throw new ChatError("Cannot send nothing: neither TEXT nor stdin has any");
  return text;
}

/** Finds the key of XOR traffic, and prints what was said. */
export async function crackTraffic({ file, top }: Command & { verb: "crack" }): Promise<number> {
  if (file === undefined && Deno.stdin.isTerminal()) {
    note("chat: reads the traffic from stdin; Ctrl-D ends it");
  }
  // Nobody else needs it.
  const { crack, explain, failure, listCandidates, MAX_TRAFFIC, readTraffic, reveal } =
    await import("../classic/crack.ts");
  // One more shows that there is more.
  const bytes = readTrafficBytes(file, MAX_TRAFFIC + 1);
  if (bytes.length > MAX_TRAFFIC) {
    note(`chat: this is about the first ${formatSize(MAX_TRAFFIC)}: more is not read`);
  }
  const traffic = readTraffic(bytes.subarray(0, MAX_TRAFFIC));
  const finding = crack(traffic);
  const [best] = finding.candidates;
  if (top !== undefined) print(listCandidates(traffic, finding, top));
  const fault = failure(traffic, finding);
  if (fault) throw new ChatError(fault.message, fault);
  for (const sentence of explain(traffic, finding)) note(`chat: ${sentence}`);
  if (top !== undefined) return DONE;
  const { texts, others } = reveal(traffic, best!);
  print(`key ${best!.publicKey}\n${texts.map((text) => `${text}\n`).join("")}`);
  if (others > 0) note(`chat: ${others} more are no text: about files, or of a later version`);
  return DONE;
}

/** @param file undefined: stdin */
function readTrafficBytes(file: string | undefined, most: number): Uint8Array<ArrayBuffer> {
  if (file === undefined) {
    try {
      return readAtMost(Deno.stdin, most);
    } catch (cause) {
      unreadable(cause);
    }
  }
  try {
    using opened = Deno.openSync(file);
    return readAtMost(opened, most);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ChatError(`Cannot read the traffic from ${printable(file)}: ${message}`, { cause });
  }
}

/** The signals that ask this program to end. */
class Signals {
  /** Resolves at the first one. */
  readonly first: Promise<void>;
  readonly #names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  readonly #onSignal: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    let count = 0;
    this.#onSignal = () => {
      // Who asks twice does not want to wait for goodbyes.
      if (++count > 1) Deno.exit(FAILED);
      resolve();
    };
    for (const name of this.#names) Deno.addSignalListener(name, this.#onSignal);
  }

  /** Gives the signals their usual meaning back. */
  forget(): void {
    for (const name of this.#names) Deno.removeSignalListener(name, this.#onSignal);
  }
}

/** A bug of ours, where nobody can catch it. */
function fatal(error: unknown): never {
  report(error);
  Deno.exit(FAILED);
}
