// Notices that wait a few seconds so that similar ones share a line: members that join, leave, are away and are back,
// files that arrive, and reactions. A printed row cannot be changed, so the live area shows a group while it grows, and it is
// printed when nothing more has been added for a while. Knows a clock; knows no terminal.

import type { Person, RoomEvent } from "../room.ts";
import type { Clock } from "./clock.ts";
import { Reactions } from "./earlier.ts";
import { memberChange, type MemberEvent, Presence } from "./presence.ts";
import { Statuses } from "./status_text.ts";
import { Arrivals, completed } from "./transfer_text.ts";

/** A group is complete when nothing has been added for this long, in ms. */
const QUIET_MS = 3000;
/** A group waits no longer than this after its first notice, in ms. */
const MAX_WAIT_MS = 15_000;

type Reacted = RoomEvent & { readonly type: "reacted" };
/** What happened to a member. */
export type Change = MemberEvent | RoomEvent & { readonly type: "status" };

/** An event as a change of another member that waits for others; undefined if it is none. */
export function changeOf(event: RoomEvent): Change | undefined {
  if (event.type === "status") return event.who.self ? undefined : event;
  return memberChange(event);
}

/** Collects notices until they are due. */
export class GroupedNotices {
  readonly #presence = new Presence();
  readonly #statuses = new Statuses();
  readonly #arrivals = new Arrivals();
  readonly #reactions = new Reactions();
  readonly #clock: Clock;
  readonly #onDue: () => void;
  /** When the group is due at the latest, in ms. */
  #deadline = 0;
  #cancelTimer: (() => void) | undefined;

  /** @param onDue called when the group should be printed; it MUST call `take` */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** The group so far. Names may hold anything: `printable()` before it is shown. */
  get sentences(): string[] {
    return [
      ...this.#presence.isEmpty ? [] : [this.#presence.sentence],
      ...this.#statuses.sentences,
      ...this.#arrivals.sentences,
      ...this.#reactions.sentences,
    ];
  }

  /** Whether the group mentions this member. */
  mentions(person: Person): boolean {
    return this.#presence.has(person) || this.#statuses.has(person);
  }

  /** The group cannot take this event: take the group first. */
  isFull(event: Change | Reacted): boolean {
    if (event.type === "reacted") return this.#reactions.isFull(event);
    return event.type === "status" ? this.#statuses.isFull : this.#presence.isFull(event);
  }

  addReaction(event: Reacted): void {
    const wasEmpty = this.#isEmpty;
    this.#reactions.add(event);
    this.#wait(wasEmpty);
  }

  addMember(event: Change): void {
    const wasEmpty = this.#isEmpty;
    if (event.type === "status") this.#statuses.add(event);
    else this.#presence.add(event);
    if (event.type === "left") this.#statuses.remove(event.who);
    this.#wait(wasEmpty);
  }

  /** Adds the transfers that an event has completed. False: it is shown by itself, as the first ones for a while are. */
  addTransfers(event: RoomEvent): boolean {
    const [first, ...others] = completed(event);
    if (!first) return false;
    const wasEmpty = this.#isEmpty;
    const now = this.#clock.now().getTime();
    if (!this.#arrivals.add(first, now)) return false;
    for (const transfer of others) this.#arrivals.add(transfer, now);
    this.#wait(wasEmpty);
    return true;
  }

  /** Returns the sentences and starts an empty group. */
  take(): string[] {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    return [
      ...this.#presence.isEmpty ? [] : [this.#presence.take()],
      ...this.#statuses.take(),
      ...this.#arrivals.take(),
      ...this.#reactions.take(),
    ];
  }

  get #isEmpty(): boolean {
    return this.#presence.isEmpty && this.#statuses.isEmpty && this.#arrivals.isEmpty &&
      this.#reactions.isEmpty;
  }

  #wait(wasEmpty: boolean): void {
    const now = this.#clock.now().getTime();
    if (wasEmpty) this.#deadline = now + MAX_WAIT_MS;
    this.#cancelTimer?.();
    const wait = Math.max(0, Math.min(QUIET_MS, this.#deadline - now));
    this.#cancelTimer = this.#clock.after(wait, this.#onDue);
  }
}
