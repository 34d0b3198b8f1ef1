// Test helper: a room that records requests, and every kind of event. For tests of the screens. Not part of the
// program.

import { ChatError } from "../../errors.ts";
import type {
  Change,
  Conversation,
  EarlierMessage,
  Ending,
  EndReason,
  Governance,
  Link,
  Moderation,
  NoticeAction,
  Pending,
  Person,
  Room,
  RoomEvent,
  RoomInfo,
  Topic,
  Transfer,
  Whois,
} from "../../room.ts";

export const ALICE: Person = { id: 1, name: "alice", self: true, away: false };
export const BOB: Person = { id: 2, name: "bob", self: false, away: false };
export const AWAY_BOB: Person = { ...BOB, away: true, since: new Date("2024-02-28T11:59:51Z") };

export const INFO: RoomInfo = { address: "127.0.0.1:2428", cipher: "xor", maxText: 1000 };

/** A public key as people write it. */
export const FINGERPRINT = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";
/** The words to compare aloud. */
export const WORDS = "abandon ability able about above absent absorb abstract";

/** The ids of messages, and a message that was said before. */
export const ID = "00112233445566778899aabbccddeeff";
export const OTHER_ID = "ffeeddccbbaa99887766554433221100";
export const EARLIER: EarlierMessage = {
  ...{ id: ID, from: BOB, text: "who is hungry?", action: false, isDeleted: false, reactions: [] },
};

/** A file that bob offers to alice. */
export const OFFER: Transfer = {
  number: 1,
  offer: 1,
  direction: "in",
  who: BOB,
  name: "photo.jpg",
  size: 3 * 1024 * 1024,
  sha256: undefined,
  state: "offered",
  bytes: 0,
  resumed: 0,
  rate: 0,
  stalled: undefined,
  path: undefined,
  reason: undefined,
  message: undefined,
};

/** Records the calls to it. It confirms messages when the test calls `confirm`. */
export class FakeRoom implements Room {
  info: RoomInfo;
  self: Person = ALICE;
  /** Sealed rooms have keys. */
  readonly fingerprint: string | undefined;
  members: readonly Person[] = [ALICE, BOB];
  link: Link = { state: "connected" };
  pending: Pending[] = [];
  transfers: Transfer[] = [];
  recent: EarlierMessage[] = [];
  conversation: Conversation | undefined;
  forked: Person[] = [];
  /** What `whois` returns. */
  known: Whois = {
    member: BOB,
    joined: undefined,
    listed: new Date(2026, 0, 2, 9, 5),
    firstSeen: undefined,
    words: undefined,
    sessions: [],
  };
  topic: Topic | undefined;
  /** All calls in their order, for example "say hello". */
  readonly calls: string[] = [];
  /** If set, every request throws this error. */
  refusal: ChatError | undefined;
  #lastRef = 0;
  #at = 0;

  constructor(info: Partial<RoomInfo> = {}) {
    this.info = { ...INFO, ...info };
    this.fingerprint = this.info.cipher === "sealed" ? FINGERPRINT : undefined;
  }

  get size(): number {
    return this.members.length;
  }

  get awayCount(): number {
    return this.members.filter(({ away, self }) => away && !self).length;
  }

  get going(): Transfer[] {
    return this.transfers.filter(({ state }) => state === "running");
  }

  say(text: string, re?: string): number {
    const answers = re === undefined ? "" : `answer ${re} `;
    return this.#send(`${answers}say ${text}`, { text, action: false, to: undefined });
  }

  act(text: string, re?: string): number {
    const answers = re === undefined ? "" : `answer ${re} `;
    return this.#send(`${answers}act ${text}`, { text, action: true, to: undefined });
  }

