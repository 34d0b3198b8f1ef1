// All files that go between one client and others: what is offered, asked for, read, written, and told of. Between
// `files/download.ts`, which says what is to be asked for, the disk, and the client, which seals and sends.
//
// 1. Who offers says so, to the room or to one, and waits to be asked.
// 2. Who accepts opens a part file, and asks for it piece by piece, within one window for all that it receives.
// 3. What was asked for is read ahead, a little, and goes out when the client has nothing else to send.
// 4. Who has it all checks it, gives it its name, and says so.
//
// Members are known again by their key, or where there are none by their name: so a transfer goes on when either
// side has lost its connection, its session, or its server. Everything that others send is checked against what
// was offered to, or asked of them.

import { ChatError } from "../errors.ts";
import { AckOutcome } from "../protocol.ts";
import {
  type FileMessage,
  type FileMessages,
  MAX_PARCELS,
  MAX_PIECE,
  type Offered,
  parcelSize,
  type Reason,
  TRANSFER_ID_SIZE,
} from "../protocol/file_messages.ts";
import type { Person, RoomEvent, Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import { MAX_REFUSALS, REFUSED_MS } from "./control_queue.ts";
import { Download, Rate, Window } from "./download.ts";
import { MAX_RUNNING, OVERDUE_MS } from "./incoming.ts";
import {
  MAX_OFFERED,
  MAX_OPEN,
  MAX_RETOLD,
  NO_HASH,
  READ_AHEAD,
  type Ready,
  shortened,
} from "./outgoing.ts";
import {
  type AcceptPolicy,
  type Post,
  systemClock,
  type TransferClock,
  type TransferOptions,
} from "./post.ts";
import { type Request, Requests } from "./requests.ts";
import type { Disk, Upload } from "./storage.ts";
import { Base, Incoming, Outgoing, Sending, type State } from "./transfer_entries.ts";
/** Offers that are kept, of others and of one's own: each is some hundred bytes. */
const MAX_OFFERS = 20_000;
/** Transfers that have ended and are still listed. */
const MAX_ENDED = 100;
/** How often to look how far everything is, in ms. */
const TICK_MS = 250;
/** How often to tell of it, in ms. */
const PROGRESS_MS = 1000;
/** Nothing has come for so long: people are told, in ms. */
const STALLED_MS = 5000;

/** All transfers of one client, over however many sessions. */
export class Transfers {
  readonly #post: Post;
  readonly #disk: Disk;
  readonly #accept: AcceptPolicy;
  readonly #limit: number;
  readonly #clock: TransferClock;
  readonly #window = new Window();
  readonly #requests = new Requests();
  /** All that can be named by a number, in their order. */
  readonly #all = new Map<number, Base>();
  readonly #incoming = new Map<string, Incoming>();
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #running = new Set<Incoming>();
  /** Accepted, and waiting for others to be through. */
  readonly #queue = new Set<Incoming>();
  /** The outgoing ones that go on, and so are looked at. */
  readonly #sending = new Set<Sending | Outgoing>();
  readonly #ended: Base[] = [];
  /** Those whose files are open, the one asked for longest ago first. */
  readonly #open = new Set<Outgoing>();
  /** What is to be said to single members, in one message each. */
  readonly #control = new Map<number, FileMessage[]>();
  readonly #ready: Ready[] = [];
  #readyBytes = 0;
  #reading = false;
  #flushing = false;
  /** Until when nothing is sent to somebody who has too much waiting. */
  readonly #held = new Map<number, number>();
  /** How many messages to somebody were refused, and it has not been told. */
  readonly #refused = new Map<number, number>();
  #lastNumber = 0;
  #offering = 0;
  /** Ends the ticks, while there are any. */
  #endTicks: (() => void) | undefined;
  /** All that is to be done before it is over. */
  readonly #work = new Set<Promise<void>>();
  #closed = false;

  constructor(
    post: Post,
    { disk, accept = "ask", acceptLimit = Infinity, clock = systemClock }: TransferOptions,
  ) {
    this.#post = post;
    this.#disk = disk;
    this.#accept = accept;
    this.#limit = acceptLimit;
    this.#clock = clock;
  }

  /** Files are being looked at that are to be offered. */
  get offering(): boolean {
    return this.#offering > 0;
  }

  get list(): Transfer[] {
    return Array.from(this.#all.values(), (one) => one.view());
  }

  /** Those that get further by themselves. */
  get going(): Transfer[] {
    return this.#going().map((one) => one.view());
  }

  #going(): Base[] {
    return [...this.#running, ...this.#sending];
  }

  // ---- what the user does ----

  /** Offers a file, or all of a folder. */
  offer(path: string, to: Person | undefined, name: string | undefined): void {
    // Not waited for at the end: it may be a large file that is being hashed.
    this.#offering++;
    void this.#offerAll(path, to, name).finally(() => this.#offering--);
  }

  async #offerAll(path: string, to: Person | undefined, name: string | undefined): Promise<void> {
    const mark = to && this.#post.peerKeyOf(to.id);
    let batch: Outgoing[] = [];
    let size = 0;
    const flush = () => {
      if (batch.length > 0) this.#offerBatch(batch, to);
      batch = [];
      size = 0;
    };
    try {
      for await (const file of this.#disk.walk(path)) {
        if (this.#outgoing.size >= MAX_OFFERS) {
          throw new ChatError("Cannot offer more files: there are too many already");
        }
        const id = crypto.getRandomValues(new Uint8Array(TRANSFER_ID_SIZE));
        const unread = { id, name: file.name, size: 0, sha256: NO_HASH };
        const one = new Outgoing(++this.#lastNumber, unread, file.path, name ?? file.name);
        one.mark = mark;
        one.who = to;
        one.peer = to?.id;
        const isRead = await this.#prepare(one);
        // Who does not want this one any more does not want the rest of its folder.
        if (this.#closed || one.state === "cancelled") break;
        if (!isRead) continue;
        batch.push(one);
        size += parcelSize({ kind: "offer", ...one.offer });
        if (size > MAX_OFFERED) flush();
      }
    } catch (error) {
      this.#unsent(path, error);
    }
    flush();
  }

  /** Reads and hashes what is to be offered; returns whether it can be. */
  async #prepare(one: Outgoing): Promise<boolean> {
    one.state = "reading";
    this.#all.set(one.number, one);
    this.#sending.add(one);
    this.#watch();
    try {
      const upload = await this.#disk.open(one.file, one.givenName, (bytes, size) => {
        if (this.#closed || !one.live) throw new ChatError("Cannot offer a file: it is cancelled");
        one.offer = { ...one.offer, size };
        one.bytes = bytes;
        one.moved = this.#clock.now();
      });
      this.#sending.delete(one);
      if (this.#closed || !one.live) {
        upload.close();
        return false;
      }
      const { size, sha256 } = upload;
      one.offer = { ...one.offer, name: shortened(upload.name), size, sha256 };
      one.bytes = 0;
      one.rate = undefined;
      one.state = "offered";
      this.#outgoing.set(one.offer.id.toHex(), one);
      one.upload = Promise.resolve(upload);
      this.#hold(one);
      return true;
    } catch (error) {
      this.#sending.delete(one);
      if (one.live) {
        this.#all.delete(one.number);
        this.#unsent(one.file, error);
      }
      return false;
    }
  }

  #offerBatch(batch: readonly Outgoing[], to: Person | undefined): void {
    const parcels = batch.map(({ offer }): FileMessage => ({ kind: "offer", ...offer }));
    // The room's own echo tells of it.
    if (!to) return this.#post.say({ refused: 0, parcels });
    for (const parcel of parcels) this.#send(to.id, parcel);
    const files = batch.map((one) => one.view());
    this.#post.event({
      type: "offer",
      from: this.#post.self,
      direct: true,
      files,
      sent: undefined,
      missing: 0,
    });
  }

  #unsent(path: string, error: unknown): void {
    if (!(error instanceof ChatError)) throw error;
    if (this.#closed) return;
    this.#post.event({ type: "unsent", path, message: error.message });
  }

  accept(which: string | number): number {
    const found = this.#named(
      which,
      "accept",
      (one) => one instanceof Incoming && (one.state === "offered" || one.state === "failed"),
    );
    const here = found.filter(({ peer }) => peer !== undefined);
    const [first] = found;
    if (here.length === 0 && first) {
      throw new ChatError(
        `Cannot accept ${printable(first.offer.name)}: ${printable(first.who?.name ?? "")}, ` +
          "who offers it, is not here",
        { hint: "It can be accepted when that member is back" },
      );
    }
    for (const one of here) this.#take(one as Incoming);
    return here.length;
  }

  decline(which: string | number): number {
    const found = this.#named(
      which,
      "decline",
      (one) => one instanceof Incoming && one.state === "offered",
    );
    for (const one of found) {
      this.#answer(one as Incoming, "decline", "declined");
      this.#end(one, "declined");
    }
    return found.length;
  }

  cancel(which: string | number): number {
    const found = this.#named(which, "cancel", (one) => one.live);
    for (const one of found) this.#cancel(one);
    return found.length;
  }

  #cancel(one: Base): void {
    if (!one.live) return;
    if (one instanceof Incoming) {
      this.#answer(one, "decline", "cancelled");
      this.#drop(one, false);
    } else if (one instanceof Sending) {
      if (one.peer !== undefined) {
        this.#requests.drop(one.peer, one.offer.id);
        this.#send(one.peer, { kind: "withdraw", id: one.offer.id, reason: "cancelled" });
      }
      if (one.source.mark !== undefined) this.#shut(one.source, "cancelled");
    } else if (one instanceof Outgoing && one.state !== "reading") {
      this.#withdraw(one, "cancelled");
      // What has come of it with the one that it was for has been told.
      if (one.mark !== undefined && one.receivers.size > 0) return this.#shut(one, "cancelled");
    }
    this.#end(one, "cancelled");
  }

  /** @param fits which of them it can be */
  #named(which: string | number, what: string, fits: (one: Base) => boolean): Base[] {
    const all = [...this.#all.values()].filter(fits);
    const number = typeof which === "number"
      ? which
      : /^#?\d{1,9}$/.test(which)
      ? Number(which.replace("#", ""))
      : undefined;
    const [, first, last] = /^#?(\d{1,9})-#?(\d{1,9})$/.exec(String(which)) ?? [];
    const isMeant = ({ number: n, offer }: Base) => (
      n === number || offer.name === which ||
      (first !== undefined && Number(first) <= n && n <= Number(last))
    );
    const found = which === "all" ? all : all.filter(isMeant);
    if (found.length === 0 && typeof which === "string") {
      found.push(...all.filter(({ who }) => who?.name === which));
    }
    if (found.length > 0) return found;
    const shown = typeof which === "number" ? which : printable(which);
    throw new ChatError(
      which === "all"
        ? `Cannot ${what} anything: there is nothing to ${what}`
        : `Cannot ${what} "${shown}": no transfer to ${what} is called that`,
      { hint: "/transfers lists them, with their numbers" },
    );
  }

  // ---- what others say ----

  /**
   * Takes what somebody has said about files; returns what there is to tell of it at once.
   *
   * @param sent by the sender's clock
   */
  take(
    from: number,
    { refused, parcels }: FileMessages,
    about: { direct: boolean; sent: Date | undefined; missing: number },
  ): RoomEvent | undefined {
    if (refused > 0) this.#window.refused();
    const files: Base[] = [];
    const self = this.#post.person(from).self;
    for (const parcel of parcels) {
      if (parcel.kind === "offer") {
        const one = self ? this.#outgoing.get(parcel.id.toHex()) : this.#offered(from, parcel);
        if (one) files.push(one);
      } else if (about.direct || parcel.kind === "withdraw") this.#obey(from, parcel);
    }
    if (files.length === 0) return undefined;
    const views = files.map((one) => one.view());
    // What needs no question begins when it has been told of.
    queueMicrotask(() => {
      for (const one of files) if (one instanceof Incoming) this.#judge(one);
    });
    return { type: "offer", from: this.#post.person(from), files: views, ...about };
  }

  /** Somebody offers something; undefined if that is no news. */
  #offered(from: number, offer: Offered): Incoming | undefined {
    const mark = this.#post.peerKeyOf(from);
    if (mark === undefined) return undefined;
    const key = keyOf(mark, offer.id);
    const known = this.#incoming.get(key);
    if (known) {
      this.#back(known, from);
      // It has not heard how it ended.
      if (known.state === "done") this.#answer(known, "done");
      else if (known.state === "declined") this.#answer(known, "decline", "declined");
      return undefined;
    }
    // Who has started anew offers the same under another id, perhaps while its old session is still here.
    for (const one of [...this.#running, ...this.#queue]) {
      if (one.mark !== mark || !isSame(one.offer, offer)) continue;
      const isAnew = one.peer !== from && one.offer.name === offer.name;
      if (!one.forgotten && !isAnew) continue;
      this.#incoming.delete(keyOf(mark, one.id));
      one.id = offer.id;
      one.forgotten = false;
      this.#incoming.set(key, one);
      this.#back(one, from);
      return undefined;
    }
    // Nobody fills the list for all others: the oldest that nobody has taken goes.
    if (this.#incoming.size >= MAX_OFFERS) {
      const oldest = this.#incoming.values().find(({ state }) => state === "offered");
      if (!oldest) return undefined;
      this.#forget(oldest);
    }
    const one = new Incoming(++this.#lastNumber, offer);
    one.mark = mark;
    one.peer = from;
    one.who = this.#post.person(from);
    this.#all.set(one.number, one);
    this.#incoming.set(key, one);
    return one;
  }

  /** Whether an offer is taken without a question. */
  #judge(one: Incoming): void {
    if (one.state !== "offered" || this.#closed) return;
    if (this.#accept === "none") {
      this.#answer(one, "decline", "declined");
      return this.#end(one, "declined");
    }
    if (one.offer.size > this.#limit || one.peer === undefined) return;
    const known = this.#accept === "known" && this.#post.isKnown(one.peer);
    if (this.#accept === "all" || known) this.#take(one);
  }

  #obey(from: number, parcel: FileMessage): void {
    switch (parcel.kind) {
      case "ask":
        return this.#asked({ to: from, ...parcel });
      case "decline":
      case "done":
        return this.#finished(from, parcel);
      case "chunk":
        return this.#came(from, parcel);
      case "withdraw": {
        const one = this.#incomingOf(from, parcel.id);
        if (one?.live) this.#withdrawn(one, parcel.reason);
        return;
      }
      case "offer":
        return;
    }
  }

  #incomingOf(from: number, id: Uint8Array): Incoming | undefined {
    const mark = this.#post.peerKeyOf(from);
    return mark === undefined ? undefined : this.#incoming.get(keyOf(mark, id));
  }

  #withdrawn(one: Incoming, reason: Reason): void {
    const name = one.who?.name ?? "the sender";
    if (reason === "other" && one.download) {
      // It has started anew, and knows nothing of it: what is here stays.
      one.forgotten = true;
      one.download.lose();
      return this.#stall(one, `${name} does not offer it any more`);
    }
    this.#drop(one, false);
    if (reason === "cancelled") return this.#end(one, "cancelled", `${name} has taken it back`);
    const why = reason === "changed"
      ? `the file of ${name} has changed or gone since it was offered`
      : `${name} does not offer it any more`;
    this.#end(one, "failed", why);
  }

  // ---- sending ----

  #asked(request: Request): void {
    const { to, id } = request;
    const source = this.#outgoing.get(id.toHex());
    const mark = this.#post.peerKeyOf(to);
    const allowed = source?.mark === undefined || source.mark === mark;
    if (!source?.live || !allowed || mark === undefined) {
      return this.#send(to, { kind: "withdraw", id, reason: "other" });
    }
    if (request.offset + request.length > source.offer.size) return;
    const sending = this.#begin(source, mark, to);
    // Who was refused, or has said no, may change its mind.
    if (this.#requests.put(request)) this.#readAhead();
    if (sending.state !== "running") {
      sending.state = "running";
      this.#sending.add(sending);
      this.#tell(sending);
      this.#watch();
    }
  }

  #begin(source: Outgoing, mark: string, to: number): Sending {
    let one = this.#sendingTo(source, mark, to);
    if (!one) {
      one = new Sending(++this.#lastNumber, source);
      one.mark = mark;
      this.#file(one, to);
      this.#all.set(one.number, one);
    }
    if (one.peer !== to) one.moved = this.#clock.now();
    one.peer = to;
    one.who = this.#post.person(to);
    return one;
  }

  /**
   * What goes to this member, or to the one that it was before. Two may be here with one key, as two windows of one
   * user: those are two.
   */
  #sendingTo({ receivers }: Outgoing, mark: string, to: number): Sending | undefined {
    const one = receivers.get(mark);
    if (one && (one.peer === to || !this.#reaches(one))) return one;
    return receivers.get(keyOfSecond(mark, to));
  }

  #file(one: Sending, to: number): void {
    const { source: { receivers }, mark } = one;
    receivers.set(receivers.has(mark!) ? keyOfSecond(mark!, to) : mark!, one);
  }

  /** Who was offered something has it, or does not want it. */
  #finished(from: number, parcel: FileMessage & { kind: "decline" | "done" }): void {
    const source = this.#outgoing.get(parcel.id.toHex());
    const mark = this.#post.peerKeyOf(from);
    if (!source || mark === undefined || (source.mark !== undefined && source.mark !== mark)) {
      return;
    }
    const one = this.#begin(source, mark, from);
    this.#requests.drop(from, parcel.id);
    if (one.state === "done") return;
    const name = one.who?.name ?? "";
    if (parcel.kind === "done") {
      one.bytes = source.offer.size;
      this.#end(one, "done");
    } else if (parcel.reason === "declined") this.#end(one, "declined");
    else if (parcel.reason === "cancelled") this.#end(one, "cancelled", `${name} has ended it`);
    else {
      const why = parcel.reason === "disk"
        ? `${name} could not write it`
        : `what came to ${name} was not what was offered`;
      this.#end(one, "failed", why);
    }
    // What was offered to one alone is over with that.
    if (source.mark !== undefined) this.#shut(source, one.state);
  }

  /** An offer is over; nothing more is told of it. */
  #shut(source: Outgoing, state: State): void {
    source.state = state;
    this.#close(source);
    this.#all.delete(source.number);
    this.#outgoing.delete(source.offer.id.toHex());
  }

  /** Nobody can have it any more. */
  #withdraw(source: Outgoing, reason: Reason): void {
    const { id } = source.offer;
    const parcel: FileMessage = { kind: "withdraw", id, reason };
    if (source.mark === undefined) this.#post.say({ refused: 0, parcels: [parcel] });
    else if (source.peer !== undefined) this.#send(source.peer, parcel);
    for (const one of source.receivers.values()) {
      if (one.peer !== undefined) this.#requests.drop(one.peer, id);
      if (one.live) this.#end(one, reason === "cancelled" ? "cancelled" : "failed", source.message);
    }
    this.#close(source);
    this.#outgoing.delete(id.toHex());
  }

  /** Reads ahead of what goes out. */
  #readAhead(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    this.#do(this.#readAll());
  }

  async #readAll(): Promise<void> {
    const may = (to: number) => (this.#held.get(to) ?? 0) <= this.#clock.now();
    try {
      while (this.#readyBytes < READ_AHEAD && !this.#closed) {
        const request = this.#requests.next(may);
        if (!request) return;
        const chunk = await this.#read(request);
        if (!chunk) continue;
        const last = this.#ready.at(-1);
        const size = parcelSize(chunk);
        // Small files go together.
        if (last?.to === request.to && last.bytes + size <= MAX_PIECE) {
          last.chunks.push(chunk);
          (last as { bytes: number }).bytes += size;
        } else this.#ready.push({ to: request.to, chunks: [chunk], bytes: size });
        this.#readyBytes += size;
        this.#post.wake();
      }
    } finally {
      this.#reading = false;
    }
  }

  async #read(
    { id, offset, length, to }: Request,
  ): Promise<FileMessage & { kind: "chunk" } | undefined> {
    const source = this.#outgoing.get(id.toHex());
    if (!source?.live || !this.#post.has(to)) return undefined;
    try {
      const upload = await this.#opened(source);
      // It may have been taken back meanwhile.
      if (!source.live) return undefined;
      const bytes = await upload.read(offset, length);
      if (bytes.length !== length) throw new ChatError("Cannot send this: the file has changed");
      return { kind: "chunk", id, offset, bytes };
    } catch (error) {
      // What was taken back is closed, also while it is read.
      if (!source.live) return undefined;
      if (!(error instanceof ChatError)) throw error;
      source.message = error.message;
      this.#withdraw(source, "changed");
      this.#end(source, "failed", error.message);
      return undefined;
    }
  }

  async #opened(source: Outgoing): Promise<Upload> {
    this.#hold(source);
    source.upload ??= this.#reopen(source);
    return await source.upload;
  }

  async #reopen({ file, givenName, offer }: Outgoing): Promise<Upload> {
    const upload = await this.#disk.open(file, givenName, () => {});
    if (isSame(upload, offer)) return upload;
    upload.close();
    throw new ChatError(
      `Cannot send ${printable(offer.name)}: it has changed since it was offered`,
    );
  }

  /** It is open, and asked for last. */
  #hold(source: Outgoing): void {
    this.#open.delete(source);
    this.#open.add(source);
    if (this.#open.size <= MAX_OPEN) return;
    const [oldest] = this.#open;
    this.#close(oldest!);
  }

  #close(source: Outgoing): void {
    this.#open.delete(source);
    const { upload } = source;
    source.upload = undefined;
    upload?.then((file) => file.close(), () => {});
  }

  /** What the client is to send when it has nothing else to say; undefined if there is nothing. */
  next(): { to: number; parcels: FileMessages } | undefined {
    for (let one = this.#ready.shift(); one; one = this.#ready.shift()) {
      this.#readyBytes -= one.bytes;
      this.#readAhead();
      if (this.#post.has(one.to)) return this.#addressed(one.to, one.chunks);
    }
    return undefined;
  }

  #addressed(to: number, parcels: readonly FileMessage[]): { to: number; parcels: FileMessages } {
    const refused = this.#refused.get(to) ?? 0;
    this.#refused.delete(to);
    return { to, parcels: { refused, parcels } };
  }

  /** The server has answered what was said to one member. */
  answered(to: number, { refused, parcels }: FileMessages, outcome: number): void {
    const now = this.#clock.now();
    if (outcome === AckOutcome.BUSY) {
      this.#refused.set(to, (this.#refused.get(to) ?? 0) + refused + 1);
      this.#held.set(to, now + REFUSED_MS);
      this.#watch();
    }
    for (const parcel of parcels) {
      if (parcel.kind === "chunk") {
        if (outcome === AckOutcome.BUSY) {
          const { id, offset, bytes: { length } } = parcel;
          this.#requests.put({ to, id, offset, length });
        } else if (outcome === AckOutcome.ACCEPTED) this.#went(to, parcel, now);
      } else if (outcome === AckOutcome.BUSY) this.#send(to, parcel);
    }
  }

  #went(to: number, { id, offset, bytes }: FileMessage & { kind: "chunk" }, now: number): void {
    const mark = this.#post.peerKeyOf(to);
    const source = this.#outgoing.get(id.toHex());
    const one = mark !== undefined && source && this.#sendingTo(source, mark, to);
    if (!one || one.state !== "running") return;
    one.bytes = Math.max(one.bytes, offset + bytes.length);
    this.#move(one, now);
  }

  // ---- receiving ----

  #take(one: Incoming): void {
    one.state = "waiting";
    one.message = undefined;
    this.#queue.add(one);
    this.#start();
    if (one.state === "waiting") this.#tell(one);
    this.#watch();
  }

  /** Begins what may begin. */
  #start(): void {
    for (const one of this.#queue) {
      if (this.#running.size >= MAX_RUNNING) return;
      this.#queue.delete(one);
      this.#running.add(one);
      one.work = one.work.then(() => this.#openSink(one));
      this.#do(one.work);
    }
  }

  async #openSink(one: Incoming): Promise<void> {
    if (one.state !== "waiting" || this.#closed) return;
    const { name, size, sha256 } = one.offer;
    try {
      const from = one.mark ?? "";
      one.sink = await this.#disk.sink({ id: one.id, name, size, sha256, from });
    } catch (error) {
      return this.#failed(one, error, "disk");
    }
    // It may have been cancelled meanwhile.
    if ((one.state as State) !== "waiting" || this.#closed) {
      return await this.#abort(one, this.#closed);
    }
    one.download = new Download(size, one.sink.have, this.#window);
    one.resumed = one.download.written;
    one.state = "running";
    this.#move(one, this.#clock.now());
    this.#tell(one);
    if (one.download.complete) await this.#finish(one);
    else this.#pump();
  }

  /** Asks for what the window has room for, of all in turn. */
  #pump(): void {
    if (!this.#post.ready || !this.#post.connected || this.#closed) return;
    const now = this.#clock.now();
    for (let some = true; some;) {
      some = false;
      for (const one of this.#running) {
        if (one.state !== "running" || one.forgotten || !this.#reaches(one)) continue;
        const place = one.download!.ask(now);
        if (!place) continue;
        some = true;
        this.#send(one.peer!, { kind: "ask", id: one.id, ...place });
      }
    }
  }

  #reaches({ peer }: Base): boolean {
    return peer !== undefined && this.#post.has(peer) && !this.#post.person(peer).away;
  }

  #came(from: number, { id, offset, bytes }: FileMessage & { kind: "chunk" }): void {
    const one = this.#incomingOf(from, id);
    if (!one || one.state !== "running") return;
    const now = this.#clock.now();
    const ready = one.download!.take(offset, bytes, now);
    if (!ready) return;
    this.#move(one, now);
    for (const piece of ready) {
      one.work = one.work.then(() => this.#write(one, piece.offset, piece.bytes));
      this.#do(one.work);
    }
  }

  async #write(one: Incoming, offset: number, bytes: Uint8Array): Promise<void> {
    const { download, sink, state } = one;
    if (!download) return;
    try {
      if (state === "running") await sink!.write(offset, bytes);
    } catch (error) {
      download.wrote(bytes.length);
      return this.#failed(one, error, "disk");
    }
    download.wrote(bytes.length);
    if (one.state === "running" && download.complete) await this.#finish(one);
    else this.#pump();
  }

  async #finish(one: Incoming): Promise<void> {
    try {
      one.path = await one.sink!.finish();
    } catch (error) {
      one.sink = undefined;
      return this.#failed(one, error, "damaged");
    }
    one.sink = undefined;
    this.#answer(one, "done");
    this.#running.delete(one);
    this.#end(one, "done");
    this.#start();
  }

  #failed(one: Incoming, error: unknown, reason: Reason): void {
    if (!(error instanceof ChatError)) throw error;
    if (!one.live) return;
    this.#answer(one, "decline", reason);
    this.#drop(one, reason === "disk");
    this.#end(one, "failed", error.message);
  }

  /** Does not go on with it. */
  #drop(one: Incoming, keep: boolean): void {
    this.#running.delete(one);
    this.#queue.delete(one);
    one.download?.lose();
    one.work = one.work.then(() => this.#abort(one, keep));
    this.#do(one.work);
    this.#start();
    this.#pump();
  }

  async #abort(one: Incoming, keep: boolean): Promise<void> {
    const { sink } = one;
    one.sink = undefined;
    try {
      await sink?.abort(keep);
    } catch (error) {
      // What is left of it is a part, and named so.
      if (!(error instanceof ChatError)) throw error;
    }
  }

  #answer(one: Incoming, kind: "done" | "decline", reason: Reason = "other"): void {
    if (one.peer === undefined || !this.#post.has(one.peer)) return;
    this.#send(one.peer, kind === "done" ? { kind, id: one.id } : { kind, id: one.id, reason });
  }

  // ---- who is here ----

  /** All have other numbers now, or are gone: the session is another. */
  reset(): void {
    this.#requests.clear();
    this.#ready.length = 0;
    this.#readyBytes = 0;
    this.#control.clear();
    this.#held.clear();
    this.#refused.clear();
    for (const one of this.#all.values()) {
      one.peer = undefined;
      if (one instanceof Incoming) one.download?.lose();
    }
  }

  /**
   * It is known who is here; or, with `mark`, something has changed with who is known by that. In a large room members
   * come and go all the time, and to look for one is to look at all.
   */
  reunite(mark?: string): void {
    const marks = new Map<string, Base[]>();
    for (const one of this.#all.values()) {
      if (!one.live || one.mark === undefined || (mark ?? one.mark) !== one.mark) continue;
      if (this.#reaches(one)) continue;
      const list = marks.get(one.mark);
      if (list) list.push(one);
      else marks.set(one.mark, [one]);
    }
    for (const [mark, list] of marks) {
      const id = this.#post.find(mark);
      if (id !== undefined) { for (const one of list) this.#back(one, id); }
    }
    this.#flush();
    this.#pump();
  }

  /** Its other side is here, under this number. */
  #back(one: Base, id: number): void {
    if (one.peer === id) return;
    one.peer = id;
    one.who = this.#post.person(id);
    if (one instanceof Incoming) {
      one.download?.lose();
      this.#pump();
    } else if (one.live) {
      // It may have started anew, and know nothing of what it was offered.
      this.#send(id, { kind: "offer", ...one.offer });
    }
  }

  /** Somebody has come: what was offered to the room before is for who comes later, too. */
  joined(id: number): void {
    const mark = this.#post.peerKeyOf(id);
    if (this.#all.size === 0 || mark === undefined) return;
    this.reunite(mark);
    const offers = [...this.#outgoing.values()].filter((one) => (
      one.mark === undefined && one.live && !one.receivers.has(mark)
    ));
    for (const { offer } of offers.slice(-MAX_RETOLD)) this.#send(id, { kind: "offer", ...offer });
  }

  /** Somebody has another name, and where there are no keys another mark. */
  renamed(id: number): void {
    for (const one of this.#all.values()) {
      if (one.peer !== id) continue;
      one.who = this.#post.person(id);
      const before = one.mark;
      one.mark = this.#post.peerKeyOf(id) ?? one.mark;
      if (before === one.mark || before === undefined || one.mark === undefined) continue;
      if (one instanceof Incoming) {
        this.#incoming.delete(keyOf(before, one.id));
        this.#incoming.set(keyOf(one.mark, one.id), one);
      } else if (one instanceof Sending) {
        const { receivers } = one.source;
        for (const [key, other] of receivers) if (other === one) receivers.delete(key);
        this.#file(one, id);
      }
    }
    this.reunite();
  }

  /** @param mark by which it was known */
  left(id: number, mark: string | undefined): void {
    this.#requests.drop(id);
    this.#control.delete(id);
    this.#held.delete(id);
    this.#refused.delete(id);
    for (const one of this.#all.values()) {
      if (one.peer !== id) continue;
      one.peer = undefined;
      if (one instanceof Incoming) one.download?.lose();
    }
    if (mark !== undefined) this.reunite(mark);
  }

  /** Somebody's connection is lost: what it was asked for may still come, and keeps nobody waiting. */
  away(id: number): void {
    for (const one of this.#running) if (one.peer === id) one.download?.park();
    const mark = this.#post.peerKeyOf(id);
    if (mark !== undefined) this.reunite(mark);
  }

  /** This client's connection is there again; or somebody's, who is known by `mark`. */
  resumed(mark?: string): void {
    for (const one of this.#running) if (this.#reaches(one)) one.download?.unpark();
    this.reunite(mark);
    this.#readAhead();
  }

  // ---- saying ----

  /** What is to be said to one goes in as few messages as may be: those of one turn together. */
  #send(to: number, parcel: FileMessage): void {
    const waiting = this.#control.get(to);
    if (waiting && waiting.length >= MAX_REFUSALS && parcel.kind === "withdraw") return;
    if (waiting) waiting.push(parcel);
    else this.#control.set(to, [parcel]);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#post.ready || this.#closed) return;
    const now = this.#clock.now();
    for (const [to, parcels] of [...this.#control]) {
      if ((this.#held.get(to) ?? 0) > now) continue;
      this.#control.delete(to);
      while (parcels.length > 0) {
        let size = 0;
        let count = 0;
        do size += parcelSize(parcels[count++]!); while (
          count < parcels.length && size < MAX_PARCELS
        );
        if (!this.#post.has(to)) break;
        this.#post.tell(to, this.#addressed(to, parcels.splice(0, count)).parcels);
      }
    }
  }

  // ---- telling ----

  #end(one: Base, state: State, message?: string): void {
    one.state = state;
    one.message = message;
    one.stalled = undefined;
    if (!(one instanceof Incoming)) this.#sending.delete(one as Sending | Outgoing);
    this.#ended.push(one);
    while (this.#ended.length > MAX_ENDED) {
      const old = this.#ended.shift()!;
      if (!old.live && !this.#ended.includes(old)) this.#forget(old);
    }
    this.#tell(one);
  }

  /** It is not listed any more. */
  #forget(one: Base): void {
    this.#all.delete(one.number);
    if (one instanceof Incoming && one.mark !== undefined) {
      this.#incoming.delete(keyOf(one.mark, one.id));
    }
  }

  #tell(one: Base): void {
    if (!this.#closed) this.#post.event({ type: "transfer", transfer: one.view() });
  }

  #stall(one: Base, why: string | undefined): void {
    if (one.stalled === why) return;
    one.stalled = why;
    this.#tell(one);
  }

  #move(one: Base, now: number): void {
    one.moved = now;
    one.rate ??= new Rate(one.bytes, now);
    this.#stall(one, undefined);
    this.#watch();
  }

  #watch(): void {
    if (this.#closed) return;
    this.#endTicks ??= this.#clock.every(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.now();
    for (const [to, until] of this.#held) if (until <= now) this.#held.delete(to);
    const going = this.#going();
    if (going.length === 0 && this.#queue.size === 0 && this.#held.size === 0) {
      this.#endTicks?.();
      this.#endTicks = undefined;
    }
    for (const one of going) {
      one.rate ??= new Rate(one.bytes, now);
      one.rate.look(one.bytes, now);
      if (now - one.moved >= STALLED_MS && one.state === "running") {
        this.#stall(one, this.#why(one));
      }
      if (now - one.told >= PROGRESS_MS && !one.stalled) {
        one.told = now;
        this.#post.event({ type: "progress", transfer: one.view() });
      }
      if (one instanceof Incoming && this.#post.connected && this.#reaches(one)) {
        one.download?.late(now - OVERDUE_MS);
      }
    }
    this.#flush();
    this.#pump();
    this.#readAhead();
  }

  /** Why nothing comes or goes. */
  #why(one: Base): string {
    const name = one.who?.name ?? "nobody";
    if (!this.#post.connected) return "this connection is lost";
    if (one.peer === undefined || !this.#post.has(one.peer)) return `${name} has left`;
    if (this.#post.person(one.peer).away) return `${name} is reconnecting`;
    if (one instanceof Incoming) {
      if (one.forgotten) return `${name} does not offer it any more`;
      return one.download!.held > 0 ? "the disk is slow" : `nothing comes from ${name}`;
    }
    return `${name} asks for nothing`;
  }

  // ---- the end ----

  #do(work: Promise<void>): void {
    this.#work.add(work);
    work.finally(() => this.#work.delete(work));
  }

  /** The room has ended for this client: what is half there is kept. */
  async close(): Promise<void> {
    if (this.#closed) return;
    for (const one of this.#running) {
      one.message = "the room has ended; what has come is kept";
      one.state = "failed";
      one.stalled = undefined;
      this.#tell(one);
    }
    this.#closed = true;
    this.#endTicks?.();
    while (this.#work.size > 0) await Promise.all(this.#work);
    for (const one of this.#running) await this.#abort(one, true);
    for (const source of [...this.#open]) this.#close(source);
  }
}

function keyOf(mark: string, id: Uint8Array): string {
  return `${id.toHex()} ${mark}`;
}

/** Of who is here with the mark of another. */
function keyOfSecond(mark: string, to: number): string {
  return `${mark} ${to}`;
}

function isSame(
  one: { size: number; sha256: Uint8Array },
  other: { size: number; sha256: Uint8Array },
): boolean {
  return one.size === other.size && one.sha256.toHex() === other.sha256.toHex();
}
