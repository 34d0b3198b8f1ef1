// Test helper: real files in a new folder for each test. No part of the program.

import { assertEquals, assertRejects } from "@std/assert";
import { ChatError } from "../../errors.ts";
import type { ReceivedOffer, Sink, Upload } from "../../files/storage.ts";
import type { SystemDisk } from "../../files/system_disk.ts";
import { sha256 } from "./hash.ts";

/** For tests of features that Windows does not have. */
export const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

export const MIB = 1024 * 1024;
/** Bytes of one chunk. */
export const CHUNK = 64 * 1024;

/** Calls `use` with a new folder, and removes it. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "chat-test-" }));
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Bytes without short repetitions. */
export function content(size: number, start = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => {
    const at = start + i;
    return at ^ (at >> 8) * 7 ^ (at >> 16) * 13;
  });
}

/** The id of the offers that `offerOf` returns. */
export const ID = new Uint8Array(16).fill(0xab);
export const HEX = "ab".repeat(16);

export function offerOf(
  bytes: Uint8Array,
  name = "photo.jpg",
  more: Partial<ReceivedOffer> = {},
): ReceivedOffer {
  return { id: ID, name, size: bytes.length, from: "anna", ...more };
}

/** Writes in chunks, up to `until`. */
export async function fill(sink: Sink, bytes: Uint8Array, until = bytes.length): Promise<void> {
  while (sink.have < until) {
    const end = Math.min(sink.have + CHUNK, until);
    await sink.write(sink.have, bytes.subarray(sink.have, end));
  }
}

/** Reads a range of an offered file. */
export async function readRange(
  upload: Upload,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await upload.read(offset, bytes);
  return bytes;
}

/** Receives a file; returns its path. */
export async function receive(disk: SystemDisk, bytes: Uint8Array, name?: string): Promise<string> {
  const sink = await disk.sink(offerOf(bytes, name, { id: crypto.getRandomValues(ID.slice()) }));
  await fill(sink, bytes);
  return await sink.finish(sha256(bytes));
}

/** The names in a folder. */
export function list(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

export async function refuses(act: () => Promise<unknown>, message: string): Promise<ChatError> {
  const error = await assertRejects(act, ChatError);
  assertEquals(error.message, message);
  return error;
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`as the system reports it (${code})`), { code });
}
