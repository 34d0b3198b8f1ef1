// What only one member receives: direct messages, and acknowledgements of its own. A bounded log, the order between it
// and the room's log, and how much of it the member has. Pure. Knows no member.

import { Log, type SavedLog } from "./room_log.ts";

/** Bytes of a segment: most members never need a second one. */
const SEGMENT = 1024;

/** A run of frames, and where it belongs in the room's log. */
export interface OwnLogRun {
  /** The end of the room's log when the run began: everything before that comes first. */
  readonly room: number;
  /** Where the run ends, in the own log. */
  end: number;
}

/** An `OwnLog` as text. */
export interface SavedOwnLog {
  readonly log: SavedLog;
  readonly runs: readonly (readonly [room: number, end: number])[];
  readonly have: number;
}

/** The own log of one member. */
export class OwnLog {
  readonly log: Log;
  /** In the order of their ends. Those that the member has are dropped. */
  #runs: OwnLogRun[] = [];
  #have = 0;

  /** @param capacity bytes that it holds at most */
  constructor(capacity: number) {
    this.log = new Log(capacity, SEGMENT);
  }

  /** Bytes that the member does not have. */
  get waiting(): number {
    return this.log.end - this.#have;
  }

  /** Appends a frame after everything that is in the room's log, up to `room`; returns the log's copy. */
  append(frame: Uint8Array, room: number): Uint8Array<ArrayBuffer> {
    const copy = this.log.append(frame);
    const last = this.#runs.at(-1);
    if (last?.room === room) last.end = this.log.end;
    else this.#runs.push({ room, end: this.log.end });
    return copy;
  }

  /** The member has it up to `position`: that part is dropped. A lower position than before changes nothing. */
  haveUpTo(position: number): void {
    if (position <= this.#have) return;
    this.#have = position;
    this.log.trim(position);
    const first = this.#firstAfter(position);
    if (first > 0) this.#runs.splice(0, first);
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
      runs: this.#runs.map(({ room, end }) => [room, end] as const),
      have: this.#have,
    };
  }

  restore({ log, runs, have }: SavedOwnLog): void {
    this.log.restore(log);
    this.#runs = runs.map(([room, end]) => ({ room, end }));
    this.#have = have;
  }
}
