// Files on their way, as the disk sees them: what is sent is read in ranges, what is received is gathered in a
// part and gets its name when it is whole and is what was offered. The edge; knows no room and no wire.
//
// A part stands in the folder of downloads as `NAME.<id>.part`; what is known about it as
// `NAME.<id>.part.state`: one line of JSON, the offer, and then a line for each length that is known to be on
// the disk, in decimal; the last whole line counts. A part that another client works on is locked.

import { createHash, type Hash } from "node:crypto";
import { ChatError } from "../errors.ts";
import { foldName, isPartName, numbered, partName, stateName, toFilename } from "./filename.ts";
import { makePrivateFolder, pathIn } from "./private_file.ts";
import { jsonLine, printable } from "../text/printable.ts";
import type { Disk, Offer, Sink, Upload } from "./download.ts";

/** Files and bytes are written through these: what can go wrong with them is hard to bring about. */
export interface Writing {
  write(file: Deno.FsFile, bytes: Uint8Array): Promise<number>;
  /** To the disk itself, with all that is known of the file or only its bytes. */
  sync(file: Deno.FsFile, what: "all" | "bytes"): Promise<void>;
  /** A second name for a file; never takes another's place. */
  link(from: string, to: string): Promise<void>;
}

/** Those of the system itself. */
export const SYSTEM: Writing = {
  write: (file, bytes) => file.write(bytes),
  sync: (file, what) => what === "all" ? file.sync() : file.syncData(),
  link: (from, to) => Deno.link(from, to),
};

/** Nobody else's, and not to be run. */
const OWNER_ONLY = 0o600;
/** Bits of a mode by which others may read or change a file. */
const OTHERS = 0o077;

/** Bytes that are hashed at once: a fraction of a millisecond, so that a conversation goes on meanwhile. */
const PIECE = 256 * 1024;
/** A part is synchronised each time so many bytes have come: what a crash may cost. */
const MARK_BYTES = 4 * 1024 * 1024;
/** But not more often than so, in a huge one: a line in its state each time. */
const MARKS = 4096;
/** Smaller files have no state while they come: they are sent again as quickly. */
const STATE_FROM = 1024 * 1024;
/** Characters behind the name in that of a part. */
const ENDING = partName("", "0".repeat(32)).length;
/** Bytes of a state: a line for each mark, and for each time that it rested. */
const MAX_STATE = 256 * 1024;
/** Parts that are looked at, in a folder that has more. */
const MAX_PARTS = 1000;
/** Names that are kept in memory; of a folder with more, those that differ in case only may stand side by side. */
const MAX_NAMES = 100_000;
/** Files of one name. */
const MAX_SAME = 10_000;
/** Files that are kept open among those that are offered. */
const MAX_OPEN = 16;
/** What a folder that is sent may have: files, names in all, and folders in folders. */
export const MAX_FILES = 20_000;
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;

const WINDOWS = Deno.build.os === "windows";

/**
 * Where the system has a user's downloads: on Linux what `user-dirs.dirs` says, which desktops write; else
 * `Downloads` in the user's home.
 *
 * @param read gives the text of a file; undefined if there is none
 * @throws {ChatError} if the environment does not say where the home is
 */
export function findDownloads(
  os: string,
  env: (name: string) => string | undefined,
  read: (path: string) => string | undefined = readText,
): string {
  const home = env(os === "windows" ? "USERPROFILE" : "HOME");
  if (!home) {
    throw new ChatError("Cannot find the folder for downloads: there is no home folder", {
      hint: "Name one: --downloads FOLDER",
    });
  }
  if (os === "windows") return `${home}\\Downloads`;
  if (os === "darwin") return `${home}/Downloads`;
  const config = env("XDG_CONFIG_HOME");
  const dirs = read(`${config?.startsWith("/") ? config : `${home}/.config`}/user-dirs.dirs`) ?? "";
  const [, quoted] = /^[ \t]*XDG_DOWNLOAD_DIR="((?:[^"\\]|\\.)*)"/m.exec(dirs) ?? [];
  const named = quoted?.replace(/^\$HOME(?=\/|$)/, () => home).replace(/\\(.)/g, "$1")
    .replace(/\/+$/, "");
  // The home itself stands for none.
  return named?.startsWith("/") && named !== home.replace(/\/+$/, "") ? named : `${home}/Downloads`;
}

