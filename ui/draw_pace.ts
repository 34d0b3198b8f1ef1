// How often events redraw the screen. Pure: the time is passed in.

/** While the room is busy, events redraw at most once in this time, in ms: one frame of most screens. */
const FRAME_MS = 16;
/** Redraws that need not wait, after a rest: a single message is seen at once. */
const MAX_FREE = 20;

export class DrawPace {
  /** Redraws that need not wait, and when they were counted, in ms. */
  #free = MAX_FREE;
  #counted = -Infinity;

  /** How long the next redraw waits, in ms; `now` is in ms. */
  wait(now: number): number {
    // A clock that was set back must not add free redraws.
    const passed = Math.max(0, now - this.#counted) / FRAME_MS;
    this.#free = Math.min(MAX_FREE, this.#free + passed);
    this.#counted = now;
    const wait = this.#free >= 1 ? 0 : Math.ceil((1 - this.#free) * FRAME_MS);
    this.#free -= 1;
    return wait;
  }
}
