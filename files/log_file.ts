// A transcript that grows while the program runs: a private file of complete lines, which older files of the same
// transcript follow (FILE, FILE.1 to FILE.9). Knows no room, and of the lines only their form: the further lines of an
// entry are indented, and the first line of a file says that it is a transcript.

import { ChatError, messageOf } from "../errors.ts";
import { counted } from "../text/counts.ts";
import { printable } from "../text/printable.ts";
import { OWNER_ONLY } from "./file_identity.ts";
import { readAllSync, writeAll } from "./file_io.ts";
import { tryLock } from "./lock.ts";
import { entriesBackwards } from "./log_reader.ts";
import { checkOwn } from "./ownership.ts";
import type { Log, LogOptions } from "./paths.ts";
import { checkOwnPlace, creationFault, isTaken, removeFile } from "./private_file.ts";

/** A file of this size, in bytes, gets another name, and a new one begins. */
const MAX_FILE = 8 * 1024 * 1024;
/** How many older files are kept. */
const MAX_OLDER = 9;
/** Characters that wait for the disk, also in a burst of messages; more than that, and the oldest entries go. */
const MAX_WAITING = 4 * 1024 * 1024;
/** The beginning of a transcript: of a log, or of what `/save` has written. */
const HEADING = /^# the room at [^\n]+, (?:logged|saved) /;
/** A heading is shorter, in bytes. */
const MAX_HEADING = 4096;

const NEWLINE = 0x0a;

export interface LogFileOptions extends LogOptions {
  /** The user's home folder: what is above it is not checked. */
  readonly home: string | undefined;
  readonly maxFile?: number;
  readonly maxWaiting?: number;
  /** Writes all bytes; a test passes in a full disk. */
  readonly write?: typeof writeAll;
}

/** One program at a time writes it: FILE.lock is locked meanwhile. */
export class LogFile implements Log {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  readonly #options: LogFileOptions;
  readonly #maxFile: number;
  readonly #maxWaiting: number;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  /** Characters of `#waiting`. */
  #size = 0;
  /** Entries that were dropped because the disk did not take them. */
  #lost = 0;
  #writing: Promise<void> | undefined;
  #isClosed = false;
  /** The user knows that writing fails. */
  #isFailing = false;
  /** The end of the file may be a torn line: of a crash, or of a write that failed. */
  #mayBeTorn = true;
  /** A file that could not be rotated: this much is added before the next try, in bytes. */
  #extra = 0;

  private constructor(path: string, lock: Deno.FsFile, options: LogFileOptions) {
    this.path = path;
    this.#lock = lock;
    this.#options = options;
    this.#maxFile = options.maxFile ?? MAX_FILE;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
  }

  /**
   * Opens a transcript and adds a heading; makes it if it is missing.
   *
   * @throws {ChatError} if other users could read or change it, it is another file, another program writes it, or it
   * cannot be written
   */
  static async open(path: string, options: LogFileOptions): Promise<LogFile> {
    const { home } = options;
    const cannot = `Cannot log to ${printable(path)}`;
    try {
      const info = lookAt(path);
      if (!info) checkOwnPlace(path, home);
      else if (!info.isFile) {
        throw new ChatError(`${cannot}: it is ${info.isDirectory ? "a folder" : "not a file"}`);
      } else {
        checkOwn(path, { home });
        if (info.size > 0 && !isTranscript(path)) {
          throw new ChatError(`${cannot}: it is not a transcript of chat`, {
            hint: "chat adds to its own files only: choose another name",
          });
        }
      }
      // A link and the file that it leads to have one lock.
      const real = info ? Deno.realPathSync(path) : path;
      const lock = Deno.openSync(`${real}.lock`, { append: true, create: true, mode: OWNER_ONLY });
      try {
        if (await tryLock(lock) === false) {
          throw new ChatError(`${cannot}: another chat logs to it`, {
            hint: "Choose another name; {room} in it stands for the room's address",
          });
        }
        // Unlike `create`, this follows no link that leads nowhere.
        if (!info) Deno.openSync(path, { append: true, createNew: true, mode: OWNER_ONLY }).close();
        const log = new LogFile(Deno.realPathSync(path), lock, options);
        await log.#write((info?.size ?? 0) > 0 ? options.heading() : "");
        return log;
      } catch (error) {
        lock.close();
        throw error;
      }
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw new ChatError(`${cannot}: ${creationFault(cause)}`, { cause });
    }
  }