  change(change: Change): number {
    const { type, id } = change;
    const text = type === "edit" ? change.text : type === "react" ? change.emoji : "";
    const how = type === "react" && change.removed ? "unreact" : type;
    return this.#send(`${how} ${id} ${text}`.trimEnd(), {
      ...{ text, action: false, to: undefined, change: type },
    });
  }

  tell(to: string | number, text: string): number {
    return this.#send(`tell ${JSON.stringify(to)} ${text}`, {
      text,
      action: false,
      to: this.members.find(({ id }) => id === BOB.id) ?? BOB,
    });
  }

  rename(name: string): void {
    this.#request(`rename ${name}`);
  }

  setStatus(status: string | undefined): void {
    this.#request(status === undefined ? "status" : `status ${status}`);
  }

  setTopic(text: string): void {
    this.#request(`topic ${text}`);
  }

  governance: Governance = { moderators: [], locked: false, readOnly: false };

  moderate(moderation: Moderation): void {
    this.#request(`moderate ${JSON.stringify(moderation)}`);
  }

  compare(who: string | number): string {
    this.#request(`compare ${JSON.stringify(who)}`);
    return WORDS;
  }

  whois(who: string | number): Whois {
    this.#request(`whois ${JSON.stringify(who)}`);
    return this.known;
  }

  trust(who: string | number): void {
    this.#request(`trust ${JSON.stringify(who)}`);
  }

  verify(who: string | number): void {
    this.#request(`verify ${JSON.stringify(who)}`);
  }

  offer(path: string, to?: string | number, name?: string): void {
    const whom = to === undefined ? "" : ` to ${JSON.stringify(to)}`;
    this.#request(`offer ${path}${whom}${name === undefined ? "" : ` as ${name}`}`);
  }

  accept(which: string | number): number {
    this.#request(`accept ${JSON.stringify(which)}`);
    return 1;
  }

  decline(which: string | number): number {
    this.#request(`decline ${JSON.stringify(which)}`);
    return 1;
  }

  cancel(which: string | number): number {
    this.#request(`cancel ${JSON.stringify(which)}`);
    return 1;
  }

  /** Starts a try at once, like the client. */
  reconnect(): void {
    this.calls.push("reconnect");
    if (this.link.state !== "connected") this.link = { state: "connecting", attempt: 1 };
  }

  leave(): void {
    this.calls.push("leave");
  }

  /** The number of calls of `leave`. */
  get leaves(): number {
    return this.calls.filter((call) => call === "leave").length;
  }

  /** The event that confirms the oldest pending message. */
  confirm(): RoomEvent {
    const { ref, text, action, to } = this.pending.shift()!;
    return to ? { type: "delivered", ref, to, text } : this.message(ALICE, text, action, ref);
  }

  /** A message to the room, at the next position. */
  message(from: Person, text: string, action = false, ref?: number): RoomEvent {
    return { type: "message", from, text, action, at: this.#at += 100, ref, ...UNPROVED };
  }

  #send(call: string, message: Omit<Pending, "ref">): number {
    if (message.text.length > this.info.maxText) {
      throw new ChatError("Cannot send this: it is too long", { hint: "Send it in parts" });
    }
    this.#request(call);
    this.pending.push({ ref: ++this.#lastRef, ...message });
    return this.#lastRef;
  }

  #request(call: string): void {
    if (this.refusal) throw this.refusal;
    this.calls.push(call);
  }
}

/** The fields that only a sealed room can fill. */
export const UNPROVED = { sent: undefined, missing: 0 } as const;

/** The time at which the events of sealed rooms were sent. */
export const SENT: Date = new Date("2024-02-28T12:00:00.250Z");

/** Each way in which a room can end. */
const ENDINGS: { [Reason in Ending["reason"]]: Ending & { reason: Reason } } = {
  left: { reason: "left" },
  stopped: { reason: "stopped" },
  lost: { reason: "lost", message: "the connection was lost" },
  refused: {
    reason: "refused",
    code: "slow",
    message: "you read too slowly and were disconnected",
  },
};

