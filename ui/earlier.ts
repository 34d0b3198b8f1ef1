// An earlier message in a few words, for an answer, a correction or a reaction to it; and the reactions that share a row.
// Pure. Names and texts may hold anything: `printable()` before they are shown.

import type { EarlierMessage, RoomEvent } from "../room.ts";
import { splitGraphemes } from "../text/graphemes.ts";

/** Characters of an earlier message that are shown: enough to recognize it. */
const MAX_QUOTED = 80;
/** Names listed for one emoji; the rest is counted. */
const MAX_NAMES = 5;
/** A group that grows beyond these is printed: the live area has few rows. */
const MAX_MESSAGES = 4;
const MAX_EMOJI = 8;

/** The beginning of a message, on one line. */
function beginning(text: string): string {
  const [line = "", ...more] = text.split("\n", 2);
  const graphemes = splitGraphemes(line.slice(0, 10 * MAX_QUOTED));
  const isCut = graphemes.length > MAX_QUOTED || line.length > 10 * MAX_QUOTED;
  return graphemes.slice(0, MAX_QUOTED).join("") + (isCut || more.length > 0 ? "…" : "");
}

/** An earlier message, as `bob: who is hungry?`. Undefined: this client has not received it, or no longer has it. */
export function quoteOf(message: EarlierMessage | undefined): string {
  if (!message) return "an earlier message (not shown)";
  const { from: { name }, text, action, isDeleted } = message;
  if (isDeleted) return `${name}: (deleted)`;
  return action ? `* ${name} ${beginning(text)}` : `${name}: ${beginning(text)}`;
}

/** An earlier message of this sender, without its name. */
export function ownQuoteOf(message: EarlierMessage | undefined): string {
  if (!message) return "an earlier message";
  return message.isDeleted ? "a deleted message" : beginning(message.text);
}

type Reacted = RoomEvent & { readonly type: "reacted" };

/** One reaction, as a sentence. */
export function reactionSentence({ from: { name }, emoji, removed, quoted }: Reacted): string {
  return removed
    ? `${name} took back ${emoji} from ${quoteOf(quoted)}`
    : `${name} reacted ${emoji} to ${quoteOf(quoted)}`;
}

export function deletedSentence({ from: { name }, quoted }: RoomEvent & { type: "deleted" }) {
  return quoted && !quoted.isDeleted
    ? `${name} deleted: ${ownQuoteOf(quoted)}`
    : `${name} deleted ${ownQuoteOf(undefined)}`;
}

/** The reactions to one message. */
interface Group {
  readonly quoted: EarlierMessage | undefined;
  /** The members that reacted with an emoji, by id. */
  readonly added: Map<string, Map<number, string>>;
  /** Reactions that were taken back, and were not added in this group. */
  readonly removed: Reacted[];
}

/** Collects reactions: one row for each message. */
export class Reactions {
  /** By the id of the message. */
  readonly #groups = new Map<string, Group>();

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  /** This event would make the group too large: take it first. */
  isFull({ id, emoji }: Reacted): boolean {
    const group = this.#groups.get(id);
    if (!group) return this.#groups.size >= MAX_MESSAGES;
    return (!group.added.has(emoji) && group.added.size >= MAX_EMOJI) ||
      group.removed.length >= MAX_EMOJI;
  }

  add(event: Reacted): void {
    const { id, from, emoji, removed, quoted } = event;
    const group: Group = this.#groups.get(id) ?? { quoted, added: new Map(), removed: [] };
    const people: Map<number, string> = group.added.get(emoji) ?? new Map<number, string>();
    if (!removed) group.added.set(emoji, people.set(from.id, from.name));
    else if (!people.delete(from.id)) group.removed.push(event);
    else if (people.size === 0) group.added.delete(emoji);
    if (group.added.size + group.removed.length > 0) this.#groups.set(id, group);
    else this.#groups.delete(id);
  }

  get sentences(): string[] {
    return [...this.#groups.values()].flatMap(({ quoted, added, removed }) => {
      const all = [...added].map(([emoji, people]) => `${emoji} ${namesOf([...people.values()])}`);
      return [
        ...all.length === 0 ? [] : [`${all.join("; ")}, to ${quoteOf(quoted)}`],
        ...removed.map(reactionSentence),
      ];
    });
  }

  take(): string[] {
    const { sentences } = this;
    this.#groups.clear();
    return sentences;
  }
}

function namesOf(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
