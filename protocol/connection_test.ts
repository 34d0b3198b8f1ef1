import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodeFrame, MAX_FRAME, Type } from "../protocol.ts";
import { within } from "../tests/support/async.ts";
import { Raw } from "../tests/support/loopback.ts";
import { Connection, formatAddress, type Source } from "./connection.ts";

const PONG = encodeFrame(Type.PONG, 0);
const BYE = encodeFrame(Type.BYE, 0);
/** More than any system keeps for a peer that does not read. */
const TOO_MUCH = new Uint8Array(64 * 1024 * 1024);
/** No test waits this long, in ms. */
const NEVER_MS = 3_600_000;

// ---- a socket that records each call ----

/** Accepts one write at a time, when the test says so. */
class FakeSocket {
  readonly remoteAddr = { hostname: "192.0.2.7", port: 2428, transport: "tcp" };
  /** The writes under way or done, as their bytes. */
  readonly writes: number[][] = [];
  closings = 0;
  /** How many reads have begun. */
  reads = 0;
  #write = Promise.withResolvers<number>();
  #read = Promise.withResolvers<number | null>();
  #written = Promise.withResolvers<void>();

  get conn(): Deno.TcpConn {
    return this as unknown as Deno.TcpConn;
  }

  /** Resolves when a write has begun. */
  get written(): Promise<void> {
    return within("a write", this.#written.promise);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.writes.push([...bytes]);
    this.#written.resolve();
    this.#write = Promise.withResolvers();
    return this.#write.promise;
  }

  /** Ends the write under way after this many bytes; resolves when the next one has begun. */
  async take(count: number): Promise<void> {
    this.#written = Promise.withResolvers();
    this.#write.resolve(count);
    await this.written;
  }

  /** The same, if no write follows. */
  takeLast(count: number): void {
    this.#write.resolve(count);
  }

  failWrite(): void {
    this.#write.reject(new Deno.errors.BrokenPipe("broken"));
  }

  failRead(): void {
    this.#read.reject(new Deno.errors.ConnectionReset("reset"));
  }

  read(): Promise<number | null> {
    this.reads++;
    return this.#read.promise;
  }

  setNoDelay(): void {}

  keptAlive = false;

  setKeepAlive(keepAlive: boolean): void {
    this.keptAlive = keepAlive;
  }

  closeWrite(): Promise<void> {
    this.#read.resolve(null);
    return Promise.resolve();
  }

  close(): void {
    this.closings++;
  }
}

/** A source that gathers pending bytes. */
class Pending implements Source {
  bytes: number[] = [];

  take(): Uint8Array<ArrayBuffer> | null {
    const bytes = Uint8Array.from(this.bytes);
    this.bytes = [];
    return bytes.length === 0 ? null : bytes;
  }
}

Deno.test("Connection: one write at a time, which carries all that was gathered meanwhile", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const source = new Pending();
  connection.attach(source);
  for (const byte of [1, 2, 3]) {
    source.bytes.push(byte);
    connection.wake();
  }
  assertEquals(socket.writes, [[1]]);
  await socket.take(1);
  assertEquals(socket.writes, [[1], [2, 3]]);
  socket.takeLast(2);
  await connection.finish(NEVER_MS);
  assertEquals(socket.writes.length, 2);
});

Deno.test("Connection: a partial write is followed by a write of the rest", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const source = new Pending();
  source.bytes = [1, 2, 3, 4];
  connection.attach(source);
  await socket.take(1);
  await socket.take(2);
  socket.takeLast(1);
  await connection.finish(NEVER_MS);
  assertEquals(socket.writes, [[1, 2, 3, 4], [2, 3, 4], [4]]);
});

Deno.test("Connection: frames passed to send go before the source, and the last frame after it", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const source = new Pending();
  connection.attach(source);
  source.bytes = [1];
  connection.wake();
  source.bytes = [2];
  connection.send(PONG);
  assertEquals(connection.urgent, 1);
  const finished = connection.finish(NEVER_MS, BYE);
  await socket.take(1);
  assertEquals(connection.urgent, 0);
  await socket.take(PONG.length);
  await socket.take(1);
  socket.takeLast(BYE.length);
  await finished;
  assertEquals(socket.writes, [[1], [...PONG], [2], [...BYE]]);
});

Deno.test("Connection.mute: only the source is written, and no last frame", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const source = new Pending();
  connection.mute();
  assertEquals(socket.keptAlive, true);
  connection.send(PONG);
  assertEquals(connection.urgent, 0);
  connection.attach(source);
  source.bytes = [1];
  const finished = connection.finish(NEVER_MS, BYE);
  await socket.written;
  socket.takeLast(1);
  await finished;
  assertEquals(socket.writes, [[1]]);
});

