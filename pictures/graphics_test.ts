import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import xterm from "@xterm/headless";
import type { Environment } from "../terminal/environment.ts";
import {
  colorsOf,
  GRAPHICS_ID,
  graphicsOf,
  graphicsQuery,
  iterm2Picture,
  kittyPicture,
  placed,
  type TerminalAnswers,
} from "./graphics.ts";
import fc from "../tests/support/property.ts";

const CELL = { width: 8, height: 16 };
const SIXEL: TerminalAnswers = { attributes: [62, 4, 22], cell: CELL };
const KITTY: TerminalAnswers = { kitty: true, attributes: [62, 4, 22], cell: CELL };

Deno.test("graphicsOf: from the environment, otherwise from the terminal's answers", () => {
  const cases: [Environment, TerminalAnswers, string][] = [
    [{}, {}, "none"],
    [{ TERM: "xterm-256color" }, {}, "none"],
    [{ TERM: "xterm-256color" }, SIXEL, "sixel"],
    [{ TERM: "xterm-256color" }, KITTY, "kitty"],
    [{ TERM: "xterm-256color" }, { kitty: false, attributes: [62, 22] }, "none"],
    // A level of 4 is not an attribute. Without the size of a character, the rows are unknown.
    [{ TERM: "xterm-256color" }, { attributes: [4], cell: CELL }, "none"],
    [{ TERM: "xterm-256color" }, { attributes: [62, 4] }, "none"],
    [{ TERM: "xterm-kitty" }, {}, "kitty"],
    [{ TERM: "xterm-ghostty" }, {}, "kitty"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "ghostty" }, {}, "kitty"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" }, SIXEL, "iterm2"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" }, KITTY, "iterm2"],
    [{ TERM: "xterm-256color", LC_TERMINAL: "iTerm2" }, {}, "iterm2"],
    [{ TERM: "tmux-256color", LC_TERMINAL: "iTerm2" }, KITTY, "none"],
    [{ TERM: "screen-256color" }, SIXEL, "none"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "tmux" }, KITTY, "none"],
  ];
  for (const [environment, answers, graphics] of cases) {
    assertEquals(
      graphicsOf(environment, answers),
      graphics,
      JSON.stringify([environment, answers]),
    );
  }
});

Deno.test("graphicsQuery: empty if the terminal might print it, or if the answer would change nothing", () => {
  const silent: Environment[] = [
    {},
    { TERM: "dumb" },
    { TERM: "linux" },
    { TERM: "tmux-256color" },
    { TERM: "screen" },
    { TERM: "xterm-256color", TERM_PROGRAM: "Apple_Terminal" },
  ];
  for (const environment of silent) assertEquals(graphicsQuery(environment), "");
  const query = graphicsQuery({ TERM: "xterm-256color" });
  assert(query.startsWith(`\x1b_Gi=${GRAPHICS_ID},`) && query.endsWith("\x1b[c"));
  assertEquals(graphicsQuery({ WT_SESSION: "1" }), query);
});

Deno.test("colorsOf: 24 bits if the environment shows it", () => {
  const cases: [Environment, string][] = [
    [{}, "256"],
    [{ TERM: "xterm-256color" }, "256"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "Apple_Terminal" }, "256"],
    [{ COLORTERM: "truecolor" }, "true"],
    [{ COLORTERM: "24bit" }, "true"],
    [{ COLORTERM: "yes" }, "256"],
    [{ WT_SESSION: "1" }, "true"],
    [{ VTE_VERSION: "7600" }, "true"],
    [{ VTE_VERSION: "3409" }, "256"],
    [{ TERM: "foot" }, "true"],
    [{ TERM: "xterm-direct" }, "true"],
    [{ TERM_PROGRAM: "vscode" }, "true"],
  ];
  for (const [environment, colors] of cases) assertEquals(colorsOf(environment), colors);
});

const fromBase64 = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

Deno.test("kittyPicture: pieces of at most 4096 characters, and only the first has options", () => {
  const sizes = fc.constantFrom(0, 1, 2, 3, 3071, 3072, 3073, 6144, 6145, 20_000);
  fc.assert(fc.property(sizes, fc.nat(255), (size, start) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i + start);
    const text = kittyPicture(bytes, 7);
    // deno-lint-ignore no-control-regex
    const pieces = [...text.matchAll(/\x1b_G([^;]*);([^\x1b]*)\x1b\\/g)];
    assertEquals(pieces.map(([piece]) => piece).join(""), text);
    pieces.forEach(([, keys = "", data = ""], i) => {
      const more = i < pieces.length - 1 ? 1 : 0;
      assertEquals(keys, `${i === 0 ? "a=T,f=100,q=2,C=1,r=7," : ""}m=${more}`);
      assertLessOrEqual(data.length, 4096);
      // All but the last are a multiple of 4, without padding.
      if (more) assert(data.length % 4 === 0 && !data.includes("="));
    });
    assertEquals(fromBase64(pieces.map(([, , data]) => data).join("")), bytes);
  }));
});

Deno.test("iterm2Picture: one sequence with the size", () => {
  for (const size of [0, 1, 12_287, 12_288, 12_289, 40_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i);
    const [, keys, data = ""] =
      // deno-lint-ignore no-control-regex
      /^\x1b\]1337;File=([^:]*):([\w+/=]*)\x07$/.exec(iterm2Picture(bytes, 9, 4))!;
    assertEquals(keys, `inline=1;size=${size};width=9;height=4;preserveAspectRatio=1`);
    assertEquals(fromBase64(data), bytes);
  }
});

Deno.test("placed: takes its rows and one, from any row of the screen", async () => {
  const rows = 3;
  for (let before = 0; before < 12; before++) {
    const terminal = new xterm.Terminal({ cols: 20, rows: 8, allowProposedApi: true });
    const write = (text: string) => new Promise<void>((done) => terminal.write(text, done));
    for (let i = 0; i < before; i++) await write(`before ${i}\r\n`);
    // This text stands for the picture: it shows where it is drawn, and moves the cursor like some terminals.
    await write(placed("PICTURE\r\n\r\n\r\nx", rows, "caption") + "\r\nafter");
    const { active } = terminal.buffer;
    const lines = Array.from(
      { length: active.length },
      (_, i) => active.getLine(i)!.translateToString(true),
    );
    while (lines.at(-1) === "") lines.pop();
    const said = Array.from({ length: before }, (_, i) => `before ${i}`);
    assertEquals(lines.slice(0, before), said);
    assertEquals(lines[before], "PICTURE");
    assertEquals(lines.slice(before + rows), ["caption", "after"].map((line) => line));
    terminal.dispose();
  }
});
