// A member: its cursor in the room's log, its own log, and the order between the two. The hub appends, the member's
// connection takes. Pure; knows no socket, and no other member but those in the list it is sent.

import { Away, encodeFrame, type ErrorCode, HEADER_SIZE, Type } from "../protocol.ts";
import { concat } from "@std/bytes/concat";
import { Listing } from "./member_list.ts";
import { Log } from "./room_log.ts";

/** Bytes up to which pieces are joined into one write. Larger pieces are not copied. */
const WRITE_SIZE = 64 * 1024;
/** How many finished runs are forgotten at a time: keeping a few costs less than removing each. */
const OLD_RUNS_BATCH = 64;

/** How the hub reaches the connection of a member. Its functions MUST NOT wait, throw, or call the hub. */
export interface Outlet {
  /** The member has something to take. */
  wake(): void;
  /** The member is too far behind: from now on it is detached, and its connection MUST end. */
  cut(code: ErrorCode, message: string): void;
  /** The member was dropped from the room: it has nothing more to take. */
  drop(code: ErrorCode, message: string): void;
}

/** A run of frames in a member's own log, and when it is sent. */
interface OwnLogRun {
  /** The end of the room's log when the run began: everything before that is sent first. */
  readonly room: number;
  /** Where the run ends, in the own log. */
  end: number;
}

/** A member, as the hub and its connection see it. */
export class Member {
  readonly id: number;
  /** undefined while it has no connection; new frames wait for it. */
  outlet: Outlet | undefined;
  /** Its MEMBER frame. */
  #frame: Uint8Array<ArrayBuffer>;
  /** The frames that each newcomer gets about it. */
  entry: Uint8Array<ArrayBuffer>;
  #away = false;
  /** It lost its connection because it was too far behind. */
  slow = false;
  /** It cannot receive direct messages. */
  noDirect = false;
  /** Why it left, one of `Left`; undefined while it is in the room. */
  left: number | undefined;
  /** What only this member receives. */
  readonly own: Log;
  /** How many direct messages of this member have been answered with ACK. */
  answered = 0;
  /** The position up to which the room's log has been written to this member. */
  cursor: number;
  ownCursor = 0;

  readonly #room: Log;
  /** Where it started: a member never sees what was sent before it joined. */
  readonly #start: number;
  /** The position up to which it has been taken: bytes between `cursor` and this one are being written. */
  #taken: number;
  #ownTaken = 0;
  /** The position up to which the own log need not be kept: the client has that, or it was the list. */
  #kept = Infinity;
  /** The order between the two logs, for the part of the own log that is kept. */
  readonly #runs: OwnLogRun[] = [];
  /** The index of the first run that has not been taken completely. */
  #nextRun = 0;
  /** The list of members while it is being sent: the members between `#lastListed` and this one are still missing. */
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

  /** Whether the others see it as away. */
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

  /** Bytes of its own log that have not been written to it. */
  get ownBacklog(): number {
    return this.own.end - this.ownCursor;
  }

  /** One of the logs has dropped bytes that this member has not taken. Bytes that are being written do not count. */
  get overrun(): boolean {
    return this.#taken < this.#room.start || this.#ownTaken < this.own.start;
  }

  /** The list of members is still being sent. */
  get listing(): boolean {
    return this.#listing !== undefined;
  }

  /**
   * Takes what is pending for this member: complete frames in one piece, whose bytes never change; null if nothing
   * is pending. First the list of members; then frames of both logs, in the order in which they were appended.
   * Nothing after an overrun: a gap would result.
   *
   * MUST be called again only after the bytes of the last call have been written: each call moves the cursors.
   */
  take(): Uint8Array<ArrayBuffer> | null {
    this.cursor = this.#taken;
    if (this.ownCursor !== this.#ownTaken) {
      this.ownCursor = this.#ownTaken;
      this.#trim();
    }
    if (this.overrun) return null;
    // If little else is waiting, the next part of the list goes with it.
    if (this.#listing && this.ownBacklog < WRITE_SIZE) this.#list(this.#listing);
    const first = this.#next(Infinity);
    // Nearly always this is all: bytes of the room's log, the same for many members.
    let next = first && this.#next(WRITE_SIZE - first.length);
    if (!first || !next) return first ?? null;
    const pieces = [first];
    for (let bytes = first.length; next; next = this.#next(WRITE_SIZE - bytes)) {
      pieces.push(next);
      bytes += next.length;
    }
    return concat(pieces);
  }

  /** Its client has its own log up to this position. Returns false if that was never written to it. */
  have(position: number): boolean {
    if (position > this.#ownTaken) return false;
    if (!this.#listing) {
      this.#kept = Math.max(this.#kept, position);
      this.#trim();
    }
    return true;
  }

  /**
   * Goes back to the positions that its client names, because later frames may have been lost on the way. Returns
   * false and changes nothing if it cannot go on there: a log no longer reaches back, or it never got that far.
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

  /** Puts what was just appended to the own log after everything that is in the room's log now. */
  #extendRun(): void {
    // Frames that are appended while the list is being sent go with it, before the room's log.
    const room = this.#listing ? this.#taken : this.#room.end;
    const last = this.#runs.at(-1);
    // A run that has been taken completely is over: a new one begins.
    if (last?.room === room && this.#nextRun < this.#runs.length) last.end = this.own.end;
    else this.#runs.push({ room, end: this.own.end });
  }

  /** For the hub: a member leaves. If it is still missing in the list that is being sent, its entry goes out now. */
  listBefore(leaver: Member): void {
    if (this.#listing && leaver.id > this.#lastListed && leaver.id < this.id) {
      this.append(leaver.entry);
    }
  }

  /** For the hub: this member has left. Earlier frames can still be taken. */
  close(): void {
    this.#end = this.#room.end;
    // The hub no longer calls `listBefore` for it, so members that leave stay in its copy of the list.
    this.#listing = this.#listing?.part(this.#lastListed, this.id);
  }

  /** Takes the next piece; undefined if nothing is left, or it does not fit into `space` bytes. */
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
    // Without the complete list the member could not tell who sends a message.
    if (this.#listing || this.#taken >= end) return undefined;
    const room = this.#room.read(this.#taken, end);
    if (room.length > space) return undefined;
    this.#taken += room.length;
    return room;
  }

  /** Appends the next slice of the list. Members that joined later appear in the room's log. */
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

  /** Drops the part of the own log that has been written and need not be kept. */
  #trim(): void {
    this.own.trim(Math.min(this.ownCursor, this.#kept));
    // Only many finished runs are worth a search: so each run is looked at a few times.
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
