// Capture files (pcapng, draft-ietf-opsawg-pcapng): packets to bytes, and back. Supports only what the captures in docs
// need: one section, little-endian, without comments. Pure. For `tools/capture.ts` and its tests: the program never
// imports this file.

import { concat } from "@std/bytes/concat";

/** The header in front of an IP packet, by its link type in pcapng. */
export const LINK = {
  /** Four bytes with the kind of address, on the loopback of macOS. */
  NULL: 0,
  /** 14 bytes, also on the loopback of Linux. */
  ETHERNET: 1,
  /** Nothing. */
  RAW: 101,
} as const;

const LINK_SIZES: Readonly<Record<number, number>> = {
  [LINK.NULL]: 4,
  [LINK.ETHERNET]: 14,
  [LINK.RAW]: 0,
};

export interface Packet {
  /** In µs since 1970. */
  readonly time: bigint;
  /** With all headers. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Capture {
  /** One of `LINK`. */
  readonly link: number;
  readonly packets: readonly Packet[];
}

/** The TCP segment of one packet. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  /** The sequence number of its first byte, or of its SYN or FIN. */
  readonly seq: number;
  readonly syn: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION_RESOLUTION = 9;

/** @throws {RangeError} if the file is not a capture of this kind */
export function readCapture(file: Uint8Array<ArrayBuffer>): Capture {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let link: number | undefined;
  let ticksPerSecond = 1_000_000n;
  const packets: Packet[] = [];
  for (let at = 0; at < file.length;) {
    const type = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    if (size < 12 || size % 4 !== 0 || at + size > file.length) throw bad(`a block of ${size}`);
    if (type === SECTION && view.getUint32(at + 8, true) !== BYTE_ORDER) throw bad("big-endian");
    if (type === INTERFACE) {
      if (link !== undefined) throw bad("of two interfaces");
      link = view.getUint16(at + 8, true);
      ticksPerSecond = resolution(view, at + 16, at + size - 4);
    }
    if (type === PACKET) {
      const ticks = BigInt(view.getUint32(at + 12, true)) << 32n |
        BigInt(view.getUint32(at + 16, true));
      const length = view.getUint32(at + 20, true);
      if (length > size - 32) throw bad("a packet longer than its block");
      const time = ticks * 1_000_000n / ticksPerSecond;
      packets.push({ time, bytes: file.slice(at + 28, at + 28 + length) });
    }
    at += size;
  }
  if (link === undefined) throw bad("without an interface");
  return { link, packets };
}

/** The ticks per second of the capture's clock: a power of 10 or of 2. */
function resolution(view: DataView, from: number, to: number): bigint {
  for (let at = from; at + 4 <= to;) {
    const code = view.getUint16(at, true);
    const size = view.getUint16(at + 2, true);
    if (code === OPTION_RESOLUTION) {
      const value = view.getUint8(at + 4);
      return value < 128 ? 10n ** BigInt(value) : 2n ** BigInt(value - 128);
    }
    at += 4 + (size + 3 & ~3);
  }
  return 1_000_000n;
}

function bad(how: string): RangeError {
  return new RangeError(`Cannot read the capture: it is ${how}`);
}

/** Writes only the packets, without the machine and the program that captured them. */
export function writeCapture({ link, packets }: Capture): Uint8Array<ArrayBuffer> {
  const section = new DataView(new ArrayBuffer(16));
  section.setUint32(0, BYTE_ORDER, true);
  section.setUint16(4, 1, true);
  // The section's length is unspecified.
  section.setBigInt64(8, -1n, true);
  const face = new DataView(new ArrayBuffer(8));
  face.setUint16(0, link, true);
  return concat([
    block(SECTION, new Uint8Array(section.buffer)),
    block(INTERFACE, new Uint8Array(face.buffer)),
    ...packets.map(({ time, bytes }) => {
      const head = new DataView(new ArrayBuffer(20));
      head.setUint32(4, Number(time >> 32n), true);
      head.setUint32(8, Number(time & 0xffffffffn), true);
      head.setUint32(12, bytes.length, true);
      head.setUint32(16, bytes.length, true);
      return block(PACKET, concat([new Uint8Array(head.buffer), bytes]));
    }),
  ]);
}

function block(type: number, body: Uint8Array): Uint8Array {
  const size = 12 + (body.length + 3 & ~3);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  bytes.set(body, 8);
  view.setUint32(size - 4, size, true);
  return bytes;
}

/** A complete TCP segment in IPv4. @throws {RangeError} if the packet is something else */
export function readSegment(link: number, packet: Uint8Array<ArrayBuffer>): Segment {
  const ip = packet.subarray(LINK_SIZES[link] ?? packet.length);
  if (ip.length < 40 || ip[0]! >> 4 !== 4 || ip[9] !== 6) throw bad("of something other than TCP");
  const tcp = ip.subarray((ip[0]! & 15) * 4, ip[2]! << 8 | ip[3]!);
  const flags = tcp[13]!;
  return {
    from: tcp[0]! << 8 | tcp[1]!,
    to: tcp[2]! << 8 | tcp[3]!,
    seq: new DataView(tcp.buffer, tcp.byteOffset).getUint32(4),
    syn: (flags & 2) !== 0,
    fin: (flags & 1) !== 0,
    rst: (flags & 4) !== 0,
    payload: tcp.slice((tcp[12]! >> 4) * 4),
  };
}

/** Whether the segments are in order: none was lost, sent again, or overtaken. */
export function isSmooth({ link, packets }: Capture): boolean {
  const next = new Map<string, number>();
  return packets.every(({ bytes }) => {
    const { from, to, seq, syn, fin, payload } = readSegment(link, bytes);
    const expected = next.get(`${from} ${to}`) ?? seq;
    next.set(`${from} ${to}`, (seq + payload.length + Number(syn) + Number(fin)) >>> 0);
    return seq === expected;
  });
}
