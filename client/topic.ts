// The room's topic as this client knows it, and the topics of this client that the room has not confirmed. Knows no
// socket.

import { ChatError, ProtocolError } from "../errors.ts";
import { encodeFrame, type ErrorCode, type Frame, Type } from "../protocol.ts";
import { encodeTopic, parseGivenTopic } from "../protocol/topic.ts";
import type { RoomEvent, Topic } from "../room.ts";
import type { Members } from "./members.ts";
import type { MessageReader, ReadGiven } from "./received.ts";
import type { ClientSession } from "./session.ts";

/** The part of a session that a topic needs. */
type TopicSession = Pick<
  ClientSession,
  "id" | "cipher" | "outbox" | "complete" | "advance" | "countTopic"
>;

/** A topic of this client that is under way. */
interface PendingTopic {
  readonly text: string;
  /** How many frames had been put into its session's outbox, this one included. */
  readonly frame: number;
}

/** What this needs of a client. */
export interface TopicParts {
  readonly members: Pick<Members, "roster" | "former">;
  readonly reader: Pick<MessageReader, "readTopic" | "readGiven">;
  readonly notify: (event: RoomEvent) => void;
  readonly now: () => Date;
}

/** The topic of one room. */
export class RoomTopic {
  readonly #parts: TopicParts;
  #session: TopicSession;
  #current: Topic | undefined;
  /** What the server gave before the list of members, which may have the member that set it. */
  #given: (ReadGiven & { readonly id: number }) | undefined;
  #pending: PendingTopic[] = [];

  constructor(session: TopicSession, parts: TopicParts) {
    this.#session = session;
    this.#parts = parts;
  }

  /** undefined: there is none. */
  get current(): Topic | undefined {
    return this.#current;
  }

  /**
   * Sets the topic of the room; an empty text clears it.
   *
   * @throws {ChatError} if it is too long, or has several lines
   */
  set(text: string): void {
    this.#send(text.trim());
  }

  /** The operator has set the topic: nothing proves that but the server. */
  setByOperator(text: string, set: Date): void {
    this.#current = text === "" ? undefined : { text, who: undefined, set };
  }

  /** The room has refused the frame with this number; returns the topic, if it was one. */
  refuse(count: number): { readonly text: string } | undefined {
    const index = this.#pending.findIndex(({ frame }) => frame >>> 0 === count);
    const [refused] = index === -1 ? [] : this.#pending.splice(index, 1);
    if (refused) this.#session.outbox.accept(refused.frame);
    return refused;
  }

  #send(text: string): void {
    const body = this.#session.cipher.seal(encoded(text), "topic");
    const frame = this.#session.outbox.put(encodeFrame(Type.TOPIC, 0, body));
    this.#pending.push({ text, frame });
  }

  /**
   * Goes on in another session. The topic of a log can be verified in this log only: another log begins without one. The
   * last topic that was not confirmed is set again.
   */
  renew(session: TopicSession): void {
    this.#session = session;
    this.#current = this.#given = undefined;
    const last = this.#pending.splice(0).at(-1);
    if (last) this.#send(last.text);
  }

  /**
   * Takes a TOPIC frame; returns its event.
   *
   * @throws {ProtocolError} if it breaks the protocol
   */
  take(frame: Frame): RoomEvent | undefined {
    const { id, body } = frame;
    if (!this.#session.complete) {
      this.#session.countTopic();
      const given = this.#parts.reader.readGiven(id, parseGivenTopic(body));
      this.#given = given && { ...given, id };
      return undefined;
    }
    const at = this.#session.advance(frame);
    const read = this.#parts.reader.readTopic(id, body, at);
    if (id === this.#session.id) this.#confirm("text" in read ? read.text : undefined);
    if ("type" in read) return read;
    const who = this.#parts.members.roster.person(id);
    const { text, sent } = read;
    this.#current = text === "" ? undefined : { text, who, set: sent ?? this.#parts.now() };
    return { type: "topic", who, ...read, at };
  }

  /** The list of members is complete: reports the topic that the server gave, if there is one. */
  complete(): void {
    const given = this.#given;
    this.#given = undefined;
    const { current } = this;
    // WELCOME had it.
    if (current) {
      const { text, set } = current;
      return this.#parts.notify({ type: "topic", who: undefined, text, sent: set });
    }
    if (!given || given.text === "") return;
    const { id, name, identity, text, sent } = given;
    const who = this.#parts.members.former(id, name, identity);
    this.#current = { text, who, set: sent };
    this.#parts.notify({ type: "topic", who, text, sent });
  }

  /** The room has returned a topic of this client: it must be the oldest pending one. In xor rooms nothing is proved. */
  #confirm(text: string | undefined): void {
    const pending = this.#pending.shift();
    if (pending) this.#session.outbox.accept(pending.frame);
    if (this.#session.cipher.name !== "xor" && pending?.text !== text) {
      throw new ProtocolError<ErrorCode>("unexpected", "the server altered your topic");
    }
  }
}

function encoded(text: string): Uint8Array {
  if (/[\r\n]/.test(text)) throw new ChatError("Cannot set the topic: it must be one line");
  try {
    return encodeTopic(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ChatError(`Cannot set the topic: ${error.message}`, {
      refusal: "long",
      cause: error,
    });
  }
}