  append(entry: string): void {
    if (this.#isClosed) return;
    this.#waiting.push(entry);
    this.#size += entry.length;
    if (this.#size > this.#maxWaiting) this.#drop();
    this.#writing ??= this.#writeAll();
  }

  async *entries(): AsyncGenerator<readonly string[]> {
    // All are opened now: they may be rotated meanwhile.
    const files: Deno.FsFile[] = [];
    try {
      for (const path of [this.path, ...this.#older()]) {
        if (!isTranscript(path)) break;
        files.push(await Deno.open(path));
      }
      for (const file of files) {
        const { size } = await file.stat();
        yield* entriesBackwards(size, (position, buffer) => readAt(file, position, buffer));
      }
    } finally {
      for (const file of files) file.close();
    }
  }

  /** Resolves when what waits has been written, or could not be. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#waiting.length > 0) await (this.#writing ??= this.#writeAll());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.flush();
    this.#lock.close();
  }

  #drop(): void {
    let count = 0;
    while (this.#size > this.#maxWaiting / 2 && count < this.#waiting.length) {
      this.#size -= this.#waiting[count++]!.length;
    }
    this.#waiting.splice(0, count);
    this.#lost += count;
  }

  /** Writes what waits. If that fails, the next entry tries it again. */
  async #writeAll(): Promise<void> {
    // Entries of the same turn share one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const entries = this.#waiting;
      const lost = this.#lost;
      this.#waiting = [];
      this.#size = 0;
      this.#lost = 0;
      const note = lost === 0 ? "" : `# ${counted(lost, "line")} left out\n`;
      try {
        await this.#write(note + entries.join(""));
        if (this.#isFailing) this.#options.report(`logging to ${printable(this.path)} again`);
        this.#isFailing = false;
      } catch (cause) {
        this.#waiting = [...entries, ...this.#waiting];
        this.#size = this.#waiting.reduce((sum, { length }) => sum + length, 0);
        this.#lost += lost;
        this.#fails(`Cannot log to ${printable(this.path)}: ${messageOf(cause)}`);
        break;
      }
    }
    this.#writing = undefined;
  }

  /** Reports a failure once. */
  #fails(message: string): void {
    if (!this.#isFailing) this.#options.report(`${message}; each new message tries again`);
    this.#isFailing = true;
  }

  /**
   * Adds text to the file, all of it or nothing. The file is opened each time: the user may have moved it away, or have
   * removed it.
   */
  async #write(text: string): Promise<void> {
    const bytes = this.#encoder.encode(text);
    const { size } = lookAt(this.path) ?? { size: 0 };
    if (size > 0 && size + bytes.length > this.#maxFile + this.#extra) this.#rotate();
    const options = { read: true, append: true, create: true, mode: OWNER_ONLY };
    using file = await Deno.open(this.path, options);
    const before = (await file.stat()).size;
    const start = before === 0 ? this.#options.heading() : this.#isTorn(file, before) ? "\n" : "";
    const all = start === "" ? bytes : this.#encoder.encode(start + text);
    try {
      await (this.#options.write ?? writeAll)(file, all);
      this.#mayBeTorn = false;
    } catch (cause) {
      this.#mayBeTorn = true;
      try {
        await file.truncate(before);
      } catch {
        // The next write begins on a new line.
      }
      throw cause;
    }
  }

  /** Whether the last line lacks its end. */
  #isTorn(file: Deno.FsFile, size: number): boolean {
    if (!this.#mayBeTorn) return false;
    const last = new Uint8Array(1);
    file.seekSync(size - 1, Deno.SeekMode.Start);
    return readAllSync(file, last) && last[0] !== NEWLINE;
  }

  /** FILE becomes FILE.1, and so on; the oldest file goes. If that is impossible, the file grows. */
  #rotate(): void {
    try {
      const older = this.#older();
      const count = older.findIndex((path) => !isTaken(path));
      const used = older.slice(0, count === -1 ? MAX_OLDER : count);
      for (const path of used) {
        if (!isTranscript(path)) {
          throw new ChatError(`${printable(path)} is not a transcript of chat`);
        }
      }
      if (used.length === MAX_OLDER) removeFile(used.pop()!);
      const names = [this.path, ...older];
      for (let n = used.length; n >= 0; n--) Deno.renameSync(names[n]!, names[n + 1]!);
      this.#extra = 0;
    } catch (cause) {
      const reason = cause instanceof ChatError ? cause.message : messageOf(cause);
      this.#extra += this.#maxFile;
      this.#options.report(`Cannot begin a new file after ${printable(this.path)}: ${reason}`);
    }
  }

  /** The names of the older files, the newest first. */
  #older(): string[] {
    return Array.from({ length: MAX_OLDER }, (_, i) => `${this.path}.${i + 1}`);
  }
}

/** undefined if there is nothing. */
function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** Whether a file of this user begins as a transcript does. False if it cannot be read. */
function isTranscript(path: string): boolean {
  try {
    const { isFile, uid } = Deno.statSync(path);
    // In a folder such as /tmp, others can give their files these names.
    if (!isFile || (uid !== null && uid !== Deno.uid())) return false;
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(MAX_HEADING);
    const count = file.readSync(bytes) ?? 0;
    return HEADING.test(new TextDecoder().decode(bytes.subarray(0, count)));
  } catch {
    return false;
  }
}

async function readAt(
  file: Deno.FsFile,
  position: number,
  buffer: Uint8Array,
): Promise<number> {
  await file.seek(position, Deno.SeekMode.Start);
  let at = 0;
  while (at < buffer.length) {
    const count = await file.read(buffer.subarray(at));
    if (count === null) break;
    at += count;
  }
  return at;
}
