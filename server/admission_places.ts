// The places of connections that are not admitted yet: who gets one, and who loses it to a newer one. Pure. Knows no
// connection and no frame.

import { Tally } from "./tally.ts";

/**
 * Places besides the usual ones, only for clients that return: a connection that has no usual place may still turn out
 * to be a member whose connection was lost, or the user who runs the server.
 */
export const RETURN_PLACES = 32;

/** The place of one connection. */
export class Place {
  /** It owes its preface or its first frame, so it may be ended for a newer one. */
  owes = true;
  /** It has a usual place; otherwise only a client that returns is admitted. */
  isUsual = false;

  /** @param end ends the connection: a newer one takes its place. MUST NOT call `AdmissionPlaces`. */
  constructor(readonly network: string, readonly end: () => void) {}
}

export interface PlaceLimits {
  /** Usual places. */
  readonly all: number;
  /** Usual places of one network. */
  readonly perNetwork: number;
}

/**
 * All places. When they run out, the oldest connection that still owes its preface or its first frame loses its place:
 * so connections that only wait keep nobody out, and each has at least the time in which that many newer ones come.
 */
export class AdmissionPlaces {
  readonly #limits: PlaceLimits;
  #usual = 0;
  #ended = 0;
  readonly #byNetwork = new Tally();
  /** Those in usual places that owe something, the oldest first; all of them, and by network. */
  readonly #owing = new Set<Place>();
  readonly #owingOf = new Map<string, Set<Place>>();
  /** Those without a usual place, the oldest first. */
  readonly #returning = new Set<Place>();

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** How many places are taken. */
  get size(): number {
    return this.#usual + this.#returning.size;
  }

  /** How many connections have lost their place to a newer one so far. */
  get ended(): number {
    return this.#ended;
  }

  /** Takes a place for a new connection; undefined if there is none, and nobody can lose one. */
  enter(network: string, end: () => void): Place | undefined {
    const place = new Place(network, end);
    if (this.#makeRoom(network)) {
      this.#add(place);
      return place;
    }
    if (this.#returning.size >= RETURN_PLACES) {
      const oldest = this.#returning.values().find(({ owes }) => owes);
      if (!oldest) return undefined;
      this.#returning.delete(oldest);
      this.#end(oldest);
    }
    this.#returning.add(place);
    return place;
  }

  /**
   * Its first frame has come: nobody takes its place any more.
   *
   * @param returns whether its client returns
   * @returns whether it may be admitted
   */
  settle(place: Place, returns: boolean): boolean {
    place.owes = false;
    this.#settled(place);
    if (place.isUsual || returns) return true;
    // A usual place may have become free.
    if (!this.#returning.has(place) || !this.#makeRoom(place.network)) return false;
    this.#returning.delete(place);
    this.#add(place);
    return true;
  }

  /** Gives up a place. Harmless if it is given up or lost already. */
  leave(place: Place): void {
    this.#returning.delete(place);
    if (!place.isUsual) return;
    place.isUsual = false;
    this.#usual--;
    this.#byNetwork.add(place.network, -1);
    this.#settled(place);
  }

  /** Whether a network can have one more usual place, now that the oldest one has lost its own if it had to. */
  #makeRoom(network: string): boolean {
    const { all, perNetwork } = this.#limits;
    let owing: Set<Place> | undefined;
    if (this.#byNetwork.of(network) >= perNetwork) owing = this.#owingOf.get(network);
    else if (this.#usual >= all) owing = this.#owing;
    else return true;
    const oldest = owing?.values().next().value;
    if (!oldest) return false;
    this.leave(oldest);
    this.#end(oldest);
    return true;
  }

  #end(place: Place): void {
    this.#ended++;
    place.end();
  }

  #add(place: Place): void {
    const { network } = place;
    place.isUsual = true;
    this.#usual++;
    this.#byNetwork.add(network, 1);
    if (!place.owes) return;
    this.#owing.add(place);
    const own = this.#owingOf.get(network) ?? new Set();
    this.#owingOf.set(network, own.add(place));
  }

  #settled(place: Place): void {
    this.#owing.delete(place);
    const own = this.#owingOf.get(place.network);
    own?.delete(place);
    if (own?.size === 0) this.#owingOf.delete(place.network);
  }
}
