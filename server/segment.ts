// One segment of what `chat serve --state` keeps, as bytes in a file: a header, a snapshot of the room, and the entries
// since then, each with a checksum. Pure: docs/state.md describes the format.
//
//   header       3 pages: magic and what the segment is; a mark; another mark
//   records      a snapshot, then entries: CRC-32 (4), then an entry as `writeEntry` encodes it
//
// A mark says up to where the file is safe on the disk. The two places are written in turns, so that a power cut can
// damage only one of them. The checksums begin with a random number of the segment: what an earlier use of the file has
// left there never looks like a record of this one.

import { encode } from "@std/msgpack/encode";
import { decode } from "@std/msgpack/decode";
import { equals } from "@std/bytes/equals";
import { crc32 } from "node:zlib";
import { writeU32 } from "../protocol.ts";
import { type Entry, ENTRY_HEADER, entrySize, parseEntry, writeEntry } from "./entry.ts";

/** What a disk writes at once, in bytes: a power cut meanwhile may damage all of it. */
const PAGE = 4096;
/** Bytes before the first record. */
export const SEGMENT_HEADER: number = 3 * PAGE;
/** Bytes of a checksum. */
const CRC_SIZE = 4;
/** Bytes of a record besides those of its entry. */
export const RECORD_OVERHEAD: number = CRC_SIZE + ENTRY_HEADER;
/** No record is larger, in bytes: a member's has 1 MiB at most. */
const MAX_RECORD = 16 * 1024 * 1024;
/** With each change of the format, or of what entries do: else a replay would give another room. */
const MAGIC = new TextEncoder().encode("chat state 1\n");
/** All versions begin with this. */
const ANY_MAGIC = MAGIC.subarray(0, 11);
/** Where the marks are: of two that are written one after the other, with a sync between, one is always readable. */
const MARKS = [PAGE, 2 * PAGE] as const;
/** checksum (4), number (4), position (8), flags (1), size of the boot's name (1) */
const MARK_HEADER = 18;
/** A longer name of a boot is cut. */
const MAX_BOOT = 64;

const utf8 = new TextEncoder();

/** What a segment is. */
export interface SegmentInfo {
  /** Counts the segments of a directory, from 1. */
  readonly sequence: number;
  /** Begins its checksums. */
  readonly salt: number;
  /** The file that it was written to: a copy has another. */
  readonly inode: string | undefined;
  /** Where the segment before it ended; 0 if it continues none. */
  readonly after: number;
}

/** How far a segment is safe on the disk. */
export interface Mark {
  /** Counts the marks of a segment. */
  readonly number: number;
  /** Everything before this position is on the disk. */
  readonly position: number;
  /** The run of the machine in which the mark was written; undefined if that is unknown. */
  readonly boot: string | undefined;
  /** The server has stopped properly, and nothing follows. */
  readonly isClean: boolean;
  /** The next segment has begun, and is on the disk. */
  readonly hasNext: boolean;
  /** Entries after this could not be written. */
  readonly isLost: boolean;
}

/** The mark that a new segment begins with. */
export function firstMark(boot: string | undefined): Mark {
  return { number: 0, position: 0, boot, isClean: false, hasNext: false, isLost: false };
}

const Flag = { CLEAN: 1, NEXT: 2, LOST: 4 } as const;

/** The first `SEGMENT_HEADER` bytes, with the first mark. */
export function encodeHeader(info: SegmentInfo, mark: Mark): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEGMENT_HEADER);
  const { sequence, salt, inode, after } = info;
  const body = encode([sequence, salt, inode ?? null, after]);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, crc32(body));
  view.setUint16(20, body.length);
  bytes.set(body, 22);
  bytes.set(encodeMark(mark), markPosition(mark));
  return bytes;
}

/** Reads what `encodeHeader` wrote; `version` if another version of the program did; undefined if it is damaged. */
export function parseHeader(file: Uint8Array): SegmentInfo | "version" | undefined {
  if (file.length < SEGMENT_HEADER) return undefined;
  if (!equals(file.subarray(0, MAGIC.length), MAGIC)) {
    return equals(file.subarray(0, ANY_MAGIC.length), ANY_MAGIC) ? "version" : undefined;
  }
  const view = new DataView(file.buffer, file.byteOffset, SEGMENT_HEADER);
  const body = file.subarray(22, 22 + view.getUint16(20));
  if (crc32(body) !== view.getUint32(16)) return undefined;
  const [sequence, salt, inode, after] = decode(body) as [number, number, string | null, number];
  return { sequence, salt, inode: inode ?? undefined, after };
}

