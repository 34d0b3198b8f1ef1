// Reads a picture's headers before anything is decoded: its kind, its size and its orientation. Passes on only the
// parts that a decoder needs: fewer parts leave less room for an attack. Pure: bytes in, bytes out. Decodes nothing.

import { concat } from "@std/bytes/concat";
import type { Orientation } from "./pixels.ts";

export type PictureKind = "PNG" | "JPEG" | "GIF";

/** Longest file in bytes: all of it is in memory while it is decoded. */
export const MAX_PICTURE_BYTES = 20 * 1024 * 1024;
/** Pixels of the largest picture. Decoded, each takes 4 bytes, in several copies. */
export const MAX_PICTURE_PIXELS = 16 * 1024 * 1024;
/** Bytes of the largest decoded picture: with 16 bits a channel, it has half as many pixels. */
const MAX_DECODED_BYTES = 4 * MAX_PICTURE_PIXELS;
/** Longest side in pixels: the limit of JPEG and GIF. Most work is done by rows: this bounds a row. */
export const MAX_PICTURE_SIDE = 65_535;
/**
 * Scans of one JPEG. A progressive JPEG has about ten. Each covers the complete picture and may take only a few
 * bytes of the file, so an attacker could keep the decoder busy with many.
 */
const MAX_SCANS = 100;

export interface Picture {
  readonly kind: PictureKind;
  /** In pixels, as stored: before it is turned upright. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** A complete file of this kind with one picture and nothing else. */
  readonly content: Uint8Array<ArrayBuffer>;
}

const DAMAGED = "is damaged";
const CUT_OFF = "is damaged: its end is missing";

/** Reads big-endian (PNG, JPEG) and little-endian numbers. A read beyond the end is a mistake of the caller. */
function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Bytes as characters, of which each is one byte. */
function characters(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** The four characters of a tag. */
function tag(bytes: Uint8Array, at: number): string {
  return characters(bytes.subarray(at, at + 4));
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff] as const;
const GIF_SIGNATURES = ["GIF87a", "GIF89a"] as const;

/** The kind that the first bytes claim. A file's name proves nothing. */
export function pictureKind(bytes: Uint8Array): PictureKind | undefined {
  if (startsWith(bytes, PNG_SIGNATURE)) return "PNG";
  if (startsWith(bytes, JPEG_SIGNATURE)) return "JPEG";
  const start = characters(bytes.subarray(0, GIF_SIGNATURES[0].length));
  return GIF_SIGNATURES.some((signature) => signature === start) ? "GIF" : undefined;
}

/**
 * Reads a file's headers. Returns the picture, or why it cannot be shown, as the rest of a sentence that starts with
 * "it". Reads each byte at most once, and takes no more memory than the file.
 *
 * @example
 * ```ts
 * const picture = inspect(bytes);
 * if (typeof picture === "string") throw new ChatError(`Cannot show ${name}: it ${picture}`);
 * ```
 */
export function inspect(bytes: Uint8Array): Picture | string {
  if (bytes.length > MAX_PICTURE_BYTES) {
    return `has more than ${MAX_PICTURE_BYTES / 1024 / 1024} MiB`;
  }
  switch (pictureKind(bytes)) {
    case "PNG":
      return inspectPng(bytes);
    case "JPEG":
      return inspectJpeg(bytes);
    case "GIF":
      return inspectGif(bytes);
    case undefined:
      return "is not a PNG, JPEG or GIF file";
  }
}

/** @param depth bytes that a decoder needs for a pixel */
function sizeFault(width: number, height: number, depth = 4): string | undefined {
  if (width === 0 || height === 0) return `${DAMAGED}: it claims to have no pixels`;
  if (Math.max(width, height) > MAX_PICTURE_SIDE || width * height > MAX_PICTURE_PIXELS) {
    const limit = MAX_PICTURE_PIXELS / 1024 / 1024;
    return `has ${width} × ${height} pixels; the limit is ${limit} megapixels, and ${MAX_PICTURE_SIDE} a side`;
  }
  if (width * height * depth > MAX_DECODED_BYTES) {
    return `has ${width} × ${height} pixels of ${8 * depth} bits each, which is too large`;
  }
  return undefined;
}

// ---- PNG (ISO/IEC 15948) ---------------------------------------------------------------------------

/** Depths in bits that a colour type may have, and its channels. */
const COLOR_TYPES: Readonly<Record<number, { depths: readonly number[]; channels: number }>> = {
  0: { depths: [1, 2, 4, 8, 16], channels: 1 },
  2: { depths: [8, 16], channels: 3 },
  3: { depths: [1, 2, 4, 8], channels: 1 },
  4: { depths: [8, 16], channels: 2 },
  6: { depths: [8, 16], channels: 4 },
};
const HEADER_BYTES = 13;

/** Chunk: length (4) || type (4) || data || CRC (4). */
function inspectPng(bytes: Uint8Array): Picture | string {
  const data = view(bytes);
  const parts: Uint8Array[] = [bytes.subarray(0, PNG_SIGNATURE.length)];
  let size: { width: number; height: number } | undefined;
  let hasData = false;
  let at: number = PNG_SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = data.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) return CUT_OFF;
    const type = tag(bytes, at + 4);
    if (size === undefined) {
      if (type !== "IHDR" || length !== HEADER_BYTES) return DAMAGED;
      const width = data.getUint32(at + 8);
      const height = data.getUint32(at + 12);
      const [depth = 0, color = 0, compression, filter, interlace = 0] = bytes.subarray(at + 16);
      const colors = COLOR_TYPES[color];
      if (!colors?.depths.includes(depth)) return DAMAGED;
      if (compression !== 0 || filter !== 0 || interlace > 1) return DAMAGED;
      const fault = sizeFault(width, height, depth === 16 ? colors.channels * 2 : 4);
      if (fault !== undefined) return fault;
      size = { width, height };
      parts.push(bytes.subarray(at, end));
    } else if (type === "IDAT" || type === "PLTE" || type === "tRNS") {
      hasData ||= type === "IDAT";
      parts.push(bytes.subarray(at, end));
    } else if (type === "IEND") {
      if (!hasData) return DAMAGED;
      parts.push(bytes.subarray(at, end));
      return { kind: "PNG", ...size, orientation: 1, content: concat(parts) };
    } else if ((bytes[at + 4]! & 0x20) === 0) {
      // Without that bit, the chunk is critical: a program that does not know it must not show the picture.
      return "is a kind of PNG that is not supported";
    }
    // All others can be left out: texts, profiles and frames. Some of them unpack to a lot of data.
    at = end;
  }
  return CUT_OFF;
}

