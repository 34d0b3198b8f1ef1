// TODO: say what this is.

import { ChatError, CodeNeeded, ProtocolError, WrongCode } from "../errors.ts";
import type { Ending } from "../room.ts";

/** How often to look whether the network has changed, while waiting for it, in ms. */
export const NETWORK_MS = 1_000;
/** A connection that has lasted for so long was a good one, in ms. */
export const STEADY_MS = 10_000;

/** Why a room has ended, where nobody needs to know more. */
export const LOST = "the connection was lost";
export const STOPPED = "the server has stopped";

/** Errors after which a server would take the same client again. */
const TRANSIENT_CODES: readonly string[] = ["slow", "gone", "timeout", "full", "wait"];

/** Why a connection ended, and whether another would, too. */
export interface Break {
  readonly ending: Ending;
  readonly final: boolean;
}

export function isFinal(ending: Ending): boolean {
  return ending.reason === "left" ||
    (ending.reason === "refused" && !TRANSIENT_CODES.includes(ending.code));
}

/** Why there is no use in trying again; undefined if there may be. */
export function finalRefusal(error: ChatError): Ending | undefined {
  const { message, cause } = error;
  if (error instanceof WrongCode || error instanceof CodeNeeded) {
    return { reason: "refused", code: "code", message };
  }
  if (!(cause instanceof ProtocolError)) return undefined;
  // Our own words for what is no ERROR of the server.
  if (TRANSIENT_CODES.includes(cause.code) || cause.code === "lost" || cause.code === "bye") {
    return undefined;
  }
  return { reason: "refused", code: cause.code, message };
}
