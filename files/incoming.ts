// Files that others offer to this client. An offer that is accepted gets a part file, and is asked for once; its data
// comes as fast as this client grants, is written in order, and verified at the end with the hash that its sender has
// signed. A small file is kept in memory until then. Knows no socket: requests and answers go through the control queue.
//
// Everything a sender sends is checked against its offer and against what it was asked for.

import { createHash } from "node:crypto";
import { ChatError } from "../errors.ts";
import {
  type Chunk,
  type FileOffer,
  isFolder,
  MAX_WHOLE,
  type Reason,
} from "../protocol/file_messages.ts";
import type { Person } from "../room.ts";
import type { ControlQueue } from "./control_queue.ts";
import { FileError } from "./disk_errors.ts";
import { DownloadPlaces } from "./download_places.ts";
import { FewAtOnce } from "./few_at_once.ts";
import { FreeSpace } from "./free_space.ts";
import type { AcceptPolicy, Post, TransferClock } from "./post.ts";
import type { Disk } from "./storage.ts";
import { Incoming, type TransferState } from "./transfer_entries.ts";
import type { TransferList } from "./transfer_list.ts";

/** Offers that are kept, of all members and of one: each takes some hundred bytes. */
const MAX_OFFERS = 20_000;
const MAX_OFFERS_EACH = 10_000;
/** Downloads of one sender at once that have a part file, and that are kept in memory. All are asked for at once. */
const MAX_PARTS = 16;
const MAX_SMALL = 512;
/** Small files that are written at once. */
const MAX_SAVING = 16;
/** Small files whose senders learn together that they are here. */
const MAX_FINISHED = 16;
const NOTHING = new Uint8Array();
const EMPTY_HASH = new Uint8Array(createHash("sha256").digest());
/**
 * How soon a sender may say again that its data is lost, in ms: no connection is lost and back sooner. For each file that
 * this client has to ask for again there is a pause, too: what it asks comes before what its user says.
 */
const AGAIN_MS = 10;
const ASK_AGAIN_MS = 2;

export interface IncomingOptions {
  readonly post: Post;
  readonly disk: Disk;
  readonly clock: TransferClock;
  readonly list: TransferList;
  readonly control: ControlQueue;
  readonly accept: AcceptPolicy;
  /** Larger files are never accepted automatically, in bytes. */
  readonly acceptLimit: number;
  /** Nothing that these members offer is wanted. */
  readonly ignores: (who: Person) => boolean;
}

export class IncomingTransfers {
  readonly space: FreeSpace;
  readonly #post: Post;
  readonly #disk: Disk;
  readonly #clock: TransferClock;
  readonly #list: TransferList;
  readonly #control: ControlQueue;
  readonly #accept: AcceptPolicy;
  readonly #acceptLimit: number;
  readonly #ignores: (who: Person) => boolean;
  readonly #running = new Set<Incoming>();
  /** Which of the accepted ones may run. */
  readonly #parts = new DownloadPlaces(MAX_PARTS);
  readonly #small = new DownloadPlaces(MAX_SMALL, MAX_SMALL / 2);
  /** Those that run or are queued, by what their sender says of them. */
  readonly #accepted = new Map<string, Set<Incoming>>();
  /** Writes small files, few at once: the system serves more of them no faster. */
  readonly #saving = new FewAtOnce(MAX_SAVING);
  /** Files that are here, and whose senders do not know it yet. */
  readonly #finished: Incoming[] = [];
  #isStarting = false;
  /** Until when what each sender says of lost data is ignored, in ms. */
  readonly #heardUntil = new Map<number, number>();
  /** Members that have made too many offers, by their keys: each is reported once. */
  readonly #reported = new Set<string>();

