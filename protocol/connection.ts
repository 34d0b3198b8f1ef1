// One socket: frames in, one writer out, closed once. The server and the client both use it. Knows no room and no
// cipher.

import { messageOf } from "../errors.ts";
import { FrameDecoder } from "../protocol.ts";
import { BufferPool } from "./buffer_pool.ts";
import { TurnLimiter } from "./turn_limit.ts";

/**
 * Limits for socket operations that begin in one turn of the event loop. Deno 2.6 to 2.9 do 128 of them per thread
 * and turn, the budget of a tokio task. Operations above that do not only wait: all of them are tried again in each
 * turn, so a flush to 5,000 members would cost twice as much. And if unadmitted connections flood the server so that
 * more reads than that are always ready, all others would have to wait for them.
 */
const writes = new TurnLimiter(80, setImmediate);
const reads = new TurnLimiter(24, setImmediate);
/** Reads of unadmitted connections wait for a timer of at least 1 ms: however much they send, others get their time. */
const unadmittedReads = new TurnLimiter(24, (task) => void setTimeout(task, 0));
/** With at most this many open connections in this thread, no operation has to wait. */
const FEW = 64;
let open = 0;

/** Runs `task` in this turn, or in the first later one that has room for it. */
function begin(limiter: TurnLimiter, task: () => void): void {
  if (open <= FEW) task();
  else limiter.begin(task);
}

/** Large frames are read into buffers that the connections of this thread share. Each holds several. */
const buffers = new BufferPool(1024 * 1024, 16);

/** How many writes of this thread had to wait for a later turn so far, and how many of these have begun. */
export const waits = { queued: () => writes.queued, passed: () => writes.passed };

const NOTHING = new Uint8Array();

/** What a connection writes. */
export interface Source {
  /**
   * Takes everything that is pending, in one piece; null if nothing is, until `wake()` is called. Called again only
   * after the bytes of the last call have been written. MUST NOT wait.
   */
  take(): Uint8Array<ArrayBuffer> | null;
  /** The connection is about to end: from now on `take` MUST return all that is pending, without pauses. */
  hurry?(): void;
}

/**
 * A socket. At most one write is under way at a time, and it carries all that was pending when it began; the source
 * gathers what comes meanwhile. A failed read or write closes the connection.
 */
export class Connection {
  readonly decoder: FrameDecoder;
  /** Resolves when the connection is closed, for whatever reason. */
  readonly closed: Promise<void>;

  readonly #conn: Deno.TcpConn;
  #peer: { readonly hostname: string; readonly port: number };
  readonly #resolveClosed: () => void;
  /** Small frames outside the source, written before it: greeting, pong, error. */
  readonly #urgent: Uint8Array<ArrayBuffer>[] = [];
  #source: Source | undefined;
  #busy = false;
  /** Busy, but the write has not begun: it waits for its turn. */
  #queued = false;
  /** The bytes being written that the system has not taken yet. */
  #rest: Uint8Array<ArrayBuffer> = NOTHING;
  /** Wakes `finish()` when the writer has nothing more to write, or the connection is closed. */
  #onIdle: (() => void) | undefined;
  /** Ends the read under way, with the number of bytes, or null at the end; harmless without a read. */
  #endRead: (count: number | null) => void = () => {};
  #filling = false;
  #isAdmitted = false;
  /** Ends the `pause()` under way. */
  #endPause: (() => void) | undefined;
  /** Nothing more can be read. */
  #readAll = false;
  /** Wakes the `fill()` that waits for that. */
  #onReadAll: (() => void) | undefined;
  #finishing = false;
  #closed = false;
  #isMute = false;
  /** Called before each write. */
  readonly #beforeWrite: (() => void) | undefined;
  /** When the read under way began, on the clock of `performance.now()`. */
  #readAt = 0;
  #why: string | undefined;

