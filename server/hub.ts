// The room as one server sees it: puts entries into the room's order for its own members, and tells their connections
// what to write. The fold has the state. Pure: frames in, frame bytes out; knows no socket and no cipher. Never waits
// for a member: what a member has not taken stays in the log. A member that is too far behind loses its connection; if
// its log is overrun, it leaves the room.

import { equals } from "@std/bytes/equals";
import { AckOutcome, type Frame, Left } from "../protocol.ts";
import {
  encodeHaveBody,
  encodeJoin,
  encodeOrder,
  encodeResumeBody,
  encodeSession,
  encodeSizes,
  encodeTrim,
  type Entry,
  Kind,
  type OrderBody,
  type ResumeBody,
  type SessionBody,
  type Sizes,
} from "./entry.ts";
import type { Rules } from "../protocol/moderation.ts";
import { type Applied, Fold, type FoldConfig, ROOM_LOG_SIZE } from "./fold.ts";
import type { SavedGovernance } from "./governance.ts";
import { Member, type Outlet } from "./member.ts";
import { MemoryOrder, type Order } from "./order.ts";
import type { Log } from "./room_log.ts";

/**
 * Bytes by which a connected member may fall behind. Less than the log holds, so a member that is disconnected for it
 * can still resume.
 */
export const BACKLOG = 4 * 1024 * 1024;

/** HAVE is put after this many bytes more of a member's own log, or after this time, in ms. */
const HAVE_SIZE = 16 * 1024;
const HAVE_MS = 10_000;

const NOTHING = new Uint8Array(0);
const MAX_U32 = 2 ** 32 - 1;

/** Where a new member starts, as WELCOME reports it. */
export interface Start {
  /** Its position in the room's log. */
  readonly room: number;
  /** Its position in its own log. */
  readonly own: number;
  /** How many members were in the room before it. */
  readonly members: number;
  /** How many messages had been sent to the room before. */
  readonly said: number;
  /** How the room was governed then. */
  readonly rules?: Rules;
}

export interface HubOptions extends Partial<Omit<FoldConfig, "name">> {
  /** The name of the room's log: `TOKEN_SIZE` bytes in unpadded base64url. */
  name: string;
  /** A room that goes on; `goOn` follows. Its own name and chain count. */
  fold?: Fold | undefined;
  /** For a new room: how an earlier one was governed. */
  governance?: SavedGovernance | undefined;
  /** Receives each entry before it is applied. */
  record?: ((entry: Entry) => void) | undefined;
  /** Bytes by which a connected member may fall behind; by default at most half of the log. */
  backlog?: number;
  /** Calls the function soon, after all frames of the same turn are appended: one write then carries all of them. */
  schedule?: (flush: () => void) => void;
  /** The clock, in ms since 1970. */
  clock: () => number;
  /** A member of this server has left, for this reason, one of `Left`. MUST NOT call the hub. */
  onLeave?: (member: Member, reason: number) => void;
}

/** A reserved member id, and the connection that it is for. */
export interface Seat {
  readonly id: number;
  readonly connection: number;
}

/** Where a member comes from, and what it can do. */
export interface Origin {
  readonly network?: string;
  readonly noDirect?: boolean;
}