Deno.test("Connection.finish: calls hurry of a source that pauses", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  let hurried = false;
  const piece = Uint8Array.of(1);
  const left = [piece];
  connection.attach({
    take: () => hurried ? left.pop() ?? null : null,
    hurry: () => hurried = true,
  });
  connection.wake();
  assertEquals(socket.writes, []);
  const finished = connection.finish(NEVER_MS);
  await socket.written;
  socket.takeLast(1);
  await finished;
  assertEquals(socket.writes, [[1]]);
});

Deno.test("Connection: nothing can be sent after the last frame", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const finished = connection.finish(NEVER_MS, BYE);
  connection.send(PONG);
  await socket.written;
  connection.send(PONG);
  socket.takeLast(BYE.length);
  await finished;
  connection.send(PONG);
  assertEquals(socket.writes, [[...BYE]]);
});

Deno.test("Connection: a failed write closes it, and nothing more is written", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const source = new Pending();
  source.bytes = [1];
  connection.attach(source);
  source.bytes = [2];
  socket.failWrite();
  await within("the closing", connection.closed);
  connection.wake();
  connection.send(PONG);
  assertEquals(socket.writes, [[1]]);
  assertEquals(socket.closings, 1);
});

Deno.test("Connection: a failed read closes it", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const filled = connection.fill();
  socket.failRead();
  assertEquals(await within("the end of the read", filled), false);
  await within("the closing", connection.closed);
  assertEquals(socket.closings, 1);
});

Deno.test("Connection.why: the system's error, or the argument of close, whichever is first", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const filled = connection.fill();
  socket.failRead();
  await filled;
  connection.close("something else");
  assertEquals(connection.why, "the other side broke off the connection");
  const closed = new Connection(new FakeSocket().conn, MAX_FRAME);
  assertEquals(closed.why, undefined);
  closed.close("nothing has come");
  closed.close();
  assertEquals(closed.why, "nothing has come");
});

Deno.test("Connection.silence: is the time since the read under way began", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await raw.write(PONG);
  // The bytes may have come long ago: nothing has read them.
  assertEquals(connection.silence, 0);
  assert(await connection.fill());
  assertEquals(connection.silence, 0);
  const start = performance.now();
  const filled = connection.fill();
  while (performance.now() === start);
  assert(connection.silence > 0 && connection.silence <= performance.now() - start);
  await raw.write(PONG);
  assert(await filled);
  assertEquals(connection.silence, 0);
  connection.close();
});

Deno.test("Connection.pause: ends in time, or with the connection; at once if that is closed", async () => {
  const connection = new Connection(new FakeSocket().conn, MAX_FRAME);
  await within("the end of the pause", connection.pause(1));
  const pause = connection.pause(NEVER_MS);
  connection.close();
  await within("the end of the pause", pause);
  await within("the end of the pause", connection.pause(NEVER_MS));
});

// ---- very many connections at once ----

/** Many connections that read at once and receive nothing. */
class Readers implements Disposable {
  readonly sockets: readonly FakeSocket[];
  readonly connections: readonly Connection[];
  readonly filled: readonly Promise<boolean>[];

  constructor(count: number) {
    this.sockets = Array.from({ length: count }, () => new FakeSocket());
    this.connections = this.sockets.map(({ conn }) => new Connection(conn, MAX_FRAME));
    this.filled = this.connections.map((connection) => connection.fill());
  }

  /** How many of their reads have begun. */
  get begun(): number {
    return this.sockets.filter(({ reads }) => reads > 0).length;
  }

  /** Resolves when all open ones are reading. The limit of turns is far more than needed. */
  async reading(): Promise<void> {
    const open = this.sockets.filter(({ closings }) => closings === 0);
    for (let turn = 0; turn < 1000 && open.some(({ reads }) => reads === 0); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assertEquals(open.map(({ reads }) => reads), open.map(() => 1));
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections) connection.close();
  }
}

Deno.test("Connection: of very many reads, a few begin in each turn, until all have", async () => {
  using readers = new Readers(300);
  // Half of what Deno serves in a turn: the rest is for connections that wait already.
  assert(readers.begun > 0 && readers.begun <= 64);
  await readers.reading();
});

Deno.test("Connection: a connection that closes before its read begins delays no other", async () => {
  using readers = new Readers(300);
  for (const connection of readers.connections.slice(30, 299)) connection.close();
  await within("the ends of reads", Promise.all(readers.filled.slice(30, 299)));
  await readers.reading();
});

