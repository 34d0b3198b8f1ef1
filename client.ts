// chat join: a client in a room. After WELCOME it turns frames into events and the user's actions into frames.
// It reconnects when the connection is lost. Knows no terminal and no disk.
//
// A client outlives its sessions, and a session outlives its connections. A message stays `pending` until the
// room has confirmed it, over any number of both. The parts, each in its file in client/:
//
// - `ClientSession`: the id, the cipher, the positions in the two logs, and the outbox.
// - `FrameHandler`, with `MessageReader` and `Members`: turns frames into events, and keeps the list of members.
// - `Unconfirmed` and `FileLink`: send messages and files.
// - `Reconnector` and `Watchdog`: keep the client connected.
// - `NoticePace` and `EventQueue`: the only way out for events.

import { fingerprint } from "./cipher/identity.ts";
import { Backoff } from "./client/backoff.ts";
import { EventQueue, type Listener } from "./client/event_queue.ts";
import { FileLink } from "./client/file_link.ts";
import { conversationOf } from "./client/forks.ts";
import { FrameHandler } from "./client/frame_handler.ts";
import { connect, type ConnectOptions, type Handshake, resume } from "./client/handshake.ts";
import { checkReference, History } from "./client/history.ts";
import { Members } from "./client/members.ts";
import { NameSaver } from "./client/name_saver.ts";
import { NoticePace } from "./client/notice_pace.ts";
import type { JoinOptions } from "./client/options.ts";
import { OwnProfile } from "./client/own_profile.ts";
import { MessageReader } from "./client/received.ts";
import { type Break, isFinal, Reconnector, type Rejoined } from "./client/reconnect.ts";
import { ClientSession } from "./client/session.ts";
import { RoomTopic } from "./client/topic.ts";
import { Unconfirmed } from "./client/unconfirmed.ts";
import { Watchdog } from "./client/watchdog.ts";
import { ChatError, ProtocolError } from "./errors.ts";
import type { Transfers } from "./files/transfers.ts";
import { encodeFrame, type ErrorCode, Type } from "./protocol.ts";
import { type Connection, formatAddress } from "./protocol/connection.ts";
import { type Content, TEXT_OVERHEAD } from "./protocol/envelope.ts";
import { encodeError } from "./protocol/json_frames.ts";
import { SLICE_MS, TurnSlice } from "./protocol/turn_slice.ts";
import type {
  Change,
  Conversation,
  EarlierMessage,
  Ending,
  Link,
  Pending,
  Person,
  Room,
  RoomEvent,
  RoomInfo,
  Topic,
  Transfer,
  Whois,
} from "./room.ts";

export type { Self } from "./client/handshake.ts";
export type { JoinOptions } from "./client/options.ts";

/** Long enough for BYE to reach a server anywhere on earth, in ms. */
const FINISH_MS = 2_000;
/** Bytes of frames that may wait for the server: some thirty of the largest messages. */
const MAX_WAITING = 8 * 1024 * 1024;

/** The smallest difference of two clocks that is reported. */
const MIN_CLOCK_MINUTES = 3;

const utf8 = new TextEncoder();

/**
 * Connects and is admitted.
 *
 * @returns the client; it reports nothing before `run` is called
 * @throws {ChatError} if no chat server answers, or it does not admit this client: `RoomNotFound`,
 * `CodeMissing` or `WrongCode` if something else can be tried
 */
export async function join(options: JoinOptions): Promise<Client> {
  const handshake = await connect(options);
  try {
    return new Client(handshake, options);
  } catch (error) {
    handshake.connection.close();
    throw error;
  }
}

/** A client in a room. */
export class Client implements Room {
  readonly info: RoomInfo;
  readonly fingerprint: string | undefined;

