// What may be set when a client joins a room. Types alone.

import type { TransferOptions } from "../files/post.ts";
import type { TurnSlice } from "../protocol/turn_slice.ts";
import type { RoomAddresses } from "./addresses.ts";
import type { Backoff } from "./backoff.ts";
import type { ConnectOptions } from "./handshake.ts";
import type { PaceClock } from "./notice_pace.ts";

export interface JoinOptions
  extends
    Omit<ConnectOptions, "signal" | "dialMs" | "floor">,
    Omit<RoomAddresses, "hostname" | "port"> {
  /** Gets why an address was passed over when the client joins. */
  onPassed?: (message: string) => void;
  /** How long the connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
  /** The session ends with its connection, so nobody stays in the room as away: for one that nobody resumes. */
  brief?: boolean;
  /** For how long to reconnect when the connection is lost, in ms; 0 or not given: not at all. */
  retryMs?: number;
  /** This machine's addresses in any form. When they change, a lost connection is tried again at once. */
  networks?: () => string;
  /** See `PING_MS` and `DEAD_MS`. */
  pingMs?: number;
  deadMs?: number;
  /** The pauses between tries. */
  backoff?: Backoff;
  /** A connection that lasted this long was a good one, in ms: the next pause is short again. */
  steadyMs?: number;
  /** How long a direct message waits for its receiver to come back after a restart of the server, in ms. */
  receiverMs?: number;
  /** How much of a turn of the event loop frames may take, in ms. */
  slice?: TurnSlice;
  /** Time, for what members cause again and again. */
  paceClock?: PaceClock;
  /** Where files are, and which to accept. Not given: no file is sent, and every offer is declined. */
  files?: TransferOptions;
}
