// chat join --classic: the client of a classic room (docs/classic.md), as a `Room` for the screens. The classic wire
// only has texts to and from the room: no confirmations, no names, no resumption. It knows no server and no screen.

import { XorCipher } from "../cipher.ts";
import type { Endpoint } from "../client/handshake.ts";
import { ChatError } from "../errors.ts";
import { MAX_BODY } from "../protocol.ts";
import { Pieces, type Timer } from "../protocol/classic_wire.ts";
import { type Connection, formatAddress } from "../protocol/connection.ts";
import { TurnSlice } from "../protocol/turn_slice.ts";
import type {
  Ending,
  Link,
  Pending,
  Person,
  Room,
  RoomEvent,
  RoomInfo,
  Transfer,
  Whois,
} from "../room.ts";
import { type ClassicConnection, connectClassic } from "./handshake.ts";

/** Time limit for the last messages to reach a distant server, in ms. */
const FINISH_MS = 2_000;
/** Limit of bytes that wait for the server to read them. */
const MAX_WAITING = 8 * 1024 * 1024;

/** Reads that are shown in one turn of the event loop: keys and drawing have their turns in any flood. */
const MAX_READS = 4;

/** All other members: the classic wire does not name senders. */
const ROOM: Person = { id: 2, name: "room", self: false, away: false, classic: true };

const utf8 = new TextEncoder();

export interface ClassicOptions extends Omit<Endpoint, "signal"> {
  after: Timer;
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
  /** How many reads are shown in one turn of the event loop. */
  slice?: TurnSlice;
}

/**
 * Joins a classic room.
 *
 * @returns the room; it reports events once `run` is called
 * @throws {ChatError} if no classic server answers
 */
export async function joinClassic(options: ClassicOptions): Promise<ClassicClient> {
  return new ClassicClient(await connectClassic(options, options.after), options);
}

/** A message that is not written yet. */
interface UnwrittenText extends Pending {
  readonly bytes: Uint8Array;
}

/** A member's view of a classic room. */
export class ClassicClient implements Room {
  readonly info: RoomInfo;
  readonly self: Person;
  readonly members: readonly Person[];
  readonly size = 2;
  readonly awayCount = 0;
  readonly fingerprint = undefined;
  readonly conversation = undefined;
  readonly forked = [];
  readonly recent = [];
  readonly transfers: readonly Transfer[] = [];
  readonly going: readonly Transfer[] = [];
  readonly link: Link = { state: "connected" };

  readonly #connection: Connection;
  readonly #cipher: XorCipher;
  readonly #pieces: Pieces;
  readonly #finishMs: number;
  readonly #slice: TurnSlice;
  #reading: Promise<boolean> | undefined;
  /** Invalid bytes become U+FFFD. The start of a character that a read has cut waits for the next read. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Messages that are not written yet, oldest first. */
  readonly #unwritten: UnwrittenText[] = [];
  #waiting = 0;
  #lastRef = 0;
  #at = 0;
  #listener: (event: RoomEvent) => void | Promise<void> = () => {};
  #leaving = false;
  #ending: Ending | undefined;

