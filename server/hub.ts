// The room: one log, and a cursor into it for each member. Pure: frames in, frame bytes out; knows no
// socket, no cipher and no clock. Never waits for a member: what a member has not taken stays in the
// log. A member that is too far behind loses its connection; if its log is overrun, it leaves the room.

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
 * Bytes of the room's log: how far a member may fall behind. At 64 bytes a message, about a hundred thousand
 * messages. It is the memory of the busiest room, however many members it has.
 */
export const ROOM_LOG_SIZE = 8 * 1024 * 1024;
/**
 * Bytes that a connected member may be behind. Less than the log holds, so a member that is disconnected for it
 * can still resume.
 */
export const BACKLOG = 4 * 1024 * 1024;
/** Bytes of direct messages that may wait for one member: two of the largest frames. */
export const OWN_LOG_SIZE = 2 * MAX_FRAME;

/** Bytes of a segment of the room's log: the largest frame fits, and the log is trimmed in small steps. */
const ROOM_SEGMENT = 512 * 1024;
/** Bytes of a segment of a member's own log: most members never need a second one. */
const OWN_SEGMENT = 1024;

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
}

export interface HubOptions {
  /** Bytes of the room's log. */
  logSize?: number;
  /** Bytes that a connected member may be behind; by default at most half of the log. */
  backlog?: number;
  /** Bytes that may wait for one member in its own log. */
  ownSize?: number;
  /** Calls the function soon, after all frames of the same turn are appended: one write then carries all of them. */
  schedule?: (flush: () => void) => void;
}

/**
 * All members of the room, and its log. Frames of a member that has left or was dropped are ignored: nothing may
 * follow its LEFT.
 */
export class Hub {
  /** What all members see: the same bytes for all of them, in one order. */
  readonly log: Log;
  /** How many messages have been sent to the room. */
  said = 0;
  readonly #backlog: number;
  readonly #ownSize: number;
  readonly #schedule: (flush: () => void) => void;
  /** In the order of joining, which is the order of the ids. */
  readonly #members = new Map<number, Member>();
  readonly #listing = new Listing();
  /** Members that are still being sent the list of members; some may have all of it already. */
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
   * Adds a member. It starts at the end of the log, just before its own JOINED, so it sees nothing that was sent
   * before. MEMBER frames tell it who is in the room.
   */
  join(profile: Uint8Array, outlet: Outlet): { member: Member; start: Start } {
    const id = ++this.#lastId;
    // Acknowledgements and a slice of the list may come on top of the limit for direct messages. If space runs
    // out, the log first drops what it keeps for a client that may resume.
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

  /** A member has lost its connection. New frames wait for it, as far as the logs reach back. */
  detach(member: Member): void {
    member.outlet = undefined;
  }

  /**
   * A member has a new connection, and continues at these positions of the two logs. Returns false and changes
   * nothing if it cannot continue there.
   */
  resume(member: Member, room: number, own: number, outlet: Outlet): boolean {
    if (!this.has(member) || !member.rewind(room, own)) return false;
    member.outlet = outlet;
    return true;
  }

  /** Reports to all members that a member is away, or back. */
  setAway(member: Member, away: boolean): void {
    if (!this.has(member) || member.away === away) return;
    member.away = away;
    this.#listing.change(member);
    this.#append(encodeAway(member.id, away ? Away.AWAY : Away.BACK));
  }

  /** Removes a member, and reports the reason to the others: one of `Left`. Does nothing if it has left already. */
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
    // If a newcomer takes nothing while very many members leave, its own log is overrun.
    for (const other of this.#newcomers) if (other.overrun) this.#drop(other);
  }

  /** Sends a member's MESSAGE frame to all members, its sender included: the same bytes, with the sender's id. */
  say(from: Member, frame: Frame): void {
    if (!this.has(from)) return;
    this.said++;
    this.#append(frame.bytes, from.id);
  }

  /** Appends a member's MESSAGE frame to the receiver's own log, and an ACK to the sender's. Returns the outcome. */
  tell(from: Member, frame: Frame): number {
    if (!this.has(from)) return AckOutcome.GONE;
    const to = this.#members.get(frame.id);
    let outcome: number = AckOutcome.ACCEPTED;
    if (!to || to.noDirect) outcome = AckOutcome.GONE;
    else if (to.listing || to.ownBacklog + frame.bytes.length > this.#ownSize) {
      // No direct message may come within the list of members, and without the list its sender is unknown.
      outcome = AckOutcome.BUSY;
    } else this.#appendOwn(to, frame.bytes, from.id);
    from.answered++;
    this.#appendOwn(from, encodeAck(frame.id, { count: from.answered, outcome }));
    return outcome;
  }

  /** Gives a member a new profile. */
  setProfile(member: Member, profile: Uint8Array): void {
    if (!this.has(member)) return;
    member.profile = profile;
    this.#listing.change(member);
    this.#append(encodeFrame(Type.PROFILE, member.id, profile));
  }

  /** Closes the room: members may take what is pending, and nothing new is appended. */
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

  /** The log has begun a segment, and may have dropped its oldest: members that had not taken that one cannot go on. */
  #endSlow(): void {
    // The LEFT of one member may begin another segment, and so drop further members during this loop.
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
