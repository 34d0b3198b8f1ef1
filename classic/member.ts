// Classic clients as members of an xor room: translates between the classic wire (docs/classic.md) and frames. Their
// texts become MESSAGE frames, and messages in the room's log become `NAME: text`, notices a line. To do so it opens messages, so only
// `chat serve --classic` has it; the server knows only the interface in `server/adapter.ts`.

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
import { parseNotice } from "../protocol/moderation.ts";
import { SeenMessages } from "../protocol/message_ids.ts";
import type { AdaptedConnection, ProtocolAdapter } from "../server/adapter.ts";
import type { Member } from "../server/member.ts";
import { messageLine } from "../text/message_line.ts";
import { noticeLine } from "./notices.ts";

/** Backlog in bytes above which pieces are sent without pauses, so that the pauses disconnect no slow reader. */
const CROWDED = 256 * 1024;
/** Names of former members that are kept for clients that have not received all of their messages. */
const MAX_GONE = 1000;
/** Limit of origins whose message ids each classic member remembers, about 150 bytes each. */
const MAX_ORIGINS = 256;

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** The system's timer. */
export const systemTimer: Timer = (ms, task) => {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
};

/** The classic members of one room. They share its key and its list of names. */
export class ClassicAdapter implements ProtocolAdapter {
  readonly #cipher: XorCipher;
  readonly #key: Uint8Array<ArrayBuffer>;
  readonly #after: Timer;
  /** Its own id is 0, which no member has. */
  readonly #roster = new Roster(0);
  /** Names of former members, in the order in which they left. */
  readonly #gone = new Map<number, string>();

  /** @throws {RangeError} if the public key is not a whole number from 0 to 255 */
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
      // An unreadable profile: the member is shown by its id.
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

interface Context {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly cipher: XorCipher;
  readonly after: Timer;
  readonly wake: () => void;
  /** The name of a present or former member. */
  readonly nameOf: (id: number) => string;
}

/** One classic client, as a member. */
class ClassicMember implements AdaptedConnection {
  readonly profile: Uint8Array;
  readonly #context: Context;
  readonly #pieces: Pieces;
  #member: Member | undefined;
  /** Invalid bytes become U+FFFD. The start of a character that a read has cut waits for the next read. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #seen = new SeenMessages(MAX_ORIGINS);
  #hasSent = false;
  /** Frames of the logs that are not translated yet. */
  #frames: Uint8Array<ArrayBuffer> = NOTHING;

  constructor(port: number, context: Context) {
    const { cipher, key, after, wake } = context;
    this.#context = context;
    // The client's port is its name, as in the packet capture of the classic program.
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

  read(decoder: FrameDecoder): Frame | undefined {
    const { unread } = decoder;
    if (unread.length === 0) return undefined;
    // A client of this program whose first packet was delayed. It will try again.
    if (!this.#hasSent && isPreface(unread)) {
      throw new ProtocolError<ErrorCode>("timeout", "the preface arrived too late");
    }
    this.#hasSent = true;
    const { plaintext } = this.#context.cipher.open(unread);
    decoder.skip(unread.length);
    return this.#frame(this.#decoder.decode(plaintext, { stream: true }));
  }

  end(): Frame | undefined {
    return this.#frame(this.#decoder.decode());
  }

  #frame(text: string): Frame | undefined {
    if (text === "") return undefined;
    const body = this.#context.cipher.seal(encodeEnvelope({ kind: "text", text }));
    return frameAt(encodeFrame(Type.MESSAGE, 0, body));
  }

  attach(member: Member): void {
    this.#member = member;
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

  /** The next message of another member, translated. Reads from the logs only when their last frames are written. */
  #next(atHand: boolean): Uint8Array | undefined {
    for (;;) {
      while (this.#frames.length > 0) {
        const frame = frameAt(this.#frames);
        this.#frames = this.#frames.subarray(frame.bytes.length);
        const line = this.#lineOf(frame);
        if (line !== undefined) return utf8.encode(line);
      }
      const frames = atHand ? null : this.#member?.take();
      if (!frames) return undefined;
      this.#frames = frames;
    }
  }

  #lineOf(frame: Frame): string | undefined {
    if (frame.type === Type.MESSAGE) return this.#translate(frame);
    if (frame.type !== Type.NOTICE) return undefined;
    return noticeLine(frame.id, parseNotice(frame.body), this.#context.nameOf);
  }

  #translate({ id, body }: Frame): string | undefined {
    // A classic client expects no echo of its own messages.
    if (id === this.#member!.id) return undefined;
    try {
      const envelope = decodeEnvelope(this.#context.cipher.open(body).plaintext);
      const { kind, number } = envelope;
      if (kind !== "text" && kind !== "action" && kind !== "edit") return undefined;
      if (number && !this.#seen.take("", number).fresh) return undefined;
      // A correction is a new line there.
      const text = kind === "edit" ? `corrects: ${envelope.text}` : envelope.text;
      const message = { type: "message", text, action: kind !== "text" } as const;
      return messageLine(this.#context.nameOf(id), message);
    } catch (error) {
      // A malformed message from a faulty client is left out.
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }
}

function isPreface(bytes: Uint8Array): boolean {
  return bytes.length >= PREFACE.length && PREFACE.every((byte, i) => bytes[i] === byte);
}