/** Where a mark is written. */
export function markPosition({ number }: Pick<Mark, "number">): number {
  return MARKS[number % 2]!;
}

export function encodeMark(mark: Mark): Uint8Array<ArrayBuffer> {
  const { number, position, boot = "", isClean, hasNext, isLost } = mark;
  const name = utf8.encode(boot).subarray(0, MAX_BOOT);
  const bytes = new Uint8Array(MARK_HEADER + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, number);
  view.setBigUint64(8, BigInt(position));
  view.setUint8(
    16,
    (isClean ? Flag.CLEAN : 0) | (hasNext ? Flag.NEXT : 0) | (isLost ? Flag.LOST : 0),
  );
  view.setUint8(17, name.length);
  bytes.set(name, MARK_HEADER);
  view.setUint32(0, crc32(bytes.subarray(4)));
  return bytes;
}

/** The newest mark that can be read. */
export function parseMark(file: Uint8Array): Mark | undefined {
  const marks = MARKS.map((at) => parseMarkAt(file.subarray(at, at + MARK_HEADER + MAX_BOOT)));
  return marks.reduce((one, other) => (one?.number ?? -1) > (other?.number ?? -1) ? one : other);
}

function parseMarkAt(bytes: Uint8Array): Mark | undefined {
  if (bytes.length < MARK_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = MARK_HEADER + view.getUint8(17);
  if (view.getUint32(0) !== crc32(bytes.subarray(4, end))) return undefined;
  const flags = view.getUint8(16);
  return {
    number: view.getUint32(4),
    position: Number(view.getBigUint64(8)),
    boot: new TextDecoder().decode(bytes.subarray(MARK_HEADER, end)) || undefined,
    isClean: (flags & Flag.CLEAN) !== 0,
    hasNext: (flags & Flag.NEXT) !== 0,
    isLost: (flags & Flag.LOST) !== 0,
  };
}

/** Writes an entry with its checksum at `at`; returns where it ends. */
export function writeRecord(entry: Entry, salt: number, into: Uint8Array, at: number): number {
  const end = writeEntry(entry, into, at + CRC_SIZE);
  writeU32(into, at, crc32(into.subarray(at + CRC_SIZE, end), salt));
  return end;
}

/** Whether these bytes look like the beginning of a record: the number of the server is 0 in all of them. */
function isBegun(bytes: Uint8Array): boolean {
  return bytes.subarray(CRC_SIZE + 1, CRC_SIZE + 5).every((byte) => byte === 0);
}

/** Reads a segment's records one after the other. */
export class RecordReader {
  readonly #file: Uint8Array;
  readonly #salt: number;
  /** Where the next record begins. */
  position = SEGMENT_HEADER;
  /** What follows is not a record: it is cut off in the middle (`torn`), or wrong (`bad`). */
  fault: "torn" | "bad" | undefined;

  constructor(file: Uint8Array, salt: number) {
    this.#file = file;
    this.#salt = salt;
  }

  /** The next entry; undefined at the end of the file, or at a fault. Its bytes are a part of the file's. */
  next(): Entry | undefined {
    const rest = this.#file.subarray(this.position);
    if (rest.length === 0 || this.fault) return undefined;
    const size = rest.length < RECORD_OVERHEAD ? undefined : entrySize(rest.subarray(CRC_SIZE));
    if (size === undefined || CRC_SIZE + size > rest.length) {
      this.fault = isBegun(rest) && (size ?? 0) <= MAX_RECORD ? "torn" : "bad";
      return undefined;
    }
    const entry = rest.subarray(CRC_SIZE, CRC_SIZE + size);
    const crc = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
    if (crc32(entry, this.#salt) !== crc) {
      this.fault = "bad";
      return undefined;
    }
    this.position += CRC_SIZE + size;
    return parseEntry(entry);
  }
}
