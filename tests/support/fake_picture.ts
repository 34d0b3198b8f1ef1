// Test helper: small pictures of each kind, written pixel by pixel. No part of the program.

import { crc32, deflateSync } from "node:zlib";
import { concat } from "@std/bytes/concat";

/** The samples of a pixel, one for each channel. With a palette, the index of its colour. */
export type Paint = (x: number, y: number) => readonly number[];

const ascii = (text: string) => new TextEncoder().encode(text);

/** Big-endian, in two or four bytes. */
export function number(value: number, bytes: 2 | 4): Uint8Array {
  const data = new DataView(new ArrayBuffer(bytes));
  if (bytes === 2) data.setUint16(0, value);
  else data.setUint32(0, value);
  return new Uint8Array(data.buffer);
}

// ---- PNG -------------------------------------------------------------------------------------------

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = concat([ascii(type), data]);
  return concat([number(data.length, 4), typed, number(crc32(typed), 4)]);
}

export interface PngOptions {
  width: number;
  height: number;
  /** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha. */
  color: 0 | 2 | 3 | 4 | 6;
  depth?: number;
  interlaced?: boolean;
  palette?: readonly number[];
  transparency?: readonly number[];
  paint: Paint;
}

export function pngHeader(
  { width, height, color, depth = 8, interlaced = false }: Omit<PngOptions, "paint">,
): Uint8Array {
  const flags = Uint8Array.of(depth, color, 0, 0, interlaced ? 1 : 0);
  return chunk("IHDR", concat([number(width, 4), number(height, 4), flags]));
}

/** First column, first row, and steps to the next, of each pass (ISO/IEC 15948, 8.2). */
const ADAM7 = [
  ...[[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4]],
  ...[[0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]],
] as const;

export function png(options: PngOptions): Uint8Array<ArrayBuffer> {
  const { width, height, depth = 8, paint, palette, transparency } = options;
  const passes = options.interlaced ? ADAM7 : [[0, 0, 1, 1]] as const;
  const rows: Uint8Array[] = [];
  for (const [left, top, across, down] of passes) {
    if (left >= width) continue;
    for (let y = top; y < height; y += down) {
      let bits = "";
      for (let x = left; x < width; x += across) {
        for (const sample of paint(x, y)) bits += sample.toString(2).padStart(depth, "0");
      }
      const bytes = bits.match(/.{1,8}/g)!.map((byte) => parseInt(byte.padEnd(8, "0"), 2));
      // No filter.
      rows.push(Uint8Array.of(0, ...bytes));
    }
  }
  return concat([
    PNG_SIGNATURE,
    pngHeader(options),
    ...palette ? [chunk("PLTE", Uint8Array.from(palette))] : [],
    ...transparency ? [chunk("tRNS", Uint8Array.from(transparency))] : [],
    chunk("IDAT", deflateSync(concat(rows))),
    chunk("IEND", new Uint8Array()),
  ]);
}

// ---- GIF -------------------------------------------------------------------------------------------

const short = (value: number) => [value & 0xff, value >> 8];

export interface GifOptions {
  width: number;
  height: number;
  /** Four colours. */
  palette: readonly number[];
  transparent?: number;
  /** The frame's position and size in the picture. All of it by default. */
  frame?: readonly [left: number, top: number, width: number, height: number];
  paint: (x: number, y: number) => number;
}

/** Two bits a pixel. Codes of three bits: the table is cleared before longer ones are needed. */
export function gif(options: GifOptions): Uint8Array<ArrayBuffer> {
  const { width, height, palette, transparent, paint } = options;
  const [left, top, across, down] = options.frame ?? [0, 0, width, height];
  const codes: number[] = [];
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      if ((y * across + x) % 2 === 0) codes.push(4);
      codes.push(paint(x, y));
    }
  }
  codes.push(5);
  const bits = codes.map((code) => code.toString(2).padStart(3, "0")).reverse().join("");
  const padded = bits.padStart(Math.ceil(bits.length / 8) * 8, "0");
  const bytes = padded.match(/.{8}/g)!.reverse().map((byte) => parseInt(byte, 2));
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.slice(at, at + 255);
    blocks.push(block.length, ...block);
  }
  return concat([
    ascii("GIF89a"),
    Uint8Array.of(...short(width), ...short(height), 0x81, 0, 0, ...palette),
    ...transparent === undefined ? [] : [Uint8Array.of(0x21, 0xf9, 4, 1, 0, 0, transparent, 0)],
    Uint8Array.of(0x2c, ...[left, top, across, down].flatMap(short), 0),
    Uint8Array.of(2, ...blocks, 0, 0x3b),
  ]);
}

