// The time of `chat --version`, and of a `chat send` with one line to a room on this machine, from start to end; and the
// memory of a server and a client that have nothing to do. Compared with a program that only prints hello, and with
// another build, run by run in turn: the ratios are valid on any machine, the milliseconds only on this one.
//
//   deno run --allow-all bench/startup.ts                        from source, compared with `deno run`
//   CHAT_BINARY=dist/chat deno run --allow-all bench/startup.ts  the executable, compared with a compiled hello
//   CHAT_BEFORE=FILE ...                                         also compared with this executable

import { Home, start } from "../tests/support/program.ts";

/** Counted runs of each command. Two more, first, fill the caches. */
const RUNS = 9;
/** How long a process has nothing to do before its memory is read. */
const IDLE_MS = 10_000;

interface Program {
  readonly path: string;
  readonly args: readonly string[];
}

const isSource = start.path === Deno.execPath();
const before: Program | undefined = Deno.env.get("CHAT_BEFORE")
  ? { path: Deno.realPathSync(Deno.env.get("CHAT_BEFORE")!), args: [] }
  : undefined;
const root = new URL("..", import.meta.url);
using home = new Home();

async function milliseconds({ path, args }: Program, more: readonly string[]): Promise<number> {
  const begin = performance.now();
  const { success } = await new Deno.Command(path, {
    args: [...args, ...more],
    cwd: root,
    clearEnv: true,
    env: home.env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure ${path}: it failed`);
  return performance.now() - begin;
}

/** A program that only prints hello, started in the same way. With an argument it stays. */
async function hello(folder: string): Promise<Program> {
  const source = `${folder}/hello.ts`;
  await Deno.writeTextFile(
    source,
    'console.log("hello");\nif (Deno.args.length > 0) setTimeout(() => {}, 1e6);\n',
  );
  if (isSource) return { path: start.path, args: ["run", "--quiet", "--no-config", source] };
  const path = `${folder}/hello${Deno.build.os === "windows" ? ".exe" : ""}`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-config", `--output=${path}`, source],
    stdin: "null",
  }).output();
  if (!success) throw new Error("Cannot compile a program to compare with");
  return { path, args: [] };
}

function spread(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [median, least, most] = [sorted[sorted.length >> 1]!, sorted[0]!, sorted.at(-1)!];
  const [middle, from, to] = [median, least, most].map((value) => value.toFixed(digits));
  return `${middle} (${from} to ${to})`;
}

/**
 * Runs all in turn, so that a disturbance affects each, and forwards and backwards, because a run is slower after a
 * larger program. Prints the medians, and the ratios of neighbouring runs.
 */
async function compare(what: string, args: readonly string[], other: Program): Promise<void> {
  const times: Record<"chat" | "hello" | "before", number[]> = { chat: [], hello: [], before: [] };
  const turns: [keyof typeof times, Program, readonly string[]][] = [
    ["hello", other, []],
    ["chat", start, args],
    ...(before ? [["before", before, args] satisfies typeof turns[number]] : []),
  ];
  for (let run = -2; run < RUNS; run++) {
    for (const [name, program, own] of turns) {
      const ms = await milliseconds(program, own);
      if (run >= 0) times[name].push(ms);
    }
    turns.reverse();
  }
  const ratio = (others: number[]) => spread(times.chat.map((ms, run) => ms / others[run]!), 2);
  console.log(
    `${what.padEnd(20)} ${spread(times.chat, 1)} ms, ${ratio(times.hello)} x hello world`,
  );
  if (before) console.log(`${"".padEnd(20)} ${ratio(times.before)} x before`);
}

/** A process that runs until it is disposed of. Its first lines of output are read. */
class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #output = "";

  constructor({ path, args }: Program, more: readonly string[]) {
    this.#child = new Deno.Command(path, {
      args: [...args, ...more],
      cwd: root,
      clearEnv: true,
      env: home.env,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The first group of `pattern` in the output. */
  async find(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found) return found[1] ?? "";
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`The program ended: ${this.#output}`);
      this.#output += value;
    }
  }

  /** What the system counts as resident, in MB. Linux only. */
  get megabytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)![1]) * 1024 / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#reader.cancel();
    await this.#child.status;
  }
}

/** A room at a free port, with its address. */
async function serve(
  program: Program,
  cipher: string,
): Promise<{ server: Running; address: string }> {
  const server = new Running(program, ["serve", "--port", "0", "--cipher", cipher]);
  return { server, address: await server.find(/^listening (\S+)$/m) };
}

/** Servers and clients of sealed rooms, all with nothing to do at the same time. */
async function compareMemory(greeting: Program): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const running: [what: string, one: Running][] = [];
  const add = (what: string, one: Running) => running.push([what, stack.use(one)]);
  for (let run = 0; run < RUNS; run++) {
    add("hello world", new Running(greeting, ["stay"]));
    for (const [when, program] of [["", start], [", before", before]] as const) {
      if (program === undefined) continue;
      const { server, address } = await serve(program, "sealed");
      add(`chat serve${when}`, server);
      const args = ["join", address, "--stay", "--json", "--name", "ada"];
      const client = new Running(program, args);
      add(`chat join${when}`, client);
      await client.find(/"type":"members"/);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  for (const what of new Set(running.map(([name]) => name))) {
    const values = running.filter(([name]) => name === what).map(([, one]) => one.megabytes);
    console.log(`${what.padEnd(20)} ${spread(values, 1)} MB of RSS, idle for ${IDLE_MS / 1000} s`);
  }
}

const folder = await Deno.makeTempDir();
try {
  const greeting = await hello(folder);
  console.log(
    `Medians of ${RUNS} runs (least to most), ${isSource ? "from source" : "compiled"}`,
  );
  await compare("chat --version", ["--version"], greeting);
  for (const cipher of ["xor", "sealed"]) {
    const { server, address } = await serve(start, cipher);
    await using _ = server;
    // The user who has opened the room has its code.
    await compare(`chat send, ${cipher}`, ["send", address, "--name", "ada", "hello"], greeting);
  }
  if (Deno.build.os === "linux") await compareMemory(greeting);
} finally {
  await Deno.remove(folder, { recursive: true });
}
