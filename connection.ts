// One socket: frames in, one writer out, closed once. Both the server and the client sit on it.
// Knows no room and no cipher.

import { FrameDecoder } from "./protocol.ts";

/**
 * Reads that begin in one turn of the event loop. Deno 2.6 to 2.9 serve 128 sockets of a thread in a turn, which
 * is tokio's budget of a task, and first those where a read begins. So where more than that are always ready, for
 * strangers flood them, members would wait until the strangers are through.
 */
const READS_PER_TURN = 64;
/** Connections of this thread that are open: as long as these are few, nobody has to wait for anybody. */
let open = 0;
/** How many reads have begun in this turn. */
let begun = 0;
/** Those that were too many for it, in their order. */
const later: (() => void)[] = [];

/** Begins a read in this turn, or in the next that has room for it. */
function begin(read: () => void): void {
  if (open <= READS_PER_TURN) return read();
  if (begun === READS_PER_TURN) {
    later.push(read);
    return;
  }
  if (++begun === READS_PER_TURN) setTimeout(nextTurn, 0);
  read();
}

function nextTurn(): void {
  begun = 0;
  while (later.length > 0 && begun < READS_PER_TURN) begin(later.shift()!);
}

/** Where a connection's writer gets what it writes. */
export interface Source {
  /**
   * Everything that is pending, in one piece; null if there is nothing, until `wake()` is called.
   * Called again only when what it gave before has been written. MUST NOT wait.
   */
  take(): Uint8Array<ArrayBuffer> | null;
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
  /** Resolves when the connection is closed, for whatever reason. */
  readonly closed: Promise<void>;

  readonly #conn: Deno.TcpConn;
  readonly #resolveClosed: () => void;
  /** Small frames outside the source, written before it: greeting, pong, error. */
  readonly #urgent: Uint8Array<ArrayBuffer>[] = [];
  #source: Source | undefined;
  #busy = false;
  /** Settles when the writer has nothing more to write; never rejects. */
  #writing = Promise.resolve();
  /** Ends the `fill()` that waits; harmless where none does. */
  #endFill: () => void = () => {};
  #filling = false;
  /** Ends the `pause()` under way. */
  #endPause: (() => void) | undefined;
  /** Resolves when nothing more can be read. */
  readonly #readEnd = Promise.withResolvers<void>();
  #finishing = false;
  #closed = false;
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
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    try {
      conn.setNoDelay(true);
    } catch {
      // The other side has gone already: the first read will say so.
    }
  }

  /**
   * Reads once, into the decoder. False if nothing more will come: the other side has ended, or this
   * one is about to.
   */
  async fill(): Promise<boolean> {
    while (!this.#closed && !this.#filling) {
      this.#filling = true;
      this.#readAt = performance.now();
      const count = await this.#read();
      this.#filling = false;
      if (count === null) {
        this.#readEnd.resolve();
        return false;
      }
      // Once the last word is being said, what still comes is only taken so that closing does not reset
      // the connection, which could cost the other side that last word (RFC 1122, section 4.2.2.13).
      if (this.#finishing) continue;
      this.decoder.fill(count);
      return true;
    }
    // Either closed, or `finish()` is reading for us.
    await this.#readEnd.promise;
    return false;
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
      this.#endFill = () => resolve(null);
      begin(() => {
        if (this.#closed) return;
        this.#conn.read(this.decoder.space()).then(resolve, (error) => {
          this.close(messageOf(error));
          resolve(null);
        });
      });
    });
  }

  /** Writes a small frame before what the source has. Its bytes MUST NOT change any more. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#finishing) return;
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
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (!this.#closed) {
        const bytes = this.#urgent.shift() ?? this.#source?.take();
        if (!bytes) break;
        let written = 0;
        while (written < bytes.length) {
          written += await this.#conn.write(written === 0 ? bytes : bytes.subarray(written));
        }
      }
    } catch (error) {
      // The other side has gone (`take` does not throw): there is nobody left to tell.
      this.close(messageOf(error));
    } finally {
      this.#busy = false;
    }
  }

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
    this.wake();
    await this.#written();
    this.#source = undefined;
    if (last) {
      this.#urgent.push(last);
      this.wake();
      await this.#written();
    }
    if (!this.#closed) {
      // Rejects if the other side has closed before: so be it.
      await Promise.race([this.#conn.closeWrite().catch(() => {}), this.closed]);
      while (await this.fill());
    }
    clearTimeout(timer);
    this.close();
  }

  /** Resolves when the writer is idle, or the connection closed: a write may outlive that. */
  #written(): Promise<void> {
    return Promise.race([this.#writing, this.closed]);
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
    this.#endFill();
    this.#endPause?.();
    this.#readEnd.resolve();
    this.#resolveClosed();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `HOST:PORT`, with brackets around an IPv6 address (RFC 3986, section 3.2.2). */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
