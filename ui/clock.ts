// Time, as the screen needs it: passed in, so that tests move it by hand. Knows no screen.

/** A clock with timers. */
export interface Clock {
  now(): Date;
  /** Calls `task` in `ms` milliseconds; returns a function that cancels the call. */
  after(ms: number, task: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};
