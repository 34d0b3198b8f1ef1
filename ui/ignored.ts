// The members that the user ignores: by their keys, or where there are none by their names. Those with a key can be
// kept in a file. Pure: others read and write it.

import { ChatError } from "../errors.ts";
import { bareName, type Person, type RoomEvent } from "../room.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";

/** How many ignored members the file may have: more than a user ignores by hand. */
export const MAX_KEPT = 2_000;

const KEY_TEXT = /^[A-Za-z0-9+/]{43}$/;
const DAY_TEXT = /^\d{4}-\d\d-\d\d$/;
const HEADER =
  "# Members that you ignore: KEY SINCE NAME. Delete a line to see that member again.\n";

/** Changes the file: `change` gets its contents and returns the new ones. */
export type ChangeFile = (change: (text: string) => string) => void;

interface IgnoredMember {
  /** The name that it had last, without marks. */
  name: string;
  /** Also after a restart. */
  isKept: boolean;
}

/** The members that are ignored now. */
export class Ignored {
  readonly #changeFile: ChangeFile | undefined;
  /** By key, or by `NAME:` if there is none: a key has no colon. */
  readonly #members = new Map<string, IgnoredMember>();

  /**
   * @param text the contents of the file
   * @param changeFile not given: nothing can be kept
   * @throws {RangeError} with the number of the damaged line
   */
  constructor(text = "", changeFile?: ChangeFile) {
    this.#changeFile = changeFile;
    for (const [key, { name }] of parse(text)) this.#members.set(key, { name, isKept: true });
  }

  get list(): readonly Readonly<IgnoredMember>[] {
    return [...this.#members.values()];
  }

  /** Whether this member is hidden; the user never is. */
  has(person: Person): boolean {
    return !person.self && this.#members.has(idOf(person));
  }

  /** The member as a list shows it: without its away text if it is ignored. */
  silenced(member: Person): Person {
    if (!this.has(member)) return member;
    const { status: _, ...silent } = member;
    return silent;
  }

  /** Whether this member stays ignored after a restart. */
  keeps(person: Person): boolean {
    return this.#members.get(idOf(person))?.isKept ?? false;
  }

  /** Ignores a member in this run; one that is kept stays so. */
  add(person: Person): void {
    const id = idOf(person);
    if (!this.#members.has(id)) this.#members.set(id, { name: bareOf(person), isKept: false });
  }

  /**
   * Ignores a member, also after a restart.
   *
   * @param today such as `2026-01-31`
   * @throws {ChatError} if that is impossible; nothing has changed then
   */
  keep(person: Person, today: string): void {
    const { key } = person;
    const shown = printable(person.name);
    if (key === undefined) {
      throw new ChatError(`Cannot keep ignoring ${shown}: nothing proves who that is`, {
        hint: `/ignore ${shown} is for this run of chat only`,
      });
    }
    if (!this.#changeFile) {
      throw new ChatError(`Cannot keep ignoring ${shown}: chat has no folder for your files`);
    }
    const name = bareOf(person);
    this.#changeFile((text) => {
      const lines = parse(text);
      if (lines.size >= MAX_KEPT && !lines.has(key)) {
        throw new ChatError(`Cannot keep ignoring more than ${MAX_KEPT} members`);
      }
      return format(lines.set(key, { since: today, name: nameFault(name) ? "" : name }));
    });
    this.#members.set(key, { name, isKept: true });
  }

  /**
   * Stops ignoring a member, or all that had this name last.
   *
   * @returns whether there was one
   * @throws {ChatError} if the file cannot be changed; nothing has changed then
   */
  remove(who: Person | string): boolean {
    const ids = typeof who !== "string"
      ? [idOf(who)].filter((id) => this.#members.has(id))
      : [...this.#members].filter(([, { name }]) => name === (bareName(who) || who))
        .map(([id]) => id);
    if (ids.some((id) => this.#members.get(id)!.isKept)) {
      this.#changeFile?.((text) => {
        const lines = parse(text);
        for (const id of ids) lines.delete(id);
        return format(lines);
      });
    }
    for (const id of ids) this.#members.delete(id);
    return ids.length > 0;
  }

  /**
   * Follows a member to a new name. The file keeps the old one: a member must not be able to have it written all the
   * time.
   */
  named(person: Person): void {
    const member = this.#members.get(idOf(person));
    if (member) member.name = bareOf(person);
  }

  /**
   * The same where names are all that is known: the new name is ignored if the old one was. The old one is free again,
   * unless another member still has it.
   */
  renamed({ who, before }: RoomEvent & { type: "renamed" }, members: readonly Person[]): void {
    if (who.self || who.key !== undefined) return this.named(who);
    const old = { ...who, name: before };
    if (!this.has(old)) return;
    const isFree = !members.some((one) => one.id !== who.id && idOf(one) === idOf(old));
    if (isFree) this.#members.delete(idOf(old));
    this.add(who);
  }
}

/** Without a name the id, which is not used twice in a room. */
function bareOf({ name }: Person): string {
  return bareName(name) || name;
}

function idOf(person: Person): string {
  return person.key ?? `${bareOf(person)}:`;
}

type Lines = Map<string, { readonly since: string; readonly name: string }>;

function parse(text: string): Lines {
  const lines: Lines = new Map();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [key = "", since = "", name = "", ...rest] = line.trim().split(/\s+/);
    const isName = name === "" || nameFault(name) === undefined;
    if (!KEY_TEXT.test(key) || !DAY_TEXT.test(since) || !isName || rest.length > 0) {
      throw new RangeError(`line ${index + 1} is not KEY DAY NAME`);
    }
    lines.set(key, { since, name });
  }
  return lines;
}

function format(lines: Lines): string {
  const rows = Array.from(lines, ([key, { since, name }]) => `${key} ${since} ${name}`.trimEnd());
  return HEADER + rows.map((row) => `${row}\n`).join("");
}
