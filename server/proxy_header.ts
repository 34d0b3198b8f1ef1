// The header with which a proxy names the client of a connection: PROXY protocol version 2
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Pure: it knows neither which proxies are trusted nor a socket.

import { formatIp } from "./addresses.ts";

const SIGNATURE = Uint8Array.fromHex("0d0a0d0a000d0a515549540a");
/** Signature (12), version and command (1), family and protocol (1), length of the rest (2). */
const FIXED_SIZE = 16;
/** The longest header: it fits into the smallest packet that each host accepts, so a proxy can send it at once. */
export const MAX_PROXY_HEADER = 536;

/** Version 2 with its two commands. */
const LOCAL = 0x20;
const PROXY = 0x21;
/** TCP, by the bytes of one address. Other kinds of connection that version 2 names have no address that counts here. */
const TCP: Readonly<Record<number, number>> = { 0x11: 4, 0x21: 16 };
const NO_ADDRESS: readonly number[] = [
  0x00, // Unspecified.
  0x31, // A Unix socket of the proxy's machine.
];

/** One end of a connection. */
export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type ProxyHeader =
  /** The beginning of a header. */
  | { readonly kind: "more" }
  /** No header that this server accepts; `why` ends a sentence. */
  | { readonly kind: "none"; readonly why: string }
  /** A header of `size` bytes. Without `client`, the proxy itself has connected, or knows no address. */
  | {
    readonly kind: "header";
    readonly size: number;
    readonly client?: Endpoint;
    /** The address that the client has connected to. */
    readonly local?: Endpoint;
  };

/** Reads the header at the start of a connection. Decides within `MAX_PROXY_HEADER` bytes. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const start = bytes.subarray(0, SIGNATURE.length);
  if (start.some((byte, index) => byte !== SIGNATURE[index])) {
    return { kind: "none", why: "it sent no PROXY header of version 2" };
  }
  if (bytes.length < FIXED_SIZE) return { kind: "more" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const command = view.getUint8(12);
  const family = view.getUint8(13);
  const rest = view.getUint16(14);
  const size = FIXED_SIZE + rest;
  if (command !== LOCAL && command !== PROXY) {
    return { kind: "none", why: `its PROXY header has the command ${command}` };
  }
  if (size > MAX_PROXY_HEADER) {
    return { kind: "none", why: `its PROXY header has more than ${MAX_PROXY_HEADER} bytes` };
  }
  const length = TCP[family];
  if (command === PROXY && length === undefined && !NO_ADDRESS.includes(family)) {
    return { kind: "none", why: `its PROXY header has addresses of the unknown kind ${family}` };
  }
  const hasAddresses = command === PROXY && length !== undefined;
  if (hasAddresses && rest < 2 * length + 4) {
    return { kind: "none", why: "its PROXY header is too short for its addresses" };
  }
  if (bytes.length < size) return { kind: "more" };
  if (!hasAddresses) return { kind: "header", size };
  // Source and destination, then their ports. What follows (TLVs) is for others.
  const at = (index: number): Endpoint => ({
    hostname: formatIp(bytes.slice(FIXED_SIZE + index * length, FIXED_SIZE + (index + 1) * length)),
    port: view.getUint16(FIXED_SIZE + 2 * length + 2 * index),
  });
  return { kind: "header", size, client: at(0), local: at(1) };
}
