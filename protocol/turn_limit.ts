// Limits how many tasks begin in one turn of the event loop. Pure: the way to wait for the next turn is passed in.

/**
 * Begins at most `limit` tasks a turn, in their order; the others wait for later turns.
 *
 * @example
 * ```ts
 * const limiter = new TurnLimiter(100, setImmediate);
 * for (const member of members) limiter.begin(() => member.write());
 * ```
 */
export class TurnLimiter {
  readonly #limit: number;
  readonly #nextTurn: (task: () => void) => void;
  /** How many tasks have begun since the last turn began: the first ones need not wait. */
  #begun = 0;
  /** The waiting tasks, in their order; those before `#next` have begun. */
  #later: (() => void)[] = [];
  #next = 0;
  #queued = 0;
  /** Whether `#turn` is scheduled. */
  #isAwaited = false;

  /** @param nextTurn runs a task in the next turn, after all sockets have been polled */
  constructor(limit: number, nextTurn: (task: () => void) => void) {
    this.#limit = limit;
    this.#nextTurn = nextTurn;
  }

  /** How many tasks had to wait so far. */
  get queued(): number {
    return this.#queued;
  }

  /** How many of these have begun. */
  get passed(): number {
    return this.#queued - this.#waiting;
  }

  get #waiting(): number {
    return this.#later.length - this.#next;
  }

  /** Runs `task` now, or in the first turn that has room for it. It MUST NOT throw. */
  begin(task: () => void): void {
    if (this.#begun < this.#limit) {
      this.#begun++;
      return task();
    }
    this.#later.push(task);
    this.#queued++;
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#nextTurn(() => this.#turn());
  }

  #turn(): void {
    const end = Math.min(this.#next + this.#limit, this.#later.length);
    this.#begun = end - this.#next;
    while (this.#next < end) this.#later[this.#next++]!();
    this.#isAwaited = this.#waiting > 0;
    if (this.#isAwaited) this.#nextTurn(() => this.#turn());
    // Forget the tasks that have begun, even if others are always waiting.
    if (this.#next < this.#later.length / 2) return;
    this.#later = this.#later.slice(this.#next);
    this.#next = 0;
  }
}
