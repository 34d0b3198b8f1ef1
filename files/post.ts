// What transfers need of the client, and the settings and the clock that they are given. Interfaces, and the system's
// clock.

import type { FileMessages } from "../protocol/file_messages.ts";
import type { Person, RoomEvent } from "../room.ts";
import type { Disk } from "./storage.ts";

/**
 * Which files are accepted without asking the user: with `ask` none, with `known` those of members that this user knew
 * before (see `Members.isKnown`), with `all` every file. `none` declines every file.
 */
export type AcceptPolicy = "ask" | "known" | "all" | "none";

export interface TransferOptions {
  disk: Disk;
  accept?: AcceptPolicy;
  /** Larger files are never accepted without asking, in bytes. */
  acceptLimit?: number;
  /** Bytes of file data per second, of all files together, in each direction; 0 or undefined: no limit. */
  rate?: number | undefined;
  clock?: TransferClock;
  /** Offers of these members are dropped. */
  ignores?: (who: Person) => boolean;
}

/** Passed in, so that tests need not wait. */
export interface TransferClock {
  /** In ms; never goes back. */
  now(): number;
  /** Repeats a task; returns how to end that. */
  every(ms: number, task: () => void): () => void;
}

export const systemClock: TransferClock = {
  now: () => performance.now(),
  every: (ms, task) => {
    const timer = setInterval(task, ms);
    return () => clearInterval(timer);
  },
};

/** How file data is paced. A generation of grants ends when data is lost: see `Grant`. */
export interface DataLink {
  /**
   * How many bytes of file data may be sent to a member in this generation, with what is around them; undefined if the
   * generation is over.
   */
  left(to: number, generation: number): number | undefined;
  /**
   * Lets a member send as much, as `restCost` counts it, soon after this turn; returns the generation in which it may
   * be asked for.
   */
  expect(from: number, cost: number): number;
  /** This much of it will not come. */
  forgo(from: number, cost: number): void;
  /** Bytes that have come have been written, or dropped: until then they count as on their way. */
  wrote(from: number, bytes: number): void;
  /** Nothing that is expected from this member will come. */
  void(from: number): void;
  /** To be called now and then while files are on their way. */
  tick(): void;
}

/** The client, as transfers need it. */
export interface Post {
  readonly self: Person;
  /** The list of members is complete, so members can be written to. */
  readonly ready: boolean;
  readonly connected: boolean;
  /** Sends to one member, before file data; returns false if nothing can be sealed for it. */
  tell(to: number, fileMessages: FileMessages): boolean;
  /** Sends to the room. */
  say(fileMessages: FileMessages): void;
  /** `Transfers.next` has file data. */
  wake(): void;
  readonly data: DataLink;
  /** Whether a member has this id. */
  has(id: number): boolean;
  person(id: number): Person;
  /** Identifies a member across sessions; undefined if that is impossible. */
  peerKeyOf(id: number): string | undefined;
  /** The member with this peer key, if exactly one has it. */
  find(peerKey: string): number | undefined;
  /** Whether this user knew the member's key before it joined. */
  isKnown(id: number): boolean;
  event(event: RoomEvent): void;
}
