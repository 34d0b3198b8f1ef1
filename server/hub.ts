// The room: one log, and a cursor into it for each member. Pure: frames in, frame bytes out; knows no
// socket, no cipher and no clock. Never waits for a member: what a member has not taken stays in the
// log. Who is too far behind loses its connection, and who falls off the log its membership.

import { concat } from "../text/bytes.ts";
import { Listing } from "./member_list.ts";
import {
  AckOutcome,
  Away,
  encodeAck,
  encodeFrame,
  type ErrorCode,
  type Frame,
  frameSize,
  HEADER_SIZE,
  Left,
  MAX_FRAME,
  readdress,
  Type,
} from "../protocol.ts";

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
/** A write of this size is worth its call: pieces are put together up to it. A larger one is not copied. */
const WRITE_SIZE = 64 * 1024;
/** Turns that are over are forgotten so many at a time: a few are in nobody's way. */
const OLD_TURNS = 64;

const NOTHING_READ = { position: -1, end: -1, bytes: new Uint8Array() };

interface Segment {
  /** The position of its first byte. */
  readonly start: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * A bounded log of frames. A position is the number of bytes appended before it, so it never changes
 * its meaning. Bytes stand in segments that are written once and never again: what `read` gave stays
 * as it is for as long as somebody holds it, even when the log has gone on (a write to a socket that
 * nobody reads can't be taken back).
 */
export class Log {
  readonly #capacity: number;
  readonly #segment: number;
  #segments: Segment[] = [];
  #end = 0;
  #begun = 0;
  /** What was read last: nearly always the next member is as far, and gets the same. */
  #last: { position: number; end: number; bytes: Uint8Array<ArrayBuffer> } = NOTHING_READ;

  /**
   * @param capacity bytes that can be read at most; the oldest go first, a segment at a time. Frames
   * are not cut, so segments have gaps at their ends: at worst as much memory again is held.
   * @param segment bytes of a segment; a frame that is larger gets one of its own
   */
  constructor(capacity: number, segment: number) {
    this.#capacity = capacity;
    this.#segment = segment;
  }

  /** The position of the oldest byte that is still there. */
  get start(): number {
    return this.#segments[0]?.start ?? this.#end;
  }

  /** The position behind the newest byte. */
  get end(): number {
    return this.#end;
  }

  /** How many segments there have been: when it grows, the log has moved on by one. */
  get begun(): number {
    return this.#begun;
  }

  /** Bytes of memory that the log holds. */
  get held(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /**
   * Appends a frame; returns the log's own copy of it, for the id to be set before anybody reads it.
   * The oldest segments are dropped where the log would grow over its capacity.
   */
  append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    let last = this.#segments.at(-1);
    if (!last || last.used + frame.length > last.bytes.length) {
      last = this.#begin(new Uint8Array(Math.max(this.#segment, frame.length)));
    }
    const copy = last.bytes.subarray(last.used, last.used + frame.length);
    copy.set(frame);
    last.used += frame.length;
    this.#end += frame.length;
    return copy;
  }

  /** Appends frames as a segment of their own, without a copy: their bytes MUST NOT change any more. */
  adopt(frames: Uint8Array<ArrayBuffer>): void {
    this.#begin(frames).used = frames.length;
    this.#end += frames.length;
  }

  #begin(bytes: Uint8Array<ArrayBuffer>): Segment {
    while (this.#segments.length > 0 && this.#end - this.start + bytes.length > this.#capacity) {
      this.#segments.shift();
    }
    const segment = { start: this.#end, bytes, used: 0 };
    this.#segments.push(segment);
    this.#begun++;
    return segment;
  }

  /**
   * Everything from `position` to `end` that stands in one piece: a segment may end before. Whole frames,
   * if one starts at `position` and one ends at `end`. Empty at the end of the log.
   *
   * @throws {RangeError} if the log does not reach back (or forward) to `position`
   */
  read(position: number, end: number = this.#end): Uint8Array<ArrayBuffer> {
    const last = this.#last;
    if (last.position === position && last.end === end && position >= this.start) return last.bytes;
    const segment = this.#find(position);
    if (!segment) return new Uint8Array();
    const { start, bytes, used } = segment;
    const piece = bytes.subarray(position - start, Math.min(used, end - start));
    if (end <= this.#end) this.#last = { position, end, bytes: piece };
    return piece;
  }

  /**
   * Whether the log has this position, and a frame starts or the log ends there: somebody else names it.
   * Looks at the frames of one segment.
   */
  isBoundary(position: number): boolean {
    if (position < this.start || position > this.#end) return false;
    const segment = this.#find(position);
    if (!segment) return true;
    let at = 0;
    while (at < position - segment.start) at += frameSize(segment.bytes.subarray(at));
    return at === position - segment.start;
  }

  /** @throws {RangeError} if the log does not have this position */
  #find(position: number): Segment | undefined {
    if (position < this.start || position > this.#end) {
      throw new RangeError(
        `Cannot read at ${position}: the log has ${this.start} to ${this.#end}`,
      );
    }
    // Nearly everybody reads near the end.
    return this.#segments.findLast(({ start }) => start <= position);
  }

  /** Drops the segments that end at or before `position`: everybody has read them. */
  trim(position: number): void {
    while (this.#segments.length > 0) {
      const { start, used } = this.#segments[0]!;
      if (start + used > position) return;
      this.#segments.shift();
    }
  }
}

/** How the hub reaches the connection of a member. No call may wait, throw, or call the hub. */
export interface Outlet {
  /** There is something to take. */
  wake(): void;
  /** The member is too far behind: from now on it is detached, and its connection MUST end. */
  cut(code: ErrorCode, message: string): void;
  /** The member has been dropped: there is nothing to take any more. */
  drop(code: ErrorCode, message: string): void;
}

/** A run of frames in a member's own log, and when it is their turn. */
interface Turn {
  /** The end of the room's log when they came: what stands before it goes first. */
  readonly room: number;
  /** Where the run ends in the own log. */
  end: number;
}

/** A member as its connection sees it. */
export class Member {
  readonly id: number;
  /** undefined while it has no connection: what comes waits for it. */
  outlet: Outlet | undefined;
  /** Its MEMBER frame. */
  #frame: Uint8Array<ArrayBuffer>;
  /** What each newcomer gets of it. */
  entry: Uint8Array<ArrayBuffer>;
  #away = false;
  /** It has lost its connection because it was too far behind. */
  slow = false;
  /** It knows no direct messages: none goes to it. */
  deaf = false;
  /** Why it left, one of `Left`; undefined as long as it has not. */
  left: number | undefined;
  /** What goes to this member alone. */
  readonly own: Log;
  /** How many direct messages of this member have been answered. */
  answered = 0;
  /** Up to where the room's log has been written to this member. */
  cursor: number;
  ownCursor = 0;

  readonly #room: Log;
  /** Where it started: nobody sees what was said before it came. */
  readonly #start: number;
  /** Up to where it has been taken: what is between cursor and this is on its way. */
  #taken: number;
  #ownTaken = 0;
  /** Up to where the own log need not be kept: its client has it, or the list stood there. */
  #kept = Infinity;
  /** The order between the two logs, for what is kept of the own one. */
  readonly #turns: Turn[] = [];
  /** The first of them that has not been taken. */
  #turn = 0;
  /** The list of members, while it goes out: those between `#lastListed` and this one are still to be told of. */
  #listing: Listing | undefined;
  #lastListed = 0;
  /** Where the room's log ends for this member, once it has left. */
  #end = Infinity;

  constructor(
    id: number,
    profile: Uint8Array,
    outlet: Outlet,
    room: Log,
    own: Log,
    listing: Listing,
  ) {
    this.id = id;
    this.#frame = this.entry = encodeFrame(Type.MEMBER, id, profile);
    this.outlet = outlet;
    this.own = own;
    this.#room = room;
    this.#listing = listing;
    this.#start = this.cursor = this.#taken = room.end;
  }

  /** The sealed profile. */
  get profile(): Uint8Array {
    return this.#frame.subarray(HEADER_SIZE);
  }

  /** For the hub. */
  set profile(profile: Uint8Array) {
    this.#frame = encodeFrame(Type.MEMBER, this.id, profile);
    this.away = this.#away;
  }

  /** The others have been told that its connection is lost. */
  get away(): boolean {
    return this.#away;
  }

  /** For the hub. */
  set away(away: boolean) {
    this.#away = away;
    this.entry = away ? concat([this.#frame, encodeAway(this.id, Away.AWAY)]) : this.#frame;
  }

  /** Bytes of the room's log that it has not taken. */
  get behind(): number {
    return this.#room.end - this.#taken;
  }

  /** Bytes of its own log that it has not been sent yet. */
  get ownBacklog(): number {
    return this.own.end - this.ownCursor;
  }

  /** A log does not reach back to where this member is: what is on its way already does not count. */
  get fallen(): boolean {
    return this.#taken < this.#room.start || this.#ownTaken < this.own.start;
  }

  /** The list of members is still going out. */
  get listing(): boolean {
    return this.#listing !== undefined;
  }

  /**
   * What is pending for this member, in one piece: whole frames, which never change; null if there is
   * nothing. First the list of members; then what is its own and what is the room's, in the order in which
   * it came. Nothing for who has fallen off a log: there would be a gap.
   *
   * MUST be called again only when what it gave before has been written: that is what moves the cursors.
   */
  take(): Uint8Array<ArrayBuffer> | null {
    this.cursor = this.#taken;
    if (this.ownCursor !== this.#ownTaken) {
      this.ownCursor = this.#ownTaken;
      this.#trim();
    }
    if (this.fallen) return null;
    // With as much else as goes out in this take, the list still goes on.
    if (this.#listing && this.ownBacklog < WRITE_SIZE) this.#list(this.#listing);
    const first = this.#next(Infinity);
    // Nearly always that is all: what the room has said, the same for many members.
    let next = first && this.#next(WRITE_SIZE - first.length);
    if (!first || !next) return first ?? null;
    const pieces = [first];
    for (let bytes = first.length; next; next = this.#next(WRITE_SIZE - bytes)) {
      pieces.push(next);
      bytes += next.length;
    }
    return concat(pieces);
  }

  /** Its client says up to where it has its own log. False if that was never written to it. */
  have(position: number): boolean {
    if (position > this.#ownTaken) return false;
    if (!this.#listing) {
      this.#kept = Math.max(this.#kept, position);
      this.#trim();
    }
    return true;
  }

  /**
   * Goes back to where its client says that it is: what came behind may have been lost on the way. False,
   * and nothing done, if it can't go on there: a log does not reach back, or was never there for it.
   */
  rewind(room: number, own: number): boolean {
    if (this.#listing || this.fallen || room < this.#start) return false;
    if (room > this.#taken || own > this.#ownTaken) return false;
    if (!this.#room.isBoundary(room) || !this.own.isBoundary(own)) return false;
    this.slow = false;
    this.cursor = this.#taken = room;
    this.ownCursor = this.#ownTaken = own;
    this.#turn = this.#turns.findIndex(({ end }) => end > own);
    if (this.#turn === -1) this.#turn = this.#turns.length;
    return true;
  }

  /** For the hub: appends a frame, or several, to the own log; returns the log's copy. */
  append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = this.own.append(frame);
    this.#takeTurn();
    return copy;
  }

  /** What has been appended to the own log has its turn when all that the room has had has gone out. */
  #takeTurn(): void {
    // What comes while the list goes out goes with it, before all that is the room's.
    const room = this.#listing ? this.#taken : this.#room.end;
    const last = this.#turns.at(-1);
    // A run that has been taken whole is over: another begins.
    if (last?.room === room && this.#turn < this.#turns.length) last.end = this.own.end;
    else this.#turns.push({ room, end: this.own.end });
  }

  /** For the hub: somebody leaves that this member has not been told of, and may still hear. */
  listBefore(leaver: Member): void {
    if (this.#listing && leaver.id > this.#lastListed && leaver.id < this.id) {
      this.append(leaver.entry);
    }
  }

  /** For the hub: this member has left; what came before can still be taken. */
  close(): void {
    this.#end = this.#room.end;
    // From now on nobody tells it of those who leave before they are listed: they stay in its list.
    this.#listing = this.#listing?.part(this.#lastListed, this.id);
  }

  /** Takes the next piece; undefined if there is none, or none that fits into `space` bytes. */
  #next(space: number): Uint8Array<ArrayBuffer> | undefined {
    const turn = this.#turns[this.#turn];
    if (turn && turn.room <= this.#taken) {
      const own = this.own.read(this.#ownTaken, turn.end);
      if (own.length > space) return undefined;
      this.#ownTaken += own.length;
      if (this.#ownTaken === turn.end) this.#turn++;
      return own;
    }
    const end = Math.min(turn?.room ?? Infinity, this.#end, this.#room.end);
    // Until it knows who is there, a member could not tell who says something.
    if (this.#listing || this.#taken >= end) return undefined;
    const room = this.#room.read(this.#taken, end);
    if (room.length > space) return undefined;
    this.#taken += room.length;
    return room;
  }

  /** Appends the next piece of the list of members. Who came later is told of by the room's log. */
  #list(listing: Listing): void {
    const { bytes, last, more } = listing.slice(this.#lastListed, this.id);
    this.#lastListed = last;
    if (bytes.length > 0) {
      this.own.adopt(bytes);
      this.#takeTurn();
    }
    if (more) return;
    this.#listing = undefined;
    this.#kept = this.own.end;
  }

  /** Drops what has been written of the own log and need not be kept. */
  #trim(): void {
    this.own.trim(Math.min(this.ownCursor, this.#kept));
    // Many are looked for only where there are many: so each is looked at a few times.
    if (this.#turn < OLD_TURNS || this.#turns[OLD_TURNS - 1]!.end > this.own.start) return;
    let over = OLD_TURNS;
    while (over < this.#turn && this.#turns[over]!.end <= this.own.start) over++;
    this.#turns.splice(0, over);
    this.#turn -= over;
  }
}

function encodeAway(id: number, state: number): Uint8Array<ArrayBuffer> {
  return encodeFrame(Type.AWAY, id, Uint8Array.of(state));
}

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
    for (const other of this.#newcomers) if (other.fallen) this.#drop(other);
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
    if (!to || to.deaf) outcome = AckOutcome.GONE;
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
    if (member.fallen) this.#drop(member);
    else member.outlet?.wake();
  }

  /** The log has gone on by a segment, and may have lost one: who had not been sent that can't go on. */
  #endSlow(): void {
    // The LEFT of one can make the log go on by another, and so drop others, in the midst of this.
    for (const member of this.#members.values()) {
      if (member.fallen) this.#drop(member);
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
