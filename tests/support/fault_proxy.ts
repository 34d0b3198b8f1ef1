// Test helper: a proxy that acts as a bad network between clients and their server. It breaks connections at bytes that
// a seed determines, or when the test calls it. It knows no frames. No part of the program.
//
// It uses node:net, because Deno's own sockets cannot send a reset (RST).

import { reservedPort } from "./ports.ts";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { seededRandom } from "./random.ts";

/** From a client to the server, or back. */
export type Direction = "up" | "down";

export const FAULT_KINDS = [
  /** Both sides are closed. */
  "cut",
  /** Both sides get a reset. */
  "reset",
  /** One direction ends, the other continues for some bytes. Then both sides are closed. */
  "half-close",
  /** Bytes stop in one direction or both, and nothing is closed. */
  "stall",
] as const;
export type FaultKind = typeof FAULT_KINDS[number];

export interface FaultOptions {
  /** Determines the faults, their bytes, and the sizes of chunks. */
  readonly seed: number;
  /** The kinds to draw from for each connection, all with the same probability. Default: all kinds. Empty: no faults. */
  readonly kinds?: readonly FaultKind[];
  /** A fault comes at a byte from 1 to this number. A connection that sends fewer bytes has no fault. */
  readonly within?: number;
  /** The time from a stall or a half-close until the connection is cut, in ms. Default: no limit. */
  readonly stallMs?: number;
  /** The most bytes that pass at once. One chunk in four is a single byte. */
  readonly maxChunk?: number;
}

/** The planned fault of one connection. */
export interface Fault {
  readonly kind: FaultKind;
  /** The direction that ends or stalls. Its bytes are counted. */
  readonly direction: Direction;
  /** The fault happens when this many bytes have passed in that direction. */
  readonly at: number;
  /** A stall affects both directions. */
  readonly both: boolean;
  /** The bytes that pass in the other direction after a half-close. */
  readonly more: number;
}

/** A fault that has happened. */
export interface PastFault {
  /** The connection's number, from 0 in the order of arrival. */
  readonly connection: number;
  readonly kind: FaultKind;
  readonly direction: Direction;
  /** The bytes that had passed in that direction. */
  readonly at: number;
}

const DEFAULT_WITHIN = 32 * 1024;
const DEFAULT_CHUNK = 4 * 1024;

/** The planned fault of a connection; undefined if `kinds` is empty. */
export function drawFault(
  connection: number,
  { seed, kinds = FAULT_KINDS, within = DEFAULT_WITHIN }: FaultOptions,
): Fault | undefined {
  const random = seededRandom(seed, connection, 0);
  const kind = kinds[random(Math.max(1, kinds.length))];
  if (kind === undefined) return undefined;
  return {
    kind,
    direction: random(2) === 0 ? "up" : "down",
    at: 1 + random(within),
    both: random(2) === 0,
    more: 1 + random(within),
  };
}

/** A client's connection, and the proxy's connection to the server for it. */
interface Pair {
  readonly number: number;
  readonly client: Socket;
  server: Socket | undefined;
  /** The fault that has not happened yet. */
  plan: Fault | undefined;
  /** Directions in which no byte passes. */
  readonly stalled: Set<Direction>;
  /** This direction has ended; `left` bytes still pass in the other. */
  halved: { readonly direction: Direction; left: number } | undefined;
  readonly passed: Record<Direction, number>;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** It ends as soon as bytes may pass again. */
  due: boolean;
  isGone: boolean;
  /** Resolves when `isGone` is set. */
  readonly gone: PromiseWithResolvers<void>;
}

