// Who sees the same conversation as this client: compares what other members report of the room's log with this
// client's own chain. Pure. Knows no names and no frames.

import type { Report } from "../cipher.ts";
import { conversationWords } from "../cipher/identity.ts";
import type { Conversation, Person } from "../room.ts";
import type { Chain } from "./chain.ts";

/** How a member's conversation compares with this client's. */
export interface Agreement {
  /** It sees another conversation, or its report is false. */
  readonly isForked: boolean;
  /** When the two agreed last; undefined if they never have. */
  readonly since: Date | undefined;
}

const UNKNOWN: Agreement = { isForked: false, since: undefined };

/** The comparisons of one session. */
export class Forks {
  readonly #chain: Chain;
  readonly #now: () => Date;
  readonly #agreements = new Map<number, Agreement>();

  constructor(chain: Chain, now: () => Date) {
    this.#chain = chain;
    this.#now = now;
  }

  /**
   * Compares a member's report.
   *
   * A report in a JOINED is about what the member saw before that. If it was here in an earlier session, it may have
   * seen another conversation then, and the same one from now on: later reports neither confirm nor withdraw that. So it
   * does not mark the member.
   *
   * @param at the position of the frame with the report
   * @param isJoined the frame is a JOINED
   * @returns the new agreement if the member's conversation has become another one, or is the same again
   */
  check(id: number, report: Report, at: number, isJoined = false): Agreement | undefined {
    const before = this.of(id);
    const comparison = this.#chain.compare(report, at);
    if (comparison === "unknown") return undefined;
    const isForked = comparison === "other";
    if (isForked && isJoined) return { isForked, since: undefined };
    const since = isForked ? before.since : this.#now();
    const agreement = { isForked, since };
    this.#agreements.set(id, agreement);
    return isForked === before.isForked ? undefined : agreement;
  }

  of(id: number): Agreement {
    return this.#agreements.get(id) ?? UNKNOWN;
  }

  /** A member has left. */
  forget(id: number): void {
    this.#agreements.delete(id);
  }

  /** The ids of the members that see another conversation. */
  get forked(): number[] {
    const ids: number[] = [];
    for (const [id, { isForked }] of this.#agreements) if (isForked) ids.push(id);
    return ids;
  }
}

/** How the conversations of others compare with this client's, of which this is the report. */
export function conversationOf(
  { position, chain }: Report,
  forks: Pick<Forks, "of">,
  others: readonly Person[],
): Conversation {
  const compared = others.map((who) => ({ who, agreement: forks.of(who.id) }));
  const those = (matches: (agreement: Agreement) => boolean) =>
    compared.filter(({ agreement }) => matches(agreement)).map(({ who }) => who);
  return {
    at: position,
    words: conversationWords(chain),
    same: those(({ isForked, since }) => !isForked && since !== undefined),
    other: those(({ isForked }) => isForked),
    unknown: those(({ isForked, since }) => !isForked && since === undefined),
  };
}
