// Reads what a server has kept of its room: the segments of its ring, from the oldest snapshot on, entry by entry.
// Decides whether the room's log goes on, or a new one must begin. Pure: the caller gives it the files.
//
// Nobody has seen an entry that is not in the file: it is written before any socket. So after a crash of the process,
// what is in the files is all there ever was, perhaps with a part of a record at the end. After a power cut, the end of
// what members have seen may be missing: then the room needs a new log, with another name, or two conversations would
// have the same positions.

import { ChatError, messageOf } from "../errors.ts";
import { isSameBoot } from "./boot.ts";
import { type Entry, isKind } from "./entry.ts";
import { Fold } from "./fold.ts";
import type { SavedGovernance } from "./governance.ts";
import {
  firstMark,
  type Mark,
  parseHeader,
  parseMark,
  RecordReader,
  SEGMENT_HEADER,
  type SegmentInfo,
} from "./segment.ts";
import { readSnapshot } from "./snapshot.ts";
import type { StateFile } from "./state_file.ts";

/** A file of the ring, as far as it is read. */
export type FoundFile = Pick<StateFile, "name" | "inode" | "read">;

/** A segment of the ring that is in use. */
export interface LiveSegment {
  /** The index of its file. */
  readonly file: number;
  readonly info: SegmentInfo;
  readonly mark: Mark;
  /** Where its snapshot ends, and where its valid records do. */
  readonly entries: number;
  readonly end: number;
  /** The room's log from here on is in this segment and the following ones. */
  readonly logStart: number;
  /** The times of its first entry and of its last, in ms since 1970; undefined without entries. */
  readonly times: { readonly first: number; readonly last: number } | undefined;
}

/** Why the room's log does not go on. */
export type NewLogReason =
  /** The machine has restarted, and the server had not stopped. */
  | "power"
  /** The end of the kept log is damaged. */
  | "damage"
  /** The disk was full, or failed. */
  | "disk";

/** This run of the machine. */
export interface Boot {
  /** Its name: see `isSameBoot`. undefined if it is unknown. */
  readonly boot: string | undefined;
  /** The time now, in ms since 1970. */
  readonly now: number;
}

/** What was found. */
export interface Recovery {
  /** The room as it was; undefined if nothing was kept. */
  readonly fold: Fold | undefined;
  /** The oldest first. */
  readonly segments: readonly LiveSegment[];
  /** How many entries were replayed, and the time of the last one, in ms since 1970: the clock may have gone back. */
  readonly entries: number;
  readonly time: number;
  /** undefined: the log goes on. */
  readonly newLog: NewLogReason | undefined;
}

const HINT = "Start with --new-log: the code or key stays, and the conversation is dropped";

interface Candidate {
  readonly file: number;
  readonly found: FoundFile;
  readonly info: SegmentInfo;
  readonly mark: Mark | undefined;
}

/**
 * Reads the files of a ring.
 *
 * @throws {ChatError} if they are damaged where they were safe on the disk, are copies, or of another version
 */
export function recover(files: readonly FoundFile[], boot: Boot): Recovery {
  const { segments: run, hasEarlier, isCut } = newestRun(files);
  let fold: Fold | undefined;
  let entries = 0;
  let time = 0;
  let newLog: NewLogReason | undefined;
  const segments: LiveSegment[] = [];
  for (const [i, { file, found, info, mark: read }] of run.entries()) {
    if (newLog) break;
    const { name } = found;
    const before = segments.at(-1);
    // What was just beginning when the power was cut may not be on the disk.
    const isAwaited = before ? before.mark.hasNext : !hasEarlier;
    const mark = read ?? (isAwaited ? undefined : firstMark(undefined));
    if (!mark) throw damaged(name, "its marks cannot be read");
    if (before && before.end !== info.after) {
      if (isAwaited || mark.position > 0) {
        throw damaged(files[before.file]!.name, "its end is missing");
      }
      newLog = "power";
      break;
    }
    const bytes = found.read();
    const reader = new RecordReader(bytes, info.salt);
    try {
      const saved = readSnapshot(() => reader.next());
      if (!saved) {
        if (mark.position > 0 || before?.mark.hasNext) {
          throw damaged(name, "its snapshot cannot be read");
        }
        // It was being written: nobody has seen anything that came after it.
        if (!isComplete(reader, mark, boot, time)) newLog = "power";
        break;
      }
      if (!fold) {
        fold = Fold.restore(saved);
        ({ time } = saved);
      }
      if (fold.log.end !== saved.log.end || fold.size !== saved.members.length) {
        throw damaged(name, "it does not continue the segment before it");
      }
      const { position: start } = reader;
      let times: LiveSegment["times"];
      for (let entry = reader.next(); entry; entry = reader.next()) {
        if (!isKind(entry.kind)) throw ofAnotherVersion(name);
        fold.apply(entry as Entry);
        ({ time } = entry);
        times = { first: times?.first ?? time, last: time };
        entries++;
      }
      const { position: end, fault } = reader;
      const next = run[i + 1];
      const isSafe = mark.hasNext || (next?.mark?.position ?? 0) > 0;
      if (end < mark.position || (fault && isSafe)) {
        throw damaged(name, `at byte ${end} of ${Math.max(mark.position, end)} that were safe`);
      }
      const logStart = saved.log.segments[0]?.start ?? saved.log.end;
      segments.push({ file, info, mark, entries: start, end, logStart, times });
      if (mark.isLost) newLog = "disk";
      else if (next ? fault : isCut || !isComplete(reader, mark, boot, time)) {
        newLog = isSameBoot(mark.boot, boot.boot, time, boot.now) ? "damage" : "power";
      }
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw damaged(name, messageOf(cause));
    }
  }
  return { fold, segments, entries, time, newLog };
}

