// The contract between a client and a screen or a pipe: the events of a room, and the actions of its user. Types; the
// functions about members' names are in room/people.ts. `client.ts` and `classic/client.ts` implement it. Knows no socket
// and no terminal.

import type { Ban, Governance, Moderation, NoticeAction, RoomRefusal } from "./room/moderation.ts";
import type { Person, Whois } from "./room/people.ts";

export * from "./room/moderation.ts";
export * from "./room/people.ts";

/** What does not change about a room. */
export interface RoomInfo {
  /** `HOST:PORT`, as the user would write it. */
  readonly address: string;
  readonly cipher: "xor" | "sealed";
  /** The maximum size of a message, in bytes of UTF-8. */
  readonly maxText: number;
  /** The room of a classic server, which does not report its members. */
  readonly classic?: true;
}

/** What a room is about. */
export interface Topic {
  /** Never empty. May contain anything: show only `printable(text)`. */
  readonly text: string;
  /** The member that has set it, and may have left; undefined: the operator of the server. */
  readonly who: Person | undefined;
  /** When it was set, by the clock of that member or of the server; in xor rooms, when this client received it, or undefined. */
  readonly set: Date | undefined;
}

/** A message to the room, as this client remembers it. */
export interface EarlierMessage {
  /** The message's id, in hex: the same for all members. */
  readonly id: string;
  /** The sender as it was then. */
  readonly from: Person;
  /** Of others only the beginning. Empty if it is deleted. */
  readonly text: string;
  readonly action: boolean;
  readonly isDeleted: boolean;
  /** This user's own reactions. */
  readonly reactions: readonly string[];
}

/** What a user does to an earlier message with this `id`. Only its own can be edited or deleted. */
export type Change =
  | { readonly type: "edit"; readonly id: string; readonly text: string }
  | { readonly type: "delete"; readonly id: string }
  /** `emoji` is one grapheme. `removed`: takes it back. */
  | {
    readonly type: "react";
    readonly id: string;
    readonly emoji: string;
    readonly removed: boolean;
  };

/** What every message of the sealed and the xor cipher has; `ref` for this client's own: what `say` returned. */
interface Received {
  readonly from: Person;
  readonly at: number;
  readonly ref: number | undefined;
  readonly sent: Date | undefined;
  readonly meanwhile?: true;
  readonly missing: number;
}

/** A message of this client that the room has not confirmed yet. */
export interface Pending {
  /** This client's number for the message, counted from 1. */
  readonly ref: number;
  readonly text: string;
  readonly action: boolean;
  /** It changes an earlier message; `text` is the new one, or the reaction. */
  readonly change?: Change["type"];
  /** The receiver of a direct message. */
  readonly to: Person | undefined;
}

/** How this client is connected to its room. Messages wait while it is not. */
export type Link =
  | { readonly state: "connected" }
  /** A try is under way. `attempt` counts from 1 since the connection was lost. */
  | { readonly state: "connecting"; readonly attempt: number }
  /** The try `attempt` begins at `at`, or earlier after `reconnect()` or a change of this machine's networks. */
  | { readonly state: "waiting"; readonly attempt: number; readonly at: Date };

/**
 * Why a transfer was cancelled or has failed.
 *
 * - `cancelled`: a user ended it.
 * - `changed`, `removed`, `unreadable`: the sender's file.
 * - `disk`: the receiver could not write it. `full`: it has no space left.
 * - `damaged`: the received data does not match the file's SHA-256.
 * - `left`: this client left the room.
 */
export type EndReason =
  | "cancelled"
  | "changed"
  | "removed"
  | "unreadable"
  | "disk"
  | "full"
  | "damaged"
  | "left"
  | "other";