  constructor(options: IncomingOptions) {
    this.#post = options.post;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#list = options.list;
    this.#control = options.control;
    this.#accept = options.accept;
    this.#acceptLimit = options.acceptLimit;
    this.#ignores = options.ignores;
    this.space = new FreeSpace(options, this.#running, [this.#parts, this.#small]);
  }

  get running(): ReadonlySet<Incoming> {
    return this.#running;
  }

  get queued(): number {
    return this.#parts.size + this.#small.size;
  }

  // ---- offers ----

  /** A member offers a file; undefined if it is known already, or the member is ignored. */
  offered(from: number, offer: FileOffer): Incoming | undefined {
    const peerKey = this.#post.peerKeyOf(from);
    if (peerKey === undefined) return undefined;
    const known = this.#list.findIncoming(peerKey, offer.id);
    if (known) {
      known.offeredBy = from;
      this.returned(known, from);
      // The sender has missed how the transfer ended.
      if (this.#control.isFull(from)) return undefined;
      if (known.state === "done") this.#answer(known, "done");
      else if (known.state === "declined") this.#answer(known, "decline", "declined");
      return undefined;
    }
    const restarted = this.#findRestarted(from, peerKey, offer);
    if (restarted) {
      this.#list.identify(restarted, peerKey, offer.id);
      restarted.forgotten = false;
      restarted.offeredBy = from;
      // A hash that has come is of the earlier offer, perhaps of another file.
      if (restarted.next < offer.size) restarted.sha256 = undefined;
      this.returned(restarted, from);
      return undefined;
    }
    const who = this.#post.person(from);
    if (this.#ignores(who)) return undefined;
    this.#makeRoom(from, peerKey);
    const entry = new Incoming(this.#list.nextNumber(), offer);
    entry.peerKey = peerKey;
    entry.peerId = entry.offeredBy = from;
    entry.who = who;
    this.#list.add(entry);
    return entry;
  }

  /**
   * The download that the offer continues: a sender that was restarted offers the same file under another id, perhaps
   * while its old session is still in the room. Whether the file is the same, its sender sees when it is asked for.
   */
  #findRestarted(from: number, peerKey: string, offer: FileOffer): Incoming | undefined {
    return this.#accepted.get(claimOf(peerKey, offer))?.values()
      .find((entry) => entry.forgotten || entry.offeredBy !== from);
  }

  /** Forgets the oldest offer of this member, or of the one with the most, if there are too many. */
  #makeRoom(from: number, peerKey: string): void {
    const isFull = this.#list.incoming >= MAX_OFFERS;
    const isOwn = this.#list.offersOf(peerKey).size >= MAX_OFFERS_EACH;
    if (!isFull && !isOwn) return;
    const whose = isOwn ? peerKey : this.#list.biggestSender!;
    // Few are skipped: those that run, and those that ended a short while ago.
    const oldest = this.#list.offersOf(whose).values()
      .find(({ state }) => state === "offered" || state === "waiting");
    if (!oldest) return;
    this.forget(oldest);
    if (this.#reported.has(whose)) return;
    this.#reported.add(whose);
    const who = whose === peerKey ? this.#post.person(from) : oldest.who!;
    this.#post.event({ type: "forgotten", from: who });
  }

  /** Takes an offer from the list without a report or an answer. */
  forget(entry: Incoming): void {
    this.#dequeue(entry);
    // Nothing may happen to it any more.
    entry.state = "cancelled";
    this.#list.remove(entry);
  }

  /** It is neither running nor waiting any more. */
  #dequeue(entry: Incoming): void {
    this.#running.delete(entry);
    this.#placesOf(entry).delete(entry);
    this.#forgo(entry);
    const alike = this.#accepted.get(entry.claim);
    alike?.delete(entry);
    if (alike?.size === 0) this.#accepted.delete(entry.claim);
  }

  #placesOf(entry: Incoming): DownloadPlaces {
    return entry.isSmall ? this.#small : this.#parts;
  }

  /** Its data is not wanted any more. */
  #forgo(entry: Incoming): void {
    if (!entry.isAsked) return;
    entry.isAsked = false;
    if (entry.peerId !== undefined) this.#post.data.forgo(entry.peerId, entry.cost);
  }

