// How much memory all own logs of a room take, in all and by the network of whoever has put it there. Pure.

import { Tally } from "./tally.ts";

/** The senders of one network may fill this part of it: an eighth. */
export const NETWORK_PARTS = 8;

/** The space for the own logs of all members of a room. */
export class OwnSpace {
  /** In bytes. */
  readonly capacity: number;
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

  /** Whether a network may take this number of bytes more. */
  fits(network: string, bytes: number): boolean {
    return this.#taken + bytes <= this.capacity &&
      this.takenBy(network) + bytes <= this.capacity / NETWORK_PARTS;
  }

  /** Takes bytes, whether they fit or not; a negative number gives them back. */
  add(network: string, bytes: number): void {
    this.#taken += bytes;
    this.#byNetwork.add(network, bytes);
  }
}
