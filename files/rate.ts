// How fast a transfer is. Pure; the clock is passed in.

const HALF_MS = 2000;
const LOOK_MS = 100;

/** The speed of a transfer: an average in which data that is `HALF_MS` old counts half. */
export class Rate {
  #rate = 0;
  #bytes = 0;
  #at: number;

  constructor(bytes: number, now: number) {
    this.#bytes = bytes;
    this.#at = now;
  }

  /** In bytes per second. */
  get value(): number {
    return this.#rate;
  }

  /** @param bytes the total until now */
  look(bytes: number, now: number): void {
    const ms = now - this.#at;
    if (ms < LOOK_MS) return;
    const fresh = (bytes - this.#bytes) / ms * 1000;
    const old = this.#rate === 0 ? 0 : 2 ** (-ms / HALF_MS);
    this.#rate = old * this.#rate + (1 - old) * fresh;
    this.#bytes = bytes;
    this.#at = now;
  }
}
