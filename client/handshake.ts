// The handshake: connects, checks that a chat server answers, logs in if the room is sealed, and is admitted or resumes a
// session. Ends with WELCOME; `client.ts` reads everything after it. Knows no members and no events.

import { type Cipher, type Report, XorCipher } from "../cipher.ts";
import { codeDoubt } from "../cipher/codes.ts";
import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { type Login, WorkerLogin } from "../cipher/login.ts";
import type { Admission } from "../cipher/opaque.ts";
import { SealedCipher, type SealedOptions } from "../cipher/sealed.ts";
import {
  ChatError,
  CodeMissing,
  OtherRecord,
  ProtocolError,
  RoomNotFound,
  WrongCode,
} from "../errors.ts";
import {
  encodeFrame,
  type ErrorCode,
  type Frame,
  HANDSHAKE_MS,
  MAX_FRAME,
  PREFACE,
  Type,
  VERSION,
} from "../protocol.ts";
import {
  encodeHello,
  encodeLogin,
  encodeResume,
  type Greeting,
  parseError,
  parseGreeting,
  parseLogin,
  parseSeat,
  parseWelcome,
  type Welcome,
} from "../protocol/json_frames.ts";
import { CHAIN_SIZE } from "../protocol/chain.ts";
import { parseKey } from "../protocol/classic_wire.ts";
import { Connection, formatAddress } from "../protocol/connection.ts";
import { encodeProfile } from "../protocol/envelope.ts";
import { type Opening, parseServerOpening } from "../protocol/opening.ts";
import {
  type ChainedClaim,
  type Claim,
  fromBase64Url,
  proveResume,
  TOKEN_SIZE,
} from "../protocol/resume.ts";
import { counted } from "../text/counts.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { Chain } from "./chain.ts";
import { dial, type Endpoint } from "./dial.ts";

export type { Endpoint };

/** Bytes of the read buffer: a busy room fills it in one read, and it holds several frames of file data. */
const READ_BUFFER = 1024 * 1024;

/** More members than any room has. A server that announces more wants to exhaust this client's memory. */
export const MAX_MEMBERS = 100_000;

export interface ConnectOptions extends Endpoint {
  /** A valid name; see `nameFault`. */
  name: string;
  /** A valid status; see `statusFault`. */
  status?: string | undefined;
  /** The code of a sealed room. If it is given, a room that is not sealed is refused. */
  code?: string;
  /** Starts a login with a code. Not given: it is computed in a worker. */
  login?: (code: string) => Login;
  /** Refuse a room with another cipher. */
  cipher?: "sealed" | "xor" | undefined;
  /** Loads this user's identity; called in sealed rooms only. Not given: a new identity. */
  self?: () => Self;
  /** What the code was right for: `record` of GREETING. The code is not tried for another one. */
  record?: string | undefined;
  /** The ticket of the server whose code has this `record`, if this user runs that server; "" in an xor room. */
  ticket?: ((record: string) => string | undefined) | undefined;
  /** What this client has seen of a room's log before: it reports that in a log of the same name. */
  seen?: { readonly log: string; readonly report: Report } | undefined;
}

/** A user of sealed rooms. */
export interface Self {
  readonly identity: Identity;
  /** The names that this user knows, with their keys. New ones are added. */
  readonly knownNames: KnownNames;
  /** Saves the names; called when they have changed, at most about once a second. */
  readonly save?: () => void;
}

/** An admitted client. */
export interface Handshake {
  readonly connection: Connection;
  readonly greeting: Greeting;
  readonly cipher: Cipher;
  /** undefined in xor rooms, which have no identities. */
  readonly self: Self | undefined;
  /** Shared with the server: a resumption proves by it that it comes from the same client. */
  readonly sessionKey: Uint8Array | undefined;
  readonly id: number;
  /** The name of the room's log. */
  readonly log: string;
  readonly welcome: Welcome;
  /** The chain of the room's log; undefined in xor rooms. */
  readonly chain: Chain | undefined;
}

/** What it takes to resume a session. */
export interface Ticket extends Claim {
  readonly id: number;
  /** The name of the room's record. Only a server that has it gets the claim. */
  readonly record?: string | undefined;
  /** These two are undefined in xor rooms. The chain is the one at `room`. */
  readonly sessionKey: Uint8Array | undefined;
  readonly chain: Uint8Array | undefined;
}

/**
 * Connects and is admitted.
 *
 * @throws {ChatError} if no chat server answers, or it does not admit this client: `RoomNotFound`,
 * `CodeMissing` or `WrongCode` if something else can be tried
 */