/** Each reason of an event type; the type checker finds a missing one. */
type Reasons<Type extends RoomEvent["type"]> = {
  [Reason in Extract<RoomEvent, { type: Type; reason: string }>["reason"]]: true;
};
const LEFT: Reasons<"left"> = { left: true, lost: true, slow: true, refused: true, removed: true };
const UNDELIVERED: Reasons<"undelivered"> = { busy: true, gone: true };
const STATES: Record<Transfer["state"], true> = {
  offered: true,
  waiting: true,
  running: true,
  done: true,
  declined: true,
  cancelled: true,
  failed: true,
};
/** Why transfers fail, besides `other`. */
const FAILURES: Record<Exclude<EndReason, "cancelled" | "other">, true> = {
  changed: true,
  removed: true,
  unreadable: true,
  disk: true,
  full: true,
  damaged: true,
  left: true,
};
const REFUSED: Reasons<"refused"> = {
  silenced: true,
  readonly: true,
  moderator: true,
  gone: true,
  full: true,
  lost: true,
};
/** What alice, a moderator, and the operator do. */
const NOTICES: Record<NoticeAction, Partial<RoomEvent & { type: "notice" }>> = {
  kick: { by: ALICE, who: BOB, reason: "spam" },
  ban: { by: ALICE, who: BOB, ban: 1, until: SENT },
  unban: { by: ALICE, ban: 1 },
  silence: { by: ALICE, who: BOB },
  unsilence: { by: ALICE, who: BOB },
  lock: { by: ALICE, reason: "we are complete" },
  unlock: { by: ALICE },
  announce: { by: BOB, text: "at noon\nin the hall" },
  op: { by: ALICE, who: BOB, key: FINGERPRINT },
  deop: { by: ALICE, key: FINGERPRINT },
  topic: { text: "release on Friday" },
  readonly: {},
  writable: {},
  drain: {},
  close: { reason: "maintenance" },
};
const DISCONNECTED: Reasons<"disconnected"> = { lost: true, stopped: true, refused: true };

function keysOf<Key extends string>(record: Record<Key, true>): Key[] {
  return Object.keys(record) as Key[];
}

