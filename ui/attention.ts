// What calls the user back: the line where unread messages begin, notifications, and the window's title. Writes to the
// terminal, but draws no rows. It knows no process: the user's program is passed in.

import type { Room, RoomEvent } from "../room.ts";
import { type Environment, isCapable } from "../terminal/environment.ts";
import type { Tty } from "../terminal/tty.ts";
import { alarm, Alerts, commandNote, notifier } from "./alerts.ts";
import type { Clock } from "./clock.ts";
import type { Preferences } from "./preferences.ts";
import type { Page } from "./rows.ts";
import { paint } from "./theme.ts";
import { unreadLine } from "./unread_line.ts";
import { WindowTitle } from "./window_title.ts";

/** Gives a notification to a program of the user's; resolves at its end with why it has failed, if it has. */
export type NotifyCommand = (text: string) => Promise<string | undefined>;

interface Parts {
  readonly tty: Pick<Tty, "write">;
  readonly clock: Clock;
  readonly room: Pick<Room, "self" | "info">;
  readonly preferences: Preferences;
  readonly environment: Environment;
  /** Undefined: there is none. */
  readonly command: NotifyCommand | undefined;
  /** Shows an error to the user. */
  readonly report: (error: string) => void;
}

/** Follows where the user looks, and does what calls the user back. */
export class Attention {
  readonly #parts: Parts;
  readonly #alerts: Alerts;
  /** Undefined if the user or the terminal wants none. */
  readonly #title: WindowTitle | undefined;
  #isRunning = false;
  #hasFailed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#alerts = new Alerts(parts.clock.now());
    if (parts.preferences.title && isCapable(parts.environment)) {
      this.#title = new WindowTitle((text) => parts.tty.write(text), parts.clock);
    }
  }

  /** What is written when the screen takes the terminal. */
  take(): string {
    return this.#title?.take() ?? "";
  }

  /** What is written before it gives the terminal back. */
  giveBack(): string {
    return this.#title?.restore() ?? "";
  }

  /** Shows the room and the number of unread messages in the window's title. */
  showTitle(): void {
    const { unread } = this.#alerts;
    const count = unread > 0 ? `(${unread}) ` : "";
    const { preferences, room } = this.#parts;
    this.#title?.show(`${count}chat: ${preferences.roomName ?? room.info.address}`);
  }

  /** See `Alerts`. */
  get unread(): number {
    return this.#alerts.unread;
  }

  /** The terminal has reported where its window is. */
  focus(focused: boolean): void {
    this.#alerts.focus(focused, this.#parts.clock.now());
  }

  /** A key was pressed. */
  typed(): void {
    this.#alerts.typed(this.#parts.clock.now());
  }

  /** Takes each event that is shown, before its own rows: the line above it, if unread messages begin with it. */
  rowsBefore(event: RoomEvent, { columns, palette }: Page): string[] {
    const now = this.#parts.clock.now();
    const from = this.#alerts.unreadFrom(event, now);
    return from ? [paint(unreadLine(from, now, columns), palette.dim)] : [];
  }

  /** Rings, or shows a notification where the terminal can, if the user should know of this event. */
  ring(event: RoomEvent): void {
    const { tty, clock, room, preferences, environment } = this.#parts;
    const note = this.#alerts.note(event, preferences, room.self.name, clock.now());
    if (note === undefined) return;
    tty.write(alarm(notifier(environment), note));
    void this.#run(commandNote(note));
  }

  /** Runs the user's program, one at a time: a notification that comes while it runs is left to the terminal. */
  async #run(text: string): Promise<void> {
    const { command, report } = this.#parts;
    if (!command || this.#isRunning) return;
    this.#isRunning = true;
    const fault = await command(text);
    this.#isRunning = false;
    if (fault === undefined || this.#hasFailed) return;
    this.#hasFailed = true;
    report(`notify-command failed: ${fault}`);
  }
}
