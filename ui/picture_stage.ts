// What a terminal can draw: asks it before the first picture, and keeps its answers. Knows no picture and no room; the
// terminal and the clock are passed in.

import {
  graphicsQuery,
  type Stage,
  type TerminalAnswers,
  withAnswer,
} from "../pictures/graphics.ts";
import type { Environment } from "../terminal/environment.ts";
import type { Tty } from "../terminal/tty.ts";
import type { Clock } from "./clock.ts";

/** How long a terminal may take to report which pictures it can draw, in ms. */
const ANSWER_MS = 500;

export class PictureStage {
  readonly #tty: Pick<Tty, "size" | "write">;
  readonly #clock: Clock;
  readonly #environment: Environment;
  #answers: TerminalAnswers = {};
  readonly #allTold = Promise.withResolvers<void>();
  #isAsked = false;

  constructor(tty: Pick<Tty, "size" | "write">, clock: Clock, environment: Environment) {
    this.#tty = tty;
    this.#clock = clock;
    this.#environment = environment;
  }

  /** Keeps one of the terminal's answers. */
  add(answer: Parameters<typeof withAnswer>[1]): void {
    this.#answers = withAnswer(this.#answers, answer);
    if (answer.type === "attributes") this.#allTold.resolve();
  }

  /** Where a picture will appear. Asks the terminal what it can draw, once, and waits for the answer. */
  async find(hasColors: boolean): Promise<Stage> {
    if (!this.#isAsked) {
      this.#isAsked = true;
      const query = graphicsQuery(this.#environment);
      if (query === "") {
        this.#allTold.resolve();
      } else {
        this.#tty.write(query);
        const cancel = this.#clock.after(ANSWER_MS, () => this.#allTold.resolve());
        void this.#allTold.promise.then(cancel);
      }
    }
    await this.#allTold.promise;
    const environment = this.#environment;
    return { ...this.#tty.size(), environment, answers: this.#answers, hasColors };
  }
}