Deno.test("Connection: closing twice, or finishing after closing, does nothing", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  connection.close();
  connection.close();
  await within("the end", connection.finish(NEVER_MS, BYE));
  await within("the closing", connection.closed);
  assertEquals(await connection.fill(), false);
  assertEquals(socket.closings, 1);
  assertEquals(socket.writes, []);
});

Deno.test("formatAddress: brackets around an IPv6 address", () => {
  assertEquals(formatAddress("192.0.2.7", 2428), "192.0.2.7:2428");
  assertEquals(formatAddress("::1", 2428), "[::1]:2428");
});

// ---- real sockets ----

async function pair(): Promise<{ connection: Connection; raw: Raw }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const raw = await Raw.connect(listener.addr);
  return { connection: new Connection(await listener.accept(), MAX_FRAME), raw };
}

Deno.test("Connection.fill: reads frames, then the end of a peer that still reads", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await raw.write(PONG, PONG);
  await raw.end();
  let frames = 0;
  while (await within("the end", connection.fill())) {
    while (connection.decoder.next()) frames++;
  }
  assertEquals(frames, 2);
  // Its other half is open: the answer still arrives.
  const [finished, last] = await Promise.all([connection.finish(NEVER_MS, BYE), raw.rest()]);
  assertEquals(finished, undefined);
  assertEquals(last, BYE);
});

Deno.test("Connection.close: ends a waiting read on both sides", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const filled = connection.fill();
  connection.close();
  assertEquals(await within("the end of the read", filled), false);
  assertEquals((await raw.rest()).length, 0);
});

Deno.test("Connection.finish: ends a waiting read once the peer has ended too", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const filled = connection.fill();
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), BYE);
  await raw.end();
  await within("the end", finished);
  assertEquals(await filled, false);
});

Deno.test("Connection.finish: the last frame arrives even if the peer keeps sending", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  // More than the sockets' buffers hold: unless it is read, the write below would not end.
  const sent = raw.write(TOO_MUCH);
  await within("the beginning", connection.fill());
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), BYE);
  await within("the last of what is sent", sent);
  await raw.end();
  await within("the end", finished);
  // No larger than the buffer for large frames.
  assertLessOrEqual(connection.decoder.capacity, 1024 * 1024);
});

Deno.test("Connection.finish: closes in time, even if the peer never ends", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await within("the end", connection.finish(1));
  assertEquals((await raw.rest()).length, 0);
});

Deno.test("Connection.finish: closes in time, even if the peer sends something and then nothing", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const finished = connection.finish(100, BYE);
  assertEquals(await raw.rest(), BYE);
  // Read after the last frame; then the next read waits.
  await raw.write(PONG);
  await within("the end", finished);
});

Deno.test("Connection.finish: closes in time, even if the peer does not read", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const filled = connection.fill();
  let taken = false;
  connection.attach({
    take() {
      if (taken) return null;
      taken = true;
      return TOO_MUCH;
    },
  });
  await within("the end", connection.finish(1, BYE));
  await within("the closing", connection.closed);
  assertEquals(await within("the end of the read", filled), false);
});

Deno.test("Connection.close: does not wait for a peer that does not read", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  connection.attach({ take: () => TOO_MUCH });
  // The first bytes have arrived, so the write is under way.
  await raw.conn.read(new Uint8Array(1));
  connection.close();
  await within("the closing", connection.closed);
  assert(!await connection.fill());
});

Deno.test("Connection: everything pending arrives, then the last frame", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const source = new Pending();
  const bytes = Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  source.bytes = [...bytes];
  connection.attach(source);
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), concat([Uint8Array.from(bytes), BYE]));
  await raw.end();
  await within("the end", finished);
});

Deno.test("Connection: of very many writes, each gets its turn, and a last frame costs none of them", async () => {
  const many = Array.from({ length: 300 }, (_, number) => {
    const socket = new FakeSocket();
    const connection = new Connection(socket.conn, MAX_FRAME);
    const source = new Pending();
    source.bytes = [number & 0xff, number >> 8];
    return { number, socket, connection, source };
  });
  for (const { connection, source } of many) connection.attach(source);
  assertEquals(many.filter(({ socket }) => socket.writes.length > 0).length, 80);
  // The last of them ends before its turn.
  const { socket, connection, number } = many.at(-1)!;
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(socket.writes, [[number & 0xff, number >> 8]]);
  await socket.take(2);
  assertEquals(socket.writes[1], [...BYE]);
  socket.takeLast(BYE.length);
  await finished;
  for (const { number, socket } of many) {
    await socket.written;
    assertEquals(socket.writes[0], [number & 0xff, number >> 8]);
  }
  assertEquals(socket.writes.length, 2);
  for (const { connection } of many) connection.close();
});