/** It is a hint and no more: if it can't be read there is none. */
function readText(path: string): string | undefined {
  try {
    return Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The disk of this machine, with the rights of who runs the program. */
export class SystemDisk implements Disk {
  readonly #downloads: () => string;
  readonly #writing: Writing;
  readonly #maxFiles: number;
  #folder: Promise<Folder> | undefined;
  /** Those with an open file; the one read last is the last. */
  readonly #open = new Set<FileUpload>();

  /**
   * @param downloads where what is received goes; asked when something is, and made if it is missing
   * @param maxFiles files of a folder that is sent
   */
  constructor(downloads: () => string, writing: Writing = SYSTEM, maxFiles: number = MAX_FILES) {
    this.#downloads = downloads;
    this.#writing = writing;
    this.#maxFiles = maxFiles;
  }

  async open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
  ): Promise<Upload> {
    try {
      const real = await Deno.realPath(path);
      const info = await Deno.stat(real);
      if (info.isDirectory) throw new Refusal("it is a folder");
      // A pipe might never end, or never begin.
      if (!info.isFile) throw new Refusal("it is no file");
      using file = await Deno.open(real);
      const { hash, bytes } = await hashFile(file, info.size, progress);
      const after = await file.stat();
      if (bytes !== info.size || !isUnchanged(info, after)) {
        throw new Refusal("it changed while it was read");
      }
      const sha256 = new Uint8Array(hash.digest());
      return new FileUpload(real, toFilename(name ?? path), info, sha256, this.#open);
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
  }

  async *walk(path: string): AsyncIterable<{ path: string; name: string }> {
    const files: string[] = [];
    try {
      const info = await Deno.stat(path);
      if (info.isFile) files.push(path);
      else if (info.isDirectory) await gather(path, files, this.#maxFiles);
      else throw new Refusal("it is no file");
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
    for (const path of files) yield { path, name: toFilename(path) };
  }

  /**
   * Where it goes:
   *
   * 1. the folder is made if it is missing, its real path taken, and what is in it looked at, once;
   * 2. a part of the same offer that nobody works on is opened, hashed, and gone on with;
   * 3. else a new one is begun.
   */
  async sink(offer: Offer): Promise<Sink> {
    if (!Number.isSafeInteger(offer.size) || offer.size < 0) {
      throw new RangeError(`Cannot receive ${offer.size} bytes`);
    }
    const name = toFilename(offer.name);
    try {
      const folder = await this.#theFolder();
      return await resume(folder, offer, this.#writing) ??
        await begin(folder, offer, this.#writing);
    } catch (cause) {
      throw failure("receive", name, cause, "write");
    }
  }

  /** The same as before, if that is still there. One call after the other: all get the same. */
  #theFolder(): Promise<Folder> {
    const before = this.#folder;
    const open = async () => {
      const folder = await before?.catch(() => undefined);
      return folder && await folder.isThere()
        ? folder
        : await Folder.open(this.#downloads(), "make");
    };
    return this.#folder = open();
  }
}

/** A name that stands in the folder. */
interface Taken {
  readonly name: string;
  /** It is being given to a file. */
  coming: boolean;
  /** The number that is tried next for another file of this name. */
  next: number;
}

/** The folder of downloads: its real path, which what is received never leaves, and what is in it. */
class Folder {
  readonly path: string;
  readonly info: Deno.FileInfo;
  /** Parts that rest or may do so, by their names. */
  readonly parts = new Set<string>();
  /** Parts that this client works on. */
  readonly active = new Set<string>();
  /** By what names have in common (`foldName`). */
  readonly taken = new Map<string, Taken>();

  private constructor(path: string, info: Deno.FileInfo) {
    this.path = path;
    this.info = info;
  }

  static async open(path: string, make?: "make"): Promise<Folder> {
    const there = await kindOf(path);
    if (there === undefined && make) makePrivateFolder(path);
    if (there === "other") throw new Refusal(`${printable(path)} is no folder`);
    const real = await Deno.realPath(path);
    const info = await Deno.stat(real);
    const folder = new Folder(real, info);
    for await (const { name, isFile } of Deno.readDir(real)) {
      if (isPartName(name) && isFile) {
        if (folder.parts.size < MAX_PARTS) folder.parts.add(name);
      } else if (folder.taken.size < MAX_NAMES) {
        folder.taken.set(foldName(name), { name, coming: false, next: 2 });
      }
    }
    return folder;
  }

  /** The path of a name in it, which has no separators. */
  at(name: string): string {
    return /[/\\]$/.test(this.path) ? this.path + name : pathIn(this.path, name);
  }

  /** Whether it still stands where it was, and is the same. */
  async isThere(): Promise<boolean> {
    try {
      const info = await Deno.lstat(this.path);
      return info.isDirectory && isSame(info, this.info);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw cause;
    }
  }
}

/** One file that is being received. */
class FileSink implements Sink {
  readonly #folder: Folder;
  readonly #offer: Offer;
  readonly #name: string;
  /** The name of its part. */
  readonly #part: string;
  readonly #file: Deno.FsFile;
  readonly #writing: Writing;
  readonly #hash: Hash;
  /** Where its lengths are written; small files have none before they rest. */
  #state: Deno.FsFile | undefined;
  #have: number;
  /** The length that was, or is being, synchronised. */
  #marked: number;
  /** The length that its state has. */
  #safe: number;
  /** Bytes behind `#have` are in the file: a write has failed in the middle. */
  #torn = false;
  /** What is being synchronised; the next waits for it. */
  #marking: Promise<void> = Promise.resolve();
  #failed: { readonly cause: unknown } | undefined;
  /** The last of what is to be done with it, one after the other; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(
    folder: Folder,
    offer: Offer,
    part: string,
    file: Deno.FsFile,
    writing: Writing,
    state: Deno.FsFile | undefined,
    begun: { readonly hash: Hash; readonly bytes: number },
  ) {
    this.#folder = folder;
    this.#offer = offer;
    this.#name = toFilename(offer.name);
    this.#part = part;
    this.#file = file;
    this.#writing = writing;
    this.#state = state;
    this.#hash = begun.hash;
    this.#have = this.#marked = this.#safe = begun.bytes;
    folder.active.add(part);
    folder.parts.delete(part);
  }

  get have(): number {
    return this.#have;
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#then(() => this.#append(offset, bytes));
  }

  finish(): Promise<string> {
    return this.#then(() => this.#finish());
  }

  abort(keep: boolean): Promise<void> {
    return this.#then(async () => {
      if (!this.#ended) await this.#end(keep);
    });
  }

  #then<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => {});
    return done;
  }

  async #append(offset: number, bytes: Uint8Array): Promise<void> {
    this.#checkOpen();
    if (offset !== this.#have) {
      throw new RangeError(`Cannot write at ${offset}: ${this.#have} bytes are there`);
    }
    if (bytes.length > this.#offer.size - this.#have) {
      throw new RangeError(
        `Cannot write ${bytes.length} bytes at ${offset}: ${this.#offer.size} were offered in all`,
      );
    }
    try {
      if (this.#failed) throw this.#failed.cause;
      if (this.#torn) await cutTo(this.#file, this.#have);
      this.#torn = true;
      for (let at = 0; at < bytes.length;) {
        const written = await this.#writing.write(this.#file, bytes.subarray(at));
        if (written === 0) throw new Refusal("the system takes no more");
        at += written;
      }
      this.#torn = false;
      this.#hash.update(bytes);
      this.#have += bytes.length;
      const step = Math.max(MARK_BYTES, Math.ceil(this.#offer.size / MARKS));
      if (this.#state && this.#have - this.#marked >= step) {
        // The disk may be slower than what comes: then it sets the pace.
        await this.#marking;
        await this.#checkPart();
        const have = this.#marked = this.#have;
        this.#marking = this.#mark(have).catch((cause) => {
          this.#failed ??= { cause };
        });
      }
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /**
   * The file gets its name:
   *
   * 1. it is what was offered, by size and hash, and on the disk itself;
   * 2. the part, which is still the file that was written, gets a second name that nobody has;
   * 3. it loses the first.
   */
  async #finish(): Promise<string> {
    this.#checkOpen();
    const { size, sha256 } = this.#offer;
    if (this.#have !== size) {
      throw new ChatError(
        `Cannot receive ${this.#shown}: ${this.#have} of ${size} bytes have come`,
      );
    }
    await this.#marking;
    if (!equal(this.#hash.digest(), sha256)) {
      await this.#end(false);
      throw new ChatError(
        `Cannot receive ${this.#shown}: what came is not what was offered, its SHA-256 is another`,
        { hint: "Nothing was kept; ask for it to be sent again" },
      );
    }
    try {
      // The system tells a failure once: a second synchronisation may succeed without the bytes.
      if (this.#failed) throw this.#failed.cause;
      await this.#writing.sync(this.#file, "all");
      await this.#checkPart();
      const path = await this.#place();
      this.#close();
      await removeBoth(this.#folder, this.#part).catch(() => {
        // What stays is a second name; it can be removed as other parts.
      });
      return path;
    } catch (cause) {
      const failure = this.#failure(cause);
      await this.#end(true);
      throw failure;
    }
  }

  /** Gives the part a name as well; returns its path. */
  async #place(): Promise<string> {
    const { taken } = this.#folder;
    const first = foldName(this.#name);
    for (let n = 1; n <= MAX_SAME; n++) {
      const name = numbered(this.#name, n);
      const folded = foldName(name);
      if (await this.#isTaken(folded)) {
        // Where there are many of one name, they need not all be tried.
        if (n === 1) n = taken.get(first)!.next - 1;
        continue;
      }
      // Before anything else happens: others finish at the same time.
      const entry = { name, coming: true, next: 2 };
      taken.set(folded, entry);
      const base = taken.get(first);
      if (base && n > 1) base.next = n + 1;
      const path = this.#folder.at(name);
      try {
        await this.#give(path);
        entry.coming = false;
        return path;
      } catch (cause) {
        entry.coming = false;
        if (cause instanceof Deno.errors.AlreadyExists) continue;
        taken.delete(folded);
        throw cause;
      }
    }
    throw new Refusal(`there are ${MAX_SAME} files of this name already`);
  }

  /** Whether a name like it stands in the folder: it may have been removed since it was seen. */
  async #isTaken(folded: string): Promise<boolean> {
    const { taken } = this.#folder;
    const seen = taken.get(folded);
    if (!seen) return false;
    if (seen.coming) return true;
    try {
      await Deno.lstat(this.#folder.at(seen.name));
      return true;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      if (taken.get(folded) === seen) taken.delete(folded);
      return taken.has(folded);
    }
  }

  /** @throws {Deno.errors.AlreadyExists} if the path is somebody's */
  async #give(path: string): Promise<void> {
    const part = this.#folder.at(this.#part);
    try {
      await this.#writing.link(part, path);
    } catch (cause) {
      if (cause instanceof Deno.errors.AlreadyExists || cause instanceof Deno.errors.NotFound) {
        throw cause;
      }
      // A stick or a share may be in a way that has no second names, and says so in many ways: the name is
      // taken with an empty file, which the part replaces at once. A crash in between leaves the empty file.
      const claim = await Deno.open(path, { write: true, createNew: true, mode: OWNER_ONLY });
      const mine = await claim.stat().finally(() => claim.close());
      const now = await Deno.lstat(path);
      if (now.size !== 0 || !isSame(now, mine)) throw new Deno.errors.AlreadyExists(path);
      try {
        await Deno.rename(part, path);
      } catch (cause) {
        await Deno.remove(path).catch(() => {});
        throw cause;
      }
    }
  }

  /** The part may have been removed, or moved away with its folder: then what comes would go nowhere. */
  async #checkPart(): Promise<void> {
    let info: Deno.FileInfo;
    try {
      info = await Deno.lstat(this.#folder.at(this.#part));
    } catch (cause) {
      if (await this.#folder.isThere()) throw gone(cause, "its part is gone");
      throw new Refusal(`the folder ${printable(this.#folder.path)} is gone`);
    }
    if (!info.isFile || !isSame(info, await this.#file.stat())) {
      throw new Refusal("another file stands where its part was");
    }
  }

  /** What is there is on the disk; its state says so. */
  async #mark(have: number): Promise<void> {
    await this.#writing.sync(this.#file, "bytes");
    if (!this.#state) return;
    await writeAll(this.#state, `${have}\n`);
    this.#safe = have;
  }

  /** `keep` as far as it is of use: what its state does not say can't be gone on with. */
  async #end(keep: boolean): Promise<void> {
    this.#ended = true;
    await this.#marking;
    try {
      await this.#checkPart();
    } catch {
      // What stands under its name, or is behind its folder's, is somebody else's.
      this.#close();
      if (await this.#folder.isThere().catch(() => false)) {
        await remove(this.#folder, stateName(this.#part)).catch(() => {});
      }
      return;
    }
    try {
      if (keep && this.#have > 0) {
        this.#state ??= await createState(this.#folder, this.#part, this.#offer);
        await this.#mark(this.#have);
      }
    } catch {
      // As much stays as was marked before.
    }
    this.#close();
    if (keep && this.#safe > 0) this.#folder.parts.add(this.#part);
    // What can't be removed does no harm, and can be found again.
    else await removeBoth(this.#folder, this.#part).catch(() => {});
  }

  #close(): void {
    this.#ended = true;
    this.#folder.active.delete(this.#part);
    this.#state?.close();
    this.#file.close();
  }

  #checkOpen(): void {
    if (this.#ended) throw new ChatError(`Cannot receive ${this.#shown}: it has ended`);
  }

  get #shown(): string {
    return printable(this.#name);
  }

  #failure(cause: unknown): ChatError {
    return failure("receive", this.#name, cause, "write");
  }
}

/** One file that is offered. */
class FileUpload implements Upload {
  readonly name: string;
  readonly size: number;
  readonly sha256: Uint8Array;
  readonly #path: string;
  readonly #info: Deno.FileInfo;
  /** Those of the same disk that have an open file. */
  readonly #open: Set<FileUpload>;
  #file: Deno.FsFile | undefined;
  #closed = false;
  /** The last of what is to be done with it, one after the other; never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    path: string,
    name: string,
    info: Deno.FileInfo,
    sha256: Uint8Array,
    open: Set<FileUpload>,
  ) {
    this.#path = path;
    this.name = name;
    this.size = info.size;
    this.sha256 = sha256;
    this.#info = info;
    this.#open = open;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const done = this.#last.then(() => this.#read(offset, length));
    this.#last = done.catch(() => {});
    return done;
  }

  close(): void {
    this.#closed = true;
    this.#rest();
  }

  async #read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0
    ) {
      throw new RangeError(`Cannot read ${length} bytes at ${offset}`);
    }
    if (length > this.size - offset) {
      throw new RangeError(`Cannot read ${length} bytes at ${offset}: it has ${this.size}`);
    }
    try {
      if (this.#closed) throw new Refusal("it is no longer offered");
      // By its path, so that it is also seen when it was replaced.
      if (!isUnchanged(await Deno.lstat(this.#path), this.#info)) throw new Refusal(CHANGED);
      const file = await this.#opened();
      await file.seek(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const read = await file.read(bytes.subarray(at));
        if (read === null) throw new Refusal(CHANGED);
        at += read;
      }
      return bytes;
    } catch (cause) {
      throw failure("send", this.#path, gone(cause, "it is gone"), "read");
    }
  }

  /** Its file; others that were not read for long close theirs. */
  async #opened(): Promise<Deno.FsFile> {
    if (!this.#file) {
      const file = await Deno.open(this.#path);
      if (!isUnchanged(await file.stat(), this.#info)) {
        file.close();
        throw new Refusal(CHANGED);
      }
      this.#file = file;
    }
    this.#open.delete(this);
    this.#open.add(this);
    for (const upload of this.#open) {
      if (this.#open.size <= MAX_OPEN) break;
      upload.#rest();
    }
    return this.#file;
  }

  /** Closes its file when nobody reads it any more; the next reading opens it again. */
  #rest(): void {
    this.#open.delete(this);
    this.#last = this.#last.then(() => {
      // It may be in use again.
      if (!this.#closed && this.#open.has(this)) return;
      this.#open.delete(this);
      this.#file?.close();
      this.#file = undefined;
    });
  }
}

const CHANGED = "it has changed since it was offered";

/** What rests of an offer, made ready to go on; undefined if nothing does. */
async function resume(
  folder: Folder,
  offer: Offer,
  writing: Writing,
): Promise<FileSink | undefined> {
  // Its id may be another one by now; ids have the same length.
  const beginning = partName(toFilename(offer.name), "0".repeat(32)).slice(0, -ENDING);
  for (const part of folder.parts) {
    if (part.slice(0, -ENDING) !== beginning) continue;
    const state = await readState(folder, part);
    if (!state || !isOffer(state.offer, offer)) continue;
    const file = await openPart(folder, part);
    if (!file) continue;
    // Nobody else may choose it meanwhile.
    folder.active.add(part);
    let log: Deno.FsFile | undefined;
    try {
      const have = Math.min(state.marked, offer.size, (await file.stat()).size);
      log = await Deno.open(folder.at(stateName(part)), { append: true });
      // A line that a crash has cut short ends here.
      if (state.torn) await writeAll(log, "\n");
      await cutTo(file, have);
      await file.seek(0, Deno.SeekMode.Start);
      const begun = await hashFile(file, have);
      if (begun.bytes !== have) throw new Refusal("its part changed while it was read");
      return new FileSink(folder, offer, part, file, writing, log, begun);
    } catch (cause) {
      folder.active.delete(part);
      log?.close();
      file.close();
      throw cause;
    }
  }
  return undefined;
}

/** A new part, of nobody else's. */
async function begin(folder: Folder, offer: Offer, writing: Writing): Promise<FileSink> {
  const name = toFilename(offer.name);
  const random = () => crypto.getRandomValues(new Uint8Array(16));
  // Its own id tells it best; another one, if it is there or is no id.
  const ids = [...(offer.id.length === 16 ? [offer.id] : []), random(), random()];
  for (const id of ids) {
    const part = partName(name, id.toHex());
    let file: Deno.FsFile;
    try {
      file = await Deno.open(folder.at(part), {
        read: true,
        write: true,
        createNew: true, // Follows no link.
        mode: OWNER_ONLY,
      });
    } catch (cause) {
      if (cause instanceof Deno.errors.AlreadyExists) continue;
      throw cause;
    }
    try {
      await lock(file);
      const state = offer.size < STATE_FROM ? undefined : await createState(folder, part, offer);
      const begun = { hash: createHash("sha256"), bytes: 0 };
      return new FileSink(folder, offer, part, file, writing, state, begun);
    } catch (cause) {
      file.close();
      await removeBoth(folder, part).catch(() => {});
      throw cause;
    }
  }
  throw new Refusal("its part is there already");
}

/**
 * Opens and locks a part that is this user's own: it may have been put there by others, where they can write
 * in the folder, as a link or with a second name. undefined if it is not, or somebody works on it.
 */
async function openPart(folder: Folder, part: string): Promise<Deno.FsFile | undefined> {
  if (folder.active.has(part)) return undefined;
  const path = folder.at(part);
  let file: Deno.FsFile;
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile || !isOwn(info, folder.info)) return undefined;
    file = await Deno.open(path, { read: true, write: true });
    if (isSame(await file.stat(), info) && await lock(file)) return file;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof Deno.errors.PermissionDenied) return undefined;
    throw cause;
  }
  file.close();
  return undefined;
}

/** Whether nobody but this user has a way to it: the folder is this user's, too. */
function isOwn(info: Deno.FileInfo, folder: Deno.FileInfo): boolean {
  if (WINDOWS) return true;
  return info.nlink === 1 && info.uid === folder.uid && ((info.mode ?? 0) & OTHERS) === 0;
}

/** @returns whether nobody else has it locked; where there are no locks, nobody has */
async function lock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
}

interface State {
  readonly offer: Omit<Offer, "id">;
  /** Bytes of the part that are on the disk. */
  readonly marked: number;
  /** The last line is not whole. */
  readonly torn: boolean;
}

/** What is known about a part; undefined if that is nothing, or can't be trusted. */
async function readState(folder: Folder, part: string): Promise<State | undefined> {
  const path = folder.at(stateName(part));
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile || info.size > MAX_STATE || !isOwn(info, folder.info)) return undefined;
    using file = await Deno.open(path);
    if (!isSame(await file.stat(), info)) return undefined;
    const bytes = new Uint8Array(info.size);
    for (let at = 0; at < bytes.length;) {
      const read = await file.read(bytes.subarray(at));
      if (read === null) return undefined;
      at += read;
    }
    return parseState(new TextDecoder().decode(bytes));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof Deno.errors.PermissionDenied) return undefined;
    throw cause;
  }
}

function parseState(text: string): State | undefined {
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  const offer = parseOffer(lines.shift() ?? "");
  if (!offer) return undefined;
  const marks = lines.filter((line) => /^\d{1,16}$/.test(line)).map(Number);
  return { offer, marked: marks.at(-1) ?? 0, torn };
}

function parseOffer(line: string): Omit<Offer, "id"> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { name, size, sha256, from } = json as Record<string, unknown>;
  if (typeof name !== "string" || typeof from !== "string") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { name, size, sha256: Uint8Array.fromHex(sha256), from };
}

async function createState(folder: Folder, part: string, offer: Offer): Promise<Deno.FsFile> {
  const path = folder.at(stateName(part));
  const create = () => Deno.open(path, { append: true, createNew: true, mode: OWNER_ONLY });
  let file: Deno.FsFile;
  try {
    file = await create();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
    // The part is new, so this is left over from another.
    await Deno.remove(path);
    file = await create();
  }
  const { name, size, sha256, from } = offer;
  try {
    const line = jsonLine({ name: toFilename(name), size, sha256: sha256.toHex(), from });
    await writeAll(file, `${line}\n`);
    return file;
  } catch (cause) {
    file.close();
    throw cause;
  }
}

function isOffer(a: Omit<Offer, "id">, b: Offer): boolean {
  return a.size === b.size && a.from === b.from && equal(a.sha256, b.sha256);
}

/** The state first: a part without one can be found and removed, a state without a part can't. */
async function removeBoth(folder: Folder, part: string): Promise<void> {
  folder.parts.delete(part);
  await remove(folder, stateName(part));
  await remove(folder, part);
}

async function remove(folder: Folder, name: string): Promise<void> {
  try {
    await Deno.remove(folder.at(name));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}

/** Hashes a file from where it stands, `most` bytes at most; and how many there were. */
async function hashFile(
  file: Deno.FsFile,
  most: number,
  progress: (bytes: number, size: number) => void = () => {},
): Promise<{ hash: Hash; bytes: number }> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, most + 1));
  let bytes = 0;
  // One more than expected shows that it has grown.
  while (bytes <= most) {
    const read = await file.read(piece);
    if (read === null) break;
    hash.update(piece.subarray(0, read));
    bytes += read;
    progress(Math.min(bytes, most), most);
  }
  return { hash, bytes };
}

/** Puts the paths of the files in a folder behind those that are there: by name, folders among them. */
async function gather(
  folder: string,
  files: string[],
  most: number,
  seen: { entries: number } = { entries: 0 },
  depth = 1,
): Promise<void> {
  if (depth > MAX_DEPTH) throw new Refusal(`it has more than ${MAX_DEPTH} folders in each other`);
  const entries: Deno.DirEntry[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (++seen.entries > MAX_ENTRIES) throw new Refusal(`it has more than ${MAX_ENTRIES} entries`);
    if (entry.isFile || entry.isDirectory) entries.push(entry);
  }
  // In the same order on every system.
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isFile } of entries) {
    const path = /[/\\]$/.test(folder) ? folder + name : pathIn(folder, name);
    if (!isFile) {
      await gather(path, files, most, seen, depth + 1);
    } else {
      if (files.length >= most) throw new Refusal(`it has more than ${most} files`);
      files.push(path);
    }
  }
}

