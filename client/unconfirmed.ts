// Messages of this client that the room has not confirmed yet, and the last ones that it has. Decides which
// are sent again after a connection, a session or a server was lost. Reads no frames.

import { equals } from "@std/bytes/equals";
import { ChatError, ProtocolError } from "../errors.ts";
import { AckOutcome, encodeFrame, type ErrorCode, Type } from "../protocol.ts";
import { type Content, encodeEnvelope } from "../protocol/envelope.ts";
import type { FileMessages } from "../protocol/file_messages.ts";
import { MAX_SEQ, type MessageId, ORIGIN_SIZE } from "../protocol/message_ids.ts";
import type { Change, Pending, Person, RoomEvent } from "../room.ts";
import { isSamePeer, type Members, type PeerId } from "./members.ts";
import type { ReadMessage, Unreadable } from "./received.ts";
import type { ClientSession } from "./session.ts";

/**
 * Some members may not have received the messages that were confirmed shortly before a server ended. So they are
 * sent again to its successor: at most this many messages and bytes, confirmed at most that many ms before.
 */
export const REPEAT_MESSAGES = 32;
export const REPEAT_BYTES = 256 * 1024;
export const REPEAT_MS = 30_000;
/** Members that come back to the successor later than this client get them within this time, in ms: a few tries. */
export const REUNION_MS = 60_000;
/** In larger rooms they do not: that would be one repetition for each pair of members. */
export const REUNION_MEMBERS = 50;
/** Direct messages that are kept for members that are away: at most this many, and this many UTF-16 units of text. */
export const KEPT_MESSAGES = 1000;
const KEPT_TEXT = 1024 * 1024;
/** A server notices within this time that a member has lost its connection, in ms. */
export const NOTICE_MS = 60_000;
/** How long a direct message waits for its receiver to come back after a restart, in ms. */
export const RECEIVER_MS = 60_000;

/** A message to the room, with all that it takes to send it again. */
export interface PendingRoom extends Pending {
  readonly number: MessageId;
  /** How many frames had been put into its session's outbox, this one included. */
  frame: number;
  /** It was confirmed before and is sent again, so its echo is not a new message. */
  readonly repeated: boolean;
  /** How many messages directly before it the room has refused: its seal says so. */
  readonly refused: number;
  /** How many more of them: the seal was made before that was known. */
  untold: number;
  /** What the envelope has besides the number. */
  readonly content: Content;
}

/** A direct message. */
export interface PendingDirect extends PendingRoom {
  readonly to: Person;
  /** The receiver's identity, which outlives its id. */
  readonly receiver: PeerId;
}

/** File messages to one member. They end with the session; transfers then ask again. */
export interface PendingFile {
  readonly to: Person;
  readonly frame: number;
  readonly fileMessages: FileMessages;
}

/** A message that the room has confirmed. */
interface Confirmed {
  readonly message: PendingRoom;
  /** On the clock of `performance.now()`. */
  readonly at: number;
}

/** Which members were in the room when its server ended, and when it did. */
export interface Loss {
  /** On the clock of `performance.now()`. */
  readonly lostAt: number;
  readonly members: readonly PeerId[];
}

/** Numbers this client's messages. */
class MessageCounter {
  #origin: Uint8Array = new Uint8Array(0);
  #seq = MAX_SEQ;

  next(): MessageId {
    if (this.#seq === MAX_SEQ) {
      this.#origin = crypto.getRandomValues(new Uint8Array(ORIGIN_SIZE));
      this.#seq = 0;
    }
    return { origin: this.#origin, seq: ++this.#seq, replay: false };
  }
}

/** The part of a session that sending needs. */
type SendingSession = Pick<ClientSession, "cipher" | "outbox" | "complete">;

/** Sends messages, and keeps them until they are confirmed. */
export class Unconfirmed {
  readonly #members: Pick<Members, "others" | "peerIdOf" | "findPeer">;
  readonly #emit: (event: RoomEvent) => void;
  readonly #receiverMs: number;
  readonly #noticeMs: number;
  #session: SendingSession;
  /** Messages to the room, and to single members: each kind is confirmed in its order. */
  #pendingRoom: PendingRoom[] = [];
  #pendingDirect: (PendingDirect | PendingFile)[] = [];
  /** How many direct frames of this session the server has answered. */
  #answered = 0;
  /** Messages to the room that it must have refused: it has returned later ones. ACK says so soon. */
  #overtaken: PendingRoom[] = [];
  /** How many were refused since the last message was sealed. */
  #refused = 0;
  /** Direct messages of an earlier session whose receiver is not back yet. */
  #awaitingReceiver: PendingDirect[] = [];
  /** Direct messages that the server has for members that are away, oldest first: each may join again instead. */
  #kept: PendingDirect[] = [];
  /** Those that it took lately for members that were not away, oldest first. */
  #lately: { readonly message: PendingDirect; readonly at: number }[] = [];
  #receiverTimer: ReturnType<typeof setTimeout> | undefined;
  /** The messages that were confirmed last, oldest first. */
  readonly #confirmed: Confirmed[] = [];
  /** Members that were here when the server ended and are not back. */
  #absent: PeerId[] = [];
  /** When the server ended, and until when returning members get messages again; as in `performance.now()`. */
  #reunion = { lostAt: 0, ends: 0 };
  #lastRef = 0;
  /** Room messages and direct messages are numbered separately. */
  readonly #counters = { room: new MessageCounter(), direct: new MessageCounter() };

