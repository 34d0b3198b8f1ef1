// A moderator and a member of a sealed room, in real terminals.

import { assertStringIncludes } from "@std/assert";
import { Home, home } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

// Without a shell the state of the terminal is unknown.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

const CHAT_CODE = "correct horse battery staple";

onTerminal(
  "serve --join: the host silences a member, announces and removes it, whose program ends with 1 and the reason",
  async () => {
    using guest = new Home();
    await using host = new Terminal({ columns: 80, rows: 24, env: { ...home.env, CHAT_CODE } });
    host.run("serve", "--join", "--port", "0", "--name", "ada");
    await host.shows("in the room at");
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(host.output)!;
    await using member = new Terminal({
      ...{ columns: 40, rows: 20, env: { ...guest.env, CHAT_CODE } },
    });
    member.run("join", `127.0.0.1:${port}`, "--name", "bob");
    await host.shows("bob joined");
    host.type("/who\r");
    await host.shows("2 here: ada (you) (moderator), bob");
    host.type("/silence bob caps\r");
    await host.shows('you silenced bob: "caps"');
    await member.shows("· silenced");
    member.type("hello\r");
    await member.shows("Cannot send this: you are silenced");
    host.type("/announce Lunch is at noon\r");
    await member.shows(/^ ANNOUNCEMENT by ada\s*\n┃ Lunch is at noon$/m);
    host.type("/kick bob spam\r");
    await host.shows('you removed bob from the room: "spam"');
    await member.shows("exit code 1");
    const rows = member.rows.join("\n");
    assertStringIncludes(rows, 'ada removed you from the room: "spam"');
    await member.assertSane();
    host.type("/quit\r");
    await host.shows("exit code 0");
  },
);
