// Commands on a real pseudo-terminal: their effect on files, and between two members.

import { assertEquals, assertMatch } from "@std/assert";
import { home } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

// Without a shell there is no terminal.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** The program in a terminal, in the room. */
async function enter(shown: string, ...args: string[]): Promise<Terminal> {
  const terminal = new Terminal();
  terminal.run(...args);
  await terminal.shows(shown);
  return terminal;
}

/** A room that is opened in a terminal, by its first member. */
function open(name: string): Promise<Terminal> {
  return enter("nobody else", "serve", "--join", "--port", "0", "--name", name);
}

onTerminal(
  "chat: a screen answers a direct message, sends emoji by name, and saves the conversation",
  async () => {
    await using anna = await open("anna");
    await using ben = await enter("here: anna", "join", "--name", "ben");
    await anna.shows("ben joined");
    ben.type("/msg anna psst\r");
    await anna.shows("psst");
    anna.type("/reply at ten\r");
    await ben.shows("at ten");
    // With Tab, and by its complete name.
    anna.type("hello :tad\t :rocket:\r");
    await ben.shows("anna │ hello 🎉 🚀");
    await anna.shows("anna │ hello 🎉 🚀");
    anna.type("/save ~/our talk.txt\r");
    await anna.shows(/saved \d+ lines in \S*\/our talk\.txt/);
    const path = `${home.path}/our talk.txt`;
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    const text = Deno.readTextFileSync(path).replace(/^[\dT:+-]{25} /gm, "");
    assertMatch(text, /^# the room at 127\.0\.0\.1:\d+, saved /);
    const lines = text.split("\n");
    const said = lines.filter((line) => line !== "" && !/^(?:#|-- joined|-- here)/.test(line));
    assertEquals(said, [
      "-- ben joined",
      "(direct) ben: psst",
      "(direct) anna (you) → ben: at ten",
      "anna (you): hello 🎉 🚀",
    ]);
    // Tab finds the file, and /save never overwrites it.
    anna.type("/save ~/our\t\r");
    await anna.shows("chat never overwrites a file");
    assertEquals(Deno.readTextFileSync(path).replace(/^[\dT:+-]{25} /gm, ""), text);
    anna.type("\x15/quit\r");
    await anna.shows("/quit again to close it");
    anna.type("/quit\r");
    await anna.shows("exit code 0");
    Deno.removeSync(path);
  },
);

onTerminal(
  "chat join --plain: runs commands, hides ignored members, and a wrong command is not a failure",
  async () => {
    await using anna = await open("anna");
    await using ben = await enter("here: anna", "join", "--name", "ben", "--plain");
    await anna.shows("ben joined");
    ben.type("/ignore anna\n");
    await ben.shows("ignoring anna; /unignore anna to stop");
    anna.type("ignored one\r");
    // Once it is in the log, ben receives it before his own next message.
    await anna.shows(/^[ \d:]*anna │ ignored one/m);
    ben.type("after it\n");
    await ben.shows("ben: after it");
    ben.type("/unignore anna\n");
    await ben.shows("no longer ignoring anna");
    anna.type("shown again\r");
    await ben.shows("anna: shown again");
    assertEquals(ben.rows.some((row) => row.includes("ignored one")), false);
    ben.type("/clear\n");
    await ben.shows("Cannot run /clear: it needs the full screen");
    ben.type("/save ~/plain.txt\n");
    await ben.shows(/saved \d+ lines in/);
    ben.type("/quit\n");
    await ben.shows("exit code 0");
    const text = Deno.readTextFileSync(`${home.path}/plain.txt`);
    assertMatch(text, / anna: shown again$/m);
    assertEquals(text.includes("ignored one"), false);
    Deno.removeSync(`${home.path}/plain.txt`);
  },
);

onTerminal("chat serve --join: /invite shows the host how others join, and the code", async () => {
  await using anna = await open("anna");
  anna.type("/invite\r");
  await anna.shows(/others join with: chat join 127\.0\.0\.1:\d+/);
  await anna.shows("only this machine can reach it; for others: chat serve --host 0.0.0.0");
  await anna.shows(/code: [a-z]+ [a-z]+ [a-z]+ [a-z]+/);
  anna.type("/quit\r");
  await anna.shows("exit code 0");
});

onTerminal("chat join: a search finds what an earlier session has logged", async () => {
  await using anna = await open("anna");
  const path = `${home.path}/talk.log`;
  {
    await using ben = await enter("here: anna", "join", "--name", "ben");
    ben.type("/log ~/talk.log\r");
    await ben.shows(/logging to \S*\/talk\.log; \/log off to stop/);
    ben.type("the Deploy is at ten\r");
    await anna.shows("ben │ the Deploy is at ten");
    await ben.shows("ben │ the Deploy is at ten");
    ben.type("/quit\r");
    await ben.shows("exit code 0");
  }
  await using ben = await enter("here: anna", "join", "--name", "ben");
  ben.type("/search deploy\r");
  await ben.shows('no hits for "deploy" since you joined');
  ben.type("/log ~/talk.log\r");
  await ben.shows("/log off to stop");
  ben.type("/search deploy\r");
  await ben.shows(/\d\d:\d\d {2}ben \(you\): the Deploy is at ten/);
  await ben.shows("no more hits");
  ben.type("/quit\r");
  await ben.shows("exit code 0");
  for (const file of [path, `${path}.lock`]) Deno.removeSync(file);
});
