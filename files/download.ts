// Flow control of downloads: which bytes of a file to request next, how many may be requested at once, and how fast
// they arrive. Pure: knows no socket, no clock, no disk and no room.
//
// - A receiver requests no more than its window. So no sender is faster than the receiver writes, and the data that
//   waits for it, at the server and here, is bounded for files of any size.
// - Lost data and lost requests are requested again. No sequence of losses leads to another file than the offered one,
//   because the complete file is verified by its hash.

import { MAX_PIECE } from "../protocol/file_messages.ts";

/**
 * Requested bytes that one receiver may be waiting for, of all files together: what a server passes on at once, less what
 * is around the bytes.
 */
export const MAX_WINDOW: number = 3 * 1024 * 1024;
const FIRST_WINDOW = 64 * 1024;
const MIN_WINDOW = 16 * 1024;
/** A piece that arrives within this time is quick, in ms: people notice twice this delay. */
const QUICK_MS = 500;
/** A piece that takes longer than this waits in a queue that the window has caused, in ms. */
const SLOW_MS = 2000;

/** How many bytes may be requested at once: grows while data arrives quickly, shrinks when it is slow. */
export class ReceiveWindow {
  #size = FIRST_WINDOW;
  #asked = 0;

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that are requested and not yet written: on their way, or waiting for the disk. */
  get asked(): number {
    return this.#asked;
  }

