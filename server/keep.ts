// Keeps a server's room in a journal, and goes on with the room of an earlier process. Knows no socket.

import type { Absences } from "./absences.ts";
import type { ServerEvent } from "./events.ts";
import type { FoldMember } from "./fold_member.ts";
import type { Hub } from "./hub.ts";
import type { Journal } from "./journal.ts";
import type { Member } from "./member.ts";

/**
 * How long members that were connected when an earlier process ended have to come back, in ms, before the others see
 * them as away. Clients try at least every 15 seconds. With less, each restart would show most of a room as away, and
 * then as back.
 */
export const RETURN_MS = 20_000;

/** What this needs of a server. */
export interface KeptServer {
  readonly hub: Hub;
  readonly absences: Pick<Absences, "add" | "hold">;
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** A member of an earlier process has a session here, without a connection. */
  readonly open: (member: Member) => void;
  readonly report: (event: ServerEvent) => void;
  /** Shows a text to all members. */
  readonly warn: (message: string) => void;
}

/**
 * Goes on with the room of an earlier process, if there is one, and keeps it from now on.
 *
 * @throws {ChatError} if it cannot be kept
 */
export function keep(journal: Journal, server: KeptServer): void {
  const { hub, absences, now, open, report, warn } = server;
  journal.begin(hub.fold, {
    trim: (position) => hub.trim(position),
    failed: (message) => {
      report({ event: "disk-failed", message });
      warn("the server cannot write to its disk: if it ends, new messages are lost");
    },
    works: () => {
      report({ event: "disk-works" });
      warn("the server keeps messages on its disk again");
    },
  });
  const { fold, newLog, entries, time } = journal.recovery;
  if (newLog) report({ event: "new-log", reason: newLog });
  if (!fold) return;
  absences.hold(RETURN_MS);
  // The time in which no server ran does not count.
  const since = ({ awaySince = time }: FoldMember) => now() - Math.max(0, time - awaySince);
  const members = hub.goOn().map((member) => ({ member, at: since(member.state) }));
  members.sort((one, other) => one.at - other.at);
  for (const { member: one, at } of members) {
    open(one);
    absences.add(one.state, at, one.state.awaySince !== undefined);
  }
  report({ event: "continued", members: members.length, entries });
}
