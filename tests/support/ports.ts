// Test helper: ports for servers that tests restart. No part of the program.

import { mulberry32 } from "./random.ts";

/** The systems hand out ports from 32768 on (Linux) or 49152 on (macOS, Windows) to sockets that ask for any. */
const FIRST = 10_000;
const COUNT = 20_000;
/** Far more servers than a test file has at the same time, stopped ones included. */
const RESERVED = 64;
/** Far more looks than a program takes to start. */
const MAX_LOOKS = 5_000;

const random = mulberry32(crypto.getRandomValues(new Uint32Array(1))[0]!);

/**
 * Reserved ports: all test files, in all processes, mark theirs on another loopback address for as long as they run. So
 * no other one takes a port whose server has just stopped. Only Linux has that address: elsewhere, few would collide.
 */
const reserved = Array.from({ length: RESERVED }, () => {
  for (;;) {
    const port = FIRST + random(COUNT);
    try {
      Deno.listen({ hostname: "127.0.0.2", port });
      if (!isInUse(port)) return port;
    } catch (error) {
      if (error instanceof Deno.errors.AddrNotAvailable) return port;
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
});

/** Whether something listens on this port of 127.0.0.1. */
function isInUse(port: number): boolean {
  if (Deno.build.os === "linux") {
    // A look that opens no socket: see `whenFree`. The address and the port are in hex; the state 0A is LISTEN.
    const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
    return Deno.readTextFileSync("/proc/net/tcp").includes(wanted);
  }
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return true;
    throw error;
  }
}

/**
 * A free port that no other socket gets by asking for any port. So a server can be stopped and started again on it, or
 * stay away, while other tests run in parallel.
 */
export function reservedPort(): number {
  for (let tries = 0; tries < RESERVED; tries++) {
    // The one that was used longest ago is next.
    const port = reserved.shift()!;
    reserved.push(port);
    if (!isInUse(port)) return port;
  }
  throw new Error(`All ${RESERVED} ports of this test file are in use`);
}

/**
 * Returns the port when its last server is really gone. Test files run in threads of one process. When one of them
 * starts a program, that has a copy of all sockets for a moment, also of one that another test closes just then.
 */
export function whenFree(port: number): number {
  for (let looks = 0; looks < MAX_LOOKS && isInUse(port); looks++);
  return port;
}
