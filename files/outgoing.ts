// Files that this client offers, to the room or to one member. Each member that asks for a file has a transfer of its
// own; the data goes out when the client has nothing else to send, and the hash of the file after it. Knows no socket: the
// client takes the data with `next`, everything else goes through the control queue.
//
// Everything a receiver requests is checked against what was offered to it.

import { ChatError } from "../errors.ts";
import { AckOutcome } from "../protocol.ts";
import {
  type FileMessage,
  type FileMessages,
  fileMessageSize,
  type FileRequest,
  isFolder,
  MAX_FILE_MESSAGES,
  MAX_FILE_NAME,
  MAX_WHOLE,
  type Reason,
  TRANSFER_ID_SIZE,
} from "../protocol/file_messages.ts";
import { TurnSlice } from "../protocol/turn_slice.ts";
import type { EndReason, Person, RoomEvent } from "../room.ts";
import type { ControlQueue } from "./control_queue.ts";
import { FileError, type FileReason } from "./disk_errors.ts";
import type { Post, TransferClock } from "./post.ts";
import { ReadAhead, type ReadyData } from "./read_ahead.ts";
import { OfferReport } from "./offer_report.ts";
import type { Disk } from "./storage.ts";
import { Outgoing, Sending, type TransferState } from "./transfer_entries.ts";
import type { TransferList } from "./transfer_list.ts";

/** Offers that are kept: each takes some hundred bytes. */
const MAX_OFFERS = 20_000;
/** Bytes of offers in one message: a folder with thousands of files takes a few messages. */
const MAX_BATCH_BYTES = 64 * 1024;
/** Transfers to members that have left, and may come back. */
const MAX_LOST = 100;
/** Offers to the room that are repeated to members that do not know them: the newest ones. */
const MAX_REPEATED = 100;
/** Files that are opened in one turn of the event loop, to be offered. */
const MAX_IN_TURN = 100;
/** How often a member may have what it has of a file compared in one session: this client reads the file for it. */
const MAX_COMPARED = 3;

export interface OutgoingOptions {
  readonly post: Post;
  readonly disk: Disk;
  readonly clock: TransferClock;
  readonly list: TransferList;
  readonly control: ControlQueue;
}

export class OutgoingTransfers {
  readonly #post: Post;
  readonly #disk: Disk;
  readonly #clock: TransferClock;
  readonly #list: TransferList;
  readonly #control: ControlQueue;
  /** Offers that can be requested, by id in hex. */
  readonly #offers = new Map<string, Outgoing>();
  /** Transfers that move data. */
  readonly #active = new Set<Sending>();
  readonly #data: ReadAhead;
  /** How often each member in the room had what it has compared, by the file's id in hex. */
  readonly #compared = new Map<number, Map<string, number>>();
  /** Running transfers whose receivers have left, oldest first. */
  readonly #lost = new Set<Sending>();
  /** Calls of `offer` that have not finished. */
  #offering = 0;
  /** How many offers and transfers the user has cancelled. */
  #cancels = 0;
  /** Withdrawals for the room: those of one turn go out together. */
  readonly #withdrawals: FileMessage[] = [];

