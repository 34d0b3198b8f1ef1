// Opens and decodes the bodies of frames from other members. Bodies are hostile: whatever cannot be read becomes
// an `unreadable` event. Knows the numbers of messages, so each message is shown once. Sends nothing.

import type { Opened, Report, Use } from "../cipher.ts";
import { type Content, decodeEnvelope, decodeProfile, type Profile } from "../protocol/envelope.ts";
import { decodeFileMessages, type FileMessages } from "../protocol/file_messages.ts";
import { decodeTopic, type GivenTopic } from "../protocol/topic.ts";
import { type MessageId, SeenMessages } from "../protocol/message_ids.ts";
import { referenceOf } from "../protocol/references.ts";
import type { Conversation, Person, RoomEvent } from "../room.ts";
import { conversationOf, Forks } from "./forks.ts";
import type { Roster } from "./roster.ts";
import type { ClientSession } from "./session.ts";

/** A profile, and when it was made by its member's clock. */
export type DatedProfile = Profile & {
  readonly sent: Date | undefined;
  readonly meanwhile?: true;
  /** What its member had seen of the room's log. */
  readonly report: Report | undefined;
};

/** A message that could be read. */
export interface ReadMessage {
  readonly type: "message";
  readonly message: {
    readonly from: Person;
    readonly text: string;
    readonly action: boolean;
    readonly sent: Date | undefined;
    readonly missing: number;
    readonly meanwhile?: true;
  };
  readonly number: MessageId | undefined;
  /** How many messages of its sender directly before it the room has refused. */
  readonly refused: number;
  /** Set if the message is about files; its text is empty. */
  readonly fileMessages: FileMessages | undefined;
  readonly content: Content;
  /** Its reference; undefined for a direct message, and for one without a number. */
  readonly id: string | undefined;
}

/** A topic that could be read. */
export interface ReadTopic {
  /** Empty: there is none. */
  readonly text: string;
  readonly sent: Date | undefined;
  readonly meanwhile?: true;
}

/** The same of one that was set before this client joined, with the name and the key of the member that set it. */
export interface ReadGiven extends ReadTopic {
  readonly name: string;
  readonly identity: Uint8Array | undefined;
}

/** The event for a body that cannot be read. */
export type Unreadable = RoomEvent & { readonly type: "unreadable" };

/** The part of a session that reading needs. */
type ReadingSession = Pick<ClientSession, "cipher" | "isAfterRestart" | "chain">;

/** A notice about a member: its body cannot be read, or it sees another conversation. */
export type MemberNotice = RoomEvent & { readonly type: "unreadable" | "forked" | "agreed" };

/**
 * How long after a return messages may be earlier ones, in ms. Not until `caughtup`: a server could put that off for ever.
 */
export const MEANWHILE_MS = 60_000;

/** Reads the bodies of frames. */
export class MessageReader {
  readonly #ownKey: string;
  readonly #members: { readonly roster: Roster };
  readonly #notify: (event: MemberNotice) => void;
  /** Room messages and direct messages are numbered separately. */
  readonly #seen = { room: new SeenMessages(), direct: new SeenMessages() };
  readonly #now: () => Date;
  #session: ReadingSession;
  #forks: Forks | undefined;
  /** When the session went on over a new connection, in ms. */
  #resumedAt = -Infinity;

  /**
   * @param ownKey this client's public key in hex; empty in xor rooms
   * @param notify is called for each profile that cannot be read, and for each member that sees another conversation
   */
  constructor(
    ownKey: string,
    session: ReadingSession,
    members: { readonly roster: Roster },
    notify: (event: MemberNotice) => void,
    now: () => Date,
  ) {
    this.#ownKey = ownKey;
    this.#session = session;
    this.#members = members;
    this.#notify = notify;
    this.#now = now;
    this.#forks = this.#forksOf(session);
  }

  /** The listed members that see another conversation. */
  get forked(): Person[] {
    const { roster } = this.#members;
    const ids = this.#forks?.forked.filter((id) => !roster.isReplaced(id)) ?? [];
    return ids.map((id) => roster.person(id));
  }

  /** How the conversations of these members compare with this client's; undefined in xor rooms. */
  conversation(others: readonly Person[]): Conversation | undefined {
    const { chain } = this.#session;
    return chain && this.#forks && conversationOf(chain.report, this.#forks, others);
  }

  /** The session goes on over a new connection. */
  resumed(): void {
    this.#resumedAt = this.#now().getTime();
  }

  /** A member has left. */
  forget(id: number): void {
    this.#forks?.forget(id);
  }

  /**
   * Goes on in another session.
   *
   * @param isGapReported messages were missed and reported in one sum, so do not report them again for each sender
   */
  renew(session: ReadingSession, isGapReported: boolean): void {
    this.#session = session;
    this.#forks = this.#forksOf(session);
    if (isGapReported) this.#seen.room.resync();
  }

  /** Marks the number of one of this client's messages as seen: from then on, an earlier number is a replay. */
  markOwn(number: MessageId): void {
    this.#seen.room.take(this.#ownKey, number);
  }

