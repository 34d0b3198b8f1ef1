// The cost of --state: a server that keeps its room, and one that has it in memory only, in turns. Then how long a start
// takes with a full log of small messages, and how long the next segment, with its snapshot, holds up the room.
//
//   deno run --allow-all bench/state.ts [--rounds N] [--seconds S] [--folder DIR]
//
// DIR is where the rooms are kept, by default the system's folder for temporary files. It must be on a disk. A sealed room
// has the same figures: the server does not encrypt, and its chain is in no file but the snapshots.

import { statfsSync } from "node:fs";
import { cpuUsage } from "node:process";
import { parseArgs } from "@std/cli/parse-args";
import { openStateFiles } from "../cli/state_files.ts";
import { encodeFrame, HEADER_SIZE, Type } from "../protocol.ts";
import { drawToken } from "../protocol/resume.ts";
import { Hub } from "../server/hub.ts";
import { Journal, RING_FILES } from "../server/journal.ts";
import { DEFAULT_KEEP } from "../server/limits.ts";
import { startTimer } from "../server/timers.ts";
import {
  build,
  chat,
  type Contestant,
  describe,
  digits,
  type Load,
  median,
  type Run,
  run,
  SIZE,
  table,
} from "./load.ts";

/** What `statfs` reports of a file system in memory. */
const TMPFS = 0x01021994;

const LOADS: readonly Load[] = [
  { members: 2, senders: 2, pace: { inFlight: 1 } },
  { members: 20, senders: 20, pace: { inFlight: 1 } },
  { members: 20, senders: 20, pace: { inFlight: 16 } },
  { members: 1000, pace: { inFlight: 1 } },
  { members: 1000, pace: { inFlight: 16 } },
  { members: 20, senders: 20, pace: { rate: 200 } },
  { members: 1000, pace: { rate: 200 } },
];

const args = parseArgs(Deno.args, { string: ["rounds", "seconds", "folder"] });
const rounds = Number(args["rounds"] ?? "5");
const seconds = Number(args["seconds"] ?? "1");
const folder = Deno.makeTempDirSync({
  ...(args["folder"] ? { dir: String(args["folder"]) } : {}),
  prefix: "chat-bench-",
});
if (statfsSync(folder).type === TMPFS) {
  throw new Error(`Cannot measure in ${folder}: it is in memory. Use --folder`);
}

let states = 0;
function newFolder(): string {
  return `${folder}/state-${states++}`;
}

/** A server with a new folder. */
function kept(): Contestant {
  return { ...chat, args: [...chat.args, "--state", newFolder()] };
}

