// How the room is governed, as this client knows it, and what its user asks for as a moderator. Signs each MODERATE
// frame for the connection that it goes over. Knows no socket.

import { fingerprint, type Identity } from "../cipher/identity.ts";
import { ChatError, ProtocolError, type Refusal } from "../errors.ts";
import { AckOutcome, type ErrorCode, type Frame } from "../protocol.ts";
import {
  type Act,
  encodeAct,
  encodeModerate,
  isKeyText,
  MAX_ANNOUNCEMENT,
  MAX_BAN_SECONDS,
  MAX_REASON,
  moderateBytes,
  type Notice,
  NOTICE_ACTIONS,
  type NoticeAction,
  parseBans,
  parseNotice,
  type Rules,
} from "../protocol/moderation.ts";
import {
  bareName,
  type Governance,
  hasOtherKey,
  isExplicit,
  type Moderation,
  otherKeyError,
  type Person,
  type RoomEvent,
  type RoomRefusal,
} from "../room.ts";
import { printable } from "../text/printable.ts";
import type { Members } from "./members.ts";
import type { ClientSession } from "./session.ts";

/** The part of a session that governing needs. */
type GoverningSession = Pick<
  ClientSession,
  "id" | "key" | "log" | "outbox" | "advance" | "advanceOwn"
>;

/** What this needs of a client. */
export interface GoverningParts {
  readonly members: Pick<Members, "roster" | "find" | "others">;
  /** Signs what this user asks for; undefined in xor rooms. */
  readonly identity: Identity | undefined;
  /** The operator has set the topic; an empty one is none. */
  readonly setTopic: (text: string, set: Date) => void;
  readonly now: () => Date;
}

/** What this client has asked for, and the server has not answered. */
interface PendingAct {
  readonly act: Act;
  /** How many frames had been put into its session's outbox, this one included. */
  readonly frame: number;
  /** Its notice has come. */
  isNoticed: boolean;
}

/**
 * At most this many are remembered: members that notices were about and that have left, bans, and moderators. An honest
 * server has fewer of the latter two.
 */
const MAX_FORMER = 1_000;
const MAX_KNOWN_BANS = 1_000;
const MAX_KNOWN_MODERATORS = 1_000;

/** The greatest number of a ban. */
const MAX_BAN = 0xffff_ffff;

const utf8 = new TextEncoder();

/** The phrases of "Cannot …". */
const PHRASES: Readonly<Record<Moderation["action"], string>> = {
  kick: "remove",
  ban: "ban",
  unban: "end a ban",
  bans: "list the bans",
  silence: "silence",
  unsilence: "unsilence",
  lock: "lock the room",
  unlock: "unlock the room",
  announce: "announce this",
  op: "make a moderator of",
  deop: "end the moderator rights of",
};

/** What follows them where no member was found yet. */
const OBJECTS: Partial<Record<Moderation["action"], string>> = {
  kick: " members",
  ban: " members",
  silence: " members",
  unsilence: " members",
  op: " members",
  deop: " members",
};

/** The rules of one room. */
export class Governing {
  readonly #parts: GoverningParts;
  #session: GoverningSession;
  /** Of this connection; undefined in xor rooms. */
  #nonce: string | undefined;
  readonly #moderators = new Set<string>();
  readonly #silenced = new Set<number>();
  #locked = false;
  #readOnly = false;
  #pending: PendingAct[] = [];
  /** The server knows that this member has its key, or will soon. */
  #isProved = false;
  /** The members that notices were about, by their ids in this log. */
  readonly #former = new Map<number, Person>();

  constructor(
    session: GoverningSession,
    rules: Rules,
    nonce: string | undefined,
    parts: GoverningParts,
  ) {
    this.#parts = parts;
    this.#session = session;
    this.#begin(rules, nonce);
  }

  get state(): Governance {
    return {
      moderators: [...this.#moderators],
      locked: this.#locked,
      readOnly: this.#readOnly,
      ...(this.#pending.some(({ act }) => act.action !== "prove") && { isPending: true }),
    };
  }

  isModerator(key: string | undefined): boolean {
    return key !== undefined && this.#moderators.has(key);
  }

  isSilenced(id: number): boolean {
    return this.#silenced.has(id);
  }

  /** Whether this client can prove what it asks for. */
  get #canSign(): boolean {
    return this.#session.key !== undefined && this.#nonce !== undefined;
  }

  get #isOwnKey(): boolean {
    const { identity } = this.#parts;
    return identity !== undefined && this.isModerator(fingerprint(identity.publicKey));
  }

