// Checks that a connection is alive: sends PINGs, and closes a connection whose server is silent or probably gone.
// Pure: the caller passes in the time and calls `look` regularly. Knows no room and no frames.

/** How often a client sends a PING, in ms. A server gives up a client that is silent for three times that long. */
export const PING_MS = 10_000;
/** A server that has sent nothing for this long, in spite of PINGs, is considered dead; in ms. */
export const DEAD_MS = 25_000;
/** How often `look` is called between two PINGs. */
export const LOOKS = 4;
/** If the clock is ahead of the expected time by more than this, the machine has slept; in ms. */
export const SLEPT_MS = 10_000;

/** The part of a `Connection` that a watchdog needs. */
export interface WatchedConnection {
  /** For how long the other side has sent nothing, in ms. */
  readonly silence: number;
  /** How many small frames still wait to be written. */
  readonly urgent: number;
  close(why: string): void;
}

export interface WatchOptions {
  /** See `PING_MS`. */
  readonly pingMs?: number | undefined;
  /** See `DEAD_MS`. */
  readonly deadMs?: number | undefined;
}

/** Watches one connection. */
export class Watchdog {
  /** How often to call `look`, in ms. */
  readonly everyMs: number;
  readonly #connection: WatchedConnection;
  readonly #ping: () => void;
  readonly #deadMs: number;
  #looks = 0;
  #lastLook: number;

  /**
   * @param ping sends a PING
   * @param now by the system's clock, which also advances while the machine sleeps; in ms
   */
  constructor(
    connection: WatchedConnection,
    ping: () => void,
    now: number,
    { pingMs = PING_MS, deadMs = DEAD_MS }: WatchOptions = {},
  ) {
    this.#connection = connection;
    this.#ping = ping;
    this.#lastLook = now;
    this.#deadMs = deadMs;
    this.everyMs = pingMs / LOOKS;
  }

  look(now: number): void {
    const passed = now - this.#lastLook;
    this.#lastLook = now;
    // The server may have given up meanwhile, and the network does not report that. Do not wait for it.
    if (passed > SLEPT_MS + this.everyMs) return this.#connection.close("this machine has slept");
    const { silence, urgent } = this.#connection;
    if (silence > this.#deadMs) {
      return this.#connection.close(
        `the server has sent nothing for ${Math.round(silence / 1000)} s`,
      );
    }
    if (++this.#looks % LOOKS === 0 && urgent === 0) this.#ping();
  }
}
