// chat join: connects, says hello, and from then on turns frames into events and what the user does into
// frames. Knows no terminal.

import { concat } from "./bytes.ts";
import { type Cipher, type Opened, type Use, XorCipher } from "./cipher.ts";
import { SealedCipher } from "./cipher_sealed.ts";
import { codeDoubt } from "./codes.ts";
import { Connection, formatAddress, type Source } from "./connection.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
  type Profile,
} from "./envelope.ts";
import { ChatError, CodeNeeded, NobodyThere, ProtocolError, WrongCode } from "./errors.ts";
import { comparison, fingerprint, Identity, KnownNames } from "./identity.ts";
import { startLogin } from "./opaque.ts";
import {
  AckOutcome,
  checkEmpty,
  encodeError,
  encodeFrame,
  encodeHello,
  encodeLogin,
  type ErrorCode,
  type Frame,
  type Greeting,
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
  parseLogin,
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
  /** The code of a sealed room. With one, a room that is not sealed is refused. */
  code?: string;
  /** Refuse a room with another cipher. */
  cipher?: "sealed" | "xor" | undefined;
  /** Who this user is, asked for in sealed rooms only; somebody new if it is not given. */
  self?: () => Self;
  /** How long connecting and admission may take, each, in ms. */
  handshakeMs?: number;
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
}

