// The topic of the room and the statuses of members in words. Pure. They quote others: `printable()` before they are
// shown.

import type { Person, RoomEvent, Topic } from "../room.ts";
import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import { pastTime, quoted } from "./member_lists.ts";

/** Rows of the screen that a new topic may take, about. */
const TOPIC_ROWS = 3;
/** Members in rows of their own; more are counted. */
const MAX_ROWS = 4;
/** Members whose statuses are collected. */
const MAX_MEMBERS = 10_000;

type StatusEvent = RoomEvent & { readonly type: "status" };

/** As `topic: release on Friday (set by bob, 12:30)`. */
export function topicText({ text, who, set }: Topic, now: Date): string {
  const when = set ? `, ${pastTime(set, now)}` : "";
  return `topic: ${text} (set by ${setterOf(who)}${when})`;
}

/**
 * The notice of a new topic, or of the one that this client has found.
 *
 * @param columns of a row of the screen: a longer text is cut
 */
export function topicNotice(
  event: RoomEvent & { readonly type: "topic" },
  now: Date,
  columns = Infinity,
): string {
  const { who, text, at, sent } = event;
  const shown = printable(text);
  const start = cut(shown, at === undefined ? columns : TOPIC_ROWS * columns);
  const hint = start === shown ? "" : "; /topic shows all of it";
  if (at === undefined) return topicText({ text: start, who, set: sent }, now) + hint;
  const name = setterOf(who);
  return text === "" ? `${name} removed the topic` : `${name} set the topic: ${start}${hint}`;
}

function setterOf(who: Person | undefined): string {
  if (who === undefined) return "the operator";
  return who.self ? "you" : who.name;
}

/** The notice of a status: the member's own words, or that it is back. Without quotes, they could say `connection lost`. */
export function statusNotice({ who }: Pick<StatusEvent, "who">): string {
  const name = who.self ? "you are" : `${who.name} is`;
  return who.status === undefined
    ? `${name} back`
    : `${name} away: ${quoted(who.status, Infinity)}`;
}

/** Statuses that have changed since the last notice, each in a row of its own: a text must not look like another row. */
export class Statuses {
  /** In the order of the first change. */
  readonly #changes = new Map<number, { who: Person; before: string | undefined }>();

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  /** It takes no more members: take the notices first. */
  get isFull(): boolean {
    return this.#changes.size >= MAX_MEMBERS;
  }

  has({ id }: Person): boolean {
    return this.#changes.has(id);
  }

  add({ who, before }: Pick<StatusEvent, "who" | "before">): void {
    const known = this.#changes.get(who.id);
    const first = known ? known.before : before;
    // It is as it was before.
    if (first === who.status) this.#changes.delete(who.id);
    else this.#changes.set(who.id, { who, before: first });
  }

  /** The member has left. */
  remove({ id }: Person): void {
    this.#changes.delete(id);
  }

  get sentences(): string[] {
    const all = [...this.#changes.values()];
    const rows = all.slice(0, MAX_ROWS).map(statusNotice);
    const more = all.length - rows.length;
    if (more > 0) rows.push(`${more} more changed their away texts; /who shows them`);
    return rows;
  }

  /** Returns the notices and starts again. */
  take(): string[] {
    const { sentences } = this;
    this.#changes.clear();
    return sentences;
  }
}
