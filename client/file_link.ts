// Connects the transfers of files with the rest of the client: seals their messages, sends them as direct
// messages, and passes on those of others. Knows no disk and no socket.

import { ChatError } from "../errors.ts";
import { encodeFrame, HEADER_SIZE, Type } from "../protocol.ts";
import {
  DATA_OVERHEAD,
  dataCost,
  encodeGrantBody,
  parseData,
  parseGrant,
  sealDataFrame,
} from "../protocol/data.ts";
import { encodeEnvelope } from "../protocol/envelope.ts";
import {
  type Chunk,
  chunksCost,
  decodeChunks,
  encodeFileMessages,
  type FileMessages,
  MAX_CHUNKS_SIZE,
  MAX_DATA_SEALING,
} from "../protocol/file_messages.ts";
import { type Post, systemClock, type TransferClock, type TransferOptions } from "../files/post.ts";
import type { ReadyData } from "../files/read_ahead.ts";
import { Transfers } from "../files/transfers.ts";
import type { Person, RoomEvent } from "../room.ts";
import { DataPairs } from "./data_pairs.ts";
import { FileRate } from "./file_rate.ts";
import type { Members } from "./members.ts";
import type { ReadMessage } from "./received.ts";
import type { ClientSession } from "./session.ts";
import type { PendingFile } from "./unconfirmed.ts";

/** What transfers need of the client. */
export interface FileLinkClient {
  readonly session: Pick<ClientSession, "id" | "cipher" | "outbox" | "complete" | "send">;
  readonly members: Pick<
    Members,
    "roster" | "others" | "peerKeyOf" | "findByPeerKey" | "isKnown"
  >;
  /** The connection is open. */
  readonly isConnected: boolean;
  /** The user is leaving or has left. */
  readonly isLeaving: boolean;
  emit(event: RoomEvent): void;
  /** Sends encoded file messages to the room. */
  say(body: Uint8Array): void;
  /** Keeps file messages that were sent to one member until the server answers. */
  keep(pending: PendingFile): void;
}

/** Bytes of the largest frame of file data that this client sends. */
const MAX_DATA_FRAME = HEADER_SIZE + DATA_OVERHEAD + MAX_DATA_SEALING + MAX_CHUNKS_SIZE;

/** The files of one client. */
export class FileLink {
  /** undefined if this client neither sends nor accepts files. */
  readonly transfers: Transfers | undefined;
  readonly #client: FileLinkClient;

  /** @throws {ChatError} if this client neither sends nor accepts files */
  get required(): Transfers {
    if (this.transfers) return this.transfers;
    throw new ChatError("Cannot send or receive files: this client has no place for them", {
      refusal: "nofiles",
    });
  }

  /**
   * How many of each member's direct messages are missing. Some of them were refused file messages, and a later
   * one explains how many. So the number is known too late to report it with file messages.
   */
  readonly #gaps = new Map<number, number>();
  readonly #clock: TransferClock;
  /** Pace what goes out and what is granted, in all sessions. */
  readonly #sending: FileRate;
  readonly #receiving: FileRate;
  #pairs: DataPairs;
  /** Members that are asked for files in this turn. */
  readonly #expecting = new Set<number>();