/** A file that is offered or transferred between this client and another member. */
export interface Transfer {
  /** This client's number for the transfer, counted from 1; for `/accept`, `/decline` and `/cancel`. */
  readonly number: number;
  /** Which offer it belongs to: for the transfer of an offered file to one member, the number of the offer; else its own. */
  readonly offer: number;
  readonly direction: "in" | "out";
  /** The sender of an incoming file, the receiver of an outgoing one; undefined for an offer to the room. */
  readonly who: Person | undefined;
  /**
   * With the folders of an offered folder, `/` between them; an empty folder ends in `/`. May contain anything if the other
   * side chose it: show only `printable(name)`.
   */
  readonly name: string;
  /** In bytes; 0 of a folder. */
  readonly size: number;
  /** In hex; undefined until the file is `done`, and of a folder. */
  readonly sha256: string | undefined;
  /**
   * - `offered`: the receiver has not answered.
   * - `waiting`: accepted. It starts when another transfer has ended, or the other side is back.
   * - `running`.
   * - `done`: the receiver has the complete file and has verified it.
   * - `declined`, `cancelled`: one side did not want it, or ended it.
   * - `failed`: `reason` and `message` say why.
   */
  readonly state:
    | "offered"
    | "waiting"
    | "running"
    | "done"
    | "declined"
    | "cancelled"
    | "failed";
  /** How many bytes have been received, or sent. */
  readonly bytes: number;
  /** How many bytes of an earlier transfer could be kept. */
  readonly resumed: number;
  /** In bytes per second. */
  readonly rate: number;
  /** Why nothing has been transferred for a while; undefined if something has. */
  readonly stalled: string | undefined;
  /** Where a received file is. */
  readonly path: string | undefined;
  /** Why it was cancelled or has failed. */
  readonly reason: EndReason | undefined;
  /** The same in words, if the state does not say it. */
  readonly message: string | undefined;
}

/** Why the room has ended for a client. */
export type Ending =
  /** The user left. */
  | { readonly reason: "left" }
  /** The server has stopped, and has sent BYE. */
  | { readonly reason: "stopped" }
  /** The connection was lost. */
  | { readonly reason: "lost"; readonly message: string }
  /** The server has ended it with ERROR: its code and message. */
  | { readonly reason: "refused"; readonly code: string; readonly message: string };

