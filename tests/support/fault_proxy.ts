// Test helper: a bad network between clients and their server: a proxy that breaks connections at bytes that
// a seed draws, or when the test says. It knows nothing of frames. No part of the program.
//
// It is made of node:net, for that has what Deno's own sockets lack: a real reset (RST).

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { seededRandom } from "./random.ts";

/** From a client to the server, or back. */
export type Direction = "up" | "down";

export const FAULT_KINDS = [
  /** Both sides are closed. */
  "cut",
  /** Both sides get a reset. */
  "reset",
  /** One direction ends, the other goes on for some bytes; then a cut. */
  "half-close",
  /** Nothing passes any more, in one direction or both, and nothing is closed. */
  "stall",
] as const;
export type FaultKind = typeof FAULT_KINDS[number];

export interface FaultOptions {
  /** The same seed gives the same faults at the same bytes, and chunks of the same sizes. */
  readonly seed: number;
  /** What is drawn from for each connection, evenly: all, unless given. Of none, all bytes just pass. */
  readonly kinds?: readonly FaultKind[];
  /** A fault comes at a byte from 1 to this, drawn evenly; who says less than that has none. */
  readonly within?: number;
  /** How long a stall or a half-close lasts until it is cut, in ms. Unless given: until the end. */
  readonly stallMs?: number;
  /** Bytes that are passed at once, at most; one in four is a single one. */
  readonly maxChunk?: number;
}

/** What is to happen to one connection. */
export interface Fault {
  readonly kind: FaultKind;
  /** The direction whose bytes are counted, and which ends or stalls. */
  readonly direction: Direction;
  /** It happens when so many bytes have been passed in that direction. */
  readonly at: number;
  /** A stall is one of both directions. */
  readonly both: boolean;
  /** After a half-close so many bytes pass in the other direction. */
  readonly more: number;
}

/** What has happened to a connection; they are numbered from 0, as they came. */
export interface Happened {
  readonly connection: number;
  readonly kind: FaultKind;
  readonly direction: Direction;
  /** How many bytes had been passed in that direction. */
  readonly at: number;
}

const DEFAULT_WITHIN = 32 * 1024;
const DEFAULT_CHUNK = 4 * 1024;

/** The fault that a connection gets, unless it ends before; undefined if there are no kinds to draw from. */
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

/** A client's connection, and the one to the server that stands for it. */
interface Pair {
  readonly number: number;
  readonly client: Socket;
  server: Socket | undefined;
  /** What is still to happen. */
  plan: Fault | undefined;
  /** In these nothing passes. */
  readonly stalled: Set<Direction>;
  /** This direction has ended, and in the other so many bytes still pass. */
  halved: { readonly direction: Direction; left: number } | undefined;
  readonly passed: Record<Direction, number>;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** It is to end as soon as something may pass again. */
  due: boolean;
  isGone: boolean;
  /** Resolves when it is gone. */
  readonly gone: PromiseWithResolvers<void>;
}

