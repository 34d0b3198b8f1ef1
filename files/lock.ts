// Locks of open files: held until the file is closed, also by a crash.

import { deadline } from "@std/async/deadline";

/** How long to wait for a lock, in ms, if the system cannot say at once whether it is free. */
const LOCK_MS = 3000;

/**
 * Locks an open file until it is closed, also by a crash. Returns whether it could; undefined if the file system has no
 * locks.
 */
export async function tryLock(
  file: Pick<Deno.FsFile, "lock"> & Partial<Pick<Deno.FsFile, "tryLockSync">>,
  waitMs = LOCK_MS,
): Promise<boolean | undefined> {
  try {
    if (file.tryLockSync) return file.tryLockSync(true);
    // Deno 2.6 only has a call that waits.
    await deadline(file.lock(true), waitMs);
    return true;
  } catch (cause) {
    return cause instanceof DOMException ? false : undefined;
  }
}
