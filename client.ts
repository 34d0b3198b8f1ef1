// chat join: says and hears in a room. From WELCOME on it turns frames into events and what the user does into
// frames; when the connection is lost it makes another, and goes on. Knows no terminal.
//
// A client lives longer than its sessions, and a session longer than its connections. What was said stays
// `pending` until the room has confirmed it, over however many of both.

import type { Opened, Use } from "./cipher.ts";
import { comparison, fingerprint } from "./cipher/identity.ts";
import { Backoff } from "./client/backoff.ts";
import {
  enter,
  type EnterOptions,
  type Handshake,
  MAX_MEMBERS,
  reenter,
  type Self,
  tooManyMembers,
} from "./client/handshake.ts";
import { areSame, today } from "./client/members.ts";
import type { Met, Said } from "./client/received.ts";
import {
  type Break,
  finalRefusal,
  isFinal,
  LOST,
  NETWORK_MS,
  STEADY_MS,
  STOPPED,
} from "./client/reconnect.ts";
import { Roster } from "./client/roster.ts";
import { begin, HAVE_SIZE, type Session } from "./client/session.ts";
import {
  Count,
  envelopeOf,
  isEqual,
  type PeerId,
  type PendingDirect,
  type PendingFile,
  type PendingRoom,
  RECEIVER_MS,
  REPEAT_BYTES,
  REPEAT_MESSAGES,
  REPEAT_MS,
  type Repeatable,
  REUNION_MEMBERS,
  REUNION_MS,
} from "./client/unconfirmed.ts";
import { DEAD_MS, LOOKS, PING_MS, SLEPT_MS } from "./client/watchdog.ts";
import { ChatError, ProtocolError } from "./errors.ts";
import type { TransferOptions } from "./files/post.ts";
import { Transfers } from "./files/transfers.ts";
import {
  AckOutcome,
  checkEmpty,
  encodeFrame,
  encodeHave,
  type ErrorCode,
  type Frame,
  Left,
  parseAck,
  parseAway,
  parseLeft,
  Type,
} from "./protocol.ts";
import { encodeError, parseError } from "./protocol/json_frames.ts";
import { type Connection, formatAddress } from "./protocol/connection.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
  NUMBER_OVERHEAD,
} from "./protocol/envelope.ts";
import {
  decodeFileMessages,
  encodeFileMessages,
  type FileMessages,
} from "./protocol/file_messages.ts";
import { SeenMessages } from "./protocol/message_ids.ts";
import {
  type Ending,
  findPerson,
  type Link,
  type Pending,
  type Person,
  type Room,
  type RoomEvent,
  type RoomInfo,
  type Transfer,
} from "./room.ts";
import { nameFault } from "./text/names.ts";
import { printable } from "./text/printable.ts";

export type { Self } from "./client/handshake.ts";

/** Enough for a goodbye to reach the other end of the world, in ms. */
const FINISH_MS = 2_000;
/** Bytes of frames that may wait for the server to take them: some thirty of the largest. */
const MAX_WAITING = 8 * 1024 * 1024;

export interface JoinOptions extends Omit<EnterOptions, "signal"> {
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
  /** For how long to try to come back when the connection is lost, in ms; 0, unless given: not at all. */
  retryMs?: number;
  /** The addresses of this machine in any form: when they change, a lost connection is tried at once. */
  networks?: () => string;
  /** See `PING_MS` and `DEAD_MS`. */
  pingMs?: number;
  deadMs?: number;
  /** The waits between tries; see `Backoff`. */
  backoff?: Backoff;
  /** See `STEADY_MS`. */
  steadyMs?: number;
  /** How long a direct message waits for its receiver to come back, in ms. */
  receiverMs?: number;
  /** Where files are, and which are taken; without it nothing is sent, and all that is offered is refused. */
  files?: TransferOptions;
}

const utf8 = new TextEncoder();

/** What happens is told in order; the next frame is read when a returned promise has resolved. */
export type Listener = (event: RoomEvent) => void | Promise<void>;

/**
 * Connects and is admitted.
 *
 * @returns the room; nothing is told before `run` is called
 * @throws {ChatError} if there is no chat server, or it does not admit this client: `NobodyThere`,
 * `CodeNeeded` and `WrongCode` where something else can be tried
 */
export async function join(options: JoinOptions): Promise<Client> {
  const entrance = await enter(options);
  try {
    return new Client(entrance, options);
  } catch (error) {
    entrance.connection.close();
    throw error;
  }
}

/** A room, joined. */
export class Client implements Room {
  readonly info: RoomInfo;
  readonly fingerprint: string | undefined;

