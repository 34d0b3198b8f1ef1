// What each frame from the server means: takes frames in order, updates the parts of the client, and returns the
// events. The contents of frames are hostile. Knows no socket; frames before WELCOME are in `handshake.ts`.

import { fingerprint } from "../cipher/identity.ts";
import { ProtocolError } from "../errors.ts";
import {
  AckOutcome,
  checkEmpty,
  encodeFrame,
  type ErrorCode,
  type Frame,
  Left,
  parseAck,
  parseAway,
  parseLeft,
  Type,
} from "../protocol.ts";
import { parseError } from "../protocol/json_frames.ts";
import type { Person, RoomEvent, RoomRefusal } from "../room.ts";
import type { FileLink } from "./file_link.ts";
import type { Governing } from "./governing.ts";
import type { History } from "./history.ts";
import type { Members } from "./members.ts";
import type { OwnProfile } from "./own_profile.ts";
import type { MessageReader, ReadMessage } from "./received.ts";
import type { ClientSession } from "./session.ts";
import type { RoomTopic } from "./topic.ts";
import { outcomeOf, type Unconfirmed } from "./unconfirmed.ts";

/** The parts of a client that frames concern. */
export interface FrameParts {
  readonly members: Members;
  readonly reader: MessageReader;
  readonly unconfirmed: Unconfirmed;
  readonly topic: RoomTopic;
  readonly profile: OwnProfile;
  readonly governing: Governing;
  readonly fileLink: FileLink;
  /** Takes what follows the event of a frame. */
  readonly notify: (event: RoomEvent) => void;
  readonly history: History;
}

/** Handles the frames of one client. */
export class FrameHandler {
  readonly #parts: FrameParts;
  readonly #fingerprint: string | undefined;
  #session: ClientSession;

  /** @param fingerprint of this user's identity; undefined in xor rooms */
  constructor(session: ClientSession, parts: FrameParts, fingerprint: string | undefined) {
    this.#session = session;
    this.#parts = parts;
    this.#fingerprint = fingerprint;
  }

  /** Goes on in another session. */
  renew(session: ClientSession): void {
    this.#session = session;
  }

  /**
   * Handles a frame; returns its event, or undefined if it means nothing to the user.
   *
   * @throws {ProtocolError} if it breaks the protocol
   */
  handle(frame: Frame): RoomEvent | undefined {
    const { type, id, body } = frame;
    const session = this.#session;
    const { members, unconfirmed, fileLink } = this.#parts;
    const { roster } = members;
    switch (type) {
      case Type.MEMBER:
        session.countMember();
        this.#meet(id, body, undefined);
        return undefined;
      case Type.JOINED: {
        const at = session.advance(frame);
        if (id === session.id && !session.complete) return this.#complete(body);
        const { replaces, ...profile } = this.#meet(id, body, at);
        members.joined(id, profile.meanwhile && profile.sent);
        session.cipher.expectAll(id);
        const who = roster.person(id);
        if (replaces) unconfirmed.follow(replaces.id, who);
        unconfirmed.joined(id);
        fileLink.transfers?.joined(id);
        return { type: "joined", who, ...profile, at, ...(replaces && { replaces }) };
      }
      case Type.PROFILE:
        return this.#takeProfile(frame);
      case Type.LEFT:
        return this.#takeLeft(frame);
      case Type.AWAY: {
        const since = parseAway(body);
        // Before the list of members is complete, this frame is part of it.
        if (!session.complete) {
          roster.setAway(id, since);
          return undefined;
        }
        const at = session.advance(frame);
        if (!roster.setAway(id, since)) return undefined;
        const who = roster.person(id);
        if (since === undefined) {
          unconfirmed.forget(id);
          fileLink.transfers?.resumed(members.peerKeyOf(id));
          return { type: "back", who, at };
        }
        fileLink.transfers?.away(id);
        unconfirmed.away(id);
        // It joined again before its old session was seen as away.
        const replaced = roster.isReplaced(id) || undefined;
        if (replaced) unconfirmed.follow(id, roster.person(roster.listedFor(id)));
        return { type: "away", who, at, ...(replaced && { replaced }) };
      }
      case Type.TOPIC:
        return this.#parts.topic.take(frame);
      case Type.MESSAGE:
        return this.#takeMessage(frame);
      case Type.DIRECT:
        return this.#takeDirect(frame);
      case Type.ACK: {
        session.advanceOwn(frame);
        const { count, outcome } = parseAck(body);
        if (id === 0) return this.#takeAnswer(count, outcome);
        const pending = unconfirmed.acknowledge(id, count);
        if ("text" in pending) {
          const isAccepted = outcome === AckOutcome.ACCEPTED;
          const to = roster.has(id) ? roster.person(id) : pending.to;
          if (isAccepted) unconfirmed.taken(pending, to.away);
          return isAccepted && pending.repeated
            ? undefined
            : outcomeOf({ ...pending, to }, outcome);
        }
        fileLink.answered(pending, outcome);
        return undefined;
      }
      case Type.NOTICE:
        return this.#parts.governing.take(frame);
      case Type.BANS:
        return this.#parts.governing.takeBans(frame);
      case Type.GRANT:
        fileLink.granted(id, body);
        return undefined;
      case Type.DATA:
        fileLink.takeData(id, body);
        return undefined;
      case Type.PING:
        checkEmpty("PING", body);
        session.answer(encodeFrame(Type.PONG, 0));
        return undefined;
      case Type.PONG:
        checkEmpty("PONG", body);
        return undefined;
      case Type.WARNING:
        return { type: "warning", ...parseError(body, "WARNING") };
      case Type.BYE:
        checkEmpty("BYE", body);
        return { type: "ended", ending: { reason: "stopped" } };
      case Type.ERROR: {
        const { code, message } = parseError(body);
        return { type: "ended", ending: { reason: "refused", code, message } };
      }
      default:
        throw new ProtocolError<ErrorCode>("unexpected", `a frame of type ${type} came too late`);
    }
  }

