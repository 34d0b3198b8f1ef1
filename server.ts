// chat serve: listens, accepts, admits, and moves frames between sockets and the hub. A blind relay: it
// reads no message, and knows of ciphers only the classic one's public key, which it hands out.
//
// A connection's life is `#serve`, from top to bottom. A session may have several, one after the other.

import { drawPublicKey, privateKey } from "./cipher.ts";
import { type AdmissionRecord, answerLogin } from "./cipher/opaque.ts";
import { messageOf, ProtocolError } from "./errors.ts";
import {
  checkEmpty,
  checkProfile,
  encodeFrame,
  type ErrorCode,
  type Frame,
  isDirect,
  Left,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseHave,
  PREFACE,
  Type,
  VERSION,
} from "./protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeLogin,
  encodeWarning,
  encodeWelcome,
  type Greeting,
  type Hello,
  parseError,
  parseHello,
  parseLogin,
  type Resume,
} from "./protocol/json_frames.ts";
import { Connection, formatAddress, waits } from "./protocol/connection.ts";
import { parsePreface } from "./protocol/opening.ts";
import { DIRECT_PART, FloodGuard, RateLimiter } from "./protocol/rate_limit.ts";
import { checkResume, drawToken } from "./protocol/resume.ts";
import type { ProtocolAdapter } from "./server/adapter.ts";
import { CloseReason, expected, httpAnswer, next } from "./server/admission.ts";
import type { LeftReason, ServerEvent } from "./server/events.ts";
import { flusher } from "./server/flush.ts";
import { Hub, type HubOptions, type Start } from "./server/hub.ts";
import { DEFAULT_LIMITS, type Limits } from "./server/limits.ts";
import { listen } from "./server/listen.ts";
import { networkOf, TryCounter, UNDECIDED_MS } from "./server/login_tries.ts";
import type { Outlet } from "./server/member.ts";
import { Counters, refusalOf } from "./server/metrics.ts";
import { Session, Sessions, Tally } from "./server/sessions.ts";

/** Enough for a last word to reach the other end of the world; a stop waits so long at most, in ms. */
const FINISH_MS = 2_000;
/** How long to wait after a failed accept (no descriptors left, mostly), in ms. */
const ACCEPT_PAUSE_MS = 100;
/** How long a connection may be lost before the others are told, in ms: most are back by then. */
const AWAY_MS = 3_000;
/** How often in its idle time a connection is looked at. */
const LOOKS = 6;

export interface ServerOptions extends Partial<Limits>, Pick<HubOptions, "ownSize"> {
  /** The address to listen on. */
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** Makes the room a sealed one: who knows the code is let in. */
  admission?: AdmissionRecord;
  /** xor's public key, 0..255; drawn if it is not given. */
  publicKey?: number;
  /** Lets in those who speak another wire, too; made for the room's public key, so not for a sealed room. */
  classic?: (publicKey: number) => ProtocolAdapter;
  /** A clock that does not go back, in ms. */
  now?: () => number;
  /** How long a connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
  /** How long a connection may be lost before the others are told, in ms. */
  awayMs?: number;
  /** Told what happens: numbers and addresses, never content. */
  log?: (event: ServerEvent) => void;
}

/** Why a member left, in words. */
const REASONS: Readonly<Record<number, LeftReason>> = {
  [Left.BYE]: "bye",
  [Left.LOST]: "lost",
  [Left.SLOW]: "slow",
  [Left.REFUSED]: "refused",
};
const OUTCOMES = ["accepted", "busy", "gone"] as const;

/** A room that listens. */
export class Server {
  readonly hub: Hub;
  /** What a client is greeted with. */
  readonly greeting: Greeting;
  /** Where it listens; a wildcard stands for all of this machine's addresses. */
  readonly hostname: string;
  readonly port: number;

