// Keeps a room in a ring of files: each entry is appended to a segment before any socket is written to. Each segment
// begins with a snapshot of the room, so the oldest ones can be dropped. Once a second what was written is brought to
// the disk, and a mark says so. If the disk fails, the room goes on in memory, and tries again.
// The format is in segment.ts; recovery.ts reads it back. Knows no member and no socket.

import { ChatError, messageOf } from "../errors.ts";
import { type Entry, Kind } from "./entry.ts";
import type { Fold } from "./fold.ts";
import { forNewLog, type SavedGovernance } from "./governance.ts";
import {
  governanceIn,
  type LiveSegment,
  newestIn,
  type NewLogReason,
  recover,
  type Recovery,
} from "./recovery.ts";
import {
  encodeHeader,
  encodeMark,
  firstMark,
  type Mark,
  markPosition,
  RECORD_OVERHEAD,
  SEGMENT_HEADER,
  type SegmentInfo,
  writeRecord,
} from "./segment.ts";
import { snapshotOf, type SnapshotRecord } from "./snapshot.ts";
import type { StateFile } from "./state_file.ts";

/** How many files a ring has: the segments that hold `keep` bytes, one that is being written, and one that begins. */
export const RING_FILES = 10;
/** This part of `keep` is in one segment. */
const SEGMENT_PARTS = 8;
/** How long an entry may wait for a socket to be written to, in ms: nobody outside may ever see what it has done. */
const FLUSH_MS = 20;
/** How long written entries may wait for the disk, in ms. A power cut loses them. */
const SYNC_MS = 1_000;
/** How long after an error of the disk the room tries to be kept again, in ms. */
const RETRY_MS = 30_000;
/** How often to look for what is too old: this many times in `keepForMs`, and at least once in `MAX_LOOK_MS`. */
const LOOKS = 16;
const MAX_LOOK_MS = 10 * 60_000;
/** Bytes of the buffer for what is to be written; it grows for large entries, and for snapshots. */
const BUFFER_SIZE = 256 * 1024;
/** A snapshot is written in pieces of about this size, in bytes. */
const PIECE_SIZE = 1024 * 1024;

export interface JournalOptions {
  /** The ring, in its order. */
  readonly files: readonly StateFile[];
  /** Bytes of entries to keep. */
  readonly keep: number;
  /** How long to keep them, in ms; Infinity: as long as they fit. */
  readonly keepForMs: number;
  /** Drop what was kept. */
  readonly newLog: boolean;
  /** This run of the machine; undefined if it is unknown. */
  readonly boot: string | undefined;
  /** The clock, in ms since 1970. */
  readonly clock: () => number;
  /** Calls `task` in `ms` milliseconds; returns a function that cancels the call. */
  readonly after: (ms: number, task: () => void) => () => void;
}

/** What happens while a journal is written. */
export interface JournalEvents {
  /** The room's log before this position is not kept any more. */
  trim(position: number): void;
  /** The disk has failed: from now on the room is only in memory. */
  failed(message: string): void;
  /** The room is kept again. */
  works(): void;
}

/** What a journal has done so far. */
export interface JournalStatus {
  /** Bytes written. */
  readonly written: number;
  /** How often they were brought to the disk. */
  readonly syncs: number;
  /** Bytes of all segments. */
  readonly size: number;
  /** The room is only in memory. */
  readonly isFailed: boolean;
}

interface Segment {
  readonly file: StateFile;
  /** The place of its file in the ring. */
  readonly slot: number;
  readonly info: SegmentInfo;
  mark: Mark;
  /** Where the next record is written. */
  position: number;
  /** Where its entries begin. */
  entries: number;
  /** The room's log from here on is in this segment and the later ones. */
  readonly logStart: number;
  /** The times of its first and last entry, in ms since 1970. */
  first: number | undefined;
  last: number;
  /** Its file is used for something else now. */
  isDropped: boolean;
}

