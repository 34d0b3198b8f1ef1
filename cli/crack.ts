// TODO: say what this is.

import { ChatError, messageOf } from "../errors.ts";
import { formatSize } from "../server/limits.ts";
import { printable } from "../text/printable.ts";
import type { Command } from "./command.ts";
import { readAtMost, unreadable } from "./input.ts";
import { DONE, note, print } from "./output.ts";

/** Finds the key of XOR traffic, and prints what was said. */
export async function crackTraffic({ file, top }: Command & { verb: "crack" }): Promise<number> {
  if (file === undefined && Deno.stdin.isTerminal()) {
    note("chat: reads the traffic from stdin; Ctrl-D ends it");
  }
  // Nobody else needs it.
  const { crack, MAX_TRAFFIC, reveal } = await import("../classic/crack.ts");
  const { readTraffic } = await import("../classic/captured.ts");
  const { explain, failure, listCandidates } = await import("../classic/crack_report.ts");
  // One more shows that there is more.
  const bytes = readTrafficBytes(file, MAX_TRAFFIC + 1);
  if (bytes.length > MAX_TRAFFIC) {
    note(`chat: this is about the first ${formatSize(MAX_TRAFFIC)}: more is not read`);
  }
  const traffic = readTraffic(bytes.subarray(0, MAX_TRAFFIC));
  const finding = crack(traffic);
  const [best] = finding.candidates;
  if (top !== undefined) print(listCandidates(traffic, finding, top));
  const fault = failure(traffic, finding);
  if (fault) throw new ChatError(fault.message, fault);
  for (const sentence of explain(traffic, finding)) note(`chat: ${sentence}`);
  if (top !== undefined) return DONE;
  const { texts, others } = reveal(traffic, best!);
  print(`key ${best!.publicKey}\n${texts.map((text) => `${text}\n`).join("")}`);
  if (others > 0) note(`chat: ${others} more are no text: about files, or of a later version`);
  return DONE;
}

/** @param file undefined: stdin */
function readTrafficBytes(file: string | undefined, most: number): Uint8Array<ArrayBuffer> {
  if (file === undefined) {
    try {
      return readAtMost(Deno.stdin, most);
    } catch (cause) {
      unreadable(cause);
    }
  }
  try {
    using opened = Deno.openSync(file);
    return readAtMost(opened, most);
  } catch (cause) {
    const message = messageOf(cause);
    throw new ChatError(`Cannot read the traffic from ${printable(file)}: ${message}`, { cause });
  }
}
