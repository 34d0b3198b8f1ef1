// chat join: connects, says hello, and from then on turns frames into events and what the user does into
// frames. Knows no terminal.

import { concat } from "./bytes.ts";
import { type Cipher, XorCipher } from "./cipher.ts";
import { Connection, formatAddress, type Source } from "./connection.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
} from "./envelope.ts";
import { ChatError, ProtocolError } from "./errors.ts";
import {
  AckOutcome,
  checkEmpty,
  encodeError,
  encodeFrame,
  encodeHello,
  type ErrorCode,
  type Frame,
  HANDSHAKE_MS,
  HEADER_SIZE,
  Left,
  MAX_BODY,
  MAX_FRAME,
  type Opening,
  parseAck,
  parseError,
  parseGreeting,
  parseLeft,
  parseServerOpening,
  parseWelcome,
  PREFACE,
  Type,
  VERSION,
  type Welcome,
} from "./protocol.ts";
import {
  type Ending,
  findPerson,
  type Pending,
  type Person,
  type Room,
  type RoomEvent,
  type RoomInfo,
} from "./room.ts";
import { nameFault, printable } from "./text.ts";

/** Enough for a goodbye to reach the other end of the world, in ms. */
const FINISH_MS = 2_000;
/** Bytes of the read buffer: a busy room fills it in one read. */
const READ_BUFFER = 64 * 1024;
/** More members than any room has: a server that names more is after this client's memory. */
const MAX_MEMBERS = 100_000;

export interface JoinOptions {
  hostname: string;
  port: number;
  /** A valid name; see `nameFault`. */
  name: string;
  /** How long connecting and admission may take, each, in ms. */
  handshakeMs?: number;
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
}

/** What happens is told in order; the next frame is read when a returned promise has resolved. */
export type Listener = (event: RoomEvent) => void | Promise<void>;

/** Frames that wait to be written, gathered into one write. */
class Outbox implements Source {
  #frames: Uint8Array<ArrayBuffer>[] = [];

  put(frame: Uint8Array<ArrayBuffer>): void {
    this.#frames.push(frame);
  }

  take(): Uint8Array<ArrayBuffer> | null {
    const frames = this.#frames;
    if (frames.length <= 1) return frames.pop() ?? null;
    this.#frames = [];
    return concat(frames);
  }
}

/**
 * Connects and is admitted.
 *
 * @returns the room; nothing is told before `run` is called
 * @throws {ChatError} if there is no chat server, or it does not admit this client
 */
export async function join(options: JoinOptions): Promise<Client> {
  const fault = nameFault(options.name);
  if (fault !== undefined) {
    throw new ChatError(`Cannot join as "${printable(options.name)}": a name ${fault}`);
  }
  const address = formatAddress(options.hostname, options.port);
  const ms = options.handshakeMs ?? HANDSHAKE_MS;
  const conn = await connect(options, address, ms);
  const connection = new Connection(conn, MAX_FRAME, READ_BUFFER);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    connection.close();
  }, ms);
  try {
    return await introduce(connection, address, options);
  } catch (error) {
    connection.close();
    if (late) {
      throw new ChatError(
        `Cannot join ${address}: what answers there does not say within ${ms / 1000} seconds ` +
          "that it is a chat server",
        { hint: "Is the port right? `chat serve` prints it when it opens a room" },
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
  }
}

async function connect(
  { hostname, port }: JoinOptions,
  address: string,
  ms: number,
): Promise<Deno.TcpConn> {
  const connecting = Deno.connect({ hostname, port });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => timer = setTimeout(() => resolve("late"), ms));
  try {
    const first = await Promise.race([connecting, late]);
    if (first !== "late") return first;
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) {
      throw new ChatError(`Cannot join ${address}: nothing listens there`, {
        hint: "Open a room with: chat serve",
        cause,
      });
    }
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/lookup|resolve|not known|no such host/i.test(message)) {
      throw new ChatError(`Cannot join ${address}: there is no host of that name`, { cause });
    }
    throw new ChatError(`Cannot join ${address}: ${message}`, { cause });
  } finally {
    clearTimeout(timer);
  }
  connecting.then((conn) => conn.close(), () => {});
  throw new ChatError(`Cannot join ${address}: no answer within ${ms / 1000} seconds`, {
    hint: "Is the address right, and does no firewall stand between?",
  });
}

