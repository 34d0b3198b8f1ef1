// One session: the client's id, cipher and outbox, and how far it has read the two logs. It outlives its
// connections and ends when the client has to join again. Knows no members, no events and no socket.

import type { Cipher } from "../cipher.ts";
import { ProtocolError } from "../errors.ts";
import {
  encodeHave,
  type ErrorCode,
  type Frame,
  HEADER_SIZE,
  MAX_BODY,
  Type,
} from "../protocol.ts";
import type { Greeting, Welcome } from "../protocol/json_frames.ts";
import type { Source } from "../protocol/connection.ts";
import type { Chain } from "./chain.ts";
import type { Handshake, Ticket } from "./handshake.ts";
import { Outbox } from "./outbox.ts";

/** After this many bytes of its own log a client reports them with HAVE: the server keeps them until then. */
export const HAVE_SIZE = 16 * 1024;

/** The part of a `Connection` that a session needs. */
export interface Carrier {
  /** Sends a small frame ahead of everything in the outbox. */
  send(frame: Uint8Array<ArrayBuffer>): void;
  /** Reports that the outbox has something to send. */
  wake(): void;
  /** How many small frames still wait to be written. */
  readonly urgent: number;
  attach(source: Source): void;
}

/** A client's session with a server. */
export class ClientSession {
  readonly id: number;
  readonly cipher: Cipher;
  /** The key that proves that a resumption comes from the same client; undefined in xor rooms. */
  readonly key: Uint8Array | undefined;
  /** The name of the room's log. */
  readonly log: string;
  /** What its code is right for; undefined in xor rooms. */
  readonly record: string | undefined;
  /** The chain of the room's log; undefined in xor rooms. */
  readonly chain: Chain | undefined;
  readonly outbox: Outbox;
  readonly maxBody: number;
  /** The server was restarted, and this client was in the room before. */
  readonly isAfterRestart: boolean;
  /** It ends with its connection. Without HAVE, the server keeps no session. */
  readonly #isBrief: boolean;
  /** Resumes the session; undefined if it cannot be resumed. */
  token: string | undefined;
  /** How many messages the room's log has had, as far as this client has read it. */
  messages: number;
  /** The list of members is complete. */
  complete = false;

  /** The positions in the room's log and the own log after the last frame received. */
  #room: number;
  #own: number;
  /** The position in the own log that was reported last. */
  #reported: number;
  /** How many entries of the list of members are still to come. */
  #listed: number;
  /** The topic, or an entry of the list, has come. */
  #isIntroduced = false;
  #carrier: Carrier | undefined;
  /** What came while it had no connection, until it has been read: how many messages, and the number of the last one. */
  #meanwhile: { readonly count: number; readonly last: number } | undefined;

  constructor(
    { greeting, cipher, sessionKey, id, log, chain, welcome }: Omit<
      Handshake,
      "connection" | "self"
    >,
    isAfterRestart: boolean,
    isBrief = false,
  ) {
    this.id = id;
    this.cipher = cipher;
    this.key = sessionKey;
    this.log = log;
    this.chain = chain;
    this.record = greeting.cipher === "sealed" ? greeting.record : undefined;
    this.outbox = new Outbox(greeting.budget);
    if (welcome.left) this.outbox.setLeft(welcome.left);
    this.maxBody = maxBodyOf(greeting);
    this.isAfterRestart = isAfterRestart;
    this.#isBrief = isBrief;
    this.token = isBrief ? undefined : welcome.token;
    this.messages = welcome.said;
    this.#room = welcome.room;
    this.#own = this.#reported = welcome.own;
    this.#listed = welcome.members;
  }

  /** The position in the room's log after the last frame received. */
  get room(): number {
    return this.#room;
  }

  /** What resumes the session now; undefined if it cannot be resumed. */
  get ticket(): Ticket | undefined {
    const { token, id, room, own, key: sessionKey, record } = this;
    const chain = this.chain?.report.chain;
    return token === undefined ? undefined : { id, token, room, own, sessionKey, chain, record };
  }

  /** The position in the own log after the last frame received. */
  get own(): number {
    return this.#own;
  }

