// Connects to a classic server and reads its public key. It knows the classic wire up to the key, and no rooms or
// messages.

import { type Endpoint, withConnection } from "../client/handshake.ts";
import { RoomNotFound } from "../errors.ts";
import { KEY_MS, parseKey, type Timer } from "../protocol/classic_wire.ts";
import { Connection } from "../protocol/connection.ts";

const CLASSIC_HINT = "Is it a classic server? For a room of this program, leave out --classic";

/** A connection to a classic server. */
export interface ClassicConnection {
  readonly connection: Connection;
  readonly publicKey: number;
  /** The read that was pending when the key was complete; undefined if none was. */
  readonly reading: Promise<boolean> | undefined;
}

/**
 * Connects to a classic server and waits for its key. Bytes after the key stay unread.
 *
 * @throws {ChatError} if no classic server answers
 */
export async function connectClassic(endpoint: Endpoint, after: Timer): Promise<ClassicConnection> {
  return await withConnection(endpoint, async (connection, address) => {
    const { decoder } = connection;
    let reading: Promise<boolean> | undefined;
    for (;;) {
      const { key, length, certain } = parseKey(decoder.unread);
      if (key === undefined && certain) {
        throw new RoomNotFound(`Cannot join ${address}: the server did not send a key first`, {
          hint: CLASSIC_HINT,
        });
      }
      reading = certain ? undefined : connection.fill();
      const isComplete = certain || (key !== undefined && await isQuiet(reading!, after));
      if (isComplete) {
        decoder.skip(length);
        return { connection, publicKey: key!, reading };
      }
      if (!await reading) {
        throw new RoomNotFound(
          `Cannot join ${address}: the server closed the connection without a reply`,
          {
            hint: "Is the port right, and is it a classic server?",
          },
        );
      }
    }
  }, CLASSIC_HINT);
}

/** Whether no byte arrives within `KEY_MS`, so the key is complete. */
async function isQuiet(reading: Promise<boolean>, after: Timer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<"quiet">();
  const cancel = after(KEY_MS, () => resolve("quiet"));
  const first = await Promise.race([promise, reading]);
  cancel();
  // If the connection has ended, the key is of no use.
  return first === "quiet";
}
