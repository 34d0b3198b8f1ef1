// What a client sends: frames in their order, at the pace that the room takes, kept until the server is known to
// have taken them. So what was lost with a connection is sent again over the next, once.

import { isDirect } from "../protocol.ts";
import { type Budget } from "../protocol/json_frames.ts";
import type { Source } from "../protocol/connection.ts";
import { DIRECT_PART, RateLimiter } from "../protocol/rate_limit.ts";
import { concat } from "@std/bytes/concat";

/** A write of this size is worth its call. */
const WRITE_SIZE = 64 * 1024;
/**
 * The part of the budget that is used: where the network gathers what was sent one by one, it still comes
 * within the whole.
 */
const SHARE = 0.9;

/** How full the budget must be for file data: the rest is for what is said, which so need not wait. */
const BULK_SHARE = 1 / 2;
/** Bytes of file data that may be on their way: so much is sent again, at worst, when a connection breaks. */
const MAX_BULK = 128 * 1024;

/** The frames of one session. */
export class Outbox implements Source {
  /** The room has budgets for frames; undefined where they are not limited. */
  readonly #meter: RateLimiter | undefined;
  /** Frames that the server may not have taken. */
  readonly #frames: Uint8Array<ArrayBuffer>[] = [];
  /** How many were taken before these. */
  #accepted = 0;
  /** How many of these have been handed out. */
  #sent = 0;
  #bytes = 0;
  /** The next one has been counted against the budget. */
  #paid = false;
  /** File data waits. */
  #rest: ReturnType<typeof setTimeout> | undefined;
  #wait: ReturnType<typeof setTimeout> | undefined;
  /** Says that there is something to take. */
  #wake: () => void = () => {};
  /** Gives file data, a frame at a time: asked when nothing else is to be sent. */
  #bulk: () => Uint8Array<ArrayBuffer> | undefined = () => undefined;
  #isBulk = new Set<Uint8Array>();
  #bulkBytes = 0;
  #last: { readonly frame: Uint8Array<ArrayBuffer>; readonly sent: () => void } | undefined;

  constructor(budget: Budget | undefined) {
    this.#meter = budget && new RateLimiter(share(budget), performance.now());
  }

  /** How many frames were put in, taken by the server or not. */
  get count(): number {
    return this.#accepted + this.#frames.length;
  }

  /** How many of them were handed out. */
  get handed(): number {
    return this.#accepted + this.#sent;
  }

  /** Something waits until the budget lets it go. */
  get held(): boolean {
    return this.#wait !== undefined;
  }

  /** Bytes of frames that the server may not have taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What goes out when there is nothing else: file data. It is kept, and sent again, like all. */
  fill(bulk: () => Uint8Array<ArrayBuffer> | undefined): void {
    this.#bulk = bulk;
  }

  /** There is file data. */
  wake(): void {
    this.#wake();
  }

  /** From now on what is here goes out over another connection. */
  open(wake: () => void): void {
    this.#wake = wake;
  }

  /** The connection is lost; what comes waits for another. */
  close(): void {
    clearTimeout(this.#wait);
    clearTimeout(this.#rest);
    this.#wait = this.#rest = undefined;
    this.#wake = () => {};
  }

  /** Returns the frame's number: how many were put in, this one included. */
  put(frame: Uint8Array<ArrayBuffer>): number {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#wake();
    return this.count;
  }

  /** A frame that goes out when there is nothing else, and is not counted: a goodbye. */
  putLast(frame: Uint8Array<ArrayBuffer>, sent: () => void): void {
    this.#last = { frame, sent };
    this.#wake();
  }

  /** The server has taken the first `count` frames that were put in: they need not be kept. */
  accept(count: number): void {
    const gone = this.#frames.splice(0, Math.max(0, count - this.#accepted));
    for (const frame of gone) {
      this.#bytes -= frame.length;
      if (this.#isBulk.delete(frame)) this.#bulkBytes -= frame.length;
    }
    this.#accepted += gone.length;
    this.#sent = Math.max(0, this.#sent - gone.length);
  }

  /** What was handed out and not taken is handed out again. */
  rewind(): void {
    this.#sent = 0;
    this.#paid = false;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    if (this.#wait !== undefined) return null;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let bytes = 0; bytes < WRITE_SIZE && this.#sent < this.#frames.length;) {
      const frame = this.#frames[this.#sent]!;
      if (!this.#mayGo(frame)) break;
      pieces.push(frame);
      bytes += frame.length;
      this.#sent++;
      this.#paid = false;
    }
    const more = pieces.length === 0 && !this.#last ? this.#takeBulk() : undefined;
    if (more) return more;
    if (pieces.length > 0) return pieces.length === 1 ? pieces[0]! : concat(pieces);
    if (!this.#last || this.#wait !== undefined) return null;
    const { frame, sent } = this.#last;
    this.#last = undefined;
    sent();
    return frame;
  }

  /** One frame of file data, if there is one, and what is said has enough of the budget left. */
  #takeBulk(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#bulkBytes >= MAX_BULK || this.#wait !== undefined) return undefined;
    const wait = this.#meter?.spare(BULK_SHARE, performance.now()) ?? 0;
    if (wait > 0) {
      this.#wakeIn(wait);
      return undefined;
    }
    const frame = this.#bulk();
    if (!frame) return undefined;
    this.#pay(frame);
    this.#frames.push(frame);
    this.#sent++;
    this.#bytes += frame.length;
    this.#isBulk.add(frame);
    this.#bulkBytes += frame.length;
    return frame;
  }

  /** Counts a frame against the budget; returns for how many ms it has to wait. */
  #pay(frame: Uint8Array): number {
    const part = isDirect(frame) ? DIRECT_PART : 1;
    return this.#meter?.take(frame.length, performance.now(), part) ?? 0;
  }

  /** Unlike `#wait`, this keeps nothing else back. */
  #wakeIn(ms: number): void {
    this.#rest ??= setTimeout(() => {
      this.#rest = undefined;
      this.#wake();
    }, ms);
  }

  /** Whether the budget lets a frame go; else it is looked at again when it does. */
  #mayGo(frame: Uint8Array): boolean {
    if (!this.#meter || this.#paid) return true;
    this.#paid = true;
    const wait = this.#pay(frame);
    if (wait === 0) return true;
    this.#wait = setTimeout(() => {
      this.#wait = undefined;
      this.#wake();
    }, wait);
    return false;
  }
}

function share({ frames, frameBurst, bytes, byteBurst }: Budget): Budget {
  return {
    frames: SHARE * frames,
    frameBurst: SHARE * frameBurst,
    bytes: SHARE * bytes,
    byteBurst: SHARE * byteBurst,
  };
}
