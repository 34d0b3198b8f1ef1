// What a server can be given. Only types.

import type { AdmissionRecord } from "../cipher/opaque.ts";
import type { ProtocolAdapter } from "./adapter.ts";
import type { AddressRange } from "./addresses.ts";
import type { ServerEvent } from "./events.ts";
import type { HubOptions } from "./hub.ts";
import type { Journal } from "./journal.ts";
import type { Limits } from "./limits.ts";

export interface ServerOptions extends Partial<Limits>, Pick<HubOptions, "ownSize" | "ownTotal"> {
  /** The room's log has a chain; by default if the room is sealed. */
  isChained?: boolean;
  /** The address to listen on. */
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** Makes the room a sealed one: only clients with the code are admitted. */
  admission?: AdmissionRecord;
  /** The name that members know its code by; by default it follows from `admission`. */
  recordName?: string;
  /** xor's public key, 0..255; drawn at random if not given. */
  publicKey?: number;
  /** Makes the adapter that admits classic clients, for the room's public key. Not for sealed rooms. */
  classic?: (publicKey: number) => ProtocolAdapter;
  /** Proxies that are trusted to name the client's address; all connections from there MUST do so. By default none. */
  proxies?: readonly AddressRange[];
  /** A clock that never goes back, in ms. */
  now?: () => number;
  /** Calls the task after this time, in ms; the result cancels that. */
  after?: (ms: number, task: () => void) => () => void;
  /** The clock, in ms since 1970. */
  clock?: () => number;
  /** How long a connection may take to end properly before it is closed, in ms. */
  finishMs?: number;
  /** How long after a lost connection the others see the member as away, in ms. */
  awayMs?: number;
  /** Keeps the room beyond this process. `begin` has not been called yet. */
  journal?: Journal;
  /** The keys of the moderators that the operator gives. */
  moderators?: readonly string[];
  /** Further addresses of the room, for clients that lose this server; see `parseServer`. */
  advertise?: readonly string[];
  /** Only moderators speak to the room from now on. */
  readOnly?: boolean;
  /** Receives each event for the operator: numbers and addresses, never content. */
  onEvent?: (event: ServerEvent) => void;
}
