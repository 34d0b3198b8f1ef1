// When what has been appended goes out. A write to one member costs about the same whatever it carries; so in
// a large room that is busy, what comes soon behind a flush waits for the rest, and one write carries all of it.
// Pure: time is passed in. `bench/README.md` has the figures of what was tried.

/** How a server waits. */
export interface Waits {
  /** Milliseconds, on a clock that does not go back. */
  now(): number;
  /** Once this turn's other frames are in, too. */
  atOnce(task: () => void): void;
  /** Once the sockets have been looked at again: a timer of 0 ms, which takes one or two. */
  later(task: () => void): void;
}

/** A flush to so many takes longer than a timer: in a smaller room, waiting costs more than it saves. */
export const LARGE = 400;
/** How long a flush keeps the server busy for each member, with all that follows from it, in ms; rounded up. */
export const BUSY_MS = 0.04;

/**
 * Makes what a hub calls when something was appended; see `HubOptions.schedule`.
 *
 * @param size how many members there are
 */
export function flusher(size: () => number, waits: Waits): (flush: () => void) => void {
  let last = -Infinity;
  return (flush) => {
    const members = size();
    const isBusy = members > LARGE && waits.now() - last < BUSY_MS * members;
    const run = () => {
      last = waits.now();
      flush();
    };
    if (isBusy) waits.later(run);
    else waits.atOnce(run);
  };
}
