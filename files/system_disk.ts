// The disk of this machine as transfers see it: offered files are read in ranges (`offered_file.ts`), received files
// are collected in part files (`part_file.ts`) in the downloads folder (`download_folder.ts`), and get their names once
// they are complete and verified. Knows no room and no wire.

import { DiskError, failure } from "./disk_errors.ts";
import { DownloadFolder } from "./download_folder.ts";
import { SYSTEM_CALLS, type WriteCalls } from "./file_io.ts";
import { listFiles, MAX_FILES, OfferedFile } from "./offered_file.ts";
import { createPart, resumePart } from "./part_file.ts";
import type { Disk, FoundFile, LeftOut, ReceivedOffer, Sink, Upload } from "./storage.ts";
import { localName } from "./private_file.ts";

/** Has the rights of the user that runs the program. */
export class SystemDisk implements Disk {
  readonly #downloads: () => string;
  readonly #calls: WriteCalls;
  readonly #maxFiles: number;
  #folder: Promise<DownloadFolder> | undefined;
  /** Offered files that are open; the most recently read is last. */
  readonly #allOpen = new Set<OfferedFile>();

  /**
   * @param downloads the path of the downloads folder; called when a file is received, and made if it is missing
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

  async open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
  ): Promise<Upload> {
    try {
      return await OfferedFile.open(path, name, progress, this.#allOpen);
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
      return await resumePart(folder, offer, this.#calls) ??
        await createPart(folder, offer, this.#calls);
    } catch (cause) {
      throw failure("receive", localName(offer.name), cause, "write");
    }
  }

  /** The folder as it was read before, if it still exists. Calls at the same time get the same folder. */
  #openFolder(): Promise<DownloadFolder> {
    const before = this.#folder;
    const open = async () => {
      const folder = await before?.catch(() => undefined);
      return folder && await folder.exists()
        ? folder
        : await DownloadFolder.open(this.#downloads());
    };
    return this.#folder = open();
  }
}
