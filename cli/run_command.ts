// Runs a program of the user's: without a shell, with a text on its stdin, for a bounded time. What it prints is
// discarded. It knows no verb and no room.

import { messageOf } from "../errors.ts";

/** How long the program may run, in ms. */
const MAX_MS = 5000;

/**
 * Runs a program; resolves when it has ended. Never rejects.
 *
 * @param argv the program and its arguments
 * @param input bounded: it fits into a pipe
 * @returns why it has failed; undefined if it has not
 */
export async function runCommand(
  [program, ...args]: readonly string[],
  input: string,
  maxMs: number = MAX_MS,
): Promise<string | undefined> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program!, {
      args,
      // A program that anybody's message starts need not know the room's code.
      env: { CHAT_CODE: "" },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      // In a group of its own: no key of the terminal ends it, and what it starts ends with it.
      detached: true,
    }).spawn();
  } catch (cause) {
    return `it cannot be started: ${messageOf(cause)}`;
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill(child);
  }, maxMs);
  try {
    const writer = child.stdin.getWriter();
    // It may end, or close its stdin, without reading that.
    await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
    const { success, code, signal } = await child.status;
    if (isLate) return `it did not end within ${maxMs / 1000} seconds`;
    if (success) return undefined;
    return signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
  } finally {
    clearTimeout(timer);
  }
}

function kill({ pid }: Deno.ChildProcess): void {
  try {
    Deno.kill(Deno.build.os === "windows" ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
