// Colours: a palette for each theme, and the colour of each name. Pure; knows no terminal. It uses xterm's 256
// colours from 16 on, because users redefine the first 16.

import type { Theme } from "./preferences.ts";
import { bareName } from "../room.ts";

/**
 * The SGR parameters (ECMA-48, 8.3.117) for each role, without `CSI` and `m`; empty: like the text around it. The
 * contrast (WCAG 2.2) of each colour is at least 3 to 1 with black, #1e1e1e, white and #f5f5f5 in `auto`, and at
 * least 4.5 to 1 with the two backgrounds of its kind in `dark` and `light`.
 */
export interface Palette {
  /** Colours of names; none in `mono`. Pure red is left for errors. */
  readonly names: readonly number[];
  /** Everything but messages: notices, times, bars. */
  readonly dim: string;
  readonly error: string;
  /** The user's own name in others' messages. */
  readonly mention: string;
  readonly code: string;
  readonly link: string;
  /** Added to the colour of the user's own name. */
  readonly own: string;
  /** The mark of direct messages. */
  readonly direct: string;
  /** The heading and the bar of an announcement: more than any message has. */
  readonly announcement: string;
  readonly bold: string;
  readonly italic: string;
}

const color = (n: number) => `38;5;${n}`;

const PALETTES: Readonly<Record<Theme, Palette>> = {
  auto: {
    names: [166, 130, 136, 100, 64, 28, 29, 30, 31, 33, 68, 63, 99, 134, 164, 162],
    dim: color(244),
    error: color(160),
    mention: `1;7;${color(130)}`,
    code: color(66),
    link: `4;${color(32)}`,
    own: "1",
    direct: `1;${color(133)}`,
    announcement: `1;7;${color(130)}`,
    bold: "1",
    italic: "3",
  },
  dark: {
    names: [208, 214, 178, 142, 106, 76, 78, 79, 44, 39, 75, 111, 141, 177, 207, 205],
    dim: color(247),
    error: color(203),
    mention: `1;7;${color(214)}`,
    code: color(152),
    link: `4;${color(75)}`,
    own: "1",
    direct: `1;${color(213)}`,
    announcement: `1;7;${color(214)}`,
    bold: "1",
    italic: "3",
  },
  light: {
    names: [94, 58, 22, 23, 24, 25, 27, 57, 62, 55, 93, 128, 127, 90, 125, 162],
    dim: color(241),
    error: color(160),
    mention: `1;7;${color(94)}`,
    code: color(60),
    link: `4;${color(26)}`,
    own: "1",
    direct: `1;${color(90)}`,
    announcement: `1;7;${color(94)}`,
    bold: "1",
    italic: "3",
  },
  // Only bold, underline and reverse, which every terminal has; also used if NO_COLOR is set.
  mono: {
    names: [],
    dim: "",
    error: "1",
    mention: "1;7",
    code: "",
    link: "4",
    own: "1",
    direct: "1",
    announcement: "1;7",
    bold: "1",
    italic: "4",
  },
};

export function palette(theme: Theme): Palette {
  return PALETTES[theme];
}

/** `text`, which has no control characters, in one style or several, which end with it. */
export function paint(text: string, style: string | readonly string[]): string {
  const sgr = [style].flat().filter((style) => style !== "").join(";");
  return sgr === "" || text === "" ? text : `\x1b[${sgr}m${text}\x1b[0m`;
}

/** The colour of a name: the same in every room, and for all members of that name. */
export function nameStyle({ names }: Palette, name: string): string {
  return names.length === 0 ? "1" : color(names[hash(name) % names.length]!);
}

/** FNV-1a: names that differ in one letter get different colours. */
function hash(name: string): number {
  let sum = 0x811c9dc5;
  for (const c of bareName(name)) {
    sum = Math.imul(sum ^ c.codePointAt(0)!, 0x01000193);
  }
  return sum >>> 0;
}

// ---- the terminal's background -------------------------------------------------------------------

/** Asks the terminal for its background colour (xterm, OSC 11); terminals without it do not answer. */
export const BACKGROUND_QUERY = "\x1b]11;?\x1b\\";

/** A colour; each part from 0 to 255. */
export interface Color {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** The theme for this background: the one whose text has more contrast. */
export function themeFor(background: Color): "dark" | "light" {
  const light = luminance(background);
  return contrast(light, 1) >= contrast(light, 0) ? "dark" : "light";
}

/** Relative luminance, from 0 to 1 (WCAG 2.2). */
export function luminance({ red, green, blue }: Color): number {
  const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) => {
    const c = part / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast of two relative luminances, from 1 to 21 (WCAG 2.2). */
export function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