  /**
   * @param limit greatest length of a frame before `admit`; see `FrameDecoder`
   * @param readBuffer bytes of the read buffer
   * @param beforeWrite is called before each write, after its bytes were taken from the source
   */
  constructor(
    conn: Deno.TcpConn,
    limit: number,
    { readBuffer, beforeWrite }: { readBuffer?: number; beforeWrite?: () => void } = {},
  ) {
    open++;
    this.#conn = conn;
    this.#beforeWrite = beforeWrite;
    this.decoder = new FrameDecoder(limit, readBuffer, buffers);
    this.#peer = conn.remoteAddr;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    try {
      conn.setNoDelay(true);
    } catch {
      // The peer has gone already: the first read will fail.
    }
  }

  /** The peer's address, as `HOST:PORT`. */
  get peer(): string {
    return formatAddress(this.hostname, this.port);
  }

  /** The peer's address without the port. */
  get hostname(): string {
    return this.#peer.hostname;
  }

  /** The peer's port. */
  get port(): number {
    return this.#peer.port;
  }

  /** The true peer of a connection that a proxy has made: the proxy's own address counts no longer. */
  set origin(peer: { readonly hostname: string; readonly port: number }) {
    this.#peer = peer;
  }

  /** The port on this machine. */
  get localPort(): number {
    return this.#conn.localAddr.port;
  }

  /** Admits the peer: its frames may have up to `limit` bytes, and it is read as often as other admitted ones. */
  admit(limit: number): void {
    this.#isAdmitted = true;
    this.decoder.limit = limit;
  }

  /**
   * The peer knows no frames: from now on only the source is written, and no last frame either. It cannot answer PING,
   * so the system checks in its own time whether it is still alive.
   */
  mute(): void {
    this.#isMute = true;
    try {
      this.#conn.setKeepAlive(true);
    } catch {
      // The peer has gone already.
    }
  }

  /** Reads once, into the decoder. False if nothing more will come: the peer has ended, or this side is about to. */
  async fill(): Promise<boolean> {
    while (!this.#readAll && !this.#filling) {
      this.#filling = true;
      this.#readAt = performance.now();
      const count = await this.#read();
      this.#filling = false;
      if (count === null) {
        this.#endReading();
        return false;
      }
      // While the last frame is sent, incoming bytes are only read so that closing does not reset the connection:
      // a reset could cost the peer that last frame (RFC 1122, section 4.2.2.13).
      if (this.#finishing) continue;
      this.decoder.fill(count);
      return true;
    }
    // Another call is reading: `finish()` and a reader may both call this.
    if (!this.#readAll) await new Promise<void>((resolve) => this.#onReadAll = resolve);
    return false;
  }

  #endReading(): void {
    this.#readAll = true;
    this.#onReadAll?.();
  }

  /** Waits, or until the connection is closed. One call at a time. */
  async pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await this.pauseFor(new Promise((resolve) => timer = setTimeout(resolve, ms)));
    clearTimeout(timer);
  }

  /** Waits for `event`, which MUST NOT reject, or until the connection is closed. One call at a time. */
  async pauseFor(event: Promise<void>): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // Not a race with `closed`: each pause would leave a reaction there until the connection is closed.
    this.#endPause = resolve;
    event.then(resolve);
    await promise;
    this.#endPause = undefined;
  }

  /** A read that `close()` ends. In Deno 2.8, closing a socket leaves its read waiting (issue 35292). */
  #read(): Promise<number | null> {
    return new Promise((resolve) => {
      this.#endRead = resolve;
      begin(this.#isAdmitted ? reads : unadmittedReads, this.#beginRead);
    });
  }

  // Made once, not for each read: every member has a read that waits.
  readonly #beginRead = () => {
    if (this.#closed) return;
    this.#conn.read(this.decoder.space()).then(this.#endRead, this.#failRead);
  };
  readonly #failRead = (error: unknown) => this.close(messageOf(error));

  /** Writes a small frame ahead of the source. Its bytes MUST NOT change any more. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#finishing || this.#isMute) return;
    this.#urgent.push(frame);
    this.wake();
  }

  /** How many frames passed to `send` are waiting. Grows if a peer makes requests and does not read the answers. */
  get urgent(): number {
    return this.#urgent.length;
  }

  /** How long the peer has been silent, in ms; 0 while this side does not read. */
  get silence(): number {
    return this.#filling ? performance.now() - this.#readAt : 0;
  }

  /** Why it was closed: the argument of `close`, or the system's error; undefined if it had no reason. */
  get why(): string | undefined {
    return this.#why;
  }

  /** From now on the writer writes from `source`; without one, only frames passed to `send`. */
  attach(source: Source | undefined): void {
    this.#source = source;
    this.wake();
  }

  /** Tells the writer that the source has something. Cheap, and harmless at any time. */
  wake(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#queued = true;
    begin(writes, this.#beginWrite);
  }

  // Callbacks that are made once, and no async function: that would double the garbage of each write.

  /** Begins the write that waits for its turn, if any. */
  readonly #beginWrite = () => {
    if (!this.#queued) return;
    this.#queued = false;
    this.#writeNext();
  };

  #writeNext(): void {
    const bytes = this.#closed ? undefined : this.#urgent.shift() ?? this.#source?.take();
    if (bytes) {
      this.#beforeWrite?.();
      return this.#write(bytes);
    }
    this.#rest = NOTHING;
    this.#busy = false;
    this.#onIdle?.();
  }

  #write(bytes: Uint8Array<ArrayBuffer>): void {
    this.#rest = bytes;
    this.#conn.write(bytes).then(this.#onWritten, this.#failWrite);
  }

  readonly #onWritten = (count: number) => {
    if (count < this.#rest.length) this.#write(this.#rest.subarray(count));
    else this.#writeNext();
  };
  /** The peer has gone: no last frame can reach it. */
  readonly #failWrite = (error: unknown) => {
    this.close(messageOf(error));
    this.#writeNext();
  };

  /**
   * Writes what is pending and then `last`, shuts down the sending half, waits for the peer to do the same, and
   * closes; closes in any case after `ms`.
   *
   * @param last one more frame, or text for peers that do not speak the protocol
   */
  async finish(ms: number, last?: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#finishing || this.#closed) return await this.closed;
    this.#finishing = true;
    const timer = setTimeout(() => this.close(), ms);
    this.#source?.hurry?.();
    await this.#writeAll();
    this.#source = undefined;
    if (last && !this.#isMute) {
      this.#urgent.push(last);
      await this.#writeAll();
    }
    if (!this.#closed) {
      // Rejects if the peer has closed before: that is fine.
      await Promise.race([this.#conn.closeWrite().catch(() => {}), this.closed]);
      while (await this.fill());
    }
    clearTimeout(timer);
    this.close();
  }

  /** Resolves when all that is pending has been written, or the connection is closed. */
  async #writeAll(): Promise<void> {
    this.wake();
    this.#beginWrite();
    if (this.#busy && !this.#closed) await new Promise<void>((resolve) => this.#onIdle = resolve);
  }

  /** Closes at once; what is pending is lost. Harmless the second time. */
  close(why?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    open--;
    this.#why = why;
    // Notify the peer first: see `#read`.
    this.#conn.closeWrite().catch(() => {});
    this.#conn.close();
    this.decoder.close();
    this.#endRead(null);
    this.#endPause?.();
    this.#onIdle?.();
    this.#endReading();
    this.#resolveClosed();
  }
}

/** `HOST:PORT`, with brackets around an IPv6 address (RFC 3986, section 3.2.2). */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
