// Test helper: the journal of a room that a server keeps in memory files. No part of the program.

import { Journal, type JournalOptions } from "../../server/journal.ts";
import { startTimer } from "../../server/timers.ts";
import type { MemoryStateFile } from "./memory_state_file.ts";

/** Opens what an earlier server has written into these files; by default in the same run of the machine. */
export function openJournal(
  files: readonly MemoryStateFile[],
  options: Partial<JournalOptions> = {},
): Promise<Journal> {
  return Journal.open({
    files,
    keep: 8 * 1024 * 1024,
    keepForMs: Infinity,
    newLog: false,
    boot: "1000000",
    clock: Date.now,
    after: startTimer,
    ...options,
  });
}