/** CPU time of this process so far, in ms: unlike time, it leaves out what other programs of the machine take. */
function cpuTime(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

// ---- starts, and segments ----

/** Rooms with a full log of messages of `SIZE` bytes. */
const ROOMS = [20, 5000];
/** Bytes of a sealed profile, and of the key of a session. */
const [PROFILE, KEY] = [256, 64];
/** Messages in one turn. */
const TURN = 100;

/** One run of a server, without sockets. */
async function openRoom(path: string) {
  const files = openStateFiles(path, RING_FILES, undefined);
  const begin = cpuTime();
  const common = { clock: Date.now, after: startTimer };
  const journal = await Journal.open({
    ...{ ...common, files, keep: DEFAULT_KEEP, keepForMs: Infinity, newLog: false, boot: "1" },
  });
  const record = journal.record.bind(journal);
  const { fold } = journal.recovery;
  const name = drawToken();
  const hub = new Hub({ ...common, name, isChained: true, logSize: DEFAULT_KEEP, fold, record });
  journal.begin(hub.fold, {
    trim: (position) => hub.trim(position),
    failed: (message) => {
      throw new Error(message);
    },
    works: () => {},
  });
  if (fold) hub.goOn();
  const took = cpuTime() - begin;
  const close = async () => {
    await journal.stop();
    for (const file of files) file.close();
  };
  return { journal, hub, took, close };
}

/** Fills a room; returns how long each flush has held it up, in ms, and the CPU time of the next start. */
async function fill(
  members: number,
): Promise<{ flushes: number[]; segments: number; start: number; entries: number }> {
  const path = newFolder();
  Deno.mkdirSync(path, { mode: 0o700 });
  const flushes: number[] = [];
  {
    const { journal, hub, close } = await openRoom(path);
    const outlet = { wake: () => {}, cut: () => {}, drop: () => {} };
    const all = Array.from({ length: members }, (_, i) => {
      const network = `192.0.2.${i % 250}`;
      const { member } = hub.join(new Uint8Array(PROFILE), outlet, { network });
      hub.addSession(member, { token: drawToken(), key: new Uint8Array(KEY) });
      while (member.take());
      hub.have(member, 0);
      return member;
    });
    journal.flush();
    const bytes = encodeFrame(Type.MESSAGE, 0, new Uint8Array(SIZE));
    const frame = { type: Type.MESSAGE, id: 0, body: bytes.subarray(HEADER_SIZE), bytes };
    for (let said = 0; journal.status.size < DEFAULT_KEEP;) {
      for (let i = 0; i < TURN; i++) hub.say(all[said++ % members]!, frame);
      const begin = performance.now();
      journal.flush();
      flushes.push(performance.now() - begin);
      // They have taken everything: nobody is too slow.
      for (const member of all) member.rewind(hub.log.end, 0);
    }
    await close();
  }
  const segments = Deno.readDirSync(path).filter(({ name }) =>
    Deno.statSync(`${path}/${name}`).size > 0
  );
  const count = segments.toArray().length;
  const { journal, took, close } = await openRoom(path);
  await close();
  Deno.removeSync(path, { recursive: true });
  return { flushes, segments: count, start: took, entries: journal.recovery.entries };
}

try {
  const crowd = await build(folder, "crowd");
  const runs = new Map<Load, { memory: Run; state: Run }[]>(LOADS.map((load) => [load, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [load, results] of runs) {
      const measure = (who: Contestant) => run(crowd, who, load, seconds);
      // Each of them is the first one in half of the rounds.
      let memory = round % 2 === 0 ? await measure(chat) : undefined;
      const state = await measure(kept());
      memory ??= await measure(chat);
      results.push({ memory, state });
      console.error(
        `${round + 1}/${rounds} ${load.members} members, ${describe(load.pace)}: ${
          digits(state.perSecond / memory.perSecond)
        }`,
      );
      Deno.removeSync(`${folder}/state-${states - 1}`, { recursive: true });
    }
  }
  const rows = LOADS.map((load) => {
    const results = runs.get(load)!;
    const ratio = (figure: "perSecond" | "p50" | "p99" | "micros") =>
      digits(median(results.map(({ memory, state }) => state[figure] / memory[figure])));
    const of = (which: "memory" | "state", figure: "p50" | "p99") =>
      digits(median(results.map((result) => result[which][figure])));
    const isComplete = results.every(({ memory, state }) => memory.complete && state.complete);
    return [
      `${load.members}`,
      describe(load.pace),
      ratio("perSecond"),
      ratio("micros"),
      ratio("p50"),
      ratio("p99"),
      ...(["memory", "state"] as const).flatMap((which) => [of(which, "p50"), of(which, "p99")]),
      isComplete ? "yes" : "NO",
    ];
  });
  console.log(
    table(
      `With --state to without, medians of ${rounds} rounds:`,
      [
        ...["members", "load", "deliveries/s", "CPU a delivery", "p50", "p99"],
        ...["p50 ms, memory", "p99", "p50 ms, --state", "p99", "complete"],
      ],
      rows,
    ).join("\n\n"),
  );
  const fills = [];
  for (const members of ROOMS) {
    const { flushes, segments: count, start, entries } = await fill(members);
    flushes.sort((a, b) => a - b);
    // The first segment has begun before.
    const segments = flushes.slice(1 - count);
    fills.push([
      ...[members.toLocaleString("en"), entries.toLocaleString("en"), digits(start / 1000)],
      ...[segments[0]!, median(segments), segments.at(-1)!, median(flushes)].map(digits),
    ]);
  }
  console.log(
    table(
      `\nA log of 64 MiB with messages of ${SIZE} bytes. A start, in CPU time; and the pauses in which a segment begins:`,
      [
        ...["members", "entries", "start in s", "shortest pause, ms", "median", "longest"],
        `any other flush, of ${TURN} messages`,
      ],
      fills,
    ).join("\n\n"),
  );
} finally {
  Deno.removeSync(folder, { recursive: true });
}
