// A file that is being received: its bytes are collected in `NAME.<id>.part` in the downloads folder, hashed as they
// come, and the part gets its name when it is complete and verified. An interrupted part is resumed, also by another
// run of the program. Knows no wire and no sender.
//
// What the part holds on the disk is recorded beside it (`part_state.ts`). A part that another client works on is
// locked.

import { equals } from "@std/bytes/equals";
import { createHash, type Hash } from "node:crypto";
import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { damaged, DiskError, failure, orMissing } from "./disk_errors.ts";
import type { DownloadFolder } from "./download_folder.ts";
import { isOwn, isSame, OWNER_ONLY } from "./file_identity.ts";
import { updateHash, writeAll, type WriteCalls } from "./file_io.ts";
import { partName, stateName } from "./filename.ts";
import { appendLine, createState, isSameOffer, readState } from "./part_state.ts";
import type { ReceivedOffer, Sink } from "./storage.ts";
import { localName, localParts, localPath } from "./private_file.ts";

/** Bytes between two checkpoints: a crash may lose as many. */
export const CHECKPOINT_BYTES: number = 4 * 1024 * 1024;
/** Checkpoints of one part: in a huge file the steps between them are larger, so that its state stays small. */
const MAX_CHECKPOINTS = 4096;
/** Smaller files have no state while they are received: sending them again takes no longer. */
const MIN_STATE_SIZE = 1024 * 1024;
/** Characters after the name in a part's name. */
const ENDING_LENGTH = partName("", "0".repeat(32)).length;

