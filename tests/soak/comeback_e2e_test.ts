// The program when its connection breaks: servers that are killed and restarted, and machines that sleep.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Home, Program } from "../support/program.ts";
import { drawFault, type FaultOptions, FaultProxy } from "../support/fault_proxy.ts";
import { within } from "../support/async.ts";
import { Terminal } from "../support/pty.ts";
import { codeFile } from "../support/sealed_program.ts";

// On Windows a signal ends a program at once, and there is no shell.
const withSignals = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

type Json = Record<string, unknown>;

/** Ends a server at once, as a crash does. */
async function kill(server: Program): Promise<void> {
  server.signal("SIGKILL");
  await server[Symbol.asyncDispose]();
}

/** `HOST:PORT` without the host. */
function portOf(address: string): number {
  return Number(address.split(":").at(-1));
}

/** Opens the room again at its old port. */
async function serveAgain(address: string, ...args: string[]): Promise<Program> {
  const { server } = await Program.serveAt(portOf(address), ...args);
  return server;
}

/** The next JSON event of this type. */
async function nextOf(program: Program, type: string): Promise<Json> {
  return JSON.parse(await program.stdout.lineLike(new RegExp(`^\\{"type":"${type}"`)));
}

function say(program: Program, ...texts: string[]): Promise<void> {
  return program.type(texts.map((text) => `${JSON.stringify({ type: "say", text })}\n`).join(""));
}

/** The next messages that it receives, as `NAME: text`. */
async function nextMessages(program: Program, count: number): Promise<string[]> {
  const received: string[] = [];
  while (received.length < count) {
    const { name, text } = await nextOf(program, "message");
    received.push(`${name}: ${text}`);
  }
  return received;
}

const ROOMS = [
  { cipher: "sealed", isKept: true },
  { cipher: "sealed", isKept: false },
  { cipher: "xor", isKept: true },
  { cipher: "xor", isKept: false },
] as const;
for (const { cipher, isKept } of ROOMS) {
  withSignals(
    `chat join: a killed and restarted server gets its members back, and what they typed meanwhile, ${cipher}, ${
      isKept ? "with" : "without"
    } --state`,
    async () => {
      using folder = new Home();
      const again = cipher === "sealed"
        ? ["--code-file", codeFile(folder, "correct horse battery staple")]
        : ["--cipher", "xor", "--key", "198"];
      const kept = [...again, ...isKept ? ["--state", `${folder.path}/state`] : []];
      const { server: first, address } = await Program.serve(...kept);
      await using _ = first;
      await using anna = await Program.join(address, "anna", "--json");
      await using ben = await Program.join(address, "ben", "--json", "--stay");
      const both = [anna, ben];
      const conversation: string[] = [];
      const all = async (...lines: string[]) => {
        conversation.push(...lines);
        for (const one of both) assertEquals(await nextMessages(one, lines.length), lines);
      };
      await say(anna, "So it starts!");
      await all("anna: So it starts!");
      let server = first;
      for (const round of [1, 2]) {
        await kill(server);
        for (const one of both) assertEquals((await nextOf(one, "disconnected"))["reason"], "lost");
        await say(anna, `${round} a`, `${round} b`);
        await say(ben, `${round} c`);
        server = await serveAgain(address, ...kept);
        for (const one of both) {
          const { resumed, missed } = await nextOf(one, "connected");
          assertEquals([resumed, missed], isKept ? [true, 0] : [false, undefined]);
        }
        // The member that is back first sends first.
        const received = await Promise.all(both.map((one) => nextMessages(one, 3)));
        assertEquals(received[0]!.toSorted(), [
          `anna: ${round} a`,
          `anna: ${round} b`,
          `ben: ${round} c`,
        ]);
        assertEquals(received[1]!.toSorted(), received[0]!.toSorted());
        for (const lines of received) {
          assert(lines.indexOf(`anna: ${round} a`) < lines.indexOf(`anna: ${round} b`));
        }
      }
      await using __ = server;
      // Nothing comes twice.
      await say(ben, "the end");
      await all("ben: the end");
      await anna.endInput();
      await ben.type('{"type":"leave"}\n');
      for (const one of both) {
        const { code, stderr } = await one.result();
        assertEquals([code, stderr], [0, ""]);
      }
    },
  );
}

