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
import { Addresses } from "./client/addresses.ts";
import { Backoff } from "./client/backoff.ts";
import { checkSize, checkSpace, clockNotice } from "./client/checks.ts";
import { EventQueue, type Listener } from "./client/event_queue.ts";
import { FileLink } from "./client/file_link.ts";
import { FrameHandler } from "./client/frame_handler.ts";
import { Governing } from "./client/governing.ts";
import {
  connect,
  type ConnectOptions,
  type Endpoint,
  type Handshake,
  nonceOf,
  orClose,
  resume,
} from "./client/handshake.ts";
import { checkReference, History } from "./client/history.ts";
import { Members } from "./client/members.ts";
import { NameSaver } from "./client/name_saver.ts";
import { NoticePace } from "./client/notice_pace.ts";
import type { JoinOptions } from "./client/options.ts";
import { OwnProfile } from "./client/own_profile.ts";
import { MessageReader } from "./client/received.ts";
import { type Break, isFinal, Reconnector, type Rejoined } from "./client/reconnect.ts";
import { scopeOf } from "./client/scope.ts";
import { ClientSession } from "./client/session.ts";
import { after, leaveWith, watchOver } from "./client/timers.ts";
import { RoomTopic } from "./client/topic.ts";
import { Unconfirmed } from "./client/unconfirmed.ts";
import { ChatError, ProtocolError } from "./errors.ts";
import { encodeFrame, type ErrorCode, Type } from "./protocol.ts";
import { type Connection, formatAddress } from "./protocol/connection.ts";
import { type Content, TEXT_OVERHEAD } from "./protocol/envelope.ts";
import { encodeError, type Welcome } from "./protocol/json_frames.ts";
import { SLICE_MS, TurnSlice } from "./protocol/turn_slice.ts";
import type {
  Change,
  Conversation,
  EarlierMessage,
  Ending,
  Governance,
  Link,
  Moderation,
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
/**
 * Connects and is admitted.
 *
 * @returns the client; it reports nothing before `run` is called
 * @throws {ChatError} if no chat server answers, or it does not admit this client: `RoomNotFound`,
 * `CodeMissing` or `WrongCode` if something else can be tried
 */
export async function join(options: JoinOptions): Promise<Client> {
  const addresses = new Addresses(options);
  const tries = { isRejoin: false, onPassed: options.onPassed };
  const handshake = await addresses.inTurn((at) => connect({ ...options, ...at }), tries);
  try {
    return new Client(handshake, options, addresses);
  } catch (error) {
    handshake.connection.close();
    throw error;
  }
}

/** A client in a room. */
export class Client implements Room {
  readonly fingerprint: string | undefined;

  readonly #options: JoinOptions;
  readonly #addresses: Addresses;
  readonly #info: Omit<RoomInfo, "address">;
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
  readonly #governing: Governing;
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
  constructor(handshake: Handshake, options: JoinOptions, addresses = new Addresses(options)) {
    const { cipher, self } = handshake;
    const { backoff = new Backoff(Math.random), retryMs, steadyMs, networks } = options;
    this.#options = options;
    this.#addresses = addresses;
    this.#own = new OwnProfile(options.name);
    this.#self = self;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.fingerprint = self && fingerprint(self.identity.publicKey);
    const session = this.#session = new ClientSession(handshake, false, options.brief);
    this.#info = {
      cipher: cipher.name,
      maxText: session.maxBody - cipher.overhead - TEXT_OVERHEAD,
    };
    const emit = (event: RoomEvent) => this.#pace.pass(event);
    const notify = (event: RoomEvent) => void this.#notices.push(event);
    const ownKey = self?.identity.publicKey.toHex() ?? "";
    this.#members = new Members(self, session, options.name, notify, {
      isModerator: (key) => this.#governing?.isModerator(key) ?? false,
      isSilenced: (id) => this.#governing?.isSilenced(id) ?? false,
    });
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
    this.#governing = new Governing(session, handshake.welcome.rules, nonceOf(handshake), {
      members: this.#members,
      identity: self?.identity,
      setTopic: (text, set) => this.#topic.setByOperator(text, set),
      now: () => new Date(),
    });
    this.#fileLink = this.#linkFiles(emit);
    this.#frames = new FrameHandler(session, {
      members: this.#members,
      reader: this.#reader,
      unconfirmed: this.#unconfirmed,
      topic: this.#topic,
      profile: this.#own,
      governing: this.#governing,
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
    this.#attach(handshake.connection, handshake.welcome);
    this.#compareClocks(handshake);
  }

  get info(): RoomInfo {
    return { ...this.#info, address: this.#addresses.present };
  }

  /** The room's addresses, as people write them. */
  get addresses(): Addresses["texts"] {
    return this.#addresses.texts;
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
    const endWatch = watchOver(connection, () => {
      if (this.#session.complete) this.#session.have();
      connection.send(PING);
    }, this.#options);
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
      endWatch();
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

  // ---- reconnecting ----

  reconnect(): void {
    this.#reconnector.hurry();
  }

  /** Resumes the session, or joins again if it is over, at the first address that is the room. */
  async #rejoin(lostAt: number, signal: AbortSignal): Promise<Rejoined> {
    const before = this.#addresses.present;
    const rejoin = (at: Endpoint) => this.#rejoinAt({ ...at, signal }, lostAt);
    const rejoined = await this.#addresses.inTurn(rejoin, { isRejoin: true, signal });
    const { present } = this.#addresses;
    return present === before ? rejoined : { ...rejoined, address: present };
  }

  async #rejoinAt(address: Endpoint, lostAt: number): Promise<Rejoined> {
    const session = this.#session;
    const endpoint = { ...this.#options, ...address };
    const where = formatAddress(address.hostname, address.port);
    if (session.ticket) {
      const resumed = await resume(endpoint, session.ticket);
      if (resumed) {
        const { connection, welcome, nonce } = resumed;
        const own = this.#unconfirmed.dueOf(welcome.accepted);
        this.#governing.resume(nonce);
        const renew = () => session.resume(welcome, connection, own);
        const unseen = orClose(connection, where, renew);
        this.#attach(connection, welcome);
        this.#reader.resumed();
        return { resumed: true, missed: 0, unseen };
      }
      // Another server may not know what the one that was lost knows.
      if (this.#addresses.isPresent(address)) session.token = undefined;
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
      cipher: session.cipher.name,
      ...(self && { self: () => self }),
      record: session.record,
      seen: this.#seen,
    });
    const missed = orClose(handshake.connection, where, () => this.#renew(handshake, lostAt));
    return { resumed: false, missed, unseen: 0 };
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
    this.#attach(handshake.connection, handshake.welcome);
    this.#compareClocks(handshake);
    this.#own.renew();
    this.#topic.renew(session);
    const { rules } = handshake.welcome;
    for (const lost of this.#governing.renew(session, rules, nonceOf(handshake))) {
      this.#notices.push(lost);
    }
    this.#unconfirmed.renew(session, isSameLog ? undefined : { lostAt, members });
    return missed;
  }

  #compareClocks({ greeting: { time } }: Handshake): void {
    const notice = clockNotice(time, Date.now());
    if (notice) this.#notices.push(notice);
  }

  #attach(connection: Connection, { servers }: Welcome): void {
    this.#connection = connection;
    // Nothing could prove that what answers there is this room.
    if (this.#session.record !== undefined) {
      this.#addresses.name(servers, scopeOf(connection.hostname));
    }
    this.#session.attach(connection, this.#fileLink.bulk());
  }

  async #reportConnected(rejoined: Rejoined): Promise<void> {
    await this.#report({ type: "connected", self: this.self, ...rejoined });
    if (rejoined.resumed) this.#fileLink.resumed();
  }

  // ---- the user's actions ----

  say(text: string, re?: string): number {
    return this.#answer("text", text, re);
  }

  act(text: string, re?: string): number {
    return this.#answer("action", text, re);
  }

  #answer(kind: "text" | "action", text: string, re: string | undefined): number {
    if (re !== undefined) checkReference(re, "answer");
    return this.#say({ kind, text, ...(re !== undefined && { re }) });
  }

  change(change: Change): number {
    return this.#say(this.#history.contentOf(change, this.#members.authorOf(this.#session.id)));
  }

  get recent(): readonly EarlierMessage[] {
    return this.#history.recent;
  }

  #say(content: Content): number {
    this.#checkVoice("send this");
    checkSize("text" in content ? content.text : "", this.info.maxText);
    const { ref, number } = this.#unconfirmed.say(content);
    this.#reader.markOwn(number);
    return ref;
  }

  tell(to: string | number, text: string): number {
    const person = this.#members.findReceiver(to);
    this.#checkOpen("send this");
    checkSize(text, this.info.maxText);
    checkSpace(this.#session.outbox);
    return this.#unconfirmed.tell(person, text);
  }

  rename(typed: string): void {
    this.#checkVoice("change the name");
    this.#own.rename(typed, this.#session);
  }

  setStatus(status: string | undefined): void {
    this.#checkVoice("change this");
    this.#own.setStatus(status, this.#session);
  }

  get topic(): Topic | undefined {
    return this.#topic.current;
  }

  setTopic(text: string): void {
    this.#checkVoice("set the topic");
    this.#governing.checkTopic();
    this.#topic.set(text);
  }

  get governance(): Governance {
    return this.#governing.state;
  }

  moderate(moderation: Moderation): void {
    this.#checkOpen("do this");
    checkSpace(this.#session.outbox);
    this.#governing.moderate(moderation);
  }

  get forked(): readonly Person[] {
    return this.#reader.forked;
  }

  get conversation(): Conversation | undefined {
    return this.#reader.conversation(this.#members.others);
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
    if (to === undefined) this.#governing.checkVoice("offer files to the room");
    const person = to === undefined ? undefined : this.#members.findReceiver(to, "file");
    this.#fileLink.required.offer(paths, person, name);
  }

  accept(which: string | number): number {
    return this.#fileLink.required.accept(which);
  }

  decline(which: string | number): number {
    return this.#fileLink.required.decline(which);
  }

  cancel(which: string | number): number {
    return this.#fileLink.required.cancel(which);
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    this.#reconnector.stop();
    const connection = this.#connection;
    if (!connection) return;
    leaveWith(BYE, connection, this.#session.outbox, this.#finishMs);
  }

  /** Checks whether something can be sent to the room. */
  #checkVoice(action: string): void {
    this.#checkOpen(action);
    checkSpace(this.#session.outbox);
    this.#governing.checkVoice(action);
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
