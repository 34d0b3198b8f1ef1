// Tasks that wait for each other, so that few run at once. Pure.

/**
 * Runs tasks, a few at once.
 *
 * @example
 * ```ts
 * const writes = new FewAtOnce(4);
 * await Promise.all(files.map((file) => writes.run(() => write(file))));
 * ```
 */
export class FewAtOnce {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many tasks run or wait. */
  get size(): number {
    return this.#running + this.#waiting.length;
  }

  /** Runs a task when it may; resolves and rejects as the task does. */
  async run(task: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#max) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      await task();
    } finally {
      const next = this.#waiting.shift();
      // It takes the place of this one.
      if (next) next();
      else this.#running--;
    }
  }
}
