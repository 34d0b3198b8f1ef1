// Connects to a classic server and reads its public key. It knows the classic wire up to the key, and nothing of
// rooms and messages.

import { type Endpoint, withConnection } from "../client/handshake.ts";
import { RoomNotFound } from "../errors.ts";
import { KEY_MS, parseKey, type Timer } from "../protocol/classic_wire.ts";
import { Connection } from "../protocol/connection.ts";

const CLASSIC_HINT =
  "Is it a server of the original? A room of this program is joined without --classic";

/** A connection to a server of the original. */
export interface ClassicConnection {
  readonly connection: Connection;
  readonly publicKey: number;
  /** The read that was under way when it was clear that the key had come; undefined where none was. */
  readonly reading: Promise<boolean> | undefined;
}

/**
 * Connects to a server of the original, and waits for its key; what is behind that stays unread.
 *
 * @throws {ChatError} if there is none
 */
export async function connectClassic(endpoint: Endpoint, after: Timer): Promise<ClassicConnection> {
  return await withConnection(endpoint, async (connection, address) => {
    const { decoder } = connection;
    let reading: Promise<boolean> | undefined;
    for (;;) {
      const { key, length, certain } = parseKey(decoder.unread);
      if (key === undefined && certain) {
        throw new RoomNotFound(`Cannot join ${address}: what answers there sends no key first`, {
          hint: CLASSIC_HINT,
        });
      }
      reading = certain ? undefined : connection.fill();
      const isWhole = certain || (key !== undefined && await isQuiet(reading!, after));
      if (isWhole) {
        decoder.skip(length);
        return { connection, publicKey: key!, reading };
      }
      if (!await reading) {
        throw new RoomNotFound(`Cannot join ${address}: the connection was closed without a word`, {
          hint: "Is the port right, and is it a server of the original?",
        });
      }
    }
  }, CLASSIC_HINT);
}

/** Whether nothing comes for as long as a key may go on. */
async function isQuiet(reading: Promise<boolean>, after: Timer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<"quiet">();
  const cancel = after(KEY_MS, () => resolve("quiet"));
  const first = await Promise.race([promise, reading]);
  cancel();
  // Where it has ended, there is nobody to talk to.
  return first === "quiet";
}
