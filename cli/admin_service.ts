// The server's side of `chat admin`: takes requests from the room's private socket, one after the other on each
// connection, and answers them. On a port, others may connect, too: until a connection has sent the token, it can only
// take a place, for a short time.

import { ChatError } from "../errors.ts";
import type { Timer } from "../protocol/classic_wire.ts";
import { pause } from "../server/timers.ts";
import { answer, errorLine, type GovernedRoom, parseRequest } from "./admin_protocol.ts";
import { type AdminConnection, type AdminListener, listenAdmin } from "./admin_socket.ts";

/** Connections at once. */
export const MAX_CONNECTIONS = 16;
/** Sockets that may stay open, also those that this side has closed and the other has not. */
const MAX_SOCKETS = 4 * MAX_CONNECTIONS;
/** How long a connection may take to send the token and its first request, in ms. */
export const FIRST_MS = 10_000;
/** How long a connection may take for each later request, and to read a piece of an answer, in ms. */
export const IDLE_MS = 60_000;
/** How long an answer may take when the server stops, in ms. */
const STOP_MS = 1_000;
/** How long to wait after a failed accept, in ms. */
const ACCEPT_PAUSE_MS = 100;
/** Bytes of an answer that are written at once, about. */
const PIECE = 64 * 1024;

/** A connection that is open. */
interface Served {
  readonly connection: AdminConnection;
  /** It has sent a valid token, or needs none. */
  isAdmitted: boolean;
  /** An answer is under way. */
  isAnswering: boolean;
  /** Stops the timer that ends it. */
  cancel: () => void;
}

/** What the operator's programs are served with. It may never listen: then no program finds it. */
export class AdminService implements AsyncDisposable {
  readonly #after: Timer;
  readonly #served = new Set<Served>();
  readonly #running = new Set<Promise<void>>();
  #sockets = 0;
  /** Called when a socket is free, or the service ends. */
  #wake = () => {};
  #listener: AdminListener | undefined;
  #accepting: Promise<void> | undefined;
  #isStopping = false;

  constructor(after: Timer) {
    this.#after = after;
  }

  /** Where it listens; undefined: not yet. */
  get path(): string | undefined {
    return this.#listener?.path;
  }

  /** Opens the socket: see `listenAdmin`. Programs that connect wait for `serve`. */
  async listen(path: string, home: string | undefined, os: string): Promise<void> {
    this.#listener = await listenAdmin(path, home, os);
  }

  /** Answers from now on. */
  serve(room: GovernedRoom): void {
    if (this.#listener) this.#accepting = this.#accept(this.#listener, room);
  }

  /** Ends answers first: a program that has closed the room waits for the end of its connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    this.#listener?.close();
    this.#listener = undefined;
    await this.#accepting;
    for (const served of this.#served) {
      if (served.isAnswering) this.#allow(served, STOP_MS);
      else served.connection.close();
    }
    await Promise.all(this.#running);
  }

  async #accept(listener: AdminListener, room: GovernedRoom): Promise<void> {
    while (!this.#isStopping) {
      try {
        const connection = await listener.accept();
        this.#sockets++;
        connection.released().then(() => {
          this.#sockets--;
          this.#wake();
        });
        const running = this.#run(connection, listener, room);
        this.#running.add(running);
        running.then(() => this.#running.delete(running));
        while (this.#sockets >= MAX_SOCKETS && !this.#isStopping) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
      } catch {
        if (!this.#isStopping) await pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  /** The life of one connection. Never rejects. */
  async #run(connection: AdminConnection, listener: AdminListener, room: GovernedRoom) {
    const isAdmitted = listener.isPrivate;
    const served: Served = { connection, isAdmitted, isAnswering: false, cancel: () => {} };
    try {
      this.#allow(served, FIRST_MS);
      if (!this.#makePlace()) {
        await connection.write(`${errorLine("busy", "too many programs ask at once")}\n`);
        return;
      }
      this.#served.add(served);
      if (!isAdmitted) {
        const token = await connection.line();
        // Not even a reason: it is some other program.
        if (token === undefined || !listener.accepts(token)) return;
        served.isAdmitted = true;
      }
      await this.#talk(served, room);
    } catch {
      // The other side has gone, or its time is over. Nobody waits for an answer.
    } finally {
      served.cancel();
      this.#served.delete(served);
      connection.close();
    }
  }

  /** Whether one more connection may be served. Any user can connect to a port: then the oldest without the token ends. */
  #makePlace(): boolean {
    if (this.#served.size < MAX_CONNECTIONS) return true;
    const stranger = [...this.#served].find(({ isAdmitted }) => !isAdmitted);
    if (!stranger) return false;
    this.#served.delete(stranger);
    stranger.connection.close();
    return true;
  }

  /** Requests and answers, until the input ends or is not valid. */
  async #talk(served: Served, room: GovernedRoom): Promise<void> {
    const { connection } = served;
    while (!this.#isStopping) {
      let line: string | undefined;
      try {
        line = await connection.line();
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        // Where the next line begins is unknown.
        return await this.#send(served, [errorLine("invalid", error.message)]);
      }
      if (line === undefined) return;
      served.isAnswering = true;
      await this.#send(served, answerTo(line, room));
      served.isAnswering = false;
    }
  }

  async #send(served: Served, lines: Iterable<string>): Promise<void> {
    this.#allow(served, IDLE_MS);
    let piece = "";
    for (const line of lines) {
      piece += `${line}\n`;
      if (piece.length < PIECE) continue;
      await served.connection.write(piece);
      this.#allow(served, IDLE_MS);
      piece = "";
    }
    await served.connection.write(piece);
  }

  /** Ends a connection if nothing else happens in this time. */
  #allow(served: Served, ms: number): void {
    served.cancel();
    served.cancel = this.#after(ms, () => served.connection.close());
  }
}

function answerTo(line: string, room: GovernedRoom): Iterable<string> {
  try {
    return answer(room, parseRequest(line));
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return [errorLine("invalid", error.message)];
  }
}
