// The list of all transfers, which both directions share: it numbers them, finds them, reports what happens to each,
// and drops those that ended long ago. Knows no disk and no wire; `incoming.ts` and `outgoing.ts` decide what happens.
//
// Others decide how long it gets: nothing here looks at all transfers because of one of them.

import { Rate } from "./rate.ts";
import type { EndReason, Transfer } from "../room.ts";
import type { Post } from "./post.ts";
import { Incoming, Sending, type TransferEntry, type TransferState } from "./transfer_entries.ts";

/** Ended transfers that stay in the list. */
const MAX_ENDED = 100;

const NONE: ReadonlySet<never> = new Set();

export class TransferList {
  readonly #post: Post;
  /** Starts watching the progress of transfers. */
  readonly watch: () => void;
  /** In the order of their numbers. */
  readonly #entries = new Map<number, TransferEntry>();
  /** Offers received from others, by sender and file. */
  readonly #incoming = new Map<string, Incoming>();
  /** By the other side. */
  readonly #byPeer = new Map<string, Set<TransferEntry>>();
  /** Offers received from others, by the other side, oldest first. */
  readonly #bySender = new Map<string, Set<Incoming>>();
  readonly #ended: TransferEntry[] = [];
  /** While a message is handled: the transfers that it changes. */
  #changed: Set<TransferEntry> | undefined;
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

  values(): MapIterator<TransferEntry> {
    return this.#entries.values();
  }

  get(number: number): TransferEntry | undefined {
    return this.#entries.get(number);
  }

  /** The transfers with this member. */
  of(peerKey: string): ReadonlySet<TransferEntry> {
    return this.#byPeer.get(peerKey) ?? NONE;
  }

  /** The members that it has transfers with. */
  get peerKeys(): string[] {
    return [...this.#byPeer.keys()];
  }

  /** The offers of this member, oldest first. */
  offersOf(peerKey: string): ReadonlySet<Incoming> {
    return this.#bySender.get(peerKey) ?? NONE;
  }

  /** The member with the most offers. */
  get biggestSender(): string | undefined {
    let biggest: string | undefined;
    let most = 0;
    for (const [peerKey, { size }] of this.#bySender) {
      if (size > most) [biggest, most] = [peerKey, size];
    }
    return biggest;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  add(entry: TransferEntry): void {
    this.#entries.set(entry.number, entry);
    this.#index(entry);
  }

  remove(entry: TransferEntry): void {
    if (this.#entries.get(entry.number) !== entry) return;
    this.#entries.delete(entry.number);
    this.#unindex(entry);
    if (entry instanceof Sending) entry.source.removeReceiver(entry);
  }

  /** How many files others offer. */
  get incoming(): number {
    return this.#incoming.size;
  }

  findIncoming(peerKey: string | undefined, id: Uint8Array): Incoming | undefined {
    return this.#incoming.get(keyOf({ peerKey, id }));
  }

  /** Changes the other side's key, and of an offer the file's id, by which it is found. */
  identify(entry: TransferEntry, peerKey: string, id?: Uint8Array): void {
    this.#unindex(entry);
    entry.peerKey = peerKey;
    if (id && entry instanceof Incoming) entry.id = id;
    this.#index(entry);
  }

  #index(entry: TransferEntry): void {
    const { peerKey } = entry;
    if (entry instanceof Incoming) {
      this.#incoming.set(keyOf(entry), entry);
      if (peerKey !== undefined) addTo(this.#bySender, peerKey, entry);
    }
    if (peerKey !== undefined) addTo(this.#byPeer, peerKey, entry);
  }

  #unindex(entry: TransferEntry): void {
    const { peerKey } = entry;
    if (entry instanceof Incoming) {
      if (this.#incoming.get(keyOf(entry)) === entry) this.#incoming.delete(keyOf(entry));
      if (peerKey !== undefined) removeFrom(this.#bySender, peerKey, entry);
    }
    if (peerKey !== undefined) removeFrom(this.#byPeer, peerKey, entry);
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
    // When it moves again, the time without a byte does not count.
    if (reason !== undefined) entry.rate = undefined;
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
    if (this.#closed) return;
    if (this.#changed) this.#changed.add(entry);
    else this.#post.event({ type: "transfer", transfer: entry.view() });
  }

  /** Does `action` without reports; returns the transfers that it has changed, each once. */
  gather(action: () => void): Transfer[] {
    const changed = this.#changed = new Set<TransferEntry>();
    try {
      action();
    } finally {
      this.#changed = undefined;
    }
    return Array.from(changed, (entry) => entry.view());
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

function addTo<T>(sets: Map<string, Set<T>>, key: string, one: T): void {
  const set = sets.get(key);
  if (set) set.add(one);
  else sets.set(key, new Set([one]));
}

function removeFrom<T>(sets: Map<string, Set<T>>, key: string, one: T): void {
  const set = sets.get(key);
  set?.delete(one);
  if (set?.size === 0) sets.delete(key);
}
