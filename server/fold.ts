// The state of a room: its members, their sessions, and all logs. A pure fold: `apply` reads nothing but the state and
// the entry, so the same entries in the same order give the same state and the same bytes on every machine. Knows no
// socket, no clock and no cipher. Where the entries come from is another matter: server/order.ts.

import {
  AckOutcome,
  encodeAck,
  encodeAway,
  encodeFrame,
  frameAt,
  HEADER_SIZE,
  Left,
  MAX_FRAME,
  readdress,
  Type,
} from "../protocol.ts";
import { tokenBytes } from "../protocol/resume.ts";
import { encodeBans, encodeNotice, type Rules } from "../protocol/moderation.ts";
import { encodeGivenTopic, type GivenTopic } from "../protocol/topic.ts";
import {
  type Entry,
  Kind,
  parseHaveBody,
  parseJoin,
  parseOrder,
  parseResumeBody,
  parseSession,
  parseSizes,
  parseTrim,
  type Sizes,
} from "./entry.ts";
import { Governance, type Governed, type SavedGovernance } from "./governance.ts";
import { entryOf, FoldMember, restoreMember, type SavedMember, saveMember } from "./fold_member.ts";
import { LogChain, type SavedChain } from "./log_chain.ts";
import { MemberList } from "./member_list.ts";
import { OwnLog } from "./own_log.ts";
import { OwnSpace } from "./own_space.ts";
import { Log, type SavedLog } from "./room_log.ts";
import { Tally } from "./tally.ts";

/** Bytes of the room's log: how far a member may fall behind. */
export const ROOM_LOG_SIZE = 32 * 1024 * 1024;
/** Bytes of direct messages that may wait for one member: two of the largest frames. */
export const OWN_LOG_SIZE = 2 * MAX_FRAME;
/** Bytes that all own logs together may take: 64 full ones. A member reads its own within a second. */
export const OWN_LOGS_SIZE = 32 * 1024 * 1024;

/** Bytes of a segment of the room's log: the largest frame fits, and the log is trimmed in small steps. */
const ROOM_SEGMENT = 512 * 1024;

/** What decides what `apply` does besides the entries: it is part of the state. */
export interface FoldConfig extends Sizes {
  /** The name of the room's log, in unpadded base64url. */
  readonly name: string;
  /** The log has a chain: the room is sealed. */
  readonly isChained: boolean;
}

/** What an entry has done. */
export type Applied =
  /** Nothing: its member, or its connection, is not the one that it was. */
  | { readonly what: "nothing" }
  | { readonly what: "done" }
  /** SEAT: the reserved id. */
  | { readonly what: "seated"; readonly id: number }
  /** JOIN: the member, and what it receives before the log: the newest topic, and the list of the members before it. */
  | {
    readonly what: "joined";
    readonly member: FoldMember;
    readonly list: () => Uint8Array<ArrayBuffer> | undefined;
    readonly members: number;
    readonly said: number;
    readonly rules: Rules;
  }
  /** DIRECT: one of `AckOutcome`; `to` if the message is in its own log. FRAME, if the room has refused it. */
  | { readonly what: "answered"; readonly outcome: number; readonly to: FoldMember | undefined }
  /** MODERATE: one of `AckOutcome`, the NOTICE, and the member that has to leave, with a sentence for it. */
  | {
    readonly what: "governed";
    readonly outcome: number;
    readonly notice: Uint8Array<ArrayBuffer> | undefined;
    readonly removed: { readonly id: number; readonly message: string } | undefined;
  };

const NOTHING: Applied = { what: "nothing" };
const DONE: Applied = { what: "done" };

/** The newest topic: of a member, which may have left, or of the operator. */
export type Topic =
  | GivenTopic & { readonly member: number }
  | { readonly member: 0; readonly text: string; readonly time: number };