  /** Why this member cannot speak to the room; undefined if it can. */
  get muteness(): "silenced" | "readonly" | undefined {
    if (this.isSilenced(this.#session.id)) return "silenced";
    return this.#readOnly && !this.#isOwnKey ? "readonly" : undefined;
  }

  /** @throws {ChatError} if this member cannot speak to the room */
  checkVoice(action: string): void {
    const { muteness } = this;
    if (muteness === "silenced") {
      throw new ChatError(`Cannot ${action}: you are silenced in this room`, {
        refusal: "silenced",
      });
    }
    if (muteness === "readonly") {
      throw new ChatError(`Cannot ${action}: only moderators speak to this room`, {
        refusal: "readonly",
      });
    }
  }

  /** @throws {ChatError} if this member cannot set the topic */
  checkTopic(): void {
    this.checkVoice("set the topic");
    if (this.#moderators.size === 0 || this.#isOwnKey) return;
    throw notAModerator("set the topic");
  }

  #begin(rules: Rules, nonce: string | undefined): void {
    const { moderators, silenced, locked, readOnly, topic } = rules;
    this.#nonce = nonce;
    this.#isProved = false;
    this.#moderators.clear();
    for (const key of moderators) this.#moderators.add(key);
    this.#silenced.clear();
    for (const id of silenced) this.#silenced.add(id);
    this.#locked = locked;
    this.#readOnly = readOnly;
    if (topic) this.#parts.setTopic(topic.text, new Date(topic.time));
    this.#prove();
  }

  /** The server does not know which member has the key: in a read-only room nothing can be said before. */
  #prove(): void {
    if (this.#isProved || !this.#isOwnKey || !this.#canSign) return;
    this.#isProved = true;
    this.#send({ action: "prove" });
  }

  /** Goes on in another session; returns what was asked for in the former one, and was not answered. */
  renew(session: GoverningSession, rules: Rules, nonce: string | undefined): RoomEvent[] {
    const lost = this.#pending.splice(0).filter(({ act }) => act.action !== "prove");
    this.#session = session;
    this.#former.clear();
    this.#begin(rules, nonce);
    return lost.map(({ act }) => refusedEvent(act, "lost"));
  }

  /** Goes on over another connection: what the server has not taken is signed again for it. Call it before `rewind`. */
  resume(nonce: string | undefined): void {
    this.#nonce = nonce;
    for (const { act, frame } of this.#pending) {
      this.#session.outbox.replace(frame, this.#encode(act, frame));
    }
  }

  /** @throws {ChatError} if this user cannot ask for that */
  moderate(moderation: Moderation): void {
    const { action } = moderation;
    const phrase = PHRASES[action] + (OBJECTS[action] ?? "");
    if (!this.#parts.identity || !this.#canSign) {
      throw new ChatError(`Cannot ${phrase}: in an xor room nobody can prove to be a moderator`, {
        refusal: "noproof",
        hint: "The operator of the server can, with chat admin",
      });
    }
    if (!this.#isOwnKey) throw notAModerator(phrase);
    this.#send(this.#actOf(moderation));
  }

  #actOf(moderation: Moderation): Act {
    const { action } = moderation;
    const reason = "reason" in moderation && moderation.reason !== undefined
      ? { reason: checked(moderation.reason, "reason", MAX_REASON) }
      : {};
    switch (action) {
      case "kick":
      case "ban":
      case "silence":
      case "unsilence": {
        const { id, self, key, name } = this.#find(moderation.member, action);
        if (action === "unsilence") return { action, member: id, ...reason };
        if (self) throw new ChatError(`Cannot ${PHRASES[action]} yourself`, { refusal: "self" });
        if (this.isModerator(key)) {
          const shown = printable(name);
          throw new ChatError(`Cannot ${PHRASES[action]} ${shown}: that is a moderator`, {
            refusal: "protected",
            about: shown,
          });
        }
        if (action !== "ban") return { action, member: id, ...reason };
        const { seconds } = moderation;
        if (seconds !== undefined) checkSeconds(seconds);
        return { action, member: id, ...(seconds !== undefined && { seconds }), ...reason };
      }
      case "unban":
        return { action, ban: this.#banOf(moderation.ban) };
      case "bans":
        return { action };
      case "lock":
      case "unlock":
        return { action, ...reason };
      case "announce":
        return { action, text: checked(moderation.text, "announcement", MAX_ANNOUNCEMENT) };
      case "op":
      case "deop":
        return { action, key: this.#keyOf(moderation.member, action) };
    }
  }

  #find(who: string | number, action: Moderation["action"]): Person {
    return this.#parts.members.find(who, PHRASES[action]);
  }

  /** The number of a ban, given as such or by the name of the member. */
  #banOf(ban: string | number): number {
    const number = typeof ban === "number" ? ban : Number(/^#?(\d+)$/.exec(ban)?.[1] ?? NaN);
    if (Number.isSafeInteger(number) && number >= 1 && number <= MAX_BAN) return number;
    if (!Number.isNaN(number)) {
      throw new ChatError("Cannot end a ban: no ban has this number", { refusal: "ban" });
    }
    const numbers = [...this.#bans].filter(([, id]) => this.#former.get(id)?.name === ban);
    const [one, ...more] = numbers;
    if (one && more.length === 0) return one[0];
    throw new ChatError(
      `Cannot end a ban: ${one ? "several are" : "none is known"} of "${printable(String(ban))}"`,
      { refusal: "ban" },
    );
  }

  /** The members of the bans that this client knows, by number. */
  readonly #bans = new Map<number, number>();

  #keyOf(who: string | number, action: "op" | "deop"): string {
    if (typeof who === "string" && isKeyText(who)) return who;
    // Sessions of one person need no id.
    const alike = this.#parts.members.roster.people().filter(({ name }) => bareName(name) === who);
    const common = alike[0]?.key;
    if (common !== undefined && alike.every((one) => one.key === common && !hasOtherKey(one))) {
      return common;
    }
    const person = this.#find(who, action);
    const { key, name } = person;
    if (action === "op" && hasOtherKey(person) && !isExplicit(who, person)) {
      throw otherKeyError(person, PHRASES.op);
    }
    if (key !== undefined) return key;
    throw new ChatError(
      `Cannot ${PHRASES[action]} "${printable(name)}": nothing proves who that is`,
      { refusal: "noproof" },
    );
  }

  #send(act: Act): void {
    const { outbox } = this.#session;
    const frame = outbox.put(this.#encode(act, outbox.count + 1));
    this.#pending.push({ act, frame, isNoticed: false });
  }

  #encode(act: Act, frame: number): Uint8Array<ArrayBuffer> {
    const { identity } = this.#parts;
    const { key: sessionKey, log, id } = this.#session;
    const nonce = this.#nonce;
    if (!identity || !sessionKey || nonce === undefined) {
      throw new TypeError("only members of sealed rooms are moderators");
    }
    const json = encodeAct(act);
    const number = frame >>> 0;
    const signed = moderateBytes({ sessionKey, log, id, nonce }, number, json);
    return encodeModerate({
      key: identity.publicKey,
      signature: identity.sign(signed),
      number,
      json,
    });
  }

  /**
   * The server has answered a frame; returns its act if it was a MODERATE.
   *
   * @param count the number of the frame
   */
  answered(count: number, outcome: number): { event: RoomEvent | undefined } | undefined {
    const index = this.#pending.findIndex(({ frame }) => frame >>> 0 === count);
    const [pending] = index === -1 ? [] : this.#pending.splice(index, 1);
    if (!pending) return undefined;
    this.#session.outbox.accept(pending.frame);
    const { act } = pending;
    const reason = REASONS[outcome];
    if (act.action === "prove") this.#isProved = reason === undefined;
    if (reason === undefined || act.action === "prove") return { event: undefined };
    return { event: refusedEvent(act, reason) };
  }

  /** Takes a NOTICE frame; returns its event. @throws {ProtocolError} if it breaks the protocol */
  take(frame: Frame): RoomEvent | undefined {
    const at = this.#session.advance(frame);
    const notice = parseNotice(frame.body);
    // A later version may have more.
    if (!(NOTICE_ACTIONS as readonly string[]).includes(notice.action)) return undefined;
    const action = notice.action as NoticeAction;
    const { member, key, ban, until, reason, text } = notice;
    if (frame.id === this.#session.id) this.#checkOwn(notice);
    const by = this.#person(frame.id === 0 ? undefined : frame.id);
    const who = key !== undefined
      ? this.#owner(key)
      : action === "unban"
      ? this.#person(this.#bans.get(ban ?? 0), false)
      : this.#person(member);
    this.#follow(action, { member, key, ban, text });
    return {
      type: "notice",
      action,
      by,
      who,
      ...(key !== undefined && { key }),
      ...(ban !== undefined && { ban }),
      ...(until !== undefined && { until: new Date(until) }),
      ...(reason !== undefined && { reason }),
      ...(text !== undefined && { text }),
      at,
    };
  }

  /**
   * The notice of an act of this client comes once, and before its ACK. Of the acts of others, nothing proves that they
   * are theirs.
   *
   * @throws {ProtocolError} if this client did not ask for that
   */
  #checkOwn(notice: Notice): void {
    // In xor rooms anyone on the network can write what they like.
    if (!this.#canSign) return;
    const own = this.#pending.find(({ act, isNoticed }) => !isNoticed && isNoticeOf(notice, act));
    if (!own) {
      throw new ProtocolError<ErrorCode>("unexpected", "the server invented an act of yours");
    }
    own.isNoticed = true;
  }

  #follow(
    action: NoticeAction,
    { member, key, ban, text }: {
      member: number | undefined;
      key: string | undefined;
      ban: number | undefined;
      text: string | undefined;
    },
  ): void {
    switch (action) {
      case "ban":
        if (ban !== undefined && member !== undefined) this.#bans.set(ban, member);
        if (this.#bans.size > MAX_KNOWN_BANS) this.#bans.delete(this.#bans.keys().next().value!);
        return;
      case "unban":
        if (ban !== undefined) this.#bans.delete(ban);
        return;
      case "silence":
        // The others are none that could speak.
        if (member !== undefined && this.#parts.members.roster.has(member)) {
          this.#silenced.add(member);
        }
        return;
      case "unsilence":
        if (member !== undefined) this.#silenced.delete(member);
        return;
      case "lock":
      case "unlock":
        this.#locked = action === "lock";
        return;
      case "drain":
        this.#locked = true;
        return;
      case "readonly":
      case "writable":
        this.#readOnly = action === "readonly";
        return;
      case "op":
        if (key !== undefined && this.#moderators.size < MAX_KNOWN_MODERATORS) {
          this.#moderators.add(key);
        }
        return this.#prove();
      case "deop":
        if (key !== undefined) this.#moderators.delete(key);
        return;
      case "topic":
        return this.#parts.setTopic(text ?? "", this.#parts.now());
    }
  }

  /** Takes a BANS frame. @throws {ProtocolError} if it breaks the protocol */
  takeBans(frame: Frame): RoomEvent {
    this.#session.advanceOwn(frame);
    const bans = parseBans(frame.body);
    this.#bans.clear();
    for (const { ban, member } of bans) this.#bans.set(ban, member);
    return {
      type: "bans",
      bans: bans.map(({ ban, member, by, since, until, reason }) => ({
        number: ban,
        who: this.#person(member, false),
        member,
        by: by === 0 ? undefined : this.#person(by, false),
        since: new Date(since),
        until: until === undefined ? undefined : new Date(until),
        reason,
      })),
    };
  }

  /** A member has left. */
  forget(id: number): void {
    this.#silenced.delete(id);
  }

  /** The member with this id, now or as it was; one that this client has never seen only if `isShown`. */
  #person(id: number | undefined, isShown = true): Person | undefined {
    const { roster } = this.#parts.members;
    if (id === undefined) return undefined;
    if (!roster.has(id)) return this.#former.get(id) ?? (isShown ? roster.person(id) : undefined);
    const person = roster.person(id);
    this.#former.delete(id);
    this.#former.set(id, person);
    if (this.#former.size > MAX_FORMER) this.#former.delete(this.#former.keys().next().value!);
    return person;
  }

  #owner(key: string): Person | undefined {
    // One person may be here several times: it concerns all of them, this session first.
    const owners = this.#parts.members.roster.people().filter((one) => one.key === key);
    return owners.find(({ self }) => self) ?? owners[0];
  }
}

/** Whether a notice reports this act, and nothing else. The server adds the number of a ban, and its end. */
function isNoticeOf({ ban, until: _, ...notice }: Notice, act: Act): boolean {
  const { seconds: __, ...asked }: Record<string, unknown> = { ...act };
  const reported = { ...notice, ...(notice.action === "unban" && { ban }) };
  const fields = Object.entries(reported);
  return fields.length === Object.keys(asked).length &&
    fields.every(([name, value]) => asked[name] === value);
}

/** What an outcome means; undefined: it was done. */
const REASONS: Readonly<Record<number, RoomRefusal>> = {
  [AckOutcome.BUSY]: "full",
  [AckOutcome.GONE]: "gone",
  [AckOutcome.REFUSED]: "moderator",
};

function refusedEvent({ action }: Act, reason: RoomRefusal): RoomEvent {
  return {
    type: "refused",
    ref: undefined,
    what: action as Moderation["action"],
    text: "",
    reason,
  };
}

function notAModerator(action: string): ChatError {
  return new ChatError(`Cannot ${action}: only moderators can`, {
    refusal: "moderator",
  });
}

function checkSeconds(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_BAN_SECONDS) return;
  throw new ChatError("Cannot ban for this time: it must be from one second to ten years", {
    refusal: "field",
  });
}

function checked(text: string, what: string, max: number): string {
  const refusal: Refusal = text.trim() === "" ? "empty" : "long";
  const { length } = utf8.encode(text);
  if (refusal === "empty") throw new ChatError(`Cannot send an empty ${what}`, { refusal });
  // A lone surrogate becomes U+FFFD, as in messages: no server takes it.
  if (length <= max) return text.toWellFormed();
  throw new ChatError(`Cannot send this ${what}: it has ${length} bytes, at most ${max} fit`, {
    refusal,
  });
}
