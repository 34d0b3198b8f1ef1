// Files through the relay on loopback, compared in the same run with other programs on the same files. Also how long the
// chat of others takes meanwhile, and how much memory a transfer takes.
//
//   deno run --allow-all bench/files.ts                 one file of 256 MiB
//   deno run --allow-all bench/files.ts --many 10000    a folder of small files
//   deno run --allow-all bench/files.ts --path 100,12   the receiver is 100 ms away, there and back, at 12 MiB a second
//   deno run --allow-all bench/files.ts --sparse 3072   a sparse file of 3 GiB: one round
//
// `--size MIB`, `--rounds N` (5) and `--cipher xor` change the defaults. CHAT_BINARY=dist/chat measures the executable.
//
// - Server, sender and receiver are new processes for each file, with the permissions and flags of the task `chat`. The
//   server has its default limits.
// - A time of chat begins with the sender's request to offer, and ends when the complete file is verified, on the disk
//   and under its name. The receiver accepts the offer as soon as it has it.
// - The other programs do not wait for the disk as chat does, so `cp` with `sync` is measured as well.
// - `ncat` through a relay has as many hops as chat: sender, `plain_relay.ts`, receiver. Meanwhile the same two members
//   chat in a room of their own.
// - magic-wormhole goes through its own relay. Its time begins when the receiver has the offer; once more, it begins
//   with the start of the receiver. (A member of a room has started and agreed on keys before a file is offered.)
// - Memory is the peak RSS of each process (VmHWM) above its RSS before the offer. CPU time is that of all its threads.
// - Each target is beside its figure, in parentheses.

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import {
  ncat,
  ncatThroughRelay,
  type Pipes,
  timed,
  works,
  Wormhole,
  WORMHOLE_INSTALL,
} from "./copy_programs.ts";
import { besides, type ChatTimes, PROCESSES, type Run, transfer } from "./file_transfer.ts";
import type { Path } from "./slow_path.ts";
import { type Cipher, CIPHERS, type Times } from "./talk.ts";

const MIB = 2 ** 20;
/** Most bytes of a small file. */
const MAX_TINY = 8 * 1024;

/** The least ratios to other programs. */
const RELAY_TARGETS = { large: { xor: 0.75, sealed: 0.6 }, many: { xor: 0.7, sealed: 0.7 } };
const WORMHOLE_TARGET = 1.5;
/** The greatest p95 of two others' chat meanwhile, in ms. */
const CHAT_TARGET = 25;
/** The least MiB a second through this path, and the greatest p95 of chat at its end, in ms. */
const PATH_TARGET = { roundTrip: 100, rate: 12, speed: 10, chat: 300 };
/** The greatest peak RSS above idle, in MiB. */
const MEMORY_TARGET = 40;

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
    const bytes = crypto.getRandomValues(new Uint8Array(tinySize(i)));
    await Deno.writeFile(`${path}/file-${i}.bin`, bytes);
  }
}

function tinySize(i: number): number {
  return i * 31 % (MAX_TINY + 1);
}

