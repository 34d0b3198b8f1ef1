// The program's output: results on stdout, everything else on stderr, and the exit codes that go with it. The
// streams are passed in. It knows no verb.

import { ChatError, messageOf, TerminalGone, UsageError } from "../errors.ts";
import type { Ending } from "../room.ts";
import { writeAll } from "../terminal/write_all.ts";
import { printable } from "../text/printable.ts";
import { hintOf } from "../ui/hints.ts";
import type { System } from "./system.ts";

/** Exit codes. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSE = 2;
/** As shells report SIGHUP: 128 and the signal's number. */
export const HUNG_UP = 129;

/**
 * Writes to stdout. A reader that has gone is no error: that must not stop the work itself.
 *
 * @throws {ChatError} if it cannot be written for another reason
 */
export function print({ stdout }: Pick<System, "stdout">, text: string): void {
  try {
    writeAll(stdout, text);
  } catch (cause) {
    if (!isReaderGone(cause)) throw unwritable(cause);
  }
}

/** Writes a line to stderr, if possible: no other stream could show that it failed. */
export function note({ stderr }: Pick<System, "stderr">, line: string): void {
  try {
    writeAll(stderr, line + "\n");
  } catch {
    // The work goes on, and the exit code still tells how it ended.
  }
}

/** Whether a write failed because nothing reads the pipe any more (`chat … | head`). */
export function isReaderGone(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "BrokenPipe";
}

/** The error for a failed write to stdout. */
export function unwritable(cause: unknown): ChatError {
  return new ChatError(`Cannot write the output: ${messageOf(cause)}`, { cause });
}

/** Prints an error and its hint; returns the exit code. */
export function report(system: System, error: unknown): number {
  if (error instanceof ChatError) {
    note(system, `chat: error: ${error.message}`);
    const hint = hintOf(error, "shell");
    if (hint !== undefined) note(system, `chat: hint: ${hint}`);
    if (error instanceof TerminalGone) return HUNG_UP;
    return error instanceof UsageError ? MISUSE : FAILED;
  }
  const what = error instanceof Error ? error.stack : error;
  note(system, `chat: error: This is a bug in chat: ${what}`);
  return FAILED;
}

/**
 * Prints why a room ended, unless the user left it; returns the exit code.
 *
 * @param address of the room
 * @param unconfirmed the number of messages that the room has not confirmed
 */
export function reportEnding(
  system: System,
  ending: Ending,
  address: string,
  unconfirmed: number,
): number {
  if (ending.reason === "left") return DONE;
  const lost = unconfirmed === 0
    ? ""
    : `; ${unconfirmed} of your messages ${unconfirmed === 1 ? "was" : "were"} not confirmed`;
  note(system, `chat: error: ${sentenceOf(ending, address)}${lost}`);
  return FAILED;
}

function sentenceOf(ending: Exclude<Ending, { reason: "left" }>, address: string): string {
  if (ending.reason === "stopped") return "Cannot stay in the room: the server has closed the room";
  // The code was right before: only a reconnecting client gets here.
  if (ending.reason === "refused" && ending.code === "code") {
    return `Cannot rejoin ${address}: the room has a new code`;
  }
  return `Cannot stay in the room: ${printable(ending.message)}`;
}
