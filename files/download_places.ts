// Which of the accepted files may be received now. Each sender has places of its own, so that one whose data never comes
// takes them from nobody else. Knows no disk and no wire.

import type { Incoming } from "./transfer_entries.ts";

/** How many senders can use all their places at the same time. */
const SENDERS = 8;

/** Downloads of one kind: those that wait, and those that have a place. */
export class DownloadPlaces {
  readonly #each: number;
  readonly #few: number;
  /** Of each download, what its sender had as peer key when it was added. */
  readonly #senders = new Map<Incoming, string>();
  /** Those that wait, by sender; the sender whose turn it is comes first. */
  readonly #waiting = new Map<string, Set<Incoming>>();
  /** Those that have a place, and how many of each sender. */
  readonly #placed = new Set<Incoming>();
  readonly #counts = new Map<string, number>();

  /**
   * @param each places of one sender
   * @param few no more are given to a sender while it uses more than this, so that it can be asked for many together
   */
  constructor(each: number, few: number = each - 1) {
    this.#each = each;
    this.#few = few;
  }

  /** How many wait. */
  get size(): number {
    return this.#senders.size - this.#placed.size;
  }

  /** Those that wait. */
  *[Symbol.iterator](): Generator<Incoming> {
    for (const queue of this.#waiting.values()) yield* queue;
  }

  /** It waits from now on. */
  add(entry: Incoming): void {
    const sender = entry.peerKey ?? "";
    this.#senders.set(entry, sender);
    const queue = this.#waiting.get(sender) ?? new Set();
    this.#waiting.set(sender, queue.add(entry));
  }

  /** It neither waits nor has a place any more. */
  delete(entry: Incoming): void {
    const sender = this.#senders.get(entry);
    if (sender === undefined) return;
    this.#senders.delete(entry);
    if (this.#placed.delete(entry)) return this.#count(sender, -1);
    const queue = this.#waiting.get(sender)!;
    queue.delete(entry);
    if (queue.size === 0) this.#waiting.delete(sender);
  }

  /** Gives places to those that may have one, one sender after the other. */
  *take(): Generator<Incoming> {
    for (const [sender, queue] of this.#waiting) {
      if ((this.#counts.get(sender) ?? 0) > this.#few) continue;
      if (this.#isFull) return;
      // A sender that is added again comes last.
      this.#waiting.delete(sender);
      this.#waiting.set(sender, queue);
      for (const entry of queue) {
        if ((this.#counts.get(sender) ?? 0) >= this.#each || this.#isFull) break;
        queue.delete(entry);
        if (queue.size === 0) this.#waiting.delete(sender);
        this.#placed.add(entry);
        this.#count(sender, 1);
        yield entry;
      }
    }
  }

  get #isFull(): boolean {
    return this.#placed.size >= SENDERS * this.#each;
  }

  #count(sender: string, by: number): void {
    const count = (this.#counts.get(sender) ?? 0) + by;
    if (count > 0) this.#counts.set(sender, count);
    else this.#counts.delete(sender);
  }
}