/** The name and SHA-256 of a file, or of each file anywhere in a folder, sorted. */
async function hashes(path: string): Promise<string[]> {
  const all: string[] = [];
  const add = async (path: string, name: string) => {
    if ((await Deno.stat(path)).isDirectory) {
      for await (const entry of Deno.readDir(path)) await add(`${path}/${entry.name}`, entry.name);
    } else {
      const hash = createHash("sha256");
      using file = await Deno.open(path);
      const bytes = new Uint8Array(MIB / 4);
      for (let n = await file.read(bytes); n !== null; n = await file.read(bytes)) {
        hash.update(bytes.subarray(0, n));
      }
      all.push(`${name} ${hash.digest("hex")}`);
    }
  };
  await add(path, path.slice(path.lastIndexOf("/") + 1));
  return all.sort();
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

const NCAT = "ncat";
const RELAY = "ncat through a relay";
const WORMHOLE = "magic-wormhole";
const WORMHOLE_STARTED = "magic-wormhole with start";
const WORMHOLES = [WORMHOLE, WORMHOLE_STARTED];
/** What chat is compared with, in the order of the columns. */
const OTHERS = [RELAY, ...WORMHOLES, NCAT, "cp", "cp and sync"];

/** The results of all rounds. */
class Results {
  /** The seconds of each way to copy. */
  readonly seconds = new Map<string, number[]>();
  readonly runs = new Map<Cipher, Run[]>();
  /** Chat beside `ncat` through a relay. */
  readonly besides: ChatTimes[] = [];

  add(what: string, seconds: number): void {
    this.seconds.set(what, [...this.seconds.get(what) ?? [], seconds]);
  }

  addRun(cipher: Cipher, run: Run): void {
    this.add(`chat, ${cipher}`, run.seconds);
    this.runs.set(cipher, [...this.runs.get(cipher) ?? [], run]);
  }

  /** @param relayTargets the least ratio to `ncat` through a relay */
  reportSpeed(mib: number, relayTargets: Readonly<Record<Cipher, number>>): void {
    const target = (what: string, other: string) => {
      const cipher = CIPHERS.find((cipher) => what === `chat, ${cipher}`);
      if (cipher && other === RELAY) return relayTargets[cipher];
      return cipher === "sealed" && WORMHOLES.includes(other) ? WORMHOLE_TARGET : undefined;
    };
    const seconds = (what: string) => median(this.seconds.get(what)!);
    const others = OTHERS.filter((other) => this.seconds.has(other));
    const ratio = (what: string, other: string) => {
      const least = target(what, other);
      const value = digits(seconds(other) / seconds(what));
      return least === undefined ? value : `${value} (≥ ${least})`;
    };
    table(
      ["transfer", ...others.map((other) => `to ${other}`), "MiB/s", "seconds"],
      [...this.seconds.keys()].map((what) => [
        what,
        ...others.map((other) => ratio(what, other)),
        digits(mib / seconds(what)),
        digits(seconds(what)),
      ]),
    );
  }

  /** @param target the least MiB a second */
  reportPath(mib: number, target: number | undefined): void {
    table(
      ["transfer", target === undefined ? "MiB/s" : `MiB/s (≥ ${target})`, "seconds"],
      [...this.seconds].map(([what, seconds]) => [
        what,
        digits(mib / median(seconds)),
        digits(median(seconds)),
      ]),
    );
  }

  /** @param target the greatest p95 meanwhile */
  reportChat(title: string, target: number | undefined): void {
    const row = (what: string, times: Times) => [
      what,
      ...[0.5, 0.95, 0.99].map((part) => digits(at(times, part))),
      String(times.length),
    ];
    const rows: string[][] = [];
    const add = (what: string, all: readonly ChatTimes[]) => {
      if (all.length === 0) return;
      rows.push(row(`idle, then ${what}`, all.flatMap(({ idle }) => idle)));
      rows.push(row(`during ${what}`, all.flatMap(({ meanwhile }) => meanwhile)));
    };
    add(RELAY, this.besides);
    for (const [cipher, runs] of this.runs) add(`chat, ${cipher}`, runs);
    const p95 = target === undefined ? "p95" : `p95 (≤ ${target})`;
    table([title, "p50", p95, "p99", "messages"], rows);
  }

  reportCosts(): void {
    const rows = [...this.runs].flatMap(([cipher, runs]) =>
      PROCESSES.map((process, i) => {
        const costs = runs.map(({ costs }) => costs[i]!);
        return [
          `${cipher}, ${process}`,
          digits(median(costs.map(({ idle }) => idle))),
          digits(Math.max(...costs.map(({ idle, peak }) => peak - idle))),
          digits(median(costs.map(({ cpu }) => cpu))),
        ];
      })
    );
    const above = `most above idle (≤ ${MEMORY_TARGET})`;
    table(["RSS in MiB, CPU time in s", "idle", above, "CPU"], rows);
  }
}

// ---- the rounds ----

interface Options {
  readonly kind: "size" | "many" | "sparse";
  readonly many: number;
  readonly mib: number;
  readonly rounds: number;
  readonly path: Path | undefined;
  readonly ciphers: readonly Cipher[];
}

function parseOptions(): Options {
  const number = (value: string) => {
    if (!(Number(value) > 0)) throw new Error(`Not a number above 0: ${value}`);
    return Number(value);
  };
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { size: text, sparse: text, many: text, path: text, rounds: text, cipher: text },
  });
  const { size, sparse, many, cipher } = values;
  if ([size, sparse, many].filter((one) => one !== undefined).length > 1) {
    throw new Error("Only one of --size, --sparse and --many is possible");
  }
  const ciphers = CIPHERS.filter((one) => cipher === undefined || cipher === one);
  if (ciphers.length === 0) throw new Error(`No such cipher: ${cipher}`);
  const [roundTrip, rate, ...rest] = values.path?.split(",").map(number) ?? [];
  if (values.path !== undefined && (rate === undefined || rest.length > 0)) {
    throw new Error("--path needs milliseconds and MiB a second, such as 100,12");
  }
  if (values.path !== undefined && many !== undefined) {
    throw new Error("--path measures one file: leave --many out");
  }
  return {
    kind: sparse !== undefined ? "sparse" : many !== undefined ? "many" : "size",
    many: number(many ?? "1"),
    mib: number(sparse ?? size ?? "256"),
    rounds: number(values.rounds ?? (sparse === undefined ? "5" : "1")),
    path: roundTrip === undefined || rate === undefined ? undefined : { roundTrip, rate },
    ciphers,
  };
}

