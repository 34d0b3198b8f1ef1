// A picture as rows of text: each character shows two pixels, one above the other, in the colours of its two halves.
// Every terminal with colours can show it. Pure: pixels in, text out. Knows no terminal.

import type { Pixels, Size } from "./pixels.ts";

/** The colours of a terminal: 24 bits, or xterm's 256, of which those from 16 on are used. */
export type Colors = "true" | "256";

/** The size in pixels of a picture that fills these columns and rows. */
export function blockPixels(columns: number, rows: number): Size {
  return { width: columns, height: 2 * rows };
}

const UPPER_HALF = "▀";
const LOWER_HALF = "▄";
const PLAIN = "\x1b[0m";
/** A pixel with less alpha shows the background. */
const OPAQUE = 0x80;

/**
 * `pixels` as rows of text. Each row resets its colours at its end, and each pixel takes one column. The background's
 * colour is unknown: a pixel that is more than half transparent shows it, any other covers it.
 */
export function blockRows(pixels: Pixels, colors: Colors): string[] {
  const rows: string[] = [];
  for (let y = 0; y < pixels.height; y += 2) rows.push(blockRow(pixels, y, colors));
  return rows;
}

function blockRow(pixels: Pixels, y: number, colors: Colors): string {
  let text = "";
  /** The current colours of the character and of its background. "" is the terminal's default. */
  let front = "";
  let back = "";
  for (let x = 0; x < pixels.width; x++) {
    const upper = colorAt(pixels, x, y, colors);
    const lower = colorAt(pixels, x, y + 1, colors);
    // A half that shows the background must not be the character's half.
    const isLower = upper === "" && lower !== "";
    const [nextFront, nextBack] = isLower ? [lower, upper] : [upper, lower];
    const isSame = upper === lower;
    const sgr: string[] = [];
    if (!isSame && nextFront !== front) {
      sgr.push(`38;${nextFront}`);
      front = nextFront;
    }
    if (nextBack !== back) {
      sgr.push(nextBack === "" ? "49" : `48;${nextBack}`);
      back = nextBack;
    }
    if (sgr.length > 0) text += `\x1b[${sgr.join(";")}m`;
    text += isSame ? " " : isLower ? LOWER_HALF : UPPER_HALF;
  }
  return front === "" && back === "" ? text : text + PLAIN;
}

/** The parameters after 38 or 48 (ECMA-48, 8.3.117, in xterm's form). "" shows the background. */
function colorAt({ width, height, data }: Pixels, x: number, y: number, colors: Colors): string {
  if (y >= height) return "";
  const at = 4 * (y * width + x);
  const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(at, at + 4);
  if (alpha < OPAQUE) return "";
  return colors === "true" ? `2;${red};${green};${blue}` : `5;${nearest(red, green, blue)}`;
}

/** The six levels of xterm's colour cube. */
const STEPS = [0, 95, 135, 175, 215, 255] as const;
const CUBE = 16;
const GRAYS = 232;

/** The nearest of xterm's colours: in the cube, or one of the 24 grays (8, 18, … 238). */
export function nearest(red: number, green: number, blue: number): number {
  const parts = [red, green, blue] as const;
  const steps = parts.map(step);
  const gray = Math.max(0, Math.min(23, Math.round(((red + green + blue) / 3 - 8) / 10)));
  const light = 8 + 10 * gray;
  const inCube = distance(parts, steps.map((n) => STEPS[n]!));
  if (distance(parts, [light, light, light]) < inCube) return GRAYS + gray;
  return CUBE + steps.reduce((sum, n) => 6 * sum + n, 0);
}

function step(part: number): number {
  // The thresholds are half-way between two levels. The first step is the widest.
  return part < 48 ? 0 : part < 115 ? 1 : Math.min(5, Math.floor((part - 35) / 40));
}

function distance(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, part, i) => sum + (part - other[i]!) ** 2, 0);
}