export async function connect(options: ConnectOptions): Promise<Handshake> {
  const fault = nameFault(options.name);
  if (fault !== undefined) {
    throw new ChatError(`Cannot join as "${printable(options.name)}": a name ${fault}`);
  }
  return await withConnection(
    options,
    (connection, address) => handshake(connection, address, options),
  );
}

/**
 * Connects and resumes a session.
 *
 * @returns undefined if the session is over
 * @throws {ChatError} if it may still exist, but cannot be resumed now
 */
export async function resume(
  endpoint: Endpoint,
  ticket: Ticket,
): Promise<{ connection: Connection; welcome: Welcome; nonce: string | undefined } | undefined> {
  return await withConnection(endpoint, async (connection, address) => {
    const greeting = await greet(connection, address);
    const { token, room, own, sessionKey, chain } = ticket;
    checkRecord(greeting, address, ticket.record, endpoint);
    const claim = { token, room, own };
    const sealed = greeting.cipher === "sealed" ? greeting.nonce : undefined;
    if ((sealed === undefined) !== (sessionKey === undefined)) {
      // Another server answers at this address. The session's own server may come back.
      const how = sessionKey ? "not sealed, as it should be" : "sealed, not xor";
      throw new RoomNotFound(`Cannot rejoin ${address}: the room there is ${how}`);
    }
    const proof = sessionKey && sealed && chain &&
      prove(sessionKey, sealed, { ...claim, chain });
    connection.send(encodeResume(proof ? { ...claim, proof } : claim));
    const frame = await expect(connection, Type.WELCOME).catch((error) => {
      if (error instanceof ProtocolError && error.code === "gone") return undefined;
      throw error;
    });
    if (!frame) return undefined;
    const welcome = parseWelcome(frame.body);
    if (frame.id !== ticket.id || welcome.room !== room || welcome.own !== own) {
      throw new ProtocolError<ErrorCode>("malformed", "WELCOME resumes another session");
    }
    return { connection, welcome, nonce: sealed };
  });
}

function prove(sessionKey: Uint8Array, nonce: string, claim: ChainedClaim): string {
  try {
    return proveResume(sessionKey, nonce, claim);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ProtocolError<ErrorCode>("malformed", cause.message, { cause });
  }
}

/**
 * Connects and calls `admit`. Closes the connection if that fails, returns undefined or takes too long.
 *
 * @param hint what to try after a timeout; not given: it depends on what the server has sent
 * @throws {ChatError} if the connection cannot be made, or `admit` throws a `ProtocolError`
 */
