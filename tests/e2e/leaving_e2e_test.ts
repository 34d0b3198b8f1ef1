// Programs that end: none of them stays in the room as away.

import { assertEquals } from "@std/assert";
import { Program, run } from "../support/program.ts";

// On Windows a signal ends a program at once.
const withSignals = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

type Json = Record<string, unknown>;

withSignals("chat: short sessions leave at once, also after a signal", async () => {
  const { server, address } = await Program.serve("--cipher", "xor", "--key", "198");
  await using _ = server;
  await using ben = await Program.join(address, "ben", "--json", "--stay");
  /** Why the next member leaves, or that it is away. */
  const nextEnd = async () => {
    const line = await ben.stdout.lineLike(/^\{"type":"(?:left|away)"/);
    const { type, name, reason }: Json = JSON.parse(line);
    return [name, type, reason];
  };
  assertEquals((await run(["send", address, "--name", "one", "hi"])).code, 0);
  assertEquals(await nextEnd(), ["one", "left", "left"]);
  const piped = await run(["join", address, "--name", "two", "--plain"], { input: "hi\n" });
  assertEquals(piped.code, 0);
  assertEquals(await nextEnd(), ["two", "left", "left"]);
  for (const [i, signal] of (["SIGINT", "SIGTERM"] as const).entries()) {
    await using piped = await Program.join(address, `pipe${i}`, "--plain");
    piped.signal(signal);
    assertEquals((await piped.result()).code, 0);
    assertEquals(await nextEnd(), [`pipe${i}`, "left", "left"]);
    await using sender = new Program([
      ...["send", address, "--name", `file${i}`, "--file", "deno.json", "--to", "ben"],
    ]);
    await sender.stderr.lineLike(/you offer/);
    sender.signal(signal);
    await sender.result();
    assertEquals(await nextEnd(), [`file${i}`, "left", "left"]);
  }
});
