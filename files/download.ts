// How a file goes from one member to another: who has it offers, who wants it asks for one piece after the other,
// and asks again for what does not come. Pure: knows no socket, no clock, no disk and no room.
//
// - A receiver asks for no more than its window: so nobody sends faster than it writes, and what waits for it at
//   the server, and here, is bounded whatever the file's size.
// - A sender keeps what it was asked for as places, not bytes, and reads them when they can go out.
// - Whatever is lost on the way (a piece, or what asked for it) is asked for again: no order of losses leads to
//   another file than the one that was offered, for the whole is checked by its hash.

import { MAX_PIECE } from "../protocol/file_messages.ts";

/**
 * The most that one receiver has asked for and not got, of all files together: half of what a server keeps for one
 * member, so that direct messages have room beside it.
 */
export const MAX_WINDOW: number = 256 * 1024;
const FIRST_WINDOW = 64 * 1024;
const MIN_WINDOW = 16 * 1024;
/** A piece that comes within so many ms came quickly: twice that is what a person notices. */
const QUICK_MS = 500;
/** What takes longer than so many ms stands in a queue that the window has made. */
const SLOW_MS = 2000;

/** How many bytes may be asked for and not there: grows while they come quickly. */
export class ReceiveWindow {
  #size = FIRST_WINDOW;
  #asked = 0;

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that were asked for and are not written: what is on its way, and what waits for the disk. */
  get asked(): number {
    return this.#asked;
  }

  /** How many more may be asked for. */
  get left(): number {
    return Math.max(0, this.#size - this.#asked);
  }

  /** The greatest piece to ask for: several of them are on their way at once, so that one comes while one goes. */
  get piece(): number {
    return Math.min(MAX_PIECE, Math.floor(this.#size / 4));
  }

  ask(length: number): void {
    this.#asked += length;
  }

  /** It is written, or will not come: there is room for as much more. */
  free(length: number): void {
    this.#asked -= length;
  }

  /** @param ms how long it took */
  came(length: number, ms: number): void {
    if (ms < QUICK_MS) this.#size = Math.min(MAX_WINDOW, this.#size + length);
    else if (ms > SLOW_MS) this.#size = Math.max(MIN_WINDOW, this.#size - length);
  }

  /** The server has refused to keep more for this receiver. */
  refused(): void {
    this.#size = Math.max(MIN_WINDOW, Math.floor(this.#size / 2));
  }
}

interface Asked {
  readonly length: number;
  /** When, in ms. */
  at: number;
}

/** Which parts of one file are there, on their way, and to be asked for. */
export class Download {
  readonly size: number;
  readonly #window: ReceiveWindow;
  /** Where what was never asked for begins. */
  #next: number;
  /** Where what has not been given on to be written begins. */
  #here: number;
  #written: number;
  /** By offset. */
  readonly #asked = new Map<number, Asked>();
  /** What is to be asked for again, by offset. */
  readonly #lost = new Map<number, number>();
  /** What has come before its turn: bounded by the window. */
  readonly #early = new Map<number, Uint8Array>();
  /** What was asked for does not count in the window: the sender is away. */
  #parked = false;

  /** @param have bytes that are there already */
  constructor(size: number, have: number, window: ReceiveWindow) {
    this.size = size;
    this.#next = this.#here = this.#written = Math.min(have, size);
    this.#window = window;
  }

  /** Bytes from the beginning on that are written. */
  get written(): number {
    return this.#written;
  }

  /** Bytes in memory: they have come and are not written. */
  get held(): number {
    let early = 0;
    for (const { length } of this.#early.values()) early += length;
    return this.#here - this.#written + early;
  }

  /** All of it is written. */
  get complete(): boolean {
    return this.#written === this.size;
  }

  /** Something is on its way. */
  get waits(): boolean {
    return this.#asked.size > 0;
  }

  /**
   * The next piece to ask for; undefined if there is none now. It is taken for asked.
   *
   * @param most bytes that the caller has room for
   * @param now in ms, as everywhere here on a clock that does not go back
   */
  ask(now: number, most = Infinity): { offset: number; length: number } | undefined {
    const again = this.#firstLost();
    const { piece, left, asked } = this.#window;
    const length = again ? again[1] : Math.min(piece, this.size - this.#next, most);
    if (length <= 0 || length > most) return undefined;
    // Where the window has become too small, a piece goes when nothing else does; and what others wait for here
    // goes first of all, or they would stay.
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
   * Takes a piece that has come.
   *
   * @returns what can be written now, in its order; undefined if it was not asked for
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
    for (let next = this.#early.get(this.#here); next; next = this.#early.get(this.#here)) {
      this.#early.delete(this.#here);
      ready.push({ offset: this.#here, bytes: next });
      this.#here += next.length;
    }
    return ready;
  }

  /** So many more bytes have been written. */
  wrote(length: number): void {
    this.#written += length;
    this.#window.free(length);
  }

  /** The sender is away: what it was asked for may come when it is back, and until then others have the window. */
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

  /** What was asked for at `before` or earlier will not come: it is asked for again. */
  late(before: number): void {
    for (const [offset, { length, at }] of this.#asked) {
      if (at <= before) this.#forget(this.#asked, offset, length);
    }
  }

  /**
   * Nothing that was asked for will come. What has come before its turn is let go too: for as long as nobody sends
   * the rest, others have the window.
   */
  lose(): void {
    this.unpark();
    this.late(Infinity);
    for (const [offset, { length }] of this.#early) this.#forget(this.#early, offset, length);
  }

  /** The one that comes first in the file: the others wait for it. */
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

/** How fast something goes: an average in which what is `HALF_MS` old counts half. */
export class Rate {
  #rate = 0;
  #bytes = 0;
  #at: number;

  constructor(bytes: number, now: number) {
    this.#bytes = bytes;
    this.#at = now;
  }

  /** Bytes a second. */
  get value(): number {
    return this.#rate;
  }

  /** @param bytes how many there are by now */
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
