// Who comes and goes, folded: while it goes on, one sentence says it all. Pure; when that is shown and
// when it is printed for good is the screen's to decide.

import type { Person, RoomEvent } from "../room.ts";
import { listed } from "./notices.ts";

/** Names that a sentence lists; of more it tells the first ones and the number of the others. */
const MAX_NAMES = 4;
const FIRST_NAMES = 2;
/** Members in one sentence: some 100 bytes each. */
const MAX_MEMBERS = 10_000;

type Reason = Extract<RoomEvent, { type: "left" }>["reason"];

/** What has become of somebody, as far as the sentence goes back. */
type Change = "joined" | "returned" | "passed" | Reason;

/** What the sentence says of one, and of several: in this order. */
const SENTENCES: Readonly<Record<Change, readonly [one: string, several: string]>> = {
  joined: ["joined", "joined"],
  returned: ["left and joined again", "left and joined again"],
  passed: ["came and went", "came and went"],
  left: ["left", "left"],
  lost: ["left: the connection was lost", "left: the connection was lost"],
  slow: ["was dropped: too slow to follow the room", "were dropped: too slow to follow the room"],
  refused: ["was put out by the server", "were put out by the server"],
};

/**
 * Those who have come and gone since the last sentence.
 *
 * @example
 * ```ts
 * presence.joined(alice);
 * presence.left(bob, "left");
 * presence.take(); // "alice joined, bob left"
 * ```
 */
export class Presence {
  /** What has become of each, in the order in which it was first heard of. Ids are not used twice. */
  readonly #changes = new Map<number, { name: string; change: Change }>();
  /** Names of those who have left, with their ids. */
  readonly #gone = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  /** Whether the sentence tells of this one. */
  has({ id }: Person): boolean {
    return this.#changes.has(id);
  }

  /** No more fit in: what there is has to be taken first. */
  get isFull(): boolean {
    return this.#changes.size >= MAX_MEMBERS;
  }

  joined(who: Person): void {
    const { id, name } = who;
    // One who comes back has another id.
    const before = this.#gone.get(name);
    if (before !== undefined) {
      this.#changes.delete(before);
      this.#gone.delete(name);
    }
    const change = before === undefined ? "joined" : "returned";
    this.#changes.set(id, { name: listed(who), change });
  }

  left({ id, name }: Person, reason: Reason): void {
    const change = this.#changes.get(id)?.change;
    if (change === "joined") {
      this.#changes.set(id, { name, change: "passed" });
    } else {
      this.#changes.set(id, { name, change: reason });
      this.#gone.set(name, id);
    }
  }

  /** What has happened, in one sentence; names may hold anything: `printable()` before it is shown. */
  get sentence(): string {
    const names: Partial<Record<Change, string[]>> = {};
    const counts: Partial<Record<Change, number>> = {};
    for (const { name, change } of this.#changes.values()) {
      counts[change] = (counts[change] ?? 0) + 1;
      const listed = names[change] ??= [];
      if (listed.length < MAX_NAMES) listed.push(name);
    }
    const parts = (Object.keys(SENTENCES) as Change[]).flatMap((change) => {
      const count = counts[change] ?? 0;
      if (count === 0) return [];
      return `${list(names[change]!, count)} ${SENTENCES[change][count === 1 ? 0 : 1]}`;
    });
    return parts.join(parts.some((part) => part.includes(":")) ? "; " : ", ");
  }

  /** The sentence, and begins anew. */
  take(): string {
    const { sentence } = this;
    this.#changes.clear();
    this.#gone.clear();
    return sentence;
  }
}

/** `a, b and c`, or `a, b and 7 more`. */
function list(names: readonly string[], count: number): string {
  if (count > MAX_NAMES) {
    return `${names.slice(0, FIRST_NAMES).join(", ")} and ${count - FIRST_NAMES} more`;
  }
  const last = names.at(-1)!;
  return names.length === 1 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
