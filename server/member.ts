// A member as its server sees it: the cursors of its connection in the room's log and in its own log, and the order
// between the two. The fold has the logs, the member's connection takes from them. Pure; knows no socket.

import { concat } from "@std/bytes/concat";
import type { ErrorCode } from "../protocol.ts";
import type { FoldMember } from "./fold_member.ts";
import type { Log } from "./room_log.ts";

/** Bytes up to which pieces are joined into one write. Larger pieces are not copied. */
const WRITE_SIZE = 64 * 1024;

/** How the hub reaches the connection of a member. Its functions MUST NOT wait, throw, or call the hub. */
export interface Outlet {
  /** The member has something to take. */
  wake(): void;
  /** The member is too far behind: from now on it is detached, and its connection MUST end. */
  cut(code: ErrorCode, message: string): void;
  /** The member was dropped from the room: it takes nothing more but `before`. */
  drop(code: ErrorCode, message: string, before?: readonly Uint8Array[]): void;
}

/** A member of this server. */
export class Member {
  readonly state: FoldMember;
  /** undefined while it has no connection; new frames wait for it. */
  outlet: Outlet | undefined;
  /** It lost its connection because it was too far behind. */
  slow = false;
  /** It leaves, or has left. */
  isLeaving = false;
  /** How many FRAME, DIRECT and MODERATE entries were put for it. */
  put: number;
  /** What was put last of how much its client has of its own log: the position, and when, in ms. */
  have = { position: 0, at: -Infinity };
  /** The position up to which the room's log has been written to it, and its own log. */
  cursor: number;
  ownCursor: number;

  readonly #room: Log;
  /** The least that it was behind since its connection began. */
  #least = 0;
  /** The position up to which it has been taken: bytes between `cursor` and this one are being written. */
  #taken: number;
  #ownTaken: number;
  /** Gives the list of members piece by piece; undefined once it has been taken. */
  #list: (() => Uint8Array<ArrayBuffer> | undefined) | undefined;

  /** @param list of the members before it */
  constructor(
    state: FoldMember,
    outlet: Outlet | undefined,
    room: Log,
    list: () => Uint8Array<ArrayBuffer> | undefined,
  ) {
    this.state = state;
    this.outlet = outlet;
    this.put = state.accepted;
    this.#room = room;
    this.#list = list;
    this.cursor = this.#taken = state.start;
    this.ownCursor = this.#ownTaken = state.own.log.start;
  }

  get id(): number {
    return this.state.id;
  }

  /** Bytes of the room's log that it has not taken. */
  get behind(): number {
    return this.#room.end - this.#taken;
  }

  /**
   * By how many bytes it has fallen behind since its connection began: a member that resumes far behind may take its
   * time, as long as it catches up.
   */
  lag(): number {
    const { behind } = this;
    this.#least = Math.min(this.#least, behind);
    return behind - this.#least;
  }

  /** One of the logs has dropped bytes that this member has not taken. Bytes that are being written do not count. */
  get overrun(): boolean {
    return this.#taken < this.#room.start || this.#ownTaken < this.state.own.log.start;
  }

  /** The list of members is still being sent. */
  get listing(): boolean {
    return this.#list !== undefined;
  }

  /** Its own log has been written to it up to here, or is being written. */
  get ownTaken(): number {
    return this.#ownTaken;
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
    this.ownCursor = this.#ownTaken;
    if (this.overrun) return null;
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

  /** Goes back to the positions that its client names, because later frames may have been lost on the way. */
  rewind(room: number, own: number): void {
    this.slow = false;
    this.cursor = this.#taken = room;
    this.ownCursor = this.#ownTaken = own;
    this.#least = this.behind;
  }

  /** Takes the next piece; undefined if nothing is left, or it does not fit into `space` bytes. */
  #next(space: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#list) {
      // Pieces of the list are small: a write may be larger by one.
      const piece = space > 0 ? this.#list() : undefined;
      if (piece || space <= 0) return piece;
      this.#list = undefined;
    }
    const { own, left } = this.state;
    const run = own.runAfter(this.#ownTaken);
    if (run && run.room <= this.#taken) {
      const bytes = own.log.read(this.#ownTaken, run.end);
      if (bytes.length > space) return undefined;
      this.#ownTaken += bytes.length;
      return bytes;
    }
    const end = Math.min(run?.room ?? Infinity, left?.end ?? Infinity, this.#room.end);
    if (this.#taken >= end) return undefined;
    const room = this.#room.read(this.#taken, end);
    if (room.length > space) return undefined;
    this.#taken += room.length;
    return room;
  }
}
