// TODO: say what this is.

import { equals } from "@std/bytes/equals";
import { encodeEnvelope } from "../protocol/envelope.ts";
import type { FileMessages } from "../protocol/file_messages.ts";
import { MAX_SEQ, type MessageId, ORIGIN_SIZE } from "../protocol/message_ids.ts";
import type { Pending, Person } from "../room.ts";

/**
 * What was confirmed shortly before a server ended may not have reached everybody: so much of it, and from so
 * long ago, is said again to its successor.
 */
export const REPEAT_MESSAGES = 32;
export const REPEAT_BYTES = 256 * 1024;
export const REPEAT_MS = 30_000;
/**
 * And to those who come back to that successor later than this client, within so many ms: some waits between
 * tries.
 */
export const REUNION_MS = 60_000;
/** In a room of more members it is not: there would be as many repetitions as pairs of them. */
export const REUNION_MEMBERS = 50;
/** How long a direct message waits for its receiver to come back to a room that has started anew, in ms. */
export const RECEIVER_MS = 60_000;

/** Something that was said, and what it takes to say it again. */
export interface PendingRoom extends Pending {
  /** Which of this client's messages it is. */
  readonly number: MessageId;
  /** How many frames had been put into the outbox of its session with it. */
  frame: number;
  /** Said again after it was confirmed: its echo is no news. */
  readonly repeated: boolean;
  /** It is about files, and no text. */
  readonly body?: Uint8Array | undefined;
}

/** By what somebody is known again where all have come anew. */
export interface PeerId {
  readonly name: string | undefined;
  readonly key: string | undefined;
}

/** A message to one other. */
export interface PendingDirect extends PendingRoom {
  readonly to: Person;
  readonly receiver: PeerId;
}

/** What was said to one other about files: when the session is over, it is not said again. */
export interface PendingFile {
  readonly to: Person;
  readonly frame: number;
  readonly parcels: FileMessages;
}

/** What was confirmed, and when. */
export interface Repeatable {
  readonly saying: PendingRoom;
  readonly at: number;
}

/** SeenMessages what is said. */
export class Count {
  #origin: Uint8Array = new Uint8Array(0);
  #seq = MAX_SEQ;

  next(): MessageId {
    if (this.#seq === MAX_SEQ) {
      this.#origin = crypto.getRandomValues(new Uint8Array(ORIGIN_SIZE));
      this.#seq = 0;
    }
    return { origin: this.#origin, seq: ++this.#seq, again: false };
  }
}

export function isEqual(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (!one || !other) return one === other;
  return equals(one, other);
}

export function envelopeOf({ action, text, number, body }: PendingRoom): Uint8Array {
  if (body) return encodeEnvelope({ kind: "file", body, number });
  return encodeEnvelope({ kind: action ? "action" : "text", text, number });
}
