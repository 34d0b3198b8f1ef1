// What the program says to people: results on stdout, everything else on stderr; and the exit codes that go
// with it.

import { ChatError, UsageError } from "../errors.ts";

/** Exit codes. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSE = 2;

const encoder = new TextEncoder();

/** Writes to stdout, all of it. */
export function print(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes a line to stderr. */
export function note(line: string): void {
  writeAll(Deno.stderr, line + "\n");
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads this (any more): what was to be done is done all the same.
  }
}

/** Says what went wrong, and what to do about it; returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof ChatError) {
    note(`chat: error: ${error.message}`);
    if (error.hint !== undefined) note(`chat: hint: ${error.hint}`);
    return error instanceof UsageError ? MISUSE : FAILED;
  }
  note(`chat: error: This is a bug in chat: ${error instanceof Error ? error.stack : error}`);
  return FAILED;
}
