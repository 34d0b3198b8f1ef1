// The members of a room, as a user interface knows them: types, and functions about their names. Knows no socket and no
// terminal.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";

/** A member of the room, as this client knows it. */
export interface Person {
  /** The server's number for this member; never used twice in a room. */
  readonly id: number;
  /**
   * The valid name to show. `(!)` follows it if the name, or one that it looks like, is known with another key. `#id`
   * follows if the names of two members look alike, or if its name only looks like the known one.
   */
  readonly name: string;
  readonly self: boolean;
  /** Its connection was lost, and it may come back. */
  readonly away: boolean;
  /** Since when it is away, by the server's clock; not there if it is not. */
  readonly since?: Date;
  /**
   * Its user has said with `/away` why no answer may come. It is connected, unless it is `away`, too. Valid: see
   * `statusFault` of the protocol.
   */
  readonly status?: string;
  /** A moderator, as the server says, with a key that the member has proved. */
  readonly moderator?: true;
  /** What it sends to the room is refused. */
  readonly silenced?: true;
  /** A classic client, which cannot receive files or direct messages. */
  readonly classic?: true;
  /** Its public key as people write it; not there in xor rooms, or if the member has proved none. */
  readonly key?: string;
  /** The day on which the user verified this key for this name, such as `2026-01-31`. */
  readonly verified?: string;
  /** How far the user can trust that this is the owner of the name; not there without a key or a name, and for oneself. */
  readonly trust?: Trust;
}

/**
 * What is known about a member's key under its present name.
 *
 * - `verified`, `trusted`: the user has said so, with `/verify NAME yes` or `/trust NAME`.
 * - `known`: it was known before the program started.
 * - `new`: it was first seen in this run of the program.
 * - `changed`: the name, or one that it looks like, is known with another key.
 */
export const TRUSTS = ["verified", "trusted", "known", "new", "changed"] as const;
export type Trust = typeof TRUSTS[number];

/** More about a member, for a user who asks. */
export interface Whois {
  readonly member: Person;
  /** When it joined; undefined: before this client. */
  readonly joined: Date | undefined;
  /** When this client joined. */
  readonly listed: Date;
  /** The day on which its key was first seen under its present name; undefined if that is not known. */
  readonly firstSeen: string | undefined;
  /** The words to compare aloud; undefined if there is nothing to compare. */
  readonly words: string | undefined;
  /** The other sessions with its key, in the order of joining. */
  readonly sessions: readonly Person[];
}

/** A name as its owner chose it, without the marks of `Person.name`. */
export function bareName(name: string): string {
  return name.replace(/(#\d+)?(\(!\))?$/, "");
}

/** Whether a member's name is known, but not with its key. Names cannot contain this mark. */
export function hasOtherKey({ name }: Person): boolean {
  return name.endsWith("(!)");
}

/**
 * Nothing is sent to a member that the user may take for another one, and it gets no rights.
 *
 * @param action continues "Cannot"; the name follows
 */
export function otherKeyError({ name }: Person, action = "send to"): ChatError {
  const bare = printable(name.replace(/\(!\)$/, ""));
  return new ChatError(
    `Cannot ${action} ${bare}: this is not the key that you know under that name`,
    { refusal: "keychanged", about: bare },
  );
}

/** Whether somebody who writes this can mean no other member: an id, or the name with all its marks. */
export function isExplicit(who: string | number, { id, name }: Person): boolean {
  return typeof who === "number" || who === `#${id}` || who === name;
}

/**
 * Finds the member with this name, `name#id` or id. `name#id` needs both: it never means somebody else who took the
 * name, and not that member under another name.
 */
export function findPerson(
  members: readonly Person[],
  who: string | number,
): Person | "nobody" | "several" {
  if (typeof who === "number") return members.find((m) => m.id === who) ?? "nobody";
  // Members without a valid name are found by their ids only.
  if (who === "") return "nobody";
  const name = who.normalize("NFC");
  // Names cannot contain `(!)`, so this cannot match the mark of another member.
  const exact = members.find((m) =>
    m.name === name || `#${m.id}` === name || m.name === `${name}(!)` ||
    (name.endsWith(`#${m.id}`) && name === `${bareName(m.name)}#${m.id}`)
  );
  if (exact) return exact;
  const alike = members.filter((m) => bareName(m.name) === name);
  if (alike.length > 1) return "several";
  return alike[0] ?? "nobody";
}
