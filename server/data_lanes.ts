// File bytes on their way from one member to another: who may send how much, and what waits for whom. Pure. Knows no
// socket, no cipher and no member list; sees members by their ids.
//
// A receiver grants bytes to a sender, and the server passes the grant on in shares, so that what may wait here is
// bounded: for each receiver, for each network, and in all. What was passed on and has not been written to the receiver
// is credit. When it runs out, networks get new credit in turn.

import { encodeFrame, HEADER_SIZE, readdress, Type } from "../protocol.ts";
import { dataCost, encodeGrantBody, type Grant } from "../protocol/data.ts";
import type { Source } from "../protocol/connection.ts";
import type { Member } from "./member.ts";
import { Tally } from "./tally.ts";
import { concat } from "@std/bytes/concat";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The first share of a pair: enough for a small file, and little for each of very many pairs. */
export const FIRST_SHARE: number = 64 * KIB;
/** A later share, at least, unless less is granted: each costs the sender a frame. */
const MIN_SHARE = 64 * KIB;
/** Credit of one receiver: what a fast path carries in a tenth of a second. */
export const RECEIVER_CREDIT: number = 4 * MIB;
/** Credit of all receivers of one network. */
export const NETWORK_CREDIT: number = 16 * MIB;
/** Credit of all receivers. */
export const CREDIT_IN_ALL: number = 256 * MIB;
/** How many senders one receiver may have. As many first shares are its credit. */
export const MAX_SENDERS = 64;
/** Credit that is not used for this time goes back, in ms. */
export const UNUSED_MS = 10_000;
/** Bytes of one write. A message waits for no more than that. */
const WRITE_SIZE = 256 * KIB;

/** One sender and one receiver. */
interface Pair {
  readonly sender: number;
  readonly to: Receiver;
  /** The number of the attempt. The bytes of an earlier one are worth nothing. */
  generation: number;
  /** What the receiver has granted in this generation, in bytes as `dataCost` counts them. So are all numbers here. */
  total: number;
  /** Bytes that were passed on to the sender. */
  passed: number;
  /** Bytes that have come from the sender. */
  arrived: number;
  /** Its credit has gone back: nothing more is taken in this generation. */
  isOver: boolean;
  /** When a share was passed on, or bytes came. */
  usedAt: number;
}

interface Receiver {
  readonly id: number;
  network: string;
  readonly pairs: Map<number, Pair>;
  credit: number;
  /** Frames that wait for it, in order. */
  waiting: {
    readonly pair: Pair;
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly cost: number;
  }[];
  /** What is being written to it. */
  writing: number;
}

export interface DataLanesOptions {
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** A member has something to take. */
  readonly wake: (id: number) => void;
}

/** All pairs of one server. */
export class DataLanes {
  readonly #options: DataLanesOptions;
  readonly #receivers = new Map<number, Receiver>();
  readonly #bySender = new Map<number, Set<Pair>>();
  /** Pairs whose senders have not got the last grant yet, by sender. */
  readonly #news = new Map<number, Set<Pair>>();
  readonly #byNetwork = new Tally();
  #credit = 0;
  /** Pairs that want credit, and whose receivers may have more. The network that comes next is the first. */
  readonly #wanting = new Map<string, Set<Pair>>();

  constructor(options: DataLanesOptions) {
    this.#options = options;
  }

  /** Bytes that were passed on and have not been written to their receivers: the bound of what may wait here. */
  get credit(): number {
    return this.#credit;
  }

