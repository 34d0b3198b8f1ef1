// One socket: frames in, one writer out, closed once. Both the server and the client sit on it.
// Knows no room and no cipher.

import { messageOf } from "../errors.ts";
import { FrameDecoder } from "../protocol.ts";
import { TurnLimiter } from "./turn_limit.ts";

/**
 * Operations on sockets that begin in one turn of the event loop. Deno 2.6 to 2.9 do 128 of a thread in a turn, which
 * is tokio's budget of a task. What is above it does not only wait: all of it is tried again in each turn, so a
 * flush to 5,000 members would cost twice as much. And where more reads than that are always ready, because
 * strangers flood them, everybody else would have to wait until the strangers are through.
 */
const writes = new TurnLimiter(80, setImmediate);
const reads = new TurnLimiter(24, setImmediate);
/** Those of who is not admitted wait for a timer of 1 ms at least: however much they send, the thread has time for others. */
const unadmittedReads = new TurnLimiter(24, (task) => void setTimeout(task, 0));
/** Connections of this thread that are open: as long as these are few, nobody has to wait for anybody. */
const FEW = 64;
let open = 0;

/** Does `task` in this turn, or in the next that has room for it. */
function begin(turns: TurnLimiter, task: () => void): void {
  if (open <= FEW) task();
  else turns.begin(task);
}

/** How many writes of this thread have had to wait for their turn so far, and how many of them have had it. */
export const waits = { queued: () => writes.queued, passed: () => writes.passed };

const NOTHING = new Uint8Array();

/** Where a connection's writer gets what it writes. */
export interface Source {
  /**
   * Everything that is pending, in one piece; null if there is nothing, until `wake()` is called.
   * Called again only when what it gave before has been written. MUST NOT wait.
   */
  take(): Uint8Array<ArrayBuffer> | null;
  /** Says that the connection is about to end: from now on `take` gives all that is pending, without a pause. */
  hurry?(): void;
}

/**
 * A socket. At most one write is under way at a time, and it carries all that was pending when it
 * began; what comes meanwhile is gathered by the source. A failed read or write closes it.
 */
export class Connection {
  readonly decoder: FrameDecoder;
  /** The other side, as `HOST:PORT`. */
  readonly peer: string;
  /** Its address alone. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** Resolves when the connection is closed, for whatever reason. */
  readonly closed: Promise<void>;

  readonly #conn: Deno.TcpConn;
  readonly #resolveClosed: () => void;
  /** Small frames outside the source, written before it: greeting, pong, error. */
  readonly #urgent: Uint8Array<ArrayBuffer>[] = [];
  #source: Source | undefined;
  #busy = false;
  /** Busy, but its turn to write has not come. */
  #queued = false;
  /** What is being written: what of it has not been taken yet. */
  #rest: Uint8Array<ArrayBuffer> = NOTHING;
  /** Tells `finish()` that the writer has nothing more to write, or that the connection is closed. */
  #onIdle: (() => void) | undefined;
  /** Ends the read under way, with the number of bytes or null for the end; harmless where there is none. */
  #endRead: (count: number | null) => void = () => {};
  #filling = false;
  #isAdmitted = false;
  /** Ends the `pause()` under way. */
  #endPause: (() => void) | undefined;
  /** Nothing more can be read. */
  #readAll = false;
  /** Tells the `fill()` that waits for that. */
  #onReadAll: (() => void) | undefined;
  #finishing = false;
  #closed = false;
  #isMute = false;
  /** When the read under way began, on the clock of `performance.now()`. */
  #readAt = 0;
  #why: string | undefined;

  /**
   * @param limit greatest length of a frame at first; see `FrameDecoder`
   * @param readBuffer bytes of the read buffer
   */
  constructor(conn: Deno.TcpConn, limit: number, readBuffer?: number) {
    open++;
    this.#conn = conn;
    this.decoder = new FrameDecoder(limit, readBuffer);
    const { hostname, port } = conn.remoteAddr;
    this.peer = formatAddress(hostname, port);
    this.hostname = hostname;
    this.port = port;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    try {
      conn.setNoDelay(true);
    } catch {
      // The other side has gone already: the first read will say so.
    }
  }