  constructor(options: OutgoingOptions) {
    this.#post = options.post;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#list = options.list;
    this.#control = options.control;
    this.#data = new ReadAhead({
      ...options,
      onHash: (source, to, sha256) => this.#sendHash(source, to, sha256),
      onDiffers: ({ offer }, to) => this.#control.send(to, { kind: "differs", id: offer.id }),
      onFailure: (source, error) => {
        const reason = error instanceof FileError ? error.code : "unreadable";
        source.message = error.message;
        this.#withdraw(source, reason);
        // An offer to one member is over with its only transfer, which is reported.
        if (source.peerKey !== undefined && source.receivers.length > 0) {
          return this.#shut(source, "failed");
        }
        this.#end(source, "failed", reason, error.message);
      },
    });
  }

  get active(): ReadonlySet<Sending> {
    return this.#active;
  }

  /** Files are being looked for, to be offered. */
  get offering(): boolean {
    return this.#offering > 0;
  }

  /** An offer that can be requested. */
  find(id: Uint8Array): Outgoing | undefined {
    return this.#offers.get(id.toHex());
  }

  // ---- offers ----

  /** Offers files and all that is in folders, one path after the other, up to the first that cannot be offered. */
  offer(paths: string | readonly string[], to: Person | undefined, name: string | undefined): void {
    // `close` does not wait for this: it may be a large folder.
    this.#offering++;
    void this.#offerEach([paths].flat(), to, name).finally(() => this.#offering--).then(
      (events) => {
        // Reported at the end, for listeners that wait for it.
        if (!this.#list.closed) { for (const event of events) this.#post.event(event); }
      },
    );
  }

  async #offerEach(
    paths: readonly string[],
    to: Person | undefined,
    name: string | undefined,
  ): Promise<RoomEvent[]> {
    const reports: RoomEvent[][] = [];
    for (const path of paths) {
      const report = await this.#offerAll(path, to, name);
      reports.push(report);
      if (report.some(({ type }) => type === "unsent")) break;
    }
    return reports.flat();
  }

  /** Returns what to report: what could not be offered. */
  async #offerAll(
    path: string,
    to: Person | undefined,
    name: string | undefined,
  ): Promise<RoomEvent[]> {
    const peerKey = to && this.#post.peerKeyOf(to.id);
    const report = new OfferReport(path);
    let batch: Outgoing[] = [];
    let size = 0;
    const cancels = this.#cancels;
    const flush = () => {
      const live = batch.filter((source) => source.live);
      if (live.length > 0) this.#offerBatch(live, to);
      batch = [];
      size = 0;
    };
    try {
      // However many files there are: keys are read, and messages come and go.
      const slice = new TurnSlice(MAX_IN_TURN);
      for await (const found of this.#disk.walk(path)) {
        const rest = slice.spend(1);
        if (rest) await rest;
        if ("reason" in found) {
          report.leaveOut(found.path, found.reason);
          continue;
        }
        if (this.#offers.size >= MAX_OFFERS) {
          throw new ChatError(`Cannot offer more files: ${MAX_OFFERS} are offered already`);
        }
        const id = crypto.getRandomValues(new Uint8Array(TRANSFER_ID_SIZE));
        const unread = { id, name: found.name, size: 0 };
        const source = new Outgoing(
          this.#list.nextNumber(),
          unread,
          found.path,
          name ?? found.name,
        );
        source.peerKey = peerKey;
        source.who = to;
        source.peerId = to?.id;
        const error = await this.#prepare(source);
        if (this.#list.closed) break;
        // A user who cancels one file meanwhile does not want the rest, either.
        if (this.#cancels > cancels) {
          if (!error) this.#shut(source, "cancelled");
          report.offered++;
          break;
        }
        if (error) {
          if (found.path === path) throw error;
          report.leaveOut(found.path, error instanceof FileError ? error.reason : error.message);
          continue;
        }
        report.offered++;
        batch.push(source);
        size += fileMessageSize({ kind: "offer", ...source.offer });
        if (batch.length === MAX_FILE_MESSAGES || size > MAX_BATCH_BYTES) flush();
      }
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      report.error = error;
    }
    flush();
    return report.events;
  }

  /** Opens a file; returns why it cannot be offered. Of an empty folder nothing is read. */
  async #prepare(source: Outgoing): Promise<ChatError | undefined> {
    if (isFolder(source.offer.name)) {
      this.#list.add(source);
      this.#offers.set(source.offer.id.toHex(), source);
      return undefined;
    }
    try {
      const upload = await this.#disk.open(source.file, source.givenName);
      if (this.#list.closed) {
        upload.close();
        return undefined;
      }
      source.upload = upload;
      if (upload.size === 0) source.sha256 = await upload.hash(0);
      source.offer = { ...source.offer, name: shorten(upload.name), size: upload.size };
      this.#list.add(source);
      this.#offers.set(source.offer.id.toHex(), source);
      return undefined;
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      return error;
    }
  }

  /** The server has returned an offer to the room; undefined if it is not new. */
  returnedOffer(id: Uint8Array): Outgoing | undefined {
    const source = this.find(id);
    if (!source || source.isReported) return undefined;
    source.isReported = true;
    return source;
  }

  #offerBatch(batch: readonly Outgoing[], to: Person | undefined): void {
    for (const source of batch) source.isAnnounced = true;
    const messages = batch.map(({ offer }): FileMessage => ({ kind: "offer", ...offer }));
    // An offer to the room is reported when the server returns it.
    if (!to) return this.#post.say({ refused: 0, messages });
    for (const fileMessage of messages) this.#control.send(to.id, fileMessage);
    const files = batch.map((source) => source.view());
    this.#post.event({
      type: "offer",
      from: this.#post.self,
      direct: true,
      files,
      sent: undefined,
      missing: 0,
    });
  }

  /** Repeats the newest offers to the room to a member that has joined. */
  repeatOffers(to: number, peerKey: string): void {
    for (const { offer } of this.#toRoom((source) => !source.hasReceiver(peerKey))) {
      this.#control.send(to, { kind: "offer", ...offer });
    }
  }

  /** Repeats them to the room: members that have seen this client leave have forgotten them. */
  offerAgain(): void {
    const messages = this.#toRoom(() => true)
      .map(({ offer }): FileMessage => ({ kind: "offer", ...offer }));
    if (messages.length > 0) this.#post.say({ refused: 0, messages });
  }

  #toRoom(fits: (source: Outgoing) => boolean): Outgoing[] {
    return [...this.#offers.values()].filter((source) => (
      source.peerKey === undefined && source.live && fits(source)
    )).slice(-MAX_REPEATED);
  }

  cancel(entry: Sending | Outgoing): void {
    this.#cancels++;
    if (entry instanceof Sending) {
      if (entry.peerId !== undefined) {
        this.#data.drop(entry.peerId, entry.offer.id);
        this.#control.send(entry.peerId, {
          kind: "withdraw",
          id: entry.offer.id,
          reason: "cancelled",
        });
      }
      if (entry.source.peerKey !== undefined) this.#shut(entry.source, "cancelled");
    } else {
      this.#withdraw(entry, "cancelled");
      // `#withdraw` has reported the transfer to the member that it was offered to.
      if (entry.peerKey !== undefined && entry.receivers.length > 0) {
        return this.#shut(entry, "cancelled");
      }
    }
    this.#end(entry, "cancelled", "cancelled");
  }

  #end(
    entry: Sending | Outgoing,
    state: TransferState,
    reason?: EndReason,
    message?: string,
  ): void {
    if (entry instanceof Sending) {
      this.#active.delete(entry);
      this.#lost.delete(entry);
    }
    this.#list.end(entry, state, reason, message);
  }

  /** Closes an offer without a report. */
  #shut(source: Outgoing, state: TransferState): void {
    source.state = state;
    source.upload?.close();
    this.#list.remove(source);
    this.#offers.delete(source.offer.id.toHex());
  }

  /** Ends an offer for all its receivers. */
  #withdraw(source: Outgoing, reason: FileReason): void {
    const { id } = source.offer;
    const fileMessage: FileMessage = { kind: "withdraw", id, reason };
    if (!source.isAnnounced) {
      // Nobody knows it.
    } else if (source.peerKey === undefined) {
      if (this.#withdrawals.push(fileMessage) === 1) queueMicrotask(() => this.#sayWithdrawals());
    } else if (source.peerId !== undefined) this.#control.send(source.peerId, fileMessage);
    for (const entry of source.receivers) {
      if (entry.peerId !== undefined) this.#data.drop(entry.peerId, id);
      if (entry.live) {
        this.#end(entry, reason === "cancelled" ? "cancelled" : "failed", reason, source.message);
      }
    }
    source.upload?.close();
    this.#offers.delete(id.toHex());
  }

  #sayWithdrawals(): void {
    while (this.#withdrawals.length > 0) {
      const messages = this.#withdrawals.splice(0, MAX_FILE_MESSAGES);
      this.#post.say({ refused: 0, messages });
    }
  }

  // ---- receivers ----

  /** A member asks for a file. */
  requested(to: number, request: FileRequest): void {
    const { id } = request;
    const source = this.find(id);
    const peerKey = this.#post.peerKeyOf(to);
    if (!source?.live || peerKey === undefined || !isOfferedTo(source, peerKey)) {
      return this.#control.send(to, { kind: "withdraw", id, reason: "other" });
    }
    if (request.offset > source.offer.size || isFolder(source.offer.name)) return;
    const entry = this.#sendingTo(source, peerKey, to);
    // One that is being compared may be asked for again: a large file takes a while.
    const mustCompare = request.prefix && !this.#data.isHashing(to, request);
    if (mustCompare && this.#countCompared(to, id.toHex()) > MAX_COMPARED) {
      return this.#control.send(to, { kind: "differs", id });
    }
    this.#data.ask(to, source, request);
    // A receiver that has declined may ask for the file after all.
    if (entry.state === "running") return;
    entry.state = "running";
    // What the receiver has already is not sent now: it says nothing about the speed.
    entry.bytes = entry.resumed = request.offset;
    entry.rate = undefined;
    this.#active.add(entry);
    this.#list.watch();
    // Each report costs more than a small file does.
    if (source.offer.size > MAX_WHOLE) this.#list.report(entry);
  }

  /** Not in the transfer: a receiver can make that one end, and leave the list. */
  #countCompared(to: number, id: string): number {
    const counts = this.#compared.get(to) ?? new Map<string, number>();
    const count = (counts.get(id) ?? 0) + 1;
    this.#compared.set(to, counts.set(id, count));
    return count;
  }

  /** A receiver has the complete file, or does not want it. */
  finished(from: number, fileMessage: FileMessage & { kind: "decline" | "done" }): void {
    const source = this.find(fileMessage.id);
    const peerKey = this.#post.peerKeyOf(from);
    if (!source || peerKey === undefined || !isOfferedTo(source, peerKey)) return;
    const entry = this.#sendingTo(source, peerKey, from);
    this.#data.drop(from, fileMessage.id);
    // Reported once, however often it is said.
    if (entry.state === "done" || (fileMessage.kind === "decline" && !entry.live)) return;
    if (fileMessage.kind === "done") {
      entry.bytes = source.offer.size;
      entry.sha256 = source.sha256;
      this.#end(entry, "done");
    } else this.#declined(entry, fileMessage.reason);
    // An offer to one member is over with its only transfer.
    if (source.peerKey !== undefined) this.#shut(source, entry.state);
  }

  #declined(entry: Sending, reason: Reason): void {
    const name = entry.who?.name ?? "the receiver";
    switch (reason) {
      case "declined":
        return this.#end(entry, "declined");
      case "cancelled":
        return this.#end(entry, "cancelled", reason, `${name} cancelled it`);
      case "disk":
        return this.#end(entry, "failed", reason, `${name} could not write it`);
      case "full":
        return this.#end(entry, "failed", reason, `${name} has no space left for it`);
      case "damaged": {
        const message = `the data that ${name} received does not match the file's SHA-256`;
        return this.#end(entry, "failed", reason, message);
      }
      default:
        return this.#end(entry, "failed", "other", `${name} could not receive it`);
    }
  }

  /** The transfer of this file to this member; begins one if needed. */
  #sendingTo(source: Outgoing, peerKey: string, to: number): Sending {
    let entry = this.#findSending(source, peerKey, to);
    if (!entry) {
      entry = new Sending(this.#list.nextNumber(), source);
      entry.peerKey = peerKey;
      source.addReceiver(entry, to);
      this.#list.add(entry);
    }
    if (entry.peerId !== to) {
      entry.movedAt = this.#clock.now();
    }
    this.#lost.delete(entry);
    entry.peerId = to;
    entry.who = this.#post.person(to);
    return entry;
  }

  /**
   * The transfer to this member, or to its earlier session. Two members with one key, such as two windows of one user,
   * have two transfers.
   */
  #findSending(source: Outgoing, peerKey: string, to: number): Sending | undefined {
    const [first, own] = source.receiversFor(peerKey, to);
    return first && (first.peerId === to || !this.#list.reaches(first)) ? first : own;
  }

  // ---- data ----

  /** Reads what is requested, if it has stopped. */
  readAhead(): void {
    this.#data.start();
  }

  /** Takes the file data for the next frame, for when the client has nothing else to send. */
  take<T>(use: (data: ReadyData) => T): T | undefined {
    return this.#data.take((data) => {
      const frame = use(data);
      for (const { source, end, sha256 } of data.parts) {
        this.#sent(data.to, source, end);
        if (sha256) this.#sendHash(source, data.to, sha256);
      }
      return frame;
    });
  }

  #sendHash(source: Outgoing, to: number, sha256: Uint8Array): void {
    source.sha256 = sha256;
    this.#control.send(to, { kind: "hash", id: source.offer.id, sha256 });
  }

  /** The server has answered a message to one member. */
  answered(to: number, { refused, messages }: FileMessages, outcome: number): void {
    const isBusy = outcome === AckOutcome.BUSY;
    if (isBusy) this.#control.refuse(to, refused);
    if (isBusy) { for (const fileMessage of messages) this.#control.send(to, fileMessage); }
  }

  #sent(to: number, source: Outgoing, end: number): void {
    const peerKey = this.#post.peerKeyOf(to);
    const entry = peerKey !== undefined && this.#findSending(source, peerKey, to);
    if (!entry || entry.state !== "running") return;
    entry.bytes = Math.max(entry.bytes, end);
    this.#list.move(entry, this.#clock.now());
  }

  // ---- connections ----

  /** The receiver is in the room, under this id. */
  returned(entry: Sending | Outgoing, id: number): void {
    if (entry.peerId === id) return;
    if (entry instanceof Sending) this.#lost.delete(entry);
    entry.peerId = id;
    entry.who = this.#post.person(id);
    // The receiver may have been restarted without its list of offers.
    if (entry.live) this.#control.send(id, { kind: "offer", ...entry.offer });
  }

  /** The receiver has left. It requests the rest when it is back; of those that never return, few are kept. */
  lost(entry: Sending): void {
    if (entry.state !== "running") return;
    this.#lost.add(entry);
    if (this.#lost.size <= MAX_LOST) return;
    const [oldest] = this.#lost;
    this.#lost.delete(oldest!);
    this.#active.delete(oldest!);
    this.#list.remove(oldest!);
  }

  /** A member has left: its requests are void. */
  drop(id: number): void {
    this.#data.drop(id);
    this.#compared.delete(id);
  }

  /** This client has lost its connection, and is back: what was on its way to its receivers is gone. */
  again(): void {
    const notified = new Set<number>();
    for (const { peerId, offer } of this.#active) {
      if (peerId === undefined || notified.has(peerId)) continue;
      notified.add(peerId);
      this.#control.send(peerId, { kind: "again", id: offer.id });
    }
  }

  /** The session is over: ids mean other members in the next one. */
  reset(): void {
    this.#data.clear();
    this.#compared.clear();
  }

  close(): void {
    for (const { upload } of this.#offers.values()) upload?.close();
  }
}

function isOfferedTo({ peerKey }: Outgoing, receiver: string): boolean {
  return peerKey === undefined || peerKey === receiver;
}

/** A name that fits into an offer; its end says more than its beginning. */
function shorten(name: string): string {
  let short = name;
  while (new TextEncoder().encode(short).length > MAX_FILE_NAME) short = short.slice(1);
  return short;
}
