// The cost of a room, compared with the minimum on this machine and with servers that write each message to each
// member. All are measured in turns in one run, in less than five minutes. Writes its tables into bench/README.md
// and the plot bench/members.svg.
//
//   deno task bench [--rounds N] [--seconds S] [--members N,N...] [--print]
//
// ROUNDS is the number of runs from which the median is taken. --print changes no file. After `TIME_MS` no second
// round begins. The load comes from crowd.c, which needs Linux and a C compiler, `cc`. Without these, only start-up,
// sealed rooms and the screen are measured.

import { parseArgs } from "@std/cli/parse-args";
import {
  build,
  chat as ours,
  type Contestant,
  describe,
  digits,
  type Figure,
  hex,
  type Load,
  median,
  outputOf,
  RATE_FACTOR,
  type Run,
  run,
  SENDERS,
  SIZE,
  table,
  thousands,
} from "./load.ts";
import { type Line, plot } from "./plot.ts";

const MEMBERS = [10, 100, 1000, 5000, 10_000];
const IN_FLIGHT = [1, 16];
const RATES: readonly Load[] = [
  { members: 100, pace: { rate: 100 } },
  { members: 1000, pace: { rate: 500 } },
];
/** After this no second round begins, so that start-up, sealed rooms and the screen get their time, too. */
const TIME_MS = 245_000;
const readme = new URL("README.md", import.meta.url);
const [BEGIN, END] = ["<!-- written by deno task bench: from here -->", "<!-- to here -->"];
const begun = performance.now();
/** Measurements that were skipped, with reasons. They are in the report, too. */
const skipped: string[] = [];

function skip(what: string): void {
  skipped.push(what);
  console.error(`SKIPPED: ${what}`);
}

// ---- servers ----

const plainDeno: Contestant = {
  name: "plain, Deno",
  path: Deno.execPath(),
  args: ["run", "--quiet", "--frozen", "--allow-net", "bench/plain_server.ts"],
  wire: [],
};
const plainPython: Contestant = {
  name: "plain, Python",
  path: "python3",
  args: ["bench/plain_server.py"],
  wire: [],
};

const text = new TextEncoder();
const redis: Contestant = {
  name: "redis pub/sub",
  path: "redis-server",
  args: ["--save", "", "--maxclients", "20000"],
  // In RESP3, a connection that has subscribed may also publish.
  wire: [
    ...["-H", hex(text.encode("HELLO 3\r\nSUBSCRIBE r\r\n"))],
    ...["-x", hex(text.encode(`*3\r\n$7\r\nPUBLISH\r\n$1\r\nr\r\n$${SIZE}\r\n`))],
    ...["-l", hex(text.encode(`>3\r\n$7\r\nmessage\r\n$1\r\nr\r\n$${SIZE}\r\n`))],
  ],
  ready: "Ready to accept connections",
};

// ---- runs ----

class Results {
  readonly #runs = new Map<string, Run[]>();

  static #key({ members, pace }: Load, { name }: Contestant): string {
    return `${name} ${members} ${describe(pace)}`;
  }

  add(load: Load, who: Contestant, run: Run): void {
    const key = Results.#key(load, who);
    this.#runs.set(key, [...this.of(load, who), run]);
  }

  of(load: Load, who: Contestant): readonly Run[] {
    return this.#runs.get(Results.#key(load, who)) ?? [];
  }

  /** The median; NaN if there is no run. */
  median(load: Load, who: Contestant, figure: Figure): number {
    return median(this.of(load, who).map((run) => run[figure]));
  }
}

/** Only close comparisons are repeated. A plain server takes seconds for what others do at once. */
function takesPart(who: Contestant, { members, pace }: Load, round: number): boolean {
  if (who === plainDeno || who === plainPython) {
    return round === 0 && !("inFlight" in pace && pace.inFlight * members > 16_000) &&
      members <= 5000;
  }
  return who !== redis || round === 0;
}