/** The members of this server. Frames of a member that has left are ignored: nothing may follow its LEFT. */
export class Hub {
  readonly fold: Fold;
  readonly #order: Order<Applied>;
  readonly #sizes: Partial<Sizes>;
  readonly #record: (entry: Entry) => void;
  readonly #backlog: number;
  readonly #schedule: (flush: () => void) => void;
  readonly #clock: () => number;
  readonly #onLeave: (member: Member, reason: number) => void;
  /** In the order of joining. */
  readonly #members = new Map<number, Member>();
  /** Numbers the connections. */
  #connections = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: HubOptions) {
    const { logSize = ROOM_LOG_SIZE, clock } = options;
    const { ownSize, ownTotal } = options;
    this.#sizes = { logSize, ...(ownSize && { ownSize }), ...(ownTotal && { ownTotal }) };
    this.#record = options.record ?? (() => {});
    this.fold = options.fold ?? new Fold(options);
    if (!options.fold && options.governance) this.fold.governance.restore(options.governance);
    this.#connections = this.fold.connections;
    this.#order = new MemoryOrder((entry) => this.#apply(entry), clock);
    this.#backlog = options.backlog ?? Math.min(BACKLOG, logSize / 2);
    this.#schedule = options.schedule ?? queueMicrotask;
    this.#clock = clock;
    this.#onLeave = options.onLeave ?? (() => {});
  }

  /**
   * Takes over the room that was given: its members have no connection now. Those that can never resume leave, and
   * seats are given up. Returns the others.
   */
  goOn(): Member[] {
    const { config } = this.fold;
    const sizes = { ...config, ...this.#sizes };
    const isChanged = !equals(encodeSizes(sizes), encodeSizes(config));
    if (isChanged) this.#putForRoom(Kind.CONFIG, encodeSizes(sizes));
    for (const [id, connection] of [...this.fold.seats()]) this.release({ id, connection });
    for (const state of this.fold.members()) {
      const member = new Member(state, undefined, this.log, () => undefined);
      // Where its client is, only the client knows.
      member.rewind(this.log.end, state.own.log.start);
      this.#members.set(member.id, member);
    }
    for (const member of [...this.#members.values()]) {
      if (!member.state.lasting) this.leave(member, Left.LOST);
    }
    return [...this.#members.values()];
  }

  /** The room's log before a position need not be kept any more. */
  trim(position: number): void {
    if (position > this.log.start) this.#putForRoom(Kind.TRIM, encodeTrim(position));
  }

  #putForRoom(kind: Kind, bytes: Uint8Array): void {
    this.#put({ kind, connection: 0, member: 0, bytes });
  }

  /** What all members see. */
  get log(): Log {
    return this.fold.log;
  }

  /** How many members the room has. A closed room has those whose connections have not ended yet. */
  get size(): number {
    return this.#closed ? this.#members.size : this.fold.size;
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** Reserves a seat, which `join` or `release` uses up. */
  reserve(): Seat {
    const connection = this.#nextConnection();
    let id = 0;
    this.#put({ kind: Kind.SEAT, connection, member: 0, bytes: NOTHING }, (applied) => {
      if (applied.what === "seated") id = applied.id;
    });
    return { id, connection };
  }

  /** An entry has 32 bits for it. When it begins again at 1, the connections with those numbers are long over. */
  #nextConnection(): number {
    return this.#connections = this.#connections % MAX_U32 + 1;
  }

  /** Gives up a seat. */
  release({ id, connection }: Seat): void {
    this.#put({ kind: Kind.LEAVE, connection, member: id, bytes: NOTHING });
  }

  /**
   * Adds a member. It starts at the end of the log, just before its own JOINED, so it sees nothing that was sent
   * before. MEMBER frames tell it who is in the room.
   *
   * @throws {RangeError} if the seat was used up before
   */
  join(
    profile: Uint8Array,
    outlet: Outlet,
    { network = "", noDirect = false }: Origin = {},
    { id, connection }: Seat = this.reserve(),
  ): { member: Member; start: Start } {
    let joined: { member: Member; start: Start } | undefined;
    const bytes = encodeJoin({ network, noDirect, profile });
    this.#put({ kind: Kind.JOIN, connection, member: id, bytes }, (applied) => {
      if (applied.what !== "joined") return;
      const { member: state, list, members, said, rules } = applied;
      const member = new Member(state, outlet, this.log, list);
      this.#members.set(id, member);
      joined = { member, start: { room: state.start, own: 0, members, said, rules } };
    });
    if (!joined) throw new RangeError(`Cannot take seat ${id}: it is not reserved`);
    return joined;
  }

  has(member: Member): boolean {
    return !member.isLeaving && this.#members.has(member.id);
  }

  /** A member can resume with one more token. */
  addSession(member: Member, session: SessionBody): void {
    this.#putFor(member, Kind.SESSION, encodeSession(session));
  }

  /** A member has lost its connection. New frames wait for it, as far as the logs reach back. */
  detach(member: Member): void {
    member.outlet = undefined;
  }

  /**
   * A member has a new connection, and continues at these positions of the two logs. Returns false and changes
   * nothing if it cannot continue there.
   */
  resume(member: Member, body: ResumeBody, outlet: Outlet): boolean {
    const { room, own } = body;
    if (!this.has(member) || this.#closed) return false;
    if (!this.fold.canResume(member.state, room, own)) return false;
    const connection = this.#nextConnection();
    let resumed = false;
    const bytes = encodeResumeBody(body);
    this.#put({ kind: Kind.RESUME, connection, member: member.id, bytes }, (applied) => {
      resumed = applied.what === "done";
      if (!resumed) return;
      member.rewind(room, own);
      member.put = member.state.accepted;
      member.have = { position: own, at: -Infinity };
      member.outlet = outlet;
    });
    return resumed;
  }

  /** The others see a member as away, until it resumes. */
  setAway(member: Member): void {
    this.#putFor(member, Kind.AWAY, NOTHING);
  }

  /** Removes a member, and reports the reason to the others: one of `Left`. Does nothing if it has left already. */
  leave(member: Member, reason: number): void {
    if (!this.has(member)) return;
    this.#putFor(member, Kind.LEAVE, Uint8Array.of(reason));
    member.isLeaving = true;
    // A closed room reports nothing to its members.
    if (this.#closed) this.#forget(member, reason);
  }

  /**
   * Sends a member's MESSAGE, PROFILE or TOPIC frame to all members, the member included: the same bytes, with its id.
   * Returns whether the room has taken it.
   */
  say(from: Member, frame: Frame): boolean {
    let isTaken = false;
    this.#putFor(from, Kind.FRAME, frame.bytes, (applied) => {
      isTaken = applied.what === "done";
      if (applied.what === "answered") this.#wakeOwn(from.id);
    });
    return isTaken;
  }

  /** Puts a member's MODERATE. @param done is called with the outcome, one of `AckOutcome` */
  moderate(from: Member, body: OrderBody, done?: (outcome: number) => void): void {
    this.#putFor(from, Kind.MODERATE, encodeOrder(body), (applied) => {
      this.#wakeOwn(from.id);
      if (applied.what === "governed") done?.(applied.outcome);
    });
  }

  /** Puts what the operator does; returns the outcome, one of `AckOutcome`. */
  govern(body: OrderBody): number {
    let outcome: number = AckOutcome.REFUSED;
    const bytes = encodeOrder(body);
    this.#put({ kind: Kind.MODERATE, connection: 0, member: 0, bytes }, (applied) => {
      if (applied.what === "governed") ({ outcome } = applied);
    });
    return outcome;
  }

  /**
   * Appends a member's MESSAGE frame to the receiver's own log, and an ACK to the sender's.
   *
   * @param done is called with the outcome, one of `AckOutcome`
   */
  tell(from: Member, frame: Frame, done?: (outcome: number) => void): void {
    this.#putFor(from, Kind.DIRECT, frame.bytes, (applied) => {
      if (applied.what !== "answered") return done?.(AckOutcome.GONE);
      if (applied.to && applied.to !== from.state) this.#wakeOwn(applied.to.id);
      this.#wakeOwn(from.id);
      done?.(applied.outcome);
    });
  }

  /** The client of a member has its own log up to this position. Returns false if that was never written to it. */
  have(member: Member, position: number): boolean {
    // A client sends it when it has its list.
    if (member.listing || position > member.ownTaken) return false;
    this.#putHave(member, position, true);
    return true;
  }

  /** Closes the room: members may take what is pending, and nothing new is appended. */
  close(): void {
    this.#closed = true;
  }

  #putFor(member: Member, kind: Kind, bytes: Uint8Array, done?: (applied: Applied) => void): void {
    if (!this.has(member)) return;
    const isNumbered = kind === Kind.FRAME || kind === Kind.DIRECT || kind === Kind.MODERATE;
    const { id, state: { connection } } = member;
    this.#put(
      { kind, connection, member: id, bytes, number: isNumbered ? ++member.put >>> 0 : 0 },
      done,
    );
  }

  #put(
    entry: Omit<Entry, "time" | "number"> & { number?: number },
    done?: (applied: Applied) => void,
  ): void {
    if (!this.#closed) this.#order.put({ number: 0, ...entry }, done);
  }

  /** Puts HAVE if it says enough. The first of a client, and of a connection, always does: they settle its tokens. */
  #putHave(member: Member, position: number, isConfirmed: boolean): void {
    const { have, state } = member;
    const at = this.#clock();
    const isFirst = isConfirmed && !state.lasting;
    // Clients repeat it, so that their server knows that they are there: that says nothing new.
    if (!isFirst && position === have.position && have.at > -Infinity) return;
    if (!isFirst && position - have.position < HAVE_SIZE && at - have.at < HAVE_MS) return;
    member.have = { position, at };
    this.#putFor(member, Kind.HAVE, encodeHaveBody({ position, isConfirmed }));
  }

  #apply(entry: Entry): Applied {
    const { start, end, begun } = this.log;
    this.#record(entry);
    const applied = this.fold.apply(entry);
    const member = this.#members.get(entry.member);
    if (member?.state.left) this.#forget(member, member.state.left.reason);
    if (applied.what === "governed" && applied.removed) this.#expel(applied);
    if (this.log.begun !== begun || this.log.start !== start) this.#endSlow();
    if (this.log.end !== end) this.#wakeAll();
    return applied;
  }

  /** A moderator or the operator has removed a member: it sees why. */
  #expel({ removed, notice }: Applied & { what: "governed" }): void {
    const member = this.#members.get(removed!.id);
    if (!member) return;
    const { outlet } = member;
    this.#forget(member, Left.REMOVED);
    outlet?.drop("removed", removed!.message, notice && [notice]);
  }

  #forget(member: Member, reason: number): void {
    member.isLeaving = true;
    this.#members.delete(member.id);
    this.#onLeave(member, reason);
  }

  /** A member of this server, perhaps, has something new in its own log. */
  #wakeOwn(id: number): void {
    const member = this.#members.get(id);
    if (!member || member.isLeaving) return;
    const { own, network } = member.state;
    if (member.overrun || own.isOverrun(network)) return this.#drop(member);
    // A client that sends no HAVE has what was written to it.
    if (!member.state.lasting && member.ownCursor - member.have.position >= HAVE_SIZE) {
      this.#putHave(member, member.ownCursor, false);
    }
    member.outlet?.wake();
  }

  /** The log has begun a segment, and may have dropped its oldest: members that had not taken that one cannot go on. */
  #endSlow(): void {
    for (const member of this.#members.values()) {
      if (member.isLeaving) continue;
      if (member.overrun) this.#drop(member);
      else if (member.outlet && member.lag() > this.#backlog) this.#cut(member, member.outlet);
    }
  }

  #cut(member: Member, outlet: Outlet): void {
    this.detach(member);
    member.slow = true;
    const MiB = Math.floor(this.#backlog / 2 ** 20);
    outlet.cut(
      "slow",
      `you read too slowly and were disconnected: more than ${MiB} MiB were waiting`,
    );
  }

  #drop(member: Member): void {
    const whose = member.cursor < this.log.start ? "the room's" : "your own";
    const { outlet } = member;
    this.leave(member, outlet || member.slow ? Left.SLOW : Left.LOST);
    outlet?.drop("slow", `you read too slowly and were disconnected: ${whose} log overflowed`);
  }

  #wakeAll(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      for (const member of this.#members.values()) member.outlet?.wake();
    });
  }
}