  /** Accepts or declines an offer without asking the user, as the policy says. */
  autoAccept(entry: Incoming): void {
    if (entry.state !== "offered" || this.#list.closed) return;
    if (this.#accept === "none") return this.decline(entry);
    if (entry.offer.size > this.#acceptLimit || entry.peerId === undefined) return;
    const isKnown = this.#accept === "known" && this.#post.isKnown(entry.peerId);
    if (this.#accept === "all" || isKnown) this.accept(entry);
  }

  accept(entry: Incoming): void {
    entry.state = "waiting";
    entry.reason = entry.message = undefined;
    entry.sha256 = entry.provedId = undefined;
    entry.next = entry.written = entry.resumed = 0;
    this.#placesOf(entry).add(entry);
    entry.claim = claimOf(entry.peerKey, entry.offer);
    this.#accepted.set(entry.claim, (this.#accepted.get(entry.claim) ?? new Set()).add(entry));
    this.#start();
    // Of a small file only the end is reported: each report costs more than the file.
    if (entry.state === "waiting" && !entry.isSmall) this.#list.report(entry);
    this.#list.watch();
  }

  decline(entry: Incoming): void {
    this.#answer(entry, "decline", "declined");
    this.#list.end(entry, "declined");
  }

  cancel(entry: Incoming): void {
    this.#answer(entry, "decline", "cancelled");
    this.#drop(entry, false);
    this.#list.end(entry, "cancelled", "cancelled");
  }

  /** The sender has withdrawn its offer. */
  withdrawn(from: number, id: Uint8Array, reason: Reason): void {
    const entry = this.#find(from, id);
    if (!entry?.live) return;
    const name = entry.who?.name ?? "the sender";
    if (reason === "other" && this.#running.has(entry)) {
      // The sender was restarted and no longer knows the offer: the received part stays.
      entry.forgotten = true;
      this.#forgo(entry);
      return this.#list.stall(entry, `${name} no longer offers it`);
    }
    entry.withdrawn = true;
    this.#drop(entry, false);
    switch (reason) {
      case "cancelled":
        return this.#list.end(entry, "cancelled", reason, `${name} withdrew it`);
      case "changed": {
        const message = `${name}'s file has changed since it was offered`;
        return this.#list.end(entry, "failed", reason, message);
      }
      case "removed":
        return this.#list.end(entry, "failed", reason, `${name}'s file does not exist any more`);
      case "unreadable":
        return this.#list.end(entry, "failed", reason, `${name} can no longer read the file`);
      default:
        return this.#list.end(entry, "failed", "other", `${name} no longer offers it`);
    }
  }

  #find(from: number, id: Uint8Array): Incoming | undefined {
    const peerKey = this.#post.peerKeyOf(from);
    return peerKey === undefined ? undefined : this.#list.findIncoming(peerKey, id);
  }

  // ---- data ----

  /** Starts as many downloads as may run. */
  #start(): void {
    // A file that fails at once starts others: not from here, or thousands would be one in the other.
    if (this.#isStarting) return;
    this.#isStarting = true;
    let hasStarted = false;
    for (const entry of this.#small.take()) {
      this.#startSmall(entry);
      hasStarted = true;
    }
    for (const entry of this.#parts.take()) {
      this.#running.add(entry);
      this.#then(entry, () => this.#openSink(entry));
    }
    this.#isStarting = false;
    // Not after each of thousands of files: it looks at all that run.
    if (hasStarted) this.pump();
  }

  #startSmall(entry: Incoming): void {
    this.#running.add(entry);
    entry.state = "running";
    const shortage = this.space.shortage(entry, 0);
    if (shortage) return this.#failed(entry, shortage);
    this.#list.move(entry, this.#clock.now());
    if (entry.offer.size > 0) return;
    entry.sha256 = EMPTY_HASH;
    this.#save(entry, entry.whole = NOTHING);
  }

  /** Does the next thing on the disk for this file. */
  #then(entry: Incoming, act: () => Promise<void>): void {
    entry.work = entry.work.then(act);
    this.#list.track(entry.work);
  }

  async #openSink(entry: Incoming): Promise<void> {
    if (entry.state !== "waiting" || this.#list.closed) return;
    try {
      entry.sink = await this.#disk.sink(entry.received);
    } catch (error) {
      return this.#failed(entry, error);
    }
    // It may have been cancelled meanwhile.
    if ((entry.state as TransferState) !== "waiting" || this.#list.closed) {
      return await this.#abort(entry, this.#list.closed);
    }
    const shortage = this.space.shortage(entry, entry.sink.have);
    if (shortage) return this.#failed(entry, shortage);
    entry.next = entry.written = entry.resumed = entry.sink.have;
    // What was here already says nothing about the speed.
    entry.rate = undefined;
    entry.state = "running";
    this.#list.move(entry, this.#clock.now());
    this.#list.report(entry);
    this.pump();
  }

  /** Asks for all files that run, and were not asked for. */
  pump(): void {
    if (!this.#post.ready || !this.#post.connected || this.#list.closed) return;
    for (const entry of this.#running) {
      if (entry.isAsked || entry.state !== "running" || entry.forgotten) continue;
      // One with its hash is being finished.
      if (entry.next === entry.offer.size && entry.sha256) continue;
      if (this.#list.reaches(entry)) this.#ask(entry);
    }
  }

  #ask(entry: Incoming): void {
    const { id, next, peerId, provedId } = entry;
    entry.isAsked = true;
    const generation = this.#post.data.expect(peerId!, entry.cost);
    const ask = { kind: "ask", id, generation, offset: next } as const;
    if (next === 0 || provedId === id) return this.#control.send(peerId!, ask);
    // Its sender has to compare what an earlier transfer has brought.
    this.#then(entry, async () => {
      if (!entry.sink || !entry.isAsked || entry.peerId !== peerId) return;
      this.#control.send(peerId!, { ...ask, prefix: await entry.sink.prefix() });
    });
  }