/** The state of a `Fold`, with the room's log from some position on. */
export interface SavedFold {
  readonly config: FoldConfig;
  readonly chain: SavedChain | undefined;
  readonly time: number;
  readonly lastId: number;
  readonly said: number;
  /** null: no member has set one. */
  readonly topic: Topic | null;
  readonly governance: SavedGovernance;
  readonly log: SavedLog;
  readonly seats: readonly (readonly [id: number, connection: number])[];
  /** In the order of joining. */
  readonly members: readonly SavedMember[];
}

/** A room's state. */
export class Fold {
  #config: FoldConfig;
  /** What all members see: the same bytes for all of them, in one order. */
  readonly log: Log;
  /** The chain of that log; undefined in rooms that are not sealed. */
  readonly chain: LogChain | undefined;
  /** How many messages have been sent to the room. */
  said = 0;
  /** The newest topic. The server cannot read a member's: it may be an empty one. */
  #topic: Topic | undefined;
  readonly governance = new Governance();
  /** The latest time of an entry, in ms since 1970: it never goes back. */
  time = 0;
  /** In the order of joining. */
  readonly #members = new Map<number, FoldMember>();
  /** The reserved ids, and the connections that they are for. */
  readonly #seats = new Map<number, number>();
  readonly #byToken = new Map<string, FoldMember>();
  readonly #byNetwork = new Tally();
  readonly #list = new MemberList();
  /** The space for all own logs. */
  readonly #ownSpace: OwnSpace;
  #lastId = 0;

  constructor(
    {
      name,
      isChained = false,
      logSize = ROOM_LOG_SIZE,
      ownSize = OWN_LOG_SIZE,
      ownTotal = OWN_LOGS_SIZE,
    }:
      & Pick<FoldConfig, "name">
      & Partial<FoldConfig>,
  ) {
    this.#config = { name, isChained, logSize, ownSize, ownTotal };
    this.#ownSpace = new OwnSpace(ownTotal);
    this.log = new Log(logSize, Math.min(ROOM_SEGMENT, Math.ceil(logSize / 4)));
    if (isChained) this.chain = new LogChain(this.log, tokenBytes("log name", name));
  }

  get config(): FoldConfig {
    return this.#config;
  }

