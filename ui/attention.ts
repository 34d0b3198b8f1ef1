// What a user gets who looks elsewhere: the line where unread messages begin, and notifications. Writes to the
// terminal, but draws no rows.

import type { Room, RoomEvent } from "../room.ts";
import type { Environment } from "../terminal/environment.ts";
import type { Tty } from "../terminal/tty.ts";
import { alarm, Alerts, notifier } from "./alerts.ts";
import type { Clock } from "./clock.ts";
import type { Preferences } from "./preferences.ts";
import type { Page } from "./rows.ts";
import { paint } from "./theme.ts";
import { unreadLine } from "./unread_line.ts";

interface Parts {
  readonly tty: Pick<Tty, "write">;
  readonly clock: Clock;
  readonly room: Pick<Room, "self">;
  readonly preferences: Preferences;
  readonly environment: Environment;
}

/** Follows where the user looks, and does what calls the user back. */
export class Attention {
  readonly #parts: Parts;
  readonly #alerts: Alerts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#alerts = new Alerts(parts.clock.now());
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
    if (note !== undefined) tty.write(alarm(notifier(environment), note));
  }
}
