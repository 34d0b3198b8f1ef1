// What each verb does. The one file that knows server, client, screens and the user's files, and so puts them
// together; loaded only where one of them is needed, so that help and version come at once.

import { XOR_PROTECTION } from "../cipher.ts";
import { codeFault, drawCode, normalizeCode } from "../cipher/codes.ts";
import { type AdmissionRecord, register } from "../cipher/opaque.ts";
import { ClassicAdapter } from "../classic/member.ts";
import { join } from "../client.ts";
import { ChatError } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { Server, type ServerOptions } from "../server.ts";
import { formatJson, formatText, type ServerEvent } from "../server/events.ts";
import { serveStatus } from "../server/metrics_http.ts";
import { askHidden } from "../terminal/prompt.ts";
import { printable } from "../text/printable.ts";
import { isLoopback } from "./address.ts";
import type { Command, RoomCipher } from "./command.ts";
import { publishRoom } from "./home.ts";
import { localRooms, networks, patience, stay } from "./join.ts";
import { DONE, note, print, report } from "./output.ts";
import { createState, dropState, fitsCode, loadState } from "./room_state.ts";
import { Signals } from "./signals.ts";
import {
  chosenName,
  chosenView,
  filesFor,
  givenCode,
  loadSelf,
  loadSettings,
  places,
} from "./user.ts";

type SealedOptions = RoomCipher & { name: "sealed" };

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
      { classic: (key: number) => new ClassicAdapter(key) }),
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
  publishAddress(server, door?.code);
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
      ? `chat: the room is open; xor with the public key ${greeting.key} ${XOR_PROTECTION}`
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
interface AdmissionSetup {
  readonly admission: AdmissionRecord;
  /** undefined: it was kept, and the code is known to nobody here. */
  readonly code: string | undefined;
  readonly drawn: boolean;
  /** Where the record is, or is to be, kept. */
  readonly file: string | undefined;
  /** The record is from that file. */
  readonly kept: boolean;
}

function findDoor(cipher: SealedOptions, port: number, joining: boolean): AdmissionSetup {
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
    const code = given ?? savedCode(admission, port);
    if (code !== undefined || !joining) return code;
  }
  for (;;) {
    const typed = askHidden("The code of the room:");
    if (fitsCode(admission, typed)) return typed;
    report(wrong());
  }
}

/** The code that fits, among those that rooms of this user have left on this machine. */
function savedCode(admission: AdmissionRecord, port: number): string | undefined {
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

/** Lets `chat join` on this machine find the room; where that can't be, it can be joined by hand. */
function publishAddress(server: Server, code: string | undefined): void {
  try {
    const room = { hostname: server.localHost, port: server.port };
    publishRoom(places(), code === undefined ? room : { ...room, code });
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    note(`chat: \`chat join\` alone won't find this room. ${error.message}`);
  }
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