  /** How many pairs there are. */
  get size(): number {
    let size = 0;
    for (const { pairs } of this.#receivers.values()) size += pairs.size;
    return size;
  }

  /**
   * A receiver grants bytes to a sender. A repetition is passed on again: the sender may have missed the first.
   *
   * @param network the receiver's
   */
  grant(receiver: number, network: string, sender: number, { generation, total }: Grant): void {
    const to = this.#receiver(receiver, network);
    let pair = to.pairs.get(sender);
    if (!pair) {
      if (to.pairs.size >= MAX_SENDERS && !this.#dropIdle(to)) return;
      pair = {
        ...{ sender, to, generation, total: 0, passed: 0, arrived: 0, isOver: false },
        usedAt: this.#options.now(),
      };
      to.pairs.set(sender, pair);
      const own = this.#bySender.get(sender) ?? new Set();
      this.#bySender.set(sender, own.add(pair));
    }
    if (generation < pair.generation) return;
    if (generation > pair.generation) {
      this.#end(pair);
      Object.assign(pair, { generation, total: 0, passed: 0, arrived: 0, isOver: false });
    }
    if (pair.isOver) return;
    if (total <= pair.total) {
      if (pair.passed > pair.arrived) this.#tell(pair);
      return;
    }
    pair.total = total;
    this.#want(pair);
    this.#passOn();
  }

  /**
   * A sender's DATA frame; returns whether it is taken. If not, nothing is left of it.
   *
   * @param frame its bytes are copied
   */
  send(sender: number, receiver: number, generation: number, frame: Uint8Array): boolean {
    const to = this.#receivers.get(receiver);
    const pair = to?.pairs.get(sender);
    if (!to || !pair || pair.isOver || pair.generation !== generation) return false;
    const cost = dataCost(frame.length - HEADER_SIZE);
    if (pair.arrived + cost > pair.passed) return false;
    pair.arrived += cost;
    pair.usedAt = this.#options.now();
    const bytes = frame.slice() as Uint8Array<ArrayBuffer>;
    readdress(bytes, Type.DATA, sender);
    to.waiting.push({ pair, bytes, cost });
    this.#options.wake(receiver);
    return true;
  }

  /** GRANT frames for a sender; undefined if nothing is new. */
  takeGrants(sender: number): Uint8Array<ArrayBuffer> | undefined {
    const news = this.#news.get(sender);
    if (!news) return undefined;
    this.#news.delete(sender);
    return concat(Array.from(news, ({ to, generation, passed }) => (
      encodeFrame(Type.GRANT, to.id, encodeGrantBody({ generation, total: passed }))
    )));
  }

  /**
   * Takes DATA frames that wait for a receiver, up to the size of one write; undefined if there are none.
   *
   * MUST be called again only after the bytes of the last call have been written.
   */
  take(receiver: number): Uint8Array<ArrayBuffer> | undefined {
    const to = this.#receivers.get(receiver);
    if (!to) return undefined;
    this.#return(to, to.writing);
    to.writing = 0;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let next = to.waiting[0]; next; next = to.waiting[0]) {
      if (pieces.length > 0 && to.writing + next.cost > WRITE_SIZE) break;
      to.waiting.shift();
      pieces.push(next.bytes);
      to.writing += next.cost;
    }
    for (const pair of to.pairs.values()) this.#want(pair);
    this.#passOn();
    return pieces.length < 2 ? pieces[0] : concat(pieces);
  }

  /** What is written to a member: first what it may send, then its logs, and file data when nothing else is left. */
  sourceOf(member: Pick<Member, "id" | "take">): Source {
    const { id } = member;
    return { take: () => this.takeGrants(id) ?? member.take() ?? this.take(id) ?? null };
  }

  /** A member has lost its connection: what waits for it is dropped, and it has to grant anew. */
  detach(id: number): void {
    this.#news.delete(id);
    const to = this.#receivers.get(id);
    if (!to) return;
    for (const pair of to.pairs.values()) this.#end(pair);
    this.#return(to, to.writing);
    to.writing = 0;
    this.#passOn();
  }

  /** A member has left the room. */
  leave(id: number): void {
    this.detach(id);
    for (const pair of this.#receivers.get(id)?.pairs.values() ?? []) this.#drop(pair);
    this.#receivers.delete(id);
    for (const pair of this.#bySender.get(id) ?? []) {
      this.#end(pair);
      this.#drop(pair);
    }
    this.#passOn();
  }

  /** Takes back credit that is not used. To be called now and then. */
  sweep(): void {
    const before = this.#options.now() - UNUSED_MS;
    for (const { pairs } of this.#receivers.values()) {
      for (const pair of pairs.values()) {
        if (pair.passed > pair.arrived && pair.usedAt <= before) this.#takeBack(pair);
      }
    }
    this.#passOn();
  }

  #receiver(id: number, network: string): Receiver {
    let to = this.#receivers.get(id);
    if (!to) {
      to = { id, network, pairs: new Map(), credit: 0, waiting: [], writing: 0 };
      this.#receivers.set(id, to);
    }
    // It has come back from elsewhere. Its credit goes with it.
    if (to.network !== network) {
      this.#byNetwork.add(to.network, -to.credit);
      for (const pair of to.pairs.values()) this.#wantNoMore(pair);
      to.network = network;
      this.#byNetwork.add(network, to.credit);
      for (const pair of to.pairs.values()) this.#want(pair);
    }
    return to;
  }

  /** Ends a generation: its frames are dropped, and its credit goes back. */
  #end(pair: Pair): void {
    const { to } = pair;
    let dropped = 0;
    to.waiting = to.waiting.filter((one) => {
      if (one.pair !== pair) return true;
      dropped += one.cost;
      return false;
    });
    this.#return(to, dropped);
    this.#takeBack(pair);
  }

