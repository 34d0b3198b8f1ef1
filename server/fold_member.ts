// A member in a room's state. Only the fold changes it. Pure.

import { concat } from "@std/bytes/concat";
import { encodeAway, encodeFrame, HEADER_SIZE, Type } from "../protocol.ts";
import type { OwnLog, SavedOwnLog } from "./own_log.ts";

/** A member. Only the fold changes it. */
export class FoldMember {
  readonly id: number;
  /** What only this member receives. */
  readonly own: OwnLog;
  /** Where it started in the room's log: it never sees what was sent before it joined. */
  readonly start: number;
  /** When it joined, in ms since 1970. */
  readonly joined: number;
  /** Its MEMBER frame. */
  frame: Uint8Array<ArrayBuffer>;
  /** Since when the others see it as away, in ms since 1970; undefined: they do not. */
  awaySince: number | undefined;
  noDirect = false;
  /** The connection whose entries count. */
  connection: number;
  /** How many of its MESSAGE, PROFILE, TOPIC and MODERATE frames were taken. */
  accepted = 0;
  /** How many of its direct messages were answered with ACK. */
  answered = 0;
  /** Its client has confirmed WELCOME: only then can it resume. */
  lasting = false;
  /** With these it can resume; the newest is the last. */
  tokens: readonly string[] = [];
  /** A key that only its client and its server know; empty in rooms without a code. */
  key: Uint8Array = new Uint8Array(0);
  network: string;
  /** The key of a moderator that it has proved. */
  moderator: string | undefined;
  /** Why it left, one of `Left`, and where the room's log ended then; undefined while it is in the room. */
  left: { readonly reason: number; readonly end: number } | undefined;

  constructor(
    { id, start, joined, connection, network, own, profile }:
      & Pick<FoldMember, "id" | "start" | "joined" | "connection" | "network" | "own">
      & { profile: Uint8Array },
  ) {
    this.id = id;
    this.start = start;
    this.joined = joined;
    this.connection = connection;
    this.network = network;
    this.own = own;
    this.frame = encodeFrame(Type.MEMBER, id, profile);
  }

  /** The sealed profile. */
  get profile(): Uint8Array {
    return this.frame.subarray(HEADER_SIZE);
  }
}

/** The state of a `FoldMember`. */
export interface SavedMember {
  readonly id: number;
  readonly start: number;
  readonly joined: number;
  readonly profile: Uint8Array;
  /** In ms since 1970; null: it is not away. */
  readonly awaySince: number | null;
  readonly noDirect: boolean;
  readonly connection: number;
  readonly accepted: number;
  readonly answered: number;
  readonly lasting: boolean;
  readonly tokens: readonly string[];
  readonly key: Uint8Array;
  readonly network: string;
  /** null: it has proved none. */
  readonly moderator: string | null;
  readonly own: SavedOwnLog;
}

/** The frames that introduce a member to a newcomer. */
export function entryOf({ id, frame, awaySince }: FoldMember): Uint8Array<ArrayBuffer> {
  return awaySince === undefined ? frame : concat([frame, encodeAway(id, awaySince)]);
}

export function saveMember(member: FoldMember): SavedMember {
  return {
    id: member.id,
    start: member.start,
    joined: member.joined,
    profile: member.profile,
    awaySince: member.awaySince ?? null,
    noDirect: member.noDirect,
    connection: member.connection,
    accepted: member.accepted,
    answered: member.answered,
    lasting: member.lasting,
    tokens: member.tokens,
    key: member.key,
    network: member.network,
    moderator: member.moderator ?? null,
    own: member.own.save(),
  };
}

/** @param own empty */
export function restoreMember(saved: SavedMember, own: OwnLog): FoldMember {
  own.restore(saved.own);
  const member = new FoldMember({ ...saved, own });
  const { noDirect, accepted, answered, lasting } = saved;
  Object.assign(member, { noDirect, accepted, answered, lasting });
  member.moderator = saved.moderator ?? undefined;
  member.awaySince = saved.awaySince ?? undefined;
  // A copy: what was saved may be a part of something large.
  member.key = saved.key.slice();
  return member;
}