  /** The highest number of a connection. */
  get connections(): number {
    const all = Array.from(this.#members.values(), ({ connection }) => connection);
    return [...all, ...this.#seats.values()].reduce((a, b) => Math.max(a, b), 0);
  }

  /** The reserved ids, and the connections that they are for. */
  seats(): Iterable<readonly [id: number, connection: number]> {
    return this.#seats;
  }

  /** Without the bytes of the log from here on, nobody could continue it. */
  get tail(): number {
    return this.chain?.last ?? this.log.end;
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many ids are reserved. */
  get reserved(): number {
    return this.#seats.size;
  }

  members(): Iterable<FoldMember> {
    return this.#members.values();
  }

  member(id: number): FoldMember | undefined {
    return this.#members.get(id);
  }

  /** The member that can resume with this token. */
  find(token: string): FoldMember | undefined {
    return this.#byToken.get(token);
  }

  /** What all own logs take, in bytes, and what the senders of each network have taken of that. */
  get ownSpace(): Pick<OwnSpace, "taken" | "takenBy"> {
    return this.#ownSpace;
  }

  /** How many members come from a network. */
  from(network: string): number {
    return this.#byNetwork.of(network);
  }

  /**
   * Whether a member can continue at these positions of the two logs. To be checked before RESUME is put: a replay may
   * have less of the log.
   */
  canResume(member: FoldMember, room: number, own: number): boolean {
    return member.lasting && room >= member.start && this.log.isBoundary(room) &&
      member.own.log.isBoundary(own) && (!this.chain || this.chain.at(room) !== undefined);
  }

  /** Applies the next entry. Nothing else changes the state. */
  apply(entry: Entry): Applied {
    this.time = Math.max(this.time, entry.time);
    if (entry.kind === Kind.SEAT) {
      const id = ++this.#lastId;
      this.#seats.set(id, entry.connection);
      return { what: "seated", id };
    }
    if (entry.kind === Kind.JOIN) return this.#join(entry);
    if (entry.kind === Kind.MODERATE && entry.member === 0) return this.#govern(undefined, entry);
    if (entry.kind === Kind.CONFIG) return this.#configure(parseSizes(entry.bytes));
    if (entry.kind === Kind.TRIM) {
      this.log.trim(Math.min(parseTrim(entry.bytes), this.tail));
      return DONE;
    }
    const member = this.#members.get(entry.member);
    if (!member) {
      const isSeat = this.#seats.get(entry.member) === entry.connection;
      if (entry.kind !== Kind.LEAVE || !isSeat) return NOTHING;
      this.#seats.delete(entry.member);
      return DONE;
    }
    if (entry.kind === Kind.RESUME) return this.#resume(member, entry);
    // Its server did not know yet that the member has another connection.
    if (entry.connection !== member.connection) return NOTHING;
    switch (entry.kind) {
      case Kind.FRAME:
        return this.#takeFrame(member, entry);
      case Kind.DIRECT:
        return this.#takeDirect(member, entry);
      case Kind.MODERATE:
        return this.#takeModerate(member, entry);
      case Kind.HAVE:
        return this.#takeHave(member, entry);
      case Kind.AWAY:
        if (member.awaySince === undefined) this.#setAway(member, this.time);
        return DONE;
      case Kind.SESSION:
        return this.#addSession(member, entry);
      case Kind.LEAVE:
        this.#leave(member, entry.bytes[0] ?? Left.LOST);
        return DONE;
    }
  }

  #configure(sizes: Sizes): Applied {
    this.#config = { ...this.#config, ...sizes };
    this.log.capacity = sizes.logSize;
    this.#ownSpace.capacity = sizes.ownTotal;
    return DONE;
  }

  #join({ member: id, connection, bytes }: Entry): Applied {
    if (this.#seats.get(id) !== connection) return NOTHING;
    this.#seats.delete(id);
    const { network, noDirect, profile } = parseJoin(bytes);
    // Acknowledgements come on top of the limit for direct messages. If space runs out, the log first drops what
    // it keeps for a client that may resume.
    const own = new OwnLog(this.config.ownSize + MAX_FRAME, this.#ownSpace);
    const start = this.log.end;
    const { time: joined } = this;
    const member = new FoldMember({ id, start, connection, network, own, profile, joined });
    member.noDirect = noDirect;
    const list = this.#introduction();
    const { size: members, said, rules } = this;
    this.#add(member);
    this.#append(encodeFrame(Type.JOINED, id, profile));
    return { what: "joined", member, list, members, said, rules };
  }

  /** How the room is governed, for a newcomer. */
  get rules(): Rules {
    const { moderators, isLocked: locked, isReadOnly: readOnly, silenced } = this.governance;
    const topic = this.#topic;
    return {
      ...{ moderators, locked, readOnly, silenced },
      ...(topic && "text" in topic && { topic: { text: topic.text, time: topic.time } }),
    };
  }

  /** What a newcomer receives before the log: the newest topic, and the members, as they are now. */
  #introduction(): () => Uint8Array<ArrayBuffer> | undefined {
    const members = this.#list.pieces();
    let topic = this.#topic;
    return () => {
      // WELCOME has that of the operator.
      if (!topic || "text" in topic) return members();
      const frame = encodeGivenTopic(topic.member, topic);
      topic = undefined;
      return frame;
    };
  }

  #add(member: FoldMember): void {
    this.#members.set(member.id, member);
    this.#byNetwork.add(member.network, 1);
    this.#list.add({ id: member.id, entry: entryOf(member) });
  }

  #resume(member: FoldMember, { connection, bytes }: Entry): Applied {
    const { token, network } = parseResumeBody(bytes);
    if (!member.lasting || !member.tokens.includes(token)) return NOTHING;
    member.connection = connection;
    this.#byNetwork.add(member.network, -1);
    this.#byNetwork.add(network, 1);
    member.network = network;
    // It stays valid until the client has confirmed the next one, which may be lost on the way.
    this.#setTokens(member, [token]);
    if (member.awaySince !== undefined) this.#setAway(member, undefined);
    return DONE;
  }

