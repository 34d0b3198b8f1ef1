// TODO: say what this is.

import { equals } from "@std/bytes/equals";
import { jsonLine } from "../text/printable.ts";
import { Folder } from "./download_folder.ts";
import { isOwn, isSame, OWNER_ONLY, writeAll } from "./file_identity.ts";
import { stateName, toFilename } from "./filename.ts";
import type { Offer } from "./storage.ts";

/** Bytes of a state: a line for each mark, and for each time that it rested. */
const MAX_STATE = 256 * 1024;

interface State {
  readonly offer: Omit<Offer, "id">;
  /** Bytes of the part that are on the disk. */
  readonly marked: number;
  /** The last line is not whole. */
  readonly torn: boolean;
}

/** What is known about a part; undefined if that is nothing, or can't be trusted. */
export async function readState(folder: Folder, part: string): Promise<State | undefined> {
  const path = folder.at(stateName(part));
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile || info.size > MAX_STATE || !isOwn(info, folder.info)) return undefined;
    using file = await Deno.open(path);
    if (!isSame(await file.stat(), info)) return undefined;
    const bytes = new Uint8Array(info.size);
    for (let at = 0; at < bytes.length;) {
      const read = await file.read(bytes.subarray(at));
      if (read === null) return undefined;
      at += read;
    }
    return parseState(new TextDecoder().decode(bytes));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof Deno.errors.PermissionDenied) return undefined;
    throw cause;
  }
}

function parseState(text: string): State | undefined {
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  const offer = parseOffer(lines.shift() ?? "");
  if (!offer) return undefined;
  const marks = lines.filter((line) => /^\d{1,16}$/.test(line)).map(Number);
  return { offer, marked: marks.at(-1) ?? 0, torn };
}

function parseOffer(line: string): Omit<Offer, "id"> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { name, size, sha256, from } = json as Record<string, unknown>;
  if (typeof name !== "string" || typeof from !== "string") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { name, size, sha256: Uint8Array.fromHex(sha256), from };
}

export async function createState(
  folder: Folder,
  part: string,
  offer: Offer,
): Promise<Deno.FsFile> {
  const path = folder.at(stateName(part));
  const create = () => Deno.open(path, { append: true, createNew: true, mode: OWNER_ONLY });
  let file: Deno.FsFile;
  try {
    file = await create();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
    // The part is new, so this is left over from another.
    await Deno.remove(path);
    file = await create();
  }
  const { name, size, sha256, from } = offer;
  try {
    const line = jsonLine({ name: toFilename(name), size, sha256: sha256.toHex(), from });
    await writeAll(file, `${line}\n`);
    return file;
  } catch (cause) {
    file.close();
    throw cause;
  }
}

export function isOffer(a: Omit<Offer, "id">, b: Offer): boolean {
  return a.size === b.size && a.from === b.from && equals(a.sha256, b.sha256);
}
