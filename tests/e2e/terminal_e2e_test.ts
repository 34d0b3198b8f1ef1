// The program on a real pseudo-terminal, seen through a terminal emulator.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Home, home, Program, run } from "../support/program.ts";
import { ClosingWindow } from "../support/closing_window.ts";
import { HOSTILE } from "../support/hard_text.ts";
import { TestRoom } from "../support/loopback.ts";
import { Terminal } from "../support/pty.ts";
import { palette } from "../../ui/theme.ts";

// Without a shell and `stty` the state of the terminal is unknown.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** Opens a room with its first member in a terminal; it is sealed by default. */
async function serveAndJoin(
  name: string,
  ...args: string[]
): Promise<{ terminal: Terminal; address: string }> {
  const terminal = new Terminal();
  terminal.run("serve", "--join", "--port", "0", "--name", name, ...args);
  await terminal.shows("nobody else is here");
  const [, address] = /you are \S+, in the room at (\S+);/.exec(terminal.rows.join("\n"))!;
  return { terminal, address: address! };
}

/** Joins a room; without an address, the one that was opened last. chat finds the code. */
async function join(
  address: string | undefined,
  name: string,
  columns = 80,
  ...args: string[]
): Promise<Terminal> {
  const terminal = new Terminal({ columns });
  terminal.run("join", ...address === undefined ? [] : [address], "--name", name, ...args);
  await terminal.shows(`you are ${name}`);
  await terminal.shows("> ");
  return terminal;
}

/** The messages, without times. */
function talk(terminal: Terminal): string[] {
  return terminal.rows.flatMap((row) => {
    const [, name, text] = /^(?:\d\d:\d\d)? +(anna|ben) │ (.*)$/.exec(row) ?? [];
    return name === undefined ? [] : `${name}: ${text}`;
  });
}

for (
  const [args, cipher, protection] of [
    [[], "sealed", "sealed"],
    [["--cipher", "xor"], "xor", "xor: not secret"],
  ] as const
) {
  const by = args.length === 0 ? "by default" : args.join(" ");
  onTerminal(
    `chat: two terminals show the same example conversation, ${cipher} ${by}`,
    async () => {
      const { terminal: anna, address } = await serveAndJoin("anna", ...args);
      await using _ = anna;
      // Without an address, and without a code.
      await using ben = await join(undefined, "ben");
      await anna.shows("ben joined");
      const conversation = [
        "anna: So it starts!",
        "ben: Right?",
        "anna: Yep!",
        "ben: Here we go!",
      ];
      for (const line of conversation) {
        const [name, text] = line.split(": ");
        (name === "anna" ? anna : ben).type(`${text}\r`);
        // Without the mark of an unconfirmed message.
        const said = `${name} │ ${text!.replaceAll("?", "[?]")}`;
        for (const screen of [anna, ben]) {
          await screen.shows(new RegExp(`^(?:\\d\\d:\\d\\d)? +${said}`, "m"));
        }
      }
      for (const screen of [anna, ben]) assertEquals(talk(screen), conversation);
      // The status line: address, protection and members.
      for (const screen of [anna, ben]) {
        await screen.shows(address);
        await screen.shows(` · ${protection} · 2 members · connected`);
      }
      ben.type("/quit\r");
      await ben.shows("exit code 0");
      await ben.assertSane();
      await anna.shows("ben left");
      anna.type("/quit\r");
      await anna.shows("exit code 0");
      await anna.assertSane();
    },
  );
}

onTerminal("chat join: Ctrl-C, Ctrl-D and signals leave a clean terminal", async () => {
  const { server, address } = await Program.serve();
  await using _ = server;
  for (const [key, code] of [["\x03", 0], ["\x04", 0]] as const) {
    await using terminal = await join(address, "anna");
    terminal.type(key);
    await terminal.shows(`exit code ${code}`);
    assertEquals(terminal.rows.filter((row) => row.startsWith(">")), []);
    await terminal.assertSane();
  }
  for (const [signal, code] of [["SIGTERM", 0], ["SIGINT", 0], ["SIGHUP", 129]] as const) {
    await using terminal = await join(address, "anna");
    terminal.signal(signal);
    await terminal.shows(`exit code ${code}`);
    await terminal.assertSane();
  }
  await using terminal = await join(address, "anna");
  // Ctrl-C with text in the line only clears the line.
  terminal.type("a line\x03");
  await terminal.shows("Ctrl-C again to leave");
  terminal.type("another");
  await terminal.shows("> another");
});