/** From the preface to WELCOME. */
async function introduce(
  connection: Connection,
  address: string,
  { name, finishMs }: JoinOptions,
): Promise<Client> {
  const { decoder } = connection;
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  // 1. Is it a chat server at all?
  for (;;) {
    const opening = parseServerOpening(decoder.unread);
    if (opening.kind === "chat") break;
    if (opening.kind !== "more") throw notAChatServer(address, opening);
    if (!await connection.fill()) {
      throw new ChatError(`Cannot join ${address}: the connection was closed without a word`, {
        hint: "Is the port right? `chat serve` prints it when it opens a room",
      });
    }
  }
  // 2. GREETING says how to talk.
  const greeting = parseGreeting((await expect(connection, Type.GREETING)).body);
  const cipher = new XorCipher(Number(greeting.key));
  // 3. HELLO says who we are.
  const profile = cipher.seal(encodeProfile({ name }));
  connection.send(encodeHello({ version: VERSION, profile }));
  // 4. WELCOME says that we are in.
  const frame = await expect(connection, Type.WELCOME);
  if (frame.id === 0) throw new ProtocolError<ErrorCode>("malformed", "WELCOME gives no id");
  const maxBody = Math.min(MAX_BODY, greeting.maxFrame - (HEADER_SIZE - 4));
  const info: RoomInfo = {
    address,
    cipher: cipher.name,
    maxText: maxBody - cipher.overhead - ENVELOPE_OVERHEAD,
  };
  const welcome = parseWelcome(frame.body);
  if (welcome.members > MAX_MEMBERS) throw tooManyMembers();
  return new Client(connection, cipher, info, name, frame.id, welcome, finishMs ?? FINISH_MS);
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

function notAChatServer(address: string, opening: Opening): ChatError {
  const what = {
    http: "a web server answers there",
    ssh: "an SSH server answers there",
    tls: "a TLS server answers there",
  }[opening.kind as string] ?? "what answers there does not speak our protocol";
  return new ChatError(`Cannot join ${address}: ${what}, not a chat server`, {
    hint: "Is the port right? `chat serve` prints it when it opens a room",
  });
}

/** A room, joined. */
export class Client implements Room {
  readonly info: RoomInfo;

  readonly #connection: Connection;
  readonly #cipher: Cipher;
  readonly #outbox = new Outbox();
  readonly #id: number;
  readonly #finishMs: number;
  /** Names by id; undefined where the profile could not be read. In the order of joining. */
  readonly #names = new Map<number, string | undefined>();
  /** How many have each name. */
  readonly #namesakes = new Map<string, number>();
  /** How many more of those who were there before may be named. */
  #toCome: number;
  /** The list of those who were there before has come. */
  #complete = false;
  /** The position in the room's log behind the last frame that came. */
  #position: number;
  /** Messages to the room, then to single members: each is confirmed in its order. */
  #said: Pending[] = [];
  #told: Pending[] = [];
  #lastRef = 0;
  #answered = 0;
  #leaving = false;
  #ending: Ending | undefined;

  /** For `join`. */
  constructor(
    connection: Connection,
    cipher: Cipher,
    info: RoomInfo,
    name: string,
    id: number,
    welcome: Welcome,
    finishMs: number,
  ) {
    this.#connection = connection;
    this.#cipher = cipher;
    this.info = info;
    this.#id = id;
    this.#position = welcome.room;
    this.#toCome = welcome.members;
    this.#finishMs = finishMs;
    this.#setName(id, name);
    connection.attach(this.#outbox);
  }

  get self(): Person {
    return this.#person(this.#id);
  }

  get members(): readonly Person[] {
    return Array.from(this.#names.keys(), (id) => this.#person(id));
  }

  get pending(): readonly Pending[] {
    return [...this.#said, ...this.#told].sort((a, b) => a.ref - b.ref);
  }

  /** How the room ended for this client; undefined as long as it has not. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /**
   * Tells what happens until the room has ended; the last event is `ended`. To be called once.
   * Rejects only if the listener throws, and then closes the connection.
   */
  async run(listener: Listener): Promise<void> {
    let ending: Ending;
    try {
      await listener({ type: "welcome", self: this.self, room: this.info });
      ending = await this.#receive(listener);
      await this.#connection.finish(this.#finishMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      ending = { reason: "lost", message: `the server broke the protocol: ${error.message}` };
      await this.#connection.finish(
        this.#finishMs,
        encodeError(error.code as ErrorCode, error.message),
      );
    } finally {
      this.#connection.close();
    }
    this.#ending = ending;
    await listener({ type: "ended", ending });
  }

  say(text: string): number {
    return this.#send(text, false, undefined);
  }

  act(text: string): number {
    return this.#send(text, true, undefined);
  }

  tell(to: string | number, text: string): number {
    const person = findPerson(this.members, to);
    const who = typeof to === "number" ? `a member with the id ${to}` : `"${printable(to)}"`;
    if (person === "nobody") {
      throw new ChatError(`Cannot send to ${who}: nobody here is called that`, {
        hint: "/who lists who is here",
      });
    }
    if (person === "several") {
      const names = this.members.filter((m) => m.name.startsWith(`${to}#`)).map((m) => m.name);
      throw new ChatError(`Cannot send to ${who}: several have this name`, {
        hint: `Say which: ${names.join(", ")}`,
      });
    }
    return this.#send(text, false, person);
  }

  rename(name: string): void {
    this.#checkOpen("change the name");
    const fault = nameFault(name);
    if (fault !== undefined) {
      throw new ChatError(`Cannot change the name to "${printable(name)}": a name ${fault}`);
    }
    this.#put(Type.PROFILE, 0, this.#cipher.seal(encodeProfile({ name }), "profile"));
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    this.#put(Type.BYE, 0, new Uint8Array(0));
    // The server answers by closing. One that does not is not waited for.
    const timer = setTimeout(() => this.#connection.close(), this.#finishMs);
    this.#connection.closed.then(() => clearTimeout(timer));
  }

  #send(text: string, action: boolean, to: Person | undefined): number {
    this.#checkOpen("send this");
    const envelope = encodeEnvelope({ kind: action ? "action" : "text", text });
    const size = envelope.length - ENVELOPE_OVERHEAD;
    if (size > this.info.maxText) {
      throw new ChatError(
        `Cannot send this message: it has ${size} bytes, at most ${this.info.maxText} fit into one`,
        { hint: "Send it in parts" },
      );
    }
    this.#put(Type.MESSAGE, to?.id ?? 0, this.#cipher.seal(envelope, to ? "direct" : "room"));
    const pending = { ref: ++this.#lastRef, text, action, to };
    (to ? this.#told : this.#said).push(pending);
    return pending.ref;
  }

  #put(type: number, id: number, body: Uint8Array): void {
    this.#outbox.put(encodeFrame(type, id, body));
    this.#connection.wake();
  }

  #checkOpen(what: string): void {
    if (this.#leaving || this.#ending) {
      throw new ChatError(`Cannot ${what}: you have left the room`);
    }
  }

  /** Frames become events, until the connection ends. */
  async #receive(listener: Listener): Promise<Ending> {
    const { decoder } = this.#connection;
    for (;;) {
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const event = this.#read(frame);
        if (!event) continue;
        if (event.type === "ended") return event.ending;
        // Waiting here is what slows the server down for a reader that can't follow.
        const told = listener(event);
        if (told) await told;
      }
      if (await this.#connection.fill()) continue;
      if (this.#leaving) return { reason: "left" };
      return { reason: "lost", message: "the connection was lost" };
    }
  }

  /** What a frame means; undefined if nothing for the user. The contents of frames are hostile. */
  #read(frame: Frame): RoomEvent | undefined {
    const { type, id, body } = frame;
    switch (type) {
      case Type.MEMBER:
        if (this.#complete || this.#toCome-- === 0) {
          throw new ProtocolError<ErrorCode>("unexpected", "more were named than were there");
        }
        this.#setName(id, this.#nameIn(id, body));
        return undefined;
      case Type.JOINED: {
        const at = this.#advance(frame);
        if (id === this.#id) {
          // Our own coming is the first that the room's log tells us: the list before it is complete.
          this.#complete = true;
          this.#reorderSelf();
          return { type: "members", members: this.members };
        }
        this.#setName(id, this.#nameIn(id, body));
        return { type: "joined", who: this.#person(id), at };
      }
      case Type.PROFILE: {
        const at = this.#advance(frame);
        const before = this.#person(id).name;
        this.#setName(id, this.#nameIn(id, body));
        return { type: "renamed", who: this.#person(id), before, at };
      }
      case Type.LEFT: {
        const at = this.#advance(frame);
        const reason = LEFT_REASONS[parseLeft(body)]!;
        const who = this.#person(id);
        this.#removeName(id);
        return { type: "left", who, reason, at };
      }
      case Type.MESSAGE: {
        const at = this.#advance(frame);
        const pending = id === this.#id ? this.#said.shift() : undefined;
        const said = this.#open(id, body, "room");
        if (said.type === "unreadable") return said;
        return { type: "message", ...said.message, at, ref: pending?.ref };
      }
      case Type.DIRECT: {
        const said = this.#open(id, body, "direct");
        return said.type === "unreadable" ? said : { type: "direct", ...said.message };
      }
      case Type.ACK:
        return this.#acknowledge(frame);
      case Type.PING:
        checkEmpty("PING", body);
        if (this.#connection.urgent === 0) this.#connection.send(encodeFrame(Type.PONG, 0));
        return undefined;
      case Type.PONG:
        checkEmpty("PONG", body);
        return undefined;
      case Type.BYE:
        checkEmpty("BYE", body);
        return { type: "ended", ending: { reason: this.#leaving ? "left" : "stopped" } };
      case Type.ERROR: {
        const { code, message } = parseError(body);
        return { type: "ended", ending: { reason: "refused", code, message } };
      }
      default:
        throw new ProtocolError<ErrorCode>("unexpected", `a frame of type ${type} came too late`);
    }
  }

  /** Counts a frame of the room's log; returns where it stands. */
  #advance(frame: Frame): number {
    if (!this.#complete && !(frame.type === Type.JOINED && frame.id === this.#id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "the room's log began before our JOINED");
    }
    const at = this.#position;
    this.#position += frame.bytes.length;
    return at;
  }

  #acknowledge(frame: Frame): RoomEvent {
    const { count, outcome } = parseAck(frame.body);
    const pending = this.#told.shift();
    if (!pending || pending.to?.id !== frame.id || count !== ++this.#answered) {
      throw new ProtocolError<ErrorCode>("unexpected", "an ACK came for what was not sent");
    }
    const about = { ref: pending.ref, to: pending.to, text: pending.text };
    if (outcome === AckOutcome.ACCEPTED) return { type: "delivered", ...about };
    return {
      type: "undelivered",
      ...about,
      reason: outcome === AckOutcome.BUSY ? "busy" : "gone",
    };
  }

  #open(
    from: number,
    body: Uint8Array,
    use: "room" | "direct",
  ):
    | { type: "message"; message: { from: Person; text: string; action: boolean } }
    | { type: "unreadable"; from: Person; message: string } {
    const person = this.#person(from);
    try {
      const envelope = decodeEnvelope(this.#cipher.open(body, use, from));
      if (envelope.kind === "unknown") {
        return {
          type: "unreadable",
          from: person,
          message: "of a kind that a later version knows",
        };
      }
      const { kind, text } = envelope;
      return { type: "message", message: { from: person, text, action: kind === "action" } };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { type: "unreadable", from: person, message: error.message };
    }
  }

  #nameIn(id: number, profile: Uint8Array): string | undefined {
    try {
      return decodeProfile(this.#cipher.open(profile, "profile", id)).name;
    } catch (error) {
      // Known by number, then.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #person(id: number): Person {
    const name = this.#names.get(id);
    const alone = name !== undefined && this.#namesakes.get(name) === 1;
    return { id, name: alone ? name : `${name ?? ""}#${id}`, self: id === this.#id };
  }

  #setName(id: number, name: string | undefined): void {
    if (this.#names.size >= MAX_MEMBERS && !this.#names.has(id)) {
      throw tooManyMembers();
    }
    const before = this.#names.get(id);
    if (before !== undefined) this.#countName(before, -1);
    this.#names.set(id, name);
    if (name !== undefined) this.#countName(name, 1);
  }

  #removeName(id: number): void {
    const name = this.#names.get(id);
    if (name !== undefined) this.#countName(name, -1);
    this.#names.delete(id);
  }

  #countName(name: string, by: number): void {
    const count = (this.#namesakes.get(name) ?? 0) + by;
    if (count === 0) this.#namesakes.delete(name);
    else this.#namesakes.set(name, count);
  }

  /** We came last, but knew of ourselves first. */
  #reorderSelf(): void {
    const name = this.#names.get(this.#id);
    this.#names.delete(this.#id);
    this.#names.set(this.#id, name);
  }
}

function tooManyMembers(): ProtocolError<ErrorCode> {
  return new ProtocolError(
    "too-large",
    `the room is said to have more than ${MAX_MEMBERS} members`,
  );
}

const LEFT_REASONS = {
  [Left.BYE]: "left",
  [Left.LOST]: "lost",
  [Left.SLOW]: "slow",
  [Left.REFUSED]: "refused",
} as Record<number, "left" | "lost" | "slow" | "refused">;
