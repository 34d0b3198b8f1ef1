// Compares what the system reports about files: whether two reports are about the same file, and whether a file belongs
// to this user alone. Opens nothing.

const WINDOWS = Deno.build.os === "windows";

/** The mode of new files: readable and writable by their owner. */
export const OWNER_ONLY = 0o600;
/** The mode of new folders. */
export const OWNER_ONLY_FOLDER = 0o700;
/** Mode bits with which others may read or change a file. */
const OTHERS = 0o077;

/** Whether no other user may read or change it. Windows has no mode bits: there a user's folders are private. */
export function isPrivate({ mode }: Deno.FileInfo): boolean {
  return WINDOWS || ((mode ?? 0) & OTHERS) === 0;
}

/** Whether a file belongs to the folder's owner alone, and has no other name. */
export function isOwn(info: Deno.FileInfo, folder: Deno.FileInfo): boolean {
  return WINDOWS || (info.nlink === 1 && info.uid === folder.uid && isPrivate(info));
}

/** Whether a folder belongs to this user, or to the owner of the folder that it is in. */
export function isTrusted(info: Deno.FileInfo, folder: Deno.FileInfo): boolean {
  return WINDOWS || info.uid === folder.uid || info.uid === Deno.uid();
}

/** By which a system knows a file. */
export type FileNumber = Pick<Deno.FileInfo, "dev" | "ino">;

/** Whether both are the same file. On Windows not every file system reports its number, so all are. */
export function isSame(a: FileNumber, b: FileNumber): boolean {
  return WINDOWS || (a.dev === b.dev && a.ino === b.ino);
}
