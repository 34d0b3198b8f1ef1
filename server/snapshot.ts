// A snapshot of a room: its state as records, at the beginning of a segment. The room's log is in it only from `tail`
// on, for the segments have the rest. Pure.

import { decode } from "@std/msgpack/decode";
import { encode } from "@std/msgpack/encode";
import type { Entry } from "./entry.ts";
import { Fold, type SavedFold } from "./fold.ts";
import type { SavedMember } from "./fold_member.ts";
import { MemberWriter, parseMember } from "./member_record.ts";

/** The kinds of records that are no entries of the room. */
export const SnapshotKind = {
  /** The first record: the state without its members, in MessagePack; `number` is how many members there are. */
  ROOM: 129,
  /** One member: see member_record.ts. */
  MEMBER: 130,
} as const;

/** A record of a snapshot: an entry whose kind is one of `SnapshotKind`. */
export type SnapshotRecord = Omit<Entry, "kind"> & { readonly kind: number };

/** The state of a room as records, one after the other: the bytes of one are valid until the next one is taken. */
export function* snapshotOf(fold: Fold): Generator<SnapshotRecord> {
  const { chain = null, ...room } = fold.saveRoom(fold.tail);
  const first = encode({ chain, ...room } as unknown as Parameters<typeof encode>[0]);
  yield record(SnapshotKind.ROOM, fold.size, first);
  const writer = new MemberWriter();
  for (const member of fold.saveMembers()) {
    yield record(SnapshotKind.MEMBER, 0, writer.encode(member));
  }
}

function record(kind: number, number: number, bytes: Uint8Array): SnapshotRecord {
  return { kind, connection: 0, member: 0, number, time: 0, bytes };
}

/**
 * Reads a snapshot back.
 *
 * @param next returns the next record
 * @returns undefined if the records end before the snapshot does
 * @throws {Error} if they are not a snapshot
 */
export function readSnapshot(next: () => SnapshotRecord | undefined): SavedFold | undefined {
  const first = next();
  if (!first) return undefined;
  if (first.kind !== SnapshotKind.ROOM) throw new TypeError("a segment without a snapshot");
  const { chain, ...room } = decode(first.bytes) as unknown as
    & Omit<SavedFold, "chain" | "members">
    & { chain: SavedFold["chain"] | null };
  const members: SavedMember[] = [];
  while (members.length < first.number) {
    const one = next();
    if (!one) return undefined;
    if (one.kind !== SnapshotKind.MEMBER) throw new TypeError("a snapshot without all its members");
    members.push(parseMember(one.bytes));
  }
  return { ...room, chain: chain ?? undefined, members };
}