/** All types of events, in all their forms. */
export const EVENTS: {
  [Type in RoomEvent["type"]]: readonly (RoomEvent & { type: Type })[];
} = {
  welcome: [
    { type: "welcome", self: ALICE, room: INFO },
    { type: "welcome", self: ALICE, room: { ...INFO, cipher: "sealed" } },
    { type: "welcome", self: ALICE, room: { ...INFO, classic: true } },
  ],
  members: [
    { type: "members", members: [ALICE, BOB] },
    { type: "members", members: [ALICE, AWAY_BOB] },
    { type: "members", members: [ALICE, { ...BOB, classic: true }] },
  ],
  message: [
    {
      type: "message",
      from: BOB,
      text: "hello",
      action: false,
      at: 100,
      ref: undefined,
      ...UNPROVED,
    },
    {
      type: "message",
      from: BOB,
      text: "waves",
      action: true,
      at: 200,
      ref: undefined,
      ...UNPROVED,
    },
    { type: "message", from: ALICE, text: "hi", action: false, at: 300, ref: 1, ...UNPROVED },
    {
      type: "message",
      from: ALICE,
      text: "mine",
      action: false,
      at: 320,
      ref: 2,
      sent: SENT,
      missing: 0,
    },
    {
      type: "message",
      from: BOB,
      text: "proved",
      action: false,
      at: 350,
      ref: undefined,
      sent: SENT,
      missing: 2,
    },
    {
      ...{ type: "message", from: BOB, text: "I am", action: false, at: 355, ref: undefined },
      ...{ id: OTHER_ID, re: ID, quoted: EARLIER, ...UNPROVED },
    },
    {
      ...{ type: "message", from: BOB, text: "me too", action: false, at: 357, ref: undefined },
      ...{ id: OTHER_ID, re: ID, quoted: undefined, ...UNPROVED },
    },
  ],
  notice: [
    ...Object.entries(NOTICES).map(([action, fields], i) => ({
      ...{ type: "notice", action: action as NoticeAction, by: undefined, who: undefined } as const,
      ...{ at: 800 + i, ...fields },
    })),
    { type: "notice", action: "ban", by: undefined, who: BOB, at: 830 },
    { type: "notice", action: "silence", by: BOB, who: ALICE, reason: "caps", at: 831 },
  ],
  bans: [
    { type: "bans", bans: [] },
    {
      type: "bans",
      bans: [
        {
          ...{ number: 1, who: BOB, member: 2, by: ALICE, since: SENT, until: SENT },
          reason: "spam",
        },
        {
          ...{ number: 2, who: undefined, member: 9, by: undefined, since: SENT },
          ...{ until: undefined, reason: undefined },
        },
      ],
    },
  ],
  refused: [
    ...keysOf(REFUSED).map((reason) => (
      { type: "refused", ref: 1, what: "message", text: "hello", reason } as const
    )),
    ...(["kick", "bans", "profile"] as const).map((what) => (
      { type: "refused", ref: undefined, what, text: "", reason: "gone" } as const
    )),
  ],
  edited: [
    {
      type: "edited",
      from: BOB,
      at: 360,
      ref: undefined,
      id: ID,
      text: "yes",
      action: false,
      quoted: EARLIER,
      ...UNPROVED,
    },
    {
      type: "edited",
      from: ALICE,
      at: 370,
      ref: 3,
      id: ID,
      text: "no",
      action: true,
      quoted: undefined,
      sent: SENT,
      missing: 1,
    },
  ],
  deleted: [
    { type: "deleted", from: BOB, at: 380, ref: undefined, id: ID, quoted: EARLIER, ...UNPROVED },
    {
      type: "deleted",
      from: ALICE,
      at: 385,
      ref: 4,
      id: ID,
      quoted: undefined,
      sent: SENT,
      missing: 0,
    },
  ],
  reacted: [
    {
      type: "reacted",
      from: BOB,
      at: 390,
      ref: undefined,
      id: ID,
      emoji: "👍",
      removed: false,
      quoted: EARLIER,
      ...UNPROVED,
    },
    {
      type: "reacted",
      from: ALICE,
      at: 395,
      ref: 5,
      id: ID,
      emoji: "👍",
      removed: true,
      quoted: undefined,
      sent: SENT,
      missing: 0,
    },
  ],
  direct: [
    { type: "direct", from: BOB, text: "psst", action: false, ...UNPROVED },
    { type: "direct", from: BOB, text: "winks", action: true, ...UNPROVED },
    { type: "direct", from: BOB, text: "proved", action: false, sent: SENT, missing: 1 },
  ],
  delivered: [{ type: "delivered", ref: 2, to: BOB, text: "psst" }],
  undelivered: (Object.keys(UNDELIVERED) as (keyof typeof UNDELIVERED)[]).map((reason) => (
    { type: "undelivered", ref: 3, to: BOB, text: "psst", reason }
  )),
  joined: [
    { type: "joined", who: BOB, at: 400, sent: undefined },
    { type: "joined", who: BOB, at: 450, sent: SENT },
    { type: "joined", who: { ...BOB, classic: true }, at: 500, sent: undefined },
    {
      type: "joined",
      who: { ...BOB, key: FINGERPRINT, verified: "2024-01-31" },
      at: 550,
      sent: SENT,
    },
    {
      type: "joined",
      who: { ...BOB, id: 5, key: FINGERPRINT },
      at: 580,
      sent: SENT,
      replaces: { ...AWAY_BOB, key: FINGERPRINT },
    },
  ],
  left: [
    ...(Object.keys(LEFT) as (keyof typeof LEFT)[]).map((reason) => (
      { type: "left", who: BOB, reason, at: 500 } as const
    )),
    { type: "left", who: AWAY_BOB, reason: "lost", at: 590, replaced: true },
  ],
  renamed: [{ type: "renamed", who: { ...BOB, name: "rob" }, before: "bob", at: 600 }],
  status: [
    { type: "status", who: { ...BOB, status: "lunch" }, before: undefined, at: 620 },
    { type: "status", who: BOB, before: "lunch", at: 640 },
    { type: "status", who: { ...ALICE, status: "lunch" }, before: undefined, at: 660 },
  ],
  topic: [
    { type: "topic", who: BOB, text: "release on Friday", sent: SENT, at: 670 },
    { type: "topic", who: ALICE, text: "", sent: undefined, at: 690 },
    { type: "topic", who: BOB, text: "release on Friday", sent: SENT },
    { type: "topic", who: undefined, text: "from the operator", sent: SENT },
  ],
  unreadable: [
    { type: "unreadable", from: BOB, message: "it is not UTF-8", count: 1, fresh: 1 },
    { type: "unreadable", from: BOB, message: "it is too short", count: 3, fresh: 2 },
  ],
  forked: [
    { type: "forked", who: BOB, since: undefined },
    { type: "forked", who: BOB, since: SENT },
  ],
  agreed: [{ type: "agreed", who: BOB }],
  keychanged: [
    { type: "keychanged", who: { ...BOB, name: "bob(!)" } },
    { type: "keychanged", who: { ...BOB, name: "B0b#2(!)" }, like: "bob" },
  ],
  away: [
    { type: "away", who: AWAY_BOB, at: 700 },
    // A client that is back also receives the notices about itself.
    { type: "away", who: ALICE, at: 720 },
    { type: "away", who: AWAY_BOB, at: 730, replaced: true },
  ],
  back: [{ type: "back", who: BOB, at: 740 }, { type: "back", who: ALICE, at: 760 }],
  clock: [{ type: "clock", ahead: 7 }, { type: "clock", ahead: -12 }],
  warning: [{
    type: "warning",
    code: "flood",
    message: "you are sending more than this room allows",
  }],
  disconnected: (Object.keys(DISCONNECTED) as (keyof typeof DISCONNECTED)[]).map((reason) => (
    { type: "disconnected", reason, message: "the server has sent nothing for 30 s" }
  )),
  waiting: [{ type: "waiting", attempt: 2, until: SENT, message: "nobody answers" }],
  connected: [
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 },
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 1 },
    { type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 212 },
    { type: "connected", self: { ...ALICE, id: 9 }, resumed: false, missed: 0, unseen: 0 },
    { type: "connected", self: { ...ALICE, id: 9 }, resumed: false, missed: 3, unseen: 0 },
    { type: "connected", self: { ...ALICE, id: 9 }, resumed: false, missed: undefined, unseen: 0 },
  ],
  caughtup: [{ type: "caughtup", messages: 4 }, { type: "caughtup", messages: 212 }],
  offer: [
    { type: "offer", from: BOB, direct: false, files: [OFFER], ...UNPROVED },
    { type: "offer", from: BOB, direct: true, files: [OFFER, OFFER], sent: SENT, missing: 1 },
    { type: "offer", from: BOB, direct: false, files: [OFFER], free: 1024 * 1024, ...UNPROVED },
    {
      type: "offer",
      from: ALICE,
      direct: false,
      files: [{ ...OFFER, direction: "out", who: undefined }],
      ...UNPROVED,
    },
  ],
  transfer: [
    ...(Object.keys(STATES) as Transfer["state"][]).map((state) => ({
      type: "transfer" as const,
      transfer: {
        ...OFFER,
        state,
        sha256: state === "done" ? "0123456789abcdef".repeat(4) : undefined,
        path: state === "done" ? "/home/alice/Downloads/photo.jpg" : undefined,
        reason: state === "cancelled"
          ? "cancelled" as const
          : state === "failed"
          ? "other" as const
          : undefined,
        message: state === "failed" ? "bob no longer offers it" : undefined,
      },
    })),
    ...(Object.keys(FAILURES) as (keyof typeof FAILURES)[]).map((reason) => ({
      type: "transfer" as const,
      transfer: { ...OFFER, state: "failed" as const, reason, message: `${reason}, in words` },
    })),
    {
      type: "transfer",
      transfer: { ...OFFER, state: "running", bytes: 1024, stalled: "bob is away" },
    },
    { type: "transfer", transfer: { ...OFFER, state: "running", bytes: 1024, resumed: 1024 } },
    {
      type: "transfer",
      transfer: {
        ...OFFER,
        direction: "out",
        who: undefined,
        state: "cancelled",
        reason: "cancelled",
      },
    },
  ],
  forgotten: [{ type: "forgotten", from: BOB }],
  changes: [
    {
      type: "changes",
      from: BOB,
      transfers: [
        { ...OFFER, state: "cancelled", reason: "cancelled", message: "bob withdrew it" },
        { ...OFFER, number: 2, offer: 2, direction: "out", name: "cat.png", state: "declined" },
      ],
    },
    {
      type: "changes",
      from: BOB,
      transfers: [2, 3].map((number) => ({ ...OFFER, number, direction: "out", state: "running" })),
    },
  ],
  progress: [
    { type: "progress", transfer: { ...OFFER, state: "running", bytes: 1024 * 1024, rate: 9999 } },
    { type: "progress", transfer: { ...OFFER, state: "running" } },
  ],
  incomplete: [
    {
      type: "incomplete",
      path: "photos",
      count: 3,
      entries: [
        { file: "2024/pipe", reason: "it is not a file" },
        { file: "b\ufffd", reason: "its name is not UTF-8" },
      ],
    },
  ],
  unsent: [{ type: "unsent", path: "nothing", message: "Cannot read nothing: there is no file" }],
  ended: Object.values(ENDINGS).map((ending) => ({ type: "ended", ending })),
};
