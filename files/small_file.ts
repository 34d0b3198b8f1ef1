// A small file of which all bytes are in memory: it is verified, and written in few calls, because there may be
// thousands. It has no state and needs no lock: nothing resumes its part. Knows no wire and no sender.

import { equals } from "@std/bytes/equals";
import { createHash } from "node:crypto";
import { damaged, DiskError, failure, orMissing } from "./disk_errors.ts";
import type { DownloadFolder } from "./download_folder.ts";
import { isSame, OWNER_ONLY } from "./file_identity.ts";
import { writeAll, type WriteCalls } from "./file_io.ts";
import { partName } from "./filename.ts";
import { localName, localParts, localPath } from "./private_file.ts";
import type { ReceivedOffer } from "./storage.ts";

/**
 * Gives a file its name in the downloads folder; returns its path. If that fails, nothing of it stays.
 *
 * @throws {ChatError} if it is not what its sender sent, or cannot be written
 */
export async function saveFile(
  folder: DownloadFolder,
  offer: ReceivedOffer,
  bytes: Uint8Array,
  sha256: Uint8Array,
  calls: WriteCalls,
): Promise<string> {
  const { name, size, from } = offer;
  if (bytes.length !== size || !equals(createHash("sha256").update(bytes).digest(), sha256)) {
    throw damaged(localPath(name));
  }
  const id = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const part = partName(localName(name), id);
  try {
    // A new one follows no link.
    using file = Deno.openSync(folder.at(part), {
      write: true,
      createNew: true,
      mode: OWNER_ONLY,
    });
    let isOurs = true;
    try {
      await writeAll({ write: (rest) => calls.write(file, rest) }, bytes);
      await calls.sync(file, "all");
      isOurs = isSame(Deno.lstatSync(folder.at(part)), file.statSync());
      if (!isOurs) throw new DiskError("another file has replaced its part file");
      await calls.mark(folder.at(part));
      return await folder.place(part, localParts(name), from, calls.link);
    } catch (cause) {
      throw orMissing(cause, "its part file was removed");
    } finally {
      // One that cannot be removed is harmless, and its name shows what it is.
      if (isOurs) await folder.remove(part).catch(() => {});
    }
  } catch (cause) {
    throw failure("receive", localPath(name), cause, "write");
  }
}
