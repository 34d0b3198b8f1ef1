// Which message is which: the numbers that senders give to what they say, and what a receiver remembers of
// them, so that what is said again is shown once. Pure: knows no envelope, no cipher and no room.

/** Bytes of an origin: so many that no two who draw one at random meet. */
export const ORIGIN_SIZE = 8;
/** The greatest number; the first is 1. Who has used it draws another origin. */
export const MAX_SEQ = 0xffffffff;
/**
 * How many origins a receiver remembers, each for some 150 bytes: more than come to a room in its life,
 * and little enough where a member invents one for each message.
 */
export const MAX_ORIGINS = 100_000;

/** The number of a message. */
export interface MessageId {
  /** `ORIGIN_SIZE` bytes that the sender drew at random when it started to count. */
  readonly origin: Uint8Array;
  /** 1 for the first message of this origin, 2 for the next: up to `MAX_SEQ`. */
  readonly seq: number;
  /** It has been said before; this is for those who may have missed it. */
  readonly replay: boolean;
}

/** What a number tells the one who gets it. */
export interface Taken {
  /** It was not there before: show it. */
  readonly fresh: boolean;
  /** How many messages of this origin are missing right before it. */
  readonly missing: number;
}

interface Known {
  last: number;
  /** How often `resync()` had been called when `last` came. */
  syncs: number;
}

const SEEN: Taken = { fresh: false, missing: 0 };

/**
 * Remembers the highest number of each sender's each origin. A number that comes after a higher one of its
 * origin counts as seen: whoever says something again does so in order, and before it goes on.
 */
export class SeenMessages {
  readonly #max: number;
  /** By origin and sender; the one heard longest ago first. */
  readonly #known = new Map<string, Known>();
  /**
   * Stands at the first entry: all that it has passed are gone, and who is heard again moves behind it. A new
   * iterator each time would look through the places of all who have gone.
   */
  readonly #oldest = this.#known.keys();
  #syncs = 0;

  /** @param max how many origins are remembered; the one heard longest ago goes first */
  constructor(max: number = MAX_ORIGINS) {
    this.#max = max;
  }

  /** How many origins are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Takes the number of a message that has come.
   *
   * @param sender who has proved to have said it, in a form of the caller's choice: so nobody can use up the
   * numbers of somebody else. The same text for all where nobody proves anything
   */
  take(sender: string, { origin, seq, replay }: MessageId): Taken {
    // The origin's length is always the same, so no two pairs give one key.
    const key = origin.toHex() + sender;
    const known = this.#known.get(key);
    if (known === undefined) {
      // What was said before this receiver came is not for it.
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
   * Says that a gap has been told as a whole: of each origin the next number may be any higher one, and
   * nothing is told as missing before it.
   */
  resync(): void {
    this.#syncs++;
  }
}