/** What happens in a room. `at` is the position in the room's log, the same number for every member. */
export type RoomEvent =
  | { readonly type: "welcome"; readonly self: Person; readonly room: RoomInfo }
  /** The list of members is complete; this client is the last of them. */
  | { readonly type: "members"; readonly members: readonly Person[] }
  | {
    readonly type: "message";
    readonly from: Person;
    /** May contain anything, control characters too: show only `printable(text)`. */
    readonly text: string;
    /** Sent with `/me`: the text describes the sender. */
    readonly action: boolean;
    readonly at: number;
    /** Its id, in hex, the same for all members; not there for messages of classic clients. */
    readonly id?: string;
    /** The id of the message that it answers, and this client's own copy of that; undefined if it has none. */
    readonly re?: string;
    readonly quoted?: EarlierMessage | undefined;
    /** For this client's own messages, the ref that `say` returned. */
    readonly ref: number | undefined;
    /** When it was sent, by the sender's clock; undefined in xor rooms, which prove nothing. */
    readonly sent: Date | undefined;
    /** It is one of those that came while this client had no connection: no wonder that it was sent earlier. */
    readonly meanwhile?: true;
    /** How many earlier messages of this sender have not arrived. */
    readonly missing: number;
  }
  | {
    readonly type: "direct";
    readonly from: Person;
    readonly text: string;
    readonly action: boolean;
    readonly sent: Date | undefined;
    readonly meanwhile?: true;
    readonly missing: number;
  }
  /** A member has corrected its message `id`. `quoted` is that message as it was; undefined if this client has none. */
  | Received & {
    readonly type: "edited";
    readonly id: string;
    readonly text: string;
    /** It was sent with `/me`, as far as this client knows. */
    readonly action: boolean;
    readonly quoted: EarlierMessage | undefined;
  }
  /** A member has deleted its message `id`. */
  | Received & {
    readonly type: "deleted";
    readonly id: string;
    readonly quoted: EarlierMessage | undefined;
  }
  /** A member has reacted to the message `id` with an emoji, or has taken that back. */
  | Received & {
    readonly type: "reacted";
    readonly id: string;
    readonly emoji: string;
    readonly removed: boolean;
    readonly quoted: EarlierMessage | undefined;
  }
  /** The server has accepted a direct message of this client for its receiver. */
  | { readonly type: "delivered"; readonly ref: number; readonly to: Person; readonly text: string }
  /** The server has not accepted a direct message, or its receiver has not come back. */
  | {
    readonly type: "undelivered";
    readonly ref: number;
    readonly to: Person;
    readonly text: string;
    readonly reason: "busy" | "gone";
  }
  | {
    readonly type: "joined";
    readonly who: Person;
    readonly at: number;
    /** When its profile was made, by its own clock; undefined in xor rooms, which prove nothing. */
    readonly sent: Date | undefined;
    readonly meanwhile?: true;
    /** The member with the same key that is away, and in whose place this one is listed from now on. */
    readonly replaces?: Person;
  }
  | {
    readonly type: "left";
    readonly who: Person;
    readonly reason: "left" | "lost" | "slow" | "refused" | "removed";
    readonly at: number;
    /** Another member with the same key is listed in its place: people need not know. */
    readonly replaced?: true;
  }
  | {
    readonly type: "renamed";
    readonly who: Person;
    /** The old name; the new one if the list of members had it already. */
    readonly before: string;
    readonly at: number;
  }
  /** A member's status has changed: `who` has the new one, or none. */
  | {
    readonly type: "status";
    readonly who: Person;
    readonly before: string | undefined;
    readonly at: number;
  }
  /**
   * A message or profile that cannot be shown: forged, replayed, not text, or of a kind that this version does not
   * know.
   */
  | {
    readonly type: "unreadable";
    readonly from: Person;
    readonly message: string;
    /** How many of this member so far. */
    readonly count: number;
    /** How many since the last such event: from one member they come at a bounded rate. */
    readonly fresh: number;
  }
  /**
   * A member sees another conversation than this client: the server shows them different things, or the member's report
   * is false. `since`: when they agreed last; undefined if they never have. Reported once, until they agree again. After
   * the member's `joined` it is about what the member had seen before that, and no `agreed` follows.
   */
  | { readonly type: "forked"; readonly who: Person; readonly since: Date | undefined }
  /** A member that was reported as forked now sees the same conversation as this client. */
  | { readonly type: "agreed"; readonly who: Person }
  /** A member has a known name, but a different key. `like`: its name only looks like this known one. */
  | { readonly type: "keychanged"; readonly who: Person; readonly like?: string }
  /** A member has lost its connection and may come back; `replaced` as in `left`. */
  | {
    readonly type: "away";
    readonly who: Person;
    readonly at: number;
    readonly replaced?: true;
  }
  /** A member that was away is back. */
  | { readonly type: "back"; readonly who: Person; readonly at: number }
  /**
   * A member has set the topic. After `members`: the one that this client has found, whose member may have left; `at` is
   * undefined then.
   */
  | {
    readonly type: "topic";
    /** undefined: the operator of the server. */
    readonly who: Person | undefined;
    /** Empty: the member has removed it. May contain anything: show only `printable(text)`. */
    readonly text: string;
    readonly at?: number;
    readonly sent: Date | undefined;
    readonly meanwhile?: true;
  }
  /** A moderator or the operator has done something. The server can read it, and members have to trust it about this. */
  | {
    readonly type: "notice";
    readonly action: NoticeAction;
    /** The moderator; undefined: the operator of the server. */
    readonly by: Person | undefined;
    /**
     * The member that it is about, or the one with the key that it is about; of `unban`, the one that was banned.
     * Undefined if there is none, or this client does not know it.
     */
    readonly who: Person | undefined;
    /** `op` and `deop`: the key of the moderator. */
    readonly key?: string;
    /** `ban`: its number; undefined if the member was only removed, because its network cannot be told from others. */
    readonly ban?: number;
    /** `ban`: when it ends; undefined: not by itself. */
    readonly until?: Date;
    /** Reason and text may contain anything: show only `printable(…)`. */
    readonly reason?: string;
    /** `announce` and `topic`; an empty topic: it is removed. */
    readonly text?: string;
    readonly at: number;
  }
  /** The answer to the moderation `bans`. */
  | { readonly type: "bans"; readonly bans: readonly Ban[] }
  /** The room has not taken something of this client: it is not pending any more. */
  | {
    readonly type: "refused";
    /** A message: what `say` returned. */
    readonly ref: number | undefined;
    /** What it was. `profile`: a name or a status. */
    readonly what: "message" | "profile" | "topic" | Moderation["action"];
    /** A message's or a topic's; empty for others. */
    readonly text: string;
    readonly reason: RoomRefusal;
  }
  /** By how many minutes this machine's clock is ahead of the server's; negative if it is behind. */
  | { readonly type: "clock"; readonly ahead: number }
  /** The server warns this client, with a code of the protocol (`flood`) and a message. */
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  /**
   * This client has lost its connection and reconnects. `stopped`: the server has stopped. `refused`: the server
   * has ended the connection for a reason that lets this client come back, such as `slow`.
   */
  | {
    readonly type: "disconnected";
    readonly reason: "lost" | "stopped" | "refused";
    readonly message: string;
  }
  /** A try to reconnect has failed. The next one, `attempt`, begins at `until`. Reported after each failed try. */
  | {
    readonly type: "waiting";
    readonly attempt: number;
    readonly until: Date;
    readonly message: string;
  }
  /**
   * This client is connected again. If it has `resumed` its session, nothing was missed: `unseen` messages to the room
   * came meanwhile, by the server's count. They follow, and then `caughtup` if there are any. Otherwise it has joined
   * again, perhaps with another id, and `members` follows. `missed` counts the room's messages meanwhile; it is
   * undefined if that cannot be known because the server was restarted.
   */
  | {
    readonly type: "connected";
    readonly self: Person;
    readonly resumed: boolean;
    readonly missed: number | undefined;
    readonly unseen: number;
    /** The room's address, if it is another one than before. */
    readonly address?: string | undefined;
  }
  /** All messages that came while this client had no connection have been reported: how many. */
  | { readonly type: "caughtup"; readonly messages: number }
  /** A member, perhaps this client, offers files: all those in one message. `direct`: to one member only. */
  | {
    readonly type: "offer";
    readonly from: Person;
    readonly direct: boolean;
    readonly files: readonly Transfer[];
    readonly sent: Date | undefined;
    readonly meanwhile?: true;
    readonly missing: number;
    /** For the offers of others: how many bytes are left for them in the downloads folder, if the system says. */
    readonly free?: number;
    /** For this client's own offers to the room: the members that cannot receive files. */
    readonly without?: readonly Person[];
  }
  /**
   * A member has made more offers than are kept: its oldest ones are no longer in the list. Reported once, until the
   * member leaves.
   */
  | { readonly type: "forgotten"; readonly from: Person }
  /** One message of a member, or one command of this user, has changed several transfers: as `transfer` for each. */
  | { readonly type: "changes"; readonly from: Person; readonly transfers: readonly Transfer[] }
  /** A transfer has started, ended, stalled or resumed. */
  | { readonly type: "transfer"; readonly transfer: Transfer }
  /** The progress of a running transfer, about once per second. A slow listener gets only the latest. */
  | { readonly type: "progress"; readonly transfer: Transfer }
  /** A file could not be offered. */
  | { readonly type: "unsent"; readonly path: string; readonly message: string }
  /** Some of an offered folder was left out. */
  | {
    readonly type: "incomplete";
    readonly path: string;
    /** How many files, folders, links and others. */
    readonly count: number;
    /** The first of them, by their paths in the folder: show only `printable(file)`. */
    readonly entries: readonly { readonly file: string; readonly reason: string }[];
  }
  | { readonly type: "ended"; readonly ending: Ending };

