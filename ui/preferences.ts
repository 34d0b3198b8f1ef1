// The user's choices for one run: colours, times, notifications, ignored members, and what the commands refer to.
// Pure state; nothing of it leaves this machine.

import { Ignored } from "./ignored.ts";

/** `auto`: colours that are legible on dark and light backgrounds. */
export const THEMES = ["auto", "dark", "light", "mono"] as const;
export type Theme = typeof THEMES[number];

/** `short` is hours and minutes, `long` has seconds too. */
export const TIMES = ["short", "long", "off"] as const;
export type Time = typeof TIMES[number];

/** Which messages notify the user in the background; `mentions` includes direct messages. */
export const NOTIFY = ["all", "mentions", "off"] as const;
export type Notify = typeof NOTIFY[number];

export class Preferences {
  theme: Theme;
  time: Time;
  notify: Notify;
  /** Whether the window's title shows the room. */
  readonly title: boolean;
  /** The name under which the user remembers the room; undefined: none. */
  readonly roomName: string | undefined;
  /** Nothing notifies, whatever `notify` is. */
  muted = false;
  /** Words and phrases that notify like the user's own name; in NFC. */
  readonly highlights: readonly string[];
  /** The program that is run for each notification, and its arguments; undefined: none. */
  readonly notifyCommand: readonly string[] | undefined;
  /** The sender of the last direct message: where `/reply` goes. */
  reply: string | undefined;
  /** That member's id, because another member may take the name later. */
  replyId: number | undefined;
  /** The status of each member, by id, that was shown with a direct message to it. */
  readonly statuses: Map<number, string> = new Map();
  /** The names of banned members, by the numbers of the bans that were seen. */
  readonly bans: Map<number, string> = new Map();
  /** The ids of members whose removal was shown, and that have not left yet. */
  readonly removed: Set<number> = new Set();
  /** The transfer number of the last received picture, for `/view`. */
  picture: number | undefined;
  readonly ignored: Ignored;
  /** The keys whose words `/verify` has shown: only these can be confirmed. */
  readonly compared: Set<string> = new Set();

  constructor(
    { theme, time, notify, title, roomName, highlights, notifyCommand }: {
      theme?: Theme | undefined;
      time?: Time | undefined;
      notify?: Notify | undefined;
      title?: boolean | undefined;
      roomName?: string | undefined;
      highlights?: readonly string[] | undefined;
      notifyCommand?: readonly string[] | undefined;
    } = {},
    ignored: Ignored = new Ignored(),
  ) {
    this.theme = theme ?? "auto";
    this.time = time ?? "short";
    this.notify = notify ?? "mentions";
    this.title = title ?? true;
    this.roomName = roomName;
    this.highlights = highlights ?? [];
    this.notifyCommand = notifyCommand;
    this.ignored = ignored;
  }
}
