// Reads what a server has kept of its room: the segments of its ring, from the oldest snapshot on, entry by entry.
// Decides whether the room's log goes on, or a new one must begin. Pure: reads bytes that the caller has read.
//
// Nobody has seen an entry that is not in the file: it is written before any socket. So after a crash of the process,
// what is in the files is all there ever was, perhaps with a part of a record at the end. After a power cut, the end of
// what members have seen may be missing: then the room needs a new log, with another name, or two conversations would
// have the same positions.

import { ChatError, messageOf } from "../errors.ts";
import { isSameBoot } from "./boot.ts";
import type { Entry } from "./entry.ts";
import { Fold } from "./fold.ts";
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
  /** The end of what was kept is damaged. */
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
  /** How many entries were replayed. */
  readonly entries: number;
  /** Bytes at the end that are no complete record. */
  readonly cut: number;
  /** undefined: the log goes on. */
  readonly newLog: NewLogReason | undefined;
}

const HINT = "Restore a backup and start with --new-log; or start with --new-log: " +
  "the code stays, and what was said is dropped";

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
  const run = newestRun(files);
  let fold: Fold | undefined;
  let entries = 0;
  let cut = 0;
  let newLog: NewLogReason | undefined;
  const segments: LiveSegment[] = [];
  for (const [i, { file, found, info, mark: read }] of run.entries()) {
    if (newLog) break;
    const { name } = found;
    const before = segments.at(-1);
    const isAwaited = before?.mark.hasNext !== false;
    // A segment that was just beginning when the power was cut may have no mark yet.
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
        if (mark.position > 0 || (before && isAwaited)) {
          throw damaged(name, "its snapshot cannot be read");
        }
        // It was being written: nobody has seen anything that came after it.
        cut += bytes.length;
        if (!isComplete(reader, mark, boot, fold?.time ?? 0)) newLog = "power";
        break;
      }
      fold ??= Fold.restore(saved);
      if (fold.log.end !== saved.log.end || fold.size !== saved.members.length) {
        throw damaged(name, "it does not continue the segment before it");
      }
      const { position: start } = reader;
      let times: LiveSegment["times"];
      for (let entry = reader.next(); entry; entry = reader.next()) {
        fold.apply(entry as Entry);
        times = { first: times?.first ?? entry.time, last: entry.time };
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
      cut += bytes.length - end;
      if (mark.isLost) newLog = "disk";
      else if (next ? fault : !isComplete(reader, mark, boot, fold.time)) {
        newLog = fault ? "damage" : "power";
      }
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw damaged(name, messageOf(cause));
    }
  }
  return { fold, segments, entries, cut, newLog };
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

/** The segments that follow each other without a gap, up to the newest one. */
function newestRun(files: readonly FoundFile[]): Candidate[] {
  const candidates: Candidate[] = [];
  const unreadable: FoundFile[] = [];
  for (const [file, found] of files.entries()) {
    const header = found.read().slice(0, SEGMENT_HEADER);
    if (header.length === 0) continue;
    const info = parseHeader(header);
    if (info === "version") {
      throw new ChatError(`Cannot use ${found.name}: another version of chat wrote it`, {
        hint: "Use that version; or start with --new-log: what was said is dropped",
      });
    }
    if (!info) unreadable.push(found);
    else candidates.push({ file, found, info, mark: parseMark(header) });
  }
  candidates.sort((a, b) => a.info.sequence - b.info.sequence);
  for (const { found, info } of candidates) {
    if (info.inode !== undefined && found.inode !== undefined && info.inode !== found.inode) {
      throw new ChatError(`Cannot use ${found.name}: it is a copy of the file that the room used`, {
        hint: "The room may have gone on since the copy was made. Start with --new-log: " +
          "the code stays, and what was said is dropped",
      });
    }
  }
  for (const [i, { found, info, mark }] of candidates.entries()) {
    const next = candidates[i + 1];
    const isMissing = next
      ? next.info.sequence !== info.sequence + 1
      : mark?.hasNext && unreadable.length === 0;
    if (isMissing) throw damaged(found.name, "the segment after it is missing");
  }
  const [lost] = unreadable;
  const last = candidates.at(-1);
  // A segment that was just beginning when the power was cut has no header yet.
  if (lost && (unreadable.length > 1 || !last || last.mark?.hasNext !== false)) {
    throw damaged(lost.name, "its header cannot be read");
  }
  return candidates;
}

function damaged(name: string, what: string): ChatError {
  return new ChatError(`Cannot use ${name}: it is damaged (${what})`, { hint: HINT });
}