  readonly #options: JoinOptions;
  readonly #self: Self | undefined;
  readonly #finishMs: number;
  readonly #backoff: Backoff;
  /** The name to be known by: what `rename` asked for last. */
  #name: string;
  #session: Session;
  /** undefined while it is lost. */
  #connection: Connection | undefined;
  #link: Link = { state: "connected" };
  /** When that came to be, on the clock of `performance.now()`. */
  #since = performance.now();
  /** Ends the wait before the next try. */
  #hurry = Promise.withResolvers<void>();
  /** Breaks off a try. */
  readonly #abort = new AbortController();
  #roster: Roster;
  /** Messages to the room, and to single members: each is confirmed in its order. */
  #said: PendingRoom[] = [];
  #told: (PendingDirect | PendingFile)[] = [];
  readonly #transfers: Transfers | undefined;
  /**
   * How many messages of each member are missing among those to this client alone: what is about files tells of
   * that too late, for some of them were refused and are explained by a later one.
   */
  readonly #gaps = new Map<number, number>();
  /** The keys that were not known when their members came. */
  readonly #strangers = new Set<string>();
  /** Those of the latter that wait for their receiver to come back. */
  #parted: PendingDirect[] = [];
  #parting: ReturnType<typeof setTimeout> | undefined;
  /** What was confirmed last, oldest first. */
  readonly #repeatable: Repeatable[] = [];
  /** Who was here when the server ended, and is not back; by when; and when that was: all by one clock, in ms. */
  #absent: PeerId[] = [];
  #reunion = { lostAt: 0, ends: 0 };
  #lastRef = 0;
  /** What is said to the room, and to single members, is counted each for itself. */
  readonly #counts = { room: new Count(), direct: new Count() };
  /** What has come, by the numbers that others give it. */
  readonly #heard = { room: new SeenMessages(), direct: new SeenMessages() };
  /** What is to be told beside the event that it came with. */
  readonly #news: RoomEvent[] = [];
  #listener: Listener = () => {};
  #leaving = false;
  #ending: Ending | undefined;

  /** For `join`. */
  constructor(entrance: Handshake, options: JoinOptions) {
    const { cipher, self } = entrance;
    this.#options = options;
    this.#name = options.name;
    this.#self = self;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#backoff = options.backoff ?? new Backoff(Math.random);
    this.fingerprint = self && fingerprint(self.identity.publicKey);
    this.#session = begin(entrance, false);
    this.info = {
      address: formatAddress(options.hostname, options.port),
      cipher: cipher.name,
      maxText: this.#session.maxBody - cipher.overhead - NUMBER_OVERHEAD - ENVELOPE_OVERHEAD,
    };
    this.#roster = new Roster(entrance.id);
    this.#setName(entrance.id, options.name);
    if (options.files) this.#transfers = new Transfers(this.#post(), options.files);
    this.#attach(entrance.connection);
  }

  get self(): Person {
    return this.#roster.person(this.#session.id);
  }

  get members(): readonly Person[] {
    return this.#roster.people();
  }

  get size(): number {
    return this.#roster.size;
  }