  /** Adds a member; returns when its profile was made, by its own clock, and the member whose place it takes. */
  #meet(
    id: number,
    body: Uint8Array,
    at: number | undefined,
  ): { sent: Date | undefined; meanwhile?: true; replaces: Person | undefined } {
    const { members, reader } = this.#parts;
    const { profile, replaces } = members.meet(id, () => reader.readProfile(id, body));
    reader.compare(id, profile?.report, at, true);
    const meanwhile = profile?.meanwhile;
    return { sent: profile?.sent, ...(meanwhile && { meanwhile }), replaces };
  }

  /** This client's own JOINED is the first frame of the room's log: the list of members is complete. */
  #complete(profile: Uint8Array): RoomEvent {
    const session = this.#session;
    const { members, reader, unconfirmed, topic, fileLink } = this.#parts;
    session.complete = true;
    // It joined last, but was the first that this client knew of. Its messages will come back, and are
    // checked like those of others.
    members.roster.moveLast(session.id);
    reader.readProfile(session.id, profile);
    session.cipher.expectAll(session.id);
    const key = session.cipher.identityOf(session.id);
    if (this.#fingerprint && (!key || fingerprint(key) !== this.#fingerprint)) {
      throw new ProtocolError<ErrorCode>("unexpected", "the server altered this client's profile");
    }
    session.have();
    unconfirmed.complete();
    topic.complete();
    fileLink.transfers?.entered();
    return { type: "members", members: members.roster.people() };
  }

  #takeProfile(frame: Frame): RoomEvent | undefined {
    const { id, body } = frame;
    const { members, reader, unconfirmed, fileLink } = this.#parts;
    const at = this.#session.advance(frame);
    const profile = reader.readProfile(id, body);
    const before = members.roster.person(id).name;
    const peerKey = members.peerKeyOf(id);
    // If it cannot be read, the reader has reported that.
    if (!profile) return undefined;
    const { roster } = members;
    const { status } = roster.person(id);
    const isNamed = profile.name !== roster.nameOf(id);
    members.setName(id, profile.name);
    const isStatus = roster.setStatus(id, profile.status);
    reader.compare(id, profile.report, at);
    unconfirmed.reunite();
    fileLink.transfers?.renamed(id, peerKey);
    const who = roster.person(id);
    if (who.self) this.#parts.profile.confirmed();
    const changed: RoomEvent = { type: "status", who, before: status, at };
    if (isStatus && !isNamed) return changed;
    // Clients change one of them at a time.
    if (isStatus) this.#parts.notify(changed);
    return { type: "renamed", who, before, at };
  }

  #takeLeft(frame: Frame): RoomEvent {
    const { id, body } = frame;
    const session = this.#session;
    const { members, reader, unconfirmed, fileLink } = this.#parts;
    const at = session.advance(frame);
    const reason = LEFT_REASONS[parseLeft(body)]!;
    // A client never gets LEFT for itself, and no other member may ever take its place.
    if (id === session.id) {
      throw new ProtocolError<ErrorCode>("unexpected", "it reported that this client had left");
    }
    const who = members.roster.person(id);
    const replaced = members.roster.isReplaced(id) || undefined;
    const peerKey = members.peerKeyOf(id);
    members.roster.remove(id);
    session.cipher.forget(id);
    this.#parts.governing.forget(id);
    reader.forget(id);
    unconfirmed.forget(id);
    fileLink.left(id, peerKey, reason);
    // If two members had this name, the other one can be found by it now.
    unconfirmed.reunite();
    return { type: "left", who, reason, at, ...(replaced && { replaced }) };
  }

  /** The server has answered a frame that was no direct message. */
  #takeAnswer(count: number, outcome: number): RoomEvent | undefined {
    const { governing, unconfirmed, topic, profile } = this.#parts;
    const answered = governing.answered(count, outcome);
    if (answered) return answered.event;
    if (outcome !== AckOutcome.REFUSED) {
      throw new ProtocolError<ErrorCode>("unexpected", "an ACK came for a frame of another kind");
    }
    // Why, only the room's state says. It may have changed since.
    const reason = governing.muteness ?? "silenced";
    const message = unconfirmed.refuse(count);
    if (message) {
      // The user knows nothing of repetitions, and file messages have no text.
      if (message.repeated) return undefined;
      return refusal("message", reason, message.content.kind === "file" ? {} : message);
    }
    const refusedTopic = topic.refuse(count);
    if (refusedTopic) return refusal("topic", governing.muteness ?? "moderator", refusedTopic);
    if (profile.refuse(count)) return refusal("profile", reason);
    throw new ProtocolError<ErrorCode>("unexpected", "an ACK came for a frame that was not sent");
  }

  #takeMessage(frame: Frame): RoomEvent | undefined {
    const { id, body } = frame;
    const session = this.#session;
    const { reader, unconfirmed, fileLink } = this.#parts;
    const at = session.advance(frame);
    session.messages++;
    const read = reader.read(id, body, at);
    const isOwn = id === session.id;
    const own = isOwn ? unconfirmed.takeEcho(read) : undefined;
    if (read.type === "unreadable") return read;
    if (own?.repeated) return undefined;
    const message = isOwn ? read.message : reader.takeNew(read, "room");
    if (!message) return undefined;
    if (read.fileMessages) return fileLink.take(id, message, read.fileMessages, false);
    return this.#said(read, { ...message, at, ref: own?.ref });
  }

  /** A message to the room: its text, or what it changes about an earlier one. */
  #said(
    { content, id }: ReadMessage,
    { text, action, ...received }: ReadMessage["message"] & { at: number; ref: number | undefined },
  ): RoomEvent | undefined {
    const { members, reader, history } = this.#parts;
    const { from, ref } = received;
    const author = members.authorOf(from.id);
    switch (content.kind) {
      case "text":
      case "action": {
        const { re } = content;
        const answers = re === undefined ? {} : { re, quoted: history.get(re) };
        if (id !== undefined) history.add(id, author, { from, text, action });
        return { type: "message", ...received, text, action, ...(id && { id }), ...answers };
      }
      case "edit":
      case "delete": {
        const { kind, re } = content;
        if (!history.isBy(re, author)) {
          return reader.reject(from.id, "it changes a message of another member");
        }
        const quoted = history.get(re);
        if (quoted?.isDeleted) return reader.reject(from.id, "it changes a deleted message");
        if (kind === "delete") history.delete(re);
        else history.edit(re, text);
        return kind === "delete"
          ? { type: "deleted", ...received, id: re, quoted }
          : { type: "edited", ...received, id: re, text, action: quoted?.action ?? false, quoted };
      }
      case "react":
      case "unreact": {
        const { kind, re } = content;
        const removed = kind === "unreact";
        const quoted = history.get(re);
        const isNews = history.react(re, { author, isOwn: from.self }, text, removed);
        // Its own confirms that the room has it.
        if (!isNews && ref === undefined) return undefined;
        return { type: "reacted", ...received, id: re, emoji: text, removed, quoted };
      }
      case "file":
        throw new TypeError("file messages have no text");
    }
  }

  #takeDirect(frame: Frame): RoomEvent | undefined {
    const { id, body } = frame;
    const { reader, fileLink } = this.#parts;
    this.#session.advanceOwn(frame);
    const read = reader.read(id, body, undefined);
    if (read.type === "unreadable") return read;
    if (read.fileMessages) return fileLink.take(id, read.message, read.fileMessages, true);
    const { kind } = read.content;
    if (kind !== "text" && kind !== "action") {
      return reader.reject(id, "only messages to the room can be changed");
    }
    const message = reader.takeNew(read, "direct");
    if (!message) return undefined;
    return { type: "direct", ...message, missing: fileLink.settleGap(id, message.missing) };
  }
}

const LEFT_REASONS = {
  [Left.BYE]: "left",
  [Left.LOST]: "lost",
  [Left.SLOW]: "slow",
  [Left.REFUSED]: "refused",
  [Left.REMOVED]: "removed",
} as Record<number, "left" | "lost" | "slow" | "refused" | "removed">;

/** The event for something that the room has refused. */
function refusal(
  what: "message" | "profile" | "topic",
  reason: RoomRefusal,
  { text = "", ref }: { text?: string; ref?: number } = {},
): RoomEvent {
  // An offer of files has the ref 0.
  return { type: "refused", ref: ref || undefined, what, text, reason };
}
