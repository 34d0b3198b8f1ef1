import { dirname } from "node:path";
import { assertEquals, assertMatch } from "@std/assert";
import { configPath, findPlaces } from "../../cli/home.ts";
import { Home, home, Program, run } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

/** Writes the config file of the user of this test file. */
function writeConfig(text: string): void {
  const path = configPath(findPlaces(Deno.build.os, (name) => home.env[name]));
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

Deno.test("chat join NAME, chat send --room NAME, chat rooms: use the rooms of the config file", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  writeConfig(
    `# Mine.\n[rooms.work]\naddress = "${address}"\nname = "wanda"\n\n` +
      '[rooms.home]\naddress = "192.0.2.1"\n',
  );
  const { stdout } = await run(["rooms"]);
  assertEquals(stdout, `work  ${address}  (open here)\nhome  192.0.2.1:2428\n`);
  await using member = new Program(["join", "work", "--stay"]);
  await member.stderr.lineLike(/^joined .* as wanda$/);
  await member.stderr.lineLike(/^here: /);
  assertEquals(
    (await run(["send", "--room", "work", "done"], { env: { CHAT_NAME: "eve" } })).code,
    0,
  );
  await member.stdout.lineLike(/^wanda.*: done$/);
  const env = { CHAT_ROOM: "work" };
  assertEquals((await run(["send", "--name", "bob", "again"], { env })).code, 0);
  await member.stdout.lineLike(/^bob: again$/);
  writeConfig('\n[rooms.work]\naddress = "a b"\n');
  const { code, stderr } = await run(["join", "work"]);
  assertEquals(code, 1);
  assertMatch(stderr, /config\.toml, line 3: in \[rooms\.work\], address is "a b"; use HOST or/);
});

Deno.test({
  name:
    "chat join: asks on a terminal which room, at 80 and at 40 columns, and joins that on the screen",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    writeConfig(
      `[rooms.work]\naddress = "${address}"\nname = "wanda"\n[rooms.home]\naddress = "192.0.2.1"\n`,
    );
    for (const [columns, rows] of [[80, 24], [40, 20]] as const) {
      await using terminal = new Terminal({ columns, rows });
      terminal.run("join");
      await terminal.shows("Number or name:");
      assertEquals(terminal.rows.slice(-4), [
        "Which room?",
        ` 1  work  ${address}  (open here)`,
        " 2  home  192.0.2.1:2428",
        "Number or name: ",
      ]);
      // The terminal edits the line.
      terminal.type("7\r");
      await terminal.shows('No room "7" in this list');
      terminal.type("homx\x7f\x7f\x7f\x7fwork\r");
      await terminal.shows(/wanda/);
      terminal.type("/quit\r");
      await terminal.shows("exit code 0");
      await terminal.assertSane();
      terminal.run("join");
      await terminal.shows("Number or name:");
      terminal.type("\x04");
      await terminal.shows("exit code 1");
      await terminal.shows("error: Cannot continue");
    }
  },
});

Deno.test({
  name:
    "/remember NAME: adds the room and its code to the config file, on a screen and with --plain; then chat join NAME needs no code",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using host = new Home();
    await using server = new Program(["serve", "--port", "0"], { home: host });
    const [, address] = await server.stdout.match(/^listening (\S+)$/m);
    const [, code] = await server.stdout.match(/^code (.+)$/m);
    writeConfig('# Mine.\nname = "wanda"\n');
    const config = configPath(findPlaces(Deno.build.os, (name) => home.env[name]));
    await using terminal = new Terminal({ columns: 40, rows: 20 });
    terminal.run("join", address!);
    await terminal.shows("Code of the room");
    terminal.type(`${code}\r`);
    await terminal.shows("1 member");
    terminal.type("/remember a b\r");
    await terminal.shows('Cannot remember this room as "a b"');
    terminal.type("\x15/remember work\r");
    await terminal.shows("remembered: chat join work");
    terminal.type("/quit\r");
    await terminal.shows("exit code 0");
    const added = Deno.readTextFileSync(config);
    assertMatch(
      added,
      /^# Mine\.\nname = "wanda"\n\n\[rooms\.work\]\naddress = "[\d.:]+"\ncode-file = ".*code-work"\n$/,
    );
    terminal.run("join", "work", "--plain");
    await terminal.shows("as wanda");
    terminal.type("/remember other\r");
    await terminal.shows("remembered: chat join other");
    terminal.type("/remember work\r");
    await terminal.shows("already remembered");
    terminal.type("/quit\r");
    await terminal.shows("exit code 0");
    assertEquals((await run(["send", "--room", "other", "hi"])).code, 0);
    assertEquals(Deno.readTextFileSync(config).startsWith(added), true);
  },
});
