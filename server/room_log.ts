// TODO: say what this is.

import { frameSize } from "../protocol.ts";

const NOTHING_READ = { position: -1, end: -1, bytes: new Uint8Array() };

interface Segment {
  /** The position of its first byte. */
  readonly start: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * A bounded log of frames. A position is the number of bytes appended before it, so it never changes
 * its meaning. Bytes stand in segments that are written once and never again: what `read` gave stays
 * as it is for as long as somebody holds it, even when the log has gone on (a write to a socket that
 * nobody reads can't be taken back).
 */
export class Log {
  readonly #capacity: number;
  readonly #segment: number;
  #segments: Segment[] = [];
  #end = 0;
  #begun = 0;
  /** What was read last: nearly always the next member is as far, and gets the same. */
  #last: { position: number; end: number; bytes: Uint8Array<ArrayBuffer> } = NOTHING_READ;

  /**
   * @param capacity bytes that can be read at most; the oldest go first, a segment at a time. Frames
   * are not cut, so segments have gaps at their ends: at worst as much memory again is held.
   * @param segment bytes of a segment; a frame that is larger gets one of its own
   */
  constructor(capacity: number, segment: number) {
    this.#capacity = capacity;
    this.#segment = segment;
  }

  /** The position of the oldest byte that is still there. */
  get start(): number {
    return this.#segments[0]?.start ?? this.#end;
  }

  /** The position behind the newest byte. */
  get end(): number {
    return this.#end;
  }

  /** How many segments there have been: when it grows, the log has moved on by one. */
  get begun(): number {
    return this.#begun;
  }

  /** Bytes of memory that the log holds. */
  get held(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /**
   * Appends a frame; returns the log's own copy of it, for the id to be set before anybody reads it.
   * The oldest segments are dropped where the log would grow over its capacity.
   */
  append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    let last = this.#segments.at(-1);
    if (!last || last.used + frame.length > last.bytes.length) {
      last = this.#begin(new Uint8Array(Math.max(this.#segment, frame.length)));
    }
    const copy = last.bytes.subarray(last.used, last.used + frame.length);
    copy.set(frame);
    last.used += frame.length;
    this.#end += frame.length;
    return copy;
  }

  /** Appends frames as a segment of their own, without a copy: their bytes MUST NOT change any more. */
  adopt(frames: Uint8Array<ArrayBuffer>): void {
    this.#begin(frames).used = frames.length;
    this.#end += frames.length;
  }

  #begin(bytes: Uint8Array<ArrayBuffer>): Segment {
    while (this.#segments.length > 0 && this.#end - this.start + bytes.length > this.#capacity) {
      this.#segments.shift();
    }
    const segment = { start: this.#end, bytes, used: 0 };
    this.#segments.push(segment);
    this.#begun++;
    return segment;
  }

  /**
   * Everything from `position` to `end` that stands in one piece: a segment may end before. Whole frames,
   * if one starts at `position` and one ends at `end`. Empty at the end of the log.
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
   * Whether the log has this position, and a frame starts or the log ends there: somebody else names it.
   * Looks at the frames of one segment.
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
    // Nearly everybody reads near the end.
    return this.#segments.findLast(({ start }) => start <= position);
  }

  /** Drops the segments that end at or before `position`: everybody has read them. */
  trim(position: number): void {
    while (this.#segments.length > 0) {
      const { start, used } = this.#segments[0]!;
      if (start + used > position) return;
      this.#segments.shift();
    }
  }
}
