// TODO: say what this is.

import type { FileMessages } from "../protocol/file_messages.ts";
import type { Person, RoomEvent } from "../room.ts";
import type { Disk } from "./storage.ts";

/** What takes files without asking: nobody's, those of who was known before, everybody's; or refuses all. */
export type AcceptPolicy = "ask" | "known" | "all" | "none";

export interface TransferOptions {
  disk: Disk;
  accept?: AcceptPolicy;
  /** What is larger is asked about in any case, in bytes. */
  acceptLimit?: number;
  clock?: TransferClock;
}

/** When something is late; passed in, so that tests need not wait. */
export interface TransferClock {
  /** In ms; never goes back. */
  now(): number;
  /** Does a task again and again; returns how to end that. */
  every(ms: number, task: () => void): () => void;
}

export const systemClock: TransferClock = {
  now: () => performance.now(),
  every: (ms, task) => {
    const timer = setInterval(task, ms);
    return () => clearInterval(timer);
  },
};

/** The client, as far as transfers need it. */
export interface Post {
  readonly self: Person;
  /** It is known who is here: members can be written to. */
  readonly ready: boolean;
  /** The connection is there. */
  readonly connected: boolean;
  /** Says it to one member, ahead of file data; false if nothing can be sealed for that one. */
  tell(to: number, fileMessages: FileMessages): boolean;
  /** Says it to the room. */
  say(fileMessages: FileMessages): void;
  /** There is file data to take. */
  wake(): void;
  has(id: number): boolean;
  person(id: number): Person;
  /** By what somebody is known again; undefined where there is nothing. */
  peerKeyOf(id: number): string | undefined;
  /** The one with this mark, if there is one alone. */
  find(mark: string): number | undefined;
  /** Whether this user knew this member before it came, by its key. */
  isKnown(id: number): boolean;
  event(event: RoomEvent): void;
}