  /** Use `joinClassic`. */
  constructor({ connection, publicKey, reading }: ClassicConnection, options: ClassicOptions) {
    this.#connection = connection;
    this.#cipher = new XorCipher(publicKey);
    this.#reading = reading;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#slice = options.slice ?? new TurnSlice(MAX_READS);
    this.info = {
      address: formatAddress(options.hostname, options.port),
      cipher: "xor",
      maxText: MAX_BODY,
      classic: true,
    };
    // The server sees only this client's address and port, so the port is the best name for it.
    this.self = { id: 1, name: String(connection.localPort), self: true, away: false };
    this.members = [this.self, ROOM];
    this.#pieces = new Pieces({
      next: () => this.#unwritten[0]?.bytes,
      written: () => this.#written(),
      seal: (piece) => this.#cipher.seal(piece),
      wake: () => connection.wake(),
      after: options.after,
      // A classic server relays each read as one message, so messages are not joined.
      gather: false,
      crowded: () => false,
    });
    connection.mute();
    connection.attach(this.#pieces);
  }

  get pending(): readonly Pending[] {
    return this.#unwritten;
  }

  /** How the room ended for this client; undefined until then. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /**
   * Reports events until the room has ended; the last one is `ended`. To be called once. Rejects only if the listener
   * throws, and then closes the connection.
   */
  async run(listener: (event: RoomEvent) => void | Promise<void>): Promise<void> {
    this.#listener = listener;
    const connection = this.#connection;
    try {
      await listener({ type: "welcome", self: this.self, room: this.info });
      await listener({ type: "members", members: this.members });
      do {
        const { unread } = connection.decoder;
        const { plaintext } = this.#cipher.open(unread);
        connection.decoder.skip(unread.length);
        await this.#receive(this.#decoder.decode(plaintext, { stream: true }));
        const rest = this.#slice.spend(1);
        if (rest) await rest;
      } while (await this.#fill());
      await this.#receive(this.#decoder.decode());
      await connection.finish(this.#finishMs);
    } finally {
      this.#pieces.close();
      connection.close();
    }
    const message = connection.why ?? "the server closed the connection";
    this.#ending = this.#leaving ? { reason: "left" } : { reason: "lost", message };
    this.#listener = () => {};
    await listener({ type: "ended", ending: this.#ending });
  }

  #fill(): Promise<boolean> {
    const reading = this.#reading;
    this.#reading = undefined;
    return reading ?? this.#connection.fill();
  }

  async #receive(text: string): Promise<void> {
    if (text !== "") await this.#listener(this.#message(ROOM, text, undefined));
  }

  #message(from: Person, text: string, ref: number | undefined): RoomEvent {
    const at = this.#at++;
    return { type: "message", from, text, action: false, at, ref, sent: undefined, missing: 0 };
  }

  /** The oldest message was handed to the system. No echo follows, so nothing more can be known about it. */
  #written(): void {
    const { ref, text, bytes } = this.#unwritten.shift()!;
    this.#waiting -= bytes.length;
    void this.#listener(this.#message(this.self, text, ref));
  }

  say(text: string, re?: string): number {
    if (re !== undefined) unsupported("answer a message", "it has only texts");
    if (this.#leaving || this.#ending) {
      throw new ChatError("Cannot send this: you have left the room", { refusal: "left" });
    }
    const bytes = utf8.encode(text);
    if (bytes.length === 0) {
      throw new ChatError("Cannot send an empty message in a classic room", { refusal: "empty" });
    }
    const { maxText } = this.info;
    if (bytes.length > maxText) {
      throw new ChatError(
        `Cannot send this message: it has ${bytes.length} bytes, over the limit of ${maxText}`,
        { refusal: "long", hint: "Send it in parts" },
      );
    }
    if (this.#waiting > MAX_WAITING) {
      throw new ChatError("Cannot send this: too many messages are waiting to be sent", {
        refusal: "busy",
      });
    }
    const ref = ++this.#lastRef;
    this.#unwritten.push({ ref, text, action: false, to: undefined, bytes });
    this.#waiting += bytes.length;
    this.#connection.wake();
    return ref;
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    this.#connection.finish(this.#finishMs);
  }

  /** Does nothing: a classic room has no sessions to resume, so a lost connection is final. */
  reconnect(): void {}

  // Not in the classic protocol.

  change(): number {
    return unsupported("change a message", "it has only texts");
  }

  act(): number {
    return unsupported("send an action", "it has only texts");
  }

  tell(): number {
    return unsupported("send a direct message", "every message goes to all members");
  }

  rename(): void {
    unsupported("change your name", "it has no names");
  }

  setStatus(): void {
    unsupported("set an away text", "it has no names");
  }

  readonly topic = undefined;

  readonly governance = undefined;

  moderate(): void {
    throw new ChatError("Cannot do this: a classic room has no moderators", { refusal: "classic" });
  }

  setTopic(): void {
    unsupported("set the topic", "it has only texts");
  }

  compare(): string {
    return unsupported("compare keys", "its members have no keys");
  }

  whois(): Whois {
    return unsupported("look up a member", "it does not report its members");
  }

  trust(): void {
    unsupported("trust a key", "its members have no keys");
  }

  verify(): void {
    unsupported("verify a key", "its members have no keys");
  }

  offer(): void {
    unsupported("send files", "it has only texts");
  }

  accept(): number {
    return unsupported("accept files", "it has only texts");
  }

  decline(): number {
    return unsupported("decline files", "it has only texts");
  }

  cancel(): number {
    return unsupported("cancel a transfer", "it has only texts");
  }
}

function unsupported(what: string, why: string): never {
  throw new ChatError(`Cannot ${what} in a classic room: ${why}`, { refusal: "classic" });
}
