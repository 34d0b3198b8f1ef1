// How long to wait before the next try: exponential backoff with full jitter, as Amazon's architecture blog
// has it ("Exponential Backoff And Jitter", 2015). Pure: the random numbers are passed in, and who waits is
// the caller.

export interface BackoffOptions {
  /** The first wait is shorter than this, in ms. */
  readonly baseMs?: number;
  /** Every wait is shorter than this, in ms: so that somebody who looks on does not give up. */
  readonly capMs?: number;
}

/**
 * The waits between tries. Each is drawn evenly from 0 to a bound that doubles: so many clients that lost
 * their server at once do not come back at once.
 *
 * @example
 * ```ts
 * const backoff = new Backoff(Math.random);
 * backoff.next(); // less than 500
 * backoff.next(); // less than 1000
 * ```
 */
export class Backoff {
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #capMs: number;
  /** The next wait is shorter, in ms. */
  #bound: number;

  /**
   * @param random from 0 up to, not including, 1
   * @throws {RangeError} if a time is not finite and above 0, or the cap is below the base
   */
  constructor(
    random: () => number,
    { baseMs = 500, capMs = 15_000 }: BackoffOptions = {},
  ) {
    if (!(baseMs > 0 && baseMs <= capMs && capMs < Infinity)) {
      throw new RangeError(`Cannot wait between tries: from ${baseMs} to ${capMs} ms is no range`);
    }
    this.#random = random;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#bound = baseMs;
  }

  /** How long to wait before the next try, in ms. */
  next(): number {
    const wait = this.#random() * this.#bound;
    this.#bound = Math.min(this.#capMs, this.#bound * 2);
    return wait;
  }

  /** A try has succeeded: the next wait is as short as the first. */
  reset(): void {
    this.#bound = this.#baseMs;
  }
}
