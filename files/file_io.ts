// Complete reads and writes of open files, and the system calls with which received files are written. Knows no names
// and no folders.

import type { Hash } from "node:crypto";

/** Calls that tests replace: their failures are hard to cause. */
export interface WriteCalls {
  /** Returns how many bytes were written. */
  write(file: Deno.FsFile, bytes: Uint8Array): Promise<number>;
  /** Puts the bytes on the disk itself; `all`: with the file's metadata. */
  sync(file: Deno.FsFile, what: "all" | "bytes"): Promise<void>;
  /** Tells the system that a file comes from elsewhere. */
  mark(path: string): Promise<void>;
  /** Gives a file a second name; never replaces another file. */
  link(from: string, to: string): Promise<void>;
}

/**
 * Up to this many bytes are read or written with a synchronous call: the thread that an asynchronous call takes costs
 * more. So it is with calls about names, and about what the system knows of a file.
 */
export const AT_ONCE = 16 * 1024;

export const SYSTEM_CALLS: WriteCalls = {
  write: (file, bytes) => (
    bytes.length <= AT_ONCE ? Promise.resolve(file.writeSync(bytes)) : file.write(bytes)
  ),
  sync: (file, what) => what === "all" ? file.sync() : file.syncData(),
  mark: (path) => markForeign(path, Deno.build.os),
  link: (from, to) => Promise.resolve(Deno.linkSync(from, to)),
};

/**
 * Gives a file the mark of the web on Windows, so that Windows warns before it runs the file, and Office opens it
 * without macros. It is a stream beside the content. Elsewhere Deno has no call for such a mark.
 *
 * @param os the system, as `Deno.build` names it
 */
export async function markForeign(path: string, os: string): Promise<void> {
  if (os !== "windows") return;
  try {
    await Deno.writeTextFile(`${path}:Zone.Identifier`, "[ZoneTransfer]\r\nZoneId=3\r\n");
  } catch {
    // Memory sticks and network shares may have no streams: there no program can mark a file.
  }
}

/** Bytes that are hashed at once: a fraction of a millisecond, so that chat stays responsive. */
const HASH_STEP = 256 * 1024;

/** @throws {Deno.errors.WriteZero} if the system accepts no more bytes */
export async function writeAll(
  file: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += accepted(await file.write(bytes.subarray(at)));
}

/** @throws {Deno.errors.WriteZero} if the system accepts no more bytes */
export function writeAllSync(
  file: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length;) at += accepted(file.writeSync(bytes.subarray(at)));
}

function accepted(written: number): number {
  if (written === 0) throw new Deno.errors.WriteZero("the system accepts no more data");
  return written;
}

/** Fills `bytes` from the file's position; returns whether the file had enough. */
export async function readAll(file: Deno.FsFile, bytes: Uint8Array): Promise<boolean> {
  for (let at = 0; at < bytes.length;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) return false;
    at += read;
  }
  return true;
}

/** Fills `bytes` from the file's position at once; returns whether the file had enough. */
export function readAllSync(file: Deno.FsFile, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const read = file.readSync(bytes.subarray(at));
    if (read === null) return false;
    at += read;
  }
  return true;
}

/** Adds the next `max` bytes of a file to a hash; returns how many there were. */
export async function updateHash(hash: Hash, file: Deno.FsFile, max: number): Promise<number> {
  const buffer = new Uint8Array(Math.min(HASH_STEP, max));
  let bytes = 0;
  while (bytes < max) {
    const read = await file.read(buffer.subarray(0, Math.min(buffer.length, max - bytes)));
    if (read === null) break;
    hash.update(buffer.subarray(0, read));
    bytes += read;
  }
  return bytes;
}
