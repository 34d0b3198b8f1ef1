// chat crack: reads captured traffic of the cipher xor, and prints its key and its text. Knows nothing of how a key is
// found: see `classic/crack.ts`.

import { ChatError, messageOf } from "../errors.ts";
import { formatSize } from "../server/limits.ts";
import { printable } from "../text/printable.ts";
import type { Command } from "./command.ts";
import { readAtMost, unreadable } from "./input.ts";
import { DONE, note, print } from "./output.ts";
import type { System } from "./system.ts";

/** Returns the exit code. */
export async function crackTraffic(
  { file, top }: Command & { verb: "crack" },
  system: System,
): Promise<number> {
  if (file === undefined && system.stdin.isTerminal()) {
    note(system, "chat: reading the traffic from stdin; Ctrl-D ends it");
  }
  // No other verb needs these.
  const { crack, MAX_TRAFFIC, reveal } = await import("../classic/crack.ts");
  const { readTraffic } = await import("../classic/captured.ts");
  const { explain, failure, listCandidates } = await import("../classic/crack_report.ts");
  // One byte more shows that the input goes on.
  const bytes = readTrafficBytes(system, file, MAX_TRAFFIC + 1);
  if (bytes.length > MAX_TRAFFIC) {
    note(system, `chat: only the first ${formatSize(MAX_TRAFFIC)} are read; the rest is ignored`);
  }
  const traffic = readTraffic(bytes.subarray(0, MAX_TRAFFIC));
  const finding = crack(traffic);
  const [best] = finding.candidates;
  if (top !== undefined) print(system, listCandidates(traffic, finding, top));
  const fault = failure(traffic, finding);
  if (fault) throw new ChatError(fault.message, fault);
  for (const sentence of explain(traffic, finding)) note(system, `chat: ${sentence}`);
  if (top !== undefined) return DONE;
  const { texts, others } = reveal(traffic, best!);
  print(system, `key ${best!.publicKey}\n${texts.map((text) => `${text}\n`).join("")}`);
  if (others > 0) {
    const which = others === 1 ? "1 more message has" : `${others} more messages have`;
    note(system, `chat: ${which} no text: they are about files, or from a later version`);
  }
  return DONE;
}

const TRAFFIC_HINT = "Name a file with captured traffic, or pipe it to chat crack";

/** @param file undefined: stdin */
function readTrafficBytes(
  { stdin }: System,
  file: string | undefined,
  most: number,
): Uint8Array<ArrayBuffer> {
  if (file === undefined) {
    try {
      return readAtMost(stdin, most);
    } catch (cause) {
      unreadable(cause, TRAFFIC_HINT);
    }
  }
  try {
    using opened = Deno.openSync(file);
    return readAtMost(opened, most);
  } catch (cause) {
    const message = messageOf(cause);
    throw new ChatError(`Cannot read the traffic from ${printable(file)}: ${message}`, {
      hint: TRAFFIC_HINT,
      cause,
    });
  }
}