  /** Sends over this connection from now on. */
  attach(carrier: Carrier, nextBulk: () => Uint8Array<ArrayBuffer> | undefined): void {
    this.#carrier = carrier;
    this.outbox.open(() => carrier.wake());
    this.outbox.fill(nextBulk);
    carrier.attach(this.outbox);
  }

  /** The connection is lost. Frames wait for the next one. */
  detach(): void {
    this.#carrier = undefined;
    this.outbox.close();
  }

  /** Sends a small frame now. Without a connection it is dropped: these frames concern nothing else. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    this.#carrier?.send(frame);
  }

  /** Answers a request of the server, unless it does not read what was sent before. */
  answer(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#carrier?.urgent === 0) this.#carrier.send(frame);
  }

  /**
   * Counts a frame of the room's log; returns its position.
   *
   * @throws {ProtocolError} if the room's log begins with anything but this client's own JOINED
   */
  advance({ type, id, bytes }: Frame): number {
    if (!this.complete && !(type === Type.JOINED && id === this.id)) {
      throw new ProtocolError<ErrorCode>("unexpected", "the room's log began before our JOINED");
    }
    const at = this.#room;
    this.#room += bytes.length;
    this.chain?.add(bytes);
    return at;
  }

  /**
   * Counts a frame of the own log, and reports it with HAVE if enough has come.
   *
   * @throws {ProtocolError} if it came before the end of the list of members
   */
  advanceOwn({ bytes }: Frame): void {
    if (!this.complete) {
      throw new ProtocolError<ErrorCode>("unexpected", "our own log began before our JOINED");
    }
    this.#own += bytes.length;
    if (this.#own - this.#reported >= HAVE_SIZE) this.have();
  }

  /**
   * Counts the topic that was set before this client joined.
   *
   * @throws {ProtocolError} if it is the second one, or comes after a MEMBER frame
   */
  countTopic(): void {
    if (this.#isIntroduced) {
      throw new ProtocolError<ErrorCode>("unexpected", "a topic came after the list of members");
    }
    this.#isIntroduced = true;
  }

  /**
   * Counts a MEMBER frame.
   *
   * @throws {ProtocolError} if WELCOME announced fewer, or the list is complete
   */
  countMember(): void {
    this.#isIntroduced = true;
    if (this.complete || this.#listed-- === 0) {
      throw new ProtocolError<ErrorCode>("unexpected", "more members were listed than announced");
    }
  }

  /** How many messages came while there was no connection, when the last of them has been read: then once. */
  takeCaughtUp(): number | undefined {
    const meanwhile = this.#meanwhile;
    if (!meanwhile || this.messages < meanwhile.last) return undefined;
    this.#meanwhile = undefined;
    return meanwhile.count;
  }

  /** Reports how much of its own log the client has received. */
  have(): void {
    this.#reported = this.#own;
    if (!this.#isBrief) this.send(encodeHave(this.#own));
  }

  /**
   * Prepares to go on over a new connection; `attach` follows.
   *
   * @param own how many of the messages to come are this client's own
   * @returns how many messages of others came meanwhile, as the server says
   * @throws {ProtocolError} if the server counts more frames than this client has sent
   */
  resume(
    { accepted, said, token, left }: Welcome,
    carrier: Pick<Carrier, "send">,
    own = 0,
  ): number {
    if (accepted > this.outbox.handed) {
      throw new ProtocolError<ErrorCode>("malformed", "WELCOME counts more than was sent");
    }
    this.token = token;
    this.outbox.accept(accepted);
    this.outbox.rewind();
    if (left) this.outbox.setLeft(left);
    // First of all: when the server has received it, it forgets the old token.
    this.#reported = this.#own;
    carrier.send(encodeHave(this.#own));
    // A false number does no more than show a false number.
    const count = Math.max(0, said - this.messages - own);
    this.#meanwhile = count > 0 ? { count, last: said } : undefined;
    return count;
  }
}

function maxBodyOf({ maxFrame }: Greeting): number {
  return Math.min(MAX_BODY, maxFrame - (HEADER_SIZE - 4));
}
