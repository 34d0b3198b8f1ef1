// A server in a process of its own, whose memory can be looked at: for soak_test.ts.
//
//   deno run --v8-flags=--expose-gc --allow-net bench/soak_server.ts
//
// Prints its port. Then, for whatever comes on stdin, collects the garbage and prints one line of JSON: what
// it holds. Ends with stdin.

import { Server } from "../server.ts";

/** What the server holds; memory in bytes. */
export interface Holding {
  connections: number;
  members: number;
  /** Objects. */
  heap: number;
  /** The bytes of buffers and what else stands outside the heap. */
  external: number;
  /** What the system has given to the process. */
  rss: number;
}

async function measure(server: Server): Promise<Holding> {
  const { gc } = globalThis as unknown as { gc: () => void };
  // Twice, with a turn between: what is told of its end may hold more.
  gc();
  await new Promise((resolve) => setTimeout(resolve, 0));
  gc();
  const { heapUsed, external, rss } = Deno.memoryUsage();
  const { connections, hub: { size: members } } = server;
  return { connections, members, heap: heapUsed, external, rss };
}

if (import.meta.main) {
  // On a machine that is busy with other things a crowd takes its time at the door.
  const server = new Server({ hostname: "127.0.0.1", port: 0, handshakeMs: 60_000 });
  console.log(server.port);
  for await (const _ of Deno.stdin.readable) console.log(JSON.stringify(await measure(server)));
  await server.stop();
}
