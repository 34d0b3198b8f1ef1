// TODO: say what this is.

/** What somebody offers. */
export interface Offer {
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** As the other side gave it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly sha256: Uint8Array;
  /**
   * Who offers it, by what stays the same when that member comes back: what has come from one member is not
   * gone on with from another, who could spoil it.
   */
  readonly from: string;
}

/** One file that is being received. Writes come in order of offset; each resolves when the bytes are with the system. */
export interface Sink {
  /** Bytes that are there. */
  readonly have: number;
  /**
   * `bytes` MUST NOT change until it resolves. After a failure what was there still is, and it may be tried again.
   *
   * @throws {ChatError} if they can't be written
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Checks size and SHA-256 and gives the file its name; returns its path.
   *
   * @throws {ChatError} if it is not what was offered (then it is gone), or can't have a name (then the part
   * stays for another time); nothing stands under the final name
   */
  finish(): Promise<string>;
  /** Ends it; `keep`: the part stays for another time. Does nothing where it has ended. */
  abort(keep: boolean): Promise<void>;
}

/** One file that is offered. */
export interface Upload {
  readonly name: string;
  readonly size: number;
  readonly sha256: Uint8Array;
  /** @throws {ChatError} if the file has changed or gone */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** The user's files, as far as transfers need them. */
export interface Disk {
  /**
   * Opens what is to be offered: hashes it in pieces and says how far it is, of how many bytes. What `progress`
   * throws ends it.
   *
   * @param name what others see instead of the name that it has
   * @throws {ChatError} if it is no file, or can't be read
   */
  open(
    path: string,
    name: string | undefined,
    progress: (bytes: number, size: number) => void,
  ): Promise<Upload>;
  /**
   * The files of a folder and of those in it, or the one file. Links, pipes and devices in it are left out.
   *
   * @throws {ChatError} before the first, if there are too many or one of the folders can't be read
   */
  walk(path: string): AsyncIterable<{ path: string; name: string }>;
  /**
   * Begins or goes on with a download. Until it ends it takes two open files.
   *
   * @throws {ChatError} if the folder of downloads can't be written in
   */
  sink(offer: Offer): Promise<Sink>;
}
