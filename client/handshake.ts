// How a client gets into a room: connects, sees what answers there, logs in where the room is sealed, and is
// admitted; or goes on with its session. What follows is `client.ts`.

import { type Cipher, XorCipher } from "../cipher.ts";
import { codeDoubt } from "../cipher/codes.ts";
import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { startLogin } from "../cipher/opaque.ts";
import { SealedCipher } from "../cipher/sealed.ts";
import {
  ChatError,
  CodeNeeded,
  messageOf,
  NobodyThere,
  ProtocolError,
  WrongCode,
} from "../errors.ts";
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

/** Bytes of the read buffer: a busy room fills it in one read. */
const READ_BUFFER = 64 * 1024;

/** More members than any room has: a server that names more is after this client's memory. */
export const MAX_MEMBERS = 100_000;

/** Where a room is. */
export interface Place {
  hostname: string;
  port: number;
  /** How long connecting and admission may take, each, in ms. */
  handshakeMs?: number;
  /** Breaks it off. */
  signal?: AbortSignal;
}

export interface EnterOptions extends Place {
  /** A valid name; see `nameFault`. */
  name: string;
  /** The code of a sealed room. With one, a room that is not sealed is refused. */
  code?: string;
  /** Refuse a room with another cipher. */
  cipher?: "sealed" | "xor" | undefined;
  /** Who this user is, asked for in sealed rooms only; somebody new if it is not given. */
  self?: () => Self;
}

/** A user of sealed rooms. */
export interface Self {
  readonly identity: Identity;
  /** The names that this user knows, with their keys; grows as others are met. */
  readonly knownNames: KnownNames;
  /** Keeps the names: called when there are new ones. */
  readonly save?: () => void;
}

/** An admitted client. */
export interface Handshake {
  readonly connection: Connection;
  readonly greeting: Greeting;
  readonly cipher: Cipher;
  /** undefined in rooms where nobody proves anything. */
  readonly self: Self | undefined;
  /** Known to this client and the server: to prove that the session is its own. */
  readonly sessionKey: Uint8Array | undefined;
  readonly id: number;
  readonly welcome: Welcome;
}

/** What a client shows to go on with its session. */
export interface Ticket extends Claim {
  readonly id: number;
  readonly sessionKey: Uint8Array | undefined;
}

/**
 * Connects and is admitted.
 *
 * @throws {ChatError} if there is no chat server, or it does not admit this client: `NobodyThere`,
 * `CodeNeeded` and `WrongCode` where something else can be tried
 */
export async function enter(options: EnterOptions): Promise<Handshake> {
  const fault = nameFault(options.name);
  if (fault !== undefined) {
    throw new ChatError(`Cannot join as "${printable(options.name)}": a name ${fault}`);
  }
  return await talk(options, (connection, address) => handshake(connection, address, options));
}

/**
 * Connects and goes on with a session.
 *
 * @returns undefined if the session is over
 * @throws {ChatError} if it can't be known
 */
