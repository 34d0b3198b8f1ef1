// The room: one log, and a cursor into it for each member. Pure: frames in, frame bytes out; knows no
// socket, no cipher and no clock. Never waits for a member: what a member has not taken stays in the
// log. Who is too far behind loses its connection, and who falls off the log its membership.

import {
  AckOutcome,
  Away,
  encodeAck,
  encodeFrame,
  type Frame,
  Left,
  MAX_FRAME,
  readdress,
  Type,
} from "../protocol.ts";
import { encodeAway, Member, type Outlet } from "./member.ts";
import { Listing } from "./member_list.ts";
import { Log } from "./room_log.ts";

/**
 * Bytes of the room's log: how far a member may fall behind the room. At 64 bytes a message that is
 * some hundred thousand messages; it is what the busiest room costs, whatever its number of members.
 */
export const ROOM_LOG_SIZE = 8 * 1024 * 1024;
/**
 * Bytes that a member may be behind while it is connected. Less than the log has: so who is disconnected
 * for it can still go on where it was.
 */
export const BACKLOG = 4 * 1024 * 1024;
/** Bytes of direct messages that may wait for one member: two of the largest. */
export const OWN_LOG_SIZE = 2 * MAX_FRAME;

/** A segment of the room's log: a largest frame fits, and a log has enough of them to end in small steps. */
const ROOM_SEGMENT = 512 * 1024;
/** A segment of a member's own log: most members never get more than one. */
const OWN_SEGMENT = 1024;

/** Where a new member starts. */
export interface Start {
  /** In the room's log. */
  readonly room: number;
  /** In its own log. */
  readonly own: number;
  /** How many were in the room before it. */
  readonly members: number;
  /** How many messages the room had had. */
  readonly said: number;
}

export interface HubOptions {
  /** Bytes of the room's log. */
  logSize?: number;
  /** Bytes that a connected member may be behind; half of the log if it is not given. */
  backlog?: number;
  /** Bytes that may wait for one member in its own log. */
  ownSize?: number;
  /**
   * Calls the function soon, once what has come in the same turn has been appended too: so one
   * write carries all of it.
   */
  schedule?: (flush: () => void) => void;
}

/**
 * Everybody in the room, and what has been said. What a member sends after it has left or been dropped
 * is ignored: nothing may follow its LEFT.
 */