// ---- JPEG (ITU-T T.81) -----------------------------------------------------------------------------

const SOF_BASELINE = 0xc0;
const SOF_EXTENDED = 0xc1;
const SOF_PROGRESSIVE = 0xc2;
const DHT = 0xc4;
const RST_FIRST = 0xd0;
const RST_LAST = 0xd7;
const EOI = 0xd9;
const SOS = 0xda;
const DQT = 0xdb;
const DRI = 0xdd;
const APP_JFIF = 0xe0;
const APP_EXIF = 0xe1;
const APP_ADOBE = 0xee;
/** Segments that a decoder needs, and the two that define the colours. */
const NEEDED: readonly number[] = [DHT, DQT, DRI, APP_JFIF, APP_ADOBE];

/** Segment: 0xff || marker (1) || length of itself and the data (2) || data. A scan's coded data follow it. */
function inspectJpeg(bytes: Uint8Array): Picture | string {
  const data = view(bytes);
  const parts: Uint8Array[] = [bytes.subarray(0, 2)];
  let size: { width: number; height: number } | undefined;
  let orientation: Orientation = 1;
  let scans = 0;
  let at = 2;
  while (at + 2 <= bytes.length) {
    if (bytes[at] !== 0xff) return DAMAGED;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      // Any number of fill bytes may precede a marker.
      at++;
      continue;
    }
    if (marker === EOI) break;
    if (marker === 0x01 || (marker >= RST_FIRST && marker <= RST_LAST)) {
      at += 2;
      continue;
    }
    if (marker < SOF_BASELINE) return DAMAGED;
    if (at + 4 > bytes.length) return CUT_OFF;
    const length = data.getUint16(at + 2);
    let end = at + 2 + length;
    if (length < 2) return DAMAGED;
    if (end > bytes.length) return CUT_OFF;
    const segment = bytes.subarray(at + 4, end);
    if (marker === SOS) {
      if (size === undefined) return DAMAGED;
      if (++scans > MAX_SCANS) return `has more than ${MAX_SCANS} scans`;
      end = scanEnd(bytes, end);
      parts.push(bytes.subarray(at, end));
    } else if (marker >= SOF_BASELINE && marker <= 0xcf && marker !== DHT && marker !== 0xc8) {
      if (marker === 0xcc) return "is a kind of JPEG that is not supported";
      const found = frameSize(marker, segment);
      if (typeof found === "string") return found;
      if (size !== undefined) return DAMAGED;
      size = found;
      parts.push(bytes.subarray(at, end));
    } else if (NEEDED.includes(marker)) {
      parts.push(bytes.subarray(at, end));
    } else if (marker === APP_EXIF) {
      orientation = exifOrientation(segment) ?? orientation;
    }
    at = end;
  }
  if (size === undefined || scans === 0) return at + 2 <= bytes.length ? DAMAGED : CUT_OFF;
  // Some programs leave the end out. The decoder finds out if pixels are missing.
  parts.push(Uint8Array.of(0xff, EOI));
  return { kind: "JPEG", ...size, orientation, content: concat(parts) };
}

