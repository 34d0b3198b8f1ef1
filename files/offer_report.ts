// What a path's offer reports at its end: what was left out of a folder, and why nothing was offered. Pure.

import type { ChatError } from "../errors.ts";
import type { RoomEvent } from "../room.ts";
import { printable } from "../text/printable.ts";

/** Entries that are named; the rest is counted. */
const MAX_NAMED = 10;

export class OfferReport {
  readonly #path: string;
  /** Files that were offered. */
  offered = 0;
  /** Why the rest was not offered. */
  error: ChatError | undefined;
  #count = 0;
  readonly #entries: { file: string; reason: string }[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** @param path begins with the folder's */
  leaveOut(path: string, reason: string): void {
    this.#count++;
    const file = path.slice(this.#path.length).replace(/^[/\\]/, "");
    if (this.#entries.length < MAX_NAMED) this.#entries.push({ file, reason });
  }

  get events(): RoomEvent[] {
    const path = this.#path;
    const events: RoomEvent[] = [];
    if (this.#count > 0) {
      events.push({ type: "incomplete", path, count: this.#count, entries: this.#entries });
    }
    if (this.error) events.push({ type: "unsent", path, message: this.error.message });
    else if (this.offered === 0) {
      const message = `Cannot send ${printable(path)}: it has no file that can be sent`;
      events.push({ type: "unsent", path, message });
    }
    return events;
  }
}