/** The journal of one room. */
export class Journal {
  /** A room that goes on, or nothing. */
  readonly recovery: Pick<Recovery, "entries" | "time"> & {
    readonly fold: Fold | undefined;
    readonly newLog: NewLogReason | undefined;
    /** For a new log: how the room was governed before. */
    readonly governance: SavedGovernance | undefined;
  };
  readonly #options: JournalOptions;
  #fold: Fold | undefined;
  #events: JournalEvents | undefined;
  /** The oldest first; the last one is being written. */
  #segments: Segment[] = [];
  #buffer = new Uint8Array(BUFFER_SIZE);
  #used = 0;
  #isFailed = false;
  /** Files that no segment uses may have something in them, perhaps of an earlier room. */
  #hasUnused = false;
  #cancelFlush: (() => void) | undefined;
  #cancelSync: (() => void) | undefined;
  #cancelLook = () => {};
  #cancelRetry = () => {};
  /** The sync under way. */
  #syncing: Promise<void> = Promise.resolve();
  #written = 0;
  #syncs = 0;

  private constructor(
    options: JournalOptions,
    recovery: Recovery | undefined,
    governance: SavedGovernance | undefined,
  ) {
    this.#options = options;
    const { fold, segments = [], entries = 0, time = 0, newLog } = recovery ?? {};
    this.recovery = { fold: newLog ? undefined : fold, entries, time, newLog, governance };
    if (!newLog && fold) this.#segments = segments.map((segment) => this.#reopen(segment));
  }

