// chat admin: asks the server of a room on this machine to govern it, for the local operator. It joins no room. The
// server knows no names: where anybody can read them, this program does.

import { XorCipher } from "../cipher.ts";
import { ChatError } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { decodeProfile } from "../protocol/envelope.ts";
import { findPerson, type Person } from "../room.ts";
import { startTimer } from "../server/timers.ts";
import { jsonLine, printable } from "../text/printable.ts";
import { adminText, banRow, memberRows, roomRow, ruleRows } from "./admin_text.ts";
import { type AdminLine, type AdminRequest, MAX_ITEMS, parseLine } from "./admin_protocol.ts";
import { type AdminConnection, connectAdmin } from "./admin_socket.ts";
import type { AdminCommand, AdminWish } from "./command.ts";
import { DONE, FAILED, note, print } from "./output.ts";
import type { System } from "./system.ts";
import { home, localRooms } from "./user.ts";

/** How long the server may take to send the next piece of an answer, in ms. */
const ANSWER_MS = 20_000;

/** Returns the exit code. */
export async function admin(command: AdminCommand, system: System): Promise<number> {
  if (!command.json) return await reachAndGovern(command, system);
  try {
    return await reachAndGovern(command, system);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    const { message, hint } = error;
    const code = error instanceof CodedError ? error.code : "other";
    print(system, `${jsonLine({ type: "error", code, message, ...(hint && { hint }) })}\n`);
    return FAILED;
  }
}

async function reachAndGovern(
  { port, socket, json, wish }: AdminCommand,
  system: System,
): Promise<number> {
  const connection = socket === undefined
    ? await reachRoom(system, port)
    : await reachSocket(system, socket);
  try {
    return await govern(system, connection, wish, json);
  } finally {
    connection.close();
  }
}

/** `code` gives the reason to programs: the server's, or that the member that is meant is not clear. */
class CodedError extends ChatError {
  constructor(readonly code: string, message: string, hint?: string) {
    super(message, hint === undefined ? {} : { hint });
  }
}

/** A member, as `chat admin` shows and finds it. */
export type AdminMember = AdminLine & { readonly id: number; readonly name?: string };

async function govern(
  system: System,
  connection: AdminConnection,
  wish: AdminWish,
  json: boolean,
): Promise<number> {
  // A member is named by what the list shows, and only the list says which room this is.
  const needsList = wish.action === "who" || "member" in wish || wish.action === "op";
  const list = needsList ? readList(await ask(connection, { action: "who" })) : undefined;
  if (wish.action === "who") {
    const { lines, room, members } = list!;
    if (json) { for (const line of lines) print(system, `${jsonLine(line)}\n`); }
    else {
      const head = [roomRow(room, members.length), ...ruleRows(room)];
      for (const row of head) print(system, `${row}\n`);
      for (const row of memberRows(members, system.now())) print(system, `${row}\n`);
      if (room["cipher"] !== "xor" && members.length > 0) note(system, SEALED_NOTE);
    }
    return DONE;
  }
  if (wish.action === "op" && list!.room["cipher"] === "xor") {
    throw new ChatError("Cannot make a moderator: in an xor room, nobody can prove a key", {
      hint: "Govern it with chat admin",
    });
  }
  const member = "member" in wish ? findMember(list!, wish.member) : undefined;
  const request = (member ? { ...wish, member: member.id } : wish) as AdminRequest;
  const lines = await ask(connection, request);
  const last = lines.at(-1)!;
  if (json) { for (const line of lines) print(system, `${jsonLine(line)}\n`); }
  if (last.type === "error") {
    if (json) return FAILED;
    throw new ChatError(`Cannot do this: ${printable(String(last["message"]))}`);
  }
  // A script that starts the next server at once finds port and folder free.
  if (wish.action === "close") await untilEnd(connection);
  if (json) return DONE;
  if (wish.action === "bans") {
    if (lines.length === 1) note(system, "chat: nobody is banned");
    for (const line of lines.slice(0, -1)) print(system, `${banRow(line, system.now())}\n`);
  } else {
    const ban = lines.find(({ type }) => type === "ban");
    print(system, `${adminText(wish, { member, ban, now: system.now() })}\n`);
  }
  return DONE;
}

const SEALED_NOTE = "chat: the server of a sealed room knows no names; in the room, /whois NAME " +
  "shows a member's number";

/** Sends a request; returns the lines of its answer. The last one is `done` or `error`. */
async function ask(connection: AdminConnection, request: AdminRequest): Promise<AdminLine[]> {
  const lines: AdminLine[] = [];
  let isLate = false;
  let cancel = () => {};
  const wait = () => {
    cancel();
    cancel = startTimer(ANSWER_MS, () => {
      isLate = true;
      connection.close();
    });
  };
  try {
    wait();
    // A server that serves too many says so, and closes before it has read anything: the answer is still there.
    await connection.write(`${jsonLine(request)}\n`).catch(() => {});
    for (;;) {
      const text = await connection.line();
      if (text === undefined) throw new ChatError("Cannot reach the room: its server has ended");
      const line = parseLine(text);
      lines.push(line);
      if (line.type === "done" || line.type === "error") return lines;
      if (lines.length > MAX_ITEMS) throw new ChatError("Cannot read the answer: it has no end");
      if (lines.length % 100 === 0) wait();
    }
  } catch (cause) {
    if (isLate) throw new ChatError("Cannot reach the room: its server does not answer", { cause });
    if (cause instanceof ChatError) throw cause;
    throw new ChatError("Cannot reach the room: its server has ended the connection", { cause });
  } finally {
    cancel();
  }
}

