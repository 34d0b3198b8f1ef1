// How a room is governed, as a user interface knows it. Only types and lists of words.

import type { Person } from "./people.ts";

/** What a moderator can do; members are given by name, by name and `#id`, or by id. */
export type Moderation =
  | {
    readonly action: "kick" | "silence" | "unsilence";
    readonly member: string | number;
    readonly reason?: string | undefined;
  }
  /** `seconds`: how long; undefined: until `unban`. */
  | {
    readonly action: "ban";
    readonly member: string | number;
    readonly seconds?: number | undefined;
    readonly reason?: string | undefined;
  }
  /** By the number of the ban, or the name that this client has seen the member with. */
  | { readonly action: "unban"; readonly ban: string | number }
  /** A `bans` event follows. */
  | { readonly action: "bans" }
  | { readonly action: "lock" | "unlock"; readonly reason?: string | undefined }
  | { readonly action: "announce"; readonly text: string }
  /** `member` may also be a key, as `/whoami` shows it. */
  | { readonly action: "op" | "deop"; readonly member: string | number };

/** How a room is governed, as far as this client knows. */
export interface Governance {
  /** The keys of the moderators, as people write them. */
  readonly moderators: readonly string[];
  /** No newcomers. */
  readonly locked: boolean;
  /** Only moderators speak to the room. */
  readonly readOnly: boolean;
  /** The server has not answered an act of this client: the rules, and the members, may be others soon. */
  readonly isPending?: true;
}

/** A ban. */
export interface Ban {
  readonly number: number;
  /** The member that was banned, as this client saw it last; undefined: it never did. */
  readonly who: Person | undefined;
  /** The id of that member. */
  readonly member: number;
  /** The moderator, likewise; undefined: the operator, or one that this client has never seen. */
  readonly by: Person | undefined;
  readonly since: Date;
  /** undefined: until `unban`. */
  readonly until: Date | undefined;
  /** May contain anything: show only `printable(reason)`. */
  readonly reason: string | undefined;
}

/** What a notice tells: see `NOTICE_ACTIONS` of the protocol. */
export type NoticeAction =
  | "kick"
  | "ban"
  | "unban"
  | "silence"
  | "unsilence"
  | "lock"
  | "unlock"
  | "announce"
  | "op"
  | "deop"
  | "topic"
  | "readonly"
  | "writable"
  | "drain"
  | "close";

/**
 * Why the room has not taken something of this client.
 *
 * - `silenced`: this member is silenced. `readonly`: only moderators speak to the room.
 * - `moderator`: only moderators do this, and this member is none.
 * - `gone`: the member has left, or no ban has this number. `full`: there are too many bans or moderators.
 * - `lost`: the session ended before the server answered. Perhaps it was done.
 */
export const ROOM_REFUSALS = [
  "silenced",
  "readonly",
  "moderator",
  "gone",
  "full",
  "lost",
] as const;
export type RoomRefusal = typeof ROOM_REFUSALS[number];