/** A user of sealed rooms. */
export interface Self {
  readonly identity: Identity;
  /** The names that this user knows, with their keys; grows as others are met. */
  readonly knownNames: KnownNames;
  /** Keeps the names: called when there are new ones. */
  readonly save?: () => void;
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
 * @throws {ChatError} if there is no chat server, or it does not admit this client: `NobodyThere`,
 * `CodeNeeded` and `WrongCode` where something else can be tried
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
      throw new NobodyThere(`Cannot join ${address}: nothing listens there`, {
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
  options: JoinOptions,
): Promise<Client> {
  const { decoder } = connection;
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  // 1. Is it a chat server at all?
  for (;;) {
    const opening = parseServerOpening(decoder.unread);
    if (opening.kind === "chat") break;
    if (opening.kind !== "more") throw notAChatServer(address, opening);
    if (!await connection.fill()) {
      throw new NobodyThere(`Cannot join ${address}: the connection was closed without a word`, {
        hint: "Is the port right? `chat serve` prints it when it opens a room",
      });
    }
  }
  // 2. GREETING says how to talk.
  const greeting = parseGreeting((await expect(connection, Type.GREETING)).body);
  // 3. HELLO says who we are, and in a sealed room proves that we know the code.
  const { cipher, proof, self } = await chooseCipher(connection, greeting, address, options);
  const profile = cipher.seal(encodeProfile({ name: options.name }), "profile");
  connection.send(encodeHello({ version: VERSION, profile, ...(proof && { proof }) }));
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
  return new Client(connection, cipher, self, info, frame.id, welcome, options);
}

/** The cipher that the room greets with; for a sealed one, after a login with the code. */
async function chooseCipher(
  connection: Connection,
  greeting: Greeting,
  address: string,
  { code, cipher: wanted, self: getSelf }: JoinOptions,
): Promise<{ cipher: Cipher; proof?: string; self?: Self }> {
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
    return { cipher: new XorCipher(Number(greeting.key)) };
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
  const { exportKey, proof } = admission;
  const cipher = new SealedCipher({ exportKey, identity: self.identity, now: Date.now });
  return { cipher, proof, self };
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

function notAChatServer(address: string, opening: Opening): NobodyThere {
  const what = {
    http: "a web server answers there",
    ssh: "an SSH server answers there",
    tls: "a TLS server answers there",
  }[opening.kind as string] ?? "what answers there does not speak our protocol";
  return new NobodyThere(`Cannot join ${address}: ${what}, not a chat server`, {
    hint: "Is the port right? `chat serve` prints it when it opens a room",
  });
}

/** A profile, and when it was made by its maker's clock. */
type Met = Profile & { readonly sent: Date | undefined };

/** What came from a member, if it can be shown. */
type Said =
  | {
    readonly type: "message";
    readonly message: {
      readonly from: Person;
      readonly text: string;
      readonly action: boolean;
      readonly sent: Date | undefined;
      readonly missing: number;
    };
  }
  | RoomEvent & { type: "unreadable" };

/** A room, joined. */
export class Client implements Room {
  readonly info: RoomInfo;
  readonly fingerprint: string | undefined;

  readonly #connection: Connection;
  readonly #cipher: Cipher;
  readonly #outbox = new Outbox();
  readonly #id: number;
  readonly #finishMs: number;
  /** Names by id; undefined where the profile could not be read. In the order of joining. */
  readonly #names = new Map<number, string | undefined>();
  /** How many have each name. */
  readonly #namesakes = new Map<string, number>();
  readonly #self: Self | undefined;
  /** Who has a name that is known with another key. */
  readonly #otherKeys = new Set<number>();
  /** How many bodies of each could not be opened. */
  readonly #rejected = new Map<number, number>();
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
  /** What is to be told beside the event that it came with. */
  readonly #news: RoomEvent[] = [];
  #leaving = false;
  #ending: Ending | undefined;

  /** For `join`. */
  constructor(
    connection: Connection,
    cipher: Cipher,
    self: Self | undefined,
    info: RoomInfo,
    id: number,
    welcome: Welcome,
    options: JoinOptions,
  ) {
    this.#connection = connection;
    this.#cipher = cipher;
    this.info = info;
    this.#id = id;
    this.#position = welcome.room;
    this.#toCome = welcome.members;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#self = self;
    this.fingerprint = self && fingerprint(self.identity.publicKey);
    this.#setName(id, options.name);
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
    return this.#send(text, false, this.#find(to, "send to"));
  }

  compare(who: string | number): string {
    const person = this.#find(who, "compare keys with");
    const other = this.#cipher.identityOf(person.id);
    // The own key is this client's own, and not what the server says it is.
    if (this.#self && other && !person.self) {
      return comparison(this.#self.identity.publicKey, other);
    }
    throw new ChatError(
      `Cannot compare keys with "${person.name}": ${
        person.self
          ? "that is you"
          : this.info.cipher === "sealed"
          ? "nothing proves who that is"
          : `there are none in a room with ${this.info.cipher}`
      }`,
    );
  }

  trust(who: string | number): void {
    const { id, name } = this.#find(who, "trust");
    const key = this.#cipher.identityOf(id);
    const known = this.#names.get(id);
    if (!key || known === undefined || !this.#self) {
      throw new ChatError(`Cannot trust "${name}": there is no key to trust`);
    }
    this.#self.knownNames.trust(known, key, today());
    this.#self.save?.();
    // Whoever else has that name is now the one with another key.
    for (const [other, called] of this.#names) if (called === known) this.#recognize(other, known);
  }

  /** @param what the rest of "Cannot … NAME" */
  #find(who: string | number, what: string): Person {
    const person = findPerson(this.members, who);
    const called = typeof who === "number" ? `a member with the id ${who}` : `"${printable(who)}"`;
    if (person === "nobody") {
      throw new ChatError(`Cannot ${what} ${called}: nobody here is called that`, {
        hint: "/who lists who is here",
      });
    }
    if (person === "several") {
      const names = this.members.filter((m) => m.name.startsWith(`${who}#`)).map((m) => m.name);
      throw new ChatError(`Cannot ${what} ${called}: several have this name`, {
        hint: `Say which: ${names.join(", ")}`,
      });
    }
    return person;
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
    this.#put(Type.MESSAGE, to?.id ?? 0, this.#seal(envelope, to));
    const pending = { ref: ++this.#lastRef, text, action, to };
    (to ? this.#told : this.#said).push(pending);
    return pending.ref;
  }

  #seal(envelope: Uint8Array, to: Person | undefined): Uint8Array {
    if (!to) return this.#cipher.seal(envelope, "room");
    try {
      return this.#cipher.seal(envelope, "direct", to.id);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ChatError(`Cannot send to "${to.name}": nothing proves who that is`, { cause });
    }
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
        if (event?.type === "ended") return event.ending;
        // Waiting here is what slows the server down for a reader that can't follow.
        const told = event && listener(event);
        if (told) await told;
        while (this.#complete && this.#news.length > 0) await listener(this.#news.shift()!);
        if (this.#self?.knownNames.changed) this.#self.save?.();
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
        this.#meet(id, body);
        return undefined;
      case Type.JOINED: {
        const at = this.#advance(frame);
        if (id === this.#id && !this.#complete) {
          // Our own coming is the first that the room's log tells us: the list before it is complete.
          this.#complete = true;
          this.#reorderSelf(body);
          return { type: "members", members: this.members };
        }
        const profile = this.#meet(id, body);
        this.#cipher.expectAll(id);
        return { type: "joined", who: this.#person(id), sent: profile?.sent, at };
      }
      case Type.PROFILE: {
        const at = this.#advance(frame);
        const profile = this.#openProfile(id, body);
        const before = this.#person(id).name;
        // What can't be read is told of beside.
        if (!profile) return undefined;
        this.#setName(id, profile.name);
        return { type: "renamed", who: this.#person(id), before, at };
      }
      case Type.LEFT: {
        const at = this.#advance(frame);
        const reason = LEFT_REASONS[parseLeft(body)]!;
        // Nobody is told of its own leaving; and nobody else may ever take this client's place.
        if (id === this.#id) {
          throw new ProtocolError<ErrorCode>("unexpected", "it told us that we had left");
        }
        const who = this.#person(id);
        this.#removeName(id);
        return { type: "left", who, reason, at };
      }
      case Type.MESSAGE: {
        const at = this.#advance(frame);
        const said = this.#open(id, body, "room");
        const ref = id === this.#id ? this.#confirm(said) : undefined;
        if (said.type === "unreadable") return said;
        return { type: "message", ...said.message, at, ref };
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

  /** An own message has come back: it must be the oldest that waits. */
  #confirm(said: Said): number | undefined {
    const pending = this.#said.shift();
    if (this.info.cipher === "xor") return pending?.ref;
    if (said.type === "message" && pending?.text === said.message.text && !said.message.missing) {
      return pending.ref;
    }
    throw new ProtocolError<ErrorCode>(
      "unexpected",
      "what you said did not come back as it was sent",
    );
  }

  #open(from: number, body: Uint8Array, use: "room" | "direct"): Said {
    const person = this.#person(from);
    const opened = this.#tryOpen(from, body, use, decodeEnvelope);
    if ("type" in opened) return opened;
    const { value, sentAt, missing } = opened;
    if (value.kind === "unknown") {
      return this.#reject(from, "of a kind that a later version knows");
    }
    return {
      type: "message",
      message: {
        from: person,
        text: value.text,
        action: value.kind === "action",
        sent: sentAt === undefined ? undefined : new Date(sentAt),
        missing,
      },
    };
  }

  /** Opens a body and reads what is in it; tells what it is not. */
  #tryOpen<T>(
    from: number,
    body: Uint8Array,
    use: Use,
    decode: (plaintext: Uint8Array) => T,
  ): Omit<Opened, "plaintext"> & { value: T } | RoomEvent & { type: "unreadable" } {
    try {
      const { plaintext, ...rest } = this.#cipher.open(body, use, from);
      return { ...rest, value: decode(plaintext) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#reject(from, error.message);
    }
  }

  #reject(from: number, message: string): RoomEvent & { type: "unreadable" } {
    // All whom nobody knows are counted as one: there is no end to the ids that could be made up.
    const sender = this.#names.has(from) ? from : 0;
    const count = (this.#rejected.get(sender) ?? 0) + 1;
    this.#rejected.set(sender, count);
    return { type: "unreadable", from: this.#person(from), message, count };
  }

  /** Somebody is here; known by number if the profile can't be read. */
  #meet(id: number, body: Uint8Array): Met | undefined {
    if (this.#names.has(id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "somebody came who was here already");
    }
    this.#setName(id, undefined);
    const profile = this.#openProfile(id, body);
    if (profile) this.#setName(id, profile.name);
    return profile;
  }

  /** The profile; undefined if it can't be read, which will be told. */
  #openProfile(id: number, body: Uint8Array): Met | undefined {
    // Who wants to be known by number alone sends none.
    if (body.length === 0) return undefined;
    const opened = this.#tryOpen(id, body, "profile", decodeProfile);
    if ("type" in opened) {
      this.#news.push(opened);
      return undefined;
    }
    const { value, sentAt } = opened;
    return { ...value, sent: sentAt === undefined ? undefined : new Date(sentAt) };
  }

  #person(id: number): Person {
    const name = this.#names.get(id);
    const alone = name !== undefined && this.#namesakes.get(name) === 1;
    const mark = this.#otherKeys.has(id) ? "(!)" : "";
    return { id, name: `${name ?? ""}${alone ? "" : `#${id}`}${mark}`, self: id === this.#id };
  }

  #setName(id: number, name: string | undefined): void {
    if (this.#names.size >= MAX_MEMBERS && !this.#names.has(id)) {
      throw tooManyMembers();
    }
    const before = this.#names.get(id);
    if (before !== undefined) this.#countName(before, -1);
    this.#names.set(id, name);
    if (name === undefined) return;
    this.#countName(name, 1);
    this.#recognize(id, name);
  }

  /** Compares the key behind a name with the one that is known. */
  #recognize(id: number, name: string): void {
    const key = this.#cipher.identityOf(id);
    if (!key || !this.#self || id === this.#id) return;
    if (this.#self.knownNames.meet(name, key, today()) !== "changed") this.#otherKeys.delete(id);
    else if (!this.#otherKeys.has(id)) {
      this.#otherKeys.add(id);
      this.#news.push({ type: "otherkey", who: this.#person(id) });
    }
  }

  #removeName(id: number): void {
    const name = this.#names.get(id);
    if (name !== undefined) this.#countName(name, -1);
    this.#names.delete(id);
    this.#rejected.delete(id);
    this.#otherKeys.delete(id);
    this.#cipher.forget(id);
  }

  #countName(name: string, by: number): void {
    const count = (this.#namesakes.get(name) ?? 0) + by;
    if (count === 0) this.#namesakes.delete(name);
    else this.#namesakes.set(name, count);
  }

  /** We came last, but knew of ourselves first. What we say will come back, and be checked like all. */
  #reorderSelf(profile: Uint8Array): void {
    const name = this.#names.get(this.#id);
    this.#names.delete(this.#id);
    this.#names.set(this.#id, name);
    this.#openProfile(this.#id, profile);
    this.#cipher.expectAll(this.#id);
    const key = this.#cipher.identityOf(this.#id);
    if (this.#self && (!key || fingerprint(key) !== this.fingerprint)) {
      throw new ProtocolError<ErrorCode>("unexpected", "our own coming was not told as it was");
    }
  }
}

/** As `2026-01-31`. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
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
