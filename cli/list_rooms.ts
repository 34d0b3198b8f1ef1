// chat rooms: lists the rooms that the user remembers, and those that it has open on this machine. It joins none.

import type { Command } from "./command.ts";
import { DONE, note, print } from "./output.ts";
import { candidateRows, findCandidates } from "./rooms.ts";
import type { System } from "./system.ts";
import { loadSettings } from "./user.ts";

/** Returns the exit code. */
export async function listRooms(
  { config }: Command & { verb: "rooms" },
  system: System,
): Promise<number> {
  const candidates = await findCandidates(system, await loadSettings(system, config));
  if (candidates.length === 0) {
    note(system, "chat: you remember no room, and have none open on this machine");
  }
  for (const row of candidateRows(candidates)) print(system, `${row}\n`);
  return DONE;
}
