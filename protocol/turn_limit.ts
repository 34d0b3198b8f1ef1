// How much begins in one turn of the event loop. Pure: how to wait for the next turn is passed in.

/**
 * Begins at most so many tasks a turn, in their order; what is too much waits for the turns that follow.
 *
 * @example
 * ```ts
 * const turns = new TurnLimiter(100, setImmediate);
 * for (const member of members) turns.begin(() => member.write());
 * ```
 */
export class TurnLimiter {
  readonly #limit: number;
  readonly #nextTurn: (task: () => void) => void;
  /** How many have begun since a turn was last waited for: so a few need not wait for any. */
  #begun = 0;
  /** Those that were too many, in their order; those before `#next` have begun. */
  #later: (() => void)[] = [];
  #next = 0;
  #queued = 0;
  /** A turn will come. */
  #isAwaited = false;

  /** @param nextTurn does a task in the next turn, once all sockets have been looked at */
  constructor(limit: number, nextTurn: (task: () => void) => void) {
    this.#limit = limit;
    this.#nextTurn = nextTurn;
  }

  /** How many tasks have had to wait so far. */
  get queued(): number {
    return this.#queued;
  }

  /** How many of them have had their turn: those that came first. */
  get passed(): number {
    return this.#queued - this.#waiting;
  }

  get #waiting(): number {
    return this.#later.length - this.#next;
  }

  /** Does `task` now, or in the first turn that has room for it; it MUST NOT throw. */
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
    // Those that have begun are forgotten, also where there are always some that wait.
    if (this.#next < this.#later.length / 2) return;
    this.#later = this.#later.slice(this.#next);
    this.#next = 0;
  }
}
