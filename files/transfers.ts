// All file transfers of one client. Passes the user's commands, messages and changes of the member list on to the two
// directions, and watches progress. The client seals and sends, the disk stores; this module knows no
// socket and no key.
//
// 1. A sender offers a file to the room or to one member, and waits for requests (`outgoing.ts`).
// 2. A receiver that accepts opens a part file and asks for the file once (`incoming.ts`). Its grants pace the data.
// 3. The sender reads a little ahead of what it may send (`read_ahead.ts`), and sends it when it has nothing else to
//    send. The hash of the file, which it computes meanwhile, follows.
// 4. A receiver that has all data and the hash verifies it, gives the file its name, and notifies the sender.
//
// Members are recognised by their key, or in a room without keys by their name. So a transfer continues when either
// side loses its connection, its session, or its server.

import { ChatError } from "../errors.ts";
import {
  type Chunk,
  type FileMessage,
  type FileMessages,
  MAX_WHOLE,
} from "../protocol/file_messages.ts";
import type { Person, RoomEvent, Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import { ControlQueue } from "./control_queue.ts";
import { findHandled, whichOf } from "./handles.ts";
import { IncomingTransfers } from "./incoming.ts";
import { OutgoingTransfers } from "./outgoing.ts";
import { Rate } from "./rate.ts";
import type { ReadyData } from "./read_ahead.ts";
import { type Post, systemClock, type TransferClock, type TransferOptions } from "./post.ts";
import { Incoming, Outgoing, Sending, type TransferEntry } from "./transfer_entries.ts";
import { TransferList } from "./transfer_list.ts";

/** How often the transfers are looked at, in ms. */
const TICK_MS = 250;
/** How often progress is reported, in ms. */
const PROGRESS_MS = 1000;
/** A transfer without a byte for this long is reported as stalled, in ms. */
const STALLED_MS = 5000;

type LeftReason = (RoomEvent & { type: "left" })["reason"];

/** How the other side of a transfer left. */
const GONE: Readonly<Record<LeftReason, string>> = {
  left: "has left",
  lost: "has lost its connection",
  slow: "has left: it read too slowly",
  removed: "was removed from the room",
  refused: "has left: it broke the protocol",
};

/** All transfers of one client, across its sessions. */
export class Transfers {
  readonly #post: Post;
  readonly #ignores: (who: Person) => boolean;
  readonly #clock: TransferClock;
  readonly #list: TransferList;
  readonly #control: ControlQueue;
  readonly #incoming: IncomingTransfers;
  readonly #outgoing: OutgoingTransfers;
  /** Stops the timer; undefined while it is off. */
  #endTicks: (() => void) | undefined;

  constructor(
    post: Post,
    {
      disk,
      accept = "ask",
      acceptLimit = Infinity,
      clock = systemClock,
      ignores = () => false,
    }: TransferOptions,
  ) {
    const list = new TransferList(post, () => this.#watch());
    const control = new ControlQueue(post, clock, () => this.#watch());
    const shared = { post, disk, clock, list, control };
    this.#post = post;
    this.#ignores = ignores;
    this.#clock = clock;
    this.#list = list;
    this.#control = control;
    this.#incoming = new IncomingTransfers({
      ...shared,
      accept,
      acceptLimit,
      ignores,
    });
    this.#outgoing = new OutgoingTransfers(shared);
  }

  /** Files are being looked for, to be offered. */
  get offering(): boolean {
    return this.#outgoing.offering;
  }

  get list(): Transfer[] {
    return this.#list.values().filter((entry) => !this.#isHidden(entry))
      .map((entry) => entry.view()).toArray();
  }

  /** Transfers that move without the user. */
  get going(): Transfer[] {
    return this.#going().map((entry) => entry.view());
  }

  #going(): TransferEntry[] {
    return [...this.#incoming.running, ...this.#outgoing.active];
  }

  // ---- the user's commands ----

  /** Offers files and all files of folders. */
  offer(paths: string | readonly string[], to: Person | undefined, name: string | undefined): void {
    this.#outgoing.offer(paths, to, name);
  }

  accept(which: string | number): number {
    const found = this.#named(
      which,
      "accept",
      (entry) => (
        entry instanceof Incoming && !entry.withdrawn &&
        (entry.state === "offered" || entry.state === "failed")
      ),
    );
    const reachable = found.filter(({ peerId }) => peerId !== undefined);
    const [first] = found;
    if (reachable.length === 0 && first) {
      const name = printable(first.who?.name ?? "the sender");
      throw new ChatError(
        `Cannot accept ${printable(first.offer.name)}: ${name} is not in the room`,
        { refusal: "absent", hint: `You can accept it when ${name} is back` },
      );
    }
    this.#incoming.space.check(reachable as Incoming[]);
    for (const entry of reachable) this.#incoming.accept(entry as Incoming);
    return reachable.length;
  }

  decline(which: string | number): number {
    return this.#each(
      this.#named(
        which,
        "decline",
        (entry) => entry instanceof Incoming && entry.state === "offered",
      ),
      (entry) => this.#incoming.decline(entry as Incoming),
    );
  }

  cancel(which: string | number): number {
    return this.#each(this.#named(which, "cancel", (entry) => entry.live), (entry) => {
      // One that was found may have ended together with another.
      if (!entry.live) return;
      if (entry instanceof Incoming) this.#incoming.cancel(entry);
      else this.#outgoing.cancel(entry as Sending | Outgoing);
    });
  }

  /** Does what the user wants with these transfers, and returns their number. Several have one event. */
  #each(found: readonly TransferEntry[], act: (entry: TransferEntry) => void): number {
    if (found.length === 1) act(found[0]!);
    else this.#reporting(this.#post.self, () => found.forEach(act));
    return found.length;
  }

  /**
   * Finds transfers by number, range of numbers, member or file name, or `all`: see `handles.ts`.
   *
   * @param fits whether the command applies to a transfer
   * @throws {ChatError} if it finds none, or could mean different ones
   */
  #named(
    which: string | number,
    command: "accept" | "decline" | "cancel",
    fits: (entry: TransferEntry) => boolean,
  ): TransferEntry[] {
    const all = [...this.#list.values()].filter(fits).filter((one) => !this.#isHidden(one));
    const handled = all.map((entry) => ({
      entry,
      number: entry.number,
      name: entry.offer.name,
      who: entry.who?.name,
      isIncoming: entry instanceof Incoming,
    }));
    const result = findHandled(handled, which);
    const shown = typeof which === "number" ? which : printable(which);
    if ("ambiguous" in result) {
      throw new ChatError(`Cannot ${command} "${shown}": it could mean several transfers`, {
        refusal: "several",
        hint: whichOf(result.ambiguous),
      });
    }
    if (result.found.length > 0) return result.found.map(({ entry }) => entry);
    const what = command === "cancel" ? "transfer" : "offer";
    throw new ChatError(
      which === "all"
        ? `Cannot ${command} anything: no ${what} is open`
        : `Cannot ${command} "${shown}": no such ${what}`,
      { refusal: "transfer" },
    );
  }

  /** Whether it is an offer of a member that is ignored since. */
  #isHidden(entry: TransferEntry): boolean {
    return entry instanceof Incoming && entry.state === "offered" && entry.who !== undefined &&
      this.#ignores(entry.who);
  }

  // ---- messages of other members ----

  /**
   * Handles the file messages of a member; returns the event that reports new offers.
   *
   * @param sent by the sender's clock
   */
  take(
    from: number,
    { messages }: FileMessages,
    about: Pick<RoomEvent & { type: "offer" }, "direct" | "sent" | "missing" | "meanwhile">,
  ): RoomEvent | undefined {
    const offers: TransferEntry[] = [];
    const sender = this.#post.person(from);
    this.#reporting(sender, () => {
      for (const fileMessage of messages) {
        if (fileMessage.kind === "offer") {
          const entry = sender.self
            ? this.#outgoing.returnedOffer(fileMessage.id)
            : this.#incoming.offered(from, fileMessage);
          if (entry) offers.push(entry);
        } else if (about.direct || fileMessage.kind === "withdraw") this.#handle(from, fileMessage);
      }
    });
    if (offers.length === 0) return undefined;
    const files = offers.map((entry) => entry.view());
    // An offer is reported before it is accepted automatically.
    queueMicrotask(() => {
      for (const entry of offers) {
        if (entry instanceof Incoming) this.#incoming.autoAccept(entry);
      }
    });
    const free = sender.self ? undefined : this.#incoming.space.left();
    return { type: "offer", from: sender, files, ...about, ...(free !== undefined && { free }) };
  }

  /** Does what a member wants: it has one event, however much it changes. */
  #reporting(from: Person, action: () => void): void {
    const transfers = this.#list.gather(action);
    const [transfer, ...more] = transfers;
    if (more.length > 0) this.#post.event({ type: "changes", from, transfers });
    else if (transfer) this.#post.event({ type: "transfer", transfer });
  }

  #handle(from: number, fileMessage: Exclude<FileMessage, { kind: "offer" }>): void {
    switch (fileMessage.kind) {
      case "ask":
        return this.#outgoing.requested(from, fileMessage);
      case "hash":
        return this.#incoming.hashed(from, fileMessage.id, fileMessage.sha256);
      case "differs":
        return this.#incoming.differs(from, fileMessage.id);
      case "decline":
      case "done":
        return this.#outgoing.finished(from, fileMessage);
      case "again":
        return this.#incoming.again(from);
      case "withdraw":
        return this.#incoming.withdrawn(from, fileMessage.id, fileMessage.reason);
    }
  }

  /** Takes the file data for the next frame, for when the client has nothing else to send. */
  next<T>(use: (data: ReadyData) => T): T | undefined {
    return this.#outgoing.take(use);
  }

  /** File data has come; returns how much of what is expected has come with it, as `restCost` counts it. */
  received(from: number, chunk: Chunk): number {
    return this.#incoming.received(from, chunk);
  }

  /** Reads what is requested, if that has stopped. */
  readAhead(): void {
    this.#outgoing.readAhead();
  }

  /** Nothing comes from this member: what it owes is asked for again. */
  silent(from: number): void {
    this.#incoming.lose(this.#post.peerKeyOf(from));
    this.#incoming.pump();
  }

  /** The server has answered a message to one member. */
  answered(to: number, fileMessages: FileMessages, outcome: number): void {
    this.#outgoing.answered(to, fileMessages, outcome);
  }

  // ---- members and connections ----

  /** A new session begins: all members have other ids, or are gone. */
  reset(): void {
    this.#outgoing.reset();
    this.#control.clear();
    for (const entry of this.#list.values()) this.#lost(entry);
  }

  /** The other side is not in the room. */
  #lost(entry: TransferEntry): void {
    entry.peerId = entry.gone = undefined;
    if (entry instanceof Incoming) this.#incoming.lost(entry);
  }

  /** The list of members is complete. */
  entered(): void {
    for (const peerKey of this.#list.peerKeys) this.#reunite(peerKey);
    this.#goOn();
    this.#outgoing.offerAgain();
  }

  /** Finds a member in the room with which transfers have lost each other. */
  #reunite(peerKey: string | undefined): void {
    if (peerKey === undefined) return;
    // A member may offer thousands of files, and they all have the same few ids.
    const reached = new Map<number | undefined, boolean>();
    const isReached = (entry: TransferEntry) => {
      const { peerId } = entry;
      const known = reached.get(peerId) ?? this.#list.reaches(entry);
      reached.set(peerId, known);
      return known;
    };
    const lost = this.#list.of(peerKey).values()
      .filter((entry) => entry.live && !isReached(entry)).toArray();
    // The search looks at all members, and in a large room they come and go all the time.
    const id = lost.length === 0 ? undefined : this.#post.find(peerKey);
    if (id === undefined) return;
    for (const entry of lost) {
      if (entry instanceof Incoming) this.#incoming.returned(entry, id);
      else this.#outgoing.returned(entry as Sending | Outgoing, id);
    }
  }

  #goOn(): void {
    this.#control.flush();
    this.#incoming.pump();
  }

  /** A member has joined: earlier offers to the room are for it, too. */
  joined(id: number): void {
    const peerKey = this.#post.peerKeyOf(id);
    if (this.#list.size === 0 || peerKey === undefined) return;
    this.#reunite(peerKey);
    this.#goOn();
    this.#outgoing.repeatOffers(id, peerKey);
  }

  /**
   * A member has another name, and in a room without keys another peer key.
   *
   * @param before its peer key until now
   */
  renamed(id: number, before: string | undefined): void {
    const after = this.#post.peerKeyOf(id) ?? before;
    for (const entry of before === undefined ? [] : [...this.#list.of(before)]) {
      if (entry.peerId !== id) continue;
      entry.who = this.#post.person(id);
      if (after === before || after === undefined) continue;
      this.#list.identify(entry, after);
      if (entry instanceof Sending) entry.source.addReceiver(entry, id);
    }
    // Another member that had the same name can be found by it now.
    this.#reunite(before);
    if (after !== before) this.#reunite(after);
    this.#goOn();
  }

  /**
   * A member has left.
   *
   * @param peerKey the member's, before it left
   */
  left(id: number, peerKey: string | undefined, reason: LeftReason): void {
    this.#outgoing.drop(id);
    this.#control.drop(id);
    if (peerKey === undefined) return;
    this.#incoming.left(id, peerKey);
    const entries = this.#list.of(peerKey).values().filter(({ peerId }) => peerId === id).toArray();
    for (const entry of entries) this.#lost(entry);
    this.#reunite(peerKey);
    this.#goOn();
    for (const entry of entries) {
      if (entry.peerId !== undefined) continue;
      entry.gone = `${entry.who?.name ?? "the other side"} ${GONE[reason]}`;
      // At once: the user sees why nothing moves any more.
      if (entry.state === "running") this.#list.stall(entry, entry.gone);
      if (entry instanceof Sending) this.#outgoing.lost(entry);
    }
  }

  /** A member has lost its connection: the data it owes may still arrive, but no other transfer waits for it. */
  away(id: number): void {
    const peerKey = this.#post.peerKeyOf(id);
    this.#reunite(peerKey);
    this.#goOn();
  }

  /** This client is connected again; or with `peerKey` that member is. */
  resumed(peerKey?: string): void {
    // What was on its way is gone: this client knows what it has requested, and the others what it has sent.
    this.#incoming.lose(peerKey);
    if (peerKey === undefined) this.#outgoing.again();
    for (const key of peerKey === undefined ? this.#list.peerKeys : [peerKey]) this.#reunite(key);
    this.#goOn();
    this.#outgoing.readAhead();
  }

  // ---- progress ----

  #watch(): void {
    if (this.#list.closed) return;
    this.#endTicks ??= this.#clock.every(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#control.release();
    const going = this.#going();
    if (going.length === 0 && this.#incoming.queued === 0 && !this.#control.holds) {
      this.#endTicks?.();
      this.#endTicks = undefined;
    }
    for (const entry of going) {
      entry.rate ??= new Rate(entry.bytes, now);
      entry.rate.look(entry.bytes, now);
      if (now - entry.movedAt >= STALLED_MS && entry.state === "running") {
        this.#list.stall(entry, this.#why(entry));
      }
      const isSmall = entry.offer.size <= MAX_WHOLE;
      if (!isSmall && now - entry.reportedAt >= PROGRESS_MS && !entry.stalled) {
        entry.reportedAt = now;
        this.#post.event({ type: "progress", transfer: entry.view() });
      }
    }
    this.#post.data.tick();
    this.#control.flush();
    this.#incoming.pump();
    this.#outgoing.readAhead();
  }

  /** Why a transfer does not move. */
  #why(entry: TransferEntry): string {
    const name = entry.who?.name ?? "the other side";
    if (!this.#post.connected) return "connection lost";
    if (entry.peerId === undefined || !this.#post.has(entry.peerId)) {
      return entry.gone ?? `${name} has left`;
    }
    if (this.#post.person(entry.peerId).away) return `${name} is away`;
    if (entry instanceof Incoming) {
      if (entry.forgotten) return `${name} no longer offers it`;
      return entry.next > entry.written ? "the disk is slow" : `no data from ${name}`;
    }
    return `${name} requests no data`;
  }

  // ---- the end ----

  /** The client leaves the room: the received parts stay on the disk. */
  async close(): Promise<void> {
    if (this.#list.closed) return;
    this.#incoming.interrupt();
    this.#control.close();
    this.#endTicks?.();
    await this.#list.close();
    await this.#incoming.close();
    this.#outgoing.close();
  }
}