  /** @param emit is called for direct messages whose receiver does not come back */
  constructor(
    session: SendingSession,
    members: Pick<Members, "others" | "peerIdOf" | "findPeer">,
    emit: (event: RoomEvent) => void,
    receiverMs: number = RECEIVER_MS,
    noticeMs: number = NOTICE_MS,
  ) {
    this.#session = session;
    this.#members = members;
    this.#emit = emit;
    this.#receiverMs = receiverMs;
    this.#noticeMs = noticeMs;
  }

  /** What the user has sent and the room has not confirmed, oldest first. */
  get pending(): readonly Pending[] {
    const room = [...this.#overtaken, ...this.#pendingRoom].filter(({ repeated, content }) =>
      !repeated && content.kind !== "file"
    );
    const direct = [
      ...this.#pendingDirect.filter((one) => "ref" in one),
      ...this.#awaitingReceiver,
    ];
    return [...room, ...direct.filter(({ repeated }) => !repeated)].sort((a, b) => a.ref - b.ref);
  }

  /** Sends a message to the room. Do all checks first: a number that is not sent would be reported as missing. */
  say(content: Content): PendingRoom {
    const ref = content.kind === "file" ? 0 : ++this.#lastRef;
    const message = this.#create("room", ref, { ...shownOf(content), to: undefined, content });
    this.#refused = 0;
    this.#sendRoom(message);
    return message;
  }

  /**
   * Sends a direct message; returns its ref.
   *
   * @throws {ChatError} if it cannot be sealed for that member
   */
  tell(to: Person, text: string): number {
    const receiver = this.#members.peerIdOf(to.id);
    const content: Content = { kind: "text", text };
    const message = this.#create("direct", this.#lastRef + 1, {
      ...{ text, action: false, to, receiver, content },
    });
    // Earlier messages wait until the list of members is complete. This one must follow them: the receiver
    // would take lower numbers that come later for replays.
    if (this.#session.complete) this.#sendDirect(message);
    else this.#awaitingReceiver.push(message);
    return ++this.#lastRef;
  }

  /** Keeps file messages to one member until the server answers. */
  addFile(pending: PendingFile): void {
    this.#pendingDirect.push(pending);
  }

