// Pictures on a real pseudo-terminal: sent by one member, received and looked at by another.

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { Cell } from "../support/cells.ts";
import { chunk, png, PNG_SIGNATURE, pngHeader } from "../support/fake_picture.ts";
import { home } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

// Without a shell there is no terminal.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** A terminal with 24-bit colour. */
function colorTerminal(): Terminal {
  const { NO_COLOR: _, ...env } = home.env;
  return new Terminal({ env: { ...env, COLORTERM: "truecolor" } });
}

/** Colours of the upper and the lower pixel that a cell shows. */
function pixels({ text, ink, ground }: Cell): unknown[] {
  return [text === "▀" ? ink : ground, ground];
}

const hex = (color: readonly number[]) =>
  `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;

onTerminal(
  "chat: shows a received picture on the screen, and one line for a damaged or huge one",
  async () => {
    const size = { width: 6, height: 4, color: 2 } as const;
    // No two pixels have the same colour.
    const paint = (x: number, y: number) => [16 + 40 * x, 16 + 60 * y, 200];
    const cat = png({ ...size, paint });
    // Header and chunk structure are valid, the data is not.
    const damaged = concat([
      ...[PNG_SIGNATURE, pngHeader(size)],
      ...[chunk("IDAT", Uint8Array.of(0x78)), chunk("IEND", new Uint8Array())],
    ]);
    // 60,000 times 60,000 pixels would be 14 GB.
    const bomb = concat([
      ...[PNG_SIGNATURE, pngHeader({ ...size, width: 60_000, height: 60_000 })],
      cat.subarray(33),
    ]);
    const folder = Deno.makeTempDirSync({ dir: home.path });
    for (const [name, bytes] of Object.entries({ bomb, cat, damaged })) {
      Deno.writeFileSync(`${folder}/${name}.png`, bytes);
    }

    await using anna = new Terminal();
    anna.run("serve", "--join", "--port", "0", "--name", "anna");
    await anna.shows("nobody else");
    await using ben = colorTerminal();
    ben.run("join", "--name", "ben", "--downloads", `${folder}/ben`);
    await ben.shows("here: anna");
    await anna.shows("ben joined");
    ben.type("/view\r");
    await ben.shows("Cannot show a picture: you have not received one yet");
    ben.type("\x15");

    /** Sends a picture to ben, who looks at it. */
    const show = async (name: string, bytes: Uint8Array, command: string, shown: string) => {
      anna.type(`/send ${folder}/${name}.png\r`);
      await ben.shows(`${name}.png (`);
      ben.type("/accept\r");
      // A file that follows another one soon is counted as one more.
      const size = `${bytes.length} B`;
      await ben.shows(new RegExp(`received (?:${name}[.]png|1 more file [(]${size}[)]) from anna`));
      ben.type(command);
      await ben.shows(shown);
    };
    const caption = "cat.png: PNG, 6 × 4 pixels";
    await show("cat", cat, "/view 1\r", caption);
    // Where the line breaks depends on how long the path is.
    await ben.shows(/\/view[\s…]+1[\s…]+to[\s…]+show[\s…]+it/);
    const { rows } = ben.screen;
    const at = rows.findIndex((row) => row.map(({ text }) => text).join("").startsWith(caption));
    const shown = rows.slice(at - 2, at).map((row) => row.slice(0, size.width).map(pixels));
    assertEquals(
      shown,
      [0, 2].map((y) =>
        Array.from({ length: size.width }, (_, x) => [hex(paint(x, y)), hex(paint(x, y + 1))])
      ),
    );
    // The background beside it is unchanged.
    assertEquals(rows[at - 1]![size.width]!.ground, undefined);

    await show("damaged", damaged, "/view dam\t\r", "Cannot show damaged.png: it is damaged");
    const large = "Cannot show bomb.png: it has 60000 × 60000 pixels; the limit is 16 megapixels";
    await show("bomb", bomb, "/view\r", large);

    anna.type("nice?\r");
    await ben.shows("anna │ nice?");
    ben.type("very\r");
    await anna.shows("ben │ very");
    ben.type("/quit\r");
    await ben.shows("exit code 0");
    await ben.assertSane();
    Deno.removeSync(folder, { recursive: true });
  },
);