/** What a path leads to; undefined if nothing. */
async function kindOf(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "other";
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** Whether both are one file. On Windows its number is not told everywhere. */
function isSame(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return WINDOWS || (a.dev === b.dev && a.ino === b.ino);
}

/** Whether a file still is what it was, as far as can be told without reading it. */
function isUnchanged(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return a.isFile && isSame(a, b) && a.size === b.size &&
    a.mtime?.getTime() === b.mtime?.getTime();
}

async function cutTo(file: Deno.FsFile, bytes: number): Promise<void> {
  await file.truncate(bytes);
  await file.seek(bytes, Deno.SeekMode.Start);
}

async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Why something can't be done, as the end of a sentence: what `failure` makes a ChatError of. */
class Refusal extends Error {}

/** What is not found is said in other words than the general ones. */
function gone(cause: unknown, words: string): unknown {
  return cause instanceof Deno.errors.NotFound ? new Refusal(words) : cause;
}

/** What the system says about a disk, in words for people; by the codes that all systems' errors are given. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "your share of the disk is used up",
  EFBIG: "the file system takes no file of this size",
  EROFS: "the disk can't be written",
  EIO: "the disk has failed",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long for the file system",
  EILSEQ: "the file system does not take this name",
};

function failure(
  action: string,
  what: string,
  cause: unknown,
  access: "read" | "write",
): ChatError {
  if (cause instanceof ChatError) return cause;
  const shown = printable(what);
  return new ChatError(`Cannot ${action} ${shown}: ${reason(cause, action, access)}`, { cause });
}

function reason(cause: unknown, action: string, access: "read" | "write"): string {
  if (cause instanceof Refusal) return cause.message;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : "";
  const known = typeof code === "string" ? REASONS[code] : undefined;
  if (known !== undefined) return known;
  if (cause instanceof Deno.errors.NotFound) {
    return action === "send" ? "there is no such file" : "the folder is gone";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return access === "read" ? "you may not read it" : "you may not write in the folder";
  }
  if (cause instanceof Deno.errors.NotADirectory) return "a part of its path is no folder";
  if (cause instanceof Deno.errors.NotCapable) {
    return `the program may not ${access} there`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
