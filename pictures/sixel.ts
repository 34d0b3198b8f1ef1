// A picture as sixels (DEC STD 070, 9.3.3; VT340): six rows of pixels at once, a layer for each of at most 256
// colours. Pure.

import type { Pixels } from "./pixels.ts";

/** Rows of pixels that are drawn at once: the last ones too, on some terminals. */
export const SIXEL_ROWS = 6;
/** Colours that terminals have for it. */
const MAX_COLORS = 256;
/** Bits of each part of a colour that colours are told apart by while they are put together. */
const BITS = 5;
/** Sixel knows no half transparent pixels. */
const OPAQUE = 0x80;

// P2 = 1: what is drawn by no layer stays as it is.
const BEGIN = "\x1bP0;1;0q";
const END = "\x1b\\";

/** Colours that are near to each other, and how often they occur. */
interface Bin {
  readonly place: number;
  count: number;
  /** Of all pixels: red, green, blue. */
  readonly sums: [number, number, number];
}

/** The whole sequence; a pixel that is more than half transparent lets the ground be seen. */
export function sixelPicture(pixels: Pixels): string {
  const { width, height } = pixels;
  const bins = binsOf(pixels);
  const colors = cutAtMedians([...bins.values()]);
  /** Of each bin, the number of its colour. */
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
 * Median cut (Heckbert, "Color Image Quantization for Frame Buffer Display", 1982): the group that differs most
 * for most pixels is cut in two halves of about as many pixels, again and again.
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
  /** The part of the colour in which it differs most: 0 red, 1 green, 2 blue. */
  readonly part: number;
  /** How much it asks for being cut; 0 where it can't be. */
  readonly weight: number;
}

function measured(bins: Bin[]): Group {
  const ranges = [0, 1, 2].map((part) => {
    let [least, most] = [Infinity, -Infinity];
    for (const bin of bins) {
      const value = partOf(bin, part);
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    return most - least;
  });
  const range = Math.max(...ranges);
  const count = bins.reduce((sum, bin) => sum + bin.count, 0);
  return { bins, part: ranges.indexOf(range), weight: range * Math.sqrt(count) };
}

function average(bins: readonly Bin[]): number[] {
  const count = bins.reduce((sum, bin) => sum + bin.count, 0);
  return [0, 1, 2].map((part) => bins.reduce((sum, { sums }) => sum + sums[part]!, 0) / count);
}

const percent = (value: number) => Math.round(value / 255 * 100);

/** Six rows from `y` on: each colour in them from the left again. */
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

/** A character for six pixels; `!` and a number for many of the same. Nothing at the end is left out. */
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
