// Files that others offer to this client. An offer that is accepted gets a part file; its data is requested piece by
// piece, written in order, and verified at the end. All downloads share one window of requested bytes. Knows no
// socket: requests and answers go through the control queue.
//
// Everything a sender sends is checked against its offer and against what was requested from it.

import { ChatError } from "../errors.ts";
import { type Chunk, type FileOffer, isFolder, type Reason } from "../protocol/file_messages.ts";
import type { Person } from "../room.ts";
import type { ControlQueue } from "./control_queue.ts";
import { FileError } from "./disk_errors.ts";
import { Download, type ReceiveWindow } from "./download.ts";
import { FreeSpace } from "./free_space.ts";
import type { AcceptPolicy, Post, TransferClock } from "./post.ts";
import type { Disk } from "./storage.ts";
import { Incoming, type TransferState } from "./transfer_entries.ts";
import type { TransferList } from "./transfer_list.ts";

/** Offers that are kept, of all members and of one: each takes some hundred bytes. */
const MAX_OFFERS = 20_000;
const MAX_OFFERS_EACH = 10_000;
/** Downloads at once: the requests of small files overlap, large files share the window. */
const MAX_RUNNING = 16;
/** Accepted files of the same content that are compared with a new offer. */
const MAX_COMPARED = 16;
/** Data that has not arrived after this time is requested again, in ms: the request or the data may be lost. */
const OVERDUE_MS = 20_000;

/** How often a sender may say that its data is lost, in ms: no connection is lost and back sooner. */
const AGAIN_MS = 10;

export interface IncomingOptions {
  readonly post: Post;
  readonly disk: Disk;
  readonly clock: TransferClock;
  readonly list: TransferList;
  readonly control: ControlQueue;
  readonly window: ReceiveWindow;
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
  readonly #window: ReceiveWindow;
  readonly #accept: AcceptPolicy;
  readonly #acceptLimit: number;
  readonly #ignores: (who: Person) => boolean;
  readonly #running = new Set<Incoming>();
  /** Accepted, but `MAX_RUNNING` others run. */
  readonly #queue = new Set<Incoming>();
  /** Those in both sets, by what they contain. */
  readonly #accepted = new Map<string, Set<Incoming>>();
  /** Members that have made too many offers, by their keys: each is reported once. */
  readonly #reported = new Set<string>();

