// When what has been appended goes out. A write to one member costs about the same whatever it carries; so in
// a room that is busy, what comes soon behind a flush waits for the rest, and one write carries all of it.
// Pure: time is passed in. `bench/README.md` has the figures of what was tried.

/** What a flush depends on. */
export interface FlusherOptions {
  /** Milliseconds, on a clock that does not go back. */
  now(): number;
  /** Grows with all that is appended. */
  end(): number;
  /** How many writes have had to wait for their turn so far. */
  queued(): number;
  /** How many of them have had it. */
  passed(): number;
  /** Does a task once this turn's other frames are in, too. */
  atOnce(task: () => void): void;
  /** Does a task in the next turn, once the sockets have been looked at again. */
  later(task: () => void): void;
}

/**
 * Nothing has come for so long, in ms: then the rest will not come soon either. Those who answer to the
 * same flush do so within little more than this; less cut them in two, more gained nothing.
 */
const QUIET_MS = 0.2;
/** A flush that takes less, in ms, is cheap, and what follows need not wait: in small rooms that costs more than it saves. */
const CHEAP_MS = 0.4;
/** However much comes, what came first has to go. Counts from the end of the last flush, in ms. */
const MAX_WAIT_MS = 1.5;

/** Makes what a hub calls when something was appended; see `HubOptions.schedule`. */
export function flusher(options: FlusherOptions): (flush: () => void) => void {
  const { now, end, queued, passed, atOnce, later } = options;
  let began = 0;
  /** undefined while a flush is under way. */
  let ended: number | undefined = 0;

  const run = (flush: () => void) => {
    began = now();
    ended = undefined;
    flush();
    // Other writes may always wait, such as those to newcomers.
    const last = queued();
    const settle = () => {
      if (passed() < last) later(settle);
      else ended = now();
    };
    settle();
  };

  return (flush) => {
    let seen = end();
    let since = now();
    if (ended !== undefined) {
      const took = ended - began;
      // The last flush was cheap, or is over for longer than it took: the room is not busy.
      if (took < CHEAP_MS || since - ended >= took) return atOnce(() => run(flush));
    }
    const look = () => {
      if (ended === undefined) return later(look);
      const at = now();
      if (end() !== seen) {
        seen = end();
        since = at;
      }
      if (at - since >= QUIET_MS || at - ended >= MAX_WAIT_MS) run(flush);
      else later(look);
    };
    later(look);
  };
}
