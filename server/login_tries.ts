// How often a code may be tried: too rarely to guess it, often enough for people who mistype it. Pure: the time is
// passed in. Knows no connection and no code.

/** Wrong tries that one address may make in a minute. */
export const TRIES_PER_ADDRESS = 5;
/** Wrong tries that all addresses together may make in a minute: against an attacker with many addresses. */
export const TRIES_IN_ALL = 60;
/** The window, in ms. */
export const WINDOW_MS = 60_000;
/** How long to wait for undecided tries, in ms: a login takes less than half of it. */
export const UNDECIDED_MS = 1_000;

interface Try {
  readonly network: string;
  /** When it began. */
  readonly then: number;
  /** Whether it is known to be wrong; before that it is undecided. */
  wrong: boolean;
}

/**
 * Counts tries in a sliding window. A try counts from its beginning and is given back if the code is right. So tries
 * at the same time get no more, and an interrupted try counts as a wrong one.
 */
export class TryCounter {
  /** Oldest first. Never more than `TRIES_IN_ALL`. */
  #tries: Try[] = [];

  /**
   * Takes a try.
   *
   * @param now milliseconds, on any clock that never goes back
   * @returns 0 if the try was taken; otherwise nothing was taken, and how many milliseconds to wait
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

  /** Gives back the try that began at `then`: the code was right. */
  giveBack(address: string, then: number): void {
    const at = this.#find(address, then);
    if (at !== -1) this.#tries.splice(at, 1);
  }

  /** Marks the try that began at `then` as wrong, so that waiting tries learn how long to wait. */
  fail(address: string, then: number): void {
    const at = this.#find(address, then);
    if (at !== -1) this.#tries[at]!.wrong = true;
  }

  /** How many tries an address has left. */
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

/** How many ms until fewer than `limit` of these tries count. */
function waitFor(tries: readonly Try[], limit: number, now: number): number {
  if (tries.length < limit) return 0;
  return tries.every((one) => one.wrong) ? tries[0]!.then + WINDOW_MS - now : UNDECIDED_MS;
}

/**
 * The part of an address that limits apply to. For IPv6 that is the first half: each home has a network of 2^64
 * addresses, and could use all of them.
 *
 * @example
 * ```ts
 * networkOf("2001:db8::7"); // "2001:db8:0:0"
 * ```
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  // An IPv4 address mapped to IPv6 (RFC 4291, section 2.5.5.2).
  if (address.includes(".")) return address.slice(address.lastIndexOf(":") + 1);
  const [front, back] = address.toLowerCase().split("::").map((part) => part.split(":"));
  // "::" replaces as many zero groups as are missing to eight.
  const zeros = Array(Math.max(0, 8 - front!.length - (back?.length ?? 0))).fill("0");
  return [...front!, ...zeros, ...back ?? []].map((group) => group || "0").slice(0, 4).join(":");
}
