// chat serve: listens, admits clients, and moves frames between sockets and the hub. A blind relay: it reads no
// message, and of the ciphers knows only the classic one's public key, which it hands out.
//
// The life of a connection (`#serve`); a session may have several, one after the other:
//   1. accept.
//   2. admit (server/admission.ts): preface, GREETING, LOGIN in a sealed room, HELLO.
//   3. enter: join as a new member, or resume a session. WELCOME.
//   4. relay: charge each frame to the member's budget, then pass it to the hub.
//   5. lose: the session waits for another connection (`--grace`), or the member leaves.
//   6. finish: send the last frame, wait for the peer to end too, close.

import { drawPublicKey, privateKey } from "./cipher.ts";
import { concat } from "@std/bytes/concat";
import { messageOf, ProtocolError } from "./errors.ts";
import {
  encodeFrame,
  type ErrorCode,
  Left,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  Type,
} from "./protocol.ts";
import { Connection, formatAddress, waits } from "./protocol/connection.ts";
import {
  encodeError,
  encodeWarning,
  encodeWelcome,
  type Greeting,
  type Resume,
} from "./protocol/json_frames.ts";
import { RESUME_COST } from "./protocol/cost.ts";
import { FloodGuard } from "./protocol/rate_limit.ts";
import { checkResume, drawToken, toBase64Url } from "./protocol/resume.ts";
import { Absences } from "./server/absences.ts";
import type { ProtocolAdapter } from "./server/adapter.ts";
import { inRanges } from "./server/addresses.ts";
import {
  Admissions,
  type Admitted,
  CloseReason,
  NothingSent,
  type ReservedSeat,
} from "./server/admission.ts";
import { Budgets } from "./server/budgets.ts";
import { DataLanes, SWEEP_MS } from "./server/data_lanes.ts";
import { Endings } from "./server/endings.ts";
import { leftReason, type ServerEvent } from "./server/events.ts";
import { flusher } from "./server/flush.ts";
import { Government } from "./server/government.ts";
import { keep } from "./server/keep.ts";
import { gaugesOf } from "./server/gauges.ts";
import { Hub, type Start } from "./server/hub.ts";
import { DEFAULT_LIMITS, type Limits, XOR_GRACE_MS } from "./server/limits.ts";
import { acceptAll, listen } from "./server/listen.ts";
import { greetingOf } from "./server/greeting.ts";
import { Relay } from "./server/relay.ts";
import { networkOf } from "./server/login_tries.ts";
import type { Member, Outlet } from "./server/member.ts";
import { MemberPlaces, type PlaceLimit } from "./server/member_places.ts";
import { Counters, refusalOf } from "./server/metrics.ts";
import type { ServerOptions } from "./server/options.ts";
import { startTimer } from "./server/timers.ts";
import { checkIdle, type Session } from "./server/session.ts";

export type { ServerOptions };

/** How long a connection may take to end, in ms: enough for a last frame to reach the other end of the world. */
const FINISH_MS = 2_000;
/** How long after a lost connection the others see the member as away, in ms: most are back by then. */
const AWAY_MS = 3_000;
/** How often idle connections are looked for in `idleMs`, at least. */
const CHECKS_PER_IDLE_TIME = 6;

/** An open room. It listens from its construction until `stop`. */
export class Server {
  readonly hub: Hub;
  /** The fields of GREETING that never change. */
  readonly greeting: Greeting;
  /** Where it listens; a wildcard means all addresses of this machine. */
  readonly hostname: string;
  readonly port: number;
  /** How moderators and the operator govern the room. */
  readonly government: Government;
  /** Whoever has it belongs to the user who runs the server: wrong codes of others cannot lock them out. */
  readonly ticket = drawToken();

  readonly #listener: Deno.TcpListener;
  readonly #options: ServerOptions & Limits;
  readonly #finishMs: number;
  readonly #now: () => number;
  readonly #counters = new Counters();
  /** By member id. */
  readonly #sessions = new Map<number, Session>();
  /** Those without a connection. */
  readonly #absences: Absences;
  readonly #places: MemberPlaces;
  readonly #admissions: Admissions;
  readonly #adapter: ProtocolAdapter | undefined;
  readonly #connections = new Set<Connection>();
  /** Those that this server has ended. */
  readonly #endings = new Endings();
  readonly #budgets: Budgets;
  readonly #lanes: DataLanes;
  readonly #relay: Relay;
  /** What connections need to know of the journal. */
  readonly #writing: { beforeWrite?: () => void };
  #stopping = false;
  /** What each connection gets last when the server stops. */
  #last = encodeFrame(Type.BYE, 0);
  readonly #idleTimer: ReturnType<typeof setInterval>;
  readonly #accepting: Promise<void>;
  /** Resolves when the server is stopping and the last connection is closed. */
  readonly #served = Promise.withResolvers<void>();