  /** The port on this side. */
  get localPort(): number {
    return this.#conn.localAddr.port;
  }

  /** From now on this is no stranger: its frames may have so many bytes, and it is read from as often as others are. */
  admit(limit: number): void {
    this.#isAdmitted = true;
    this.decoder.limit = limit;
  }

  /**
   * The other side knows no frames: from now on nothing is written but what the source has, no last word either.
   * Nor can it be asked whether it is still there: the system does that, in its own time.
   */
  mute(): void {
    this.#isMute = true;
    try {
      this.#conn.setKeepAlive(true);
    } catch {
      // It has gone already.
    }
  }

  /**
   * Reads once, into the decoder. False if nothing more will come: the other side has ended, or this
   * one is about to.
   */
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
      // Once the last word is being said, what still comes is only taken so that closing does not reset
      // the connection, which could cost the other side that last word (RFC 1122, section 4.2.2.13).
      if (this.#finishing) continue;
      this.decoder.fill(count);
      return true;
    }
    // `finish()` is reading for us, or we for it.
    if (!this.#readAll) await new Promise<void>((resolve) => this.#onReadAll = resolve);
    return false;
  }

  #endReading(): void {
    this.#readAll = true;
    this.#onReadAll?.();
  }

  /** Waits, but not longer than the connection is open. One at a time. */
  async pause(ms: number): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    // Not a race with `closed`: that would keep something of each pause for as long as it is open.
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
    this.#endPause = undefined;
  }

  /** A read that `close()` ends: in Deno 2.8, closing a socket alone leaves a read waiting (issue 35292). */
  #read(): Promise<number | null> {
    return new Promise((resolve) => {
      this.#endRead = resolve;
      begin(this.#isAdmitted ? reads : unadmittedReads, this.#beginRead);
    });
  }

  // Made once, not for each read: there is one that waits for each member.
  readonly #beginRead = () => {
    if (this.#closed) return;
    this.#conn.read(this.decoder.space()).then(this.#endRead, this.#failRead);
  };
  readonly #failRead = (error: unknown) => this.close(messageOf(error));

  /** Writes a small frame before what the source has. Its bytes MUST NOT change any more. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#finishing || this.#isMute) return;
    this.#urgent.push(frame);
    this.wake();
  }

  /** How many frames given to `send` are waiting: a peer that asks without reading is seen by this. */
  get urgent(): number {
    return this.#urgent.length;
  }

  /** For how long nothing has come, in ms; 0 while nobody reads: then it is no fault of the other side. */
  get silence(): number {
    return this.#filling ? performance.now() - this.#readAt : 0;
  }

  /** What it was closed for: what `close` was told, or the system's error; undefined where there was none. */
  get why(): string | undefined {
    return this.#why;
  }

  /** From now on the writer writes what `source` has; or, without one, nothing more but what is urgent. */
  attach(source: Source | undefined): void {
    this.#source = source;
    this.wake();
  }

  /** Says that the source has something. Cheap, and harmless at any time. */
  wake(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#queued = true;
    begin(writes, this.#beginWrite);
  }

  // Callbacks that are made once, and no async function: each write would leave twice as much for the collector.

  /** Begins the write that waits for its turn, if there is one. */
  readonly #beginWrite = () => {
    if (!this.#queued) return;
    this.#queued = false;
    this.#writeNext();
  };

  #writeNext(): void {
    const bytes = this.#closed ? undefined : this.#urgent.shift() ?? this.#source?.take();
    if (bytes) return this.#write(bytes);
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
  /** The other side has gone: there is nobody left to tell. */
  readonly #failWrite = (error: unknown) => {
    this.close(messageOf(error));
    this.#writeNext();
  };

  /**
   * Writes what is pending and then `last`, shuts down the sending half, waits for the other side to do
   * the same, and closes; closes in any case after `ms`.
   *
   * @param last one more frame, or text for who does not speak the protocol
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
      // Rejects if the other side has closed before: so be it.
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
    // The other side's notice first: see `#read`.
    this.#conn.closeWrite().catch(() => {});
    this.#conn.close();
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