/** Listens on its own port, and connects each client to the server. */
export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  /** The number of past faults of each kind. */
  readonly counts: Record<FaultKind, number> = { cut: 0, reset: 0, "half-close": 0, stall: 0 };
  /** All past faults, in their order. */
  readonly faults: PastFault[] = [];
  /** The bytes that have passed, over all connections. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };
  readonly #target: number;
  readonly #options: FaultOptions;
  readonly #pairs = new Set<Pair>();
  /** The ends of all listeners, past and present. */
  readonly #ended: Promise<void>[] = [];
  #server: Server | undefined;
  #connections = 0;
  #isFrozen = false;
  #freezeAt: { readonly direction: Direction; readonly bytes: number } | undefined;
  #isCalm = false;
  #news = Promise.withResolvers<void>();

  private constructor(server: Server, target: number, options: FaultOptions) {
    this.port = (server.address() as AddressInfo).port;
    this.#target = target;
    this.#options = options;
    this.#open(server);
  }

  /** Starts a proxy for a server on this machine. */
  static async start({ port }: { port: number }, options: FaultOptions): Promise<FaultProxy> {
    return new FaultProxy(await listen(reservedPort()), port, options);
  }

  /** The number of clients so far. */
  get connections(): number {
    return this.#connections;
  }

  /** The number of clients that are connected now. */
  get open(): number {
    return this.#pairs.size;
  }

  /**
   * Causes this fault on all open connections now; returns their number.
   *
   * @param direction the direction that ends or stalls. Default: a half-close ends `down`, a stall affects both
   */
  cutAll(kind: FaultKind = "cut", direction?: Direction): number {
    const pairs = [...this.#pairs];
    for (const pair of pairs) {
      this.#strike(pair, {
        kind,
        direction: direction ?? "down",
        both: direction === undefined,
        more: this.#options.within ?? DEFAULT_WITHIN,
      });
    }
    return pairs.length;
  }

  /** Accepts no new connections. Open ones stay. To new clients the server seems to be down. */
  down(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Listens again, on the same port. */
  async up(): Promise<void> {
    if (!this.#server) this.#open(await listen(this.port));
  }

  /** Stops all bytes and all ends, like a pulled cable. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Freezes when `bytes` bytes in all have passed in this direction; resolves then. */
  async freezeAt(direction: Direction, bytes: number): Promise<void> {
    this.#freezeAt = { direction, bytes };
    while (this.#freezeAt) await this.#news.promise;
  }

  /** Ends the freeze. Everything continues where it was. */
  thaw(): void {
    this.#isFrozen = false;
    for (const pair of this.#pairs) {
      if (pair.due) this.#end(pair, "cut");
    }
    this.#wake();
  }

  /** Stops planned faults, and cuts connections that are stalled or half closed. */
  calm(): void {
    this.#isCalm = true;
    for (const pair of this.#pairs) {
      if (pair.stalled.size > 0 || pair.halved) this.#end(pair, "cut");
    }
  }

  /** Resolves when `count` faults of this kind have happened. */
  async saw(kind: FaultKind, count = 1): Promise<void> {
    while (this.counts[kind] < count) await this.#news.promise;
  }

  /** Resolves when `count` clients in all have come, and each is connected to the server or gone. */
  async accepted(count: number): Promise<void> {
    const isSettled = (pair: Pair) => pair.server !== undefined && !pair.server.connecting;
    while (this.#connections < count || ![...this.#pairs].every(isSettled)) {
      await this.#news.promise;
    }
  }

  /** Resolves when no client is connected. */
  async empty(): Promise<void> {
    while (this.#pairs.size > 0) await this.#news.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.down();
    for (const pair of this.#pairs) this.#end(pair, "cut");
    await this.empty();
    await Promise.all(this.#ended);
  }

  #open(server: Server): void {
    this.#server = server;
    this.#ended.push(new Promise((resolve) => server.once("close", resolve)));
    server.on("connection", (client: Socket) => void this.#serve(client));
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Never rejects: an error ends the connection. */
  async #serve(client: Socket): Promise<void> {
    const number = this.#connections++;
    const pair: Pair = {
      number,
      client,
      server: undefined,
      plan: drawFault(number, this.#options),
      stalled: new Set(),
      halved: undefined,
      passed: { up: 0, down: 0 },
      timer: undefined,
      due: false,
      isGone: false,
      gone: Promise.withResolvers(),
    };
    this.#pairs.add(pair);
    const closed = [new Promise((resolve) => client.once("close", resolve))];
    client.on("error", () => this.#breakOff(pair));
    // A frozen network also delays the connection to the server.
    await this.#passable(pair, "up");
    if (!pair.isGone) {
      const server = connect({
        host: "127.0.0.1",
        port: this.#target,
        allowHalfOpen: true,
        noDelay: true,
      });
      closed.push(new Promise((resolve) => server.once("close", resolve)));
      server.on("error", () => this.#breakOff(pair));
      server.once("connect", () => this.#wake());
      pair.server = server;
      this.#wake();
      await Promise.all([
        this.#pump(pair, "up", client, server),
        this.#pump(pair, "down", server, client),
      ]);
      // Both directions have ended, or the connection is gone already.
      this.#end(pair, "cut");
    }
    await Promise.all(closed);
    this.#pairs.delete(pair);
    this.#wake();
  }

  /** Passes bytes until the direction ends or the connection is gone. Never rejects. */
  async #pump(pair: Pair, direction: Direction, from: Socket, to: Socket): Promise<void> {
    const { seed, maxChunk = DEFAULT_CHUNK } = this.#options;
    const random = seededRandom(seed, pair.number, direction === "up" ? 1 : 2);
    try {
      // The end of one direction does not end the connection: the other direction may continue.
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        for (let at = 0; at < bytes.length;) {
          await this.#passable(pair, direction);
          if (pair.isGone) return;
          // Read and dropped: a full buffer would show the sender that its bytes do not arrive.
          if (pair.halved?.direction === direction) break;
          const draw = random(4) === 0 ? 1 : 1 + random(maxChunk);
          const size = Math.min(draw, bytes.length - at, this.#left(pair, direction));
          await Promise.race([write(to, bytes.subarray(at, at + size)), pair.gone.promise]);
          at += size;
          pair.passed[direction] += size;
          this.passed[direction] += size;
          if (!pair.isGone) this.#happen(pair, direction, size);
        }
      }
      await this.#passable(pair, direction);
      if (pair.isGone || pair.halved?.direction === direction) return;
      const ended = new Promise<void>((resolve) => to.end(resolve));
      await Promise.race([ended, pair.gone.promise]);
    } catch {
      this.#breakOff(pair);
      await pair.gone.promise;
    }
  }

  /** Resolves when bytes may pass in this direction, or the connection is gone. */
  async #passable(pair: Pair, direction: Direction): Promise<void> {
    while (!pair.isGone && (this.#isFrozen || pair.stalled.has(direction))) {
      await Promise.race([this.#news.promise, pair.gone.promise]);
    }
  }

  /** The bytes that may pass in this direction until the next fault. */
  #left({ plan, halved, passed }: Pair, direction: Direction): number {
    if (halved) return halved.left;
    if (this.#isCalm || plan?.direction !== direction) return Infinity;
    return plan.at - passed[direction];
  }

  /** Causes the fault that is due after these bytes. */
  #happen(pair: Pair, direction: Direction, size: number): void {
    if (this.#freezeAt && this.passed[this.#freezeAt.direction] >= this.#freezeAt.bytes) {
      this.#freezeAt = undefined;
      this.freeze();
      this.#wake();
    }
    const { plan, halved } = pair;
    if (halved) {
      // The half-close may have happened while these bytes were being written.
      if (halved.direction === direction) return;
      halved.left -= size;
      if (halved.left <= 0) this.#end(pair, "cut");
    } else if (plan && plan.direction === direction && plan.at <= pair.passed[direction]) {
      if (!this.#isCalm) this.#strike(pair, plan);
    }
  }

  #strike(pair: Pair, { kind, direction, both, more }: Omit<Fault, "at">): void {
    pair.plan = undefined;
    this.counts[kind]++;
    const at = pair.passed[direction];
    this.faults.push({ connection: pair.number, kind, direction, at });
    if (kind === "cut" || kind === "reset") {
      this.#end(pair, kind);
    } else {
      if (kind === "half-close") {
        pair.halved = { direction, left: more };
        (direction === "up" ? pair.server : pair.client)?.end();
      } else {
        pair.stalled.add(direction);
        if (both) pair.stalled.add(direction === "up" ? "down" : "up");
      }
      const { stallMs } = this.#options;
      clearTimeout(pair.timer);
      if (stallMs !== undefined) pair.timer = setTimeout(() => this.#expire(pair), stallMs);
    }
    this.#wake();
  }

  /** A stall is over. */
  #expire(pair: Pair): void {
    if (this.#isFrozen) pair.due = true;
    else this.#end(pair, "cut");
  }

  /** One side has broken the connection: resets the other side, if bytes may pass. */
  #breakOff(pair: Pair): void {
    if (this.#isFrozen || pair.stalled.size > 0) pair.due = true;
    else this.#end(pair, "reset");
  }

  #end(pair: Pair, how: "cut" | "reset"): void {
    if (pair.isGone) return;
    pair.isGone = true;
    clearTimeout(pair.timer);
    pair.gone.resolve();
    for (const socket of [pair.client, pair.server]) {
      if (how === "reset" && socket?.connecting === false) socket.resetAndDestroy();
      else socket?.destroy();
    }
  }
}

/** Listens on this port of this machine; 0 selects a free one. */
async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, resolve);
  });
  return server;
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => error ? reject(error) : resolve());
  });
}
