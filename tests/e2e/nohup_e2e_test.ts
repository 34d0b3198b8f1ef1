// `nohup` in a real terminal that is closed afterwards: the program goes on.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { within } from "../support/async.ts";
import { FakeSystem } from "../support/fake_system.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { Output, start } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";

// Windows has neither nohup nor SIGHUP.
const withNohup = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** `nohup chat …` in the background of a shell in a terminal, with its output in a pipe that the test reads. */
class Background implements AsyncDisposable {
  readonly output: Output;
  readonly #terminal: Terminal;
  readonly #pid: number;
  readonly #folder: string;

  private constructor(output: Output, terminal: Terminal, pid: number, folder: string) {
    this.output = output;
    this.#terminal = terminal;
    this.#pid = pid;
    this.#folder = folder;
  }

  static async start(...args: string[]): Promise<Background> {
    const folder = Deno.makeTempDirSync();
    const pipe = `${folder}/pipe`;
    assertEquals(new Deno.Command("mkfifo", { args: [pipe] }).outputSync().code, 0);
    const terminal = new Terminal();
    const words = [start.path, ...start.args, ...args].map((word) => `'${word}'`).join(" ");
    // On macOS nohup keeps the terminal as the input, and reading it would stop a program in the background.
    const input = Deno.build.os === "darwin" ? "</dev/null" : "";
    terminal.type(`clear; nohup ${words} ${input} >${pipe} 2>&1 & echo "p""id $!"\r`);
    await terminal.shows(/^pid \d+$/m);
    const [, pid] = /^pid (\d+)$/m.exec(terminal.rows.join("\n"))!;
    const { readable } = await within("the start of chat", Deno.open(pipe));
    return new Background(new Output(readable), terminal, Number(pid), folder);
  }

  /** Closes the terminal, and sends the signal for that twice: a shell and the system may do so. */
  async hangUp(): Promise<void> {
    this.signal("SIGHUP");
    await this.#terminal[Symbol.asyncDispose]();
    this.signal("SIGHUP");
  }

  signal(signal: Deno.Signal): void {
    Deno.kill(this.#pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.signal("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.output.all();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

withNohup("nohup chat serve: the room goes on when the terminal is closed", async () => {
  await using server = await Background.start("serve", "--port", "0", "--cipher", "xor");
  const [, port] = /:(\d+)$/.exec(await server.output.lineLike(/^listening /))!;
  await using ben = await Guest.join({ port: Number(port) }, "ben");
  await server.hangUp();
  await ben.say("still here?");
  await using ada = await Guest.join({ port: Number(port) }, "ada");
  await ada.say("yes");
  server.signal("SIGTERM");
  const { ending } = await ben.next("ended");
  assertEquals(ending.reason, "stopped");
  assertMatch(await server.output.all(), /\nchat: stopped\n$/);
});

withNohup(
  "nohup chat serve --join: the room goes on without its screen when the terminal is closed",
  async () => {
    await using server = await Background.start(
      ...["serve", "--join", "--port", "0", "--cipher", "xor", "--name", "anna", "--stay"],
    );
    const [, port] = /:(\d+)$/.exec(await server.output.lineLike(/^listening /))!;
    await using ben = await Guest.join({ port: Number(port) }, "ben");
    await server.hangUp();
    await ben.say("still here?");
    server.signal("SIGTERM");
    const { ending } = await ben.next("ended");
    assertEquals(ending.reason, "stopped");
  },
);

// On macOS nohup keeps the terminal as the input.
const withUnreadableInput = Deno.build.os === "linux" ? Deno.test : Deno.test.ignore;

withUnreadableInput(
  "nohup chat serve --join: without --stay, its member leaves, and the room goes on",
  async () => {
    await using server = await Background.start(
      ...["serve", "--join", "--port", "0", "--cipher", "xor", "--name", "anna"],
    );
    const [, port] = /:(\d+)$/.exec(await server.output.lineLike(/^listening /))!;
    await server.output.lineLike(/^chat: the room goes on without the screen; SIGTERM closes it$/);
    await server.hangUp();
    await using ben = await Guest.join({ port: Number(port) }, "ben");
    await ben.say("still here?");
    server.signal("SIGTERM");
    assertEquals((await ben.next("ended")).ending.reason, "stopped");
  },
);

withNohup("nohup chat join --stay: stays without input when the terminal is closed", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  const address = `127.0.0.1:${room.port}`;
  await using anna = await Background.start("join", address, "--name", "anna", "--stay");
  await anna.output.lineLike(/^here: /);
  await anna.hangUp();
  await ben.say("Right?");
  await anna.output.lineLike(/^ben: Right\?$/);
  anna.signal("SIGTERM");
  await ben.next("left");
});

withNohup("nohup chat send --file: sends the file when the terminal is closed", async () => {
  await using room = new TestRoom();
  const address = `127.0.0.1:${room.port}`;
  using ben = new FakeSystem();
  const path = ben.file("note.txt", "hello");
  const downloads = `${ben.folder}/downloads`;
  const receiving = ben.run("join", address, "--json", "--downloads", downloads);
  await ben.stdout.lineLike(/^\{"type":"members"/);
  await using anna = await Background.start("send", address, "--name", "anna", "--file", path);
  const offer = JSON.parse(await ben.stdout.lineLike(/^\{"type":"offer"/));
  await anna.hangUp();
  ben.stdin.type(`{"type":"accept","transfer":${offer.files[0].transfer}}\n`);
  assertStringIncludes(await anna.output.all(), "chat: sent note.txt to ada");
  ben.stdin.end();
  assertEquals(await receiving, 0);
  assertEquals(Deno.readTextFileSync(`${downloads}/note.txt`), "hello");
});

withNohup("chat serve: at a terminal, SIGHUP closes the room", async () => {
  await using terminal = new Terminal();
  terminal.run("serve", "--port", "0", "--cipher", "xor");
  await terminal.shows("chat: join it with");
  const [, port] = /^listening \S+:(\d+)$/m.exec(terminal.rows.join("\n"))!;
  await using ben = await Guest.join({ port: Number(port) }, "ben");
  terminal.signal("SIGHUP");
  assertEquals((await ben.next("ended")).ending.reason, "stopped");
  await terminal.shows("exit code 129");
});
