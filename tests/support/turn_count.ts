// Test helper: counts the turns of the event loop. No part of the program.

/** Its number grows by one in each turn, until it is disposed of. */
export class TurnCount implements Disposable {
  turn = 0;
  #isOver = false;

  constructor() {
    const count = () => {
      this.turn++;
      if (!this.#isOver) setImmediate(count);
    };
    setImmediate(count);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
  }
}