  #create<Content>(use: "room" | "direct", ref: number, content: Content) {
    const number = this.#counters[use].next();
    const refused = use === "room" ? this.#refused : 0;
    return { ...content, ref, number, refused, untold: 0, frame: 0, repeated: false };
  }

  #sendRoom(message: PendingRoom): void {
    const body = this.#session.cipher.seal(envelopeOf(message), "room");
    message.frame = this.#session.outbox.put(encodeFrame(Type.MESSAGE, 0, body));
    this.#pendingRoom.push(message);
  }

  #sendDirect(message: PendingDirect): void {
    const { id, name } = message.to;
    let body: Uint8Array;
    try {
      body = this.#session.cipher.seal(envelopeOf(message), "direct", id);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ChatError(`Cannot send to "${name}": nothing proves who that is`, {
        refusal: "noproof",
        cause,
      });
    }
    message.frame = this.#session.outbox.put(encodeFrame(Type.MESSAGE, id, body));
    this.#pendingDirect.push(message);
  }

  /** How many messages to the room are still to come back, if the server has accepted this many frames. */
  dueOf(accepted: number): number {
    return this.#pendingRoom.filter(({ frame }) => frame <= accepted).length;
  }

  // ---- confirmations ----

  /**
   * The server has answered the oldest direct frame; returns its content.
   *
   * @param count how many it has answered in this session
   * @throws {ProtocolError} if that answer fits nothing that was sent
   */
  acknowledge(receiver: number, count: number): PendingDirect | PendingFile {
    const pending = this.#pendingDirect.shift();
    if (!pending || pending.to.id !== receiver || count !== ++this.#answered) {
      throw new ProtocolError<ErrorCode>(
        "unexpected",
        "an ACK came for a message that was not sent",
      );
    }
    this.#session.outbox.accept(pending.frame);
    return pending;
  }

  /**
   * The room has returned a message of this client. It must be the oldest pending one that the room has not refused, and is
   * returned.
   *
   * @throws {ProtocolError} if it is a different message, in a sealed room. In xor rooms nothing can be proved
   */
  takeEcho(echo: ReadMessage | Unreadable): PendingRoom | undefined {
    const { number, missing = 0 } = echo.type === "message" ? { ...echo, ...echo.message } : {};
    const index = this.#pendingRoom.findIndex((one) => isSameNumber(one.number, number));
    // Those before it were refused, and the ACKs that say so are on their way.
    const overtaken = this.#pendingRoom.splice(0, Math.max(0, index));
    this.#overtaken = [...this.#overtaken, ...overtaken];
    const pending = this.#pendingRoom.shift();
    if (pending) this.#session.outbox.accept(pending.frame);
    const untold = overtaken.reduce((sum, one) => sum + gapOf(one), pending?.untold ?? 0);
    const isOurs = echo.type === "message" && pending !== undefined &&
      isSame(pending.content, echo.content) && missing <= untold;
    if (this.#session.cipher.name !== "xor" && !isOurs) {
      throw new ProtocolError<ErrorCode>("unexpected", "the server altered your message");
    }
    if (pending && !pending.repeated) this.#remember(pending);
    return pending;
  }

  #remember(message: PendingRoom): void {
    const confirmed = this.#confirmed;
    confirmed.push({ message, at: performance.now() });
    let bytes = 0;
    const kept = confirmed.toReversed().findIndex(({ message: { text } }, i) =>
      i === REPEAT_MESSAGES || (bytes += text.length) > REPEAT_BYTES
    );
    if (kept !== -1) confirmed.splice(0, confirmed.length - kept);
  }

  /**
   * The room has refused the frame with this number; returns the message, if it was one. Its number in the seal is used
   * up: the next message says that none is missing.
   */
  refuse(count: number): PendingRoom | undefined {
    const isIt = ({ frame }: PendingRoom) => frame >>> 0 === count;
    const overtaken = this.#overtaken.find(isIt);
    if (overtaken) {
      this.#overtaken = this.#overtaken.filter((one) => one !== overtaken);
      return overtaken;
    }
    const index = this.#pendingRoom.findIndex(isIt);
    const [refused] = index === -1 ? [] : this.#pendingRoom.splice(index, 1);
    if (!refused) return undefined;
    this.#session.outbox.accept(refused.frame);
    const next = this.#pendingRoom[index];
    if (next) next.untold += gapOf(refused);
    else this.#refused += gapOf(refused);
    return refused;
  }

  // ---- receivers that are away ----

  /** The server has taken a direct message. */
  taken(message: PendingDirect, isAway: boolean): void {
    if (isAway) return this.#keep(message);
    const now = performance.now();
    const first = this.#lately.findIndex(({ at }) => now - at < this.#noticeMs);
    this.#lately.splice(0, first === -1 ? this.#lately.length : first);
    this.#lately.push({ message, at: now });
    if (this.#lately.length > KEPT_MESSAGES) this.#lately.shift();
  }

  /** A member is away: it may not have got what the server took before it noticed that. */
  away(receiver: number): void {
    const now = performance.now();
    for (const { message, at } of this.#lately) {
      if (message.to.id === receiver && now - at < this.#noticeMs) this.#keep(message);
    }
    this.#lately = this.#lately.filter(({ message }) => message.to.id !== receiver);
  }

  #keep(message: PendingDirect): void {
    this.#kept.push(message);
    let text = 0;
    const from = this.#kept.findLastIndex((one) => (text += one.text.length) > KEPT_TEXT);
    this.#kept.splice(0, Math.max(from + 1, this.#kept.length - KEPT_MESSAGES));
  }

  /** A member gets what the server has for it, or never will. */
  forget(receiver: number): void {
    this.#lately = this.#lately.filter(({ message }) => message.to.id !== receiver);
    this.#kept = this.#kept.filter(({ to }) => to.id !== receiver);
  }

  /** A member that was away has joined again: its new session needs what the old one did not get. */
  follow(before: number, to: Person): void {
    const kept = this.#kept.filter((one) => one.to.id === before);
    this.forget(before);
    for (const message of kept) this.#sendDirect({ ...message, to, repeated: true });
  }

  // ---- another session ----

  /**
   * Sends everything again that the former session has not confirmed.
   *
   * @param loss set if the room's log is another one: the server has ended
   */
  renew(session: SendingSession, loss: Loss | undefined): void {
    this.#session = session;
    this.#answered = 0;
    this.#kept = [];
    this.#lately = [];
    // The former session's room has refused them: a later one has come back from there.
    for (const { ref, text } of this.#overtaken.splice(0)) {
      this.#emit({ type: "refused", ref, what: "message", text, reason: "silenced" });
    }
    const messages = this.#pendingRoom.filter(({ repeated }) => !repeated);
    this.#pendingRoom = [];
    if (loss) {
      const absent = [...this.#absent, ...loss.members];
      this.#absent = absent.length < REUNION_MEMBERS ? absent : [];
      this.#reunion = { lostAt: loss.lostAt, ends: performance.now() + REUNION_MS };
      this.#repeat();
    }
    for (const message of messages) this.#sendRoom(message);
    clearTimeout(this.#receiverTimer);
    const direct = this.#pendingDirect.splice(0).filter((one) => "ref" in one);
    this.#awaitingReceiver = [...direct, ...this.#awaitingReceiver].sort((a, b) => a.ref - b.ref);
  }

  /** The list of members is complete. */
  complete(): void {
    // Members that were back first have received everything that was sent since WELCOME.
    for (const { id } of this.#members.others) this.#isBack(id);
    this.reunite();
    if (this.#awaitingReceiver.length === 0) return;
    this.#receiverTimer = setTimeout(() => this.#giveUp(), this.#receiverMs);
  }

  joined(id: number): void {
    if (this.#isBack(id)) this.#repeat();
    this.reunite();
  }

  /** Members have changed: sends the direct messages whose receiver can be found now. */
  reunite(): void {
    if (this.#awaitingReceiver.length === 0 || !this.#session.complete) return;
    for (const message of this.#awaitingReceiver.splice(0)) {
      const to = this.#members.findPeer(message.receiver);
      if (to) this.#sendDirect({ ...message, to });
      else this.#awaitingReceiver.push(message);
    }
  }

  /** The room has ended for this client. */
  close(): void {
    clearTimeout(this.#receiverTimer);
  }

  /** Sends the messages again that others may have missed because they were confirmed so late. */
  #repeat(): void {
    const { lostAt } = this.#reunion;
    for (const { message, at } of this.#confirmed) {
      if (at <= lostAt - REPEAT_MS) continue;
      this.#sendRoom({ ...message, number: { ...message.number, replay: true }, repeated: true });
    }
  }

  /** Whether this member was here when the server ended, and has come back in time. */
  #isBack(id: number): boolean {
    if (this.#absent.length === 0) return false;
    const peer = this.#members.peerIdOf(id);
    const index = this.#absent.findIndex((one) => isSamePeer(one, peer));
    if (index === -1) return false;
    this.#absent.splice(index, 1);
    return performance.now() < this.#reunion.ends;
  }

  /** The receivers have not come back in time. */
  #giveUp(): void {
    for (const message of this.#awaitingReceiver.splice(0)) {
      this.#emit(outcomeOf(message, AckOutcome.GONE));
    }
  }
}

/** The event that reports the outcome of a direct message. */
export function outcomeOf({ ref, to, text }: PendingDirect, outcome: number): RoomEvent {
  if (outcome === AckOutcome.ACCEPTED) return { type: "delivered", ref, to, text };
  const reason = outcome === AckOutcome.BUSY ? "busy" : "gone";
  return { type: "undelivered", ref, to, text, reason };
}

/** What a message shows while it is not confirmed. */
function shownOf(content: Content): Pick<Pending, "text" | "action" | "change"> {
  const change = content.kind === "unreact" ? "react" : content.kind;
  return {
    text: "text" in content ? content.text : "",
    action: content.kind === "action",
    ...(isChange(change) && { change }),
  };
}

function isChange(kind: string): kind is Change["type"] {
  return kind === "edit" || kind === "delete" || kind === "react";
}

/** How many messages are missing before the next one if the room refuses this one. */
function gapOf({ refused, untold }: PendingRoom): number {
  return 1 + refused + untold;
}

function isSameNumber(one: MessageId, other: MessageId | undefined): boolean {
  return other !== undefined && one.seq === other.seq && equals(one.origin, other.origin);
}

function isSame(one: Content, other: Content): boolean {
  if (one.kind === "file") return other.kind === "file" && equals(one.body, other.body);
  return one.kind === other.kind && textOf(one) === textOf(other) &&
    referenceIn(one) === referenceIn(other);
}

function textOf(content: Content): string | undefined {
  return "text" in content ? content.text : undefined;
}

function referenceIn(content: Content): string | undefined {
  return "re" in content ? content.re : undefined;
}

function envelopeOf({ content, number, refused }: PendingRoom): Uint8Array {
  return encodeEnvelope({ ...content, number, ...(refused > 0 && { refused }) });
}
