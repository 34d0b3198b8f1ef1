// Slices of work, so that a flood of frames leaves time for everything else: keys, timers, drawing, other connections. A
// read of a socket that has data resolves without a turn of the event loop, so nothing else would interrupt the work.
// Pure: the way to wait for the next turn is passed in.

/** What frames may take of one turn of a client, in ms: half of the time between two frames of most screens. */
export const SLICE_MS = 8;

/** The turns of the event loop, counted while somebody asks. */
export class Turns {
  readonly #nextTurn: (task: () => void) => void;
  #number = 0;
  /** Resolves in the next turn; undefined if nothing has asked in this one. */
  #next: PromiseWithResolvers<void> | undefined;

  /** @param nextTurn runs a task in the next turn, after timers and sockets had theirs */
  constructor(nextTurn: (task: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  /** The number of this turn. */
  get number(): number {
    this.#await();
    return this.#number;
  }

  /** Resolves in the next turn. */
  get next(): Promise<void> {
    return this.#await().promise;
  }

  #await(): PromiseWithResolvers<void> {
    if (this.#next) return this.#next;
    const next = this.#next = Promise.withResolvers<void>();
    this.#nextTurn(() => {
      this.#number++;
      this.#next = undefined;
      next.resolve();
    });
    return next;
  }
}

/** The turns of this thread. */
export const turns: Turns = new Turns(setImmediate);

/**
 * How much of one turn some work may take.
 *
 * @example
 * ```ts
 * const slice = new TurnSlice(64);
 * for (const frame of frames) {
 *   handle(frame);
 *   const rest = slice.spend(1);
 *   if (rest) await rest;
 * }
 * ```
 */
export class TurnSlice {
  readonly #limit: number;
  readonly #turns: Turns;
  #turn = -1;
  #spent = 0;

  /** @param limit for one turn, in any unit: milliseconds, frames */
  constructor(limit: number, ofThread: Turns = turns) {
    this.#limit = limit;
    this.#turns = ofThread;
  }

  /** Counts work that was done; returns the next turn, to be awaited before more, if this turn had its share. */
  spend(amount: number): Promise<void> | undefined {
    const turn = this.#turns.number;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#spent = 0;
    }
    this.#spent += amount;
    return this.#spent < this.#limit ? undefined : this.#turns.next;
  }
}