  get pending(): readonly Pending[] {
    const said = this.#said.filter(({ repeated, body }) => !repeated && !body);
    const told = this.#told.filter((one) => "ref" in one);
    return [...said, ...told, ...this.#parted].sort((a, b) => a.ref - b.ref);
  }

  get link(): Link {
    return this.#link;
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
    this.#listener = listener;
    let ending: Ending | undefined;
    try {
      await listener({ type: "welcome", self: this.self, room: this.info });
      do ending = await this.#comeBack(await this.#follow()); while (!ending);
      // What waited for a moment between two events: nobody is to take it for said.
      for (const told of this.#news) if (told.type === "undelivered") await listener(told);
    } finally {
      clearTimeout(this.#parting);
      await this.#transfers?.close();
      // A listener that throws may leave a wait behind.
      this.#hurry.resolve();
      this.#session.outbox.close();
      this.#connection?.close();
    }
    this.#ending = ending;
    this.#listener = () => {};
    await listener({ type: "ended", ending });
  }

  /** Tells what comes over the connection until it ends; returns why it did. */
  async #follow(): Promise<Break> {
    const connection = this.#connection!;
    const watch = this.#watch(connection);
    try {
      const ending = await this.#receive(connection);
      await connection.finish(this.#finishMs);
      return { ending, final: isFinal(ending) };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const code = error.code as ErrorCode;
      await connection.finish(this.#finishMs, encodeError(code, error.message));
      const message = `the server broke the protocol: ${error.message}`;
      return { ending: { reason: "lost", message }, final: true };
    } finally {
      clearInterval(watch);
      connection.close();
      this.#session.outbox.close();
      this.#connection = undefined;
    }
  }

  /** Frames become events, until the connection ends. */
  async #receive(connection: Connection): Promise<Ending> {
    const { decoder } = connection;
    for (;;) {
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const event = this.#read(frame);
        if (event?.type === "ended") return event.ending;
        // Waiting here is what slows the server down for a reader that can't follow.
        const told = event && this.#listener(event);
        if (told) await told;
        const { complete } = this.#session;
        while (complete && this.#news.length > 0) await this.#listener(this.#news.shift()!);
        if (this.#self?.knownNames.changed) this.#self.save?.();
      }
      if (await connection.fill()) continue;
      if (this.#leaving) return { reason: "left" };
      return { reason: "lost", message: connection.why ?? "the other side has ended it" };
    }
  }

  /** Shows the server that this client is there, and sees to it that the server is. */
  #watch(connection: Connection): ReturnType<typeof setInterval> {
    const { pingMs = PING_MS, deadMs = DEAD_MS } = this.#options;
    let looks = 0;
    let then = Date.now();
    return setInterval(() => {
      const passed = Date.now() - then;
      then += passed;
      // The server may have given up meanwhile, and no network tells that: better not to wait for it.
      if (passed > SLEPT_MS + pingMs / LOOKS) {
        return connection.close("this machine has slept");
      }
      const { silence } = connection;
      if (silence > deadMs) {
        return connection.close(`nothing has come for ${Math.round(silence / 1000)} s`);
      }
      if (++looks % LOOKS !== 0 || connection.urgent > 0) return;
      if (this.#session.complete) this.#have();
      connection.send(encodeFrame(Type.PING, 0));
    }, pingMs / LOOKS);
  }

  // ---- coming back ----

  /** Makes another connection, if that is wanted; returns why not. */
  async #comeBack({ ending: broken, final }: Break): Promise<Ending | undefined> {
    const { retryMs = 0, steadyMs = STEADY_MS } = this.#options;
    const lostAt = performance.now();
    // A server that lets in and cuts off again and again is not helped by haste.
    if (lostAt - this.#since >= steadyMs) this.#backoff.reset();
    if (final || broken.reason === "left") return broken;
    if (retryMs === 0) return broken.reason === "lost" ? { ...broken, message: LOST } : broken;
    if (this.#leaving) return { reason: "left" };
    let wait = this.#wait(1, Math.min(retryMs, this.#backoff.next()));
    const message = broken.reason === "stopped" ? STOPPED : broken.message;
    await this.#listener({ type: "disconnected", reason: broken.reason, message });
    for (let attempt = 1;;) {
      await wait;
      if (this.#leaving) return { reason: "left" };
      this.#link = { state: "connecting", attempt };
      try {
        const event = await this.#connect(lostAt);
        if (this.#leaving) return await this.#farewell();
        this.#link = { state: "connected" };
        this.#since = performance.now();
        await this.#listener({ type: "connected", self: this.self, ...event });
        if (event.resumed) this.#transfers?.resumed();
        return undefined;
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        if (this.#leaving) return { reason: "left" };
        const refusal = finalRefusal(error);
        if (refusal) return refusal;
        const left = lostAt + retryMs - performance.now();
        if (left <= 0) {
          const what = broken.reason === "lost" ? LOST : message;
          const tried = `there was no way back in ${retryMs / 1000} s`;
          return { reason: "lost", message: `${what}, and ${tried}: ${error.message}` };
        }
        wait = this.#wait(++attempt, Math.min(left, this.#backoff.next()));
        const { link } = this;
        if (link.state === "waiting") {
          await this.#listener({
            type: "waiting",
            attempt,
            until: link.at,
            message: error.message,
          });
        }
      }
    }
  }

  /** Goes on with the session; or, if it is over, begins another. */
  async #connect(lostAt: number): Promise<{ resumed: boolean; missed: number | undefined }> {
    const { token, id, room, own, key, cipher } = this.#session;
    const { signal } = this.#abort;
    const place = { ...this.#options, signal };
    if (token !== undefined) {
      const back = await reenter(place, { id, token, room, own, sessionKey: key });
      if (back) {
        this.#use(back.connection, () => this.#resume(back));
        return { resumed: true, missed: 0 };
      }
      this.#session.token = undefined;
    }
    const self = this.#self;
    const entrance = await enter({
      ...place,
      name: this.#name,
      // The same room does not become one that hides nothing.
      cipher: cipher.name,
      ...(self && { self: () => self }),
    });
    return {
      resumed: false,
      missed: this.#use(entrance.connection, () => this.#renew(entrance, lostAt)),
    };
  }

  /** Closes the connection if what is done with it fails. */
  #use<T>(connection: Connection, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      connection.close();
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new ChatError(`Cannot go on in ${this.info.address}: ${cause.message}`, { cause });
    }
  }

  #resume({ connection, welcome }: Pick<Handshake, "connection" | "welcome">): void {
    const session = this.#session;
    const { outbox } = session;
    if (welcome.accepted > outbox.handed) {
      throw new ProtocolError<ErrorCode>("malformed", "WELCOME counts more than was sent");
    }
    session.token = welcome.token;
    outbox.accept(welcome.accepted);
    outbox.rewind();
    // Before all else: once the server has it, the token before is used up.
    session.had = session.own;
    connection.send(encodeHave(session.own));
    this.#attach(connection);
  }

  /** Begins another session; returns how many messages were missed, if that can be known. */
  #renew(entrance: Handshake, lostAt: number): number | undefined {
    const { log, said } = this.#session;
    const before = this.#roster.people().filter(({ self }) => !self).map(({ id }) =>
      this.#marksOf(id)
    );
    const isSameLog = log !== undefined && log === entrance.welcome.log;
    this.#session = begin(entrance, !isSameLog);
    const missed = isSameLog ? Math.max(0, this.#session.said - said) : undefined;
    // The gap is told as a whole, and not once more for each who spoke in it.
    if (missed) this.#heard.room.resync();
    this.#roster = new Roster(entrance.id);
    this.#setName(entrance.id, this.#name);
    this.#gaps.clear();
    this.#transfers?.reset();
    this.#attach(entrance.connection);
    const sayings = this.#said.filter((saying) => !saying.repeated);
    this.#said = [];
    if (!isSameLog) {
      const absent = [...this.#absent, ...before];
      this.#absent = absent.length < REUNION_MEMBERS ? absent : [];
      this.#reunion = { lostAt, ends: performance.now() + REUNION_MS };
      this.#repeat();
    }
    for (const saying of sayings) this.#say(saying);
    clearTimeout(this.#parting);
    const told = this.#told.splice(0).filter((one) => "ref" in one);
    this.#parted = [...told, ...this.#parted].sort((a, b) => a.ref - b.ref);
    return missed;
  }

  /** Says again what was confirmed so late that others may have missed it. */
  #repeat(): void {
    const { lostAt } = this.#reunion;
    for (const { saying, at } of this.#repeatable) {
      if (at <= lostAt - REPEAT_MS) continue;
      this.#say({ ...saying, number: { ...saying.number, again: true }, repeated: true });
    }
  }

  /** Whether this one was here when the server ended, and is back now. */
  #isBack(id: number): boolean {
    if (this.#absent.length === 0) return false;
    const marks = this.#marksOf(id);
    const index = this.#absent.findIndex((one) => areSame(one, marks));
    if (index === -1) return false;
    this.#absent.splice(index, 1);
    return performance.now() < this.#reunion.ends;
  }

  #marksOf(id: number): PeerId {
    return {
      name: this.#roster.nameOf(id),
      key: this.#session.cipher.identityOf(id)?.toHex(),
    };
  }

  #attach(connection: Connection): void {
    this.#connection = connection;
    this.#session.outbox.open(() => connection.wake());
    this.#session.outbox.fill(() => this.#bulk());
    connection.attach(this.#session.outbox);
  }

  /** Tells the server how much of the own log is here. */
  #have(): void {
    const { own } = this.#session;
    this.#session.had = own;
    this.#connection?.send(encodeHave(own));
  }

  /** Says goodbye over a connection that came too late. */
  async #farewell(): Promise<Ending> {
    await this.#connection?.finish(this.#finishMs, encodeFrame(Type.BYE, 0));
    return { reason: "left" };
  }

  /** Waits before a try, unless somebody hurries it, or the network changes. */
  #wait(attempt: number, ms: number): Promise<void> {
    this.#link = { state: "waiting", attempt, at: new Date(Date.now() + ms) };
    this.#hurry = Promise.withResolvers();
    return this.#pause(ms);
  }

