// Emoji by name, as GitHub and Slack call them: `:smile:`. Pure but for loading the names, which takes some
// 15 ms and 350 KB: whoever starts a screen asks for it when nobody waits.

/** Names that may be offered at once: more is no help. */
const MAX_FOUND = 60;

/**
 * No name begins behind these: `10:30`, `std::smile`, `host:port` and addresses of pages are no emoji. Other
 * scripts write without spaces, so their letters are none of them.
 */
const BEFORE = String.raw`(?<![\w:/@#&=%-])`;
const NAME = "[a-z0-9_+-]";
/** What is being typed: at least two characters of the name, so that `:)` and `:D` and `:p` stay. */
const TYPED = new RegExp(`${BEFORE}:(${NAME}{2,})(:?)$`, "iu");
/** Whole names, one or more in a row. */
const WHOLE = new RegExp(`${BEFORE}(?::${NAME}+:)+(?![\\w:/@])`, "gu");
/** Code as people mark it, with one backtick or more: it is meant letter by letter. */
const CODE = /(?<!`)(`+)(?!`)[^`]+\1/g;

/** An emoji under one of its names. */
export interface Named {
  /** Without colons. */
  readonly name: string;
  readonly emoji: string;
}

/** The name that is being typed at the end of `text`, without its colons; where it begins, in UTF-16 units. */
export function typedName(
  text: string,
): { from: number; name: string; whole: boolean } | undefined {
  const match = TYPED.exec(text);
  if (!match) return undefined;
  return { from: match.index, name: match[1]!.toLowerCase(), whole: match[2] === ":" };
}

/** What emoji are called. Until they are loaded, nothing is called anything. */
export class Emoji {
  #names: ReadonlyMap<string, string>;

  constructor(names: Readonly<Record<string, string>> = {}) {
    this.#names = new Map(Object.entries(names));
  }

  /** Gets all names; rejects where the library can't be read, and then there are none. */
  async load(): Promise<void> {
    const { nameToEmoji } = await import("gemoji");
    this.#names = new Map(Object.entries(nameToEmoji));
  }

  /** The emoji of that very name. */
  get(name: string): string | undefined {
    return this.#names.get(name);
  }

  /** Emoji whose name begins so, each once, the shortest names first. */
  starting(beginning: string): Named[] {
    const found = [...this.#names].filter(([name]) => name.startsWith(beginning))
      .sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
    // `+1` and `thumbsup` are one.
    const seen = new Set<string>();
    return found.filter(([, emoji]) => !seen.has(emoji) && seen.add(emoji)).slice(0, MAX_FOUND)
      .map(([name, emoji]) => ({ name, emoji }));
  }

  /**
   * Puts emoji in place of their names. What nobody calls an emoji stays as it is, and so does code
   * between backticks, and a text of several lines: most of these are pasted, and are meant as they are.
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
    return text.replace(WHOLE, (run) => {
      const found = run.slice(1, -1).split("::").map((name) => this.get(name));
      return found.includes(undefined) ? run : found.join("");
    });
  }
}
