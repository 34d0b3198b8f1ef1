// Test helper: a kept room with a mark and much after it, to damage at every byte.

import { KeptRoom } from "./kept_room.ts";
import type { MemoryStateFile } from "./memory_state_file.ts";
import { noise } from "./random.ts";
import { assert, assertEquals } from "@std/assert";
import { ChatError } from "../../errors.ts";
import { recover, type Recovery } from "../../server/recovery.ts";
import { parseHeader, parseMark, RecordReader, SEGMENT_HEADER } from "../../server/segment.ts";
import { TrueStates } from "./true_states.ts";

export interface MarkedRoom {
  readonly files: readonly MemoryStateFile[];
  readonly file: MemoryStateFile;
  readonly states: TrueStates;
  /** Where the snapshot ends, up to where the file is safe, and where it ends. */
  readonly snapshot: number;
  readonly mark: number;
  readonly end: number;
  /** Where the entries end. */
  readonly ends: readonly number[];
}

/** A room in one segment, with `size` bytes of entries after its last mark. */
export async function markedRoom(size: number): Promise<MarkedRoom> {
  const states: TrueStates[] = [];
  let last: KeptRoom["hub"]["fold"] | undefined;
  const room = await KeptRoom.open({
    watch: (fold) => {
      if (last) states[0]!.add(fold);
      else states.push(new TrueStates(fold));
      last = fold;
    },
  });
  const [ada, bob] = [room.join(), room.join(noise(300))];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 10; j++) room.say(ada, noise(100 + j));
    room.journal.flush();
    await room.sync();
  }
  const file = room.files[0]!;
  const mark = file.bytes.length;
  for (let i = 1; file.bytes.length < mark + size; i++) {
    if (i % 5 === 0) room.tell(bob, ada, noise(50 + i));
    else room.say(i % 2 === 0 ? ada : bob, noise((i * 37) % 600, i));
    if (i % 40 === 0) room.hub.have(ada, ada.state.own.log.end);
    if (i % 50 === 0) room.hub.setAway(bob);
    room.journal.flush();
  }
  states[0]!.add(room.hub.fold);
  const ends: number[] = [];
  const info = parseHeader(file.bytes);
  if (typeof info !== "object" || parseMark(file.bytes)?.position !== mark) {
    throw new Error("the last mark is elsewhere");
  }
  const reader = new RecordReader(file.bytes, info.salt);
  let snapshot = SEGMENT_HEADER;
  for (let entry = reader.next(); entry; entry = reader.next()) {
    if ((entry.kind as number) >= 128) snapshot = reader.position;
    else ends.push(reader.position);
  }
  const end = file.bytes.length;
  return {
    files: room.files,
    file,
    states: states[0]!,
    snapshot,
    mark,
    end,
    ends,
  };
}

/** Changes of a file, each from a position on: what is left of it. */
export const DAMAGES: Readonly<
  Record<string, (bytes: Uint8Array<ArrayBuffer>, at: number) => Uint8Array<ArrayBuffer>>
> = {
  "cut": (bytes, at) => bytes.slice(0, at),
  "zero": (bytes, at) => bytes.with(at, 0),
  "flip": (bytes, at) => bytes.with(at, bytes[at]! ^ (1 << (at % 8))),
  "zeros of a sector": (bytes, at) => filled(bytes, at, 512, 0),
  "zeros of a page": (bytes, at) => filled(bytes, at, 4096, 0),
  "noise in a sector": (bytes, at) => filled(bytes, at, 512),
  "noise in a page": (bytes, at) => filled(bytes, at, 4096),
};

/** The page that `at` is in, from there on. */
function filled(bytes: Uint8Array<ArrayBuffer>, at: number, page: number, value?: number) {
  const end = Math.min(bytes.length, (Math.floor(at / page) + 1) * page);
  const copy = bytes.slice();
  if (value === undefined) copy.set(noise(end - at, at), at);
  else copy.fill(value, at, end);
  return copy;
}

/** Recovers a room whose file has other bytes now. */
export function recoverWith(
  { files, file }: MarkedRoom,
  bytes: Uint8Array<ArrayBuffer>,
  boot: string,
): Recovery | ChatError {
  try {
    const read = (size?: number) => bytes.subarray(0, size);
    const changed = { name: file.name, inode: file.inode, read };
    return recover([changed, ...files.slice(1)], { boot, now: 1e13 });
  } catch (error) {
    if (error instanceof ChatError) return error;
    throw error;
  }
}

/**
 * Damages a room after its last mark, and checks what its next start finds: every entry before the damage. After a power
 * cut, no log goes on. After a kill, it goes on if the file only ends there.
 */
export function damageAfterMark(room: MarkedRoom, name: string, at: number): void {
  const before = room.file.bytes;
  const after = DAMAGES[name]!(before, at);
  const where = `${name} at ${at} of ${room.mark} to ${room.end}`;
  let first = at;
  while (first < after.length && after[first] === before[first]) first++;
  const damaged = room.ends.findIndex((end) => end > first);
  const expected = damaged < 0 ? room.ends.length : damaged;
  for (const boot of ["1000000", "9000000"]) {
    const found = recoverWith(room, after, boot);
    if (found instanceof ChatError) throw new Error(`${where}: ${found.message}`);
    const { fold, newLog, entries } = found;
    assertEquals(entries, expected, where);
    if (at % 64 === 0) {
      const { first = NaN, last = NaN } = room.states.find(fold!) ?? {};
      assert(first <= expected && expected <= last, `${where}: another room`);
    }
    const isCut = first === after.length;
    if (boot === "9000000") assertEquals(newLog, "power", where);
    else if (isCut) assertEquals(newLog, undefined, where);
    // By chance, other bytes look like the beginning of a record that was cut off. No kill leaves such bytes.
    else if (newLog || name.startsWith("zero")) assertEquals(newLog, "damage", where);
  }
}

/** Damages a room before its last mark, and checks that the damage is reported, with the name of the file. */
export function damageBeforeMark(room: MarkedRoom, name: string, at: number): void {
  const after = DAMAGES[name]!(room.file.bytes, at);
  if (name !== "cut" && after[at] === room.file.bytes[at]) return;
  for (const boot of ["1000000", "9000000"]) {
    const found = recoverWith(room, after, boot);
    const where = `${name} at ${at} of ${room.mark}`;
    assert(found instanceof ChatError, where);
    assert(found.message.includes(room.file.name) && found.hint?.includes("--new-log"), where);
  }
}
