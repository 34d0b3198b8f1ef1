// The socket between `chat admin` and a server on the same machine: a private Unix socket; on Windows, where Deno has
// none, a loopback port and a token, which are in a private file. It knows no room, and nothing of what is said.

import { timingSafeEqual } from "node:crypto";
import { ChatError, messageOf } from "../errors.ts";
import { checkOwnPlace, readPrivate, writePrivate } from "../files/private_file.ts";
import { drawToken } from "../protocol/resume.ts";
import { clearSocket } from "../server/unix_socket.ts";
import { printable } from "../text/printable.ts";
import { MAX_LINE } from "./admin_protocol.ts";

const HOSTNAME = "127.0.0.1";
/** Maximum bytes of a file with port and token. */
const MAX_FILE = 1024;

/** A connection, read line by line. */
export class AdminConnection {
  readonly #conn: Deno.TcpConn | Deno.UnixConn;
  readonly #buffer = new Uint8Array(4096);
  /** What was read, and is not a complete line yet. */
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #closed = Promise.withResolvers<null>();
  /** The read that is under way, or the last one. */
  #reading: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(conn: Deno.TcpConn | Deno.UnixConn) {
    this.#conn = conn;
  }

  /**
   * The next line, without its end; undefined at the end of the input. An incomplete last line is dropped.
   *
   * @throws {ChatError} if it is longer than `MAX_LINE`, or not UTF-8
   */
  async line(): Promise<string | undefined> {
    let searched = 0;
    for (;;) {
      const end = this.#rest.indexOf(0x0a, searched);
      const length = end === -1 ? this.#rest.length : end;
      if (length > MAX_LINE) {
        throw new ChatError(`Cannot read this line: it has more than ${MAX_LINE} bytes`);
      }
      if (end !== -1) {
        const line = this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return decode(line);
      }
      searched = this.#rest.length;
      const count = await this.#read();
      if (count === null) return undefined;
      const longer = new Uint8Array(searched + count);
      longer.set(this.#rest);
      longer.set(this.#buffer.subarray(0, count), searched);
      this.#rest = longer;
    }
  }

  /** A read that `close` ends. In Deno 2.8, closing a socket leaves its read waiting (issue 35292). */
  #read(): Promise<number | null> {
    const reading = this.#conn.read(this.#buffer);
    this.#reading = reading.catch(() => {});
    return Promise.race([reading, this.#closed.promise]);
  }

  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Closes at once; what is read or written is lost. Harmless the second time. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The other side sees an end, and closes, too: until then, a read keeps the socket open.
    this.#conn.closeWrite().catch(() => {});
    this.#conn.close();
    this.#closed.resolve(null);
  }

  /** Resolves when a read that was under way at `close` has ended, too. */
  async released(): Promise<void> {
    await this.#closed.promise;
    await this.#reading;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(line: Uint8Array): string {
  try {
    return utf8.decode(line);
  } catch (cause) {
    throw new ChatError("Cannot read this line: it is not UTF-8", { cause });
  }
}

/** Accepts connections of `chat admin`. Each client first sends the token in a line of its own, if there is one. */
export class AdminListener {
  /** As `chat admin --socket` takes it; absolute. */
  readonly path: string;
  readonly #listener: Deno.TcpListener | Deno.UnixListener;
  readonly #token: Uint8Array | undefined;

  constructor(path: string, listener: Deno.TcpListener | Deno.UnixListener, token?: string) {
    this.path = path;
    this.#listener = listener;
    this.#token = token === undefined ? undefined : new TextEncoder().encode(token);
  }

  /** Whether a connection needs no line with the token. */
  get isPrivate(): boolean {
    return this.#token === undefined;
  }

  /** Whether this line is the token. */
  accepts(line: string): boolean {
    const bytes = new TextEncoder().encode(line);
    const token = this.#token!;
    return bytes.length === token.length && timingSafeEqual(bytes, token);
  }

  async accept(): Promise<AdminConnection> {
    return new AdminConnection(await this.#listener.accept());
  }

  /** Deno removes the socket's file; it needs no permission for that. */
  close(): void {
    this.#listener.close();
  }
}

/**
 * Listens at a path. Replaces a socket that a killed server has left.
 *
 * @param home the user's home folder: what is above it is not checked
 * @param os the system, as `Deno.build` names it
 * @throws {ChatError} if that is not possible, or other users could put something else there
 */
export async function listenAdmin(
  path: string,
  home: string | undefined,
  os: string = Deno.build.os,
): Promise<AdminListener> {
  const cannot = `Cannot open ${printable(path)} for chat admin`;
  checkOwnPlace(path, home);
  if (os === "windows") return listenAtPort(path, cannot);
  await clearSocket(path, { cannot });
  let listener: Deno.UnixListener | undefined;
  // From its first moment, nobody else can connect to it.
  const before = Deno.umask(0o177);
  try {
    listener = Deno.listen({ transport: "unix", path });
    return new AdminListener(Deno.realPathSync(path), listener);
  } catch (cause) {
    listener?.close();
    throw new ChatError(`${cannot}: ${faultOf(cause)}`, { hint: PATH_HINT, cause });
  } finally {
    Deno.umask(before);
  }
}

const PATH_HINT = "Name another one: chat serve --admin PATH; the path of a socket has at most " +
  "about 100 bytes";

function listenAtPort(path: string, cannot: string): AdminListener {
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  } catch (cause) {
    throw new ChatError(`${cannot}: ${messageOf(cause)}`, { cause });
  }
  const token = drawToken();
  try {
    writePrivate(path, JSON.stringify({ port: listener.addr.port, token }) + "\n");
    return new AdminListener(Deno.realPathSync(path), listener, token);
  } catch (error) {
    listener.close();
    throw error;
  }
}

function faultOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "its folder does not exist";
  return printable(messageOf(cause));
}

/**
 * Connects to the server that listens at the path.
 *
 * @returns undefined if none does
 * @throws {ChatError} if it cannot be asked
 */
export async function connectAdmin(
  path: string,
  home: string | undefined,
): Promise<AdminConnection | undefined> {
  try {
    const { isSocket } = Deno.statSync(path);
    if (isSocket) return new AdminConnection(await Deno.connect({ transport: "unix", path }));
    const { port, token } = parseFile(path, readPrivate(path, home, MAX_FILE));
    const connection = new AdminConnection(await Deno.connect({ hostname: HOSTNAME, port }));
    await connection.write(`${token}\n`);
    return connection;
  } catch (cause) {
    const { NotFound, ConnectionRefused } = Deno.errors;
    if (cause instanceof NotFound || cause instanceof ConnectionRefused) return undefined;
    if (cause instanceof ChatError) throw cause;
    const isDenied = cause instanceof Deno.errors.PermissionDenied;
    throw new ChatError(`Cannot use ${printable(path)}: ${printable(messageOf(cause))}`, {
      ...(isDenied && { hint: "Only the user who runs the server, and root, can use it" }),
      cause,
    });
  }
}

function parseFile(path: string, text: string | undefined): { port: number; token: string } {
  try {
    const { port, token } = JSON.parse(text ?? "") as Record<string, unknown>;
    const isPort = Number.isInteger(port) && (port as number) > 0 && (port as number) < 65_536;
    if (isPort && typeof token === "string" && /^[\w-]{22}$/.test(token)) {
      return { port: port as number, token };
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
  }
  throw new ChatError(`Cannot use ${printable(path)}: it is no socket of a room`);
}
