// chat join --classic: says and hears in a room of the original. A room as the screens know it, with what its wire has:
// text to everybody, and text from somebody. Nothing confirms what was said, nobody has a name, and who is cut
// off does not come back.

import { XorCipher } from "../cipher.ts";
import type { Endpoint } from "../client/handshake.ts";
import { ChatError } from "../errors.ts";
import { MAX_BODY } from "../protocol.ts";
import { Pieces, type Timer } from "../protocol/classic_wire.ts";
import { type Connection, formatAddress } from "../protocol/connection.ts";
import type {
  Ending,
  Link,
  Pending,
  Person,
  Room,
  RoomEvent,
  RoomInfo,
  Transfer,
} from "../room.ts";
import { type ClassicConnection, connectClassic } from "./handshake.ts";

/** Enough for what was said last to reach the other end of the world, in ms. */
const FINISH_MS = 2_000;
/** Bytes that may wait for the server to take them. */
const MAX_WAITING = 8 * 1024 * 1024;

/** Everybody else: the original says what was said, and not by whom. */
const ROOM: Person = { id: 2, name: "room", self: false, away: false, classic: true };

const utf8 = new TextEncoder();

export interface ClassicOptions extends Omit<Endpoint, "signal"> {
  after: Timer;
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
}

/**
 * Connects to a server of the original.
 *
 * @returns the room; nothing is told before `run` is called
 * @throws {ChatError} if there is none
 */
export async function joinClassic(options: ClassicOptions): Promise<ClassicClient> {
  return new ClassicClient(await connectClassic(options, options.after), options);
}

/** Said, and not written yet. */
interface Saying extends Pending {
  readonly bytes: Uint8Array;
}

/** A room of the original, joined. */
export class ClassicClient implements Room {
  readonly info: RoomInfo;
  readonly self: Person;
  readonly members: readonly Person[];
  readonly size = 2;
  readonly fingerprint = undefined;
  readonly transfers: readonly Transfer[] = [];
  readonly going: readonly Transfer[] = [];
  readonly link: Link = { state: "connected" };

  readonly #connection: Connection;
  readonly #cipher: XorCipher;
  readonly #pieces: Pieces;
  readonly #finishMs: number;
  #reading: Promise<boolean> | undefined;
  /** Invalid bytes become U+FFFD; of a character that a read has cut, the beginning waits for the next one. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** What is not written yet, oldest first. */
  readonly #said: Saying[] = [];
  #waiting = 0;
  #lastRef = 0;
  #at = 0;
  #listener: (event: RoomEvent) => void | Promise<void> = () => {};
  #leaving = false;
  #ending: Ending | undefined;

  /** For `joinClassic`. */
  constructor({ connection, publicKey, reading }: ClassicConnection, options: ClassicOptions) {
    this.#connection = connection;
    this.#cipher = new XorCipher(publicKey);
    this.#reading = reading;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.info = {
      address: formatAddress(options.hostname, options.port),
      cipher: "xor",
      maxText: MAX_BODY,
      classic: true,
    };
    // What the server sees of this client, and so the only name that it could have there.
    this.self = { id: 1, name: String(connection.localPort), self: true, away: false };
    this.members = [this.self, ROOM];
    this.#pieces = new Pieces({
      next: () => this.#said[0]?.bytes,
      written: () => this.#written(),
      seal: (piece) => this.#cipher.seal(piece),
      wake: () => connection.wake(),
      after: options.after,
      // The original relays what one read gives: each message is to be one.
      gather: false,
      crowded: () => false,
    });
    connection.mute();
    connection.attach(this.#pieces);
  }

  get pending(): readonly Pending[] {
    return this.#said;
  }

  /** How the room ended for this client; undefined as long as it has not. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /**
   * Tells what happens until the room has ended; the last event is `ended`. To be called once.
   * Rejects only if the listener throws, and then closes the connection.
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
        await this.#hear(this.#decoder.decode(plaintext, { stream: true }));
      } while (await this.#fill());
      await this.#hear(this.#decoder.decode());
      await connection.finish(this.#finishMs);
    } finally {
      this.#pieces.close();
      connection.close();
    }
    const message = connection.why ?? "the other side has ended it";
    this.#ending = this.#leaving ? { reason: "left" } : { reason: "lost", message };
    this.#listener = () => {};
    await listener({ type: "ended", ending: this.#ending });
  }

  #fill(): Promise<boolean> {
    const reading = this.#reading;
    this.#reading = undefined;
    return reading ?? this.#connection.fill();
  }

  async #hear(text: string): Promise<void> {
    if (text !== "") await this.#listener(this.#message(ROOM, text, undefined));
  }

  #message(from: Person, text: string, ref: number | undefined): RoomEvent {
    const at = this.#at++;
    return { type: "message", from, text, action: false, at, ref, sent: undefined, missing: 0 };
  }

  /** What was said first has been handed to the system. No echo comes: more than that can't be known. */
  #written(): void {
    const { ref, text, bytes } = this.#said.shift()!;
    this.#waiting -= bytes.length;
    void this.#listener(this.#message(this.self, text, ref));
  }

  // ---- what the user does ----

  say(text: string): number {
    if (this.#leaving || this.#ending) {
      throw new ChatError("Cannot send this: you have left the room");
    }
    const bytes = utf8.encode(text);
    if (bytes.length === 0) throw new ChatError("Cannot send nothing: the original has no way to");
    const { maxText } = this.info;
    if (bytes.length > maxText) {
      throw new ChatError(
        `Cannot send this message: it has ${bytes.length} bytes, at most ${maxText} fit into one`,
        { hint: "Send it in parts" },
      );
    }
    if (this.#waiting > MAX_WAITING) {
      throw new ChatError("Cannot send this: too much is waiting to be sent already");
    }
    const ref = ++this.#lastRef;
    this.#said.push({ ref, text, action: false, to: undefined, bytes });
    this.#waiting += bytes.length;
    this.#connection.wake();
    return ref;
  }

  leave(): void {
    if (this.#leaving || this.#ending) return;
    this.#leaving = true;
    this.#connection.finish(this.#finishMs);
  }

  /** There is nothing to come back to: the room has ended for who is cut off. */
  reconnect(): void {}

  // ---- what the original does not have ----

  act(): number {
    return without("say what you do", "it knows text alone");
  }

  tell(): number {
    return without("send to one member alone", "it sends all to everybody");
  }

  rename(): void {
    without("change the name", "it knows no names");
  }

  compare(): string {
    return without("compare keys", "nobody has one there");
  }

  trust(): void {
    without("trust a key", "nobody has one there");
  }

  offer(): void {
    without("send files", "it knows text alone");
  }

  accept(): number {
    return without("take files", "it knows text alone");
  }

  decline(): number {
    return without("decline files", "it knows text alone");
  }

  cancel(): number {
    return without("cancel a transfer", "it knows text alone");
  }
}

function without(what: string, why: string): never {
  throw new ChatError(`Cannot ${what} in a room of the original program: ${why}`);
}
