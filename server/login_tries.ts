// How often a code may be tried: few enough that nobody guesses one, enough for who mistypes. Pure:
// the time is passed in.

/** Wrong tries that one address has in a minute. */
export const TRIES_PER_ADDRESS = 5;
/** Wrong tries that all addresses have in a minute together: against who has many addresses. */
export const TRIES_IN_ALL = 60;
/** The window, in ms. */
export const WINDOW_MS = 60_000;
/** How long to wait for tries that are not decided yet, in ms: a login takes less than half of it. */
export const UNDECIDED_MS = 1_000;

interface Try {
  readonly network: string;
  /** When it began. */
  readonly then: number;
  /** It is known to be wrong, not only not known to be right. */
  wrong: boolean;
}

/**
 * Counts tries in a sliding window. A try counts from its beginning and is given back when it turns out
 * right, so many at once get no more, and one that is broken off is a wrong one.
 */
export class TryCounter {
  /** Oldest first. Never more than `TRIES_IN_ALL`, whoever tries. */
  #tries: Try[] = [];

  /**
   * Takes a try.
   *
   * @param now milliseconds, on any clock that does not go back
   * @returns 0 if it may go on; else how many milliseconds to wait, and nothing was taken
   */
  take(address: string, now: number): number {
    const network = networkOf(address);
    this.#forget(now);
    const wait = Math.max(
      waitFor(this.#of(network), TRIES_PER_ADDRESS, now),
      waitFor(this.#tries, TRIES_IN_ALL, now),
    );
    if (wait === 0) this.#tries.push({ network, then: now, wrong: false });
    return wait;
  }

  /** Gives the try back that began at `then`: the code was right. */
  giveBack(address: string, then: number): void {
    const at = this.#find(address, then);
    if (at !== -1) this.#tries.splice(at, 1);
  }

  /** Says that the try that began at `then` was wrong: so others behind it learn how long to wait. */
  fail(address: string, then: number): void {
    const at = this.#find(address, then);
    if (at !== -1) this.#tries[at]!.wrong = true;
  }

  /** How many tries an address has left now. */
  left(address: string, now: number): number {
    this.#forget(now);
    const own = this.#of(networkOf(address)).length;
    return Math.min(TRIES_PER_ADDRESS - own, TRIES_IN_ALL - this.#tries.length);
  }

  #of(network: string): Try[] {
    return this.#tries.filter((one) => one.network === network);
  }

  #find(address: string, then: number): number {
    const network = networkOf(address);
    return this.#tries.findIndex((one) =>
      one.network === network && one.then === then && !one.wrong
    );
  }

  #forget(now: number): void {
    this.#tries = this.#tries.filter(({ then }) => then + WINDOW_MS > now);
  }
}

/** How long it takes until fewer than `limit` of these count. */
function waitFor(tries: readonly Try[], limit: number, now: number): number {
  if (tries.length < limit) return 0;
  return tries.every((one) => one.wrong) ? tries[0]!.then + WINDOW_MS - now : UNDECIDED_MS;
}

/**
 * What counts as one address. For IPv6 that is the first half: everybody at home has a whole network of
 * 2^64 addresses, and could try from each of them.
 *
 * @example
 * ```ts
 * networkOf("2001:db8::7"); // "2001:db8:0:0"
 * ```
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  // An IPv4 address in IPv6's clothes.
  if (address.includes(".")) return address.slice(address.lastIndexOf(":") + 1);
  const [front, back] = address.toLowerCase().split("::").map((part) => part.split(":"));
  // "::" stands for as many zeros as are missing to eight groups.
  const zeros = Array(Math.max(0, 8 - front!.length - (back?.length ?? 0))).fill("0");
  return [...front!, ...zeros, ...back ?? []].map((group) => group || "0").slice(0, 4).join(":");
}
