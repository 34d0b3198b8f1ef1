// What transfers need of a disk: interfaces only. `system_disk.ts` implements them; tests have a disk in memory.

import type { FileOffer } from "../protocol/file_messages.ts";

/** An offer of a member, as the disk keeps it. */
export interface ReceivedOffer extends FileOffer {
  /**
   * Identifies the member across its sessions. Only its own parts are resumed: another member could have sent
   * spoiled data.
   */
  readonly from: string;
}

/** One file that is being received. */
export interface Sink {
  /** Bytes that have been written. */
  readonly have: number;
  /** SHA-256 of what has been written, after the writes before. */
  prefix(): Promise<Uint8Array>;
  /**
   * Appends `bytes`; `offset` MUST be `have` after the writes before it. Resolves when the system has the bytes, which
   * MUST NOT change until then. After a failure the earlier bytes are intact, and the write may be repeated.
   *
   * @throws {ChatError} if they cannot be written
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Drops what has been written: `have` is 0.
   *
   * @throws {ChatError} if the part cannot be cut
   */
  restart(): Promise<void>;
  /**
   * Verifies size and SHA-256 and gives the file its name; returns its path.
   *
   * @throws {ChatError} if it is not what its sender sent (then it is removed), or cannot get a name (then the part
   * stays); no file has the final name then
   */
  finish(sha256: Uint8Array): Promise<string>;
  /** Ends the download; `keep`: the part stays to be resumed. Does nothing after the end. */
  abort(keep: boolean): Promise<void>;
}

/** One file that is offered. */
export interface Upload {
  readonly name: string;
  readonly size: number;
  /**
   * Fills `into` from an offset.
   *
   * @throws {ChatError} if the file has changed or was removed
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** SHA-256 of the complete file, once all its bytes were read in order, or hashed. */
  readonly sha256: Uint8Array | undefined;
  /**
   * SHA-256 of the first `length` bytes. It reads what was not read in order yet.
   *
   * @throws {ChatError} if the file has changed or was removed
   */
  hash(length: number): Promise<Uint8Array>;
  close(): void;
}

/** A file to offer, or an empty folder. */
export interface FoundFile {
  readonly path: string;
  /** The name for the offer: see `FileOffer`. */
  readonly name: string;
}

/** Something in a folder that cannot be offered. */
export interface LeftOut {
  readonly path: string;
  /** The end of a sentence about it: `it is a link`. */
  readonly reason: string;
}

/** The user's files, as transfers need them. */
export interface Disk {
  /**
   * Opens a file that is to be offered.
   *
   * @param name shown to others instead of the file's own
   * @throws {ChatError} if it is not a file, or cannot be read
   */
  open(path: string, name: string | undefined): Promise<Upload>;
  /**
   * The file; or the files and empty folders in a folder, and what in it is left out. Their paths begin with `path`,
   * their names with the folder's.
   *
   * @throws {ChatError} before the first one, if there are too many, or the folder cannot be read
   */
  walk(path: string): AsyncIterable<FoundFile | LeftOut>;
  /**
   * Begins or resumes a download. Until its end it keeps two files open.
   *
   * @throws {ChatError} if the downloads folder cannot be written
   */
  sink(offer: ReceivedOffer): Promise<Sink>;
  /** Bytes that can still be written in the downloads folder; undefined if the system does not say. */
  free(): number | undefined;
  /** Bytes in the parts of interrupted downloads, and of running ones. */
  kept(): number;
  /**
   * Makes an offered folder in the downloads folder, unless it exists; returns its path.
   *
   * @throws {ChatError} if it cannot be made
   */
  makeFolder(offer: Pick<ReceivedOffer, "name" | "from">): Promise<string>;
  /**
   * Receives a small file, of which all bytes are there; returns its path.
   *
   * @throws {ChatError} if it is not what its sender sent, or cannot be written: then nothing is kept
   */
  save(offer: ReceivedOffer, bytes: Uint8Array, sha256: Uint8Array): Promise<string>;
}