export async function reenter(
  place: Place,
  ticket: Ticket,
): Promise<{ connection: Connection; welcome: Welcome } | undefined> {
  return await talk(place, async (connection, address) => {
    const greeting = await greet(connection, address);
    const { token, room, own, sessionKey } = ticket;
    const claim = { token, room, own };
    const sealed = greeting.cipher === "sealed" ? greeting.nonce : undefined;
    if ((sealed === undefined) !== (sessionKey === undefined)) {
      // The session may be there all the same, behind whoever answers now.
      const how = sessionKey ? "not sealed, as it should be" : "sealed, not xor";
      throw new NobodyThere(`Cannot go on in ${address}: the room there is ${how}`);
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
      throw new ProtocolError<ErrorCode>("malformed", "WELCOME goes on where nobody was");
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
 * Connects, and closes the connection unless `admit` gives something; all in bounded time.
 *
 * @param hint what to try where that time is over; else what has come says it
 */
export async function talk<T>(
  place: Place,
  admit: (connection: Connection, address: string) => Promise<T>,
  hint?: string,
): Promise<T> {
  const address = formatAddress(place.hostname, place.port);
  const ms = place.handshakeMs ?? HANDSHAKE_MS;
  const conn = await connect(place, address, ms);
  const connection = new Connection(conn, MAX_FRAME, READ_BUFFER);
  let late = false;
  const close = () => connection.close();
  const deadline = setTimeout(() => {
    late = true;
    close();
  }, ms);
  place.signal?.addEventListener("abort", close);
  if (place.signal?.aborted) close();
  let admitted: T | undefined;
  try {
    admitted = await admit(connection, address);
    return admitted;
  } catch (error) {
    if (late) {
      throw new ChatError(
        `Cannot join ${address}: what answers there does not say within ${ms / 1000} seconds ` +
          "that it is a chat server",
        { hint: hint ?? adviceOn(connection.decoder.unread, address) },
      );
    }
    if (error instanceof ProtocolError) {
      const hint = error.code === "version"
        ? "Both sides need versions of chat that understand each other: see `chat --version`"
        : undefined;
      throw new ChatError(
        `Cannot join ${address}: ${printable(error.message)}`,
        hint === undefined ? { cause: error } : { hint, cause: error },
      );
    }
    throw error;
  } finally {
    clearTimeout(deadline);
    place.signal?.removeEventListener("abort", close);
    if (admitted === undefined) close();
  }
}

async function connect(
  { hostname, port, signal }: Place,
  address: string,
  ms: number,
): Promise<Deno.TcpConn> {
  const connecting = Deno.connect({ hostname, port });
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const giveUp = () => resolve("late");
  const timer = setTimeout(giveUp, ms);
  signal?.addEventListener("abort", giveUp);
  // The event is over where it came before.
  if (signal?.aborted) giveUp();
  try {
    const first = await Promise.race([connecting, late]);
    if (first !== "late") return first;
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) {
      throw new NobodyThere(`Cannot join ${address}: nothing listens there`, {
        hint: "Open a room with: chat serve",
        cause,
      });
    }
    const message = messageOf(cause);
    if (/lookup|resolve|not known|no such host/i.test(message)) {
      throw new ChatError(`Cannot join ${address}: there is no host of that name`, { cause });
    }
    throw new ChatError(`Cannot join ${address}: ${message}`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
  connecting.then((conn) => conn.close(), () => {});
  throw new ChatError(`Cannot join ${address}: no answer within ${ms / 1000} seconds`, {
    hint: "Is the address right, and does no firewall stand between?",
  });
}

/** From the preface to GREETING: is it a chat server at all, and how does it talk? */
async function greet(connection: Connection, address: string): Promise<Greeting> {
  const { decoder } = connection;
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  for (;;) {
    const opening = parseServerOpening(decoder.unread);
    if (opening.kind === "chat") break;
    if (opening.kind !== "more") throw notAChatServer(address, decoder.unread, opening);
    if (!await connection.fill()) {
      throw new NobodyThere(`Cannot join ${address}: the connection was closed without a word`, {
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
  options: EnterOptions,
): Promise<Handshake> {
  // 1. GREETING says how to talk.
  const greeting = await greet(connection, address);
  // 2. HELLO says who we are, and in a sealed room proves that we know the code.
  const { cipher, proof, ...rest } = await chooseCipher(connection, greeting, address, options);
  const profile = cipher.seal(encodeProfile({ name: options.name }), "profile");
  connection.send(encodeHello({ version: VERSION, profile, ...(proof && { proof }) }));
  // 3. WELCOME says that we are in.
  const frame = await expect(connection, Type.WELCOME);
  if (frame.id === 0) throw new ProtocolError<ErrorCode>("malformed", "WELCOME gives no id");
  const welcome = parseWelcome(frame.body);
  if (welcome.members > MAX_MEMBERS) throw tooManyMembers();
  return { connection, greeting, cipher, ...rest, id: frame.id, welcome };
}

/** The cipher that the room greets with; for a sealed one, after a login with the code. */
async function chooseCipher(
  connection: Connection,
  greeting: Greeting,
  address: string,
  { code, cipher: wanted, self: getSelf }: EnterOptions,
): Promise<Pick<Handshake, "cipher" | "self" | "sessionKey"> & { proof?: string }> {
  if (greeting.cipher === "xor") {
    // Whoever stands between could greet so, to read along.
    if (code !== undefined || wanted === "sealed") {
      throw new NobodyThere(
        `Cannot join ${address}: the room there is not sealed, as it should be`,
        {
          hint: "Ask who opened it. A room that is not sealed is joined without a code",
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
    throw new NobodyThere(`Cannot join ${address}: the room there is sealed, not xor`);
  }
  if (code === undefined) {
    throw new CodeNeeded(`Cannot join ${address} without its code: the room is sealed`, {
      hint: "Give it in the environment as CHAT_CODE, or in a file with --code-file FILE",
    });
  }
  const login = startLogin(code);
  connection.send(encodeLogin({ message: login.request }));
  const answer = parseLogin((await expect(connection, Type.LOGIN)).body);
  const admission = login.finish(answer.message);
  // Nothing of us has been told so far: not even the name, sealed.
  if (!admission) {
    const tries = answer.tries ?? 0;
    const left = tries === 1 ? "1 more try" : `${tries} more tries`;
    throw new WrongCode(`Cannot join ${address}: the code is wrong`, {
      hint: `There are ${left} in this minute. ${codeDoubt(code) ?? "Ask for it again"}`,
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
      throw new ProtocolError("lost", "the connection was closed before the room let us in");
    }
  }
}

function notAChatServer(address: string, unread: Uint8Array, opening: Opening): NobodyThere {
  const what = {
    http: "a web server answers there",
    ssh: "an SSH server answers there",
    tls: "a TLS server answers there",
  }[opening.kind as string] ?? "what answers there does not speak our protocol";
  return new NobodyThere(`Cannot join ${address}: ${what}, not a chat server`, {
    hint: adviceOn(unread, address),
  });
}

/** What to try where something else than a room has answered. */
function adviceOn(unread: Uint8Array, address: string): string {
  return parseKey(unread).key === undefined
    ? "Is the port right? `chat serve` prints it when it opens a room"
    : `Is the port right? If it is a server of the original: chat join --classic ${address}`;
}

export function tooManyMembers(): ProtocolError<ErrorCode> {
  return new ProtocolError(
    "too-large",
    `the room is said to have more than ${MAX_MEMBERS} members`,
  );
}
