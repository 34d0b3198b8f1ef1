import { assertEquals, assertMatch } from "@std/assert";
import { runCommand } from "./run_command.ts";

/** A program that does something with `input`, its stdin, and `path`. */
function program(path: string, script: string): string[] {
  const code = `const path = Deno.args[0];` +
    `const input = await new Response(Deno.stdin.readable).text(); ${script}`;
  const file = `${path}.js`;
  Deno.writeTextFileSync(file, code);
  return [Deno.execPath(), "run", "--quiet", "--no-config", "--allow-all", file, path];
}

Deno.test("runCommand: gives the text to the program as its stdin, and neither a shell nor the code", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/$(echo x); y`;
    const script = `Deno.writeTextFileSync(path, input + Deno.env.get("CHAT_CODE"))`;
    assertEquals(await runCommand(program(path, script), "bob: $(hi)\n", 60_000), undefined);
    assertEquals(Deno.readTextFileSync(path), "bob: $(hi)\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("runCommand: says why the program has failed", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    assertEquals(
      await runCommand(program(`${folder}/a`, "Deno.exit(3)"), "x", 60_000),
      "it ended with exit code 3",
    );
    assertMatch((await runCommand([`${folder}/none`], "x"))!, /^it cannot be started: ./);
    // It reads nothing, and does not end.
    const endless = `${folder}/endless.js`;
    Deno.writeTextFileSync(endless, "setInterval(() => {}, 1000)");
    assertEquals(
      await runCommand([Deno.execPath(), "run", "--no-config", endless], "x", 1),
      "it did not end within 0.001 seconds",
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