/** What is copied, and where to. */
interface Files {
  readonly from: string;
  readonly to: string;
  readonly pipes: Pipes;
  /** @throws {Error} if the files in this folder are not the ones of `from` */
  check(folder: string): Promise<void>;
}

async function makeFiles(folder: string, { kind, many, mib }: Options): Promise<Files> {
  const [from, to] = [`${folder}/from`, `${folder}/to`];
  await Deno.mkdir(to);
  if (kind === "many") await makeFolder(from, many);
  else await makeFile(from, mib, kind === "sparse");
  const wanted = (await hashes(from)).join();
  return {
    from,
    to,
    pipes: kind === "many"
      ? { from: `tar -C ${from} -b 128 -c .`, into: `tar -C ${to} -b 128 -x` }
      : { from: `cat ${from}`, into: `cat >${to}/from` },
    async check(folder) {
      if ((await hashes(folder)).join() !== wanted) throw new Error("The received files differ");
    },
  };
}

/** What is installed here. */
interface Installed {
  readonly ncat: boolean;
  readonly wormhole: Wormhole | undefined;
}

/** Copies with everything once, in turns with the other rounds. */
async function round(
  results: Results,
  { from, to, pipes, check }: Files,
  { ciphers, many, path }: Options,
  { ncat: hasNcat, wormhole }: Installed,
): Promise<void> {
  const clear = async () => {
    await Deno.remove(to, { recursive: true });
    await Deno.mkdir(to);
  };
  const copy = async (what: string, run: () => Promise<number>) => {
    results.add(what, await run());
    await check(to);
    await clear();
  };
  // Complete files, including the holes.
  const cp = () => timed("cp", "-r", "--sparse=never", "--reflink=never", from, to);
  if (!path) {
    await copy("cp", cp);
    await copy("cp and sync", async () => await cp() + await timed("sync", "-f", to));
    if (hasNcat) await copy(NCAT, () => ncat(pipes));
  }
  if (hasNcat && path) {
    await copy(RELAY, () => ncatThroughRelay(pipes, { path }));
  } else if (hasNcat) {
    await copy(RELAY, async () => {
      const { seconds, ...times } = await besides(
        ciphers.at(-1)!,
        (onStart) => ncatThroughRelay(pipes, { onStart }),
      );
      results.besides.push(times);
      return seconds;
    });
  }
  if (wormhole) {
    let started = NaN;
    await copy(WORMHOLE, async () => {
      const { seconds, withStart } = await wormhole.copy(from, `${to}/from`);
      started = withStart;
      return seconds;
    });
    results.add(WORMHOLE_STARTED, started);
  }
  for (const cipher of ciphers) {
    results.addRun(cipher, await transfer(cipher, from, many, { path, check }));
  }
}

async function main(): Promise<void> {
  const options = parseOptions();
  const { kind, many, mib, path, rounds } = options;
  const hasNcat = await works("ncat", "--version");
  if (!hasNcat) {
    console.log("**SKIPPED: there is no `ncat` here** (Debian: apt-get install ncat)\n");
  }
  // It turns a folder into an archive, and knows nothing of the path.
  const isFair = kind !== "many" && !path;
  await using wormhole = isFair ? await Wormhole.start() : undefined;
  if (isFair && !wormhole) {
    console.log(
      `**SKIPPED: magic-wormhole is not here with both its servers** (${WORMHOLE_INSTALL})\n`,
    );
  }
  const { hardwareConcurrency } = navigator;
  console.log(`${hardwareConcurrency} cores, Deno ${Deno.version.deno}; rounds: ${rounds}\n`);

  const folder = await Deno.makeTempDir();
  try {
    const files = await makeFiles(folder, options);
    await timed("sync");
    const results = new Results();
    for (let i = 0; i < rounds; i++) {
      await round(results, files, options, { ncat: hasNcat, wormhole });
    }
    console.log(`${kind === "many" ? `${many} files` : `${mib} MiB`}: all hashes are equal.\n`);
    if (path) {
      const { roundTrip, rate, ...targets } = PATH_TARGET;
      const isTarget = path.roundTrip === roundTrip && path.rate === rate;
      results.reportPath(mib, isTarget ? targets.speed : undefined);
      results.reportChat("chat at the receiver, ms", isTarget ? targets.chat : undefined);
    } else {
      const bytes = Array.from({ length: many }, (_, i) => tinySize(i)).reduce((sum, n) => sum + n);
      const isMany = kind === "many";
      results.reportSpeed(isMany ? bytes / MIB : mib, RELAY_TARGETS[isMany ? "many" : "large"]);
      results.reportChat("chat of two others, ms", CHAT_TARGET);
    }
    results.reportCosts();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