  /** Data has arrived; returns how much of what is expected has come with it, as `restCost` counts it. */
  received(from: number, { id, offset, bytes }: Chunk): number {
    const entry = this.#find(from, id);
    if (entry?.state !== "running" || !entry.isAsked) return 0;
    const { size } = entry.offer;
    if (offset !== entry.next || bytes.length > size - offset) return 0;
    // A small file comes in one piece, and a large one in few: each costs this client work and memory.
    const isLast = bytes.length === size - offset;
    if (!isLast && bytes.length < MAX_WHOLE) return 0;
    const before = entry.cost;
    entry.next += bytes.length;
    entry.provedId = entry.id;
    this.#list.move(entry, this.#clock.now());
    if (entry.isSmall) {
      // A copy: the frame may be much larger.
      entry.whole = bytes.slice();
      entry.wholeFrom = from;
    } else this.#then(entry, () => this.#write(entry, from, offset, bytes));
    const got = before - entry.cost;
    if (entry.next === size) this.#complete(entry);
    return got;
  }

  async #write(entry: Incoming, from: number, offset: number, bytes: Uint8Array): Promise<void> {
    try {
      if (entry.state !== "running" || !entry.sink) return;
      await entry.sink.write(offset, bytes);
      entry.written += bytes.length;
    } catch (error) {
      this.#failed(entry, error);
    } finally {
      this.#post.data.wrote(from, bytes.length);
    }
  }

  /** The sender has sent the hash of a file. */
  hashed(from: number, id: Uint8Array, sha256: Uint8Array): void {
    const entry = this.#find(from, id);
    // Each further one would keep a small file once more.
    if (entry?.state !== "running" || entry.sha256) return;
    entry.sha256 = sha256;
    this.#complete(entry);
  }

  /** What this client has is not how the file of the sender begins: it is received from its beginning. */
  differs(from: number, id: Uint8Array): void {
    const entry = this.#find(from, id);
    if (entry?.state !== "running" || !entry.isAsked || entry.provedId === entry.id) return;
    // It was asked for from its beginning, and nothing was to be compared.
    if (entry.next === 0) return;
    this.#forgo(entry);
    entry.sha256 = entry.rate = undefined;
    entry.next = entry.written = entry.resumed = 0;
    this.#then(entry, async () => {
      try {
        await entry.sink?.restart();
      } catch (error) {
        this.#failed(entry, error);
      }
    });
    this.pump();
  }

  /** Finishes a file if all of it is here. */
  #complete(entry: Incoming): void {
    const { whole, sha256, next, offer } = entry;
    if (!sha256 || next !== offer.size) return;
    entry.isAsked = false;
    if (whole) this.#save(entry, whole);
    else this.#then(entry, () => this.#finish(entry));
  }

  #save(entry: Incoming, bytes: Uint8Array): void {
    const save = async () => {
      if (entry.state !== "running" || entry.whole !== bytes) return;
      const { received } = entry;
      try {
        entry.path = isFolder(received.name)
          ? await this.#disk.makeFolder(received)
          : await this.#disk.save(received, bytes, entry.sha256!);
      } catch (error) {
        return this.#failed(entry, error);
      }
      this.#done(entry);
    };
    this.#list.track(
      this.#saving.run(save).then(() => {
        if (this.#saving.size === 0) this.#answerFinished();
      }),
    );
  }

  async #finish(entry: Incoming): Promise<void> {
    const { sink, sha256 } = entry;
    // A write before it may have failed.
    if (entry.state !== "running" || !sink || !sha256) return;
    entry.sink = undefined;
    try {
      entry.path = await sink.finish(sha256);
    } catch (error) {
      return this.#failed(entry, error);
    }
    this.#done(entry);
  }

  #done(entry: Incoming): void {
    this.#freeWhole(entry);
    entry.written = entry.offer.size;
    // While it got its name, it may have been cancelled.
    if (!entry.live) return;
    this.#finished.push(entry);
    if (this.#saving.size === 0 || this.#finished.length >= MAX_FINISHED) this.#answerFinished();
    this.#dequeue(entry);
    this.#list.end(entry, "done");
    this.#start();
  }

  /** The senders learn that files are here: of many small ones together. */
  #answerFinished(): void {
    for (const entry of this.#finished.splice(0)) this.#answer(entry, "done");
  }

  #failed(entry: Incoming, error: unknown): void {
    if (!(error instanceof ChatError)) throw error;
    if (!entry.live) return;
    const reason = error instanceof FileError ? error.code : "disk";
    this.#answer(entry, "decline", reason);
    this.#drop(entry, reason !== "damaged");
    this.#list.end(entry, "failed", reason, error.message);
  }

  /** Stops a download; `keep`: its part file stays. */
  #drop(entry: Incoming, keep: boolean): void {
    this.#dequeue(entry);
    this.#freeWhole(entry);
    this.#then(entry, () => this.#abort(entry, keep));
    this.#start();
  }

  /** A small file leaves memory. */
  #freeWhole(entry: Incoming): void {
    const { whole, wholeFrom } = entry;
    entry.whole = undefined;
    if (whole && wholeFrom !== undefined) this.#post.data.wrote(wholeFrom, whole.length);
  }

  async #abort(entry: Incoming, keep: boolean): Promise<void> {
    const { sink } = entry;
    entry.sink = undefined;
    try {
      await sink?.abort(keep);
    } catch (error) {
      // A part file that cannot be removed is harmless: its name shows what it is.
      if (!(error instanceof ChatError)) throw error;
    }
  }

  #answer(entry: Incoming, kind: "done" | "decline", reason: Reason = "other"): void {
    const { peerId, id } = entry;
    if (peerId === undefined || !this.#post.has(peerId)) return;
    this.#control.send(peerId, kind === "done" ? { kind, id } : { kind, id, reason });
  }

  // ---- connections ----

  /** The sender is in the room, under this id. */
  returned(entry: Incoming, id: number): void {
    if (entry.peerId === id) return;
    this.#forgo(entry);
    this.lost(entry);
    entry.peerId = id;
    entry.who = this.#post.person(id);
    this.pump();
  }

  /** A sender has left the room, and its offers are over. What was accepted stays, for when it is back. */
  left(id: number, peerKey: string): void {
    for (const entry of [...this.#list.offersOf(peerKey)]) {
      if (entry.peerId === id && entry.state === "offered") this.forget(entry);
    }
    this.#reported.delete(peerKey);
    this.#heardUntil.delete(id);
  }

  /** A sender says that file data may be lost: it has lost its connection. */
  again(from: number): void {
    const now = this.#clock.now();
    // One message may say this many times, and each time this client asks for all files again.
    if (now < (this.#heardUntil.get(from) ?? -Infinity)) return;
    const lost = this.lose(this.#post.peerKeyOf(from));
    this.#heardUntil.set(from, now + AGAIN_MS + ASK_AGAIN_MS * lost);
    this.pump();
  }

  /**
   * What a sender owes is lost; without a peer key, what all senders owe. `pump` asks for it again.
   *
   * @returns how many files that are
   */
  lose(peerKey: string | undefined): number {
    let count = 0;
    for (const entry of this.#running) {
      if (peerKey !== undefined && entry.peerKey !== peerKey) continue;
      this.lost(entry);
      count++;
      if (entry.peerId !== undefined) this.#post.data.void(entry.peerId);
    }
    return count;
  }

  /** The data of a file that is on its way is lost. */
  lost(entry: Incoming): void {
    entry.isAsked = false;
    if (!entry.isSmall || entry.sha256) return;
    // Without its hash it is worth nothing, and it is small.
    this.#freeWhole(entry);
    entry.next = 0;
  }

  /** The client leaves the room: reports the downloads that this interrupts. */
  interrupt(): void {
    for (const entry of this.#running) {
      entry.reason = "left";
      entry.message = "the room is closed; the received part is kept";
      entry.state = "failed";
      entry.stalled = undefined;
      this.#list.report(entry);
    }
  }

  /** Closes the part files, which stay. */
  async close(): Promise<void> {
    for (const entry of this.#running) await this.#abort(entry, true);
  }
}

/** Equal for offers of one member that may be of the same file. */
function claimOf(peerKey: string | undefined, { name, size }: FileOffer): string {
  return JSON.stringify([peerKey, size, name]);
}
