// TODO: say what this is.

import { equals } from "@std/bytes/equals";
import { createHash, type Hash } from "node:crypto";
import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { failure, gone, Refusal } from "./disk_errors.ts";
import { Folder, MAX_SAME } from "./download_folder.ts";
import { isOwn, isSame, OWNER_ONLY, writeAll, type Writing } from "./file_identity.ts";
import { foldName, numbered, partName, stateName, toFilename } from "./filename.ts";
import { hashFile } from "./offered_file.ts";
import { createState, isOffer, readState } from "./part_state.ts";
import type { Offer, Sink } from "./storage.ts";

/** A part is synchronised each time so many bytes have come: what a crash may cost. */
const MARK_BYTES = 4 * 1024 * 1024;
/** But not more often than so, in a huge one: a line in its state each time. */
const MARKS = 4096;
/** Smaller files have no state while they come: they are sent again as quickly. */
const STATE_FROM = 1024 * 1024;
/** Characters behind the name in that of a part. */
const ENDING = partName("", "0".repeat(32)).length;

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
    if (!equals(this.#hash.digest(), sha256)) {
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

/** What rests of an offer, made ready to go on; undefined if nothing does. */
export async function resume(
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
export async function begin(folder: Folder, offer: Offer, writing: Writing): Promise<FileSink> {
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

/** @returns whether nobody else has it locked; where there are no locks, nobody has */
async function lock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
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

async function cutTo(file: Deno.FsFile, bytes: number): Promise<void> {
  await file.truncate(bytes);
  await file.seek(bytes, Deno.SeekMode.Start);
}
