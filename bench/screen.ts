// From a key to the screen: how long it takes from writing a key to the terminal until the bytes that show it come
// back. The real program on a real pseudo-terminal, in an idle room and in one where others say 1,000 messages a
// second; and in turns with it, so that what disturbs one disturbs the others, what echoes each key and does nothing
// else: a Deno program, and the kernel. Read the ratios first. Says too whether all messages were printed.
//
//   deno run --allow-all bench/screen.ts                        from source
//   CHAT_BINARY=dist/chat deno run --allow-all bench/screen.ts  the executable
//
// Takes less than 20 s. It needs Linux or macOS. Exits with 1 if a message is missing on the screen, or stands at
// another place than it has in the room.

import { stripAnsiCode } from "@std/fmt/colors";
import * as pty from "@lydell/node-pty";
import { home, Program, start } from "../tests/support/program.ts";
import { KEY, within } from "../tests/support/loopback.ts";

/** What the members in the worker have to do. */
export interface Order {
  readonly port: number;
  readonly members: number;
  /** Messages, of all of them together. */
  readonly perSecond: number;
}

/** What has become of it. */
export interface Talk {
  /** What they said, in the room's order. */
  readonly heard: readonly string[];
  readonly seconds: number;
}

const TALKERS = 4;
const PER_SECOND = 1000;
/** Keys for each that are counted: the 99th percentile is then the third of the worst. */
const KEYS = 250;
/** Keys before them, of which the compilers get warm. */
const WARM_UP = 30;
/** Between two keys, in ms: each of the three has every third, so one about each 25 ms, as fast as a key repeats. */
const PAUSE_MS = { least: 3, most: 13 };
/** After so many characters the line is emptied: it fits into a row. */
const LINE = 40;
/** Of a terminal; a message fits into a row, so that it can be found again. */
const [COLUMNS, ROWS] = [100, 30];

// What the program writes behind the line being edited, the last row of what it draws. No message has it: it is shown
// there, not obeyed.
const WRAP_ON = "\x1b[?7h";
const KILL_LINE = "\x15";
const root = `${import.meta.dirname!}/..`;

/** A program on a terminal of its own. */
class Typist implements AsyncDisposable {
  readonly #pty: pty.IPty;
  readonly #exit: Promise<void>;
  readonly #pieces: string[] = [];
  /** What has come since the last key. */
  #since = "";
  #wanted = "";
  #seen = Promise.withResolvers<number>();

  constructor(path: string, args: readonly string[]) {
    // As a person has it: with colours.
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

  /** All that it has written. */
  get output(): string {
    return this.#pieces.join("");
  }

  /** Waits until it has written this. */
  async shows(text: string): Promise<void> {
    if (!this.output.includes(text)) await this.#want(text);
  }

  /** Types a key, and returns how long it took until this was there, in ms. */
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

/** Who is compared: types one more character, and returns how long it took. */
interface Contestant {
  readonly name: string;
  type(key: string): Promise<number>;
}

/** Shows a key as it is. */
function echo(name: string, typist: Typist): Contestant {
  return { name, type: (key) => typist.type(key, key) };
}

/** Shows a key behind those before it. */
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

/** Latencies of each, sorted. */
async function measure(contestants: readonly Contestant[]): Promise<Map<string, number[]>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let i = -WARM_UP; i < KEYS; i++) {
    const key = String.fromCharCode("a".charCodeAt(0) + (i + WARM_UP) % 26);
    for (const { name, type } of contestants) {
      const pause = PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least);
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

/** The members that talk. */
class Crowd implements Disposable {
  readonly #worker = new Worker(new URL("screen_worker.ts", import.meta.url), { type: "module" });

  async next<T>(): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#worker.onmessage = ({ data }) => resolve(data);
    this.#worker.onerror = ({ message }) => reject(new Error(message));
    return await within("word from those who talk", promise);
  }

  async enter(order: Order): Promise<void> {
    await this.next<"ready">();
    this.#worker.postMessage(order);
    await this.next<"in">();
  }

  talk(): void {
    this.#worker.postMessage("talk");
  }

  async stop(): Promise<Talk> {
    const talk = this.next<Talk>();
    this.#worker.postMessage("stop");
    return await talk;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Whether what was said was printed, all of it and in its order; says so. */
function compare({ heard, seconds }: Talk, output: string): boolean {
  const printed = [...stripAnsiCode(output).matchAll(/│ (number .*?)\s*\r\n/g)].map(([, text]) =>
    text
  );
  const same = printed.length === heard.length && heard.every((text, i) => text === printed[i]);
  console.log(
    `${heard.length} messages were sent in ${
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
  await chat.shows(talk.heard.at(-1)!);
  return compare(talk, chat.output);
}

const folder = await Deno.makeTempDir();
try {
  if (!await main(folder)) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
