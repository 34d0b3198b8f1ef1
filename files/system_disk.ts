// The disk of this machine as transfers see it: offered files are read in ranges (`offered_file.ts`), received files
// are collected in part files (`part_file.ts`) in the downloads folder (`download_folder.ts`), and get their names once
// they are complete and verified. Knows no room and no wire.

import { statfsSync } from "node:fs";
import { DiskError, failure } from "./disk_errors.ts";
import { DownloadFolder, existing, partBytes } from "./download_folder.ts";
import { SYSTEM_CALLS, type WriteCalls } from "./file_io.ts";
import { listFiles, MAX_FILES, OfferedFile } from "./offered_file.ts";
import { createPart, resumePart } from "./part_file.ts";
import { saveFile } from "./small_file.ts";
import type { Disk, FoundFile, LeftOut, ReceivedOffer, Sink, Upload } from "./storage.ts";
import { localName, localParts, localPath } from "./private_file.ts";

/** Has the rights of the user that runs the program. */
export class SystemDisk implements Disk {
  readonly #downloads: () => string;
  readonly #calls: WriteCalls;
  readonly #maxFiles: number;
  #found: string | undefined;
  #folder: Promise<DownloadFolder> | undefined;
  /** Offered files that are open; the most recently read is last. */
  readonly #allOpen = new Set<OfferedFile>();

  /**
   * @param downloads the path of the downloads folder; called when one is offered, and made when one is received
   * @param maxFiles files of a folder that is offered
   */
  constructor(
    downloads: () => string,
    calls: WriteCalls = SYSTEM_CALLS,
    maxFiles: number = MAX_FILES,
  ) {
    this.#downloads = downloads;
    this.#calls = calls;
    this.#maxFiles = maxFiles;
  }

  async open(path: string, name: string | undefined): Promise<Upload> {
    try {
      return await OfferedFile.open(path, name, this.#allOpen);
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
  }

  async *walk(path: string): AsyncIterable<FoundFile | LeftOut> {
    let found: Iterable<FoundFile | LeftOut>;
    try {
      const info = await Deno.stat(path);
      if (info.isFile) found = [{ path, name: localName(path) }];
      else if (info.isDirectory) found = await listFiles(path, this.#maxFiles);
      else throw new DiskError("it is not a file");
    } catch (cause) {
      throw failure("send", path, cause, "read");
    }
    yield* found;
  }

  async sink(offer: ReceivedOffer): Promise<Sink> {
    if (!Number.isSafeInteger(offer.size) || offer.size < 0) {
      throw new RangeError(`Cannot receive ${offer.size} bytes`);
    }
    try {
      const folder = await this.#openFolder();
      folder.check(localParts(offer.name));
      return await resumePart(folder, offer, this.#calls) ??
        await createPart(folder, offer, this.#calls);
    } catch (cause) {
      throw failure("receive", localPath(offer.name), cause, "write");
    }
  }

  async makeFolder({ name, from }: Pick<ReceivedOffer, "name" | "from">): Promise<string> {
    try {
      const folder = await this.#openFolder();
      return await folder.makeFolder(localParts(name), from);
    } catch (cause) {
      throw failure("receive", localPath(name), cause, "write");
    }
  }

  async save(offer: ReceivedOffer, bytes: Uint8Array, sha256: Uint8Array): Promise<string> {
    let folder: DownloadFolder;
    try {
      folder = await this.#openFolder();
    } catch (cause) {
      throw failure("receive", localPath(offer.name), cause, "write");
    }
    return await saveFile(folder, offer, bytes, sha256, this.#calls);
  }

  get #path(): string {
    return this.#found ??= this.#downloads();
  }

  free(): number | undefined {
    try {
      // The type does not have `frsize` yet, the unit of the counts where it is not `bsize`.
      const stat: ReturnType<typeof statfsSync> & { frsize?: number } = statfsSync(
        existing(this.#path),
      );
      // Some file systems have no size.
      return stat.blocks > 0 ? stat.bavail * (stat.frsize || stat.bsize) : undefined;
    } catch {
      // No permission, or no folder: a download reports what is wrong.
      return undefined;
    }
  }

  kept(): number {
    try {
      return partBytes(this.#path);
    } catch {
      // The folder does not exist yet, or cannot be read: nothing can be resumed.
      return 0;
    }
  }

  /** The folder as it was read before, if it still exists. Calls at the same time get the same folder. */
  #openFolder(): Promise<DownloadFolder> {
    const before = this.#folder;
    const open = async () => {
      const folder = await before?.catch(() => undefined);
      return folder && await folder.exists() ? folder : await DownloadFolder.open(this.#path);
    };
    return this.#folder = open();
  }
}
