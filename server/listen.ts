// Opens the server's port, and accepts connections. Its errors say what to do about the usual reasons. Knows nothing of rooms.

import { ChatError, messageOf } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { hostFault } from "../protocol/host_fault.ts";
import { pause } from "./timers.ts";

/** @throws {ChatError} if it cannot listen there */
export function listen(hostname: string, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
  } catch (cause) {
    throw listenError(hostname, port, cause);
  }
}

/** The error for the user; `cause` is the error of `Deno.listen`. */
export function listenError(hostname: string, port: number, cause: unknown): ChatError {
  const where = formatAddress(hostname, port);
  if (cause instanceof Deno.errors.AddrInUse) {
    return new ChatError(`Cannot open a room at ${where}: the port is in use`, {
      hint: `Join the room that may be open there with: chat join ${where}; or take another port ` +
        `with: chat serve --port ${port === 65535 ? port - 1 : port + 1}`,
      cause,
    });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new ChatError(`Cannot open a room at ${where}: the system does not allow this port`, {
      hint: "Ports below 1024 are often reserved: take a larger one with --port",
      cause,
    });
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return new ChatError(
      `Cannot open a room at ${where}: this machine does not have that address`,
      {
        hint: "Listen on all of its addresses with: --host 0.0.0.0",
        cause,
      },
    );
  }
  const { what, hint } = hostFault(hostname, cause) ??
    { what: messageOf(cause), hint: "Check --host and --port" };
  return new ChatError(`Cannot open a room at ${where}: ${what}`, { hint, cause });
}

/** The errors of a connection that has ended before it was accepted. All others are about the server's own state. */
const GONE = [
  Deno.errors.NotConnected,
  Deno.errors.ConnectionAborted,
  Deno.errors.ConnectionReset,
] as const;

/** Whether accepting a connection failed because its peer has gone already. */
export function hasGone(error: unknown): boolean {
  return GONE.some((kind) => error instanceof kind);
}

/** How long to wait after a connection if others had to be closed for it, in ms. */
const CROWDED_PAUSE_MS = 1;
/** How long to wait after a failed accept, in ms. Mostly the process has no file descriptors left. */
const ACCEPT_PAUSE_MS = 100;

/** What accepting connections needs of a server. */
export interface Acceptor {
  readonly isStopping: () => boolean;
  /** MUST NOT wait, and MUST NOT throw. */
  readonly serve: (conn: Deno.TcpConn) => void;
  /** How many connections the server has ended so far. */
  readonly ended: () => number;
  /** The system could not accept a connection. */
  readonly failed: (message: string) => void;
}

/** Accepts connections until the server stops. */
export async function acceptAll(listener: Deno.TcpListener, acceptor: Acceptor): Promise<void> {
  let endedBefore = 0;
  while (!acceptor.isStopping()) {
    try {
      acceptor.serve(await listener.accept());
      // However many come, one that waits for its first frame has 1 ms for each place before it loses its own; and
      // those that are refused and come again leave the members their time.
      const ended = acceptor.ended();
      if (ended > endedBefore) await pause(CROWDED_PAUSE_MS);
      endedBefore = ended;
    } catch (error) {
      if (acceptor.isStopping()) return;
      // This client has gone before its turn came, as load balancers do when they check a port.
      if (hasGone(error)) continue;
      acceptor.failed(messageOf(error));
      await pause(ACCEPT_PAUSE_MS);
    }
  }
}
