// When appended frames are written to the members. A write to one member costs about the same whatever it carries.
// So in a busy room, frames that come soon after a flush wait for the next ones, and one write carries all of them.
// Pure: time is passed in. Knows no members. `bench/README.md` has the measurements.

/** What the decision depends on. */
export interface FlusherOptions {
  /** Milliseconds, on a clock that never goes back. */
  now(): number;
  /** The end of the log: it grows with each frame. */
  end(): number;
  /** How many writes had to wait for a later turn so far. */
  queued(): number;
  /** How many of these have begun. */
  passed(): number;
  /** Runs a task in this turn, after its other frames have been appended. */
  atOnce(task: () => void): void;
  /** Runs a task in the next turn, after the sockets have been polled again. */
  later(task: () => void): void;
}

/**
 * If nothing has come for this time, in ms, the rest will not come soon either. Members that answer to the same
 * flush do so within little more than this. A shorter time split their answers; a longer one gained nothing.
 */
const QUIET_MS = 0.2;
/** After a flush that took less than this, in ms, nothing waits: in small rooms waiting costs more than it saves. */
const CHEAP_MS = 0.4;
/** The longest wait, however much comes; from the end of the last flush, in ms. */
const MAX_WAIT_MS = 1.5;

/** Returns the function that a hub calls after appending: see `HubOptions.schedule`. */
export function flusher(options: FlusherOptions): (flush: () => void) => void {
  const { now, end, queued, passed, atOnce, later } = options;
  let began = 0;
  /** When the last flush ended; undefined while one is under way. */
  let ended: number | undefined = 0;

  const run = (flush: () => void) => {
    began = now();
    ended = undefined;
    flush();
    // The flush is over when its own writes have begun. Others, for example to newcomers, may still wait.
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
      // The last flush was cheap, or ended longer ago than it took: the room is not busy.
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
