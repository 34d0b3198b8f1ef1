// Paces the events that a member can cause again and again with one small frame each: new names and statuses, lost connections,
// reports that contradict each other, bodies that cannot be read. The first is passed on at once. What follows soon is
// withheld and merged, and is passed on later, so nothing that still holds is lost. Knows no frames; the clock is passed
// in.

import type { Person, RoomEvent } from "../room.ts";

/** Time, and timers. */
export interface PaceClock {
  now(): Date;
  /** Calls `task` in `ms` milliseconds; returns a function that cancels the call. */
  after(ms: number, task: () => void): () => void;
}

/** How often a member's name, key and connection are reported at most, in ms. */
export const CHANGE_MS = 1000;
/** How often doubts about a member are reported at most, in ms. */
export const DOUBT_MS = 60_000;

/** The shortest wait, in ms: what many members cause is reported together. */
const MIN_WAIT_MS = 50;

/** What is paced together, and how often it is reported. A change is reported before anything else about the member. */
const LANES = {
  renamed: { lane: "name", ms: CHANGE_MS },
  keychanged: { lane: "key", ms: CHANGE_MS },
  status: { lane: "status", ms: CHANGE_MS },
  away: { lane: "connection", ms: CHANGE_MS },
  back: { lane: "connection", ms: CHANGE_MS },
  forked: { lane: "fork", ms: DOUBT_MS },
  agreed: { lane: "fork", ms: DOUBT_MS },
  unreadable: { lane: "unreadable", ms: DOUBT_MS },
} as const;

type Paced = RoomEvent & { readonly type: keyof typeof LANES };

/** What is known of one lane of one member. */
interface Lane {
  readonly ms: number;
  /** When it was reported last, in ms. */
  at: number;
  reported: Paced["type"];
  /** What came since, merged. */
  withheld: Paced | undefined;
}

/** The members, as far as this needs them. */
export interface PacedMembers {
  has(id: number): boolean;
  person(id: number): Person;
}

export class NoticePace {
  readonly #emit: (event: RoomEvent) => void;
  readonly #members: PacedMembers;
  readonly #clock: PaceClock;
  /** By member, and by what is paced together. All ids that are no members share one: a server can invent any number. */
  readonly #lanes = new Map<number | undefined, Map<string, Lane>>();
  #cancelTimer: (() => void) | undefined;
  /** When the timer ends, in ms. */
  #due = Infinity;

  /** @param emit gets all events, in order */
  constructor(emit: (event: RoomEvent) => void, members: PacedMembers, clock: PaceClock) {
    this.#emit = emit;
    this.#members = members;
    this.#clock = clock;
  }

  /** Passes an event on, now or later. */
  pass(event: RoomEvent): void {
    if (isPaced(event) && !personOf(event).self) return this.#pace(event);
    if (event.type === "left") {
      this.#release(event.who.id, Infinity);
      this.#lanes.delete(event.who.id);
    } else for (const id of idsIn(event)) this.#release(id, CHANGE_MS);
    this.#emit(event);
  }

  #pace(event: Paced): void {
    const { id } = personOf(event);
    const key = this.#members.has(id) ? id : undefined;
    const { lane: name, ms } = LANES[event.type];
    const lanes = this.#lanes.get(key) ?? new Map<string, Lane>();
    this.#lanes.set(key, lanes);
    const now = this.#clock.now().getTime();
    const lane = lanes.get(name);
    if (lane && now - lane.at < ms) {
      lane.withheld = merged(lane.withheld, event);
      return this.#wakeAt(lane.at + ms);
    }
    this.#release(key, CHANGE_MS);
    lanes.set(name, { ms, at: now, reported: event.type, withheld: undefined });
    this.#emit(event);
  }

  /** Reports what is withheld about a member, in lanes of up to `ms`. */
  #release(key: number | undefined, ms: number): void {
    for (const lane of this.#lanes.get(key)?.values() ?? []) {
      if (lane.ms <= ms) this.#report(lane);
    }
  }

  #report(lane: Lane): void {
    const { withheld } = lane;
    if (!withheld) return;
    lane.withheld = undefined;
    lane.at = this.#clock.now().getTime();
    const event = this.#current(withheld);
    if (!event || isVoid(event, lane.reported)) return;
    lane.reported = event.type;
    this.#emit(event);
  }

  /** The event with the member as it is now; undefined if it does not hold any more. */
  #current(event: Paced): Paced | undefined {
    const { id } = personOf(event);
    if (!this.#members.has(id)) return event;
    const person = this.#members.person(id);
    if (event.type === "unreadable") return { ...event, from: person };
    if (event.type === "keychanged" && !person.name.includes("(!)")) return undefined;
    return { ...event, who: person };
  }

  #wakeAt(due: number): void {
    if (due >= this.#due) return;
    this.#cancelTimer?.();
    this.#due = due;
    const wait = Math.max(MIN_WAIT_MS, due - this.#clock.now().getTime());
    this.#cancelTimer = this.#clock.after(wait, () => this.#wake());
  }

  #wake(): void {
    this.#cancelTimer = undefined;
    this.#due = Infinity;
    const now = this.#clock.now().getTime();
    for (const [key, lanes] of this.#lanes) {
      for (const [name, lane] of lanes) {
        const due = lane.at + lane.ms;
        // A clock that was set back must not withhold anything for longer.
        if (due > now && now >= lane.at) {
          if (lane.withheld) this.#wakeAt(due);
        } else if (lane.withheld) this.#report(lane);
        else lanes.delete(name);
      }
      if (lanes.size === 0) this.#lanes.delete(key);
    }
  }

  /** Reports what is withheld: the room has ended, or in the next session ids mean other members. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#due = Infinity;
    for (const key of this.#lanes.keys()) this.#release(key, Infinity);
    this.#lanes.clear();
  }
}

function isPaced(event: RoomEvent): event is Paced {
  return event.type in LANES;
}

function personOf(event: Paced): Person {
  return event.type === "unreadable" ? event.from : event.who;
}

/** One event for both. */
function merged(before: Paced | undefined, event: Paced): Paced {
  if (before?.type === "unreadable" && event.type === "unreadable") {
    return { ...event, fresh: before.fresh + event.fresh };
  }
  if (before?.type === "renamed" && event.type === "renamed") {
    return { ...event, before: before.before };
  }
  if (before?.type === "status" && event.type === "status") {
    return { ...event, before: before.before };
  }
  return event;
}

/** Whether everything is again as it was reported. */
function isVoid(event: Paced, reported: Paced["type"]): boolean {
  if (event.type === "renamed") return event.before === event.who.name;
  if (event.type === "status") return event.before === event.who.status;
  if (event.type === "unreadable" || event.type === "keychanged") return false;
  return event.type === reported;
}

/** The members that an event mentions. */
function idsIn(event: RoomEvent): number[] {
  const people = [
    "from" in event ? event.from : undefined,
    "who" in event ? event.who : undefined,
    "to" in event ? event.to : undefined,
    "replaces" in event ? event.replaces : undefined,
    "transfer" in event ? event.transfer.who : undefined,
  ];
  return people.flatMap((person) => person ? [person.id] : []);
}
