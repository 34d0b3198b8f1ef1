// A room that is kept gets a new code: `chat serve --state DIR --new-code`, and what its members see of that.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Home, Program, run } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";
import { codeOf, open, type OpenedRoom } from "../support/sealed_program.ts";

// Without a shell the state of the terminal is unknown.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;
const withSignals = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** Stops a server in order, as for an upgrade. */
async function stop({ server }: OpenedRoom): Promise<void> {
  server.signal("SIGTERM");
  assertEquals((await server.result()).code, 0);
}

onTerminal(
  "chat join: when the room has a new code, it asks for that after the screen, and joins again",
  async () => {
    using operator = new Home();
    using home = new Home();
    const args = ["--state", `${operator.path}/room`, "--new-code"];
    let room = await open(operator, args);
    let code = await codeOf(room);
    for (const [columns, rows, ...plain] of [[80, 24], [40, 20], [80, 24, "--plain"]] as const) {
      await using before = room;
      await using terminal = new Terminal({ columns, rows, env: home.env });
      terminal.run("join", before.address, "--name", "ada", ...plain);
      await terminal.shows("Code of the room");
      terminal.type(`${code}\r`);
      await terminal.shows(/you are ada|^here: ada/m);
      await stop(before);
      await terminal.shows("the server has stopped");
      room = await open(operator, [...args, "--port", String(before.port)]);
      await room.server.stderr.lineLike(/^chat: the room has a new code: the old one is not/);
      const old = code;
      code = await codeOf(room);
      assertNotEquals(code, old);
      // What follows the announcement of the new code.
      const rest = () => {
        const text = terminal.history.join("\n");
        return text.slice(text.lastIndexOf("has a new code"));
      };
      await terminal.until("a question", () => /^has.*Code of the room/s.test(rest()));
      terminal.type(`${code}\r`);
      await terminal.until("the room", () => /you are ada|^here: ada/m.test(rest()));
      terminal.type("hello again\r");
      await terminal.shows(/ada(?: │|:) hello again/);
      terminal.type("/quit\r");
      await terminal.shows("exit code 0");
      await terminal.assertSane();
      assert(!terminal.output.includes(code));
    }
    await using _ = room;
  },
);

withSignals(
  "chat serve --state --new-code: members of before get no further with what they have",
  async () => {
    using operator = new Home();
    using home = new Home();
    const state = `${operator.path}/room`;
    const before = await open(operator, ["--state", state]);
    await using _before = before;
    const env = { CHAT_CODE: await codeOf(before) };
    const args = ["join", before.address, "--name", "ada", "--stay"];
    await using ada = new Program(args, { home, env });
    await ada.stderr.lineLike(/^here: /);
    before.server.signal("SIGKILL");
    await before.server.result();
    const after = await open(operator, [
      "--state",
      state,
      "--new-code",
      "--port",
      `${before.port}`,
    ]);
    await using _after = after;
    // Its session ended with the old log, and it does not try the old code.
    const { code, stderr } = await ada.result();
    assertEquals(code, 1);
    assertMatch(stderr, /^chat: error: Cannot rejoin \S+: the room has a new code$/m);
    await stop(after);
    // Later starts keep the new code.
    const later = await open(operator, ["--state", state, "--port", `${before.port}`]);
    await using _later = later;
    const now = { CHAT_CODE: await codeOf(after) };
    assertEquals((await run(["send", later.address, "hello"], { home, env: now })).code, 0);
  },
);
