// Files through the relay on loopback, compared with `cp` and `ncat` on the same files in the same run. Also how much
// a transfer delays the messages of others, and how much memory it takes.
//
//   deno run --allow-all bench/files.ts                 one file of 256 MiB, three rounds
//   deno run --allow-all bench/files.ts --sparse 3072   a sparse file of 3 GiB, and one of 1 MiB: one round
//   deno run --allow-all bench/files.ts --many 10000    a folder of small files: one round
//
// `--size MIB`, `--rounds N` and `--cipher xor` change the defaults. CHAT_BINARY=dist/chat measures the executable.
//
// - Server, sender and receiver are new processes for each file, with the permissions and flags of the task `chat`.
//   The server has no rate limit, so that the program is measured and not the limit.
// - A time begins with the receiver's `accept` and ends when the complete file is verified, on the disk and under its
//   name. The sender's hashing before the offer is listed separately.
// - `ncat` writes into a file, too. Neither `ncat` nor `cp` waits for the disk as chat does, so `cp` with `sync` is
//   measured as well.
// - Memory is the peak RSS of each process (VmHWM) at the end. CPU time is that of all its threads.

import { parseArgs } from "@std/cli/parse-args";
import { createHash } from "node:crypto";
import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { join } from "../client.ts";
import type { RoomEvent } from "../room.ts";
import { Home, Program } from "../tests/support/program.ts";

const CIPHERS = ["xor", "sealed"] as const;
type Cipher = typeof CIPHERS[number];

const MIB = 2 ** 20;
/** Size of the file with which large ones are compared. */
const SMALL_MIB = 1;
/** Most bytes of a small file. */
const MAX_TINY = 8 * 1024;
/** The interval of chat messages in ms. Each is sent on time, even if the previous one has not arrived. */
const SAY_MS = 10;
/** How long the room is measured while no file is sent, in ms. */
const IDLE_MS = 5000;

// ---- cp and ncat ----

/** Runs a command, and returns its time in seconds. */
async function timed(command: string, ...args: string[]): Promise<number> {
  const begin = performance.now();
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return (performance.now() - begin) / 1000;
}

async function isThere(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

/** Sends a file from one process to another over loopback, and returns the time until the receiver ended, in seconds. */
async function ncat(from: string, into: string): Promise<number> {
  const port = freePort();
  const receiver = new Deno.Command("sh", {
    args: ["-c", `ncat -v -l --recv-only 127.0.0.1 "$0" | ${into}`, port],
    stderr: "piped",
  }).spawn();
  let output = "";
  const reader = receiver.stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!/Listening on 127/.test(output)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ncat does not listen: ${output}`);
    output += value;
  }
  const begin = performance.now();
  const sent = timed("sh", "-c", `${from} | ncat --send-only 127.0.0.1 "$0"`, port);
  while (!(await reader.read()).done);
  const { success } = await receiver.status;
  const seconds = (performance.now() - begin) / 1000;
  await sent;
  if (!success) throw new Error("ncat failed");
  return seconds;
}

// ---- chat during a transfer ----

/** Measures the time of messages from one member to another, in ms. */
type Times = number[];

class Talk implements AsyncDisposable {
  readonly #ended: Promise<void>[] = [];
  readonly #clients: { leave(): void; say(text: string): number }[] = [];
  /** When messages were sent that have not arrived. */
  readonly #pending = new Map<string, number>();
  #times: Times = [];
  #count = 0;
  #quiet = Promise.withResolvers<void>();

  static async enter(address: string, code: string | undefined): Promise<Talk> {
    const talk = new Talk();
    for (const name of ["one", "other"]) {
      const client = await join({
        hostname: "127.0.0.1",
        port: Number(/\d+$/.exec(address)![0]),
        name,
        ...(code !== undefined && { code }),
        self: () => ({ identity: Identity.generate(), knownNames: new KnownNames() }),
      });
      talk.#clients.push(client);
      talk.#ended.push(client.run((event) => {
        if (name === "other") talk.#hear(event);
      }));
    }
    return talk;
  }

  /** Sends a message every `SAY_MS` until `end`. Resolves when all have arrived. */
  async measure(end: Promise<unknown>): Promise<Times> {
    this.#times = [];
    let goesOn = true;
    end.then(() => goesOn = false, () => goesOn = false);
    const begin = performance.now();
    for (let i = 0; goesOn; i++) {
      const text = `ping ${this.#count++}`;
      this.#pending.set(text, performance.now());
      this.#clients[0]!.say(text);
      const wait = begin + (i + 1) * SAY_MS - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    }
    this.#quiet = Promise.withResolvers();
    if (this.#pending.size > 0) await this.#quiet.promise;
    return this.#times;
  }

  #hear(event: RoomEvent): void {
    if (event.type !== "message") return;
    const at = this.#pending.get(event.text);
    if (at === undefined) return;
    this.#times.push(performance.now() - at);
    this.#pending.delete(event.text);
    if (this.#pending.size === 0) this.#quiet.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.leave();
    await Promise.all(this.#ended);
  }
}

// ---- through the relay ----

interface Run {
  /** Seconds since `accept`. */
  seconds: number;
  /** Seconds that the sender took to hash its files. */
  offering: number;
  idle: Times;
  meanwhile: Times;
  /** MiB of server, sender and receiver. */
  memory: number[];
  /** CPU time of these three, in seconds. */
  cpu: number[];
}

/** The peak RSS so far, in MiB. */
function peak({ pid }: Program): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024);
}

