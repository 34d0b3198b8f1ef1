// TODO: say what this is.

import { FAILED, report } from "./output.ts";

/** The signals that ask this program to end. */
export class Signals {
  /** Resolves at the first one. */
  readonly first: Promise<void>;
  readonly #names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  readonly #onSignal: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    let count = 0;
    this.#onSignal = () => {
      // Who asks twice does not want to wait for goodbyes.
      if (++count > 1) Deno.exit(FAILED);
      resolve();
    };
    for (const name of this.#names) Deno.addSignalListener(name, this.#onSignal);
  }

  /** Gives the signals their usual meaning back. */
  forget(): void {
    for (const name of this.#names) Deno.removeSignalListener(name, this.#onSignal);
  }
}

/** A bug of ours, where nobody can catch it. */
export function fatal(error: unknown): never {
  report(error);
  Deno.exit(FAILED);
}
