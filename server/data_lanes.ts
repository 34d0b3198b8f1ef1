// File bytes on their way from one member to another: how much each may send, and what waits for each. Pure. Knows no
// socket, no cipher and no member list; sees members by their ids.
//
// A receiver grants bytes to a sender, and the server passes the grant on in shares, so that what may wait here is
// bounded. What was passed on and has not been written to the receiver is credit. All of it is divided equally among the
// networks that take part, the part of a network among its receivers, and the part of a receiver among its senders. A
// part shrinks when others come. What is used goes back at once; from those that do not read or send, `sweep` takes what
// is more than their part, so that they cannot keep it from others.

import { encodeFrame, HEADER_SIZE, LENGTH_SIZE, MAX_FRAME, readdress, Type } from "../protocol.ts";
import { dataCost, encodeGrantBody, type Grant } from "../protocol/data.ts";
import { BufferPool } from "../protocol/buffer_pool.ts";
import type { Source } from "../protocol/connection.ts";
import type { Member } from "./member.ts";
import { concat } from "@std/bytes/concat";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The first share of a pair: enough for a small file, and little for each of very many pairs. */
export const FIRST_SHARE: number = 64 * KIB;
/** A later share, at least, unless less is granted: each costs the sender a frame. So the part of a pair is no less. */
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
/** How often `sweep` is to be called at least, in ms. */
export const SWEEP_MS = 5_000;
/** Bytes up to which frames are joined into one write. Larger ones are not copied. */
export const WRITE_SIZE: number = 64 * KIB;
/** How many frames that are larger are kept in buffers that are used again. */
const MAX_POOLED = 64;
/** To a receiver that is cut. */
const TOO_SLOW =
  "you read too slowly and were disconnected: others wait for the memory that your files take";

/** One sender and one receiver. All numbers of bytes are as `dataCost` counts them. */
interface Pair {
  readonly sender: number;
  readonly to: Receiver;
  /** The number of the attempt. The bytes of an earlier one are worth nothing. */
  generation: number;
  /** What the receiver has granted in this generation. */
  total: number;
  /** Bytes that were passed on to the sender. */
  passed: number;
  /** Bytes that have come from the sender. */
  arrived: number;
  /** Bytes of them that are not waiting any more. */
  taken: number;
  /** Frames that wait, in order. */
  waiting: Uint8Array<ArrayBuffer>[];
  /** Its credit has gone back: nothing more is taken in this generation. */
  isOver: boolean;
  /** It has credit or wants some, and counts for its receiver. */
  isActive: boolean;
  /** When a share was passed on, or bytes came. */
  usedAt: number;
}

interface Receiver {
  readonly id: number;
  network: Network;
  readonly pairs: Map<number, Pair>;
  /** Pairs with waiting frames, in the order of their turns. */
  readonly ready: Set<Pair>;
  credit: number;
  /** How many of its pairs are active. */
  active: number;
  /** What is being written to it; and the frame, if it is in a buffer that will be used again. */
  writing: number;
  written: Uint8Array<ArrayBuffer> | undefined;
  /** The parts of it and of each pair at the last sweep. */
  part: number;
  pairPart: number;
}

interface Network {
  readonly name: string;
  /** How many receivers it has, and how many of them have active pairs. */
  size: number;
  active: number;
  credit: number;
  /** Pairs that want credit, in the order of their turns. */
  readonly wanting: Set<Pair>;
}

export interface DataLanesOptions {
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** A member has something to take. */
  readonly wake: (id: number) => void;
  /** A receiver does not read, and others wait for what is being written to it: its connection MUST end. */
  readonly cut: (id: number, message: string) => void;
}

/** A pair at the start of a generation. */
const START = { total: 0, passed: 0, arrived: 0, taken: 0, isOver: false };