/** CPU time so far, in seconds: user and system, of all threads (proc(5); a tick is 10 ms on Linux). */
function cpuTime({ pid }: Program): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in parentheses, may contain spaces. After it, user is the 12th field and system the 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends a file, or `count` files of a folder. `check` verifies the received files. */
async function transfer(
  cipher: Cipher,
  path: string,
  count: number,
  check: (downloads: string) => Promise<void>,
): Promise<Run> {
  using home = new Home();
  const options = { home };
  const limits = ["--byte-rate", "0", "--rate", "0"];
  await using server = new Program(
    ["serve", "--port", "0", "--cipher", cipher, ...limits],
    options,
  );
  const address = (await server.stdout.lineLike(/^listening /)).replace("listening ", "");
  const code = cipher === "sealed" ? (await server.stdout.line()).replace("code ", "") : undefined;
  const downloads = `${home.path}/downloads`;
  const common = ["join", address, "--json", "--stay", "--ask-above", "1024G"];
  await using receiver = new Program(
    [...common, "--name", "receiver", "--downloads", downloads],
    options,
  );
  await receiver.stdout.lineLike(/^\{"type":"members"/);
  await using sender = new Program([...common, "--name", "sender"], options);
  await sender.stdout.lineLike(/^\{"type":"members"/);

  await using talk = await Talk.enter(address, code);
  const idle = await talk.measure(new Promise((resolve) => setTimeout(resolve, IDLE_MS)));

  const offered = performance.now();
  await sender.type(`${JSON.stringify({ type: "offer", path })}\n`);
  for (let offers = 0; offers < count;) {
    const { files } = JSON.parse(await receiver.stdout.lineLike(/^\{"type":"offer"/));
    offers += files.length;
  }
  const programs = [server, sender, receiver];
  const before = programs.map(cpuTime);
  const begin = performance.now();
  const all = Promise.withResolvers<void>();
  const meanwhile = talk.measure(all.promise);
  let seconds = 0;
  let cpu: number[] = [];
  try {
    await receiver.type('{"type":"accept","transfer":"all"}\n');
    for (let done = 0; done < count;) {
      const line = await receiver.stdout.lineLike(/^\{"type":"(?:transfer|progress|error|ended)"/);
      if (!/^\{"type":"progress"/.test(line)) {
        const { type, state } = JSON.parse(line);
        if (type !== "transfer" || state === "failed") throw new Error(line);
        if (state === "done") done++;
      }
    }
    seconds = (performance.now() - begin) / 1000;
    cpu = programs.map((program, i) => cpuTime(program) - before[i]!);
  } finally {
    all.resolve();
  }
  const memory = programs.map(peak);
  await check(downloads);
  const offering = (begin - offered) / 1000;
  return { seconds, offering, idle, meanwhile: await meanwhile, memory, cpu };
}

// ---- files ----

async function makeFile(path: string, mib: number, sparse: boolean): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  if (sparse) return await file.truncate(mib * MIB);
  const writer = file.writable.getWriter();
  for (let i = 0; i < 16 * mib; i++) {
    await writer.write(crypto.getRandomValues(new Uint8Array(MIB / 16)));
  }
}

/** Writes files of up to `MAX_TINY` bytes, all different: a file with another's name or content is detected. */
async function makeFolder(path: string, count: number): Promise<void> {
  await Deno.mkdir(path);
  for (let i = 0; i < count; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(i * 31 % (MAX_TINY + 1)));
    await Deno.writeFile(`${path}/file-${i}.bin`, bytes);
  }
}

async function hash(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const bytes = new Uint8Array(MIB);
  for (let n = await file.read(bytes); n !== null; n = await file.read(bytes)) {
    hash.update(bytes.subarray(0, n));
  }
  return hash.digest("hex");
}

/** The name and SHA-256 of each file in a folder, sorted by name. */
async function hashes(folder: string): Promise<string[]> {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return await Promise.all(names.map(async (name) => `${name} ${await hash(`${folder}/${name}`)}`));
}

// ---- the report ----

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function at(times: Times, part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Prints a Markdown table, with numbers on the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((cell, i) =>
    Math.max(3, cell.length, ...rows.map((row) => row[i]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
        .join(" | ")
    } |`;
  console.log(line(head));
  console.log(
    `| ${widths.map((n, i) => i === 0 ? "-".repeat(n) : "-".repeat(n - 1) + ":").join(" | ")} |`,
  );
  for (const row of rows) console.log(line(row));
  console.log();
}

/** One way to copy, and its times. */
type Measured = Map<string, number[]>;

function add(measured: Measured, what: string, seconds: number): void {
  measured.set(what, [...measured.get(what) ?? [], seconds]);
}

function reportSpeed(measured: Measured, mib: number): void {
  const seconds = (what: string) => median(measured.get(what) ?? []);
  const ratio = (what: string, other: string) =>
    measured.has(other) ? digits(seconds(other) / seconds(what)) : "–";
  table(
    ["transfer", "to ncat", "to cp", "to cp and sync", "MiB/s", "seconds"],
    [...measured.keys()].map((what) => [
      what,
      ...["ncat", "cp", "cp and sync"].map((other) => ratio(what, other)),
      digits(mib / seconds(what)),
      digits(seconds(what)),
    ]),
  );
}

function reportChat(runs: Map<Cipher, Run[]>): void {
  const parts = [0.5, 0.95, 0.99];
  const row = (what: string, times: Times) => [
    what,
    ...parts.map((part) => digits(at(times, part))),
    String(times.length),
  ];
  const rows: string[][] = [];
  for (const [cipher, all] of runs) {
    const [idle, meanwhile] = [all.flatMap((run) => run.idle), all.flatMap((run) => run.meanwhile)];
    rows.push([
      `${cipher}, during to idle`,
      ...parts.map((part) => digits(at(meanwhile, part) / at(idle, part))),
      "",
    ]);
    rows.push(row(`${cipher}, idle, ms`, idle), row(`${cipher}, during, ms`, meanwhile));
  }
  table(["latency of chat", "p50", "p95", "p99", "messages"], rows);
}

function costRow(what: string, runs: readonly Run[]): string[] {
  const max = (i: number) => Math.max(...runs.map(({ memory }) => memory[i]!));
  const cpu = (i: number) => median(runs.map(({ cpu }) => cpu[i]!));
  const processes = [0, 1, 2];
  return [what, ...processes.map((i) => String(max(i))), ...processes.map((i) => digits(cpu(i)))];
}

const COST_HEAD = [
  "peak RSS in MiB, CPU time in s",
  ...["RSS", "CPU"].flatMap((of) =>
    ["server", "sender", "receiver"].map((process) => `${process} ${of}`)
  ),
];

async function main(): Promise<void> {
  const args = parseArgs(Deno.args, {
    string: ["size", "sparse", "many", "rounds", "cipher"],
    unknown: (arg) => {
      throw new Error(`Unknown: ${arg}`);
    },
  });
  const ciphers = CIPHERS.filter((one) => args.cipher === undefined || args.cipher === one);
  const many = Number(args.many ?? 0);
  const mib = Number(args.sparse ?? args.size ?? 256);
  const rounds = Number(args.rounds ?? (many > 0 || args.sparse !== undefined ? 1 : 3));
  const hasNcat = await isThere("ncat");
  if (!hasNcat) {
    console.log("**SKIPPED: there is no `ncat` here** (Debian: apt-get install ncat)\n");
  }
  const { hardwareConcurrency } = navigator;
  console.log(`${hardwareConcurrency} cores, Deno ${Deno.version.deno}; rounds: ${rounds}\n`);

  const folder = await Deno.makeTempDir();
  const [path, copy] = [`${folder}/from`, `${folder}/to`];
  const remove = () => Deno.remove(copy, { recursive: true });
  try {
    if (many > 0) await makeFolder(path, many);
    else await makeFile(path, mib, args.sparse !== undefined);
    const wanted = many > 0 ? await hashes(path) : [await hash(path)];
    const check = async (to: string) => {
      const got = many > 0 ? await hashes(`${to}/from`) : [await hash(`${to}/from`)];
      if (got.join() !== wanted.join()) {
        throw new Error("The received files differ from the sent ones");
      }
    };
    // The first copy fills the page cache for the later ones.
    await timed("cp", "-r", "--sparse=never", "--reflink=never", path, copy);
    await remove();
    await timed("sync");
    const measured: Measured = new Map();
    const runs = new Map<Cipher, Run[]>();
    for (let round = 0; round < rounds; round++) {
      // Complete files, including the holes.
      const cp = ["-r", "--sparse=never", "--reflink=never", path, copy];
      add(measured, "cp", await timed("cp", ...cp));
      await remove();
      add(measured, "cp and sync", await timed("cp", ...cp) + await timed("sync", "-f", copy));
      await remove();
      if (hasNcat) {
        const [from, into] = many > 0
          ? [`tar -C ${path} -b 128 -c .`, `tar -C ${copy} -b 128 -x`]
          : [`cat ${path}`, `cat >${copy}`];
        if (many > 0) await Deno.mkdir(copy);
        add(measured, "ncat", await ncat(from, into));
        const got = many > 0 ? await hashes(copy) : [await hash(copy)];
        if (got.join() !== wanted.join()) throw new Error("ncat has sent other bytes");
        await remove();
      }
      for (const cipher of ciphers) {
        const run = await transfer(cipher, path, Math.max(1, many), check);
        runs.set(cipher, [...runs.get(cipher) ?? [], run]);
        add(measured, `chat, ${cipher}`, run.seconds);
        add(measured, `chat, ${cipher}, with the hash before`, run.seconds + run.offering);
      }
    }
    console.log(`${many > 0 ? `${many} files` : `${mib} MiB`}: all hashes are equal.\n`);
    const size = many > 0
      ? wanted.length && Array.from({ length: many }, (_, i) => i * 31 % (MAX_TINY + 1))
            .reduce((sum, n) => sum + n, 0) / MIB
      : mib;
    reportSpeed(measured, size);
    reportChat(runs);
    const rows = [...runs].map(([cipher, all]) =>
      costRow(`${cipher}, ${many > 0 ? `${many} files` : `${mib} MiB`}`, all)
    );
    if (args.sparse !== undefined) {
      const small = `${folder}/small`;
      await makeFile(small, SMALL_MIB, false);
      for (const cipher of ciphers) {
        const run = await transfer(cipher, small, 1, () => Promise.resolve());
        rows.push(costRow(`${cipher}, ${SMALL_MIB} MiB`, [run]));
      }
    }
    table(COST_HEAD, rows);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
