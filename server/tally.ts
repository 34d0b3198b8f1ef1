// Counts by kind. Pure.

/** Counts by kind. A kind whose count is 0 takes no memory. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Returns the new count. */
  add(kind: string, by: number): number {
    const count = this.of(kind) + by;
    if (count === 0) this.#counts.delete(kind);
    else this.#counts.set(kind, count);
    return count;
  }
}
