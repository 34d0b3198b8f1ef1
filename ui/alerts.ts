// When a message rings, and how a terminal is asked to notify. Pure; knows no terminal and no clock: what time
// it is, what the environment says and whether the window is in front are passed in.

import type { RoomEvent } from "../room.ts";
import type { Environment } from "../terminal/environment.ts";
import { splitGraphemes } from "../text/graphemes.ts";
import { printable } from "../text/printable.ts";
import { mentions } from "./markup.ts";
import type { Preferences } from "./preferences.ts";
import { offerSentence } from "./transfer_text.ts";

/** At most one ring in this time, in ms: a lively room is no alarm clock. */
const PAUSE_MS = 3000;
/** Where the terminal does not tell of its window: nobody is there when no key has come for so long, in ms. */
const IDLE_MS = 60 * 1000;
/** What a notification holds, in characters. */
const MAX_NOTE = 100;

/** Decides what rings, and counts what has not been seen. Times are in ms, all by the same clock. */
export class Alerts {
  /** Undefined until the terminal has told of it, which some never do. */
  #focused: boolean | undefined;
  #lastKey: number;
  #lastRing = -Infinity;
  #unread = 0;

  constructor(now: number) {
    this.#lastKey = now;
  }

  /** Messages of others that have come since the window went out of sight. */
  get unread(): number {
    return this.#unread;
  }

  /** The window has come to the front, or is there no more: unread is what comes from now on. */
  focus(focused: boolean): void {
    this.#focused = focused;
    this.#unread = 0;
  }

  /** Somebody has typed, and so looks at the screen, whatever the terminal tells of its window. */
  typed(now: number): void {
    this.#lastKey = now;
    this.#unread = 0;
  }

  /** Whether nobody looks, as far as can be known. */
  isAway(now: number): boolean {
    return !(this.#focused ?? now - this.#lastKey < IDLE_MS);
  }

  /**
   * Takes an event that is shown, once. Returns what to notify of, as one line: `NAME: text`; undefined if
   * nothing rings. `self` is one's own name.
   */
  note(event: RoomEvent, preferences: Preferences, self: string, now: number): string | undefined {
    if (event.type !== "message" && event.type !== "direct" && event.type !== "offer") {
      return undefined;
    }
    const { from } = event;
    if (from.self) return undefined;
    if (this.#focused === false) this.#unread++;
    if (preferences.muted || preferences.notify === "off") return undefined;
    if (!this.isAway(now) || now - this.#lastRing < PAUSE_MS) return undefined;
    if (preferences.notify !== "all" && !isMeant(event, self)) return undefined;
    this.#lastRing = now;
    if (event.type === "offer") return offerSentence(event);
    return event.action ? `* ${from.name} ${event.text}` : `${from.name}: ${event.text}`;
  }
}

/** Whether it is for this user alone, or names it. */
function isMeant(
  event: RoomEvent & { type: "message" | "direct" | "offer" },
  self: string,
): boolean {
  if (event.type === "offer") return event.direct;
  return event.type === "direct" || mentions(event.text, self);
}

/** The ways in which terminals notify; with `bell` there is none but the bell. */
export type Notifier = "bell" | "osc9" | "osc777" | "osc99";

/**
 * Which way this terminal has. One that is not known only rings: some print what they do not understand. Within
 * tmux and screen so too, they pass nothing on.
 */
export function notifier(environment: Environment): Notifier {
  const { TERM = "", TERM_PROGRAM = "", LC_TERMINAL, VTE_VERSION, WT_SESSION } = environment;
  if (/^(?:tmux|screen|dumb$|linux$)/.test(TERM) || TERM_PROGRAM === "tmux") return "bell";
  if (TERM === "xterm-kitty") return "osc99";
  if (/^(?:foot|rxvt-unicode)/.test(TERM)) return "osc777";
  if (/^(?:iTerm\.app|WezTerm|ghostty)$/.test(TERM_PROGRAM) || TERM === "xterm-ghostty") {
    return "osc9";
  }
  // ssh passes this one on, and no other.
  if (LC_TERMINAL === "iTerm2" || WT_SESSION !== undefined) return "osc9";
  return VTE_VERSION === undefined ? "bell" : "osc777";
}

/** What rings and notifies: `note` is from others, and can't end the sequence or be taken for a part of it. */
export function alarm(kind: Notifier, note: string): string {
  // iTerm2's OSC 9 shows a text; those of ConEmu and Windows Terminal obey a number before a semicolon.
  const text = short(printable(note).replaceAll(";", ","));
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

/** The beginning of `text`; `…` shows that it was cut. */
function short(text: string): string {
  // No need to take a megabyte apart: a grapheme of more than ten units is rare.
  const graphemes = splitGraphemes(text.slice(0, 10 * MAX_NOTE));
  let kept = "";
  for (const g of graphemes) {
    if (kept.length + g.length >= MAX_NOTE) return kept + "…";
    kept += g;
  }
  return kept;
}