/** Whether nothing is missing at the end that anybody may have seen. */
function isComplete(
  { position, fault }: RecordReader,
  mark: Mark,
  { boot, now }: Boot,
  last: number,
): boolean {
  if (mark.isClean && mark.position === position && !fault) return true;
  return fault !== "bad" && isSameBoot(mark.boot, boot, last, now);
}

/** The segments that the room is in. */
interface Run {
  /** They follow each other without a gap: the oldest first. */
  readonly segments: readonly Candidate[];
  /** There are also segments of an earlier room: they are dropped when the first one of this room is on the disk. */
  readonly hasEarlier: boolean;
  /** Later segments are there, but of no use: the power was cut before those between were on the disk. */
  readonly isCut: boolean;
}

function newestRun(files: readonly FoundFile[]): Run {
  const { candidates, unreadable } = candidatesIn(files);
  const begin = Math.max(0, candidates.findLastIndex(({ info }) => info.after === 0));
  const run = candidates.slice(begin);
  for (const { found, info } of run) checkOriginal(found, info);
  const gap = run.findIndex(({ info }, i) => info.sequence !== run[0]!.info.sequence + i);
  const segments = gap < 0 ? run : run.slice(0, gap);
  const last = segments.at(-1);
  const isNextSafe = last?.mark?.hasNext ||
    run.slice(segments.length).some(({ mark }) => mark && mark.position > 0);
  if (last && isNextSafe) throw damaged(last.found.name, "the segment after it is missing");
  // Segments that were just beginning when the power was cut have no header yet.
  const [lost] = unreadable;
  if (lost && !last) throw damaged(lost.name, "its header cannot be read");
  return { segments, hasEarlier: begin > 0, isCut: gap >= 0 };
}

/** Not for segments of an earlier room: after --new-log they stay until the new room is on the disk. */
function checkOriginal({ name, inode }: FoundFile, info: SegmentInfo): void {
  if (info.inode === undefined || inode === undefined || info.inode === inode) return;
  throw new ChatError(`Cannot use ${name}: it is a copy of the file that the room used`, {
    hint: `The room may have continued since the copy was made. ${HINT}`,
  });
}

/** @throws {ChatError} if another version wrote one of them */
function candidatesIn(
  files: readonly FoundFile[],
): { candidates: Candidate[]; unreadable: FoundFile[] } {
  const candidates: Candidate[] = [];
  const unreadable: FoundFile[] = [];
  for (const [file, found] of files.entries()) {
    const header = found.read(SEGMENT_HEADER);
    if (header.length === 0) continue;
    const info = parseHeader(header);
    if (info === "version") {
      throw ofAnotherVersion(found.name);
    }
    if (!info) unreadable.push(found);
    else candidates.push({ file, found, info, mark: parseMark(header) });
  }
  candidates.sort((a, b) => a.info.sequence - b.info.sequence);
  return { candidates, unreadable };
}

/**
 * How a room was governed, as far as the newest segment that can be read says it; undefined if none can be. For a new log:
 * whatever else is lost, a banned member must not come back by that.
 */
export function governanceIn(files: readonly FoundFile[]): SavedGovernance | undefined {
  const readable = files.filter((found) =>
    typeof parseHeader(found.read(SEGMENT_HEADER)) === "object"
  );
  for (const { found, info } of candidatesIn(readable).candidates.toReversed()) {
    const reader = new RecordReader(found.read(), info.salt);
    try {
      const saved = readSnapshot(() => reader.next());
      if (!saved) continue;
      const fold = Fold.restore(saved);
      for (let entry = reader.next(); entry; entry = reader.next()) fold.apply(entry as Entry);
      return fold.governance.save();
    } catch {
      // It is damaged: an older one has less, and that is better than nothing.
    }
  }
  return undefined;
}

/** The file of the newest segment whose header can be read, and its sequence; an earlier one than all if there is none. */
export function newestIn(files: readonly FoundFile[]): { file: number; sequence: number } {
  let newest = { file: -1, sequence: 0 };
  for (const [file, found] of files.entries()) {
    const info = parseHeader(found.read(SEGMENT_HEADER));
    if (typeof info !== "object" || info.sequence <= newest.sequence) continue;
    newest = { file, sequence: info.sequence };
  }
  return newest;
}

function ofAnotherVersion(name: string): ChatError {
  return new ChatError(`Cannot use ${name}: another version of chat wrote it`, {
    hint: "Use that version; or start with --new-log: the conversation is dropped",
  });
}

function damaged(name: string, what: string): ChatError {
  return new ChatError(`Cannot use ${name}: it is damaged (${what})`, { hint: HINT });
}