  /** @param at the position of its frame in the room's log; undefined for a direct message */
  read(from: number, body: Uint8Array, at: number | undefined): ReadMessage | Unreadable {
    const use = at === undefined ? "direct" : "room";
    const opened = this.#open(from, body, use, decodeEnvelope);
    if ("type" in opened) return opened;
    const { value, sentAt, missing, report } = opened;
    this.compare(from, report, at);
    if (value.kind === "unknown") {
      return this.reject(from, "of a kind that this version does not know");
    }
    let fileMessages: FileMessages | undefined;
    try {
      if (value.kind === "file") fileMessages = decodeFileMessages(value.body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.reject(from, error.message);
    }
    return {
      type: "message",
      fileMessages,
      content: value,
      id: value.number && at !== undefined
        ? referenceOf(this.#session.cipher.identityOf(from), value.number)
        : undefined,
      message: {
        from: this.#members.roster.person(from),
        text: "text" in value ? value.text : "",
        action: value.kind === "action",
        sent: dateOf(sentAt),
        missing: Math.max(0, missing - (value.refused ?? 0)),
        ...this.#meanwhile(),
      },
      number: value.number,
      refused: value.refused ?? 0,
    };
  }

  /** The message with the number of missing messages; undefined if it was received before. */
  takeNew(
    { message, number, refused }: ReadMessage,
    use: "room" | "direct",
  ): ReadMessage["message"] | undefined {
    if (!number) return message;
    const sender = this.#session.cipher.identityOf(message.from.id)?.toHex() ?? "";
    // After a restart, replays are for everybody who was in the room before it. Other replays are for
    // members that know the sender.
    const replay = number.replay && !this.#session.isAfterRestart;
    const { fresh, missing } = this.#seen[use].take(sender, { ...number, replay });
    if (!fresh) return undefined;
    // Each receiver gets only some of a member's direct messages: gaps in their numbers mean nothing.
    const lost = use === "room" ? Math.max(0, missing - refused) : 0;
    return { ...message, missing: Math.max(message.missing, lost) };
  }

  /** A member's profile; undefined if it has none, or it cannot be read. */
  readProfile(id: number, body: Uint8Array): DatedProfile | undefined {
    // A member that wants to be known by its id alone sends none.
    if (body.length === 0) return undefined;
    const opened = this.#open(id, body, "profile", decodeProfile);
    if ("type" in opened) {
      this.#notify(opened);
      return undefined;
    }
    const { value, sentAt, report } = opened;
    return { ...value, sent: dateOf(sentAt), ...this.#meanwhile(), report };
  }

  readTopic(from: number, body: Uint8Array, at: number): ReadTopic | Unreadable {
    const opened = this.#open(from, body, "topic", decodeTopic);
    if ("type" in opened) return opened;
    this.compare(from, opened.report, at);
    return { text: opened.value, sent: dateOf(opened.sentAt), ...this.#meanwhile() };
  }

  /** A topic that was set before this client joined; undefined if it cannot be read. */
  readGiven(from: number, given: GivenTopic): ReadGiven | undefined {
    try {
      const { profile, topic, identity } = this.#session.cipher.openGiven(given, from);
      const { name } = decodeProfile(profile.plaintext);
      return { text: decodeTopic(topic.plaintext), sent: dateOf(topic.sentAt), name, identity };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#notify(this.reject(from, error.message));
      return undefined;
    }
  }

  #open<T>(
    from: number,
    body: Uint8Array,
    use: Use,
    decode: (plaintext: Uint8Array) => T,
  ): Omit<Opened, "plaintext"> & { value: T } | Unreadable {
    try {
      const { plaintext, ...rest } = this.#session.cipher.open(body, use, from);
      return { ...rest, value: decode(plaintext) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.reject(from, error.message);
    }
  }

  /**
   * Compares a member's report with what this client has seen. Notifies if the member's conversation has become another
   * one, or is the same again.
   *
   * @param report undefined: it has none
   * @param at the position of its frame in the room's log; undefined in the list of members, and in direct messages
   */
  compare(
    from: number,
    report: Report | undefined,
    at: number | undefined,
    isJoined = false,
  ): void {
    if (!report || at === undefined) return;
    const who = this.#members.roster.person(from);
    // Its own reports prove nothing to a client.
    const agreement = who.self ? undefined : this.#forks?.check(from, report, at, isJoined);
    if (!agreement) return;
    if (agreement.isForked) this.#notify({ type: "forked", who, since: agreement.since });
    else this.#notify({ type: "agreed", who });
  }

  #meanwhile(): { meanwhile?: true } {
    return this.#now().getTime() - this.#resumedAt < MEANWHILE_MS ? { meanwhile: true } : {};
  }

  /** The event for a message of a member that means nothing. */
  reject(from: number, message: string): Unreadable {
    const { roster } = this.#members;
    const count = roster.reject(from);
    return { type: "unreadable", from: roster.person(from), message, count, fresh: 1 };
  }

  #forksOf({ chain }: ReadingSession): Forks | undefined {
    return chain && new Forks(chain, this.#now);
  }
}

function dateOf(sentAt: number | undefined): Date | undefined {
  return sentAt === undefined ? undefined : new Date(sentAt);
}