export class Hub {
  /** What all members see, in one order, the same bytes for everybody. */
  readonly log: Log;
  /** How many messages to the room there have been. */
  said = 0;
  readonly #backlog: number;
  readonly #ownSize: number;
  readonly #schedule: (flush: () => void) => void;
  /** In the order of joining, which is that of the ids. */
  readonly #members = new Map<number, Member>();
  readonly #listing = new Listing();
  /** To whom the list of members is going out; some may be through. */
  readonly #newcomers = new Set<Member>();
  #lastId = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: HubOptions = {}) {
    const logSize = options.logSize ?? ROOM_LOG_SIZE;
    this.log = new Log(logSize, Math.min(ROOM_SEGMENT, Math.ceil(logSize / 4)));
    this.#backlog = options.backlog ?? Math.min(BACKLOG, logSize / 2);
    this.#ownSize = options.ownSize ?? OWN_LOG_SIZE;
    this.#schedule = options.schedule ?? queueMicrotask;
  }

  get size(): number {
    return this.#members.size;
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  /**
   * Lets somebody in. It starts at the end of the log, just before its own JOINED, and so sees nothing of
   * before; who is there it learns from MEMBER frames.
   */
  join(profile: Uint8Array, outlet: Outlet): { member: Member; start: Start } {
    const id = ++this.#lastId;
    // What waits may exceed the limit for direct messages by acknowledgements and a slice of the list; what
    // is kept behind it, for a client that comes back, goes first.
    const own = new Log(this.#ownSize + MAX_FRAME, OWN_SEGMENT);
    const member = new Member(id, profile, outlet, this.log, own, this.#listing);
    const start = {
      room: member.cursor,
      own: 0,
      members: this.#members.size,
      said: this.said,
    };
    this.#members.set(id, member);
    this.#listing.add(member);
    this.#newcomers.add(member);
    this.#append(encodeFrame(Type.JOINED, id, profile));
    return { member, start };
  }

  has(member: Member): boolean {
    return this.#members.has(member.id);
  }

  /** A member's connection is lost; what comes waits for it, as long as the logs reach back. */
  detach(member: Member): void {
    member.outlet = undefined;
  }

  /**
   * A member's client is back, at these positions of the two logs. False, and nothing done, if it can't go on
   * there.
   */
  resume(member: Member, room: number, own: number, outlet: Outlet): boolean {
    if (!this.has(member) || !member.rewind(room, own)) return false;
    member.outlet = outlet;
    return true;
  }

  /** Tells the others whether a member's connection is lost. */
  setAway(member: Member, away: boolean): void {
    if (!this.has(member) || member.away === away) return;
    member.away = away;
    this.#listing.change(member);
    this.#append(encodeAway(member.id, away ? Away.AWAY : Away.BACK));
  }

  /** Lets a member go, and tells the others why: one of `Left`. Does nothing if it has gone. */
  leave(member: Member, reason: number): void {
    if (!this.#members.delete(member.id)) return;
    this.#listing.remove(member);
    this.#newcomers.delete(member);
    for (const other of this.#newcomers) {
      if (other.listing) other.listBefore(member);
      else this.#newcomers.delete(other);
    }
    member.left = reason;
    member.close();
    this.#append(encodeFrame(Type.LEFT, member.id, Uint8Array.of(reason)));
    // Who takes nothing while very many leave falls off its own log.
    for (const other of this.#newcomers) if (other.overrun) this.#drop(other);
  }

  /** A MESSAGE frame of a member goes to everybody, its sender too: the same bytes, with the sender's id. */
  say(from: Member, frame: Frame): void {
    if (!this.has(from)) return;
    this.said++;
    this.#append(frame.bytes, from.id);
  }

  /** A MESSAGE frame of a member goes to one other's own log; the sender gets an ACK. Returns its outcome. */
  tell(from: Member, frame: Frame): number {
    if (!this.has(from)) return AckOutcome.GONE;
    const to = this.#members.get(frame.id);
    let outcome: number = AckOutcome.ACCEPTED;
    if (!to || to.noDirect) outcome = AckOutcome.GONE;
    else if (to.listing || to.ownBacklog + frame.bytes.length > this.#ownSize) {
      // In the list of members there is no place for it, and without the list no way to know its sender.
      outcome = AckOutcome.BUSY;
    } else this.#appendOwn(to, frame.bytes, from.id);
    from.answered++;
    this.#appendOwn(from, encodeAck(frame.id, { count: from.answered, outcome }));
    return outcome;
  }

  /** A member has a new profile. */
  setProfile(member: Member, profile: Uint8Array): void {
    if (!this.has(member)) return;
    member.profile = profile;
    this.#listing.change(member);
    this.#append(encodeFrame(Type.PROFILE, member.id, profile));
  }

  /** Ends the room: members may take what is pending, and nothing comes any more. */
  close(): void {
    this.#closed = true;
  }

  #append(frame: Uint8Array, from?: number): void {
    if (this.#closed) return;
    const { begun } = this.log;
    const copy = this.log.append(frame);
    if (from !== undefined) readdress(copy, Type.MESSAGE, from);
    if (this.log.begun !== begun) this.#endSlow();
    this.#wakeAll();
  }

  #appendOwn(member: Member, frame: Uint8Array, from?: number): void {
    if (this.#closed) return;
    const copy = member.append(frame);
    if (from !== undefined) readdress(copy, Type.DIRECT, from);
    if (member.overrun) this.#drop(member);
    else member.outlet?.wake();
  }

  /** The log has gone on by a segment, and may have lost one: who had not been sent that can't go on. */
  #endSlow(): void {
    // The LEFT of one can make the log go on by another, and so drop others, in the midst of this.
    for (const member of this.#members.values()) {
      if (member.overrun) this.#drop(member);
      else if (member.outlet && member.behind > this.#backlog) this.#cut(member, member.outlet);
    }
  }

  #cut(member: Member, outlet: Outlet): void {
    this.detach(member);
    member.slow = true;
    const MiB = Math.floor(this.#backlog / 2 ** 20);
    outlet.cut(
      "slow",
      `you were more than ${MiB} MiB behind: the room talks faster than you read`,
    );
  }

  #drop(member: Member): void {
    const whose = member.cursor < this.log.start ? "the room's" : "your own";
    const { outlet } = member;
    this.leave(member, outlet || member.slow ? Left.SLOW : Left.LOST);
    outlet?.drop("slow", `you fell off ${whose} log: it grew faster than you read it`);
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
