// How much memory all own logs of a room take, in all and by the network of the sender. Pure.

import { Tally } from "./tally.ts";

/**
 * The senders of one network may fill this part of what all others leave: an eighth. So a few networks that fill it
 * leave enough for everybody else (a dynamic threshold, as Choudhury and Hahne proposed for the queues of a switch).
 */
export const NETWORK_PARTS = 8;
/**
 * What waits for members that are away may stay for a day. The senders of a network fill at most half of their part with
 * it: the other half is for members that take their messages at once.
 */
const AWAY_PARTS = 2;

/** The space for the own logs of all members of a room. */
export class OwnSpace {
  /** In bytes. With a smaller one than is taken, nothing more fits. */
  capacity: number;
  readonly #byNetwork = new Tally();
  #taken = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Bytes that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that the senders of a network have taken. */
  takenBy(network: string): number {
    return this.#byNetwork.of(network);
  }

  /**
   * Whether a network may take this number of bytes more.
   *
   * @param isAway they are for a member that is away
   */
  fits(network: string, bytes: number, isAway = false): boolean {
    const own = this.takenBy(network);
    const part = (this.capacity - this.#taken + own) / NETWORK_PARTS;
    return own + bytes <= (isAway ? part / AWAY_PARTS : part);
  }

  /** Takes bytes, whether they fit or not; a negative number gives them back. */
  add(network: string, bytes: number): void {
    this.#taken += bytes;
    this.#byNetwork.add(network, bytes);
  }
}
