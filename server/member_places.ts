// The places for members: in the room, and for each network. A newcomer that finds none gets the place of a member that
// is away, if there is one; a connected member never loses its place. Pure; knows no session and no socket.

import { ProtocolError } from "../errors.ts";
import type { ErrorCode } from "../protocol.ts";
import type { RoomState } from "../protocol/json_frames.ts";
import { counted } from "../text/counts.ts";
import type { Absences } from "./absences.ts";
import type { Fold } from "./fold.ts";
import type { Limits } from "./limits.ts";

/** Which limit a place was missing for. */
export type PlaceLimit = "network" | "room";

export interface MemberPlacesOptions extends Pick<Limits, "maxMembers" | "maxPerAddress"> {
  readonly fold: Pick<Fold, "size" | "reserved" | "from">;
  /** The room takes no newcomers. */
  readonly isLocked: () => boolean;
  readonly absences: Pick<Absences, "away" | "awayFrom" | "longest" | "longestFrom">;
  /** A member that is away MUST leave the room at once, for a newcomer. */
  readonly evict: (id: number, limit: PlaceLimit) => void;
}

/** All places for members. */
export class MemberPlaces {
  readonly #options: MemberPlacesOptions;

  constructor(options: MemberPlacesOptions) {
    this.#options = options;
  }

  /** Whether the room takes one more member. */
  get state(): RoomState {
    if (this.#options.isLocked()) return "locked";
    return this.#isFull ? "full" : "open";
  }

  get #isFull(): boolean {
    const { maxMembers, fold: { size, reserved }, absences } = this.#options;
    return size + reserved - absences.away >= maxMembers;
  }

  /**
   * Before a seat is reserved: nobody loses a place for a client that then does not join.
   *
   * @throws {ProtocolError} `full` if there is no place for a newcomer of a network
   */
  check(network: string): void {
    const { maxPerAddress, fold, absences } = this.#options;
    if (this.#isFull) throw this.#fullRoom();
    // Members that are away count: otherwise one machine could fill the room by coming and going.
    if (fold.from(network) - absences.awayFrom(network) >= maxPerAddress) throw this.#fullNetwork();
  }

  /**
   * Makes a place for a newcomer that joins now.
   *
   * @throws {ProtocolError} `full` if there is none: members that were away have resumed since `check`
   */
  take(network: string): void {
    const { maxMembers, maxPerAddress, fold, absences, evict } = this.#options;
    if (fold.from(network) >= maxPerAddress) {
      const id = absences.longestFrom(network);
      if (id === undefined) throw this.#fullNetwork();
      evict(id, "network");
    }
    if (fold.size >= maxMembers) {
      const id = absences.longest(network);
      if (id === undefined) throw this.#fullRoom();
      evict(id, "room");
    }
  }

  #fullRoom(): ProtocolError<ErrorCode> {
    const { maxMembers } = this.#options;
    return new ProtocolError("full", `the room is full (at most ${counted(maxMembers, "member")})`);
  }

  #fullNetwork(): ProtocolError<ErrorCode> {
    const { maxPerAddress } = this.#options;
    return new ProtocolError(
      "full",
      `too many members from your address (at most ${maxPerAddress})`,
    );
  }
}