  constructor(client: FileLinkClient, options: TransferOptions | undefined) {
    this.#client = client;
    this.#clock = options?.clock ?? systemClock;
    this.#sending = new FileRate(options?.rate, this.#clock, () => client.session.outbox.wake());
    this.#receiving = new FileRate(options?.rate, this.#clock, () => this.#pairs.topUpAll());
    this.#pairs = this.#newPairs();
    if (options) this.transfers = new Transfers(this.#post(), options);
  }

  /** This client has left the room. */
  async close(): Promise<void> {
    this.#sending.close();
    this.#receiving.close();
    await this.transfers?.close();
  }

  /** The session is a new one: all members have other ids. */
  renew(): void {
    this.#gaps.clear();
    this.#pairs = this.#newPairs();
    this.transfers?.reset();
  }

  /** @param peerKey the one that the member had */
  left(id: number, peerKey: string | undefined, reason: (RoomEvent & { type: "left" })["reason"]) {
    this.#gaps.delete(id);
    this.#pairs.left(id);
    this.transfers?.left(id, peerKey, reason);
  }

  /** How many messages are missing before a member's direct message, those before file messages included. */
  settleGap(from: number, missing: number): number {
    const gap = this.#gaps.get(from) ?? 0;
    this.#gaps.delete(from);
    return Math.max(0, missing + gap);
  }

  /** Takes file messages; returns the event to report, if they are an offer. */
  take(
    from: number,
    { sent, missing, meanwhile }: ReadMessage["message"],
    fileMessages: FileMessages,
    direct: boolean,
  ): RoomEvent | undefined {
    if (direct) {
      const gap = (this.#gaps.get(from) ?? 0) + missing - fileMessages.refused;
      if (gap === 0) this.#gaps.delete(from);
      else this.#gaps.set(from, gap);
    }
    if (!this.transfers) return undefined;
    const about = {
      ...{ direct, sent, missing: direct ? 0 : missing },
      ...(meanwhile && { meanwhile }),
    };
    const event = this.transfers.take(from, fileMessages, about);
    const { session, members } = this.#client;
    if (event?.type !== "offer" || direct || from !== session.id) return event;
    const without = members.roster.people().filter(({ classic }) => classic);
    return without.length > 0 ? { ...event, without } : event;
  }

  /** The server has answered file messages. */
  answered({ to, fileMessages }: PendingFile, outcome: number): void {
    this.transfers?.answered(to.id, fileMessages, outcome);
    // The outbox may have room for more file data now.
    this.#client.session.outbox.wake();
  }

  // ---- file data ----

  /** A member grants bytes of file data to this client. */
  granted(to: number, body: Uint8Array): void {
    const grant = parseGrant(body);
    // A server could invent any number of members.
    if (!this.#client.members.roster.has(to)) return;
    this.#pairs.granted(to, grant);
    this.transfers?.readAhead();
  }

  /**
   * File data has come.
   *
   * @throws {ProtocolError} if it is malformed
   */
  takeData(from: number, body: Uint8Array): void {
    const { generation, chunk } = parseData(body);
    if (!this.#pairs.came(from, generation, body.length)) return;
    const chunks = this.#openData(from, chunk);
    for (const chunk of chunks ?? []) {
      const cost = this.transfers?.received(from, chunk) ?? 0;
      if (cost > 0) this.#pairs.got(from, cost, chunk.bytes.length);
    }
    // Also after data that is worth nothing: it may have used up the grant, and without another one nothing more comes.
    this.#pairs.topUp(from);
  }

  /** undefined if its sender did not seal it for this client: then the hash of the file will not be right either. */
  #openData(from: number, chunk: Uint8Array): Chunk[] | undefined {
    try {
      return decodeChunks(this.#client.session.cipher.open(chunk, "data", from).plaintext);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }

  /** This client is connected again, in the same session. */
  resumed(): void {
    this.#pairs.resumed();
    this.transfers?.resumed();
  }

  /** To be called now and then: repeats grants, and gives up on data that does not come. */
  #tick(): void {
    for (const from of this.#pairs.tick()) this.transfers?.silent(from);
  }

  /**
   * The file data for one connection: gives the next frame, valid until the next call. The outbox asks for it when it has
   * nothing else to send, and the frame before has been written. Each connection has a buffer of its own: one that was
   * lost may still be writing.
   */
  bulk(): () => Uint8Array<ArrayBuffer> | undefined {
    const frame = new Uint8Array(MAX_DATA_FRAME);
    return () => {
      if (!this.#client.session.complete || !this.#sending.may()) return undefined;
      return this.transfers?.next((data) => this.#sealData(data, frame));
    };
  }

  /** undefined if it cannot be sealed for this member. */
  #sealData(
    { to, generation, chunks }: ReadyData,
    into: Uint8Array<ArrayBuffer>,
  ): Uint8Array<ArrayBuffer> | undefined {
    const { cipher } = this.#client.session;
    try {
      const seal = (into: Uint8Array) => cipher.sealData(chunks, to, into);
      const frame = sealDataFrame(into, to, generation, seal);
      const size = frame.length - HEADER_SIZE;
      this.#pairs.spend(to, generation, size);
      this.#sending.take(dataCost(size));
      return frame;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }

  /** At a low rate also what may go in one frame. */
  #leftTo(to: number, generation: number): number | undefined {
    const left = this.#pairs.leftTo(to, generation);
    const { piece } = this.#sending;
    const isLow = piece < chunksCost(MAX_CHUNKS_SIZE);
    return left === undefined || !isLow ? left : Math.min(left, piece);
  }

  #newPairs(): DataPairs {
    return new DataPairs({
      now: () => this.#clock.now(),
      release: (bytes) => this.#receiving.release(bytes),
      send: (to, grant) => {
        this.#client.session.send(encodeFrame(Type.GRANT, to, encodeGrantBody(grant)));
      },
    });
  }

  /** The files of one turn are granted together. */
  #expect(from: number, cost: number): number {
    if (this.#expecting.size === 0) {
      queueMicrotask(() => {
        for (const from of this.#expecting) this.#pairs.topUp(from);
        this.#expecting.clear();
      });
    }
    this.#expecting.add(from);
    return this.#pairs.expect(from, cost);
  }

  #post(): Post {
    const client = this.#client;
    return {
      get self(): Person {
        return client.members.roster.person(client.session.id);
      },
      get ready() {
        return client.session.complete && !client.isLeaving;
      },
      get connected() {
        return client.isConnected;
      },
      tell: (to, fileMessages) => this.#tell(to, fileMessages),
      say: (fileMessages) => {
        if (!client.isLeaving) client.say(encodeFileMessages(fileMessages));
      },
      wake: () => client.session.outbox.wake(),
      data: {
        left: (to, generation) => this.#leftTo(to, generation),
        expect: (from, cost) => this.#expect(from, cost),
        forgo: (from, cost) => this.#pairs.forgo(from, cost),
        wrote: (from, bytes) => this.#pairs.wrote(from, bytes),
        void: (from) => this.#pairs.lose(from),
        tick: () => this.#tick(),
      },
      has: (id) => client.members.roster.has(id),
      person: (id) => client.members.roster.person(id),
      peerKeyOf: (id) => client.members.peerKeyOf(id),
      find: (peerKey) => client.members.findByPeerKey(peerKey),
      isKnown: (id) => client.members.isKnown(id),
      event: (event) => client.emit(event),
    };
  }

  /** Sends file messages ahead of file data; false if they cannot be sealed for this member. */
  #tell(to: number, fileMessages: FileMessages): boolean {
    const frame = this.#seal(to, fileMessages);
    if (!frame) return false;
    this.#keep(to, this.#client.session.outbox.put(frame), fileMessages);
    return true;
  }

  #keep(to: number, frame: number, fileMessages: FileMessages): void {
    this.#client.keep({ to: this.#client.members.roster.person(to), frame, fileMessages });
  }

  #seal(to: number, fileMessages: FileMessages): Uint8Array<ArrayBuffer> | undefined {
    const content = encodeEnvelope({ kind: "file", body: encodeFileMessages(fileMessages) });
    try {
      const body = this.#client.session.cipher.seal(content, "direct", to);
      return encodeFrame(Type.MESSAGE, to, body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }
}