  /** How many more bytes may be requested. */
  get left(): number {
    return Math.max(0, this.#size - this.#asked);
  }

  /** Bytes to request at once: a part of the window, so that the next request is on its way before data arrives. */
  get piece(): number {
    return Math.min(MAX_PIECE, Math.floor(this.#size / 4));
  }

  ask(length: number): void {
    this.#asked += length;
  }

  /** The bytes are written, or will not arrive. */
  free(length: number): void {
    this.#asked -= length;
  }

  /** @param ms from the request to the arrival */
  came(length: number, ms: number): void {
    if (ms < QUICK_MS) this.#size = Math.min(MAX_WINDOW, this.#size + length);
    else if (ms > SLOW_MS) this.#size = Math.max(MIN_WINDOW, this.#size - length);
  }

  /** The server has refused to keep more data for this receiver. */
  refused(): void {
    this.#size = Math.max(MIN_WINDOW, Math.floor(this.#size / 2));
  }
}

interface Asked {
  readonly length: number;
  /** When, in ms. */
  at: number;
}

/** Which parts of one file are written, requested, and still to be requested. */
export class Download {
  readonly size: number;
  readonly #window: ReceiveWindow;
  /** Bytes from here on were never requested. */
  #next: number;
  /** Bytes before this were given to the disk, in order. */
  #given: number;
  #written: number;
  /** Requested pieces, by offset. */
  readonly #asked = new Map<number, Asked>();
  /** Lengths of pieces to request again, by offset. */
  readonly #lost = new Map<number, number>();
  /** Pieces that arrived before earlier ones, by offset; bounded by the window. */
  readonly #early = new Map<number, Uint8Array>();
  /** The sender is away: the requested bytes do not count in the window. */
  #parked = false;

  /** @param have bytes that an earlier attempt has written */
  constructor(size: number, have: number, window: ReceiveWindow) {
    this.size = size;
    this.#next = this.#given = this.#written = Math.min(have, size);
    this.#window = window;
  }

  /** Bytes that are written, from the beginning. */
  get written(): number {
    return this.#written;
  }

  /** Bytes in memory: received and not yet written. */
  get held(): number {
    let early = 0;
    for (const { length } of this.#early.values()) early += length;
    return this.#given - this.#written + early;
  }

  /** All bytes are written. */
  get complete(): boolean {
    return this.#written === this.size;
  }

  /**
   * The next piece, which the caller MUST request; undefined if the window is full or no piece is left.
   *
   * @param max bytes that the caller accepts
   * @param now in ms, here and below, by a clock that never goes back
   */
  ask(now: number, max = Infinity): { offset: number; length: number } | undefined {
    const again = this.#firstLost();
    const { piece, left, asked } = this.#window;
    const length = again ? again[1] : Math.min(piece, this.size - this.#next, max);
    if (length <= 0 || length > max) return undefined;
    // A window that has shrunk below a piece lets one through alone. A lost piece that the received ones wait for goes
    // first, or they would never leave memory.
    const urgent = again !== undefined && this.#asked.size === 0;
    if (length > left && asked > 0 && !urgent) return undefined;
    const offset = again ? again[0] : this.#next;
    if (again) this.#lost.delete(offset);
    else this.#next += length;
    this.#asked.set(offset, { length, at: now });
    this.#window.ask(length);
    return { offset, length };
  }

  /**
   * Takes a piece that has arrived.
   *
   * @returns the pieces that can be written now, in order; undefined if it was not requested
   */
  take(
    offset: number,
    bytes: Uint8Array,
    now: number,
  ): { offset: number; bytes: Uint8Array }[] | undefined {
    const asked = this.#asked.get(offset);
    if (asked?.length !== bytes.length) return undefined;
    this.#asked.delete(offset);
    if (this.#parked) this.#window.ask(bytes.length);
    else this.#window.came(bytes.length, now - asked.at);
    this.#early.set(offset, bytes);
    const ready: { offset: number; bytes: Uint8Array }[] = [];
    for (let next = this.#early.get(this.#given); next; next = this.#early.get(this.#given)) {
      this.#early.delete(this.#given);
      ready.push({ offset: this.#given, bytes: next });
      this.#given += next.length;
    }
    return ready;
  }

  /** More bytes have been written. */
  wrote(length: number): void {
    this.#written += length;
    this.#window.free(length);
  }

  /** The sender is away: its data may arrive when it is back; until then other downloads have the window. */
  park(): void {
    if (this.#parked) return;
    for (const { length } of this.#asked.values()) this.#window.free(length);
    this.#parked = true;
  }

  unpark(): void {
    if (!this.#parked) return;
    for (const { length } of this.#asked.values()) this.#window.ask(length);
    this.#parked = false;
  }

  /** Requests at `before` or earlier are lost: their pieces are to be requested again. */
  late(before: number): void {
    for (const [offset, { length, at }] of this.#asked) {
      if (at <= before) this.#forget(this.#asked, offset, length);
    }
  }

  /**
   * All requests are lost. Pieces in memory that wait for earlier ones are dropped, too, so that other downloads have
   * the window.
   */
  lose(): void {
    this.unpark();
    this.late(Infinity);
    for (const [offset, { length }] of this.#early) this.#forget(this.#early, offset, length);
  }

  /** The first one in the file, because the others wait for it. */
  #firstLost(): [offset: number, length: number] | undefined {
    let first: [number, number] | undefined;
    for (const one of this.#lost) if (!first || one[0] < first[0]) first = one;
    return first;
  }

  #forget(where: Map<number, unknown>, offset: number, length: number): void {
    where.delete(offset);
    this.#lost.set(offset, length);
    this.#window.free(length);
  }
}

/** The speed of a transfer: an average in which data that is `HALF_MS` old counts half. */
export class Rate {
  #rate = 0;
  #bytes = 0;
  #at: number;

  constructor(bytes: number, now: number) {
    this.#bytes = bytes;
    this.#at = now;
  }

  /** In bytes per second. */
  get value(): number {
    return this.#rate;
  }

  /** @param bytes the total until now */
  look(bytes: number, now: number): void {
    const ms = now - this.#at;
    if (ms < LOOK_MS) return;
    const fresh = (bytes - this.#bytes) / ms * 1000;
    const old = this.#rate === 0 ? 0 : 2 ** (-ms / HALF_MS);
    this.#rate = old * this.#rate + (1 - old) * fresh;
    this.#bytes = bytes;
    this.#at = now;
  }
}

const HALF_MS = 2000;
const LOOK_MS = 100;
