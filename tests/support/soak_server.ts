// A server in a process of its own, whose memory can be looked at: for load tests and benches.
//
//   deno run --v8-flags=--expose-gc --allow-net tests/support/soak_server.ts [OPTIONS]
//
// OPTIONS is what the server is to have else, as JSON. Prints its port. Then, for each byte on stdin, prints one
// line of JSON: what it holds, of memory at that moment, or once the garbage is collected. Ends with stdin.

import { Server, type ServerOptions } from "../../server.ts";
import { LineSplitter } from "../../text/lines.ts";
import { within } from "./async.ts";

/** What the server holds; memory in bytes. */
export interface Holding {
  connections: number;
  /** Those that are kept, with a connection or without. */
  sessions: number;
  members: number;
  /** Objects. */
  heap: number;
  /** The bytes of buffers and what else stands outside the heap. */
  external: number;
  /** What the system has given to the process. */
  rss: number;
}

const LOOK = 0;
const COLLECT = 1;

/** The server's process, as who has started it sees it. */
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

  /** What is not given is not limited, or takes its time. */
  static async start(options: Partial<ServerOptions> = {}): Promise<SoakServer> {
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

  /** What it holds at this moment, garbage included. */
  look(): Promise<Holding> {
    return this.#ask(LOOK);
  }

  /** What it holds when there is no garbage. */
  collect(): Promise<Holding> {
    return this.#ask(COLLECT);
  }

  /** What it holds as soon as that is as wanted; what is on its way to it takes some time. */
  async until(what: string, fits: (holding: Holding) => boolean): Promise<Holding> {
    const end = performance.now() + 120_000;
    let holding: Holding;
    do {
      holding = await this.look();
      if (fits(holding)) return await this.collect();
      // It has more to do than to answer.
      await new Promise((resolve) => setTimeout(resolve, 20));
    } while (performance.now() < end);
    throw new Error(`The server does not come to ${what}: it has ${JSON.stringify(holding)}`);
  }

  async #ask(question: number): Promise<Holding> {
    await this.#stdin.write(Uint8Array.of(question));
    return JSON.parse(await nextOf(this.#lines)) as Holding;
  }

  /** It ends by itself, unless something was left behind in it. */
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

/** Of bytes, for people to read. */
export function MB(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

async function measure(server: Server, question: number): Promise<Holding> {
  if (question === COLLECT) {
    const { gc } = globalThis as unknown as { gc: () => void };
    // Twice, with a turn between: what is told of its end may hold more.
    gc();
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
  }
  const { heapUsed, external, rss } = Deno.memoryUsage();
  const { connections, sessions, hub: { size: members } } = server;
  return { connections, sessions, members, heap: heapUsed, external, rss };
}

if (import.meta.main) {
  const server = new Server({
    hostname: "127.0.0.1",
    port: 0,
    // On a busy machine the admission of a crowd takes time.
    handshakeMs: 60_000,
    maxPerAddress: Infinity,
    budget: undefined,
    ...JSON.parse(Deno.args[0] ?? "{}"),
  });
  console.log(server.port);
  for await (const questions of Deno.stdin.readable) {
    for (const question of questions) {
      console.log(JSON.stringify(await measure(server, question)));
    }
  }
  await server.stop();
}
