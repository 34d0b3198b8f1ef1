// The signals that ask the program to end, as a promise. It knows no verb: each decides what ending means for it.

import { DONE, FAILED, HUNG_UP } from "./output.ts";
import type { System } from "./system.ts";

export class Signals {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  /** Restores the usual effect of the signals. */
  readonly forget: () => void;
  /** The exit code of a program that has ended in order. */
  code: typeof DONE | typeof HUNG_UP = DONE;
  readonly #resolve: () => void;
  readonly #exit: (code: number) => void;
  /** Whether Ctrl-C ends the program. A user can be asked first. */
  mayInterrupt: () => boolean = () => true;
  #ends = 0;

  constructor(system: System) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    this.#resolve = resolve;
    this.#exit = (code) => system.exit(code);
    this.forget = system.onSignal((name) => {
      // The system and the shell both send it when a window is closed.
      if (name === "SIGHUP") this.hangUp();
      else if (name === "SIGINT") this.interrupt();
      else this.#end();
    });
  }

  /** Ctrl-C, also where it is a key. */
  interrupt(): void {
    if (this.mayInterrupt()) this.#end();
  }

  /** The terminal has gone: as if SIGHUP had arrived. */
  hangUp(): void {
    this.code = HUNG_UP;
    this.#resolve();
  }

  #end(): void {
    // A user who asks twice does not want to wait for goodbyes.
    if (++this.#ends > 1) this.#exit(FAILED);
    this.#resolve();
  }
}