/** The end of the coded data that begin at `from`: the next marker that is not part of them, or the file's end. */
function scanEnd(bytes: Uint8Array, from: number): number {
  for (let at = from;;) {
    const next = bytes.indexOf(0xff, at);
    if (next < 0 || next + 1 >= bytes.length) return bytes.length;
    const marker = bytes[next + 1]!;
    if (marker === 0xff) {
      at = next + 1;
      continue;
    }
    if (marker !== 0 && !(marker >= RST_FIRST && marker <= RST_LAST)) return next;
    at = next + 2;
  }
}

/** Segment: bits (1) || height (2) || width (2) || components (1), then for each: id (1) || sampling (1) || table (1). */
function frameSize(
  marker: number,
  segment: Uint8Array,
): { width: number; height: number } | string {
  // The others are lossless, hierarchical or arithmetic. Hardly any program writes them.
  if (marker !== SOF_BASELINE && marker !== SOF_EXTENDED && marker !== SOF_PROGRESSIVE) {
    return "is a kind of JPEG that is not supported";
  }
  const components = segment[5] ?? 0;
  if (segment.length !== 6 + 3 * components) return DAMAGED;
  if (segment[0] !== 8) return `has ${segment[0]} bits a channel, which is not supported`;
  if (![1, 3, 4].includes(components)) return DAMAGED;
  for (let i = 0; i < components; i++) {
    const sampling = segment[7 + 3 * i]!;
    const [across, down] = [sampling >> 4, sampling & 15];
    if (across < 1 || across > 4 || down < 1 || down > 4) return DAMAGED;
  }
  const data = view(segment);
  const [height, width] = [data.getUint16(1), data.getUint16(3)];
  return sizeFault(width, height) ?? { width, height };
}

/** The orientation tag in the first TIFF directory (EXIF 2.3, 4.5). Undefined if it is missing or invalid. */
function exifOrientation(segment: Uint8Array): Orientation | undefined {
  if (tag(segment, 0) !== "Exif" || segment.length < 14) return undefined;
  const tiff = view(segment.subarray(6));
  const order = tiff.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const directory = tiff.getUint32(4, little);
  if (tiff.getUint16(2, little) !== 42 || directory + 2 > tiff.byteLength) return undefined;
  const entries = tiff.getUint16(directory, little);
  // Entry: tag (2) || type (2) || count (4) || value (4).
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.byteLength) return undefined;
    if (tiff.getUint16(at, little) !== 0x0112) continue;
    const value = tiff.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value as Orientation : undefined;
  }
  return undefined;
}

// ---- GIF (89a) -------------------------------------------------------------------------------------

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;
const TRAILER = 0x3b;

/** Keeps the first frame, and the extension that defines its transparent colour. */
function inspectGif(bytes: Uint8Array): Picture | string {
  if (bytes.length < 13) return CUT_OFF;
  const data = view(bytes);
  const [width, height] = [data.getUint16(6, true), data.getUint16(8, true)];
  const fault = sizeFault(width, height);
  if (fault !== undefined) return fault;
  let at = 13 + paletteBytes(bytes[10]!);
  const head = bytes.subarray(0, at);
  let control: Uint8Array = new Uint8Array();
  while (at < bytes.length) {
    const from = at;
    if (bytes[at] === EXTENSION) {
      const end = blocksEnd(bytes, at + 2);
      if (end === undefined) return CUT_OFF;
      if (bytes[at + 1] === GRAPHIC_CONTROL) control = bytes.subarray(from, end);
      at = end;
    } else if (bytes[at] === IMAGE) {
      if (at + 10 > bytes.length) return CUT_OFF;
      const [left, top, across, down] = [1, 3, 5, 7].map((n) => data.getUint16(from + n, true));
      if (left! + across! > width || top! + down! > height || across === 0 || down === 0) {
        return `${DAMAGED}: its first frame is larger than the picture`;
      }
      // The size of the codes in bits follows the palette.
      const end = blocksEnd(bytes, at + 10 + paletteBytes(bytes[at + 9]!) + 1);
      if (end === undefined) return CUT_OFF;
      const parts = [head, control, bytes.subarray(from, end), Uint8Array.of(TRAILER)];
      return { kind: "GIF", width, height, orientation: 1, content: concat(parts) };
    } else {
      return bytes[at] === TRAILER ? `${DAMAGED}: it has no frame` : DAMAGED;
    }
  }
  return CUT_OFF;
}

/** Bytes of a palette, from its flags. */
function paletteBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** The end of the blocks that begin at `at`, each after its length. Undefined if they do not end. */
function blocksEnd(bytes: Uint8Array, at: number): number | undefined {
  while (at < bytes.length) {
    const length = bytes[at]!;
    at += 1 + length;
    if (length === 0) return at;
  }
  return undefined;
}
