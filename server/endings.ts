// The connections that the server has ended, and that wait for their peers to end, too. Bounded: a peer that does not
// end keeps a file descriptor, and what was not written to it. Pure. Knows no frames.

/** Of one network. */
export const ENDINGS_PER_NETWORK = 32;
/** Of all networks together. */
export const ENDINGS_IN_ALL = 128;

/** The part of a `Connection` that this needs. */
export interface EndingConnection {
  readonly closed: Promise<void>;
  close(): void;
}

/** Those that are ending. The oldest of them is closed if there are too many: it has had the most time. */
export class Endings {
  #closed = 0;
  /** With their networks, the oldest first. */
  readonly #all = new Map<EndingConnection, string>();
  readonly #byNetwork = new Map<string, Set<EndingConnection>>();

  get size(): number {
    return this.#all.size;
  }

  /** How many were closed because there were too many, so far. */
  get closed(): number {
    return this.#closed;
  }

  /** The connection is ending from now on. Harmless the second time. */
  add(connection: EndingConnection, network: string): void {
    if (this.#all.has(connection)) return;
    const own = this.#byNetwork.get(network) ?? new Set();
    this.#byNetwork.set(network, own.add(connection));
    this.#all.set(connection, network);
    if (own.size > ENDINGS_PER_NETWORK) this.#close(own.values().next().value!);
    if (this.#all.size > ENDINGS_IN_ALL) this.#close(this.#all.keys().next().value!);
    connection.closed.then(() => this.#delete(connection));
  }

  #close(connection: EndingConnection): void {
    this.#closed++;
    this.#delete(connection);
    connection.close();
  }

  #delete(connection: EndingConnection): void {
    const network = this.#all.get(connection);
    if (network === undefined) return;
    this.#all.delete(connection);
    const own = this.#byNetwork.get(network)!;
    own.delete(connection);
    if (own.size === 0) this.#byNetwork.delete(network);
  }
}