/** Waits until the server has stopped, which ends the connection. */
async function untilEnd(connection: AdminConnection): Promise<void> {
  try {
    while (await connection.line() !== undefined);
  } catch {
    // A reset is an end, too.
  }
}

interface List {
  readonly room: AdminLine;
  readonly members: readonly AdminMember[];
  /** What `--json` shows: names in place of profiles. */
  readonly lines: readonly AdminLine[];
}

/** @throws {ChatError} if the server reports an error, or this is no list of members */
function readList(lines: readonly AdminLine[]): List {
  const last = lines.at(-1)!;
  if (last.type === "error") {
    throw new CodedError(
      String(last["code"]),
      `Cannot list the members: ${printable(String(last["message"]))}`,
    );
  }
  const room = lines.find(({ type }) => type === "room");
  if (!room) throw new ChatError("Cannot list the members: the answer names no room");
  const key = room["key"];
  const isKey = typeof key === "number" && Number.isInteger(key) && key >= 0 && key <= 255;
  const cipher = room["cipher"] === "xor" && isKey ? new XorCipher(key) : undefined;
  const shown = lines.map((line) => line.type === "member" ? readMember(line, cipher) : line);
  const members = shown.filter((line): line is AdminMember => line.type === "member");
  return { room, members, lines: shown };
}

function readMember(line: AdminLine, cipher: XorCipher | undefined): AdminMember {
  const { profile, id, ...rest } = line;
  if (typeof id !== "number") throw new ChatError("Cannot list the members: one has no number");
  const name = cipher && typeof profile === "string" ? nameIn(profile, cipher) : undefined;
  return { ...rest, type: line.type, id, ...(name !== undefined && { name }) };
}

/** undefined: the profile cannot be read. Its member is shown by its number. */
function nameIn(profile: string, cipher: XorCipher): string | undefined {
  try {
    return decodeProfile(cipher.open(Uint8Array.fromBase64(profile)).plaintext).name;
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/**
 * The member that is meant by its number, `#number`, name, or `name#number`.
 *
 * @throws {ChatError} if there is none, or several could be meant
 */
function findMember({ room, members }: List, word: string): AdminMember {
  const shown = printable(word);
  const byNumber = /^\d+$/.test(word) ? members.find(({ id }) => `${id}` === word) : undefined;
  const people = members.map(({ id, name = "" }): Person => ({
    id,
    name,
    self: false,
    away: false,
  }));
  const found = findPerson(people, word);
  const byName = typeof found === "string" ? undefined : members.find(({ id }) => id === found.id);
  // The name of a classic client is a number, too.
  if (found === "several" || (byNumber && byName && byNumber !== byName)) {
    throw new CodedError(
      "several",
      `Cannot choose a member: several could be "${shown}"`,
      "Write a number of chat admin who, such as #3",
    );
  }
  const member = byNumber ?? byName;
  if (member) return member;
  if (room["cipher"] !== "xor" && !/^#?\d+$/.test(word)) {
    throw new CodedError(
      "nobody",
      `Cannot find "${shown}": the server of a sealed room knows no names`,
      `Write a number of chat admin who; in the room, /whois ${shown} shows it`,
    );
  }
  throw new CodedError(
    "nobody",
    `Cannot find "${shown}": no member is called that, or has this number`,
    "To see the members: chat admin who",
  );
}

async function reachSocket(system: System, path: string): Promise<AdminConnection> {
  const connection = await connectAdmin(path, home(system));
  if (connection) return connection;
  throw new ChatError(`Cannot reach a room at ${printable(path)}: no server is listening there`, {
    hint: "The path is the one of its chat serve --admin PATH",
  });
}

/** Connects to the room at a port of this machine, or to the only one that this user has open. */
async function reachRoom(system: System, port: number | undefined): Promise<AdminConnection> {
  const own = home(system);
  const rooms = localRooms(system).filter((room) => port === undefined || room.port === port);
  const found: { address: string; connection: AdminConnection }[] = [];
  let fault: unknown;
  for (const { hostname, port, admin } of rooms) {
    if (admin === undefined) continue;
    try {
      const connection = await connectAdmin(admin, own);
      if (connection) found.push({ address: formatAddress(hostname, port), connection });
    } catch (error) {
      // Another room may be meant.
      fault ??= error;
    }
  }
  const [one, ...more] = found;
  if (one && more.length === 0) return one.connection;
  for (const { connection } of found) connection.close();
  if (one) {
    const ports = found.map(({ address }) => `--port ${address.split(":").at(-1)}`).join(" or ");
    throw new ChatError(`Cannot choose a room: you have ${found.length} open on this machine`, {
      hint: `Choose one: ${ports}`,
    });
  }
  if (fault !== undefined) throw fault;
  const where = port === undefined ? "on this machine" : `at port ${port} of this machine`;
  throw new ChatError(`Cannot find a room that you have open ${where}`, {
    hint:
      "For the room of a service or of another user: chat admin --socket PATH, as that user or root",
  });
}