  #addSession(member: FoldMember, { bytes }: Entry): Applied {
    const { token, key } = parseSession(bytes);
    member.key = key;
    this.#setTokens(member, [...member.tokens.slice(-1), token]);
    return DONE;
  }

  #setTokens(member: FoldMember, tokens: readonly string[]): void {
    for (const token of member.tokens) this.#byToken.delete(token);
    for (const token of tokens) this.#byToken.set(token, member);
    member.tokens = tokens;
  }

  #takeFrame(member: FoldMember, { number, bytes }: Entry): Applied {
    if (number !== (member.accepted + 1) >>> 0) return NOTHING;
    member.accepted++;
    const { type } = frameAt(bytes as Uint8Array<ArrayBuffer>);
    const { governance } = this;
    const isFree = type === Type.TOPIC
      ? governance.maySetTopic(member)
      : governance.maySpeak(member);
    if (!isFree) {
      this.#answer(member, AckOutcome.REFUSED);
      return { what: "answered", outcome: AckOutcome.REFUSED, to: undefined };
    }
    readdress(this.#append(bytes), type, member.id);
    if (type === Type.MESSAGE) this.said++;
    else if (type === Type.TOPIC) {
      // Copies: it stays when the log and the member are gone.
      const topic = bytes.slice(HEADER_SIZE);
      this.#topic = { member: member.id, profile: member.profile.slice(), topic };
    } else {
      member.frame = encodeFrame(Type.MEMBER, member.id, bytes.subarray(HEADER_SIZE));
      this.#list.change({ id: member.id, entry: entryOf(member) });
    }
    return DONE;
  }

  #takeDirect(from: FoldMember, { number, bytes }: Entry): Applied {
    if (number !== (from.accepted + 1) >>> 0) return NOTHING;
    from.accepted++;
    const { id } = frameAt(bytes as Uint8Array<ArrayBuffer>);
    let to = this.#members.get(id);
    let outcome: number = AckOutcome.ACCEPTED;
    if (!to || to.noDirect) outcome = AckOutcome.GONE;
    else if (
      to.own.waiting + bytes.length > this.config.ownSize ||
      !this.#ownSpace.fits(from.network, bytes.length, to.awaySince !== undefined)
    ) outcome = AckOutcome.BUSY;
    if (outcome !== AckOutcome.ACCEPTED) to = undefined;
    const { network } = from;
    const room = this.log.end;
    if (to) {
      const copy = to.own.append(bytes, { room, network, isAck: false });
      readdress(copy, Type.DIRECT, from.id);
    }
    from.answered++;
    const ack = encodeAck(id, { count: from.answered, outcome });
    from.own.append(ack, { room, network, isAck: true });
    return { what: "answered", outcome, to };
  }

  /** Answers the last frame that was taken from a member, if it was no direct message. */
  #answer(member: FoldMember, outcome: number): void {
    const ack = encodeAck(0, { count: member.accepted, outcome });
    member.own.append(ack, { room: this.log.end, network: member.network, isAck: true });
  }

  #takeModerate(member: FoldMember, entry: Entry): Applied {
    if (entry.number !== (member.accepted + 1) >>> 0) return NOTHING;
    member.accepted++;
    const applied = this.#govern(member, entry);
    if (applied.what === "governed") this.#answer(member, applied.outcome);
    return applied;
  }

  /** @param by undefined: the operator */
  #govern(by: FoldMember | undefined, { bytes }: Entry): Applied {
    const { act, key, isBannable } = parseOrder(bytes);
    const refused = { notice: undefined, removed: undefined };
    if (!act || (by && key === undefined)) {
      return { what: "governed", outcome: AckOutcome.REFUSED, ...refused };
    }
    const { time } = this;
    const moderator = by && { member: by, key: key! };
    const decision = this.governance.take(
      act,
      { moderator, time, isBannable },
      (id): Governed | undefined => this.#members.get(id),
    );
    if (decision.bans && by) {
      const frame = encodeBans(by.id, decision.bans);
      if (by.own.waiting + frame.length > this.config.ownSize) {
        return { what: "governed", outcome: AckOutcome.BUSY, ...refused };
      }
      by.own.append(frame, { room: this.log.end, network: by.network, isAck: false });
    }
    const notice = decision.notice && encodeNotice(by?.id ?? 0, decision.notice);
    if (notice) this.#append(notice);
    if (act.action === "topic") this.#topic = { member: 0, text: act.text, time };
    if (act.action === "close") this.#endSessions();
    const { outcome, removed } = decision;
    if (removed) this.#leave(this.#members.get(removed.member.id)!, Left.REMOVED);
    return {
      ...{ what: "governed", outcome, notice },
      removed: removed && { id: removed.member.id, message: removed.message },
    };
  }

  /** Nobody can resume: the room has another code when it opens again. */
  #endSessions(): void {
    for (const member of this.#members.values()) {
      this.#setTokens(member, []);
      member.lasting = false;
    }
  }

  #takeHave(member: FoldMember, { bytes }: Entry): Applied {
    const { position, isConfirmed } = parseHaveBody(bytes);
    if (position > member.own.log.end) return NOTHING;
    member.own.haveUpTo(position);
    if (!isConfirmed) return DONE;
    member.lasting = true;
    // It has the newest token: all others become invalid.
    this.#setTokens(member, member.tokens.slice(-1));
    return DONE;
  }

  #setAway(member: FoldMember, since: number | undefined): void {
    member.awaySince = since;
    this.#list.change({ id: member.id, entry: entryOf(member) });
    this.#append(encodeAway(member.id, since));
  }

  #leave(member: FoldMember, reason: number): void {
    this.#members.delete(member.id);
    this.governance.forget(member.id);
    this.#list.remove(member.id);
    this.#byNetwork.add(member.network, -1);
    this.#setTokens(member, []);
    member.own.leave();
    member.left = { reason, end: this.log.end };
    this.#append(encodeFrame(Type.LEFT, member.id, Uint8Array.of(reason)));
  }

  #append(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    this.chain?.beforeAppend(frame);
    return this.log.append(frame);
  }

  /** The state, from which another fold can go on; with the room's log from `from` on, `tail` at the latest. */
  save(from: number = this.log.start): SavedFold {
    return { ...this.saveRoom(from), members: [...this.saveMembers()] };
  }

  /** The same without the members. */
  saveRoom(from: number): Omit<SavedFold, "members"> {
    const { config, time, said, log } = this;
    return {
      config,
      chain: this.chain?.save(from),
      time,
      lastId: this.#lastId,
      said,
      topic: this.#topic ?? null,
      governance: this.governance.save(),
      log: log.save(from),
      seats: [...this.#seats],
    };
  }

  /** The members, one after the other: thousands at once would be work for the garbage collector. */
  *saveMembers(): Generator<SavedMember> {
    for (const member of this.#members.values()) yield saveMember(member);
  }

  static restore(saved: SavedFold): Fold {
    const fold = new Fold(saved.config);
    fold.time = saved.time;
    fold.#lastId = saved.lastId;
    fold.said = saved.said;
    fold.governance.restore(saved.governance);
    if (saved.topic && "text" in saved.topic) fold.#topic = saved.topic;
    else if (saved.topic) {
      const { member, profile, topic } = saved.topic;
      // Copies: what was saved may be a part of something large.
      fold.#topic = { member, profile: profile.slice(), topic: topic.slice() };
    }
    fold.log.restore(saved.log);
    if (saved.chain) fold.chain?.restore(saved.chain);
    for (const [id, connection] of saved.seats) fold.#seats.set(id, connection);
    for (const one of saved.members) {
      const own = new OwnLog(fold.config.ownSize + MAX_FRAME, fold.#ownSpace);
      const member = restoreMember(one, own);
      fold.#add(member);
      fold.#setTokens(member, one.tokens);
    }
    return fold;
  }
}
