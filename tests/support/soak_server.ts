// Test helper: a server in a child process that reports its memory, for load tests and benches. No part of the program.
//
//   deno run --v8-flags=--expose-gc --allow-net tests/support/soak_server.ts [OPTIONS]
//
// OPTIONS are further options of the server, as JSON. The process prints its port. For each byte on stdin it prints one
// line of JSON with its counts and its memory, for one kind of byte after a garbage collection. It ends with stdin.

import { Server, type ServerOptions } from "../../server.ts";
import { parseRange } from "../../server/addresses.ts";
import { LineSplitter } from "../../text/lines.ts";
import { within } from "./async.ts";

/** What the server holds. Memory is in bytes. */
export interface Holding {
  connections: number;
  /** With or without a connection. */
  sessions: number;
  members: number;
  /** `chat_members_away`. */
  away: number;
  /** `chat_room_log_bytes_held`. */
  log: number;
  /** Memory of objects. */
  heap: number;
  /** Memory of buffers and other data outside the heap. */
  external: number;
  /** Memory that the system has given to the process. */
  rss: number;
  /** `chat_data_bytes_granted` and `chat_data_frames_total`. */
  granted: number;
  accepted: number;
  dropped: number;
}

export interface SoakOptions extends Partial<ServerOptions> {
  /** All connections from this address begin with a PROXY header. */
  proxy?: string;
}

const LOOK = 0;
const COLLECT = 1;

/** The server's process, seen from its parent. */
export class SoakServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.port = port;
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#lines = lines;
  }

  /** Starts a server. By default it has no limits, and long timeouts. */
  static async start(options: SoakOptions = {}): Promise<SoakServer> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--frozen", "--v8-flags=--expose-gc", "--allow-net"],
        ...["tests/support/soak_server.ts", JSON.stringify(options)],
      ],
      cwd: new URL("../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = linesOf(child.stdout);
    return new SoakServer(child, lines, Number(await nextOf(lines)));
  }

  /** Its holding now, garbage included. */
  look(): Promise<Holding> {
    return this.#ask(LOOK);
  }

  /** Its holding after a garbage collection. */
  collect(): Promise<Holding> {
    return this.#ask(COLLECT);
  }

  /** Waits until its holding fits; returns the holding after a garbage collection. */
  async until(what: string, fits: (holding: Holding) => boolean): Promise<Holding> {
    const end = performance.now() + 120_000;
    let holding: Holding;
    do {
      holding = await this.look();
      if (fits(holding)) return await this.collect();
      // A pause leaves it time for its work.
      await new Promise((resolve) => setTimeout(resolve, 20));
    } while (performance.now() < end);
    throw new Error(`The server does not reach ${what}: it has ${JSON.stringify(holding)}`);
  }

  async #ask(question: number): Promise<Holding> {
    await this.#stdin.write(Uint8Array.of(question));
    return JSON.parse(await nextOf(this.#lines)) as Holding;
  }

  /** Its process ends by itself, unless a timer or a connection is left in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close();
    const { done } = await within("the end of the server", this.#lines.next());
    const { code } = await within("the end of its process", this.#child.status);
    if (!done || code !== 0) throw new Error(`The server has not ended well: exit code ${code}`);
  }
}

async function nextOf(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await within("a line of the server", lines.next());
  if (done) throw new Error("The server has ended");
  return value;
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const splitter = new LineSplitter(1000);
  for await (const piece of bytes) {
    for (const line of splitter.push(piece)) yield "text" in line ? line.text : "";
  }
}

/** Formats a number of bytes for people. */
export function MB(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

async function measure(server: Server, question: number): Promise<Holding> {
  if (question === COLLECT) {
    const { gc } = globalThis as unknown as { gc: () => void };
    // Twice, with a turn between: finalizers of the first run may free more.
    gc();
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
  }
  const { heapUsed, external, rss } = Deno.memoryUsage();
  const { connections, sessions, hub: { size: members } } = server;
  const status = server.status();
  const metric = (name: string) => Number(status.split(`\n${name} `)[1]!.split("\n")[0]);
  return {
    ...{ connections, sessions, members, heap: heapUsed, external, rss },
    away: metric("chat_members_away"),
    log: metric("chat_room_log_bytes_held"),
    granted: metric("chat_data_bytes_granted"),
    accepted: metric('chat_data_frames_total{outcome="accepted"}'),
    dropped: metric('chat_data_frames_total{outcome="dropped"}'),
  };
}

if (import.meta.main) {
  const { proxy, ...options }: SoakOptions = JSON.parse(Deno.args[0] ?? "{}");
  const server = new Server({
    hostname: "127.0.0.1",
    port: 0,
    // On a busy machine it takes time to admit a crowd.
    handshakeMs: 60_000,
    maxPerAddress: Infinity,
    maxPending: Infinity,
    budget: undefined,
    ...(proxy !== undefined && { proxies: [parseRange(proxy)!] }),
    ...options,
  });
  console.log(server.port);
  for await (const questions of Deno.stdin.readable) {
    for (const question of questions) {
      console.log(JSON.stringify(await measure(server, question)));
    }
  }
  await server.stop();
}
