import { assert, assertEquals, assertLess } from "@std/assert";
import { encodeFrame, MAX_FRAME, Type } from "../protocol.ts";
import { concat, Raw, within } from "../tests/support/loopback.ts";
import { Connection, formatAddress, type Source } from "./connection.ts";

const PONG = encodeFrame(Type.PONG, 0);
const BYE = encodeFrame(Type.BYE, 0);
/** More than any system keeps for a peer that does not read. */
const TOO_MUCH = new Uint8Array(64 * 1024 * 1024);
/** What no test may have to wait for. */
const NEVER_MS = 3_600_000;

// ---- a socket of which each call can be seen ----

/** Takes one write at a time, when the test says so. */
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

  /** The write under way has taken so many bytes; resolves when the next one has begun. */
  async take(count: number): Promise<void> {
    this.#written = Promise.withResolvers();
    this.#write.resolve(count);
    await this.written;
  }

  /** The same, where none follows. */
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

/** Bytes that are pending, gathered. */
class Pending implements Source {
  bytes: number[] = [];

  take(): Uint8Array<ArrayBuffer> | null {
    const bytes = Uint8Array.from(this.bytes);
    this.bytes = [];
    return bytes.length === 0 ? null : bytes;
  }
}

Deno.test("Connection: one write at a time, and it carries all that was gathered meanwhile", async () => {
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

Deno.test("Connection: a write that took a part is followed by one with the rest", async () => {
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

Deno.test("Connection: what is sent goes before what the source has, and the last word after it", async () => {
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

Deno.test("Connection: to who knows no frames goes what the source has, no last word either", async () => {
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

Deno.test("Connection: a source that pauses is told when there is no time for that any more", async () => {
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

Deno.test("Connection: nothing can be sent behind the last word", async () => {
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

Deno.test("Connection: a write that fails closes it, and nothing is written any more", async () => {
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

Deno.test("Connection: a read that fails closes it", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const filled = connection.fill();
  socket.failRead();
  assertEquals(await within("the end of the read", filled), false);
  await within("the closing", connection.closed);
  assertEquals(socket.closings, 1);
});

Deno.test("Connection.why: what the system said, or who closed it; the first of them", async () => {
  const socket = new FakeSocket();
  const connection = new Connection(socket.conn, MAX_FRAME);
  const filled = connection.fill();
  socket.failRead();
  await filled;
  connection.close("something else");
  assertEquals(connection.why, "reset");
  const closed = new Connection(new FakeSocket().conn, MAX_FRAME);
  assertEquals(closed.why, undefined);
  closed.close("nothing has come");
  closed.close();
  assertEquals(closed.why, "nothing has come");
});

Deno.test("Connection.silence: is the time that somebody has waited for the other side", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await raw.write(PONG);
  // It may have come long ago: nobody has looked.
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

Deno.test("Connection.pause: ends in time, or with the connection, and is none for one that has ended", async () => {
  const connection = new Connection(new FakeSocket().conn, MAX_FRAME);
  await within("the end of the pause", connection.pause(1));
  const pause = connection.pause(NEVER_MS);
  connection.close();
  await within("the end of the pause", pause);
  await within("the end of the pause", connection.pause(NEVER_MS));
});

// ---- very many at once ----

/** Many that all read at once, none of which hears anything. */
class Readers implements Disposable {
  readonly sockets: readonly FakeSocket[];
  readonly connections: readonly Connection[];
  readonly filled: readonly Promise<boolean>[];

  constructor(count: number) {
    this.sockets = Array.from({ length: count }, () => new FakeSocket());
    this.connections = this.sockets.map(({ conn }) => new Connection(conn, MAX_FRAME));
    this.filled = this.connections.map((connection) => connection.fill());
  }

  /** Of how many the reads have begun. */
  get begun(): number {
    return this.sockets.filter(({ reads }) => reads > 0).length;
  }

  /** Resolves when all that are open are reading; the turns that it may take are far more than are needed. */
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

Deno.test("Connection: where very many read at once, some begin in a turn, until all have", async () => {
  using readers = new Readers(300);
  // Half of what Deno serves in a turn: the rest is for who waits already.
  assert(readers.begun > 0 && readers.begun <= 64);
  await readers.reading();
});

Deno.test("Connection: who closes before its read has begun keeps nobody else from it", async () => {
  using readers = new Readers(300);
  for (const connection of readers.connections.slice(30, 299)) connection.close();
  await within("the ends of reads", Promise.all(readers.filled.slice(30, 299)));
  await readers.reading();
});

Deno.test("Connection: closing twice, and finishing what is closed, does nothing more", async () => {
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

Deno.test("Connection: fill tells frames, then the end of a side that still listens", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await raw.write(PONG, PONG);
  await raw.end();
  let frames = 0;
  while (await within("the end", connection.fill())) {
    while (connection.decoder.next()) frames++;
  }
  assertEquals(frames, 2);
  // Its other half is open: the answer still gets there.
  const [finished, last] = await Promise.all([connection.finish(NEVER_MS, BYE), raw.rest()]);
  assertEquals(finished, undefined);
  assertEquals(last, BYE);
});

Deno.test("Connection.close: ends a read that waits, here and at the other side", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const filled = connection.fill();
  connection.close();
  assertEquals(await within("the end of the read", filled), false);
  assertEquals((await raw.rest()).length, 0);
});

Deno.test("Connection.finish: ends a read that waits, once the other side has ended too", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const filled = connection.fill();
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), BYE);
  await raw.end();
  await within("the end", finished);
  assertEquals(await filled, false);
});

Deno.test("Connection.finish: the last word gets there though the other side goes on sending", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  // More than the sockets' buffers hold: unless it is read, the writing below would not end.
  const sent = raw.write(TOO_MUCH);
  await within("the beginning", connection.fill());
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), BYE);
  await within("the last of what is sent", sent);
  await raw.end();
  await within("the end", finished);
  assertLess(connection.decoder.capacity, 1024 * 1024);
});

Deno.test("Connection.finish: waits at most the time it is given, also for a side that never ends", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  await within("the end", connection.finish(1));
  assertEquals((await raw.rest()).length, 0);
});

Deno.test("Connection.finish: waits at most the time it is given for a side that says something, and no more", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const finished = connection.finish(100, BYE);
  assertEquals(await raw.rest(), BYE);
  // Read after the last word; then the next read waits.
  await raw.write(PONG);
  await within("the end", finished);
});

Deno.test("Connection.finish: waits at most the time it is given for a side that does not read", async () => {
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

Deno.test("Connection.close: does not wait for a side that does not read", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  connection.attach({ take: () => TOO_MUCH });
  // The first bytes have come, so the write is under way.
  await raw.conn.read(new Uint8Array(1));
  connection.close();
  await within("the closing", connection.closed);
  assert(!await connection.fill());
});

Deno.test("Connection: what is pending arrives whole, then the last word", async () => {
  const { connection, raw } = await pair();
  await using _ = raw;
  const source = new Pending();
  const bytes = Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  source.bytes = [...bytes];
  connection.attach(source);
  const finished = connection.finish(NEVER_MS, BYE);
  assertEquals(await raw.rest(), concat(Uint8Array.from(bytes), BYE));
  await raw.end();
  await within("the end", finished);
});

Deno.test("Connection: where very many write at once, each write has its turn, and a last word none is lost for", async () => {
  const many = Array.from({ length: 300 }, (_, number) => {
    const socket = new FakeSocket();
    const connection = new Connection(socket.conn, MAX_FRAME);
    const source = new Pending();
    source.bytes = [number & 0xff, number >> 8];
    return { number, socket, connection, source };
  });
  for (const { connection, source } of many) connection.attach(source);
  assertEquals(many.filter(({ socket }) => socket.writes.length > 0).length, 80);
  // The last of them ends before it has had its turn.
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
