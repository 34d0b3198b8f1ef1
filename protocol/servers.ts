// The addresses of a room's servers, as WELCOME has them: HOST:PORT in ASCII. Pure: it looks up no name.

import { malformed } from "../protocol.ts";

/** The address of a server. */
export interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** A client never gets more addresses from a server, nor from its user. */
export const MAX_SERVERS = 8;

const SERVER = /^(?:\[([\da-f:.]{2,45})\]|([a-z\d_][a-z\d._-]{0,252})):([1-9]\d{0,4})$/i;

/**
 * Parses `HOST:PORT` or `[IPV6]:PORT`; undefined if the text is neither. It takes no zone: that means nothing on another
 * machine.
 */
export function parseServer(text: string): Place | undefined {
  const [, ipv6, name, digits] = SERVER.exec(text) ?? [];
  const port = Number(digits);
  if (!(port <= 65535) || (ipv6 !== undefined && !URL.canParse(`http://[${ipv6}]/`))) {
    return undefined;
  }
  return { hostname: ipv6 ?? name!, port };
}

/** The servers in WELCOME. @throws {ProtocolError} if they are not a short list of addresses */
export function parseServers(json: unknown): readonly string[] {
  if (json === undefined) return [];
  if (!Array.isArray(json) || json.length > MAX_SERVERS) {
    throw malformed("WELCOME", `servers must be an array of at most ${MAX_SERVERS} addresses`);
  }
  for (const server of json) {
    if (typeof server !== "string" || !parseServer(server)) {
      throw malformed("WELCOME", "a server must be HOST:PORT");
    }
  }
  return json;
}
