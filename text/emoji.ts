// Emoji by their names on GitHub and Slack: `:smile:`. Pure, except that `load` imports the names. That takes some
// 15 ms and 350 KB, so the screen calls it while nobody waits for it.

/** Most names offered at once: a longer list does not help. */
const MAX_FOUND = 60;

/**
 * No name begins after these characters: `10:30`, `std::smile`, `host:port` and web addresses are not emoji. Letters
 * of other scripts are not among them, because some scripts are written without spaces.
 */
const BEFORE = String.raw`(?<![\w:/@#&=%-])`;
const NAME = "[a-z0-9_+-]";
/** A name that is being typed: at least two characters, so that `:)`, `:D` and `:p` stay. */
const TYPED = new RegExp(`${BEFORE}:(${NAME}{2,})(:?)$`, "iu");
/** One or more complete names in a row. */
const COMPLETE = new RegExp(`${BEFORE}(?::${NAME}+:)+(?![\\w:/@])`, "gu");
/** Code between one or more backticks stays as it is. */
const CODE = /(?<!`)(`+)(?!`)[^`]+\1/g;

/** An emoji under one of its names. */
export interface Named {
  /** Without colons. */
  readonly name: string;
  readonly emoji: string;
}

/** The name that is being typed at the end of `text`, without colons, and where it begins, in UTF-16 units. */
export function typedName(
  text: string,
): { from: number; name: string; complete: boolean } | undefined {
  const match = TYPED.exec(text);
  if (!match) return undefined;
  return { from: match.index, name: match[1]!.toLowerCase(), complete: match[2] === ":" };
}

/** The names of emoji. There are none before `load`. */
export class Emoji {
  #names: ReadonlyMap<string, string>;

  constructor(names: Readonly<Record<string, string>> = {}) {
    this.#names = new Map(Object.entries(names));
  }

  /** Loads all names. Rejects if the library cannot be read. */
  async load(): Promise<void> {
    const { nameToEmoji } = await import("gemoji");
    this.#names = new Map(Object.entries(nameToEmoji));
  }

  /** The emoji with exactly this name. */
  get(name: string): string | undefined {
    return this.#names.get(name);
  }

  /** Emoji whose names have this beginning, each once, the shortest names first. */
  starting(beginning: string): Named[] {
    const found = [...this.#names].filter(([name]) => name.startsWith(beginning))
      .sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
    // `+1` and `thumbsup` are the same emoji.
    const seen = new Set<string>();
    return found.filter(([, emoji]) => !seen.has(emoji) && seen.add(emoji)).slice(0, MAX_FOUND)
      .map(([name, emoji]) => ({ name, emoji }));
  }

  /**
   * Replaces names by their emoji. Unknown names stay, and so does code between backticks. A text of several lines
   * is not changed: it was probably pasted.
   *
   * @example
   * ```ts
   * emoji.replace("at 10:30 :tada:"); // "at 10:30 🎉"
   * ```
   */
  replace(text: string): string {
    if (!text.includes(":") || text.includes("\n")) return text;
    let done = "";
    let at = 0;
    for (const code of text.matchAll(CODE)) {
      done += this.#replaceIn(text.slice(at, code.index)) + code[0];
      at = code.index + code[0].length;
    }
    return done + this.#replaceIn(text.slice(at));
  }

  #replaceIn(text: string): string {
    return text.replace(COMPLETE, (run) => {
      const found = run.slice(1, -1).split("::").map((name) => this.get(name));
      return found.includes(undefined) ? run : found.join("");
    });
  }
}