  async #pause(ms: number): Promise<void> {
    const { networks = () => "" } = this.#options;
    const before = networks();
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.min(left, NETWORK_MS));
      const hurried = await Promise.race([promise, this.#hurry.promise.then(() => true)]);
      clearTimeout(timer);
      if (hurried) return;
      if (networks() !== before) return this.#backoff.reset();
    }
  }

  reconnect(): void {
    if (this.#link.state !== "waiting") return;
    this.#link = { state: "connecting", attempt: this.#link.attempt };
    this.#hurry.resolve();
  }

  // ---- what the user does ----

  say(text: string): number {
    return this.#send(text, false, undefined);
  }

  act(text: string): number {
    return this.#send(text, true, undefined);
  }

  tell(to: string | number, text: string): number {
    const person = this.#find(to, "send to");
    if (person.classic) {
      throw new ChatError(
        `Cannot send to ${printable(person.name)} alone: ` +
          "who is on the original program can't get direct messages",
      );
    }
    return this.#send(text, false, person);
  }

  compare(who: string | number): string {
    const person = this.#find(who, "compare keys with");
    const other = this.#session.cipher.identityOf(person.id);
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
    const key = this.#session.cipher.identityOf(id);
    const known = this.#roster.nameOf(id);
    if (!key || known === undefined || !this.#self) {
      throw new ChatError(`Cannot trust "${name}": there is no key to trust`);
    }
    this.#self.knownNames.trust(known, key, today());
    this.#self.save?.();
    // Whoever else has that name is now the one with another key.
    for (const other of this.#roster.called(known)) this.#recognize(other, known);
  }

  get transfers(): readonly Transfer[] {
    return this.#transfers?.list ?? [];
  }

  get going(): readonly Transfer[] {
    return this.#transfers?.going ?? [];
  }

  /** Files are being looked at that are to be offered. */
  get offering(): boolean {
    return this.#transfers?.offering ?? false;
  }

  offer(path: string, to?: string | number, name?: string): void {
    this.#checkOpen("send files");
    const person = to === undefined ? undefined : this.#find(to, "send to");
    if (person?.self) throw new ChatError("Cannot send a file to yourself");
    if (person?.classic) {
      throw new ChatError(
        `Cannot send a file to ${printable(person.name)}: ` +
          "who is on the original program can't get files",
      );
    }
    if (person && this.#peerKeyOf(person.id) === undefined) {
      throw new ChatError(`Cannot send to "${person.name}": nothing proves who that is`);
    }
    this.#files().offer(path, person, name);
  }

  accept(which: string | number): number {
    return this.#files().accept(which);
  }

  decline(which: string | number): number {
    return this.#files().decline(which);
  }

  cancel(which: string | number): number {
    return this.#files().cancel(which);
  }

  #files(): Transfers {
    if (this.#transfers) return this.#transfers;
    throw new ChatError("Cannot send or take files: there are none here");
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
    this.#checkSpace();
    this.#name = name;
    const profile = this.#session.cipher.seal(encodeProfile({ name }), "profile");
    this.#session.outbox.put(encodeFrame(Type.PROFILE, 0, profile));
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    const connection = this.#connection;
    if (!connection) {
      this.#abort.abort();
      return this.#hurry.resolve();
    }
    const { outbox } = this.#session;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // The server answers by closing. One that does not is not waited for; but what the budget holds back is
    // no fault of its own.
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => outbox.held ? wait() : connection.close(), this.#finishMs);
    };
    connection.closed.then(() => clearTimeout(timer));
    wait();
    outbox.putLast(encodeFrame(Type.BYE, 0), wait);
  }

  #send(text: string, action: boolean, to: Person | undefined): number {
    this.#checkOpen("send this");
    const size = utf8.encode(text).length;
    if (size > this.info.maxText) {
      throw new ChatError(
        `Cannot send this message: it has ${size} bytes, at most ${this.info.maxText} fit into one`,
        { hint: "Send it in parts" },
      );
    }
    this.#checkSpace();
    // Not before all is well: a number that nobody gets would be told as missing.
    const number = this.#counts[to ? "direct" : "room"].next();
    const pending = { ref: this.#lastRef + 1, text, action, number, frame: 0, repeated: false };
    if (!to) {
      // What comes back in the name of a session of before has been played again.
      this.#heard.room.take(this.#self?.identity.publicKey.toHex() ?? "", number);
      this.#say({ ...pending, to });
    } else {
      const telling = { ...pending, to, receiver: this.#marksOf(to.id) };
      // Behind what was told before, which waits until it is known who is here: else the receiver, who goes by
      // the numbers, would take that for seen.
      if (this.#session.complete) this.#tell(telling);
      else this.#parted.push(telling);
    }
    return ++this.#lastRef;
  }

  // ---- files ----

  /** What transfers see of this client. */
  #post(): ConstructorParameters<typeof Transfers>[0] {
    // deno-lint-ignore no-this-alias
    const client = this;
    return {
      get self() {
        return client.self;
      },
      get ready() {
        return client.#session.complete && !client.#leaving;
      },
      get connected() {
        return client.#connection !== undefined;
      },
      tell: (to, parcels) => this.#carry(to, parcels),
      say: (parcels) => {
        if (this.#leaving || this.#ending) return;
        const number = this.#counts.room.next();
        this.#heard.room.take(this.#self?.identity.publicKey.toHex() ?? "", number);
        this.#say({
          ref: 0,
          text: "",
          action: false,
          to: undefined,
          number,
          frame: 0,
          repeated: false,
          body: encodeFileMessages(parcels),
        });
      },
      wake: () => this.#session.outbox.wake(),
      has: (id) => this.#roster.has(id),
      person: (id) => this.#roster.person(id),
      peerKeyOf: (id) => this.#peerKeyOf(id),
      find: (mark) => {
        const others = this.#roster.people().filter(({ self }) => !self);
        const found = others.filter(({ id }) => this.#peerKeyOf(id) === mark);
        // Who has started anew is here twice until the time of its old session is over.
        const here = found.filter(({ away }) => !away);
        const one = here.length > 0 ? here : found;
        return one.length === 1 ? one[0]!.id : undefined;
      },
      isKnown: (id) => {
        const key = this.#session.cipher.identityOf(id)?.toHex();
        return key !== undefined && !this.#strangers.has(key) &&
          !this.#roster.person(id).name.endsWith("(!)");
      },
      event: (event) => void this.#listener(event),
    };
  }

  /** A text by which somebody is known again: a key, or where there are none a name, which no key is. */
  #peerKeyOf(id: number): string | undefined {
    const { key, name } = this.#marksOf(id);
    if (this.info.cipher === "sealed") return key;
    return name;
  }

  /** Puts what is about files before file data; false if it can't be sealed for this one. */
  #carry(to: number, parcels: FileMessages): boolean {
    const frame = this.#seal(to, parcels);
    if (!frame) return false;
    const person = this.#roster.person(to);
    this.#told.push({ to: person, frame: this.#session.outbox.put(frame), parcels });
    return true;
  }

  /** The next frame of file data, for when there is nothing else to send. */
  #bulk(): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#session.complete) return undefined;
    for (let next = this.#transfers?.next(); next; next = this.#transfers?.next()) {
      const frame = this.#seal(next.to, next.fileMessages);
      if (!frame) continue;
      const to = this.#roster.person(next.to);
      this.#told.push({ to, frame: this.#session.outbox.count + 1, parcels: next.fileMessages });
      return frame;
    }
    return undefined;
  }

  #seal(to: number, parcels: FileMessages): Uint8Array<ArrayBuffer> | undefined {
    const content = encodeEnvelope({ kind: "file", body: encodeFileMessages(parcels) });
    try {
      const body = this.#session.cipher.seal(content, "direct", to);
      return encodeFrame(Type.MESSAGE, to, body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }

  /** What somebody has said about files. */
  #takeFileMessages(from: number, said: Said & { type: "message" }, direct: boolean) {
    const { sent, missing } = said.message;
    const { parcels } = said;
    if (direct) {
      const gap = (this.#gaps.get(from) ?? 0) + missing - parcels!.refused;
      if (gap === 0) this.#gaps.delete(from);
      else this.#gaps.set(from, gap);
    }
    if (!this.#transfers) return undefined;
    const about = { direct, sent, missing: direct ? 0 : missing };
    const event = this.#transfers.take(from, parcels!, about);
    if (event?.type !== "offer" || direct || from !== this.#session.id) return event;
    const without = this.members.filter(({ classic }) => classic);
    return without.length > 0 ? { ...event, without } : event;
  }

  #say(saying: PendingRoom): void {
    const body = this.#session.cipher.seal(envelopeOf(saying), "room");
    saying.frame = this.#session.outbox.put(encodeFrame(Type.MESSAGE, 0, body));
    this.#said.push(saying);
  }

  #tell(telling: PendingDirect): void {
    const { id, name } = telling.to;
    let body: Uint8Array;
    try {
      body = this.#session.cipher.seal(envelopeOf(telling), "direct", id);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ChatError(`Cannot send to "${name}": nothing proves who that is`, { cause });
    }
    telling.frame = this.#session.outbox.put(encodeFrame(Type.MESSAGE, id, body));
    this.#told.push(telling);
  }

  #checkSpace(): void {
    if (this.#session.outbox.bytes <= MAX_WAITING) return;
    throw new ChatError("Cannot send this: too much is waiting to be sent already", {
      hint: "Try again when the connection is back",
    });
  }

  #checkOpen(what: string): void {
    if (this.#leaving || this.#ending) {
      throw new ChatError(`Cannot ${what}: you have left the room`);
    }
  }

  // ---- what comes ----

  /** What a frame means; undefined if nothing for the user. The contents of frames are hostile. */
  #read(frame: Frame): RoomEvent | undefined {
    const { type, id, body } = frame;
    const session = this.#session;
    switch (type) {
      case Type.MEMBER:
        if (session.complete || session.toCome-- === 0) {
          throw new ProtocolError<ErrorCode>("unexpected", "more were named than were there");
        }
        this.#advanceOwn(frame);
        this.#meet(id, body);
        return undefined;
      case Type.JOINED: {
        const at = this.#advance(frame);
        if (id === session.id && !session.complete) return this.#complete(body);
        const profile = this.#meet(id, body);
        session.cipher.expectAll(id);
        if (this.#isBack(id)) this.#repeat();
        this.#reunite();
        this.#transfers?.joined(id);
        return { type: "joined", who: this.#roster.person(id), sent: profile?.sent, at };
      }
      case Type.PROFILE: {
        const at = this.#advance(frame);
        const profile = this.#openProfile(id, body);
        const before = this.#roster.person(id).name;
        // What can't be read is told of beside.
        if (!profile) return undefined;
        this.#setName(id, profile.name);
        this.#reunite();
        this.#transfers?.renamed(id);
        return { type: "renamed", who: this.#roster.person(id), before, at };
      }
      case Type.LEFT: {
        const at = this.#advance(frame);
        const reason = LEFT_REASONS[parseLeft(body)]!;
        // Nobody is told of its own leaving; and nobody else may ever take this client's place.
        if (id === session.id) {
          throw new ProtocolError<ErrorCode>("unexpected", "it told us that we had left");
        }
        const who = this.#roster.person(id);
        const mark = this.#peerKeyOf(id);
        this.#roster.remove(id);
        session.cipher.forget(id);
        this.#gaps.delete(id);
        this.#transfers?.left(id, mark);
        // Of two with one name there may be one left.
        this.#reunite();
        return { type: "left", who, reason, at };
      }
      case Type.AWAY: {
        // While the list comes, it belongs to that.
        const at = session.complete ? this.#advance(frame) : this.#advanceOwn(frame);
        const away = parseAway(body);
        const isNews = this.#roster.setAway(id, away) && session.complete;
        if (!isNews) return undefined;
        if (away) this.#transfers?.away(id);
        else this.#transfers?.resumed(this.#peerKeyOf(id));
        return { type: away ? "away" : "back", who: this.#roster.person(id), at };
      }
      case Type.MESSAGE: {
        const at = this.#advance(frame);
        session.said++;
        const said = this.#open(id, body, "room");
        if (id === session.id) return this.#confirm(said, at);
        if (said.type === "unreadable") return said;
        const message = this.#unheard(said, "room");
        if (message && said.parcels) return this.#takeFileMessages(id, { ...said, message }, false);
        return message && { type: "message", ...message, at, ref: undefined };
      }
      case Type.DIRECT: {
        this.#advanceOwn(frame);
        const said = this.#open(id, body, "direct");
        if (said.type === "unreadable") return said;
        if (said.parcels) return this.#takeFileMessages(id, said, true);
        const message = this.#unheard(said, "direct");
        if (!message) return undefined;
        const missing = Math.max(0, message.missing + (this.#gaps.get(id) ?? 0));
        this.#gaps.delete(id);
        return { type: "direct", ...message, missing };
      }
      case Type.ACK:
        this.#advanceOwn(frame);
        return this.#acknowledge(frame);
      case Type.PING:
        checkEmpty("PING", body);
        if (this.#connection?.urgent === 0) this.#connection.send(encodeFrame(Type.PONG, 0));
        return undefined;
      case Type.PONG:
        checkEmpty("PONG", body);
        return undefined;
      case Type.WARNING:
        return { type: "warning", ...parseError(body, "WARNING") };
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
    const session = this.#session;
    if (!session.complete && !(frame.type === Type.JOINED && frame.id === session.id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "the room's log began before our JOINED");
    }
    const at = session.room;
    session.room += frame.bytes.length;
    return at;
  }

  /** Counts a frame of the own log. */
  #advanceOwn(frame: Frame): number {
    const session = this.#session;
    const at = session.own;
    session.own += frame.bytes.length;
    if (session.complete && session.own - session.had >= HAVE_SIZE) this.#have();
    return at;
  }

  /** Our own coming is the first that the room's log tells us: the list before it is complete. */
  #complete(profile: Uint8Array): RoomEvent {
    const session = this.#session;
    session.complete = true;
    // We came last, but knew of ourselves first. What we say will come back, and be checked like all.
    this.#roster.moveLast(session.id);
    this.#openProfile(session.id, profile);
    session.cipher.expectAll(session.id);
    const key = session.cipher.identityOf(session.id);
    if (this.#self && (!key || fingerprint(key) !== this.fingerprint)) {
      throw new ProtocolError<ErrorCode>("unexpected", "our own coming was not told as it was");
    }
    this.#have();
    // Who was here first hears what we have said since WELCOME.
    for (const { id, self } of this.#roster.people()) if (!self) this.#isBack(id);
    this.#reunite();
    this.#transfers?.reunite();
    if (this.#parted.length > 0) {
      const { receiverMs = RECEIVER_MS } = this.#options;
      this.#parting = setTimeout(() => this.#part(), receiverMs);
    }
    return { type: "members", members: this.members };
  }

  /** Tells those who are back what was said to them before. */
  #reunite(): void {
    if (this.#parted.length === 0 || !this.#session.complete) return;
    const parted = this.#parted;
    this.#parted = [];
    for (const telling of parted) {
      const to = this.#receiverOf(telling.receiver);
      if (to) this.#tell({ ...telling, to });
      else this.#parted.push(telling);
    }
  }

  /** The one with these marks, if there is one alone. */
  #receiverOf(marks: PeerId): Person | undefined {
    const others = this.#roster.people().filter(({ self }) => !self);
    const found = others.filter(({ id }) => areSame(this.#marksOf(id), marks));
    return found.length === 1 ? found[0] : undefined;
  }

  /** Those who have not come back will not get what waits for them. */
  #part(): void {
    for (const { ref, to, text } of this.#parted.splice(0)) {
      this.#news.push({ type: "undelivered", ref, to, text, reason: "gone" });
    }
    // The answer brings the news out, in its order.
    this.#connection?.send(encodeFrame(Type.PING, 0));
  }

  #acknowledge(frame: Frame): RoomEvent | undefined {
    const { count, outcome } = parseAck(frame.body);
    const pending = this.#told.shift();
    if (!pending || pending.to.id !== frame.id || count !== ++this.#session.answered) {
      throw new ProtocolError<ErrorCode>("unexpected", "an ACK came for what was not sent");
    }
    this.#session.outbox.accept(pending.frame);
    if ("parcels" in pending) {
      this.#transfers?.answered(pending.to.id, pending.parcels, outcome);
      // There may be room for more of them.
      this.#session.outbox.wake();
      return undefined;
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
  #confirm(said: Said, at: number): RoomEvent | undefined {
    const saying = this.#said.shift();
    if (saying) this.#session.outbox.accept(saying.frame);
    const isOurs = said.type === "message" && saying?.text === said.message.text &&
      isEqual(saying.body, said.body) && !said.message.missing;
    if (this.info.cipher !== "xor" && !isOurs) {
      throw new ProtocolError<ErrorCode>(
        "unexpected",
        "what you said did not come back as it was sent",
      );
    }
    if (saying) this.#remember(saying);
    if (said.type === "unreadable") return said;
    if (saying?.repeated) return undefined;
    if (said.parcels) return this.#takeFileMessages(this.#session.id, said, false);
    return { type: "message", ...said.message, at, ref: saying?.ref };
  }

  /** Keeps what was confirmed last: see `REPEAT_MESSAGES`. */
  #remember(saying: PendingRoom): void {
    if (saying.repeated) return;
    const recent = this.#repeatable;
    recent.push({ saying, at: performance.now() });
    let bytes = 0;
    const kept = recent.toReversed().findIndex(({ saying: { text } }, i) =>
      i === REPEAT_MESSAGES || (bytes += text.length) > REPEAT_BYTES
    );
    if (kept !== -1) recent.splice(0, recent.length - kept);
  }

  /** What somebody said, unless it has come before. */
  #unheard(said: Said & { type: "message" }, use: "room" | "direct") {
    const { message, number } = said;
    if (!number) return message;
    const sender = this.#session.cipher.identityOf(message.from.id)?.toHex() ?? "";
    // What is repeated after a restart is for all who were there before it; else for who knows its sender.
    const again = number.again && !this.#session.anew;
    const { fresh, missing } = this.#heard[use].take(sender, { ...number, again });
    if (!fresh) return undefined;
    // Of what is said to single members, each gets a part: what it lacks is not missing.
    const lost = use === "room" ? missing : 0;
    return { ...message, missing: Math.max(message.missing, lost) };
  }

  #open(from: number, body: Uint8Array, use: "room" | "direct"): Said {
    const person = this.#roster.person(from);
    const opened = this.#tryOpen(from, body, use, decodeEnvelope);
    if ("type" in opened) return opened;
    const { value, sentAt, missing } = opened;
    if (value.kind === "unknown") {
      return this.#reject(from, "of a kind that a later version knows");
    }
    let parcels: FileMessages | undefined;
    try {
      if (value.kind === "file") parcels = decodeFileMessages(value.body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#reject(from, error.message);
    }
    return {
      type: "message",
      parcels,
      body: value.kind === "file" ? value.body : undefined,
      message: {
        from: person,
        text: value.kind === "file" ? "" : value.text,
        action: value.kind === "action",
        sent: sentAt === undefined ? undefined : new Date(sentAt),
        missing,
      },
      number: value.number,
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
      const { plaintext, ...rest } = this.#session.cipher.open(body, use, from);
      return { ...rest, value: decode(plaintext) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#reject(from, error.message);
    }
  }

  #reject(from: number, message: string): RoomEvent & { type: "unreadable" } {
    const count = this.#roster.reject(from);
    return { type: "unreadable", from: this.#roster.person(from), message, count };
  }

  /** Somebody is here; known by number if the profile can't be read. */
  #meet(id: number, body: Uint8Array): Met | undefined {
    if (this.#roster.has(id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "somebody came who was here already");
    }
    this.#setName(id, undefined);
    const profile = this.#openProfile(id, body);
    if (profile) this.#setName(id, profile.name);
    if (profile?.classic) this.#roster.setClassic(id, true);
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

  #setName(id: number, name: string | undefined): void {
    if (this.#roster.size >= MAX_MEMBERS && !this.#roster.has(id)) throw tooManyMembers();
    this.#roster.setName(id, name);
    if (name !== undefined) this.#recognize(id, name);
  }

  /** Compares the key behind a name with the one that is known. */
  #recognize(id: number, name: string): void {
    const key = this.#session.cipher.identityOf(id);
    if (!key || !this.#self || id === this.#session.id) return;
    const acquaintance = this.#self.knownNames.meet(name, key, today());
    const isOther = acquaintance === "changed";
    if (acquaintance === "new") this.#strangers.add(key.toHex());
    if (this.#roster.setOtherKey(id, isOther) && isOther) {
      this.#news.push({ type: "keychanged", who: this.#roster.person(id) });
    }
  }
}

const LEFT_REASONS = {
  [Left.BYE]: "left",
  [Left.LOST]: "lost",
  [Left.SLOW]: "slow",
  [Left.REFUSED]: "refused",
} as Record<number, "left" | "lost" | "slow" | "refused">;
