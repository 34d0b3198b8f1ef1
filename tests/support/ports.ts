// Test helper: ports for servers that tests restart. No part of the program.

import { mulberry32 } from "./random.ts";

/** The systems hand out ports from 32768 on (Linux) or 49152 on (macOS, Windows) to sockets that ask for any. */
const FIRST = 10_000;
const COUNT = 20_000;

const random = mulberry32(crypto.getRandomValues(new Uint32Array(1))[0]!);

/**
 * A free port that no other socket gets by asking for any port. So a server can be stopped and started again on it, or
 * stay away, while other tests run in parallel.
 */
export function reservedPort(): number {
  for (;;) {
    const port = FIRST + random(COUNT);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
