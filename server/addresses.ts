// IP addresses as literals, bytes and ranges. Pure: it looks up no name. (`node:net` has a `BlockList` with ranges, but
// the command line needs ranges, too, and loading that module would take 6 ms of each start.)

/** Bytes of an address. */
const SIZE = 16;
/** Bits that all IPv4 addresses share when they are written as IPv6 (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96;
const MAPPED = Uint8Array.fromHex("00000000000000000000ffff");

/** Addresses that begin with the same bits. */
export interface AddressRange {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/**
 * The 16 bytes of an address literal; undefined if it is none. An IPv4 address has the bytes of the IPv6 address that
 * it is mapped to, so both notations are the same address.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  return text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  // No leading zeros: some programs take them for octal.
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part))) {
    return undefined;
  }
  const numbers = parts.map(Number);
  return numbers.every((number) => number <= 255)
    ? Uint8Array.from([...MAPPED, ...numbers])
    : undefined;
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const url = /^[\da-f:.]{2,45}$/i.test(text) ? URL.parse(`http://[${text}]/`) : null;
  if (!url) return undefined;
  // The URL has written it in groups of hex digits, with at most one "::".
  const [front, back] = url.hostname.slice(1, -1).split("::").map(groupsOf);
  const zeros = Array<number>(SIZE / 2 - front!.length - (back?.length ?? 0)).fill(0);
  const groups = [...front!, ...zeros, ...back ?? []];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

/**
 * The shortest text of an address (RFC 5952); of one that IPv4 is mapped to, the IPv4 address.
 *
 * @param bytes 4 or 16
 *
 * @example
 * ```ts
 * formatIp(Uint8Array.of(192, 0, 2, 7)); // "192.0.2.7"
 * ```
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length !== SIZE) return bytes.join(".");
  if (hasPrefix(bytes, MAPPED, MAPPED_BITS)) return bytes.subarray(MAPPED.length).join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const groups = Array.from(
    { length: SIZE / 2 },
    (_, index) => view.getUint16(2 * index).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/**
 * Reads an address, or a range in CIDR notation; undefined if it is neither.
 *
 * @example
 * ```ts
 * inRanges([parseRange("10.0.0.0/8")!], "10.1.2.3"); // true
 * ```
 */
export function parseRange(text: string): AddressRange | undefined {
  const [, address, digits] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const bytes = address === undefined ? undefined : addressBytes(address);
  if (!bytes) return undefined;
  const before = address!.includes(":") ? 0 : MAPPED_BITS;
  const bits = digits === undefined ? 8 * SIZE : before + Number(digits);
  return bits <= 8 * SIZE ? { bytes, bits } : undefined;
}

/** Whether an address is in one of these ranges. */
export function inRanges(ranges: readonly AddressRange[], address: string): boolean {
  if (ranges.length === 0) return false;
  const own = addressBytes(address);
  return own !== undefined && ranges.some(({ bytes, bits }) => hasPrefix(own, bytes, bits));
}

function hasPrefix(own: Uint8Array, bytes: Uint8Array, bits: number): boolean {
  for (let at = 0; 8 * at < bits; at++) {
    const ignored = Math.max(0, 8 * (at + 1) - bits);
    if ((own[at]! ^ bytes[at]!) >> ignored !== 0) return false;
  }
  return true;
}
