// Addresses as people type them: HOST, HOST:PORT, :PORT. It looks up no name and opens no connection.

import { UsageError } from "../errors.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { formatAddress } from "../protocol/connection.ts";
import { MAX_SERVERS, type Place } from "../protocol/servers.ts";
import { printable } from "../text/printable.ts";
import { LOOPBACK } from "./command.ts";
import { parseNumber } from "./values.ts";

export const ADDRESS_HINT = "Write HOST or HOST:PORT, such as 192.0.2.7:2428";

/** Whether `chat send` takes its first word as an address, not as text: see the notes of its help. */
export function looksLikeAddress(words: string): boolean {
  return words.split(",").every(isLikeAddress);
}

function isLikeAddress(word: string): boolean {
  return word === "localhost" || (/[.:]/.test(word) && !/[.:]$/.test(word) &&
    /^[\p{L}\p{N}._:%[\]-]+$/u.test(word) && /[\p{L}\p{N}]/u.test(word));
}

/**
 * Parses `HOST`, `HOST:PORT`, `:PORT`, `[IPV6]:PORT`, or a bare IPv6 address.
 *
 * @throws {UsageError} with `hint`, if it is none of these
 */
export function parseAddress(text: string, hint: string): { hostname: string; port: number } {
  // A bare IPv6 address cannot have a port: its last group looks like one.
  const [, ipv6, host = text, port] = /^(?:\[([^\]]*:[^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(text) ??
    [];
  const hostname = ipv6 ?? (host === "" && port !== undefined ? LOOPBACK : host);
  return {
    hostname: checkHost(hostname, hint),
    port: port === undefined ? DEFAULT_PORT : parseNumber("port", port, 1, 65535, hint),
  };
}

/**
 * Returns a name, an IPv4 address, or an IPv6 address with or without a zone.
 *
 * @throws {UsageError} with `hint`, if it is none of these
 */
export function checkHost(host: string, hint: string): string {
  const isName = /^[\p{L}\p{N}_][\p{L}\p{N}._-]{0,252}$/u.test(host);
  const [, ipv6] = /^([\da-f:.]+)(?:%[\w.-]+)?$/i.exec(host) ?? [];
  if (isName || URL.canParse(`http://[${ipv6}]`)) return host;
  throw new UsageError(`Cannot use the address "${printable(host)}": not a valid host`, { hint });
}

/**
 * Parses the addresses of one room, with commas between them: the first one, and the others.
 *
 * @throws {UsageError} with `hint`, if one is no address, or there are too many
 */
export function parseAddresses(text: string, hint: string): RoomPlace {
  const words = text.split(",");
  if (words.length > MAX_SERVERS) {
    throw new UsageError(`Cannot use ${words.length} addresses: a room has at most ${MAX_SERVERS}`);
  }
  const [first, ...others] = words.map((word) => parseAddress(word, hint));
  return { ...first!, ...(others.length > 0 && { others }) };
}

/** All addresses of a room. */
export function placesOf({ hostname, port, others = [] }: RoomPlace): Place[] {
  return [{ hostname, port }, ...others];
}

/** As `parseAddresses` reads them. */
export function formatAddresses(room: RoomPlace): string {
  return placesOf(room).map(({ hostname, port }) => formatAddress(hostname, port)).join(",");
}

/** Whether two rooms have an address in common. */
export function isSameRoom(one: RoomPlace, other: RoomPlace): boolean {
  return placesOf(one).some((a) => placesOf(other).some((b) => isSameAddress(a, b)));
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Whether two addresses are the same; this machine has several names. */
export function isSameAddress(one: Place, other: Place): boolean {
  const isHere = (name: string) => name === "localhost" || isLoopback(name);
  return one.port === other.port &&
    (one.hostname === other.hostname || (isHere(one.hostname) && isHere(other.hostname)));
}

/** Where a room is. */
export interface RoomPlace extends Place {
  /** Where it may be as well. */
  readonly others?: readonly Place[];
}