  /**
   * Reads what is in the files, and prepares to go on there. `begin` follows; before that nothing is dropped.
   *
   * @throws {ChatError} if they are damaged, or cannot be read or written; see `recover`
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const { files, newLog, boot, clock } = options;
    try {
      const recovery = newLog ? undefined : recover(files, { boot, now: clock() });
      const isNew = newLog || recovery?.newLog !== undefined;
      const governance = isNew ? governanceIn(files) : undefined;
      const journal = new Journal(options, recovery, governance && forNewLog(governance));
      const last = journal.#segments.at(-1);
      if (last) {
        last.file.truncate(last.position);
        // From now on the mark of a clean stop would be a lie.
        journal.#mark(last, { isClean: false, hasNext: false });
        await last.file.sync();
      }
      return journal;
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw new ChatError(`Cannot read the files of the room: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Keeps this room from now on: the recovered one, or a new one.
   *
   * @throws {ChatError} if the first segment cannot be written
   */
  begin(fold: Fold, events: JournalEvents): void {
    this.#fold = fold;
    this.#events = events;
    if (this.#segments.length === 0) {
      try {
        const { file, sequence } = newestIn(this.#options.files);
        this.#segments.push(this.#write(this.#slotAfter(file), sequence + 1, 0));
      } catch (cause) {
        throw new ChatError(`Cannot keep the room: ${messageOf(cause)}`, { cause });
      }
    }
    this.#hasUnused = true;
    this.#planSync();
    this.#look();
  }

  get status(): JournalStatus {
    const size = this.#segments.reduce((sum, { position }) => sum + position, 0);
    return { written: this.#written, syncs: this.#syncs, size, isFailed: this.#isFailed };
  }

  /** To be called before an entry is applied. It is written with the next `flush`. */
  record(entry: Entry): void {
    if (this.#isFailed) return;
    this.#add(entry);
    this.#cancelFlush ??= this.#options.after(FLUSH_MS, () => {
      this.#cancelFlush = undefined;
      this.flush();
    });
    // These say nothing that somebody has said.
    if (entry.kind === Kind.TRIM || entry.kind === Kind.CONFIG) return;
    const segment = this.#last;
    segment.first ??= entry.time;
    segment.last = entry.time;
  }

  /** Writes what was recorded. MUST be called before anybody outside can see what that has done. */
  flush(): void {
    if (this.#used === 0 || this.#isFailed) return;
    try {
      const segment = this.#last;
      this.#writeBuffer(segment);
      this.#planSync();
      const size = segment.position - segment.entries;
      if (size >= this.#options.keep / SEGMENT_PARTS) this.#rotate();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes and syncs everything, and marks that nothing is missing. Nothing may be recorded after that. */
  async stop(): Promise<void> {
    // The disk may work again, or have space.
    if (this.#isFailed && this.#fold) this.#retry();
    this.flush();
    this.#cancelFlush?.();
    this.#cancelSync?.();
    this.#cancelLook();
    this.#cancelRetry();
    await this.#syncing;
    try {
      if (!this.#isFailed && this.#segments.length > 0) {
        await this.#sync(true);
        await this.#last.file.sync();
      }
    } catch {
      // The next start finds out how far the files go.
    }
  }

  get #last(): Segment {
    return this.#segments.at(-1)!;
  }

  #reopen({ file: slot, end, times, ...segment }: LiveSegment): Segment {
    return {
      ...segment,
      file: this.#options.files[slot]!,
      slot,
      position: end,
      first: times?.first,
      last: times?.last ?? 0,
      isDropped: false,
    };
  }

  #add(record: Entry | SnapshotRecord): void {
    const end = this.#used + RECORD_OVERHEAD + record.bytes.length;
    if (end > this.#buffer.length) {
      const buffer = new Uint8Array(Math.max(2 * this.#buffer.length, end));
      buffer.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = buffer;
    }
    const { salt } = this.#last.info;
    this.#used = writeRecord(record as Entry, salt, this.#buffer, this.#used);
  }

  #writeBuffer(segment: Segment): void {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    if (this.#buffer.length > 4 * PIECE_SIZE) this.#buffer = new Uint8Array(BUFFER_SIZE);
    segment.file.write(segment.position, bytes);
    segment.position += bytes.length;
    this.#written += bytes.length;
  }

  /** Writes a new segment with a snapshot. Nothing may be in the buffer. */
  #write(slot: number, sequence: number, after: number): Segment {
    const file = this.#options.files[slot]!;
    const fold = this.#fold!;
    const [salt] = crypto.getRandomValues(new Uint32Array(1));
    const info = { sequence, salt: salt!, inode: file.inode, after };
    const mark = firstMark(this.#options.boot);
    file.truncate(0);
    file.write(0, encodeHeader(info, mark));
    const segment: Segment = {
      file,
      slot,
      info,
      mark,
      position: SEGMENT_HEADER,
      entries: SEGMENT_HEADER,
      logStart: fold.tail,
      first: undefined,
      last: 0,
      isDropped: false,
    };
    // The records get the salt of the last segment.
    this.#segments.push(segment);
    try {
      for (const record of snapshotOf(fold)) {
        this.#add(record);
        if (this.#used >= PIECE_SIZE) this.#writeBuffer(segment);
      }
      this.#writeBuffer(segment);
    } finally {
      this.#segments.pop();
    }
    segment.entries = segment.position;
    this.#planSync();
    return segment;
  }

  #slotAfter(slot: number): number {
    return (slot + 1) % this.#options.files.length;
  }

  /** Begins the next segment; the oldest one may have to make place for it. */
  #rotate(): void {
    const { slot, info: { sequence }, position } = this.#last;
    const next = this.#slotAfter(slot);
    const dropped = this.#segments[0]!.slot === next ? this.#segments.shift() : undefined;
    if (dropped) dropped.isDropped = true;
    this.#segments.push(this.#write(next, sequence + 1, position));
    if (dropped) this.#trim();
  }

  #trim(): void {
    this.#events!.trim(this.#segments[0]!.logStart);
  }

  #mark(segment: Segment, change: Partial<Mark>): void {
    const { boot } = this.#options;
    segment.mark = { ...segment.mark, ...change, number: segment.mark.number + 1, boot };
    segment.file.write(markPosition(segment.mark), encodeMark(segment.mark));
  }

  #planSync(): void {
    this.#cancelSync ??= this.#options.after(SYNC_MS, () => {
      this.#cancelSync = undefined;
      this.#syncing = this.#syncing.then(() => this.#sync()).catch((error) => this.#fail(error));
    });
  }

  /** Brings everything to the disk that was written before, the oldest first. */
  async #sync(isClean = false): Promise<void> {
    const synced: { segment: Segment; position: number }[] = [];
    for (const segment of this.#segments.filter(({ mark }) => !mark.hasNext)) {
      const { position } = segment;
      await segment.file.sync();
      this.#syncs++;
      if (this.#isFailed) return;
      synced.push({ segment, position });
    }
    // One mark each: the next one is written after it is on the disk, in the other place.
    for (const [i, { segment, position }] of synced.entries()) {
      const hasNext = i < synced.length - 1;
      if (!segment.isDropped) {
        this.#mark(segment, { position, hasNext, isClean: isClean && !hasNext });
      }
    }
    if (this.#hasUnused) await this.#emptyUnused();
  }

  /**
   * Empties the files that no segment uses. Not before the first segment of the room is on the disk: else a power cut
   * could leave nothing that can be read.
   */
  async #emptyUnused(): Promise<void> {
    this.#hasUnused = false;
    for (const file of this.#options.files) {
      if (this.#segments.some((segment) => segment.file === file)) continue;
      file.truncate(0);
      await file.sync();
    }
  }

  /** Drops what is too old, from time to time. */
  #look(): void {
    const { keepForMs, clock, after } = this.#options;
    if (keepForMs === Infinity) return;
    this.#cancelLook = after(Math.min(keepForMs / LOOKS, MAX_LOOK_MS), () => this.#look());
    if (this.#isFailed) return;
    const now = clock();
    try {
      this.flush();
      this.#correctTimes(now);
      const { first = Infinity } = this.#last;
      if (first < now - keepForMs / SEGMENT_PARTS) this.#rotate();
      let isDropped = false;
      while (this.#segments.length > 1 && this.#segments[0]!.last < now - keepForMs) {
        const dropped = this.#segments.shift()!;
        dropped.isDropped = isDropped = true;
        dropped.file.truncate(0);
      }
      if (isDropped) this.#trim();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The clock may have been ahead for a while: nothing is newer than what follows it. */
  #correctTimes(now: number): void {
    let newest = now;
    for (const segment of this.#segments.toReversed()) {
      segment.last = Math.min(segment.last, newest);
      if (segment.first === undefined) continue;
      newest = segment.first = Math.min(segment.first, segment.last);
    }
  }

  /** What was recorded could not be written. What follows is not recorded. */
  #fail(error: unknown): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    this.#used = 0;
    try {
      // Its place was written before, so also a full disk takes it.
      if (this.#segments.length > 0) this.#mark(this.#last, { isLost: true });
    } catch {
      // Then the next start sees the end of the log as after a power cut, or nothing at all.
    }
    this.#events?.failed(messageOf(error));
    this.#retryLater();
  }

  #retryLater(): void {
    this.#cancelRetry = this.#options.after(RETRY_MS, () => this.#retry());
  }

  /** Begins again with a snapshot. What was said meanwhile is in no file: nothing before it is of use. */
  #retry(): void {
    const { slot = -1, info } = this.#segments.at(-1) ?? {};
    const before = this.#segments;
    try {
      const next = this.#write(this.#slotAfter(slot), (info?.sequence ?? 0) + 1, 0);
      for (const segment of before) segment.isDropped = true;
      this.#segments = [next];
      this.#hasUnused = true;
    } catch {
      return this.#retryLater();
    }
    this.#isFailed = false;
    this.#planSync();
    this.#events?.works();
  }
}
