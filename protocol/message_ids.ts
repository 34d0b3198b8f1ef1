// Message ids: each sender numbers its messages, and a receiver remembers the numbers it has seen, so that a repeated
// message is shown once and a lost one is noticed. Pure: it knows no envelope, no cipher and no room.

/** Bytes of an origin: enough that two random origins never collide. */
export const ORIGIN_SIZE = 8;
/** Bytes of a reference to a message: enough that nobody finds two messages with the same one. */
export const REFERENCE_SIZE = 16;
/** The last number; the first is 1. A sender that has used it draws another origin. */
export const MAX_SEQ = 0xffffffff;
/**
 * Limit of origins that a receiver remembers, about 150 bytes each: more than a room sees in its life, and a bound on
 * the memory that a member can use up with a new origin for each message.
 */
export const MAX_ORIGINS = 100_000;

/** Identifies a message of one sender. */
export interface MessageId {
  /** `ORIGIN_SIZE` bytes that the sender drew at random when it started to count. */
  readonly origin: Uint8Array;
  /** 1 for the first message of this origin, 2 for the next, up to `MAX_SEQ`. */
  readonly seq: number;
  /** It has been said before; this is for those who may have missed it. */
  readonly replay: boolean;
}

/** The receiver's result for a message id. */
export interface Taken {
  /** Whether the message is new, and to be shown. */
  readonly fresh: boolean;
  /** The number of messages of this origin that are missing directly before it. */
  readonly missing: number;
}

interface SeenOrigin {
  last: number;
  /** The number of calls of `resync()` before `last` arrived. */
  syncs: number;
}

const SEEN: Taken = { fresh: false, missing: 0 };

/**
 * Remembers the highest number of each sender and origin. A lower number counts as seen, because a sender repeats
 * messages in order, before it sends new ones.
 */
export class SeenMessages {
  readonly #max: number;
  /** By origin and sender, least recently used first. */
  readonly #known = new Map<string, SeenOrigin>();
  /**
   * Points to the oldest entry. Entries that it has passed are deleted, and a used entry moves to the end. A new
   * iterator each time would skip the places of all deleted entries again.
   */
  readonly #oldest = this.#known.keys();
  #syncs = 0;

  /** @param max limit of remembered origins; the least recently used one is forgotten first */
  constructor(max: number = MAX_ORIGINS) {
    this.#max = max;
  }

  /** The number of remembered origins. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Checks the id of a received message, and remembers it.
   *
   * @param sender the sender's proved identity, in a form of the caller's choice, so that no member can use up the
   * numbers of another. Where the cipher proves no identity, the same text for all
   */
  take(sender: string, { origin, seq, replay }: MessageId): Taken {
    // Origins have a fixed length, so each pair of origin and sender has its own key.
    const key = origin.toHex() + sender;
    const known = this.#known.get(key);
    if (known === undefined) {
      // This receiver joined after the message was first sent, so it is not meant for it.
      if (replay) return SEEN;
      this.#known.set(key, { last: seq, syncs: this.#syncs });
      if (this.#known.size > this.#max) this.#known.delete(this.#oldest.next().value!);
      return { fresh: true, missing: 0 };
    }
    this.#known.delete(key);
    this.#known.set(key, known);
    if (seq <= known.last) return SEEN;
    const missing = known.syncs === this.#syncs ? seq - known.last - 1 : 0;
    known.last = seq;
    known.syncs = this.#syncs;
    return { fresh: true, missing };
  }

  /**
   * To be called when a gap has been reported for the room. After it, the next number of each origin may be any higher
   * one, and no message is reported as missing before it.
   */
  resync(): void {
    this.#syncs++;
  }
}