// ---- JPEG ------------------------------------------------------------------------------------------

export function segment(marker: number, data: Uint8Array | readonly number[]): Uint8Array {
  return concat([
    Uint8Array.of(0xff, marker),
    number(data.length + 2, 2),
    Uint8Array.from(data),
  ]);
}

export function exif(orientation: number, little = false): Uint8Array {
  const data = new DataView(new ArrayBuffer(26));
  data.setUint16(0, little ? 0x4949 : 0x4d4d);
  data.setUint16(2, 42, little);
  data.setUint32(4, 8, little);
  data.setUint16(8, 1, little);
  data.setUint16(10, 0x0112, little);
  data.setUint16(12, 3, little);
  data.setUint32(14, 1, little);
  data.setUint16(18, orientation, little);
  return segment(0xe1, concat([ascii("Exif\0\0"), new Uint8Array(data.buffer)]));
}

export interface JpegOptions {
  /** In blocks of 8 × 8 pixels, each of one colour. */
  columns: number;
  rows: number;
  /** Gray, or Y, Cb and Cr. */
  channels?: 1 | 3;
  progressive?: boolean;
  /** Segments after the first bytes. */
  before?: readonly Uint8Array[];
  /** In blocks; values from 0 to 255. */
  paint: Paint;
}

export function jpegFrame(
  width: number,
  height: number,
  { channels = 1, marker = 0xc0 } = {},
): Uint8Array {
  const parts = Array.from({ length: channels }, (_, i) => [i + 1, 0x11, 0]).flat();
  return segment(marker, [8, ...number(height, 2), ...number(width, 2), channels, ...parts]);
}

/** Twelve codes of four bits for the size of the first coefficient, and one code of one bit for "no others". */
const DC_TABLE = [0x00, 0, 0, 0, 12, ...Array(12).fill(0), ...Array(12).keys()];
const AC_TABLE = [0x10, 1, ...Array(15).fill(0), 0x00];

export function jpeg(options: JpegOptions): Uint8Array<ArrayBuffer> {
  const { columns, rows, channels = 1, progressive = false, paint } = options;
  const ids = Array.from({ length: channels }, (_, i) => i + 1);
  const blocks: (readonly number[])[] = [];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) blocks.push(paint(x, y));

  const last = ids.map(() => 0);
  const firsts = blocks.map((block) =>
    block.map((value, channel) => {
      // With all quantizers 1, the first coefficient is eight times the average.
      const first = 8 * (value - 128);
      const difference = first - last[channel]!;
      last[channel] = first;
      const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
      const bits = difference < 0 ? difference + 2 ** size - 1 : difference;
      const code = size.toString(2).padStart(4, "0");
      return code + (size === 0 ? "" : bits.toString(2).padStart(size, "0"));
    })
  );
  const scan = (scanned: readonly number[], band: readonly number[], bits: string) => {
    const bytes = (bits.match(/.{1,8}/g) ?? []).flatMap((byte) => {
      const value = parseInt(byte.padEnd(8, "1"), 2);
      return value === 0xff ? [value, 0] : [value];
    });
    const head = [scanned.length, ...scanned.flatMap((id) => [id, 0x00]), ...band];
    return concat([segment(0xda, head), Uint8Array.from(bytes)]);
  };
  const scans = progressive
    ? [
      scan(ids, [0, 0, 0], firsts.flat().join("")),
      ...ids.map((id) => scan([id], [1, 63, 0], "0".repeat(blocks.length))),
    ]
    : [scan(ids, [0, 63, 0], firsts.flat().map((bits) => bits + "0").join(""))];
  return concat([
    Uint8Array.of(0xff, 0xd8),
    ...options.before ?? [],
    segment(0xdb, [0, ...Array(64).fill(1)]),
    jpegFrame(8 * columns, 8 * rows, { channels, marker: progressive ? 0xc2 : 0xc0 }),
    segment(0xc4, DC_TABLE),
    segment(0xc4, AC_TABLE),
    ...scans,
    Uint8Array.of(0xff, 0xd9),
  ]);
}