onTerminal(
  "chat join: Ctrl-Z and SIGSTOP suspend it; fg takes the terminal again, and keeps the line",
  async () => {
    const { server, address } = await Program.serve();
    await using _ = server;
    await using ben = await Program.join(address, "ben", "--json");
    await using anna = await join(address, "anna");
    anna.type("half a th");
    await anna.shows("> half a th");
    anna.type("\x1a");
    // Shells go on with the next command.
    await anna.shows(/exit code 1\d\d/);
    assertEquals(anna.rows.filter((row) => row.startsWith(">")), []);
    assertEquals(anna.modes, { paste: false, focus: false });
    await anna.assertSane();
    await say(ben, "meanwhile");
    anna.type("fg\r");
    await anna.shows("ben │ meanwhile");
    await anna.shows("> half a th");
    assertEquals(anna.modes, { paste: true, focus: true });
    anna.type("ou");
    await anna.shows(/^> half a thou$/m);
    // From outside: nothing is given back, so the shell does it.
    anna.signal("SIGSTOP");
    await anna.shows("Stopped");
    // The terminal is in raw mode, where Enter does not end a line.
    anna.type("stty sane; printf '\\033[?2004l\\033[?1004l'; clear\n");
    await anna.until("the modes of the shell", () => !anna.modes.paste && !anna.modes.focus);
    await anna.assertSane();
    anna.type("fg\r");
    await anna.shows("> half a thou");
    assertEquals(anna.modes, { paste: true, focus: true });
    anna.type("ght\r");
    await ben.stdout.lineLike(/"half a thought"/);
    anna.type("/quit\r");
    await ben.stdout.lineLike(/^{"type":"left".*"reason":"left"/);
    await anna.shows(/\n\$ *$/);
    await anna.assertSane();
  },
);

onTerminal(
  "chat join: Ctrl-Z does not suspend what `deno task` has started, because the task would not stop with it",
  async () => {
    await using room = new TestRoom();
    await using terminal = new Terminal();
    terminal.type("export INIT_CWD=/\r");
    terminal.run("join", `127.0.0.1:${room.port}`, "--name", "anna");
    await terminal.shows("you are anna");
    terminal.type("draft\x1a");
    await terminal.shows("Cannot suspend a program that `deno task` or npm has started");
    terminal.type("ed\r");
    await terminal.shows("anna │ drafted");
    terminal.type("/quit\r");
    await terminal.shows("exit code 0");
  },
);

onTerminal("chat join: a window that is closed ends it with 129, and it says goodbye", async () => {
  const { server, address } = await Program.serve();
  await using _ = server;
  await using ben = await Program.join(address, "ben", "--json");
  for (const [args, pattern] of [[[], /you are anna/], [["--plain"], /here: /]] as const) {
    const window = new ClosingWindow(["join", address, "--name", "anna", ...args]);
    await window.shows(pattern);
    assertEquals(await window.close(), 129);
    assertStringIncludes(await ben.stdout.lineLike(/^{"type":"left"/), '"reason":"left"');
  }
  using stranger = new Home();
  const window = new ClosingWindow(["join", address, "--name", "anna"], stranger);
  await window.shows(/Code of the room/);
  assertEquals(await window.close(), 129);
});

onTerminal(
  "chat serve --join: a window that is closed ends the room in order, with 129",
  async () => {
    const window = new ClosingWindow(["serve", "--join", "--port", "0", "--name", "anna"]);
    const [, address] = await window.shows(/you are anna, in the room at (\S+);/);
    await using ben = await Program.join(address, "ben", "--json");
    assertEquals(await window.close(), 129);
    await ben.stdout.lineLike(/^{"type":"ended".*the server has closed the room for good/);
  },
);

onTerminal(
  "chat join: a paste of many lines is one message, with wide characters and emoji intact",
  async () => {
    const { terminal: anna, address } = await serveAndJoin("anna");
    await using _ = anna;
    await using ben = await join(address, "ben");
    ben.type("\x1b[200~first 日本語\nsecond 👨‍👩‍👧\nthird\x1b[201~");
    await ben.shows("third");
    ben.type("\r");
    await anna.shows(/ben │ first 日本語\n +│ second .*\n +│ third/);
    assert(!anna.rows.join("\n").includes("ben │ second"));
  },
);

onTerminal(
  "chat join: the line editor works at 20 columns",
  async () => {
    const { terminal: anna, address } = await serveAndJoin("anna");
    await using _ = anna;
    await using ben = new Terminal({ columns: 20 });
    ben.run("join", address, "--name", "ben");
    await ben.shows("sealed");
    await ben.shows("> ");
    ben.type("one 👨‍👩‍👧x\x7f\\\r");
    ben.type("two mistaken\x1f\x17three\r");
    await anna.shows(/ben │ one .*\n +│ three$/m);
    ben.type("other words\r");
    await anna.shows("│ other words");
    ben.type("\x12thr");
    await ben.shows("search: thr");
    ben.type("\x01four \r");
    await anna.shows(/│ one .*\n +│ four three$/m);
    ben.type("kept\x15said \x19\r");
    await anna.shows("│ said kept");
    ben.type("\x1b[200~a\rb\x1b[201~");
    await ben.shows("pasted 2 lines");
    ben.type("\x03\x03");
    await ben.shows("exit code 0");
    await ben.assertSane();
  },
);

onTerminal(
  "chat serve --join: one message of 261,900 newlines ends no screen, and not the room",
  async () => {
    const { terminal: anna, address } = await serveAndJoin("anna");
    await using _ = anna;
    await using ben = await join(address, "ben");
    await anna.shows("ben joined");
    // An empty message would be refused.
    const input = `.${"\n".repeat(261_900)}.`;
    const sent = await run(["send", address, "--name", "eve"], { input });
    assertEquals([sent.code, sent.stderr], [0, ""]);
    for (const terminal of [anna, ben]) {
      await terminal.shows(/│ … 2617\d\d more lines \(\/show\)$/m);
      terminal.type("/show\r");
      await terminal.shows(/│ … 2615\d\d more lines \(\/show\)$/m);
    }
    ben.type("still here\r");
    await anna.shows("ben │ still here");
  },
);

onTerminal("chat join: incoming messages leave the typed line intact", async () => {
  const { terminal: anna, address } = await serveAndJoin("anna");
  await using _ = anna;
  await using ben = await join(address, "ben");
  ben.type("half a th");
  await ben.shows("> half a th");
  anna.type("hello\r");
  await ben.shows("anna │ hello");
  ben.type("ought\r");
  await anna.shows("ben │ half a thought");
});

onTerminal(
  "chat join: a window that is dragged keeps each message once, and no old live rows",
  async () => {
    const { server, address } = await Program.serve();
    await using _ = server;
    await using anna = await join(address, "anna");
    await using ben = await Program.join(address, "ben", "--json");
    const count = 30;
    for (let n = 1; n <= count; n++) await say(ben, `message ${n} of many, in some more words`);
    await anna.shows(`message ${count} `);
    const draft = "typed ".repeat(18);
    anna.type(draft);
    await anna.shows(/2 members[^]*> typed/);
    const erasures = () => anna.output.split("\x1b[K\x1b[C\x1b[J").length;
    // Each step is as small as the part of a row that the live area leaves free.
    const widths = [77, 73, 69, 65, 61, 57, 53, 50, 54, 58, 62, 66, 70, 74, 78, 80];
    for (const columns of widths) {
      const before = erasures();
      anna.resize(columns, 24);
      await anna.until(`the change to ${columns} columns`, () => erasures() > before);
      if (columns !== 50) continue;
      await say(ben, "said in the middle");
      await anna.shows("said in the middle");
    }
    anna.type("end");
    await anna.shows(/2 members[^]*> typed[^]*end/);
    const rows = anna.history.join("\n");
    for (let n = 1; n <= count; n++) {
      assertEquals(rows.match(new RegExp(`message ${n} `, "g"))?.length, 1, rows);
    }
    assertEquals(rows.match(/said in/g)?.length, 1, rows);
    assertEquals(rows.match(/2 members/g)?.length, 1, rows);
    const live = anna.rows.slice(anna.rows.findIndex((row) => row.includes("2 members")) + 1);
    assertEquals(live.map((row) => row.slice(2)).join(""), `${draft}end`);
    assertEquals(rows.match(/> typed/g)?.length, 1, rows);
  },
);

onTerminal("chat join: the same conversation reads well at 20, 80 and 200 columns", async () => {
  const { terminal: anna, address } = await serveAndJoin("anna");
  await using _ = anna;
  await using narrow = await join(address, "ben", 20);
  await using wide = await join(address, "carl", 200);
  const words = "some words that are too many for a row of twenty columns";
  await using eve = await Program.join(address, "eve", "--json");
  // Three members who join one after another share a row.
  await anna.shows("ben, carl and eve joined");
  const text = `hi *anna*\n${words}\n\x1b[2J\u202eben joined`;
  await eve.type(`${JSON.stringify({ type: "say", text })}\n`);
  await eve.type(`${JSON.stringify({ type: "say", text: "bye" })}\n`);
  await anna.shows(
    /eve │ hi \*anna\*\n +│ some .*columns\n +│ ␛\[2J\\u\{202e\}ben joined\n(?:\d\d:\d\d)? +│ bye/,
  );
  await wide.shows(/eve │ hi \*anna\*\n +│ some .* columns\n/);
  // If the minute has changed, the name is on a separate row.
  await narrow.shows(/eve:\s+hi \*anna\*\n +some words that(?: are)?\n/);
});

/** Sends messages as a program does. */
async function say(program: Program, ...texts: string[]): Promise<void> {
  for (const text of texts) await program.type(`${JSON.stringify({ type: "say", text })}\n`);
}

onTerminal("chat join: shows control characters of others, and does not obey them", async () => {
  const { terminal: anna, address } = await serveAndJoin("anna");
  await using _ = anna;
  await using ben = await Program.join(address, "ben", "--json");
  await say(ben, "\x1b[2J\x1b]0;title\x07 gone?");
  await anna.shows("ben │ ␛[2J␛]0;title␇ gone?");
  assertStringIncludes(anna.rows.join("\n"), "nobody else is here");
});

onTerminal(
  "chat join: no control, sequence, bidi control or megabyte of marks damages a screen of 20, 80 or 200 columns",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    await using narrow = await join(address, "anna", 20);
    await using middle = await join(address, "ben", 80);
    await using wide = await join(address, "carl", 200);
    await using eve = await Program.join(address, "eve", "--json");
    const screens = [narrow, middle, wide];
    for (const screen of screens) screen.effects = [];
    await say(eve, ...HOSTILE, "said all");
    for (const screen of screens) {
      await screen.shows("said all");
      assertEquals(screen.effects, []);
      const rows = screen.history.join("\n");
      // Nothing was erased, and no active character is left.
      assertStringIncludes(rows, "you are");
      assertStringIncludes(rows, "␛[2J");
      assertMatch(rows, /\\u\{202e\}/);
      assert(!/[\p{Bidi_Control}\u2028\u2029\ufeff]/u.test(rows));
    }
    // Two bytes each: five messages.
    const marks = "\u0301".repeat(104_858);
    await say(eve, ...Array.from({ length: 5 }, () => marks), "and unharmed");
    for (const screen of screens) {
      await screen.shows("unharmed");
      assertEquals(screen.effects, []);
      screen.type("still here");
      await screen.shows(/^> still here$/m);
    }
  },
);

onTerminal(
  "chat join: shows all of 2,000 messages at once, and reacts to keys meanwhile",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor", "--rate", "0");
    await using _ = server;
    await using anna = await join(address, "anna");
    await using eve = await Program.join(address, "eve", "--json");
    const texts = Array.from({ length: 2000 }, (_, i) => `number ${i}.`);
    const said = say(eve, ...texts);
    await anna.shows("number ");
    anna.type("typed");
    await anna.shows("> typed");
    await said;
    await anna.shows("number 1999.");
    const numbers = anna.history.flatMap((row) => /│ number (\d+)\.$/.exec(row)?.[1] ?? []);
    assertEquals(numbers.map(Number), texts.map((_, i) => i));
  },
);

onTerminal(
  "chat join: in the background, mentions ring and messages count as unread; --quiet is silent",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    // The program shows what it has got by its exit code.
    const config = `${home.path}/background.toml`;
    const script = 'read -r line; test "$line" = "eve: @anna, @ben!" && exit 77';
    Deno.writeTextFileSync(config, `notify-command = ["sh", "-c", '${script}']`);
    await using anna = await join(address, "anna", 80, "--config", config);
    await using ben = await join(address, "ben", 80, "--quiet");
    await using eve = await Program.join(address, "eve", "--json");
    const screens = [anna, ben];
    for (const screen of screens) {
      // The terminal reports that its window lost the focus. The key shows that the program has read it.
      screen.type("\x1b[Ox");
      await screen.shows(/^> x$/m);
      screen.type("\x7f\x1b[O");
      await screen.shows(/^>\s*$/m);
      screen.effects = [];
    }
    await say(eve, "nobody in particular", "@anna, @ben!");
    for (const screen of screens) {
      await screen.shows("connected · 2 unread");
      await screen.shows("@anna, @ben!");
    }
    assertEquals(anna.effects, ["bell"]);
    assertEquals(ben.effects, []);
    await anna.shows(/── new since you left the window/);
    await anna.shows("notify-command failed: it ended with exit code 77");
    await anna.until("the title", () => anna.title === `(2) chat: ${address}`);
    anna.type("\x1b[I");
    await anna.shows(/connected$/m);
    anna.type("/quit\n");
    // This terminal saves no title.
    await anna.until("no title", () => anna.title === "");
  },
);

onTerminal("chat join --plain: prints only lines, and redraws nothing", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using anna = new Terminal({ columns: 20 });
  anna.run("join", address, "--name", "anna", "--plain");
  await anna.shows("here: ");
  const before = anna.output.length;
  await using eve = await Program.join(address, "eve", "--json");
  await say(eve, ...HOSTILE, "*said* all");
  await anna.shows("eve: *said* all");
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(anna.output.slice(before).replaceAll("\r\n", "\n")));
  assertEquals(anna.history.includes("eve joined"), true);
});

