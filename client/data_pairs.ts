// How much file data may go to each member and come from it, in one session: the grants of both directions. Pure. Knows
// no file and no cipher; the clock is passed in.

import { dataCost, type Grant } from "../protocol/data.ts";

/** How often a grant is repeated while bytes are outstanding, in ms: the sender may have missed it. */
export const REPEAT_MS = 2_000;
/** Bytes of a generation that other data may take than was asked for: a sender that was cut off may repeat some. */
const MAX_USELESS = 4 * 1024 * 1024;
/** Without a byte for this time, in ms, what is outstanding counts as lost. */
export const SILENT_MS = 5_000;

/** What this client may send to one member. */
interface Outgoing {
  generation: number;
  total: number;
  sent: number;
}

/** What one member may send to this client. */
interface Incoming {
  generation: number;
  /** What was granted, and what has come of it, in this generation. */
  total: number;
  arrived: number;
  /** What was asked for: what has come of it, and what has not. */
  useful: number;
  owed: number;
  /** When a byte came last, or the first was asked for; and when the grant was sent last. */
  cameAt: number;
  sentAt: number;
}

export interface DataPairsOptions {
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** How many of these bytes may be granted now. When it can be more, `topUpAll` is called. */
  readonly release: (bytes: number) => number;
  /** Sends a grant to the server. */
  readonly send: (to: number, grant: Grant) => void;
}

/** The grants of one session. */
export class DataPairs {
  readonly #options: DataPairsOptions;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #incoming = new Map<number, Incoming>();

  constructor(options: DataPairsOptions) {
    this.#options = options;
  }

  // ---- to others ----

  /** A member lets this client send. */
  granted(to: number, { generation, total }: Grant): void {
    const pair = this.#outgoing.get(to);
    if (pair && generation < pair.generation) return;
    if (pair?.generation === generation) pair.total = Math.max(pair.total, total);
    else this.#outgoing.set(to, { generation, total, sent: 0 });
  }

  /** What may still be sent to a member, as `dataCost` counts it. */
  leftTo(to: number): number {
    const pair = this.#outgoing.get(to);
    return pair ? pair.total - pair.sent : 0;
  }

  /**
   * Takes the grant for one frame; returns its generation.
   *
   * @param size bytes of its body
   * @throws {RangeError} if that was not granted
   */
  spend(to: number, size: number): number {
    const pair = this.#outgoing.get(to);
    const cost = dataCost(size);
    if (!pair || pair.sent + cost > pair.total) {
      throw new RangeError(`Cannot send ${size} bytes: they were not granted`);
    }
    pair.sent += cost;
    return pair.generation;
  }

  // ---- from others ----

  /**
   * This client asks a member for more, in bytes as `dataCost` counts them, and grants them. If nothing was owed, a new
   * generation begins, so that a part of an old grant that was never used stays with nobody.
   */
  ask(from: number, cost: number): void {
    const now = this.#options.now();
    const pair = this.#incoming.get(from) ??
      { generation: 0, total: 0, arrived: 0, useful: 0, owed: 0, cameAt: now, sentAt: now };
    this.#incoming.set(from, pair);
    if (pair.owed === 0) begin(pair, now);
    pair.owed += cost;
    this.topUp(from);
  }

  /** Grants what is owed, if the last grant is too little for it: other data may have used it up. */
  topUp(from: number): void {
    const pair = this.#incoming.get(from);
    const total = pair ? pair.arrived + pair.owed : 0;
    if (!pair || pair.owed === 0 || total <= pair.total) return;
    // A sender of anything but what was asked for gets no more, until what it owes counts as lost.
    if (pair.arrived - pair.useful > MAX_USELESS) return;
    // What was not granted could not come.
    if (pair.total <= pair.arrived) pair.cameAt = this.#options.now();
    const released = this.#options.release(total - pair.total);
    if (released === 0) return;
    pair.total += released;
    // The last one in turn.
    this.#incoming.delete(from);
    this.#incoming.set(from, pair);
    this.#send(from, pair);
  }

  /** Grants to all members, in turn, what they may send by now. */
  topUpAll(): void {
    for (const from of [...this.#incoming.keys()]) this.topUp(from);
  }

  /**
   * File data has come; returns whether it is of this generation.
   *
   * @param size bytes of the frame's body
   */
  came(from: number, generation: number, size: number): boolean {
    const pair = this.#incoming.get(from);
    if (!pair || pair.generation !== generation) return false;
    pair.arrived += dataCost(size);
    pair.cameAt = this.#options.now();
    return true;
  }

  /** Some of what was asked for has come. */
  got(from: number, cost: number): void {
    const pair = this.#incoming.get(from);
    if (!pair) return;
    pair.useful += cost;
    pair.owed = Math.max(0, pair.owed - cost);
  }

  /** What was asked of this member is void: it is away or gone, or this client has lost its connection. */
  lose(from: number): void {
    const pair = this.#incoming.get(from);
    if (pair) pair.owed = 0;
  }

  /** Repeats grants; returns the members whose data counts as lost, of which everything is to be asked for again. */
  tick(): number[] {
    const now = this.#options.now();
    const silent: number[] = [];
    for (const [from, pair] of this.#incoming) {
      if (pair.owed === 0) continue;
      if (now - pair.cameAt >= SILENT_MS) {
        pair.owed = 0;
        silent.push(from);
      } else if (now - pair.sentAt >= REPEAT_MS) this.#send(from, pair);
    }
    return silent;
  }

  // ---- members and connections ----

  /** A member has left. */
  left(id: number): void {
    this.#outgoing.delete(id);
    this.#incoming.delete(id);
  }

  /** The session continues over a new connection: what was on its way is gone. */
  resumed(): void {
    for (const pair of this.#incoming.values()) pair.owed = 0;
  }

  #send(from: number, pair: Incoming): void {
    pair.sentAt = this.#options.now();
    this.#options.send(from, { generation: pair.generation, total: pair.total });
  }
}

function begin(pair: Incoming, now: number): void {
  pair.generation++;
  pair.total = pair.arrived = pair.useful = 0;
  pair.cameAt = now;
}
