// Opens the connection to a server. Its errors say what is wrong with the address, and what to do about it. Knows no
// frames.

import { deadline } from "@std/async/deadline";
import { ChatError, messageOf, RoomNotFound } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { hostFault } from "../protocol/host_fault.ts";
import { counted } from "../text/counts.ts";
import { type Scope, scopeOf } from "./scope.ts";

/** The address of a server, and how long to wait for it. */
export interface Endpoint {
  hostname: string;
  port: number;
  /** How long connecting may take, and how long admission may take, in ms. */
  handshakeMs?: number;
  /** Cancels the attempt. */
  signal?: AbortSignal;
  /** How long connecting may take, in ms, if that is less. */
  dialMs?: number | undefined;
  /** Only a server has named this address: it is refused if it is nearer than this; see `Address`. */
  floor?: Scope | undefined;
}

const BLOCKED = "Check the address, and whether a firewall blocks the connection";

/**
 * Opens a TCP connection.
 *
 * @param ms how long that may take
 * @throws {ChatError} if it fails: `RoomNotFound` if no server is at this address, as far as the system knows
 */
export async function dial(
  { hostname, port, signal, floor }: Endpoint,
  ms: number,
): Promise<Deno.TcpConn> {
  const dialing = Deno.connect({ hostname, port });
  let conn: Deno.TcpConn;
  try {
    conn = await deadline(dialing, ms, signal && { signal });
  } catch (cause) {
    // The deadline has passed, or `signal` has aborted: the connection is not wanted any more.
    dialing.then((conn) => conn.close(), () => {});
    const cannot = `Cannot join ${formatAddress(hostname, port)}`;
    if (cause instanceof DOMException || signal?.aborted) {
      throw new ChatError(`${cannot}: no answer within ${counted(ms / 1000, "second")}`, {
        hint: BLOCKED,
      });
    }
    throw dialError(cannot, hostname, cause);
  }
  // A name may lead anywhere: the address behind it is known only now.
  if (floor !== undefined && scopeOf(conn.remoteAddr.hostname) < floor) {
    conn.close();
    throw new RoomNotFound(
      `Cannot join ${
        formatAddress(hostname, port)
      }: a server has named this address, but it is in your own network`,
    );
  }
  return conn;
}

/** The error for the user; `cause` is the error of `Deno.connect`. */
export function dialError(cannot: string, hostname: string, cause: unknown): RoomNotFound {
  if (cause instanceof Deno.errors.ConnectionRefused) {
    return new RoomNotFound(`${cannot}: nothing listens there`, {
      // On another machine, only its user can open a room.
      hint: /^(?:localhost$|127\.|::1$)/.test(hostname)
        ? "Open a room with: chat serve"
        : "Check the address and the port; perhaps the room is closed",
      cause,
    });
  }
  const { what, hint } = hostFault(hostname, cause) ?? { what: messageOf(cause), hint: BLOCKED };
  return new RoomNotFound(`${cannot}: ${what}`, { hint, cause });
}