onTerminal(
  "chat join --plain: messages do not run into the line that is typed, and Ctrl-Z suspends",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    await using eve = await Program.join(address, "eve", "--json");
    await using anna = new Terminal();
    anna.run("join", address, "--name", "anna", "--plain");
    await anna.shows("here: ");
    anna.type("half a th");
    await anna.shows(/^half a th$/m);
    await say(eve, "one");
    await anna.shows(/^half a th\neve: one\nhalf a th$/m);
    anna.type("x\x7fought\r");
    await anna.shows(/^half a thought\nanna: half a thought$/m);
    anna.type("more\x1a");
    await anna.shows("Stopped");
    await anna.assertSane();
    anna.type("fg\r");
    await anna.shows(/^more$/m);
    anna.type(" to say\r");
    await anna.shows("anna: more to say");
    anna.type("\x03");
    await anna.shows(/\^C\n\$ *$/);
    await anna.assertSane();
  },
);

onTerminal(
  "chat join: the theme comes from the option, else the config file, until /theme changes it",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    const file = `${home.path}/dark.toml`;
    await Deno.writeTextFile(file, 'theme = "dark"\ntime = "off"\n');
    const names = (theme: "dark" | "light") => palette(theme).names;
    await using anna = await join(address, "anna", 80, "--config", file);
    await using ben = await join(address, "ben", 80, "--config", file, "--theme", "light");
    await using eve = await Program.join(address, "eve", "--json");
    await say(eve, "one");
    await anna.shows(/^ +eve │ one$/m);
    await ben.shows(/^ +eve │ one$/m);
    const colored = anna.colorOf("eve │ one") !== undefined;
    if (colored) {
      assert(names("dark").includes(anna.colorOf("eve │ one")!));
      assert(names("light").includes(ben.colorOf("eve │ one")!));
    }
    anna.type("/theme light\r");
    await anna.shows("theme: light");
    ben.type("/theme mono\r/time short\r");
    await ben.shows("times: short");
    await say(eve, "two");
    await anna.shows("eve │ two");
    await ben.shows(/^\d\d:\d\d +eve │ two$/m);
    if (colored) assert(names("light").includes(anna.colorOf("eve │ two")!));
    assertEquals(ben.colorOf("eve │ two"), undefined);
  },
);

onTerminal("chat join: reports the end of the server, and keeps what was typed", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using terminal = await join(address, "anna");
  terminal.type("unsent");
  await terminal.shows("> unsent");
  server.signal("SIGTERM");
  await terminal.shows("the server has stopped; what you type is sent");
  await terminal.shows("> unsent");
  terminal.type("\r");
  await terminal.shows("anna │ unsent");
  terminal.type("/quit\r");
  await terminal.shows("not confirmed: unsent");
  await terminal.shows("exit code 0");
  await terminal.assertSane();
});
