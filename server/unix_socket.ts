// Makes a path free for a Unix socket. Knows nothing of what is served there.

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";

/**
 * Removes a socket's file that a killed server has left, but neither a socket where a program answers nor any other
 * file.
 *
 * @param cannot the start of error messages
 * @param hint what to do on Windows
 * @param os the system, as `Deno.build` names it
 * @throws {ChatError} if no socket can be made there, or another program uses it
 */
export async function clearSocket(
  path: string,
  { cannot, hint, os = Deno.build.os }: { cannot: string; hint?: string; os?: string },
): Promise<void> {
  if (os === "windows") {
    const message = `${cannot}: Deno has no Unix sockets on Windows`;
    throw new ChatError(message, hint === undefined ? {} : { hint });
  }
  try {
    if (!Deno.lstatSync(path).isSocket) {
      throw new ChatError(`${cannot}: the file is not a socket`, {
        hint: "Use another path",
      });
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    if (cause instanceof ChatError) throw cause;
    throw new ChatError(`${cannot}: ${explain(cause)}`, { cause });
  }
  try {
    const conn = await Deno.connect({ transport: "unix", path });
    conn.close();
  } catch (cause) {
    // No program listens: a killed server has left it.
    if (cause instanceof Deno.errors.ConnectionRefused) return remove(path, cannot);
    if (cause instanceof Deno.errors.NotFound) return;
    throw new ChatError(`${cannot}: ${explain(cause)}`, { cause });
  }
  throw new ChatError(`${cannot}: another program answers there`, {
    hint: "Another room may use it: take another path",
  });
}

function remove(path: string, cannot: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    throw new ChatError(`${cannot}: cannot remove the old socket: ${explain(cause)}`, { cause });
  }
}

function explain(cause: unknown): string {
  return printable(messageOf(cause));
}
