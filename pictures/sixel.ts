// A picture as sixels (DEC STD 070, 9.3.3; VT340): six rows of pixels at once, with a layer for each of at most 256
// colours. Pure: pixels in, an escape sequence out. Knows no terminal.

import type { Pixels } from "./pixels.ts";

/** Rows of pixels that are drawn at once. Some terminals draw the last six even if the picture has fewer. */
export const SIXEL_ROWS = 6;
/** Colours that terminals have for sixels. */
const MAX_COLORS = 256;
/** Bits of red, green and blue by which colours are grouped. */
const BITS = 5;
/** Sixel has no half-transparent pixels: one with less alpha is left out. */
const OPAQUE = 0x80;

// P2 = 1: pixels in no layer stay as they are.
const BEGIN = "\x1bP0;1;0q";
const END = "\x1b\\";

/** Similar colours, and how often they occur. */
interface Bin {
  readonly place: number;
  count: number;
  /** Sums of red, green and blue over all pixels. */
  readonly sums: [number, number, number];
}

/** The complete sequence. A pixel that is more than half transparent shows the background. */
export function sixelPicture(pixels: Pixels): string {
  const { width, height } = pixels;
  const bins = binsOf(pixels);
  const colors = cutAtMedians([...bins.values()]);
  /** The number of each bin's colour. */
  const numbers = new Int16Array(1 << (3 * BITS)).fill(-1);
  let text = `${BEGIN}"1;1;${width};${height}`;
  colors.forEach((color, i) => {
    for (const { place } of color) numbers[place] = i;
    text += `#${i};2;${average(color).map(percent).join(";")}`;
  });
  for (let y = 0; y < height; y += SIXEL_ROWS) {
    text += (y === 0 ? "" : "-") + band(pixels, y, numbers);
  }
  return text + END;
}

function placeOf(data: Uint8Array, at: number): number {
  const drop = 8 - BITS;
  return (data[at]! >> drop) << (2 * BITS) | (data[at + 1]! >> drop) << BITS |
    data[at + 2]! >> drop;
}

function binsOf({ data }: Pixels): Map<number, Bin> {
  const bins = new Map<number, Bin>();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3]! < OPAQUE) continue;
    const place = placeOf(data, at);
    let bin = bins.get(place);
    if (!bin) bins.set(place, bin = { place, count: 0, sums: [0, 0, 0] });
    bin.count++;
    for (let part = 0; part < 3; part++) bin.sums[part]! += data[at + part]!;
  }
  return bins;
}

const partOf = ({ place }: Bin, part: number) => place >> (BITS * (2 - part)) & ((1 << BITS) - 1);

/**
 * Median cut (Heckbert, "Color Image Quantization for Frame Buffer Display", 1982): repeatedly cuts the group with the
 * largest differences and the most pixels into two halves with about equal numbers of pixels.
 */
function cutAtMedians(bins: readonly Bin[]): Bin[][] {
  if (bins.length === 0) return [];
  const groups = [measured([...bins])];
  while (groups.length < MAX_COLORS) {
    let widest = groups[0]!;
    for (const group of groups) if (group.weight > widest.weight) widest = group;
    if (widest.weight === 0) break;
    const { bins, part } = widest;
    bins.sort((a, b) => partOf(a, part) - partOf(b, part));
    const half = bins.reduce((sum, { count }) => sum + count, 0) / 2;
    let at = 1;
    for (let sum = bins[0]!.count; at < bins.length - 1 && sum < half; at++) sum += bins[at]!.count;
    groups[groups.indexOf(widest)] = measured(bins.slice(0, at));
    groups.push(measured(bins.slice(at)));
  }
  return groups.map(({ bins }) => bins);
}

interface Group {
  readonly bins: Bin[];
  /** The part of the colour with the largest differences: 0 red, 1 green, 2 blue. */
  readonly part: number;
  /** The group with the largest weight is cut first. 0 if it cannot be cut. */
  readonly weight: number;
}

function measured(bins: Bin[]): Group {
  const ranges = [0, 1, 2].map((part) => {
    let [min, max] = [Infinity, -Infinity];
    for (const bin of bins) {
      const value = partOf(bin, part);
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    return max - min;
  });
  const range = ranges.reduce((most, one) => Math.max(most, one));
  const count = bins.reduce((sum, bin) => sum + bin.count, 0);
  return { bins, part: ranges.indexOf(range), weight: range * Math.sqrt(count) };
}

function average(bins: readonly Bin[]): number[] {
  const count = bins.reduce((sum, bin) => sum + bin.count, 0);
  return [0, 1, 2].map((part) => bins.reduce((sum, { sums }) => sum + sums[part]!, 0) / count);
}

const percent = (value: number) => Math.round(value / 255 * 100);

/** Six rows from `y` on. Each colour starts again at the left. */
function band({ width, height, data }: Pixels, y: number, numbers: Int16Array): string {
  const layers = new Map<number, Uint8Array>();
  for (let row = 0; row < SIXEL_ROWS && y + row < height; row++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * ((y + row) * width + x);
      if (data[at + 3]! < OPAQUE) continue;
      const number = numbers[placeOf(data, at)]!;
      let layer = layers.get(number);
      if (!layer) layers.set(number, layer = new Uint8Array(width));
      layer[x]! |= 1 << row;
    }
  }
  return Array.from(layers, ([number, layer]) => `#${number}${runs(layer)}`).join("$");
}

/** One character for six pixels, `!` and a number for a run of the same. Empty columns at the end are left out. */
function runs(layer: Uint8Array): string {
  let text = "";
  let end = layer.length;
  while (end > 0 && layer[end - 1] === 0) end--;
  for (let at = 0; at < end;) {
    let next = at + 1;
    while (next < end && layer[next] === layer[at]) next++;
    const character = String.fromCharCode(0x3f + layer[at]!);
    const count = next - at;
    text += count > 3 ? `!${count}${character}` : character.repeat(count);
    at = next;
  }
  return text;
}