  readonly #listener: Deno.TcpListener;
  readonly #options: ServerOptions & Limits;
  readonly #finishMs: number;
  readonly #now: () => number;
  readonly #counters = new Counters();
  /** Names the room's log. */
  readonly #log: string = drawToken();
  readonly #sessions = new Sessions();
  readonly #tries = new TryCounter();
  readonly #interpreter: ProtocolAdapter | undefined;
  /** Resolves when it turns out whether some code was right. */
  #decided = Promise.withResolvers<void>();
  readonly #connections = new Set<Connection>();
  /** How many of them each address has. */
  readonly #byNetwork = new Tally();
  #strangers = 0;
  /** What members have sent, in frames and in bytes. */
  readonly #received = { frames: 0, bytes: 0 };
  #stopping = false;
  readonly #looking: ReturnType<typeof setInterval>;
  readonly #accepting: Promise<void>;
  /** Resolves when it stops and the last connection is closed. */
  readonly #served = Promise.withResolvers<void>();

  /** @throws {ChatError} if it can't listen there */
  constructor(given: ServerOptions) {
    const options = { ...DEFAULT_LIMITS, ...given };
    this.#options = options;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#now = options.now ?? (() => performance.now());
    const publicKey = options.publicKey ?? drawPublicKey();
    privateKey(publicKey); // throws if it is none
    if (options.classic && options.admission) {
      throw new TypeError("Cannot open a sealed room to clients that know no seal");
    }
    this.#interpreter = options.classic?.(publicKey);
    this.greeting = {
      version: VERSION,
      maxFrame: MAX_FRAME,
      ...(options.budget && { budget: options.budget }),
      ...(options.admission ? { cipher: "sealed" } : { cipher: "xor", key: String(publicKey) }),
    };
    const schedule = flusher({
      now: () => performance.now(),
      end: () => this.hub.log.end,
      ...waits,
      atOnce: queueMicrotask,
      later: setImmediate,
    });
    this.hub = new Hub({ ...options, schedule });
    this.#listener = listen(options.hostname, options.port);
    this.hostname = this.#listener.addr.hostname;
    this.port = this.#listener.addr.port;
    this.#looking = setInterval(() => this.#look(), options.idleMs / LOOKS);
    this.#accepting = this.#accept();
  }

  /** The host under which a client on this machine reaches it. */
  get localHost(): string {
    return { "0.0.0.0": "127.0.0.1", "::": "::1" }[this.hostname] ?? this.hostname;
  }

  /** `HOST:PORT`, as a client on this machine would write it. */
  get address(): string {
    return formatAddress(this.localHost, this.port);
  }

