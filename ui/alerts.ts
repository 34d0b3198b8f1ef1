// Which messages notify the user, where unread ones begin, and how a terminal is asked to notify. Pure; knows no
// terminal and no clock: the time, the environment and the window's focus are passed in.

import type { RoomEvent } from "../room.ts";
import type { Environment } from "../terminal/environment.ts";
import { splitGraphemes } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { mentions } from "./markup.ts";
import { announcementHeading } from "./moderation_text.ts";
import type { Preferences } from "./preferences.ts";
import { offerSentence } from "./transfer_text.ts";

/** At most one notification in this time, in ms: a busy room must not ring all the time. */
const PAUSE_MS = 3000;
/** For terminals that do not report focus: the user is away if no key was pressed for this long, in ms. */
const IDLE_MS = 60 * 1000;
/** Longest notification, in characters. */
const MAX_NOTE = 100;
/** Longest text for a program, in characters: it fits into a pipe, so that no program has to read it. */
const MAX_COMMAND_NOTE = 1000;

/** Since when messages are unread. */
export interface UnreadFrom {
  readonly since: Date;
  /** `focus`: the window went to the background then. `key`: the last key was pressed then. */
  readonly by: "focus" | "key";
}

/** Decides which events notify, and counts unread messages. */
export class Alerts {
  /** Undefined until the terminal has reported it; some never do. */
  #focused: boolean | undefined;
  /** When the window went to the background; undefined if it is not there, or a key was pressed since. */
  #left: Date | undefined;
  #lastKey: Date;
  /** In ms. */
  #lastRing = -Infinity;
  #unread = 0;
  /** The screen shows where unread messages begin; until the user looks, it shows that once. */
  #isMarked = false;

  constructor(now: Date) {
    this.#lastKey = now;
  }

  /** Messages from others while the user is probably not looking. */
  get unread(): number {
    return this.#unread;
  }

  /** The window's focus has changed; counting starts again. */
  focus(focused: boolean, now: Date): void {
    this.#focused = focused;
    this.#left = focused ? undefined : now;
    this.#unread = 0;
    this.#isMarked = false;
  }

  /** A key was pressed: the user looks at the screen, whatever the terminal reported about its window. */
  typed(now: Date): void {
    this.#lastKey = now;
    this.#left = undefined;
    this.#unread = 0;
    this.#isMarked = false;
  }

  /** Whether the user is probably not looking. */
  isAway(now: Date): boolean {
    return !(this.#focused ?? !this.#isIdle(now));
  }

  #isIdle(now: Date): boolean {
    return now.getTime() - this.#lastKey.getTime() >= IDLE_MS;
  }