  /** @throws {ChatError} if it cannot listen there */
  constructor(given: ServerOptions) {
    const grace = given.admission ? {} : { graceMs: XOR_GRACE_MS };
    const options = { ...DEFAULT_LIMITS, ...grace, ...given };
    const { clock = Date.now, after = startTimer } = options;
    this.#options = options;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#now = options.now ?? (() => performance.now());
    const publicKey = options.publicKey ?? drawPublicKey();
    privateKey(publicKey); // throws if it is not a public key
    if (options.classic && options.admission) {
      throw new TypeError("Cannot open a sealed room to classic clients: they cannot decrypt it");
    }
    this.#adapter = options.classic?.(publicKey);
    this.greeting = greetingOf(options, publicKey);
    this.#budgets = new Budgets({
      budget: options.budget,
      now: this.#now,
      after,
      onWait: (limit) => this.#counters.add("chat_waited_total", limit),
    });
    this.#lanes = new DataLanes({
      now: this.#now,
      wake: (id) => this.#sessions.get(id)?.connection?.wake(),
      cut: (id, message) => this.#sessions.get(id)?.member.outlet?.cut("slow", message),
    });
    this.#admissions = new Admissions({
      greeting: () => ({ ...this.greeting, state: this.#places.state, time: clock() }),
      screen: ({ hostname }, isOwner) => this.government.screen(hostname, isOwner, clock()),
      charge: ({ hostname }) => this.#budgets.takeJoin(networkOf(hostname)),
      reserve: (connection) => this.#reserve(connection),
      release: (seat) => this.hub.release(seat),
      record: options.admission,
      ticket: this.ticket,
      adapter: this.#adapter,
      proxies: options.proxies ?? [],
      maxAdmissions: options.maxAdmissions,
      maxPending: options.maxPending,
      handshakeMs: options.handshakeMs,
      end: (connection, last) => void this.#finish(connection, last),
      now: this.#now,
    });
    const schedule = flusher({
      now: () => performance.now(),
      end: () => this.hub.log.end,
      ...waits,
      atOnce: queueMicrotask,
      later: setImmediate,
    });
    const { journal } = options;
    // In each turn the files are written before any socket: nobody sees what a crash could undo.
    this.#writing = journal ? { beforeWrite: () => journal.flush() } : {};
    this.hub = new Hub({
      ...options,
      name: drawToken(),
      fold: journal?.recovery.fold,
      governance: journal?.recovery.governance,
      record: journal && ((entry) => journal.record(entry)),
      isChained: options.isChained ?? options.admission !== undefined,
      schedule,
      clock,
      onLeave: (member, reason) => this.#ended(member, reason),
    });
    const { graceMs, awayMs = AWAY_MS } = options;
    this.#absences = new Absences({
      graceMs,
      awayMs,
      now: this.#now,
      after,
      onAway: (id) => this.#setAway(this.#sessions.get(id)!),
      onOver: (id) => this.#end(this.#sessions.get(id)!),
    });
    this.#places = new MemberPlaces({
      ...options,
      fold: this.hub.fold,
      isLocked: () => this.government.isLocked,
      absences: this.#absences,
      evict: (id, limit) => this.#evict(this.#sessions.get(id)!, limit),
    });
    this.government = new Government({
      hub: this.hub,
      peerOf: (id) => this.#sessions.get(id)?.connection?.peer,
      proxies: options.proxies ?? [],
      report: (event) => this.#report(event),
    });
    this.#relay = new Relay({
      hub: this.hub,
      government: this.government,
      budgets: this.#budgets,
      lanes: this.#lanes,
      adapter: this.#adapter,
      counters: this.#counters,
      report: (event) => this.#report(event),
      now: this.#now,
    });
    this.#listener = listen(options.hostname, options.port);
    try {
      if (journal) {
        keep(journal, {
          hub: this.hub,
          absences: this.#absences,
          now: this.#now,
          open: (member) => this.#open(member, undefined),
          report: (event) => this.#report(event),
          warn: (message) => this.#warn("disk", message),
        });
      }
    } catch (error) {
      this.#listener.close();
      throw error;
    }
    this.government.begin(options.moderators ?? [], options.readOnly ?? false);
    this.hostname = this.#listener.addr.hostname;
    this.port = this.#listener.addr.port;
    const tickMs = Math.min(options.idleMs / CHECKS_PER_IDLE_TIME, SWEEP_MS);
    this.#idleTimer = setInterval(() => this.#tick(), tickMs);
    this.#accepting = acceptAll(this.#listener, {
      isStopping: () => this.#stopping,
      serve: (conn) => void this.#serve(conn),
      ended: () => this.#admissions.ended + this.#endings.closed,
      failed: (message) => {
        this.#counters.add("chat_accept_errors_total");
        this.#report({ event: "accept-error", message });
      },
    });
  }

  #warn(code: ErrorCode, message: string): void {
    const warning = encodeWarning(code, message);
    for (const { connection } of this.#sessions.values()) connection?.send(warning);
  }

  /** The host at which a client on this machine reaches it. */
  get localHost(): string {
    return { "0.0.0.0": "127.0.0.1", "::": "::1" }[this.hostname] ?? this.hostname;
  }

  /** `HOST:PORT` for a client on this machine. */
  get address(): string {
    return formatAddress(this.localHost, this.port);
  }

  /** How many connections are open, admitted or not. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many sessions exist, with a connection or without. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** All metrics, in the text format of Prometheus. */
  status(): string {
    return this.#counters.render(gaugesOf({
      hub: this.hub,
      journal: this.#options.journal,
      away: this.#absences.size,
      connections: this.connections,
      unadmitted: this.#admissions.size,
      granted: this.#lanes.credit,
      received: this.#relay.received,
    }));
  }

  /**
   * Sends every member what is pending and BYE, and closes. Resolves when all connections are closed.
   *
   * @param closed the room never opens again with this code: a sentence for its members, which get ERROR instead of BYE
   */
  async stop({ closed }: { closed?: string } = {}): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      if (closed !== undefined) this.#last = encodeError("closed", closed);
      this.#report({ event: "stopping", members: this.hub.size });
      this.#listener.close();
      clearInterval(this.#idleTimer);
      this.#budgets.close();
      this.#absences.close();
      this.hub.close();
      for (const session of this.#sessions.values()) if (!session.connection) this.#end(session);
      for (const connection of this.#connections) {
        connection.finish(this.#finishMs, this.#last);
      }
    }
    await this.#accepting;
    if (this.connections === 0) this.#served.resolve();
    await this.#served.promise;
    await this.#options.journal?.stop();
    this.#report({ event: "stopped" });
  }

  /** The life of one connection, from 1 to 6. Never rejects. */
  async #serve(conn: Deno.TcpConn): Promise<void> {
    const connection = new Connection(conn, MAX_FRAME_BEFORE_ADMISSION, this.#writing);
    this.#connections.add(connection);
    // `stop` was called in the same turn, before this connection was in the set.
    if (this.#stopping) connection.finish(this.#finishMs, this.#last);
    let session: Session | undefined;
    let last: Uint8Array<ArrayBuffer> | undefined;
    let reason: number = Left.LOST;
    try {
      // 2.
      const admitted = await this.#admissions.admit(connection, conn.localAddr);
      if (this.#stopping) throw new CloseReason(undefined, "the room is closing");
      // 3.
      session = this.#enter(connection, admitted);
      // 4.
      await this.#relay.run(connection, session);
    } catch (error) {
      if (error instanceof CloseReason) {
        last = error.bytes;
        reason = error.reason;
      } else if (error instanceof ProtocolError) {
        last = encodeError(error.code as ErrorCode, error.message);
        reason = Left.REFUSED;
      } else {
        // A bug in the server: it may cost this member its connection, and no other.
        const message = error instanceof Error ? error.stack ?? error.message : String(error);
        this.#report({ event: "internal-error", message });
      }
      if (!this.#stopping) this.#reportRefusal(connection, session, error);
    } finally {
      // 5. Unless the session has a newer connection.
      if (session?.connection === connection) this.#lose(session, reason);
      // 6.
      await this.#finish(connection, last);
      this.#connections.delete(connection);
      if (this.#stopping && this.connections === 0) this.#served.resolve();
    }
  }

  /** Ends a connection; resolves when it is closed. */
  #finish(connection: Connection, last?: Uint8Array<ArrayBuffer>): Promise<void> {
    const finished = connection.finish(this.#finishMs, last);
    // When the server stops, all of its connections end at once.
    if (!this.#stopping) this.#endings.add(connection, networkOf(connection.hostname));
    return finished;
  }

  /** Counts and reports why the server ended a connection. */
  #reportRefusal(connection: Connection, session: Session | undefined, error: unknown): void {
    // A proxy checks every few seconds whether the server runs.
    const { proxies = [] } = this.#options;
    if (error instanceof NothingSent && inRanges(proxies, connection.hostname)) return;
    const code = refusalOf(error instanceof ProtocolError ? error.code : undefined);
    // A member that leaves was not refused, unless it broke the protocol.
    if (session && code === "other") return;
    this.#counters.add("chat_refused_total", code);
    if (session) return;
    this.#report({ event: "refused", peer: connection.peer, code, message: messageOf(error) });
  }

  /** A session has lost its connection: it waits for another, or ends. */
  #lose(session: Session, reason: number): void {
    const { member, connection } = session;
    session.connection = undefined;
    this.hub.detach(member);
    this.#lanes.detach(member.id);
    const mayReturn = member.state.lasting && !session.isOver && this.#options.graceMs > 0 &&
      reason === Left.LOST && !this.#stopping && this.hub.has(member);
    if (!mayReturn) return this.#end(session, reason);
    // The old connection may still be writing. Later frames are for the connection that resumes the session.
    connection?.attach(undefined);
    this.#absences.add(member.state);
  }

  #setAway({ member }: Session): void {
    this.hub.setAway(member);
    this.#report({ event: "away", member: member.id, members: this.hub.size });
  }

  /** A newcomer gets the place of a member that is away. */
  #evict({ member }: Session, limit: PlaceLimit): void {
    this.#counters.add("chat_evicted_total", limit);
    this.#report({ event: "evicted", member: member.id, limit });
    this.hub.leave(member, Left.LOST);
  }

  #end({ member }: Session, reason: number = Left.LOST): void {
    // Harmless if it has left already.
    this.hub.leave(member, member.slow ? Left.SLOW : reason);
  }

  /** A member has left the room: its session is over. */
  #ended({ id }: Member, reason: number): void {
    this.#absences.remove(id);
    this.#sessions.delete(id);
    this.#lanes.leave(id);
    this.#adapter?.removeMember(id);
    this.government.left();
    // A room that is kept only pauses: nobody leaves.
    if (this.#stopping && this.#options.journal) return;
    const why = leftReason(reason);
    this.#counters.add("chat_left_total", why);
    this.#report({ event: "left", member: id, reason: why, members: this.hub.size });
  }

  /** Looks after what changes by time alone. */
  #tick(): void {
    this.#budgets.sweep();
    this.#lanes.sweep();
    checkIdle(this.#sessions.values(), this.#options.idleMs);
  }

  /** Makes an admitted client a member, or gives a member its new connection. */
  #enter(connection: Connection, admitted: Admitted): Session {
    switch (admitted.kind) {
      case "join": {
        const { profile, seat, nonce } = admitted;
        const { session, start } = this.#join(connection, profile, { seat });
        session.nonce = nonce;
        this.#welcome(connection, session, start, admitted.key);
        this.#reportJoined(session, connection);
        return session;
      }
      case "resume":
        return this.#resume(connection, admitted.resume, admitted.nonce);
      case "adapt":
        return this.#adapt(connection, admitted.adapter, admitted.first);
    }
  }

  /** Makes a client of another protocol a member; `first` is the read under way. */
  #adapt(connection: Connection, adapter: ProtocolAdapter, first: Promise<boolean>): Session {
    const adapted = adapter.adapt(connection.port, () => connection.wake());
    const { session } = this.#join(connection, adapted.profile, { noDirect: true });
    session.adapted = adapted;
    session.reading = first;
    adapted.attach(session.member);
    connection.closed.then(() => adapted.close());
    connection.admit(MAX_FRAME);
    connection.attach(adapted);
    this.#reportJoined(session, connection);
    return session;
  }

  /** Reserves a seat for a new client. */
  #reserve({ hostname }: Connection): ReservedSeat {
    this.#places.check(networkOf(hostname));
    const { log, fold } = this.hub;
    return {
      ...this.hub.reserve(),
      body: { log: fold.config.name, room: log.end, ...this.#chainAt(log.end) },
    };
  }

  /** The chain at a position of the room's log, as a field of SEAT and WELCOME. */
  #chainAt(position: number): { chain?: string } {
    const chain = this.hub.fold.chain?.at(position);
    return chain ? { chain: toBase64Url(chain) } : {};
  }

  #join(
    connection: Connection,
    profile: Uint8Array,
    { seat, noDirect = false }: { seat?: ReservedSeat; noDirect?: boolean },
  ): { session: Session; start: Start } {
    const network = networkOf(connection.hostname);
    if (!seat) this.#places.check(network);
    try {
      this.#places.take(network);
    } catch (error) {
      if (seat) this.hub.release(seat);
      throw error;
    }
    const outlet = this.#outletOf(connection, () => session);
    const { member, start } = this.hub.join(profile, outlet, { network, noDirect }, seat);
    const session = this.#open(member, connection);
    return { session, start };
  }

  /** Begins the session of a member. */
  #open(member: Member, connection: Connection | undefined): Session {
    const { id, network, profile } = member.state;
    const session: Session = {
      member,
      connection,
      nonce: undefined,
      rateLimiter: this.#budgets.memberOf(network),
      floodGuard: new FloodGuard(),
      isOver: false,
      reading: undefined,
    };
    this.#sessions.set(id, session);
    this.#adapter?.setMember(id, profile);
    return session;
  }

  #reportJoined({ member }: Session, { peer }: Connection): void {
    this.#counters.add("chat_joined_total");
    this.#report({ event: "joined", member: member.id, peer, members: this.hub.size });
  }

  /** Gives a session its new connection, even if the previous one still seems open. */
  #resume(connection: Connection, resume: Resume, nonce: string): Session {
    const state = this.hub.fold.find(resume.token);
    const session = state && this.#sessions.get(state.id);
    const gone = () => new ProtocolError<ErrorCode>("gone", "this session is over: join again");
    // A client that cannot prove that the session is its own MUST NOT disturb it.
    if (!session) throw this.government.removed(resume.token) ?? gone();
    const { chain } = this.hub.fold;
    const seen = chain?.at(resume.room);
    if (chain && !(seen && checkResume(state.key, nonce, { ...resume, chain: seen }))) throw gone();
    const { member, connection: before } = session;
    before?.attach(undefined);
    this.#lanes.detach(member.id);
    session.connection = undefined;
    before?.close();
    this.#absences.remove(member.id);
    const { room, own } = resume;
    const wanted = { ...resume, network: networkOf(connection.hostname) };
    if (!this.hub.resume(member, wanted, this.#outletOf(connection, () => session))) {
      // Its client will join as a new member: the old one must not stay in the list beside it.
      this.#end(session);
      throw gone();
    }
    session.connection = connection;
    session.nonce = nonce;
    // It need not wait for this: its frames do.
    session.rateLimiter?.take(RESUME_COST, this.#now());
    this.#welcome(
      connection,
      session,
      { room, own, members: 0, said: this.hub.fold.said },
      state.key,
    );
    this.#counters.add("chat_resumed_total");
    this.#report({ event: "resumed", member: member.id, peer: connection.peer });
    return session;
  }

  #welcome(
    connection: Connection,
    { member, rateLimiter }: Session,
    start: Start,
    key: Uint8Array = new Uint8Array(0),
  ): void {
    const { accepted } = member.state;
    const { graceMs: grace, advertise: servers = [] } = this.#options;
    const token = drawToken();
    const left = rateLimiter?.left(this.#now());
    this.hub.addSession(member, { token, key });
    connection.admit(MAX_FRAME);
    connection.send(
      encodeWelcome(member.id, {
        ...start,
        ...this.#chainAt(start.room),
        accepted,
        token,
        grace,
        ...(left && { left }),
        servers,
      }),
    );
    connection.attach(this.#lanes.sourceOf(member));
  }

  #outletOf(connection: Connection, session: () => Session): Outlet {
    const end = (code: ErrorCode, message: string, before: readonly Uint8Array[] = []) => {
      this.#counters.add("chat_refused_total", code);
      connection.attach(undefined);
      this.#finish(connection, concat([...before, encodeError(code, message)]));
      // Do not wait for `finish`: a peer that does not read ends late. And the hub is still at work in this call.
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

  #report(event: ServerEvent): void {
    this.#options.onEvent?.(event);
  }
}
