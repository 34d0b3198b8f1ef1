// The signals that ask the program to end, as a promise. It knows no verb: each decides what ending means for it.

import { FAILED } from "./output.ts";
import type { System } from "./system.ts";

export class Signals {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  /** Restores the usual effect of the signals. */
  readonly forget: () => void;

  constructor(system: System) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    let count = 0;
    this.forget = system.onSignal(() => {
      // A user who asks twice does not want to wait for goodbyes.
      if (++count > 1) system.exit(FAILED);
      resolve();
    });
  }
}
