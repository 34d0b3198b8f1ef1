// The original's clients as members of an xor room: stands between their wire and the hub, as an interpreter who is
// a member for each of them. What they say becomes MESSAGE frames; what the room's log has becomes `NAME: text`.
// It opens messages: `chat serve --classic` alone has it, and the server knows no more than its interface.

import { XorCipher } from "../cipher.ts";
import { Roster } from "../client/roster.ts";
import { ProtocolError } from "../errors.ts";
import {
  encodeFrame,
  type ErrorCode,
  type Frame,
  frameAt,
  type FrameDecoder,
  PREFACE,
  Type,
} from "../protocol.ts";
import { Pieces, SILENCE_MS, type Timer } from "../protocol/classic_wire.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
} from "../protocol/envelope.ts";
import { SeenMessages } from "../protocol/message_ids.ts";
import type { AdaptedConnection, ProtocolAdapter } from "../server/adapter.ts";
import type { Member } from "../server/member.ts";
import { messageLine } from "../text/message_line.ts";

/** Bytes of the room's log that wait: with more, pieces go out without rests, so that nobody falls off by these. */
const CROWDED = 256 * 1024;
/** Names of those who have left that are kept for who has not read yet what they said. */
const MAX_GONE = 1000;
/** Senders whose numbers each of these members remembers: some 150 bytes for each. */
const MAX_ORIGINS = 256;

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** A timer of the system. */
export const systemTimer: Timer = (ms, task) => {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
};

/** All such members of one room: they share what its members are called. */
export class ClassicAdapter implements ProtocolAdapter {
  readonly #cipher: XorCipher;
  readonly #key: Uint8Array<ArrayBuffer>;
  readonly #after: Timer;
  /** Id 0 is nobody's: none of them is this one. */
  readonly #roster = new Roster(0);
  /** What those are called who have left, the first to leave first. */
  readonly #gone = new Map<number, string>();

  /** @throws {RangeError} if the public key is none */
  constructor(publicKey: number, after: Timer = systemTimer) {
    this.#cipher = new XorCipher(publicKey);
    this.#key = utf8.encode(String(publicKey));
    this.#after = after;
  }

  isSilent(first: Promise<unknown>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#after(SILENCE_MS, () => resolve(true));
    first.then(() => {
      cancel();
      resolve(false);
    });
    return promise;
  }

  adapt(port: number, wake: () => void): AdaptedConnection {
    return new ClassicMember(port, {
      key: this.#key,
      cipher: this.#cipher,
      after: this.#after,
      wake,
      nameOf: (id) => this.#gone.get(id) ?? this.#roster.person(id).name,
    });
  }

  setMember(id: number, profile: Uint8Array): void {
    let name: string | undefined;
    try {
      name = decodeProfile(this.#cipher.open(profile).plaintext).name;
    } catch (error) {
      // It is known by its number.
      if (!(error instanceof RangeError)) throw error;
    }
    this.#roster.setName(id, name);
  }

  removeMember(id: number): void {
    this.#gone.set(id, this.#roster.person(id).name);
    this.#roster.remove(id);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(oldest);
    }
  }
}

interface Surroundings {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly cipher: XorCipher;
  readonly after: Timer;
  readonly wake: () => void;
  /** What a member is called, one who has left too. */
  readonly nameOf: (id: number) => string;
}

/** One of them. */
class ClassicMember implements AdaptedConnection {
  readonly profile: Uint8Array;
  readonly #around: Surroundings;
  readonly #pieces: Pieces;
  #member: Member | undefined;
  /** Invalid bytes become U+FFFD; of a character that a read has cut, the beginning waits for the next one. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #heard = new SeenMessages(MAX_ORIGINS);
  #hasSpoken = false;
  /** Frames of the logs, from the first that has not been put into words. */
  #frames: Uint8Array<ArrayBuffer> = NOTHING;

  constructor(port: number, around: Surroundings) {
    const { cipher, key, after, wake } = around;
    this.#around = around;
    // As the original's capture names its two.
    this.profile = cipher.seal(encodeProfile({ name: String(port), classic: true }));
    this.#pieces = new Pieces({
      first: key,
      next: (atHand) => this.#next(atHand),
      seal: (piece) => cipher.seal(piece),
      wake,
      after,
      gather: true,
      crowded: () => this.#frames.length + (this.#member?.behind ?? 0) > CROWDED,
    });
  }

  // ---- from it ----

  read(decoder: FrameDecoder): Frame | undefined {
    const { unread } = decoder;
    if (unread.length === 0) return undefined;
    // One of our own clients whose first packet was lost on its way: it will come again.
    if (!this.#hasSpoken && isPreface(unread)) {
      throw new ProtocolError<ErrorCode>("timeout", "its preface has come too late");
    }
    this.#hasSpoken = true;
    const { plaintext } = this.#around.cipher.open(unread);
    decoder.skip(unread.length);
    return this.#frame(this.#decoder.decode(plaintext, { stream: true }));
  }

  end(): Frame | undefined {
    return this.#frame(this.#decoder.decode());
  }

  #frame(text: string): Frame | undefined {
    if (text === "") return undefined;
    const body = this.#around.cipher.seal(encodeEnvelope({ kind: "text", text }));
    return frameAt(encodeFrame(Type.MESSAGE, 0, body));
  }

  // ---- to it ----

  attach(member: Member): void {
    this.#member = member;
    member.noDirect = true;
  }

  take(): Uint8Array<ArrayBuffer> | null {
    return this.#pieces.take();
  }

  hurry(): void {
    this.#pieces.hurry();
  }

  close(): void {
    this.#pieces.close();
  }

  /** The next message of somebody else, in words. Asks the logs only when all that they gave has been written. */
  #next(atHand: boolean): Uint8Array | undefined {
    for (;;) {
      while (this.#frames.length > 0) {
        const frame = frameAt(this.#frames);
        this.#frames = this.#frames.subarray(frame.bytes.length);
        const words = frame.type === Type.MESSAGE ? this.#words(frame) : undefined;
        if (words !== undefined) return utf8.encode(words);
      }
      const frames = atHand ? null : this.#member?.take();
      if (!frames) return undefined;
      this.#frames = frames;
    }
  }

  #words({ id, body }: Frame): string | undefined {
    // The original tells nobody what it has said itself.
    if (id === this.#member!.id) return undefined;
    try {
      const envelope = decodeEnvelope(this.#around.cipher.open(body).plaintext);
      const { kind, number } = envelope;
      if (kind !== "text" && kind !== "action") return undefined;
      if (number && !this.#heard.take("", number).fresh) return undefined;
      const said = { type: "message", text: envelope.text, action: kind === "action" } as const;
      return messageLine(this.#around.nameOf(id), said);
    } catch (error) {
      // A member of its own making: there are no words for that.
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }
}

function isPreface(bytes: Uint8Array): boolean {
  return bytes.length >= PREFACE.length && PREFACE.every((byte, i) => bytes[i] === byte);
}