/** A sealed room's conversation so far, and which members see the same one. */
export interface Conversation {
  /** The position in the room's log: the words of two members can be compared only at the same one. */
  readonly at: number;
  /** The words for everything up to there. */
  readonly words: string;
  readonly same: readonly Person[];
  readonly other: readonly Person[];
  /** Nothing that they have said so far could be compared. */
  readonly unknown: readonly Person[];
}

/** A room and what its user can do in it. If an action is impossible, it throws a `ChatError` and does nothing. */
export interface Room {
  readonly info: RoomInfo;
  readonly self: Person;
  /**
   * All members, this client included, in the order of joining. A person that joins again while the old session lasts
   * has several sessions with one key: those that are here are listed, or else the one that was here last.
   */
  readonly members: readonly Person[];
  /** The number of members, and how many others are away; cheap, because a screen shows them each time it draws. */
  readonly size: number;
  readonly awayCount: number;
  /** Messages that are not confirmed yet, oldest first. */
  readonly pending: readonly Pending[];
  /**
   * Sends `text` to the room; returns the ref that its confirmation will have.
   *
   * @param re the id of a message that it answers
   */
  say(text: string, re?: string): number;
  /** Sends an action to the room (`/me`); returns its ref. */
  act(text: string, re?: string): number;
  /** Edits or deletes an own message, or reacts to any; returns its ref. */
  change(change: Change): number;
  /** The last messages to the room that are not deleted, newest first. */
  readonly recent: readonly EarlierMessage[];
  /** Sends `text` to one member, given by name, by name and `#id`, or by id; returns its ref. */
  tell(to: string | number, text: string): number;
  rename(name: string): void;
  /** Says in this member's status why no answer may come; undefined: the user is back. A `status` event follows. */
  setStatus(status: string | undefined): void;
  /** undefined: there is none. */
  readonly topic: Topic | undefined;
  /** Sets the topic for all members; an empty text removes it. A `topic` event follows. */
  setTopic(text: string): void;
  /** How the room is governed; undefined in classic rooms. */
  readonly governance: Governance | undefined;
  /** Asks the server for something that only moderators can do. A `notice`, `bans` or `refused` event follows. */
  moderate(moderation: Moderation): void;
  /** This member's public key as people write it; undefined in xor rooms. */
  readonly fingerprint: string | undefined;
  /** How the conversations of the members compare with this client's; undefined in xor rooms, which prove nothing. */
  readonly conversation: Conversation | undefined;
  /** The members that see another conversation; cheap, because a screen counts them each time it draws. */
  readonly forked: readonly Person[];
  /** The words that this member and another compare aloud to verify each other's keys. */
  compare(who: string | number): string;
  /** What is known about a member, this client included. */
  whois(who: string | number): Whois;
  /** Trusts a member's current key: its name has this key from now on, besides those that it had. */
  trust(who: string | number): void;
  /** Remembers that the user has compared words with the owner of a member's current key; trusts it, too. */
  verify(who: string | number): void;
  /** Offered and running transfers, and the last ones that have ended, by number. */
  readonly transfers: readonly Transfer[];
  /** The transfers that make progress now: few, even if many files are offered. */
  readonly going: readonly Transfer[];
  /**
   * Offers a file, or all that is in a folder, to one member or to the room. `offer` events follow, perhaps
   * `incomplete`, or else `unsent`.
   *
   * @param name the name to offer it under, instead of its own
   */
  offer(path: string, to?: string | number, name?: string): void;
  /** Accepts offers by number, member or file name, or `all` of them; returns how many. An ambiguous name is an error. */
  accept(which: string | number): number;
  decline(which: string | number): number;
  /** Ends offers and running transfers. */
  cancel(which: string | number): number;
  /** How this client is connected. */
  readonly link: Link;
  /** Reconnects at once if the connection is lost; otherwise does nothing. */
  reconnect(): void;
  /** Leaves the room. Earlier messages are still sent. The `ended` event follows. */
  leave(): void;
}
