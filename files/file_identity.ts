// TODO: say what this is.

/** Files and bytes are written through these: what can go wrong with them is hard to bring about. */
export interface Writing {
  write(file: Deno.FsFile, bytes: Uint8Array): Promise<number>;
  /** To the disk itself, with all that is known of the file or only its bytes. */
  sync(file: Deno.FsFile, what: "all" | "bytes"): Promise<void>;
  /** A second name for a file; never takes another's place. */
  link(from: string, to: string): Promise<void>;
}

/** Those of the system itself. */
export const SYSTEM: Writing = {
  write: (file, bytes) => file.write(bytes),
  sync: (file, what) => what === "all" ? file.sync() : file.syncData(),
  link: (from, to) => Deno.link(from, to),
};

/** Nobody else's, and not to be run. */
export const OWNER_ONLY = 0o600;
/** Bits of a mode by which others may read or change a file. */
const OTHERS = 0o077;

const WINDOWS = Deno.build.os === "windows";

/** Whether nobody but this user has a way to it: the folder is this user's, too. */
export function isOwn(info: Deno.FileInfo, folder: Deno.FileInfo): boolean {
  if (WINDOWS) return true;
  return info.nlink === 1 && info.uid === folder.uid && ((info.mode ?? 0) & OTHERS) === 0;
}

/** Whether both are one file. On Windows its number is not told everywhere. */
export function isSame(a: Deno.FileInfo, b: Deno.FileInfo): boolean {
  return WINDOWS || (a.dev === b.dev && a.ino === b.ino);
}

export async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
