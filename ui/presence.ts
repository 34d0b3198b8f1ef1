// Members that join and leave, lose their connections and are back, in one sentence. Pure; the caller decides when it is shown.

import type { Person, RoomEvent } from "../room.ts";
import { returned } from "./member_lists.ts";
import { connectionNotice } from "./notices.ts";

/** Names listed for one change; of more, the first ones are listed and the rest is counted. */
const MAX_NAMES = 4;
const FIRST_NAMES = 2;
/** Members in one sentence, about 100 bytes each. */
const MAX_MEMBERS = 10_000;

/** What this needs of the events that it takes. */
export type MemberEvent =
  | Pick<RoomEvent & { type: "joined" }, "type" | "who" | "replaces">
  | Pick<RoomEvent & { type: "left" }, "type" | "who" | "reason">
  | Pick<RoomEvent & { type: "away" | "back" }, "type" | "who">;

/** An event as a change of another member that is worth a sentence; undefined if it is none. */
export function memberChange(event: RoomEvent): MemberEvent | undefined {
  switch (event.type) {
    case "joined":
      return event;
    case "left":
      return event.replaced ? undefined : event;
    case "away":
    case "back":
      return connectionNotice(event) === undefined ? undefined : event;
    default:
      return undefined;
  }
}

type Reason = Extract<RoomEvent, { type: "left" }>["reason"];

/** What happened to a member since the last sentence. */
type Change = "back" | "joined" | "returned" | "passed" | "away" | Reason;

/** The verb for one member and for several, in the order of the sentence. */
const SENTENCES: Readonly<Record<Change, readonly [one: string, several: string]>> = {
  back: ["is back", "are back"],
  joined: ["joined", "joined"],
  returned: ["left and joined again", "left and joined again"],
  passed: ["joined and left", "joined and left"],
  away: ["is away: connection lost", "are away: connection lost"],
  left: ["left", "left"],
  lost: ["left: connection lost", "left: connection lost"],
  slow: ["was disconnected: too slow", "were disconnected: too slow"],
  refused: ["was removed by the server", "were removed by the server"],
  removed: ["was removed", "were removed"],
};

/**
 * Members that joined, left, lost their connections or are back since the last sentence.
 *
 * @example
 * ```ts
 * presence.add({ type: "joined", who: alice });
 * presence.add({ type: "left", who: bob, reason: "left" });
 * presence.take(); // "alice joined, bob left"
 * ```
 */
export class Presence {
  /** The change of each member, in the order of the first event. Ids are not used twice. */
  readonly #changes = new Map<number, { name: string; change: Change; joined?: true }>();
  /** Names of members that left, with their ids. */
  readonly #gone = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  /** Whether the sentence mentions this member. */
  has({ id }: Person): boolean {
    return this.#changes.has(id);
  }

  /** It takes no more members, or has one that joined and is away now: take the sentence first. */
  isFull({ type, who }: MemberEvent): boolean {
    return this.#changes.size >= MAX_MEMBERS ||
      type === "away" && this.#changes.get(who.id)?.joined === true;
  }

  add(event: MemberEvent): void {
    if (event.type === "joined") this.#joined(event);
    else if (event.type === "left") this.#left(event.who, event.reason);
    else this.#changeConnection(event.who, event.type);
  }

  #joined(event: MemberEvent & { type: "joined" }): void {
    const { who: { id, name }, replaces } = event;
    // A member that rejoins has another id.
    const before = this.#gone.get(name);
    if (before !== undefined) {
      this.#changes.delete(before);
      this.#gone.delete(name);
    }
    if (replaces) this.#changes.delete(replaces.id);
    const change = replaces ? "back" : before === undefined ? "joined" : "returned";
    this.#changes.set(id, { name: returned(event), change, joined: true });
  }

  /** If a member is away and back again, or back and away again, nothing has changed. */
  #changeConnection({ id, name }: Person, change: "away" | "back"): void {
    const before = this.#changes.get(id)?.change;
    if (before === undefined || before === change) this.#changes.set(id, { name, change });
    else this.#changes.delete(id);
  }

  #left({ id, name }: Person, reason: Reason): void {
    const { joined, change } = this.#changes.get(id) ?? {};
    if (joined && change !== "returned") {
      this.#changes.set(id, { name, change: "passed" });
    } else {
      this.#changes.set(id, { name, change: reason });
      this.#gone.set(name, id);
    }
  }

  /** All changes in one sentence. Names may hold anything: `printable()` before it is shown. */
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

  /** Returns the sentence and starts an empty one. */
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
