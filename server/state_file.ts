// A file in which a room keeps its entries, as the server sees it: bytes at positions. It knows no system and no format.

export interface StateFile {
  /** For people, such as `room/log-3`. */
  readonly name: string;
  /**
   * Identifies the file as long as it exists, also after a restart of the machine: a copy has another value, wherever it
   * is. undefined if the system does not report it.
   */
  readonly inode: string | undefined;
  /** What is in the file: everything, or its first `size` bytes. */
  read(size?: number): Uint8Array<ArrayBuffer>;
  /**
   * Writes all of the bytes at a position.
   *
   * @throws the error of the system; a part of the bytes may have been written then
   */
  write(position: number, bytes: Uint8Array): void;
  truncate(size: number): void;
  /**
   * Resolves when everything that was written before this call is on the disk. The event loop goes on, and `write` may be
   * called meanwhile.
   */
  sync(): Promise<void>;
  /** May be called again. */
  close(): void;
}
