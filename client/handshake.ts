// The handshake: connects, checks that a chat server answers, logs in if the room is sealed, and is admitted or resumes a
// session. Ends with WELCOME; `client.ts` reads everything after it. Knows no members and no events.

import { type Cipher, XorCipher } from "../cipher.ts";
import { codeDoubt } from "../cipher/codes.ts";
import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { WorkerLogin } from "../cipher/login.ts";
import { SealedCipher } from "../cipher/sealed.ts";
import { ChatError, CodeMissing, ProtocolError, RoomNotFound, WrongCode } from "../errors.ts";
import {
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
  parseWelcome,
  type Welcome,
} from "../protocol/json_frames.ts";
import { parseKey } from "../protocol/classic_wire.ts";
import { Connection, formatAddress } from "../protocol/connection.ts";
import { encodeProfile } from "../protocol/envelope.ts";
import { type Opening, parseServerOpening } from "../protocol/opening.ts";
import { type Claim, proveResume } from "../protocol/resume.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { dial, type Endpoint } from "./dial.ts";

export type { Endpoint };

/** Bytes of the read buffer: a busy room fills it in one read. */
const READ_BUFFER = 64 * 1024;

/** More members than any room has. A server that announces more wants to exhaust this client's memory. */
export const MAX_MEMBERS = 100_000;

export interface ConnectOptions extends Endpoint {
  /** A valid name; see `nameFault`. */
  name: string;
  /** The code of a sealed room. If it is given, a room that is not sealed is refused. */
  code?: string;
  /** Refuse a room with another cipher. */
  cipher?: "sealed" | "xor" | undefined;
  /** Loads this user's identity; called in sealed rooms only. Not given: a new identity. */
  self?: () => Self;
}

/** A user of sealed rooms. */
export interface Self {
  readonly identity: Identity;
  /** The names that this user knows, with their keys. New ones are added. */
  readonly knownNames: KnownNames;
  /** Saves the names; called when names were added. */
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
  readonly welcome: Welcome;
}

/** What it takes to resume a session. */
export interface Ticket extends Claim {
  readonly id: number;
  readonly sessionKey: Uint8Array | undefined;
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
): Promise<{ connection: Connection; welcome: Welcome } | undefined> {
  return await withConnection(endpoint, async (connection, address) => {
    const greeting = await greet(connection, address);
    const { token, room, own, sessionKey } = ticket;
    const claim = { token, room, own };
    const sealed = greeting.cipher === "sealed" ? greeting.nonce : undefined;
    if ((sealed === undefined) !== (sessionKey === undefined)) {
      // Another server answers at this address. The session's own server may come back.
      const how = sessionKey ? "not sealed, as it should be" : "sealed, not xor";
      throw new RoomNotFound(`Cannot rejoin ${address}: the room there is ${how}`);
    }
    const proof = sessionKey && sealed && prove(sessionKey, sealed, claim);
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
    return { connection, welcome };
  });
}

function prove(sessionKey: Uint8Array, nonce: string, claim: Claim): string {
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
  const { hostname, port, handshakeMs: ms = HANDSHAKE_MS, signal } = endpoint;
  const address = formatAddress(hostname, port);
  const connection = new Connection(await dial(endpoint, ms), MAX_FRAME, READ_BUFFER);
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
        `Cannot join ${address}: no chat server has answered within ${ms / 1000} seconds`,
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

/** From the preface to GREETING: checks that this is a chat server. */
async function greet(connection: Connection, address: string): Promise<Greeting> {
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
  const { code } = options;
  // A worker starts while the greeting travels. It ends with this function.
  using login = code === undefined ? undefined : new WorkerLogin(code);
  // 1. GREETING: the cipher and the limits of the room.
  const greeting = await greet(connection, address);
  // 2. HELLO: this client's profile, and in a sealed room the proof that it knows the code.
  const { cipher, proof, ...rest } = await chooseCipher(
    connection,
    greeting,
    address,
    options,
    login,
  );
  const profile = cipher.seal(encodeProfile({ name: options.name }), "profile");
  connection.send(encodeHello({ version: VERSION, profile, ...(proof && { proof }) }));
  // 3. WELCOME: the client is in the room.
  const frame = await expect(connection, Type.WELCOME);
  if (frame.id === 0) throw new ProtocolError<ErrorCode>("malformed", "WELCOME has no id");
  const welcome = parseWelcome(frame.body);
  if (welcome.members > MAX_MEMBERS) throw tooManyMembers();
  return { connection, greeting, cipher, ...rest, id: frame.id, welcome };
}

/** The room's cipher. For a sealed room this logs in with the code. */
async function chooseCipher(
  connection: Connection,
  greeting: Greeting,
  address: string,
  { code, cipher: wanted, self: getSelf }: ConnectOptions,
  login: WorkerLogin | undefined,
): Promise<Pick<Handshake, "cipher" | "self" | "sessionKey"> & { proof?: string }> {
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
    return {
      cipher: new XorCipher(Number(greeting.key)),
      self: undefined,
      sessionKey: undefined,
    };
  }
  if (wanted === "xor") {
    throw new RoomNotFound(`Cannot join ${address}: the room there is sealed, not xor`);
  }
  if (code === undefined || !login) {
    throw new CodeMissing(`Cannot join ${address} without its code: the room is sealed`, {
      hint: "Give it in the environment as CHAT_CODE, or in a file with --code-file FILE",
    });
  }
  connection.send(encodeLogin({ message: await login.start() }));
  const answer = parseLogin((await expect(connection, Type.LOGIN)).body);
  const admission = await login.finish(answer.message);
  // Nothing about this user has been sent so far, not even its sealed name.
  if (!admission) {
    const tries = answer.tries ?? 0;
    const left = tries === 1 ? "1 try" : `${tries} tries`;
    throw new WrongCode(`Cannot join ${address}: the code is wrong`, {
      hint: `${left} left this minute. ${codeDoubt(code) ?? "Ask the person who opened the room"}`,
    });
  }
  const self = getSelf?.() ?? { identity: Identity.generate(), knownNames: new KnownNames() };
  const { exportKey, proof, sessionKey } = admission;
  const cipher = new SealedCipher({ exportKey, identity: self.identity, now: Date.now });
  return { cipher, proof, self, sessionKey };
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