/** A file that is being received. */
class PartFile implements Sink {
  readonly #folder: DownloadFolder;
  readonly #offer: ReceivedOffer;
  /** The folders and the name that the file gets. */
  readonly #path: readonly string[];
  /** The name of its part. */
  readonly #part: string;
  readonly #file: Deno.FsFile;
  readonly #calls: WriteCalls;
  #hash: Hash;
  /** Open for appending checkpoints; a small file has none before it is interrupted. */
  #state: Deno.FsFile | undefined;
  #have: number;
  /** The length of the newest checkpoint, which may still be on its way to the disk. */
  #checkpoint: number;
  /** The length in the state file. */
  #saved: number;
  /** The file has bytes after `#have`: a write has failed in the middle. */
  #torn = false;
  /** The checkpoint that is being written; the next one waits for it. */
  #writingCheckpoint: Promise<void> = Promise.resolve();
  #failed: { readonly cause: unknown } | undefined;
  /** The last operation; each waits for the one before it. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(
    folder: DownloadFolder,
    offer: ReceivedOffer,
    part: string,
    file: Deno.FsFile,
    calls: WriteCalls,
    state: Deno.FsFile | undefined,
    begun: { readonly hash: Hash; readonly bytes: number },
  ) {
    this.#folder = folder;
    this.#offer = offer;
    this.#path = localParts(offer.name);
    this.#part = part;
    this.#file = file;
    this.#calls = calls;
    this.#state = state;
    this.#hash = begun.hash;
    this.#have = this.#checkpoint = this.#saved = begun.bytes;
    folder.active.add(part);
    folder.parts.delete(part);
  }

  get have(): number {
    return this.#have;
  }

  prefix(): Promise<Uint8Array> {
    return this.#then(() => Promise.resolve(new Uint8Array(this.#hash.copy().digest())));
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#then(() => this.#append(offset, bytes));
  }

  restart(): Promise<void> {
    return this.#then(() => this.#restart());
  }

  finish(sha256: Uint8Array): Promise<string> {
    return this.#then(() => this.#finish(sha256));
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
    const { size } = this.#offer;
    if (offset !== this.#have) {
      throw new RangeError(`Cannot write at ${offset}: the part has ${this.#have} bytes`);
    }
    if (bytes.length > size - this.#have) {
      throw new RangeError(
        `Cannot write ${bytes.length} bytes at ${offset}: the file has ${size} in all`,
      );
    }
    try {
      if (this.#failed) throw this.#failed.cause;
      if (this.#torn) await cutTo(this.#file, this.#have);
      this.#torn = true;
      await writeAll({ write: (rest) => this.#calls.write(this.#file, rest) }, bytes);
      this.#torn = false;
      this.#hash.update(bytes);
      this.#have += bytes.length;
      const step = Math.max(CHECKPOINT_BYTES, Math.ceil(size / MAX_CHECKPOINTS));
      if (this.#state && this.#have - this.#checkpoint >= step) {
        // If the disk is slower than the network, it sets the pace here.
        await this.#writingCheckpoint;
        await this.#checkPart();
        const have = this.#checkpoint = this.#have;
        this.#writingCheckpoint = this.#writeCheckpoint(have).catch((cause) => {
          this.#failed ??= { cause };
        });
      }
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async #restart(): Promise<void> {
    this.#checkOpen();
    try {
      await this.#writingCheckpoint;
      await this.#checkPart();
      // The state first: after a crash the part may be longer than it says, and not shorter.
      if (this.#state) await appendLine(this.#state, "0");
      this.#have = this.#checkpoint = this.#saved = 0;
      this.#hash = createHash("sha256");
      // If this fails, the next write does it.
      this.#torn = true;
      await cutTo(this.#file, 0);
      this.#torn = false;
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /**
   * Gives the file its name:
   *
   * 1. size and hash are as its sender says, and all bytes are on the disk itself;
   * 2. the part, which is still the file that was written, is marked as coming from elsewhere;
   * 3. it gets a second name that no other file has;
   * 4. the part's name and its state are removed.
   */
  async #finish(sha256: Uint8Array): Promise<string> {
    this.#checkOpen();
    const { size } = this.#offer;
    if (this.#have !== size) {
      throw new ChatError(
        `Cannot receive ${this.#shown}: only ${this.#have} of ${size} bytes were received`,
      );
    }
    await this.#writingCheckpoint;
    if (!equals(this.#hash.digest(), sha256)) {
      await this.#end(false);
      throw damaged(localPath(this.#offer.name));
    }
    try {
      // The system reports a failure once: a second sync may succeed without the bytes.
      if (this.#failed) throw this.#failed.cause;
      await this.#calls.sync(this.#file, "all");
      await this.#checkPart();
      await this.#calls.mark(this.#folder.at(this.#part));
      const { from } = this.#offer;
      const path = await this.#folder.place(this.#part, this.#path, from, this.#calls.link);
      this.#close();
      await this.#folder.removePart(this.#part).catch(() => {
        // A second name stays; it can be removed like other parts.
      });
      return path;
    } catch (cause) {
      const failure = this.#failure(cause);
      await this.#end(true);
      throw failure;
    }
  }

  /** @throws {DiskError} if the part was removed or moved away: more bytes would go nowhere */
  async #checkPart(): Promise<void> {
    let info: Deno.FileInfo;
    try {
      info = Deno.lstatSync(this.#folder.at(this.#part));
    } catch (cause) {
      if (await this.#folder.exists()) throw orMissing(cause, "its part file was removed");
      throw new DiskError(`the folder ${printable(this.#folder.path)} does not exist any more`);
    }
    if (!info.isFile || !isSame(info, this.#file.statSync())) {
      throw new DiskError("another file has replaced its part file");
    }
  }

  /** Puts the bytes on the disk itself, then records how many they are. */
  async #writeCheckpoint(have: number): Promise<void> {
    await this.#calls.sync(this.#file, "bytes");
    if (!this.#state) return;
    await appendLine(this.#state, String(have));
    this.#saved = have;
  }

  /** `keep`: the part stays up to its last checkpoint; without one it could not be resumed. */
  async #end(keep: boolean): Promise<void> {
    this.#ended = true;
    await this.#writingCheckpoint;
    try {
      await this.#checkPart();
    } catch {
      // Another file has the part's name now, or another folder the folder's: neither is ours to remove.
      this.#close();
      if (await this.#folder.exists().catch(() => false)) {
        await this.#folder.remove(stateName(this.#part)).catch(() => {});
      }
      return;
    }
    try {
      if (keep && this.#have > 0) {
        this.#state ??= await createState(this.#folder, this.#part, this.#offer);
        await this.#writeCheckpoint(this.#have);
      }
    } catch {
      // The earlier checkpoint still holds.
    }
    this.#close();
    if (keep && this.#saved > 0) this.#folder.parts.add(this.#part);
    // A part that cannot be removed is harmless, and its name shows what it is.
    else await this.#folder.removePart(this.#part).catch(() => {});
  }

  #close(): void {
    this.#ended = true;
    this.#folder.active.delete(this.#part);
    this.#state?.close();
    this.#file.close();
  }

  #checkOpen(): void {
    if (this.#ended) throw new ChatError(`Cannot receive ${this.#shown}: the transfer has ended`);
  }

  get #shown(): string {
    return printable(localPath(this.#offer.name));
  }

  #failure(cause: unknown): ChatError {
    return failure("receive", localPath(this.#offer.name), cause, "write");
  }
}

/** Opens an interrupted part of the same file from the same member, and hashes it; undefined if there is none. */
export async function resumePart(
  folder: DownloadFolder,
  offer: ReceivedOffer,
  calls: WriteCalls,
): Promise<Sink | undefined> {
  // Without the id, which may be another one by now; all ids have the same length.
  const beginning = partName(localName(offer.name), "0".repeat(32)).slice(0, -ENDING_LENGTH);
  for (const part of folder.parts) {
    if (part.slice(0, -ENDING_LENGTH) !== beginning) continue;
    const state = await readState(folder, part);
    if (!state || !isSameOffer(state.offer, offer)) continue;
    const file = await openPart(folder, part);
    if (!file) continue;
    // Claimed before the next await: another download may look for a part at the same time.
    folder.active.add(part);
    let stateFile: Deno.FsFile | undefined;
    try {
      const have = Math.min(state.checkpoint, offer.size, (await file.stat()).size);
      stateFile = await Deno.open(folder.at(stateName(part)), { append: true });
      if (state.torn) await appendLine(stateFile, "");
      await cutTo(file, have);
      await file.seek(0, Deno.SeekMode.Start);
      const hash = createHash("sha256");
      const bytes = await updateHash(hash, file, have);
      if (bytes !== have) throw new DiskError("its part file changed while it was read");
      return new PartFile(folder, offer, part, file, calls, stateFile, { hash, bytes });
    } catch (cause) {
      folder.active.delete(part);
      stateFile?.close();
      file.close();
      throw cause;
    }
  }
  return undefined;
}

/** Creates a part file. */
export async function createPart(
  folder: DownloadFolder,
  offer: ReceivedOffer,
  calls: WriteCalls,
): Promise<Sink> {
  const name = localName(offer.name);
  const random = () => crypto.getRandomValues(new Uint8Array(16));
  // The offer's id names the part best; a random one if that name is taken.
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
      const hasState = offer.size >= MIN_STATE_SIZE;
      const state = hasState ? await createState(folder, part, offer) : undefined;
      const begun = { hash: createHash("sha256"), bytes: 0 };
      return new PartFile(folder, offer, part, file, calls, state, begun);
    } catch (cause) {
      file.close();
      await folder.removePart(part).catch(() => {});
      throw cause;
    }
  }
  throw new DiskError("its part file exists already");
}

/**
 * Opens and locks a part of this user. Where other users can write in the folder, they may have put a link or a file
 * with a second name there. undefined if it is not this user's own, or another client works on it.
 */
async function openPart(folder: DownloadFolder, part: string): Promise<Deno.FsFile | undefined> {
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

/** @returns whether no other client has locked it; true where the file system has no locks */
async function lock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
}

async function cutTo(file: Deno.FsFile, bytes: number): Promise<void> {
  await file.truncate(bytes);
  await file.seek(bytes, Deno.SeekMode.Start);
}
