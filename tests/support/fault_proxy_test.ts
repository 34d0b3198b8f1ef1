import { reservedPort } from "./ports.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  type Direction,
  drawFault,
  FAULT_KINDS,
  type FaultKind,
  FaultProxy,
} from "./fault_proxy.ts";
import { within } from "./async.ts";

/** Bytes that show where bytes are lost or moved. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** One end of a connection. */
class End implements AsyncDisposable {
  readonly #conn: Deno.TcpConn;
  #isClosed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Closes the sending direction. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** `count` bytes; fewer if the other side ends first. */
  async read(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let have = 0;
    while (have < count) {
      const read = await within("bytes", this.#conn.read(bytes.subarray(have)));
      if (read === null) break;
      have += read;
    }
    return bytes.subarray(0, have);
  }

  /** All bytes until the end, and whether it was a reset. */
  async rest(): Promise<{ bytes: Uint8Array; how: "end" | "reset" }> {
    const parts: Uint8Array[] = [];
    for (;;) {
      try {
        const bytes = await this.read(1);
        if (bytes.length === 0) return { bytes: concat(parts), how: "end" };
        parts.push(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
        return { bytes: concat(parts), how: "reset" };
      }
    }
  }

  close(): void {
    if (!this.#isClosed) this.#conn.close();
    this.#isClosed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** A server, the proxy in front of it, and both ends of each connection through the proxy. */
class Network implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly #listener: Deno.TcpListener;
  readonly #ends: End[] = [];

  private constructor(proxy: FaultProxy, listener: Deno.TcpListener) {
    this.proxy = proxy;
    this.#listener = listener;
  }

  static async open(
    options: Partial<Parameters<typeof FaultProxy.start>[1]> = {},
  ): Promise<Network> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const proxy = await FaultProxy.start(listener.addr, { seed: 1, kinds: [], ...options });
    return new Network(proxy, listener);
  }

  async connect(): Promise<{ client: End; server: End }> {
    const client = await this.dial();
    return { client, server: await this.answer() };
  }

  async dial(): Promise<End> {
    return this.#keep(await Deno.connect({ hostname: "127.0.0.1", port: this.proxy.port }));
  }

  async answer(): Promise<End> {
    return this.#keep(await within("a connection", this.#listener.accept()));
  }

  #keep(conn: Deno.TcpConn): End {
    const end = new End(conn);
    this.#ends.push(end);
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end.close();
    this.#listener.close();
    await within("the end of the proxy", this.proxy[Symbol.asyncDispose]());
  }
}

const NO_FAULTS = { cut: 0, reset: 0, "half-close": 0, stall: 0 };

Deno.test("FaultProxy: without faults it passes all bytes in both directions at once, and then the ends", async () => {
  await using network = await Network.open({ maxChunk: 300 });
  const { client, server } = await network.connect();
  const [up, down] = [pattern(200_000), pattern(150_001)];
  const send = async (end: End, bytes: Uint8Array) => {
    await end.write(bytes);
    await end.finish();
  };
  const [, , atServer, atClient] = await Promise.all([
    send(client, up),
    send(server, down),
    server.read(up.length + 1),
    client.read(down.length + 1),
  ]);
  assertEquals(atServer, up);
  assertEquals(atClient, down);
  await within("the end of the connection", network.proxy.empty());
  assertEquals(network.proxy.counts, NO_FAULTS);
});

Deno.test("FaultProxy: a client that has closed its sending direction still receives", async () => {
  await using network = await Network.open();
  const { client, server } = await network.connect();
  await client.write(pattern(10));
  await client.finish();
  assertEquals((await server.rest()).bytes, pattern(10));
  await server.write(pattern(20));
  await server.finish();
  assertEquals(await client.rest(), { bytes: pattern(20), how: "end" });
});

Deno.test("FaultProxy: resets one side if the other breaks the connection", async () => {
  await using network = await Network.open();
  const { client, server } = await network.connect();
  await client.write(pattern(1));
  await server.read(1);
  client.close();
  // Further bytes do not arrive, and the proxy notices it.
  let error: unknown;
  while (error === undefined) {
    await server.write(pattern(1000)).catch((thrown) => error = thrown);
  }
  assert(
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe,
    `${error}`,
  );
  await within("the end of the connection", network.proxy.empty());
});

/** The first seed that gives the first connection this fault. */
function seedFor(kind: FaultKind, direction: Direction, fits: (at: number) => boolean): number {
  for (let seed = 0;; seed++) {
    const fault = drawFault(0, { seed, within: 1000 });
    if (fault?.kind === kind && fault.direction === direction && fits(fault.at)) return seed;
  }
}

for (const direction of ["up", "down"] as const) {
  for (const kind of ["cut", "reset"] as const) {
    Deno.test(`FaultProxy: a ${kind} comes at the planned byte, ${direction}, for both sides`, async () => {
      const seed = seedFor(kind, direction, (at) => at > 100);
      const { at } = drawFault(0, { seed, within: 1000 })!;
      await using network = await Network.open({ seed, kinds: FAULT_KINDS, within: 1000 });
      const { client, server } = await network.connect();
      const [from, to] = direction === "up" ? [client, server] : [server, client];
      // Not one byte more: closing a socket with unread bytes is a reset, too.
      await from.write(pattern(at - 1));
      assertEquals(await to.read(at - 1), pattern(at - 1));
      assertEquals(network.proxy.counts, NO_FAULTS);
      await from.write(pattern(1));
      const how = kind === "cut" ? "end" : "reset";
      assertEquals(await to.rest(), { bytes: pattern(1), how });
      assertEquals(await from.rest(), { bytes: new Uint8Array(0), how });
      assertEquals(network.proxy.counts, { ...NO_FAULTS, [kind]: 1 });
      assertEquals(network.proxy.faults, [{ connection: 0, kind, direction, at }]);
    });
  }

  Deno.test(`FaultProxy: after a half-close, ${direction}, the other direction continues, then both end`, async () => {
    const seed = seedFor("half-close", direction, (at) => at > 100);
    const { at, more } = drawFault(0, { seed, within: 1000 })!;
    await using network = await Network.open({ seed, kinds: FAULT_KINDS, within: 1000 });
    const { client, server } = await network.connect();
    const [from, to] = direction === "up" ? [client, server] : [server, client];
    await from.write(pattern(at));
    assertEquals(await to.rest(), { bytes: pattern(at), how: "end" });
    // The sender does not notice that these bytes are lost.
    await from.write(pattern(10));
    await to.write(pattern(more - 1));
    assertEquals(await from.read(more - 1), pattern(more - 1));
    await to.write(pattern(1));
    assertEquals((await from.rest()).bytes, pattern(1));
    await within("the end of the connection", network.proxy.empty());
    assertEquals(network.proxy.counts, { ...NO_FAULTS, "half-close": 1 });
  });

  Deno.test(`FaultProxy: a stall ${direction} does not affect the other direction`, async () => {
    await using network = await Network.open();
    const { client, server } = await network.connect();
    const [from, to] = direction === "up" ? [client, server] : [server, client];
    await network.proxy.accepted(1);
    assertStrictEquals(network.proxy.cutAll("stall", direction), 1);
    let arrived = false;
    const first = to.read(1).then(() => arrived = true);
    await from.write(pattern(50));
    await to.write(pattern(50));
    assertEquals(await from.read(50), pattern(50));
    assert(!arrived);
    // The end does not pass either.
    from.close();
    network.proxy.calm();
    await first;
    assertEquals(network.proxy.counts, { ...NO_FAULTS, stall: 1 });
  });
}

Deno.test("FaultProxy: a stall of both directions passes no bytes, and is cut after its time", async () => {
  await using network = await Network.open({ stallMs: 50 });
  const { client, server } = await network.connect();
  await network.proxy.accepted(1);
  network.proxy.cutAll("stall");
  await client.write(pattern(50));
  await server.write(pattern(50));
  assertStrictEquals(network.proxy.open, 1);
  for (const end of [client, server]) assertEquals((await end.rest()).bytes.length, 0);
  await within("the end of the connection", network.proxy.empty());
});

Deno.test("FaultProxy: a half-close without an answer is cut after its time", async () => {
  await using network = await Network.open({ stallMs: 50 });
  const { client, server } = await network.connect();
  await network.proxy.accepted(1);
  network.proxy.cutAll("half-close");
  assertEquals(await client.rest(), { bytes: new Uint8Array(0), how: "end" });
  assertEquals(await server.rest(), { bytes: new Uint8Array(0), how: "end" });
});

Deno.test("FaultProxy.cutAll: cuts all open connections, and none that come later", async () => {
  for (const kind of ["cut", "reset"] as const) {
    await using network = await Network.open();
    const pairs = [await network.connect(), await network.connect()];
    await network.proxy.accepted(2);
    assertStrictEquals(network.proxy.cutAll(kind), 2);
    await within("a fault", network.proxy.saw(kind, 2));
    for (const { client, server } of pairs) {
      for (const end of [client, server]) {
        assertStrictEquals((await end.rest()).how, kind === "cut" ? "end" : "reset");
      }
    }
    await within("the end of the connections", network.proxy.empty());
    const { client, server } = await network.connect();
    await client.write(pattern(5));
    assertEquals(await server.read(5), pattern(5));
  }
});

Deno.test("FaultProxy.down, up: refuses new connections, keeps open ones, then listens on the same port", async () => {
  await using network = await Network.open();
  const { client, server } = await network.connect();
  for (let times = 0; times < 3; times++) {
    network.proxy.down();
    await assertRejects(() => network.dial(), Deno.errors.ConnectionRefused);
    await client.write(pattern(5));
    assertEquals(await server.read(5), pattern(5));
    await network.proxy.up();
    await network.proxy.up();
    const late = await network.connect();
    await late.client.write(pattern(5));
    assertEquals(await late.server.read(5), pattern(5));
  }
});

Deno.test("FaultProxy.freeze, thaw: nothing passes, not even an end, until it thaws", async () => {
  await using network = await Network.open();
  const { client, server } = await network.connect();
  await network.proxy.accepted(1);
  network.proxy.freeze();
  const order: string[] = [];
  const arrived = server.rest().then((rest) => (order.push("arrived"), rest));
  await client.write(pattern(5000));
  await client.finish();
  // The system connects it, but the proxy does not connect it to the server.
  const late = await network.dial();
  await late.write(pattern(5));
  order.push("thawed");
  network.proxy.thaw();
  assertEquals(await arrived, { bytes: pattern(5000), how: "end" });
  assertEquals(await (await network.answer()).read(5), pattern(5));
  assertEquals(order, ["thawed", "arrived"]);
  assertEquals(network.proxy.counts, NO_FAULTS);
});

Deno.test("FaultProxy.freezeAt: freezes after this many bytes in a direction, over all connections", async () => {
  await using network = await Network.open();
  const [one, other] = [await network.connect(), await network.connect()];
  const frozen = network.proxy.freezeAt("up", 3000);
  await one.server.write(pattern(5000));
  assertEquals(await one.client.read(5000), pattern(5000));
  await one.client.write(pattern(2000));
  assertEquals(await one.server.read(2000), pattern(2000));
  await other.client.write(pattern(9000));
  await frozen;
  const { up } = network.proxy.passed;
  assert(up >= 3000 && up < 11_000, `${up} bytes have passed`);
  network.proxy.thaw();
  assertEquals(await other.server.read(9000), pattern(9000));
});

Deno.test("FaultProxy: a client that closes during a freeze is gone for the server after the thaw", async () => {
  await using network = await Network.open();
  const { client, server } = await network.connect();
  await network.proxy.accepted(1);
  network.proxy.freeze();
  client.close();
  network.proxy.thaw();
  assertEquals(await server.rest(), { bytes: new Uint8Array(0), how: "end" });
});

Deno.test("FaultProxy.calm: stops planned faults", async () => {
  await using network = await Network.open({ kinds: FAULT_KINDS, within: 100 });
  network.proxy.calm();
  const { client, server } = await network.connect();
  await client.write(pattern(1000));
  await server.write(pattern(1000));
  assertEquals(await server.read(1000), pattern(1000));
  assertEquals(await client.read(1000), pattern(1000));
  assertEquals(network.proxy.counts, NO_FAULTS);
});

Deno.test("FaultProxy: resets a client if the server is down, and does not count this as a fault", async () => {
  await using proxy = await FaultProxy.start({ port: reservedPort() }, { seed: 1 });
  await using client = new End(await Deno.connect({ hostname: "127.0.0.1", port: proxy.port }));
  assertStrictEquals((await client.rest()).how, "reset");
  assertEquals(proxy.counts, NO_FAULTS);
});

Deno.test("FaultProxy: its disposal closes everything, in each state", async () => {
  for (const kind of FAULT_KINDS) {
    await using network = await Network.open();
    const { client, server } = await network.connect();
    await network.proxy.accepted(1);
    network.proxy.cutAll(kind);
    await client.write(pattern(1)).catch(() => {});
    await within("the end of the proxy", network.proxy[Symbol.asyncDispose]());
    assertStrictEquals(network.proxy.open, 0);
    for (const end of [client, server]) await end.rest();
    await assertRejects(() => network.dial(), Deno.errors.ConnectionRefused);
  }
});

Deno.test("drawFault: draws every kind, direction, width and byte", () => {
  const within = 50;
  const faults = Array.from({ length: 2000 }, (_, n) => drawFault(n, { seed: 7, within })!);
  const values = (of: (fault: typeof faults[0]) => unknown) => new Set(faults.map(of)).size;
  assertStrictEquals(values(({ kind }) => kind), FAULT_KINDS.length);
  assertStrictEquals(values(({ direction }) => direction), 2);
  assertStrictEquals(values(({ both }) => both), 2);
  assertStrictEquals(values(({ at }) => at), within);
  assertEquals(Math.min(...faults.map(({ at }) => at)), 1);
  assertEquals(Math.max(...faults.map(({ at }) => at)), within);
  for (const kind of FAULT_KINDS) {
    const share = faults.filter((fault) => fault.kind === kind).length / faults.length;
    assert(share > 0.2 && share < 0.3, `${kind}: ${share}`);
  }
  assertStrictEquals(drawFault(0, { seed: 7, kinds: [] }), undefined);
});

/** The faults of clients that come one after the other and send until a fault happens. */
async function history(seed: number): Promise<unknown> {
  await using network = await Network.open({ seed, kinds: ["cut", "reset"], within: 500 });
  for (let n = 0; n < 12; n++) {
    const { client, server } = await network.connect();
    // Both send up to the last possible byte of a fault. One write may fail because the other side is gone.
    await Promise.allSettled([client.write(pattern(500)), server.write(pattern(500))]);
    await Promise.all([client.rest(), server.rest()]);
    client.close();
    server.close();
    await within("the end of the connection", network.proxy.empty());
  }
  return network.proxy.faults;
}

Deno.test("FaultProxy: a seed always gives the same faults, another seed gives others", async () => {
  const faults = await history(3);
  assertStrictEquals((faults as unknown[]).length, 12);
  assertEquals(await history(3), faults);
  assertNotEquals(await history(4), faults);
});
