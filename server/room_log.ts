// A bounded log of frames with positions that never change: the room's log, and each member's own log. Knows where a
// frame ends, and nothing of members, sockets or what frames mean.

import { frameSize } from "../protocol.ts";

/** The state of a `Log`, from some position on. */
export interface SavedLog {
  readonly end: number;
  readonly begun: number;
  readonly segments: readonly {
    readonly start: number;
    /** Bytes that it can hold. */
    readonly size: number;
    /** The used bytes: they never change. */
    readonly bytes: Uint8Array;
  }[];
}

const NOTHING_READ = { position: -1, end: -1, bytes: new Uint8Array() };

/** A segment whose frames leave more than this part of it empty is replaced by a copy that fits. */
const MAX_EMPTY = 1 / 4;

interface Segment {
  /** The position of its first byte. */
  readonly start: number;
  bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * A bounded log of frames. A position is the number of bytes appended before it, so it never changes its meaning.
 * Each byte of a segment is written once: what `read` returns stays valid after the log has dropped it. That matters
 * because a write to a socket that the peer does not read cannot be taken back.
 */
export class Log {
  #capacity: number;
  readonly #segment: number;
  readonly #first: number;
  #segments: Segment[] = [];
  #end = 0;
  #begun = 0;
  #held = 0;
  /** The last read: nearly always the next member reads the same. */
  #last: { position: number; end: number; bytes: Uint8Array<ArrayBuffer> } = NOTHING_READ;

  /**
   * @param capacity bytes that can be read at most; the log drops its oldest segment to stay below. Frames are
   * not split, so segments have gaps at their ends: in the worst case the log takes a third more memory.
   * @param segment bytes of a segment; a larger frame gets a segment of its size
   * @param first bytes of the first segment: further ones are as large as all before them, up to `segment`
   */
  constructor(capacity: number, segment: number, first: number = segment) {
    this.#capacity = capacity;
    this.#segment = segment;
    this.#first = first;
  }

  /** Bytes that can be read at most. A smaller capacity takes effect with the next segment. */
  get capacity(): number {
    return this.#capacity;
  }

  set capacity(bytes: number) {
    this.#capacity = bytes;
  }

  /** The position of the oldest byte in the log. */
  get start(): number {
    return this.#segments[0]?.start ?? this.#end;
  }

  /** The position after the newest byte. */
  get end(): number {
    return this.#end;
  }

  /** How many segments the log has begun so far. */
  get begun(): number {
    return this.#begun;
  }

  /** Bytes of memory that the log holds. */
  get held(): number {
    return this.#held;
  }

  /**
   * Appends a frame; returns the log's own copy, so that the caller can set the id before anything reads it.
   * Drops the oldest segments if the log would exceed its capacity.
   */
  append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    let last = this.#segments.at(-1);
    if (!last || last.used + frame.length > last.bytes.length) {
      if (last) this.#shrink(last);
      const size = Math.min(this.#segment, Math.max(this.#first, this.#held));
      last = this.#begin(new Uint8Array(Math.max(size, frame.length)));
    }
    const copy = last.bytes.subarray(last.used, last.used + frame.length);
    copy.set(frame);
    last.used += frame.length;
    this.#end += frame.length;
    return copy;
  }

  #begin(bytes: Uint8Array<ArrayBuffer>): Segment {
    while (this.#segments.length > 0 && this.#end - this.start + bytes.length > this.#capacity) {
      this.#drop();
    }
    const segment = { start: this.#end, bytes, used: 0 };
    this.#segments.push(segment);
    this.#held += bytes.length;
    this.#begun++;
    return segment;
  }

  /**
   * The bytes from `position` to `end`, or to the end of their segment if that comes first. Complete frames, if a
   * frame starts at `position` and one ends at `end`. Empty at the end of the log.
   *
   * @throws {RangeError} if the log does not reach back (or forward) to `position`
   */
  read(position: number, end: number = this.#end): Uint8Array<ArrayBuffer> {
    const last = this.#last;
    if (last.position === position && last.end === end && position >= this.start) return last.bytes;
    const segment = this.#find(position);
    if (!segment) return new Uint8Array();
    const { start, bytes, used } = segment;
    const piece = bytes.subarray(position - start, Math.min(used, end - start));
    if (end <= this.#end) this.#last = { position, end, bytes: piece };
    return piece;
  }

  /**
   * Whether the log holds this position, and a frame starts or the log ends there. For positions that a client
   * names. Looks at the frames of one segment.
   */
  isBoundary(position: number): boolean {
    if (position < this.start || position > this.#end) return false;
    const segment = this.#find(position);
    if (!segment) return true;
    let at = 0;
    while (at < position - segment.start) at += frameSize(segment.bytes.subarray(at));
    return at === position - segment.start;
  }

  /** @throws {RangeError} if the log does not have this position */
  #find(position: number): Segment | undefined {
    if (position < this.start || position > this.#end) {
      throw new RangeError(
        `Cannot read at ${position}: the log has ${this.start} to ${this.#end}`,
      );
    }
    // Nearly all members read near the end.
    return this.#segments.findLast(({ start }) => start <= position);
  }

  /** Drops the segments that end at or before `position`. */
  trim(position: number): void {
    while (this.#segments.length > 0) {
      const { start, used } = this.#segments[0]!;
      if (start + used > position) return;
      this.#drop();
    }
  }

  /** Frees what stays empty of a complete segment. What was read before stays as it is. */
  #shrink(segment: Segment): void {
    const { bytes, used } = segment;
    if (used >= (1 - MAX_EMPTY) * bytes.length) return;
    segment.bytes = bytes.slice(0, used);
    this.#held -= bytes.length - used;
    if (this.#last.position >= segment.start) this.#last = NOTHING_READ;
  }

  /** Drops the oldest segment. */
  #drop(): void {
    this.#held -= this.#segments.shift()!.bytes.length;
    // It would keep that segment in memory.
    if (this.#last.position < this.start) this.#last = NOTHING_READ;
  }

  /**
   * The log from a position on, where a frame starts or the log ends.
   *
   * @throws {RangeError} if the log does not have this position
   */
  save(from: number = this.start): SavedLog {
    const segments: SavedLog["segments"][number][] = [];
    for (const { start, bytes, used } of this.#segments) {
      if (start + used <= from) continue;
      const skipped = Math.max(0, from - start);
      segments.push({
        start: start + skipped,
        size: bytes.length - skipped,
        bytes: bytes.subarray(skipped, used),
      });
    }
    return { end: this.#end, begun: this.#begun, segments };
  }

  restore({ end, begun, segments }: SavedLog): void {
    this.#end = end;
    this.#begun = begun;
    this.#segments = segments.map(({ start, size, bytes: saved }) => {
      const bytes = new Uint8Array(size);
      bytes.set(saved);
      return { start, bytes, used: saved.length };
    });
    this.#held = this.#segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#last = NOTHING_READ;
  }
}