/** Listens on a port of its own, and connects each who comes to the server. */
export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  /** How many faults of each kind there were. */
  readonly counts: Record<FaultKind, number> = { cut: 0, reset: 0, "half-close": 0, stall: 0 };
  /** All faults, in their order. */
  readonly faults: Happened[] = [];
  /** How many bytes have been passed, of all connections. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };
  readonly #target: number;
  readonly #options: FaultOptions;
  readonly #pairs = new Set<Pair>();
  /** The end of each listener that there was. */
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

  /** In front of a server on this machine. */
  static async start({ port }: { port: number }, options: FaultOptions): Promise<FaultProxy> {
    return new FaultProxy(await listen(0), port, options);
  }

  /** How many clients have come so far. */
  get connections(): number {
    return this.#connections;
  }

  /** How many of them are connected. */
  get open(): number {
    return this.#pairs.size;
  }

  /**
   * Does this to all who are connected, now; returns how many these were.
   *
   * @param direction what ends or stalls; unless given, what comes down ends, and both directions stall
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

  /** From now on nobody gets in; who is connected stays so. The server seems to be away. */
  down(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Listens again, on the same port. */
  async up(): Promise<void> {
    if (!this.#server) this.#open(await listen(this.port));
  }

  /** From now on nothing passes, and nobody is told: the network was pulled. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Freezes when so many bytes have been passed in this direction in all; resolves then. */
  async freezeAt(direction: Direction, bytes: number): Promise<void> {
    this.#freezeAt = { direction, bytes };
    while (this.#freezeAt) await this.#news.promise;
  }

  /** Everything goes on where it was. */
  thaw(): void {
    this.#isFrozen = false;
    for (const pair of this.#pairs) {
      if (pair.due) this.#end(pair, "cut");
    }
    this.#tell();
  }

  /** From now on nothing goes wrong by itself; what is stalled or half closed is cut. */
  calm(): void {
    this.#isCalm = true;
    for (const pair of this.#pairs) {
      if (pair.stalled.size > 0 || pair.halved) this.#end(pair, "cut");
    }
  }

  /** Resolves when there were so many faults of this kind. */
  async saw(kind: FaultKind, count = 1): Promise<void> {
    while (this.counts[kind] < count) await this.#news.promise;
  }

  /** Resolves when so many have come in all, and are connected to the server or gone. */
  async accepted(count: number): Promise<void> {
    const isSettled = (pair: Pair) => pair.server !== undefined && !pair.server.connecting;
    while (this.#connections < count || ![...this.#pairs].every(isSettled)) {
      await this.#news.promise;
    }
  }

  /** Resolves when nobody is connected. */
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

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Never rejects: whatever breaks, ends the connection. */
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
    // No connection to the server comes about while the network is pulled.
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
      server.once("connect", () => this.#tell());
      pair.server = server;
      this.#tell();
      await Promise.all([
        this.#pump(pair, "up", client, server),
        this.#pump(pair, "down", server, client),
      ]);
      // Both directions have come to their ends, or it is gone already.
      this.#end(pair, "cut");
    }
    await Promise.all(closed);
    this.#pairs.delete(pair);
    this.#tell();
  }

  /** Passes bytes until there are no more, or the connection is gone. Never rejects. */
  async #pump(pair: Pair, direction: Direction, from: Socket, to: Socket): Promise<void> {
    const { seed, maxChunk = DEFAULT_CHUNK } = this.#options;
    const random = seededRandom(seed, pair.number, direction === "up" ? 1 : 2);
    try {
      // Who has said all may still listen: the end of one direction is not that of the connection.
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        for (let at = 0; at < bytes.length;) {
          await this.#passable(pair, direction);
          if (pair.isGone) return;
          // Read and forgotten: nobody is to learn from a full buffer that it goes nowhere.
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

  /** How many bytes may pass in this direction until something happens. */
  #left({ plan, halved, passed }: Pair, direction: Direction): number {
    if (halved) return halved.left;
    if (this.#isCalm || plan?.direction !== direction) return Infinity;
    return plan.at - passed[direction];
  }

  /** What is due after these bytes. */
  #happen(pair: Pair, direction: Direction, size: number): void {
    if (this.#freezeAt && this.passed[this.#freezeAt.direction] >= this.#freezeAt.bytes) {
      this.#freezeAt = undefined;
      this.freeze();
      this.#tell();
    }
    const { plan, halved } = pair;
    if (halved) {
      // The half-close may have come while these were on their way.
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
    this.#tell();
  }

  /** A stall is over. */
  #expire(pair: Pair): void {
    if (this.#isFrozen) pair.due = true;
    else this.#end(pair, "cut");
  }

  /** One of the two has gone: the other learns it in the same manner, if it can. */
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

/** Listens on this port of this machine; 0 is any. */
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
