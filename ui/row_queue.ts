// Rows that wait to be printed above the live area. Pure: the screen takes as many as one write should have.

/** When more rows wait, the room waits, too: no flood fills the memory. */
const MAX_WAITING = 2_000;

export class RowQueue {
  #rows: string[] = [];
  /** How many of them have been taken. */
  #taken = 0;
  #columns = 0;
  #drained: PromiseWithResolvers<void> | undefined;

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** The most columns that a waiting row was made for. */
  get columns(): number {
    return this.#columns;
  }

  /** Resolves when few rows wait; undefined if few do. */
  get drained(): Promise<void> | undefined {
    if (this.#isShort) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  get #isShort(): boolean {
    return this.#rows.length - this.#taken <= MAX_WAITING;
  }

  /** @param columns what the rows were made for */
  push(rows: readonly string[], columns: number): void {
    this.#columns = Math.max(this.#columns, columns);
    for (const row of rows) this.#rows.push(row);
  }

  /** The next rows as complete lines: all of them, or about `most` characters. */
  take(most = Infinity): string {
    let text = "";
    while (this.#taken < this.#rows.length && text.length < most) {
      text += this.#rows[this.#taken++]! + "\r\n";
    }
    if (this.#taken === this.#rows.length) {
      this.#rows = [];
      this.#taken = 0;
      this.#columns = 0;
    }
    if (this.#isShort) {
      this.#drained?.resolve();
      this.#drained = undefined;
    }
    return text;
  }
}
