// The host of a room leaves it, in a real terminal: `chat serve --join`.

import { assertEquals } from "@std/assert";
import { Guest } from "../support/loopback.ts";
import { home } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

// Without a shell the state of the terminal is unknown.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** A host in a terminal, with a guest inside. */
async function host(
  { columns = 80, rows = 24, env = home.env } = {},
  ...args: string[]
): Promise<{ terminal: Terminal; ben: Guest }> {
  const terminal = new Terminal({ columns, rows, env });
  terminal.run("serve", "--join", "--port", "0", "--name", "anna", "--cipher", "xor", ...args);
  await terminal.shows(/in the room at|^here: anna/m);
  const [, port] = /127\.0\.0\.1:(\d+)/.exec(terminal.output)!;
  const ben = await Guest.join({ port: Number(port) }, "ben");
  await terminal.shows("ben joined");
  return { terminal, ben };
}

onTerminal(
  "serve --join: on a screen, the host is asked once before the room closes for others",
  async () => {
    const { terminal, ben } = await host();
    await using _terminal = terminal;
    await using _ben = ben;
    terminal.type("\x03");
    await terminal.shows("Leaving closes the room for 1 other; Ctrl-C again to close it");
    // Anything else cancels it.
    terminal.type("hello\r");
    await ben.next("message", ({ text }) => text === "hello");
    await terminal.until("no question", () => !terminal.rows.join("\n").includes("Leaving"));
    terminal.type("/quit\r");
    await terminal.shows("Leaving closes the room for 1 other; /quit again to close it");
    terminal.type("/quit\r");
    assertEquals((await ben.next("ended")).ending.reason, "stopped");
    await terminal.shows("exit code 0");
    await terminal.assertSane();
  },
);

onTerminal("serve --join: at 40 by 20, the question fits; alone, nobody is asked", async () => {
  const { terminal, ben } = await host({ columns: 40, rows: 20 });
  await using _terminal = terminal;
  await using _ben = ben;
  terminal.type("\x04");
  await terminal.shows("Ctrl-D again closes it for 1 other");
  ben.client.leave();
  await terminal.shows("ben joined and left");
  await terminal.shows(/^Ctrl-D again to leave$/m);
  terminal.type("x\x15");
  await terminal.until("no question", () => !terminal.rows.join("\n").includes("again"));
  terminal.type("\x04");
  await terminal.shows("exit code 0");
});

onTerminal("serve --join --state: the question says that the room is paused", async () => {
  const state = `${home.path}/paused`;
  const { terminal, ben } = await host({}, "--state", state);
  await using _terminal = terminal;
  await using _ben = ben;
  terminal.type("\x03");
  await terminal.shows("Leaving pauses the room for 1 other; Ctrl-C again to leave");
  terminal.type("\x03");
  await terminal.shows("exit code 0");
});

onTerminal(
  "serve --join --plain: Ctrl-C, Ctrl-D and /quit ask once, in a line of their own",
  async () => {
    for (const [keys, action] of [["\x03", "Ctrl-C"], ["\x04", "Ctrl-D"], ["/quit\r", "/quit"]]) {
      const { terminal, ben } = await host({ columns: 100 }, "--plain");
      await using _terminal = terminal;
      await using _ben = ben;
      const question =
        `You host this room; leaving closes it for 1 other. ${action} again to close it`;
      terminal.type(keys!);
      await terminal.shows(question);
      terminal.type("hello\r");
      await ben.next("message", ({ text }) => text === "hello");
      terminal.type(keys!);
      const asked = () => terminal.rows.filter((row) => row === question).length;
      await terminal.until("the question again", () => asked() === 2);
      terminal.type(keys!);
      assertEquals((await ben.next("ended")).ending.reason, "stopped");
      await terminal.shows("exit code 0");
      await terminal.assertSane();
    }
  },
);

onTerminal(
  "serve --join: SIGTERM and a closed window close the room without a question",
  async () => {
    for (const [signal, code] of [["SIGTERM", 0], ["SIGHUP", 129]] as const) {
      const { terminal, ben } = await host();
      await using _terminal = terminal;
      await using _ben = ben;
      terminal.type("\x03");
      await terminal.shows("Ctrl-C again to close it");
      terminal.signal(signal);
      assertEquals((await ben.next("ended")).ending.reason, "stopped");
      await terminal.shows(`exit code ${code}`);
      await terminal.assertSane();
    }
  },
);
