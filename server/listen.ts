// Opens the server's port. Its errors say what to do about the usual reasons. Knows nothing of rooms.

import { ChatError, messageOf } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { hostFault } from "../protocol/host_fault.ts";

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