  /**
   * Takes each event that is shown, before it is shown. If it is the first message that the user may not see, returns
   * since when messages are unread.
   */
  unreadFrom(event: RoomEvent, now: Date): UnreadFrom | undefined {
    const from = this.#awayFrom(now);
    if (this.#isMarked || from === undefined) return undefined;
    // A row counts the messages that follow: that is the mark.
    if (event.type === "connected") this.#isMarked = event.resumed && event.unseen > 0;
    const isNews = isFromOthers(event) || (event.type === "edited" && !event.from.self);
    if (!isNews) return undefined;
    this.#isMarked = true;
    return from;
  }

  /** Since when the user is probably not looking; undefined otherwise. */
  #awayFrom(now: Date): UnreadFrom | undefined {
    if (this.#left) return { since: this.#left, by: "focus" };
    // Also if a key was pressed in a window that is in the background, as the terminal reports.
    const isIdle = this.#focused !== true && this.#isIdle(now);
    return isIdle ? { since: this.#lastKey, by: "key" } : undefined;
  }

  /**
   * Takes each event that is shown, once. Returns the notification as one line, `NAME: text`, or undefined if this
   * event does not notify. `self` is the user's own name.
   */
  note(event: RoomEvent, preferences: Preferences, self: string, now: Date): string | undefined {
    if (!isFromOthers(event)) return undefined;
    if (this.isAway(now)) this.#unread++;
    if (preferences.muted || preferences.notify === "off") return undefined;
    if (!this.isAway(now) || now.getTime() - this.#lastRing < PAUSE_MS) return undefined;
    if (preferences.notify !== "all" && !isMeant(event, self, preferences)) {
      return undefined;
    }
    this.#lastRing = now.getTime();
    if (event.type === "notice") return `${announcementHeading(event)}: ${event.text ?? ""}`;
    if (event.type === "offer") return offerSentence(event);
    const { from } = event;
    return event.action ? `* ${from.name} ${event.text}` : `${from.name}: ${event.text}`;
  }
}

/** A message, an offer or an announcement. */
type Talk = RoomEvent & { type: "message" | "direct" | "offer" | "notice" };

/** Whether another member wrote it. */
function isFromOthers(event: RoomEvent): event is Talk {
  switch (event.type) {
    case "message":
    case "direct":
    case "offer":
      return !event.from.self;
    case "notice":
      return event.action === "announce" && !event.by?.self;
    default:
      return false;
  }
}

/** Whether it is for this user only, is an announcement, or mentions the user's name or a word that the user has chosen. */
function isMeant(event: Talk, self: string, { highlights }: Preferences): boolean {
  // An announcement is for everybody.
  if (event.type === "notice") return true;
  if (event.type === "offer") return event.direct;
  if (event.type === "message" && event.quoted?.from.self) return true;
  return event.type === "direct" || mentions(event.text, self, highlights);
}

/** How a terminal can notify; `bell` can only ring. */
export type Notifier = "bell" | "osc9" | "osc777" | "osc99";

/**
 * How this terminal notifies. An unknown one only rings, because some terminals print sequences that they do not
 * understand. So do tmux and screen, which pass nothing on.
 */
export function notifier(environment: Environment): Notifier {
  const { TERM = "", TERM_PROGRAM = "", LC_TERMINAL, VTE_VERSION, WT_SESSION } = environment;
  if (/^(?:tmux|screen|dumb$|linux$)/.test(TERM) || TERM_PROGRAM === "tmux") return "bell";
  if (TERM === "xterm-kitty") return "osc99";
  if (/^(?:foot|rxvt-unicode)/.test(TERM)) return "osc777";
  if (/^(?:iTerm\.app|WezTerm|ghostty)$/.test(TERM_PROGRAM) || TERM === "xterm-ghostty") {
    return "osc9";
  }
  // ssh passes this variable on, and no other.
  if (LC_TERMINAL === "iTerm2" || WT_SESSION !== undefined) return "osc9";
  return VTE_VERSION === undefined ? "bell" : "osc777";
}

/** The sequence that notifies. `note` is from others: it can neither end the sequence nor become a part of it. */
export function alarm(kind: Notifier, note: string): string {
  // iTerm2's OSC 9 shows a text. In ConEmu and Windows Terminal, a number before a semicolon is a command.
  const text = short(printable(note).replaceAll(";", ","), MAX_NOTE);
  switch (kind) {
    case "bell":
      return "\x07";
    case "osc9":
      return `\x07\x1b]9;chat: ${text}\x1b\\`;
    case "osc777":
      return `\x07\x1b]777;notify;chat;${text}\x1b\\`;
    case "osc99":
      return `\x07\x1b]99;;chat: ${text}\x1b\\`;
  }
}

/** What a program gets that the user has named: one line. `note` is from others. */
export function commandNote(note: string): string {
  return short(printable(note), MAX_COMMAND_NOTE) + "\n";
}

/** The beginning of `text`; `…` shows that it was cut. */
function short(text: string, most: number): string {
  // Graphemes of more than ten units are rare, so there is no need to split a megabyte.
  const graphemes = splitGraphemes(text.slice(0, 10 * most));
  let kept = "";
  for (const g of graphemes) {
    if (kept.length + g.length >= most) return kept + "…";
    kept += g;
  }
  return kept;
}
