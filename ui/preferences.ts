// How one person wants to see a room. Pure state: commands set it, screens read it; nothing of it leaves
// this machine.

/** `auto`: colours that can be read on a dark ground as well as on a light one. */
export const THEMES = ["auto", "dark", "light", "mono"] as const;
export type Theme = typeof THEMES[number];

/** `short` is hours and minutes, `long` has seconds too. */
export const TIMES = ["short", "long", "off"] as const;
export type Time = typeof TIMES[number];

/** Which messages ring or notify while the window is not in front; `mentions` includes direct messages. */
export const NOTIFY = ["all", "mentions", "off"] as const;
export type Notify = typeof NOTIFY[number];

export class Preferences {
  theme: Theme;
  time: Time;
  notify: Notify;
  /** Nothing rings or notifies, whatever `notify` is. */
  muted = false;
  /** Who sent the newest direct message: where `/reply` goes. */
  reply: string | undefined;
  /** That member's id: who takes the name later is somebody else. */
  replyId: number | undefined;
  /** The number of the picture that has been received last: what `/view` shows. */
  picture: number | undefined;
  readonly #ignored = new Set<string>();

  constructor({ theme, time, notify }: { theme?: Theme; time?: Time; notify?: Notify } = {}) {
    this.theme = theme ?? "auto";
    this.time = time ?? "short";
    this.notify = notify ?? "mentions";
  }

  /** The names of those whose messages are not shown. */
  get ignored(): readonly string[] {
    return [...this.#ignored];
  }

  /** From now on, what anybody of this name says is not shown. False if that was so before. */
  ignore(name: string): boolean {
    const bare = bareName(name);
    if (this.#ignored.has(bare)) return false;
    this.#ignored.add(bare);
    return true;
  }

  /** False if nobody of this name was ignored. */
  unignore(name: string): boolean {
    return this.#ignored.delete(bareName(name));
  }

  isIgnored(name: string): boolean {
    return this.#ignored.has(bareName(name));
  }
}

/** A name as its owner chose it, without the marks that a screen puts behind it. */
export function bareName(name: string): string {
  return name.replace(/(#\d+)?(\(!\))?$/, "");
}
