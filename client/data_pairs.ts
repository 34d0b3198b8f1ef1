// How much file data may go to each member and come from it, in one session: the grants of both directions. Pure. Knows
// no file and no cipher; the clock is passed in.

import { dataCost, type Grant } from "../protocol/data.ts";
import { MAX_WINDOW, MIN_WINDOW, ReceiveWindow } from "./receive_window.ts";

/** How often a grant is repeated while bytes are outstanding, in ms: the sender may have missed it. */
export const REPEAT_MS = 2_000;
/** How many bytes of a generation may be data that nobody asked for: a sender that was cut off may repeat some. */
const MAX_USELESS = 4 * 1024 * 1024;
/** Without a byte for this time, in ms, what is outstanding counts as lost. */
export const SILENT_MS = 5_000;
/** On a slow path one frame may take longer: the time is doubled each time, up to this one. */
const MAX_SILENT_MS = 80_000;

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
  /** What has come of it that was asked for, with what is around it. */
  useful: number;
  /** What was asked for and has not come, at most. */
  owed: number;
  /** Bytes that have come and are not written: they count as on their way. */
  held: number;
  readonly window: ReceiveWindow;
  /** The round trip that is being measured: from a grant to the first byte after what was granted before it. */
  probe: { readonly after: number; readonly at: number } | undefined;
  /** When a byte came last, or the first was asked for; and when the grant was sent last. */
  cameAt: number;
  sentAt: number;
  silentMs: number;
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

  /** A member lets this client send. Any other generation starts from 0, so a false one ends with the next true grant. */
  granted(to: number, { generation, total }: Grant): void {
    const pair = this.#outgoing.get(to);
    if (pair?.generation === generation) pair.total = Math.max(pair.total, total);
    else this.#outgoing.set(to, { generation, total, sent: 0 });
  }

  /**
   * What may still be sent to a member in a generation, as `dataCost` counts it; undefined if the generation is over.
   */
  leftTo(to: number, generation: number): number | undefined {
    const pair = this.#outgoing.get(to);
    if (!pair || pair.generation < generation) return 0;
    return pair.generation === generation ? pair.total - pair.sent : undefined;
  }

  /**
   * Takes the grant for one frame.
   *
   * @param size bytes of its body
   * @throws {RangeError} if that was not granted
   */
  spend(to: number, generation: number, size: number): void {
    const pair = this.#outgoing.get(to);
    const cost = dataCost(size);
    if (!pair || cost > (this.leftTo(to, generation) ?? 0)) {
      throw new RangeError(`Cannot send ${size} bytes: they were not granted`);
    }
    pair.sent += cost;
  }

  // ---- from others ----

  /**
   * This client asks a member for more, in bytes as `dataCost` counts them; returns the generation for it. If nothing was
   * owed, a new one begins, so that a part of an old grant that was never used stays with nobody.
   *
   * MUST be followed by `topUp`.
   */
  expect(from: number, cost: number): number {
    const now = this.#options.now();
    let pair = this.#incoming.get(from);
    if (!pair) {
      pair = {
        ...{ generation: 0, total: 0, arrived: 0, useful: 0, owed: 0, held: 0, probe: undefined },
        ...{ window: new ReceiveWindow(), cameAt: now, sentAt: now, silentMs: SILENT_MS },
      };
      this.#incoming.set(from, pair);
    }
    if (pair.owed === 0) begin(pair, now);
    pair.owed += cost;
    return pair.generation;
  }

  /** This much of what was asked for will not come. */
  forgo(from: number, cost: number): void {
    const pair = this.#incoming.get(from);
    if (pair) pair.owed = Math.max(0, pair.owed - cost);
  }

  /** Grants more, if the window has room for what is owed. */
  topUp(from: number): void {
    const pair = this.#incoming.get(from);
    if (!pair || pair.owed === 0) return;
    // A sender of anything but what was asked for gets no more, until what it owes counts as lost.
    if (isUseless(pair)) return;
    const window = this.#windowOf(pair);
    const total = pair.arrived + Math.min(pair.owed, Math.max(0, window - pair.held));
    const more = total - pair.total;
    // Few grants: each costs both sides and the server a frame.
    if (more <= 0 || (more < window / 4 && total < pair.arrived + pair.owed)) return;
    // What was not granted could not come.
    if (pair.total <= pair.arrived) pair.cameAt = this.#options.now();
    const released = this.#options.release(more);
    if (released === 0) return;
    pair.probe ??= { after: pair.total, at: this.#options.now() };
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

  /** The members that owe something share what may be on its way to this client. */
  #windowOf({ window }: Incoming): number {
    let senders = 0;
    for (const { owed } of this.#incoming.values()) if (owed > 0) senders++;
    return Math.min(window.size, Math.max(MIN_WINDOW, Math.floor(MAX_WINDOW / senders)));
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
    const now = pair.cameAt = this.#options.now();
    if (pair.probe && pair.arrived > pair.probe.after) {
      pair.window.measured(now - pair.probe.at, now);
      pair.probe = undefined;
    }
    return true;
  }

  /**
   * Some of what was asked for has come.
   *
   * @param cost how much less is owed now
   * @param bytes of files, which `wrote` reports later
   */
  got(from: number, cost: number, bytes: number): void {
    const pair = this.#incoming.get(from);
    if (!pair) return;
    // The cost is an upper bound: a long transfer must not earn a right to send other data.
    pair.useful = Math.min(pair.arrived, pair.useful + cost);
    pair.held += bytes;
    pair.owed = Math.max(0, pair.owed - cost);
    pair.silentMs = SILENT_MS;
  }

  /** Bytes of files are written, or dropped. */
  wrote(from: number, bytes: number): void {
    const pair = this.#incoming.get(from);
    if (!pair) return;
    pair.held = Math.max(0, pair.held - bytes);
    this.topUp(from);
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
      // What waits for the disk is not lost. After too much other data, nothing more is granted, and nothing can come.
      if ((pair.total > pair.arrived || isUseless(pair)) && now - pair.cameAt >= pair.silentMs) {
        pair.owed = 0;
        pair.window.halve();
        pair.silentMs = Math.min(MAX_SILENT_MS, 2 * pair.silentMs);
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

/** Too much has come that was not asked for. */
function isUseless({ arrived, useful }: Incoming): boolean {
  return arrived - useful > MAX_USELESS;
}

function begin(pair: Incoming, now: number): void {
  pair.generation++;
  pair.total = pair.arrived = pair.useful = 0;
  pair.probe = undefined;
  pair.cameAt = now;
}
