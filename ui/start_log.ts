// Begins a room's log: finds its path, opens it, and lets the transcript write to it. Knows no screen.

import { ChatError } from "../errors.ts";
import { toPath } from "../files/paths.ts";
import type { Context } from "./context.ts";
import { headingOf, type SavedTranscript } from "./saved_transcript.ts";

/**
 * Keeps a log from now on, instead of the one that there was. `{room}` in the path stands for the room's address.
 *
 * @param typed a path as people type it
 * @returns the full path
 * @throws {ChatError} if that is impossible; the log that there was goes on then
 */
export async function startLog(
  { room, saved, files, now, print }: Pick<Context, "room" | "saved" | "files" | "now" | "print">,
  typed: string,
): Promise<string> {
  if (!files) throw new ChatError("Cannot log: chat has no access to files here");
  const { address } = room.info;
  const path = toPath(typed.replaceAll("{room}", asName(address)), files);
  const log = await files.openLog(path, {
    heading: () => headingOf(address, "logged since", now()) + "\n",
    report: (message) => print(message),
  });
  void saved.log?.close();
  saved.log = log;
  return log.path;
}

/** Lets others use the log's file once everything has been written. */
export async function stopLog(saved: SavedTranscript): Promise<void> {
  const { log } = saved;
  saved.log = undefined;
  await log?.close();
}

/** An address as part of a file's name, on any system: `[::1]:2428` becomes `1-2428`. */
function asName(address: string): string {
  return address.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^-/, "");
}
