// The time from a key to the screen: from writing a key to the terminal until the bytes that show it. The real program
// runs on a real pseudo-terminal, in an idle room and in one where others send 1,000 messages a second. A Deno program
// and the kernel, which only echo each key, are measured in turns with it, so that a disturbance affects all of them.
// Read the ratios first. Also reports whether all messages were printed.
//
//   deno run --allow-all bench/screen.ts                        from source
//   CHAT_BINARY=dist/chat deno run --allow-all bench/screen.ts  the executable
//
// Takes less than 20 s. Needs Linux or macOS. Exits with 1 if a message is missing on the screen or out of order.

import { stripAnsiCode } from "@std/fmt/colors";
import * as pty from "@lydell/node-pty";
import { home, Program, start } from "../tests/support/program.ts";
import { within } from "../tests/support/async.ts";
import { KEY } from "../tests/support/loopback.ts";

/** A command to the members in the worker. */
export interface WorkerCommand {
  readonly port: number;
  readonly members: number;
  /** Messages per second of all members together. */
  readonly perSecond: number;
}

/** The worker's answer. */
export interface WorkerResult {
  /** Their messages, in the room's order. */
  readonly received: readonly string[];
  readonly seconds: number;
}

const TALKERS = 4;
const PER_SECOND = 1000;
/** Keys that count for each: the 99th percentile is then the third worst. */
const KEYS = 250;
/** Keys before these, which warm the compilers up. */
const WARM_UP = 30;
/** Time between two keys, in ms. Each of the three gets every third key: one in about 25 ms, as fast as a key repeats. */
const PAUSE_MS = { min: 3, max: 13 };
/** The line is emptied after this many characters: it must fit into a row. */
const LINE = 40;
/** The size of a terminal. A message fits into a row, so that it can be found. */
const [COLUMNS, ROWS] = [100, 30];

// The program writes this sequence after the line being edited, the last row that it draws. No message contains it:
// there it would be made visible.
const WRAP_ON = "\x1b[?7h";
const KILL_LINE = "\x15";
const root = `${import.meta.dirname!}/..`;

/** A program on a terminal of its own. */
class Typist implements AsyncDisposable {
  readonly #pty: pty.IPty;
  readonly #exit: Promise<void>;
  readonly #pieces: string[] = [];
  /** The output since the last key. */
  #since = "";
  #wanted = "";
  #seen = Promise.withResolvers<number>();

  constructor(path: string, args: readonly string[]) {
    // With colours, as people use it.
    const { NO_COLOR: _, ...env } = home.env;
    this.#pty = pty.spawn(path, [...args], {
      cols: COLUMNS,
      rows: ROWS,
      cwd: root,
      env: { ...env, TERM: "xterm-256color" },
    });
    this.#pty.onData((data) => {
      const now = performance.now();
      this.#pieces.push(data);
      this.#since += data;
      if (this.#wanted !== "" && this.#since.includes(this.#wanted)) {
        this.#wanted = "";
        this.#seen.resolve(now);
      }
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pty.onExit(() => resolve());
    this.#exit = promise;
  }

  /** All output. */
  get output(): string {
    return this.#pieces.join("");
  }

  /** Waits until the output contains this. */
  async shows(text: string): Promise<void> {
    if (!this.output.includes(text)) await this.#want(text);
  }

  /** Types a key, and returns the time until this output, in ms. */
  async type(key: string, shown: string): Promise<number> {
    this.#since = "";
    const seen = this.#want(shown);
    const begin = performance.now();
    this.#pty.write(key);
    return await seen - begin;
  }

  #want(text: string): Promise<number> {
    this.#seen = Promise.withResolvers();
    this.#wanted = text;
    return within(`${JSON.stringify(text)} on a terminal`, this.#seen.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pty.kill("SIGKILL");
    await this.#exit;
  }
}

/** One of those compared: types one more character, and returns the time. */
interface Contestant {
  readonly name: string;
  type(key: string): Promise<number>;
}

/** Shows a key as it is. */
function echo(name: string, typist: Typist): Contestant {
  return { name, type: (key) => typist.type(key, key) };
}

/** Shows a key after the previous ones. */
function program(typist: Typist): Contestant {
  let line = "";
  return {
    name: "chat",
    async type(key) {
      if (line.length === LINE) {
        line = "";
        await typist.type(KILL_LINE, `> ${WRAP_ON}`);
      }
      line += key;
      return await typist.type(key, `> ${line}${WRAP_ON}`);
    },
  };
}