  /** No more is taken of a generation: what its sender has not used goes back. */
  #takeBack(pair: Pair): void {
    this.#return(pair.to, pair.passed - pair.arrived);
    pair.passed = pair.arrived;
    pair.isOver = true;
    this.#wantNoMore(pair);
    this.#news.get(pair.sender)?.delete(pair);
  }

  #drop(pair: Pair): void {
    pair.to.pairs.delete(pair.sender);
    const own = this.#bySender.get(pair.sender);
    own?.delete(pair);
    if (own?.size === 0) this.#bySender.delete(pair.sender);
  }

  /** Forgets the pair of a receiver that has been idle for the longest time; false if all are in use. */
  #dropIdle(to: Receiver): boolean {
    let idle: Pair | undefined;
    for (const pair of to.pairs.values()) {
      const isIdle = pair.isOver || pair.arrived === pair.total;
      if (isIdle && (!idle || pair.usedAt < idle.usedAt)) idle = pair;
    }
    if (!idle) return false;
    this.#end(idle);
    this.#drop(idle);
    return true;
  }

  #return(to: Receiver, bytes: number): void {
    to.credit -= bytes;
    this.#byNetwork.add(to.network, -bytes);
    this.#credit -= bytes;
  }

  #want(pair: Pair): void {
    const { to: { network, credit } } = pair;
    if (pair.isOver || pair.passed >= pair.total || credit >= RECEIVER_CREDIT) return;
    const own = this.#wanting.get(network) ?? new Set();
    this.#wanting.set(network, own.add(pair));
  }

  #wantNoMore(pair: Pair): void {
    const own = this.#wanting.get(pair.to.network);
    own?.delete(pair);
    if (own?.size === 0) this.#wanting.delete(pair.to.network);
  }

  /** Passes on as much as the bounds allow: one share for each network in turn. */
  #passOn(): void {
    for (let idle = 0; idle < this.#wanting.size;) {
      const [[network, own]] = this.#wanting as unknown as [[string, Set<Pair>]];
      // From here on it is the last one.
      this.#wanting.delete(network);
      const [pair] = own as unknown as [Pair];
      const share = this.#shareOf(pair);
      own.delete(pair);
      if (own.size > 0) this.#wanting.set(network, own);
      if (share > 0) {
        idle = 0;
        this.#pass(pair, share);
        this.#want(pair);
      } else if (pair.to.credit < RECEIVER_CREDIT - MIN_SHARE) {
        // Its network, or the server, has none left.
        this.#want(pair);
        idle++;
      }
    }
  }

  #shareOf({ to, total, passed }: Pair): number {
    const left = total - passed;
    const space = Math.min(
      RECEIVER_CREDIT - to.credit,
      NETWORK_CREDIT - this.#byNetwork.of(to.network),
      CREDIT_IN_ALL - this.#credit,
    );
    const share = Math.min(left, space, passed === 0 ? FIRST_SHARE : Infinity);
    return share >= Math.min(left, MIN_SHARE) ? share : 0;
  }

  #pass(pair: Pair, share: number): void {
    pair.passed += share;
    pair.usedAt = this.#options.now();
    pair.to.credit += share;
    this.#byNetwork.add(pair.to.network, share);
    this.#credit += share;
    this.#tell(pair);
  }

  #tell(pair: Pair): void {
    const news = this.#news.get(pair.sender) ?? new Set();
    this.#news.set(pair.sender, news.add(pair));
    this.#options.wake(pair.sender);
  }
}
