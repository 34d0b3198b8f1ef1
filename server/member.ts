// TODO: say what this is.

import { Away, encodeFrame, type ErrorCode, HEADER_SIZE, Type } from "../protocol.ts";
import { concat } from "@std/bytes/concat";
import { Listing } from "./member_list.ts";
import { Log } from "./room_log.ts";

/** A write of this size is worth its call: pieces are put together up to it. A larger one is not copied. */
const WRITE_SIZE = 64 * 1024;
/** TurnLimiter that are over are forgotten so many at a time: a few are in nobody's way. */
const OLD_RUNS_BATCH = 64;

/** How the hub reaches the connection of a member. No call may wait, throw, or call the hub. */
export interface Outlet {
  /** There is something to take. */
  wake(): void;
  /** The member is too far behind: from now on it is detached, and its connection MUST end. */
  cut(code: ErrorCode, message: string): void;
  /** The member has been dropped: there is nothing to take any more. */
  drop(code: ErrorCode, message: string): void;
}

/** A run of frames in a member's own log, and when it is their run. */
interface OwnLogRun {
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
  noDirect = false;
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
  readonly #runs: OwnLogRun[] = [];
  /** The first of them that has not been taken. */
  #nextRun = 0;
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
  get overrun(): boolean {
    return this.#taken < this.#room.start || this.#ownTaken < this.own.start;
  }

  /** The list of members is still going out. */
  get listing(): boolean {
    return this.#listing !== undefined;
  }

  /**
   * What is pending for this member, in one piece: whole frames, which never change; null if there is
   * nothing. First the list of members; then what is its own and what is the room's, in the order in which
   * it came. Nothing for who has overrun off a log: there would be a gap.
   *
   * MUST be called again only when what it gave before has been written: that is what moves the cursors.
   */
  take(): Uint8Array<ArrayBuffer> | null {
    this.cursor = this.#taken;
    if (this.ownCursor !== this.#ownTaken) {
      this.ownCursor = this.#ownTaken;
      this.#trim();
    }
    if (this.overrun) return null;
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
    if (this.#listing || this.overrun || room < this.#start) return false;
    if (room > this.#taken || own > this.#ownTaken) return false;
    if (!this.#room.isBoundary(room) || !this.own.isBoundary(own)) return false;
    this.slow = false;
    this.cursor = this.#taken = room;
    this.ownCursor = this.#ownTaken = own;
    this.#nextRun = this.#runs.findIndex(({ end }) => end > own);
    if (this.#nextRun === -1) this.#nextRun = this.#runs.length;
    return true;
  }

  /** For the hub: appends a frame, or several, to the own log; returns the log's copy. */
  append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = this.own.append(frame);
    this.#extendRun();
    return copy;
  }

  /** What has been appended to the own log has its run when all that the room has had has gone out. */
  #extendRun(): void {
    // What comes while the list goes out goes with it, before all that is the room's.
    const room = this.#listing ? this.#taken : this.#room.end;
    const last = this.#runs.at(-1);
    // A run that has been taken whole is over: another begins.
    if (last?.room === room && this.#nextRun < this.#runs.length) last.end = this.own.end;
    else this.#runs.push({ room, end: this.own.end });
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
    const run = this.#runs[this.#nextRun];
    if (run && run.room <= this.#taken) {
      const own = this.own.read(this.#ownTaken, run.end);
      if (own.length > space) return undefined;
      this.#ownTaken += own.length;
      if (this.#ownTaken === run.end) this.#nextRun++;
      return own;
    }
    const end = Math.min(run?.room ?? Infinity, this.#end, this.#room.end);
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
      this.#extendRun();
    }
    if (more) return;
    this.#listing = undefined;
    this.#kept = this.own.end;
  }

  /** Drops what has been written of the own log and need not be kept. */
  #trim(): void {
    this.own.trim(Math.min(this.ownCursor, this.#kept));
    // Many are looked for only where there are many: so each is looked at a few times.
    if (this.#nextRun < OLD_RUNS_BATCH || this.#runs[OLD_RUNS_BATCH - 1]!.end > this.own.start) {
      return;
    }
    let over = OLD_RUNS_BATCH;
    while (over < this.#nextRun && this.#runs[over]!.end <= this.own.start) over++;
    this.#runs.splice(0, over);
    this.#nextRun -= over;
  }
}

export function encodeAway(id: number, state: number): Uint8Array<ArrayBuffer> {
  return encodeFrame(Type.AWAY, id, Uint8Array.of(state));
}
