// Asks an address whether a room is open there, without joining it. Knows no member and no code.

import { ChatError } from "../errors.ts";
import type { Greeting } from "../protocol/json_frames.ts";
import { type Endpoint, greet, withConnection } from "./handshake.ts";

/** How long a room may take to answer, in ms: one on this machine is quick. */
const PROBE_MS = 2000;

/**
 * Whether the room is open there.
 *
 * @param record of its code: a room with another code is another room. undefined: it is not sealed
 */
export async function isOpen(
  { hostname, port }: Pick<Endpoint, "hostname" | "port">,
  record: string | undefined,
): Promise<boolean> {
  try {
    return await withConnection(
      { hostname, port, handshakeMs: PROBE_MS },
      async (connection, address) => {
        const greeting = await greet(connection, address);
        connection.close();
        return isRoom(greeting, record);
      },
    );
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return false;
  }
}

function isRoom(greeting: Greeting, record: string | undefined): boolean {
  return greeting.cipher === "sealed"
    ? record !== undefined && greeting.record === record
    : record === undefined;
}