withSignals(
  "chat join: a terminal shows the loss and a countdown, keeps what is typed, and sends it later",
  async () => {
    const { server: first, address } = await Program.serve("--cipher", "xor", "--key", "198");
    await using _ = first;
    await using terminal = new Terminal();
    terminal.run("join", address, "--name", "anna");
    await terminal.shows("nobody else is here");
    await terminal.shows("> ");
    await kill(first);
    await terminal.shows("connection lost; what you type is sent when it is back");
    // The first waits are short, and these attempts fail: no server is running.
    await terminal.shows(/reconnecting in [1-9]\d* s · \/reconnect/);
    terminal.type("Right?\r");
    // No time: the message is not confirmed.
    await terminal.shows(/^ +… +anna │ Right\?/m);
    await using _server = await serveAgain(address, "--cipher", "xor", "--key", "198");
    terminal.type("/reconnect\r");
    await terminal.shows(/^(?:\d\d:\d\d)? +anna │ Right\?/m);
    await terminal.shows("the server was restarted");
    await terminal.shows("· 1 member");
    assertEquals(terminal.rows.filter((row) => row.includes("Right?")).length, 1);
    terminal.type("/quit\r");
    await terminal.shows("exit code 0");
    await terminal.assertSane();
  },
);

/** Faults that stall the first connection in the middle of its client's message. */
function stalling(within: number): FaultOptions {
  for (let seed = 0;; seed++) {
    const options = { seed, within, kinds: ["stall"] } as const;
    const { direction, at } = drawFault(0, options)!;
    if (direction === "up" && at > within / 2) return options;
  }
}

withSignals(
  "chat send: a server that is restarted in the middle of the message still gets it",
  async () => {
    const { server: first, address } = await Program.serve("--cipher", "xor", "--key", "198");
    await using _ = first;
    const port = portOf(address);
    await using proxy = await FaultProxy.start({ port }, stalling(100_000));
    await using anna = new Program(["send", `127.0.0.1:${proxy.port}`, "--name", "anna"]);
    const text = "x".repeat(200_000);
    await anna.type(text);
    await anna.endInput();
    await within("a stall", proxy.saw("stall"));
    await kill(first);
    await using _server = await serveAgain(address, "--cipher", "xor", "--key", "198");
    await using ben = await Program.join(address, "ben", "--json");
    proxy.calm();
    assertEquals(await nextMessages(ben, 1), [`anna: ${text}`]);
    assertEquals(await anna.result(), { code: 0, stdout: "", stderr: "" });
  },
);

withSignals(
  "chat join --retry: tries for the given time, then exits with 1 and says why",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    await using patient = await Program.join(address, "anna", "--retry", "1");
    await using hasty = await Program.join(address, "ben", "--retry", "0");
    await patient.stderr.lineLike(/^ben joined$/);
    await kill(server);
    const [one, other] = await Promise.all([patient.result(), hasty.result()]);
    assertEquals([one.code, other.code], [1, 1]);
    assertMatch(
      one.stderr,
      /^chat: error: Cannot stay in the room: the connection was lost, and reconnecting failed for 1 s: Cannot join \S+: .+$/m,
    );
    assertMatch(one.stderr, /^connection lost; what you type is sent/m);
    assertMatch(other.stderr, /^chat: error: Cannot stay in the room: the connection was lost$/m);
    assert(!other.stderr.includes("what you write is kept"), other.stderr);
  },
);

withSignals(
  "chat join: a client that sleeps longer than its session lasts reconnects by itself",
  async () => {
    const { server, address } = await Program.serve(
      "--cipher",
      "xor",
      "--idle",
      "5",
      "--grace",
      "0",
    );
    await using _ = server;
    await using anna = await Program.join(address, "anna", "--json");
    await using ben = await Program.join(address, "ben", "--json");
    anna.signal("SIGSTOP");
    assertEquals((await nextOf(ben, "left"))["reason"], "lost");
    await say(ben, "where are you?");
    await nextMessages(ben, 1);
    anna.signal("SIGCONT");
    const { resumed, missed } = await nextOf(anna, "connected");
    assertEquals([resumed, missed], [false, 1]);
    await nextOf(ben, "joined");
    await say(anna, "here again");
    for (const one of [anna, ben]) assertEquals(await nextMessages(one, 1), ["anna: here again"]);
  },
);

withSignals(
  "chat serve: SIGTERM tells the members the reason, and they wait for another server",
  async () => {
    const { server: first, address } = await Program.serve("--cipher", "xor", "--key", "198");
    await using _ = first;
    await using anna = await Program.join(address, "anna", "--json", "--stay");
    first.signal("SIGTERM");
    assertEquals((await first.result()).code, 0);
    assertEquals((await nextOf(anna, "disconnected"))["reason"], "stopped");
    await using _server = await serveAgain(address, "--cipher", "xor", "--key", "198");
    assertEquals((await nextOf(anna, "connected"))["resumed"], false);
    await say(anna, "Right?");
    assertEquals(await nextMessages(anna, 1), ["anna: Right?"]);
  },
);