  readonly #options: JoinOptions;
  readonly #finishMs: number;
  readonly #own: OwnProfile;
  #session: ClientSession;
  /** undefined while it is lost. */
  #connection: Connection | undefined;
  readonly #events = new EventQueue();
  /** All events about members pass through it. */
  readonly #pace: NoticePace;
  readonly #self: Handshake["self"];
  readonly #members: Members;
  readonly #names: NameSaver;
  readonly #reader: MessageReader;
  readonly #unconfirmed: Unconfirmed;
  readonly #history: History;
  readonly #topic: RoomTopic;
  readonly #fileLink: FileLink;
  readonly #frames: FrameHandler;
  readonly #reconnector: Reconnector;
  /**
   * Unreadable profiles and changed keys. They follow the event of the frame in which they were found; those in
   * the list of members follow `members`.
   */
  readonly #notices: RoomEvent[] = [];
  /** What it had seen of a room's log in its last session whose JOINED it has read: the next profile reports that. */
  #seen: ConnectOptions["seen"];
  #leaving = false;
  #ending: Ending | undefined;

  /** For `join`. */
  constructor(handshake: Handshake, options: JoinOptions) {
    const { cipher, self } = handshake;
    const { backoff = new Backoff(Math.random), retryMs, steadyMs, networks } = options;
    this.#options = options;
    this.#own = new OwnProfile(options.name);
    this.#self = self;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.fingerprint = self && fingerprint(self.identity.publicKey);
    const session = this.#session = new ClientSession(handshake, false, options.brief);
    this.info = {
      address: formatAddress(options.hostname, options.port),
      cipher: cipher.name,
      maxText: session.maxBody - cipher.overhead - TEXT_OVERHEAD,
    };
    const emit = (event: RoomEvent) => this.#pace.pass(event);
    const notify = (event: RoomEvent) => void this.#notices.push(event);
    const ownKey = self?.identity.publicKey.toHex() ?? "";
    this.#members = new Members(self, session, options.name, notify);
    this.#history = new History((earlier, now) => this.#members.isSameAuthor(earlier, now));
    this.#names = new NameSaver(self, after);
    this.#pace = new NoticePace((event) => this.#events.emit(event), {
      has: (id) => this.#members.roster.has(id),
      person: (id) => this.#members.roster.person(id),
    }, options.paceClock ?? { now: () => new Date(), after });
    this.#reader = new MessageReader(ownKey, session, this.#members, notify, () => new Date());
    this.#unconfirmed = new Unconfirmed(session, this.#members, emit, options.receiverMs);
    this.#topic = new RoomTopic(session, {
      members: this.#members,
      reader: this.#reader,
      notify,
      now: () => new Date(),
    });
    this.#fileLink = this.#linkFiles(emit);
    this.#frames = new FrameHandler(session, {
      members: this.#members,
      reader: this.#reader,
      unconfirmed: this.#unconfirmed,
      topic: this.#topic,
      fileLink: this.#fileLink,
      history: this.#history,
      notify,
    }, this.fingerprint);
    this.#reconnector = new Reconnector({
      connect: (lostAt, signal) => this.#rejoin(lostAt, signal),
      farewell: async () => await this.#connection?.finish(this.#finishMs, BYE),
      report: (event) => this.#report(event),
      reportConnected: (rejoined) => this.#reportConnected(rejoined),
    }, { backoff, retryMs, steadyMs, networks });
    this.#attach(handshake.connection);
    this.#compareClocks(handshake);
  }

  get self(): Person {
    return this.#members.roster.person(this.#session.id);
  }

  get members(): readonly Person[] {
    return this.#members.roster.people();
  }

  get size(): number {
    return this.#members.roster.size;
  }

  get awayCount(): number {
    return this.#members.roster.awayCount;
  }

  get pending(): readonly Pending[] {
    return this.#unconfirmed.pending;
  }

  get link(): Link {
    return this.#reconnector.link;
  }

  /** How the room ended for this client; undefined if it has not. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /**
   * Reports events until the room has ended; the last one is `ended`. Call it once.
   * Rejects only if the listener throws, and then closes the connection.
   */
  async run(listener: Listener): Promise<void> {
    let ending: Ending | undefined;
    this.#events.start(listener, () => {
      this.#reconnector.stop();
      this.#connection?.close();
    });
    try {
      await this.#report({ type: "welcome", self: this.self, room: this.info });
      do ending = await this.#reconnector.comeBack(await this.#follow()); while (!ending);
    } finally {
      this.#pace.flush();
      this.#names.flush();
      this.#unconfirmed.close();
      await this.#fileLink.close();
      this.#reconnector.stop();
      this.#session.detach();
      this.#connection?.close();
    }
    this.#ending = ending;
    const reported = this.#report({ type: "ended", ending });
    this.#events.close();
    await reported;
  }

  /** Emits an event; resolves when all events up to it have been delivered. */
  async #report(event: RoomEvent): Promise<void> {
    this.#pace.pass(event);
    await this.#events.delivered();
  }

  /** Reads from the connection until it ends; returns why it did. */
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
      this.#session.detach();
      this.#connection = undefined;
    }
  }

  /** Turns frames into events until the connection ends. */
  async #receive(connection: Connection): Promise<Ending> {
    const { decoder } = connection;
    const { slice = new TurnSlice(SLICE_MS) } = this.#options;
    for (;;) {
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const began = performance.now();
        const event = this.#frames.handle(frame);
        if (event?.type === "ended") {
          const { ending } = event;
          return ending.reason === "stopped" && this.#leaving ? { reason: "left" } : ending;
        }
        if (event) this.#pace.pass(event);
        if (this.#session.complete) {
          for (const notice of this.#notices.splice(0)) this.#pace.pass(notice);
        }
        const messages = this.#session.takeCaughtUp();
        if (messages !== undefined) this.#pace.pass({ type: "caughtup", messages });
        // A listener that cannot keep up slows the server down: no frame is read meanwhile.
        const delivered = this.#events.delivered();
        if (delivered) await delivered;
        this.#names.check();
        // However much comes: keys are read, the screen is drawn, and the server gets its answers.
        const rest = slice.spend(performance.now() - began);
        if (rest) await rest;
      }
      if (await connection.fill()) continue;
      if (this.#leaving) return { reason: "left" };
      return { reason: "lost", message: connection.why ?? "the server closed the connection" };
    }
  }

  #watch(connection: Connection): ReturnType<typeof setInterval> {
    const ping = () => {
      if (this.#session.complete) this.#session.have();
      connection.send(PING);
    };
    const watchdog = new Watchdog(connection, ping, Date.now(), this.#options);
    return setInterval(() => watchdog.look(Date.now()), watchdog.everyMs);
  }

  // ---- reconnecting ----

  reconnect(): void {
    this.#reconnector.hurry();
  }

  /** Resumes the session, or joins again if it is over. */
  async #rejoin(lostAt: number, signal: AbortSignal): Promise<Rejoined> {
    const session = this.#session;
    const { token, id, room, own, key: sessionKey, cipher } = session;
    const endpoint = { ...this.#options, signal };
    if (token !== undefined) {
      const chain = session.chain?.report.chain;
      const resumed = await resume(endpoint, { id, token, room, own, sessionKey, chain });
      if (resumed) {
        const { connection, welcome } = resumed;
        const own = this.#unconfirmed.dueOf(welcome.accepted);
        const unseen = this.#take(connection, () => session.resume(welcome, connection, own));
        this.#attach(connection);
        this.#reader.resumed();
        return { resumed: true, missed: 0, unseen };
      }
      session.token = undefined;
    }
    // Before its JOINED, a session has nothing but the server's word, which would hide a fork of the session before.
    if (session.complete && session.chain) {
      this.#seen = { log: session.log, report: session.chain.report };
    }
    const self = this.#self;
    const handshake = await connect({
      ...endpoint,
      name: this.#own.name,
      status: this.#own.status,
      // A sealed room does not turn into one that hides nothing.
      cipher: cipher.name,
      ...(self && { self: () => self }),
      record: session.record,
      seen: this.#seen,
    });
    const missed = this.#take(handshake.connection, () => this.#renew(handshake, lostAt));
    return { resumed: false, missed, unseen: 0 };
  }

  /** Closes the connection if `action` fails. */
  #take<T>(connection: Connection, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      connection.close();
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new ChatError(`Cannot rejoin ${this.info.address}: ${cause.message}`, { cause });
    }
  }

  /** Begins another session; returns how many messages were missed, if that can be known. */
  #renew(handshake: Handshake, lostAt: number): number | undefined {
    const { log, messages } = this.#session;
    const { brief } = this.#options;
    const isSameLog = log === handshake.log;
    const members = this.#members.others.map(({ id }) => this.#members.peerIdOf(id));
    const session = this.#session = new ClientSession(handshake, !isSameLog, brief);
    const missed = isSameLog ? Math.max(0, session.messages - messages) : undefined;
    this.#notices.length = 0;
    this.#pace.flush();
    this.#frames.renew(session);
    this.#reader.renew(session, missed !== undefined && missed > 0);
    this.#members.renew(session, this.#own.name, this.#own.status);
    this.#fileLink.renew();
    this.#attach(handshake.connection);
    this.#compareClocks(handshake);
    this.#topic.renew(session);
    this.#unconfirmed.renew(session, isSameLog ? undefined : { lostAt, members });
    return missed;
  }

  /** Reports if this machine's clock or the server's is wrong: then the times of messages mean little. */
  #compareClocks({ greeting: { time } }: Handshake): void {
    const minutes = time === undefined ? 0 : Math.round((Date.now() - time) / 60_000);
    if (Math.abs(minutes) < MIN_CLOCK_MINUTES) return;
    this.#notices.push({ type: "clock", ahead: minutes });
  }

  #attach(connection: Connection): void {
    this.#connection = connection;
    this.#session.attach(connection, this.#fileLink.bulk());
  }

  async #reportConnected(rejoined: Rejoined): Promise<void> {
    await this.#report({ type: "connected", self: this.self, ...rejoined });
    if (rejoined.resumed) this.#fileLink.resumed();
  }

  // ---- the user's actions ----

  say(text: string, re?: string): number {
    if (re !== undefined) checkReference(re, "answer");
    return this.#say({ kind: "text", text, ...(re !== undefined && { re }) });
  }

  act(text: string, re?: string): number {
    if (re !== undefined) checkReference(re, "answer");
    return this.#say({ kind: "action", text, ...(re !== undefined && { re }) });
  }

  change(change: Change): number {
    return this.#say(this.#history.contentOf(change, this.#members.authorOf(this.#session.id)));
  }

  get recent(): readonly EarlierMessage[] {
    return this.#history.recent;
  }

  #say(content: Content): number {
    this.#checkText("text" in content ? content.text : "");
    const { ref, number } = this.#unconfirmed.say(content);
    this.#reader.markOwn(number);
    return ref;
  }

  tell(to: string | number, text: string): number {
    const person = this.#members.findReceiver(to);
    this.#checkText(text);
    return this.#unconfirmed.tell(person, text);
  }

  rename(typed: string): void {
    this.#checkOpen("change the name");
    this.#checkSpace();
    this.#own.rename(typed, this.#session);
  }

  setStatus(status: string | undefined): void {
    this.#checkOpen("change this");
    this.#checkSpace();
    this.#own.setStatus(status, this.#session);
  }

  get topic(): Topic | undefined {
    return this.#topic.current;
  }

  setTopic(text: string): void {
    this.#checkOpen("set the topic");
    this.#checkSpace();
    this.#topic.set(text);
  }

  get forked(): readonly Person[] {
    const { roster } = this.#members;
    const ids = this.#reader.forks?.forked.filter((id) => !roster.isReplaced(id)) ?? [];
    return ids.map((id) => roster.person(id));
  }

  get conversation(): Conversation | undefined {
    const { chain } = this.#session;
    const { forks } = this.#reader;
    if (!chain || !forks) return undefined;
    return conversationOf(chain.report, forks, this.#members.others);
  }

  compare(who: string | number): string {
    return this.#members.compare(who);
  }

  whois(who: string | number): Whois {
    return this.#members.whois(who);
  }

  trust(who: string | number): void {
    this.#members.trust(who);
    this.#vouched();
  }

  verify(who: string | number): void {
    this.#members.verify(who);
    this.#vouched();
  }

  /** Saves what the user says about a key at once, and reports the members that it marks. */
  #vouched(): void {
    this.#names.flush();
    for (const notice of this.#notices.splice(0)) this.#pace.pass(notice);
  }

  get transfers(): readonly Transfer[] {
    return this.#fileLink.transfers?.list ?? [];
  }

  get going(): readonly Transfer[] {
    return this.#fileLink.transfers?.going ?? [];
  }

  /** Files are being read that are to be offered. */
  get offering(): boolean {
    return this.#fileLink.transfers?.offering ?? false;
  }

  offer(paths: string | readonly string[], to?: string | number, name?: string): void {
    this.#checkOpen("send files");
    const person = to === undefined ? undefined : this.#members.findReceiver(to, "file");
    this.#files().offer(paths, person, name);
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
    const { transfers } = this.#fileLink;
    if (transfers) return transfers;
    throw new ChatError("Cannot send or receive files: this client has no place for them", {
      refusal: "nofiles",
    });
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    this.#reconnector.stop();
    const connection = this.#connection;
    if (!connection) return;
    const { outbox } = this.#session;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // The server answers by closing. If it does not, it gets no more time. But it cannot answer before the room's
    // budget has let everything out.
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => outbox.held ? wait() : connection.close(), this.#finishMs);
    };
    connection.closed.then(() => clearTimeout(timer));
    wait();
    outbox.putLast(BYE, wait);
  }

  #checkText(text: string): void {
    this.#checkOpen("send this");
    const size = utf8.encode(text).length;
    if (size > this.info.maxText) {
      throw new ChatError(
        `Cannot send this message: it has ${size} bytes, at most ${this.info.maxText} fit into one`,
        { refusal: "long", hint: "Send it in parts" },
      );
    }
    this.#checkSpace();
  }

  #checkSpace(): void {
    if (this.#session.outbox.bytes <= MAX_WAITING) return;
    throw new ChatError("Cannot send this: too much is waiting to be sent already", {
      refusal: "busy",
      hint: "Try again when the connection is back",
    });
  }

  #checkOpen(action: string): void {
    if (this.#leaving || this.#ending) {
      throw new ChatError(`Cannot ${action}: you have left the room`, { refusal: "left" });
    }
  }

  // ---- files ----

  #linkFiles(emit: (event: RoomEvent) => void): FileLink {
    // deno-lint-ignore no-this-alias
    const client = this;
    return new FileLink({
      members: client.#members,
      get session() {
        return client.#session;
      },
      get isConnected() {
        return client.#connection !== undefined;
      },
      get isLeaving() {
        return client.#leaving || client.#ending !== undefined;
      },
      emit,
      say: (body) => {
        const { number } = this.#unconfirmed.say({ kind: "file", body });
        this.#reader.markOwn(number);
      },
      keep: (pending) => this.#unconfirmed.addFile(pending),
    }, this.#options.files);
  }
}

const BYE = encodeFrame(Type.BYE, 0);
const PING = encodeFrame(Type.PING, 0);

/** Calls `task` in `ms` milliseconds; returns a function that cancels the call. */
function after(ms: number, task: () => void): () => void {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
}
