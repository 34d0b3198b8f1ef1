// Test helper: one request of a program, to a real client. Not part of the program.

import type { Room } from "../../room.ts";
import { PlainScreen } from "../../ui/plain.ts";

/** Writes one line of `--json` to the room; returns the line that answers it. */
export async function request(
  room: Room,
  line: Record<string, unknown> | string,
): Promise<Record<string, unknown>> {
  const input = new TextEncoder().encode(typeof line === "string" ? line : JSON.stringify(line));
  const written = Promise.withResolvers<string>();
  let at = 0;
  const screen = new PlainScreen(room, {
    read: (buffer) => {
      const piece = input.subarray(at, at + buffer.length);
      buffer.set(piece);
      at += piece.length;
      return Promise.resolve(piece.length || null);
    },
    writeOut: (bytes) => {
      written.resolve(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
    note: () => {},
  }, { json: true, stay: true, now: () => new Date(0) });
  await screen.run();
  return JSON.parse(await written.promise);
}
