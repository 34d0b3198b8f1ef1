// The last messages to the room, so that later ones can be about them: answers, corrections and reactions. What a member
// says about a message of others is shown with this client's own copy of it: a quote cannot lie. Bounded. Pure.

import { ChatError } from "../errors.ts";
import { type Content, isReaction } from "../protocol/envelope.ts";
import { REFERENCE_SIZE } from "../protocol/message_ids.ts";
import type { Change, EarlierMessage, Person } from "../room.ts";
import type { Author } from "./members.ts";

/** Limit of remembered messages; a conversation of some hours. */
export const MAX_MESSAGES = 2000;
/** Limit of UTF-16 units in all of them, and what a message and a reaction count besides its text. */
export const MAX_UNITS = 4 * 1024 * 1024;
const MESSAGE_UNITS = 200;
const REACTION_UNITS = 100;
/** UTF-16 units of a message of others that are kept: enough to recognize it. Of its own messages it keeps all. */
const QUOTE_UNITS = 400;

interface Entry {
  readonly id: string;
  readonly from: Person;
  readonly author: Author;
  text: string;
  readonly action: boolean;
  isDeleted: boolean;
  /** Author and emoji of each reaction. */
  readonly reactions: Set<string>;
  /** This client's own emoji. */
  readonly own: Set<string>;
}

/** The last messages to the room. */
export class History {
  readonly #isSame: (earlier: Author, now: Author) => boolean;
  /** By their references, oldest first. */
  readonly #entries = new Map<string, Entry>();
  #units = 0;

  /** @param isSame see `Members.isSameAuthor` */
  constructor(isSame: (earlier: Author, now: Author) => boolean) {
    this.#isSame = isSame;
  }

  /** Remembers a message with the reference `id`. */
  add(
    id: string,
    author: Author,
    { from, text, action }: { from: Person; text: string; action: boolean },
  ): void {
    if (this.#entries.has(id)) return;
    const kept = from.self ? text : text.slice(0, QUOTE_UNITS);
    const entry = {
      id,
      from,
      author,
      text: kept,
      action,
      isDeleted: false,
      ...{ reactions: new Set<string>(), own: new Set<string>() },
    };
    this.#entries.set(id, entry);
    this.#units += kept.length + MESSAGE_UNITS;
    this.#trim();
  }

  /** A message; undefined if it is not known, or no longer. */
  get(id: string): EarlierMessage | undefined {
    const entry = this.#entries.get(id);
    return entry && earlier(entry);
  }

  /** All that are not deleted, newest first. */
  get recent(): EarlierMessage[] {
    return [...this.#entries.values()].filter(({ isDeleted }) => !isDeleted).reverse().map(earlier);
  }

  /** Whether `author` may change a message. Of one that is not known, nobody can say: `true`. */
  isBy(id: string, author: Author): boolean {
    const entry = this.#entries.get(id);
    return !entry || this.#isSame(entry.author, author);
  }

  edit(id: string, text: string): void {
    const entry = this.#entries.get(id);
    if (!entry || entry.isDeleted) return;
    this.#units -= entry.text.length;
    entry.text = entry.from.self ? text : text.slice(0, QUOTE_UNITS);
    this.#units += entry.text.length;
    this.#trim();
  }

  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#units -= entry.text.length;
    entry.text = "";
    entry.isDeleted = true;
  }

  /** Adds or removes a reaction. Returns whether that changes anything, as far as this client knows. */
  react(
    id: string,
    { author: { text: author }, isOwn }: { author: Author; isOwn: boolean },
    emoji: string,
    isRemoved: boolean,
  ): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return true;
    const { reactions, own } = entry;
    if (isOwn && isRemoved) own.delete(emoji);
    else if (isOwn) own.add(emoji);
    const before = reactions.size;
    if (isRemoved) reactions.delete(`${author} ${emoji}`);
    else reactions.add(`${author} ${emoji}`);
    this.#units += (reactions.size - before) * REACTION_UNITS;
    this.#trim();
    return reactions.size !== before;
  }

  /**
   * What to send for a change that the user wants.
   *
   * @throws {ChatError} if it is impossible
   */
  contentOf(change: Change, author: Author): Content {
    const { id: re } = change;
    checkReference(re, "do that");
    if (change.type === "react") {
      const { emoji, removed } = change;
      if (!isReaction(emoji)) {
        throw new ChatError("Cannot react: a reaction is one emoji", { refusal: "emoji" });
      }
      return { kind: removed ? "unreact" : "react", text: emoji, re };
    }
    const what = change.type === "edit" ? "correct" : "delete";
    const entry = this.#entries.get(re);
    if (!entry) throw refused(`Cannot ${what} this message: it is unknown, or too long ago`);
    if (!this.#isSame(entry.author, author)) {
      throw refused(
        entry.from.self
          ? `Cannot ${what} this message: it is from another session, and xor proves nothing`
          : `Cannot ${what} a message of another member`,
      );
    }
    if (entry.isDeleted) throw refused(`Cannot ${what} this message: it is deleted`);
    return change.type === "edit"
      ? { kind: "edit", text: change.text, re }
      : { kind: "delete", re };
  }

  /** Forgets the oldest messages. */
  #trim(): void {
    for (const [id, { text, reactions }] of this.#entries) {
      if (this.#entries.size <= MAX_MESSAGES && this.#units <= MAX_UNITS) break;
      this.#units -= text.length + MESSAGE_UNITS + reactions.size * REACTION_UNITS;
      this.#entries.delete(id);
    }
  }
}

/** @throws {ChatError} if a program or a user gave an id that no message can have */
export function checkReference(id: string, action: string): void {
  if (/^[0-9a-f]*$/.test(id) && id.length === 2 * REFERENCE_SIZE) return;
  throw refused(`Cannot ${action}: no message has such an id`);
}

function refused(message: string): ChatError {
  return new ChatError(message, { refusal: "message" });
}

function earlier({ id, from, text, action, isDeleted, own }: Entry): EarlierMessage {
  return { id, from, text, action, isDeleted, reactions: [...own] };
}
