import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type Color, contrast, luminance, nameStyle, paint, palette, themeFor } from "./theme.ts";
import { type Theme, THEMES } from "./preferences.ts";

/** The colours 16 to 255 of xterm: a cube, and a ramp of greys. */
function xterm(n: number): Color {
  assert(n >= 16 && n <= 255, `${n} is the user's to choose`);
  const levels = [0, 95, 135, 175, 215, 255];
  const level = (i: number) => levels[i % 6]!;
  if (n >= 232) {
    const grey = 8 + 10 * (n - 232);
    return { red: grey, green: grey, blue: grey };
  }
  const i = n - 16;
  return { red: level(Math.floor(i / 36)), green: level(Math.floor(i / 6)), blue: level(i) };
}

const grey = (part: number): Color => ({ red: part, green: part, blue: part });
const DARK = [grey(0), grey(0x1e)];
const LIGHT = [grey(255), grey(0xf5)];

/** Every colour of a theme, of names and of roles. */
function colors(theme: Theme): number[] {
  const { names, ...roles } = palette(theme);
  const used = Object.values(roles).flatMap((sgr) => {
    const [, n] = /38;5;(\d+)/.exec(sgr) ?? [];
    return n === undefined ? [] : [Number(n)];
  });
  return [...names, ...used];
}

Deno.test("palette: every colour is legible on the backgrounds of its theme", () => {
  const backgrounds: Record<Theme, [background: Color[], least: number]> = {
    auto: [[...DARK, ...LIGHT], 3],
    dark: [DARK, 4.5],
    light: [LIGHT, 4.5],
    mono: [[], 0],
  };
  for (const theme of THEMES) {
    const [fitting, least] = backgrounds[theme];
    assertEquals(colors(theme).length, theme === "mono" ? 0 : 23);
    for (const color of colors(theme)) {
      for (const background of fitting) {
        const found = contrast(luminance(xterm(color)), luminance(background));
        assertGreaterOrEqual(found, least, `${theme}: ${color} on ${background.red}`);
      }
    }
  }
});

Deno.test("luminance, contrast: the values of WCAG", () => {
  assertEquals(luminance(grey(0)), 0);
  assertEquals(luminance(grey(255)), 1);
  assertEquals(contrast(1, 0), 21);
  // #767676 is the lightest grey with a contrast of 4.5 to 1 on white.
  assert(contrast(luminance(grey(0x76)), 1) >= 4.5);
  assert(contrast(luminance(grey(0x77)), 1) < 4.5);
});

Deno.test("palette: mono has only bold, underline and reverse", () => {
  const { names, ...roles } = palette("mono");
  assertEquals(names, []);
  for (const sgr of Object.values(roles)) assert(/^(?:[147](?:;[147])*)?$/.test(sgr), sgr);
});

Deno.test("nameStyle: the same for the same name, with or without marks; uses all of a palette", () => {
  for (const theme of ["auto", "dark", "light"] as const) {
    const colors = palette(theme);
    const style = (name: string) => nameStyle(colors, name);
    assertEquals(style("alice"), style("alice"));
    assertEquals(style("alice#7"), style("alice"));
    assertEquals(style("alice(!)"), style("alice"));
    assertEquals(style("alice#7(!)"), style("alice"));
    const used = new Set(Array.from({ length: 1000 }, (_, i) => style(`member${i}`)));
    assertEquals(used.size, colors.names.length);
    assertEquals(new Set(colors.names).size, 16);
  }
  assertEquals(nameStyle(palette("mono"), "alice"), "1");
});

Deno.test("paint: resets styles at the end; leaves unstyled text as it is", () => {
  assertEquals(paint("a", ["1", "", "38;5;33"]), "\x1b[1;38;5;33ma\x1b[0m");
  assertEquals(paint("a", ""), "a");
  assertEquals(paint("a", []), "a");
  assertEquals(paint("", "1"), "");
});

Deno.test("themeFor: chooses by the contrast with black and white", () => {
  const cases: [Color, "dark" | "light"][] = [
    [grey(0), "dark"],
    [grey(0x1e), "dark"],
    [grey(0x75), "dark"],
    [grey(0x76), "light"],
    [grey(255), "light"],
    // Solarized, both.
    [{ red: 0, green: 0x2b, blue: 0x36 }, "dark"],
    [{ red: 0xfd, green: 0xf6, blue: 0xe3 }, "light"],
    [{ red: 0, green: 0, blue: 255 }, "dark"],
    [{ red: 255, green: 255, blue: 0 }, "light"],
  ];
  for (const [background, theme] of cases) assertEquals(themeFor(background), theme);
});
