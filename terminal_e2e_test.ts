// The program on a real pseudo-terminal, looked at through a terminal emulator.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as pty from "@lydell/node-pty";
import xterm from "@xterm/headless";
import { Program, start } from "./e2e.ts";
import { within } from "./loopback.ts";

// Without a shell and its `stty` there is nothing to ask about the terminal's state.
const onTerminal = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** A shell's terminal, in which the program runs like any other. */
class Terminal implements AsyncDisposable {
  readonly #emulator: xterm.Terminal;
  readonly #pty: pty.IPty;
  readonly #exit: Promise<void>;
  #news = Promise.withResolvers<void>();

  constructor(columns = 80, rows = 24) {
    this.#emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#pty = pty.spawn("sh", [], {
      cols: columns,
      rows,
      cwd: import.meta.dirname!,
      env: { ...Deno.env.toObject(), PS1: "$ ", TERM: "xterm-256color", NO_COLOR: "1" },
    });
    this.#pty.onData((data) =>
      this.#emulator.write(data, () => {
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      })
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pty.onExit(() => resolve());
    this.#exit = promise;
  }

  /** Starts the program; `$?` is printed when it has ended. */
  run(...args: string[]): void {
    const words = [start.path, ...start.args, ...args].map((word) => `'${word}'`);
    // In two pieces, so that the command itself does not look like what it prints.
    const printed = (what: string) => `echo "${what[0]}""${what.slice(1)}"`;
    const program = `sh -c '${printed("pid $$")}; exec "$@"' sh ${words.join(" ")}`;
    this.type(`clear; ${program}; ${printed("exit code $?")}\r`);
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Sends a signal to the program that was started last. */
  signal(signal: Deno.Signal): void {
    const [, pid] = /^pid (\d+)$/m.exec(this.rows.join("\n"))!;
    Deno.kill(Number(pid), signal);
  }

  /** The screen's rows from top to bottom, empty ones left out. */
  get rows(): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: this.#emulator.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
    ).filter((row) => row !== "");
  }

  /** Resolves when the screen shows this. */
  async shows(text: string | RegExp): Promise<void> {
    const pattern = typeof text === "string" ? undefined : text;
    const seen = () => {
      const screen = this.rows.join("\n");
      return pattern ? pattern.test(screen) : screen.includes(text as string);
    };
    while (!seen()) {
      const { promise } = this.#news;
      await within(`${text} on the screen:\n${this.rows.join("\n")}`, promise);
    }
  }

  /** Whether lines are edited and shown by the terminal itself, as a shell expects it. */
  async assertSane(): Promise<void> {
    this.type("clear; stty -a | tr ' ' '\\n' | grep -E '^-?(echo|icanon|isig);?$' | tr -d ';'\r");
    await this.shows(/isig[^]*\n\$ *$/);
    const flags = this.rows.slice(-4).filter((row) => /^-?(echo|icanon|isig)$/.test(row)).sort();
    assertEquals(flags, ["echo", "icanon", "isig"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pty.kill("SIGKILL");
    await this.#exit;
    // The emulator works on what came in a timer of its own.
    await new Promise<void>((resolve) => this.#emulator.write("", resolve));
    this.#emulator.dispose();
  }
}

/** Opens a room with its first member in a terminal. */
async function serveAndJoin(name: string): Promise<{ terminal: Terminal; address: string }> {
  const terminal = new Terminal();
  terminal.run("serve", "--join", "--port", "0", "--name", name);
  await terminal.shows("nobody else is here");
  const [, address] = /you are \S+ in (\S+);/.exec(terminal.rows.join("\n"))!;
  return { terminal, address: address! };
}

async function join(address: string, name: string): Promise<Terminal> {
  const terminal = new Terminal();
  terminal.run("join", address, "--name", name);
  await terminal.shows(`you are ${name}`);
  await terminal.shows("> ");
  return terminal;
}

/** What was said and done, without times. */
function talk(terminal: Terminal): string[] {
  return terminal.rows.map((row) => row.replace(/^\d\d:\d\d /, ""))
    .filter((row) => /^(anna|ben): /.test(row));
}

onTerminal(
  "chat in two terminals: the original's conversation, the same on both screens",
  async () => {
    const { terminal: anna, address } = await serveAndJoin("anna");
    await using _ = anna;
    await using ben = await join(address, "ben");
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
      // With its time: confirmed by the room.
      for (const screen of [anna, ben]) {
        await screen.shows(new RegExp(`^\\d\\d:\\d\\d ${line.replaceAll("?", "[?]")}`, "m"));
      }
    }
    for (const screen of [anna, ben]) assertEquals(talk(screen), conversation);
    // The live area: who is here, and what protects the room.
    await ben.shows("2 members");
    assertStringIncludes(ben.rows.join("\n"), address);
    ben.type("/quit\r");
    await ben.shows("exit code 0");
    await ben.assertSane();
    await anna.shows("ben left");
    anna.type("/quit\r");
    await anna.shows("exit code 0");
    await anna.assertSane();
  },
);

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
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    await using terminal = await join(address, "anna");
    terminal.signal(signal);
    await terminal.shows("exit code 0");
    await terminal.assertSane();
  }
  await using terminal = await join(address, "anna");
  // Ctrl-C with a text takes the text only.
  terminal.type("a line\x03");
  await terminal.shows("Ctrl-C again to leave");
  terminal.type("another");
  await terminal.shows("> another");
});

onTerminal(
  "chat join: a paste of many lines is one message, wide characters and emoji stay whole",
  async () => {
    const { terminal: anna, address } = await serveAndJoin("anna");
    await using _ = anna;
    await using ben = await join(address, "ben");
    ben.type("\x1b[200~first 日本語\nsecond 👨‍👩‍👧\nthird\x1b[201~");
    await ben.shows("third");
    ben.type("\r");
    await anna.shows(/ben: first 日本語\n +second .*\n +third/);
    assert(!anna.rows.join("\n").includes("ben: second"));
  },
);

onTerminal("chat join: what is typed survives what arrives meanwhile", async () => {
  const { terminal: anna, address } = await serveAndJoin("anna");
  await using _ = anna;
  await using ben = await join(address, "ben");
  ben.type("half a th");
  await ben.shows("> half a th");
  anna.type("hello\r");
  await ben.shows("anna: hello");
  ben.type("ought\r");
  await anna.shows("ben: half a thought");
});

onTerminal("chat join: controls of others are shown, not obeyed", async () => {
  const { terminal: anna, address } = await serveAndJoin("anna");
  await using _ = anna;
  await using ben = await Program.join(address, "ben", "--json");
  await ben.type(`${JSON.stringify({ type: "say", text: "\x1b[2J\x1b]0;title\x07 gone?" })}\n`);
  await anna.shows("ben: ␛[2J␛]0;title␇ gone?");
  assertStringIncludes(anna.rows.join("\n"), "nobody else is here");
});

onTerminal("chat join: the server's end is told, and what was typed is not lost", async () => {
  const { server, address } = await Program.serve();
  await using _ = server;
  await using terminal = await join(address, "anna");
  terminal.type("unsent");
  await terminal.shows("> unsent");
  server.signal("SIGTERM");
  await terminal.shows("its server has stopped");
  await terminal.shows("not sent: unsent");
  await terminal.shows("exit code 1");
  await terminal.assertSane();
});
