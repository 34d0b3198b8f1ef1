// The frames that a client sends, in order and within the room's budget. Keeps each frame until the server has
// taken it, so frames that were lost with a connection go out over the next one. Knows no socket and no cipher.

import type { Budget } from "../protocol/json_frames.ts";
import type { Source } from "../protocol/connection.ts";
import { type Cost, costOf } from "../protocol/cost.ts";
import { RateLimiter } from "../protocol/rate_limit.ts";
import { concat } from "@std/bytes/concat";

/** How many bytes to join into one write: a call for fewer costs more than the copy. */
const WRITE_SIZE = 64 * 1024;
/**
 * The part of the budget that is used. The network may deliver frames faster than they were sent; the rest of the
 * budget allows for that.
 */
const SHARE = 0.9;

/** The frames of one session. */
export class Outbox implements Source {
  /** undefined if the room has no budget. */
  readonly #meter: RateLimiter | undefined;
  /** Frames that the server may not have taken yet. */
  readonly #frames: Uint8Array<ArrayBuffer>[] = [];
  /** How many frames the server took before these. */
  #accepted = 0;
  /** How many of `#frames` have been handed out. */
  #sent = 0;
  #bytes = 0;
  /** The next frame has been charged to the budget. */
  #paid = false;
  /** Runs while the budget holds back everything. */
  #wait: ReturnType<typeof setTimeout> | undefined;
  /** Wakes the writer of the connection. */
  #wake: () => void = () => {};
  /** Returns the next frame of file data; called when nothing else is to be sent. */
  #bulk: () => Uint8Array<ArrayBuffer> | undefined = () => undefined;
  #last: { readonly frame: Uint8Array<ArrayBuffer>; readonly sent: () => void } | undefined;

  constructor(budget: Budget | undefined) {
    this.#meter = budget && new RateLimiter(share(budget), performance.now());
  }

  /** How many frames were put in, whether the server has taken them or not. */
  get count(): number {
    return this.#accepted + this.#frames.length;
  }

  /** How many of them have been handed out. */
  get handed(): number {
    return this.#accepted + this.#sent;
  }

  /** A frame waits for the budget. */
  get held(): boolean {
    return this.#wait !== undefined;
  }

  /** Bytes of the frames that the server may not have taken yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Sets the source of file data, which goes out when nothing else is to be sent. It takes nothing of the budget, and is
   * not kept: its receiver asks again for what is lost.
   */
  fill(bulk: () => Uint8Array<ArrayBuffer> | undefined): void {
    this.#bulk = bulk;
  }

  /** Reports that file data is ready. */
  wake(): void {
    this.#wake();
  }

  /** Sends over another connection from now on. */
  open(wake: () => void): void {
    this.#wake = wake;
  }

  /** The connection is lost. Frames wait for the next one. */
  close(): void {
    clearTimeout(this.#wait);
    this.#wait = undefined;
    this.#wake = () => {};
  }

  /** The server says what is left of the budget. It knows what other members of this network have used up. */
  setLeft({ frames, bytes }: Cost): void {
    this.#meter?.set({ frames: SHARE * frames, bytes: SHARE * bytes }, performance.now());
  }

  /** Adds a frame; returns how many were put in, this one included. */
  put(frame: Uint8Array<ArrayBuffer>): number {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#wake();
    return this.count;
  }

  /** Replaces a frame that the server has not taken: the `count`th. The new one MUST have the same size. */
  replace(count: number, frame: Uint8Array<ArrayBuffer>): void {
    const index = count - this.#accepted - 1;
    if (index >= 0 && index < this.#frames.length) this.#frames[index] = frame;
  }

  /** Sends a frame when nothing else is left. It is not counted: BYE. */
  putLast(frame: Uint8Array<ArrayBuffer>, sent: () => void): void {
    this.#last = { frame, sent };
    this.#wake();
  }

  /** The server has taken the first `count` frames: they are dropped. */
  accept(count: number): void {
    const gone = this.#frames.splice(0, Math.max(0, count - this.#accepted));
    for (const frame of gone) this.#bytes -= frame.length;
    this.#accepted += gone.length;
    this.#sent = Math.max(0, this.#sent - gone.length);
  }

  /** Hands out all kept frames again. */
  rewind(): void {
    this.#sent = 0;
    this.#paid = false;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    // File data takes nothing of the budget.
    if (this.#wait !== undefined) return this.#bulk() ?? null;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let bytes = 0; bytes < WRITE_SIZE && this.#sent < this.#frames.length;) {
      const frame = this.#frames[this.#sent]!;
      if (!this.#mayGo(frame)) break;
      pieces.push(frame);
      bytes += frame.length;
      this.#sent++;
      this.#paid = false;
    }
    if (pieces.length > 0) return pieces.length === 1 ? pieces[0]! : concat(pieces);
    if (!this.#last || this.#wait !== undefined) return this.#bulk() ?? null;
    const { frame, sent } = this.#last;
    this.#last = undefined;
    sent();
    return frame;
  }

  /** Charges a frame to the budget; returns how long it has to wait, in ms. */
  #pay(frame: Uint8Array): number {
    return this.#meter?.take(costOf(frame), performance.now()) ?? 0;
  }

  /** Whether the budget allows a frame now. If not, wakes the writer when it does. */
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
