// The list of all transfers, which both directions share: it numbers them, finds them, reports what happens to each,
// and drops those that ended long ago. Knows no disk and no wire; `incoming.ts` and `outgoing.ts` decide what happens.

import { Rate } from "./download.ts";
import type { EndReason } from "../room.ts";
import type { Post } from "./post.ts";
import { Incoming, type TransferEntry, type TransferState } from "./transfer_entries.ts";

/** Ended transfers that stay in the list. */
const MAX_ENDED = 100;

export class TransferList {
  readonly #post: Post;
  /** Starts watching the progress of transfers. */
  readonly watch: () => void;
  /** In the order of their numbers. */
  readonly #entries = new Map<number, TransferEntry>();
  /** By sender and file. */
  readonly #incoming = new Map<string, Incoming>();
  readonly #ended: TransferEntry[] = [];
  /** Disk operations that have not finished. */
  readonly #work = new Set<Promise<void>>();
  #lastNumber = 0;
  #closed = false;

  constructor(post: Post, watch: () => void) {
    this.#post = post;
    this.watch = watch;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Nothing is reported any more. */
  get closed(): boolean {
    return this.#closed;
  }

  values(): IterableIterator<TransferEntry> {
    return this.#entries.values();
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  add(entry: TransferEntry): void {
    this.#entries.set(entry.number, entry);
    if (entry instanceof Incoming) this.#incoming.set(keyOf(entry), entry);
  }

  remove(entry: TransferEntry): void {
    this.#entries.delete(entry.number);
    if (entry instanceof Incoming) this.#incoming.delete(keyOf(entry));
  }

  /** Offers received from others, oldest first. */
  get incoming(): ReadonlyMap<string, Incoming> {
    return this.#incoming;
  }

  findIncoming(peerKey: string | undefined, id: Uint8Array): Incoming | undefined {
    return this.#incoming.get(keyOf({ peerKey, id }));
  }

  /** Changes the sender's key or the file's id, by which the offer is found. */
  identify(entry: Incoming, peerKey: string, id: Uint8Array): void {
    this.#incoming.delete(keyOf(entry));
    entry.peerKey = peerKey;
    entry.id = id;
    this.#incoming.set(keyOf(entry), entry);
  }

  /** Whether the other side is in the room and connected. */
  reaches({ peerId }: TransferEntry): boolean {
    return peerId !== undefined && this.#post.has(peerId) && !this.#post.person(peerId).away;
  }

  /** Bytes have moved. */
  move(entry: TransferEntry, now: number): void {
    entry.movedAt = now;
    entry.rate ??= new Rate(entry.bytes, now);
    this.stall(entry, undefined);
    this.watch();
  }

  /** @param reason why nothing moves; undefined if something does */
  stall(entry: TransferEntry, reason: string | undefined): void {
    if (entry.stalled === reason) return;
    entry.stalled = reason;
    this.report(entry);
  }

  end(entry: TransferEntry, state: TransferState, reason?: EndReason, message?: string): void {
    entry.state = state;
    entry.reason = reason;
    entry.message = message;
    entry.stalled = undefined;
    this.#ended.push(entry);
    while (this.#ended.length > MAX_ENDED) {
      const old = this.#ended.shift()!;
      if (!old.live && !this.#ended.includes(old)) this.remove(old);
    }
    this.report(entry);
  }

  report(entry: TransferEntry): void {
    if (!this.#closed) this.#post.event({ type: "transfer", transfer: entry.view() });
  }

  /** Keeps `close` waiting until `work` has settled. */
  track(work: Promise<void>): void {
    this.#work.add(work);
    work.finally(() => this.#work.delete(work));
  }

  /** Reports nothing more, and waits for the disk operations. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}

function keyOf({ peerKey, id }: { peerKey: string | undefined; id: Uint8Array }): string {
  return `${id.toHex()} ${peerKey ?? ""}`;
}
