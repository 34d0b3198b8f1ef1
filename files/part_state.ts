// The state of a part file, in a file beside it: which offer the part belongs to, and how many of its bytes are known
// to be on the disk. Reads and creates state files; `part_file.ts` appends to them.
//
// The first line is the offer as JSON. Each further line is a checkpoint: a number of bytes, in decimal. The last
// complete line counts.

import { jsonLine } from "../text/printable.ts";
import type { DownloadFolder } from "./download_folder.ts";
import { isOwn, isSame, OWNER_ONLY } from "./file_identity.ts";
import { readAll, writeAll } from "./file_io.ts";
import { stateName } from "./filename.ts";
import type { ReceivedOffer } from "./storage.ts";

/** Bytes of a state file: an offer, and a line for each checkpoint. */
const MAX_STATE_BYTES = 256 * 1024;

/** The sender's id for the file is not kept: it changes when the sender is restarted. */
type SavedOffer = Omit<ReceivedOffer, "id">;

export interface PartState {
  readonly offer: SavedOffer;
  /** Bytes of the part that are on the disk. */
  readonly checkpoint: number;
  /** The last line is not complete. */
  readonly torn: boolean;
}

/** The state of a part; undefined if it has none, or none that can be trusted. */
export async function readState(
  folder: DownloadFolder,
  part: string,
): Promise<PartState | undefined> {
  const path = folder.at(stateName(part));
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile || info.size > MAX_STATE_BYTES || !isOwn(info, folder.info)) return undefined;
    using file = await Deno.open(path);
    if (!isSame(await file.stat(), info)) return undefined;
    const bytes = new Uint8Array(info.size);
    if (!await readAll(file, bytes)) return undefined;
    return parseState(new TextDecoder().decode(bytes));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof Deno.errors.PermissionDenied) return undefined;
    throw cause;
  }
}

function parseState(text: string): PartState | undefined {
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  const offer = parseOffer(lines.shift() ?? "");
  if (!offer) return undefined;
  const checkpoint = lines.findLast((line) => /^\d{1,16}$/.test(line));
  return { offer, checkpoint: Number(checkpoint ?? 0), torn };
}

function parseOffer(line: string): SavedOffer | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { name, size, from } = json as Record<string, unknown>;
  if (typeof name !== "string" || typeof from !== "string") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { name, size, from };
}

/** Creates the state of a new part; the file is open for appending. */
export async function createState(
  folder: DownloadFolder,
  part: string,
  offer: ReceivedOffer,
): Promise<Deno.FsFile> {
  const path = folder.at(stateName(part));
  const create = () => Deno.open(path, { append: true, createNew: true, mode: OWNER_ONLY });
  let file: Deno.FsFile;
  try {
    file = await create();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
    // The part is new, so this state is left over from another one.
    await Deno.remove(path);
    file = await create();
  }
  const { name, size, from } = offer;
  try {
    await appendLine(file, jsonLine({ name, size, from }));
    return file;
  } catch (cause) {
    file.close();
    throw cause;
  }
}

/** Adds a line; "" completes a line that a crash has cut short. */
export async function appendLine(state: Deno.FsFile, line: string): Promise<void> {
  await writeAll(state, new TextEncoder().encode(`${line}\n`));
}

/** Whether both are a file of the same name and size from the same member. Its sender says whether they begin alike. */
export function isSameOffer(a: SavedOffer, b: ReceivedOffer): boolean {
  return a.size === b.size && a.from === b.from && a.name === b.name;
}
