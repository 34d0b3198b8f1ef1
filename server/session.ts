// A session: what a server keeps of one of its members across its connections, besides the room's state.

import { encodeFrame, Type } from "../protocol.ts";
import type { Connection } from "../protocol/connection.ts";
import type { FloodGuard, RateLimiter } from "../protocol/rate_limit.ts";
import type { AdaptedConnection } from "./adapter.ts";
import type { Member } from "./member.ts";

export interface Session {
  readonly member: Member;
  /** Limits what it sends; undefined: no limit. */
  readonly rateLimiter: RateLimiter | undefined;
  readonly floodGuard: FloodGuard;
  /** The nonce of its connection's GREETING; undefined in rooms without a code. */
  nonce: string | undefined;
  /** undefined while it is lost. */
  connection: Connection | undefined;
  /** Its client has given up on this server, and will not come back. */
  isOver: boolean;
  /** Its adapter, if its client speaks another protocol. */
  adapted?: AdaptedConnection;
  /** The read that was under way when an adapted client was admitted. */
  reading: Promise<boolean> | undefined;
}

/** Sends PING to connections that have been silent for half of `idleMs`, and closes those silent for all of it. */
export function checkIdle(sessions: Iterable<Session>, idleMs: number): void {
  for (const { connection, adapted } of sessions) {
    // An adapted client cannot answer a PING, so it may be silent forever.
    if (!connection || adapted) continue;
    const { silence } = connection;
    if (silence >= idleMs) connection.close();
    else if (silence >= idleMs / 2 && connection.urgent === 0) {
      connection.send(encodeFrame(Type.PING, 0));
    }
  }
}
