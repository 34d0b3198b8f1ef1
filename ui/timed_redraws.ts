// Redraws that come with time: the countdown to the next attempt to reconnect, and the progress of transfers. Knows
// no terminal: the screen draws.

import type { Room } from "../room.ts";
import type { Clock } from "./clock.ts";

/** How often the rows of running transfers are redrawn, in ms. */
const PROGRESS_MS = 500;
/** How often the status line counts down to the next attempt to reconnect, in ms. */
const TICK_MS = 1000;

interface Parts {
  readonly clock: Clock;
  readonly room: Pick<Room, "link" | "going">;
  /** Whether the status line has changed since it was drawn. */
  readonly isStale: () => boolean;
  readonly draw: () => void;
}

export class TimedRedraws {
  readonly #parts: Parts;
  // Functions that cancel timers.
  #cancelTick: (() => void) | undefined;
  #cancelProgress: (() => void) | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** To be called after each drawing. */
  drawn(): void {
    this.#tickLater();
    this.#progressLater();
  }

  close(): void {
    this.#cancelTick?.();
    this.#cancelProgress?.();
  }

  /** While the client waits to reconnect, redraws at each second of the countdown. */
  #tickLater(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    const { clock, room: { link }, isStale, draw } = this.#parts;
    if (link.state !== "waiting") return;
    const left = link.at.getTime() - clock.now().getTime();
    // The countdown changes at full seconds.
    const ms = Math.max(0, left) % TICK_MS || TICK_MS;
    this.#cancelTick = clock.after(ms, () => {
      if (isStale()) draw();
      else this.#tickLater();
    });
  }

  /** While files are being transferred, redraws to show their progress. */
  #progressLater(): void {
    this.#cancelProgress?.();
    this.#cancelProgress = undefined;
    const { clock, room, draw } = this.#parts;
    if (room.going.length > 0) this.#cancelProgress = clock.after(PROGRESS_MS, draw);
  }
}