/** The latencies of each, sorted. */
async function measure(contestants: readonly Contestant[]): Promise<Map<string, number[]>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let i = -WARM_UP; i < KEYS; i++) {
    const key = String.fromCharCode("a".charCodeAt(0) + (i + WARM_UP) % 26);
    for (const { name, type } of contestants) {
      const pause = PAUSE_MS.min + Math.random() * (PAUSE_MS.max - PAUSE_MS.min);
      await new Promise((resolve) => setTimeout(resolve, pause));
      const ms = await type(key);
      if (i >= 0) times.get(name)!.push(ms);
    }
  }
  for (const values of times.values()) values.sort((a, b) => a - b);
  return times;
}

const PERCENTS = [50, 95, 99];

function percentiles(sorted: readonly number[]): number[] {
  return PERCENTS.map((percent) => sorted[Math.ceil(sorted.length * percent / 100) - 1]!);
}

const [WHAT, NUMBER] = [46, 9];

function row(what: string, cells: readonly (number | string)[]): void {
  const texts = cells.map((cell) => typeof cell === "string" ? cell : cell.toPrecision(3));
  console.log(what.padEnd(WHAT) + texts.map((text) => text.padStart(NUMBER)).join(""));
}

function report(rooms: ReadonlyMap<string, Map<string, number[]>>): void {
  const heads = PERCENTS.map((percent) => `p${percent}`);
  row("from a key to the screen: ratios", heads);
  for (const [room, times] of rooms) {
    const [ours, ...others] = times;
    for (const [name, sorted] of others) {
      const theirs = percentiles(sorted);
      row(`${room}, chat to ${name}`, percentiles(ours![1]).map((ms, i) => ms / theirs[i]!));
    }
  }
  console.log();
  row("in ms", heads);
  for (const [room, times] of rooms) {
    for (const [name, sorted] of times) row(`${room}, ${name}`, percentiles(sorted));
  }
  console.log();
}

/** The members that send messages. */
class Crowd implements Disposable {
  readonly #worker = new Worker(new URL("screen_worker.ts", import.meta.url), { type: "module" });

  async next<T>(): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#worker.onmessage = ({ data }) => resolve(data);
    this.#worker.onerror = ({ message }) => reject(new Error(message));
    return await within("an answer of the worker", promise);
  }

  async enter(order: WorkerCommand): Promise<void> {
    await this.next<"ready">();
    this.#worker.postMessage(order);
    await this.next<"in">();
  }

  talk(): void {
    this.#worker.postMessage("talk");
  }

  async stop(): Promise<WorkerResult> {
    const talk = this.next<WorkerResult>();
    this.#worker.postMessage("stop");
    return await talk;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Checks that all messages were printed in order, and prints the result. */
function compare({ received, seconds }: WorkerResult, output: string): boolean {
  const printed = [...stripAnsiCode(output).matchAll(/│ (number .*?)\s*\r\n/g)].map(([, text]) =>
    text
  );
  const same = printed.length === received.length &&
    received.every((text, i) => text === printed[i]);
  console.log(
    `${received.length} messages were sent in ${
      seconds.toFixed(1)
    } s, ${printed.length} were printed: ` +
      (same ? "none is missing, all are in the room's order" : "NOT THE SAME"),
  );
  return same;
}

const ECHO = `Deno.stdin.setRaw(true);
const buffer = new Uint8Array(64 * 1024);
console.log("READY");
for (let n; (n = await Deno.stdin.read(buffer)) !== null;) Deno.stdout.writeSync(buffer.subarray(0, n));
`;

async function main(folder: string): Promise<boolean> {
  const source = `${folder}/echo.ts`;
  await Deno.writeTextFile(source, ECHO);
  const room = ["--cipher", "xor", "--key", `${KEY}`, "--rate", "0", "--byte-rate", "0"];
  const { server, address } = await Program.serve(...room);
  await using _ = server;
  using crowd = new Crowd();
  await crowd.enter({
    port: Number(/\d+$/.exec(address)),
    members: TALKERS,
    perSecond: PER_SECOND,
  });

  await using chat = new Typist(start.path, [...start.args, "join", address, "--name", "typist"]);
  await using deno = new Typist(Deno.execPath(), ["run", "--quiet", "--no-config", source]);
  await using kernel = new Typist("cat", []);
  await chat.shows(`> ${WRAP_ON}`);
  await deno.shows("READY\r\n");
  const contestants = [
    program(chat),
    echo("a Deno program", deno),
    echo("the kernel", kernel),
  ];

  const idle = await measure(contestants);
  crowd.talk();
  const busy = await measure(contestants);
  const talk = await crowd.stop();
  report(
    new Map([["idle", idle], [`${PER_SECOND.toLocaleString("en")} messages a second`, busy]]),
  );
  await chat.shows(talk.received.at(-1)!);
  return compare(talk, chat.output);
}

const folder = await Deno.makeTempDir();
try {
  if (!await main(folder)) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
