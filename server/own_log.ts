// What only one member receives: direct messages, and acknowledgements of its own. A bounded log, the order between it
// and the room's log, how much of it the member has, and who put the rest there. Pure. Knows no member.

import type { OwnSpace } from "./own_space.ts";
import { Log, type SavedLog } from "./room_log.ts";

/** Bytes of the first segment: most members never need a second one. */
const FIRST_SEGMENT = 1024;
/** The most bytes of a further one: a large one costs little besides its frames. */
const SEGMENT = 8 * 1024;

/** Bytes of memory that a run takes, besides its frames. */
export const RUN_COST = 96;

/**
 * Acknowledgements cannot be refused, so a member may have this much of them, in bytes with the cost of their runs, even
 * if there is no space. A client that confirms what it has needs less.
 */
export const ACKS_SIZE = 64 * 1024;

/** A run of frames, and where it belongs in the room's log. */
export interface OwnLogRun {
  /** The end of the room's log when the run began: everything before that comes first. */
  readonly room: number;
  /** Where the run ends, in the own log. */
  end: number;
  /** The network of the sender. For acknowledgements, that is the member itself. */
  readonly network: string;
  readonly isAck: boolean;
}

/** The state of an `OwnLog`. */
export interface SavedOwnLog {
  readonly log: SavedLog;
  readonly runs: readonly (readonly [
    room: number,
    end: number,
    network: string,
    isAck: boolean,
  ])[];
  readonly have: number;
}

/** The own log of one member. It takes its memory from the room's space. */
export class OwnLog {
  readonly log: Log;
  readonly #space: OwnSpace;
  /** In the order of their ends. Those that the member has are dropped. */
  #runs: OwnLogRun[] = [];
  #have = 0;
  /** What the acknowledgements among them take. */
  #acks = 0;

  /** @param capacity bytes that it holds at most */
  constructor(capacity: number, space: OwnSpace) {
    this.log = new Log(capacity, SEGMENT, FIRST_SEGMENT);
    this.#space = space;
  }

  /** Bytes that the member does not have. */
  get waiting(): number {
    return this.log.end - this.#have;
  }

  /** There is no space for that many acknowledgements: its client requests them and does not confirm them. */
  isOverrun(network: string): boolean {
    return this.#acks > ACKS_SIZE && !this.#space.fits(network, 0);
  }

  /** Appends a frame after everything that is in the room's log, up to `room`; returns the log's copy. */
  append(
    frame: Uint8Array,
    { room, network, isAck }: Omit<OwnLogRun, "end">,
  ): Uint8Array<ArrayBuffer> {
    const copy = this.log.append(frame);
    const { end } = this.log;
    const last = this.#runs.at(-1);
    if (last?.room === room && last.network === network && last.isAck === isAck) {
      last.end = end;
      this.#charge(last, frame.length);
    } else {
      const run = { room, end, network, isAck };
      this.#runs.push(run);
      this.#charge(run, frame.length + RUN_COST);
    }
    return copy;
  }

  #charge({ network, isAck }: OwnLogRun, bytes: number): void {
    this.#space.add(network, bytes);
    if (isAck) this.#acks += bytes;
  }

  /** The member has it up to `position`: that part is dropped. A lower position than before changes nothing. */
  haveUpTo(position: number): void {
    if (position <= this.#have) return;
    const first = this.#firstAfter(position);
    for (const run of this.#runs.splice(0, first)) {
      this.#charge(run, this.#have - run.end - RUN_COST);
      this.#have = run.end;
    }
    const [next] = this.#runs;
    if (next) this.#charge(next, this.#have - position);
    this.#have = position;
    this.log.trim(position);
  }

  /** The member has left the room: it gives its space back, and can still be read. */
  leave(): void {
    let start = this.#have;
    for (const run of this.#runs) {
      this.#charge(run, start - run.end - RUN_COST);
      start = run.end;
    }
  }

  /** The run to which the frame at `position` belongs; undefined at the end. */
  runAfter(position: number): OwnLogRun | undefined {
    const last = this.#runs.at(-1);
    if (!last || last.end <= position) return undefined;
    return this.#runs[this.#firstAfter(position)];
  }

  /** The index of the first run that ends after `position`. */
  #firstAfter(position: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#runs[middle]!.end > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  save(): SavedOwnLog {
    return {
      log: this.log.save(),
      runs: this.#runs.map(({ room, end, network, isAck }) => [room, end, network, isAck] as const),
      have: this.#have,
    };
  }

  /** For a new log. */
  restore({ log, runs, have }: SavedOwnLog): void {
    this.log.restore(log);
    this.#runs = runs.map(([room, end, network, isAck]) => ({ room, end, network, isAck }));
    this.#have = have;
    let start = have;
    for (const run of this.#runs) {
      this.#charge(run, run.end - start + RUN_COST);
      start = run.end;
    }
  }
}
