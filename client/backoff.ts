// How long to wait before the next try: exponential backoff with full jitter, as in "Exponential Backoff And
// Jitter" (Amazon's architecture blog, 2015). Pure: the caller passes in random numbers, and does the waiting.

export interface BackoffOptions {
  /** Upper bound of the first wait, in ms. */
  readonly baseMs?: number;
  /** Upper bound of every wait, in ms: short enough for a user to keep watching. */
  readonly capMs?: number;
}

/**
 * The waits between tries. Each is uniformly random between 0 and a bound that doubles. So clients that lose
 * their server at the same time do not all come back at the same time.
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
  /** Upper bound of the next wait, in ms. */
  #bound: number;

  /**
   * @param random returns a number from 0 to 1, 1 excluded
   * @throws {RangeError} if a time is not finite and positive, or the cap is below the base
   */
  constructor(
    random: () => number,
    { baseMs = 500, capMs = 15_000 }: BackoffOptions = {},
  ) {
    if (!(baseMs > 0 && baseMs <= capMs && capMs < Infinity)) {
      throw new RangeError(
        `Cannot wait between tries: ${baseMs} to ${capMs} ms is not a valid range`,
      );
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

  /** A try has succeeded: starts with a short wait again. */
  reset(): void {
    this.#bound = this.#baseMs;
  }
}