export async function withConnection<T>(
  endpoint: Endpoint,
  admit: (connection: Connection, address: string) => Promise<T>,
  hint?: string,
): Promise<T> {
  const { hostname, port, handshakeMs: ms = HANDSHAKE_MS, dialMs = ms, signal } = endpoint;
  const address = formatAddress(hostname, port);
  const connection = new Connection(await dial(endpoint, Math.min(ms, dialMs)), MAX_FRAME, {
    readBuffer: READ_BUFFER,
  });
  let isLate = false;
  // Closing ends the read that `admit` waits for, so no read is left when this function returns.
  const close = () => connection.close();
  const timer = setTimeout(() => {
    isLate = true;
    close();
  }, ms);
  signal?.addEventListener("abort", close);
  if (signal?.aborted) close();
  let admitted: T | undefined;
  try {
    admitted = await admit(connection, address);
    return admitted;
  } catch (error) {
    if (isLate) {
      throw new ChatError(
        `Cannot join ${address}: no chat server has answered within ${
          counted(ms / 1000, "second")
        }`,
        { hint: hint ?? adviceOn(connection.decoder.unread, address) },
      );
    }
    if (error instanceof ProtocolError) {
      const hint = error.code === "version"
        ? "Client and server need compatible versions of chat: see `chat --version`"
        : undefined;
      throw new ChatError(
        `Cannot join ${address}: ${printable(error.message)}`,
        hint === undefined ? { cause: error } : { hint, cause: error },
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", close);
    if (admitted === undefined) close();
  }
}

/** What a moderator's signatures are bound to, besides the session. */
export function nonceOf({ greeting }: Pick<Handshake, "greeting">): string | undefined {
  return greeting.cipher === "sealed" ? greeting.nonce : undefined;
}

/**
 * Goes on with a connection, or closes it if `action` fails.
 *
 * @throws {ChatError} if `action` throws a `ProtocolError`
 */
export function orClose<T>(connection: Connection, address: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    connection.close();
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ChatError(`Cannot rejoin ${address}: ${cause.message}`, { cause });
  }
}

/** From the preface to GREETING: checks that this is a chat server. */
export async function greet(connection: Connection, address: string): Promise<Greeting> {
  const { decoder } = connection;
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  for (;;) {
    const opening = parseServerOpening(decoder.unread);
    if (opening.kind === "chat") break;
    if (opening.kind !== "more") throw notAChatServer(address, decoder.unread, opening);
    if (!await connection.fill()) {
      throw new RoomNotFound(`Cannot join ${address}: the server closed the connection at once`, {
        hint: "Is the port right? `chat serve` prints it when it opens a room",
      });
    }
  }
  return parseGreeting((await expect(connection, Type.GREETING)).body);
}

/** From the preface to WELCOME. */
async function handshake(
  connection: Connection,
  address: string,
  options: ConnectOptions,
): Promise<Handshake> {
  const { code, login: startLogin = (code) => new WorkerLogin(code) } = options;
  // A worker starts while the greeting travels. It ends with this function.
  using login = code === undefined ? undefined : startLogin(code);
  // 1. GREETING: the cipher and the limits of the room.
  const greeting = await greet(connection, address);
  checkRecord(greeting, address, options.record, options);
  checkOpen(greeting, options);
  // 2. HELLO, in a sealed room with the proof that this client knows the code.
  const admission = await logIn(connection, greeting, address, options, login);
  const ticket = greeting.cipher === "xor" ? options.ticket?.("") : undefined;
  connection.send(encodeHello({
    version: VERSION,
    ...(admission && { proof: admission.proof }),
    ...(ticket !== undefined && { ticket }),
  }));
  // 3. SEAT: the place that everything sealed is bound to.
  const seatFrame = await expect(connection, Type.SEAT);
  const { id } = seatFrame;
  if (id === 0) throw new ProtocolError<ErrorCode>("malformed", "SEAT has no id");
  const seat = parseSeat(seatFrame.body);
  const { seen } = options;
  const start = seen?.log === seat.log
    ? seen.report
    : startOf(seat, "SEAT", admission !== undefined);
  let chain: Chain | undefined;
  const { cipher, ...rest } = chooseCipher(greeting, admission, options, {
    seat: { log: bytesOf(seat.log, TOKEN_SIZE, "SEAT"), id },
    report: () => chain?.report ?? start,
  });
  // 4. PROFILE: with it the client is in the room.
  const { name, status } = options;
  const profile = encodeProfile({ name, ...(status !== undefined && { status }) });
  connection.send(encodeFrame(Type.PROFILE, 0, cipher.seal(profile, "profile")));
  // 5. WELCOME: where the two logs begin.
  const frame = await expect(connection, Type.WELCOME);
  const welcome = parseWelcome(frame.body);
  if (frame.id !== id || welcome.room < seat.room) {
    throw new ProtocolError<ErrorCode>("malformed", "WELCOME does not fit SEAT");
  }
  if (welcome.members > MAX_MEMBERS) throw tooManyMembers();
  if (admission) {
    const { position, chain: value } = startOf(welcome, "WELCOME", true);
    chain = new Chain(position, value);
    if (welcome.room === seat.room && welcome.chain !== seat.chain) {
      throw new ProtocolError<ErrorCode>("malformed", "WELCOME does not fit SEAT");
    }
  }
  return { connection, greeting, cipher, ...rest, id, log: seat.log, welcome, chain };
}

/**
 * Checks that the server has the code with this record. A wrong code would take a try from everybody at this address.
 *
 * @param endpoint whether only a server has named the address: then the record must be known
 * @throws {OtherRecord} if it has another one
 */
function checkRecord(
  greeting: Greeting,
  address: string,
  record: string | undefined,
  { floor }: Endpoint,
): void {
  const announced = greeting.cipher === "sealed" ? greeting.record : undefined;
  if (floor !== undefined && (record === undefined || announced !== record)) {
    throw new OtherRecord(`Cannot join ${address}: another room is there`);
  }
  if (record !== undefined && announced !== undefined && announced !== record) {
    throw new OtherRecord(`Cannot join ${address}: the room has a new code`, {
      hint: "Ask the person who opened the room",
    });
  }
}

/** @throws {ProtocolError} if the room takes no newcomers; the user who runs the server may enter a locked one */
function checkOpen(greeting: Greeting, { ticket }: ConnectOptions): void {
  const { state = "open" } = greeting;
  if (state === "full") throw new ProtocolError<ErrorCode>("full", "the room is full");
  const record = greeting.cipher === "sealed" ? greeting.record ?? "" : "";
  if (state === "open" || ticket?.(record) !== undefined) return;
  throw new ProtocolError<ErrorCode>("locked", "the room is locked: it takes no newcomers now");
}

/** Where the room's log is, as SEAT or WELCOME says. */
function startOf(
  { room, chain = "" }: { room: number; chain?: string | undefined },
  what: string,
  isSealed: boolean,
): Report {
  if (!isSealed) return { position: room, chain: new Uint8Array(0) };
  return { position: room, chain: bytesOf(chain, CHAIN_SIZE, what) };
}

function bytesOf(text: string, size: number, what: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(text);
  if (bytes?.length === size) return bytes;
  throw new ProtocolError<ErrorCode>("malformed", `${what} has a name or chain of the wrong size`);
}

/** Logs in to a sealed room with the code; undefined in other rooms. */
async function logIn(
  connection: Connection,
  greeting: Greeting,
  address: string,
  { code, cipher: wanted, ticket: findTicket }: ConnectOptions,
  login: Login | undefined,
): Promise<Admission | undefined> {
  if (greeting.cipher === "xor") {
    // An attacker in the middle could send this greeting, to read everything.
    if (login || wanted === "sealed") {
      throw new RoomNotFound(
        `Cannot join ${address}: the room there is not sealed, as it should be`,
        {
          hint: "Ask the person who opened it. A room that is not sealed is joined without a code",
        },
      );
    }
    return undefined;
  }
  if (wanted === "xor") {
    throw new RoomNotFound(`Cannot join ${address}: the room there is sealed, not xor`);
  }
  if (code === undefined || !login) {
    throw new CodeMissing(`Cannot join ${address} without its code: the room is sealed`, {
      hint: "Give it in the environment as CHAT_CODE, or in a file with --code-file FILE",
    });
  }
  const ticket = greeting.record === undefined ? undefined : findTicket?.(greeting.record);
  const message = await login.start();
  connection.send(encodeLogin({ message, ...(ticket !== undefined && { ticket }) }));
  const answer = parseLogin((await expect(connection, Type.LOGIN)).body);
  const admission = await login.finish(answer.message);
  // Nothing about this user has been sent so far, not even its sealed name.
  if (!admission) {
    const left = answer.tries
      ? `${counted(answer.tries, "try", "tries")} left this minute`
      : "No try left: wait a minute before the next one";
    throw new WrongCode(`Cannot join ${address}: the code is wrong`, {
      hint: `${left}. ${codeDoubt(code) ?? "Ask the person who opened the room"}`,
    });
  }
  return admission;
}

/** The room's cipher for this seat. */
function chooseCipher(
  greeting: Greeting,
  login: Admission | undefined,
  { self: getSelf }: ConnectOptions,
  place: Pick<SealedOptions, "seat" | "report">,
): Pick<Handshake, "cipher" | "self" | "sessionKey"> {
  if (!login) {
    const key = greeting.cipher === "xor" ? Number(greeting.key) : 0;
    return { cipher: new XorCipher(key), self: undefined, sessionKey: undefined };
  }
  const self = getSelf?.() ?? { identity: Identity.generate(), knownNames: new KnownNames() };
  const { exportKey, sessionKey } = login;
  const { identity } = self;
  const cipher = new SealedCipher({ exportKey, identity, now: Date.now, ...place });
  return { cipher, self, sessionKey };
}

async function expect(connection: Connection, type: number): Promise<Frame> {
  for (;;) {
    const frame = connection.decoder.next();
    if (frame) {
      if (frame.type === type) return frame;
      if (frame.type === Type.ERROR) {
        const { code, message } = parseError(frame.body);
        throw new ProtocolError(code, `the server says: ${message}`);
      }
      if (frame.type === Type.BYE) throw new ProtocolError("bye", "the server is stopping");
      throw new ProtocolError<ErrorCode>(
        "unexpected",
        `a frame of type ${frame.type} came too early`,
      );
    }
    if (!await connection.fill()) {
      throw new ProtocolError(
        "lost",
        "the connection was closed before the room admitted this client",
      );
    }
  }
}

function notAChatServer(address: string, unread: Uint8Array, opening: Opening): RoomNotFound {
  const what = {
    http: "a web server answers there, not a chat server",
    ssh: "an SSH server answers there, not a chat server",
    tls: "a TLS server answers there, not a chat server",
  }[opening.kind as string] ?? "the server there does not speak the chat protocol";
  return new RoomNotFound(`Cannot join ${address}: ${what}`, {
    hint: adviceOn(unread, address),
  });
}

/** What to try if the server there is no chat server. */
function adviceOn(unread: Uint8Array, address: string): string {
  return parseKey(unread).key === undefined
    ? "Is the port right? `chat serve` prints it when it opens a room"
    : `Is the port right? If it is a classic server: chat join --classic ${address}`;
}

export function tooManyMembers(): ProtocolError<ErrorCode> {
  return new ProtocolError(
    "too-large",
    `the server announces more than ${MAX_MEMBERS} members`,
  );
}