/** All pairs of one server. */
export class DataLanes {
  readonly #options: DataLanesOptions;
  /** For large frames: new buffers would be filled with zeros first, and V8 would collect garbage all the time. */
  readonly #buffers = new BufferPool(LENGTH_SIZE + MAX_FRAME, MAX_POOLED);
  /** The frames in such buffers. */
  readonly #pooled = new Set<Uint8Array<ArrayBuffer>>();
  readonly #receivers = new Map<number, Receiver>();
  readonly #bySender = new Map<number, Set<Pair>>();
  /** Pairs whose senders have not got the last grant yet, by sender. */
  readonly #news = new Map<number, Set<Pair>>();
  readonly #networks = new Map<string, Network>();
  /** Networks that want credit, and may have more. The one that comes next is the first. */
  readonly #turns = new Set<Network>();
  /** How many networks have active receivers. */
  #active = 0;
  #credit = 0;

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
        ...{ sender, to, generation, ...START, waiting: [], isActive: false },
        usedAt: this.#options.now(),
      };
      to.pairs.set(sender, pair);
      const own = this.#bySender.get(sender) ?? new Set();
      this.#bySender.set(sender, own.add(pair));
    }
    // An earlier one, too: a receiver's grants come in order, so what they say last is true.
    if (generation !== pair.generation) {
      this.#end(pair);
      Object.assign(pair, { generation, ...START });
    }
    if (pair.isOver) return;
    if (total <= pair.total) {
      if (pair.passed > pair.arrived) this.#tell(pair);
      return;
    }
    pair.total = total;
    this.#count(pair);
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
    const cost = costOf(frame);
    if (pair.arrived + cost > pair.passed) return false;
    pair.arrived += cost;
    pair.usedAt = this.#options.now();
    const bytes = this.#copy(frame);
    readdress(bytes, Type.DATA, sender);
    pair.waiting.push(bytes);
    to.ready.add(pair);
    this.#options.wake(receiver);
    return true;
  }

  /** GRANT frames for a sender; undefined if nothing is new. */
  takeGrants(sender: number): Uint8Array<ArrayBuffer> | undefined {
    const news = this.#news.get(sender);
    this.#news.delete(sender);
    if (!news?.size) return undefined;
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
    this.#written(to);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    // A pair that is added again comes last.
    for (const pair of to.ready) {
      const [next] = pair.waiting as [Uint8Array<ArrayBuffer>];
      const cost = costOf(next);
      if (pieces.length > 0 && to.writing + cost > WRITE_SIZE) break;
      pair.waiting.shift();
      to.ready.delete(pair);
      if (pair.waiting.length > 0) to.ready.add(pair);
      pieces.push(next);
      // A large frame is written alone.
      if (this.#pooled.has(next)) to.written = next;
      to.writing += cost;
      pair.taken += cost;
      this.#count(pair);
    }
    this.#wantAll(to);
    this.#passOn();
    return pieces.length < 2 ? pieces[0] : concat(pieces);
  }

  /**
   * What is written to a member: what it may send, its logs, and file data when nothing of these is left. Any member can
   * cause grants, so there is something else between two writes of them.
   */
  sourceOf(member: Pick<Member, "id" | "take">): Source {
    const { id } = member;
    let isGrant = false;
    return {
      take: () => {
        const to = this.#receivers.get(id);
        if (to && to.writing > 0) {
          this.#written(to);
          this.#passOn();
        }
        const grants = isGrant ? undefined : this.takeGrants(id);
        isGrant = grants !== undefined;
        const next = grants ?? member.take() ?? this.take(id);
        if (next) return next;
        isGrant = true;
        return this.takeGrants(id) ?? null;
      },
    };
  }

  /** A member has lost its connection: what waits for it is dropped, and it has to grant again. */
  detach(id: number): void {
    this.#news.delete(id);
    const to = this.#receivers.get(id);
    if (!to) return;
    for (const pair of to.pairs.values()) this.#end(pair);
    // The system may still be writing it.
    if (to.written && this.#pooled.delete(to.written)) this.#buffers.lose();
    to.written = undefined;
    this.#written(to);
    this.#passOn();
  }

  /** A member has left the room. */
  leave(id: number): void {
    this.detach(id);
    const to = this.#receivers.get(id);
    if (to) {
      for (const pair of to.pairs.values()) this.#drop(pair);
      this.#receivers.delete(id);
      this.#exit(to.network);
    }
    for (const pair of this.#bySender.get(id) ?? []) {
      this.#end(pair);
      this.#drop(pair);
    }
    this.#passOn();
  }

  /** Takes back credit that is not used, or is more than the part of those that do not use it. To be called every `SWEEP_MS`. */
  sweep(): void {
    const before = this.#options.now() - UNUSED_MS;
    for (const to of this.#receivers.values()) {
      for (const pair of to.pairs.values()) {
        if (pair.passed > pair.arrived && pair.usedAt <= before) this.#takeBack(pair);
      }
      this.#squeeze(to);
    }
    // Their parts may have grown.
    for (const network of this.#networks.values()) {
      if (network.wanting.size > 0) this.#turns.add(network);
    }
    this.#passOn();
  }

  /**
   * Ends the pairs of a receiver that keep more than their part from others. Those that read and send have used that up
   * since the last sweep, because they get no more while they have more than their part.
   */
  #squeeze(to: Receiver): void {
    const { network, part, pairPart } = to;
    const parts = this.#partsOf(to);
    to.part = parts.receiver;
    to.pairPart = parts.pair;
    const isFull =
      Math.min(parts.network - network.credit, CREDIT_IN_ALL - this.#credit) < MIN_SHARE;
    const most = Math.max(parts.receiver, part);
    if (isFull && to.credit > most) {
      for (const pair of to.pairs.values()) this.#end(pair);
      if (to.writing > most) this.#options.cut(to.id, TOO_SLOW);
    } else if (parts.receiver - to.credit < MIN_SHARE) {
      for (const pair of to.pairs.values()) {
        if (pair.passed - pair.taken > Math.max(parts.pair, pairPart)) this.#end(pair);
      }
    }
  }

  #receiver(id: number, network: string): Receiver {
    let to = this.#receivers.get(id);
    if (!to) {
      to = {
        ...{ id, network: this.#enter(network), pairs: new Map(), ready: new Set() },
        ...{
          credit: 0,
          active: 0,
          writing: 0,
          written: undefined,
          part: RECEIVER_CREDIT,
          pairPart: RECEIVER_CREDIT,
        },
      };
      this.#receivers.set(id, to);
    }
    // It has come back from elsewhere, and its credit has gone back.
    if (to.network.name !== network) {
      this.detach(id);
      this.#exit(to.network);
      to.network = this.#enter(network);
    }
    return to;
  }

  #enter(name: string): Network {
    const network = this.#networks.get(name) ??
      { name, size: 0, active: 0, credit: 0, wanting: new Set() };
    this.#networks.set(name, network);
    network.size++;
    return network;
  }

  #exit(network: Network): void {
    if (--network.size > 0) return;
    this.#networks.delete(network.name);
    this.#turns.delete(network);
  }

  /** Ends a generation: its frames are dropped, and its credit goes back. */
  #end(pair: Pair): void {
    this.#return(pair.to, pair.arrived - pair.taken);
    pair.passed -= pair.arrived - pair.taken;
    pair.arrived = pair.taken;
    for (const frame of pair.waiting) this.#free(frame);
    pair.waiting = [];
    pair.to.ready.delete(pair);
    this.#takeBack(pair);
  }

  /** No more is taken of a generation: what its sender has not used goes back. */
  #takeBack(pair: Pair): void {
    const unused = pair.passed - pair.arrived;
    pair.passed = pair.arrived;
    pair.isOver = true;
    pair.to.network.wanting.delete(pair);
    this.#news.get(pair.sender)?.delete(pair);
    this.#return(pair.to, unused);
    this.#count(pair);
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

  /** What was taken for a receiver last has been written, or never will be. */
  #written(to: Receiver): void {
    if (to.written) this.#free(to.written);
    to.written = undefined;
    this.#return(to, to.writing);
    to.writing = 0;
  }

  /** A frame that stays until it is written: views of a decoder's buffer do not. */
  #copy(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    const buffer = frame.length > WRITE_SIZE ? this.#buffers.take() : undefined;
    if (!buffer) return frame.slice() as Uint8Array<ArrayBuffer>;
    const copy = buffer.subarray(0, frame.length);
    copy.set(frame);
    this.#pooled.add(copy);
    return copy;
  }

  /** A frame that nothing uses any more. */
  #free(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#pooled.delete(frame)) this.#buffers.give(new Uint8Array(frame.buffer));
  }

  #return(to: Receiver, bytes: number): void {
    if (bytes === 0) return;
    to.credit -= bytes;
    to.network.credit -= bytes;
    this.#credit -= bytes;
    this.#wantAll(to);
    if (to.network.wanting.size > 0) this.#turns.add(to.network);
  }

  /** Counts a pair as active, or no longer; and with it its receiver and its network. */
  #count(pair: Pair): void {
    const { to, to: { network } } = pair;
    const isActive = pair.taken < (pair.isOver ? pair.passed : pair.total);
    if (isActive === pair.isActive) return;
    pair.isActive = isActive;
    const by = isActive ? 1 : -1;
    to.active += by;
    if (to.active !== (isActive ? 1 : 0)) return;
    network.active += by;
    if (network.active === (isActive ? 1 : 0)) this.#active += by;
  }

  #want(pair: Pair): void {
    if (pair.isOver || pair.passed >= pair.total) return;
    const { network } = pair.to;
    network.wanting.add(pair);
    this.#turns.add(network);
  }

  /** Its pairs may have more than before. */
  #wantAll(to: Receiver): void {
    for (const pair of to.pairs.values()) this.#want(pair);
  }

  /** Passes on as much as the bounds allow: one share for each network in turn. */
  #passOn(): void {
    // A network that is added again comes last.
    for (const network of this.#turns) {
      if (CREDIT_IN_ALL - this.#credit < MIN_SHARE) return;
      this.#turns.delete(network);
      const [pair] = network.wanting;
      if (!pair) continue;
      const share = this.#shareOf(pair);
      // Until something of this network comes back.
      if (share === undefined) continue;
      network.wanting.delete(pair);
      if (share > 0) {
        this.#pass(pair, share);
        this.#want(pair);
      }
      if (network.wanting.size > 0) this.#turns.add(network);
    }
  }

  /** How much a pair may have now; 0 if it or its receiver may have no more, undefined if its network may not. */
  #shareOf({ to, total, passed, taken }: Pair): number | undefined {
    const parts = this.#partsOf(to);
    const left = total - passed;
    const ofNetwork = Math.min(parts.network - to.network.credit, CREDIT_IN_ALL - this.#credit);
    const own = Math.min(parts.receiver - to.credit, parts.pair - (passed - taken));
    const min = Math.min(left, MIN_SHARE);
    if (ofNetwork < min) return undefined;
    const share = Math.min(left, ofNetwork, own, passed === 0 ? FIRST_SHARE : Infinity);
    return share < min ? 0 : share;
  }

  /** The parts of all credit that a receiver, its network and each of its pairs may have now. */
  #partsOf(
    { network: { active }, active: pairs }: Receiver,
  ): Record<"network" | "receiver" | "pair", number> {
    const network = Math.min(NETWORK_CREDIT, partOf(CREDIT_IN_ALL, this.#active));
    const receiver = Math.min(RECEIVER_CREDIT, partOf(network, active));
    return { network, receiver, pair: partOf(receiver, pairs) };
  }

  #pass(pair: Pair, share: number): void {
    pair.passed += share;
    pair.usedAt = this.#options.now();
    pair.to.credit += share;
    pair.to.network.credit += share;
    this.#credit += share;
    this.#tell(pair);
  }

  #tell(pair: Pair): void {
    const news = this.#news.get(pair.sender) ?? new Set();
    this.#news.set(pair.sender, news.add(pair));
    this.#options.wake(pair.sender);
  }
}

/** An equal part for each of some. */
function partOf(all: number, count: number): number {
  return Math.max(MIN_SHARE, Math.floor(all / Math.max(1, count)));
}

function costOf(frame: Uint8Array): number {
  return dataCost(frame.length - HEADER_SIZE);
}
