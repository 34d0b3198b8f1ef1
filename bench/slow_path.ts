// A proxy in front of a server that acts as a long path: in each direction, bytes pass at a rate, and arrive half a round
// trip later. It reads everything at once and drops nothing. So whatever a sender has on its way beyond what the path
// holds delays what follows, as in a router with a deep queue.

/** Bytes that pass at once: at 12 MiB a second they take little more than a millisecond. */
const PIECE = 16 * 1024;

export interface Path {
  /** The time in ms from one end to the other and back, without queueing. */
  readonly roundTrip: number;
  /** MiB a second in each direction. */
  readonly rate: number;
}

export class SlowPath implements AsyncDisposable {
  readonly port: number;
  readonly #target: number;
  readonly #path: Path;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  constructor(target: number, path: Path) {
    this.#target = target;
    this.#path = path;
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const client of this.#listener) serving.push(this.#serve(client));
    await Promise.all(serving);
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    const both = [client, server] as const;
    for (const connection of both) {
      connection.setNoDelay(true);
      this.#connections.add(connection);
    }
    try {
      await Promise.all([this.#carry(client, server), this.#carry(server, client)]);
    } catch {
      // One side has broken the connection.
    } finally {
      for (const connection of both) this.#close(connection);
    }
  }

  async #carry(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(PIECE);
    const bytesPerMs = this.#path.rate * 2 ** 20 / 1000;
    /** When the last byte that was read has entered the path. */
    let entered = 0;
    /** The queue: each step waits for the one before it. */
    let arrived = Promise.resolve();
    for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
      const bytes = buffer.slice(0, n);
      entered = Math.max(entered, performance.now()) + n / bytesPerMs;
      const due = entered + this.#path.roundTrip / 2;
      arrived = arrived.then(() => until(due)).then(() => writeAll(to, bytes));
      // The end of the loop reports an error; until then, nobody may be waiting for it.
      arrived.catch(() => {});
    }
    await arrived;
    await to.closeWrite();
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) this.#close(connection);
    await this.#accepting;
  }
}

async function until(due: number): Promise<void> {
  const wait = due - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await to.write(bytes));
}
