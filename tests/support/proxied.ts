// Test helper: the header with which a proxy names a client's address, so that the connections of one machine come from
// many networks. No part of the program.

import { concat } from "@std/bytes/concat";
import { addressBytes } from "../../server/addresses.ts";

/** A header as a proxy sends it, for a client that has connected to 203.0.113.1:2428. */
export function proxied(client: string, port = 51234): Uint8Array<ArrayBuffer> {
  const mapped = [addressBytes(client)!, addressBytes("203.0.113.1")!];
  const isIPv6 = client.includes(":");
  const addresses = mapped.map((bytes) => isIPv6 ? bytes : bytes.subarray(12));
  return header(0x21, isIPv6 ? 0x21 : 0x11, [
    ...addresses,
    Uint8Array.of(port >> 8, port & 0xff, 2428 >> 8, 2428 & 0xff),
    // A value of a type that the server does not know.
    Uint8Array.of(0xee, 0, 3, 1, 2, 3),
  ]);
}

export function header(
  command: number,
  family: number,
  parts: Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const rest = concat(parts);
  return concat([
    Uint8Array.fromHex("0d0a0d0a000d0a515549540a"),
    Uint8Array.of(command, family, rest.length >> 8, rest.length & 0xff),
    rest,
  ]);
}