async function measure(
  crowd: string,
  contestants: readonly Contestant[],
  loads: readonly Load[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Results> {
  const results = new Results();
  const failed = new Set<string>();
  // By rounds, not by loads: at the time limit, all loads have the same number of rounds, or one less.
  for (let round = 0; round < rounds; round++) {
    for (const load of loads) {
      if (round > 0 && performance.now() - begun > TIME_MS) {
        skip(`round ${round + 1} of ${rounds} from ${load.members} members on: the time is over`);
        return results;
      }
      for (const who of contestants) {
        const what = `${who.name}, ${load.members} members, ${describe(load.pace)}`;
        if (!takesPart(who, load, round) || failed.has(what)) continue;
        try {
          const result = await run(crowd, who, load, seconds);
          results.add(load, who, result);
          console.error(
            `${round + 1}/${rounds} ${what}: ${thousands(result.perSecond)} deliveries a second, ` +
              `p99 ${digits(result.p99)} ms${result.complete ? "" : ", NOT COMPLETE"}`,
          );
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          failed.add(what);
          skip(`${what}: ${error.message}`);
        }
      }
    }
  }
  return results;
}

// ---- report ----

async function machine(): Promise<string> {
  const cpu = (await Deno.readTextFile("/proc/cpuinfo").catch(() => ""))
    .match(/^model name\s*: (.+)$/m)?.[1] ?? Deno.build.arch;
  return [
    new Date().toISOString().slice(0, 10),
    `${navigator.hardwareConcurrency} cores of ${cpu}`,
    `${Deno.build.os} ${Deno.osRelease()}`,
    `Deno ${Deno.version.deno}`,
    await outputOf("python3", "--version") ?? "no Python",
    (await outputOf("redis-server", "--version"))?.replace(/ sha=.*/, "") ?? "no redis",
    (await outputOf("cc", "--version"))?.split("\n")[0] ?? "no C compiler",
  ].join("; ");
}

function ratios(results: Results, loads: readonly Load[], ceiling: Contestant): string[] {
  const ratio = (load: Load, other: Contestant, figure: Figure) =>
    digits(results.median(load, ours, figure) / results.median(load, other, figure));
  return [
    ...table(
      "Ratio of `chat` to the others in deliveries a second; higher is better.",
      ["members", "load", "to the ceiling", "to redis", "to plain Deno", "to plain Python"],
      loads.filter(({ pace }) => "inFlight" in pace).map((load) => [
        thousands(load.members),
        describe(load.pace),
        ...[ceiling, redis, plainDeno, plainPython].map((other) => ratio(load, other, "perSecond")),
      ]),
    ),
    ...table(
      "Ratio of `chat` to the others in latency at a fixed rate; lower is better.",
      ["members", "load", "p50 to the ceiling", "p99 to the ceiling", "p99 to plain Deno"],
      loads.filter(({ pace }) => "rate" in pace).map((load) => [
        thousands(load.members),
        describe(load.pace),
        ratio(load, ceiling, "p50"),
        ratio(load, ceiling, "p99"),
        ratio(load, plainDeno, "p99"),
      ]),
    ),
  ];
}

function figures(
  results: Results,
  loads: readonly Load[],
  contestants: readonly Contestant[],
): string[] {
  const rows = loads.flatMap((load) =>
    contestants.flatMap((who) => {
      const runs = results.of(load, who);
      if (runs.length === 0) return [];
      const of = (figure: Figure) => results.median(load, who, figure);
      return [[
        thousands(load.members),
        describe(load.pace),
        who.name,
        thousands(of("perSecond")),
        ...(["p50", "p95", "p99"] as const).map((figure) => digits(of(figure))),
        digits(of("micros")),
        `${Math.round(100 * of("cpu"))} %`,
        `${runs.filter(({ complete }) => complete).length} of ${runs.length}`,
      ]];
    })
  );
  const head = ["members", "load", "server", "deliveries/s", "p50 ms", "p95 ms", "p99 ms"];
  return table("All results:", [...head, "µs a delivery", "CPU", "complete"], rows);
}

/** From the runs with one message in flight: all members had joined and were silent before it. */
function crowding(
  results: Results,
  loads: readonly Load[],
  contestants: readonly Contestant[],
): string[] {
  const rows = loads
    .filter(({ members, pace }) => members >= 1000 && "inFlight" in pace && pace.inFlight === 1)
    .flatMap((load) =>
      contestants.filter((who) => results.of(load, who).length > 0).map((who) => {
        const runs = results.of(load, who);
        return [
          thousands(load.members),
          who.name,
          digits(median(runs.map((run) => (run.kbIdle - run.kbEmpty) / load.members))),
          thousands(median(runs.map(({ coming }) => load.members / coming))),
        ];
      })
    );
  return table(
    "Many idle members, and how fast they joined:",
    ["members", "server", "kB a connection", "joins a second"],
    rows,
  );
}

function lines(results: Results, loads: readonly Load[], ceiling: Contestant): Line[] {
  const curves: [Contestant, number, Line["colors"]][] = [
    [plainPython, 1, ["#9a6700", "#d29922"]],
    [plainDeno, 1, ["#cf222e", "#ff7b72"]],
    [redis, 1, ["#8250df", "#bc8cff"]],
    [ours, 1, ["#0969da", "#58a6ff"]],
    [ceiling, 1, ["#1a7f37", "#3fb950"]],
    [ours, 16, ["#0969da", "#58a6ff"]],
    [ceiling, 16, ["#1a7f37", "#3fb950"]],
  ];
  return curves.map(([who, inFlight, colors]) => ({
    label: `${who.name}, ${inFlight} in flight`,
    colors,
    dashed: inFlight > 1,
    points: loads.flatMap((load) => {
      const micros = results.median(load, who, "micros");
      const fits = "inFlight" in load.pace && load.pace.inFlight === inFlight;
      return fits && micros > 0 ? [[load.members, micros] as const] : [];
    }),
  }));
}

/** The output of another benchmark. */
async function other(name: string): Promise<string> {
  const output = await outputOf(
    Deno.execPath(),
    "run",
    "--quiet",
    "--frozen",
    "-A",
    `bench/${name}.ts`,
  );
  if (output === undefined) skip(`bench/${name}.ts: it failed`);
  return output === undefined ? "" : `\`bench/${name}.ts\`:\n\n\`\`\`text\n${output}\n\`\`\``;
}

async function write(report: string, svg: string): Promise<void> {
  const text = await Deno.readTextFile(readme);
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error("bench/README.md has lost its two markers");
  const head = text.slice(0, begin + BEGIN.length);
  await Deno.writeTextFile(readme, `${head}\n\n${report}\n\n${text.slice(end)}`);
  await Deno.writeTextFile(new URL("members.svg", import.meta.url), svg);
  // The gate checks the format of tables and of the plot.
  const files = ["bench/README.md", "bench/members.svg"];
  if (await outputOf(Deno.execPath(), "fmt", "--quiet", ...files) === undefined) {
    throw new Error(`Cannot format ${files.join(" and ")}: deno fmt failed`);
  }
}

/** The loads for which this machine allows enough open files: each process needs one for each member. */
async function possible(loads: readonly Load[]): Promise<Load[]> {
  const output = await outputOf("sh", "-c", "ulimit -Hn");
  const limit = output === "unlimited" ? Infinity : Number(output ?? 0) - 100;
  for (const members of new Set(loads.map(({ members }) => members))) {
    if (members > limit) skip(`${members} members: only ${output} files may be open (ulimit -Hn)`);
  }
  return loads.filter(({ members }) => members <= limit);
}

function numberOf(value: unknown, name: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new TypeError(`Cannot take --${name} ${value}: it should be a number`);
  return number;
}

async function main(): Promise<void> {
  const args = parseArgs(Deno.args, {
    string: ["rounds", "seconds", "members"],
    boolean: ["print"],
    unknown: (arg) => {
      throw new TypeError(`Cannot use ${arg}: see the head of bench/all.ts`);
    },
  });
  const rounds = numberOf(args["rounds"] ?? 2, "rounds");
  const seconds = numberOf(args["seconds"] ?? 1, "seconds");
  const sizes = String(args["members"] ?? MEMBERS).split(",").map((size) =>
    numberOf(size, "members")
  );

  const sections: string[] = [];
  let svg: string | undefined;
  if (Deno.build.os !== "linux" || await outputOf("cc", "--version") === undefined) {
    skip("everything under load: bench/crowd.c needs Linux and a C compiler, cc");
  } else {
    const folder = await Deno.makeTempDir({ prefix: "chat-bench-" });
    try {
      const crowd = await build(folder, "crowd");
      const path = await build(folder, "ceiling");
      const ceiling: Contestant = { name: "ceiling, C", path, args: [], wire: [] };
      const contestants = [ours, ceiling, plainDeno];
      if (await outputOf("python3", "--version")) contestants.push(plainPython);
      else skip("the plain server in Python: there is no python3");
      if (await outputOf("redis-server", "--version")) contestants.push(redis);
      else skip("redis pub/sub: there is no redis-server");
      const loads = await possible([
        ...sizes.flatMap((members) =>
          IN_FLIGHT.map((inFlight) => ({ members, pace: { inFlight } }))
            // With this many members, only joins and complete delivery are measured.
            .filter(({ pace }) => members <= 5000 || pace.inFlight === 1)
        ),
        ...RATES.filter(({ members }) => sizes.includes(members)),
      ]);
      const results = await measure(crowd, contestants, loads, { rounds, seconds });
      const curves = lines(results, loads, ceiling);
      if (curves.some(({ points }) => points.length > 0)) {
        svg = plot(curves, {
          title: "What a delivery costs the server",
          x: "members",
          y: "CPU time a delivery, µs",
          xTicks: sizes.toSorted((a, b) => a - b),
        });
      }
      sections.push(
        `${SENDERS} senders, ${SIZE} bytes per message. Medians of ${rounds} runs of ${seconds} s, or of ` +
          `${
            digits(RATE_FACTOR * seconds)
          } s at a fixed rate; redis and the plain servers have one run.`,
        ...ratios(results, loads, ceiling),
        ...figures(results, loads, contestants),
        ...crowding(results, loads, contestants),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  for (const name of ["startup", "sealed", "screen"]) sections.push(await other(name));
  const notes = skipped.map((what) => `- Skipped: ${what}`).join("\n");
  const report = [await machine(), ...sections, notes].filter((part) => part !== "").join("\n\n");
  console.log(report);
  if (args["print"]) return;
  // Half a table must not replace a complete one.
  if (svg === undefined) console.error("bench/README.md is unchanged: no load was run");
  else await write(report, svg);
}

await main();
console.error(`${Math.round((performance.now() - begun) / 1000)} s in all`);