  /** Connections that are open, admitted or not. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Sessions that are kept, with a connection or without. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** The counters, and what there is at the moment, as Prometheus reads it. */
  status(): string {
    let away = 0;
    for (const { connection } of this.#sessions.all()) if (!connection) away++;
    const { log, said } = this.hub;
    return this.#counters.render({
      chat_members: this.hub.size,
      chat_members_away: away,
      chat_connections: this.connections,
      chat_strangers: this.#strangers,
      chat_room_log_bytes_held: log.held,
      chat_process_resident_bytes: Deno.memoryUsage().rss,
      chat_frames_received_total: this.#received.frames,
      chat_bytes_received_total: this.#received.bytes,
      chat_messages_total: said,
      chat_bytes_appended_total: log.end,
    });
  }

  /** Tells everybody, sends them what is pending, and closes. Resolves when all are gone. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#tell({ event: "stopping", members: this.hub.size });
      this.#listener.close();
      clearInterval(this.#looking);
      this.hub.close();
      for (const session of this.#sessions.all()) if (!session.connection) this.#end(session);
      for (const connection of this.#connections) {
        connection.finish(this.#finishMs, encodeFrame(Type.BYE, 0));
      }
    }
    await this.#accepting;
    if (this.connections === 0) this.#served.resolve();
    await this.#served.promise;
    this.#tell({ event: "stopped" });
  }

  async #accept(): Promise<void> {
    while (!this.#stopping) {
      try {
        const conn = await this.#listener.accept();
        this.#serve(conn);
      } catch (error) {
        if (this.#stopping) return;
        this.#counters.add("chat_accept_errors_total");
        this.#tell({ event: "accept-error", message: messageOf(error) });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  /** The life of one connection. Never rejects. */
  async #serve(conn: Deno.TcpConn): Promise<void> {
    const connection = new Connection(conn, MAX_FRAME_BEFORE_ADMISSION);
    const network = networkOf(connection.hostname);
    this.#connections.add(connection);
    const neighbours = this.#byNetwork.add(network, 1);
    // Accepted in the turn in which `stop` was called, which has not seen it.
    if (this.#stopping) connection.finish(this.#finishMs, encodeFrame(Type.BYE, 0));
    let session: Session | undefined;
    let last: Uint8Array<ArrayBuffer> | undefined;
    let reason: number = Left.LOST;
    try {
      if (neighbours > this.#options.maxPerAddress) {
        throw new ProtocolError<ErrorCode>(
          "full",
          `there are ${this.#options.maxPerAddress} connections from your address already`,
        );
      }
      session = await this.#admit(connection, conn.localAddr);
      await this.#relay(connection, session);
    } catch (error) {
      if (error instanceof CloseReason) {
        last = error.bytes;
        reason = error.reason;
      } else if (error instanceof ProtocolError) {
        last = encodeError(error.code as ErrorCode, error.message);
        reason = Left.REFUSED;
      } else {
        // A bug of ours: it may cost this member its connection, and nobody else.
        const message = error instanceof Error ? error.stack ?? error.message : String(error);
        this.#tell({ event: "internal-error", message });
      }
      if (!this.#stopping) this.#refused(connection, session, error);
    } finally {
      // Else it has another connection by now.
      if (session?.connection === connection) this.#lose(session, reason);
      await connection.finish(this.#finishMs, last);
      this.#connections.delete(connection);
      this.#byNetwork.add(network, -1);
      if (this.#stopping && this.connections === 0) this.#served.resolve();
    }
  }

  /** Counts and tells why a connection was ended from this side. */
  #refused(connection: Connection, session: Session | undefined, error: unknown): void {
    const code = refusalOf(error instanceof ProtocolError ? error.code : undefined);
    // Who has been a member and goes is no refusal, unless it broke the protocol.
    if (session && code === "other") return;
    this.#counters.add("chat_refused_total", code);
    if (session) return;
    this.#tell({ event: "refused", peer: connection.peer, code, message: messageOf(error) });
  }

  /** A session has no connection any more: it waits for another, or ends. */
  #lose(session: Session, reason: number): void {
    const { member, connection } = session;
    const { graceMs, awayMs = AWAY_MS } = this.#options;
    session.connection = undefined;
    this.hub.detach(member);
    const mayReturn = session.lasting && graceMs > 0 && reason === Left.LOST && !this.#stopping &&
      this.hub.has(member);
    const why = member.slow ? Left.SLOW : reason;
    if (!mayReturn) return this.#end(session, why);
    // It may still be writing: what it would take next is for the connection that may follow.
    connection?.attach(undefined);
    const away = setTimeout(() => {
      // It may have fallen off the log meanwhile.
      if (!this.hub.has(member)) return;
      this.hub.setAway(member, true);
      this.#tell({ event: "away", member: member.id, members: this.hub.size });
    }, Math.min(awayMs, graceMs));
    const grace = setTimeout(() => this.#end(session, why), graceMs);
    session.cancel = () => {
      clearTimeout(away);
      clearTimeout(grace);
    };
  }

  #end(session: Session, reason: number = Left.LOST): void {
    const { member } = session;
    this.#sessions.remove(session);
    // Who fell off a log has left already.
    this.hub.leave(member, reason);
    this.#interpreter?.left(member.id);
    const why = REASONS[member.left!]!;
    this.#counters.add("chat_left_total", why);
    this.#tell({ event: "left", member: member.id, reason: why, members: this.hub.size });
  }

  /** Asks those who have been silent for long whether they are there, and gives up those who do not answer. */
  #look(): void {
    const { idleMs } = this.#options;
    for (const { connection, interpretation } of this.#sessions.all()) {
      // Who knows no PING can't answer one: it may be silent for ever.
      if (!connection || interpretation) continue;
      const { silence } = connection;
      if (silence >= idleMs) connection.close();
      else if (silence >= idleMs / 2 && connection.urgent === 0) {
        connection.send(encodeFrame(Type.PING, 0));
      }
    }
  }

  /** From the first byte to WELCOME, in bounded time and memory. */
  async #admit(connection: Connection, local: Deno.NetAddr): Promise<Session> {
    const { handshakeMs: ms, maxAdmissions } = this.#options;
    if (this.#strangers >= maxAdmissions) {
      throw new ProtocolError<ErrorCode>("full", "too many are at the door at once: try again");
    }
    this.#strangers++;
    const tooLong = `admission took more than ${ms / 1000} seconds`;
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      connection.finish(this.#finishMs, encodeError("timeout", tooLong));
    }, ms);
    try {
      // 0. Who waits to be told something first may speak another wire.
      const interpreter = this.#interpreter;
      const first = interpreter && connection.fill();
      if (first && await interpreter.isSilent(first)) {
        // Nobody comes in while it is being ended.
        if (this.#stopping || late) throw new CloseReason(undefined, "it is too late");
        return this.#interpret(connection, interpreter, first);
      }
      if (first && !await first) {
        throw new CloseReason(undefined, "it left before it said anything");
      }
      // 1. The preface tells a chat client from whatever else comes to an open port.
      await this.#readPreface(connection, local);
      // 2. What the client needs to know.
      const nonce = drawToken();
      const { greeting } = this;
      connection.send(
        encodeGreeting(greeting.cipher === "sealed" ? { ...greeting, nonce } : greeting),
      );
      // 3. Who it is, and in a sealed room that it knows the code; or which session it goes on with.
      const { admission } = this.#options;
      const frame = await next(connection);
      const hello = frame.type === Type.HELLO ? parseHello(frame.body) : undefined;
      // 4. In.
      if (hello?.resume) return this.#resume(connection, hello.resume, nonce);
      const { profile, key } = admission
        ? await this.#checkCode(connection, admission, frame)
        : { ...hello ?? parseHello(expected(frame, Type.HELLO).body), key: undefined };
      const { session, start } = this.#join(connection, profile, key);
      this.#welcome(connection, session, start, this.#sessions.renew(session));
      this.#joined(session, connection);
      return session;
    } catch (error) {
      throw late ? new ProtocolError<ErrorCode>("timeout", tooLong) : error;
    } finally {
      clearTimeout(deadline);
      this.#strangers--;
    }
  }

  /** Somebody is in who knows no frames: `first` is the read under way. */
  #interpret(
    connection: Connection,
    interpreter: ProtocolAdapter,
    first: Promise<boolean>,
  ): Session {
    // Nor an ERROR, if the room is full.
    connection.mute();
    const interpretation = interpreter.interpret(connection.port, () => connection.wake());
    const { session } = this.#join(connection, interpretation.profile, undefined);
    session.interpretation = interpretation;
    session.reading = first;
    // Nobody is told this token: such a session ends with its connection.
    this.#sessions.renew(session);
    interpretation.attach(session.member);
    connection.closed.then(() => interpretation.close());
    connection.admit(MAX_FRAME);
    connection.attach(interpretation);
    this.#joined(session, connection);
    return session;
  }

  /** Somebody new becomes a member. */
  #join(
    connection: Connection,
    profile: Uint8Array,
    key: Uint8Array | undefined,
  ): { session: Session; start: Start } {
    const { maxMembers, maxPerAddress, budget } = this.#options;
    if (this.hub.size >= maxMembers) {
      throw new ProtocolError<ErrorCode>("full", `the room has its ${maxMembers} members already`);
    }
    const network = networkOf(connection.hostname);
    // Those who are away stay members: nobody fills the room by coming and going.
    if (this.#sessions.from(network) >= maxPerAddress) {
      throw new ProtocolError<ErrorCode>(
        "full",
        `there are ${maxPerAddress} members from your address already, those who are away too`,
      );
    }
    const { member, start } = this.hub.join(profile, this.#outletOf(connection, () => session));
    const meter = budget && new RateLimiter(budget, this.#now());
    const session: Session = new Session(member, connection, {
      network,
      key,
      meter,
      patience: new FloodGuard(),
    });
    this.#interpreter?.met(member.id, profile);
    return { session, start };
  }

  #joined({ member }: Session, { peer }: Connection): void {
    this.#counters.add("chat_joined_total");
    this.#tell({ event: "joined", member: member.id, peer, members: this.hub.size });
  }

  /** A client goes on with its session, also where the connection before seems to be open. */
  #resume(connection: Connection, resume: Resume, nonce: string): Session {
    const session = this.#sessions.find(resume.token);
    const gone = () => new ProtocolError<ErrorCode>("gone", "that session is over: join anew");
    // Whoever can't prove that it is its own must not disturb it.
    if (!session || (session.key && !checkResume(session.key, nonce, resume))) throw gone();
    const { member, connection: before } = session;
    before?.attach(undefined);
    session.connection = undefined;
    before?.close();
    session.cancel();
    const { room, own } = resume;
    if (!this.hub.resume(member, room, own, this.#outletOf(connection, () => session))) {
      // Its client will be somebody new: the old one must not stand beside it.
      this.#end(session);
      throw gone();
    }
    session.connection = connection;
    const start = { room, own, members: 0, said: 0 };
    this.#welcome(connection, session, start, this.#sessions.renew(session, resume.token));
    this.hub.setAway(member, false);
    this.#counters.add("chat_resumed_total");
    this.#tell({ event: "resumed", member: member.id, peer: connection.peer });
    return session;
  }

  #welcome(connection: Connection, session: Session, start: Start, token: string): void {
    const { member, accepted } = session;
    const { graceMs: grace } = this.#options;
    connection.admit(MAX_FRAME);
    connection.send(
      encodeWelcome(member.id, { ...start, accepted, log: this.#log, token, grace }),
    );
    connection.attach(member);
  }

  #outletOf(connection: Connection, session: () => Session): Outlet {
    const end = (code: ErrorCode, message: string) => {
      this.#counters.add("chat_refused_total", code);
      connection.attach(undefined);
      connection.finish(this.#finishMs, encodeError(code, message));
      // Who does not read may take its time to end; and the hub is in the midst of something.
      queueMicrotask(() => {
        if (session().connection === connection) this.#lose(session(), Left.LOST);
      });
    };
    return {
      wake: () => connection.wake(),
      cut: end,
      drop: end,
    };
  }

  /** One try with a code: counted when it begins, given back when it was right. */
  async #checkCode(
    connection: Connection,
    admission: AdmissionRecord,
    first: Frame,
  ): Promise<Hello & { key: Uint8Array }> {
    const { message } = parseLogin(expected(first, Type.LOGIN).body);
    const { hostname } = connection;
    const began = await this.#takeTry(connection);
    let key: Uint8Array | undefined;
    try {
      const login = answerLogin(admission, message);
      if (!login) throw new ProtocolError<ErrorCode>("malformed", "a LOGIN that is none came");
      const tries = this.#tries.left(hostname, began);
      connection.send(encodeLogin({ message: login.response, tries }));
      const hello = parseHello(expected(await next(connection), Type.HELLO).body);
      key = hello.proof === undefined ? undefined : login.finish(hello.proof);
      if (!key) throw new ProtocolError<ErrorCode>("code", "the code is wrong");
      return { ...hello, key };
    } finally {
      if (key) this.#tries.giveBack(hostname, began);
      else this.#tries.fail(hostname, began);
      this.#decided.resolve();
      this.#decided = Promise.withResolvers();
    }
  }

  /** Waits for others from the same address who are at it, but not for those who were wrong. */
  async #takeTry(connection: Connection): Promise<number> {
    const gone = connection.closed.then(() => true);
    for (;;) {
      const now = this.#now();
      const wait = this.#tries.take(connection.hostname, now);
      if (wait === 0) return now;
      if (wait > UNDECIDED_MS) {
        const seconds = Math.ceil(wait / 1000);
        throw new ProtocolError<ErrorCode>("wait", `too many wrong codes: wait ${seconds} seconds`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, wait);
      const left = await Promise.race([promise, this.#decided.promise, gone]);
      clearTimeout(timer);
      if (left) throw new CloseReason(undefined, "it left before its turn had come");
    }
  }

  async #readPreface(connection: Connection, local: Deno.NetAddr): Promise<void> {
    const { decoder } = connection;
    for (;;) {
      const opening = parsePreface(decoder.unread);
      switch (opening.kind) {
        case "chat":
          return decoder.skip(PREFACE.length);
        case "more":
          if (await connection.fill()) continue;
          throw new CloseReason(undefined, "it left before it said anything");
        case "version":
          throw new ProtocolError<ErrorCode>(
            "version",
            `this server speaks version ${VERSION} of the protocol, the client ${opening.version}`,
          );
        case "http":
          // The address that this one has come to: behind a wildcard there are many.
          throw new CloseReason(
            httpAnswer(formatAddress(local.hostname, local.port)),
            "it speaks HTTP",
          );
        case "tls":
        case "ssh":
          // They would take our frames for damage of their own protocol: better say nothing.
          throw new CloseReason(undefined, `it speaks ${opening.kind.toUpperCase()}`);
        case "noise":
          throw new ProtocolError<ErrorCode>("not-chat", "this is a chat server: see `chat join`");
      }
    }
  }

  /** A member's frames go into the hub, until it leaves, or has another connection. */
  async #relay(connection: Connection, session: Session): Promise<void> {
    const { decoder } = connection;
    const { interpretation } = session;
    const next = () => interpretation ? interpretation.read(decoder) : decoder.next();
    // A read may be under way.
    let reading = session.reading;
    session.reading = undefined;
    for (;;) {
      for (let frame = next(); frame; frame = next()) {
        const wait = this.#charge(connection, session, frame);
        if (wait > 0) await connection.pause(wait);
        if (session.connection !== connection) return;
        this.#take(connection, session, frame);
      }
      reading ??= connection.fill();
      if (!await reading) break;
      reading = undefined;
    }
    if (!interpretation || session.connection !== connection) return;
    const last = interpretation.end();
    if (last) this.#take(connection, session, last);
    // To end the connection is its only way to say goodbye.
    if (connection.why === undefined) throw new CloseReason(undefined, "bye", Left.BYE);
  }

  /** Counts a frame against its member's budget; returns for how many ms it has to wait. */
  #charge(connection: Connection, session: Session, frame: Frame): number {
    const { member: { id: member }, meter, patience } = session;
    const { length } = frame.bytes;
    this.#received.frames++;
    this.#received.bytes += length;
    if (!meter) return 0;
    const wait = meter.take(length, this.#now(), isDirect(frame.bytes) ? DIRECT_PART : 1);
    switch (patience.judge(wait, meter.recovered)) {
      case "go on":
        break;
      case "slow":
        this.#counters.add("chat_slowed_total");
        this.#tell({ event: "slowed", member });
        break;
      case "warn":
        this.#counters.add("chat_warned_total");
        this.#tell({ event: "warned", member });
        connection.send(encodeWarning("flood", "you send more than this room takes: slow down"));
        break;
      case "drop":
        this.#tell({ event: "flooded", member });
        throw new ProtocolError<ErrorCode>("flood", "you went on sending more than the room takes");
    }
    return wait;
  }

  #take(connection: Connection, session: Session, frame: Frame): void {
    const { member } = session;
    switch (frame.type) {
      case Type.MESSAGE: {
        session.accepted++;
        if (frame.id === 0) {
          this.hub.say(member, frame);
        } else {
          const outcome = this.hub.tell(member, frame);
          this.#counters.add("chat_direct_messages_total", OUTCOMES[outcome]!);
        }
        return;
      }
      case Type.PROFILE:
        checkProfile(frame.body);
        session.accepted++;
        this.hub.setProfile(member, frame.body);
        if (this.hub.has(member)) this.#interpreter?.met(member.id, frame.body);
        return;
      case Type.HAVE:
        if (!member.have(parseHave(frame.body))) {
          throw new ProtocolError<ErrorCode>("malformed", "you can't have what was not sent");
        }
        this.#sessions.settle(session);
        return;
      case Type.PING:
        checkEmpty("PING", frame.body);
        // One PONG answers all that came before it: who asks without reading costs nothing.
        if (connection.urgent === 0) connection.send(encodeFrame(Type.PONG, 0));
        return;
      case Type.PONG:
        return checkEmpty("PONG", frame.body);
      case Type.BYE:
        checkEmpty("BYE", frame.body);
        throw new CloseReason(undefined, "bye", Left.BYE);
      case Type.ERROR:
        // Its client has found us wanting, and will not come back.
        session.lasting = false;
        throw new CloseReason(undefined, parseError(frame.body).code);
      default:
        throw new ProtocolError<ErrorCode>(
          "unexpected",
          `a member may not send a frame of type ${frame.type}`,
        );
    }
  }

  #tell(event: ServerEvent): void {
    this.#options.log?.(event);
  }
}