  constructor(options: IncomingOptions) {
    this.#post = options.post;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#list = options.list;
    this.#control = options.control;
    this.#window = options.window;
    this.#accept = options.accept;
    this.#acceptLimit = options.acceptLimit;
    this.#ignores = options.ignores;
    this.space = new FreeSpace(options, this.#running, this.#queue);
  }

  get running(): ReadonlySet<Incoming> {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.size;
  }

  // ---- offers ----

  /** A member offers a file; undefined if it is known already, or the member is ignored. */
  offered(from: number, offer: FileOffer): Incoming | undefined {
    const peerKey = this.#post.peerKeyOf(from);
    if (peerKey === undefined) return undefined;
    const known = this.#list.findIncoming(peerKey, offer.id);
    if (known) {
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
      this.returned(restarted, from);
      return undefined;
    }
    const who = this.#post.person(from);
    if (this.#ignores(who)) return undefined;
    this.#makeRoom(from, peerKey);
    const entry = new Incoming(this.#list.nextNumber(), offer);
    entry.peerKey = peerKey;
    entry.peerId = from;
    entry.who = who;
    this.#list.add(entry);
    return entry;
  }

  /**
   * The download that the offer continues: a sender that was restarted offers the same file under another id, perhaps
   * while its old session is still in the room.
   */
  #findRestarted(from: number, peerKey: string, offer: FileOffer): Incoming | undefined {
    const alike = this.#accepted.get(contentOf(offer));
    return alike?.values().take(MAX_COMPARED).find((entry) => (
      entry.peerKey === peerKey &&
      (entry.forgotten || (entry.peerId !== from && entry.offer.name === offer.name))
    ));
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
    this.#queue.delete(entry);
    const content = contentOf(entry.offer);
    const alike = this.#accepted.get(content);
    alike?.delete(entry);
    if (alike?.size === 0) this.#accepted.delete(content);
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
    this.#queue.add(entry);
    const content = contentOf(entry.offer);
    const alike = this.#accepted.get(content);
    if (alike) alike.add(entry);
    else this.#accepted.set(content, new Set([entry]));
    this.#start();
    if (entry.state === "waiting") this.#list.report(entry);
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
    if (reason === "other" && entry.download) {
      // The sender was restarted and no longer knows the offer: the received part stays.
      entry.forgotten = true;
      entry.download.lose();
      return this.#list.stall(entry, `${name} no longer offers it`);
    }
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
    for (const entry of this.#queue) {
      if (this.#running.size >= MAX_RUNNING) return;
      this.#queue.delete(entry);
      this.#running.add(entry);
      this.#then(entry, () => this.#openSink(entry));
    }
  }

  /** Does the next thing on the disk for this file. */
  #then(entry: Incoming, act: () => Promise<void>): void {
    entry.work = entry.work.then(act);
    this.#list.track(entry.work);
  }

  async #openSink(entry: Incoming): Promise<void> {
    if (entry.state !== "waiting" || this.#list.closed) return;
    const { name, size, sha256 } = entry.offer;
    try {
      const from = entry.peerKey ?? "";
      if (isFolder(name)) {
        const path = await this.#disk.makeFolder({ name, from });
        const isWanted = (entry.state as TransferState) === "waiting" && !this.#list.closed;
        return isWanted ? this.#complete(entry, path) : undefined;
      }
      entry.sink = await this.#disk.sink({ id: entry.id, name, size, sha256, from });
    } catch (error) {
      return this.#failed(entry, error);
    }
    // It may have been cancelled meanwhile.
    if ((entry.state as TransferState) !== "waiting" || this.#list.closed) {
      return await this.#abort(entry, this.#list.closed);
    }
    const shortage = this.space.shortage(entry, entry.sink.have);
    if (shortage) return this.#failed(entry, shortage);
    entry.download = new Download(size, entry.sink.have, this.#window);
    entry.resumed = entry.download.written;
    entry.state = "running";
    this.#list.move(entry, this.#clock.now());
    this.#list.report(entry);
    if (entry.download.complete) await this.#finish(entry);
    else this.pump();
  }

  /** Requests as many bytes as the window allows, from all downloads in turn. */
  pump(): void {
    if (!this.#post.ready || !this.#post.connected || this.#list.closed) return;
    const now = this.#clock.now();
    for (let hasAsked = true; hasAsked;) {
      hasAsked = false;
      for (const entry of this.#running) {
        if (entry.state !== "running" || entry.forgotten || !this.#list.reaches(entry)) continue;
        const range = entry.download!.ask(now);
        if (!range) continue;
        hasAsked = true;
        this.#control.send(entry.peerId!, { kind: "ask", id: entry.id, ...range });
      }
    }
  }

  /** Data has arrived; returns whether it was requested. */
  received(from: number, { id, offset, bytes }: Chunk): boolean {
    const entry = this.#find(from, id);
    if (entry?.state !== "running") return false;
    const now = this.#clock.now();
    const ready = entry.download!.take(offset, bytes, now);
    if (!ready) return false;
    this.#list.move(entry, now);
    for (const piece of ready) {
      this.#then(entry, () => this.#write(entry, piece.offset, piece.bytes));
    }
    return true;
  }

  async #write(entry: Incoming, offset: number, bytes: Uint8Array): Promise<void> {
    const { download, sink, state } = entry;
    if (!download) return;
    try {
      if (state === "running") await sink!.write(offset, bytes);
    } catch (error) {
      download.wrote(bytes.length);
      return this.#failed(entry, error);
    }
    download.wrote(bytes.length);
    if (entry.state === "running" && download.complete) await this.#finish(entry);
    else this.pump();
  }

  async #finish(entry: Incoming): Promise<void> {
    let path: string;
    try {
      path = await entry.sink!.finish();
    } catch (error) {
      entry.sink = undefined;
      return this.#failed(entry, error);
    }
    entry.sink = undefined;
    this.#complete(entry, path);
  }

  #complete(entry: Incoming, path: string): void {
    entry.path = path;
    this.#answer(entry, "done");
    this.#dequeue(entry);
    this.#list.end(entry, "done");
    this.#start();
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
    entry.download?.lose();
    this.#then(entry, () => this.#abort(entry, keep));
    this.#start();
    this.pump();
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
    entry.peerId = id;
    entry.who = this.#post.person(id);
    entry.download?.lose();
    this.pump();
  }

  /** A sender has left the room, and its offers are over. What was accepted stays, for when it is back. */
  left(id: number, peerKey: string): void {
    for (const entry of [...this.#list.offersOf(peerKey)]) {
      if (entry.peerId === id && entry.state === "offered") this.forget(entry);
    }
    this.#reported.delete(peerKey);
  }

  /** A sender has lost its connection: the data it still owes takes no room in the window. */
  park(id: number): void {
    for (const entry of this.#running) if (entry.peerId === id) entry.download?.park();
  }

  /** A sender says that data of a file may be lost: it has lost its connection. */
  again(from: number, id: Uint8Array): void {
    const entry = this.#find(from, id);
    const now = this.#clock.now();
    // One message may say so many times, and each time makes this client request a whole window.
    if (!entry?.download || now - entry.lostAt < AGAIN_MS) return;
    entry.lostAt = now;
    entry.download.lose();
    this.#post.data.void(from);
    this.pump();
  }

  /** What a sender owes is lost; without a peer key, what all senders owe. */
  lose(peerKey: string | undefined): void {
    for (const entry of this.#running) {
      if (peerKey !== undefined && entry.peerKey !== peerKey) continue;
      entry.download?.lose();
      if (entry.peerId !== undefined) this.#post.data.void(entry.peerId);
    }
  }

  /** Counts the data that reachable senders owe again. */
  unpark(): void {
    for (const entry of this.#running) {
      if (this.#list.reaches(entry)) entry.download?.unpark();
    }
  }

  /** Gives up on data that is overdue; `pump` requests it again. */
  expire(now: number): void {
    if (!this.#post.connected) return;
    for (const entry of this.#running) {
      if (this.#list.reaches(entry)) entry.download?.late(now - OVERDUE_MS);
    }
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

/** Equal for offers of the same content. */
function contentOf({ size, sha256 }: FileOffer): string {
  return `${size} ${sha256.toHex()}`;
}
